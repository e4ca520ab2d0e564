"""What the variants are asked beside the metric: each figure of its own, from the seconds of a run (`judge.follow`).

named       biased: outlying sensors that a `Health` of the tracker names, and sound ones it names wrongly
ended       deaf: confirmed tracks that ended although their object flew on within true hearing
arrivals    sparse: time to a zone behind a belt, told two minutes ahead, within 10 % + 15 s
counted     group: groups whose number of members is within the sum of its tracks' intervals
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.scenarios.judge import SECOND_NS, SKIP_S, Instant, place_m
from bench.scenarios.looks import START_NS
from bench.scenarios.paths import Array
from bench.scenarios.world import FRAME, World
from skysentry.events import AnyEvent, Health, HealthState, Track, TrackEnd, TrackStatus
from skysentry.score.gospa import distances_m

# An outlier is to be named within ten minutes, or by the end of a shorter run.
NAMED_WITHIN_S = 600
# A track speaks for the object that it was last paired with, if that was no longer ago than this.
LATELY_S = 10
# An object is within true hearing where all sensors together detect it at least this often in a second ...
HEARD_PER_S = 0.5
# ... and a pass of a belt counts as seen with this many detections before the time of asking.
SEEN = 5.0
LEAD_S = 120.0


@dataclass(frozen=True)
class Named:
    """Outlying sensors, those of them that were named, and others that were named wrongly."""

    outliers: int
    named: int
    wrongly: int


def named(world: World, events: Iterable[AnyEvent]) -> Named:
    """Return which sensors the tracker found to be wrong within ten minutes.

    A sensor is named wrongly where it is less than two declared sigmas off.
    """
    until_ns = START_NS + NAMED_WITHIN_S * SECOND_NS
    found = {
        event.source
        for event in events
        if isinstance(event, Health) and event.state is HealthState.DEGRADED and event.time_ns <= until_ns
    }
    out = {body.sensor.id for body in world.outliers}
    sound = set()
    for body in world.bodies:
        turned = abs(body.heading_deg) > 2.0 * body.sensor.heading_sigma_deg
        slow = abs(body.clock_s) > 2.0 * body.sensor.clock_sigma_s
        if not (body.outlier or turned or slow):
            sound.add(body.sensor.id)
    return Named(len(out), len(out & found), len(sound & found))


@dataclass(frozen=True)
class Ended:
    """Confirmed tracks, and those of them that ended while their object flew on within true hearing."""

    confirmed: int
    wrongly: int


def ended(world: World, instants: list[Instant], events: Iterable[AnyEvent]) -> Ended:
    """Return how many confirmed tracks ended wrongly; an end by a merger is none where another track is there.

    An id that ends and comes back is asked at each of its ends, of the object that it stood for until then.
    """
    ends: dict[int, list[Track]] = {}
    for event in events:
        if isinstance(event, Track) and event.end is not None:
            ends.setdefault(math.ceil((event.time_ns - START_NS) / SECOND_NS), []).append(event)
    whose: dict[str, tuple[int, int]] = {}
    confirmed: set[str] = set()
    wrong: set[str] = set()
    for now in instants:
        confirmed.update(track.track_id for track in now.tracks)
        whose.update({name: (who, now.second) for who, name in now.paired().items()})
        for event in ends.get(now.second, []):
            who, paired_s = whose.get(event.track_id, (-1, -LATELY_S))
            if now.second - paired_s <= LATELY_S and _heard_on(world, now, who, event.end):
                wrong.add(event.track_id)
    return Ended(len(confirmed), len(wrong))


def _heard_on(world: World, now: Instant, who: int, end: TrackEnd | None) -> bool:
    """Return whether an object flies on within true hearing, and no merger left it to another track."""
    assert world.expected is not None
    heard = world.expected[who, max(now.second - 3, 0) : now.second].mean() >= HEARD_PER_S
    return who in now.alive and bool(heard) and not (end is TrackEnd.MERGED and who in now.paired())


@dataclass(frozen=True)
class Arrivals:
    """Passes into a zone that were seen, those told in time and right, and the median error of all told."""

    passes: int
    seen: int
    right: int
    median_error_s: float


def arrivals(world: World, instants: list[Instant], events: Iterable[AnyEvent]) -> Arrivals:
    """Return how well tracks foretell when objects enter the zones, along a straight line two minutes ahead."""
    assert world.expected is not None
    north = [max(FRAME.to_local(lat, lon, 0.0)[1] for lon, lat in zone.polygons[0][0]) for zone in world.site.zones]
    history: dict[str, list[Track]] = {}
    for event in events:
        if isinstance(event, Track) and event.status is not TrackStatus.TENTATIVE:
            history.setdefault(event.track_id, []).append(event)
    passes = seen = right = 0
    errors = []
    for edge_m in north:
        for who, enters_s in _entries(world, edge_m):
            ask_s = math.floor(enters_s - LEAD_S)
            if ask_s < SKIP_S:
                continue
            passes += 1
            if world.expected[who, max(ask_s - 400, 0) : ask_s].sum() < SEEN:
                continue
            seen += 1
            told_s = _told_s(instants, history, who, ask_s, edge_m)
            error_s = abs(told_s - (enters_s - ask_s))
            errors.append(error_s)
            right += error_s <= 0.1 * (enters_s - ask_s) + 15.0
    return Arrivals(passes, seen, right, float(np.median(errors)) if errors else math.nan)


def _entries(world: World, edge_m: float) -> list[tuple[int, float]]:
    """Return who crosses a line from the north, and when."""
    times = np.arange(0.0, world.seconds, 0.5)
    north = world.paths.at(times[:, None])[..., 1]
    crossed = (north[:-1] > edge_m) & (north[1:] <= edge_m)
    return [(int(who), float(times[k + 1])) for k, who in np.argwhere(crossed)]


def _told_s(instants: list[Instant], history: dict[str, list[Track]], who: int, ask_s: int, edge_m: float) -> float:
    """Return the seconds until an object crosses the line as its last track has it, infinite without one."""
    name = next((now.paired()[who] for now in instants[ask_s - 1 :: -1] if who in now.paired()), None)
    now_ns = START_NS + ask_s * SECOND_NS
    known = [track for track in history.get(name or "", []) if track.time_ns <= now_ns]
    if not known or known[-1].velocity_mps[1] >= 0.0:
        return math.inf
    return float((place_m(known[-1], now_ns)[1] - edge_m) / -known[-1].velocity_mps[1])


@dataclass(frozen=True)
class Counted:
    """Share of groups' seconds in which the number is within the interval, and the mean width of that."""

    share: float
    width: float


def counted(world: World, instants: list[Instant], after_s: int = 60) -> Counted:
    """Return how well groups are counted, a minute after the start; a track counts for the object it is nearest to."""
    assert world.group is not None
    good, widths = [], []
    for now in instants:
        if now.second <= after_s:
            continue
        groups = world.group[now.alive]
        low, high = _intervals(now, groups, world.cut_m)
        for number in np.unique(groups[groups >= 0]).tolist():
            n = int((groups == number).sum())
            good.append(low[number] <= n <= high[number])
            widths.append(high[number] - low[number])
    return Counted(float(np.mean(good)) if good else math.nan, float(np.mean(widths)) if widths else math.nan)


def _intervals(now: Instant, groups: NDArray[np.int64], cut_m: float) -> tuple[Array, Array]:
    """Return for each group the summed low and high numbers of members of the tracks that stand at it."""
    low, high = np.zeros(int(groups.max()) + 1), np.zeros(int(groups.max()) + 1)
    if now.tracks:
        gap = distances_m(now.placed, now.truth)
        for k, track in enumerate(now.tracks):
            nearest = int(gap[k].argmin())
            if gap[k, nearest] < cut_m and groups[nearest] >= 0:
                low[groups[nearest]] += track.members[0]
                high[groups[nearest]] += track.members[2]
    return low, high
