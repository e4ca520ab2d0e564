"""The pairing against scipy, GOSPA against Stone Soup and by hand."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from stonesoup.measures import Euclidean
from stonesoup.metricgenerator.ospametric import GOSPAMetric
from stonesoup.types.state import State

from skysentry.geo import Array
from skysentry.score.assignment import assign
from skysentry.score.gospa import distances_m, gospa, match

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32 - 1)


@given(shape=shapes, seed=seeds, ties=st.booleans())
@settings(max_examples=150, deadline=None)
def test_pairing_costs_what_scipys_costs(shape: tuple[int, int], seed: int, ties: bool) -> None:
    chance = np.random.default_rng(seed)
    cost = chance.integers(-3, 4, size=shape).astype(float) if ties else chance.normal(size=shape) * 1e5
    pairs = assign(cost)
    rows, columns = linear_sum_assignment(cost)
    assert len(pairs) == min(shape)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(shape)
    assert sum(cost[pair] for pair in pairs) == pytest.approx(cost[rows, columns].sum(), rel=1e-12, abs=1e-6)


def test_pairing_of_a_hard_matrix() -> None:
    # Row by column products make every greedy choice wrong: the best pairing is the anti-diagonal.
    cost = np.outer(np.arange(1.0, 41.0), np.arange(1.0, 41.0))
    assert assign(cost) == [(row, 39 - row) for row in range(40)]


def points(chance: np.random.Generator, number: int) -> Array:
    return chance.uniform(-600.0, 600.0, size=(number, 3))


def stone_soup(truths: Array, tracks: Array, c_m: float) -> dict[str, float]:
    now = datetime.datetime(2025, 1, 1)
    metric, _ = GOSPAMetric(c=c_m, p=2, generator_name="g", measure=Euclidean()).compute_gospa_metric(
        [State(point, timestamp=now) for point in tracks], [State(point, timestamp=now) for point in truths]
    )
    value: dict[str, float] = metric.value
    return value


@given(n=st.integers(0, 12), m=st.integers(0, 12), seed=seeds, c_m=st.sampled_from([50.0, 200.0, 500.0, 2000.0]))
@settings(max_examples=120, deadline=None)
def test_gospa_is_stone_soups(n: int, m: int, seed: int, c_m: float) -> None:
    if n + m == 0:
        n = 1
    chance = np.random.default_rng(seed)
    truths, tracks = points(chance, n), points(chance, m)
    ours, theirs = gospa(distances_m(truths, tracks), c_m), stone_soup(truths, tracks, c_m)
    assert ours.distance_m == pytest.approx(theirs["distance"], rel=1e-9)
    assert ours.localisation_m2 == pytest.approx(theirs["localisation"], rel=1e-9, abs=1e-6)
    assert ours.missed == pytest.approx(theirs["missed"] / (c_m**2 / 2))
    assert ours.false == pytest.approx(theirs["false"] / (c_m**2 / 2))


@given(n=st.integers(1, 10), m=st.integers(1, 10), seed=seeds)
@settings(max_examples=60, deadline=None)
def test_order_of_objects_does_not_matter(n: int, m: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    truths, tracks = points(chance, n), points(chance, m)
    straight = gospa(distances_m(truths, tracks), 300.0)
    shuffled = gospa(distances_m(chance.permutation(truths), chance.permutation(tracks)), 300.0)
    turned = gospa(distances_m(tracks, truths), 300.0)
    assert straight.distance_m == pytest.approx(shuffled.distance_m, rel=1e-12)
    assert straight.distance_m == pytest.approx(turned.distance_m, rel=1e-12)
    assert (straight.missed, straight.false) == (turned.false, turned.missed)


def test_gospa_by_hand() -> None:
    # Two pairs at 30 and 40 m, one object missed, two tracks false, c = 100: 900 + 1600 + 3 · 5000 = 17,500.
    truths = np.array([[0.0, 0, 0], [1000.0, 0, 0], [5000.0, 0, 0]])
    tracks = np.array([[1040.0, 0, 0], [30.0, 0, 0], [9000.0, 0, 0], [-9000.0, 0, 0]])
    one = gospa(distances_m(truths, tracks), 100.0)
    assert (one.localisation_m2, one.missed, one.false) == (2500.0, 1, 2)
    assert one.distance_m == math.sqrt(17_500.0)
    assert match(distances_m(truths, tracks), 100.0) == [(0, 1), (1, 0)]


def test_two_near_pairs_beat_one_perfect_pair() -> None:
    # Truth 0 and track 0 coincide; giving both truths a track is still cheaper: 60² + 60² < 0 + 100².
    distance_m = np.array([[0.0, 60.0], [60.0, 120.0]])
    assert match(distance_m, 100.0) == [(0, 1), (1, 0)]


def test_exactly_the_cutoff_is_no_pair() -> None:
    one = gospa(np.array([[100.0]]), 100.0)
    assert (one.missed, one.false, one.distance_m) == (1, 1, 100.0)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (2, 0)])
def test_empty_sides(n: int, m: int) -> None:
    one = gospa(np.zeros((n, m)), 100.0)
    assert (one.missed, one.false) == (n, m)
    assert one.distance_m == pytest.approx(100.0 * math.sqrt((n + m) / 2))
