"""What a whole second asks of tracks and Python need not answer, in one call.

A call of a kernel costs 1 to 2 µs, as much as these answers where a site has twenty tracks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel
from skysentry.tracking.evidence.groups import heard_only
from skysentry.tracking.evidence.ledger import KINDS, fade_notes
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.telling.calm import due_at_second, resaid
from skysentry.tracking.tracks.classify import settle_all
from skysentry.tracking.tracks.life import census, foresee, poisoned
from skysentry.tracking.tracks.table import WIDE
from skysentry.tracking.tracks.twins import twins

# Rows of the room that `second` writes rows of tracks into: those that are more than a single look; single looks that
# are forgotten now; tracks that only microphones have counted (`groups.heard_only`); those whose balance of evidence is
# another now (`calm.resaid`); those that are told, and those that Python is asked of (`calm.due_at_second`).
GROWN, OVER, HEARD, CHANGED, DUE, ASKED, ROOMS = range(7)


@array_kernel
def second(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, evidence: Array, notes: Array, cloud: Indices,
    alone: Indices, calm: Indices, said: NDArray[np.int16], tracks: int, now_ns: int, now_s: float, wind: Array,
    bands: Array, airborne: Array, told_m: float, ahead: Array, pairs: Indices, rows: Indices,
) -> tuple[int, int, int, int, int, int, int, int]:  # fmt: skip
    """Let what is known of tracks fade for a second, and find what has to be asked of Python.

    Returns how many tracks have failed (`life.poisoned`): their rows are in the first of `rows`, and nothing else is
    done. Else how many rows were written into each of `rows` [shape=(ROOMS, n)], and into `pairs` (`twins`). `ahead`
    (n, 2) is as `life.foresee` has it, `told_m` as `twins`.
    """
    failed = poisoned(x, P, r, tracks, rows[0])
    if failed > 0:
        return failed, 0, 0, 0, 0, 0, 0, 0
    grown, over = census(alone, r, tracks, now_ns, rows[GROWN], rows[OVER])
    which = rows[GROWN, :grown]
    settle_all(x, P, w, evidence, which, wind, bands, airborne)
    fade_notes(notes, tracks, which, 1.0)
    heard = heard_only(notes, r, tracks, rows[HEARD])
    changed = resaid(notes, calm, which, said, rows[CHANGED], np.empty((1, 2 * KINDS), np.int16))
    foresee(x, P, w, t, which, now_s, ahead)
    narrow, count = np.empty_like(which), 0
    for i in which:
        # A wide track is too vague to be taken for another.
        if cloud[i] > WIDE:
            narrow[count] = i
            count += 1
    same = twins(x, P, w, t, own, narrow[:count], cloud, told_m, pairs)
    for k in range(same):
        calm[pairs[k, 0]], calm[pairs[k, 1]] = 0, 0
    due, asked = due_at_second(calm, r, which, ahead, now_ns, rows[DUE], rows[ASKED])
    return 0, grown, over, heard, changed, due, asked, same
