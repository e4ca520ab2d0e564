"""What tracking costs: detections per CPU second, real time left over, memory, start. One thing at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bench
from bench.scenarios import make
from bench.scenarios.__main__ import write
from bench.tracker import track

TIMED = ("site", "salvo", "bearings", "presence", "many")
TIMES = 2
# A process inherits the peak of the one that started it, so a small one stands between.
WATCH = """
import json, resource, subprocess, sys, time
begin_s = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.monotonic() - begin_s, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
Row = dict[str, bench.Cell]
Table = tuple[str, list[Row], str]


def table(names: Sequence[str]) -> list[Table]:
    """Return the tables of speed, and of memory and start."""
    track(make("site", 0, 5))
    speed = [_speed(name) for name in TIMED if name in names]
    note = "seed 1; from scans in memory to track events; the better of two runs, CPU time of this process"
    tables: list[Table] = [("Speed", speed, note)] if speed else []
    if "salvo" in names:
        about = "a child process: skysentry replay scans.jsonl --until tracks --json, compiled kernels cached"
        tables.append(("Memory and start", [_replayed("salvo", None), _replayed("site", 1)], about))
    return tables


def _speed(name: str) -> Row:
    world = make(name, 1)
    found = sum(len(scan.detections) for scan in world.scans)
    cpu_s = min(track(world)[1] for _ in range(TIMES))
    return {
        "scenario": name,
        "detections": found,
        "CPU s": cpu_s,
        "det/CPU-s": found / cpu_s,
        "× real time": world.seconds / cpu_s,
    }


def _replayed(name: str, seconds: int | None) -> Row:
    """Return wall time and peak memory of the program on a scenario's files; of a second's worth, that is its start."""
    with tempfile.TemporaryDirectory() as folder:
        write(make(name, 1, seconds), Path(folder))
        files = [str(Path(folder) / "scans.jsonl"), "--site", str(Path(folder) / "site.toml")]
        command = [sys.executable, "-m", "skysentry.cli", "replay", *files, "--until", "tracks", "--json"]
        told = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, check=True, text=True)
    wall_s, cpu_s, peak = json.loads(told.stdout)
    return {
        "scenario": f"{name}, {seconds or 'its own'} s",
        "wall s": wall_s,
        "CPU s": cpu_s,
        "peak MiB": peak / (2**20 if sys.platform == "darwin" else 1024.0),
    }
