"""The metric of the reference on what was published by each second: GOSPA and its parts, identity, initiation."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from bench.scenarios.looks import START_NS
from bench.scenarios.paths import Array
from bench.scenarios.world import HOME, World
from skysentry.events import AnyEvent, Track, TrackStatus
from skysentry.geo import Frame
from skysentry.score.gospa import distances_m, gospa, match

SHOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)
SKIP_S = 10


@dataclass(frozen=True)
class Verdict:
    """Means over time; `initiation_s` is the median, `false_tracks` those that never paired."""

    gospa_m: float
    rmse_m: float
    median_m: float
    missed: float
    false: float
    switches: int
    false_tracks: int
    completeness: float
    initiation_s: float


def judge(world: World, events: list[AnyEvent]) -> Verdict:
    """Return how tracks follow the truth, at 1 Hz; a track counts where it is at that second."""
    frame = Frame.at(HOME)
    states: dict[str, tuple[float, Array]] = {}
    owner: dict[int, str] = {}
    figures: list[tuple[float, int, int]] = []
    errors: list[float] = []
    first: dict[int, float] = {}
    paired: set[str] = set()
    confirmed: set[str] = set()
    switches = kept = total = 0
    tracks = iter([event for event in events if isinstance(event, Track)])
    ahead = next(tracks, None)
    for second in range(1, world.seconds + 1):
        now_ns = START_NS + second * 1_000_000_000
        while ahead is not None and ahead.time_ns <= now_ns:
            _publish(frame, ahead, states, confirmed)
            ahead = next(tracks, None)
        alive = np.flatnonzero(world.paths.alive(float(second)))
        truth = world.paths.at(float(second))[alive]
        names = sorted(states)
        placed = np.array([_at(states[name], now_ns) for name in names]).reshape(-1, 3)
        if world.flat:
            truth, placed = truth * (1, 1, 0), placed * (1, 1, 0)
        gap = distances_m(truth, placed)
        value = gospa(gap, world.cut_m)
        pairs = _keep(gap, world.cut_m, owner, alive.tolist(), names)
        for row, column in pairs:
            name, who = names[column], int(alive[row])
            switches += owner.get(who, name) != name
            owner[who] = name
            paired.add(name)
            first.setdefault(who, second - max(float(world.paths.start_s[who]), 0.0))
            if second > SKIP_S:
                errors.append(float(gap[row, column]))
        if second > SKIP_S:
            figures.append((value.distance_m, value.missed, value.false))
            kept, total = kept + len(pairs), total + len(alive)
    mean = np.array(figures).mean(axis=0)
    err = np.array(errors or [np.nan])
    late = [first.get(i, float(world.seconds)) for i in range(world.paths.place.shape[0])]
    return Verdict(
        float(mean[0]), float(np.sqrt((err**2).mean())), float(np.median(err)), float(mean[1]), float(mean[2]),
        switches, len(confirmed - paired), kept / max(total, 1), statistics.median(late),
    )  # fmt: skip


def _publish(frame: Frame, track: Track, states: dict[str, tuple[float, Array]], confirmed: set[str]) -> None:
    if track.status not in SHOWN:
        states.pop(track.track_id, None)
        return
    confirmed.add(track.track_id)
    place = frame.to_local(track.lat_deg, track.lon_deg, track.alt_m)
    states[track.track_id] = (track.time_ns, np.array([*place, *track.velocity_mps]))


def _at(state: tuple[float, Array], now_ns: int) -> Array:
    return state[1][:3] + state[1][3:] * ((now_ns - state[0]) / 1e9)


def _keep(gap: Array, cut_m: float, owner: dict[int, str], alive: list[int], names: list[str]) -> list[tuple[int, int]]:
    """Keep last pairs within the cut-off, pair the rest by the best assignment."""
    index = {name: k for k, name in enumerate(names)}
    kept, used = [], set()
    for row, who in enumerate(alive):
        column = index.get(owner.get(who, ""), -1)
        if column >= 0 and gap[row, column] < cut_m and column not in used:
            kept.append((row, column))
            used.add(column)
    rest = gap.copy()
    for row, column in kept:
        rest[row, :] = cut_m
        rest[:, column] = cut_m
    return kept + match(rest, cut_m)
