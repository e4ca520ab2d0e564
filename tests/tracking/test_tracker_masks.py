"""Radars that go deaf, or are masked, and the tracks that others see."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import AnyEvent, Scan
from skysentry.tracking.tracker import Tracker


def two_radars(sky: SimpleNamespace, seconds: int, deaf: tuple[float, float], period_s: float = 1.0) -> list[Scan]:
    """One object that `left` looks at once in `period_s` and `right` at twice a second, but not while it is deaf."""
    rng = np.random.default_rng(8)
    left, right = sky.radar("left", -4000.0, pd=0.8), sky.radar("right", 5000.0, 500.0, period_s=0.5)
    scans = []
    for k in range(2 * seconds):
        t = 0.5 * k
        at = np.array([-3000.0 + 30.0 * t, 4000.0, 250.0])
        if t % period_s == 0.0:
            seen = [sky.plot(left, at, rng)] if rng.random() < 0.8 else []
            scans.append(sky.scan("left", t + 0.1, seen + sky.clutter(rng, 2.0)))
        hears = not deaf[0] <= t < deaf[1]
        scans.append(sky.scan("right", t + 0.3, [sky.plot(right, at, rng)] if hears and rng.random() < 0.9 else []))
    return scans


def pair(sky: SimpleNamespace) -> Tracker:
    return Tracker(sky.site(sky.radar("left", -4000.0, pd=0.8), sky.radar("right", 5000.0, 500.0, period_s=0.5)))


def believed(sky: SimpleNamespace, made: list[AnyEvent], since_s: float) -> set[str]:
    found = sky.tracks(made, "confirmed", "coasting")
    return {t.track_id for t in found if t.time_ns > sky.START_NS + since_s * 1e9}


@pytest.mark.parametrize("period_s", [1.0, 2.0])
def test_a_radar_that_goes_deaf_ends_no_track_that_another_sees(sky: SimpleNamespace, period_s: float) -> None:
    made = sky.run(pair(sky), two_radars(sky, 90, (25.0, 1e9), period_s), 90.0)
    near = [t for t in sky.tracks(made, "confirmed", "coasting") if t.time_ns > sky.START_NS + 24e9]
    mine = {t.track_id for t in near if np.hypot(*(sky.where(t) - _at(sky, t))[:2]) < 300.0}
    assert len(mine) == 1
    last = [t for t in near if t.track_id in mine]
    assert max(b.time_ns - a.time_ns for a, b in pairwise(last)) < 3e9
    assert last[-1].time_ns > sky.START_NS + 88e9
    assert not [t for t in sky.tracks(made, "ended") if t.track_id in mine]


def _at(sky: SimpleNamespace, track: object) -> np.ndarray:
    t = (track.time_ns - sky.START_NS) / 1e9  # type: ignore[attr-defined]
    return np.array([-3000.0 + 30.0 * t, 4000.0, 250.0])


def test_what_is_gone_ends_soon_when_those_that_saw_it_no_longer_do(sky: SimpleNamespace) -> None:
    tracker = pair(sky)
    sky.run(tracker, two_radars(sky, 40, (1e9, 1e9)), 40.0)
    rng = np.random.default_rng(9)
    empty = [sky.scan("left", 40.1 + k, sky.clutter(rng, 2.0)) for k in range(20)]
    empty += [sky.scan("right", 40.3 + 0.5 * k, []) for k in range(40)]
    made = sky.run(tracker, empty, 60.0, 40.0)
    assert not believed(sky, made, 48.0)


def test_a_radar_that_heals_counts_again(sky: SimpleNamespace) -> None:
    tracker = pair(sky)
    sky.run(tracker, two_radars(sky, 60, (20.0, 60.0)), 60.0)
    records = tracker.fusion.hearing.records  # type: ignore[union-attr]
    assert records.shares()[1] < 0.5
    more = [scan for scan in two_radars(sky, 150, (20.0, 60.0)) if scan.time_ns > sky.START_NS + 60e9]
    sky.run(tracker, more, 150.0, 60.0)
    assert records.shares()[1] > 0.7
