"""How far and how surely all microphones hear: learned from what clouds make of their looks, told, and kept."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import AnyEvent, Health, Presence, Scan
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.learned.acuity import FIRST, LEAST, MOST, Acuity
from skysentry.tracking.models import measure as m
from skysentry.tracking.tracker import Tracker

TRUE_M, EDGE_M, SIDE, SECONDS = 2_500.0, 300.0, 8, 110


def microphones(sky: SimpleNamespace, declared_m: float, pd: float = 0.8) -> list[Sensor]:
    return [
        Sensor(
            id=f"m{k:02d}", kind=SensorKind.MICROPHONE, position=sky.place(2e3 * (k % SIDE), 2e3 * (k // SIDE), 2.0),
            position_sigma_m=1.0, pd=pd, false_per_scan=0.005, coverage=Coverage(max_m=declared_m, soft_m=EDGE_M),
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


@pytest.mark.parametrize(
    ("declared_m", "pd", "reach", "sure"),
    [
        (2_500.0, 0.8, (0.0, 0.0), (0.0, 0.0)),
        (1_900.0, 0.8, (0.15, 0.4), (-0.2, 0.2)),
        (2_500.0, 0.5, (-0.1, 0.1), (0.3, 0.5)),
    ],
)
def test_a_network_that_was_declared_wrong_is_found_out(
    sky: SimpleNamespace, declared_m: float, pd: float, reach: tuple[float, float], sure: tuple[float, float]
) -> None:
    tracker = Tracker(sky.site(*microphones(sky, declared_m, pd)))
    made: list[AnyEvent] = sky.run(tracker, scans(sky), float(SECONDS))
    assert tracker.fusion is not None
    acuity, look = tracker.fusion.hearing.heard.acuity, tracker.fusion.roster.known["m00"].look
    assert reach[0] <= acuity.reach <= reach[1]
    assert sure[0] <= acuity.pd <= sure[1]
    told = {e.reason for e in made if isinstance(e, Health) and "all microphones" in e.reason}
    assert bool(told) is ((declared_m, pd) != (TRUE_M, 0.8))
    assert look[m.L_PD] == pytest.approx(pd * math.exp(acuity.pd))
    if acuity.reach:
        assert look[m.L_REACH] == pytest.approx(declared_m * math.exp(acuity.reach))
        assert look[m.L_EDGE] == look[m.L_SOFT], "no single one is doubted"
    # Four objects fly there, and at the end each is one track, whatever was said of microphones.
    late = {t.track_id for t in sky.tracks(made, "confirmed") if t.time_ns > sky.START_NS + (SECONDS - 8) * 1e9}
    assert len(late) == len(paths())


def test_what_was_learned_of_all_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    site, all_scans = sky.site(*microphones(sky, 1_900.0)), scans(sky)
    first, start_ns = Tracker(site), sky.START_NS
    sky.run(first, [scan for scan in all_scans if scan.received_ns <= start_ns + 60e9], 60.0)
    second = Tracker(site)
    second.restore(first.snapshot())
    rest = [scan for scan in all_scans if start_ns + 60e9 < scan.received_ns < start_ns + 75e9]
    assert sky.run(first, rest, 75.0, 60.0) == sky.run(second, rest, 75.0, 60.0)
    assert first.snapshot() == second.snapshot()


def test_an_ear_is_believed_wrong_once_that_is_known_and_large() -> None:
    acuity = Acuity()
    assert not acuity.take((0.5 * LEAST * FIRST[0], 0.0, FIRST[0] / 100.0, 0.0, 0.0)), "little is known yet"
    assert (acuity.reach, acuity.pd) == (0.0, 0.0)


def test_an_ear_finds_both_factors_and_is_bounded() -> None:
    """Slopes as they are of a quadratic with its top at (0.2, -0.3), which the two logs share."""
    acuity, k00, k01, k11 = Acuity(), 500.0, 100.0, 200.0
    for _ in range(200):
        d0, d1 = 0.2 - acuity.reach, -0.3 - acuity.pd
        acuity.take((k00 * d0 + k01 * d1, k01 * d0 + k11 * d1, k00, k01, k11))
    assert (acuity.reach, acuity.pd) == pytest.approx((0.2, -0.3), abs=0.05)
    for _ in range(200):
        acuity.take((-1e9, 1e9, k00, k01, k11))
    assert (acuity.reach, acuity.pd) == (-MOST, MOST), "whatever it is told"
