"""Where things fly to, lately: a raid flies the same way, and what one sensor hears first says little of its heading.

The headings of tracks that people are shown and that are known to `KNOWN_RAD` are kept, one a track. What is believed
of a path's heading before it is heard (`paths.likely`) is a mixture of all directions and these:

    p(h) = (1 − k) / 12 + k mean N(h; heading, `ALIKE_RAD`²),     k = n / (n + `DOUBT`), at most `MOST`

With few of them, or headings all around, it is nearly even; and no heading ever becomes impossible.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.events import TrackStatus
from skysentry.tracking.births.field import HEADINGS, STATES
from skysentry.tracking.models.motion import Array
from skysentry.tracking.tracks.table import Table

# A heading known to this counts; slower things have none.
KNOWN_RAD, LEAST_MPS = 0.25, 15.0
# How alike the courses of one raid are: the width of a layer of the grid, and ten degrees of their own.
ALIKE_RAD = math.radians(20.0)
# Even headings count as this many tracks, and for at least this share.
DOUBT, MOST = 3.0, 0.9
# A wave of a raid passes in half an hour.
KEPT_S = 1_800.0
MOST_KEPT = 100


class Courses:
    """Headings of tracks, by the name of their founding: when last known, and clockwise from north."""

    def __init__(self, kept: dict[str, tuple[float, float]] | None = None) -> None:
        self.kept = kept or {}

    def note(self, now_s: float, table: Table, shown: list[int]) -> None:
        """Keep the headings of those of the rows `shown` that are seen now, and forget old ones."""
        for i in shown:
            life = table.lives[i]
            if life.status is not TrackStatus.CONFIRMED:
                continue
            v, P = table.x[i, 0, 3:5], table.P[i, 0, 3:5, 3:5]
            speed = math.hypot(v[0], v[1])
            if speed < LEAST_MPS:
                continue
            across = np.array([v[1], -v[0]]) / speed
            if float(across @ P @ across) < (KNOWN_RAD * speed) ** 2:
                self.kept.pop(life.founded, None)
                self.kept[life.founded] = (now_s, math.atan2(v[0], v[1]))
        for name in [name for name, (then_s, _) in self.kept.items() if now_s - then_s > KEPT_S]:
            del self.kept[name]
        for name in list(self.kept)[:-MOST_KEPT]:
            del self.kept[name]

    def weights(self) -> Array:
        """Return how much likelier than an even one each layer of the grid is [shape=(STATES,)]."""
        n = len(self.kept)
        share = min(n / (n + DOUBT), MOST)
        out = np.full(STATES, 1.0 - share)
        if n:
            known = np.array([heading for _, heading in self.kept.values()])
            off = (2.0 * np.pi * np.arange(HEADINGS)[:, None] / HEADINGS - known + np.pi) % (2.0 * np.pi) - np.pi
            like = np.exp(-0.5 * (off / ALIKE_RAD) ** 2)
            out[:HEADINGS] += share * HEADINGS * (like / like.sum(axis=0)).mean(axis=1)
        return out
