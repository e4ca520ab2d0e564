"""One track and its measurements: what each of its models says of them, and all models corrected by them at once.

A track here is any number of Gaussians, each with the model of `motion` that it moves as.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.filter.fix import PLACE, gain_place, mend_place, take_place
from skysentry.tracking.models.measure import dims_of, innovate, log_likelihood, whiten
from skysentry.tracking.models.motion import MODELS, NOISE_M2_S3, NOISE_UP_M2_S3, TURN_RAD_S, Array, Indices, mirror

# Squared Mahalanobis gates for 1 … 6 dimensions: all but 1e-5 of a normal; a wider tail only costs false alarms.
GATES = np.array([19.5, 23.0, 25.9, 28.5, 30.9, 33.1])
# Rows of six numbers that are kept of a weighed measurement: innovation, factor of its covariance, P Hᵀ.
KEPT = 13
# No Gaussian of a track becomes less likely than this: one may be right again.
LEAST_WEIGHT = 1e-9


@kernel
def weigh(
    x: Array, P: Array, w: Array, ways: Indices, t_s: float, code: int, row: Array, look: Array, work: Array,
    kept: Array, out: Array,
) -> float:  # fmt: skip
    """Write each Gaussian's likelihood share [shape=(n,)] of one measurement into `out`; return the log of their sum.

    `ways` (n,) have the models that they move as in their last digit to the base of `MODELS`. `kept` (n, KEPT, 6) takes
    what the correction needs of each. −inf where none gates it.
    """
    best = -np.inf
    gated = False
    for m in range(x.shape[0]):
        nu, S, PHt, model = kept[m, 0], kept[m, 1:7], kept[m, 7:13], ways[m] % MODELS
        q, q_up = NOISE_M2_S3[model], NOISE_UP_M2_S3[model]
        dims = innovate(code, row, look, x[m], P[m], t_s, q, q_up, TURN_RAD_S[model], nu, S, PHt, work)
        log_l, d2 = log_likelihood(nu, S, dims)
        out[m] = log_l + math.log(max(w[m], 1e-12))
        gated = gated or d2 < GATES[dims - 1]
        best = max(best, out[m])
    if not gated:
        return -np.inf
    total = 0.0
    for m in range(x.shape[0]):
        out[m] = math.exp(out[m] - best)
        total += out[m]
    for m in range(x.shape[0]):
        out[m] /= total
    return best + math.log(total)


@kernel
def collapse(
    x: Array, P: Array, w: Array, codes: Indices, hits: Indices, share: Array, models: Array, kept: Array, now: bool,
    work: Array,
) -> None:  # fmt: skip
    """Correct one track with all its measurements `hits`, weighted by `share`, and collapse each Gaussian by moments.

    `models` [shape=(hits, ≥ n)] are their weights given each measurement, `kept` (hits, ≥ n, KEPT, 6) the whitened
    innovation, factor and P Hᵀ of each; of places taken `now` P has that. A Kalman update takes K K' from P with
    K = P Hᵀ L⁻ᵀ, so the moments of the mixture need no state of any single measurement.
    """
    missed = 1.0
    for p in share:
        missed -= p
    missed = max(missed, 0.0)
    mean, dx = work[0], work[1]
    total_weight = 0.0
    for m in range(x.shape[0]):
        weight = missed * w[m]
        for k in range(hits.shape[0]):
            weight += share[k] * models[k, m]
        total_weight += weight
        if hits.shape[0] == 1 and now and codes[hits[0]] == PLACE and weight >= 1e-12:
            part = share[0] * models[0, m] / weight
            if part >= 1e-9:
                take_place(x[m], P[m], part, kept[0, m])
        elif weight >= 1e-12:
            mean[:] = 0.0
            for k in range(hits.shape[0]):
                if now and codes[hits[k]] == PLACE:
                    gain_place(P[m], kept[k, m], kept[k, m, 7:])
                elif dims_of(codes[hits[k]]) == 3:
                    gain_place(kept[k, m, 7:], kept[k, m], kept[k, m, 7:])
            for k in range(hits.shape[0]):
                part = share[k] * models[k, m] / weight
                if part < 1e-9:
                    continue
                if dims_of(codes[hits[k]]) == 3:
                    mend_place(P[m], part, kept[k, m, 7:], mean)
                else:
                    mend(P[m], part, dims_of(codes[hits[k]]), kept[k, m], dx, mean)
            for a in range(6):
                x[m, a] += mean[a]
                for b in range(a + 1):
                    P[m, a, b] -= mean[a] * mean[b]
            mirror(P[m])
        w[m] = weight
    for m in range(x.shape[0]):
        w[m] = max(w[m] / total_weight, LEAST_WEIGHT)


@kernel
def mend(P: Array, part: float, dims: int, kept: Array, dx: Array, mean: Array) -> None:
    """Add one measurement's share `part` of the change to the lower triangle of P and to `mean` (6,)."""
    nu, S, K = kept[0], kept[1:7], kept[7:13]
    for a in range(6):
        whiten(S, dims, K[a])
        dx[a] = 0.0
        for i in range(dims):
            dx[a] += K[a, i] * nu[i]
        mean[a] += part * dx[a]
    for a in range(6):
        for b in range(a + 1):
            taken = -dx[a] * dx[b]
            for i in range(dims):
                taken += K[a, i] * K[b, i]
            P[a, b] -= part * taken
