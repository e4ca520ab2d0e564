"""The numbers of a look's detections to rows, compiled: units, the sensor's own sigmas, checks, order.

`batch.pack` lays the detections' numbers one after another, each as (code, numbers of its kind, scheme, claim):

    position         lat, lon (°), alt (m), covariance (6, m²), velocity (3), its sigma
    bearing          bearing (°), sigma        az_el   azimuth, elevation (°), their sigmas
    range_bearing    range (m), bearing, their sigmas, rate (m/s), its sigma
    range_az_el      range, azimuth, elevation, their sigmas, rate, its sigma
    tdoa             difference (s), sigma; after the claim the place of the other sensor (3)

Those of a look that are alike, without claims or speeds, come without codes, and with these numbers only:

    position         lat, lon, alt, sigma of velocity, covariance (6)
    range_az_el      range, azimuth, elevation, their sigmas

`read` adds the sensor's declared sigmas of place and heading, leaves out what is not finite or has no covariance, sorts
by content, for the order of detections in a look means nothing, and completes the rows (`first_state.prepare`).
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.first_state import prepare
from skysentry.tracking.models.measure import (
    AZ_EL,
    BEARING,
    CENTRE,
    L_REPORTS,
    L_SIGMA_T,
    L_SOUND,
    LIGHT_MPS,
    ORIGIN,
    OTHER,
    POSITION2,
    POSITION3,
    R_DIAGONAL,
    R_TRIANGLE,
    RANGE_AZ_EL,
    RANGE_BEARING,
    ROW,
    TDOA,
    Z,
)
from skysentry.tracking.models.motion import Array, Indices

# The least sigmas that are believed: GNSS is not better than 2 m, an altitude by pressure or GNSS not better than 5 m.
LEAST_M2 = 4.0
LEAST_UP_M2 = 25.0
# Radians in a degree, as `math.radians` has it.
RAD = math.pi / 180.0
# Numbers of each kind between its code and its claim, in the order of `measure`.
WIDTHS = np.array([13, 13, 2, 4, 6, 8, 2])
WIDEST = 13
# Columns of a row that make its order: measurement, covariance; then centre, scheme, claim.
CONTENT = ORIGIN
# Distances of Shell's sort (M. Ciura, "Best increments for the average case of shellsort", 2001).
GAPS = np.array([701, 301, 132, 57, 23, 10, 4, 1])


@array_kernel
def read(
    alike: int, told: Array, look: Array, sigma_m: float, sigma_az: float, around: Array, order: Indices,
    codes: Indices, rows: Array, claims: Indices,
) -> int:  # fmt: skip
    """Write codes (m,), rows (m, ROW) and claims (m, 2) of what is good, sorted, and `order`; return how many they are.

    `alike` is the code of detections that are alike, −1 for mixed ones. `order` (m,) takes the number in `told` of
    each; `around` (13,) is the working frame and the prior height.
    """
    found = order.shape[0]
    loose_codes, loose, loose_claims = np.empty(found, np.int64), np.zeros((found, ROW)), np.zeros((found, 2), np.int64)
    good = _read_all(alike, told, look, sigma_m, sigma_az, order, loose_codes, loose, loose_claims, np.zeros(WIDEST))
    _sort(order[:good], loose_codes, loose, loose_claims)
    for j in range(good):
        k = order[j]
        codes[j] = loose_codes[k]
        for c in range(ROW):
            rows[j, c] = loose[k, c]
        claims[j, 0], claims[j, 1] = loose_claims[k, 0], loose_claims[k, 1]
    prepare(codes[:good], rows[:good], look, around, around[12])
    return good


@kernel
def _read_all(
    alike: int, told: Array, look: Array, sigma_m: float, sigma_az: float, order: Indices, codes: Indices, rows: Array,
    claims: Indices, numbers: Array,
) -> int:  # fmt: skip
    """Read all detections as they come; rows and claims are zero, `numbers` (WIDEST,) too: it is room. As `read`."""
    at, good = 0, 0
    if alike >= 0:
        numbers[WIDTHS[alike // 8] - 1] = 1.0
    for k in range(order.shape[0]):
        row = rows[k]
        if alike >= 0:
            code = alike
            at += _spread(alike // 8, told[at:], numbers)
            fits = _read_one(code, numbers[: WIDTHS[code // 8]], look, sigma_m, sigma_az, row)
        else:
            code = int(told[at])
            width = WIDTHS[code // 8]
            fits = _read_one(code, told[at + 1 : at + 1 + width], look, sigma_m, sigma_az, row)
            at += 1 + width
            claims[k, 0], claims[k, 1] = int(told[at]), int(told[at + 1])
            at += 2
            if code // 8 == TDOA:
                for a in range(3):
                    row[OTHER + a] = told[at + a]
                at += 3
        codes[k] = code
        if fits:
            order[good] = k
            good += 1
    return good


@kernel
def _spread(kind: int, told: Array, out: Array) -> int:
    """Write the numbers of one of detections that are alike as those of any (WIDEST,); return how many were read."""
    if kind == RANGE_AZ_EL:
        for k in range(6):
            out[k] = told[k]
        return 6
    out[12] = told[3]
    for k in range(3):
        out[k] = told[k]
    for k in range(6):
        out[3 + k] = told[4 + k]
    return 10


@kernel
def _read_one(code: int, z: Array, look: Array, sigma_m: float, sigma_az: float, row: Array) -> bool:
    """Write one measurement into its row (ROW,), which is zero; False where it cannot be used."""
    if not math.isfinite(z.sum()):
        return False
    kind = code // 8
    if kind in (POSITION2, POSITION3):
        return _read_position(kind, z, 0.0 if look[L_REPORTS] != 0.0 else sigma_m * sigma_m, row)
    row[R_TRIANGLE + 3], row[R_TRIANGLE + 5] = 1.0, 1.0
    row[R_DIAGONAL : R_DIAGONAL + 3] = 1.0
    if kind == TDOA:
        speed = look[L_SOUND] if look[L_SOUND] > 0.0 else LIGHT_MPS
        row[Z] = z[0]
        row[R_TRIANGLE] = z[1] ** 2 + 2.0 * (sigma_m / speed) ** 2 + 2.0 * look[L_SIGMA_T] ** 2
    elif kind == BEARING:
        row[Z] = z[0] * RAD
        row[R_TRIANGLE] = (z[1] * RAD) ** 2 + sigma_az**2
    elif kind == AZ_EL:
        row[Z], row[Z + 1] = z[0] * RAD, z[1] * RAD
        row[R_TRIANGLE] = (z[2] * RAD) ** 2 + sigma_az**2
        row[R_TRIANGLE + 3] = (z[3] * RAD) ** 2
    else:
        _read_range(kind, z, sigma_m, sigma_az, row)
    return True


@kernel
def _read_range(kind: int, z: Array, sigma_m: float, sigma_az: float, row: Array) -> None:
    angles = 1 if kind == RANGE_BEARING else 2
    sigmas = z[1 + angles :]
    across = sigma_m / max(z[0], 1.0)
    row[Z] = z[0]
    row[R_TRIANGLE] = sigmas[0] * sigmas[0] + sigma_m * sigma_m
    row[Z + 1] = z[1] * RAD
    row[R_TRIANGLE + 3] = (sigmas[1] * RAD) * (sigmas[1] * RAD) + sigma_az * sigma_az + across * across
    if kind == RANGE_AZ_EL:
        row[Z + 2] = z[2] * RAD
        row[R_TRIANGLE + 5] = (sigmas[2] * RAD) * (sigmas[2] * RAD) + across * across
    row[Z + 1 + angles] = sigmas[1 + angles]
    row[R_DIAGONAL] = sigmas[2 + angles] ** 2


@kernel
def _read_position(kind: int, z: Array, ground_m2: float, row: Array) -> bool:
    cov = row[R_TRIANGLE : R_TRIANGLE + 6]
    for k in range(6):
        cov[k] = z[3 + k]
    if kind == POSITION2:
        cov[2], cov[4], cov[5] = 0.0, 0.0, 1.0
    good = cov[0] >= 0.0 and cov[3] >= 0.0 and cov[5] >= 0.0
    cov[0] = max(cov[0], LEAST_M2) + ground_m2
    cov[3] = max(cov[3], LEAST_M2) + ground_m2
    if kind == POSITION3:
        cov[5] = max(cov[5], LEAST_UP_M2) + ground_m2
    places = 2 if kind == POSITION2 else 3
    for a in range(3):
        row[Z + places + a] = z[9 + a]
        row[R_DIAGONAL + a] = z[12] * z[12]
        row[CENTRE + a] = z[a]
    return good and positive(cov[0], cov[1], cov[2], cov[3], cov[4], cov[5])


@kernel
def positive(ee: float, en: float, eu: float, nn: float, nu: float, uu: float) -> bool:
    """Return whether a symmetric 3×3 matrix is positive definite (leading minors), with room for rounding."""
    minor = ee * nn - en * en
    whole = uu * minor - ee * nu * nu - nn * eu * eu + 2.0 * en * eu * nu
    return ee > 0.0 and minor > 1e-9 * ee * nn and whole > 1e-9 * ee * nn * uu


@kernel
def _before(a: int, b: int, codes: Indices, rows: Array, claims: Indices) -> bool:
    """Return whether detection a comes before b: by kind, content, claim, and only then as they came."""
    if codes[a] != codes[b]:
        return bool(codes[a] < codes[b])
    for k in range(CONTENT):
        if rows[a, k] != rows[b, k]:
            return bool(rows[a, k] < rows[b, k])
    for k in range(CENTRE, CENTRE + 3):
        if rows[a, k] != rows[b, k]:
            return bool(rows[a, k] < rows[b, k])
    for k in range(2):
        if claims[a, k] != claims[b, k]:
            return bool(claims[a, k] < claims[b, k])
    return a < b


@kernel
def _sort(order: Indices, codes: Indices, rows: Array, claims: Indices) -> None:
    """Sort `order`, which is rising, by the content of the detections that it names, in place."""
    for gap in GAPS:
        for k in range(gap, order.shape[0]):
            one, at = order[k], k
            while at >= gap:
                other = order[at - gap]
                # Nearly all differ in their first number; a call costs ten times as much as this.
                if codes[one] == codes[other] and rows[one, 0] != rows[other, 0]:
                    sooner = rows[one, 0] < rows[other, 0]
                else:
                    sooner = _before(one, other, codes, rows, claims)
                if not sooner:
                    break
                order[at] = other
                at -= gap
            order[at] = one
