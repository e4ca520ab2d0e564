"""The ground divided into square cells that are tracked apart: which looks a cell takes, and what it may begin.

    core    the cell's own square: tracks here are published by this cell (`custody`)
    halo    + halo_m around it: here new tracks are founded too, for what happens here bears on the core
    hold    + the reach of a sensor that only hears or points, and an edge: copies of the neighbours' tracks are kept
            here, for they explain what the cell's sensors sense

All cells use the site's working frame, so a state moves from one to another unchanged, and a track that two cells found
from one detection has one name in both. A cell takes the whole scans of every sensor that reaches core and halo.

The halo is at least gate + speed × latency. A track in the core competes for a plot with all that is within the gate of
that plot, and is itself up to `HYSTERESIS_M` outside when it is handed over: two gates of a plot at 35 km (0.3°: 183 m
on an axis, six sigmas), 250 m/s × 2 s of latency and 200 m are 2.9 km. For sensors without ranges the gate is their
reach: a thing at the core's rim is heard by microphones that hear as far again beyond it.

Where a place is in the lattice depends on the site alone, so every process that runs a cell agrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec
import numpy as np

from skysentry.events import Place, Position, Presence, RangeAzEl, RangeBearing, Scan
from skysentry.geo import Frame
from skysentry.site import Sensor, SensorKind, Site
from skysentry.tracking.births.founding import leave
from skysentry.tracking.births.seeds import FEEDING, MOST_CELLS, grid_size_m, listening_box
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.tracks.custody import Custody, Key

# The least halo (see above), and how far beyond the zone in which tracks are founded copies are kept: the gate of a
# plot, so that the first plot inside finds its track there.
LEAST_HALO_M = 3_000.0
EDGE_M = 1_200.0
# A track changes its owner when it is this far beyond the border: four sigmas of a poor place, so it does not flap.
HYSTERESIS_M = 200.0
# A copy is forgotten this far outside of where copies are kept.
SLACK_M = 500.0
# Reach is believed: wind carries sound further. Of a radar its plots say it.
SOUND_REACHES = 1.5
# How long a message between cells takes: here one step of the grid.
LATENCY_NS = 100_000_000
# The grid of undetected objects of one cell: a snapshot of 250 kB has room for this many places (13 numbers each).
PLACES = 2_500
# Sensors without ranges found nothing outside of the core, and copies there are told anew each second: their looks are
# taken for what is within hysteresis and gate of a track that leaves.
RIM_M = 1_000.0
# The grid reaches beyond that by what flies in before it is found: 48 m/s over 16 s.
APPROACH_M = 800.0
# The rings of a radar's map are covered by a cell at least to this share.
LEAST_SHARE = 1.0 / 64.0


@dataclass(frozen=True)
class Area:
    """One cell as its tracker needs it; `grid_m` is the size of the cells of `Births`, the same for all areas."""

    key: Key
    low_m: tuple[float, float]
    side_m: float
    halo_m: float
    grid_m: float
    cells: Cells

    def depth_m(self, e_m: float, n_m: float) -> float:
        """Return how far outside of the core a place is; negative inside."""
        return max(
            self.low_m[0] - e_m,
            e_m - self.low_m[0] - self.side_m,
            self.low_m[1] - n_m,
            n_m - self.low_m[1] - self.side_m,
        )

    def first(self, e_m: float, n_m: float, now_ns: int) -> Custody | None:
        """Return the custody of a track founded at a place; none in the own core."""
        owner = self.cells.at(e_m, n_m)
        return None if owner == self.key else Custody(owner, heard_ns=now_ns)

    def seize(self, custody: Custody | None) -> None:
        """Own a track from now on whose history a track of this cell has taken over."""
        if custody is not None and custody.owner != self.key:
            custody.claim(self.key)

    def mask(self, codes: Indices, rows: Array, free: Array) -> None:
        """Leave what lies outside to other cells: nothing is founded with it, nothing learned of it."""
        low, high = -self.halo_m, self.side_m + self.halo_m
        e, n = self.low_m
        leave(codes, rows, e + low, e + high, n + low, n + high, free)

    def window(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north of the grid of undetected objects."""
        margin, (e, n) = RIM_M + APPROACH_M, self.low_m
        return e - margin, n - margin, e + self.side_m + margin, n + self.side_m + margin

    def shares(self, e_m: float, n_m: float, rings: int, ring_m: float) -> Array:
        """Return which part of each ring around a place lies in core and halo [shape=(rings,)]."""
        r = (np.arange(4 * rings) + 0.5) * ring_m / 4.0
        az = (np.arange(64) + 0.5) * (math.pi / 32.0)
        e, n = e_m + r[:, None] * np.sin(az), n_m + r[:, None] * np.cos(az)
        west, south = self.low_m[0] - self.halo_m, self.low_m[1] - self.halo_m
        wide = self.side_m + 2.0 * self.halo_m
        inside = (e >= west) & (e < west + wide) & (n >= south) & (n < south + wide)
        share: Array = np.maximum(inside.reshape(rings, -1).mean(axis=1), LEAST_SHARE)
        return share

    def part(self, site: Site) -> Site:
        """Return the site with those sensors only that this cell listens to, or that report from anywhere."""
        near = tuple(sensor for sensor in site.sensors if self.cells.concerns(sensor, self))
        return msgspec.structs.replace(site, sensors=near)


@dataclass
class Cells:
    """The lattice: squares of `cell_m` with the site's frame, the first one's corner at `corner_m` (east, north)."""

    site: Site
    cell_m: float
    halo_m: float = 0.0
    corner_m: tuple[float, float] = (0.0, 0.0)
    latency_ns: int = LATENCY_NS
    frame: Frame = field(init=False)
    hold_m: float = field(init=False)
    grid_m: float = field(init=False)

    def __post_init__(self) -> None:
        self.frame = Frame.at(self.site.position)
        feeding = [sensor for sensor in self.site.sensors if sensor.kind in FEEDING and sensor.position is not None]
        reach_m = max((sensor.coverage.max_m + 3.0 * sensor.coverage.soft_m for sensor in feeding), default=0.0)
        self.halo_m = self.halo_m or LEAST_HALO_M
        self.hold_m = self.halo_m + EDGE_M + reach_m
        self.grid_m = self._grid_m(feeding)
        self._places = {
            sensor.id: self._local(sensor.position) for sensor in self.site.sensors if sensor.position is not None
        }
        self._sensors = {sensor.id: sensor for sensor in self.site.sensors}
        self._touched: dict[str, tuple[Key, ...]] = {}

    def _grid_m(self, feeding: list[Sensor]) -> float:
        """Return the grid that the whole site would have, unless a single cell's can be much finer."""
        window_m = self.cell_m + 2.0 * (RIM_M + APPROACH_M)
        alone = grid_size_m(window_m, window_m, PLACES)
        if not feeding:
            return alone
        places = [self._local(sensor.position) for sensor in feeding if sensor.position is not None]
        reach = [sensor.coverage.max_m + 3.0 * sensor.coverage.soft_m for sensor in feeding]
        low_e, low_n, high_e, high_n = listening_box(places, reach)
        whole = grid_size_m(high_e - low_e, high_n - low_n, MOST_CELLS)
        return whole if whole < 2.0 * alone else alone

    def _local(self, place: Place) -> tuple[float, float]:
        e, n, _ = self.frame.to_local(place.lat_deg, place.lon_deg, place.alt_m or 0.0)
        return e, n

    def at(self, e_m: float, n_m: float) -> Key:
        """Return the cell whose core a place is in."""
        return (
            math.floor((e_m - self.corner_m[0]) / self.cell_m),
            math.floor((n_m - self.corner_m[1]) / self.cell_m),
        )

    def area(self, key: Key) -> Area:
        """Return a cell's area."""
        low = (self.corner_m[0] + key[0] * self.cell_m, self.corner_m[1] + key[1] * self.cell_m)
        return Area(key, low, self.cell_m, self.halo_m, self.grid_m, self)

    def around(self, e_m: float, n_m: float, margin_m: float) -> list[Key]:
        """Return the cells whose core lies within a square of half-width `margin_m` around a place."""
        west, south = self.at(e_m - margin_m, n_m - margin_m)
        east, north = self.at(e_m + margin_m, n_m + margin_m)
        return [(i, j) for i in range(west, east + 1) for j in range(south, north + 1)]

    def concerns(self, sensor: Sensor, area: Area) -> bool:
        """Return whether a cell must know a sensor: it reaches it, or its reports may be from anywhere.

        A time difference needs the place of a second radio sensor, which may stand as far away again.
        """
        place = self._places.get(sensor.id)
        if place is None or sensor.reports:
            return True
        reach_m = _reach_m(sensor) * (2.0 if sensor.kind is SensorKind.RF else 1.0)
        return area.depth_m(*place) < self._margin_m(sensor) + reach_m

    def _margin_m(self, sensor: Sensor) -> float:
        """Return how far outside of a core a sensor's coverage must end for the cell to do without it."""
        return RIM_M if sensor.kind in FEEDING else self.halo_m

    def takes(self, scan: Scan) -> tuple[Key, ...]:
        """Return the cells that take a look: those that its sensor's coverage, or what it reports, touches."""
        sensor = self._sensors.get(scan.sensor)
        moved = scan.position is not None or scan.reach_m is not None
        if sensor is not None and not moved and not sensor.reports and sensor.id in self._places:
            keys = self._touched.get(sensor.id)
            if keys is None:
                keys = self._circle(self._places[sensor.id], _reach_m(sensor), self._margin_m(sensor))
                self._touched[sensor.id] = keys
            if sensor.kind in FEEDING or not scan.detections:
                return keys
            far_m = self._farthest_m(scan)
            if far_m <= _reach_m(sensor):
                return keys
            return self._circle(self._places[sensor.id], far_m, self.halo_m)
        return self._reported(scan, sensor)

    def _farthest_m(self, scan: Scan) -> float:
        """Return how far away a sensor's farthest plot is: some lie beyond what was declared."""
        at, far = self._places[scan.sensor], 0.0
        for detection in scan.detections:
            z = detection.measurement
            if isinstance(z, (RangeAzEl, RangeBearing)):
                far = max(far, z.range_m)
            elif isinstance(z, Position):
                e, n, _ = self.frame.to_local(z.lat_deg, z.lon_deg, z.alt_m or 0.0)
                far = max(far, math.hypot(e - at[0], n - at[1]))
        return far

    def _circle(self, place: tuple[float, float], reach_m: float, margin_m: float) -> tuple[Key, ...]:
        """Return the cells whose core, widened by a margin, a circle touches."""
        found = []
        for key in self.around(*place, reach_m + margin_m):
            low = self.area(key).low_m
            out = [max(low[a] - margin_m - place[a], place[a] - low[a] - self.cell_m - margin_m, 0.0) for a in range(2)]
            if math.hypot(*out) < reach_m:
                found.append(key)
        return tuple(found)

    def _reported(self, scan: Scan, sensor: Sensor | None) -> tuple[Key, ...]:
        """Return the cells of a look by one that moves, that nobody declared, or that tells what others claim."""
        keys: dict[Key, None] = {}
        at = self._local(scan.position) if scan.position is not None else self._places.get(scan.sensor)
        if at is not None:
            known = sensor or Sensor(id=scan.sensor, kind=SensorKind.EXTERNAL)
            reach_m = _reach_m(known) if scan.reach_m is None else max(_reach_m(known), scan.reach_m)
            keys.update(dict.fromkeys(self._circle(at, reach_m, self._margin_m(known))))
        for detection in scan.detections:
            z = detection.measurement
            if isinstance(z, Position):
                e, n, _ = self.frame.to_local(z.lat_deg, z.lon_deg, z.alt_m or 0.0)
                keys.update(dict.fromkeys(self.around(e, n, self.halo_m)))
            elif isinstance(z, Presence) and detection.identity is not None:
                return EVERY
        # What has no place anywhere is refused, and told, by the cell in the middle.
        return tuple(keys) or (self.at(0.0, 0.0),)


# All cells that there are: a claim without a place may be of any track.
EVERY: tuple[Key, ...] = ()


def _reach_m(sensor: Sensor) -> float:
    reaches = SOUND_REACHES if sensor.by_sound else 1.0
    return reaches * sensor.coverage.max_m + 3.0 * sensor.coverage.soft_m
