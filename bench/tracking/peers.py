"""Stone Soup on site with the seeds of our own runs, judged alike."""

from __future__ import annotations

from collections.abc import Sequence

import bench
from bench.peers import stone_soup
from bench.scenarios import make
from bench.scenarios.judge import judge
from bench.tracking.compare import difference, mean_row
from bench.tracking.figures import quality

Row = dict[str, bench.Cell]


def run(seed: int, seconds: int | None) -> Row:
    """Return Stone Soup's row for one seed."""
    world = make("site", seed, seconds)
    events, cpu_s = stone_soup.track(world)
    found = sum(len(scan.detections) for scan in world.scans)
    row: Row = {"scenario": "stone soup", "seed": seed, **quality(judge(world, events), world.seconds)}
    return row | {"× real time": world.seconds / cpu_s, "det/CPU-s": found / cpu_s}


def against(theirs: Sequence[Row], ours: Sequence[Row]) -> tuple[list[Row], str]:
    """Return its rows and means of both on the same seeds, and the difference in words."""
    seeds = {row["seed"] for row in theirs}
    own = [row for row in ours if row["seed"] in seeds]
    gap = difference([float(row["GOSPA m"] or 0.0) for row in own], [float(row["GOSPA m"] or 0.0) for row in theirs])
    mean = {**mean_row(own), "scenario": "skysentry, same seeds"}
    table = [*theirs, mean_row(theirs), {key: mean.get(key) for key in theirs[0]}]
    note = (
        f"GOSPA of skysentry minus that of Stone Soup {_version()}, paired by seed: {gap.mean:+.1f} m, "
        f"95 % interval {gap.mean - gap.half:+.1f} to {gap.mean + gap.half:+.1f} m over {len(own)} seeds"
    )
    return table, note


def _version() -> str:
    from importlib.metadata import version

    return version("stonesoup")
