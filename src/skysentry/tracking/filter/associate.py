"""Which measurement came from which track: marginal probabilities by loopy belief propagation.

A track i is missed with weight 1 and gives measurement j with weight `ratio` (existence × Pd × likelihood over its miss
weight and over the density of clutter and new objects). Messages run over the edges only; on this graph they always
converge. Source: J. Williams and R. Lau, "Approximate evaluation of marginal association probabilities with belief
propagation", IEEE Trans. AES 50(4), 2014; J. Williams, arXiv 1203.2995.
"""

from __future__ import annotations

import numpy as np

from skysentry.compiled import array_kernel
from skysentry.tracking.models.motion import Array, Indices

# Largest change of a message at which iterating stops, and a bound that dense clusters reach in practice.
TOLERANCE = 1e-5
ITERATIONS = 200


@array_kernel
def marginals(edge_i: Indices, edge_j: Indices, ratio: Array, found: int, out: Array) -> None:
    """Write P(track i gave measurement j) of each edge into `out` [shape=(edges,)]; edges of a track are neighbours.

    The rest of a track's probability is its miss, the rest of a measurement's that it is clutter or new.
    """
    edges = ratio.shape[0]
    row = np.empty(edges, np.int64)
    tracks = 0
    for e in range(edges):
        tracks += e > 0 and edge_i[e] != edge_i[e - 1]
        row[e] = tracks
    to_track = np.ones(edges)
    to_found = np.empty(edges)
    of_track = np.empty(tracks + 1)
    of_found = np.empty(found)
    for _ in range(ITERATIONS):
        of_track[:] = 1.0
        for e in range(edges):
            of_track[row[e]] += ratio[e] * to_track[e]
        of_found[:] = 1.0
        for e in range(edges):
            to_found[e] = ratio[e] / max(of_track[row[e]] - ratio[e] * to_track[e], 1.0)
            of_found[edge_j[e]] += to_found[e]
        change = 0.0
        for e in range(edges):
            message = 1.0 / max(of_found[edge_j[e]] - to_found[e], 1.0)
            change = max(change, abs(message - to_track[e]))
            to_track[e] = message
        if change < TOLERANCE:
            break
    of_track[:] = 1.0
    for e in range(edges):
        of_track[row[e]] += ratio[e] * to_track[e]
    for e in range(edges):
        out[e] = ratio[e] * to_track[e] / of_track[row[e]]
