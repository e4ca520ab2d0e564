"""How things move: three constant-velocity models that interact (IMM), in the working frame.

State of one model: x = (e, n, u, ve, vn, vu), P [shape=(6, 6)]. Continuous white noise of acceleration with spectral
density q (m²/s³) on each horizontal axis and `VERTICAL` times that on the vertical one:

    Ppp += dt (Ppv + Pvp) + dt² Pvv + q dt³/3,   Ppv += dt Pvv + q dt²/2,   Pvv += q dt

The mode jumps as a continuous-time Markov chain, so that many short steps equal one long one. Source: Bar-Shalom, Li,
Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, 6.2.2 and 11.6.6.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.geo import MEAN_RADIUS_M
from skysentry.tracking.compiled import kernel

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

MODELS = 3
# Straight flight, gentle turns, hard manoeuvre: the prototype's figures in reference/tracking.md.
NOISE_M2_S3 = np.array([0.02, 2.0, 40.0])
# Things turn harder than they climb; a quarter still follows a terminal dive through the agile model.
VERTICAL = 0.25
# Mean time in a model before it jumps to one of the others: straight legs last tens of seconds, hard turns few.
STAY_S = np.array([25.0, 10.0, 5.0])
# Where a jump leads: from straight flight mostly to a gentle turn; from a hard turn to either.
JUMP = np.array([[0.0, 0.6, 0.4], [0.6, 0.0, 0.4], [0.4, 0.6, 0.0]])

# A height that no sensor measures stays near this over the site; the pull begins where it is known worse than sigma.
HOLD_M = 300.0
HOLD_SIGMA_M = 500.0
HOLD_NOISE_M = 900.0
# Nothing flies under the ground nor, of what is warned of here, over 12 km: a height beyond is drawn back to the bound
# within its noise, unless it is measured better than `KNOWN_M`: terrain is not flat.
FLOOR_M, CEILING_M, BOUND_NOISE_M = -50.0, 12_000.0, 50.0
KNOWN_M = 60.0


@kernel
def transition(dt_s: float, out: Array) -> None:
    """Write the mode transition matrix [shape=(3, 3)] over dt into `out`, rows from, columns to.

    First order in the jumps: within 2 % of the matrix exponential up to 1 s, and still a transition matrix beyond.
    """
    for i in range(MODELS):
        stay = math.exp(-dt_s / STAY_S[i])
        for j in range(MODELS):
            out[i, j] = stay if i == j else (1.0 - stay) * JUMP[i, j]


@kernel
def predict_one(x: Array, P: Array, q: float, dt_s: float) -> None:
    """Move one constant-velocity state [shape=(6,), (6, 6)] forward by dt, in place."""
    for a in range(3):
        x[a] += dt_s * x[3 + a]
    for a in range(3):
        for b in range(3):
            P[a, b] += dt_s * (P[a, 3 + b] + P[3 + a, b]) + dt_s * dt_s * P[3 + a, 3 + b]
    for a in range(3):
        for b in range(3):
            P[a, 3 + b] += dt_s * P[3 + a, 3 + b]
    for a in range(3):
        qa = q if a < 2 else q * VERTICAL
        P[a, a] += qa * dt_s * dt_s * dt_s / 3.0
        P[a, 3 + a] += qa * dt_s * dt_s / 2.0
        P[3 + a, 3 + a] += qa * dt_s
    for a in range(3):
        for b in range(3):
            P[3 + b, a] = P[a, 3 + b]


@kernel
def mix(x: Array, P: Array, w: Array, dt_s: float) -> None:
    """Let the models of one track interact over dt, in place. Shapes (3, 6), (3, 6, 6), (3,)."""
    jump = np.empty((MODELS, MODELS))
    transition(dt_s, jump)
    old_x, old_P = x.copy(), P.copy()
    weight = np.zeros(MODELS)
    for j in range(MODELS):
        for i in range(MODELS):
            jump[i, j] *= w[i]
            weight[j] += jump[i, j]
    for j in range(MODELS):
        w[j] = weight[j]
        for a in range(6):
            x[j, a] = 0.0
            for i in range(MODELS):
                x[j, a] += jump[i, j] / weight[j] * old_x[i, a]
        for a in range(6):
            for b in range(a + 1):
                P[j, a, b] = 0.0
        for i in range(MODELS):
            share = jump[i, j] / weight[j]
            for a in range(6):
                da = old_x[i, a] - x[j, a]
                for b in range(a + 1):
                    P[j, a, b] += share * (old_P[i, a, b] + da * (old_x[i, b] - x[j, b]))
        mirror(P[j])


@kernel
def mirror(P: Array) -> None:
    """Copy the lower triangle of a matrix (6, 6) to the upper one."""
    for a in range(6):
        for b in range(a):
            P[b, a] = P[a, b]


@kernel
def hold(x: Array, P: Array) -> None:
    """Keep the height of one model within what flies, where no sensor does, in place: a broad measurement of it."""
    round_m = 2.0 * MEAN_RADIUS_M
    height_m = x[2] + (x[0] * x[0] + x[1] * x[1]) / round_m
    if P[2, 2] >= HOLD_SIGMA_M * HOLD_SIGMA_M:
        towards_m, noise_m = HOLD_M, HOLD_NOISE_M
    elif not FLOOR_M <= height_m <= CEILING_M and P[2, 2] > KNOWN_M * KNOWN_M:
        towards_m, noise_m = min(max(height_m, FLOOR_M), CEILING_M), BOUND_NOISE_M
    else:
        return
    slope = np.zeros(6)  # of the height over the round Earth
    slope[0], slope[1], slope[2] = 2.0 * x[0] / round_m, 2.0 * x[1] / round_m, 1.0
    off = towards_m - height_m
    gain = np.zeros(6)
    s = noise_m * noise_m
    for a in range(6):
        for b in range(3):
            gain[a] += P[a, b] * slope[b]
        s += gain[a] * slope[a]
    for a in range(6):
        x[a] += gain[a] / s * off
    for a in range(6):
        for b in range(6):
            P[a, b] -= gain[a] * gain[b] / s


@kernel
def predict(x: Array, P: Array, w: Array, dt_s: float) -> None:
    """Move one track forward by dt > 0: models interact, then each predicts. In place."""
    mix(x, P, w, dt_s)
    for m in range(MODELS):
        predict_one(x[m], P[m], NOISE_M2_S3[m], dt_s)
        hold(x[m], P[m])


@kernel
def moments(x: Array, P: Array, w: Array, mean: Array, cov: Array) -> None:
    """Write the mean [shape=(6,)] and covariance [shape=(6, 6)] of the mixture of models."""
    for a in range(6):
        mean[a] = 0.0
        for m in range(MODELS):
            mean[a] += w[m] * x[m, a]
        for b in range(a + 1):
            cov[a, b] = 0.0
    for m in range(MODELS):
        for a in range(6):
            da = x[m, a] - mean[a]
            for b in range(a + 1):
                cov[a, b] += w[m] * (P[m, a, b] + da * (x[m, b] - mean[b]))
    mirror(cov)
