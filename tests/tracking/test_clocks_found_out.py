"""Sensors whose clock is wrong: found by the age of their looks, left out or corrected alone, taken back."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Health, HealthState, Scan
from skysentry.tracking.learned.clocks import Clocks
from skysentry.tracking.learned.faults import Faults
from skysentry.tracking.tracker import Tracker


def three_radars(sky: SimpleNamespace, clock_s: Callable[[float], float], seconds: int) -> tuple[Tracker, list[object]]:
    """What comes out when the middle one of three radars has a clock that is off by `clock_s` of the true time."""
    rng = np.random.default_rng(8)
    radars = [sky.radar(f"r{k}", e, 0.0, false_per_scan=1.0) for k, e in enumerate((-4000.0, 0.0, 4000.0))]
    scans = []
    for k in range(seconds):
        for q, sensor in enumerate(radars):
            true_s = k + 0.3 * q + 0.1
            off_s = clock_s(true_s) if q == 1 else 0.0
            paths = [np.array([-3000.0 + 50.0 * true_s + 900.0 * i, 3000.0 + 1500.0 * i, 300.0]) for i in range(3)]
            found = [sky.plot(sensor, at, rng) for at in paths] + sky.clutter(rng, 1.0)
            scans.append(sky.scan(sensor.id, true_s + off_s, found, late_s=0.05 - off_s))
    tracker = Tracker(sky.site(*radars))
    return tracker, sky.run(tracker, scans, float(seconds))


def blamed(out: list[object]) -> dict[str, list[HealthState]]:
    made: dict[str, list[HealthState]] = {}
    for event in out:
        if isinstance(event, Health):
            made.setdefault(event.source, []).append(event.state)
    return made


def shown(sky: SimpleNamespace, out: list[object], second: int) -> set[str]:
    """The tracks that the picture holds at a second: confirmed, and not ended."""
    last = {t.track_id: t for t in sky.tracks(out) if t.time_ns <= sky.START_NS + second * 10**9}
    return {name for name, t in last.items() if t.status.value in ("confirmed", "coasting")}


@pytest.mark.parametrize(
    "clock_s",
    [
        lambda t: 20.0 if t > 20 else 0.0,
        lambda t: -20.0 if t > 20 else 0.0,
        lambda t: 3.0 if t > 20 else 0.0,
        lambda t: 0.2 * max(t - 20.0, 0.0),
        lambda t: -0.2 * max(t - 20.0, 0.0),
        lambda t: (7.0 * t) % 4.0 if t > 20 else 0.0,
    ],
    ids=["jumps 20 s ahead", "jumps 20 s behind", "jumps 3 s ahead", "drifts ahead", "drifts behind", "jitters ahead"],
)
def test_a_spoofed_clock_is_its_own_fault(sky: SimpleNamespace, clock_s: Callable[[float], float]) -> None:
    """The radar is named, it alone; the three objects keep their tracks, and no other is there at the end."""
    _, out = three_radars(sky, clock_s, 60)
    assert set(blamed(out)) == {"r1"}
    before, after = shown(sky, out, 18), shown(sky, out, 60)
    assert len(before) == 3
    assert after == before


def test_a_clock_that_is_set_right_is_taken_back(sky: SimpleNamespace) -> None:
    tracker, out = three_radars(sky, lambda t: 3.0 if 20 < t < 50 else 0.0, 70)
    assert blamed(out) == {"r1": [HealthState.DEGRADED, HealthState.OK]}
    assert not tracker.fusion.clocks.ages  # type: ignore[union-attr]


def look(name: str, k: int, age_s: float) -> Scan:
    return Scan(id=f"{name}@{k}", sensor=name, time_ns=k * 10**9, received_ns=k * 10**9 + round(age_s * 1e9))


def test_many_late_sensors_are_a_slow_link_and_keep_their_times() -> None:
    clocks = Clocks(Faults())
    for k in range(30):
        clocks.poll()
        for q in range(20):
            scan = look(f"s{q}", k, 4.0 if q % 3 == 0 else 0.1)
            assert clocks.correct(scan, 20) is scan
    assert not clocks.faults.found


def test_messages_late_at_random_blame_nobody() -> None:
    rng = np.random.default_rng(9)
    clocks = Clocks(Faults())
    for k in range(300):
        clocks.poll()
        for q in range(40):
            late_s = rng.uniform(1.0, 5.0) if rng.random() < 0.15 else 0.02
            scan = look(f"s{q}", k, late_s)
            assert clocks.correct(scan, 40) is scan
    assert not clocks.faults.found


def test_invented_names_fill_no_memory() -> None:
    clocks = Clocks(Faults())
    for k in range(5_000):
        clocks.correct(look(f"x{k}", k, 8.0), 3)
    assert len(clocks.ages) <= 2_000


def test_a_flood_of_odd_ages_moves_no_other(sky: SimpleNamespace) -> None:
    """10,000 looks a second of one declared sensor and of a stranger, 8 s old: the others stay as they are."""
    radars = [sky.radar(f"r{k}", 1000.0 * k) for k in range(4)]
    tracker = Tracker(sky.site(*radars))
    for k in range(3):
        flood = [look(name, 0, 8.0) for name in ("r3", "stranger")]
        flood = [
            Scan(id=f"{s.sensor}/{k}.{i}", sensor=s.sensor, time_ns=sky.START_NS + k * 10**9 + i,
                 received_ns=sky.START_NS + k * 10**9 + 8 * 10**9)
            for s in flood for i in range(2_000)
        ]  # fmt: skip
        sky.run(tracker, flood, 9.0 + k, 8.0 + k)
    clocks = tracker.fusion.clocks  # type: ignore[union-attr]
    assert abs(clocks.usual_s) < 0.1
    scan = look("r0", 100, 0.05)
    assert clocks.correct(scan, 4) is scan
