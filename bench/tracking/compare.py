"""Means over seeds, and differences paired by seed with a 95 % interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import bench

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond, the normal's.
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences and the half-width of its 95 % interval (infinite from one pair)."""

    mean: float
    half: float


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Return ours minus theirs, pair by pair."""
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    if len(gaps) < 2:
        return Difference(gaps[0], math.inf)
    t = T_95[len(gaps) - 2] if len(gaps) - 1 <= len(T_95) else NORMAL_95
    return Difference(statistics.mean(gaps), t * statistics.stdev(gaps) / math.sqrt(len(gaps)))


def mean_row(rows: Sequence[dict[str, bench.Cell]]) -> dict[str, bench.Cell]:
    """Return the mean of each column of numbers; text is kept from the first row."""
    return {key: "mean" if key == "seed" else _mean([row.get(key) for row in rows]) for key in rows[0]}


def mean_of(rows: Sequence[dict[str, bench.Cell]], key: str) -> float:
    """Return the mean of one column, cells without a number left out; not a number without any."""
    found = [float(value) for row in rows if isinstance(value := row.get(key), int | float) and math.isfinite(value)]
    return statistics.mean(found) if found else math.nan


def _mean(cells: Sequence[bench.Cell]) -> bench.Cell:
    numbers = [float(cell) for cell in cells if isinstance(cell, int | float) and math.isfinite(cell)]
    return statistics.mean(numbers) if numbers else cells[0]
