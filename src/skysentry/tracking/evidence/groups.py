"""How many objects a track stands for, where single ones cannot be told apart.

Directions are counted: a mean with an interval. "Heard" and "not heard" weigh P(n) over `NUMBERS`, after Bernoulli:

    directions   Σ (share + free part) over Σ Pd of the looks that hold any: detections of a track, and those near it
                 that no shown track takes, parted among tracks by N(z; track, width of its own and of a group) and κ
    heard        1 − Q' (1 − Pd(n))ⁿ        not heard   (1 − Pd(n))ⁿ

with κ the density of clutter and new objects, Q' the chance that nothing else is heard, and Pd(n) the mean over a group
as wide as n objects fly. Single microphones know only how far the pattern of "heard" extends, and reach is a belief:
their looks count little and the interval stays wide. What a radar resolves is not asked: there each object has a track
of its own, and so it is told as one.

The prior: most things fly alone, a raid comes in fives to fifteens. Where several tracks that only "heard" places fly
together, they are a raid, and its number, of which no more is known, is divided among them. What was learned fades, for
groups split and meet; a track that another merges into learns anew. Sums over the tracks of a group are the group's
number: what one track explains no other counts, so that two tracks that share the looks of one object are half each.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.coverage import detectable
from skysentry.tracking.models.measure import (
    AZ_EL,
    BEARING,
    DENSITY,
    L_FALSE,
    L_MAX,
    L_ORIGIN,
    L_PD,
    L_ROTATION,
    L_SOUND,
    L_TIME,
    NEAREST_M,
    R_TRIANGLE,
    Z,
)
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.models.outline import O_MEAN, O_TIME, ahead, sound_lag

# Numbers that are told apart: an alarm needs "one", "a few", "a raid", not 13 from 14.
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0])
SIZES = NUMBERS.shape[0]
# Columns of `notes`: P(number), then what directions have counted: detections of a track, looks that had any, and how
# much of these went to other tracks; last the number of tracks that fly together with it, itself among them, 1 for a
# track that people are shown as an object (what tentative ones take is counted as theirs), and how many of those that
# fly together are so known.
TAKEN, LOOKS, SHARED, TOGETHER, KNOWN, TOGETHER_KNOWN, COUNTS = (SIZES + k for k in range(7))
# Tracks that only "heard" places fly together within this distance of each other (members are 1 km apart at most, each
# placed to half of a microphone's reach) and this difference of velocity (half of what
# drones fly: so badly does sound know it).
TOGETHER_M, ALIKE_MPS = 4_000.0, 25.0
# Six of seven fly alone; two to four together are as rare as a part of a raid, and a raid comes in 5 to 15.
PRIOR = np.array([0.86, 0.02, 0.015, 0.015, 0.015, 0.015, 0.015, 0.015, 0.015, 0.012, 0.003])
PRIOR = PRIOR / PRIOR.sum()
# Members of a group that one track stands for fly this far from its middle, one sigma on an axis: 200 m to 1 km apart,
# and what is further than twice this an array tells apart.
WIDTH_M = 250.0
# A group of n that only single microphones hear is this much times √n wide, one sigma on an axis.
APART_M = 250.0
# What was learned fades to the prior in this time: a group splits in about as long.
FADE_S = 40.0
# Directions count faster: tens of looks a second; what is counted of a group that splits is soon that of its parts.
COUNT_FADE_S = 10.0
# The weight of a second's listening of one array, and of one microphone: neighbouring looks, and neighbouring sensors,
# share wind and background; a believed reach that is 1.2 times the true one looks like half a member.
HEARD_PER_S = 0.3
# A sensor that has not looked for longer counts as if after this.
MOST_WAIT_S = 5.0
# Further members expected of a track that is one so far, for one direction that nothing explains.
FURTHER = 0.3
# Less than this of a direction near a track is none.
SOMETHING = 0.05
# Looks that a track is held to be one by, before any are counted.
PRIOR_LOOKS = 4.0
# One look says at most this much.
MOST_NATS = 2.0
# Tracks less likely than this are not asked; nor looks that would hardly have noticed a single one.
LEAST_EXISTENCE, LEAST_PD = 0.5, 0.1
# No number becomes impossible.
LEAST = 1e-5


@kernel
def _first(notes: Array) -> None:
    """Begin to count with the prior, in place, where nothing was counted yet."""
    if notes[0] + notes[SIZES - 1] == 0.0:
        for k in range(SIZES):
            notes[k] = PRIOR[k]


@kernel
def _learn(notes: Array, said: Array, weight: float) -> None:
    """Weigh P(n) with the log likelihoods `said` (SIZES,) to the power `weight`, in place."""
    _first(notes)
    top = -np.inf
    for k in range(SIZES):
        top = max(top, said[k])
    total = 0.0
    for k in range(SIZES):
        notes[k] = max(notes[k] * math.exp(weight * max(said[k] - top, -MOST_NATS)), LEAST)
        total += notes[k]
    for k in range(SIZES):
        notes[k] /= total


@kernel
def _emerge(lines: Array, i: int, look: Array, mean: Array) -> float:
    """Write the mean (6,) of track i when it emitted what this look sensed; return the place's sigma."""
    lag = sound_lag(lines, i, look, mean) if look[L_SOUND] > 0.0 else look[L_TIME] - lines[i, O_TIME]
    spread: float = ahead(lines, i, lag, mean)
    return spread


@array_kernel
def count_directions(
    lines: Array, r: Array, notes: Array, tracks: int, look: Array, codes: Indices, rows: Array, free: Array,
    edge_i: Indices, edge_j: Indices, share: Array, edges: int, since_s: float,
) -> None:  # fmt: skip
    """Count what one scan of directions holds for each track (n,), in place: `notes` columns `TAKEN` and `LOOKS`.

    `edge_i`, `edge_j`, `share` are the first `edges` pairs of track and measurement, those of a track together.
    """
    found = codes.shape[0]
    which, pds, fits = np.empty(tracks, np.int64), np.empty(tracks), np.empty((tracks, found))
    rivals, mean, left = np.zeros(found), np.empty(6), free.copy()
    for e in range(edges):
        if notes[edge_i[e], KNOWN] == 0.0:
            left[edge_j[e]] += share[e]
    near = 0
    for i in range(tracks):
        if notes[i, KNOWN] == 0.0:
            continue
        spread = _emerge(lines, i, look, mean)
        pd = detectable(look, mean[0], mean[1], mean[2], math.sqrt(spread * spread / 3.0 + WIDTH_M * WIDTH_M))
        if pd < LEAST_PD:
            continue
        which[near], pds[near] = i, pd
        _fit(mean, spread, look, codes, rows, left, fits[near])
        further = max(counted_number(notes[i]) - 1.0, FURTHER) * pd
        for j in range(found):
            fits[near, j] *= further
            rivals[j] += fits[near, j]
        near += 1
    weight = min(max(since_s, 0.0), MOST_WAIT_S)
    first = 0
    for k in range(near):
        i = which[k]
        while first < edges and edge_i[first] < i:
            first += 1
        taken, shared = 0.0, 0.0
        while first < edges and edge_i[first] == i:
            taken += share[first]
            shared = max(shared, 1.0 - left[edge_j[first]] - share[first])
            first += 1
        extra = 0.0
        for j in range(found):
            if fits[k, j] > 0.0:
                extra += left[j] * fits[k, j] / (rows[j, DENSITY] * left[j] + rivals[j])
        # A look that holds nothing near says how well the sensor hears, not how many there are.
        if taken + shared + extra > SOMETHING:
            notes[i, TAKEN] += weight * (taken + extra)
            notes[i, LOOKS] += weight * (pds[k] if shared > SOMETHING else max(taken, pds[k]))
            notes[i, SHARED] += weight * shared


@kernel
def counted_number(notes: Array) -> float:
    """Return how many objects directions have counted for a track."""
    number: float = (notes[TAKEN] + PRIOR_LOOKS) / (notes[LOOKS] + PRIOR_LOOKS)
    return number


@kernel
def _fit(mean: Array, spread: float, look: Array, codes: Indices, rows: Array, free: Array, fits: Array) -> None:
    """Write the density of each direction (m,) as one of a group around a place, times the chance that it is free."""
    d0, d1, d2 = mean[0] - look[L_ORIGIN], mean[1] - look[L_ORIGIN + 1], mean[2] - look[L_ORIGIN + 2]
    x = look[L_ROTATION] * d0 + look[L_ROTATION + 1] * d1 + look[L_ROTATION + 2] * d2
    y = look[L_ROTATION + 3] * d0 + look[L_ROTATION + 4] * d1 + look[L_ROTATION + 5] * d2
    flat2 = max(x * x + y * y, NEAREST_M)
    az = math.atan2(x, y)
    wide = (spread * spread / 3.0 + WIDTH_M * WIDTH_M) / flat2
    for j in range(codes.shape[0]):
        fits[j] = 0.0
        if codes[j] // 8 in (BEARING, AZ_EL):
            variance = rows[j, R_TRIANGLE] + wide
            off = (rows[j, Z] - az + math.pi) % (2.0 * math.pi) - math.pi
            fits[j] = free[j] * math.exp(-0.5 * off * off / variance) / math.sqrt(2.0 * math.pi * variance)


@array_kernel
def count_heard(
    lines: Array, r: Array, notes: Array, tracks: int, look: Array, hit: bool, since_s: float
) -> None:  # fmt: skip
    """Learn from "heard" or "not heard" how many each track (n,) stands for, `notes` (n, ≥ SIZES), in place."""
    which, deaf, silent = np.empty(tracks, np.int64), np.empty((tracks, SIZES)), np.empty(tracks)
    mean, said = np.empty(6), np.zeros(SIZES)
    near, quiet = 0, math.exp(-look[L_FALSE])
    widest = APART_M * math.sqrt(NUMBERS[SIZES - 1])
    for i in range(tracks):
        if r[i] < LEAST_EXISTENCE:
            continue
        spread = _emerge(lines, i, look, mean)
        reach = look[L_MAX] + 3.0 * widest + spread
        if abs(mean[0] - look[L_ORIGIN]) > reach or abs(mean[1] - look[L_ORIGIN + 1]) > reach:
            continue
        _first(notes[i])
        which[near], silent[near] = i, 0.0
        for s in range(SIZES):
            wide = APART_M * APART_M * (NUMBERS[s] - 1.0)
            pd = detectable(look, mean[0], mean[1], mean[2], math.sqrt(spread * spread / 3.0 + wide))
            deaf[near, s] = (1.0 - pd) ** NUMBERS[s]
            silent[near] += notes[i, s] * deaf[near, s]
        silent[near] = 1.0 - r[i] + r[i] * silent[near]
        quiet *= silent[near]
        near += 1
    weight = min(HEARD_PER_S * since_s, 1.0)
    for k in range(near):
        if deaf[k, SIZES - 1] > 1.0 - LEAST_PD * look[L_PD]:
            continue
        others = min(quiet / silent[k], 1.0 - 1e-6)
        for s in range(SIZES):
            said[s] = math.log(max(1.0 - others * deaf[k, s] if hit else deaf[k, s], 1e-12))
        _learn(notes[which[k]], said, weight)


def meet(notes: Array) -> None:
    """Let a track (≥ COUNTS,) that another one merges into, for they cannot be told apart, learn its number anew."""
    if notes[:SIZES].any():
        notes[:SIZES] = 0.5 * (notes[:SIZES] + PRIOR)
    notes[TAKEN:TOGETHER] *= 0.5


@kernel
def fade_counts(notes: Array, tracks: int, dt_s: float) -> None:
    """Let what was learned of numbers fade towards the prior, in place."""
    keep, kept = math.exp(-dt_s / FADE_S), math.exp(-dt_s / COUNT_FADE_S)
    for i in range(tracks):
        for k in range(TAKEN, TOGETHER):
            notes[i, k] *= kept
        if notes[i, 0] + notes[i, SIZES - 1] > 0.0:
            for k in range(SIZES):
                notes[i, k] = keep * notes[i, k] + (1.0 - keep) * PRIOR[k]


@array_kernel
def flocks(lines: Array, notes: Array, which: Indices, now_s: float) -> None:
    """Write how many of the tracks in `which` (k,) fly together, of those that only "heard" places: single linkage."""
    count = which.shape[0]
    label, at = np.arange(count), np.empty((count, 4))
    for k in range(count):
        line = lines[which[k]]
        for a in range(2):
            at[k, a] = line[O_MEAN + a] + (now_s - line[O_TIME]) * line[O_MEAN + 3 + a]
            at[k, 2 + a] = line[O_MEAN + 3 + a]
    for k in range(count):
        for other in range(k):
            if label[other] == label[k] or abs(at[k, 0] - at[other, 0]) > TOGETHER_M:
                continue
            near = math.hypot(at[k, 0] - at[other, 0], at[k, 1] - at[other, 1]) < TOGETHER_M
            if near and math.hypot(at[k, 2] - at[other, 2], at[k, 3] - at[other, 3]) < ALIKE_MPS:
                old, new = label[k], label[other]
                for each in range(k + 1):
                    if label[each] == old:
                        label[each] = new
    for k in range(count):
        notes[which[k], TOGETHER] = notes[which[k], TOGETHER_KNOWN] = 0.0
        for other in range(count):
            if label[other] == label[k]:
                notes[which[k], TOGETHER] += 1.0
                notes[which[k], TOGETHER_KNOWN] += notes[which[other], KNOWN]


@kernel
def heard_only(notes: Array, r: Array, tracks: int, only: Indices) -> int:
    """Write the rows of likely tracks (n,) that only single microphones have counted; return how many."""
    count = 0
    for i in range(tracks):
        if notes[i, 0] > 0.0 and notes[i, LOOKS] == 0.0 and r[i] > LEAST_EXISTENCE:
            only[count] = i
            count += 1
    return count
