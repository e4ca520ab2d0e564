"""The tracker where site.toml is wrong: reach and Pd of all microphones, and radars declared as external sources.

    python -m bench declared                                 seed 1
    SKYSENTRY_BENCH_SEEDS=1,2 python -m bench declared       more seeds

The world is that of the benchmark; what is declared of its sensors is multiplied, or replaced, before the tracker
sees it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import msgspec

import bench
from bench.scenarios import World, make
from bench.scenarios.judge import judge
from bench.tracker import track
from skysentry.events import Position
from skysentry.site import Sensor, SensorKind

SECONDS = 200
Change = Callable[[World], World]


def _each(world: World, change: Callable[[Sensor], Sensor]) -> World:
    return replace(world, site=msgspec.structs.replace(world.site, sensors=tuple(map(change, world.site.sensors))))


def reach(times: float) -> Change:
    """Return what multiplies declared reaches."""

    def change(sensor: Sensor) -> Sensor:
        coverage = msgspec.structs.replace(sensor.coverage, max_m=times * sensor.coverage.max_m)
        return msgspec.structs.replace(sensor, coverage=coverage)

    return lambda world: _each(world, change)


def pd(times: float) -> Change:
    """Return what multiplies declared Pd."""
    return lambda world: _each(world, lambda sensor: msgspec.structs.replace(sensor, pd=times * sensor.pd))


def external(world: World) -> World:
    """Declare sensors that measure places as external sources."""
    places = {scan.sensor for scan in world.scans if any(isinstance(d.measurement, Position) for d in scan.detections)}
    kind = SensorKind.EXTERNAL
    return _each(world, lambda s: msgspec.structs.replace(s, kind=kind) if s.id in places else s)


CASES: dict[str, tuple[str, Change]] = {
    "as it is": ("presence", reach(1.0)),
    "reach × 0.67": ("presence", reach(0.67)),
    "reach × 0.8": ("presence", reach(0.8)),
    "reach × 1.2": ("presence", reach(1.2)),
    "reach × 1.4": ("presence", reach(1.4)),
    "Pd × 0.6": ("presence", pd(0.6)),
    "Pd × 1.2": ("presence", pd(1.2)),
    "radars": ("salvo", reach(1.0)),
    "external sources": ("salvo", external),
}


def row(case: str, seed: int) -> bench.Row:
    """Return the figures of one run."""
    name, change = CASES[case]
    world = change(make(name, seed, SECONDS if name == "presence" else None))
    events, _ = track(world)
    v = judge(world, events)
    return {
        "scenario": name,
        "declared": case,
        "seed": seed,
        "GOSPA m": v.gospa_m,
        "median m": v.median_m,
        "completeness": v.completeness,
        "switches": v.switches,
        "false tracks": v.false_tracks,
    }


def main() -> None:
    """Print one row for each case and seed."""
    seeds = [int(seed) for seed in os.environ.get("SKYSENTRY_BENCH_SEEDS", "1").split(",")]
    note = f"presence over {SECONDS} s; one default configuration"
    bench.show("Declared wrong", [row(case, seed) for case in CASES for seed in seeds], note)
