"""One object keeps its id: through a dive that no model follows, behind a hill; and what is another object does not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Track
from skysentry.tracking.tracker import Tracker

Path = Callable[[float], np.ndarray]


def looks(  # type: ignore[no-untyped-def]
    sky: SimpleNamespace, paths: list[Path], seconds: int, hidden: tuple[float, float] = (0.0, 0.0), seed: int = 1
):
    """Two radars, once a second each; the first path is not seen while hidden, a path that gives NaN is not there."""
    rng = np.random.default_rng(seed)
    sensors = [sky.radar("ra", -4000.0, 0.0), sky.radar("rb", 4000.0, 1000.0)]
    scans = []
    for k in range(seconds):
        for sensor, phase in zip(sensors, (0.25, 0.75), strict=True):
            t = k + phase
            there = [p for p in paths if np.isfinite(p(t)).all() and not (p is paths[0] and hidden[0] < t < hidden[1])]
            found = [sky.plot(sensor, p(t), rng) for p in there if rng.random() < 0.9]
            scans.append(sky.scan(sensor.id, t, found + sky.clutter(rng, 3.0)))
    return sky.site(*sensors), scans


def nearest(sky: SimpleNamespace, out: list[Track], path: Path, from_s: float, to_s: float) -> list[str]:
    """Return the ids of shown tracks within 300 m of a path, in order of appearance."""
    names: dict[str, None] = {}
    for track in sky.tracks(out, "confirmed", "coasting"):
        t = (track.time_ns - sky.START_NS) / 1e9
        if from_s <= t < to_s and np.linalg.norm(sky.where(track) - path(t)) < 300.0:
            names[track.track_id] = None
    return list(names)


def kinked(t: float) -> np.ndarray:
    """180 m/s level, from 20 s on down at 45°."""
    down = max(t - 20.0, 0.0) * 180.0 * np.sqrt(0.5)
    return np.array([-3000.0 + 180.0 * min(t, 20.0) + down, 5000.0, 2500.0 - down])


@pytest.mark.parametrize("seed", range(4))
def test_a_dive_keeps_its_id(sky: SimpleNamespace, seed: int) -> None:
    site, scans = looks(sky, [kinked], 35, seed=seed)
    out = sky.run(Tracker(site), scans, 35.0)
    before, after = nearest(sky, out, kinked, 10.0, 20.0), nearest(sky, out, kinked, 26.0, 35.0)
    assert len(before) == 1
    assert after == before


def test_what_was_hidden_for_half_a_minute_comes_back_under_its_id(sky: SimpleNamespace) -> None:
    def path(t: float) -> np.ndarray:
        return np.array([-3500.0 + 40.0 * t, 4000.0 + 8.0 * t, 400.0])

    site, scans = looks(sky, [path], 90, hidden=(30.0, 58.0))
    out = sky.run(Tracker(site), scans, 90.0)
    before, after = nearest(sky, out, path, 10.0, 30.0), nearest(sky, out, path, 66.0, 90.0)
    assert len(before) == 1
    assert after == before
    ended = [track for track in sky.tracks(out, "ended") if track.track_id == before[0]]
    assert ended, "it was told as ended while nobody saw it"


def test_one_that_begins_out_of_reach_is_another_track(sky: SimpleNamespace) -> None:
    def first(t: float) -> np.ndarray:
        return np.array([-3500.0 + 60.0 * t, 4000.0, 400.0]) if t < 30.0 else np.full(3, np.nan)

    def second(t: float) -> np.ndarray:
        return np.array([-1500.0 + 60.0 * (t - 36.0), 5800.0, 400.0]) if t > 36.0 else np.full(3, np.nan)

    site, scans = looks(sky, [first, second], 70)
    out = sky.run(Tracker(site), scans, 70.0)
    gone, new = nearest(sky, out, first, 10.0, 30.0), nearest(sky, out, second, 45.0, 70.0)
    assert len(gone) == 1
    assert len(new) == 1
    assert new != gone


def test_a_snapshot_remembers_what_ended(sky: SimpleNamespace) -> None:
    def path(t: float) -> np.ndarray:
        return np.array([-3500.0 + 40.0 * t, 4000.0, 400.0])

    site, scans = looks(sky, [path], 75, hidden=(25.0, 50.0))
    whole = sky.run(Tracker(site), scans, 75.0)
    first, second = Tracker(site), Tracker(site)
    early = [s for s in scans if s.received_ns <= sky.START_NS + 45_000_000_000]
    late = [s for s in scans if s.received_ns > sky.START_NS + 45_000_000_000]
    head = sky.run(first, early, 45.0)
    second.restore(first.snapshot())
    assert head + sky.run(second, late, 75.0, 45.0) == whole
