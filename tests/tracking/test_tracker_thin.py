"""Where sensors stand far apart: one founds a track, it outlives the gap to the next, and dense networks ask more."""

from __future__ import annotations

import math
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from skysentry.events import Scan, TrackStatus
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.births.field import HEADINGS, STATES
from skysentry.tracking.heard.particles import COLUMNS, MEMORY, PARTICLES, settle
from skysentry.tracking.models.motion import MODELS
from skysentry.tracking.sparse.courses import MOST_KEPT, Courses
from skysentry.tracking.sparse.paths import PATH, WORLDS
from skysentry.tracking.sparse.thin import Thin
from skysentry.tracking.sparse.wide import settle_wide
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.table import WIDE, Life

SECONDS = 330
GAP_S = 175.0


def course(t: float) -> np.ndarray:
    """South at 50 m/s, 800 m west of the sensors on the meridian."""
    return np.array([-800.0, 10_500.0 - 50.0 * t, 300.0])


def ear(sky: SimpleNamespace, name: str, e: float, n: float, kind: SensorKind = SensorKind.MICROPHONE) -> Sensor:
    false = 0.02 if kind is SensorKind.ARRAY else 0.005
    return Sensor(
        id=name, kind=kind, position=sky.place(e, n, 5.0), position_sigma_m=1.0, pd=0.9, false_per_scan=false,
        coverage=Coverage(max_m=2_500.0, soft_m=100.0),
    )  # fmt: skip


def belt(sky: SimpleNamespace) -> list[Sensor]:
    """Three arrays in a row along the course, 8 km apart, and two microphones far beside."""
    arrays = [ear(sky, f"a{k}", 0.0, 8_000.0 - 8_000.0 * k, SensorKind.ARRAY) for k in range(3)]
    return [*arrays, ear(sky, "m0", 9_000.0, 4_000.0), ear(sky, "m1", -9_000.0, 4_000.0)]


def heard(sky: SimpleNamespace, sensors: list[Sensor], seconds: range) -> list[Scan]:
    scans = []
    for sensor in sensors:
        assert sensor.position is not None
        rng = np.random.default_rng([sum(sensor.id.encode()), seconds.start])
        at = np.array(sky.FRAME.to_local(sensor.position.lat_deg, sensor.position.lon_deg, sensor.position.alt_m))
        for k in seconds:
            made = sky.emitted(course, at, k + 0.37)
            found = []
            if np.linalg.norm(made - at) < 2_500.0 and rng.random() < 0.9:
                array = sensor.kind is SensorKind.ARRAY
                found = [sky.direction(sensor, made, rng) if array else sky.Presence()]
            scans.append(sky.scan(sensor.id, k + 0.37, found))
    return sorted(scans, key=lambda scan: (scan.time_ns, scan.id))


def test_a_track_that_one_array_founds_outlives_the_gap_to_the_next(sky: SimpleNamespace) -> None:
    tracker = Tracker(sky.site(*belt(sky)))
    made = sky.run(tracker, heard(sky, belt(sky), range(SECONDS)), float(SECONDS))
    shown = sky.tracks(made, "confirmed", "coasting")
    assert len({track.track_id for track in shown}) == 1
    last = shown[-1]
    assert set(last.sensors) <= {"a1"}
    at = course((last.time_ns - sky.START_NS) / 1e9)
    assert np.linalg.norm(sky.where(last)[:2] - at[:2]) < 800.0
    assert last.velocity_mps[1] == pytest.approx(-50.0, abs=6.0)
    # In the gap nobody could hear it: it goes on, and its covariance says how little is known.
    coasting = [track for track in shown if track.status is TrackStatus.COASTING]
    assert coasting
    for track in coasting:
        at = course((track.time_ns - sky.START_NS) / 1e9)
        off = sky.where(track)[:2] - at[:2]
        cov = np.array([[track.cov[0], track.cov[1]], [track.cov[1], track.cov[6]]])
        assert float(off @ np.linalg.solve(cov, off)) < 16.0


def test_a_microphone_alone_shows_nobody_a_track(sky: SimpleNamespace) -> None:
    sensors = [ear(sky, "m0", 0.0, 8_000.0), ear(sky, "m1", 0.0, -9_000.0)]
    tracker = Tracker(sky.site(*sensors))
    made = sky.run(tracker, heard(sky, sensors, range(120)), 120.0)
    assert sky.tracks(made, "tentative")
    assert not sky.tracks(made, "confirmed", "coasting")


def test_a_microphone_founds_nothing_that_its_neighbours_should_have_heard(sky: SimpleNamespace) -> None:
    ring = [
        ear(sky, f"n{k}", 1_200.0 * math.sin(k * math.pi / 3.0), 8_000.0 + 1_200.0 * math.cos(k * math.pi / 3.0))
        for k in range(6)
    ]
    sensors = [ear(sky, "m0", 0.0, 8_000.0), *ring]
    looks = [
        scan if scan.sensor == "m0" else sky.scan(scan.sensor, (scan.time_ns - sky.START_NS) / 1e9, [])
        for scan in heard(sky, sensors, range(120))
    ]
    tracker = Tracker(sky.site(*sensors))
    sky.run(tracker, looks, 120.0)
    assert tracker.fusion is not None
    assert tracker.fusion.table.n == 0


def test_a_tracker_restored_in_a_gap_goes_on_bit_by_bit(sky: SimpleNamespace) -> None:
    looks = heard(sky, belt(sky), range(SECONDS))
    before = [scan for scan in looks if scan.received_ns <= sky.START_NS + GAP_S * 1e9]
    one, two = Tracker(sky.site(*belt(sky))), Tracker(sky.site(*belt(sky)))
    sky.run(one, before, GAP_S)
    assert one.fusion is not None
    assert (one.fusion.table.cloud[: one.fusion.table.n] <= WIDE).any()
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    after = looks[len(before) :]
    assert sky.run(one, after, float(SECONDS), GAP_S) == sky.run(two, after, float(SECONDS), GAP_S)
    assert two.snapshot() == one.snapshot()


def test_a_network_that_a_radar_covers_is_not_thin(sky: SimpleNamespace) -> None:
    alone, covered = Tracker(sky.site(*belt(sky))), Tracker(sky.site(*belt(sky), sky.radar()))
    assert alone.fusion is not None
    assert covered.fusion is not None
    assert alone.fusion.thin is not None
    assert covered.fusion.thin is None


def test_what_is_apart_of_a_dense_core_is_thin_and_its_rim_is_not(sky: SimpleNamespace) -> None:
    core = [ear(sky, f"c{k}", 1_500.0 * (k % 4), 1_500.0 * (k // 4), SensorKind.ARRAY) for k in range(16)]
    outposts = [ear(sky, "far", 22_000.0, 2_000.0, SensorKind.ARRAY), ear(sky, "beyond", 26_500.0, 2_000.0)]
    fusion = Tracker(sky.site(*core, *outposts)).fusion
    assert fusion is not None
    assert fusion.thin is not None
    where = fusion.thin.where
    rim = (7_500.0, 2_000.0)
    assert where.is_thin(*rim)
    assert not where.is_apart(*rim)
    assert not where.is_apart(2_000.0, 2_000.0)
    assert where.is_apart(22_000.0, 2_000.0)
    assert where.is_apart(26_500.0, 2_000.0)


def test_few_near_sensors_that_miss_half_are_not_thin(sky: SimpleNamespace) -> None:
    """Arrays that hear 400 m look for what hovers; microphones that share their reach bear each other out in time."""
    near = [
        msgspec.structs.replace(ear(sky, f"a{k}", 600.0 * k, 0.0, SensorKind.ARRAY), coverage=Coverage(max_m=400.0))
        for k in range(3)
    ]
    missing = [msgspec.structs.replace(ear(sky, f"m{k}", 50.0 * k, 0.0), pd=0.5) for k in range(2)]
    for sensors in (near, missing):
        fusion = Tracker(sky.site(*sensors)).fusion
        assert fusion is not None
        assert fusion.thin is None
    alone = Tracker(sky.site(missing[0])).fusion
    assert alone is not None
    assert alone.thin is not None


def test_radio_cameras_and_observers_found_no_wide_tracks(sky: SimpleNamespace) -> None:
    for kind in (SensorKind.RF, SensorKind.CAMERA, SensorKind.OBSERVER):
        fusion = Tracker(sky.site(ear(sky, "x", 0.0, 0.0, kind))).fusion
        assert fusion is not None
        assert fusion.births is not None
        assert fusion.thin is None
    sensors = [*belt(sky), ear(sky, "x", 0.0, 6_000.0, SensorKind.RF)]
    tracker = Tracker(sky.site(*sensors))
    sky.run(tracker, heard(sky, sensors[-1:], range(100)), 100.0)
    assert tracker.fusion is not None
    assert tracker.fusion.thin is not None
    assert not (tracker.fusion.table.cloud[: tracker.fusion.table.n] <= WIDE).any()


def test_courses_weigh_headings_by_how_many_flew_so() -> None:
    assert (Courses().weights() == 1.0).all()
    south = Courses({f"t{k}": (0.0, math.pi) for k in range(20)}).weights()
    assert int(south.argmax()) == HEADINGS // 2
    assert south[:HEADINGS].mean() == pytest.approx(1.0)
    assert south.min() > 0.05
    around = Courses({f"t{k}": (0.0, 2.0 * math.pi * k / HEADINGS) for k in range(HEADINGS)}).weights()
    assert around[:HEADINGS] == pytest.approx(np.ones(STATES - 1))


def test_courses_are_bounded(sky: SimpleNamespace) -> None:
    courses = Courses({f"t{k}": (float(k), 0.0) for k in range(3 * MOST_KEPT)})
    tracker = Tracker(sky.site(*belt(sky)))
    assert tracker.fusion is not None
    courses.note(10.0, tracker.fusion.table, [])
    assert len(courses.kept) == MOST_KEPT


@pytest.mark.parametrize("wide", [True, False])
def test_a_cloud_and_what_light_left_of_height_make_a_covariance(wide: bool) -> None:
    """A plot that may be another track's ties height to place; the cloud then knows the place far better."""
    x, P, w = np.zeros((1, MODELS, 6)), np.zeros((1, MODELS, 6, 6)), np.full((1, MODELS), 1.0 / MODELS)
    along = np.array([3_000.0, 2_000.0, 400.0, 10.0, 5.0, 3.0])
    P[:] = np.outer(along, along) + np.diag([50.0, 50.0, 50.0, 2.0, 2.0, 2.0]) ** 2
    rng = np.random.default_rng(5)
    count, columns = (WORLDS, PATH) if wide else (PARTICLES, COLUMNS)
    clouds, weights = np.zeros((1, count, columns)), np.full((1, count), 1.0 / count)
    clouds[0, :, :4] = rng.normal(size=(count, 4)) * [300.0, 300.0, 5.0, 5.0] + [0.0, 0.0, 30.0, -30.0]
    t, r, slots, seeds = np.zeros(1), np.full(1, 0.9), np.array([WIDE if wide else 0]), np.ones(1, np.int64)
    if wide:
        now = np.zeros((1, count, 4))
        settle_wide(x, P, w, t, r, slots, clouds, np.zeros(1), now, 1.0, 300.0, w[0].copy())
    else:
        settle(x, P, w, t, r, slots, clouds, weights, np.zeros((1, MEMORY)), seeds, 1.0, 300.0, w[0].copy())
    assert np.linalg.eigvalsh(P[0]).min() > 0.0
    assert P[0, 0, 2, 2] == pytest.approx(400.0**2 + 50.0**2)


@pytest.mark.parametrize("failed", ["r", "x", "P", "wide"])
def test_a_state_that_is_not_finite_spoils_no_other_and_teaches_nothing(sky: SimpleNamespace, failed: str) -> None:
    sensors = [*belt(sky)[:3], ear(sky, "b0", 1_500.0, 8_000.0, SensorKind.ARRAY), ear(sky, "m2", 700.0, 7_000.0)]
    tracker, cut_s = Tracker(sky.site(*sensors)), 40.0
    looks = heard(sky, sensors, range(50))
    sky.run(tracker, [scan for scan in looks if scan.received_ns <= sky.START_NS + cut_s * 1e9], cut_s)
    fusion = tracker.fusion
    assert fusion is not None
    assert fusion.births is not None
    table = fusion.table
    good, bad = (table.add(Life(founded=name, first_ns=0, last_ns=0)) for name in ("good", "bad"))
    there = np.append(course(cut_s), [0.0, -50.0, 0.0])
    for i in (good, bad):
        table.x[i], table.P[i], table.w[i] = there, np.diag([100.0, 100.0, 100.0, 3.0, 3.0, 3.0]) ** 2, 1.0 / MODELS
        table.t[i], table.r[i] = (sky.START_NS - fusion.epoch_ns) / 1e9 + cut_s, 0.95
    if failed == "wide":
        fusion.thin = Thin(fusion.births, fusion.roster.known)
        table.cloud[bad], table.r[bad] = WIDE, np.nan
        fusion.thin.paths[0, :, :4] = fusion.thin.clouds[0] = there[[0, 1, 3, 4]]
        fusion.thin.since[0] = fusion.thin.times[0] = table.t[bad]
    else:
        getattr(table, failed)[bad] = np.nan
    table.outline()
    fusion.hearing.sure = np.full(table.n, 3)
    before = table.r[good]
    after = [scan for scan in looks if cut_s < (scan.time_ns - sky.START_NS) / 1e9 < cut_s + 1.0]
    assert len(after) == len(sensors)
    for scan in after:
        fusion.take(scan.received_ns, scan)
    assert np.isfinite(table.r[good])
    assert table.r[good] != before
    assert np.isfinite(table.x[good]).all()
    assert np.isfinite(fusion.births.grid).all()
    assert all(np.isfinite(network.tally).all() for network in fusion.hearing.networks)
    assert any(network.tally.any() for network in fusion.hearing.networks)
    facts = fusion.registration
    assert facts.count > 0
    assert np.isfinite(facts.facts[: facts.count]).all()
