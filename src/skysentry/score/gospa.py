"""GOSPA: how far a set of tracks is from the set of true objects at one instant.

    GOSPA² = Σ over pairs d² + (c² / 2) · (missed + false)        p = 2, α = 2, pairs nearer than c only

A. S. Rahmathullah, A. F. García-Fernández, L. Svensson, "Generalized optimal sub-pattern assignment metric", FUSION
2017. With α = 2 the best pairing minimises Σ (d² − c²) over pairs nearer than c; it falls apart into clusters of
objects that are linked by such pairs, so each cluster is solved on its own, exactly. Checked against Stone Soup.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skysentry.geo import Array
from skysentry.score.assignment import assign


class Gospa(NamedTuple):
    """GOSPA at one instant: the distance in metres, and what it is made of.

    `localisation_m2` is Σ d² over pairs, `missed` and `false` are numbers of objects.
    """

    distance_m: float
    localisation_m2: float
    missed: int
    false: int


def gospa(distance_m: Array, c_m: float) -> Gospa:
    """Return GOSPA from distances [shape=(truths, tracks)] in metres; either side may be empty."""
    return gospa_of(distance_m, match(distance_m, c_m), c_m)


def gospa_of(distance_m: Array, pairs: list[tuple[int, int]], c_m: float) -> Gospa:
    """Return GOSPA of a pairing made by `match`."""
    localisation_m2 = math.fsum(float(distance_m[pair]) ** 2 for pair in pairs)
    missed, false = distance_m.shape[0] - len(pairs), distance_m.shape[1] - len(pairs)
    return Gospa(math.sqrt(localisation_m2 + c_m * c_m / 2.0 * (missed + false)), localisation_m2, missed, false)


def distances_m(truths_m: Array, tracks_m: Array) -> Array:
    """Return Euclidean distances [shape=(n, m)] of points [shape=(n, 3)] and [shape=(m, 3)]."""
    gap = truths_m[:, None, :] - tracks_m[None, :, :]
    distance_m: Array = np.sqrt(np.einsum("ijk,ijk->ij", gap, gap))
    return distance_m


def match(distance_m: Array, c_m: float) -> list[tuple[int, int]]:
    """Return the (truth, track) pairs of the best pairing, all nearer than `c_m`, by truth."""
    pairs: list[tuple[int, int]] = []
    for rows, columns in _clusters(distance_m < c_m):
        if len(rows) == 1 and len(columns) == 1:
            pairs.append((rows[0], columns[0]))
            continue
        gain = np.minimum(distance_m[np.ix_(rows, columns)] ** 2 - c_m * c_m, 0.0)
        pairs += [(rows[i], columns[j]) for i, j in assign(gain) if gain[i, j] < 0.0]
    return sorted(pairs)


def _clusters(near: NDArray[np.bool_]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield rows and columns of each connected part of a bipartite graph that has an edge."""
    left = set(np.flatnonzero(near.any(axis=1)).tolist()) if near.size else set()
    for start in sorted(left):
        if start not in left:
            continue
        left.discard(start)
        rows, columns, waiting = {start}, set[int](), [start]
        while waiting:
            for column in np.flatnonzero(near[waiting.pop()]).tolist():
                if column not in columns:
                    columns.add(column)
                    more = left.intersection(np.flatnonzero(near[:, column]).tolist())
                    left -= more
                    rows |= more
                    waiting += sorted(more)
        yield sorted(rows), sorted(columns)
