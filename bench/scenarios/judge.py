"""The metric of the reference on what was published by each second: GOSPA and its parts, identity, initiation.

    GOSPA          p = 2, α = 2, the scenario's c; its mean over time, the first 10 s left out
    identity       pairs of the second before are kept while within c, the rest by optimal assignment; a switch is a
                   change of `track_id` on an object, wherever in the run
    completeness   share of an object's seconds with a pair
    initiation     median over objects of the time from their start to their first pair
    false track    a confirmed track that never pairs
    doubled        share of the seconds of tracks that stand, unpaired, within c of an object that has another track
    NEES           mean of eᵀ P⁻¹ e, e the horizontal error of a pair whose track was published at that second: 2 where
                   tracks are as sure as they say

Only confirmed and coasting tracks count, carried on along their velocity from where they were last published.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.scenarios.looks import START_NS
from bench.scenarios.paths import Array
from bench.scenarios.world import FRAME, World
from skysentry.events import AnyEvent, Track, TrackStatus
from skysentry.geo import Frame
from skysentry.score.gospa import distances_m, gospa_of, match

SHOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)
SKIP_S = 10
SECOND_NS = 1_000_000_000
# Objects that are further apart than this do not disturb each other on `presence`.
APART_M = 4_000.0
# A track published longer ago says how sure it was then.
FRESH_NS = 50_000_000

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Instant:
    """One second: which objects were there and where, which tracks were shown and where, and which are pairs.

    `alive` are the objects' numbers; `truth` and `placed` [shape=(n, 3)] are flat where the scenario is; `tracks` are
    the last events of the tracks shown, by id; `pairs` are (row of truth, row of tracks).
    """

    second: int
    alive: list[int]
    truth: Array
    tracks: list[Track]
    placed: Array
    pairs: Pairs
    gospa_m: float

    def paired(self) -> dict[int, str]:
        """Return the track of each object that has one."""
        return {self.alive[row]: self.tracks[column].track_id for row, column in self.pairs}


@dataclass(frozen=True)
class Verdict:
    """Means over time; `initiation_s` is the median, `false_tracks` those that never paired.

    `far_median_m` is the median error of objects with no other within 4 km.
    """

    gospa_m: float
    rmse_m: float
    median_m: float
    far_median_m: float
    missed: float
    false: float
    switches: int
    false_tracks: int
    completeness: float
    initiation_s: float
    worst_initiation_s: float
    doubled: float
    nees: float


def judge(world: World, events: Iterable[AnyEvent]) -> Verdict:
    """Return how tracks follow the truth, at 1 Hz; a track counts where it is at that second."""
    return verdict(world, list(follow(world, events)))


def follow(world: World, events: Iterable[AnyEvent]) -> Iterator[Instant]:
    """Yield the seconds of a scenario with what was published by then."""
    shown: dict[str, Track] = {}
    last: dict[int, str] = {}
    tracks = iter([event for event in events if isinstance(event, Track)])
    ahead = next(tracks, None)
    for second in range(1, world.seconds + 1):
        while ahead is not None and ahead.time_ns <= START_NS + second * SECOND_NS:
            if ahead.status in SHOWN:
                shown[ahead.track_id] = ahead
            else:
                shown.pop(ahead.track_id, None)
            ahead = next(tracks, None)
        now = instant(world, second, shown, last)
        last = now.paired()
        yield now


def instant(world: World, second: int, shown: dict[str, Track], last: dict[int, str]) -> Instant:
    """Return one second, given the tracks shown and the pairs of the second before."""
    now_ns = START_NS + second * SECOND_NS
    alive = np.flatnonzero(world.paths.alive(float(second))).tolist()
    truth = world.paths.at(float(second))[alive]
    tracks = [shown[name] for name in sorted(shown)]
    placed = np.array([place_m(track, now_ns) for track in tracks]).reshape(-1, 3)
    if world.flat:
        truth, placed = truth * (1, 1, 0), placed * (1, 1, 0)
    gap = distances_m(truth, placed)
    best = gospa_of(gap, match(gap, world.cut_m), world.cut_m)
    pairs = _keep(gap, world.cut_m, last, alive, [track.track_id for track in tracks])
    return Instant(second, alive, truth, tracks, placed, pairs, best.distance_m)


def place_m(track: Track, now_ns: int) -> Array:
    """Return where a track is at a time, in the site's frame."""
    gone_s = (now_ns - track.time_ns) / 1e9
    if not gone_s:
        return np.array(FRAME.to_local(track.lat_deg, track.lon_deg, track.alt_m))
    own = Frame.at_geodetic(track.lat_deg, track.lon_deg, track.alt_m)
    return np.array(FRAME.to_local(*own.to_geodetic(*(gone_s * v for v in track.velocity_mps))))


def verdict(world: World, instants: list[Instant]) -> Verdict:
    """Return the figures of a run."""
    owner: dict[int, str] = {}
    first: dict[int, float] = {}
    switches, paired, confirmed = 0, set[str](), set[str]()
    for now in instants:
        confirmed.update(track.track_id for track in now.tracks)
        for who, name in now.paired().items():
            switches += owner.get(who, name) != name
            owner[who] = name
            paired.add(name)
            first.setdefault(who, now.second - max(float(world.paths.start_s[who]), 0.0))
    judged = [now for now in instants if now.second > SKIP_S]
    errors = [now.truth[row] - now.placed[column] for now in judged for row, column in now.pairs]
    error = np.linalg.norm(np.array(errors or [[np.nan] * 3]), axis=1)
    far = np.array([yes for now in judged for yes in _far(now)] or [False])
    pairs, alive, shown = (
        sum(len(part) for part in parts)
        for parts in zip(*((now.pairs, now.alive, now.tracks) for now in judged), strict=True)
    )
    waited = [first.get(i, float(world.seconds)) for i in range(world.paths.place.shape[0])]
    return Verdict(
        gospa_m=float(np.mean([now.gospa_m for now in judged])),
        rmse_m=float(np.sqrt((error**2).mean())),
        median_m=float(np.median(error)),
        far_median_m=float(np.median(error[far])) if far.any() else float("nan"),
        missed=(alive - pairs) / len(judged),
        false=(shown - pairs) / len(judged),
        switches=switches,
        false_tracks=len(confirmed - paired),
        completeness=pairs / max(alive, 1),
        initiation_s=statistics.median(waited),
        worst_initiation_s=max(waited),
        doubled=sum(_doubled(now, world.cut_m) for now in judged) / max(shown, 1),
        nees=float(np.mean([square for now in judged for square in _squares(now)] or [np.nan])),
    )


def _far(now: Instant) -> list[bool]:
    """For each pair, whether no other object is near."""
    gap = distances_m(now.truth, now.truth) + np.where(np.eye(len(now.alive)), np.inf, 0.0)
    return [bool((gap[row] > APART_M).all()) for row, _ in now.pairs]


def _squares(now: Instant) -> list[float]:
    """Return the normalised squared horizontal error of each pair whose track was published at this second."""
    now_ns, found = START_NS + now.second * SECOND_NS, []
    for row, column in now.pairs:
        track = now.tracks[column]
        if now_ns - track.time_ns < FRESH_NS:
            # The first two rows of the upper triangle begin at 0 and 6.
            cov = np.array([[track.cov[0], track.cov[1]], [track.cov[1], track.cov[6]]])
            error = (now.truth[row] - now.placed[column])[:2]
            found.append(float(error @ np.linalg.solve(cov, error)))
    return found


def _doubled(now: Instant, cut_m: float) -> int:
    """Return how many unpaired tracks are within c of an object that has another."""
    rows, columns = {row for row, _ in now.pairs}, {column for _, column in now.pairs}
    loose = [column for column in range(len(now.tracks)) if column not in columns]
    if not loose or not rows:
        return 0
    return int((distances_m(now.truth[sorted(rows)], now.placed[loose]) < cut_m).any(axis=0).sum())


def _keep(gap: Array, cut_m: float, last: dict[int, str], alive: list[int], names: list[str]) -> Pairs:
    """Keep the pairs of the second before within the cut-off, pair the rest by the best assignment."""
    index = {name: k for k, name in enumerate(names)}
    held = [(row, index[last[who]]) for row, who in enumerate(alive) if last.get(who) in index]
    kept = [(row, column) for row, column in held if gap[row, column] < cut_m]
    rest = gap.copy()
    for row, column in kept:
        rest[row, :] = cut_m
        rest[:, column] = cut_m
    return kept + match(rest, cut_m)
