"""How many objects a track stands for: counted where directions tell, guessed wide where they don't, one by radar."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Scan, Track
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.evidence.groups import (
    COUNTS,
    KNOWN,
    LOOKS,
    NUMBERS,
    PRIOR,
    SIZES,
    TAKEN,
    TOGETHER,
    TOGETHER_KNOWN,
    count_heard,
    flocks,
    heard_only,
    meet,
)
from skysentry.tracking.evidence.ledger import fade_notes
from skysentry.tracking.models.measure import LOOK
from skysentry.tracking.models.outline import OUTLINE
from skysentry.tracking.telling.strength import tell_numbers
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.table import NOTES

SPOTS = [(e, n) for e in (-2_000.0, 0.0, 2_000.0) for n in (-1_500.0, 0.0, 1_500.0)]


def arrays(sky: SimpleNamespace) -> list[Sensor]:
    return [
        Sensor(
            id=f"a{k}", kind=SensorKind.ARRAY, position=sky.place(e, n, 2.0), position_sigma_m=1.0, pd=0.9,
            false_per_scan=0.02, coverage=Coverage(max_m=3500.0, soft_m=200.0),
        )
        for k, (e, n) in enumerate(SPOTS)
    ]  # fmt: skip


def heard(sky: SimpleNamespace, paths, seconds: int, seed: int) -> list[Scan]:  # type: ignore[no-untyped-def]
    """Looks of all arrays at objects that fly along `paths`: one direction for each that is heard."""
    rng, scans = np.random.default_rng(seed), []
    for k in range(seconds):
        for q, sensor in enumerate(arrays(sky)):
            t, at = k + 0.1 * q, np.array([*SPOTS[q], 2.0])
            sent = [sky.emitted(path, at, t) for path in paths]
            near = [p for p in sent if np.linalg.norm(p - at) < 3500.0 and rng.random() < 0.9]
            scans.append(sky.scan(sensor.id, t, [sky.direction(sensor, p, rng, 4.0) for p in near]))
    return scans


def flight(e: float, n: float, spread: float = 0.0):  # type: ignore[no-untyped-def]
    """Eastwards at 40 m/s; with `spread`, sideways from the 25th second on, in m/s."""
    return lambda t: np.array([-2_000.0 + e + 40.0 * t, n + spread * max(t - 25.0, 0.0), 200.0])


def living(sky: SimpleNamespace, events: list, at_s: float) -> list[Track]:  # type: ignore[type-arg]
    """The confirmed and coasting tracks at a time."""
    last = {t.track_id: t for t in sky.tracks(events) if t.time_ns <= sky.START_NS + at_s * 1e9}
    return [t for t in last.values() if t.status.value in ("confirmed", "coasting")]


def total(tracks: list[Track]) -> np.ndarray:
    return np.array([t.members for t in tracks]).sum(axis=0)


def test_one_drone_is_one(sky: SimpleNamespace) -> None:
    out = sky.run(Tracker(sky.site(*arrays(sky))), heard(sky, [flight(0.0, 300.0)], 60, 1), 60.0)
    (track,) = living(sky, out, 60.0)
    assert track.members == (1.0, 1.0, 1.0)
    assert "objects" not in track.why


@pytest.mark.parametrize("count", [2, 3, 5])
def test_drones_that_cannot_be_told_apart_are_counted(sky: SimpleNamespace, count: int) -> None:
    """A column of drones 80 m apart: arrays of 4 degrees see one thing, and several directions to it."""
    paths = [flight(-80.0 * k, 300.0) for k in range(count)]
    out = sky.run(Tracker(sky.site(*arrays(sky))), heard(sky, paths, 60, 2), 60.0)
    told = np.array([total(living(sky, out, float(t))) for t in range(30, 61)])
    # Objects are whole: an interval of 2.8 to 5.1 says 2 to 6. The mean itself is told high (docs/limits.md).
    within = (np.floor(told[:, 0]) <= count) & (count <= np.ceil(told[:, 2]))
    assert within.mean() >= 0.9
    assert (told[:, 2] - told[:, 0]).mean() <= 1.2 * count


def test_a_group_that_splits_keeps_its_number(sky: SimpleNamespace) -> None:
    """Two pairs fly as one until 25 s and then apart at 20 m/s to each side: four, as one track or as more."""
    paths = [flight(-60.0 * (k // 2), 100.0 * (k % 2), 20.0 if k % 2 else -20.0) for k in range(4)]
    out = sky.run(Tracker(sky.site(*arrays(sky))), heard(sky, paths, 75, 3), 75.0)
    before, after = living(sky, out, 24.0), living(sky, out, 70.0)
    told = [total(living(sky, out, float(t))) for t in range(16, 75)]
    assert np.mean([low <= 4.0 <= high for low, _, high in told]) >= 0.8
    assert max(mean for _, mean, _ in told) < 7.5
    assert min(mean for _, mean, _ in told) > 2.0
    assert len(after) >= 2
    assert {t.track_id for t in before} & {t.track_id for t in after}


def test_what_a_radar_resolves_is_one_each(sky: SimpleNamespace) -> None:
    radar, rng = sky.radar(false_per_scan=0.1), np.random.default_rng(4)
    paths = [flight(0.0, 300.0), flight(-300.0, 600.0), flight(-300.0, 0.0)]
    plots = [sky.scan("radar", k + 0.35, [sky.plot(radar, p(k + 0.35), rng) for p in paths]) for k in range(40)]
    out = sky.run(Tracker(sky.site(radar, *arrays(sky))), heard(sky, paths, 40, 5) + plots, 40.0)
    tracks = living(sky, out, 40.0)
    assert len(tracks) == 3
    assert {t.members for t in tracks} == {(1.0, 1.0, 1.0)}


def note(**columns: float) -> np.ndarray:
    row = np.zeros((1, NOTES))
    for name, value in columns.items():
        row[0, {"taken": TAKEN, "looks": LOOKS, "together": TOGETHER}[name]] = value
    return row


def told(row: np.ndarray) -> list[float]:
    out = np.empty((1, 3))
    tell_numbers(row, np.zeros(1, np.int64), out)
    return out[0].tolist()  # type: ignore[no-any-return]


def test_numbers_that_are_told() -> None:
    assert told(note()) == [1.0, 1.0, 1.0]
    assert told(note(taken=100.0, looks=100.0)) == [1.0, 1.0, 1.0]
    low, mean, high = told(note(taken=400.0, looks=100.0))
    assert low < 4.0 < high
    assert mean == pytest.approx(4.0, rel=0.05)
    row = note(together=1.0)
    row[0, :SIZES] = PRIOR
    low, mean, high = told(row)
    assert low == 1.0
    assert high >= 5.0, "what is only heard may be a raid"
    assert mean == pytest.approx(float(PRIOR @ NUMBERS))
    row[0, TOGETHER] = row[0, TOGETHER_KNOWN] = 4.0
    assert np.array(told(row)).round(2).tolist() == [1.25, 2.5, 7.5]


def test_silence_beside_a_track_speaks_for_one_and_noise_all_around_for_more() -> None:
    """Twenty microphones around a track: all within reach hear it all the time, or four of five."""
    lines, r = np.zeros((1, OUTLINE)), np.full(1, 0.99)
    lines[0, 7:9] = 0.0, 300.0
    means = []
    for share in (0.8, 1.0):
        notes, rng = np.zeros((1, NOTES)), np.random.default_rng(5)
        for _ in range(300):
            look = np.zeros(LOOK)
            look[9] = look[13] = look[17] = 1.0
            look[6:8] = rng.uniform(-1_500.0, 1_500.0, 2)
            look[18], look[20], look[21], look[23] = 0.8, 2_500.0, 300.0, np.pi
            look[24], look[25], look[26], look[28] = -1.6, 1.6, 0.005, 0.1
            count_heard(lines, r, notes, 1, look, bool(rng.random() < share), 1.0)
        means.append(float(notes[0, :SIZES] @ NUMBERS))
        assert notes[0, :SIZES].sum() == pytest.approx(1.0)
    assert means[0] < 1.1
    assert means[1] > 3.0


def test_tracks_that_fly_together_are_a_raid() -> None:
    """The last one flies with the first three, but people are not shown it: what it may stand for is told by them."""
    lines, notes = np.zeros((6, OUTLINE)), np.zeros((6, NOTES))
    lines[:, 0] = [0.0, 2_500.0, 5_000.0, 40_000.0, 1_000.0, 4_000.0]
    lines[:, 3] = [48.0, 40.0, 48.0, 48.0, -48.0, 48.0]
    notes[:, 0] = 0.5
    notes[:5, KNOWN] = 1.0
    rows = np.empty(6, np.int64)
    assert heard_only(notes, np.ones(6), 6, rows) == 6
    flocks(lines, notes, rows, 0.0)
    assert notes[:, TOGETHER].tolist() == [4.0, 4.0, 4.0, 1.0, 1.0, 4.0]
    assert notes[:, TOGETHER_KNOWN].tolist() == [3.0, 3.0, 3.0, 1.0, 1.0, 3.0]
    out = np.empty((6, 3))
    tell_numbers(notes, np.arange(6), out)
    assert out[0].tolist() == pytest.approx([5.0 / 4.0, 10.0 / 3.0, 10.0])


def test_what_was_learned_fades_to_the_prior_and_halves_where_tracks_meet() -> None:
    row = note(taken=400.0, looks=100.0)
    row[0, 0] = 1.0
    meet(row[0])
    assert row[0, TAKEN] == 200.0
    assert row[0, 0] == pytest.approx(0.5 * (1.0 + PRIOR[0]))
    for _ in range(600):
        fade_notes(row, 1, np.zeros(0, np.int64), 1.0)
    assert row[0, :SIZES] == pytest.approx(PRIOR, abs=1e-3)
    assert told(row)[1] == pytest.approx(1.0, abs=0.35)
    assert COUNTS < NOTES
