"""Where new tracks start from directions and "heard": the grid of `field`, its hits, and what it takes to believe it.

Where the expected number of undetected objects in 3 × 3 cells passes `SPAWN_MASS`, the last hits are asked who
supports it: a hit supports if its sensor could have sensed a thing flying as the cells say, at the time when it
emitted. Two sensors and several looks are needed, so that a ghost, where two bearings happen to cross, has to move as
one thing would before it is believed. Then a track is founded with the cells' mean and covariance, and the grid is
emptied there.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.geo import MEAN_RADIUS_M
from skysentry.site import Sensor, SensorKind
from skysentry.tracking import kernels
from skysentry.tracking import measure as m
from skysentry.tracking.batch import LISTENING_S, Listener
from skysentry.tracking.cloud import Cells
from skysentry.tracking.field import DENSITY_M2, DIRECTION_PER_S, HEADINGS, HEARD_PER_S, NOMINAL_MPS, STATES
from skysentry.tracking.found import ALT_PRIOR_M, ALT_SIGMA_M
from skysentry.tracking.motion import Array

FEEDING = (SensorKind.MICROPHONE, SensorKind.ARRAY, SensorKind.CAMERA, SensorKind.RF, SensorKind.OBSERVER)
# Cells: fine enough for a bearing of 4° at 3 km, few enough for one core and a small snapshot.
MOST_CELLS = 6_000
LEAST_CELL_M = 250.0
SPAWN_MASS = 0.8
# Who must support a new track, over how long.
SENSORS_NEEDED = 2
LOOKS_NEEDED = 6
SPAN_NEEDED_S = 4.0
REMEMBERED_S = 16.0
MOST_HITS = 4_000
# Sigma of speed around the nominal one, and of a bearing's agreement, in sigmas of the bearing.
SPEED_SIGMA_MPS = 12.0
AGREES = 3.0
# A grid cell that gave a track expects nothing more for now.
EMPTIED = 1e-3


class Hit(Struct, array_like=True):
    """One positive look: when it arrived, from where, its direction and sigma (negative sigma: only heard)."""

    time_s: float
    sensor: str
    bearing_rad: float
    sigma_rad: float
    detection: str


class Seed(Struct):
    """A new track: mean (6,), covariance (6, 6) of the working frame, and the hits that support it.

    `cells` are those it comes from, where nothing but microphones supports it.
    """

    mean: Array
    cov: Array
    cell: str
    hits: list[Hit]
    cells: Cells | None


class FieldDump(Struct):
    """State of `Births`."""

    t_s: float
    grid: bytes
    offset: bytes
    hits: list[Hit]


class Births:
    """The grid over one site's microphones, arrays, cameras and observers."""

    def __init__(self, listeners: dict[str, Listener], sensors: tuple[Sensor, ...], site_alt_m: float) -> None:
        self.listeners = {
            sensor.id: listeners[sensor.id]
            for sensor in sensors
            if sensor.kind in FEEDING and sensor.id in listeners and listeners[sensor.id].placed
        }
        looks = [own.look for own in self.listeners.values()]
        reach = [look[m.L_MAX] + 3.0 * look[m.L_SOFT] for look in looks]
        low = [min(look[m.L_ORIGIN + a] - r for look, r in zip(looks, reach, strict=True)) for a in range(2)]
        high = [max(look[m.L_ORIGIN + a] + r for look, r in zip(looks, reach, strict=True)) for a in range(2)]
        wide, tall = high[0] - low[0], high[1] - low[1]
        self.cell_m = max(math.sqrt(wide * tall / MOST_CELLS), LEAST_CELL_M)
        self.corner: Array = np.array([low[0] + 0.5 * self.cell_m, low[1] + 0.5 * self.cell_m])
        shape = (STATES, max(int(tall / self.cell_m) + 1, 3), max(int(wide / self.cell_m) + 1, 3))
        self.grid: Array = np.full(shape, DENSITY_M2 * self.cell_m**2 / STATES)
        self.offset: Array = np.zeros((STATES, 2))
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
        kernels.heed(
            self.grid, self.offset, self.corner, self.cell_m, self.t_s, ALT_PRIOR_M, look, bearings, quiet, temper
        )
        self.hits += hits

    def advance(self, now_s: float) -> None:
        """Move the grid to now, and forget old hits."""
        if self.t_s < 0.0 or now_s <= self.t_s:
            return
        # Beyond a few refills nothing is left of what was known.
        kernels.drift(self.grid, self.offset, min(now_s - self.t_s, 5.0), self.cell_m)
        self.t_s = now_s
        self.hits = [hit for hit in self.hits if now_s - hit.time_s < REMEMBERED_S][-MOST_HITS:]

    def seeds(self) -> list[Seed]:
        """Return the new tracks, the surest first, and empty the grid there."""
        made: list[Seed] = []
        if not self.hits:
            return made
        flat = self.grid.sum(axis=0)
        inner = np.pad(flat, 1)
        mass = np.zeros_like(flat)
        for i, j in np.ndindex(3, 3):
            mass += inner[i : i + flat.shape[0], j : j + flat.shape[1]]
        order = [int(k) for k in np.argsort(-mass, axis=None, kind="stable")[:200] if mass.flat[k] > SPAWN_MASS]
        taken: list[tuple[int, int]] = []
        asked = self._asked() if order else np.empty((0, 0))
        for k in order:
            i, j = divmod(k, flat.shape[1])
            if any(abs(i - a) <= 2 and abs(j - b) <= 2 for a, b in taken):
                continue
            taken.append((i, j))
            seed = self._seed(i, j, asked)
            if seed is not None:
                made.append(seed)
                self.grid[:, max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] *= EMPTIED
        return made

    def _seed(self, i: int, j: int, asked: Array) -> Seed | None:
        """Return the track of the box around a cell, if enough sensors support it."""
        rows, columns = slice(max(i - 1, 0), i + 2), slice(max(j - 1, 0), j + 2)
        box = self.grid[:, rows, columns]
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
        mean, cov = self._state(mean4, cov4)
        hits = [self.hits[k] for k in np.flatnonzero(self._support(mean, asked))]
        if len({hit.sensor for hit in hits}) < SENSORS_NEEDED or len(hits) < LOOKS_NEEDED:
            return None
        if hits[-1].time_s - hits[0].time_s < SPAN_NEEDED_S:
            return None
        cells = None
        if all(hit.sigma_rad < 0.0 for hit in hits):
            first = self.corner + self.cell_m * np.array([columns.start, rows.start])
            cells = Cells(box.copy(), self.offset.copy(), float(first[0]), float(first[1]), self.cell_m)
        return Seed(mean=mean, cov=cov, cell=f"{i}.{j}", hits=hits, cells=cells)

    def _state(self, mean4: Array, cov4: Array) -> tuple[Array, Array]:
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
            row[13] = look[m.L_MAX] + 3.0 * look[m.L_SOFT] + self.cell_m
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
        return FieldDump(self.t_s, zlib.compress(self.grid.tobytes(), 1), self.offset.tobytes(), self.hits)

    def load(self, dump: FieldDump) -> None:
        """Take a state. Raises `ValueError` where it is of another grid."""
        try:
            grid = np.frombuffer(zlib.decompress(dump.grid))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.grid = grid.reshape(self.grid.shape).copy()
        self.offset = np.frombuffer(dump.offset).reshape(STATES, 2).copy()
        self.t_s, self.hits = dump.t_s, dump.hits
