"""The goals, what this run reached, and whether that is enough."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence

import bench
from bench.tracking.compare import difference, mean_of
from bench.tracking.costs import Table

Row = dict[str, bench.Cell]
Asks = Callable[[float, float], bool]
AT_MOST: Asks = operator.le
AT_LEAST: Asks = operator.ge

# Scenario, column of its rows, and what is asked of the mean over seeds.
ASKED: tuple[tuple[str, str, Asks, float], ...] = (
    ("site", "GOSPA m", AT_MOST, 112.0),
    ("site", "switches", AT_MOST, 0.5),
    ("salvo", "GOSPA m", AT_MOST, 570.0),
    ("salvo", "switches", AT_MOST, 6.0),
    ("bearings", "GOSPA m", AT_MOST, 270.0),
    ("bearings", "median m", AT_MOST, 40.0),
    ("bearings", "completeness", AT_LEAST, 0.95),
    ("bearings", "false tracks / 10 min", AT_MOST, 1.0),
    ("bearings", "initiation s", AT_MOST, 9.0),
    ("bearings", "switches", AT_MOST, 0.0),
    ("presence", "GOSPA m", AT_MOST, 1700.0),
    ("presence", "far median m", AT_MOST, 230.0),
    ("presence", "completeness", AT_LEAST, 0.93),
    ("presence", "false tracks / 10 min", AT_MOST, 1.0),
    ("presence", "initiation s", AT_MOST, 11.0),
    ("presence-group", "counted", AT_LEAST, 0.9),
    *((f"{base}-late", "live / causal", AT_MOST, 1.05) for base in ("site", "salvo", "bearings", "presence")),
    *((f"{base}-late", "lagged / ordered", AT_MOST, 1.05) for base in ("site", "salvo", "bearings", "presence")),
    *((f"{base}-biased", "GOSPA / unbiased", AT_MOST, 1.15) for base in ("site", "salvo", "bearings", "presence")),
    *((f"{base}-biased", "doubled", AT_MOST, 0.02) for base in ("salvo", "bearings", "presence")),
    *((f"{base}-biased", "named share", AT_LEAST, 1.0) for base in ("bearings", "presence")),
    *((f"{base}-deaf", "share", AT_MOST, 0.02) for base in ("bearings", "presence")),
    ("sparse", "in time", AT_LEAST, 0.9),
    ("mixed", "one id, of the time followed", AT_LEAST, 0.9),
)
# Title of a table of costs, scenario, column, and what is asked.
COSTS: tuple[tuple[str, str, str, Asks, float], ...] = (
    ("Speed", "site", "det/CPU-s", AT_LEAST, 300_000.0),
    ("Speed", "salvo", "det/CPU-s", AT_LEAST, 250_000.0),
    ("Speed", "many", "× real time", AT_LEAST, 20.0),
    ("Speed", "bearings", "× real time", AT_LEAST, 20.0),
    ("Speed", "presence", "× real time", AT_LEAST, 20.0),
    ("Memory and start", "salvo", "peak MiB", AT_MOST, 300.0),
    ("Memory and start", "site", "wall s", AT_MOST, 3.0),
)


def table(rows: dict[str, list[Row]], spent: Sequence[Table]) -> list[Row]:
    """Return a row for each goal that this run can judge."""
    found = [_row(name, key, asks, goal, mean_of(rows[name], key)) for name, key, asks, goal in ASKED if rows.get(name)]
    if rows.get("peer"):
        found.insert(0, _beside(rows["peer"], rows["site"]))
    for title, name, key, asks, goal in COSTS:
        cells = [row for shown, part, _ in spent if shown == title for row in part]
        cells = [row for row in cells if str(row["scenario"]).split(",")[0] == name]
        found += [_row(name, key, asks, goal, mean_of(cells, key))] if cells else []
    return found


def _row(name: str, key: str, asks: Asks, goal: float, reached: float) -> Row:
    verdict = "not asked" if math.isnan(reached) else "yes" if asks(reached, goal) else "no"
    return {
        "scenario": name,
        "figure": key,
        "goal": f"{'≤' if asks is AT_MOST else '≥'} {goal:,g}",
        "reached": reached,
        "met": verdict,
    }


def _beside(theirs: list[Row], ours: list[Row]) -> Row:
    """Below Stone Soup: the whole 95 % interval of the paired difference is."""
    seeds = {row["seed"] for row in theirs}
    own = [float(row["GOSPA m"] or 0.0) for row in ours if row["seed"] in seeds]
    gap = difference(own, [float(row["GOSPA m"] or 0.0) for row in theirs])
    return _row("site", "GOSPA m − Stone Soup's, upper end", AT_MOST, 0.0, gap.mean + gap.half)
