"""The four scenarios: sites with sensors, objects that fly, and the looks that those sensors take of them.

A scenario is first a `Plan` (site, bodies, paths); a variant changes the plan, or what became of its looks
(`variants`). `watch` makes a `World` of it: what the tracker is told, and what is true.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.scenarios.looks import Air, Body, observe
from bench.scenarios.paths import Array, Paths, drop_m, fly, formation
from skysentry.events import Place, Scan
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site, Weather

HOME = Place(lat_deg=50.4, lon_deg=30.5, alt_m=0.0)
FRAME = Frame.at(HOME)
# Sound that is heard at the start was made this long before: 9 s for the 3 km of an array, and room for louder ones.
BEFORE_S = 40.0


@dataclass(frozen=True)
class Plan:
    """A scenario before anything is observed. `group` [shape=(objects,)] numbers the groups, -1 is alone."""

    site: Site
    bodies: list[Body]
    paths: Paths
    seconds: int
    cut_m: float
    flat: bool
    group: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class World:
    """One scenario: what the tracker knows (`site`, `scans` in order of arrival), and what is true.

    `bodies` are the sensors as they are; `expected` [shape=(objects, seconds)] is the number of detections of each
    object that all of them together make in a second, on average; `group` is as in `Plan`.
    """

    name: str
    site: Site
    scans: list[Scan]
    paths: Paths
    seconds: int
    cut_m: float
    flat: bool
    bodies: tuple[Body, ...] = ()
    expected: Array | None = None
    group: NDArray[np.int64] | None = None

    @property
    def outliers(self) -> tuple[Body, ...]:
        """The sensors that are further off than what is declared of them allows."""
        return tuple(body for body in self.bodies if body.outlier)


Streams = Callable[[int], np.random.Generator]


def stream(seed: int, name: str, what: int, index: int = 0) -> np.random.Generator:
    """Return one of a scenario's independent random streams: `what` is 0 for the plan, 1 for looks, 2 for a variant."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), what, index])


def watch(name: str, seed: int, base: str, plan: Plan) -> World:
    """Return the world of a plan; looks draw from the streams of `base`, so that variants pair with it."""
    weather = plan.site.weather
    towards = math.radians(weather.wind_from_deg + 180.0)
    wind = weather.wind_mps * np.array([math.sin(towards), math.cos(towards), 0.0])
    air = Air(331.3 * math.sqrt(1.0 + weather.temperature_c / 273.15), wind)
    scans, expected = observe(
        lambda index: stream(seed, base, 1, index), plan.site, plan.bodies, plan.paths, plan.seconds, air
    )
    return World(
        name,
        plan.site,
        scans,
        plan.paths,
        plan.seconds,
        plan.cut_m,
        plan.flat,
        tuple(plan.bodies),
        expected,
        plan.group,
    )


def site_of(name: str, bodies: list[Body], weather: Weather | None = None) -> Site:
    """Return what is declared of these bodies."""
    sensors = tuple(body.sensor for body in bodies)
    return Site(name=name, position=HOME, sensors=sensors, weather=weather or Weather())


def place_at(e_m: float, n_m: float, height_m: float) -> Place:
    """Return a place by east and north in the site's plane and its height above the ellipsoid."""
    lat, lon, _ = FRAME.to_geodetic(e_m, n_m, -float(drop_m(np.array([e_m, n_m]))))
    return Place(lat_deg=lat, lon_deg=lon, alt_m=height_m)


def radar(name: str, e_m: float, n_m: float, coverage: Coverage, pd: float, false: float) -> Sensor:
    """Return a declared radar (or a sensor that reports places) on a mast of 10 m."""
    return Sensor(
        id=name, kind=SensorKind.RADAR, position=place_at(e_m, n_m, 10.0), position_sigma_m=1.0, coverage=coverage,
        pd=pd, false_per_scan=false,
    )  # fmt: skip


def array(name: str, e_m: float, n_m: float) -> Body:
    """Return an acoustic array: directions with a sigma of 4 degrees, a hard reach of 3 km."""
    cover = Coverage(max_m=3_000.0, soft_m=100.0)
    sensor = Sensor(
        id=name, kind=SensorKind.ARRAY, position=place_at(e_m, n_m, 10.0), position_sigma_m=1.0, coverage=cover,
        pd=0.9, false_per_scan=0.02,
    )  # fmt: skip
    return Body(sensor, "bearings", (4.0, 0.0, 0.0), pd=array_pd)


def array_pd(way: Array) -> Array:
    """Return 0.9 within 3 km and 0 beyond."""
    return np.where(np.linalg.norm(way, axis=-1) < 3_000.0, 0.9, 0.0)


def microphone(name: str, e_m: float, n_m: float) -> Body:
    """Return a microphone: heard or not, 0.8 / (1 + exp((r - 2500 m) / 300 m))."""
    cover = Coverage(max_m=2_500.0, soft_m=300.0)
    sensor = Sensor(
        id=name, kind=SensorKind.MICROPHONE, position=place_at(e_m, n_m, 10.0), position_sigma_m=1.0, coverage=cover,
        pd=0.8, false_per_scan=0.005,
    )  # fmt: skip
    return Body(sensor, "heard")


def plan_site(rng: np.random.Generator, seconds: int | None) -> Plan:
    """One radar, 13 multirotors and 7 fixed wings, dense clutter."""
    seconds = seconds or 300
    cover = Coverage(min_m=150.0, max_m=8_000.0, el_deg=(-10.0, 60.0))
    bodies = [Body(radar("radar", 0.0, 0.0, cover, 0.9, 20.0), "plots", (10.0, 0.5, 0.5), (0.0, 15.0))]
    rotors = fly(
        rng, seconds, rng.uniform(-3500, 3500, (13, 2)), rng.uniform(0, 2 * np.pi, 13), np.full(13, 15.0),
        rng.uniform(50, 250, 13), "rotor", (3500.0, 3500.0),
    )  # fmt: skip
    wings = fly(
        rng, seconds, rng.uniform(-5500, 5500, (7, 2)), rng.uniform(0, 2 * np.pi, 7), np.full(7, 50.0),
        rng.uniform(100, 500, 7), "wing", (5500.0, 5500.0),
    )  # fmt: skip
    start = np.where(rng.random(20) < 1 / 3, rng.uniform(0.0, 60.0, 20), 0.0)
    end = np.where(rng.random(20) < 0.25, rng.uniform(0.5, 1.0, 20) * seconds, seconds + 1.0)
    return Plan(
        site_of("site", bodies), bodies, Paths(np.concatenate([rotors, wings]), start, end), seconds, 200.0, False
    )


def plan_salvo(rng: np.random.Generator, seconds: int | None, objects: int = 300) -> Plan:
    """30 sensors over 200 × 200 km, a quarter of the objects in groups of 4 to 10, every tenth fast."""
    seconds = seconds or 120
    sizes: list[int] = []
    while sum(sizes) < objects // 4:
        sizes.append(min(int(rng.integers(4, 11)), objects // 4 - sum(sizes)))
    alone = objects - sum(sizes)
    n = alone + len(sizes)
    speed = rng.uniform(40, 60, n)
    fast = rng.choice(alone, objects // 10, replace=False)
    speed[fast] = rng.uniform(180, 230, fast.shape[0])
    lead = fly(
        rng, seconds, rng.uniform(-90_000, 90_000, (n, 2)), rng.uniform(0, 2 * np.pi, n), speed,
        rng.uniform(50, 2000, n), "wing",
    )  # fmt: skip
    groups = [_cloud(rng, lead[alone + i], size, 800.0 * math.sqrt(size)) for i, size in enumerate(sizes)]
    place = np.concatenate([lead[:alone], *groups])
    paths = Paths(place, np.zeros(objects), np.full(objects, seconds + 1.0))
    bodies = salvo_bodies()
    return Plan(site_of("salvo", bodies), bodies, paths, seconds, 500.0, False, _numbers(alone, sizes))


def _cloud(rng: np.random.Generator, leader: Array, size: int, across_m: float) -> Array:
    """Return a group that flies as its leader does, its members anywhere in a square of this width."""
    out = np.repeat(leader[None], size, axis=0)
    height = out[..., 2] + drop_m(out)
    out[..., :2] += rng.uniform(-across_m / 2.0, across_m / 2.0, (size, 1, 2))
    out[..., 2] = np.maximum(height + rng.uniform(-100.0, 100.0, (size, 1)), 50.0) - drop_m(out)
    return out


def _numbers(alone: int, sizes: list[int]) -> NDArray[np.int64]:
    return np.concatenate([np.full(alone, -1), np.repeat(np.arange(len(sizes)), sizes)]).astype(np.int64)


def salvo_bodies() -> list[Body]:
    """Return 6 × 5 sensors with a reach of 35 km; two of three measure range, azimuth and elevation, one a place."""
    cover = Coverage(min_m=150.0, max_m=35_000.0)
    bodies = []
    for k in range(30):
        sensor = radar(f"s{k:02}", -83_333.0 + 33_333.0 * (k % 6), -80_000.0 + 40_000.0 * (k // 6), cover, 0.8, 10.0)
        polar = k % 3 != 2
        bodies.append(Body(sensor, "plots" if polar else "places", (15.0, 0.3, 0.3) if polar else (40.0, 40.0, 60.0)))
    return bodies


def plan_bearings(rng: np.random.Generator, seconds: int | None) -> Plan:
    """60 acoustic arrays on a grid of 1.5 km, 12 fixed wings within it."""
    seconds = seconds or 300
    bodies = [
        array(f"a{k:02}", -6_750.0 + 1_500.0 * (k % 10) + e, -3_750.0 + 1_500.0 * (k // 10) + n)
        for k, (e, n) in enumerate(rng.normal(0.0, 100.0, (60, 2)).tolist())
    ]
    # Turning back takes up to 500 m, so that objects stay within the grid.
    half = (6_250.0, 3_250.0)
    places = fly(
        rng, seconds + BEFORE_S, rng.uniform(-1, 1, (12, 2)) * half, rng.uniform(0, 2 * np.pi, 12), np.full(12, 45.0),
        rng.uniform(80, 300, 12), "wing", half,
    )  # fmt: skip
    return Plan(site_of("bearings", bodies), bodies, always(places, seconds), seconds, 300.0, True)


def plan_presence(rng: np.random.Generator, seconds: int | None) -> Plan:
    """400 microphones on a grid of 2 km, 20 objects that fly nearly straight."""
    seconds = seconds or 300
    bodies = presence_bodies(rng)
    half = (18_500.0, 18_500.0)
    places = fly(
        rng, seconds + BEFORE_S, rng.uniform(-17_000, 17_000, (20, 2)), rng.uniform(0, 2 * np.pi, 20),
        np.full(20, 48.0), rng.uniform(100, 600, 20), "straight", half,
    )  # fmt: skip
    return Plan(site_of("presence", bodies), bodies, always(places, seconds), seconds, 1_000.0, True)


def presence_bodies(rng: np.random.Generator, side: int = 20) -> list[Body]:
    """Return side × side microphones, 2 km apart, jittered by 200 m."""
    first = -1_000.0 * (side - 1)
    return [
        microphone(f"m{k:03}", first + 2_000.0 * (k % side) + e, first + 2_000.0 * (k // side) + n)
        for k, (e, n) in enumerate(rng.normal(0.0, 200.0, (side * side, 2)).tolist())
    ]


def always(place: Array, seconds: int) -> Paths:
    """Return objects that fly before, during and after the scenario."""
    n = place.shape[0]
    return Paths(place, np.full(n, -BEFORE_S), np.full(n, seconds + 1.0), -BEFORE_S)


PLANS: dict[str, Callable[[np.random.Generator, int | None], Plan]] = {
    "site": plan_site,
    "salvo": plan_salvo,
    "bearings": plan_bearings,
    "presence": plan_presence,
}


def grouped(plan: Plan, paths: Paths, alone: int, sizes: list[int]) -> Plan:
    """Return a plan with these objects: `alone` single ones, then groups of `sizes`."""
    return replace(plan, paths=paths, group=_numbers(alone, sizes))


def flock(rng: np.random.Generator, leaders: Array, sizes: list[int]) -> Array:
    """Return the places of groups, each 200 to 1,000 m apart within."""
    return np.concatenate(
        [formation(rng, leader, size, rng.uniform(200.0, 1_000.0)) for leader, size in zip(leaders, sizes, strict=True)]
    )
