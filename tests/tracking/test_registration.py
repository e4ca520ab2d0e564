"""Sensors that point elsewhere than declared: learned from what several see, named, corrected, and taken back."""

from __future__ import annotations

import math
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from skysentry.events import AnyEvent, Bearing, Health, HealthState, Identity, Scan
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.tracker import Tracker

GRID = [(e, n) for e in (-1500.0, 0.0, 1500.0) for n in (-1500.0, 0.0, 1500.0)]


def arrays(sky: SimpleNamespace, sigma_deg: float) -> list[Sensor]:
    cover = Coverage(max_m=3000.0, soft_m=100.0)
    return [
        Sensor(
            id=f"a{k}", kind=SensorKind.ARRAY, position=sky.place(e, n, 2.0), coverage=cover, pd=0.9,
            heading_deg=40.0, heading_sigma_deg=sigma_deg, false_per_scan=0.02,
        )
        for k, (e, n) in enumerate(GRID)
    ]  # fmt: skip


def circling(i: int, time_s: float) -> np.ndarray:
    """Three wings that go round the middle, far enough from each other to be told apart."""
    angle = 2.0 * math.pi * i / 3.0 + 45.0 / 1100.0 * time_s
    return np.array([1100.0 * math.sin(angle), 1100.0 * math.cos(angle), 150.0 + 50.0 * i])


def heard(
    sky: SimpleNamespace, sensors: list[Sensor], seconds: int, off_deg: dict[str, float], healed_s: float = 1e9
) -> list[Scan]:
    rng = np.random.default_rng(5)
    scans = []
    for q, sensor in enumerate(sensors):
        at = np.array(sky.FRAME.to_local(sensor.position.lat_deg, sensor.position.lon_deg, sensor.position.alt_m))
        for k in range(seconds):
            time_s = k + 0.1 * q + 0.05
            off = off_deg.get(sensor.id, 0.0) if time_s < healed_s else 0.0
            found = []
            for i in range(3):
                there = sky.emitted(lambda s, i=i: circling(i, s), at, time_s)
                if rng.random() < 0.9:
                    z = sky.direction(sensor, there, rng, 4.0)
                    found.append(Bearing(bearing_deg=(z.bearing_deg + off) % 360.0, sigma_deg=4.0))
            scans.append(sky.scan(sensor.id, time_s, found))
    return scans


def told(events: list[AnyEvent], source: str) -> list[Health]:
    return [e for e in events if isinstance(e, Health) and e.source == source]


def heading_deg(tracker: Tracker, name: str) -> tuple[float, float]:
    """What the tracker believes of a sensor's heading error, and its sigma."""
    own = tracker.fusion.roster.listener(Scan(id="x", sensor=name, time_ns=0, received_ns=0))  # type: ignore[union-attr]
    return math.degrees(own.turn_rad), math.degrees(own.sigma_az_rad)


@pytest.mark.parametrize("sigma_deg", [0.0, 5.0])
def test_an_array_that_points_8_degrees_off_is_named_corrected_and_taken_back(
    sky: SimpleNamespace, sigma_deg: float
) -> None:
    """Magnetic taken for true north, declared or not; set right after two minutes."""
    sensors = arrays(sky, sigma_deg)
    scans = heard(sky, sensors, 240, {"a1": 8.5}, healed_s=120.0)
    tracker = Tracker(sky.site(*sensors))
    before = sky.run(tracker, [s for s in scans if s.time_ns < sky.START_NS + 120e9], 120.0)
    off, sigma = heading_deg(tracker, "a1")
    assert abs(off - 8.5) < 1.0
    assert sigma < 1.0
    first = told(before, "a1")[0]
    assert first.state is HealthState.DEGRADED
    assert first.time_ns < sky.START_NS + 90e9
    assert "right" in first.reason
    assert "heading_deg = 3" in first.mend
    assert {e.source for e in before if isinstance(e, Health)} == {"a1"}
    others = [heading_deg(tracker, s.id)[0] for s in sensors if s.id != "a1"]
    assert max(map(abs, others)) < 1.5
    after = sky.run(tracker, [s for s in scans if s.time_ns >= sky.START_NS + 120e9], 240.0, 120.0)
    assert [e.state for e in told(after, "a1")][-1] is HealthState.OK
    assert abs(heading_deg(tracker, "a1")[0]) < 1.0
    assert {e.source for e in after if isinstance(e, Health)} == {"a1"}


def test_tracks_are_where_objects_are_though_arrays_point_elsewhere(sky: SimpleNamespace) -> None:
    """Headings of sigma 5°: after a minute the error is that of arrays that point where they say, within a third."""
    sensors = arrays(sky, 5.0)
    rng = np.random.default_rng(11)
    off = {sensor.id: float(rng.normal() * 5.0) for sensor in sensors}

    def error_m(wrong: dict[str, float]) -> float:
        out = sky.run(Tracker(sky.site(*sensors)), heard(sky, sensors, 100, wrong), 100.0)
        late = [t for t in sky.tracks(out, "confirmed") if t.time_ns > sky.START_NS + 60e9]
        gaps = [
            min(np.linalg.norm((sky.where(t) - circling(i, (t.time_ns - sky.START_NS) / 1e9))[:2]) for i in range(3))
            for t in late
        ]
        return float(np.median(gaps))

    assert error_m(off) < 1.33 * error_m({})


def test_a_radar_is_turned_back_by_two_others(sky: SimpleNamespace) -> None:
    """Three radars, one 2° off undeclared: named within a minute, its plots corrected, one track for each object."""
    rng = np.random.default_rng(6)
    radars = [
        sky.radar(f"r{k}", e, n, false_per_scan=1.0) for k, (e, n) in enumerate([(0, 0), (9000, 0), (4000, 8000)])
    ]
    scans = []
    for k in range(60):
        for q, sensor in enumerate(radars):
            time_s, found = k + 0.3 * q + 0.1, []
            for i in range(4):
                at = np.array([-2000.0 + 45.0 * time_s + 1500.0 * i, 1500.0 + 2000.0 * i, 300.0])
                z = sky.plot(sensor, at, rng)
                found.append(msgspec.structs.replace(z, az_deg=(z.az_deg + (2.0 if q == 1 else 0.0)) % 360.0))
            scans.append(sky.scan(sensor.id, time_s, found + sky.clutter(rng, 1.0)))
    tracker = Tracker(sky.site(*radars))
    out = sky.run(tracker, scans, 60.0)
    assert abs(heading_deg(tracker, "r1")[0] - 2.0) < 0.15
    assert max(abs(heading_deg(tracker, name)[0]) for name in ("r0", "r2")) < 0.15
    assert [e.state for e in told(out, "r1")] == [HealthState.DEGRADED]
    assert {e.source for e in out if isinstance(e, Health)} == {"r1"}
    at_end = {t.track_id for t in sky.tracks(out, "confirmed") if t.time_ns > sky.START_NS + 58e9}
    assert len(at_end) == 4


def test_a_false_aircraft_calibrates_nothing(sky: SimpleNamespace) -> None:
    """ADS-B that reports an aircraft 300 m beside a real one, and others where nothing is, beside one radar."""
    rng = np.random.default_rng(7)
    radar, adsb = sky.radar(false_per_scan=1.0), Sensor(id="adsb", kind=SensorKind.ADSB)
    scans = []
    for k in range(60):
        at = np.array([-2000.0 + 60.0 * k, 6000.0, 900.0])
        lies = [(at + np.array([0.0, 300.0, 0.0]), "aaaaaa"), (np.array([3000.0, -60.0 * k, 900.0]), "bbbbbb")]
        claims = []
        for where, name in lies:
            z, _ = sky.claim(where, rng, name)
            claims.append((z, {"identity": Identity(scheme="icao24", value=name)}))
        scans.append(sky.scan("radar", k + 0.4, [sky.plot(radar, at, rng)]))
        scans.append(sky.scan("adsb", k + 0.4, claims))
    tracker = Tracker(sky.site(radar, adsb))
    out = sky.run(tracker, scans, 60.0)
    assert any("radar" in t.sensors for t in sky.tracks(out, "confirmed"))
    assert any("adsb" in t.sensors for t in sky.tracks(out, "confirmed"))
    assert heading_deg(tracker, "radar") == (0.0, 0.0)
    assert not told(out, "radar")


def test_what_is_learned_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    """A tracker restored in the midst of learning goes on bit by bit, corrections, findings and waiting hits too."""
    sensors = arrays(sky, 5.0)
    scans = heard(sky, sensors, 70, {"a1": 12.0, "a5": -9.0})
    one, two = Tracker(sky.site(*sensors)), Tracker(sky.site(*sensors))
    sky.run(one, [s for s in scans if s.received_ns <= sky.START_NS + 40e9], 40.0)
    assert abs(heading_deg(one, "a1")[0]) > 2.0
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    rest = [s for s in scans if s.received_ns > sky.START_NS + 40e9]
    assert sky.run(two, rest, 70.0, 40.0) == sky.run(one, rest, 70.0, 40.0)
    assert two.snapshot() == one.snapshot()
