"""Two tracks of one object: found by their states, ended by the tracker when it lasts.

Looks that are shared half and half between two tracks keep both alive for ever, for neither is missed. Two states are
twins where their difference is small against both covariances together; tracks of two objects that fly side by side
differ by several sigmas as soon as any sensor tells them apart.
"""

from __future__ import annotations

import numpy as np

from skysentry.tracking.compiled import kernel
from skysentry.tracking.measure import cholesky, whiten
from skysentry.tracking.motion import Array, Indices, moments

# Squared distance in six dimensions below which states are the same: its mean for independent errors of one object;
# two tracks of one object share their looks, so theirs is smaller.
SAME = 6.0
# Nothing further apart than this is one object.
APART_M = 1_500.0


@kernel
def twins(x: Array, P: Array, w: Array, t: Array, own: Indices, tracks: int, pairs: Indices) -> int:
    """Write pairs (k, 2) of rows that are one object, as many as fit; return their number.

    Rows whose identities of one scheme differ are two objects, whatever their states.
    """
    mean = np.empty((tracks, 6))
    for i in range(tracks):
        for a in range(6):
            mean[i, a] = (w[i] * x[i, :, a]).sum()
    count = 0
    Pi, Pj, d = np.empty((6, 6)), np.empty((6, 6)), np.empty(6)
    for i in range(tracks):
        for j in range(i + 1, tracks):
            lead = t[i] - t[j]
            if abs(mean[i, 0] - mean[j, 0] - lead * mean[j, 3]) > APART_M:
                continue
            gap = 0.0
            for a in range(3):
                d[a] = mean[i, a] - mean[j, a] - lead * mean[j, 3 + a]
                d[3 + a] = mean[i, 3 + a] - mean[j, 3 + a]
                gap += d[a] * d[a]
            if gap > APART_M * APART_M or count == pairs.shape[0]:
                continue
            other = False
            for k in range(own.shape[1]):
                other = other or (own[i, k] != 0 and own[j, k] != 0 and own[i, k] != own[j, k])
            if other:
                continue
            moments(x[i], P[i], w[i], d * 0.0, Pi)
            moments(x[j], P[j], w[j], d * 0.0, Pj)
            Pi += Pj
            if not cholesky(Pi, 6):
                continue
            whiten(Pi, 6, d)
            if (d * d).sum() < SAME:
                pairs[count, 0] = i
                pairs[count, 1] = j
                count += 1
    return count
