"""What the filter reaches against what can be reached: Cramér–Rao bounds and consistency, by Monte Carlo.

The measurement functions here are written a second time, in plain numpy with a root search for the emission, and the
bounds come from their numerical derivatives, so that neither shares a line with the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2

from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import predict_one

SOUND_MPS = 340.0
Function = Callable[[np.ndarray, float], np.ndarray]


class Sensor:
    """One sensor: where it is, what it measures of (place, velocity at time 0) at a time, with what sigmas."""

    def __init__(self, code: int, at: list[float], sigmas: list[float], sound: bool, other: list[float] | None = None):
        self.code, self.at, self.sigmas, self.sound = code, np.array(at), np.array(sigmas), sound
        self.other = None if other is None else np.array(other)

    def measure(self, x: np.ndarray, t: float) -> np.ndarray:
        sent = t
        if self.sound:
            sent = brentq(
                lambda s: np.linalg.norm(x[:3] + s * x[3:] - self.at) - SOUND_MPS * (t - s), t - 60.0, t, xtol=1e-12
            )
        d = x[:3] + sent * x[3:] - self.at
        flat, slant = math.hypot(d[0], d[1]), float(np.linalg.norm(d))
        if self.code == m.RANGE_AZ_EL * 8 + 1:
            return np.array([slant, math.atan2(d[0], d[1]), math.atan2(d[2], flat), d @ x[3:] / slant])
        if self.code == m.RANGE_AZ_EL * 8:
            return np.array([slant, math.atan2(d[0], d[1]), math.atan2(d[2], flat)])
        if self.code == m.AZ_EL * 8:
            return np.array([math.atan2(d[0], d[1]), math.atan2(d[2], flat)])
        assert self.other is not None
        far = float(np.linalg.norm(x[:3] + sent * x[3:] - self.other))
        return np.array([(slant - far) / m.LIGHT_MPS])

    def row(self, z: np.ndarray) -> np.ndarray:
        row = np.zeros(m.ROW)
        row[: len(z)] = z
        places = min(len(z), 3)
        variances = np.ones(3)
        variances[:places] = self.sigmas[:places] ** 2
        row[m.R_TRIANGLE], row[m.R_TRIANGLE + 3], row[m.R_TRIANGLE + 5] = variances
        row[m.R_DIAGONAL : m.R_DIAGONAL + 3] = self.sigmas[-1] ** 2
        row[m.ORIGIN : m.ORIGIN + 3] = self.at
        row[m.ROTATION : m.ROTATION + 9] = np.eye(3).ravel()
        if self.other is not None:
            row[m.OTHER : m.OTHER + 3] = self.other
        return row

    def look(self, t: float) -> np.ndarray:
        look = np.zeros(m.LOOK)
        look[m.L_TIME], look[m.L_SOUND] = t, SOUND_MPS if self.sound else 0.0
        look[m.L_ORIGIN : m.L_ORIGIN + 3] = self.at
        return look


def derivative(function: Function, x: np.ndarray, t: float) -> np.ndarray:
    step = np.array([1.0, 1.0, 1.0, 0.01, 0.01, 0.01])
    columns = []
    for a in range(6):
        e = np.zeros(6)
        e[a] = step[a]
        columns.append((function(x + e, t) - function(x - e, t)) / (2 * step[a]))
    return np.array(columns).T


def update(x: np.ndarray, P: np.ndarray, sensor: Sensor, z: np.ndarray, t: float, now_s: float) -> None:
    nu, S, PHt = np.empty(6), np.empty((6, 6)), np.empty((6, 6))
    dims = m.innovate(
        sensor.code, sensor.row(z), sensor.look(t), x, P, now_s, 0.0, 0.0, 0.0, nu, S, PHt, np.empty((m.WORK, 6))
    )
    m.log_likelihood(nu, S, dims)
    m.correct(x, P, nu, S, PHt, dims)


DEG = math.radians(1.0)
RING = [[2000.0 * math.sin(k), 2000.0 * math.cos(k), 5.0] for k in range(6)]
PAIRS = [(RING[k], RING[(k + 2) % 6]) for k in range(6)] + [(RING[k], [0.0, 100.0, 800.0]) for k in range(6)]
CASES = {
    "radar": [Sensor(m.RANGE_AZ_EL * 8, [0, 0, 10], [10.0, 0.5 * DEG, 0.5 * DEG], False)],
    "doppler": [Sensor(m.RANGE_AZ_EL * 8 + 1, [0, 0, 10], [10.0, 0.5 * DEG, 0.5 * DEG, 1.0], False)],
    "sound": [Sensor(m.AZ_EL * 8, at, [3 * DEG, 3 * DEG], True) for at in RING],
    "time differences": [Sensor(m.TDOA * 8, at, [30e-9], False, other) for at, other in PAIRS],
}


@pytest.mark.parametrize("name", CASES)
def test_errors_are_near_the_cramer_rao_bound(name: str) -> None:
    """Thirty seconds of straight flight: the error of the last state is within 15 % of the bound, and not below it."""
    sensors, rng, runs, seconds = CASES[name], np.random.default_rng(5), 120, 30
    truth = np.array([-900.0, 1500.0, 400.0, 45.0, -20.0, 1.0])
    spread = np.array([60.0, 60.0, 60.0, 8.0, 8.0, 4.0])
    looks = [(k + 0.9 * s / len(sensors), sensor) for k in range(seconds) for s, sensor in enumerate(sensors)]
    information = np.diag(spread**-2)
    for t, sensor in looks:
        H = derivative(sensor.measure, truth, t) / sensor.sigmas[:, None]
        information = information + H.T @ H
    fly = np.eye(6)
    fly[:3, 3:] = seconds * np.eye(3)
    bound = math.sqrt(np.trace((fly @ np.linalg.inv(information) @ fly.T)[:3, :3]))
    errors = []
    for _ in range(runs):
        x, P, now_s = truth + rng.normal(size=6) * spread, np.diag(spread**2), 0.0
        for t, sensor in looks:
            if t > now_s and not sensor.sound:
                predict_one(x, P, 0.0, 0.0, t - now_s)
                now_s = t
            z = sensor.measure(truth, t) + rng.normal(size=len(sensor.sigmas)) * sensor.sigmas
            update(x, P, sensor, z, t, now_s)
        predict_one(x, P, 0.0, 0.0, seconds - now_s)
        errors.append(x[:3] - (fly @ truth)[:3])
    reached = math.sqrt(float((np.array(errors) ** 2).sum(axis=1).mean()))
    # 120 runs of three components know a root mean square to some 5 %.
    assert 0.85 * bound < reached < 1.15 * bound


def test_the_filter_is_as_sure_as_it_is_right() -> None:
    """Normalised errors of flights drawn with the model's own noise follow chi squared, states and innovations."""
    sensor, rng, runs, seconds, q, q_up = CASES["radar"][0], np.random.default_rng(8), 150, 20, 2.0, 0.05
    spread = np.array([50.0, 50.0, 50.0, 15.0, 15.0, 3.0])
    states, innovations = [], []
    noise = np.zeros((6, 6))
    for a, density in enumerate((q, q, q_up)):
        noise[a, a], noise[a, 3 + a], noise[3 + a, 3 + a] = density / 3, density / 2, density
        noise[3 + a, a] = density / 2
    root = np.linalg.cholesky(noise)
    for _ in range(runs):
        truth = np.array([-2500.0, 2500.0, 300.0, 45.0, -20.0, 0.0])
        x, P = truth + rng.normal(size=6) * spread, np.diag(spread**2)
        for k in range(1, seconds + 1):
            truth[:3] += truth[3:]
            truth += root @ rng.normal(size=6)
            predict_one(x, P, q, q_up, 1.0)
            z = sensor.measure(np.concatenate([truth[:3] - k * truth[3:], truth[3:]]), float(k))
            z += rng.normal(size=3) * sensor.sigmas
            nu, S, PHt = np.empty(6), np.empty((6, 6)), np.empty((6, 6))
            dims = m.innovate(
                sensor.code, sensor.row(z), sensor.look(float(k)), x, P, float(k), q, q_up, 0.0, nu, S, PHt,
                np.empty((m.WORK, 6)),
            )  # fmt: skip
            _, d2 = m.log_likelihood(nu, S, dims)
            innovations.append(d2)
            m.correct(x, P, nu, S, PHt, dims)
        states.append(float((x - truth) @ np.linalg.solve(P, x - truth)))
    for values, dims in ((states, 6), (innovations, 3)):
        low, high = chi2.ppf([0.0005, 0.9995], dims * len(values)) / len(values)
        assert low < np.mean(values) < high
