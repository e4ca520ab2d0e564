"""Truth against what was published: tracks that follow, places that are warned in time.

    report = score(truth, tracks, alerts, site.zones)
    print(report_text(report))

Everything is judged causally: at an instant counts only what had been published by then; history rewritten afterwards
warns nobody. The score knows no tracker: any recording of `Track` and `Alert` events can be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from skysentry.errors import InputError
from skysentry.events import Alert, Track, Truth
from skysentry.score.alerts import judge_alerts
from skysentry.score.report import Report, report_text
from skysentry.score.timeline import TruthGrid
from skysentry.score.tracks import judge_tracks
from skysentry.site import Zone

__all__ = ["Report", "report_text", "score"]


def score(
    truth: Iterable[Truth],
    tracks: Iterable[Track],
    alerts: Iterable[Alert],
    zones: Sequence[Zone],
    *,
    c_m: float = 500.0,
    dims: Literal[2, 3] = 3,
    skip_s: float = 10.0,
    threats_only: bool = False,
) -> Report:
    """Return how well tracks and alerts told the truth; any of them may be empty and in any order.

    `c_m` is the cut-off: what is farther away is not the same object. With `dims` 2 altitudes are left aside. The first
    `skip_s` seconds of truth count for initiation only. With `threats_only` other objects are no targets, and tracks
    on them no false ones. Raises `InputError` for options out of range and
    for a truth of more than a week.
    """
    if not 0.0 < c_m < 1e6 or dims not in (2, 3) or not 0.0 <= skip_s < 1e9:
        raise InputError(
            f"the score cannot be taken with c = {c_m} m, {dims} dimensions, {skip_s} s left out",
            hint="c above 0 and below 1,000 km; 2 or 3 dimensions; no negative time",
        )
    grid = TruthGrid(truth, dims)
    judge = judge_tracks(grid, tracks, dims, c_m, skip_s, threats_only)
    followed, by_class, by_object = judge.finish()
    warned, entries, episodes = judge_alerts(grid, alerts, zones, judge.ids)
    return Report(
        c_m=c_m,
        dims=dims,
        skip_s=skip_s,
        threats_only=threats_only,
        tracks=followed,
        alerts=warned,
        by_class=by_class,
        by_object=by_object,
        entries=entries,
        episodes=episodes,
    )
