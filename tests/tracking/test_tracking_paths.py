"""Paths weighed together: what looks are worth, who explains what, and two objects that one microphone hears."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Scan
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.first_state import ALT_PRIOR_M
from skysentry.tracking.sparse.paths import (
    BEND,
    BEND_RAD_S,
    BIN_S,
    ELSE,
    MISSED,
    PATH,
    TEMPER,
    VE,
    VN,
    E,
    N,
    placed,
    put_back,
    take_off,
    weave,
    worth,
)
from skysentry.tracking.sparse.window import AHEAD, BINS, MOST_A_LOOK, Window
from skysentry.tracking.sparse.worlds import explain, reaches, suggest
from skysentry.tracking.tracker import Tracker

SOUND_MPS, REACH_M, EDGE_M, PD = 340.0, 2_500.0, 300.0, 0.8


def look_of(e: float, n: float) -> np.ndarray:
    look = np.zeros(m.LOOK)
    look[m.L_ORIGIN : m.L_ORIGIN + 3] = e, n, 0.0
    look[m.L_ROTATION : m.L_ROTATION + 9] = np.eye(3).ravel()
    look[m.L_SOUND], look[m.L_PD], look[m.L_MAX], look[m.L_SOFT] = SOUND_MPS, PD, REACH_M, EDGE_M
    return look


def filled(paths: list[np.ndarray]) -> tuple[np.ndarray, Window, np.ndarray]:
    """A microphone and an array, 100 s of looks; the array hears the first path in half of its own."""
    looks = np.stack([look_of(0.0, 0.0), look_of(500.0, -3_000.0)])
    window = Window(["a-mic", "b-array"])
    rng = np.random.default_rng(3)
    for second in range(100):
        window.listen("a-mic", second + 0.3, bool(rng.random() < 0.6), 0.995)
        offset = np.array(at_emission(paths[0], looks[1], second + 0.6)[:2])
        way = offset / np.hypot(*offset)
        rays = np.array([[*way, math.radians(4.0) ** 2, 0.02]]) if second % 2 else np.zeros((0, 4))
        window.direct("b-array", second + 0.6, rays)
    window.over(100.0)
    return looks, window, np.array([False, True])


def at_emission(path: np.ndarray, look: np.ndarray, time_s: float) -> tuple[float, float, float]:
    """Where a path was, seen from a sensor, when it made what arrives, by iteration to the end."""
    lag = 0.0
    for _ in range(50):
        e, n, _, _ = placed(path, time_s - lag)
        e, n = e - look[m.L_ORIGIN], n - look[m.L_ORIGIN + 1]
        away = math.sqrt(e * e + n * n + ALT_PRIOR_M**2)
        lag = away / SOUND_MPS
    return e, n, away


def pd_of(path: np.ndarray, look: np.ndarray, time_s: float) -> float:
    """Nobody is asked beyond five widths of an edge."""
    beyond = (at_emission(path, look, time_s)[2] - REACH_M) / EDGE_M
    return PD / (1.0 + math.exp(beyond)) if beyond < 5.0 else 0.0


def said(path: np.ndarray, look: np.ndarray, ray: np.ndarray) -> float:
    east, north, variance, _, time_s = ray
    e, n, _ = at_emission(path, look, time_s)
    miss = math.atan2(e * north - n * east, e * east + n * north)
    return pd_of(path, look, time_s) * math.exp(-0.5 * miss * miss / variance) / math.sqrt(2.0 * math.pi * variance)


def straight(e: float, n: float, ve: float, vn: float, bend: float = 0.0) -> np.ndarray:
    path = np.zeros(PATH)
    path[[E, N, VE, VN, BEND]] = e, n, ve, vn, bend
    return path


ONE, TWO = straight(-800.0, 2_000.0, 5.0, -48.0, 1e-4), straight(900.0, 1_500.0, 0.0, -50.0)


def test_what_looks_are_worth_is_their_likelihood_with_a_path_over_that_without() -> None:
    looks, window, directed = filled([ONE])
    view, far = window.view(directed), np.empty(2)
    reaches(looks, far)
    quiet, density = np.empty(view.counts.shape), np.empty(len(view.rays))
    paths, which = np.stack([ONE, TWO])[:, None], np.array([1])
    explain(paths, np.zeros(2), which, 0, looks, far, view.first_s, view.rays, view.begins, quiet, density)
    got = worth(ONE, 0.0, looks, far, view.first_s, view.counts, view.hits, view.rays, view.begins, quiet, density, 0)
    expected = 0.0
    for b in range(view.counts.shape[1]):
        middle = view.first_s + (b + 0.5) * BIN_S
        one, two = pd_of(ONE, looks[0], middle), pd_of(TWO, looks[0], middle)
        hits, others = view.hits[0, 0, b], (1.0 - two) * 0.995 * (1.0 - ELSE)
        expected += (view.counts[0, b] - hits) * math.log(1.0 - one)
        expected += hits * math.log((1.0 - others * (1.0 - one)) / (1.0 - others))
        expected -= MISSED * view.counts[1, b] * pd_of(ONE, looks[1], middle)
    for ray in view.rays:
        expected += math.log1p(said(ONE, looks[1], ray) / (ray[3] + said(TWO, looks[1], ray)))
    assert view.counts.sum() == 200.0
    assert len(view.rays) == 50
    # The lag of a bin is that of the bin before, corrected once: within metres.
    assert got == pytest.approx(TEMPER * expected, rel=0.01)


def test_a_path_that_is_taken_off_leaves_what_was_explained_before_and_put_back_what_weaving_makes() -> None:
    looks, window, directed = filled([ONE])
    view, far = window.view(directed), np.empty(2)
    reaches(looks, far)
    quiet, density = np.empty(view.counts.shape), np.empty(len(view.rays))
    paths, since = np.stack([ONE, TWO])[:, None], np.zeros(2)
    args = (looks, far, view.first_s, view.rays, view.begins)
    explain(paths, since, np.array([1]), 0, *args, quiet, density)
    before = quiet.copy(), density.copy()
    assert before[0].min() < 0.5
    weave(ONE, 0.0, *args, quiet, density)
    assert quiet.min() < 0.9 * before[0].min()
    seen = (view.counts, view.hits, view.rays, view.begins)
    room = np.empty((2, 2), np.int64), np.empty(quiet.shape), np.empty(density.shape)
    taken = take_off(ONE, 0.0, looks, far, view.first_s, *seen, quiet, density, *room)
    assert quiet == pytest.approx(before[0], rel=1e-9)
    assert density == pytest.approx(before[1], rel=1e-9)
    # To the bit: what a world explains does not depend on whether its paths were tried.
    assert taken == worth(ONE, 0.0, looks, far, view.first_s, *seen, quiet, density, 0) != 0.0
    woven = quiet.copy(), density.copy()
    weave(ONE, 0.0, *args, *woven)
    put_back(view.rays, view.begins, quiet, density, *room)
    assert (quiet == woven[0]).all()
    assert (density == woven[1]).all()


def test_paths_that_a_sensor_suggests_were_heard_by_it() -> None:
    look, paths = look_of(1_000.0, -2_000.0), np.empty((300, PATH))
    heard = np.array([[20.0, 0.0, 1.0, 0.01**2, 1.0], [30.0, 0.0, 1.0, 0.01**2, 3.0]])
    suggest(look, REACH_M, heard, np.ones(12), 100.0, np.uint64(7), paths)
    for path in paths:
        off = [np.array(placed(path, t - 100.0)[:2]) - look[m.L_ORIGIN : m.L_ORIGIN + 2] for t in np.arange(10.0, 31.0)]
        assert min(abs(math.atan2(e, n)) for e, n in off) < 0.2
        assert min(np.hypot(*o) for o in off) < REACH_M
    speeds = np.hypot(paths[:, VE], paths[:, VN])
    assert np.median(speeds) == pytest.approx(48.0, abs=2.0)
    assert speeds.min() < 20.0
    assert paths[:, BEND].std() == pytest.approx(BEND_RAD_S, rel=0.2)
    headings = np.arctan2(paths[:, VE], paths[:, VN]) % (2.0 * np.pi)
    assert np.histogram(headings, 4, (0.0, 2.0 * np.pi))[0].min() > 40


def test_a_window_counts_late_looks_where_they_belong_and_forgets_old_ones() -> None:
    window, directed = Window(["mic", "array"]), np.array([False, True])
    for second in range(0, 40):
        window.listen("mic", second + 0.5, second < 4, 0.9)
    window.listen("mic", 2.2, True, 0.7)
    window.listen("unknown", 3.0, True, 0.7)
    window.direct("array", 10.0, np.tile([0.0, 1.0, 0.01, 0.02], (50, 1)))
    assert window.over(40.0) == 10
    assert window.over(40.0) == 0
    view = window.view(directed)
    assert view.counts[0].tolist() == [5.0] + [4.0] * 9
    assert view.hits[0, 0].tolist() == [5.0] + [0.0] * 9
    assert view.hits[1, 0, 0] == pytest.approx((4.0 * 0.9 + 0.7) / 5.0 * (1.0 - ELSE))
    assert len(view.rays) == view.begins[1, 3] - view.begins[1, 2] == MOST_A_LOOK
    kept = Window(["mic", "array"])
    kept.load(window.dump())
    assert kept.dump() == window.dump()
    window.listen("mic", 10_000.0, True, 0.9)
    window.over(10_001.0)
    view = window.view(directed)
    assert view.counts.shape == (2, BINS)
    assert view.counts.sum() == 0.0
    assert not len(view.rays)
    assert window.counts.shape == (2, BINS + AHEAD)


def flown(side: float) -> object:
    return lambda t: np.array([side * (1_500.0 + 3.0 * t), 12_000.0 - 50.0 * t, 300.0])


def test_two_objects_that_one_microphone_hears_at_once_are_two_tracks(sky: SimpleNamespace) -> None:
    spots = [(0.0, 8_000.0), (-3_500.0, 1_500.0), (3_500.0, 1_500.0), (-2_500.0, -5_000.0), (2_500.0, -5_000.0)]
    sensors = [
        Sensor(
            id=f"m{k}", kind=SensorKind.MICROPHONE, position=sky.place(e, n, 5.0), position_sigma_m=1.0, pd=0.8,
            false_per_scan=0.005, coverage=Coverage(max_m=2_500.0, soft_m=300.0),
        )
        for k, (e, n) in enumerate(spots)
    ]  # fmt: skip
    scans: list[Scan] = []
    for k, sensor in enumerate(sensors):
        rng, at = np.random.default_rng([11, k]), np.array([*spots[k], 5.0])
        for second in range(360):
            missed = 0.995
            for side in (-1.0, 1.0):
                away = np.linalg.norm(sky.emitted(flown(side), at, second + 0.37) - at)
                missed *= 1.0 - 0.8 / (1.0 + math.exp((away - 2_500.0) / 300.0))
            scans.append(sky.scan(sensor.id, second + 0.37, [sky.Presence()] if rng.random() > missed else []))
    scans.sort(key=lambda scan: (scan.time_ns, scan.id))
    last: dict[str, object] = {}
    for track in sky.tracks(sky.run(Tracker(sky.site(*sensors)), scans, 350.0), "confirmed", "coasting"):
        last[track.track_id] = track
    for side in (-1.0, 1.0):
        true = flown(side)(350.0)  # type: ignore[operator]
        near = [track for track in last.values() if np.hypot(*(sky.where(track) - true)[:2]) < 1_200.0]
        assert len(near) == 1
        assert near[0].velocity_mps[1] == pytest.approx(-50.0, abs=8.0)
