"""One scenario with one seed: the metric, and what its variant is asked beside it."""

from __future__ import annotations

import bench
from bench.scenarios import make
from bench.scenarios.judge import Verdict, follow, verdict
from bench.scenarios.verdicts import arrivals, counted, ended, named
from bench.scenarios.world import World
from bench.tracker import track
from bench.tracking.oracle import compare
from skysentry.events import AnyEvent

TEN_MINUTES_S = 600.0


def run(name: str, seed: int, seconds: int | None = None) -> dict[str, bench.Cell]:
    """Return the figures of one run of the tracker."""
    world = make(name, seed, seconds)
    events, cpu_s = track(world)
    instants = list(follow(world, events))
    row = {"scenario": name, "seed": seed, **quality(verdict(world, instants), world.seconds)}
    row |= {"× real time": world.seconds / cpu_s}
    return row | _asked(world, instants, events)


def quality(v: Verdict, seconds: int) -> dict[str, bench.Cell]:
    """Return the metric as cells."""
    return {
        "GOSPA m": v.gospa_m,
        "RMSE m": v.rmse_m,
        "median m": v.median_m,
        "far median m": v.far_median_m,
        "missed": v.missed,
        "false": v.false,
        "switches": v.switches,
        "false tracks / 10 min": v.false_tracks * TEN_MINUTES_S / seconds,
        "completeness": v.completeness,
        "initiation s": v.initiation_s,
        "worst s": v.worst_initiation_s,
        "doubled": v.doubled,
    }


def _asked(world: World, instants: list, events: list[AnyEvent]) -> dict[str, bench.Cell]:
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
        return {"outliers": n.outliers, "named": n.named, "named wrongly": n.wrongly}
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
