"""Run the tracking benchmark and print its tables."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import bench
from bench.scenarios import BASES, SCENARIOS
from bench.tracking import costs, goals, peers, runs
from bench.tracking.compare import mean_row

NAMES = (*SCENARIOS, "mixed")
# About how long a run takes against one of site: the longest start first, so that processes end together.
WEIGHTS = {
    "presence-late": 30,
    "bearings-late": 30,
    "salvo-late": 15,
    "peer": 25,
    "sparse": 20,
    "site": 1,
    "site-late": 2,
}
WEIGHT = 10

Row = dict[str, bench.Cell]
Job = tuple[str, int, int | None]


def main() -> int:
    """Run what the environment asks for."""
    names = _setting("SCENARIOS", ",".join(NAMES)).split(",")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.stderr.write(f"no scenario is called {', '.join(unknown)}; there are {', '.join(NAMES)}\n")
        return 2
    jobs = _jobs(names)
    rows = _quality(jobs)
    for name in names:
        _show(name, rows)
    if rows.get("peer"):
        bench.show("site: beside Stone Soup", *peers.against(rows["peer"], rows["site"]))
    spent = costs.table(names) if _setting("SPEED", "1") != "0" else []
    for title, table, note in spent:
        bench.show(title, table, note)
    bench.show("Goals", goals.table(rows, spent), "each figure over all seeds of this run")
    return 0


def _setting(name: str, default: str) -> str:
    return os.environ.get(f"SKYSENTRY_TRACKING_{name}", default)


def _jobs(names: Sequence[str]) -> list[Job]:
    first, count = int(_setting("FIRST", "101")), int(_setting("SEEDS", "5"))
    of_site, of_peer = int(_setting("SITE_SEEDS", "20")), int(_setting("PEER_SEEDS", "20"))
    seconds = int(_setting("SECONDS", "0")) or None
    wanted = {name: of_site if name == "site" else count for name in names}
    for name in names:
        base, _, variant = name.partition("-")
        if variant == "biased":
            wanted[base] = max(wanted.get(base, 0), count)
    if "site" in names and of_peer:
        wanted["peer"] = of_peer
        wanted["site"] = max(of_site, of_peer)
    return [(name, first + k, seconds) for name, n in wanted.items() for k in range(n)]


def _quality(jobs: list[Job]) -> dict[str, list[Row]]:
    """Return the rows of each scenario by seed."""
    rows: dict[str, list[Row]] = {}
    queue = sorted(jobs, key=lambda job: -WEIGHTS.get(job[0], WEIGHT))
    begin_s = time.monotonic()
    # Begun anew and not forked: compiled code and its threads do not survive a fork well.
    with ProcessPoolExecutor(int(_setting("PROCESSES", "2")), mp_context=get_context("spawn")) as pool:
        for done, future in enumerate(as_completed([pool.submit(runs.job, *job) for job in queue]), 1):
            name, row = future.result()
            rows.setdefault(name, []).append(row)
            sys.stderr.write(f"{done} of {len(queue)} runs, {time.monotonic() - begin_s:.0f} s: {name} {row['seed']}\n")
    return {name: sorted(part, key=lambda row: int(row["seed"] or 0)) for name, part in rows.items()}


def _show(name: str, rows: dict[str, list[Row]]) -> None:
    """Print a scenario's rows and their mean; of a biased one, beside its base with the same seed."""
    table = rows[name]
    base, _, variant = name.partition("-")
    if variant == "biased":
        unbiased = {row["seed"]: float(row["GOSPA m"] or 0.0) for row in rows[base]}
        table = [
            {**row, "GOSPA / unbiased": float(row["GOSPA m"] or 0.0) / unbiased[row["seed"]]}
            for row in table
            if row["seed"] in unbiased
        ]
        rows[name] = table
    bench.show(name, [*table, mean_row(table)], "" if name in BASES else "see bench/scenarios/variants.py")


if __name__ == "__main__":
    sys.exit(main())
