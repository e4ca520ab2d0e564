"""The phase table: every pair is defined or refused, and nothing leads on from the end."""

from __future__ import annotations

import itertools
from pathlib import Path

from skysentry.alerting.phases import TABLE, Trigger, move
from skysentry.events import Phase

# Written from the brief description of ISA-18.2 in docs/alerts.md, apart from the table of the code.
A, K, S, C, END = Phase.ACTIVE, Phase.ACKNOWLEDGED, Phase.SHELVED, Phase.CLEARED, Phase.ALL_CLEAR
EXPECTED: dict[Trigger, dict[Phase, Phase]] = {
    Trigger.ACKNOWLEDGE: {A: K, K: K, S: K, C: C},
    Trigger.SHELVE: {A: S, K: S, S: S},
    Trigger.UNSHELVE: {S: A},
    Trigger.EXPIRE: {S: A},
    Trigger.PROMOTE: {A: A, K: A, S: A},
    Trigger.GONE: {A: C, K: C, S: C},
    Trigger.RETURN: {C: A},
    Trigger.HOLD: {C: END},
    Trigger.CANCEL: {A: END, K: END, S: END, C: END},
}


def test_every_pair_is_as_written() -> None:
    for phase, trigger in itertools.product(Phase, Trigger):
        assert move(phase, trigger) == EXPECTED[trigger].get(phase), (phase, trigger)


def test_nothing_leads_on_from_the_end() -> None:
    assert not [pair for pair in TABLE if pair[0] is END]


def test_every_phase_can_reach_the_end() -> None:
    ends = {END}
    for _ in Phase:
        ends |= {phase for (phase, _), after in TABLE.items() if after in ends}
    assert ends == set(Phase)


def test_a_shelf_can_only_be_left_for_a_live_phase() -> None:
    after = {trigger: move(S, trigger) for trigger in (Trigger.UNSHELVE, Trigger.EXPIRE, Trigger.PROMOTE)}
    assert set(after.values()) == {A}


def test_the_page_for_users_shows_the_same_table() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
    rows = [line.strip("| ").split("|") for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [[cell.strip(" `") for cell in row] for row in rows]
    start = next(i for i, row in enumerate(cells) if row[0] == "what happens")
    phases = [Phase(name) for name in cells[start][1:]]
    shown = {
        (phase, Trigger(row[0])): Phase(cell)
        for row in cells[start + 2 : start + 2 + len(Trigger)]
        for phase, cell in zip(phases, row[1:], strict=True)
        if cell != "–"
    }
    assert shown == TABLE
