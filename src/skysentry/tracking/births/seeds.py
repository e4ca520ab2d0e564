"""Where new tracks start from directions and "heard": the grid of `field`, its hits, and what it takes to believe it.

Where the expected number of undetected objects in a box of cells passes `SPAWN_MASS`, the last hits are asked who
supports it: a hit supports if its sensor could have sensed a thing flying as the cells say, at the time when it
emitted. Two sensors and several looks are needed, so that a ghost, where two bearings happen to cross, has to move as
one thing would before it is believed. Then a track is founded with the cells' mean and covariance, and the grid is
emptied there. Boxes are 3 × 3 cells, which directions fill, and for what is only heard as wide as that is ever placed.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.geo import MEAN_RADIUS_M
from skysentry.site import Sensor, SensorKind
from skysentry.tracking.births import field
from skysentry.tracking.births.field import (
    DENSITY_M2,
    DIRECTION_PER_S,
    HEADINGS,
    HEARD_PER_S,
    NOMINAL_MPS,
    STATES,
    Grid,
)
from skysentry.tracking.intake.batch import LISTENING_S, Listener
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.coverage import UNHEARD, farthest
from skysentry.tracking.models.first_state import ALT_PRIOR_M, ALT_SIGMA_M
from skysentry.tracking.models.motion import Array

if TYPE_CHECKING:
    from skysentry.tracking.cells.lattice import Area

FEEDING = (SensorKind.MICROPHONE, SensorKind.ARRAY, SensorKind.CAMERA, SensorKind.RF, SensorKind.OBSERVER)
# Cells: fine enough for a bearing of 4° at 3 km, few enough for one core and a small snapshot.
MOST_CELLS = 6_000
LEAST_CELL_M = 250.0
SPAWN_MASS = 0.8
# Cells that are asked in a second: those with the most mass, for what has just begun there comes first.
MOST_ASKED = 200
# How far outside of a cell of the tracker its grid is as good as its neighbour's.
SEEN_M = 500.0
# Who must support a new track, over how long.
SENSORS_NEEDED = 2
LOOKS_NEEDED = 6
SPAN_NEEDED_S = 4.0
REMEMBERED_S = 16.0
MOST_HITS = 4_000
# Sigma of speed around the nominal one, and of a bearing's agreement, in sigmas of the bearing.
SPEED_SIGMA_MPS = 12.0
AGREES = 3.0
# What the cells of a track's box, and of a ring around it, expect after they gave one.
EMPTIED, RING = 1e-3, 1
# What is only heard is placed to about this share of the reach of those who hear it: a box of fewer cells than that
# never holds it. Three cells of *presence*, 400 microphones, are as wide; of nine microphones seven are.
HEARD_SHARE = 0.65
# Thirteen cells of 250 m: as wide as microphones of 5 km place anything; wider ones have wider cells.
MOST_HALF = 6


# West, south, east and north in the working frame, metres.
Box: TypeAlias = tuple[float, float, float, float]


def grid_size_m(wide_m: float, tall_m: float, most: int) -> float:
    """Return the size of the cells that divide a field into so many at most."""
    return max(math.sqrt(wide_m * tall_m / most), LEAST_CELL_M)


def around(i: int, j: int, half: int) -> tuple[slice, slice]:
    """Return the rows and columns of the cells up to `half` from one, which may lie beyond the grid's edge."""
    return slice(max(i - half, 0), max(i + half + 1, 0)), slice(max(j - half, 0), max(j + half + 1, 0))


def boxed(flat: Array, half: int) -> Array:
    """Return the sum of the cells up to `half` from each [shape=(rows, columns)]."""
    inner, total = np.pad(flat, half), np.zeros_like(flat)
    for i, j in np.ndindex(2 * half + 1, 2 * half + 1):
        total += inner[i : i + flat.shape[0], j : j + flat.shape[1]]
    return total


def listening_box(places: Sequence[tuple[float, float]], reach_m: Sequence[float]) -> Box:
    """Return the box around what sensors at these places can sense."""
    return (
        min(e - r for (e, _), r in zip(places, reach_m, strict=True)),
        min(n - r for (_, n), r in zip(places, reach_m, strict=True)),
        max(e + r for (e, _), r in zip(places, reach_m, strict=True)),
        max(n + r for (_, n), r in zip(places, reach_m, strict=True)),
    )


class Hit(Struct, array_like=True):
    """One positive look: when it arrived, from where, its direction and sigma (negative sigma: only heard)."""

    time_s: float
    sensor: str
    bearing_rad: float
    sigma_rad: float
    detection: str


class Cells(Struct):
    """Some cells of the grid [shape=(STATES, rows, columns)], the layers' offsets, where the first one is."""

    box: Array
    offset: Array
    east_m: float
    north_m: float
    cell_m: float


class Seed(Struct):
    """A new track: mean (6,), covariance (6, 6) of the working frame, and the hits that support it.

    `cells` are those it comes from, none for a wide track; `heard` says that nothing but microphones supports it.
    """

    mean: Array
    cov: Array
    cell: str
    hits: list[Hit]
    cells: Cells | None
    heard: bool


class FieldDump(Struct):
    """State of `Births`."""

    t_s: float
    grid: bytes
    offset: bytes
    hits: list[Hit]


class Births:
    """The grid over one site's microphones, arrays, cameras and observers; with `area`, over one cell and its halo.

    A cell gives seeds in its core and just outside, where its neighbours know them too. Of the rest it is told, for at
    its rim a grid knows too little.
    """

    def __init__(
        self,
        listeners: dict[str, Listener],
        sensors: tuple[Sensor, ...],
        site_alt_m: float,
        area: Area | None = None,
    ) -> None:
        self.area = area
        self.listeners = {
            sensor.id: listeners[sensor.id]
            for sensor in sensors
            if sensor.kind in FEEDING and sensor.id in listeners and listeners[sensor.id].placed
        }
        looks = [own.look for own in self.listeners.values()]
        places = [(float(look[m.L_ORIGIN]), float(look[m.L_ORIGIN + 1])) for look in looks]
        box = listening_box(places, [look[m.L_MAX] + 3.0 * look[m.L_SOFT] for look in looks])
        self.cell_m = grid_size_m(box[2] - box[0], box[3] - box[1], MOST_CELLS) if area is None else area.grid_m
        # Cells count from the frame's origin, so that the grids of neighbouring cells of the tracker are one lattice.
        if area is not None:
            window = area.window()
            box = (
                max(box[0], window[0]), max(box[1], window[1]), min(box[2], window[2]), min(box[3], window[3])
            )  # fmt: skip
        west, south, east, north = (math.floor(edge / self.cell_m) for edge in box)
        self.first = south, west
        self.corner: Array = (np.array([west, south]) + 0.5) * self.cell_m
        shape = (STATES, max(north - south + 1, 3), max(east - west + 1, 3))
        self.grid: Grid = np.full(shape, DENSITY_M2 * self.cell_m**2 / STATES, np.float32)
        self.offset: Array = np.zeros((STATES, 2))
        heard_m = [own.look[m.L_MAX] for own in self.listeners.values() if own.kind is SensorKind.MICROPHONE]
        wide = round(0.5 * HEARD_SHARE * float(np.median(heard_m)) / self.cell_m - 0.5) if heard_m else 1
        self.halves = [1] if wide <= 1 else [1, min(wide, MOST_HALF)]
        self.site_alt_m = site_alt_m
        self.t_s = -1.0
        self.hits: list[Hit] = []

    def heed(self, own: Listener, look: Array, since_s: float, bearings: Array, quiet: float, hits: list[Hit]) -> None:
        """Weigh the grid with a look, `since_s` after the sensor's last.

        `bearings` (k, 3) are direction, sigma, competing density; `quiet` < 1 says that something was heard.
        """
        if own.id not in self.listeners:
            return
        if self.t_s < 0.0:
            self.t_s = float(look[m.L_TIME])
        per_s = DIRECTION_PER_S if bearings.shape[0] else HEARD_PER_S
        temper = min(per_s * min(max(since_s, 0.0), LISTENING_S), 1.0)
        field.heed(
            self.grid, self.offset, self.corner, self.cell_m, self.t_s, ALT_PRIOR_M, look, bearings, quiet, temper
        )
        self.hits += hits

    def advance(self, now_s: float) -> None:
        """Move the grid to now, and forget old hits."""
        if self.t_s < 0.0 or now_s <= self.t_s:
            return
        # Beyond a few refills nothing is left of what was known.
        field.drift(self.grid, self.offset, min(now_s - self.t_s, 5.0), self.cell_m)
        self.t_s = now_s
        self.hits = [hit for hit in self.hits if now_s - hit.time_s < REMEMBERED_S][-MOST_HITS:]

    def seeds(self) -> list[Seed]:
        """Return the new tracks, the surest first, and empty the grid there."""
        made: list[Seed] = []
        if not self.hits:
            return made
        taken = np.zeros(self.grid.shape[1:], np.bool_)
        for half in self.halves:
            made += self._grown(half, taken)
        return made

    def _grown(self, half: int, taken: NDArray[np.bool_]) -> list[Seed]:
        """Return the new tracks of boxes with this half-width; what is `taken`, in place, gives no other."""
        made: list[Seed] = []
        mass = boxed(self.grid.sum(axis=0, dtype=np.float64), half)
        order = [int(k) for k in np.argsort(-mass, axis=None, kind="stable")[:MOST_ASKED] if mass.flat[k] > SPAWN_MASS]
        asked = self._asked() if order else np.empty((0, 0))
        for k in order:
            i, j = divmod(k, mass.shape[1])
            # A wide box reaches into what another one, further away than is taken, has just given.
            if taken[i, j] or (half > 1 and float(self.grid[:, *around(i, j, half)].sum()) < SPAWN_MASS):
                continue
            seed = self._seed(i, j, half, asked)
            # What is not supported here may be from another middle, but hardly from the next cell.
            taken[around(i, j, (1 if seed is None else half) + RING)] = True
            if seed is not None:
                self._empty(i, j, half)
                if self.area is None or self.area.depth_m(seed.mean[0], seed.mean[1]) < SEEN_M:
                    made.append(seed)
        return made

    def _empty(self, i: int, j: int, half: int) -> None:
        self.grid[:, *around(i, j, half + RING)] *= EMPTIED

    def vacate(self, founded: str) -> None:
        """Expect nothing more where another cell of the tracker has founded a track of this name."""
        try:
            north, east, *wide = map(int, founded.rpartition("/")[2].split("."))
        except ValueError:
            return
        i, j, half = north - self.first[0], east - self.first[1], min(max([1, *wide]), MOST_HALF)
        if float(self.grid[:, *around(i, j, half)].sum()) > 0.5 * SPAWN_MASS:
            self._empty(i, j, half)

    def _seed(self, i: int, j: int, half: int, asked: Array) -> Seed | None:
        """Return the track of the box around a cell, if enough sensors support it: of wide ones, microphones alone."""
        rows, columns = around(i, j, half)
        box = self.grid[:, rows, columns].astype(np.float64)
        s, a, b = np.indices(box.shape)
        weight = (box / box.sum()).ravel()
        heading = 2.0 * math.pi * s.ravel() / HEADINGS
        speed = np.where(s.ravel() == HEADINGS, 0.0, NOMINAL_MPS)
        points = np.stack(
            [
                self.corner[0] + (b.ravel() + columns.start) * self.cell_m + self.offset[s.ravel(), 0],
                self.corner[1] + (a.ravel() + rows.start) * self.cell_m + self.offset[s.ravel(), 1],
                speed * np.sin(heading),
                speed * np.cos(heading),
            ]
        )
        mean4 = points @ weight
        off = points - mean4[:, None]
        cov4 = (off * weight) @ off.T
        mean, cov = self.state(mean4, cov4)
        hits = [self.hits[k] for k in np.flatnonzero(self._support(mean, asked))]
        if len({hit.sensor for hit in hits}) < SENSORS_NEEDED or len(hits) < LOOKS_NEEDED:
            return None
        if hits[-1].time_s - hits[0].time_s < SPAN_NEEDED_S:
            return None
        heard = all(hit.sigma_rad < 0.0 for hit in hits)
        if half > 1 and not heard:
            return None
        east_m, north_m = (self.corner + self.cell_m * np.array([columns.start, rows.start])).tolist()
        cells = Cells(box, self.offset.copy(), east_m, north_m, self.cell_m)
        name = f"{i + self.first[0]}.{j + self.first[1]}" + (f".{half}" if half > 1 else "")
        return Seed(mean=mean, cov=cov, cell=name, hits=hits, cells=cells, heard=heard)

    def state(self, mean4: Array, cov4: Array) -> tuple[Array, Array]:
        """Return the state of six with height and the widths that the grid cannot hold."""
        drop_m = (mean4[0] ** 2 + mean4[1] ** 2) / (2.0 * MEAN_RADIUS_M)
        mean = np.array([mean4[0], mean4[1], ALT_PRIOR_M - drop_m, mean4[2], mean4[3], 0.0])
        cov = np.zeros((6, 6))
        flat = np.array([0, 1, 3, 4])
        cov[np.ix_(flat, flat)] = cov4
        cov[[0, 1], [0, 1]] += self.cell_m**2 / 12.0
        cov[[3, 4], [3, 4]] += SPEED_SIGMA_MPS**2
        cov[2, 2], cov[5, 5] = ALT_SIGMA_M**2, 25.0
        return mean, cov

    def _asked(self) -> Array:
        """Return the remembered hits as rows: time, origin, rotation, reach, sound, bearing, sigma."""
        out = np.empty((len(self.hits), 17))
        for row, hit in zip(out, self.hits, strict=True):
            look = self.listeners[hit.sensor].look
            row[0] = hit.time_s
            row[1:13] = look[m.L_ORIGIN : m.L_ORIGIN + 12]
            row[13] = farthest(look, UNHEARD) + self.cell_m
            row[14:17] = look[m.L_SOUND], hit.bearing_rad, hit.sigma_rad
        return out

    def _support(self, mean: Array, asked: Array) -> NDArray[np.bool_]:
        """Return which hits a thing that flies as `mean` could have made."""
        lead = asked[:, 0] - self.t_s
        slow = np.where(asked[:, 14] > 0.0, asked[:, 14], m.LIGHT_MPS)
        tau = lead
        for _ in range(4):
            away = mean[:3] + mean[3:] * tau[:, None] - asked[:, 1:4]
            tau = lead - np.sqrt((away * away).sum(axis=1)) / slow
        d = np.einsum("kab,kb->ka", asked[:, 4:13].reshape(-1, 3, 3), away)
        distance = np.hypot(d[:, 0], d[:, 1])
        off = (np.arctan2(d[:, 0], d[:, 1]) - asked[:, 15] + math.pi) % (2.0 * math.pi) - math.pi
        blur = np.hypot(asked[:, 16], self.cell_m / np.maximum(distance, self.cell_m))
        agrees: NDArray[np.bool_] = (asked[:, 16] < 0.0) | (np.abs(off) < AGREES * blur)
        inside: NDArray[np.bool_] = distance < asked[:, 13]
        return agrees & inside

    def dump(self) -> FieldDump:
        """Return the state."""
        # Byte by byte, for exponents are alike and compress; digits of probabilities do not, whatever the effort.
        planes = self.grid.reshape(-1, 1).view(np.uint8).T.tobytes()
        return FieldDump(self.t_s, zlib.compress(planes, 1), self.offset.tobytes(), self.hits)

    def load(self, dump: FieldDump) -> None:
        """Take a state. Raises `ValueError` where it is of another grid."""
        try:
            planes = np.frombuffer(zlib.decompress(dump.grid), np.uint8).reshape(4, -1)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.grid = np.ascontiguousarray(planes.T).view(np.float32).reshape(self.grid.shape)
        self.offset = np.frombuffer(dump.offset).reshape(STATES, 2).copy()
        self.t_s, self.hits = dump.t_s, dump.hits
