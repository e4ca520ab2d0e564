"""The four scenarios: sites with sensors, and the looks that those sensors take of true paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.scenarios.paths import EARTH_M, Array, Paths, fly
from skysentry.events import (
    Bearing,
    Detection,
    Place,
    Position,
    Presence,
    RangeAzEl,
    Scan,
)
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site

START_NS = 1_700_000_000_000_000_000
SOUND_MPS = 331.3 * math.sqrt(1.0 + 12.0 / 273.15)
HOME = Place(lat_deg=50.4, lon_deg=30.5, alt_m=0.0)


@dataclass(frozen=True)
class World:
    """One scenario: what the tracker knows (`site`, `scans` in order of time), and what is true."""

    name: str
    site: Site
    scans: list[Scan]
    paths: Paths
    seconds: int
    cut_m: float
    flat: bool


def make(name: str, seed: int, seconds: int | None = None) -> World:
    """Return a scenario by name and seed, of its own length or of `seconds`."""
    return SCENARIOS[name](np.random.default_rng([seed, sum(name.encode())]), seconds)


def _scans(
    rng: np.random.Generator, site: Site, seconds: int, look: Callable[[Sensor, float], list[object]]
) -> list[Scan]:
    out = []
    for sensor in site.sensors:
        phase = rng.random()
        for k in range(seconds):
            time_ns = START_NS + round((k + phase) * 1e9)
            found = look(sensor, k + phase)
            key = f"{sensor.id}@{time_ns}"
            out.append(
                Scan(
                    id=key,
                    sensor=sensor.id,
                    time_ns=time_ns,
                    received_ns=time_ns,
                    detections=tuple(
                        Detection(id=f"{key}#{i}", measurement=z)
                        for i, z in enumerate(found)  # type: ignore[arg-type]
                    ),
                )
            )
    return sorted(out, key=lambda scan: (scan.time_ns, scan.id))


def _sensor(frame: Frame, name: str, kind: SensorKind, e: float, n: float, **more: object) -> Sensor:
    lat, lon, _ = frame.to_geodetic(e, n, -(e * e + n * n) / (2.0 * EARTH_M))
    place = Place(lat_deg=lat, lon_deg=lon, alt_m=10.0)
    return Sensor(id=name, kind=kind, position=place, position_sigma_m=1.0, **more)  # type: ignore[arg-type]


def _polar(frame: Frame, sensor: Sensor) -> tuple[Array, Array]:
    """Return a sensor's place and its rotation from the site's frame."""
    assert sensor.position is not None
    own = Frame.at(sensor.position)
    place = frame.to_local(sensor.position.lat_deg, sensor.position.lon_deg, sensor.position.alt_m or 0.0)
    return np.array(place), own.turn_from(frame)


def _direction(d: Array) -> tuple[float, float, float]:
    slant = float(np.linalg.norm(d))
    return slant, math.degrees(math.atan2(d[0], d[1])), math.degrees(math.asin(d[2] / slant))


def _plots(
    rng: np.random.Generator,
    frame: Frame,
    sensor: Sensor,
    paths: Paths,
    time_s: float,
    sigma: tuple[float, float, float],
    clutter_el: tuple[float, float],
) -> list[object]:
    """Return a radar's look: range, azimuth, elevation of what it detects, and clutter uniform over the area."""
    at, turn = _polar(frame, sensor)
    cover = sensor.coverage
    found: list[object] = []
    for i in np.flatnonzero(paths.alive(time_s)):
        slant, az, el = _direction(turn @ (paths.at(time_s)[i] - at))
        if cover.min_m < slant < cover.max_m and el < cover.el_deg[1] and rng.random() < sensor.pd:
            found.append((slant, az, el))
    found = [
        (r + rng.normal() * sigma[0], a + rng.normal() * sigma[1], e + rng.normal() * sigma[2]) for r, a, e in found
    ]  # type: ignore[misc]
    for _ in range(rng.poisson(sensor.false_per_scan)):
        r = math.sqrt(rng.uniform(cover.min_m**2, cover.max_m**2))
        found.append((r, rng.uniform(0.0, 360.0), rng.uniform(*clutter_el)))
    order = rng.permutation(len(found))
    return [
        RangeAzEl(
            range_m=max(found[k][0], 1.0),  # type: ignore[index]
            az_deg=found[k][1] % 360.0,  # type: ignore[index]
            el_deg=float(np.clip(found[k][2], -89.0, 89.0)),  # type: ignore[index]
            sigma_range_m=sigma[0],
            sigma_az_deg=sigma[1],
            sigma_el_deg=sigma[2],
        )
        for k in order
    ]


def _site(rng: np.random.Generator, seconds: int | None) -> World:
    seconds = seconds or 300
    frame = Frame.at(HOME)
    cover = Coverage(min_m=150.0, max_m=8_000.0, el_deg=(-10.0, 60.0))
    radar = _sensor(frame, "radar", SensorKind.RADAR, 0.0, 0.0, coverage=cover, pd=0.9, false_per_scan=20.0)
    site = Site(name="site", position=HOME, sensors=(radar,))
    rotors = fly(
        rng, seconds, rng.uniform(-3500, 3500, (13, 2)), rng.uniform(0, 6.283, 13), np.full(13, 15.0),
        rng.uniform(50, 250, 13), "rotor", 3500.0,
    )  # fmt: skip
    wings = fly(
        rng, seconds, rng.uniform(-5500, 5500, (7, 2)), rng.uniform(0, 6.283, 7), np.full(7, 50.0),
        rng.uniform(100, 500, 7), "wing", 5500.0,
    )  # fmt: skip
    paths = _lives(rng, np.concatenate([rotors, wings]), seconds)
    sigma = (10.0, 0.5, 0.5)
    scans = _scans(rng, site, seconds, lambda s, t: _plots(rng, frame, s, paths, t, sigma, (0.0, 15.0)))
    return World("site", site, scans, paths, seconds, 200.0, False)


def _lives(rng: np.random.Generator, place: Array, seconds: int) -> Paths:
    """A third of the objects start up to 60 s late, a quarter end early."""
    n = place.shape[0]
    start = np.where(rng.random(n) < 1 / 3, rng.uniform(0.0, 60.0, n), 0.0)
    end = np.where(rng.random(n) < 0.25, rng.uniform(0.5, 1.0, n) * seconds, seconds + 1.0)
    return Paths(place, start, end)


def _salvo(rng: np.random.Generator, seconds: int | None) -> World:
    seconds = seconds or 120
    frame = Frame.at(HOME)
    sensors = []
    for k in range(30):
        e, n = -83_333.0 + 33_333.0 * (k % 6), -80_000.0 + 40_000.0 * (k // 6)
        cover = Coverage(min_m=150.0, max_m=35_000.0)
        sensors.append(_sensor(frame, f"s{k:02}", SensorKind.RADAR, e, n, coverage=cover, pd=0.8, false_per_scan=10.0))
    site = Site(name="salvo", position=HOME, sensors=tuple(sensors))
    start, heading, speed, height = _groups(rng, 300)
    paths = Paths(fly(rng, seconds, start, heading, speed, height, "wing"), np.zeros(300), np.full(300, seconds + 1.0))

    def look(sensor: Sensor, time_s: float) -> list[object]:
        if int(sensor.id[1:]) % 3 != 2:
            return _plots(rng, frame, sensor, paths, time_s, (15.0, 0.3, 0.3), (0.0, 6.0))
        return _places(rng, frame, sensor, paths, time_s, (40.0, 40.0, 60.0))

    return World("salvo", site, _scans(rng, site, seconds, look), paths, seconds, 500.0, False)


def _groups(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array, Array]:
    """Starts, headings, speeds, heights: a quarter in groups that fly together, every tenth fast."""
    start, heading = rng.uniform(-90_000, 90_000, (n, 2)), rng.uniform(0, 6.283, n)
    speed, height = rng.uniform(40, 60, n), rng.uniform(50, 2000, n)
    speed[::10] = rng.uniform(180, 230, speed[::10].shape[0])
    k = 0
    while k < n // 4:
        size = min(int(rng.integers(4, 11)), n // 4 - k)
        members = slice(k, k + size)
        start[members] = start[k] + rng.normal(0.0, 800.0 * math.sqrt(size) / 2.0, (size, 2))
        heading[members], speed[members] = heading[k], 50.0
        k += max(size, 1)
    return start, heading, speed, height


def _places(
    rng: np.random.Generator,
    frame: Frame,
    sensor: Sensor,
    paths: Paths,
    time_s: float,
    sigma: tuple[float, float, float],
) -> list[object]:
    at, _ = _polar(frame, sensor)
    places = paths.at(time_s)
    reach_m = sensor.coverage.max_m
    near = [i for i in np.flatnonzero(paths.alive(time_s)) if np.linalg.norm(places[i] - at) < reach_m]
    found = [places[i] + rng.normal(size=3) * sigma for i in near if rng.random() < sensor.pd]
    for _ in range(rng.poisson(sensor.false_per_scan)):
        r, az = sensor.coverage.max_m * math.sqrt(rng.random()), rng.uniform(0.0, 6.283)
        found.append(at + np.array([r * math.sin(az), r * math.cos(az), rng.uniform(0.0, 2000.0)]))
    out: list[object] = []
    for e, n, u in found:
        lat, lon, alt = frame.to_geodetic(float(e), float(n), float(u))
        cov = (sigma[0] ** 2, 0.0, 0.0, sigma[1] ** 2, 0.0, sigma[2] ** 2)
        out.append(Position(lat_deg=lat, lon_deg=lon, alt_m=alt, cov_m2=cov))
    return out


def _bearings(rng: np.random.Generator, seconds: int | None) -> World:
    seconds = seconds or 300
    frame = Frame.at(HOME)
    sensors = []
    for k in range(60):
        e = -6_750.0 + 1_500.0 * (k % 10) + rng.normal() * 100.0
        n = -3_750.0 + 1_500.0 * (k // 10) + rng.normal() * 100.0
        cover = Coverage(max_m=3_000.0, soft_m=100.0)
        sensors.append(_sensor(frame, f"a{k:02}", SensorKind.ARRAY, e, n, coverage=cover, pd=0.9, false_per_scan=0.02))
    site = Site(name="bearings", position=HOME, sensors=tuple(sensors))
    start = rng.uniform((-6_500, -3_500), (6_500, 3_500), (12, 2))
    places = fly(
        rng, seconds, start, rng.uniform(0, 6.283, 12), np.full(12, 45.0), rng.uniform(80, 300, 12), "wing", 4_500.0
    )
    paths = Paths(places, np.full(12, -100.0), np.full(12, seconds + 1.0))

    def look(sensor: Sensor, time_s: float) -> list[object]:
        at, turn = _polar(frame, sensor)
        sent = paths.emitted(time_s, at, SOUND_MPS)
        out: list[object] = []
        for d in paths.at(sent) - at:
            slant, az, _ = _direction(turn @ d)
            if slant < 3_000.0 and rng.random() < 0.9:
                out.append(Bearing(bearing_deg=(az + rng.normal() * 4.0) % 360.0, sigma_deg=4.0))
        out += [Bearing(bearing_deg=rng.uniform(0.0, 360.0), sigma_deg=4.0) for _ in range(rng.poisson(0.02))]
        return out

    return World("bearings", site, _scans(rng, site, seconds, look), paths, seconds, 300.0, True)


def _presence(rng: np.random.Generator, seconds: int | None) -> World:
    seconds = seconds or 300
    frame = Frame.at(HOME)
    sensors = []
    for k in range(400):
        e = -19_000.0 + 2_000.0 * (k % 20) + rng.normal() * 200.0
        n = -19_000.0 + 2_000.0 * (k // 20) + rng.normal() * 200.0
        cover = Coverage(max_m=2_500.0, soft_m=300.0)
        sensors.append(
            _sensor(frame, f"m{k:03}", SensorKind.MICROPHONE, e, n, coverage=cover, pd=0.8, false_per_scan=0.005)
        )
    site = Site(name="presence", position=HOME, sensors=tuple(sensors))
    start = rng.uniform(-17_000, 17_000, (20, 2))
    places = fly(
        rng,
        seconds,
        start,
        rng.uniform(0, 6.283, 20),
        np.full(20, 48.0),
        rng.uniform(100, 600, 20),
        "straight",
        18_500.0,
    )
    paths = Paths(places, np.full(20, -100.0), np.full(20, seconds + 1.0))

    def look(sensor: Sensor, time_s: float) -> list[object]:
        at, _ = _polar(frame, sensor)
        reach = np.linalg.norm(paths.at(paths.emitted(time_s, at, SOUND_MPS)) - at, axis=1)
        heard = 1.0 - np.prod(1.0 - 0.8 / (1.0 + np.exp(np.clip((reach - 2_500.0) / 300.0, -50, 50))))
        return [Presence()] if rng.random() < 1.0 - (1.0 - heard) * 0.995 else []

    return World("presence", site, _scans(rng, site, seconds, look), paths, seconds, 1_000.0, True)


SCENARIOS: dict[str, Callable[[np.random.Generator, int | None], World]] = {
    "site": _site,
    "salvo": _salvo,
    "bearings": _bearings,
    "presence": _presence,
}
