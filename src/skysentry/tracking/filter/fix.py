"""Measurements that are a place in space: compared with a state by closed forms, without an angle.

A position, and a plot whose range is much surer than its arc is bent, are written as a place and a covariance in the
working frame before the tracks are asked. A state taken at the time of the look then needs no Jacobian:

    ν = z − p,    S = Ppp + R,    P Hᵀ = P[:, :3]

Weighing five models against one plot takes 0.13 µs so, and 2.1 µs through `measure`, which does the rest: late looks,
Doppler, velocities, directions. The conversion is unbiased to a quarter of sigma: the arc of a plot bends by r σ²/2
within its own width. Source: Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking and Navigation",
2001, 10.4.3.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.models.first_state import polar_cov, turned
from skysentry.tracking.models.measure import (
    CENTRE,
    DENSITY,
    ORIGIN,
    POSITION3,
    R_TRIANGLE,
    RANGE_AZ_EL,
    ROTATION,
    ROW,
    Z,
    noise,
)
from skysentry.tracking.models.motion import MODELS, Array, Four, Indices

# The code of a place without velocity.
PLACE = POSITION3 * 8
# The bend of a plot's arc that is left out, in sigmas of its range.
BENT = 0.25
LOG_TWO_PI = math.log(2.0 * math.pi)


@kernel
def fix_places(codes: Indices, rows: Array, fixed_codes: Indices, fixed: Array, room: Array) -> None:
    """Copy the rows of a scan, those that are places written in the working frame. Shapes (m,), (m, ROW).

    `room` (3, 3, 3) is written over.
    """
    turn, local, cov = room[0], room[1], room[2]
    for j in range(codes.shape[0]):
        row, out = rows[j], fixed[j]
        for k in range(ROW):
            out[k] = row[k]
        fixed_codes[j] = codes[j]
        plot = codes[j] == RANGE_AZ_EL * 8
        if not (codes[j] == PLACE or (plot and _narrow(row))):
            continue
        for a in range(3):
            for b in range(3):
                turn[a, b] = row[ROTATION + 3 * a + b]
                local[a, b] = 0.0 if plot else noise(row, 3, a, b)
        if plot:
            polar_cov(RANGE_AZ_EL, row, row[Z + 2], local)
            out[DENSITY] = row[DENSITY] / (row[Z] * row[Z] * math.cos(row[Z + 2]))
        turned(turn, local, cov)
        fixed_codes[j] = PLACE
        for a in range(3):
            out[Z + a] = 0.0
            out[ORIGIN + a] = row[CENTRE + a]
            for b in range(3):
                out[ROTATION + 3 * a + b] = 1.0 if a == b else 0.0
        out[R_TRIANGLE], out[R_TRIANGLE + 1], out[R_TRIANGLE + 2] = cov[0, 0], cov[0, 1], cov[0, 2]
        out[R_TRIANGLE + 3], out[R_TRIANGLE + 4], out[R_TRIANGLE + 5] = cov[1, 1], cov[1, 2], cov[2, 2]


@kernel
def _narrow(row: Array) -> bool:
    """Return whether a plot's arcs are straight within its sigma of range, and not overhead where azimuth fails."""
    bent = 0.5 * row[Z] * max(row[R_TRIANGLE + 3], row[R_TRIANGLE + 5])
    straight: bool = bent * bent < BENT * BENT * row[R_TRIANGLE] and abs(row[Z + 2]) < 1.4
    return straight


@kernel
def weigh_place(x: Array, P: Array, w: Array, row: Array, gate: float, kept: Array, out: Array) -> float:
    """Write each model's likelihood share of a place, taken now, into `out` (MODELS,); return the log of their sum.

    As `correct._weigh`: `kept` (MODELS, KEPT, 6) takes innovation and factor; −inf where no model gates it. P Hᵀ is
    in P itself until it is corrected.
    """
    least = np.inf
    r00, r01, r02 = row[R_TRIANGLE], row[R_TRIANGLE + 1], row[R_TRIANGLE + 2]
    r11, r12, r22 = row[R_TRIANGLE + 3], row[R_TRIANGLE + 4], row[R_TRIANGLE + 5]
    for m in range(MODELS):
        l00 = math.sqrt(P[m, 0, 0] + r00)
        l10 = (P[m, 1, 0] + r01) / l00
        l20 = (P[m, 2, 0] + r02) / l00
        l11 = math.sqrt(P[m, 1, 1] + r11 - l10 * l10)
        l21 = (P[m, 2, 1] + r12 - l20 * l10) / l11
        l22 = math.sqrt(P[m, 2, 2] + r22 - l20 * l20 - l21 * l21)
        n0 = (row[ORIGIN] - x[m, 0]) / l00
        n1 = (row[ORIGIN + 1] - x[m, 1] - l10 * n0) / l11
        n2 = (row[ORIGIN + 2] - x[m, 2] - l20 * n0 - l21 * n1) / l22
        d2 = n0 * n0 + n1 * n1 + n2 * n2
        # A state that has failed has no distance, and no share.
        out[m] = max(w[m], 1e-12) / (l00 * l11 * l22) if d2 < np.inf else 0.0
        d2 = d2 if d2 < np.inf else np.inf
        kept[m, 0, 0], kept[m, 0, 1], kept[m, 0, 2], kept[m, 0, 3] = n0, n1, n2, d2
        kept[m, 1, 0] = l00
        kept[m, 2, 0], kept[m, 2, 1] = l10, l11
        kept[m, 3, 0], kept[m, 3, 1], kept[m, 3, 2] = l20, l21, l22
        least = min(least, d2)
    if not least < gate:
        return -np.inf
    total = 0.0
    for m in range(MODELS):
        out[m] *= math.exp(0.5 * (least - kept[m, 0, 3]))
        total += out[m]
    for m in range(MODELS):
        out[m] /= total
    return math.log(total) - 0.5 * least - 1.5 * LOG_TWO_PI


@kernel
def gain_place(PHt: Array, kept: Array, gain: Array) -> None:
    """Write the whitened gain of one place, and its change of the state, into `gain` [shape=(6, ≥ 4)].

    `PHt` (6, ≥ 3) is P before it is corrected, or what `kept` (KEPT, 6) itself holds of it.
    """
    n0, n1, n2 = kept[0, 0], kept[0, 1], kept[0, 2]
    l00, l10, l11 = 1.0 / kept[1, 0], kept[2, 0], 1.0 / kept[2, 1]
    l20, l21, l22 = kept[3, 0], kept[3, 1], 1.0 / kept[3, 2]
    for a in range(6):
        k0 = PHt[a, 0] * l00
        k1 = (PHt[a, 1] - l10 * k0) * l11
        k2 = (PHt[a, 2] - l20 * k0 - l21 * k1) * l22
        gain[a, 0], gain[a, 1], gain[a, 2], gain[a, 3] = k0, k1, k2, k0 * n0 + k1 * n1 + k2 * n2


@kernel
def mend_place(P: Array, part: float, gain: Array, mean: Array) -> None:
    """Add one place's share `part` of the change to the lower triangle of P and to `mean` (6,), as `correct.mend`."""
    for a in range(6):
        mean[a] += part * gain[a, 3]
    for a in range(6):
        k0, k1, k2, dx = gain[a, 0], gain[a, 1], gain[a, 2], gain[a, 3]
        for b in range(a + 1):
            taken = k0 * gain[b, 0] + k1 * gain[b, 1] + k2 * gain[b, 2] - dx * gain[b, 3]
            P[a, b] -= part * taken


@kernel
def take_place(x: Array, P: Array, part: float, kept: Array) -> None:
    """Correct one model, x (6,) and P (6, 6), with the share `part` of one place: nearly all tracks have one only.

    As `gain_place` and `mend_place`; with the gains in registers rather than in room it takes three fifths of the time.
    """
    g0, g1, g2 = _gain(P[0], kept), _gain(P[1], kept), _gain(P[2], kept)
    gains = (g0, g1, g2, _gain(P[3], kept), _gain(P[4], kept), _gain(P[5], kept))
    for a in range(6):
        k0, k1, k2, dx = gains[a]
        mean = part * dx
        x[a] += mean
        for b in range(a + 1):
            h0, h1, h2, other = gains[b]
            taken = k0 * h0 + k1 * h1 + k2 * h2 - dx * other
            value = P[a, b] - part * taken - mean * (part * other)
            P[a, b], P[b, a] = value, value


@kernel
def _gain(PHt: Array, kept: Array) -> Four:
    """Return one row of `gain_place`."""
    k0 = PHt[0] * (1.0 / kept[1, 0])
    k1 = (PHt[1] - kept[2, 0] * k0) * (1.0 / kept[2, 1])
    k2 = (PHt[2] - kept[3, 0] * k0 - kept[3, 1] * k1) * (1.0 / kept[3, 2])
    return k0, k1, k2, k0 * kept[0, 0] + k1 * kept[0, 1] + k2 * kept[0, 2]
