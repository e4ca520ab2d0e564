"""Where a site lies and how it is turned changes nothing: the same looks elsewhere make the same tracks there."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from skysentry.events import Bearing, Detection, Place, RangeAzEl, Scan, Track, scan_id
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.tracking.tracker import Tracker

START_NS = 1_700_000_000_000_000_000
LAYOUT = [("ra", SensorKind.RADAR, -2500.0, 300.0), ("rb", SensorKind.RADAR, 2600.0, -400.0)] + [
    (f"a{k}", SensorKind.ARRAY, 1800.0 * math.cos(k), 1800.0 * math.sin(k)) for k in range(6)
]


def scene(home: Place, turn_rad: float) -> tuple[Site, list[Scan], Frame]:
    """Two objects over two radars and six arrays, laid out in the frame of `home`, all of it turned clockwise."""
    frame, rng = Frame.at(home), np.random.default_rng(3)
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)

    def laid(e: float, n: float, u: float) -> np.ndarray:
        return np.array([cos * e + sin * n, -sin * e + cos * n, u])

    sensors = []
    for name, kind, e, n in LAYOUT:
        lat, lon, alt = frame.to_geodetic(*map(float, laid(e, n, 10.0)))
        sensors.append(
            Sensor(
                id=name,
                kind=kind,
                position=Place(lat_deg=lat, lon_deg=lon, alt_m=alt),
                position_sigma_m=1.0,
                pd=0.9,
                false_per_scan=2.0 if kind is SensorKind.RADAR else 0.02,
                coverage=Coverage(max_m=8000.0 if kind is SensorKind.RADAR else 4000.0),
            )
        )
    paths = [((-2000.0, 1000.0, 300.0), (40.0, -15.0, 0.0)), ((1500.0, 2500.0, 200.0), (-10.0, -45.0, 0.0))]
    scans = []
    for k in range(30):
        for s, sensor in enumerate(sensors):
            t = k + 0.1 + 0.1 * s
            found: list[RangeAzEl | Bearing] = []
            for start, speed in paths:
                noise = rng.normal(size=3)
                sent = t - 5.0 * (sensor.kind is SensorKind.ARRAY)
                at = laid(*(np.array(start) + sent * np.array(speed)).tolist())
                lat, lon, alt = frame.to_geodetic(*map(float, at))
                assert sensor.position is not None
                d = np.array(Frame.at(sensor.position).to_local(lat, lon, alt))
                slant, az = float(np.linalg.norm(d)), math.degrees(math.atan2(d[0], d[1]))
                if sensor.kind is SensorKind.ARRAY:
                    found.append(Bearing(bearing_deg=(az + 3.0 * noise[0]) % 360.0, sigma_deg=3.0))
                    continue
                found.append(
                    RangeAzEl(
                        range_m=slant + 10.0 * noise[0],
                        az_deg=(az + 0.5 * noise[1]) % 360.0,
                        el_deg=math.degrees(math.asin(d[2] / slant)) + 0.5 * noise[2],
                        sigma_range_m=10.0,
                        sigma_az_deg=0.5,
                        sigma_el_deg=0.5,
                    )
                )
            time_ns = START_NS + round(t * 1e9)
            key = scan_id(sensor.id, time_ns)
            detections = tuple(Detection(id=f"{key}#{i}", measurement=z) for i, z in enumerate(found))
            scans.append(Scan(id=key, sensor=sensor.id, time_ns=time_ns, received_ns=time_ns, detections=detections))
    return Site(position=home, sensors=tuple(sensors)), scans, frame


def shown(
    site: Site, scans: list[Scan], frame: Frame, turn_rad: float, sky: SimpleNamespace
) -> dict[str, dict[int, np.ndarray]]:
    """Return the confirmed states of each track (place, velocity) by time, turned back."""
    told: dict[str, dict[int, np.ndarray]] = {}
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    for event in sky.run(Tracker(site), scans, 30.0):
        if not isinstance(event, Track) or event.status.value != "confirmed":
            continue
        at = np.array(frame.to_local(event.lat_deg, event.lon_deg, event.alt_m))
        velocity = np.array(event.velocity_mps)
        both = [np.array([cos * v[0] - sin * v[1], sin * v[0] + cos * v[1], v[2]]) for v in (at, velocity)]
        told.setdefault(event.track_id, {})[event.time_ns] = np.concatenate(both)
    return told


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "turn_deg"),
    [(50.45, 30.5, 90.0), (50.45, 30.5, 37.0), (-33.9, 151.2, 0.0), (5.0, -179.999, 200.0), (78.2, 15.6, 0.0)],
)
def test_moving_or_turning_the_site_changes_nothing(
    sky: SimpleNamespace, lat_deg: float, lon_deg: float, turn_deg: float
) -> None:
    home = Place(lat_deg=50.45, lon_deg=30.5, alt_m=100.0)
    here = shown(*scene(home, 0.0), 0.0, sky)
    moved = replace(home, lat_deg=lat_deg, lon_deg=lon_deg)
    turn = math.radians(turn_deg)
    there = shown(*scene(moved, turn), turn, sky)
    assert len(here) >= 2
    assert set(there) == set(here)
    for name, states in here.items():
        # A track that has barely strayed from what was told of it may be told an instant earlier or later.
        both = sorted(set(states) & set(there[name]))
        assert len(both) >= 0.8 * len(states)
        one, other = states[both[-1]], there[name][both[-1]]
        # The Earth's radius, and with it the drop under the horizon, differs by a third of a percent.
        np.testing.assert_allclose(other[:3], one[:3], atol=1.0)
        np.testing.assert_allclose(other[3:], one[3:], atol=0.3)
