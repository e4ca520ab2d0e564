"""The grid: batches cut by arrival, silence stepped, long silence skipped, chains of stages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Scan, scan_id
from skysentry.runtime.pipeline import GRID_NS, SKIP_NS, Chain, batches, batches_between, grid_ns
from skysentry.runtime.sources import Inbox, Script


def scan(received_ns: int, sensor: str = "s") -> Scan:
    return Scan(id=scan_id(sensor, received_ns), time_ns=received_ns, received_ns=received_ns, sensor=sensor)


class Counter:
    """A stage that says how many scans it has seen, each time it sees one."""

    def __init__(self) -> None:
        self.seen = 0

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        new = [event for event in events if isinstance(event, Scan) and event.sensor == "s"]
        self.seen += len(new)
        return [scan(now_ns, f"after {self.seen}")] if new else []

    def snapshot(self) -> bytes:
        return str(self.seen).encode()

    def restore(self, state: bytes) -> None:
        self.seen = int(state)


def test_a_batch_holds_what_arrived_in_the_100_ms_up_to_its_instant() -> None:
    events = [scan(1), scan(GRID_NS), scan(GRID_NS + 1), scan(3 * GRID_NS + 1)]
    assert list(batches(events)) == [
        (GRID_NS, events[:2]),
        (2 * GRID_NS, events[2:3]),
        (3 * GRID_NS, []),
        (4 * GRID_NS, events[3:]),
    ]


def test_an_arrival_that_goes_back_is_not_lost() -> None:
    events = [scan(5 * GRID_NS), scan(GRID_NS), scan(6 * GRID_NS)]
    assert list(batches(events)) == [(5 * GRID_NS, events[:2]), (6 * GRID_NS, events[2:])]


def test_a_clock_that_jumps_by_years_is_skipped() -> None:
    year_ns = 31_557_600_000_000_000
    cut = list(batches([scan(GRID_NS), scan(year_ns)]))
    assert len(cut) == SKIP_NS // GRID_NS + 1
    assert cut[-1][0] == grid_ns(year_ns)


@given(st.lists(st.integers(0, 10 * GRID_NS), max_size=30), st.integers(0, 12))
def test_cutting_twice_is_cutting_once(times: list[int], stop: int) -> None:
    """What resuming rests on: batches up to an instant, then batches from it on, are all batches."""
    events = [scan(time) for time in sorted(times)]
    end_ns, stop_ns = 12 * GRID_NS, stop * GRID_NS
    whole = list(batches_between(events, -GRID_NS, end_ns))
    first = list(batches_between([e for e in events if e.received_ns <= stop_ns], -GRID_NS, stop_ns))
    second = list(batches_between([e for e in events if e.received_ns > stop_ns], stop_ns, end_ns))
    assert first + second == whole
    assert [event for _, batch in whole for event in batch] == events


def test_a_chain_hands_on_what_its_stages_make_and_keeps_their_state() -> None:
    chain = Chain(one=Counter(), two=Counter())
    assert [event.id for event in chain.step(GRID_NS, [scan(1), scan(2)])] == ["after 2@100000000"] * 2
    other = Chain(one=Counter(), two=Counter())
    other.restore(chain.snapshot())
    assert other.snapshot() == chain.snapshot()
    for state in (b"", b"rubbish", Chain(one=Counter()).snapshot()):
        with pytest.raises(StateError):
            other.restore(state)


def test_sources_give_what_is_due_and_keep_the_rest() -> None:
    events = [scan(1), scan(150_000_000), scan(250_000_000)]
    inbox, script = Inbox(), Script(events)
    for event in events:
        inbox.put(event)
    for source in (inbox, script):
        assert source.take(GRID_NS) == events[:1]
        assert source.take(GRID_NS) == []
        assert source.take(3 * GRID_NS) == events[1:]
    assert script.ended
