"""What the sensors of sparse places said in the last minutes, counted in bins: what `paths` are weighed with.

Of each sensor and bin of `BIN_S`: how many looks, how many of them heard something, and what else than wide tracks may
explain those; directions each by itself. A look that comes late is counted where it belongs; what is older than
`KEPT_S` is forgotten.
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.sparse.paths import BIN_S, ELSE, RAY

# With 400 s of looks one object alone is told right in nine of ten passes; a drone flies 20 km in that time.
KEPT_S = 400.0
BINS = int(KEPT_S / BIN_S)
# The bins that are not over yet: clocks may be some seconds ahead.
AHEAD = 4
# Directions of one look, and of all: beyond, a flood.
MOST_A_LOOK, MOST_RAYS = 8, 20_000
# Marks a sensor that tells directions.
DIRECTED = -1.0

Ray: TypeAlias = tuple[int, int, float, float, float, float, float]


class WindowDump(Struct, array_like=True):
    """State of `Window`; counts, hits and what else explains them as zlib-compressed bytes."""

    first: int
    arrays: list[bytes]
    rays: list[Ray]
    done: int


class View(Struct):
    """The bins that are over: when the first begins, and what `paths` ask of them."""

    first_s: float
    counts: Array
    hits: Array
    rays: Array
    begins: Indices


class Window:
    """Looks of named sensors by bin; `first` is the number of the first bin, `done` that of the first not weighed."""

    def __init__(self, names: list[str]) -> None:
        self.rows = {name: row for row, name in enumerate(names)}
        self.first, self.done = -1, -1
        shape = len(names), BINS + AHEAD
        self.counts: Array = np.zeros(shape)
        self.heard: Array = np.zeros(shape)
        self.others: Array = np.zeros(shape)
        self.rays: list[Ray] = []

    def _bin(self, sensor: str, time_s: float) -> tuple[int, int] | None:
        row, number = self.rows.get(sensor), int(time_s // BIN_S)
        if row is None:
            return None
        if self.first < 0:
            self.first = self.done = number
        column = number - self.first
        return (row, column) if 0 <= column < BINS + AHEAD else None

    def listen(self, sensor: str, time_s: float, hit: bool, quiet: float) -> None:
        """Count "heard" or silence; `quiet` is the chance that nothing but wide tracks explains it."""
        at = self._bin(sensor, time_s)
        if at is not None:
            self.counts[at] += 1.0
            if hit:
                self.heard[at] += 1.0
                self.others[at] += quiet

    def direct(self, sensor: str, time_s: float, rays: Array) -> None:
        """Count a look of directions [shape=(k, 4)]: unit vector east, north, variance, density of what else it is."""
        at = self._bin(sensor, time_s)
        if at is not None:
            self.counts[at] += 1.0
            for east, north, variance, density in rays[:MOST_A_LOOK].tolist():
                self.rays.append((at[0], at[1] + self.first, time_s, east, north, variance, density))

    def over(self, now_s: float) -> int:
        """Return how many bins have come to an end since this was last asked."""
        if self.first < 0:
            return 0
        number = int(now_s // BIN_S)
        gone, self.done = max(number - self.done, 0), max(number, self.done)
        return gone

    def view(self, directed: NDArray[np.bool_]) -> View:
        """Return the bins that are over, and forget old ones; `directed` (sensors,) says who tells directions."""
        shift = max(self.done - self.first - BINS, 0)
        if shift:
            for values in (self.counts, self.heard, self.others):
                kept = values[:, shift:].copy()
                values[:] = 0.0
                values[:, : kept.shape[1]] = kept
            self.first += shift
        self.rays = [ray for ray in self.rays if ray[1] >= self.first][-MOST_RAYS:]
        bins, sensors = min(self.done - self.first, BINS), len(self.rows)
        hits = np.zeros((2, sensors, bins))
        hits[0] = self.heard[:, :bins]
        hits[1] = self.others[:, :bins] / np.maximum(hits[0], 1.0) * (1.0 - ELSE)
        hits[1, directed] = DIRECTED
        table = np.array(sorted(ray for ray in self.rays if ray[1] < self.done)).reshape(-1, 2 + RAY)
        place = table[:, 0].astype(np.int64) * bins + table[:, 1].astype(np.int64) - self.first
        starts = np.searchsorted(place, np.arange(sensors * bins + 1))
        begins = np.empty((sensors, bins + 1), np.int64)
        begins[:, :bins] = starts[:-1].reshape(sensors, bins)
        begins[:, bins] = starts[bins::bins] if bins else 0
        # By time within a bin; as `paths` has them a direction begins with its unit vector.
        rays = np.ascontiguousarray(table[:, [3, 4, 5, 6, 2]])
        return View(self.first * BIN_S, np.ascontiguousarray(self.counts[:, :bins]), hits, rays, begins)

    def dump(self) -> WindowDump:
        """Return the state."""
        arrays = [zlib.compress(values.tobytes(), 1) for values in (self.counts, self.heard, self.others)]
        return WindowDump(self.first, arrays, self.rays, self.done)

    def load(self, dump: WindowDump) -> None:
        """Take what `dump` described; `ValueError` where it is of other sensors."""
        try:
            arrays = [np.frombuffer(zlib.decompress(data)).reshape(self.counts.shape).copy() for data in dump.arrays]
            self.counts, self.heard, self.others = arrays
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.first, self.done, self.rays = dump.first, dump.done, list(dump.rays)
