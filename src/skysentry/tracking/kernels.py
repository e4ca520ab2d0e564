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
from skysentry.tracking.groups import count_directions, count_heard, fade_counts, flocks, tell_numbers
from skysentry.tracking.ledger import book_heard
from skysentry.tracking.measure import LOOK, ROW
from skysentry.tracking.motion import MODELS
from skysentry.tracking.outline import OUTLINE, outline_all
from skysentry.tracking.presence import correct_presence
from skysentry.tracking.show import PRESENTED, SHOWN, present
from skysentry.tracking.table import CLASSES, NOTES, fill_gaps
from skysentry.tracking.twins import twins

__all__ = [
    "KEPT",
    "PRESENTED",
    "SCHEMES",
    "SHOWN",
    "book_heard",
    "correct_presence",
    "correct_scan",
    "count_directions",
    "count_heard",
    "drift",
    "fade_counts",
    "fix_places",
    "flocks",
    "found_all",
    "heed",
    "prepare",
    "present",
    "tell_numbers",
    "twins",
    "warm",
    "worth",
]


def warm() -> None:
    """Call every kernel once with the types that the tracker uses: compiles, or loads from the cache."""
    x, P, w = np.zeros((1, MODELS, 6)), np.tile(np.eye(6), (1, MODELS, 1, 1)), np.full((1, MODELS), 1 / MODELS)
    t, r, own, lines = np.zeros(1), np.full(1, 0.5), np.zeros((1, SCHEMES), np.int64), np.zeros((1, OUTLINE))
    notes = np.zeros((1, NOTES))
    frame = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 6.4e6, 0.0, 0.0])
    look, rows, codes, free = np.zeros(LOOK), np.zeros((0, ROW)), np.zeros(0, np.int64), np.zeros(0)
    edges, none, kept = np.zeros(1, np.int64), np.zeros((0, 2), np.int64), np.zeros((1, MODELS, KEPT, 6))
    unpack(np.zeros((0, PACKED)), codes, rows, none)
    prepare(codes, rows, look, frame, 0.0)
    fix_places(codes, rows, codes.copy(), rows.copy())
    correct_scan(
        x, P, w, t, r, own, lines, 1, look, codes, rows, none, edges, edges.copy(), np.zeros(1), kept, free, notes, 0
    )
    correct_presence(x, P, w, t, r, 1, look, False, np.zeros(1))
    outline_all(x, P, w, t, 0, 1, lines)
    grid, offset = np.zeros((STATES, 3, 3)), np.zeros((STATES, 2))
    drift(grid, offset, 0.1, 500.0)
    heed(grid, offset, np.zeros(2), 500.0, 0.0, 0.0, look, np.zeros((0, 3)), 1.0, 1.0)
    count_directions(lines, r, notes, 1, look, codes, rows, free, edges, edges, np.zeros(1), 0, 1.0)
    count_heard(lines, r, notes, 1, look, True, 1.0)
    book_heard(notes, 0, r, r, r, True)
    fade_counts(notes, 1, 1.0)
    flocks(lines, notes, edges * 0, 0.0)
    tell_numbers(notes, edges * 0, np.zeros((1, 3)))
    worth(codes, rows, free, codes)
    found_all(codes, rows, free, codes, look, 0.0, 0, x, P, w, t, r, lines)
    twins(x, P, w, t, own, 1, none.copy())
    evidence, classes = np.zeros((1, len(CLASSES))), np.ones(len(CLASSES))
    bands, shown = np.ones((len(CLASSES), 4)), np.zeros((1, PRESENTED))
    present(x, P, w, t, r, evidence, edges * 0, 0.0, frame, classes, np.zeros(2), bands, classes, shown)
    fill_gaps(x, P, w, t, r, own, evidence, notes, lines, edges * 0, 1)
    counts = np.zeros((SIDE, SIDE)), np.zeros(RINGS), np.zeros(BINS)
    weigh_clutter(codes, rows, look, *counts, 1.0)
    fade(*counts)
    count_plot(np.zeros(4), 1.0, *counts)


if __name__ == "__main__":
    warm()
    sys.stdout.write("the tracker's kernels are compiled\n")
