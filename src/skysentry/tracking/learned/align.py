"""What several sensors that see one object say of each other's headings: the compiled half of `registration`.

`gather` keeps some hits of sure tracks: the measurement, and where the track was when it was emitted. Hits of one track
emitted within `WINDOW_S` make a window. `fold` takes a whole window: with p(t) = p̂ + v̂ (t − t̄) + δ, δ unknown and
nearly free, and the heading error b of each sensor,

    z = h(p̂) + H δ + B b + noise,    Λ += D − Cᵀ A⁻¹ C,    η += g − Cᵀ A⁻¹ a

with A = Σ Hᵀ R⁻¹ H, C = Σ Hᵀ R⁻¹ B, D = Σ Bᵀ R⁻¹ B, a = Σ Hᵀ R⁻¹ ν, g = Σ Bᵀ R⁻¹ ν over the hits of the window. The
place of the object is eliminated, so an error of the track, however it came about, is not taken for one of a sensor,
and what two sensors share is counted once: Λ is the joint information of all headings. Far residuals weigh less
(Huber). Source: Bar-Shalom, Willett, Tian, "Tracking and data fusion", 2011, chapter 7 (pseudo-measurements of bias);
P. Huber, "Robust estimation of a location parameter", 1964.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.measure import (
    AZ_EL,
    ORIGIN,
    POSITION2,
    POSITION3,
    RANGE_AZ_EL,
    TDOA,
    Z,
    _expect_polar,
    cholesky,
    emission_lag,
    is_angle,
    noise,
    places_of,
    whiten,
)
from skysentry.tracking.models.motion import MODELS, Array, Indices

# Within two seconds the hardest turn (8°/s at 50 m/s, 7 m/s²) leaves a straight line by 3.5 m.
WINDOW_S = 2.0
# Hits that are this surely of a track that this surely exists.
SURE_SHARE, SURE_TRACK = 0.6, 0.8
# Columns of what is kept of a hit, and of its tags.
F_TAU, F_PLACE, F_SPEED, F_Z, F_VARIANCE, FACTS = 0, 1, 4, 7, 10, 13
T_TRACK, T_WINDOW, T_SENSOR, T_KIND, TAGS = 0, 1, 2, 3, 4
# Sensors that one window may join; a town's arrays that hear one drone are a dozen.
MOST_JOINED = 24
# How far a track may be from its object: it only keeps A regular where two lines of sight are one.
FREE_M = 3_000.0
# A line of two seconds is known no better than this across; near a sensor it outweighs its noise.
BEND_M = 4.0
# Residuals beyond this many sigmas count as if they were that far.
HUBER = 2.5
# Neighbouring looks share wind, terrain and multipath: two count as one.
TEMPER = 0.5


@array_kernel
def gather(
    edge_i: Indices, edge_j: Indices, share: Array, x: Array, w: Array, t: Array, r: Array, key: Indices, look: Array,
    codes: Indices, rows: Array, sensor: int, sigma_az: float, stride: int, tags: Indices, facts: Array, count: int,
) -> int:  # fmt: skip
    """Keep the sure hits of a scan in `tags` (room, TAGS) and `facts` (room, FACTS); return how many are kept now.

    `sigma_az` is what the rows' variance of azimuth holds for the heading. One window in `stride` is taken.
    """
    mean = np.empty(6)
    for e in range(edge_i.shape[0]):
        i, j = edge_i[e], edge_j[e]
        kind = codes[j] // 8
        if share[e] < SURE_SHARE or r[i] < SURE_TRACK or kind == TDOA:
            continue
        if count == tags.shape[0]:
            break
        for a in range(6):
            mean[a] = 0.0
            for m in range(MODELS):
                mean[a] += w[i, m] * x[i, m, a]
        lag = emission_lag(mean, t[i], look)
        window = math.floor((t[i] + lag) / WINDOW_S)
        if stride > 1 and (key[i] + 7919 * window) % stride != 0:
            continue
        tags[count, T_TRACK], tags[count, T_WINDOW], tags[count, T_SENSOR] = key[i], window, sensor
        tags[count, T_KIND] = kind
        fact = facts[count]
        fact[F_TAU] = t[i] + lag - window * WINDOW_S
        places = kind in (POSITION2, POSITION3)
        for a in range(3):
            fact[F_PLACE + a] = mean[a] + lag * mean[3 + a]
            fact[F_SPEED + a] = mean[3 + a]
            fact[F_Z + a] = rows[j, ORIGIN + a] if places else rows[j, Z + a]
            fact[F_VARIANCE + a] = 1.0
        dims = places_of(kind)
        for a in range(dims):
            fact[F_VARIANCE + a] = noise(rows[j], dims, a, a)
            if is_angle(kind, a):
                variance = fact[F_VARIANCE + a] - sigma_az * sigma_az
                fact[F_VARIANCE + a] = max(variance, 0.01 * fact[F_VARIANCE + a])
        count += 1
    return count


@array_kernel
def _compare(kind: int, fact: Array, base: Array, p: Array, nu: Array, H: Array, B: Array, R: Array, J: Array) -> int:
    """Write innovation, Jacobian (3, 3), change by heading and variance of a hit, as if its object were at p.

    `base` [shape=(12,)] is the sensor's declared place and rotation. Returns the dims.
    """
    if kind in (POSITION2, POSITION3):
        dims = 2 if kind == POSITION2 else 3
        for i in range(dims):
            nu[i] = fact[F_Z + i] - p[i]
            for b in range(3):
                H[i, b] = 1.0 if i == b else 0.0
            R[i] = fact[F_VARIANCE + i]
            B[i] = p[1] - base[1] if i == 0 else base[0] - p[0] if i == 1 else 0.0
        return dims
    d, z, v = np.empty(3), np.empty(4), np.zeros(3)
    for a in range(3):
        d[a] = 0.0
        for b in range(3):
            d[a] += base[3 + 3 * a + b] * (p[b] - base[b])
    for i in range(4):
        for a in range(6):
            J[i, a] = 0.0
    dims = _expect_polar(kind, 0, d, v, z, J)
    distance2 = max(d[0] * d[0] + d[1] * d[1] + d[2] * d[2], BEND_M * BEND_M)
    for i in range(dims):
        nu[i] = fact[F_Z + i] - z[i]
        R[i] = fact[F_VARIANCE + i] + BEND_M * BEND_M
        B[i] = 0.0
        if is_angle(kind, i):
            nu[i] = (nu[i] + math.pi) % (2.0 * math.pi) - math.pi
            B[i] = 1.0
        if is_angle(kind, i) or (kind == AZ_EL and i == 1) or (kind == RANGE_AZ_EL and i == 2):
            R[i] = fact[F_VARIANCE + i] + BEND_M * BEND_M / distance2
        for b in range(3):
            H[i, b] = 0.0
            for a in range(3):
                H[i, b] += J[i, a] * base[3 + 3 * a + b]
    return dims


@kernel
def _joined(tags: Indices, who: Indices, slot: Indices) -> int:
    """Write which sensors hit in a window into `who`, and the place of each hit's there, or −1, into `slot` (hits,).

    Returns how many sensors; 0 where the window says nothing, for fewer than two hit, or too seldom.
    """
    joined, over = 0, -2
    for h in range(tags.shape[0]):
        slot[h] = -1
        for k in range(joined):
            if who[k] == tags[h, T_SENSOR]:
                slot[h] = k
        if slot[h] < 0 and joined < MOST_JOINED:
            who[joined] = tags[h, T_SENSOR]
            slot[h] = joined
            joined += 1
            over += places_of(tags[h, T_KIND])
    return joined if joined >= 2 and over >= 1 else 0


@array_kernel
def _inform(
    tags: Indices, facts: Array, base: Array, bias: Array, variance: Array, who: Indices, slot: Indices, delta: Array,
    far_off: bool, A: Array, C: Array, D: Array, a0: Array, now: Array, g: Array,
) -> None:  # fmt: skip
    """Write a window's information: A (3, 3) of the object's place, D (joined,) of biases, C (joined, 3) of both.

    Scores: a0 (3,) of the place, `now` (3,) with the present biases taken off, g (joined, 2) of the biases, likewise.
    With `far_off`, hits far from the place as `delta` has it weigh less.
    """
    hits = tags.shape[0]
    middle, place, speed = 0.0, np.zeros(3), np.zeros(3)
    for h in range(hits):
        middle += facts[h, F_TAU] / hits
        for a in range(3):
            place[a] += facts[h, F_PLACE + a] / hits
            speed[a] += facts[h, F_SPEED + a] / hits
    p, nu, H, B, R, J = np.empty(3), np.empty(3), np.empty((3, 3)), np.empty(3), np.empty(3), np.empty((4, 6))
    A[:], C[:], D[:], a0[:], now[:], g[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(3):
        A[a, a] = 1.0 / (FREE_M * FREE_M)
    for h in range(hits):
        k = slot[h]
        if k < 0:
            continue
        for a in range(3):
            p[a] = place[a] + (facts[h, F_TAU] - middle) * speed[a]
        s = who[k]
        dims = _compare(tags[h, T_KIND], facts[h], base[s], p, nu, H, B, R, J)
        for i in range(dims):
            left, weight = nu[i] - B[i] * bias[s], 1.0
            if far_off:
                off = left
                for a in range(3):
                    off -= H[i, a] * delta[a]
                far = abs(off) / math.sqrt(R[i] + B[i] * B[i] * variance[s])
                weight = 1.0 if far < HUBER else HUBER / far
            inverse = TEMPER * weight / R[i]
            for a in range(3):
                for b in range(3):
                    A[a, b] += inverse * H[i, a] * H[i, b]
                C[k, a] += inverse * H[i, a] * B[i]
                a0[a] += inverse * H[i, a] * nu[i]
                now[a] += inverse * H[i, a] * left
            D[k] += inverse * B[i] * B[i]
            g[k, 0] += inverse * B[i] * nu[i]
            g[k, 1] += inverse * B[i] * left


@array_kernel
def fold(
    tags: Indices, facts: Array, base: Array, bias: Array, variance: Array, info: Array, score: Array, fresh: Array
) -> bool:
    """Add one window's hits to the joint information `info` (n, n) and `score` (n,); False where it says nothing.

    `bias` and `variance` (n,) are the present estimates: they only weigh far residuals, and `fresh` (n, 2) takes what
    this window alone says against them: the sum of scores and of information.
    """
    who, slot = np.empty(MOST_JOINED, np.int64), np.empty(tags.shape[0], np.int64)
    joined = _joined(tags, who, slot)
    if joined == 0:
        return False
    A, C, D = np.empty((3, 3)), np.empty((joined, 3)), np.empty(joined)
    delta, a0, now, g = np.zeros(3), np.empty(3), np.empty(3), np.empty((joined, 2))
    for step in range(2):
        _inform(tags, facts, base, bias, variance, who, slot, delta, step == 1, A, C, D, a0, now, g)
        if not cholesky(A, 3):
            return False
        whiten(A, 3, now)
        # δ = A⁻¹ (a − C b̂): back substitution of the whitened right side.
        for a in range(2, -1, -1):
            total = now[a]
            for b in range(a + 1, 3):
                total -= A[b, a] * delta[b]
            delta[a] = total / A[a, a]
    whiten(A, 3, a0)
    for k in range(joined):
        whiten(A, 3, C[k])
    for k in range(joined):
        s = who[k]
        shared, taken, told = 0.0, 0.0, 0.0
        for a in range(3):
            shared += C[k, a] * C[k, a]
            taken += C[k, a] * a0[a]
            told += C[k, a] * now[a]
        score[s] += g[k, 0] - taken
        fresh[s, 0] += g[k, 1] - told
        fresh[s, 1] += D[k] - shared
        for q in range(joined):
            both = D[k] if q == k else 0.0
            for a in range(3):
                both -= C[k, a] * C[q, a]
            info[s, who[q]] += both
    return True


@array_kernel
def fold_all(
    order: Indices, tags: Indices, facts: Array, base: Array, bias: Array, variance: Array, info: Array, score: Array,
    fresh: Array,
) -> int:  # fmt: skip
    """Fold all windows among the hits `order` names, sorted by track and window; return how many said something."""
    said, first = 0, 0
    while first < order.shape[0]:
        last = first
        while (
            last < order.shape[0]
            and tags[order[last], T_TRACK] == tags[order[first], T_TRACK]
            and tags[order[last], T_WINDOW] == tags[order[first], T_WINDOW]
        ):
            last += 1
        mine = order[first:last]
        if last - first > 1:
            said += fold(tags[mine], facts[mine], base, bias, variance, info, score, fresh)
        first = last
    return said
