"""The tracker on the scenarios of the reference: GOSPA, identity, initiation, detections per CPU second.

    python -m bench tracker                               all four, seed 1
    SKYSENTRY_BENCH_SEEDS=1,2,3 python -m bench tracker   more seeds

The clock runs from scans in memory to track events, while the tracker steps; compiling is done before. What a step made
is kept as bytes, off the clock, for nothing in a running system keeps every event: kept as objects, Python's collector
would walk all of them again and again, and that would be measured.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Sequence

import bench
from bench.scenarios import BASES, World, make
from bench.scenarios.judge import judge
from skysentry.events import AnyEvent, Scan, decode, encode
from skysentry.tracking import kernels
from skysentry.tracking.tracker import Tracker

GRID_NS = 100_000_000


def batches(scans: Sequence[Scan]) -> list[tuple[int, list[AnyEvent]]]:
    """Return scans in batches of the 100 ms grid, empty ones too."""
    due: dict[int, list[AnyEvent]] = {}
    for scan in scans:
        due.setdefault(-(-scan.received_ns // GRID_NS) * GRID_NS, []).append(scan)
    return [(t, due.get(t, [])) for t in range(min(due), max(due) + GRID_NS, GRID_NS)]


def track(world: World) -> tuple[list[AnyEvent], float]:
    """Return all events and the CPU seconds they took."""
    tracker = Tracker(world.site)
    parts = batches(world.scans)
    made: list[bytes] = []
    used_s = 0.0
    # As `skysentry run` does: what is loaded, and here the world too, is not walked again and again.
    gc.freeze()
    for now_ns, part in parts:
        start = time.process_time()
        events = tracker.step(now_ns, part)
        used_s += time.process_time() - start
        made += map(encode, events)
    gc.unfreeze()
    return [decode(event) for event in made], used_s


def row(name: str, seed: int) -> bench.Row:
    """Return the figures of one run."""
    world = make(name, seed)
    events, cpu_s = track(world)
    v = judge(world, events)
    return {
        "scenario": name,
        "seed": seed,
        "GOSPA m": v.gospa_m,
        "RMSE m": v.rmse_m,
        "median m": v.median_m,
        "missed": v.missed,
        "false": v.false,
        "switches": v.switches,
        "false tracks": v.false_tracks,
        "completeness": v.completeness,
        "initiation s": v.initiation_s,
        "det/CPU-s": sum(len(scan.detections) for scan in world.scans) / cpu_s,
        "× real time": world.seconds / cpu_s,
    }


def main() -> None:
    """Print one row for each scenario and seed."""
    kernels.warm()
    track(make("site", 0, 5))
    seeds = [int(seed) for seed in os.environ.get("SKYSENTRY_BENCH_SEEDS", "1").split(",")]
    names = os.environ.get("SKYSENTRY_BENCH_SCENARIOS", ",".join(BASES)).split(",")
    note = "own generator with the parameters of the reference; one default configuration; 1 s looks, 100 ms steps"
    bench.show("Tracker", [row(name, seed) for name in names for seed in seeds], note)
