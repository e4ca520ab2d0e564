"""`measure.innovate` written out for the looks of radars: a place in three dimensions, by light, without a speed.

The general function takes 0.8 µs for one measurement against one model, most of it loops over dimensions that are known
only when it runs; three or four models and a few measurements near each track make it the most expensive line of the
tracker. Written out for `POSITION3` and `RANGE_AZ_EL` with scalars it takes 0.25 µs. The numbers are those of the
general function to rounding, and a test holds them equal.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.tracking.compiled import kernel
from skysentry.tracking.measure import (
    L_SIGMA_T,
    L_SOUND,
    L_TIME,
    NEAREST_M,
    ORIGIN,
    POSITION3,
    R_TRIANGLE,
    RANGE_AZ_EL,
    ROTATION,
    Z,
)
from skysentry.tracking.motion import VERTICAL, Array

DIMS = 3
# Where P Hᵀ begins in what is kept of a measurement; before it are the innovation and the factor.
PHT = 7
# A distance beyond any gate: its density is still a number.
FURTHEST2 = 400.0
LOG_CONSTANT = 1.5 * math.log(2.0 * math.pi)


@kernel
def is_place(code: int, look: Array) -> bool:
    """Return whether this module knows a measurement of this code in this look."""
    return look[L_SOUND] == 0.0 and code in (8 * POSITION3, 8 * RANGE_AZ_EL)


@kernel
def weigh_place(
    code: int, row: Array, look: Array, x: Array, P: Array, t_s: float, q: float, kept: Array
) -> tuple[float, float]:
    """Weigh one measurement against one model: return the density without its constant, and the squared distance.

    `kept` [shape=(13, 6)] takes the whitened innovation, the factor of its covariance and P Hᵀ. What
    `measure.innovate` and `measure.log_likelihood` do; the density is 0 where the covariance is not positive.
    """
    lag = look[L_TIME] - t_s
    v0, v1, v2 = x[3], x[4], x[5]
    o0, o1, o2 = x[0] + lag * v0 - row[ORIGIN], x[1] + lag * v1 - row[ORIGIN + 1], x[2] + lag * v2 - row[ORIGIN + 2]
    r = ROTATION
    h00, h01, h02 = row[r], row[r + 1], row[r + 2]
    h10, h11, h12 = row[r + 3], row[r + 4], row[r + 5]
    h20, h21, h22 = row[r + 6], row[r + 7], row[r + 8]
    d0, d1, d2 = h00 * o0 + h01 * o1 + h02 * o2, h10 * o0 + h11 * o1 + h12 * o2, h20 * o0 + h21 * o1 + h22 * o2
    if code == 8 * POSITION3:
        n0, n1, n2 = row[Z] - d0, row[Z + 1] - d1, row[Z + 2] - d2
    else:
        flat = max(math.sqrt(d0 * d0 + d1 * d1), NEAREST_M)
        slant = max(math.sqrt(flat * flat + d2 * d2), NEAREST_M)
        n0 = row[Z] - slant
        n1 = _wrapped(row[Z + 1] - math.atan2(d0, d1))
        n2 = row[Z + 2] - math.atan2(d2, flat)
        # The Jacobian in the sensor's frame, then turned into the working frame.
        a0, a1, a2 = d0 / slant, d1 / slant, d2 / slant
        b0, b1 = d1 / (flat * flat), -d0 / (flat * flat)
        c0, c1, c2 = -d2 * d0 / (flat * slant * slant), -d2 * d1 / (flat * slant * slant), flat / (slant * slant)
        e0, e1, e2 = a0 * h00 + a1 * h10 + a2 * h20, a0 * h01 + a1 * h11 + a2 * h21, a0 * h02 + a1 * h12 + a2 * h22
        f0, f1, f2 = b0 * h00 + b1 * h10, b0 * h01 + b1 * h11, b0 * h02 + b1 * h12
        h20, h21, h22 = c0 * h00 + c1 * h10 + c2 * h20, c0 * h01 + c1 * h11 + c2 * h21, c0 * h02 + c1 * h12 + c2 * h22
        h00, h01, h02, h10, h11, h12 = e0, e1, e2, f0, f1, f2
    for a in range(6):
        p0, p1, p2 = P[a, 0] + lag * P[a, 3], P[a, 1] + lag * P[a, 4], P[a, 2] + lag * P[a, 5]
        kept[PHT + a, 0] = p0 * h00 + p1 * h01 + p2 * h02
        kept[PHT + a, 1] = p0 * h10 + p1 * h11 + p2 * h12
        kept[PHT + a, 2] = p0 * h20 + p1 * h21 + p2 * h22
    grown = q * abs(lag) * lag * lag / 3.0
    s2 = look[L_SIGMA_T] * look[L_SIGMA_T]
    w0, w1, w2 = h00 * v0 + h01 * v1 + h02 * v2, h10 * v0 + h11 * v1 + h12 * v2, h20 * v0 + h21 * v1 + h22 * v2
    t = R_TRIANGLE
    s00 = row[t] + s2 * w0 * w0 + _both(kept, 0, lag, h00, h01, h02) + _noise(grown, h00, h01, h02, h00, h01, h02)
    s10 = row[t + 1] + s2 * w1 * w0 + _both(kept, 0, lag, h10, h11, h12) + _noise(grown, h10, h11, h12, h00, h01, h02)
    s11 = row[t + 3] + s2 * w1 * w1 + _both(kept, 1, lag, h10, h11, h12) + _noise(grown, h10, h11, h12, h10, h11, h12)
    s20 = row[t + 2] + s2 * w2 * w0 + _both(kept, 0, lag, h20, h21, h22) + _noise(grown, h20, h21, h22, h00, h01, h02)
    s21 = row[t + 4] + s2 * w2 * w1 + _both(kept, 1, lag, h20, h21, h22) + _noise(grown, h20, h21, h22, h10, h11, h12)
    s22 = row[t + 5] + s2 * w2 * w2 + _both(kept, 2, lag, h20, h21, h22) + _noise(grown, h20, h21, h22, h20, h21, h22)
    l00 = math.sqrt(max(s00, 0.0))
    l10, l20 = s10 / l00, s20 / l00
    l11 = math.sqrt(max(s11 - l10 * l10, 0.0))
    l21 = (s21 - l20 * l10) / l11
    l22 = math.sqrt(max(s22 - l20 * l20 - l21 * l21, 0.0))
    if not l00 * l11 * l22 > 0.0:
        return 0.0, np.inf
    y0 = n0 / l00
    y1 = (n1 - l10 * y0) / l11
    y2 = (n2 - l20 * y0 - l21 * y1) / l22
    kept[0, 0], kept[0, 1], kept[0, 2] = y0, y1, y2
    kept[1, 0], kept[2, 0], kept[2, 1], kept[3, 0], kept[3, 1], kept[3, 2] = l00, l10, l11, l20, l21, l22
    distance2 = y0 * y0 + y1 * y1 + y2 * y2
    return math.exp(-0.5 * min(distance2, FURTHEST2)) / (l00 * l11 * l22), distance2


@kernel
def _both(kept: Array, j: int, lag: float, a: float, b: float, c: float) -> float:
    """Return a row of H times a column of P Hᵀ; H maps place, and velocity through the lag."""
    place: float = a * kept[PHT, j] + b * kept[PHT + 1, j] + c * kept[PHT + 2, j]
    speed: float = a * kept[PHT + 3, j] + b * kept[PHT + 4, j] + c * kept[PHT + 5, j]
    return place + lag * speed


@kernel
def _noise(grown: float, a0: float, a1: float, a2: float, b0: float, b1: float, b2: float) -> float:
    """Return what motion until emission adds to the covariance of two rows of H."""
    return grown * (a0 * b0 + a1 * b1 + VERTICAL * a2 * b2)


@kernel
def _wrapped(angle: float) -> float:
    """Return a difference of two angles, each within one turn, from −π to π."""
    if angle >= math.pi:
        angle -= 2.0 * math.pi
    elif angle < -math.pi:
        angle += 2.0 * math.pi
    return angle


@kernel
def mend_place(P: Array, part: float, kept: Array, dx: Array, mean: Array) -> None:
    """Add one measurement's share `part` of the change to the lower triangle of P and to `mean` (6,)."""
    y0, y1, y2 = kept[0, 0], kept[0, 1], kept[0, 2]
    l00, l10, l11, l20, l21, l22 = kept[1, 0], kept[2, 0], kept[2, 1], kept[3, 0], kept[3, 1], kept[3, 2]
    for a in range(6):
        k0 = kept[PHT + a, 0] / l00
        k1 = (kept[PHT + a, 1] - l10 * k0) / l11
        k2 = (kept[PHT + a, 2] - l20 * k0 - l21 * k1) / l22
        kept[PHT + a, 0], kept[PHT + a, 1], kept[PHT + a, 2] = k0, k1, k2
        dx[a] = k0 * y0 + k1 * y1 + k2 * y2
        mean[a] += part * dx[a]
    for a in range(6):
        k0, k1, k2, da = kept[PHT + a, 0], kept[PHT + a, 1], kept[PHT + a, 2], dx[a]
        for b in range(a + 1):
            P[a, b] -= part * (k0 * kept[PHT + b, 0] + k1 * kept[PHT + b, 1] + k2 * kept[PHT + b, 2] - da * dx[b])
