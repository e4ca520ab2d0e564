"""Where the reach of microphones is doubted: what has long been shown is not ended by those who cannot know."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Presence, Scan, TrackStatus
from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.evidence.ledger import NOTES
from skysentry.tracking.heard.cloud import SETTLED_NS, Clouds
from skysentry.tracking.heard.particles import COLUMNS, MEMORY, PARTICLES, SETTLED, TEMPER, E, trusted
from skysentry.tracking.heard.presence import correct_presence
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import MODELS
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.table import Life, Table
from skysentry.tracking.tracks.twins import APART_M, TOLD_M, twins


def pairs(apart_m: float, sigma_m: float, clouds: bool, told_m: float = TOLD_M) -> int:
    """How many pairs of one object there are among two tracks that are so far apart and so wide."""
    x, w = np.zeros((2, MODELS, 6)), np.full((2, MODELS), 1.0 / MODELS)
    P = np.tile(np.diag([sigma_m**2, sigma_m**2, 1e4, 1e2, 1e2, 1.0]), (2, MODELS, 1, 1))
    x[1, :, 0] = apart_m
    slots = np.array([0, 1] if clouds else [-1, -1], np.int64)
    own, which, found = np.zeros((2, 4), np.int64), np.arange(2, dtype=np.int64), np.empty((4, 2), np.int64)
    count: int = twins(x, P, w, np.zeros(2), own, which, slots, told_m, found)
    return count


def test_wide_clouds_that_overlap_are_one_only_where_they_are_told_at_one_place() -> None:
    assert pairs(2.0 * TOLD_M, 800.0, clouds=False) == 1, "plots and directions make them one"
    assert pairs(2.0 * TOLD_M, 800.0, clouds=True) == 0
    assert pairs(2.0 * TOLD_M, 800.0, clouds=True, told_m=APART_M) == 1, "where reaches are believed"
    assert pairs(0.5 * TOLD_M, 800.0, clouds=True) == 1
    assert pairs(0.5 * TOLD_M, 50.0, clouds=True) == 0, "far apart for what is known"


def left(edge_m: float, shown: bool) -> float:
    """What is left of the existence of a cloud 1 km from a microphone that does not hear it."""
    look = np.zeros(m.LOOK)
    look[[m.L_PD, m.L_MAX, m.L_SOFT, m.L_MISS_FLOOR]] = 0.8, 2_500.0, 300.0, 0.1
    if edge_m:
        look[m.L_REACH : m.L_REACH + m.OCTANTS], look[m.L_EDGE : m.L_EDGE + m.OCTANTS] = 2_500.0, edge_m
    x, P, w = np.zeros((1, MODELS, 6)), np.tile(np.eye(6), (1, MODELS, 1, 1)), np.full((1, MODELS), 1.0 / MODELS)
    clouds, memories, r = np.zeros((1, PARTICLES, COLUMNS)), np.zeros((1, MEMORY)), np.full(1, 0.9)
    x[0, :, 0] = clouds[0, :, E] = 1_000.0
    memories[0, SETTLED] = shown
    correct_presence(
        x, P, w, np.zeros(1), r, 1, look, False, np.zeros(1), np.zeros(1, np.int64), clouds,
        np.full((1, PARTICLES), 1.0 / PARTICLES), memories, np.zeros((1, PARTICLES)), np.zeros((1, NOTES)),
    )  # fmt: skip
    assert not edge_m or trusted(look) < 0.5 * TEMPER
    return math.log(r[0] / (1.0 - r[0])) - math.log(9.0)


def test_silence_refutes_what_has_long_been_shown_as_far_as_reaches_are_known() -> None:
    assert left(0.0, shown=True) == left(0.0, shown=False) == pytest.approx(-0.1), "as declared"
    assert left(900.0, shown=False) == pytest.approx(-0.1), "a ghost of the first seconds is refuted in full"
    assert -0.05 < left(900.0, shown=True) < -0.01


def test_a_track_has_long_been_shown_once_it_is_settled() -> None:
    clouds, table = Clouds(4), Table()
    for k, status in enumerate((TrackStatus.TENTATIVE, TrackStatus.CONFIRMED, TrackStatus.CONFIRMED)):
        i = table.add(Life(founded=f"m@0#{k}", first_ns=10 if k == 2 else 0, last_ns=0, status=status))
        table.cloud[i] = k
    clouds.review(table, SETTLED_NS)
    assert clouds.memories[:, SETTLED].tolist() == [0.0, 1.0, 0.0, 0.0]


def windy(sky: SimpleNamespace) -> tuple[list[Sensor], list[Scan]]:
    """36 microphones in the wind, and looks at two objects; the sound of each carries to 1,700 m."""
    sensors, scans = [], []
    for k in range(36):
        at = np.array([2e3 * (k % 6), 2e3 * (k // 6), 2.0])
        cover = Coverage(max_m=2_500.0, soft_m=300.0)
        sensors.append(
            Sensor(
                id=f"m{k:02d}", kind=SensorKind.MICROPHONE, position=sky.place(*at), position_sigma_m=1.0, pd=0.8,
                false_per_scan=0.005, coverage=cover,
            )
        )  # fmt: skip
        rng = np.random.default_rng(k)
        for second in range(75):
            t, deaf = second + k / 36.0, 0.995
            for start, speed in ((np.array([1e3, 2e3, 250.0]), 48.0), (np.array([9e3, 7e3, 250.0]), -48.0)):
                sent = sky.emitted(lambda s, a=start, v=speed: a + np.array([v * s, 10.0, 0.0]), at, t)
                deaf *= 1.0 - 0.8 / (1.0 + math.exp((np.linalg.norm(sent - at) - 1_700.0) / 300.0))
            scans.append(sky.scan(f"m{k:02d}", t, [Presence()] if rng.random() > deaf else []))
    return sensors, sorted(scans, key=lambda scan: scan.time_ns)


def test_what_is_known_of_shown_clouds_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    sensors, scans = windy(sky)
    site = sky.site(*sensors, weather=Weather(wind_from_deg=285.0, wind_mps=6.0))
    first, second = Tracker(site), Tracker(site)
    early = [scan for scan in scans if scan.time_ns <= sky.START_NS + 60e9]
    sky.run(first, early, 60.0)
    assert first.fusion is not None
    assert first.fusion.clouds.memories[:, SETTLED].any()
    second.restore(first.snapshot())
    rest = scans[len(early) :]
    assert sky.run(first, rest, 75.0, 60.0) == sky.run(second, rest, 75.0, 60.0)
    assert first.snapshot() == second.snapshot()
