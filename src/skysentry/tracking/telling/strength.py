"""The number of objects of a track as it is told: low, mean and high, from what `groups` has counted and learned."""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.evidence.groups import (
    LOOKS,
    NUMBERS,
    PRIOR_LOOKS,
    SHARED,
    SIZES,
    TOGETHER,
    TOGETHER_KNOWN,
    counted_number,
)
from skysentry.tracking.models.motion import Array, Indices

# Of tracks that only "heard" places and that fly together this share at least stands at the group; the others are
# ghosts beside it, and what these get is lost.
REAL = 0.5
# What two of them stand for together, and more: low, mean, high of the prior of raids; two may be one.
PAIR, RAID = np.array([1.0, 4.0, 15.0]), np.array([5.0, 10.0, 15.0])
# A track that shares less than this of its looks with others has no neighbour that could be counted twice.
ALONE = 0.1
# Looks after which a track is told as exactly one: one that has just split off another is counted there for a while.
SETTLED = 20.0
# One sigma of the number relative to itself: Pd, widths and neighbours are beliefs; and normal quantiles of 90 %.
RELATIVE, NINETY = 0.12, 1.645
# The interval of the published number holds this much of the probability.
LOW, HIGH = 0.05, 0.95


@kernel
def tell_numbers(notes: Array, which: Indices, out: Array) -> None:
    """Write (low, mean, high) of each track in `which` [shape=(k, 3)]: 1 where nothing was counted."""
    for k in range(which.shape[0]):
        row = notes[which[k]]
        out[k] = 1.0
        if row[LOOKS] > 0.0:
            _tell_counted(row, out[k])
        elif row[TOGETHER] > 1.0:
            raid = PAIR if row[TOGETHER] < 3.0 else RAID
            # Tentative ones have a part at most: what they took would be missing in the sum of those that are shown.
            shown = max(row[TOGETHER_KNOWN], 1.0)
            out[k, 0], out[k, 1] = raid[0] / row[TOGETHER], max(raid[1] / shown, 1.0)
            out[k, 2] = max(raid[2] / (REAL * shown), 1.0)
        elif row[0] + row[SIZES - 1] > 0.0:
            _tell_guessed(row, out[k])


@kernel
def _tell_counted(row: Array, out: Array) -> None:
    """Write the interval of what directions have counted: exactly 1 for a track that shares none and holds one."""
    mean = counted_number(row)
    sigma = math.sqrt(mean / (row[LOOKS] + PRIOR_LOOKS) + (RELATIVE * mean) ** 2)
    low, high = max(mean - NINETY * sigma, 0.0), mean + NINETY * sigma
    if high < 1.0 or low > 1.0 or row[SHARED] > ALONE * row[LOOKS] or row[LOOKS] < SETTLED:
        out[0], out[1], out[2] = low, mean, high


@kernel
def _tell_guessed(row: Array, out: Array) -> None:
    """Write the interval that hits and silence of single microphones leave."""
    total, mean, low, high = 0.0, 0.0, 0.0, 0.0
    for s in range(SIZES):
        total += row[s]
        mean += row[s] * NUMBERS[s]
        if low == 0.0 and total >= LOW:
            low = NUMBERS[s]
        if high == 0.0 and total >= HIGH - 1e-9:
            high = NUMBERS[s]
    out[0], out[1], out[2] = low, mean, max(high, low)
