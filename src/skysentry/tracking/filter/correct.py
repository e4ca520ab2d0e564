"""One scan against all tracks: predict, gate, weigh, associate, correct, existence. The hot path, all compiled.

Gating is two-step: a sphere or a wedge around the track's mean first, then the Mahalanobis distance of each model. The
models of a track are corrected with the same association probabilities and collapsed by moments (IMM-JPDA).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.evidence.ledger import book
from skysentry.tracking.evidence.loudness import LOUD_PD, if_loud, loudness
from skysentry.tracking.evidence.masks import sighted, witness
from skysentry.tracking.filter.associate import marginals
from skysentry.tracking.filter.fix import PLACE, fix_places, gain_place, mend_place, take_place, weigh_place
from skysentry.tracking.models.coverage import detectable, filtered
from skysentry.tracking.models.measure import (
    DENSITY,
    L_DOPPLER,
    L_MISS_FLOOR,
    L_REPORTS,
    L_SOUND,
    L_TIME,
    WORK,
    dims_of,
    innovate,
    log_likelihood,
    whiten,
)
from skysentry.tracking.models.motion import (
    MODELS,
    NOISE_M2_S3,
    NOISE_UP_M2_S3,
    TURN_RAD_S,
    Array,
    Indices,
    mirror,
    predict,
)
from skysentry.tracking.models.outline import O_TIME, ahead, candidates, line_up, out_of_reach, outline, sound_lag
from skysentry.tracking.tracks.table import C_NEWS, C_SEEN, C_TOLD, FRESH, WIDE

# Squared Mahalanobis gates for 1 … 6 dimensions: all but 1e-5 of a normal; a wider tail only costs false alarms.
GATES = np.array([19.5, 23.0, 25.9, 28.5, 30.9, 33.1])
# An identity that a track already has, told again: that much likelier than the same place from another.
LOG_SAME = math.log(1e4)
# Another identity of the same scheme: one aircraft doesn't change its serial.
LOG_OTHER = math.log(1e-6)
# Existence never becomes certain: a real end must show within a few looks.
MOST_EXISTENCE = 0.997
# Mean time after which a thing that nobody looks at has gone: landed, or left.
LIFETIME_S = 300.0
# From this probability on a measurement counts as a look at the track; below, it only weighs on its state.
HIT = 0.5
# Association probabilities below this change nothing that can be seen.
LEAST_SHARE = 1e-4
SCHEMES = 4
# Rows of six numbers that are kept of a weighed measurement: innovation, factor of its covariance, P Hᵀ.
KEPT = 13
# A detection may lie a little outside of what its sensor declares; this much credit it has.
OUTSIDE_PD = 0.02
# A track that exists with this probability is excused where a radar's filter may hide it; clutter is not.
SURE = 0.3
# A state this near to the time of a look is of that time.
NOW_S = 1e-6
# Looks of one sound sensor are as correlated when they hit as when they miss (a wrong heading, a mower that runs for an
# hour): they raise existence by this many times what silence may lower it, 0.3 nat a second of listening.
SOUND_HIT = 3.0


@kernel
def advance(x: Array, P: Array, w: Array, t: Array, r: Array, i: int, dt_s: float) -> None:
    """Move track i forward by dt > 0, state and existence."""
    predict(x[i], P[i], w[i], dt_s)
    t[i] += dt_s
    r[i] *= math.exp(-dt_s / LIFETIME_S)


@kernel
def _identity_weight(own: Indices, scheme: int, value: int) -> float:
    """Return the log weight of a claimed identity for a track that holds `own` [shape=(SCHEMES,)]."""
    if value == 0 or own[scheme] == 0:
        return 0.0
    return LOG_SAME if own[scheme] == value else LOG_OTHER


@kernel
def _weigh(
    x: Array, P: Array, w: Array, t_s: float, code: int, row: Array, look: Array, work: Array, kept: Array, out: Array
) -> float:  # fmt: skip
    """Write each model's likelihood share [shape=(MODELS,)] of one measurement into `out`; return the log of their sum.

    `kept` [shape=(MODELS, KEPT, 6)] takes what the correction needs of each model. −inf where no model gates it.
    """
    best = -np.inf
    gated = False
    for m in range(MODELS):
        nu, S, PHt = kept[m, 0], kept[m, 1:7], kept[m, 7:13]
        q, q_up = NOISE_M2_S3[m], NOISE_UP_M2_S3[m]
        dims = innovate(code, row, look, x[m], P[m], t_s, q, q_up, TURN_RAD_S[m], nu, S, PHt, work)
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
    x: Array, P: Array, w: Array, codes: Indices, hits: Indices, share: Array, models: Array, kept: Array, now: bool,
    work: Array,
) -> None:  # fmt: skip
    """Correct one track with all its measurements `hits`, weighted by `share`, and collapse each model by moments.

    `models` [shape=(hits, MODELS)] are the model weights given each measurement, `kept` (hits, MODELS, KEPT, 6) the
    whitened innovation, factor and P Hᵀ of each; of places taken `now` P has that. A Kalman update takes K K' from P
    with K = P Hᵀ L⁻ᵀ, so the moments of the mixture need no state of any single measurement.
    """
    missed = 1.0
    for p in share:
        missed -= p
    missed = max(missed, 0.0)
    mean, dx = work[0], work[1]
    total_weight = 0.0
    for m in range(MODELS):
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
    for m in range(MODELS):
        w[m] = max(w[m] / total_weight, 1e-9)


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


@kernel
def _edges(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, lines: Array, tracks: int, look: Array,
    codes: Indices, rows: Array, claims: Indices, edge_i: Indices, edge_j: Indices, ratio: Array, models: Array,
    kept: Array, seen: Array, expected: Array, moved: NDArray[np.bool_], masks: Array, cloud: Indices, notes: Array,
    work: Array, order: Indices, east_m: Array, close: Indices, nowhere: int, widest: float,
) -> int:  # fmt: skip
    """Write the pairs of track and measurement that may belong together; return their number.

    `order` and what follows are of `outline.line_up`; `close` (m,) is room. Tracks near a measurement are moved to its
    time, and marked in `moved` (n,) for their outlines; `seen` (n,) takes the probability of detection of every track.
    """
    found, room = codes.shape[0], edge_i.shape[0]
    hears, reports = look[L_SOUND] > 0.0, look[L_REPORTS] != 0.0
    low = east_m[0] if found > 0 else np.inf
    high = -np.inf if found == 0 else np.inf if nowhere > 0 else east_m[found - 1]
    mean, edges = work[0], 0
    for i in range(tracks):
        # What a wide cloud hears is weighed by its particles (`wide`).
        if hears and cloud[i] <= WIDE:
            continue
        if not hears and out_of_reach(lines[i], look, low, high, widest):
            continue
        lag = sound_lag(lines, i, look, mean) if hears else look[L_TIME] - lines[i, O_TIME]
        spread = ahead(lines, i, lag, mean)
        if not reports:
            seen[i] = detectable(look, mean[0], mean[1], mean[2], spread / math.sqrt(3.0))
            if r[i] > SURE and look[L_DOPPLER] != 0.0:
                seen[i] *= filtered(look, mean, P[i], w[i])
            expected[i] = seen[i]
            seen[i] *= sighted(masks[i], look)
        count = candidates(mean, spread, rows, order, east_m, nowhere, widest, close) if found > 0 else 0
        if count == 0:
            continue
        if lag > 0.0:
            advance(x, P, w, t, r, i, lag)
            moved[i] = True
        outside = OUTSIDE_PD
        if hears and seen[i] < LOUD_PD:
            outside = max(outside, loudness(notes[i]) * if_loud(look, mean[0], mean[1], mean[2]))
        for k in range(count):
            if edges == room:
                break
            j = close[k]
            # Beyond the room that is kept, the last place is written over and weighed again when it is needed.
            at = min(edges, kept.shape[0] - 1)
            if codes[j] == PLACE and abs(look[L_TIME] - t[i]) < NOW_S:
                log_l = weigh_place(x[i], P[i], w[i], rows[j], GATES[2], kept[at], models[edges])
            else:
                log_l = _weigh(x[i], P[i], w[i], t[i], codes[j], rows[j], look, work[1:], kept[at], models[edges])
            if log_l == -np.inf:
                continue
            log_l += _identity_weight(own[i], claims[j, 0], claims[j, 1])
            edge_i[edges], edge_j[edges] = i, j
            hit = r[i] if reports else r[i] * max(seen[i], outside)
            bare = math.exp(min(log_l - math.log(rows[j, DENSITY]), 300.0))
            ratio[edges] = bare * hit / (1.0 - r[i] * missable(seen[i], look))
            # A state that has failed (`life.poisoned`) takes nothing: its share would be in those of all others.
            edges += math.isfinite(ratio[edges])
    return edges


@array_kernel
def correct_scan(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, lines: Array, tracks: int, look: Array,
    kinds: Indices, packed: Array, claims: Indices, edge_i: Indices, edge_j: Indices, share: Array, kept: Array,
    free: Array, masks: Array, cloud: Indices, record: Array, notes: Array, column: int, calm: Indices, time_ns: int,
    hits: Indices,
) -> tuple[int, int]:  # fmt: skip
    """Correct all tracks with one scan, in place; return the number of (track, measurement) edges, and of hits.

    Shapes: x (n, MODELS, 6), P (n, MODELS, 6, 6), w (n, MODELS), t and r (n,), own (n, SCHEMES), lines (n, OUTLINE),
    kinds (m,), packed (m, ROW), claims (m, 2) as (scheme, value); kept (k, MODELS, KEPT, 6) is room. Writes the edges
    with their probabilities, as many as fit, and `free` (m,): the probability that a measurement came from no track.
    `masks` (n, SLOTS, COLUMNS) and `record` say who misses what others see (`masks`). `cloud` (n,) becomes −1 for what
    this look has seen: it is no longer only heard.
    What the look says of existence is booked in `notes` (n, NOTES) under the sensor's `column`; that it saw a track at
    `time_ns`, in `calm` (n, CALM). `hits` (as many as edges, 4) takes track, measurement, edge, and 1 where the track
    is in order and nothing is claimed or late.
    """
    room, found = edge_i.shape[0], kinds.shape[0]
    codes, rows = np.empty_like(kinds), np.empty_like(packed)
    fix_places(kinds, packed, codes, rows, np.empty((3, 3, 3)))
    ratio, models, seen, work = np.empty(room), np.empty((room, MODELS)), np.zeros(tracks), np.empty((WORK + 1, 6))
    expected, moved = np.zeros(tracks), np.zeros(tracks, np.bool_)
    order, east_m, close = np.empty(found, np.int64), np.empty(found), np.empty(found, np.int64)
    nowhere, widest = line_up(codes, rows, order, east_m)
    edges = _edges(
        x, P, w, t, r, own, lines, tracks, look, codes, rows, claims, edge_i, edge_j, ratio, models, kept, seen,
        expected, moved, masks, cloud, notes, work, order, east_m, close, nowhere, widest,
    )  # fmt: skip
    marginals(edge_i[:edges], edge_j[:edges], ratio[:edges], found, share[:edges])
    sure = _sure(edge_i, edge_j, share, edges, claims, look, cloud, calm, time_ns, free, hits)
    # What found no room when it was weighed is weighed again, track by track.
    spare = np.empty((found if edges > kept.shape[0] - 1 else 0, MODELS, KEPT, 6))
    _correct_all(
        x, P, w, t, r, lines, tracks, look, codes, rows, edge_i, edge_j, share, edges, models, kept, spare, seen,
        expected, moved, masks, record, notes, column, work,
    )  # fmt: skip
    return edges, sure


@kernel
def _sure(
    edge_i: Indices, edge_j: Indices, share: Array, edges: int, claims: Indices, look: Array, cloud: Indices,
    calm: Indices, time_ns: int, free: Array, hits: Indices,
) -> int:  # fmt: skip
    """Write `free`, and what of the edges is a hit; return how many are. All as `correct_scan` has it."""
    free[:] = 1.0
    count = 0
    for e in range(edges):
        i, j = edge_i[e], edge_j[e]
        free[j] -= share[e]
        if share[e] > HIT:
            cloud[i] = -1
            usual = calm[i, C_TOLD] != 0 and time_ns > calm[i, C_SEEN] and claims[j, 1] == 0 and look[L_REPORTS] == 0.0
            hits[count, 0], hits[count, 1], hits[count, 2], hits[count, 3] = i, j, e, usual
            count += 1
            calm[i, C_SEEN], calm[i, C_NEWS] = max(calm[i, C_SEEN], time_ns), FRESH
    return count


@kernel
def _correct_all(
    x: Array, P: Array, w: Array, t: Array, r: Array, lines: Array, tracks: int, look: Array, codes: Indices,
    rows: Array, edge_i: Indices, edge_j: Indices, share: Array, edges: int, models: Array, kept: Array, spare: Array,
    seen: Array, expected: Array, moved: NDArray[np.bool_], masks: Array, record: Array, notes: Array, column: int,
    work: Array,
) -> None:  # fmt: skip
    """Correct the states of the tracks with their edges, and the existence of all that this look could have seen.

    `spare` (m, MODELS, KEPT, 6) is for the edges beyond the room of `kept`.
    """
    first, bound = 0, missable(1.0, look)
    for i in range(tracks):
        last = first
        taken = 0.0
        while last < edges and edge_i[last] == i:
            taken += share[last]
            last += 1
        if last > first and taken > LEAST_SHARE:
            mine = kept[first:last]
            if last >= kept.shape[0]:
                mine = spare[: last - first]
                for e in range(first, last):
                    j = edge_j[e]
                    _weigh(x[i], P[i], w[i], t[i], codes[j], rows[j], look, work[1:], mine[e - first], models[e])
            now = abs(look[L_TIME] - t[i]) < NOW_S
            _collapse(
                x[i], P[i], w[i], codes, edge_j[first:last], share[first:last], models[first:last], mine, now, work
            )
            moved[i] = True
        if moved[i]:
            outline(x[i], P[i], w[i], t[i], lines[i])
        if last > first or seen[i] > 0.0:
            unseen = min(seen[i], bound)
            taken = min(taken, 1.0)
            then = taken + (1.0 - taken) * r[i] * (1.0 - unseen) / (1.0 - r[i] * unseen)
            if look[L_SOUND] > 0.0:
                most = r[i] * math.exp(SOUND_HIT * look[L_MISS_FLOOR])
                then = min(then, most / (most + 1.0 - r[i]))
            book(notes[i], column, r[i], then)
            r[i] = min(then, MOST_EXISTENCE)
            witness(masks[i], look, expected[i], taken, r[i], record)
        first = last


@kernel
def missable(pd: float, look: Array) -> float:
    """Return the probability of detection that a miss counts with: bounded by what this sensor may say in a while."""
    return min(pd, -math.expm1(-look[L_MISS_FLOOR]))
