"""A look that says only "heard" or "not heard": of any track in reach, or of something new."""

from __future__ import annotations

import numpy as np

from skysentry.events import Scan
from skysentry.tracking.births.founding import LEAST_FREE
from skysentry.tracking.births.seeds import Hit
from skysentry.tracking.evidence.groups import count_heard
from skysentry.tracking.evidence.ledger import book_heard, column
from skysentry.tracking.filter.correct import HIT
from skysentry.tracking.heard.presence import correct_presence
from skysentry.tracking.hits import note_hit, refresh
from skysentry.tracking.intake.batch import Listener, Packed
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import Array
from skysentry.tracking.sky import Sky

NO_BEARINGS: Array = np.zeros((0, 3))
NOBODY = np.zeros(0, np.int64)


def _weigh(sky: Sky, own: Listener, look: Array, since_s: float, share: Array, hit: bool) -> float:
    """Correct tracks with "heard" or "not heard", book what it says; return the chance that nothing explains it."""
    table, n = sky.table, sky.table.n
    before = table.r[:n].copy()
    clouds = sky.clouds
    quiet = correct_presence(
        table.x, table.P, table.w, table.t, table.r, n, look, hit, share,
        table.cloud, clouds.particles, clouds.weights, clouds.memories, clouds.heard, table.notes,
    )  # fmt: skip
    table.outline()
    if sky.thin is not None:
        quiet = sky.thin.listen(table, own, look, quiet, hit, share)
    count_heard(table.lines, table.r, table.notes, n, look, hit, since_s)
    book_heard(table.notes, column(own.kind, own.reports), before, table.r, share, hit)
    sky.hearing.note(own, look, since_s, table, NOBODY, share, False)
    return quiet


def heard(sky: Sky, scan: Scan, own: Listener, packed: Packed, look: Array, since_s: float) -> None:
    """Take "something is there": of whom, if it says so; else of any track in reach, or of something new."""
    named = [found for found in packed.presences if found.identity is not None]
    for found in named:
        refresh(sky, found, scan, own)
    if named or own.reports or not own.placed:
        return
    detection, table = min(packed.presences, key=lambda found: found.id), sky.table
    share = np.zeros(table.n)
    quiet = _weigh(sky, own, look, since_s, share, True)
    for i in np.flatnonzero(share > HIT):
        note_hit(sky, int(i), detection, float(share[i]), scan, own)
    hit = Hit(float(look[m.L_TIME]), own.id, 0.0, -1.0, detection.id)
    if sky.thin is not None:
        sky.thin.heard(hit)
    if sky.births is not None:
        heard_by = [hit] if quiet > LEAST_FREE else []
        sky.births.heed(own, look, since_s, NO_BEARINGS, min(quiet, 1.0 - 1e-6), heard_by)


def silent(sky: Sky, own: Listener, look: Array, since_s: float) -> None:
    """Take "nothing is heard": of all tracks in reach, and of the grid."""
    _weigh(sky, own, look, since_s, np.zeros(sky.table.n), False)
    if sky.births is not None:
        sky.births.heed(own, look, since_s, NO_BEARINGS, 1.0, [])
