"""Where a radar sees what is not there: its clutter, learned while it runs.

A radar declares how many false plots it has in a look; where they lie nobody declares. Noise is even in range rather
than over the ground, waves of trees and traffic keep their place, and nearly all of it has little radial speed. Three
things are learned for each radar, all as counts that fade with its looks:

    rings     plots a look and square metre over range: the background
    cells     the same on a grid over the ground: patches; few plots leave it at the background
    doppler   the density over radial speed

    density = λ(cell) · range / span of elevation · f(radial speed),    λ = (n + a) / (looks + a / background)

A plot is clutter when no track took it and, after `SETTLE_S`, no track that it founded is believed: so what has just
appeared is not held against itself. Left out: a map over elevation, and clutter of sensors other than radars.
"""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.measure import (
    DENSITY,
    L_AZ_HALF,
    L_DOPPLER,
    L_FALSE,
    L_MAX,
    L_MIN,
    L_ORIGIN,
    NEW_SHARE,
    RANGE_AZ_EL,
    RANGE_BEARING,
    Z,
)
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.tracks.table import RANKS, Table

if TYPE_CHECKING:
    from skysentry.tracking.cells.lattice import Area

# Cells on a side: 600 m for a radar that reaches 24 km, about the size of a wood or a road, and 74 kB.
SIDE = 96
RINGS = 24
# The map reaches beyond the declared range, for plots do.
BEYOND = 1.25
# Looks after which a count has faded to 1/e: weather and traffic change within minutes.
MEMORY_LOOKS = 120.0
# What is believed before it is seen, in plots: little for a cell, so that three plots make a patch; more for a ring
# and for the speeds, which see more of them.
CELL_PLOTS, RING_PLOTS, DOPPLER_PLOTS = 0.1, 2.0, 10.0
# A declared rate counts as so many looks at most, and stands until it is wrong by this factor: one that nobody set is
# wrong by a thousand.
DECLARED_LOOKS, DECLARED_WRONG = 3.0, 3.0
# Cells fade together by one factor, put into each of them when it has fallen to this: 9,216 numbers a look are much.
# A count that is then smaller than the least is none.
LEAST_FACTOR, LEAST_COUNT = 0.5, 1e-4
# Bins of radial speed by powers of two: below 1, 2, 4 … 256 m/s.
BINS = 9
FASTEST_MPS = 256.0
# Until it is seen: half of all false plots are noise of any speed, half move like trees and traffic, below 16 m/s.
SLOW_BINS, SLOW_MPS = 5, 16.0
# Radial speeds of new objects: a Laplace distribution of this scale, for much hovers and little is a jet.
NEW_SCALE_MPS = 40.0
# What `first_state` took for the density of any radial speed.
EVEN = 1.0 / 400.0
# An object is confirmed within four seconds or so; a plot that by then belongs to none was clutter.
SETTLE_S = 6.0
# A plot that a track took with more than this probability is not clutter; nor one whose own track exists by this.
TAKEN = 0.5
# Looks of a radar that wait: late messages come within 30 s, fast radars look a few times a second.
MOST_WAITING = 200
MOST_MAPS = 1_000
# Room for `measured`.
PLOT: Array = np.empty(4)


@kernel
def doppler_bin(rate_mps: float) -> int:
    """Return the bin of a radial speed, of either sign."""
    speed = abs(rate_mps)
    return 0 if speed < 1.0 else min(int(math.log2(speed)) + 1, BINS - 1)


@kernel
def bin_width(k: int) -> float:
    """Return how many m/s a bin holds, both signs together."""
    return 2.0 if k == 0 else 2.0**k


@kernel
def measured(code: int, row: Array, out: Array) -> bool:
    """Write east, north, range and radial speed (NaN where none) of a plot; False for what is no range."""
    kind = code // 8
    if kind not in (RANGE_BEARING, RANGE_AZ_EL):
        return False
    flat = row[Z] * (math.cos(row[Z + 2]) if kind == RANGE_AZ_EL else 1.0)
    out[0], out[1], out[2] = flat * math.sin(row[Z + 1]), flat * math.cos(row[Z + 1]), row[Z]
    out[3] = row[Z + 2 + (kind == RANGE_AZ_EL)] if code % 8 == 1 else np.nan
    return True


@kernel
def weigh_clutter(
    codes: Indices, rows: Array, look: Array, shares: Array, cells: Array, factor: float, rings: Array, doppler: Array,
    looks: float, plot: Array,
) -> None:  # fmt: skip
    """Put the learned density in the place of the even one, in place: density and share of new of each row.

    `plot` (4,) is room.
    """
    half = BEYOND * look[L_MAX]
    cell = 2.0 * half / SIDE
    ring = half / RINGS
    declared = look[L_FALSE] / (look[L_AZ_HALF] * (look[L_MAX] ** 2 - look[L_MIN] ** 2))
    level = _level(look, declared, look[L_AZ_HALF] * ring * ring, shares, rings, looks)
    for j in range(codes.shape[0]):
        if not measured(codes[j], rows[j], plot):
            continue
        new = rows[j, DENSITY] * rows[j, NEW_SHARE]
        false = rows[j, DENSITY] - new
        k = min(int(plot[2] / ring), RINGS - 1)
        area = look[L_AZ_HALF] * ring * ring * (2.0 * k + 1.0)
        background = (rings[k] + RING_PLOTS) / (looks * area * shares[k] + RING_PLOTS / level)
        count = factor * _bilinear(cells, (plot[0] + half) / cell - 0.5, (plot[1] + half) / cell - 0.5)
        here = (count + CELL_PLOTS) / (looks * cell * cell + CELL_PLOTS / background)
        false *= here / declared
        if not math.isnan(plot[3]):
            b = doppler_bin(plot[3])
            prior = 0.5 * bin_width(b) * (1.0 / FASTEST_MPS + (1.0 / SLOW_MPS if b < SLOW_BINS else 0.0)) / 2.0
            share = (doppler[b] + DOPPLER_PLOTS * prior) / (doppler.sum() + DOPPLER_PLOTS)
            false *= share / bin_width(b) / EVEN
            new *= max(math.exp(-abs(plot[3]) / NEW_SCALE_MPS) / (2.0 * NEW_SCALE_MPS) / EVEN, 0.1)
        rows[j, DENSITY] = new + false
        rows[j, NEW_SHARE] = new / (new + false)


@kernel
def _level(look: Array, declared: float, ring_m2: float, shares: Array, rings: Array, looks: float) -> float:
    """Return the density of clutter over all of a radar's rings: as declared, unless that is wrong by a factor.

    `ring_m2` is the area of the innermost ring.
    """
    plots, area = 0.0, 0.0
    for k in range(RINGS):
        plots += rings[k]
        area += ring_m2 * (2.0 * k + 1.0) * shares[k] / BEYOND**2
    trust = min(RING_PLOTS / look[L_FALSE], DECLARED_LOOKS)
    level: float = (plots / max(area, 1.0) + trust * declared) / (looks + trust)
    wrong = level > DECLARED_WRONG * declared or declared > DECLARED_WRONG * level
    return level if wrong else declared


@kernel
def _bilinear(cells: Array, a: float, b: float) -> float:
    """Return the count at a place, in cells from the middle of the first."""
    i, j = math.floor(b), math.floor(a)
    up, right = b - i, a - j
    total = 0.0
    for di in range(2):
        for dj in range(2):
            if 0 <= i + di < SIDE and 0 <= j + dj < SIDE:
                total += (up if di else 1.0 - up) * (right if dj else 1.0 - right) * cells[i + di, j + dj]
    return total


@kernel
def fade(cells: Array, factor: Array, rings: Array, doppler: Array) -> None:
    """Let all counts fade by one look, in place; `factor` [shape=(1,)] is what those of the cells are multiplied by."""
    keep = 1.0 - 1.0 / MEMORY_LOOKS
    factor[0] *= keep
    if factor[0] < LEAST_FACTOR:
        for i in range(SIDE):
            for j in range(SIDE):
                count = cells[i, j] * factor[0]
                cells[i, j] = count if count > LEAST_COUNT else 0.0
        factor[0] = 1.0
    rings *= keep
    doppler *= keep


@kernel
def weigh_and_fade(
    codes: Indices, rows: Array, look: Array, shares: Array, cells: Array, factor: Array, rings: Array, doppler: Array,
    looks: float, plot: Array,
) -> bool:  # fmt: skip
    """Do both of the above for one look; return whether it holds a radial speed."""
    weigh_clutter(codes, rows, look, shares, cells, factor[0], rings, doppler, looks, plot)
    fade(cells, factor, rings, doppler)
    speeds = False
    for j in range(codes.shape[0]):
        speeds = speeds or codes[j] % 8 == 1
    return speeds


@kernel
def count_plot(plot: Array, reach_m: float, cells: Array, factor: float, rings: Array, doppler: Array) -> None:
    """Add a false plot (east, north, range, radial speed) to the counts, in place, spread over four cells."""
    half = BEYOND * reach_m
    cell = 2.0 * half / SIDE
    k = min(int(plot[2] / (half / RINGS)), RINGS - 1)
    rings[k] += 1.0
    if not math.isnan(plot[3]):
        doppler[doppler_bin(plot[3])] += 1.0
    a, b = (plot[0] + half) / cell - 0.5, (plot[1] + half) / cell - 0.5
    i, j = math.floor(b), math.floor(a)
    up, right = b - i, a - j
    for di in range(2):
        for dj in range(2):
            if 0 <= i + di < SIDE and 0 <= j + dj < SIDE:
                cells[i + di, j + dj] += (up if di else 1.0 - up) * (right if dj else 1.0 - right) / factor


@array_kernel
def count_plots(
    ranks: Indices, plots: Array, keys: int, key: Indices, r: Array, tracks: int, reach_m: float, cells: Array,
    factor: Array, rings: Array, doppler: Array,
) -> None:  # fmt: skip
    """Add plots (k, 4) to the counts, in place, but for those whose tracks are believed: `key`, `r` (n,) as in `Table`.

    `ranks` (k,) rise; the keys of the tracks that their look founded begin at `keys`.
    """
    believed = np.zeros(RANKS, np.bool_)
    for i in range(tracks):
        rank = key[i] - keys
        if r[i] > TAKEN and 0 <= rank < RANKS:
            believed[rank] = True
    for k in range(plots.shape[0]):
        if not believed[ranks[k]]:
            count_plot(plots[k], reach_m, cells, factor[0], rings, doppler)


@kernel
def unclaimed(codes: Indices, rows: Array, free: Array, ranks: Indices, numbers: Array) -> int:
    """Write the plots that no track took: their ranks (m,) and numbers (m, 4); return how many."""
    count = 0
    for j in range(codes.shape[0]):
        if free[j] > TAKEN and measured(codes[j], rows[j], numbers[count]):
            ranks[count] = j
            count += 1
    return count


class Plots(Struct):
    """Plots of one look that wait: when it was, its first key (`table.look_key`), their ranks (k,), numbers (k, 4)."""

    time_s: float
    keys: int
    ranks: Indices
    numbers: Array


class Waiting(Struct, array_like=True):
    """State of `Plots`, its arrays as bytes."""

    time_s: float
    keys: int
    ranks: bytes
    numbers: bytes

    @staticmethod
    def of(plots: Plots) -> Waiting:
        """Return the state of plots that wait."""
        return Waiting(plots.time_s, plots.keys, plots.ranks.tobytes(), plots.numbers.tobytes())

    def plots(self) -> Plots:
        """Return the plots; `ValueError` where their numbers are of another shape."""
        ranks, numbers = np.frombuffer(self.ranks, np.int64).copy(), np.frombuffer(self.numbers).reshape(-1, 4).copy()
        if ranks.shape[0] != numbers.shape[0] or not ((ranks >= 0) & (ranks < RANKS)).all():
            raise ValueError("plots of another shape")
        return Plots(self.time_s, self.keys, ranks, numbers)


class MapDump(Struct, array_like=True):
    """State of one radar's map."""

    looks: float
    reach_m: float
    filters: bool
    counts: bytes
    waiting: list[Waiting]
    shares: bytes


class Map:
    """The counts of one radar, and whether it measures radial speed.

    Shapes: cells (SIDE, SIDE), to be multiplied by factor (1,); rings (RINGS,), doppler (BINS,); shares (RINGS,), the
    parts of rings that are counted.
    """

    def __init__(self, reach_m: float, shares: Array | None = None) -> None:
        self.reach_m = reach_m
        # As if read from a snapshot, where it cannot be written to: that is a type of its own for the kernels.
        self.shares: Array = np.frombuffer((np.ones(RINGS) if shares is None else shares).tobytes())
        self.looks = 0.0
        self.filters = False
        self.counts: Array = np.zeros(SIDE * SIDE + RINGS + BINS + 1)
        self.counts[-1] = 1.0
        self.waiting: list[Plots] = []
        self._split()

    def _split(self) -> None:
        self.cells = self.counts[: SIDE * SIDE].reshape(SIDE, SIDE)
        self.rings = self.counts[SIDE * SIDE : SIDE * SIDE + RINGS]
        self.doppler = self.counts[SIDE * SIDE + RINGS : -1]
        self.factor = self.counts[-1:]

    def settle(self, before_s: float, table: Table) -> None:
        """Count the plots seen before a time, but for those whose tracks are believed."""
        ready = 0
        for look in self.waiting:
            if look.time_s > before_s:
                break
            ready += 1
            count_plots(
                look.ranks, look.numbers, look.keys, table.key, table.r, table.n, self.reach_m, self.cells, self.factor,
                self.rings, self.doppler,
            )  # fmt: skip
        del self.waiting[:ready]

    def dump(self) -> MapDump:
        """Return the state."""
        counts = zlib.compress(self.counts.tobytes(), 1)
        waiting = [Waiting.of(plots) for plots in self.waiting]
        return MapDump(self.looks, self.reach_m, self.filters, counts, waiting, self.shares.tobytes())

    @staticmethod
    def load(dump: MapDump) -> Map:
        """Return the map that `dump` described; `ValueError` where it is of another shape."""
        made = Map(dump.reach_m, np.frombuffer(dump.shares).reshape(RINGS))
        try:
            counts = np.frombuffer(zlib.decompress(dump.counts))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        made.counts = counts.reshape(made.counts.shape).copy()
        made.looks, made.filters, made.waiting = dump.looks, dump.filters, [one.plots() for one in dump.waiting]
        made._split()
        return made


class Clutter:
    """The maps of all radars, by sensor id; with `area`, of what one cell sees of them."""

    def __init__(self, area: Area | None = None) -> None:
        self.area = area
        self.maps: dict[str, Map] = {}

    def weigh(self, sensor: str, codes: Indices, rows: Array, look: Array) -> None:
        """Give the plots of a look the density of clutter that was learned, and let one look pass.

        The look learns too whether this radar measures radial speed.
        """
        seen = self.maps.get(sensor)
        if seen is None:
            if len(self.maps) >= MOST_MAPS:
                del self.maps[next(iter(self.maps))]
            reach_m, shares = float(look[L_MAX]), None
            if self.area is not None:
                shares = self.area.shares(look[L_ORIGIN], look[L_ORIGIN + 1], RINGS, BEYOND * reach_m / RINGS)
            seen = self.maps[sensor] = Map(reach_m, shares)
        # Looks whose plots still wait have told nothing yet: counted, they would say that there is no clutter.
        told = max(seen.looks - len(seen.waiting), 0.0)
        speeds = weigh_and_fade(
            codes, rows, look, seen.shares, seen.cells, seen.factor, seen.rings, seen.doppler, told, PLOT
        )  # fmt: skip
        seen.filters = seen.filters or speeds
        look[L_DOPPLER] = float(seen.filters)
        seen.looks = seen.looks * (1.0 - 1.0 / MEMORY_LOOKS) + 1.0

    def note(self, sensor: str, keys: int, time_s: float, codes: Indices, rows: Array, free: Array) -> None:
        """Keep the plots that no track took until it is clear what they were; the tracks they found begin at `keys`."""
        waiting = self.maps[sensor].waiting
        ranks, numbers = np.empty(codes.shape[0], np.int64), np.empty((codes.shape[0], 4))
        count = unclaimed(codes, rows, free, ranks, numbers)
        if len(waiting) < MOST_WAITING:
            waiting.append(Plots(time_s, keys, ranks[:count], numbers[:count]))

    def settle(self, now_s: float, table: Table) -> None:
        """Count what has waited long enough, but for the first plots of living tracks that are believed."""
        for one in self.maps.values():
            one.settle(now_s - SETTLE_S, table)

    def dump(self) -> dict[str, MapDump]:
        """Return the state."""
        return {sensor: one.dump() for sensor, one in self.maps.items()}

    def load(self, dump: dict[str, MapDump]) -> None:
        """Take a state."""
        self.maps = {sensor: Map.load(one) for sensor, one in dump.items()}
