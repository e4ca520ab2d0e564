"""Which tracks approach which zones: held, renewed, lost, or dropped with a reason.

A track that threatened and ended, or fell silent, without being seen leaving is lost, not gone. While it only coasts
its approach may get graver but never lighter: a prediction has not been seen leaving. A track that the tracker calls
the same as another is carried on by that one. Only a person's or the site's knowledge ends an unseen approach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skysentry.alerting.area import Area
from skysentry.alerting.arrival import Flock, sound
from skysentry.alerting.rules import (
    KNOWN,
    NOTHING,
    SECOND_NS,
    Approach,
    approach_of,
    circling_since,
    level,
    limit_and_reason,
)
from skysentry.alerting.state import MAX_APPROACHES, MAX_NAMED, MAX_REMEMBERED, State, remember
from skysentry.events import Track, TrackStatus
from skysentry.site import Zone

# A track is judged at most twice a second unless its status or affiliation changed: at 50 m/s it moves 25 m between.
ASSESS_NS = 500_000_000
# Trackers speak of each live track about once a second, coasting ones too; half a minute of silence is a fault.
SILENT_NS = 30 * SECOND_NS
LOST_FACTOR = 1.5
# Below two minutes a gap between sensors would clear; after 15 min at the slowest cruise it has landed or left.
LOST_MIN_S, LOST_MAX_S = 120.0, 900.0
# How the `why` of an ended track begins where its object lives on under another id.
MERGED = ("ended: the same object as another track", "merged")


class Survey:
    """The zones in force, by id, and what the first coarse look at all of them needs."""

    def __init__(self, areas: Mapping[str, Area]) -> None:
        self.areas = dict(areas)
        self.zones = {zone_id: area.zone for zone_id, area in self.areas.items()}
        each = self.areas.values()
        self.origins = np.array([area.origin for area in each]).reshape(-1, 3)
        self.radii_m = np.array([area.radius_m for area in each])
        self.horizons_s = np.array([max(area.zone.watch_s, area.zone.warning_s) for area in each])


def fresh(state: State, now_ns: int, tracks: Iterable[Track]) -> list[Track]:
    """The last event of each track that is worth judging now."""
    latest: dict[str, Track] = {}
    for track in sorted(tracks, key=lambda t: (t.time_ns, t.status is TrackStatus.ENDED, t.id)):
        if sound(track):
            latest[track.track_id] = track
        else:
            state.count("tracks_unusable")
    return [track for track_id, track in sorted(latest.items()) if _due(state, now_ns, track)]


def _due(state: State, now_ns: int, track: Track) -> bool:
    assessed = state.assessed.get(track.track_id)
    if track.status is TrackStatus.ENDED:
        state.assessed.pop(track.track_id, None)
        return True
    standing = (track.status.value, track.affiliation.value)
    if assessed is not None and assessed[1:] == standing and now_ns - assessed[0] < ASSESS_NS:
        return False
    remember(state.assessed, track.track_id, (now_ns, *standing), MAX_REMEMBERED)
    return True


def assess(state: State, survey: Survey, closed: bool, now_ns: int, tracks: Sequence[Track]) -> None:
    """Hold, renew, lose or drop the approach of each track to each zone; `closed` says that civil airspace is."""
    flock = Flock(tracks)
    close = flock.near(survey.origins, survey.radii_m, survey.horizons_s)
    for column, (zone_id, area) in enumerate(survey.areas.items()):
        known = state.approaches.get(zone_id, {})
        near = close[:, column]
        if not near.any() and not known:
            continue
        chosen = []
        for row, track in enumerate(tracks):
            if not near[row] and track.track_id not in known:
                continue
            if track.status is TrackStatus.ENDED:
                _ended(state, closed, now_ns, area.zone, track)
            elif not near[row]:
                _left(state, now_ns, area.zone, track)
            elif _may_threaten(state, closed, now_ns, area.zone, track):
                chosen.append(row)
        if chosen:
            _measure(state, closed, now_ns, area, flock, chosen)


def _may_threaten(state: State, closed: bool, now_ns: int, zone: Zone, track: Track) -> bool:
    limit, reason = limit_and_reason(track, zone, closed)
    if limit != NOTHING:
        return True
    old = state.approaches.get(zone.id, {}).get(track.track_id)
    if old is not None and track.status is TrackStatus.COASTING and not reason.startswith(KNOWN):
        old.heard_ns = now_ns
    else:
        drop(state, zone.id, track.track_id, reason)
    return False


def _measure(state: State, closed: bool, now_ns: int, area: Area, flock: Flock, chosen: Sequence[int]) -> None:
    zone = area.zone
    approaches = state.approaches.setdefault(zone.id, {})
    for row, reach in zip(chosen, flock.reach(area, chosen), strict=True):
        track = flock.tracks[row]
        old = approaches.get(track.track_id)
        limit, _ = limit_and_reason(track, zone, closed)
        new = approach_of(track, reach, limit, now_ns)
        new.circling_since_ns = circling_since(new, old, zone, now_ns)
        if track.status is TrackStatus.COASTING and old is not None:
            old.heard_ns = now_ns
            if level(new, zone, now_ns)[0] < level(old, zone, now_ns)[0]:
                continue
        if level(new, zone, now_ns)[0] > NOTHING:
            approaches[track.track_id] = new
        else:
            drop(state, zone.id, track.track_id, "seen leaving")
    while len(approaches) > MAX_APPROACHES:
        farthest = max(approaches.values(), key=lambda a: (a.low_now_s(now_ns), a.turn_low_s, a.track_id))
        del approaches[farthest.track_id]
        state.count("approaches_dropped")


def _left(state: State, now_ns: int, zone: Zone, track: Track) -> None:
    """A track that threatened is out of reach: gone if it was seen there, else only predicted."""
    if track.status is TrackStatus.COASTING:
        state.approaches[zone.id][track.track_id].heard_ns = now_ns
    else:
        drop(state, zone.id, track.track_id, "seen leaving")


def _ended(state: State, closed: bool, now_ns: int, zone: Zone, track: Track) -> None:
    approach = state.approaches.get(zone.id, {}).get(track.track_id)
    if approach is None:
        return
    limit, reason = limit_and_reason(track, zone, closed)
    if track.why.startswith(MERGED):
        drop(state, zone.id, track.track_id, "carried on by another track")
    elif limit == NOTHING and reason.startswith(KNOWN):
        drop(state, zone.id, track.track_id, reason)
    else:
        lose(state, now_ns, zone, approach)


def lose(state: State, now_ns: int, zone: Zone, approach: Approach) -> None:
    """From now on the track is lost: it holds its level until it would have arrived, and then some."""
    if not approach.confirmed:
        drop(state, zone.id, approach.track_id, "never confirmed")
        return
    slowest_s = approach.high_s if approach.heads else approach.turn_high_s
    wait_s = min(max(LOST_FACTOR * slowest_s, LOST_MIN_S), LOST_MAX_S)
    approach.lost_level, _ = level(approach, zone, now_ns)
    approach.lost_ns = now_ns
    approach.lost_until_ns = max(approach.seen_ns + int(wait_s * 1e9), now_ns)


def drop(state: State, zone_id: str, track_id: str, reason: str) -> None:
    """A track threatens a zone no more; the reason goes into the words of its alert."""
    approaches = state.approaches.get(zone_id, {})
    if approaches.pop(track_id, None) is None:
        return
    alert = state.alerts.get(state.of_zone.get(zone_id, ""))
    if alert is not None:
        remember(alert.reasons, track_id, reason, MAX_NAMED)
