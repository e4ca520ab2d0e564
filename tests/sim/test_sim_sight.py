"""Camera and direction finder: angles to where things are, and looks that find nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from skysentry.events import AzEl, Bearing, Detection, ObjectClass, Scan, Truth
from skysentry.geo import Frame
from skysentry.sim import scenario
from skysentry.sim.sight import CAMERA_SIGMA_DEG, Camera, Direction
from skysentry.sim.world import World

MADE = scenario("airport", seconds=100.0)
EVENTS = list(MADE.events())
TRUTHS = {(one.object, one.time_ns): one for one in EVENTS if isinstance(one, Truth)}


def looks(sensor: str) -> Iterator[Scan]:
    return (one for one in EVENTS if isinstance(one, Scan) and one.sensor == sensor)


def errors_deg(sensor: str, name: str) -> list[float]:
    """Return for each look the least azimuth error of its detections to where an object was."""
    believed = MADE.site.sensor(sensor)
    assert believed is not None
    assert believed.position is not None
    frame, found = Frame.at(believed.position), []
    for scan in looks(sensor):
        second = scan.time_ns // 10**9 * 10**9
        if (truth := TRUTHS.get((name, second))) is None or not scan.detections:
            continue
        after_s = (scan.time_ns - second) / 1e9
        east, north, _ = frame.to_local(truth.lat_deg, truth.lon_deg, truth.alt_m)
        east, north = east + after_s * truth.velocity_mps[0], north + after_s * truth.velocity_mps[1]
        turn = math.degrees(math.atan2(east, north))
        found.append(min(abs((_az_deg(one) - turn + 180.0) % 360.0 - 180.0) for one in scan.detections))
    return found


def _az_deg(one: Detection) -> float:
    assert isinstance(one.measurement, AzEl | Bearing)
    return one.measurement.az_deg if isinstance(one.measurement, AzEl) else one.measurement.bearing_deg


def test_the_camera_sees_the_rogue_within_its_sigma() -> None:
    near = np.array(errors_deg("camera-1", "quad-rogue"))
    assert (near < 1.0).mean() > 0.5
    # Its sigma, its heading's error (0.2°), and up to a second of turning flight.
    assert np.median(near[near < 1.0]) < 3.0 * (CAMERA_SIGMA_DEG + 0.2)


def test_the_direction_finder_hears_the_rogue() -> None:
    near = np.array(errors_deg("rf-1", "quad-rogue"))
    assert len(near) > 60
    assert np.median(near) < 6.0


def test_a_classifier_errs_but_is_right_in_the_mean() -> None:
    words = [dict(one.class_llr) for scan in looks("camera-1") for one in scan.detections if one.class_llr]
    drones = [one for one in words if one[ObjectClass.MULTIROTOR] > 2.0]
    assert len(words) > 100
    assert 0.05 < len(drones) / len(words) < 0.95


def test_looks_at_an_empty_sky_are_reported() -> None:
    posts = {post.sensor.id: post for post in MADE.posts}
    airliners = World([one for one in MADE.world.flyers if one.kind is ObjectClass.AEROPLANE])
    for device in (Camera(posts["camera-1"], airliners), Direction(posts["rf-1"], airliners)):
        scans = [scan for second in range(100) for *_, scan in device.look(float(second))]
        assert len(scans) == 100
        assert sum(not scan.detections for scan in scans) > 20
