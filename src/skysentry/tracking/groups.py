"""How many objects a track stands for, where single ones cannot be told apart.

Each track that sound or a camera's direction keeps has P(n) over `NUMBERS`. A look speaks of n beyond what the tracks
themselves explain, after Poisson and Bernoulli:

    directions   Π (1 + (n − 1) Pd N(z; track, its own width and that of a group) free / (κ + λ)) · exp(−(n − 1) Pd)
    heard        1 − Q' (1 − Pd(n))ⁿ        not heard   (1 − Pd(n))ⁿ

with `free` the chance that a direction comes from no track, κ the density of clutter and new objects, λ that of other
groups' further members, Q' the chance that nothing else is heard, and Pd(n) the mean over a group as wide as n objects
fly. Single microphones know only how far the pattern of "heard" extends, and reach is a belief: their looks count
little and the interval stays wide. What a radar resolves is not asked: there each object has a track of its own, and so
it is told as one.

The prior: most things fly alone, a raid comes in fives to fifteens. What was learned fades to it, for groups split and
meet; a track that another merges into learns anew. Sums over the tracks of a group are the group's number: what one
track explains no other counts.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.tracking.compiled import kernel
from skysentry.tracking.coverage import detectable
from skysentry.tracking.measure import (
    AZ_EL,
    BEARING,
    DENSITY,
    L_FALSE,
    L_MAX,
    L_ORIGIN,
    L_PD,
    L_ROTATION,
    NEAREST_M,
    R_TRIANGLE,
    Z,
)
from skysentry.tracking.motion import Array, Indices
from skysentry.tracking.outline import emerge

# Numbers that are told apart: an alarm needs "one", "a few", "a raid", not 13 from 14.
NUMBERS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0])
SIZES = NUMBERS.shape[0]
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
# The weight of a second's listening of one array, and of one microphone: neighbouring looks, and neighbouring sensors,
# share wind and background; a believed reach that is 1.2 times the true one looks like half a member.
DIRECTION_PER_S, HEARD_PER_S = 0.15, 0.1
# One look says at most this much.
MOST_NATS = 2.0
# Tracks less likely than this are not asked; nor looks that would hardly have noticed a single one.
LEAST_EXISTENCE, LEAST_PD = 0.5, 0.1
# The interval of the published number holds this much of the probability.
LOW, HIGH = 0.05, 0.95
# No number becomes impossible.
LEAST = 1e-5


@kernel
def _first(notes: Array) -> None:
    """Begin to count with the prior, in place, where nothing was counted yet."""
    if notes[0] + notes[SIZES - 1] == 0.0:
        for k in range(SIZES):
            notes[k] = PRIOR[k]


@kernel
def _more(notes: Array) -> float:
    """Return how many further members are expected of a track."""
    total = 0.0
    for k in range(SIZES):
        total += notes[k] * (NUMBERS[k] - 1.0)
    return total


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
def count_directions(
    lines: Array, r: Array, notes: Array, tracks: int, look: Array, codes: Indices, rows: Array, free: Array,
    since_s: float,
) -> None:  # fmt: skip
    """Learn from one scan of directions how many each track (n,) stands for, `notes` (n, ≥ SIZES), in place."""
    found = codes.shape[0]
    which, pds, fits = np.empty(tracks, np.int64), np.empty(tracks), np.empty((tracks, found))
    rivals, mean, said = np.zeros(found), np.empty(6), np.zeros(SIZES)
    near = 0
    for i in range(tracks):
        if r[i] < LEAST_EXISTENCE:
            continue
        _, spread = emerge(lines[i], look, mean)
        pd = detectable(look, mean[0], mean[1], mean[2], math.sqrt(spread * spread / 3.0 + WIDTH_M * WIDTH_M))
        if pd < LEAST_PD:
            continue
        which[near], pds[near] = i, pd
        _fit(mean, spread, look, codes, rows, free, fits[near])
        _first(notes[i])
        more = _more(notes[i])
        for j in range(found):
            rivals[j] += more * pd * fits[near, j]
        near += 1
    weight = min(DIRECTION_PER_S * since_s, 1.0)
    for k in range(near):
        i = which[k]
        more = _more(notes[i])
        for s in range(SIZES):
            further = (NUMBERS[s] - 1.0) * pds[k]
            said[s] = -further
            for j in range(found):
                if fits[k, j] > 0.0:
                    others = rows[j, DENSITY] + rivals[j] - more * pds[k] * fits[k, j]
                    said[s] += math.log(1.0 + further * fits[k, j] / others)
        _learn(notes[i], said, weight)


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


@kernel
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
        _, spread = emerge(lines[i], look, mean)
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
    """Let a track (≥ SIZES,) that another one merges into, for they cannot be told apart, learn its number anew."""
    if notes[:SIZES].any():
        notes[:SIZES] = 0.5 * (notes[:SIZES] + PRIOR)


@kernel
def fade_counts(notes: Array, tracks: int, dt_s: float) -> None:
    """Let what was learned of numbers fade towards the prior, in place."""
    keep = math.exp(-dt_s / FADE_S)
    for i in range(tracks):
        if notes[i, 0] + notes[i, SIZES - 1] > 0.0:
            for k in range(SIZES):
                notes[i, k] = keep * notes[i, k] + (1.0 - keep) * PRIOR[k]


@kernel
def tell_numbers(notes: Array, which: Indices, out: Array) -> None:
    """Write (low, mean, high) of each track in `which` [shape=(k, 3)]: 1 where nothing was counted."""
    for k in range(which.shape[0]):
        row = notes[which[k]]
        out[k] = 1.0
        if row[0] + row[SIZES - 1] == 0.0:
            continue
        total, mean = 0.0, 0.0
        low, high = 0.0, 0.0
        for s in range(SIZES):
            total += row[s]
            mean += row[s] * NUMBERS[s]
            if low == 0.0 and total >= LOW:
                low = NUMBERS[s]
            if high == 0.0 and total >= HIGH - 1e-9:
                high = NUMBERS[s]
        out[k, 0], out[k, 1], out[k, 2] = low, mean, max(high, low)
