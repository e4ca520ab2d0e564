"""All kinds of sensors at once: the simulated raid, judged by `skysentry.score` for how long objects keep one id."""

from __future__ import annotations

import bench
from skysentry.events import Track, Truth
from skysentry.runtime.pipeline import run
from skysentry.score import score
from skysentry.sim import scenario

ONE_ID = 0.9


def raid(seed: int, seconds: int = 300) -> dict[str, bench.Cell]:
    """Return how the threats of a raid are followed."""
    play = scenario("raid", seed=seed, seconds=seconds)
    truth = [event for event in play.events() if isinstance(event, Truth)]
    flow = (event for event in play.events() if not isinstance(event, Truth))
    tracks = [event for event in run(flow, play.site, "tracks") if isinstance(event, Track)]
    report = score(truth, tracks, [], play.site.zones, threats_only=True)
    followed = [one for one in report.by_object if one.paired_s]
    whole = [one.longest_id_share or 0.0 for one in followed]
    shares = [share * one.seconds / one.paired_s for share, one in zip(whole, followed, strict=True)]
    return {
        "scenario": "mixed",
        "seed": seed,
        "GOSPA m": report.tracks.gospa_m,
        "threats": len(report.by_object),
        "followed": len(followed),
        "one id, of the flight": sum(whole) / max(len(whole), 1),
        "one id, of the time followed": sum(shares) / max(len(shares), 1),
        "with one id for 90 % of that": sum(share >= ONE_ID for share in shares),
    }
