"""New tracks from measurements that hold a place: which are worth one, how many a sensor may found, their first rows.

Two bounds keep a flood out. A sensor founds at most so many tracks in a second, fewer where it reports what others
claim; and tracks that only claims support have room of their own, so that no number of false identities takes room or
budget from what radars, cameras and microphones see.
"""

from __future__ import annotations

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.models.first_state import found
from skysentry.tracking.models.measure import AZ_EL, BEARING, CENTRE, L_TIME, NEW_SHARE, TDOA
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.models.outline import outline
from skysentry.tracking.tracks.table import MOST_CLAIMED, MOST_OBSERVED, Table, clear

# New tracks that one sensor may found in a second: a salvo in one radar, a thousand drones within five seconds of
# switching on a receiver; not a flood of false identities. Claims: twice as many as new names are let in
# (`quarantine`), so that a flood of these leaves room for names that are known.
FOUNDED_PER_S = 200
CLAIMED_PER_S = 400
# A birth with less chance than this of being true is left to the next look; a measurement mostly explained founds none.
LEAST_BIRTH = 1e-4
LEAST_FREE = 0.3
# Squared distance on the ground within which a seed of the grid is a track that lives already. A wide track (a cloud
# over two objects) must not keep the second one out, for the grid has taken off what tracks explain: with 9, *presence*
# is 60 m worse (1,824 against 1,764 m, seeds 106 to 115).
HELD = 2.0


class Budget:
    """Counts what each sensor has founded in the second that runs. `spent` maps it to (second, count)."""

    def __init__(self, spent: dict[str, tuple[int, int]] | None = None) -> None:
        self.spent = spent if spent is not None else {}

    def room(self, own: Listener, second: int, table: Table) -> int:
        """Return how many tracks this sensor may found now."""
        last, count = self.spent.get(own.id, (second, 0))
        if last != second:
            count = 0
        if own.reports:
            room, limit = MOST_CLAIMED - table.claimed, CLAIMED_PER_S
        else:
            room, limit = MOST_OBSERVED - (table.n - table.claimed), FOUNDED_PER_S
        return max(min(limit - count, room, MOST_CLAIMED + MOST_OBSERVED - table.n), 0)

    def spend(self, own: Listener, second: int, granted: int) -> None:
        """Count what this sensor has founded."""
        last, count = self.spent.get(own.id, (second, 0))
        self.spent[own.id] = (second, granted + (count if last == second else 0))


def held(table: Table, now_s: float, place: Array, cov: Array) -> bool:
    """Return whether a track that lives could be what the grid has found, with state (6,) and covariance (6, 6)."""
    n = table.n
    if not n:
        return False
    lead = (now_s - table.t[:n])[:, None]
    mean = np.einsum("nm,nma->na", table.w[:n], table.x[:n])
    off = mean[:, :2] + lead * mean[:, 3:5] - place[:2]
    both = np.einsum("nm,nmab->nab", table.w[:n], table.P[:n, :, :2, :2]) + cov[:2, :2]
    near = np.einsum("na,na->n", off, np.linalg.solve(both, off[:, :, None])[:, :, 0])
    return bool((near < HELD).any())


@kernel
def found_all(
    codes: Indices, rows: Array, free: Array, which: Indices, most: int, look: Array, prior_alt_m: float, first: int,
    x: Array, P: Array, w: Array, t: Array, r: Array, lines: Array, own: Indices, evidence: Array, told: Array,
    notes: Array, masks: Array, cloud: Indices, forks: Indices, alone: Indices, calm: Indices, key: Indices, keys: int,
    until_ns: int, room: Array,
) -> int:  # fmt: skip
    """Write the measurements that are worth a track into `which` (m,), in their order; return how many.

    The first `most` of them found tracks in the rows from `first` on: all columns of `Table`. The keys of a look's
    tracks begin at `keys`; as single looks they are kept until `until_ns`. `room` (4, 3, 3) is written over.
    """
    count = 0
    for j in range(codes.shape[0]):
        if free[j] <= LEAST_FREE or free[j] * rows[j, NEW_SHARE] < LEAST_BIRTH:
            continue
        if codes[j] // 8 in (BEARING, AZ_EL, TDOA):
            continue
        which[count] = j
        if count < most:
            i = first + count
            found(codes[j], rows[j], look, prior_alt_m, x[i], P[i], w[i], room)
            t[i], r[i] = look[L_TIME], free[j] * rows[j, NEW_SHARE]
            outline(x[i], P[i], w[i], t[i], lines[i])
            key[i] = keys + j
        count += 1
    last = first + min(count, most)
    clear(own, evidence, told, notes, masks, cloud, forks, alone, calm, first, last)
    alone[first:last] = until_ns
    return count


@kernel
def leave(
    codes: Indices, rows: Array, west: float, east: float, south: float, north: float, free: Array
) -> None:  # fmt: skip
    """Count the measurements with a place outside of a box as explained (`free` 0), in place."""
    for j in range(codes.shape[0]):
        if codes[j] // 8 in (BEARING, AZ_EL, TDOA):
            continue
        e, n = rows[j, CENTRE], rows[j, CENTRE + 1]
        if not (west <= e < east and south <= n < north):
            free[j] = 0.0
