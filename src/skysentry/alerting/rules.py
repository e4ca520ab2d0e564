"""How grave a track is for a zone: one table of times, and limits from what the track may be.

The low bound of arrival (5 %, `arrival`) against the zone's `urgent_s`, `warning_s` and `watch_s` gives the level.
To it come

    inside      it is in the zone as likely as not                        urgent
    circling    for 3¾ urgent_s it could have been there within 1½ of it  urgent, wherever its nose points
    near        it flies away, but could be there within warning_s        at least watch
    hostile     a person or a site rule said so, within reach             at least watch

and limits

    friend, known or declared                                             nothing
    neutral (cooperative aircraft)                                        info in closed airspace, otherwise nothing
    P(not a bird, balloon or ground source) below 0.15 / below 0.02       at most watch / nothing
    tentative                                                             at most watch
    surely above the zone's ceiling (95 %)                                nothing

The cost behind 0.15: a false warning costs a zone some minutes of shelter, a missed drone may cost lives. We hold one
miss to be worth six false warnings *of one object that looks like a bird*, so a warning pays from P = 1/(1 + 6) ≈ 0.15
on; with much less, every flock would sound the siren and the sirens would be switched off. Below 0.02 even the silent
watch list would be birds only. Names of missions never come in; "hostile" lifts the class limit, nothing else does.
"""

from __future__ import annotations

import math
from operator import itemgetter

from msgspec import Struct

from skysentry.alerting.arrival import Reach
from skysentry.events import Affiliation, ObjectClass, Severity, Track, TrackStatus
from skysentry.site import Zone

LEVELS = (Severity.INFO, Severity.WATCH, Severity.WARNING, Severity.URGENT)
NOTHING, INFO, WATCH, WARNING, URGENT = -1, 0, 1, 2, 3
LEVEL_OF = {severity: level for level, severity in enumerate(LEVELS)}

HARMLESS = frozenset({ObjectClass.BIRD, ObjectClass.BALLOON, ObjectClass.GROUND_SOURCE})
WARN_THREAT = 0.15
WATCH_THREAT = 0.02
# How the reason begins where a person, the site or an authority knows the track.
KNOWN = "known as"
# A track that more likely is nothing than something founds no alert.
MIN_EXISTENCE = 0.5
CIRCLING_REACH = 1.5
# Leaving the ring by a little is not leaving: the count of circling starts anew only beyond 1.25 of its reach.
CIRCLING_SLACK = 1.25
# A straight pass stays within reach of a small place for twice the reach at most; one that stays longer has turned.
CIRCLING_STAY = 2.0 * CIRCLING_REACH * CIRCLING_SLACK
SECOND_NS = 1_000_000_000


_share = itemgetter(1)


class Approach(Struct):
    """What is held of one track for one zone. Times in seconds count from `state_ns`; `from_deg` is as in `Reach`.

    `identity` is (scheme, value, callsign) of what it claims to be.
    """

    track_id: str
    state_ns: int
    seen_ns: int
    confirmed: bool
    limit: int
    floor: int
    low_s: float
    mean_s: float
    high_s: float
    turn_low_s: float
    turn_high_s: float
    inside: float
    heads: bool
    distance_m: float
    from_deg: float
    lat_deg: float
    lon_deg: float
    velocity_mps: tuple[float, float]
    sigma_m: float
    sigma_mps: float
    speed_mps: float
    kind: ObjectClass | None
    members: tuple[float, float, float]
    identity: tuple[str, str, str] | None
    circling_since_ns: int | None = None
    lost_ns: int | None = None
    lost_until_ns: int = 0
    lost_level: int = NOTHING

    def age_s(self, now_ns: int) -> float:
        """Seconds since the time of the state."""
        return max(0, now_ns - self.state_ns) / 1e9

    def low_now_s(self, now_ns: int) -> float:
        """The low bound of arrival from now on."""
        age_ns = now_ns - self.state_ns
        low_s = self.low_s - age_ns / 1e9 if age_ns > 0 else self.low_s
        return low_s if low_s > 0.0 else 0.0


def limit_and_reason(track: Track, airspace_closed: bool) -> tuple[int, str]:
    """The highest level that this track may give any zone, and why it is no higher (empty for no limit)."""
    if track.affiliation is Affiliation.FRIEND:
        return NOTHING, "known as a friend"
    if track.affiliation is Affiliation.NEUTRAL:
        return (INFO, "known as neutral") if airspace_closed else (NOTHING, "known as neutral")
    limit, reason = URGENT, ""
    if track.affiliation is not Affiliation.HOSTILE:
        threat = threat_probability(track)
        if threat < WATCH_THREAT:
            return NOTHING, "no drone by its class"
        if threat < WARN_THREAT:
            limit, reason = WATCH, "probably no drone"
    if track.status is TrackStatus.TENTATIVE:
        if track.existence < MIN_EXISTENCE:
            return NOTHING, "not confirmed"
        return min(limit, WATCH), "not confirmed"
    return limit, reason


def threat_probability(track: Track) -> float:
    """One minus the probability of the harmless classes; a track without classes may be anything."""
    return 1.0 - min(1.0, sum([p for kind, p in track.classes if kind in HARMLESS]))


def best_kind(track: Track) -> ObjectClass | None:
    """The class that a track most probably is."""
    return max(track.classes, key=_share)[0] if track.classes else None


def approach_of(track: Track, reach: Reach, limit: int) -> Approach:
    """What to hold of a track that was looked at for a zone."""
    east, north, _ = track.velocity_mps
    claim = track.identity
    return Approach(
        track_id=track.track_id,
        state_ns=track.time_ns,
        seen_ns=track.last_seen_ns,
        confirmed=track.status is not TrackStatus.TENTATIVE,
        limit=limit,
        floor=WATCH if track.affiliation is Affiliation.HOSTILE else NOTHING,
        low_s=reach.low_s,
        mean_s=reach.mean_s,
        high_s=reach.high_s,
        turn_low_s=reach.turn_low_s,
        turn_high_s=reach.turn_high_s,
        inside=reach.inside,
        heads=reach.heads,
        distance_m=reach.distance_m,
        from_deg=reach.from_deg,
        lat_deg=track.lat_deg,
        lon_deg=track.lon_deg,
        velocity_mps=(east, north),
        sigma_m=math.sqrt(max(track.cov[0] + track.cov[6], 0.0)),
        sigma_mps=math.sqrt(max(track.cov[15] + track.cov[18], 0.0)),
        speed_mps=math.hypot(east, north),
        kind=best_kind(track),
        members=track.members,
        identity=None if claim is None else (claim.scheme, claim.value, claim.callsign or ""),
    )


def circling_since(new: Approach, old: Approach | None, zone: Zone, now_ns: int) -> int | None:
    """Since when the track has been able to be in the zone within the reach of circling, or `None`."""
    since = old.circling_since_ns if old is not None else None
    bound_s = CIRCLING_REACH * zone.urgent_s * (CIRCLING_SLACK if since is not None else 1.0)
    if new.turn_low_s > bound_s:
        return None
    return since if since is not None else now_ns


def level(approach: Approach, zone: Zone, now_ns: int) -> tuple[int, str]:
    """The level that a track gives a zone now, and the rule that gave it."""
    if approach.lost_ns is not None:
        overdue = now_ns > approach.seen_ns + _ns(max(approach.high_s, approach.turn_high_s))
        return (min(approach.lost_level, WATCH) if overdue else approach.lost_level), "lost"
    found, rule = _free_level(approach, zone, now_ns)
    if not approach.confirmed and found >= WATCH:
        rule = "unconfirmed"
    return min(found, approach.limit), rule


def _free_level(approach: Approach, zone: Zone, now_ns: int) -> tuple[int, str]:
    low_s = approach.low_now_s(now_ns)
    since = approach.circling_since_ns
    if approach.inside >= 0.5:
        return URGENT, "inside"
    if low_s <= zone.urgent_s:
        return URGENT, "approach"
    if since is not None and now_ns - since >= _ns(CIRCLING_STAY * zone.urgent_s):
        return URGENT, "circling"
    if low_s <= zone.warning_s:
        return WARNING, "approach"
    if low_s <= zone.watch_s:
        return WATCH, "approach"
    if approach.turn_low_s <= zone.warning_s:
        return WATCH, "near"
    if approach.floor > NOTHING and approach.turn_low_s <= zone.watch_s:
        return approach.floor, "hostile"
    return NOTHING, ""


def _ns(seconds: float) -> int:
    # An hour bounds what an infinite or absurd time may mean.
    return int(min(seconds, 3600.0) * 1e9)
