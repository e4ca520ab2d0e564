"""All compiled functions together. `python -m skysentry.tracking.kernels` compiles them into the cache."""

from __future__ import annotations

import sys

import numpy as np

from skysentry.tracking.births.field import HEADINGS, STATES, drift, heed, rays_of
from skysentry.tracking.births.founding import found_all, leave
from skysentry.tracking.evidence.groups import count_directions, count_heard, flocks
from skysentry.tracking.evidence.ledger import KINDS, NOTES, book_heard, fade_notes, round_notes
from skysentry.tracking.evidence.masks import COLUMNS, SLOTS, fade_record
from skysentry.tracking.filter.correct import SCHEMES, correct_scan
from skysentry.tracking.filter.forks import Forks
from skysentry.tracking.filter.update import KEPT
from skysentry.tracking.heard.particles import COLUMNS as STATE
from skysentry.tracking.heard.particles import MEMORY, PARTICLES, scatter, settle
from skysentry.tracking.heard.presence import correct_presence
from skysentry.tracking.intake.read import read
from skysentry.tracking.learned.align import FACTS, TAGS, fold_all, gather
from skysentry.tracking.learned.clutter import BINS, RINGS, SIDE, count_plots, unclaimed, weigh_and_fade
from skysentry.tracking.models.measure import LOOK, ROW
from skysentry.tracking.models.motion import MODELS, Array
from skysentry.tracking.models.outline import OUTLINE, outline_all
from skysentry.tracking.sparse.paths import PATH, RAY, WORLDS, worth
from skysentry.tracking.sparse.wide import COLUMNS as PLACE
from skysentry.tracking.sparse.wide import cover, place, sense, settle_wide
from skysentry.tracking.sparse.worlds import borne_out, draw, explain, reaches, suggest, sweep
from skysentry.tracking.telling.calm import due_between
from skysentry.tracking.telling.show import PRESENTED, ROOM, SHOWN, TRIANGLE, present, strayed
from skysentry.tracking.tracks.table import CALM, CLASSES, TOLD, clear, fill_gaps
from skysentry.tracking.whole_second import ROOMS, second


def warm() -> None:
    """Call every kernel once with the types that the tracker uses: compiles, or loads from the cache."""
    x, P, w = np.zeros((1, MODELS, 6)), np.tile(np.eye(6), (1, MODELS, 1, 1)), np.full((1, MODELS), 1 / MODELS)
    t, r, own, lines = np.zeros(1), np.full(1, 0.5), np.zeros((1, SCHEMES), np.int64), np.zeros((1, OUTLINE))
    notes = np.zeros((1, NOTES))
    frame = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 6.4e6, 0.0, 0.0])
    look, rows, codes, free = np.zeros(LOOK), np.zeros((0, ROW)), np.zeros(0, np.int64), np.zeros(0)
    edges, none, kept = np.zeros(1, np.int64), np.zeros((0, 2), np.int64), np.zeros((1, MODELS, KEPT, 6))
    masks, of = np.zeros((1, SLOTS, COLUMNS)), Forks()
    correct_scan(
        x, P, w, t, r, own, lines, 1, look, codes, rows, none, edges, edges.copy(), np.zeros(1), kept, free,
        masks, edges.copy(), np.ones((1, 3)), notes, 0, np.zeros((1, CALM), np.int64), 0,
        np.zeros((1, 4), np.int64), edges * 0, of.x, of.P, of.w, of.ways, of.head, of.some, of.part, of.models, of.kept,
    )  # fmt: skip
    fade_record(np.ones((1, 3)), edges * 0, 1.0)
    clouds, weights, slots = np.zeros((1, PARTICLES, STATE)), np.ones((1, PARTICLES)), np.zeros(1, np.int64)
    correct_presence(
        x, P, w, t, r, 1, look, False, np.zeros(1), slots, clouds, weights, np.zeros((1, MEMORY)), weights.copy(),
        notes,
    )  # fmt: skip
    outline_all(x, P, w, t, 0, 1, lines)
    grid, offset = np.zeros((STATES, 3, 3), np.float32), np.zeros((STATES, 2))
    drift(grid, offset, 0.1, 500.0)
    heed(grid, offset, np.zeros(2), 500.0, 0.0, 0.0, look, np.zeros((0, 3)), 1.0, 1.0)
    count_directions(lines, r, notes, 1, look, codes, rows, free, edges, edges, np.zeros(1), 0, 1.0)
    count_heard(lines, r, notes, 1, look, True, 1.0)
    book_heard(notes, 0, r, r, r, True)
    fade_notes(notes, 1, edges * 0, 1.0)
    round_notes(notes, edges * 0, np.zeros((1, 2 * KINDS), np.int16))
    flocks(lines, notes, edges * 0, 0.0)
    scatter(clouds[0], weights[0], 1, grid.astype(np.float64) + 1.0, offset, 0.0, 0.0, 500.0)
    settle(x, P, w, t, r, slots, clouds, weights, np.zeros((1, MEMORY)), slots.copy(), 1.0, 1.0, w[0].copy())
    _warm_wide(x, P, w, t, r, look)
    found_all(
        codes, rows, free, codes, 0, look, 0.0, 0, x, P, w, t, r, lines, own, np.zeros((1, len(CLASSES))),
        np.zeros((1, TOLD)), notes, masks, slots, edges * 0, edges * 0, np.zeros((1, CALM), np.int64), edges * 0, 0, 0,
        np.empty((4, 3, 3)),
    )  # fmt: skip
    calm, balances = np.zeros((1, CALM), np.int64), np.zeros((1, 2 * KINDS), np.int16)
    due_between(calm, 1, lines, np.zeros((1, TOLD)), 0, 0.0, True, edges * 0, edges * 0)
    evidence, classes = np.zeros((1, len(CLASSES))), np.ones(len(CLASSES))
    bands, shown = np.ones((len(CLASSES), 4)), np.zeros((1, PRESENTED))
    words = np.zeros((1, len(CLASSES) + 2), np.int16)
    told, one = np.zeros((1, TOLD)), edges * 0
    present(
        x, P, w, t, r, evidence, one, 0.0, frame, classes, np.zeros(2), bands, classes, classes, notes, told, shown,
        np.zeros((1, 3)), np.zeros((1, TRIANGLE)), words, np.zeros((1, 3)), np.zeros((1, SHOWN)),
        np.zeros((2, len(CLASSES))), np.zeros((ROOM, 6, 6)),
    )  # fmt: skip
    strayed(lines, told, one, 0.0, np.ones(1, np.bool_))
    clear(own, evidence, told, notes, masks, slots, one, one, calm, 0, 1)
    fill_gaps(x, P, w, t, r, own, evidence, told, notes, lines, one, masks, slots, one, one, calm, balances, one, 1)
    second(
        x, P, w, t, r, own, evidence, notes, slots, one, calm, balances, 1, 0, 0.0, np.zeros(2), bands, classes, 1.0,
        np.zeros((1, 2)), none.copy(), np.zeros((ROOMS, 1), np.int64),
    )  # fmt: skip
    tags, facts, bias = np.zeros((1, TAGS), np.int64), np.zeros((1, FACTS)), np.zeros(1)
    gather(codes, codes, free, x, w, t, r, edges, look, codes, rows, 0, 0.0, 1, tags, facts, 0)
    fold_all(codes, tags, facts, np.zeros((1, 12)), bias, bias, np.zeros((1, 1)), bias, np.zeros((1, 2)))
    counts = np.zeros((SIDE, SIDE)), np.ones(1), np.zeros(RINGS), np.zeros(BINS)
    # What is read from bytes is of a type of its own: it cannot be written to.
    bare = np.frombuffer(b"")
    weigh_and_fade(codes, rows, look, np.frombuffer(bytes(8 * RINGS)), *counts, 1.0, np.empty(4))
    count_plots(codes, np.zeros((0, 4)), 0, codes, free, 0, 1.0, *counts)
    leave(codes, rows, 0.0, 0.0, 0.0, 0.0, free)
    read(-1, bare, look, 0.0, 0.0, np.append(frame, 0.0), codes, codes, rows, none)
    unclaimed(codes, rows, free, codes, np.zeros((0, 4)))


def _warm_wide(x: Array, P: Array, w: Array, t: Array, r: Array, look: Array) -> None:
    """Call the kernels of wide clouds."""
    paths, since, clouds = np.zeros((1, WORLDS, PATH)), np.zeros(1), np.zeros((1, WORLDS, PLACE))
    rays, gains, far = rays_of(look, np.zeros((0, 3))), np.zeros((WORLDS, 0)), np.zeros(1)
    sense(clouds[0], 0.0, 300.0, look, rays, np.zeros(WORLDS), gains)
    place(paths[0], 0.0, 0.0, clouds[0])
    settle_wide(x, P, w, t, r, np.zeros(1, np.int64), paths, since, clouds, 1.0, 1.0, w[0].copy())
    cover(look[None], np.zeros(2), 500.0, 300.0, np.zeros((1, 1)))
    looks, counts, hits, told = look[None], np.zeros((1, 1)), np.zeros((2, 1, 1)), np.zeros((0, RAY))
    begins, which, key, even = np.zeros((1, 2), np.int64), np.zeros(0, np.int64), np.uint64(1), np.ones(HEADINGS)
    window = (counts, hits, told, begins)
    reaches(looks, far)
    quiet, density = np.ones((1, 1)), np.ones(0)
    explain(paths, since, which, 0, looks, far, 0.0, told, begins, quiet, density)
    worth(paths[0, 0], 0.0, looks, far, 0.0, *window, quiet, density, 0)
    sweep(paths, since, which, looks, far, 0.0, *window, even, key, 0, 0, np.zeros((1, WORLDS)))
    borne_out(paths, since, which, looks, far, 0.0, *window, 1.0, np.zeros((1, 1), np.int64))
    suggest(look, 1.0, np.zeros((1, 5)), even, 0.0, key, paths[0])
    draw(paths[0], np.ones(WORLDS), key, 0.0, 0.0, paths[0].copy())


if __name__ == "__main__":
    warm()
    sys.stdout.write("the tracker's kernels are compiled\n")
