"""The metric as cells of the table."""

from __future__ import annotations

import bench
from bench.scenarios.judge import Verdict

TEN_MINUTES_S = 600.0


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
        "NEES": v.nees,
    }
