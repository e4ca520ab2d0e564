"""How things move: five models that interact (IMM), in the working frame: straight, hard manoeuvre, turn left, right,
and levelled: straight since lately.

State of one model: x = (e, n, u, ve, vn, vu), P [shape=(6, 6)]. Continuous white noise of acceleration with spectral
density q (m²/s³), one on both horizontal axes and one on the vertical:

    Ppp += dt (Ppv + Pvp) + dt² Pvv + q dt³/3,   Ppv += dt Pvv + q dt²/2,   Pvv += q dt

A turn at the known rate ω turns the horizontal velocity by ω dt, and the place by its integral, before the noise.

What is fast keeps its speed in a turn: noise along its flight is a tenth of that across (`_steady`).

A manoeuvre ends in *levelled*, and only that becomes *straight*. A model is one Gaussian: were straight flight entered
from turns at once, turns that are hardly believed would, step by step, mix a little of their own place into the state
of an object that flies on straight.

The mode jumps as a continuous-time Markov chain, so that many short steps equal one long one. Source: Bar-Shalom, Li,
Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, 6.2.2, 11.6.6 and 11.7.1.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.geo import MEAN_RADIUS_M

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Four: TypeAlias = tuple[float, float, float, float]
Five: TypeAlias = tuple[float, float, float, float, float]

STRAIGHT, HARD, LEFT, RIGHT, LEVELLED = range(5)
MODELS = 5
# Horizontal noise. Straight flight in still air; 40 follows a stop, a start, a quadcopter's corner; a turn leaves what
# its one rate does not fit.
NOISE_M2_S3 = np.array([0.05, 40.0, 3.0, 3.0, 0.05])
# Vertical noise. What flies holds its height or its rate of climb nearly all of the time; 1.5 follows a terminal
# dive, 0.3 would be 200 m behind it for half a minute.
NOISE_UP_M2_S3 = np.array([0.0002, 1.5, 0.002, 0.002, 0.0002])
# Rate of the turns, counter-clockwise positive: wings turn at 2 to 8 °/s, quadcopters at any; models at ± 7.5 °/s halve
# what a straight model with the same noise errs in a turn (docs/decisions/0025-motion.md).
TURN_RAD_S = np.array([0.0, 0.0, math.radians(7.5), -math.radians(7.5), 0.0])
# Mean time in a model before it jumps to one of the others. What the radar scenarios ask for lies anywhere between 25
# and 100 s on a straight leg; the long one serves what is only heard, which coasts on its model for longer.
STAY_S = np.array([100.0, 2.5, 14.0, 14.0, 7.0])
# Where a jump leads: from straight flight to a turn, seldom to more; from a turn mostly back to level flight. `mix` has
# no place for the jumps that are zero here.
JUMP = np.array([
    [0.0, 0.04, 0.48, 0.48, 0.0],
    [0.0, 0.0, 0.3, 0.3, 0.4],
    [0.0, 0.1, 0.0, 0.05, 0.85],
    [0.0, 0.1, 0.05, 0.0, 0.85],
    [1.0, 0.0, 0.0, 0.0, 0.0],
])  # fmt: skip
# Share of a turn's noise that what is fast does without along its flight: wings keep their speed in a turn.
STEADY = 0.9
# At this speed half of that: quadcopters (up to 20 m/s) stop and turn on the spot, wings (from 40 m/s) do not.
FAST_MPS = 25.0

# A height that no sensor measures stays near this over the site; the pull begins where it is known worse than sigma.
HOLD_M = 300.0
HOLD_SIGMA_M = 500.0
HOLD_NOISE_M = 900.0
# Nothing flies under the ground nor, of what is warned of here, over 12 km: a height beyond is drawn back to the bound
# within its noise, unless it is measured better than `KNOWN_M`: terrain is not flat.
FLOOR_M, CEILING_M, BOUND_NOISE_M = -50.0, 12_000.0, 50.0
KNOWN_M = 60.0


@kernel
def transition(dt_s: float) -> tuple[Five, Five, Five, Five, Five]:
    """Return the mode transition matrix over dt, rows from, columns to.

    First order in the jumps: within 2 % of the matrix exponential up to 1 s, and still a transition matrix beyond.
    """
    s0, s1, s4 = math.exp(-dt_s / STAY_S[0]), math.exp(-dt_s / STAY_S[1]), math.exp(-dt_s / STAY_S[4])
    s2, s3 = math.exp(-dt_s / STAY_S[2]), math.exp(-dt_s / STAY_S[3])
    l0, l1, l2, l3 = 1.0 - s0, 1.0 - s1, 1.0 - s2, 1.0 - s3
    return (
        (s0, l0 * JUMP[0, 1], l0 * JUMP[0, 2], l0 * JUMP[0, 3], 0.0),
        (0.0, s1, l1 * JUMP[1, 2], l1 * JUMP[1, 3], l1 * JUMP[1, 4]),
        (0.0, l2 * JUMP[2, 1], s2, l2 * JUMP[2, 3], l2 * JUMP[2, 4]),
        (0.0, l3 * JUMP[3, 1], l3 * JUMP[3, 2], s3, l3 * JUMP[3, 4]),
        (1.0 - s4, 0.0, 0.0, 0.0, s4),
    )


@kernel
def predict_one(x: Array, P: Array, q: float, q_up: float, dt_s: float) -> None:
    """Move one state [shape=(6,), (6, 6)] on straight by dt, in place."""
    for a in range(3):
        x[a] += dt_s * x[3 + a]
    for a in range(3):
        for b in range(a, 3):
            P[a, b] += dt_s * (P[a, 3 + b] + P[3 + a, b]) + dt_s * dt_s * P[3 + a, 3 + b]
    for a in range(3):
        for b in range(3):
            P[a, 3 + b] += dt_s * P[3 + a, 3 + b]
    _roughen(P, q, q_up, dt_s)


@kernel
def turn(x: Array, rate_rad_s: float, dt_s: float, out: Array) -> tuple[float, float, float, float]:
    """Write a state (6,) after dt, of any sign, in a turn at a rate that is not zero into `out`, which may be `x`.

    Returns what turned it: ∫cos and ∫sin over dt, sin and cos of the angle.
    """
    sine, cosine = math.sin(rate_rad_s * dt_s), math.cos(rate_rad_s * dt_s)
    along, across = sine / rate_rad_s, (1.0 - cosine) / rate_rad_s
    e, n = x[3], x[4]
    out[0] = x[0] + (along * e - across * n)
    out[1] = x[1] + (across * e + along * n)
    out[2] = x[2] + dt_s * x[5]
    out[3], out[4], out[5] = cosine * e - sine * n, sine * e + cosine * n, x[5]
    return along, across, sine, cosine


@kernel
def turn_one(x: Array, P: Array, rate_rad_s: float, q: float, q_up: float, dt_s: float) -> None:
    """Move one state [shape=(6,), (6, 6)] on by dt in a turn at a rate that is not zero, in place."""
    along, across, sine, cosine = turn(x, rate_rad_s, dt_s, x)
    # P' = F P Fᵀ: rows first, then columns; place before velocity, for it takes the old one; the upper half suffices.
    for b in range(6):
        pe, pn = P[3, b], P[4, b]
        P[0, b] += along * pe - across * pn
        P[1, b] += across * pe + along * pn
        P[2, b] += dt_s * P[5, b]
        if b > 2:
            P[3, b], P[4, b] = cosine * pe - sine * pn, sine * pe + cosine * pn
    for a in range(5):
        pe, pn = P[a, 3], P[a, 4]
        if a == 0:
            P[a, 0] += along * pe - across * pn
        if a < 2:
            P[a, 1] += across * pe + along * pn
        if a < 3:
            P[a, 2] += dt_s * P[a, 5]
        P[a, 3], P[a, 4] = cosine * pe - sine * pn, sine * pe + cosine * pn
    _roughen(P, q, q_up, dt_s)


@kernel
def _roughen(P: Array, q: float, q_up: float, dt_s: float) -> None:
    """Add the noise of dt > 0 to P, and make it symmetric to the bit, in place."""
    for a in range(3):
        qa = q if a < 2 else q_up
        P[a, a] += qa * dt_s * dt_s * dt_s / 3.0
        P[a, 3 + a] += qa * dt_s * dt_s / 2.0
        P[3 + a, 3 + a] += qa * dt_s
    for a in range(6):
        for b in range(a):
            P[a, b] = P[b, a]


@kernel
def _mixing(into: Four, w: Four) -> tuple[float, Four]:
    """Return the weight of a model after its column of the transition, and the share that each of four has in it."""
    f0, f1, f2, f3 = into[0] * w[0], into[1] * w[1], into[2] * w[2], into[3] * w[3]
    total = f0 + f1 + f2 + f3
    part = 1.0 / total
    return total, (f0 * part, f1 * part, f2 * part, f3 * part)


@kernel
def mix(x: Array, P: Array, w: Array, dt_s: float) -> None:
    """Let the models of one track interact over dt, in place. Shapes (MODELS, 6), (MODELS, 6, 6), (MODELS,).

    Second moments are taken about the first model's state, so that no digit is lost far from the origin. All that is
    not the state is in registers: making room for small arrays took as long as the sums.
    """
    r0, r1, r2, r3, r4 = transition(dt_s)
    before, after = (w[0], w[1], w[2], w[3]), (w[4], w[1], w[2], w[3])
    stay, come = r0[0] * w[0], r4[0] * w[4]
    w0 = stay + come
    own, levelled = stay / w0, come / w0
    w1, c1 = _mixing((r0[1], r1[1], r2[1], r3[1]), before)
    w2, c2 = _mixing((r0[2], r1[2], r2[2], r3[2]), before)
    w3, c3 = _mixing((r0[3], r1[3], r2[3], r3[3]), before)
    w4, c4 = _mixing((r4[4], r1[4], r2[4], r3[4]), after)
    w[0], w[1], w[2], w[3], w[4] = w0, w1, w2, w3, w4
    about = (x[0, 0], x[0, 1], x[0, 2], x[0, 3], x[0, 4], x[0, 5])
    for i in range(1, MODELS):
        for a in range(6):
            x[i, a] -= about[a]
        for a in range(6):
            for b in range(a + 1):
                P[i, a, b] += x[i, a] * x[i, b]
    for a in range(6):
        o1, o2, o3, o4 = x[1, a], x[2, a], x[3, a], x[4, a]
        x[0, a] = levelled * o4
        x[1, a] = c1[1] * o1 + c1[2] * o2 + c1[3] * o3
        x[2, a] = c2[1] * o1 + c2[2] * o2 + c2[3] * o3
        x[3, a] = c3[1] * o1 + c3[2] * o2 + c3[3] * o3
        x[4, a] = c4[0] * o4 + c4[1] * o1 + c4[2] * o2 + c4[3] * o3
    for a in range(6):
        for b in range(a + 1):
            p0, p1, p2, p3, p4 = P[0, a, b], P[1, a, b], P[2, a, b], P[3, a, b], P[4, a, b]
            q0 = own * p0 + levelled * p4 - x[0, a] * x[0, b]
            q1 = c1[0] * p0 + c1[1] * p1 + c1[2] * p2 + c1[3] * p3 - x[1, a] * x[1, b]
            q2 = c2[0] * p0 + c2[1] * p1 + c2[2] * p2 + c2[3] * p3 - x[2, a] * x[2, b]
            q3 = c3[0] * p0 + c3[1] * p1 + c3[2] * p2 + c3[3] * p3 - x[3, a] * x[3, b]
            q4 = c4[0] * p4 + c4[1] * p1 + c4[2] * p2 + c4[3] * p3 - x[4, a] * x[4, b]
            P[0, a, b], P[1, a, b], P[2, a, b], P[3, a, b], P[4, a, b] = q0, q1, q2, q3, q4
            P[0, b, a], P[1, b, a], P[2, b, a], P[3, b, a], P[4, b, a] = q0, q1, q2, q3, q4
    for j in range(MODELS):
        for a in range(6):
            x[j, a] += about[a]


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
    _draw(x, P, 2.0 * x[0] / round_m, 2.0 * x[1] / round_m, towards_m - height_m, noise_m)


@kernel
def _along(P: Array, slope: tuple[float, float]) -> float:
    """Return one row of P (6,) along the gradient of a height with these slopes eastwards and northwards."""
    gain: float = P[0] * slope[0] + P[1] * slope[1] + P[2]
    return gain


@kernel
def _draw(x: Array, P: Array, slope_e: float, slope_n: float, off: float, noise_m: float) -> None:
    """Correct a height over the round Earth, with these slopes eastwards and northwards, that is `off` by so much.

    Apart from `hold`, which is asked at every step and hardly ever draws.
    """
    slope = slope_e, slope_n
    g0, g1, g2 = _along(P[0], slope), _along(P[1], slope), _along(P[2], slope)
    gain = g0, g1, g2, _along(P[3], slope), _along(P[4], slope), _along(P[5], slope)
    s = noise_m * noise_m + gain[0] * slope_e + gain[1] * slope_n + gain[2]
    for a in range(6):
        x[a] += gain[a] / s * off
    for a in range(6):
        for b in range(6):
            P[a, b] -= gain[a] * gain[b] / s


@kernel
def _steady(x: Array, P: Array, spared: float, dt_s: float) -> None:
    """Take from P what the noise of dt put along the flight of a fast state x too much, in place.

    `spared` (m²/s³) is the density that is too much at any high speed v; v⁴ / (v⁴ + FAST_MPS⁴) of it is taken.
    """
    e, n = x[3], x[4]
    v2 = e * e + n * n
    spared *= v2 / (v2 * v2 + FAST_MPS**4)
    vv = spared * dt_s
    pv, pp = vv * dt_s / 2.0, vv * dt_s * dt_s / 3.0
    ee, en, nn = e * e, e * n, n * n
    P[0, 0] -= pp * ee
    P[1, 1] -= pp * nn
    P[3, 3] -= vv * ee
    P[4, 4] -= vv * nn
    for a in range(2):
        b = 1 - a
        P[a, b] -= pp * en
        P[3 + a, 3 + b] -= vv * en
        P[a, 3 + b] -= pv * en
        P[3 + b, a] -= pv * en
    P[0, 3] -= pv * ee
    P[3, 0] -= pv * ee
    P[1, 4] -= pv * nn
    P[4, 1] -= pv * nn


@kernel
def move(x: Array, P: Array, model: int, dt_s: float) -> None:
    """Move the state of one model on by dt, in place."""
    q, q_up = NOISE_M2_S3[model], NOISE_UP_M2_S3[model]
    if TURN_RAD_S[model] == 0.0:
        predict_one(x, P, q, q_up, dt_s)
    else:
        turn_one(x, P, TURN_RAD_S[model], q, q_up, dt_s)
        _steady(x, P, STEADY * q, dt_s)


@kernel
def predict(x: Array, P: Array, w: Array, dt_s: float) -> None:
    """Move one track forward by dt > 0: models interact, then each predicts. In place."""
    mix(x, P, w, dt_s)
    for m in range(MODELS):
        move(x[m], P[m], m, dt_s)
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
