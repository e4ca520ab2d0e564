"""What a whole second asks of tracks and Python need not answer, in one call.

A call of a kernel costs 1 to 2 µs, as much as these answers where a site has twenty tracks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.tracking.calm import due_at_second, resaid
from skysentry.tracking.classify import settle_all
from skysentry.tracking.groups import KNOWN, heard_only
from skysentry.tracking.ledger import fade_notes
from skysentry.tracking.life import foresee
from skysentry.tracking.motion import Array, Indices
from skysentry.tracking.twins import twins
from skysentry.tracking.wide import WIDE


@kernel
def second(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, evidence: Array, notes: Array, cloud: Indices,
    calm: Indices, said: NDArray[np.int16], tracks: int, which: Indices, new: Indices, now_ns: int, now_s: float,
    wind: Array, bands: Array, airborne: Array, ahead: Array, changed: Indices, told_m: float, pairs: Indices,
    due: Indices, plain: NDArray[np.bool_], asked: Indices,
) -> tuple[Indices, int, int, int, int]:  # fmt: skip
    """Let what is known of the tracks `which` fade for a second, and find what has to be asked of Python.

    `new` are those of them that people are not shown. Returns the tracks that only microphones have counted
    (`groups.heard_only`), and how many rows were written into `changed` (`calm.resaid`), `pairs` (`twins`), `due` and
    `plain`, and `asked` (`calm.due_at_second`); `ahead` (k, 2) is as `life.foresee` has it, `told_m` as `twins`.
    """
    settle_all(x, P, w, evidence, which, wind, bands, airborne)
    fade_notes(notes, tracks, which, 1.0)
    for i in new:
        notes[i, KNOWN] = 0.0
    only = heard_only(notes, r, tracks)
    changes = resaid(notes, calm, which, said, changed)
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
    dues, some = due_at_second(calm, r, which, ahead, now_ns, due, plain, asked)
    return only, changes, same, dues, some
