"""Where a look could have seen a thing: probability of detection over the edge of the declared coverage.

Pd falls with a logistic at the far edge (the declared `soft_m`) and, because a track's place is itself uncertain, over
its own sigma at every edge: a track that may or may not be inside is neither missed nor seen for certain. A radar that
measures radial speed takes out what has none: things that pass by it at right angles, or stand, are missed for a while.
"""

from __future__ import annotations

import math

from skysentry.compiled import kernel
from skysentry.tracking.models.measure import (
    L_AZ,
    L_AZ_HALF,
    L_DOPPLER,
    L_EDGE,
    L_EL_HIGH,
    L_EL_LOW,
    L_MAX,
    L_MIN,
    L_ORIGIN,
    L_PD,
    L_REACH,
    L_ROTATION,
    L_SOFT,
    NEAREST_M,
    OCTANTS,
)
from skysentry.tracking.models.motion import Array

# A logistic with this share of a normal's sigma as its scale has the normal's slope at the middle: √(2π) / 4.
SIGMA_TO_SCALE = 0.627
# Radial speed below which a filter takes out the ground with all that moves like it: 1 to 5 m/s for radars that look
# for drones. The upper end: a look expected in vain ends a track, one excused in vain only delays its end. How soft
# that edge is, and the share of looks that still show a strong echo.
NOTCH_MPS = 5.0
NOTCH_SOFT_MPS = 1.0
NOTCH_LEFT = 0.2

# Widths of an edge from which on its logistic is 1 to the last bit.
SURELY = 40.0
# ... and beyond which it is less than the least probability that counts.
UNSEEN, LEAST_PD = 10.0, 1e-4
# Widths of a learned edge, softer than a declared one, beyond which hits and silence say too little to be weighed.
UNHEARD = 3.0


@kernel
def inside(depth: float, scale: float) -> float:
    """Return the soft indicator of being `depth` inside an edge of width `scale`."""
    if scale < 1e-9:
        return 1.0 if depth >= 0.0 else 0.0
    if depth > SURELY * scale:
        return 1.0
    return 1.0 / (1.0 + math.exp(min(-depth / scale, 500.0)))


@kernel
def octant(x: float, y: float) -> tuple[int, float]:
    """Return the octant (0 … 7, clockwise from north) that begins at or before a direction, and the part beyond it.

    The part is linear along the sides of a diamond, not in the angle: no arc tangent, and at most 4° off.
    """
    size = abs(x) + abs(y)
    if size < NEAREST_M:
        return 0, 0.0
    quarter = x / size if y >= 0.0 else 2.0 - x / size
    if x < 0.0 and y >= 0.0:
        quarter += 4.0
    whole = int(2.0 * quarter)
    return whole % OCTANTS, 2.0 * quarter - whole


@kernel
def reach(look: Array, x: float, y: float) -> tuple[float, float]:
    """Return the reach and the width of its edge towards a direction in the sensor's frame, as learned or declared."""
    if look[L_REACH] == 0.0:
        return look[L_MAX], look[L_SOFT]
    first, part = octant(x, y)
    second = (first + 1) % OCTANTS
    far = (1.0 - part) * look[L_REACH + first] + part * look[L_REACH + second]
    return far, (1.0 - part) * look[L_EDGE + first] + part * look[L_EDGE + second]


@kernel
def farthest(look: Array, widths: float) -> float:
    """Return the distance that lies beyond the edge in all directions, by so many widths where it is declared."""
    most: float = look[L_MAX] + widths * look[L_SOFT]
    if look[L_REACH] == 0.0:
        return most
    most = 0.0
    for k in range(OCTANTS):
        edge = look[L_EDGE + k]
        most = max(most, look[L_REACH + k] + (widths if edge <= look[L_SOFT] else UNHEARD) * edge)
    return most


@kernel
def detectable(look: Array, e_m: float, n_m: float, u_m: float, sigma_m: float) -> float:
    """Return P(detected) of a thing at a place of the working frame that is known to `sigma_m` on an axis."""
    d0 = e_m - look[L_ORIGIN]
    d1 = n_m - look[L_ORIGIN + 1]
    d2 = u_m - look[L_ORIGIN + 2]
    x = look[L_ROTATION] * d0 + look[L_ROTATION + 1] * d1 + look[L_ROTATION + 2] * d2
    y = look[L_ROTATION + 3] * d0 + look[L_ROTATION + 4] * d1 + look[L_ROTATION + 5] * d2
    z = look[L_ROTATION + 6] * d0 + look[L_ROTATION + 7] * d1 + look[L_ROTATION + 8] * d2
    flat = math.sqrt(x * x + y * y)
    slant = max(math.sqrt(flat * flat + z * z), NEAREST_M)
    own = SIGMA_TO_SCALE * sigma_m
    far, edge = reach(look, x, y)
    scale = math.sqrt(edge * edge + own * own)
    if far - slant < -UNSEEN * scale:
        return 0.0
    pd: float = look[L_PD] * inside(far - slant, scale)
    if pd < LEAST_PD:
        return 0.0
    if look[L_MIN] > 0.0:
        pd *= inside(slant - look[L_MIN], own)
    if look[L_AZ_HALF] < math.pi:
        off = (math.atan2(x, y) - look[L_AZ] + math.pi) % (2.0 * math.pi) - math.pi
        pd *= inside(look[L_AZ_HALF] - abs(off), own / max(flat, NEAREST_M))
    if look[L_EL_LOW] > -1.5 or look[L_EL_HIGH] < 1.5:
        el = math.atan2(z, flat)
        pd *= inside(min(el - look[L_EL_LOW], look[L_EL_HIGH] - el), own / slant)
    return pd


@kernel
def filtered(look: Array, x: Array, P: Array, w: Array) -> float:
    """Return the share of a radar's Pd that its filter of radial speed leaves for a track; 1 where it has none.

    `x` (6,) is the track's mean; `P` (models, 6, 6) and `w` (models,) say how well its radial speed is known.
    """
    if look[L_DOPPLER] == 0.0:
        return 1.0
    away = x[0] - look[L_ORIGIN], x[1] - look[L_ORIGIN + 1], x[2] - look[L_ORIGIN + 2]
    distance = math.sqrt(away[0] * away[0] + away[1] * away[1] + away[2] * away[2] + NEAREST_M)
    u = away[0] / distance, away[1] / distance, away[2] / distance
    variance = 0.0
    for k in range(w.shape[0]):
        for a in range(3):
            for b in range(3):
                variance += w[k] * u[a] * u[b] * P[k, 3 + a, 3 + b]
    rate = abs(u[0] * x[3] + u[1] * x[4] + u[2] * x[5])
    scale = math.sqrt(NOTCH_SOFT_MPS * NOTCH_SOFT_MPS + SIGMA_TO_SCALE * SIGMA_TO_SCALE * max(variance, 0.0))
    within = inside(NOTCH_MPS - rate, scale) - inside(-NOTCH_MPS - rate, scale)
    return 1.0 - (1.0 - NOTCH_LEFT) * within
