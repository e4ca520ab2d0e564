"""What no path explains of the last minutes' looks, and the paths of one more object that would.

A sensor that heard enough which nothing explains is asked: paths are drawn through the places where it may have heard
that, from what is believed before, and weighed with all looks, its neighbours' silence too, in some of the worlds. The
mean of their likelihoods, times the objects that are to be expected there, is the odds that there is one.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.tracking.heard.chance import key_of
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.sparse.paths import BIN_S, PATH, R_DENSITY, R_EAST, R_NORTH, R_TIME, R_VARIANCE, WORLDS, worth
from skysentry.tracking.sparse.window import DIRECTED, View
from skysentry.tracking.sparse.worlds import draw, explain, suggest

# One sensor founds with so many looks that nothing explains in the last `RECENT_S`; so many sensors are asked.
LOOKS, RECENT_S, MOST_ASKED = 8.0, 120.0, 6
# Objects expected to come into a sensor's reach, unknown, in that time: one in 50 × 50 km, as the grid of births has
# it, at 48 m/s over a front of 5 km.
EXPECTED = 0.01
# Paths drawn to ask whether there is one, and worlds in which they are asked.
DRAWN, ASKED_WORLDS = 800, 8
# Sigmas of what paths that start alike differ by.
APART_M, APART_MPS = 50.0, 0.5
# What `worlds.suggest` asks of a direction.
TOLD_OF = [R_TIME, R_EAST, R_NORTH, R_VARIANCE]


class Unexplained:
    """What the paths of the clouds `which` leave unexplained, in `ASKED_WORLDS` worlds."""

    def __init__(self, paths: Array, since: Array, which: Indices, looks: Array, far: Array, view: View) -> None:
        self.looks, self.far, self.view = looks, far, view
        self.quiet: Array = np.empty((ASKED_WORLDS, *view.counts.shape))
        self.density: Array = np.empty((ASKED_WORLDS, view.rays.shape[0]))
        for k in range(ASKED_WORLDS):
            explain(
                paths, since, which, k * (WORLDS // ASKED_WORLDS), looks, far, view.first_s, view.rays, view.begins,
                self.quiet[k], self.density[k],
            )  # fmt: skip
        self.heard = [self._unexplained(row) for row in range(looks.shape[0])]

    def _unexplained(self, row: int) -> Array:
        """Return what a sensor heard lately that nothing explains, as `worlds.suggest` has it."""
        view, bins = self.view, self.view.counts.shape[1]
        first = max(bins - int(RECENT_S / BIN_S), 0)
        if bins and view.hits[1, row, 0] == DIRECTED:
            part = slice(int(view.begins[row, first]), int(view.begins[row, bins]))
            rays = view.rays[part]
            free = (rays[:, R_DENSITY] / self.density[:, part]).mean(axis=0)
            return np.column_stack([rays[:, TOLD_OF], free.cumsum()])
        free = view.hits[0, row, first:] * view.hits[1, row, first:] * self.quiet[:, row, first:].mean(axis=0)
        times = view.first_s + (np.arange(first, bins) + 0.5) * BIN_S
        return np.column_stack([times, np.zeros((bins - first, 3)), free.cumsum()])

    def loudest(self) -> list[int]:
        """Return the sensors that heard enough, those first that heard most."""
        left = np.array([rows[-1, -1] if rows.size else 0.0 for rows in self.heard])
        order = np.argsort(-left, kind="stable")[:MOST_ASKED]
        rows: list[int] = order[left[order] >= LOOKS].tolist()
        return rows

    def drawn(self, row: int, headings: Array, now_s: float) -> Array | None:
        """Return the paths (WORLDS, PATH) of one more object that a sensor heard, if it is likelier than not."""
        drawn, said, view = np.empty((DRAWN, PATH)), np.empty(DRAWN), self.view
        key = np.uint64(key_of(row + 1, int(now_s)))
        suggest(self.looks[row], self.far[row], self.heard[row], headings, now_s, key, drawn)
        for k in range(DRAWN):
            w = k % ASKED_WORLDS
            said[k] = worth(
                drawn[k], now_s, self.looks, self.far, view.first_s, view.counts, view.hits, view.rays, view.begins,
                self.quiet[w], self.density[w], 0,
            )  # fmt: skip
        likely = np.exp(said - said.max())
        if said.max() + math.log(EXPECTED * float(likely.mean())) < 0.0:
            return None
        paths: Array = np.empty((WORLDS, PATH))
        draw(drawn, likely, key, APART_M, APART_MPS, paths)
        return paths
