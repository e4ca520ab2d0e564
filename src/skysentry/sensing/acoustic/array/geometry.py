"""Where the microphones of an array are, and what a slowness measured with them says of a direction.

A plane wave from the unit vector u (east, north, up) reaches microphone m, r_m from the middle, earlier by r_m·u / c:

    x_m(f) = s(f) · exp(+2πi f r_m·q / c0),   q = u · c0 / c_eff(u),   c_eff = c0 − w·u  (w the wind)

q (no unit, length near 1) is what phases measure: in as many dimensions as the microphones span (`rank`; a plane knows
two, a line one). The rest comes from the length being 1 and the source being where the site says it can be (`coverage`;
for a plane or line above the horizon unless the coverage says otherwise): a horizontal plane knows |u_h| = cos(el), so
its elevation is sharp at the zenith and blunt at the horizon; a line knows a cone, and needs `coverage.az_deg` to know
its side.

`direction` turns q and its information into azimuth and elevation with sigmas by the moments of the posterior on the
sphere (flat prior), taken on a grid: right at the zenith (azimuth means little), at the horizon (half of the sphere is
cut away) and where a Gaussian would not do. Three errors join that of the noise: microphones are `mic_sigma_m` from
where they are declared, the speed of sound is wrong by `SPEED_SIGMA`, and fronts are never flat (`BEND_RAD`). That of
the heading does not: the tracker adds it (`heading_sigma_deg`).
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.events import AzEl, Bearing
from skysentry.site import Sensor, Weather

Array64 = NDArray[np.float64]

MOST_MICS = 16
# Share of the largest extent below which a dimension counts as flat: 2 cm in a metre are mounting, not aperture.
FLAT = 0.08
# A smaller array than 2 cm measures nothing but its own errors.
LEAST_EXTENT_M = 0.01
# The site's weather may be wrong by 6 °C or 3 m/s along the way: each is 1 % of the speed of sound.
SPEED_SIGMA = 0.01
# Turbulence turns a front by √(2.92 C² L) ρ^-1/6: 0.5° over 100 m of air with C² = 3e-7 m^-2/3 (a day with light wind)
# along 1 m. What refraction and mounting add stays, and is a bias of the site (reference, signals 2.3: 1 to 5°).
BEND_RAD = math.radians(0.4)
# A plane knows the elevation this badly at the horizon: what is worse is a bearing.
BLUNT_RAD = math.radians(25.0)
# Other directions that are as good within this (nats) and farther than this make an answer two-fold.
RIVAL_NATS, RIVAL_RAD = 2.0, math.radians(25.0)
# Points a side of the local grid, and how many sigmas it spans.
SIDE, SPAN = 33, 4.0
# A line whose side is not known would give a bearing as wide as this.
SIDELESS_RAD = math.radians(30.0)
# Points of the sphere are this far apart; for a line, whose cone is taken on them, finer.
POINTS_RAD, LINE_POINTS_RAD = math.radians(2.5), math.radians(1.2)
# No sigma is wider than what the sphere has.
WIDEST_RAD = math.radians(50.0)


class Direction(Struct, frozen=True):
    """A direction with sigmas, radians; `blunt` where the elevation says nothing."""

    az: float
    el: float
    sigma_az: float
    sigma_el: float
    blunt: bool

    def measurement(self) -> AzEl | Bearing:
        """Return it as an event holds it."""
        az_deg, sigma_deg = math.degrees(self.az) % 360.0, math.degrees(self.sigma_az)
        if self.blunt:
            return Bearing(bearing_deg=round(az_deg, 4), sigma_deg=round(sigma_deg, 4))
        return AzEl(
            az_deg=round(az_deg, 4),
            el_deg=round(math.degrees(self.el), 4),
            sigma_az_deg=round(sigma_deg, 4),
            sigma_el_deg=round(math.degrees(self.sigma_el), 4),
        )


class Geometry:
    """An array as it stands: `mics_m` [shape=(M, 3)] from their middle, east-north-up; `basis` [shape=(rank, 3)]."""

    def __init__(self, sensor: Sensor, weather: Weather, used: tuple[int, ...] | None = None) -> None:
        every = _turned(sensor)
        self.used = tuple(range(len(every))) if used is None else used
        mics = every[list(self.used)]
        self.mics_m = mics - mics.mean(axis=0)
        _, extents, axes = np.linalg.svd(self.mics_m, full_matrices=False)
        wide = extents > max(FLAT * float(extents[0]), LEAST_EXTENT_M)
        self.rank = int(wide.sum()) if len(mics) > 1 else 0
        self.basis: Array64 = axes[: self.rank]
        self.speed_mps = 331.3 * math.sqrt(1.0 + weather.temperature_c / 273.15)
        towards = math.radians(weather.wind_from_deg + 180.0)
        self.wind_mps = weather.wind_mps * np.array([math.sin(towards), math.cos(towards), 0.0])
        self.places_m: Array64 = self.mics_m @ self.basis.T
        spread = self.places_m.T @ self.places_m
        self.systematic = np.linalg.inv(spread) * sensor.mic_sigma_m**2 + BEND_RAD**2 * np.eye(self.rank)
        self.extent_m = float(max((np.linalg.norm(a - b) for a in mics for b in mics), default=0.0))
        points_rad = LINE_POINTS_RAD if self.rank == 1 else POINTS_RAD
        self.sphere = _allowed(_sphere(points_rad), sensor, self.rank)
        self.sensor = sensor
        self.lowest = _lowest_rad(sensor, self.rank)
        self.seen = self.slowness(self.sphere)

    def slowness(self, units: Array64) -> Array64:
        """Return q [shape=(n, rank)] of unit vectors [shape=(n, 3)]."""
        stretch = self.speed_mps / (self.speed_mps - units @ self.wind_mps)
        made: Array64 = (units * stretch[:, None]) @ self.basis.T
        return made

    def grid(self, step_rad: float) -> Array64:
        """Return the allowed unit vectors [shape=(n, 3)] about this far apart."""
        return _allowed(_sphere(step_rad), self.sensor, self.rank)

    def direction(self, q: Array64, information: Array64) -> Direction | None:
        """Return the direction of a slowness, or `None` where two are as good."""
        if not len(self.sphere):
            return None
        covariance = np.linalg.inv(information) + self.systematic + SPEED_SIGMA**2 * np.outer(q, q)
        if self.rank == 1:
            return self._cone(q, 1.0 / (covariance + (LINE_POINTS_RAD / 2.0) ** 2))
        precision: Array64 = np.linalg.inv(covariance).astype(np.float64)
        away = self.seen - q
        cost = 0.5 * np.einsum("na,ab,nb->n", away, precision, away)
        best = int(cost.argmin())
        start = self._nearest(self.sphere[best], q, precision)
        floor = float(min(cost[best], self._cost(start[None, :], q, precision)[0]))
        apart = self.sphere @ start < math.cos(RIVAL_RAD)
        rivals = apart & (cost < floor + RIVAL_NATS)
        # Rivals count where the way between is worse: a wide single peak is blunt, not two-fold.
        if rivals.any() and self._two_fold(start, rivals, cost, floor):
            return None
        return self._moments(start, q, precision)

    def _cost(self, units: Array64, q: Array64, precision: Array64) -> Array64:
        away = self.slowness(units) - q
        made: Array64 = 0.5 * np.einsum("na,ab,nb->n", away, precision, away)
        return made

    def _two_fold(self, start: Array64, rivals: NDArray[np.bool_], cost: Array64, floor: float) -> bool:
        """Whether the azimuths of what is as good are two groups with worse ones between."""
        good = cost < floor + 2.0 * RIVAL_NATS
        azimuths = np.sort(np.arctan2(self.sphere[good, 0], self.sphere[good, 1]))
        gaps = np.diff(np.append(azimuths, azimuths[0] + 2.0 * np.pi))
        wide = int((gaps > RIVAL_RAD).sum())
        flat = math.hypot(float(start[0]), float(start[1]))
        return wide > 1 and flat > math.sin(RIVAL_RAD)

    def _nearest(self, unit: Array64, q: Array64, precision: Array64) -> Array64:
        """Return the allowed unit vector of least cost near a start: Gauss-Newton on the sphere."""
        for _ in range(8):
            frame = _tangent(unit)
            change = (self.slowness(_moved(unit, frame, 1e-4 * np.eye(2))) - self.slowness(unit[None, :])) / 1e-4
            curve = change @ precision @ change.T
            slope = change @ precision @ (q - self.slowness(unit[None, :])[0])
            step = np.linalg.solve(curve + 1e-2 * np.eye(2) + 1e-6 * np.trace(curve) * np.eye(2), slope)
            length = float(np.linalg.norm(step))
            step *= min(1.0, 0.1 / max(length, 1e-9))
            unit = _above(_moved(unit, frame, step[None, :])[0], self.lowest)
        return unit

    def _cone(self, q: Array64, precision: Array64) -> Direction | None:
        """Return the bearing of everything that a line allows."""
        found = _summed(self.sphere, self._cost(self.sphere, q, precision), True)
        return None if found.sigma_az > SIDELESS_RAD else found

    def _moments(self, start: Array64, q: Array64, precision: Array64) -> Direction:
        frame = _tangent(start)
        change = (self.slowness(_moved(start, frame, 1e-4 * np.eye(2))) - self.slowness(start[None, :])) / 1e-4
        values, vectors = np.linalg.eigh(change @ precision @ change.T)
        sigmas = np.minimum(1.0 / np.sqrt(np.maximum(values, 1e-12)), WIDEST_RAD / 2.0)
        line = np.linspace(-SPAN, SPAN, SIDE)
        steps = np.stack(np.meshgrid(line * sigmas[0], line * sigmas[1]), axis=-1).reshape(-1, 2) @ vectors.T
        units = _moved(start, frame, steps)
        units = units[units[:, 2] >= math.sin(self.lowest) - 1e-9]
        found = _summed(units, self._cost(units, q, precision), False)
        return Direction(found.az, found.el, found.sigma_az, found.sigma_el, found.sigma_el > BLUNT_RAD)


def _summed(units: Array64, cost: Array64, blunt: bool) -> Direction:
    """Return mean and sigmas of directions [shape=(n, 3)] that cost so many nats."""
    weight = np.exp(-(cost - cost.min()))
    weight /= weight.sum()
    mean = weight @ units
    az = math.atan2(float(mean[0]), float(mean[1]))
    # Of the mean vector, not the mean elevation: at the zenith that would lean away from it by two sigmas.
    el = math.atan2(float(mean[2]), math.hypot(float(mean[0]), float(mean[1])))
    turns = np.angle(np.exp(1j * (np.arctan2(units[:, 0], units[:, 1]) - az)))
    sigma_el = math.sqrt(float(weight @ (np.arcsin(np.clip(units[:, 2], -1.0, 1.0)) - el) ** 2))
    sigma_az = math.sqrt(float(weight @ turns**2))
    return Direction(az, el, max(sigma_az, 1e-4), max(sigma_el, 1e-4), blunt)


def usable(sensor: Sensor) -> str | None:
    """Return why the declared microphones of an array give no direction, or `None`."""
    if not 2 <= len(sensor.mics) <= MOST_MICS:
        return f"an array has 2 to {MOST_MICS} microphones in `mics`, here are {len(sensor.mics)}"
    places = np.array(sensor.mics)
    if float(np.abs(places - places.mean(axis=0)).max()) < LEAST_EXTENT_M:
        return "the microphones in `mics` are all in one place"
    return None


def _turned(sensor: Sensor) -> Array64:
    """Return the microphones in east-north-up: x is to the right of the heading, y along it."""
    own = np.array(sensor.mics, dtype=float)
    heading = math.radians(sensor.heading_deg)
    c, s = math.cos(heading), math.sin(heading)
    return np.column_stack((c * own[:, 0] + s * own[:, 1], c * own[:, 1] - s * own[:, 0], own[:, 2]))


def _sphere(step_rad: float) -> Array64:
    """Return unit vectors spread evenly over the sphere, by the golden angle."""
    count = int(4.0 * math.pi / step_rad**2)
    z = 1.0 - 2.0 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * math.pi * (3.0 - math.sqrt(5.0))
    flat = np.sqrt(1.0 - z * z)
    return np.column_stack((flat * np.cos(turn), flat * np.sin(turn), z))


def _lowest_rad(sensor: Sensor, rank: int) -> float:
    low, high = sensor.coverage.el_deg
    everything = low <= -90.0 and high >= 90.0
    # What a plane or line cannot tell is above; a body may hear from below, where a hill falls away.
    return math.radians(0.0 if rank < 3 and everything else max(low, -90.0))


def _allowed(units: Array64, sensor: Sensor, rank: int) -> Array64:
    cover = sensor.coverage
    width = (cover.az_deg[1] - cover.az_deg[0]) % 360.0 or 360.0
    turn = np.degrees(np.arctan2(units[:, 0], units[:, 1]))
    inside = (turn - cover.az_deg[0]) % 360.0 <= width
    high = math.sin(math.radians(cover.el_deg[1]))
    inside &= (units[:, 2] >= math.sin(_lowest_rad(sensor, rank))) & (units[:, 2] <= high + 1e-9)
    kept: Array64 = units[inside]
    return kept


def _tangent(unit: Array64) -> Array64:
    """Return two unit vectors [shape=(2, 3)] across a direction."""
    other = np.array([0.0, 0.0, 1.0]) if abs(unit[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(other, unit)
    first /= np.linalg.norm(first)
    return np.stack((first, np.cross(unit, first)))


def _moved(unit: Array64, frame: Array64, steps: Array64) -> Array64:
    """Return the unit vectors reached by walking along great circles by steps [shape=(n, 2)]."""
    length = np.maximum(np.linalg.norm(steps, axis=1), 1e-12)[:, None]
    made: Array64 = np.cos(length) * unit + np.sin(length) * (steps / length) @ frame
    return made


def _above(unit: Array64, lowest: float) -> Array64:
    low = math.sin(lowest)
    if unit[2] >= low:
        return unit
    flat = max(math.hypot(float(unit[0]), float(unit[1])), 1e-9)
    scale = math.cos(lowest) / flat
    return np.array([unit[0] * scale, unit[1] * scale, low])
