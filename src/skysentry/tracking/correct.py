"""One scan against all tracks: predict, gate, weigh, associate, correct, existence. The hot path, all compiled.

Gating is two-step: a sphere or a wedge around the track's mean first, then the Mahalanobis distance of each model. The
models of a track are corrected with the same association probabilities and collapsed by moments (IMM-JPDA).
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.tracking.associate import marginals
from skysentry.tracking.compiled import kernel
from skysentry.tracking.coverage import detectable
from skysentry.tracking.measure import (
    AZ_EL,
    BEARING,
    CENTRE,
    DENSITY,
    L_MISS_FLOOR,
    L_REPORTS,
    SPREAD_M,
    TDOA,
    correct,
    emission_lag,
    innovate,
    log_likelihood,
)
from skysentry.tracking.motion import MODELS, NOISE_M2_S3, Array, Indices, predict

# Squared Mahalanobis gates for 1 … 6 dimensions: all but 1e-5 of a normal; a wider tail only costs false alarms.
GATES = np.array([19.5, 23.0, 25.9, 28.5, 30.9, 33.1])
# Sigmas of the coarse gate: wider than the fine one for all models.
COARSE = 6.0
# An identity that a track already has, told again: that much likelier than the same place from another.
LOG_SAME = math.log(1e4)
# Another identity of the same scheme: one aircraft doesn't change its serial.
LOG_OTHER = math.log(1e-6)
# Existence never becomes certain: a real end must show within a few looks.
MOST_EXISTENCE = 0.999
# Mean time after which a thing that nobody looks at has gone: landed, or left.
LIFETIME_S = 300.0
# Association probabilities below this change nothing that can be seen.
LEAST_SHARE = 1e-4
SCHEMES = 4
# A detection may lie a little outside of what its sensor declares; this much credit it has.
OUTSIDE_PD = 0.02


@kernel
def advance(x: Array, P: Array, w: Array, t: Array, r: Array, i: int, dt_s: float) -> None:
    """Move track i forward by dt > 0, state and existence."""
    predict(x[i], P[i], w[i], dt_s)
    t[i] += dt_s
    r[i] *= math.exp(-dt_s / LIFETIME_S)


@kernel
def _spread(P: Array, x: Array, w: Array, mean: Array, ahead_s: float) -> float:
    """Return a bound of one sigma of the place `ahead_s` from the state's time, models and growth together."""
    total = 0.0
    for m in range(MODELS):
        dt = abs(ahead_s)
        here = 0.0
        for a in range(3):
            off = x[m, a] + ahead_s * x[m, 3 + a] - mean[a]
            here += P[m, a, a] + 2.0 * dt * abs(P[m, a, 3 + a]) + dt * dt * P[m, 3 + a, 3 + a] + off * off
        total += w[m] * (here + NOISE_M2_S3[m] * dt * dt * dt)
    return math.sqrt(total)


@kernel
def _near(code: int, row: Array, mean: Array, spread_m: float) -> bool:
    """Coarse gate of one measurement around a track's place; directions have no place and always pass."""
    kind = code // 8
    if kind in (TDOA, BEARING, AZ_EL):
        return True
    d2 = 0.0
    for a in range(3):
        d2 += (mean[a] - row[CENTRE + a]) ** 2
    near: bool = d2 < (COARSE * (spread_m + row[SPREAD_M])) ** 2
    return near


@kernel
def _identity_weight(own: Indices, scheme: int, value: int) -> float:
    """Return the log weight of a claimed identity for a track that holds `own` [shape=(SCHEMES,)]."""
    if value == 0 or own[scheme] == 0:
        return 0.0
    return LOG_SAME if own[scheme] == value else LOG_OTHER


@kernel
def _weigh(
    x: Array, P: Array, w: Array, t_s: float, code: int, row: Array, look: Array, scratch: Array, out: Array
) -> float:
    """Write each model's likelihood share [shape=(3,)] of one measurement into `out`; return the log of their sum.

    −inf where no model gates it.
    """
    nu, S, PHt = scratch[0], scratch[1:7], scratch[7:13]
    best = -np.inf
    gated = False
    for m in range(MODELS):
        dims = innovate(code, row, look, x[m], P[m], t_s, NOISE_M2_S3[m], nu, S, PHt)
        log_l, d2 = log_likelihood(nu, S, dims)
        out[m] = log_l + math.log(max(w[m], 1e-12))
        gated = gated or d2 < GATES[dims - 1]
        best = max(best, out[m])
    if not gated:
        return -np.inf
    total = 0.0
    for m in range(MODELS):
        out[m] = math.exp(out[m] - best)
        total += out[m]
    for m in range(MODELS):
        out[m] /= total
    return best + math.log(total)


@kernel
def _collapse(
    x: Array,
    P: Array,
    w: Array,
    t_s: float,
    codes: Indices,
    rows: Array,
    look: Array,
    hits: Indices,
    share: Array,
    models: Array,
    scratch: Array,
) -> None:
    """Correct one track with all its measurements `hits`, weighted by `share`, and collapse each model by moments.

    `models` [shape=(hits, 3)] are the model weights given each measurement.
    """
    nu, S, PHt = scratch[0], scratch[1:7], scratch[7:13]
    missed = 1.0
    for p in share:
        missed -= p
    missed = max(missed, 0.0)
    weight = np.empty(MODELS)
    for m in range(MODELS):
        weight[m] = missed * w[m]
        for k in range(hits.shape[0]):
            weight[m] += share[k] * models[k, m]
        if weight[m] < 1e-12:
            continue
        prior_x = x[m].copy()
        prior_P = P[m].copy()
        mean = np.zeros(6)
        cov = prior_P * (missed * w[m] / weight[m])
        for k in range(hits.shape[0]):
            part = share[k] * models[k, m] / weight[m]
            if part < 1e-9:
                continue
            x[m] = prior_x
            P[m] = prior_P
            j = hits[k]
            dims = innovate(codes[j], rows[j], look, x[m], P[m], t_s, NOISE_M2_S3[m], nu, S, PHt)
            log_likelihood(nu, S, dims)
            correct(x[m], P[m], nu, S, PHt, dims)
            for a in range(6):
                da = x[m, a] - prior_x[a]
                mean[a] += part * da
                for b in range(6):
                    cov[a, b] += part * (P[m, a, b] + da * (x[m, b] - prior_x[b]))
        for a in range(6):
            x[m, a] = prior_x[a] + mean[a]
            for b in range(6):
                P[m, a, b] = cov[a, b] - mean[a] * mean[b]
    total = weight.sum()
    for m in range(MODELS):
        w[m] = max(weight[m] / total, 1e-9)


@kernel
def correct_scan(
    x: Array,
    P: Array,
    w: Array,
    t: Array,
    r: Array,
    own: Indices,
    tracks: int,
    look: Array,
    codes: Indices,
    rows: Array,
    claims: Indices,
    edge_i: Indices,
    edge_j: Indices,
    share: Array,
    free: Array,
) -> int:
    """Correct all tracks with one scan, in place; return the number of (track, measurement) edges.

    Shapes: x (n, 3, 6), P (n, 3, 6, 6), w (n, 3), t and r (n,), own (n, SCHEMES), codes (m,), rows (m, ROW), claims
    (m, 2) as (scheme, value). Writes the edges with their probabilities, as many as fit, and `free` (m,): the
    probability that a measurement came from no track.
    """
    found = codes.shape[0]
    room = edge_i.shape[0]
    ratio = np.empty(room)
    models = np.empty((room, MODELS))
    seen = np.zeros(tracks)
    scratch = np.empty((13, 6))
    mean = np.empty(6)
    edges = 0
    for i in range(tracks):
        mean[:] = 0.0
        for m in range(MODELS):
            for a in range(6):
                mean[a] += w[i, m] * x[i, m, a]
        lag = emission_lag(mean, t[i], look)
        for a in range(3):
            mean[a] += lag * mean[3 + a]
        spread = _spread(P[i], x[i], w[i], mean, lag)
        if look[L_REPORTS] == 0.0:
            seen[i] = detectable(look, mean[0], mean[1], mean[2], spread / math.sqrt(3.0))
        near = False
        for j in range(found):
            if _near(codes[j], rows[j], mean, spread):
                near = True
                break
        if not near:
            continue
        if lag > 0.0:
            advance(x, P, w, t, r, i, lag)
        for j in range(found):
            if not _near(codes[j], rows[j], mean, spread) or edges == room:
                continue
            log_l = _weigh(x[i], P[i], w[i], t[i], codes[j], rows[j], look, scratch, models[edges])
            if log_l == -np.inf:
                continue
            log_l += _identity_weight(own[i], claims[j, 0], claims[j, 1])
            edge_i[edges] = i
            edge_j[edges] = j
            ratio[edges] = math.exp(min(log_l - math.log(rows[j, DENSITY]), 300.0))
            edges += 1
    for e in range(edges):
        i = edge_i[e]
        hit = r[i] * max(seen[i], OUTSIDE_PD) if look[L_REPORTS] == 0.0 else r[i]
        ratio[e] *= hit / (1.0 - r[i] * missable(seen[i], look))
    marginals(edge_i[:edges], edge_j[:edges], ratio[:edges], tracks, found, share[:edges])
    free[:] = 1.0
    first = 0
    for i in range(tracks):
        last = first
        taken = 0.0
        while last < edges and edge_i[last] == i:
            free[edge_j[last]] -= share[last]
            taken += share[last]
            last += 1
        if last > first and taken > LEAST_SHARE:
            _collapse(
                x[i], P[i], w[i], t[i], codes, rows, look, edge_j[first:last], share[first:last], models[first:last],
                scratch,
            )  # fmt: skip
        unseen = missable(seen[i], look)
        taken = min(taken, 1.0)
        r[i] = min(taken + (1.0 - taken) * r[i] * (1.0 - unseen) / (1.0 - r[i] * unseen), MOST_EXISTENCE)
        first = last
    return edges


@kernel
def missable(pd: float, look: Array) -> float:
    """Return the probability of detection that a miss counts with: bounded by what this sensor may say in a while."""
    return -math.expm1(max(math.log1p(-pd), -look[L_MISS_FLOOR]))
