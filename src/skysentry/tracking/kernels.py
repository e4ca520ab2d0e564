"""All compiled functions together. `python -m skysentry.tracking.kernels` compiles them into the cache."""

from __future__ import annotations

import sys

import numpy as np

from skysentry.tracking.batch import PACKED, unpack
from skysentry.tracking.clutter import BINS, RINGS, SIDE, count_plot, fade, weigh_clutter
from skysentry.tracking.correct import KEPT, SCHEMES, correct_scan
from skysentry.tracking.field import STATES, drift, heed
from skysentry.tracking.fix import fix_places
from skysentry.tracking.found import prepare
from skysentry.tracking.founding import found_all, worth
from skysentry.tracking.measure import LOOK, ROW
from skysentry.tracking.motion import MODELS
from skysentry.tracking.outline import OUTLINE, outline_all
from skysentry.tracking.particles import COLUMNS, PARTICLES, scatter, settle
from skysentry.tracking.presence import correct_presence
from skysentry.tracking.show import PRESENTED, SHOWN, present
from skysentry.tracking.table import CLASSES, fill_gaps
from skysentry.tracking.twins import twins

__all__ = [
    "KEPT",
    "PRESENTED",
    "SCHEMES",
    "SHOWN",
    "correct_presence",
    "correct_scan",
    "drift",
    "fix_places",
    "found_all",
    "heed",
    "prepare",
    "present",
    "scatter",
    "settle",
    "twins",
    "warm",
    "worth",
]


def warm() -> None:
    """Call every kernel once with the types that the tracker uses: compiles, or loads from the cache."""
    x, P, w = np.zeros((1, MODELS, 6)), np.tile(np.eye(6), (1, MODELS, 1, 1)), np.full((1, MODELS), 1 / MODELS)
    t, r, own, lines = np.zeros(1), np.full(1, 0.5), np.zeros((1, SCHEMES), np.int64), np.zeros((1, OUTLINE))
    frame = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 6.4e6, 0.0, 0.0])
    look, rows, codes, free = np.zeros(LOOK), np.zeros((0, ROW)), np.zeros(0, np.int64), np.zeros(0)
    edges, none, kept = np.zeros(1, np.int64), np.zeros((0, 2), np.int64), np.zeros((1, MODELS, KEPT, 6))
    unpack(np.zeros((0, PACKED)), codes, rows, none)
    prepare(codes, rows, look, frame, 0.0)
    fix_places(codes, rows, codes.copy(), rows.copy())
    correct_scan(x, P, w, t, r, own, lines, 1, look, codes, rows, none, edges, edges.copy(), np.zeros(1), kept, free)
    clouds, weights, slots = np.zeros((1, PARTICLES, COLUMNS)), np.ones((1, PARTICLES)), np.zeros(1, np.int64)
    correct_presence(x, P, w, t, r, 1, look, False, np.zeros(1), slots, clouds, weights, np.zeros(1), weights.copy())
    outline_all(x, P, w, t, 0, 1, lines)
    grid, offset = np.zeros((STATES, 3, 3)), np.zeros((STATES, 2))
    drift(grid, offset, 0.1, 500.0)
    heed(grid, offset, np.zeros(2), 500.0, 0.0, 0.0, look, np.zeros((0, 3)), 1.0, 1.0)
    scatter(clouds[0], weights[0], 1, grid + 1.0, offset, 0.0, 0.0, 500.0)
    settle(x, P, w, t, r, slots, clouds, weights, np.zeros(1), slots.copy(), 1.0, 1.0, w[0].copy())
    worth(codes, rows, free, codes)
    found_all(codes, rows, free, codes, look, 0.0, 0, x, P, w, t, r, lines)
    twins(x, P, w, t, own, 1, none.copy())
    evidence, classes = np.zeros((1, len(CLASSES))), np.ones(len(CLASSES))
    bands, shown = np.ones((len(CLASSES), 4)), np.zeros((1, PRESENTED))
    present(x, P, w, t, r, evidence, edges * 0, 0.0, frame, classes, np.zeros(2), bands, classes, shown)
    fill_gaps(x, P, w, t, r, own, evidence, slots, lines, edges * 0, 1)
    counts = np.zeros((SIDE, SIDE)), np.zeros(RINGS), np.zeros(BINS)
    weigh_clutter(codes, rows, look, *counts, 1.0)
    fade(*counts)
    count_plot(np.zeros(4), 1.0, *counts)


if __name__ == "__main__":
    warm()
    sys.stdout.write("the tracker's kernels are compiled\n")
