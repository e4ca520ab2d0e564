"""The tracker in cells against the whole tracker: GOSPA, ids, what the split costs, and a cell's snapshot.

    python -m bench cells                               salvo in 2 x 2 and 3 x 3 cells, bearings and presence in 2 x 2
    SKYSENTRY_BENCH_SEEDS=1,2,3 python -m bench cells   more seeds

`same` is the share of the whole tracker's events of shown tracks that the cells tell too, by id and instant. `cost` is
the CPU of all cells on that of the whole. The snapshot is that of the cell with the fewest tracks above 50, or with the
most; times are medians of seven.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import bench
from bench.scenarios import World, make
from bench.scenarios.judge import judge
from bench.tracker import batches
from skysentry.events import AnyEvent, Track, TrackStatus, decode, encode
from skysentry.tracking.cells.divided import Cell, Divided
from skysentry.tracking.tracker import Tracker

# Scenario, seconds (all where 0), side of a cell and corner of the lattice in metres.
CUTS = (
    ("salvo", 0, 120_000.0, 0.0),
    ("salvo", 0, 80_000.0, -40_000.0),
    ("bearings", 0, 10_000.0, 0.0),
    ("presence", 0, 20_000.0, 0.0),
)
SHOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)


def track(stage: Tracker | Divided, world: World) -> tuple[list[AnyEvent], float]:
    """Return all events and the CPU seconds they took."""
    made: list[bytes] = []
    used_s = 0.0
    for now_ns, part in batches(world.scans):
        start = time.process_time()
        events = stage.step(now_ns, part)
        used_s += time.process_time() - start
        made += map(encode, events)
    return [decode(event) for event in made], used_s


def shown(events: list[AnyEvent]) -> set[tuple[str, int]]:
    return {(e.track_id, e.time_ns) for e in events if isinstance(e, Track) and e.status in SHOWN}


def median_ms(call: Callable[[], object]) -> float:
    """Return how long a call takes, the median of seven."""
    took = []
    for _ in range(7):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return 1e3 * statistics.median(took)


def snapshot(stage: Divided) -> tuple[int, float, float, float]:
    """Return tracks, kB, and milliseconds to make and to restore, of the cell nearest above 50 tracks."""
    tracks = {key: cell.tracker.fusion.table.n for key, cell in stage.cells.items() if cell.tracker.fusion}
    key = min(tracks, key=lambda k: (tracks[k] < 50, tracks[k] if tracks[k] >= 50 else -tracks[k]))
    state = stage.cells[key].snapshot()
    fresh = Cell(stage.map, key)
    return (
        tracks[key], len(state) / 1e3, median_ms(stage.cells[key].snapshot), median_ms(lambda: fresh.restore(state))
    )  # fmt: skip


def row(name: str, seconds: int, side_m: float, corner_m: float, seed: int) -> bench.Row:
    """Return the figures of one run."""
    world = make(name, seed, seconds or None)
    whole, whole_s = track(Tracker(world.site), world)
    stage = Divided(world.site, side_m, corner_m=(corner_m, corner_m))
    parts, parts_s = track(stage, world)
    one, many = judge(world, whole), judge(world, parts)
    tracks, size_kb, make_ms, restore_ms = snapshot(stage)
    return {
        "scenario": name,
        "cell km": side_m / 1e3,
        "seed": seed,
        "cells": len(stage.cells),
        "GOSPA whole": one.gospa_m,
        "GOSPA cells": many.gospa_m,
        "ratio": many.gospa_m / one.gospa_m,
        "same": len(shown(whole) & shown(parts)) / max(len(shown(whole)), 1),
        "switches": f"{one.switches} / {many.switches}",
        "cost": parts_s / whole_s,
        "tracks": tracks,
        "kB": size_kb,
        "make ms": make_ms,
        "restore ms": restore_ms,
    }


def main() -> None:
    """Print one row for each cut and seed."""
    track(Tracker((warm := make("site", 0, 5)).site), warm)
    seeds = [int(seed) for seed in os.environ.get("SKYSENTRY_BENCH_SEEDS", "1").split(",")]
    note = "halo as the site needs it; messages take one step of 100 ms"
    bench.show("Tracker in cells", [row(*cut, seed) for cut in CUTS for seed in seeds], note)
