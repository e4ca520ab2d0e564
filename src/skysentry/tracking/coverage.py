"""Where a look could have seen a thing: probability of detection over the edge of the declared coverage.

Pd falls with a logistic at the far edge (the declared `soft_m`) and, because a track's place is itself uncertain, over
its own sigma at every edge: a track that may or may not be inside is neither missed nor seen for certain.
"""

from __future__ import annotations

import math

from skysentry.tracking.compiled import kernel
from skysentry.tracking.measure import (
    L_AZ,
    L_AZ_HALF,
    L_EL_HIGH,
    L_EL_LOW,
    L_MAX,
    L_MIN,
    L_ORIGIN,
    L_PD,
    L_ROTATION,
    L_SOFT,
    NEAREST_M,
)
from skysentry.tracking.motion import Array

# A logistic with this share of a normal's sigma as its scale has the normal's slope at the middle: √(2π) / 4.
SIGMA_TO_SCALE = 0.627


@kernel
def inside(depth: float, scale: float) -> float:
    """Return the soft indicator of being `depth` inside an edge of width `scale`."""
    if scale < 1e-9:
        return 1.0 if depth >= 0.0 else 0.0
    return 1.0 / (1.0 + math.exp(min(-depth / scale, 500.0)))


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
    pd: float = look[L_PD] * inside(look[L_MAX] - slant, math.sqrt(look[L_SOFT] ** 2 + own * own))
    if pd < 1e-4:
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
