"""Speed and memory, as printed figures: `python -m bench [NAME…] [--json]`.

Each module here measures one thing and has `main() -> None`; it tells its figures through `show`. Rates are per second
of CPU time of the process, which a busy machine disturbs less than wall time; figures that are to be compared are taken
in one run. A bench judges nothing and no test depends on it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Cell = str | int | float | None
Row = Mapping[str, Cell]
Result = TypeVar("Result")

# Set by `python -m bench --json`.
as_json = False


def show(title: str, rows: Sequence[Row], note: str = "") -> None:
    """Print rows with the same keys as an aligned table, or as one JSON object a line."""
    if as_json:
        # Past any redirection: what a bench prints beside its tables is collected apart.
        print(json.dumps({"title": title, "rows": [dict(row) for row in rows], "note": note}), file=sys.__stdout__)
        return
    names = list(rows[0]) if rows else []
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [isinstance(rows[0].get(name), str) for name in names] if rows else []
    lines = [
        "  " + "  ".join(t.ljust(w) if is_left else t.rjust(w) for t, w, is_left in zip(line, wide, left, strict=True))
        for line in cells
    ]
    sys.stdout.write("\n".join([title, *(line.rstrip() for line in lines), *([f"  {note}"] if note else [])]) + "\n\n")
    sys.stdout.flush()


def cpu_s(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what `work` returns and the CPU seconds it took in this process, at least a microsecond."""
    start = time.process_time()
    result = work()
    return result, max(time.process_time() - start, 1e-6)


def peak_mib() -> float:
    """Return the largest memory this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage's figure this one does not carry over from the parent process.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024.0)


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value
