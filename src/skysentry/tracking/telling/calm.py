"""Tracks in order: what the kernels answer for them, so that Python is asked of the others only.

Most tracks that people see are confirmed, seen at every look, claim nothing and are told once a second. `Table.calm`
has a row of numbers for each of these from one event to the next; whatever makes a track anything else sets it to
zeros, and then Python reads its `Life`, which holds all of it too. A restored tracker begins with zeros and tells the
same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.events import TrackStatus
from skysentry.tracking.evidence.ledger import KINDS, round_notes
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.telling.show import is_off
from skysentry.tracking.tracks.life import COAST_S, GONE, LOST_M
from skysentry.tracking.tracks.table import C_NEWS, C_SEEN, C_SINGLE, C_TOLD, FRESH, Life

SECOND_NS = 1_000_000_000
# What was seen within this neither coasts nor has ended.
COAST_NS = round(COAST_S * SECOND_NS)


def in_order(life: Life) -> bool:
    """Return whether a track that was told just now is confirmed, and nothing about it is out of the ordinary."""
    return (
        life.status is TrackStatus.CONFIRMED
        and life.identity is None
        and life.affiliation is None
        and not (life.claim_ns or life.claimed or life.doubt or life.quarantined or life.twin_s)
        and life.custody is None
    )


@kernel
def _asked(calm: Indices, i: int, now_ns: int) -> bool:
    """Return whether Python is asked of track i; it is from now on, where it has not been seen lately."""
    if now_ns - calm[i, C_SEEN] > COAST_NS:
        calm[i, C_TOLD] = 0
    return bool(calm[i, C_TOLD] == 0)


@kernel
def due_at_second(
    calm: Indices, r: Array, which: Indices, ahead: Array, now_ns: int, due: Indices, asked: Indices
) -> tuple[int, int]:
    """Write which of the tracks `which` are told at a whole second, and which Python is asked of; return how many.

    `ahead` (n, 2) is as `life.foresee` has it.
    """
    count, some = 0, 0
    for i in which:
        if r[i] < GONE or ahead[i, 0] > LOST_M:
            calm[i, C_TOLD] = 0
        if _asked(calm, i, now_ns):
            asked[some] = i
            some += 1
        elif calm[i, C_NEWS] != 0 or now_ns - calm[i, C_TOLD] >= SECOND_NS:
            calm[i, C_TOLD], calm[i, C_NEWS] = now_ns, 0
            due[count] = i
            count += 1
    return count, some


@kernel
def due_between(
    calm: Indices, tracks: int, lines: Array, told: Array, now_ns: int, now_s: float, lone: bool, due: Indices,
    asked: Indices,
) -> tuple[int, int]:  # fmt: skip
    """Write which of the tracks in order that were seen since the last instant are told, and which Python is asked of.

    As above; returns how many. `lone`: there is one sensor, and all it sees is told.
    """
    count, some = 0, 0
    for i in range(tracks):
        if calm[i, C_NEWS] != FRESH:
            continue
        calm[i, C_NEWS] = 1
        if calm[i, C_TOLD] == 0:
            continue
        if _asked(calm, i, now_ns):
            asked[some] = i
            some += 1
            continue
        late = now_ns - calm[i, C_TOLD] >= SECOND_NS
        if late or lone or calm[i, C_SINGLE] == 1 or is_off(lines[i], told[i], now_s):
            calm[i, C_TOLD], calm[i, C_NEWS] = now_ns, 0
            due[count] = i
            count += 1
    return count, some


@kernel
def resaid(
    notes: Array, calm: Indices, which: Indices, said: NDArray[np.int16], changed: Indices, new: NDArray[np.int16]
) -> int:
    """Round the sums of the tracks in order among `which` into `said` (n, 2 KINDS); return how many are others now.

    Their rows are written into `changed` (k,); `new` (1, 2 KINDS) is room.
    """
    count = 0
    for k in range(which.shape[0]):
        i = which[k]
        if calm[i, C_TOLD] == 0:
            continue
        round_notes(notes, which[k : k + 1], new)
        other = False
        for c in range(2 * KINDS):
            other = other or new[0, c] != said[i, c]
        if other:
            for c in range(2 * KINDS):
                said[i, c] = new[0, c]
            changed[count] = i
            count += 1
    return count
