"""What arrays turn out to hear: reach by direction, a mower; learned, told, undone, and kept over a restart."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from skysentry.events import AnyEvent, Bearing, Health, HealthState, Scan
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.tracker import Tracker

REACH_M = 3_000.0


def arrays(sky: SimpleNamespace) -> list[Sensor]:
    return [
        Sensor(
            id=f"a{k}", kind=SensorKind.ARRAY, position=sky.place(1200.0 * (k % 4), 1200.0 * (k // 4), 2.0),
            position_sigma_m=1.0, pd=0.9, false_per_scan=0.02, coverage=Coverage(max_m=REACH_M, soft_m=100.0),
        )
        for k in range(12)
    ]  # fmt: skip


def circling(t: float) -> np.ndarray:
    angle = 45.0 * t / 1100.0
    return np.array([1800.0 + 1100.0 * math.sin(angle), 1200.0 + 1100.0 * math.cos(angle), 200.0])


def heard(sky: SimpleNamespace, seconds: range, deaf: str = "", mower: str = "") -> list[Scan]:
    """Looks at one object that circles; one array hears to 400 m only, a mower stands north-east of another."""
    scans = []
    for sensor in arrays(sky):
        assert sensor.position is not None
        rng = np.random.default_rng([sum(sensor.id.encode()), seconds.start])
        where = np.array(sky.FRAME.to_local(sensor.position.lat_deg, sensor.position.lon_deg, sensor.position.alt_m))
        phase = rng.random()
        for k in seconds:
            t = k + phase
            at = sky.emitted(circling, where, t)
            reach_m = 400.0 if sensor.id == deaf else REACH_M
            found: list[object] = []
            if np.linalg.norm(at - where) < reach_m and rng.random() < 0.9:
                found.append(sky.direction(sensor, at, rng))
            if sensor.id == mower:
                found.append(Bearing(bearing_deg=45.0 + rng.normal() * 3.0, sigma_deg=3.0))
            scans.append(sky.scan(sensor.id, t, found))
    return sorted(scans, key=lambda scan: scan.time_ns)


def told(made: list[AnyEvent], source: str, word: str) -> list[tuple[HealthState, str]]:
    found = [event for event in made if isinstance(event, Health) and event.source == source]
    return [(event.state, event.reason) for event in found if word in event.reason]


def test_an_array_that_hears_little_is_named_and_taken_back_when_it_heals(sky: SimpleNamespace) -> None:
    tracker = Tracker(sky.site(*arrays(sky)))
    made = sky.run(tracker, heard(sky, range(320), deaf="a5"), 320.0)
    assert {state for state, _ in told(made, "a5", "hears to")} == {HealthState.DEGRADED}
    assert "of the declared 3,000 m" in told(made, "a5", "hears to")[0][1]
    assert not told(made, "a6", "hears to")
    made = sky.run(tracker, heard(sky, range(320, 800)), 800.0, 320.0)
    assert told(made, "a5", "reach")[-1][0] is HealthState.OK


def test_a_mower_is_learned_at_its_bearing_and_hides_no_object(sky: SimpleNamespace) -> None:
    tracker = Tracker(sky.site(*arrays(sky)))
    made = sky.run(tracker, heard(sky, range(150), mower="a0"), 150.0)
    assert tracker.fusion is not None
    rates = tracker.fusion.hearing.rates
    factors = rates.factors[rates.rows["a0"]]
    assert int(np.argmax(factors)) in (2, 3)
    assert factors.max() > 50.0
    assert np.median(factors) < 5.0
    assert told(made, "a0", "not there")
    late = [t for t in sky.tracks(made, "confirmed") if t.time_ns > sky.START_NS + 120e9]
    assert len({t.track_id for t in late}) == 1


def test_what_was_learned_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    site = sky.site(*arrays(sky))
    first, scans = Tracker(site), heard(sky, range(80), deaf="a5", mower="a0")
    early = [scan for scan in scans if scan.time_ns < sky.START_NS + 55e9]
    sky.run(first, early, 55.0)
    assert first.fusion is not None
    assert first.fusion.hearing.networks[0].tally.any()
    second = Tracker(site)
    second.restore(first.snapshot())
    rest = scans[len(early) :]
    assert sky.run(first, rest, 80.0, 55.0) == sky.run(second, rest, 80.0, 55.0)
    assert first.snapshot() == second.snapshot()
