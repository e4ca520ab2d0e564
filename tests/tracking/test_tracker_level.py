"""How far a network of microphones hears as a whole: learned from what clouds make of its looks, told, and kept."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import AnyEvent, Health, Presence, Scan
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking import measure as m
from skysentry.tracking.level import FIRST, LEAST, Level
from skysentry.tracking.tracker import Tracker

TRUE_M, EDGE_M, SIDE, SECONDS = 2_500.0, 300.0, 8, 110


def microphones(sky: SimpleNamespace, declared_m: float) -> list[Sensor]:
    return [
        Sensor(
            id=f"m{k:02d}", kind=SensorKind.MICROPHONE, position=sky.place(2e3 * (k % SIDE), 2e3 * (k // SIDE), 2.0),
            position_sigma_m=1.0, pd=0.8, false_per_scan=0.005, coverage=Coverage(max_m=declared_m, soft_m=EDGE_M),
        )
        for k in range(SIDE * SIDE)
    ]  # fmt: skip


def paths() -> list[object]:
    starts = [(1e3, 2e3, 48.0, 12.0), (13e3, 12e3, -46.0, 3.0), (2e3, 12e3, 20.0, -43.0), (11e3, 1e3, -10.0, 47.0)]
    return [lambda t, s=s: np.array([s[0] + s[2] * t, s[1] + s[3] * t, 250.0]) for s in starts]


@cache
def looks() -> tuple[tuple[str, float, bool], ...]:
    """Sensor, time and whether it hears; the sound of four objects is heard to `TRUE_M` whatever is declared."""
    made = []
    for k in range(SIDE * SIDE):
        rng, where = np.random.default_rng(k), np.array([2e3 * (k % SIDE), 2e3 * (k // SIDE), 2.0])
        phase = rng.random()
        for second in range(SECONDS):
            t, deaf = second + phase, 1.0 - 0.005
            for path in paths():
                sent = t
                for _ in range(8):
                    sent = t - float(np.linalg.norm(path(sent) - where)) / 338.5  # type: ignore[operator]
                away = float(np.linalg.norm(path(sent) - where))  # type: ignore[operator]
                deaf *= 1.0 - 0.8 / (1.0 + math.exp((away - TRUE_M) / EDGE_M))
            made.append((f"m{k:02d}", t, bool(rng.random() > deaf)))
    return tuple(sorted(made, key=lambda look: look[1]))


def scans(sky: SimpleNamespace) -> list[Scan]:
    return [sky.scan(name, t, [Presence()] if hears else []) for name, t, hears in looks()]


@pytest.mark.parametrize(("declared_m", "low", "high"), [(2_500.0, 0.0, 0.0), (1_900.0, 0.15, 0.4)])
def test_a_reach_that_was_declared_too_short_is_found_out(
    sky: SimpleNamespace, declared_m: float, low: float, high: float
) -> None:
    sensors = microphones(sky, declared_m)
    tracker = Tracker(sky.site(*sensors))
    made: list[AnyEvent] = sky.run(tracker, scans(sky), float(SECONDS))
    assert tracker.fusion is not None
    level, look = tracker.fusion.hearing.level, tracker.fusion.roster.known["m00"].look
    assert low <= level.log <= high
    told = [e.reason for e in made if isinstance(e, Health) and "all microphones" in e.reason]
    assert bool(told) is bool(high)
    if high:
        assert look[m.L_REACH] == pytest.approx(declared_m * math.exp(level.log))
        assert look[m.L_EDGE] == look[m.L_SOFT], "no single one is doubted"
    # Four objects fly there, and at the end each is one track, however far microphones were said to hear.
    late = {t.track_id for t in sky.tracks(made, "confirmed") if t.time_ns > sky.START_NS + (SECONDS - 8) * 1e9}
    assert len(late) == len(paths())


def test_the_level_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    site, all_scans = sky.site(*microphones(sky, 1_900.0)), scans(sky)
    first = Tracker(site)
    early = [scan for scan in all_scans if scan.time_ns < sky.START_NS + 60.05e9]
    sky.run(first, early, 60.0)
    second = Tracker(site)
    second.restore(first.snapshot())
    rest = [
        scan for scan in all_scans if scan.received_ns > sky.START_NS + 60e9 and scan.received_ns < sky.START_NS + 75e9
    ]
    assert sky.run(first, rest, 75.0, 60.0) == sky.run(second, rest, 75.0, 60.0)
    assert first.snapshot() == second.snapshot()


def test_a_level_is_believed_once_it_is_known_and_large() -> None:
    level = Level()
    assert not level.take(0.5 * LEAST * FIRST, FIRST / 100.0), "little is known yet"
    assert level.factor == 0.0
    for _ in range(60):
        level.take(0.2 * 500.0 * (1.0 if level.log < 0.2 else 0.0), 500.0)
    assert level.log == pytest.approx(0.2, abs=0.06)
    for _ in range(200):
        level.take(-1e9, 500.0)
    assert level.factor == pytest.approx(math.exp(-0.5)), "bounded, whatever it is told"
