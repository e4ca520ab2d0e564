"""Filters, measurement models, association and geometry of the tracker against independent oracles."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from stonesoup.models.measurement.linear import LinearGaussian
from stonesoup.models.transition.linear import (
    CombinedLinearGaussianTransitionModel,
    ConstantVelocity,
    KnownTurnRate,
)
from stonesoup.predictor.kalman import KalmanPredictor
from stonesoup.types.detection import Detection as StoneDetection
from stonesoup.types.hypothesis import SingleHypothesis
from stonesoup.types.state import GaussianState
from stonesoup.updater.kalman import KalmanUpdater

from skysentry.events import Place
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.filter.associate import marginals
from skysentry.tracking.intake.batch import listener
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.coverage import detectable
from skysentry.tracking.models.first_state import prepare
from skysentry.tracking.models.motion import MODELS, mix, moments, predict_one, transition, turn_one
from skysentry.tracking.telling.show import ROOM, SHOWN, show
from skysentry.tracking.tracks.table import TOLD

# Our order of states is positions then velocities; Stone Soup's is (e, ve, n, vn, u, vu).
ORDER = [0, 3, 1, 4, 2, 5]


def random_state(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=6) * [3000, 3000, 300, 40, 40, 5]
    a = rng.normal(size=(6, 6)) * np.array([30, 30, 30, 5, 5, 5])
    return x, a @ a.T + np.eye(6)


def row_of(kind: int, z: list[float], r: list[float], origin: np.ndarray, turn: np.ndarray) -> np.ndarray:
    row = np.zeros(m.ROW)
    row[: len(z)] = z
    row[m.R_TRIANGLE], row[m.R_TRIANGLE + 3], row[m.R_TRIANGLE + 5] = ([*r, 1.0, 1.0, 1.0])[:3]
    row[m.R_DIAGONAL : m.R_DIAGONAL + 3] = 1.0
    row[m.ORIGIN : m.ORIGIN + 3] = origin
    row[m.ROTATION : m.ROTATION + 9] = turn.ravel()
    row[m.OTHER : m.OTHER + 3] = origin + np.array([3000.0, -1000.0, 5.0])
    return row


def turned(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("dt", [0.1, 1.0, 7.5])
def test_prediction_is_stone_soups(dt: float) -> None:
    rng = np.random.default_rng(1)
    x, P = random_state(rng)
    q, q_up = 2.0, 0.5
    model = CombinedLinearGaussianTransitionModel([ConstantVelocity(q), ConstantVelocity(q), ConstantVelocity(q_up)])
    start = datetime(2026, 1, 1)
    prior = GaussianState(x[ORDER], P[np.ix_(ORDER, ORDER)], timestamp=start)
    theirs = KalmanPredictor(model).predict(prior, timestamp=start + timedelta(seconds=dt))
    predict_one(x, P, q, q_up, dt)
    np.testing.assert_allclose(x[ORDER], np.ravel(theirs.state_vector), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(P[np.ix_(ORDER, ORDER)], theirs.covar, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rate", [0.1222, -0.03])
@pytest.mark.parametrize("dt", [0.1, 1.0, 7.5])
def test_a_turn_is_stone_soups(dt: float, rate: float) -> None:
    rng = np.random.default_rng(4)
    x, P = random_state(rng)
    q, q_up = 3.0, 0.01
    model = CombinedLinearGaussianTransitionModel([KnownTurnRate([q, q], rate), ConstantVelocity(q_up)])
    start = datetime(2026, 1, 1)
    prior = GaussianState(x[ORDER], P[np.ix_(ORDER, ORDER)], timestamp=start)
    theirs = KalmanPredictor(model).predict(prior, timestamp=start + timedelta(seconds=dt))
    turn_one(x, P, rate, q, q_up, dt)
    np.testing.assert_allclose(x[ORDER], np.ravel(theirs.state_vector), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(P[np.ix_(ORDER, ORDER)], theirs.covar, rtol=1e-9, atol=1e-8)


def test_update_is_stone_soups() -> None:
    rng = np.random.default_rng(2)
    x, P = random_state(rng)
    z = x[:3] + rng.normal(size=3) * 20
    R = np.diag([100.0, 200.0, 400.0])
    row = row_of(m.POSITION3, [0.0, 0.0, 0.0], [100.0, 200.0, 400.0], z, np.eye(3))
    look = np.zeros(m.LOOK)
    prior = GaussianState(x[ORDER], P[np.ix_(ORDER, ORDER)])
    model = LinearGaussian(6, [0, 2, 4], R)
    theirs = KalmanUpdater(model).update(SingleHypothesis(prior, StoneDetection(z, measurement_model=model)))
    nu, S, PHt = np.empty(6), np.empty((6, 6)), np.empty((6, 6))
    dims = m.innovate(m.POSITION3 * 8, row, look, x, P, 0.0, 0.0, 0.0, 0.0, nu, S, PHt, np.empty((m.WORK, 6)))
    d = z - x[:3]
    full = P[:3, :3] + R
    log_l, d2 = m.log_likelihood(nu, S, dims)
    expected = -0.5 * (d @ np.linalg.solve(full, d) + np.linalg.slogdet(2 * np.pi * full)[1])
    assert log_l == pytest.approx(expected, rel=1e-9)
    assert d2 == pytest.approx(d @ np.linalg.solve(full, d), rel=1e-9)
    m.correct(x, P, nu, S, PHt, dims)
    np.testing.assert_allclose(x[ORDER], np.ravel(theirs.state_vector), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(P[np.ix_(ORDER, ORDER)], theirs.covar, rtol=1e-9, atol=1e-8)


def test_interaction_keeps_the_moments_of_the_mixture() -> None:
    rng = np.random.default_rng(3)
    states = [random_state(rng) for _ in range(MODELS)]
    x, P = np.array([s[0] for s in states]), np.array([s[1] for s in states])
    w = np.array([0.4, 0.25, 0.15, 0.1, 0.1])
    jump = np.array(transition(1.0))
    np.testing.assert_allclose(jump.sum(axis=1), 1.0, rtol=1e-12)
    expected_w = w @ jump
    before_x, before_P = np.empty(6), np.empty((6, 6))
    moments(x, P, w, before_x, before_P)
    mix(x, P, w, 1.0)
    after_x, after_P = np.empty(6), np.empty((6, 6))
    moments(x, P, w, after_x, after_P)
    np.testing.assert_allclose(w, expected_w, rtol=1e-12)
    np.testing.assert_allclose(after_x, before_x, rtol=1e-9)
    np.testing.assert_allclose(after_P, before_P, rtol=1e-9, atol=1e-6)


KINDS = [
    (m.POSITION2 * 8 + 2, 4),
    (m.POSITION3 * 8 + 3, 6),
    (m.BEARING * 8, 1),
    (m.AZ_EL * 8, 2),
    (m.RANGE_BEARING * 8 + 1, 3),
    (m.RANGE_AZ_EL * 8 + 1, 4),
    (m.TDOA * 8, 1),
]


@pytest.mark.parametrize(("code", "dims"), KINDS)
@pytest.mark.parametrize(("sound", "turn_rad_s"), [(0.0, 0.0), (340.0, 0.0), (0.0, 0.12), (340.0, -0.12)])
def test_jacobians_are_the_derivatives(code: int, dims: int, sound: float, turn_rad_s: float) -> None:
    """P Hᵀ of `innovate` with P = 1 is Hᵀ: compared with differences of the whole path through emission.

    In a turn the time of emission is solved by one step only, which costs up to half a hundredth, and that a
    velocity turns with that time is left out: nothing measures velocities by sound.
    """
    rng = np.random.default_rng(code)
    origin, turn = rng.normal(size=3) * 500, turned(rng)
    row = row_of(code // 8, [0.0] * 6, [1.0, 1.0, 1.0], origin, turn)
    look = np.zeros(m.LOOK)
    look[m.L_TIME], look[m.L_SOUND] = 12.0, sound
    look[m.L_ORIGIN : m.L_ORIGIN + 3] = origin
    x = np.array([2500.0, -1800.0, 400.0, 35.0, -28.0, 4.0])

    def innovation(state: np.ndarray) -> np.ndarray:
        nu, S, PHt = np.empty(6), np.empty((6, 6)), np.empty((6, 6))
        room = np.empty((m.WORK, 6))
        assert m.innovate(code, row, look, state, np.eye(6), 14.0, 0.0, 0.0, turn_rad_s, nu, S, PHt, room) == dims
        H.append(PHt[:, :dims].T.copy())
        return nu[:dims].copy()

    rough, sure = (5e-3, dims - code % 8) if sound and turn_rad_s else (2e-5, dims)
    H: list[np.ndarray] = []
    innovation(x)
    analytic = H[0]
    for a in range(6):
        step = np.zeros(6)
        step[a] = 1e-3
        gap = innovation(x - step) - innovation(x + step)
        np.testing.assert_allclose(analytic[:sure, a], gap[:sure] / 2e-3, rtol=rough, atol=rough * 1e-4)


@pytest.mark.parametrize("sound", [0.0, 340.0])
@pytest.mark.parametrize("turn_rad_s", [math.radians(7.0), -math.radians(7.0)])
def test_a_turn_is_looked_back_along_its_arc(sound: float, turn_rad_s: float) -> None:
    """What was said of a turning object seconds ago has no innovation; along the tangent it would be degrees off."""
    now_s, speed_mps, radius_m = 20.0, 45.0, 45.0 / turn_rad_s
    x = np.array([900.0, 1_700.0, 150.0, 0.0, speed_mps, 0.0])

    def place(time_s: float) -> np.ndarray:
        angle = turn_rad_s * (time_s - now_s)
        return x[:3] + radius_m * np.array([math.cos(angle) - 1.0, math.sin(angle), 0.0])

    emitted_s = 15.5
    arrival_s = emitted_s + (float(np.linalg.norm(place(emitted_s))) / sound if sound else 0.0)
    east, north, _ = place(emitted_s)
    row = row_of(m.BEARING, [math.atan2(east, north)], [0.01, 0.0, 0.0], np.zeros(3), np.eye(3))
    look = np.zeros(m.LOOK)
    look[m.L_TIME], look[m.L_SOUND] = arrival_s, sound
    room, nu, S, PHt = np.empty((m.WORK, 6)), np.empty(6), np.empty((6, 6)), np.empty((6, 6))
    for rate, most_rad in ((turn_rad_s, 1e-4), (0.0, math.inf)):
        m.innovate(m.BEARING * 8, row, look, x, np.eye(6), now_s, 0.0, 0.0, rate, nu, S, PHt, room)
        assert abs(nu[0]) < most_rad
    assert abs(nu[0]) > math.radians(1.0)


def test_sound_is_retarded_as_the_closed_form_says() -> None:
    """A thing that flies straight at the microphone: te = t − d(te)/c has a closed form in one dimension."""
    look = np.zeros(m.LOOK)
    look[m.L_TIME], look[m.L_SOUND] = 100.0, 340.0
    v, d = 50.0, 3400.0
    x = np.array([0.0, d, 0.0, 0.0, -v, 0.0])
    # At t = 100 it is at d; it emitted at 100 + τ from d − vτ: −τ c = d − v τ, so τ = −d / (c − v).
    assert m.emission_lag(x, 100.0, look) == pytest.approx(-d / (340.0 - v), abs=1e-9)
    look[m.L_WIND + 1] = -10.0  # wind from the thing to the microphone: sound is faster
    assert m.emission_lag(x, 100.0, look) == pytest.approx(-d / (350.0 - v), abs=1e-9)
    look[m.L_SOUND], look[m.L_WIND + 1] = 0.0, 0.0
    assert m.emission_lag(x, 97.0, look) == 3.0


def test_a_supersonic_state_gives_finite_numbers() -> None:
    look = np.zeros(m.LOOK)
    look[m.L_TIME], look[m.L_SOUND] = 100.0, 340.0
    assert math.isfinite(m.emission_lag(np.array([0.0, 1000.0, 0.0, 0.0, -900.0, 0.0]), 100.0, look))


def exact_marginals(ratio: np.ndarray) -> np.ndarray:
    tracks, found = ratio.shape
    total, out = 0.0, np.zeros_like(ratio)
    for choice in itertools.product(range(-1, found), repeat=tracks):
        used = [j for j in choice if j >= 0]
        if len(used) != len(set(used)):
            continue
        weight = math.prod(ratio[i, j] for i, j in enumerate(choice) if j >= 0)
        total += weight
        for i, j in enumerate(choice):
            if j >= 0:
                out[i, j] += weight
    return out / total


def test_association_is_near_the_enumeration() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        ratio = np.exp(rng.normal(0.0, 2.0, (3, 4)))
        i, j = np.divmod(np.arange(12), 4)
        share = np.empty(12)
        marginals(i, j, ratio.ravel(), 4, share)
        # Williams and Lau report errors of a few hundredths on dense clusters.
        assert np.abs(share.reshape(3, 4) - exact_marginals(ratio)).max() < 0.12


def test_association_of_one_track_is_exact() -> None:
    ratio = np.array([3.0, 1.0])
    share = np.empty(2)
    marginals(np.zeros(2, np.int64), np.arange(2), ratio, 2, share)
    np.testing.assert_allclose(share, [0.6, 0.2], rtol=1e-9)


def test_a_place_100_km_away_is_right_to_a_metre(sky: SimpleNamespace) -> None:
    """A position 100 km from the origin lands where geodesy says, and is shown back at the same place."""
    place = Place(lat_deg=51.2, lon_deg=31.4, alt_m=1234.0)
    frame = np.concatenate([sky.FRAME.rotation.ravel(), np.array(sky.FRAME.origin_ecef_m)])
    row = np.zeros((1, m.ROW))
    row[0, m.R_TRIANGLE], row[0, m.R_TRIANGLE + 3], row[0, m.R_TRIANGLE + 5] = 25.0, 25.0, 25.0
    row[0, m.CENTRE : m.CENTRE + 3] = place.lat_deg, place.lon_deg, place.alt_m
    prepare(np.array([m.POSITION3 * 8]), row, np.zeros(m.LOOK), frame, 0.0)
    expected = sky.FRAME.to_local(place.lat_deg, place.lon_deg, place.alt_m)
    np.testing.assert_allclose(row[0, m.ORIGIN : m.ORIGIN + 3], expected, atol=1e-6)
    np.testing.assert_allclose(
        row[0, m.ROTATION : m.ROTATION + 9].reshape(3, 3), Frame.at(place).turn_from(sky.FRAME), atol=1e-12
    )
    own = Frame.at(place)
    v = own.turn_from(sky.FRAME).T @ np.array([30.0, 40.0, 5.0])
    x = np.tile(np.concatenate([expected, v]), (1, MODELS, 1))
    local_cov = np.diag([100.0, 400.0, 900.0, 1.0, 4.0, 9.0])
    turn = np.kron(np.eye(2), own.turn_from(sky.FRAME))
    P = np.tile(turn.T @ local_cov @ turn, (1, MODELS, 1, 1))
    out = np.empty((1, SHOWN))
    w, told = np.full((1, MODELS), 1 / MODELS), np.empty((1, TOLD))
    show(x, P, w, np.zeros(1), np.zeros(1, np.int64), 0.0, frame, told, np.empty((ROOM, 6, 6)), out)
    assert out[0, 0] == pytest.approx(place.lat_deg, abs=1e-9)
    assert out[0, 1] == pytest.approx(place.lon_deg, abs=1e-9)
    np.testing.assert_allclose(out[0, 2:6], [1234.0, 30.0, 40.0, 5.0], atol=1e-5)
    np.testing.assert_allclose(out[0, 6:], local_cov[np.triu_indices(6)], atol=1e-6)


def test_coverage_has_its_edges(sky: SimpleNamespace) -> None:
    cover = Coverage(min_m=100.0, max_m=5_000.0, soft_m=200.0, az_deg=(350.0, 10.0), el_deg=(-10.0, 45.0))
    sensor = Sensor(id="r", kind=SensorKind.RADAR, position=sky.HOME, coverage=cover, pd=0.8)
    look = listener(sensor, sky.FRAME, Weather()).look
    assert detectable(look, 0.0, 2_000.0, 100.0, 0.0) == pytest.approx(0.8, abs=1e-3)
    assert detectable(look, 0.0, 5_000.0, 0.0, 0.0) == pytest.approx(0.4, abs=1e-3)
    assert detectable(look, 0.0, 9_000.0, 100.0, 0.0) == 0.0
    assert detectable(look, 2_000.0, 2_000.0, 100.0, 0.0) == 0.0
    assert detectable(look, 0.0, 50.0, 0.0, 0.0) == 0.0
    assert detectable(look, 0.0, 500.0, 2_000.0, 0.0) == 0.0
