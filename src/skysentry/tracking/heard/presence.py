"""What "heard" and "not heard" say of tracks: a measurement without a place.

A sensor hears with probability 1 − Q Π(1 − r Pd): Q = 1 − Pf for its own false hits. The likelihood of a place is
1 − Q'(1 − Pd(p)) for a hit, with Q' of all other tracks (they may explain it), and 1 − Pd(p) for silence, which counts
at most `L_MISS_FLOOR` nats. It is no Gaussian in the measurement, so each model is corrected by moments: the place at
emission is spread over 5 × 5 Gauss–Hermite points, weighed, and the change of its mean and covariance carried to the
whole state by regression, x += G Δ, P += G (C' − C) Gᵀ, G = Cov(x, p) C⁻¹.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.evidence.loudness import SURE, VAGUE, if_loud, learn_loud, loudness
from skysentry.tracking.filter.correct import MOST_EXISTENCE, advance
from skysentry.tracking.heard.particles import SETTLED, TEMPER, TIME, gauge_acuity, hear, surprise, trusted, weigh
from skysentry.tracking.models.coverage import detectable, farthest
from skysentry.tracking.models.measure import (
    L_FALSE,
    L_MAX,
    L_MISS_FLOOR,
    L_ORIGIN,
    L_PD,
    L_REACH,
    L_SOFT,
    emission_lag,
)
from skysentry.tracking.models.motion import MODELS, NOISE_M2_S3, Array, Indices
from skysentry.tracking.tracks.table import WIDE

# Gauss–Hermite points and weights of the standard normal, five of them: exact up to degree nine.
POINTS = np.array([-2.8569700138728, -1.3556261799742, 0.0, 1.3556261799742, 2.8569700138728])
WEIGHTS = np.array([0.0112574113277, 0.2220759220056, 0.5333333333334, 0.2220759220056, 0.0112574113277])
# Beyond the reach by so many widths of its edge Pd is below `LEAST_PD`, and below 0.006, where silence says nothing; a
# track may be two of its sigmas nearer.
BEYOND, UNSAID, NEARER = 7.0, 5.0, 2.0
LEAST_PD = 1e-3
# Of a track that exists the *place* is drawn from hits and silence with this power of their likelihood: neighbouring
# looks share wind and terrain. Its *existence* is changed by a hit by this many nats at most, by silence as the look
# says.
PLACE_TEMPER = 0.4
MOST_HIT_NATS = 0.5


@array_kernel
def _emission_place(x: Array, P: Array, q: float, lag: float, p: Array, C: Array, G: Array) -> bool:
    """Write place (3,), horizontal covariance (2, 2) at emission and gain (6, 2); False where it is singular."""
    for a in range(3):
        p[a] = x[a] + lag * x[3 + a]
    cross = np.empty((6, 2))
    for a in range(6):
        for b in range(2):
            cross[a, b] = P[a, b] + lag * P[a, 3 + b]
    grown = q * abs(lag) ** 3 / 3.0
    for a in range(2):
        for b in range(2):
            C[a, b] = cross[a, b] + lag * cross[3 + a, b]
        C[a, a] += grown
    det = C[0, 0] * C[1, 1] - C[0, 1] * C[1, 0]
    if not (det > 0.0 and C[0, 0] > 0.0):
        return False
    for a in range(6):
        G[a, 0] = (cross[a, 0] * C[1, 1] - cross[a, 1] * C[1, 0]) / det
        G[a, 1] = (cross[a, 1] * C[0, 0] - cross[a, 0] * C[0, 1]) / det
    return True


@kernel
def _likelihoods(look: Array, p: Array, C: Array, hit: bool, others: float, at: Array, like: Array) -> float:
    """Write the 25 points (25, 2) as offsets and weight × likelihood of each (25,); return the mean of Pd."""
    l00 = math.sqrt(C[0, 0])
    l10 = C[1, 0] / l00
    l11 = math.sqrt(max(C[1, 1] - l10 * l10, 0.0))
    mean_pd = 0.0
    k = 0
    for a in range(5):
        for b in range(5):
            at[k, 0] = l00 * POINTS[a]
            at[k, 1] = l10 * POINTS[a] + l11 * POINTS[b]
            weight = WEIGHTS[a] * WEIGHTS[b]
            pd = detectable(look, p[0] + at[k, 0], p[1] + at[k, 1], p[2], 0.0)
            mean_pd += weight * pd
            said = 1.0 - others * (1.0 - pd) if hit else 1.0 - pd
            like[k] = weight * said**PLACE_TEMPER
            k += 1
    return mean_pd


@array_kernel
def _shift(x: Array, P: Array, C: Array, G: Array, at: Array, like: Array) -> float:
    """Correct one model by the weighed points, in place; return its likelihood."""
    total: float = like.sum()
    d = np.zeros(2)
    D = np.zeros((2, 2))
    for k in range(25):
        for a in range(2):
            d[a] += like[k] / total * at[k, a]
    for k in range(25):
        for a in range(2):
            for b in range(2):
                D[a, b] += like[k] / total * (at[k, a] - d[a]) * (at[k, b] - d[b])
    D -= C
    for a in range(6):
        x[a] += G[a, 0] * d[0] + G[a, 1] * d[1]
        g0, g1 = G[a, 0] * D[0, 0] + G[a, 1] * D[1, 0], G[a, 0] * D[0, 1] + G[a, 1] * D[1, 1]
        for b in range(a + 1):
            P[a, b] += g0 * G[b, 0] + g1 * G[b, 1]
            P[b, a] = P[a, b]
    return total


@array_kernel
def hearing(
    x: Array, P: Array, w: Array, t: Array, r: Array, tracks: int, look: Array, hit: bool, pd: Array,
    slots: Indices, clouds: Array, weights: Array, memories: Array, heard: Array, notes: Array, loud: Array,
    explains: Array,
) -> float:  # fmt: skip
    """Write of each track (n,) E[Pd] for this look; return Π(1 − r E[Pd]), the chance that none is heard.

    `loud` (n,) becomes the Pd of a sure and placed track if it is loud, 0 of others; `explains` (n,) what it is with
    the chance of that.
    """
    none, widest = 1.0, farthest(look, BEYOND if hit else UNSAID)
    mean = np.empty(6)
    for i in range(tracks):
        mean[:] = 0.0
        spread = 0.0
        for m in range(MODELS):
            spread += w[i, m] * (P[i, m, 0, 0] + P[i, m, 1, 1])
            for a in range(6):
                mean[a] += w[i, m] * x[i, m, a]
        pd[i] = loud[i] = explains[i] = 0.0
        if slots[i] <= WIDE:
            continue
        lag = emission_lag(mean, t[i], look)
        e, n, u = mean[0] + lag * mean[3], mean[1] + lag * mean[4], mean[2] + lag * mean[5]
        if slots[i] < 0 and r[i] > SURE and 0.5 * spread < (VAGUE * look[L_MAX]) ** 2:
            # A state that has failed is heard by none here either.
            loud[i] = max(0.0, if_loud(look, e, n, u))
            explains[i] = loudness(notes[i]) * loud[i]
        far = widest + NEARER * math.sqrt(spread)
        if (e - look[L_ORIGIN]) ** 2 + (n - look[L_ORIGIN + 1]) ** 2 <= far * far:
            slot = slots[i]
            if slot >= 0:
                up_m = mean[2] - look[L_ORIGIN + 2]
                pd[i] = hear(clouds[slot], weights[slot], memories[slot, TIME], up_m, look, heard[slot])
            else:
                pd[i] = detectable(look, e, n, u, math.sqrt(0.5 * spread))
            # A state that has failed is heard by none: it would be in what all others are asked.
            pd[i] = pd[i] if r[i] * pd[i] >= 0.0 else 0.0
        explains[i] = max(pd[i], explains[i])
        if explains[i] > 0.0:
            none *= 1.0 - r[i] * explains[i]
    return none


@array_kernel
def _draw(
    x: Array, P: Array, w: Array, t: Array, r: Array, i: int, look: Array, hit: bool, others: float,
    p: Array, C: Array, G: Array, at: Array, like: Array,
) -> float:  # fmt: skip
    """Correct the models of one track with a look, in place; return E[Pd]."""
    mean = np.zeros(6)
    for m in range(MODELS):
        for a in range(6):
            mean[a] += w[i, m] * x[i, m, a]
    lag = emission_lag(mean, t[i], look)
    if lag > 0.0 and hit:
        advance(x, P, w, t, r, i, lag)
        lag = 0.0
    total = 0.0
    heard = 0.0
    weight = np.zeros(MODELS)
    for m in range(MODELS):
        if not _emission_place(x[i, m], P[i, m], NOISE_M2_S3[m], lag, p, C, G):
            weight[m] = w[i, m]
            total += w[i, m]
            continue
        heard += w[i, m] * _likelihoods(look, p, C, hit, others, at, like)
        weight[m] = w[i, m] * _shift(x[i, m], P[i, m], C, G, at, like)
        total += weight[m]
    for m in range(MODELS):
        w[i, m] = max(weight[m] / total, 1e-9)
    return heard


@array_kernel
def correct_presence(
    x: Array, P: Array, w: Array, t: Array, r: Array, tracks: int, look: Array, hit: bool, share: Array,
    slots: Indices, clouds: Array, weights: Array, memories: Array, heard: Array, notes: Array,
) -> float:  # fmt: skip
    """Correct all tracks with "heard" or "not heard", in place; return Q of all tracks and false hits.

    `share` (n,) becomes the probability that a hit came from each track.
    """
    loud, explains = np.empty(tracks), np.empty(tracks)
    quiet = hearing(
        x, P, w, t, r, tracks, look, hit, share, slots, clouds, weights, memories, heard, notes, loud, explains
    )  # fmt: skip
    quiet *= math.exp(-look[L_FALSE])
    p, C, G = np.empty(3), np.empty((2, 2)), np.empty((6, 2))
    at, like, power = np.empty((25, 2)), np.empty(25), trusted(look)
    for i in range(tracks):
        pd = share[i]
        others = min(quiet / (1.0 - r[i] * explains[i]), 1.0 - 1e-6)
        if loud[i] > 0.0:
            learn_loud(notes[i], look, hit, others, pd, loud[i])
        if pd < LEAST_PD:
            share[i] = 0.0
            continue
        chance = pd
        if slots[i] >= 0:
            surprise(memories[slots[i]], 1.0 - others * (1.0 - pd) if hit else 1.0 - pd, power / TEMPER)
            # Where reaches are doubted their learned edges are no measure of what was declared.
            if power == TEMPER and r[i] > SURE:
                widths = (look[L_MAX] if look[L_REACH] == 0.0 else look[L_REACH]) / max(look[L_SOFT], 1.0)
                gauge_acuity(
                    memories[slots[i]], weights[slots[i]], heard[slots[i]], widths, look[L_PD], hit, others, power
                )
            weigh(weights[slots[i]], heard[slots[i]], look[L_PD], hit, others, power)
        else:
            chance = _draw(x, P, w, t, r, i, look, hit, others, p, C, G, at, like)
        share[i] = r[i] * chance / (1.0 - others * (1.0 - r[i] * chance)) if hit else 0.0
        if hit:
            said = (1.0 - others * (1.0 - chance)) / (1.0 - others)
            said = min(said, math.exp(MOST_HIT_NATS)) ** others
        else:
            said = math.exp(max(math.log1p(-chance), -look[L_MISS_FLOOR]))
            if slots[i] >= 0 and memories[slots[i], SETTLED] > 0.0:
                # Microphones whose reach is doubted share that doubt: what has long been there they refute as far as
                # they would place it.
                said **= power / TEMPER
        r[i] = min(r[i] * said / (r[i] * said + 1.0 - r[i]), MOST_EXISTENCE)
    return quiet
