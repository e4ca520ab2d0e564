"""A small sky for the tracker's tests: one frame, looks of true places, steps on the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import (
    AnyEvent,
    Bearing,
    Detection,
    Identity,
    Place,
    Position,
    Presence,
    RangeAzEl,
    Scan,
    Track,
    scan_id,
)
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.tracking.tracker import Tracker

START_NS = 1_700_000_000_000_000_000
HOME = Place(lat_deg=50.45, lon_deg=30.5, alt_m=150.0)
FRAME = Frame.at(HOME)
SOUND_MPS = 331.3 * math.sqrt(1.0 + 12.0 / 273.15)


def place(e: float, n: float, u: float) -> Place:
    lat, lon, alt = FRAME.to_geodetic(e, n, u)
    return Place(lat_deg=lat, lon_deg=lon, alt_m=alt)


def radar(name: str = "radar", e: float = 0.0, n: float = 0.0, **more: object) -> Sensor:
    fields: dict[str, object] = {
        "pd": 0.9,
        "false_per_scan": 5.0,
        "position_sigma_m": 1.0,
        "coverage": Coverage(max_m=20_000.0, el_deg=(-10.0, 60.0)),
    }
    return Sensor(id=name, kind=SensorKind.RADAR, position=place(e, n, 10.0), **{**fields, **more})  # type: ignore[arg-type]


def scan(sensor: str, time_s: float, measurements: Sequence[object], late_s: float = 0.0, **more: object) -> Scan:
    """A look; a measurement may be a pair of it and fields of its detection."""
    time_ns = START_NS + round(time_s * 1e9)
    key = scan_id(sensor, time_ns)
    found = []
    for i, item in enumerate(measurements):
        z, extra = item if isinstance(item, tuple) else (item, {})
        found.append(Detection(id=f"{key}#{i}", measurement=z, **extra))
    received = time_ns + round(late_s * 1e9)
    return Scan(id=key, sensor=sensor, time_ns=time_ns, received_ns=received, detections=tuple(found), **more)  # type: ignore[arg-type]


def local(sensor: Sensor, at: np.ndarray) -> np.ndarray:
    """Offset from a sensor in its own east-north-up frame."""
    assert sensor.position is not None
    lat, lon, alt = FRAME.to_geodetic(*map(float, at))
    return np.array(Frame.at(sensor.position).to_local(lat, lon, alt))


def plot(
    sensor: Sensor, at: np.ndarray, rng: np.random.Generator, sigma: tuple[float, float, float] = (10.0, 0.5, 0.5)
) -> RangeAzEl:
    d = local(sensor, at)
    slant = float(np.linalg.norm(d))
    return RangeAzEl(
        range_m=slant + rng.normal() * sigma[0],
        az_deg=(math.degrees(math.atan2(d[0], d[1])) + rng.normal() * sigma[1]) % 360.0,
        el_deg=math.degrees(math.asin(d[2] / slant)) + rng.normal() * sigma[2],
        sigma_range_m=sigma[0],
        sigma_az_deg=sigma[1],
        sigma_el_deg=sigma[2],
    )


def direction(sensor: Sensor, at: np.ndarray, rng: np.random.Generator, sigma_deg: float = 3.0) -> Bearing:
    d = local(sensor, at)
    az = math.degrees(math.atan2(d[0], d[1])) + rng.normal() * sigma_deg
    return Bearing(bearing_deg=az % 360.0, sigma_deg=sigma_deg)


def claim(
    at: np.ndarray, rng: np.random.Generator, value: str, sigma_m: float = 5.0
) -> tuple[Position, dict[str, object]]:
    e, n, u = at + rng.normal(size=3) * sigma_m
    where = place(float(e), float(n), float(u))
    v2 = sigma_m * sigma_m
    z = Position(lat_deg=where.lat_deg, lon_deg=where.lon_deg, alt_m=where.alt_m, cov_m2=(v2, 0.0, 0.0, v2, 0.0, v2))
    return z, {"identity": Identity(scheme="remote_id_serial", value=value)}


def clutter(rng: np.random.Generator, mean: float, reach_m: float = 20_000.0) -> list[RangeAzEl]:
    return [
        RangeAzEl(
            range_m=150.0 + reach_m * math.sqrt(rng.random()),
            az_deg=rng.uniform(0.0, 360.0),
            el_deg=rng.uniform(0.0, 15.0),
            sigma_range_m=10.0,
            sigma_az_deg=0.5,
            sigma_el_deg=0.5,
        )
        for _ in range(rng.poisson(mean))
    ]


def emitted(path: object, sensor_at: np.ndarray, time_s: float) -> np.ndarray:
    """Where a thing was when it made the sound that arrives at `time_s`."""
    sent = time_s
    for _ in range(20):
        sent = time_s - float(np.linalg.norm(path(sent) - sensor_at)) / SOUND_MPS  # type: ignore[operator]
    return path(sent)  # type: ignore[operator,no-any-return]


def run(tracker: Tracker, events: Sequence[AnyEvent], until_s: float, start_s: float = 0.0) -> list[AnyEvent]:
    """Step the 100 ms grid from `start_s` to `until_s`; return what came out."""
    out: list[AnyEvent] = []
    first = round(start_s * 10)
    due: dict[int, list[AnyEvent]] = {}
    for event in events:
        k = -(-(event.received_ns - START_NS) // 100_000_000)
        due.setdefault(max(k, first + 1), []).append(event)
    for k in range(first + 1, round(until_s * 10) + 1):
        out += tracker.step(START_NS + k * 100_000_000, due.get(k, []))
    return out


def tracks(events: Sequence[AnyEvent], *status: str) -> list[Track]:
    return [e for e in events if isinstance(e, Track) and (not status or e.status.value in status)]


def where(track: Track) -> np.ndarray:
    return np.array(FRAME.to_local(track.lat_deg, track.lon_deg, track.alt_m))


def site(*sensors: Sensor, **more: object) -> Site:
    return Site(position=HOME, sensors=sensors, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sky() -> SimpleNamespace:
    """Everything above."""
    return SimpleNamespace(
        START_NS=START_NS, HOME=HOME, FRAME=FRAME, SOUND_MPS=SOUND_MPS, place=place, radar=radar, scan=scan, plot=plot,
        direction=direction, claim=claim, clutter=clutter, emitted=emitted, run=run, tracks=tracks, where=where,
        site=site, local=local, Presence=Presence,
    )  # fmt: skip
