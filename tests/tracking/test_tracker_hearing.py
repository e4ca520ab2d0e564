"""What arrays turn out to hear: reach by direction, a mower; learned, told, undone, and kept over a restart."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import AnyEvent, Bearing, Health, HealthState, Scan, TrackStatus
from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.heard.particles import COLUMNS, TEMPER, E, N, hear, trusted, weigh
from skysentry.tracking.intake.batch import listener
from skysentry.tracking.models import measure as m
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.life import fate
from skysentry.tracking.tracks.table import Life

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


def heard(sky: SimpleNamespace, seconds: range, deaf: str = "", mower: str = "", all_m: float = REACH_M) -> list[Scan]:
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
            reach_m = 400.0 if sensor.id == deaf else all_m
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
    made = sky.run(tracker, heard(sky, range(330), deaf="a5"), 330.0)
    assert {state for state, _ in told(made, "a5", "hears to")} == {HealthState.DEGRADED}
    assert "of the declared 3,000 m" in told(made, "a5", "hears to")[0][1]
    assert not told(made, "a6", "hears to")
    made = sky.run(tracker, heard(sky, range(330, 800)), 800.0, 330.0)
    assert told(made, "a5", "reach")[-1][0] is HealthState.OK


@pytest.mark.parametrize(("true_m", "level"), [(REACH_M, None), (0.75 * REACH_M, 0.75)])
def test_a_network_that_hears_less_far_than_declared_is_believed_so_with_sharp_edges(
    sky: SimpleNamespace, true_m: float, level: float | None
) -> None:
    sensors = arrays(sky)
    tracker = Tracker(sky.site(*sensors))
    sky.run(tracker, heard(sky, range(200), all_m=true_m), 200.0)
    assert tracker.fusion is not None
    look = tracker.fusion.roster.known[sensors[0].id].look
    if level is None:
        assert look[m.L_REACH] == 0.0, "as declared"
        return
    assert look[m.L_REACH : m.L_REACH + m.OCTANTS] == pytest.approx(level * REACH_M, rel=0.15)
    assert look[m.L_EDGE : m.L_EDGE + m.OCTANTS] == pytest.approx(look[m.L_SOFT])


def test_the_edge_of_a_microphone_is_never_a_step(sky: SimpleNamespace) -> None:
    at = sky.place(0.0, 0.0, 2.0)
    sensors = [
        Sensor(id="m", kind=SensorKind.MICROPHONE, position=at, coverage=Coverage(max_m=2_500.0)),
        Sensor(id="w", kind=SensorKind.MICROPHONE, position=at, coverage=Coverage(max_m=2_500.0, soft_m=800.0)),
        Sensor(id="a", kind=SensorKind.ARRAY, position=at, coverage=Coverage(max_m=2_500.0)),
    ]
    soft = [listener(sensor, sky.FRAME, Weather()).look[m.L_SOFT] for sensor in sensors]
    assert soft == [250.0, 800.0, 0.0], "directions place what arrays hear; microphones place by their reach alone"


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


def test_a_cloud_is_heard_as_far_as_was_learned_in_its_direction() -> None:
    """Two halves of a cloud, 2 km north and south of a microphone that hears 1 km to the north, 3 km elsewhere."""
    cloud, weight, beyond = np.zeros((100, COLUMNS)), np.full(100, 0.01), np.empty(100)
    cloud[:50, N], cloud[50:, N] = 2_000.0, -2_000.0
    cloud[:, E] = 1.0
    look = np.zeros(m.LOOK)
    look[[m.L_PD, m.L_MAX, m.L_SOFT]] = 0.8, 2_500.0, 100.0
    assert hear(cloud, weight, 0.0, 0.0, look, beyond) > 0.79, "declared: both are heard"
    assert trusted(look) == TEMPER
    look[m.L_REACH : m.L_REACH + m.OCTANTS] = 3_000.0
    look[m.L_REACH] = look[m.L_REACH + m.OCTANTS - 1] = look[m.L_REACH + 1] = 1_000.0
    look[m.L_EDGE : m.L_EDGE + m.OCTANTS] = 200.0
    assert abs(hear(cloud, weight, 0.0, 0.0, look, beyond) - 0.4) < 0.02
    assert trusted(look) < 0.5 * TEMPER, "a doubted reach says less"
    weigh(weight, beyond, 0.8, False, 1.0, TEMPER)
    assert weight[:50].sum() > 0.7, "silence leaves what is not heard"


def test_wind_makes_the_reach_of_microphones_doubtful(sky: SimpleNamespace) -> None:
    mics = [
        Sensor(
            id=f"m{k}", kind=SensorKind.MICROPHONE, position=sky.place(2000.0 * k, 0.0, 2.0), pd=0.8,
            false_per_scan=0.005, coverage=Coverage(max_m=2_500.0, soft_m=300.0),
        )
        for k in range(3)
    ]  # fmt: skip
    looks = []
    for weather in (Weather(), Weather(wind_from_deg=0.0, wind_mps=8.0)):
        tracker = Tracker(sky.site(*mics, weather=weather))
        assert tracker.fusion is not None
        looks.append(tracker.fusion.roster.known["m1"].look)
    assert looks[0][m.L_REACH] == 0.0, "declared stands"
    north, south = looks[1][m.L_REACH], looks[1][m.L_REACH + 4]
    assert north > 2_500.0 > south
    assert looks[1][m.L_EDGE] > 0.25 * north


def test_what_is_heard_now_is_not_lost_for_a_wide_place() -> None:
    life = Life(founded="m1@0#0", first_ns=0, last_ns=60_000_000_000, status=TrackStatus.CONFIRMED)
    assert fate(life, 0.99, 61_000_000_000, 1_500.0, False) == "stays"
    assert fate(life, 0.99, 63_000_000_000, 1_500.0, False) == "too uncertain"
    assert fate(life, 0.99, 61_000_000_000, 2_500.0, False) == "too uncertain"
