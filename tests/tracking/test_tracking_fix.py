"""Places compared by closed forms say what the measurement models say."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.tracking.filter.correct import EACH
from skysentry.tracking.filter.fix import PLACE, fix_places, gain_place, mend_place, take_place, weigh_place
from skysentry.tracking.filter.update import GATES, KEPT, mend, weigh
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import MODELS


def models(rng: np.random.Generator, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, P = np.empty((MODELS, 6)), np.empty((MODELS, 6, 6))
    for k in range(MODELS):
        a = rng.normal(size=(6, 6)) * np.array([30, 30, 30, 5, 5, 5])
        P[k] = a @ a.T + np.eye(6)
        x[k] = np.concatenate([place + rng.normal(size=3) * 20, rng.normal(size=3) * 20])
    return x, P, np.array([0.6, 0.1, 0.2, 0.1])


def turned(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def weighed(code: int, row: np.ndarray, x: np.ndarray, P: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray]:
    out, kept = np.empty(MODELS), np.empty((MODELS, KEPT, 6))
    log_l = weigh(x, P, w, EACH, 0.0, code, row, np.zeros(m.LOOK), np.empty((m.WORK + 1, 6)), kept, out)
    return log_l, out


def fixed(code: int, row: np.ndarray) -> tuple[int, np.ndarray]:
    codes, rows = np.empty(1, np.int64), np.empty((1, m.ROW))
    fix_places(np.array([code]), row[None], codes, rows, np.empty((3, 3, 3)))
    return int(codes[0]), rows[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_position_is_weighed_as_by_its_model(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, turn = rng.normal(size=3) * 3000, turned(rng)
    x, P, w = models(rng, place)
    row = np.zeros(m.ROW)
    a = rng.normal(size=(3, 3)) * 20
    row[m.R_TRIANGLE : m.R_TRIANGLE + 6] = (a @ a.T + 25 * np.eye(3))[np.triu_indices(3)]
    row[m.ORIGIN : m.ORIGIN + 3] = row[m.CENTRE : m.CENTRE + 3] = place
    row[m.ROTATION : m.ROTATION + 9] = turn.ravel()
    code, out = fixed(PLACE, row)
    assert code == PLACE
    expected, shares = weighed(PLACE, row, x, P, w)
    mine, kept = np.empty(MODELS), np.empty((MODELS, KEPT, 6))
    assert weigh_place(x, P, w, out, GATES[2], kept, mine) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(mine, shares, rtol=1e-7)


@pytest.mark.parametrize(("far_m", "sigma_deg", "as_place"), [(4000.0, 0.5, True), (20_000.0, 2.0, False)])
def test_a_plot_is_a_place_where_its_arc_is_straight(far_m: float, sigma_deg: float, as_place: bool) -> None:
    rng = np.random.default_rng(7)
    az, el = 0.7, 0.05
    place = far_m * np.array([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)])
    x, P, w = models(rng, place)
    row = np.zeros(m.ROW)
    row[:3] = far_m, az, el
    row[m.R_TRIANGLE], row[m.R_TRIANGLE + 3], row[m.R_TRIANGLE + 5] = 100.0, *([np.radians(sigma_deg) ** 2] * 2)
    row[m.ROTATION : m.ROTATION + 9] = np.eye(3).ravel()
    row[m.CENTRE : m.CENTRE + 3], row[m.DENSITY] = place, 1e-6
    code, out = fixed(m.RANGE_AZ_EL * 8, row)
    assert (code == PLACE) is as_place
    if not as_place:
        np.testing.assert_array_equal(out, row)
        return
    expected, shares = weighed(m.RANGE_AZ_EL * 8, row, x, P, w)
    mine, kept = np.empty(MODELS), np.empty((MODELS, KEPT, 6))
    log_l = weigh_place(x, P, w, out, GATES[2], kept, mine)
    # What counts is the likelihood over the density of clutter, for that is free of the space it is written in.
    assert log_l - np.log(out[m.DENSITY]) == pytest.approx(expected - np.log(row[m.DENSITY]), abs=0.2)
    np.testing.assert_allclose(mine, shares, atol=0.05)


def test_a_state_is_mended_alike() -> None:
    rng = np.random.default_rng(3)
    x, P, w = models(rng, np.zeros(3))
    row = np.zeros(m.ROW)
    row[m.R_TRIANGLE], row[m.R_TRIANGLE + 3], row[m.R_TRIANGLE + 5] = 100.0, 200.0, 300.0
    row[m.ROTATION : m.ROTATION + 9] = np.eye(3).ravel()
    kept = np.empty((MODELS, KEPT, 6))
    weigh_place(x, P, w, row, GATES[2], kept, np.empty(MODELS))
    theirs, other = P[0].copy(), np.zeros(6)
    whole = kept[0].copy()
    whole[7:, :3] = P[0][:, :3]
    mend(theirs, 0.7, 3, whole.copy(), np.empty(6), other)
    # The gain may come of P itself, before it is mended, or of what is kept of it.
    for source in (P[0], whole[7:].copy()):
        ours, mean, gained = P[0].copy(), np.zeros(6), kept[0].copy()
        gain_place(source, gained, gained[7:])
        mend_place(ours, 0.7, gained[7:], mean)
        np.testing.assert_allclose(mean, other, rtol=1e-12)
        np.testing.assert_allclose(np.tril(ours), np.tril(theirs), rtol=1e-12)
    # A single place at once: with the moments of the mixture, and symmetric to the bit.
    state, cov = x[0].copy(), P[0].copy()
    take_place(state, cov, 0.7, kept[0].copy())
    np.testing.assert_allclose(state, x[0] + other, rtol=1e-12)
    np.testing.assert_allclose(np.tril(cov), np.tril(theirs - np.outer(other, other)), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(cov, cov.T)
