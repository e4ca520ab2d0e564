"""All compiled functions together. `python -m skysentry.tracking.kernels` compiles them into the cache."""

from __future__ import annotations

import sys

import numpy as np

from skysentry.tracking.correct import SCHEMES, correct_scan
from skysentry.tracking.field import STATES, drift, heed
from skysentry.tracking.found import found, prepare
from skysentry.tracking.measure import LOOK, ROW
from skysentry.tracking.motion import MODELS
from skysentry.tracking.presence import correct_presence
from skysentry.tracking.show import SHOWN, show, weigh_classes
from skysentry.tracking.twins import twins

__all__ = [
    "SCHEMES",
    "SHOWN",
    "correct_presence",
    "correct_scan",
    "drift",
    "found",
    "heed",
    "prepare",
    "show",
    "twins",
    "warm",
    "weigh_classes",
]


def warm() -> None:
    """Call every kernel once with the types that the tracker uses: compiles, or loads from the cache."""
    x, P, w = np.zeros((1, MODELS, 6)), np.tile(np.eye(6), (1, MODELS, 1, 1)), np.full((1, MODELS), 1 / MODELS)
    t, r, own = np.zeros(1), np.full(1, 0.5), np.zeros((1, SCHEMES), np.int64)
    frame = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 6.4e6, 0.0, 0.0])
    look, rows, codes = np.zeros(LOOK), np.zeros((0, ROW)), np.zeros(0, np.int64)
    edges, none = np.zeros(1, np.int64), np.zeros((0, 2), np.int64)
    prepare(codes, rows, look, frame, 0.0)
    correct_scan(x, P, w, t, r, own, 1, look, codes, rows, none, edges, edges.copy(), np.zeros(1), np.zeros(0))
    correct_presence(x, P, w, t, r, 1, look, False, np.zeros(1))
    grid, offset = np.zeros((STATES, 3, 3)), np.zeros((STATES, 2))
    drift(grid, offset, 0.1, 500.0)
    heed(grid, offset, np.zeros(2), 500.0, 0.0, 0.0, look, np.zeros((0, 3)), 1.0, 1.0)
    row = np.ones(ROW)
    found(8, row, look, 0.0, x[0], P[0], w[0])
    twins(x, P, w, t, own, 1, none.copy())
    shown = np.zeros((1, SHOWN))
    show(x, P, w, t, edges[:1] * 0, 0.0, frame, shown)
    weigh_classes(r[:, None], edges[:1] * 0, shown, r, r, np.ones((1, 3)), r, edges[:, None])


if __name__ == "__main__":
    warm()
    sys.stdout.write("the tracker's kernels are compiled\n")
