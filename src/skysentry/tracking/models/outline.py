"""The coarse gate: one short row a track, enough to see that a measurement is nowhere near it.

A scan is compared with every track, and most tracks are nowhere near. What that needs of a track fits in `OUTLINE`
numbers: mean place and velocity, the state's time, and the polynomial in |lag| of the variance of its place: models,
their differences and what the noise adds, so that it is exact at any time. It follows from the state alone, so a
restored tracker has the same; whoever changes a state outlines it again.

Measurements are looked up by their east coordinate, sorted: each track sees those within its gate's width only.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.coverage import UNSEEN
from skysentry.tracking.models.measure import (
    AZ_EL,
    BEARING,
    CENTRE,
    L_MAX,
    L_ORIGIN,
    L_REPORTS,
    L_SOFT,
    L_TIME,
    SPREAD_M,
    TDOA,
    emission_lag,
)
from skysentry.tracking.models.motion import MODELS, NOISE_M2_S3, Array, Indices

# Columns: mean (place, velocity), time, then the variance's coefficients of 1, |lag|, lag, lag², |lag|³.
O_MEAN, O_TIME, O_ONE, O_ABS, O_LAG, O_SQUARE, O_CUBE, OUTLINE = 0, 6, 7, 8, 9, 10, 11, 12
# Sigmas of the coarse gate: wider than the fine one for all models.
COARSE = 6.0


@kernel
def outline(x: Array, P: Array, w: Array, t_s: float, out: Array) -> None:
    """Write the outline [shape=(OUTLINE,)] of one track, state x (MODELS, 6), P (MODELS, 6, 6), w (MODELS,) at t."""
    for a in range(6):
        out[O_MEAN + a] = 0.0
        for m in range(MODELS):
            out[O_MEAN + a] += w[m] * x[m, a]
    out[O_TIME] = t_s
    for k in range(O_ONE, OUTLINE):
        out[k] = 0.0
    for m in range(MODELS):
        for a in range(3):
            off, speed = x[m, a] - out[O_MEAN + a], x[m, 3 + a] - out[O_MEAN + 3 + a]
            out[O_ONE] += w[m] * (P[m, a, a] + off * off)
            out[O_ABS] += w[m] * 2.0 * abs(P[m, a, 3 + a])
            out[O_LAG] += w[m] * 2.0 * off * speed
            out[O_SQUARE] += w[m] * (P[m, 3 + a, 3 + a] + speed * speed)
        out[O_CUBE] += w[m] * NOISE_M2_S3[m]


@kernel
def outline_all(x: Array, P: Array, w: Array, t: Array, first: int, tracks: int, out: Array) -> None:
    """Write the outlines [shape=(n, OUTLINE)] of tracks `first` … `tracks` − 1."""
    for i in range(first, tracks):
        outline(x[i], P[i], w[i], t[i], out[i])


@kernel
def ahead(lines: Array, i: int, lag: float, mean: Array) -> float:
    """Write the mean (6,) of track i a while after its time; return the place's sigma then."""
    for a in range(3):
        mean[3 + a] = lines[i, O_MEAN + 3 + a]
        mean[a] = lines[i, O_MEAN + a] + lag * mean[3 + a]
    size = abs(lag)
    steady = lines[i, O_ONE] + lines[i, O_ABS] * size + lines[i, O_LAG] * lag
    return math.sqrt(steady + lag * lag * (lines[i, O_SQUARE] + lines[i, O_CUBE] * size))


@kernel
def sound_lag(lines: Array, i: int, look: Array, mean: Array) -> float:
    """Return how long after its time track i emitted what this look hears; `mean` (6,) is room.

    Apart from `ahead`, for what is asked of every track must be inlined: a call of this beside it costs 80 ns each.
    """
    for a in range(6):
        mean[a] = lines[i, O_MEAN + a]
    return emission_lag(mean, lines[i, O_TIME], look)


@array_kernel
def line_up(codes: Indices, rows: Array, order: Indices, east_m: Array) -> tuple[int, float]:
    """Sort measurements by the east coordinate of their centre: those without a place first, as if everywhere.

    Writes `order` and `east_m` [shape=(m,)]; returns how many have no place, and the widest spread of the others.
    """
    found = codes.shape[0]
    nowhere = 0
    widest = 0.0
    for j in range(found):
        if codes[j] // 8 in (TDOA, BEARING, AZ_EL):
            east_m[j] = -np.inf
            nowhere += 1
        else:
            east_m[j] = rows[j, CENTRE]
            widest = max(widest, rows[j, SPREAD_M])
    if found > 1:
        order[:] = np.argsort(east_m, kind="mergesort")
        east_m[:] = east_m[order]
    else:
        order[:] = 0
    return nowhere, widest


@kernel
def near(rows: Array, j: int, mean: Array, spread_m: float) -> bool:
    """Return whether measurement j, which has a place, is within the coarse gate of a track's place."""
    d2 = 0.0
    for a in range(3):
        d2 += (mean[a] - rows[j, CENTRE + a]) ** 2
    close: bool = d2 < COARSE * COARSE * (spread_m * spread_m + rows[j, SPREAD_M] * rows[j, SPREAD_M])
    return close


@kernel
def candidates(
    mean: Array, spread_m: float, rows: Array, order: Indices, east_m: Array, nowhere: int, widest_m: float,
    out: Indices,
) -> int:  # fmt: skip
    """Write the measurements that may be of a track with this place and sigma into `out`, by index; return how many."""
    count = 0
    for k in range(nowhere):
        out[count] = order[k]
        count += 1
    reach = COARSE * math.sqrt(spread_m * spread_m + widest_m * widest_m)
    low, high = nowhere, order.shape[0]
    while low < high:
        middle = (low + high) // 2
        if east_m[middle] < mean[0] - reach:
            low = middle + 1
        else:
            high = middle
    while low < order.shape[0] and east_m[low] <= mean[0] + reach:
        if near(rows, order[low], mean, spread_m):
            out[count] = order[low]
            count += 1
        low += 1
    if count > 1:
        _sort(out, count)
    return count


@kernel
def _sort(out: Indices, count: int) -> None:
    """Sort the first few numbers in place, by insertion."""
    for k in range(1, count):
        one, at = out[k], k
        while at > 0 and out[at - 1] > one:
            out[at] = out[at - 1]
            at -= 1
        out[at] = one


@kernel
def out_of_reach(line: Array, look: Array, low_m: float, high_m: float, widest_m: float) -> bool:
    """Return, for light, whether a track is too far from all measurements, and from the sensor, to learn anything.

    `low_m` and `high_m` are the least and greatest east coordinate of the measurements. Reports of others have no
    coverage, so what they do not name they say nothing of.
    """
    lag = look[L_TIME] - line[O_TIME]
    east = line[O_MEAN] + lag * line[O_MEAN + 3]
    gap = max(low_m - east, east - high_m)
    if gap <= 0.0:
        return False
    size = abs(lag)
    variance = line[O_ONE] + line[O_ABS] * size + line[O_LAG] * lag + lag * lag * (line[O_SQUARE] + line[O_CUBE] * size)
    if gap * gap <= COARSE * COARSE * (variance + widest_m * widest_m):
        return False
    if look[L_REPORTS] != 0.0:
        return True
    spread = math.sqrt(variance)
    d2 = (east - look[L_ORIGIN]) ** 2
    for a in range(1, 3):
        d2 += (line[O_MEAN + a] + lag * line[O_MEAN + 3 + a] - look[L_ORIGIN + a]) ** 2
    reach = look[L_MAX] + UNSEEN * (look[L_SOFT] + spread)
    far: bool = d2 > reach * reach
    return far
