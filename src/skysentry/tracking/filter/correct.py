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
from skysentry.tracking.filter.fix import PLACE, fix_places, weigh_place
from skysentry.tracking.filter.forks import correct_forks, few, note_direction, predict_forks
from skysentry.tracking.filter.update import GATES, KEPT, collapse, weigh
from skysentry.tracking.models.coverage import detectable, filtered
from skysentry.tracking.models.measure import (
    DENSITY,
    L_DOPPLER,
    L_MISS_FLOOR,
    L_REPORTS,
    L_SOUND,
    L_TIME,
    WORK,
)
from skysentry.tracking.models.motion import (
    MODELS,
    Array,
    Indices,
    predict,
)
from skysentry.tracking.models.outline import O_TIME, ahead, candidates, line_up, out_of_reach, outline, sound_lag
from skysentry.tracking.tracks.table import C_NEWS, C_SEEN, C_TOLD, FRESH, WIDE

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
# A row of a track is the models themselves.
EACH = np.arange(MODELS)
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
    pass_by(t, r, i, dt_s)


@kernel
def pass_by(t: Array, r: Array, i: int, dt_s: float) -> None:
    """Let the time of track i, and its existence, go on by dt."""
    t[i] += dt_s
    r[i] *= math.exp(-dt_s / LIFETIME_S)


@kernel
def _identity_weight(own: Indices, scheme: int, value: int) -> float:
    """Return the log weight of a claimed identity for a track that holds `own` [shape=(SCHEMES,)]."""
    if value == 0 or own[scheme] == 0:
        return 0.0
    return LOG_SAME if own[scheme] == value else LOG_OTHER


@kernel
def _edges(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, lines: Array, tracks: int, look: Array,
    codes: Indices, rows: Array, claims: Indices, edge_i: Indices, edge_j: Indices, ratio: Array, models: Array,
    kept: Array, seen: Array, expected: Array, moved: NDArray[np.bool_], masks: Array, cloud: Indices, notes: Array,
    work: Array, order: Indices, east_m: Array, close: Indices, nowhere: int, widest: float, forks: Indices, fx: Array,
    fP: Array, fw: Array, ways: Indices, head: Array,
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
            if forks[i] > 0:
                f = forks[i] - 1
                predict_forks(x[i], P[i], w[i], t[i], lag, fx[f], fP[f], fw[f], ways[f], head[f])
                pass_by(t, r, i, lag)
            else:
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
                log_l = weigh(x[i], P[i], w[i], EACH, t[i], codes[j], rows[j], look, work[1:], kept[at], models[edges])
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
    hits: Indices, forks: Indices, fx: Array, fP: Array, fw: Array, ways: Indices, head: Array, some: Indices,
    part: Array, fork_models: Array, fork_kept: Array,
) -> tuple[int, int]:  # fmt: skip
    """Correct all tracks with one scan, in place; return the number of (track, measurement) edges, and of hits.

    Shapes: x (n, MODELS, 6), P (n, MODELS, 6, 6), w (n, MODELS), t and r (n,), own (n, SCHEMES), lines (n, OUTLINE),
    kinds (m,), packed (m, ROW), claims (m, 2) as (scheme, value); kept (k, MODELS, KEPT, 6) is room. Writes the edges
    with their probabilities, as many as fit, and `free` (m,): the probability that a measurement came from no track.
    `masks` (n, SLOTS, COLUMNS) and `record` say who misses what others see (`masks`). `cloud` (n,) becomes −1 for what
    this look has seen: it is no longer only heard.
    What the look says of existence is booked in `notes` (n, NOTES) under the sensor's `column`; that it saw a track at
    `time_ns`, in `calm` (n, CALM). `hits` (as many as edges, 4) takes track, measurement, edge, and 1 where the track
    is in order and nothing is claimed or late. `forks` (n,) and what follows are of `forks.Forks`.
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
        expected, moved, masks, cloud, notes, work, order, east_m, close, nowhere, widest, forks, fx, fP, fw, ways,
        head,
    )  # fmt: skip
    marginals(edge_i[:edges], edge_j[:edges], ratio[:edges], found, share[:edges])
    sure = _sure(edge_i, edge_j, share, edges, claims, look, cloud, forks, calm, time_ns, free, hits)
    # What found no room when it was weighed is weighed again, track by track.
    spare = np.empty((found if edges > kept.shape[0] - 1 else 0, MODELS, KEPT, 6))
    _correct_all(
        x, P, w, t, r, lines, tracks, look, codes, rows, edge_i, edge_j, share, edges, models, kept, spare, seen,
        expected, moved, masks, record, notes, column, work, forks, fx, fP, fw, ways, head, some, part, fork_models,
        fork_kept,
    )  # fmt: skip
    return edges, sure


@kernel
def _sure(
    edge_i: Indices, edge_j: Indices, share: Array, edges: int, claims: Indices, look: Array, cloud: Indices,
    forks: Indices, calm: Indices, time_ns: int, free: Array, hits: Indices,
) -> int:  # fmt: skip
    """Write `free`, and what of the edges is a hit; return how many are. All as `correct_scan` has it."""
    free[:] = 1.0
    count = 0
    for e in range(edges):
        i, j = edge_i[e], edge_j[e]
        free[j] -= share[e]
        if share[e] > HIT:
            cloud[i] = -1
            note_direction(forks, i, look[L_SOUND] > 0.0)
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
    work: Array, forks: Indices, fx: Array, fP: Array, fw: Array, ways: Indices, head: Array, some: Indices,
    part: Array, fork_models: Array, fork_kept: Array,
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
            mine, hits = kept[first:last], edge_j[first:last]
            now = abs(look[L_TIME] - t[i]) < NOW_S
            if forks[i] > 0 and look[L_SOUND] > 0.0 and few(share[first:last]):
                f = forks[i] - 1
                correct_forks(
                    x[i], P[i], w[i], t[i], codes, rows, hits, share[first:last], look, fx[f], fP[f], fw[f], ways[f],
                    head[f], some, part, fork_models, fork_kept, work,
                )  # fmt: skip
            else:
                if last >= kept.shape[0]:
                    mine = spare[: last - first]
                    _weigh_again(x[i], P[i], w[i], t[i], codes, rows, hits, look, models[first:last], mine, work[1:])
                collapse(x[i], P[i], w[i], codes, hits, share[first:last], models[first:last], mine, now, work)
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
def _weigh_again(
    x: Array, P: Array, w: Array, t_s: float, codes: Indices, rows: Array, hits: Indices, look: Array, models: Array,
    kept: Array, work: Array,
) -> None:  # fmt: skip
    """Weigh the measurements of one track, as they were before, into room of its own."""
    for k in range(hits.shape[0]):
        j = hits[k]
        weigh(x, P, w, EACH, t_s, codes[j], rows[j], look, work, kept[k], models[k])


@kernel
def missable(pd: float, look: Array) -> float:
    """Return the probability of detection that a miss counts with: bounded by what this sensor may say in a while."""
    return min(pd, -math.expm1(-look[L_MISS_FLOOR]))
