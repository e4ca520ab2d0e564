"""Two tracks of one object: found by their states, ended by the tracker when it lasts.

Looks that are shared half and half between two tracks keep both alive for ever, for neither is missed. Two states are
twins where their difference is small against both covariances together; tracks of two objects that fly side by side
differ by several sigmas as soon as any sensor tells them apart.
"""

from __future__ import annotations

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.measure import cholesky, whiten
from skysentry.tracking.models.motion import Array, Indices, moments

# Squared distance in six dimensions below which states are the same: its mean for independent errors of one object;
# two tracks of one object share their looks, so theirs is smaller.
SAME = 6.0
# Nothing further apart than this is one object.
APART_M = 1_500.0
# Clouds overlap for many reasons where reaches are doubted, and so all are wide: there they are one where they are told
# at one place, as near as a place must be known for a map. Where a network is believed, though wrong as a whole, what
# hears from beyond its edge founds beside the object, and they are one further apart.
TOLD_M = 500.0


@array_kernel
def twins(
    x: Array, P: Array, w: Array, t: Array, own: Indices, which: Indices, slots: Indices, told_m: float,
    pairs: Indices,
) -> int:  # fmt: skip
    """Write pairs (k, 2) of the rows `which` that are one object, as many as fit; return their number.

    `slots` (n,) is as `Table.cloud`; clouds further apart than `told_m` are two objects. Rows whose identities of one
    scheme differ are two objects, whatever their states. Most pairs are told apart by a single axis: d' S⁻¹ d is at
    least d²/S of each.
    """
    tracks = which.shape[0]
    mean, cov, east = np.empty((tracks, 6)), np.empty((tracks, 6, 6)), np.empty((tracks, 4))
    return _pair(x, P, w, t, own, which, slots, told_m, mean, cov, east, np.empty((6, 6)), np.empty(6), pairs)


@kernel
def _pair(
    x: Array, P: Array, w: Array, t: Array, own: Indices, which: Indices, slots: Indices, told_m: float, mean: Array,
    cov: Array, east: Array, S: Array, d: Array, pairs: Indices,
) -> int:  # fmt: skip
    """Do as `twins` says; `mean` (k, 6), `cov` (k, 6, 6), `east` (k, 4), `S` (6, 6) and `d` (6,) are room.

    What parts most pairs lies together: time, east coordinate and velocity, variance.
    """
    tracks, count = which.shape[0], 0
    for k in range(tracks):
        i = which[k]
        moments(x[i], P[i], w[i], mean[k], cov[k])
        east[k, 0], east[k, 1], east[k, 2], east[k, 3] = t[i], mean[k, 0], mean[k, 3], cov[k, 0, 0]
    for one in range(tracks):
        i = which[one]
        for two in range(one + 1, tracks):
            lead = east[one, 0] - east[two, 0]
            off = east[one, 1] - east[two, 1] - lead * east[two, 2]
            if off * off > SAME * (east[one, 3] + east[two, 3]) or count == pairs.shape[0]:
                continue
            j = which[two]
            if not _close(mean[one], mean[two], lead, cov[one], cov[two], d) or _others(own[i], own[j]):
                continue
            if slots[i] >= 0 and slots[j] >= 0 and d[0] * d[0] + d[1] * d[1] > told_m * told_m:
                continue
            for a in range(6):
                for b in range(6):
                    S[a, b] = cov[one, a, b] + cov[two, a, b]
            if not cholesky(S, 6):
                continue
            whiten(S, 6, d)
            if d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + d[3] * d[3] + d[4] * d[4] + d[5] * d[5] < SAME:
                pairs[count, 0] = i
                pairs[count, 1] = j
                count += 1
    return count


@kernel
def _close(one: Array, two: Array, lead: float, cov_one: Array, cov_two: Array, d: Array) -> bool:
    """Write the difference of two states into `d` (6,); return whether no single axis, nor the distance, parts them."""
    gap = 0.0
    for a in range(3):
        d[a] = one[a] - two[a] - lead * two[3 + a]
        d[3 + a] = one[3 + a] - two[3 + a]
        gap += d[a] * d[a]
    for a in range(6):
        if d[a] * d[a] > SAME * (cov_one[a, a] + cov_two[a, a]):
            return False
    return gap <= APART_M * APART_M


@kernel
def _others(one: Indices, two: Indices) -> bool:
    """Return whether two tracks have identities of one scheme that differ."""
    other = False
    for k in range(one.shape[0]):
        other = other or (one[k] != 0 and two[k] != 0 and one[k] != two[k])
    return other
