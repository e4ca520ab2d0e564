"""Forks of what sound alone follows: their sums are the row, they begin anew where it is another, a plot ends them."""

from __future__ import annotations

import numpy as np
import pytest
from bench.scenarios import make
from bench.tracker import batches

from skysentry.tracking.filter import forks as f
from skysentry.tracking.models.motion import JUMP, MODELS, predict, transition
from skysentry.tracking.tracker import Tracker


@pytest.fixture(name="row")
def _row() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five models a few metres from each other, far from the origin."""
    rng = np.random.default_rng(1)
    x = np.array([40_000.0, -60_000.0, 200.0, 30.0, 30.0, 0.0]) + rng.normal(0.0, 5.0, (MODELS, 6))
    root = rng.normal(0.0, 3.0, (MODELS, 6, 6))
    return x, root @ np.swapaxes(root, 1, 2) + np.eye(6), rng.dirichlet(np.ones(MODELS))


def _moments(x: np.ndarray, P: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = w @ x / w.sum()
    off = x - mean
    return mean, np.einsum("n,nab->ab", w / w.sum(), P + off[:, :, None] * off[:, None, :])


def _of(made: f.Forks, slot: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return made.x[slot], made.P[slot], made.w[slot], made.ways[slot]


def _fly(row: tuple[np.ndarray, np.ndarray, np.ndarray], made: f.Forks, begin_s: float, steps: int) -> float:
    for _ in range(steps):
        f.predict_forks(*row, begin_s, 0.1, *_of(made), made.head[0])
        begin_s += 0.1
    return begin_s


def test_there_is_room_for_every_way_that_jumps_allow() -> None:
    """Three models in a row, each the one before or one it may jump to."""
    step = (JUMP > 0.0) | np.eye(MODELS, dtype=bool)
    assert np.linalg.matrix_power(step.astype(int), 2).sum() == f.FORKS


def test_a_row_is_the_sum_of_its_forks_and_loses_no_moment_to_them(
    row: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Over several intervals, in which ways are forgotten."""
    made = f.Forks()
    now_s = _fly(row, made, 100.0, 75)
    n = int(made.head[0, f.H_COUNT])
    assert MODELS < n <= f.FORKS
    assert row[2].sum() == pytest.approx(1.0)
    mean, cov = _moments(*(part[:n] for part in _of(made)[:3]))
    own_mean, own_cov = _moments(*row)
    np.testing.assert_allclose(own_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(own_cov, cov, rtol=1e-6)
    # Forgetting sums up by moments: the row stays what it was to the last digits but rounding's.
    before = [part.copy() for part in row]
    left = f._forget(made.x[0, :n], made.P[0, :n], made.w[0], made.ways[0])
    assert left < n
    f._sum_up(*row, now_s, made.x[0, :left], made.P[0, :left], made.w[0, :left], made.ways[0], made.head[0])
    for now, then in zip(row, before, strict=True):
        np.testing.assert_allclose(now, then, rtol=1e-9, atol=1e-7)


def test_forks_move_as_the_five_models_do_as_long_as_nothing_is_measured(
    row: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """The same place within two metres; they jump once in an interval, as often as `JUMPS_S` says."""
    made, alone, first = f.Forks(), tuple(part.copy() for part in row), row[2].copy()
    intervals = 2
    steps = round(intervals * f.INTERVAL_S / 0.1)
    _fly(row, made, 0.0, steps)
    for _ in range(steps):
        predict(*alone, 0.1)
    mean, _ = _moments(*row)
    other, _ = _moments(*alone)
    assert np.linalg.norm((mean - other)[:3]) < 2.0
    jumps = np.array(transition(f.JUMPS_S))
    np.testing.assert_allclose(row[2], first @ np.linalg.matrix_power(jumps, intervals), atol=1e-3)


def test_forks_begin_anew_where_the_row_is_another(row: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """What else corrects a track is not undone by forks that know nothing of it."""
    made = f.Forks()
    now_s = _fly(row, made, 0.0, 30)
    row[0][:, 0] += 500.0
    row[2][:] = np.roll(row[2], 1)
    mean, _ = _moments(*row)
    _fly(row, made, now_s, 1)
    after, _ = _moments(*row)
    assert abs(after[0] - mean[0]) < 10.0


def test_what_sound_follows_has_forks_and_a_snapshot_keeps_them() -> None:
    """To the byte, events and state."""
    world = make("bearings", 1, 30)
    one = Tracker(world.site)
    parts = batches(world.scans)
    for now_ns, part in parts[:270]:
        one.step(now_ns, part)
    assert one.fusion is not None
    assert (one.fusion.table.forks[: one.fusion.table.n] > 0).sum() >= 10
    two = Tracker(world.site)
    two.restore(one.snapshot())
    assert [two.step(*part) for part in parts[270:]] == [one.step(*part) for part in parts[270:]]
    assert two.snapshot() == one.snapshot()


def test_what_is_not_sound_ends_forks() -> None:
    """A count of looks of sound up to where sound alone follows; a slot stays; anything else begins again."""
    forks = np.array([0, 3, -5])
    for _ in range(2 * f.WANTED):
        f.note_direction(forks, 0, True)
        f.note_direction(forks, 1, True)
    assert forks[:2].tolist() == [-f.WANTED, 3]
    for i in range(3):
        f.note_direction(forks, i, False)
    assert forks.tolist() == [0, 0, 0]
