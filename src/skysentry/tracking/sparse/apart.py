"""Where coverage is thin, and where it is so all around.

Coverage of a place is the number of sensors in whose reach a thing there is, whatever each misses of it: one that
misses half of its looks bears out another within seconds. Below `THIN` it is thin.
A place is apart where that is so of nearly all that is covered around it. The rim of what is well covered is not: what
flies there is in good coverage within a minute or two, or has left, and to wait tells more of it than a cloud over one
sensor's reach, which is as likely the echo of a track further in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.site import SensorKind
from skysentry.tracking.births.seeds import Births
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.first_state import ALT_PRIOR_M
from skysentry.tracking.models.motion import Array
from skysentry.tracking.sparse.wide import cover

# Coverage below which a place is thin: one sensor and the edge of another. Less than the second is no coverage.
THIN, COVERED = 1.5, 0.1
# A place is apart where more than this share of what is covered so far around it is thin: what flies at 50 m/s is no
# further in 100 s. The share that is left is for the edges of neighbours that overlap.
NEARLY_ALL, AROUND_M = 0.9, 5_000.0
# What a sensor of shorter reach senses is near and mostly slow: it turns and hovers, which wide clouds do not, and is
# gone, or with the next sensor, before they are of use. It counts as a radar does.
SHORT_M = 1_000.0
# Whose looks are those of wide clouds: their reach is declared, and silence says that nothing is there. Radio may be
# silent where something flies, people and cameras look elsewhere; they neither cover a place nor found a wide track.
HEARING = (SensorKind.MICROPHONE, SensorKind.ARRAY)


class Apart:
    """Coverage by what hears and by radars, as the site declares it, by cell of the grid of births."""

    def __init__(self, births: Births, known: dict[str, Listener]) -> None:
        self.births = births
        placed = [own for own in known.values() if own.placed and own.kind in (*HEARING, SensorKind.RADAR)]
        looks = np.array([own.look for own in placed]).reshape(-1, m.LOOK)
        looks[:, m.L_PD] = 1.0
        # A radar tells a place by itself, nobody need bear it out: it alone is enough, also where it sees half of it.
        radars = np.array([own.kind is SensorKind.RADAR for own in placed], np.bool_)
        looks[radars | (looks[:, m.L_MAX] < SHORT_M), m.L_PD] = 2.0 * THIN
        self.coverage: Array = np.zeros(births.grid.shape[1:])
        cover(looks, births.corner, births.cell_m, births.site_alt_m + ALT_PRIOR_M, self.coverage)
        covered, count = self.coverage > COVERED, round(AROUND_M / births.cell_m)
        thin = _counted(covered & (self.coverage < THIN), count)
        self.apart = (self.coverage < THIN) & (thin > NEARLY_ALL * _counted(covered, count))

        self.near = _counted(self.apart, count) > 0.0

    @property
    def anywhere(self) -> bool:
        """Whether any place is apart."""
        return bool(self.apart.any())

    def is_thin(self, east_m: float, north_m: float) -> bool:
        """Return whether coverage is thin at a place of the working frame; it is beyond the grid."""
        cell = self._cell(east_m, north_m)
        return cell is None or bool(self.coverage[cell] < THIN)

    def is_apart(self, east_m: float, north_m: float) -> bool:
        """Return whether coverage is thin at a place of the working frame and nearly everywhere around it."""
        cell = self._cell(east_m, north_m)
        return cell is not None and bool(self.apart[cell])

    def beside(self, look: Array) -> bool:
        """Return whether a sensor stands where a place is apart, or near one."""
        cell = self._cell(float(look[m.L_ORIGIN]), float(look[m.L_ORIGIN + 1]))
        return cell is not None and bool(self.near[cell])

    def _cell(self, east_m: float, north_m: float) -> tuple[int, int] | None:
        j = round((east_m - self.births.corner[0]) / self.births.cell_m)
        i = round((north_m - self.births.corner[1]) / self.births.cell_m)
        rows, columns = self.coverage.shape
        return (i, j) if 0 <= i < rows and 0 <= j < columns else None


def _counted(cells: NDArray[np.bool_], count: int) -> Array:
    """Return how many cells are true in the square that ends `count` cells beyond each [shape=(rows, columns)]."""
    sums = np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))).astype(np.float64)
    rows, columns = (np.arange(size) for size in cells.shape)
    south, north = np.maximum(rows - count, 0), np.minimum(rows + count + 1, cells.shape[0])
    west, east = np.maximum(columns - count, 0), np.minimum(columns + count + 1, cells.shape[1])
    band: Array = sums[north] - sums[south]
    return band[:, east] - band[:, west]
