"""One scenario with one seed: the metric, and what its variant is asked beside it."""

from __future__ import annotations

import bench
from bench.scenarios import make
from bench.scenarios.judge import Instant, follow, verdict
from bench.scenarios.verdicts import arrivals, counted, ended, named
from bench.scenarios.world import World
from bench.tracker import track
from bench.tracking import mixed, peers
from bench.tracking.figures import quality
from bench.tracking.oracle import compare
from skysentry.events import AnyEvent


def job(name: str, seed: int, seconds: int | None) -> tuple[str, dict[str, bench.Cell]]:
    """Return the name and the row of one run of anything in the table."""
    if name == "peer":
        return name, peers.run(seed, seconds)
    if name == "mixed":
        return name, mixed.raid(seed, seconds or 300)
    return name, run(name, seed, seconds)


def run(name: str, seed: int, seconds: int | None = None) -> dict[str, bench.Cell]:
    """Return the figures of one run of the tracker."""
    world = make(name, seed, seconds)
    events, cpu_s = track(world)
    instants = list(follow(world, events))
    row = {"scenario": name, "seed": seed, **quality(verdict(world, instants), world.seconds)}
    row |= {"× real time": world.seconds / cpu_s}
    return row | _asked(world, instants, events)


def _asked(world: World, instants: list[Instant], events: list[AnyEvent]) -> dict[str, bench.Cell]:
    """Return what a variant is asked beside the metric."""
    variant = world.name.partition("-")[2] or world.name
    if variant == "late":
        late = compare(world)
        return {
            "live m": late.live_m,
            "causal m": late.causal_m,
            "live / causal": late.live_m / late.causal_m,
            "lagged m": late.lagged_m,
            "ordered m": late.ordered_m,
            "lagged / ordered": late.lagged_m / late.ordered_m,
        }
    if variant == "biased":
        n = named(world, events)
        share = n.named / n.outliers if n.outliers else None
        return {"outliers": n.outliers, "named": n.named, "named share": share, "named wrongly": n.wrongly}
    if variant == "deaf":
        e = ended(world, instants, events)
        return {"confirmed": e.confirmed, "ended wrongly": e.wrongly, "share": e.wrongly / max(e.confirmed, 1)}
    if variant == "group":
        c = counted(world, instants)
        return {"counted": c.share, "width": c.width}
    if variant == "sparse":
        a = arrivals(world, instants, events)
        share = a.right / max(a.seen, 1)
        return {"passes": a.passes, "seen": a.seen, "in time": share, "median error s": a.median_error_s}
    return {}
