"""Which tracks approach which zones: held, renewed, lost, found again, or dropped with a reason.

A track is looked at again when it could change something: new, confirmed, of another status, affiliation or class
limit, off the straight line that was foretold, near the time at which its countdown crosses a limit of a zone, or
after a tenth of the soonest time to any zone (1 to 10 s). At most once a second; between, its arrival counts down.

A track that threatened and ended, or fell silent, without being seen leaving is lost, not gone. While it only coasts
its approach may get graver but never lighter: a prediction has not been seen leaving. A track that the tracker merged
into another is carried on by that one. Only a person's or the site's knowledge ends an unseen approach.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skysentry.alerting import again
from skysentry.alerting.area import Area
from skysentry.alerting.arrival import ABOVE, FAR, NEAR, Ground, Reach, reach_of, sound
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
from skysentry.alerting.state import MAX_APPROACHES, MAX_NAMED, MAX_REMEMBERED, Seen, State, remember
from skysentry.events import Track, TrackEnd, TrackStatus
from skysentry.site import Zone

# At most once a second, by a clock of 100 ms that reports do not keep exactly: at 50 m/s it moves 45 m between.
ASSESS_NS = 900_000_000
# A straight approach is told by counting down, so it is looked at again only as its arrival comes a tenth nearer.
AGAIN_SHARE, AGAIN_MOST_S = 0.1, 10.0
# A countdown that is about to raise a severity is checked by a look of this second, not of ten seconds ago.
AHEAD_S = 1.5
# As foretold: within a second of the way that was foretold, a twentieth of the speed and a quarter of each sigma, so
# that the arrival is right within 5 % and a second. Slower than 10 m/s counts as 10, for it would be all noise.
STEADY_S, STEADY_SHARE, STEADY_PACE_MPS, STEADY_VARIANCE = 1.0, 0.05, 10.0, 1.25**2
METRES_PER_DEGREE = 111_195.0
# Trackers speak of each live track about once a second, coasting ones too; half a minute of silence is a fault.
SILENT_NS = 30 * SECOND_NS
LOST_FACTOR = 1.5
# Below two minutes a gap between sensors would clear; after 15 min at the slowest cruise it has landed or left.
LOST_MIN_S, LOST_MAX_S = 120.0, 900.0
# Refuted: sensors that should see it do not. It is down, was none, or is behind a hill: held for its slowest arrival
# without the half beyond, five minutes at most, and one at least, for a low flier comes out from behind a hill again.
REFUTED_FACTOR, REFUTED_MIN_S, REFUTED_MAX_S = 1.0, 60.0, 300.0
SEEN_LEAVING = "seen leaving"


class Survey:
    """The zones in force, by id, and the arrays that all of them are looked at with."""

    def __init__(self, areas: Mapping[str, Area]) -> None:
        self.areas = dict(areas)
        self.zones = {zone_id: area.zone for zone_id, area in self.areas.items()}
        self.ground = Ground(self.areas.values())


# --- which tracks -----------------------------------------------------------------------------------------------


def fresh(state: State, closed: bool, now_ns: int, tracks: Iterable[Track]) -> list[Track]:
    """The last event of each track that is worth looking at now, those that ended last."""
    latest: dict[str, Track] = {}
    for track in sorted(tracks, key=_turn):
        if sound(track):
            latest[track.track_id] = track
        else:
            state.count("tracks_unusable")
    due = [track for _, track in sorted(latest.items()) if _due(state, closed, now_ns, track)]
    return sorted(due, key=_ends)


def _turn(track: Track) -> tuple[int, bool, str]:
    return track.time_ns, track.status is TrackStatus.ENDED, track.id


def _ends(track: Track) -> bool:
    return track.status is TrackStatus.ENDED


def _due(state: State, closed: bool, now_ns: int, track: Track) -> bool:
    if track.status is TrackStatus.ENDED:
        return True
    seen = state.seen.get(track.track_id)
    if seen is None:
        return True
    seen.heard_ns = now_ns
    if seen.status is not track.status or seen.affiliation is not track.affiliation:
        return True
    if now_ns - seen.checked_ns >= ASSESS_NS:
        seen.checked_ns = now_ns
        if now_ns >= seen.due_ns or not _as_foretold(seen, track) or not _same_limit(seen, closed, track):
            return True
    if seen.near:
        seen.latest = track
    return False


def _as_foretold(seen: Seen, track: Track) -> bool:
    """Whether a track went on straight at its speed since it was looked at, as well known as then."""
    ve, vn, _ = track.velocity_mps
    pace = max(math.hypot(seen.east_mps, seen.north_mps), STEADY_PACE_MPS)
    if math.hypot(ve - seen.east_mps, vn - seen.north_mps) > STEADY_SHARE * pace:
        return False
    age_s = (track.time_ns - seen.time_ns) / 1e9
    dlon = (track.lon_deg - seen.lon_deg + 180.0) % 360.0 - 180.0
    east = dlon * METRES_PER_DEGREE * math.cos(math.radians(seen.lat_deg)) - seen.east_mps * age_s
    north = (track.lat_deg - seen.lat_deg) * METRES_PER_DEGREE - seen.north_mps * age_s
    if math.hypot(east, north) > STEADY_S * pace:
        return False
    place, speed = track.cov[0] + track.cov[6], track.cov[15] + track.cov[18]
    return _alike(place, seen.place_m2) and _alike(speed, seen.speed_m2ps2)


def _alike(new: float, old: float) -> bool:
    return new <= STEADY_VARIANCE * old and old <= STEADY_VARIANCE * new


def _same_limit(seen: Seen, closed: bool, track: Track) -> bool:
    if track.status is TrackStatus.TENTATIVE:
        return False
    if track.classes != seen.classes:
        seen.classes = track.classes
        return limit_and_reason(track, closed)[0] == seen.limit
    return True


# --- how they stand ---------------------------------------------------------------------------------------------


def assess(state: State, survey: Survey, closed: bool, now_ns: int, tracks: Sequence[Track]) -> bool:
    """Hold, renew, lose or drop the approach of each track to each zone; `closed` says that civil airspace is.

    `tracks` are as `fresh` returns them. Returns whether something changed that people cannot wait a second for.
    """
    pressing = False
    live: list[Track] = []
    for track in tracks:
        if track.status is not TrackStatus.ENDED:
            limit, reason = limit_and_reason(track, closed)
            _note(state, now_ns, track, limit)
            if limit == NOTHING:
                pressing = _not_one(state, now_ns, track, reason) or pressing
            else:
                live.append(track)
        elif (seen := state.seen.get(track.track_id)) is not None and seen.latest is not None:
            live.append(seen.latest)
    if live and survey.areas:
        pressing = _look(state, survey, closed, now_ns, live) or pressing
    for track in tracks:
        if track.status is TrackStatus.ENDED:
            pressing = _ended(state, survey, closed, now_ns, track) or pressing
    return pressing


def _note(state: State, now_ns: int, track: Track, limit: int) -> None:
    """Remember how a track was when it was looked at."""
    old = state.seen.get(track.track_id)
    if track.status is TrackStatus.CONFIRMED and (old is None or old.status is TrackStatus.TENTATIVE):
        again.welcome(state, track)
    seen = Seen(
        status=track.status,
        affiliation=track.affiliation,
        limit=limit,
        heard_ns=now_ns,
        looked_ns=now_ns,
        checked_ns=now_ns,
        due_ns=now_ns + int(AGAIN_MOST_S * 1e9),
        time_ns=track.time_ns,
        lat_deg=track.lat_deg,
        lon_deg=track.lon_deg,
        east_mps=track.velocity_mps[0],
        north_mps=track.velocity_mps[1],
        place_m2=track.cov[0] + track.cov[6],
        speed_m2ps2=track.cov[15] + track.cov[18],
        classes=track.classes,
    )
    remember(state.seen, track.track_id, seen, MAX_REMEMBERED)


def _not_one(state: State, now_ns: int, track: Track, reason: str) -> bool:
    """A track that may not threaten any zone; return whether that cannot wait."""
    pressing = False
    coasts = track.status is TrackStatus.COASTING and not reason.startswith(KNOWN)
    for zone_id, approaches in state.approaches.items():
        if track.track_id in approaches and not coasts:
            pressing = drop(state, zone_id, track.track_id, reason) or pressing
    return pressing


def _look(state: State, survey: Survey, closed: bool, now_ns: int, tracks: Sequence[Track]) -> bool:
    stands, numbers = survey.ground.look(tracks)
    codes: list[list[int]] = stands.T.tolist()
    reached: list[bool] = np.any(stands != FAR, axis=0).tolist()
    pressing = False
    due_s = [AGAIN_MOST_S] * len(tracks)
    limits = [limit_and_reason(track, closed)[0] for track in tracks]
    for column, (zone_id, area) in enumerate(survey.areas.items()):
        known = state.approaches.get(zone_id, {})
        if not reached[column] and not known:
            continue
        for row, track in enumerate(tracks):
            code = codes[column][row]
            if code == NEAR:
                reach = reach_of(numbers[row, column])
                due_s[row] = min(due_s[row], _again_s(reach, area.zone, track, now_ns))
                pressing = _measure(state, limits[row], now_ns, area.zone, track, reach) or pressing
            elif track.track_id in known and track.status is not TrackStatus.COASTING:
                reason = "above the ceiling" if code == ABOVE else SEEN_LEAVING
                pressing = drop(state, zone_id, track.track_id, reason) or pressing
        if len(state.approaches.get(zone_id, ())) > 2 * MAX_APPROACHES:
            _cap(state, zone_id, now_ns)
    near: list[bool] = np.any(stands == NEAR, axis=1).tolist()
    for row, track in enumerate(tracks):
        seen = state.seen.get(track.track_id)
        if seen is not None:
            seen.due_ns, seen.near = now_ns + int(due_s[row] * 1e9), near[row]
    return pressing


def _again_s(reach: Reach, zone: Zone, track: Track, now_ns: int) -> float:
    """After how many seconds the track is to be looked at again for this zone."""
    wait_s = AGAIN_SHARE * reach.turn_low_s
    low_s = reach.low_s - max(0, now_ns - track.time_ns) / 1e9
    for limit_s in (zone.urgent_s, zone.warning_s, zone.watch_s):
        if low_s > limit_s:
            wait_s = min(wait_s, low_s - limit_s - AHEAD_S)
    return wait_s


def _measure(state: State, limit: int, now_ns: int, zone: Zone, track: Track, reach: Reach) -> bool:
    """Hold or drop the approach of a track that may reach a zone; return whether that cannot wait."""
    approaches = state.approaches.get(zone.id)
    old = approaches.get(track.track_id) if approaches is not None else None
    new = approach_of(track, reach, limit)
    new.circling_since_ns = circling_since(new, old, zone, now_ns)
    found = level(new, zone, now_ns)[0]
    if track.status is TrackStatus.COASTING and old is not None and found < level(old, zone, now_ns)[0]:
        return False
    if found == NOTHING:
        return old is not None and drop(state, zone.id, track.track_id, SEEN_LEAVING)
    state.approaches.setdefault(zone.id, {})[track.track_id] = new
    alert = state.alerts.get(state.of_zone.get(zone.id, ""))
    return alert is None or found > alert.level


def _cap(state: State, zone_id: str, now_ns: int) -> None:
    """Keep the soonest; done once a second, and at once only where there are twice as many."""
    approaches = state.approaches.get(zone_id, {})
    if len(approaches) <= MAX_APPROACHES:
        return
    by_time = sorted(approaches.values(), key=lambda a: (a.low_now_s(now_ns), a.turn_low_s, a.track_id))
    for farthest in by_time[MAX_APPROACHES:]:
        del approaches[farthest.track_id]
        state.count("approaches_dropped")


# --- how they end -----------------------------------------------------------------------------------------------


def _ended(state: State, survey: Survey, closed: bool, now_ns: int, track: Track) -> bool:
    state.seen.pop(track.track_id, None)
    limit, reason = limit_and_reason(track, closed)
    known = limit == NOTHING and reason.startswith(KNOWN)
    pressing = False
    for zone_id, zone in survey.zones.items():
        approach = state.approaches.get(zone_id, {}).get(track.track_id)
        if approach is None:
            continue
        if track.end is TrackEnd.MERGED:
            pressing = drop(state, zone_id, track.track_id, "carried on by another track") or pressing
        elif known:
            pressing = drop(state, zone_id, track.track_id, reason) or pressing
        else:
            approach.seen_ns = max(approach.seen_ns, min(track.last_seen_ns, now_ns))
            pressing = lose(state, now_ns, zone, approach, track.end) or pressing
    return pressing


def fallen_silent(state: State, now_ns: int) -> list[Track]:
    """Forget tracks that nobody has spoken of for too long; return the last word of those that were near a zone."""
    silent = [track_id for track_id, seen in state.seen.items() if now_ns - seen.heard_ns > SILENT_NS]
    last = [state.seen.pop(track_id).latest for track_id in silent]
    return [track for track in last if track is not None]


def settle(state: State, survey: Survey, closed: bool, now_ns: int) -> None:
    """Once a second: lose the tracks that fell silent, release those found again, drop those whose time is over."""
    last = fallen_silent(state, now_ns)
    if last:
        _look(state, survey, closed, now_ns, last)
    for zone_id, approaches in state.approaches.items():
        _cap(state, zone_id, now_ns)
        zone = survey.zones.get(zone_id)
        for approach in list(approaches.values()):
            if approach.lost_ns is None:
                if approach.track_id not in state.seen and zone is not None:
                    lose(state, now_ns, zone, approach)
            elif now_ns >= approach.lost_until_ns:
                drop(state, zone_id, approach.track_id, "lost and its time is over (by time, not by sight)")
    for zone_id, lost_id, new_id in list(again.reunited(state, now_ns)):
        drop(state, zone_id, lost_id, f"found again as {new_id}")


def lose(state: State, now_ns: int, zone: Zone, approach: Approach, end: TrackEnd | None = None) -> bool:
    """From now on the track is lost: it holds its level until it would have arrived, and then some.

    Returns whether it was the one that the alert of the zone names first.
    """
    if not approach.confirmed:
        return drop(state, zone.id, approach.track_id, "never confirmed")
    slowest_s = approach.high_s if approach.heads else approach.turn_high_s
    if end is TrackEnd.REFUTED:
        wait_s = min(max(REFUTED_FACTOR * slowest_s, REFUTED_MIN_S), REFUTED_MAX_S)
    else:
        wait_s = min(max(LOST_FACTOR * slowest_s, LOST_MIN_S), LOST_MAX_S)
    approach.lost_level, _ = level(approach, zone, now_ns)
    approach.lost_ns = now_ns
    approach.lost_until_ns = max(approach.seen_ns + int(wait_s * 1e9), now_ns)
    state.unmatched = True
    return _is_first(state, zone.id, approach.track_id)


def drop(state: State, zone_id: str, track_id: str, reason: str) -> bool:
    """A track threatens a zone no more; the reason goes into the words of its alert.

    Returns whether it was the one that the alert of the zone names first.
    """
    approaches = state.approaches.get(zone_id, {})
    if approaches.pop(track_id, None) is None:
        return False
    alert = state.alerts.get(state.of_zone.get(zone_id, ""))
    if alert is not None:
        remember(alert.reasons, track_id, reason, MAX_NAMED)
    return _is_first(state, zone_id, track_id)


def _is_first(state: State, zone_id: str, track_id: str) -> bool:
    alert = state.alerts.get(state.of_zone.get(zone_id, ""))
    return alert is not None and alert.tracks[:1] == (track_id,)
