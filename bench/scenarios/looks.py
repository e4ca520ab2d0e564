"""What sensors report of true paths: plots, places, directions, and "heard".

A `Body` is a sensor as it really is: what is declared of it (`sensor`), and how far off it stands, points, hears and
keeps time. Each sensor has a random stream of its own, and draws the same numbers whatever is wrong with it, so that a
world with errors and one without are a pair.

    plots      range, azimuth, elevation; clutter uniform over the area, and over `clutter_el_deg`
    places     east, north, up with a covariance; clutter uniform over the area up to 2 km
    bearings   azimuths of sound at the time of emission
    heard      whether any sound came through: P = Pd / (1 + exp((r - reach) / soft)) for each object
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.scenarios.paths import Array, Paths
from skysentry.events import AnyMeasurement, Bearing, Detection, Place, Position, Presence, RangeAzEl, Scan
from skysentry.geo import Frame
from skysentry.site import Sensor, Site

START_NS = 1_700_000_000_000_000_000
# An angle noise beyond the horizon's pole is folded no further than this.
MOST_EL_DEG = 89.0


@dataclass(frozen=True)
class Body:
    """A sensor as it is. `heading_deg` is added to every azimuth it reports, `clock_s` to every time; `moved_m` (east,
    north) is from the declared to the true place; `outlier` says that its declared sigmas do not cover that.

    `pd` gives P(detected) [shape=(looks, objects)] from true offsets [shape=(looks, objects, 3)] in its own frame.
    """

    sensor: Sensor
    look: str
    sigma: tuple[float, float, float] = (0.0, 0.0, 0.0)
    clutter_el_deg: tuple[float, float] = (0.0, 6.0)
    heading_deg: float = 0.0
    clock_s: float = 0.0
    moved_m: tuple[float, float] = (0.0, 0.0)
    outlier: bool = False
    pd: Callable[[Array], Array] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Air:
    """What carries sound: its speed, and the wind (east, north, up)."""

    sound_mps: float
    wind_mps: Array


def observe(
    streams: Callable[[int], np.random.Generator], site: Site, bodies: list[Body], paths: Paths, seconds: int, air: Air
) -> tuple[list[Scan], Array]:
    """Return all looks in order of time, and the expected number of detections [shape=(objects, seconds)]."""
    frame = Frame.at(site.position)
    expected = np.zeros((paths.place.shape[0], seconds))
    scans: list[Scan] = []
    for index, body in enumerate(bodies):
        rng = streams(index)
        times = rng.random() + np.arange(seconds)
        at, turn = _stand(frame, body)
        sound = air if body.sensor.by_sound else None
        sent = times[:, None]
        if sound is not None:
            sent = paths.emitted(times[:, None], at, sound.sound_mps, sound.wind_mps)
        way = (paths.at(sent) - at) @ turn.T
        pd = np.where(paths.alive(sent), (body.pd or declared_pd(body.sensor))(way), 0.0)
        expected += pd.T
        found = LOOKS[body.look](rng, body, frame, at, turn, way, pd)
        scans += [_scan(body, float(t), z) for t, z in zip(times, found, strict=True)]
    return sorted(scans, key=lambda scan: (scan.received_ns, scan.id)), expected


def declared_pd(sensor: Sensor) -> Callable[[Array], Array]:
    """Return what the site believes: a shell with a hard or soft edge, up to an elevation."""
    cover = sensor.coverage

    def pd(way: Array) -> Array:
        slant = np.linalg.norm(way, axis=-1)
        if cover.soft_m > 0.0:
            fading: Array = sensor.pd / (1.0 + np.exp(np.clip((slant - cover.max_m) / cover.soft_m, -50.0, 50.0)))
            return fading
        elevation = np.degrees(np.arcsin(way[..., 2] / slant))
        inside = (slant > cover.min_m) & (slant < cover.max_m)
        inside &= (elevation > cover.el_deg[0]) & (elevation < cover.el_deg[1])
        return np.where(inside, sensor.pd, 0.0)

    return pd


def _stand(frame: Frame, body: Body) -> tuple[Array, Array]:
    """Return a sensor's true place, and its rotation from the site's frame."""
    place = body.sensor.position
    assert place is not None
    at = np.array(frame.to_local(place.lat_deg, place.lon_deg, place.alt_m or 0.0))
    at[:2] += body.moved_m
    return at, Frame.at(place).turn_from(frame)


def _scan(body: Body, time_s: float, found: list[AnyMeasurement]) -> Scan:
    time_ns = START_NS + round((time_s + body.clock_s) * 1e9)
    key = f"{body.sensor.id}@{time_ns}"
    return Scan(
        id=key,
        sensor=body.sensor.id,
        time_ns=time_ns,
        received_ns=START_NS + round(time_s * 1e9),
        detections=tuple(Detection(id=f"{key}#{i}", measurement=z) for i, z in enumerate(found)),
    )


def _plots(
    rng: np.random.Generator, body: Body, frame: Frame, at: Array, turn: Array, way: Array, pd: Array
) -> list[list[AnyMeasurement]]:
    slant = np.linalg.norm(way, axis=-1)
    az = np.degrees(np.arctan2(way[..., 0], way[..., 1])) + body.heading_deg
    true = np.stack([slant, az, np.degrees(np.arcsin(way[..., 2] / slant))], axis=-1)
    seen, noisy = _draw(rng, body, pd, true)
    cover = body.sensor.coverage
    sigma_r, sigma_az, sigma_el = body.sigma
    out: list[list[AnyMeasurement]] = []
    for k in range(pd.shape[0]):
        n = rng.poisson(body.sensor.false_per_scan)
        r = np.sqrt(rng.uniform(cover.min_m**2, cover.max_m**2, n))
        clutter = np.stack([r, rng.uniform(0.0, 360.0, n), rng.uniform(*body.clutter_el_deg, n)], axis=-1)
        rows = rng.permutation(np.concatenate([noisy[k][seen[k]], clutter]))
        rows[:, 0] = np.maximum(rows[:, 0], 1.0)
        rows[:, 1] %= 360.0
        rows[:, 2] = np.clip(rows[:, 2], -MOST_EL_DEG, MOST_EL_DEG)
        out.append(
            [
                RangeAzEl(
                    range_m=r, az_deg=a, el_deg=e, sigma_range_m=sigma_r, sigma_az_deg=sigma_az, sigma_el_deg=sigma_el
                )
                for r, a, e in rows.tolist()
            ]
        )
    return out


def _places(
    rng: np.random.Generator, body: Body, frame: Frame, at: Array, turn: Array, way: Array, pd: Array
) -> list[list[AnyMeasurement]]:
    seen, noisy = _draw(rng, body, pd, way)
    se, sn, su = body.sigma
    cov = (se * se, 0.0, 0.0, sn * sn, 0.0, su * su)
    own = Frame.at(body.sensor.position or Place(lat_deg=0.0, lon_deg=0.0))
    out: list[list[AnyMeasurement]] = []
    for k in range(pd.shape[0]):
        n = rng.poisson(body.sensor.false_per_scan)
        r, az = body.sensor.coverage.max_m * np.sqrt(rng.random(n)), rng.uniform(0.0, 2.0 * np.pi, n)
        clutter = np.stack([r * np.sin(az), r * np.cos(az), rng.uniform(0.0, 2000.0, n)], axis=-1)
        rows = [own.to_geodetic(*row) for row in rng.permutation(np.concatenate([noisy[k][seen[k]], clutter])).tolist()]
        out.append([Position(lat_deg=lat, lon_deg=lon, alt_m=alt, cov_m2=cov) for lat, lon, alt in rows])
    return out


def _directions(
    rng: np.random.Generator, body: Body, frame: Frame, at: Array, turn: Array, way: Array, pd: Array
) -> list[list[AnyMeasurement]]:
    az = np.degrees(np.arctan2(way[..., 0], way[..., 1])) + body.heading_deg
    seen, noisy = _draw(rng, body, pd, az[..., None])
    out: list[list[AnyMeasurement]] = []
    for k in range(pd.shape[0]):
        false = rng.uniform(0.0, 360.0, rng.poisson(body.sensor.false_per_scan))
        rows = rng.permutation(np.concatenate([noisy[k, :, 0][seen[k]], false])) % 360.0
        out.append([Bearing(bearing_deg=az, sigma_deg=body.sigma[0]) for az in rows.tolist()])
    return out


def _heard(
    rng: np.random.Generator, body: Body, frame: Frame, at: Array, turn: Array, way: Array, pd: Array
) -> list[list[AnyMeasurement]]:
    hit = 1.0 - (1.0 - body.sensor.false_per_scan) * np.prod(1.0 - pd, axis=1)
    return [[Presence()] if yes else [] for yes in (rng.random(pd.shape[0]) < hit).tolist()]


def _draw(rng: np.random.Generator, body: Body, pd: Array, true: Array) -> tuple[NDArray[np.bool_], Array]:
    """Return what is detected [shape=(looks, objects)], and the noisy values of all."""
    seen = rng.random(pd.shape) < pd
    return seen, true + rng.normal(size=true.shape) * body.sigma[: true.shape[-1]]


Look = Callable[[np.random.Generator, Body, Frame, Array, Array, Array, Array], list[list[AnyMeasurement]]]
LOOKS: dict[str, Look] = {"plots": _plots, "places": _places, "bearings": _directions, "heard": _heard}
