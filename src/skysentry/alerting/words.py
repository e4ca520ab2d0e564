"""The sentences of alerts: short, exact, to be acted on by someone who has just woken up.

Distances in metres below 1 km, in kilometres with one decimal above; eight compass words; whole seconds up to two
minutes, then minutes; clock times as hours and minutes UTC. Text that came over the air is stripped to printable
characters and cut, so that a transmitter can write its own name into a warning and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from skysentry.alerting.rules import Approach
from skysentry.events import ObjectClass
from skysentry.site import SensorKind

KINDS = {
    ObjectClass.MULTIROTOR: "multirotor",
    ObjectClass.FIXED_WING_ELECTRIC: "electric fixed wing",
    ObjectClass.FIXED_WING_PISTON: "piston fixed wing",
    ObjectClass.JET: "jet",
    ObjectClass.HELICOPTER: "helicopter",
    ObjectClass.AEROPLANE: "aeroplane",
    ObjectClass.BIRD: "probably a bird",
    ObjectClass.BALLOON: "probably a balloon",
    ObjectClass.GROUND_SOURCE: "probably something on the ground",
    ObjectClass.OTHER: "unknown kind",
}
SILENT = {SensorKind.REMOTE_ID: "no Remote ID", SensorKind.ADSB: "no ADS-B"}
# By which claim a thing says who it is; the schemes are those of `events.Identity`.
CLAIMS = {
    "remote_id_serial": "Remote ID",
    "remote_id_registration": "Remote ID",
    "remote_id_utm": "Remote ID",
    "remote_id_session": "Remote ID",
    "dji_serial": "DJI DroneID",
    "icao24": "ADS-B",
}
COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
# A sentence is read at a glance; a name over the air is cut to this.
MAX_NAME = 40
MAX_SENTENCE = 500


def threat(zone_name: str, rule: str, approaches: Sequence[Approach], kinds: frozenset[SensorKind], now_ns: int) -> str:
    """What threatens a place; `approaches` the soonest first, `kinds` the sensors that the site has."""
    first = approaches[0]
    these = [a for a in approaches if _does_so(rule, first, a)]
    more = [a for a in approaches if not _does_so(rule, first, a)]
    also = f", {_number(more)} more could come" if more else ""
    said = f"{_count(these)} {_doing(rule, first, zone_name)}{_when(rule, first, now_ns)}{also}: {_looks(first)}"
    absent = _absent(first, kinds)
    return _cut(f"{said}; {absent}" if absent else said)


def lost(zone_name: str, approaches: Sequence[Approach], now_ns: int) -> str:
    """What was lost from sight and could still come; the last to be able to decides until when."""
    last = max(approaches, key=lambda a: (a.seen_ns, a.track_id))
    until_ns = max(a.lost_until_ns for a in approaches)
    near = last.distance_m <= 0.0 or last.inside >= 0.5
    where = f"over {zone_name}" if near else f"{distance(last.distance_m)} {compass(last.from_deg)}"
    ago = f"{max(0, now_ns - last.seen_ns) // 1_000_000_000} s ago"
    still = "be there" if near else "arrive"
    said = f"{_count(approaches)} lost, not cleared for {zone_name}: last seen {where} {ago}"
    return _cut(f"{said}, could still {still} until {clock(until_ns)}")


def cleared(zone_name: str, reasons: Sequence[str], until_ns: int) -> str:
    """Why nothing threatens any more, and when the all-clear will follow."""
    return _cut(f"nothing threatens {zone_name} any more: {_listed(reasons)}; all clear at {clock(until_ns, True)}")


def all_clear(zone_name: str, reasons: Sequence[str]) -> str:
    """The end of an alert."""
    return _cut(f"all clear for {zone_name}: {_listed(reasons)}")


def _listed(reasons: Sequence[str]) -> str:
    counted = {reason: reasons.count(reason) for reason in reasons}
    return ", ".join(f"{n} {reason}" for reason, n in counted.items()) or "no track is left"


def _does_so(rule: str, first: Approach, other: Approach) -> bool:
    """Whether what is said of the soonest is true of another, or of itself: only those are counted."""
    return other.inside >= 0.5 or (rule != "inside" and (other.heads or not first.heads))


def _count(approaches: Sequence[Approach]) -> str:
    number, noun = _number(approaches), "object" if _mixed(approaches) else "drone"
    return f"{number} {noun}{'' if number == '1' else 's'}"


def _number(approaches: Sequence[Approach]) -> str:
    low, mean, high = (math.fsum(a.members[i] for a in approaches) for i in range(3))
    low_n, n, high_n = max(1, round(low)), max(1, round(mean)), max(1, round(high))
    return f"{low_n}–{high_n}" if high_n > low_n else f"{n}"


def _mixed(approaches: Sequence[Approach]) -> bool:
    """Whether the soonest is not called a drone: something probably harmless, or crewed."""
    crewed = (ObjectClass.HELICOPTER, ObjectClass.AEROPLANE)
    harmless = (ObjectClass.BIRD, ObjectClass.BALLOON, ObjectClass.GROUND_SOURCE)
    return approaches[0].kind in crewed + harmless


def _doing(rule: str, first: Approach, zone_name: str) -> str:
    if rule == "inside":
        return f"over {zone_name} now"
    if rule == "circling":
        return f"circling {zone_name}"
    if rule == "near":
        return f"flying away from {zone_name}, but near enough to turn"
    if rule == "unconfirmed":
        return f"perhaps {'near' if first.distance_m > 0.0 else 'over'} {zone_name} (heard, not confirmed)"
    return f"heading for {zone_name}" if first.heads else f"passing {zone_name}"


def _when(rule: str, first: Approach, now_ns: int) -> str:
    if rule == "inside" or first.inside >= 0.5:
        return ""
    age_s = first.age_s(now_ns)
    low, mean, high = (max(0.0, t - age_s) for t in (first.low_s, first.mean_s, first.high_s))
    if first.heads:
        return f", first in {duration(mean)} ({interval(low, high, mean)})"
    return f", could be there in {duration(max(0.0, first.turn_low_s - age_s))}"


def _looks(first: Approach) -> str:
    kind = KINDS[first.kind] if first.kind is not None else "unknown kind"
    speed = f"{first.speed_mps:.0f} m/s" if first.speed_mps >= 1.0 else "hovering"
    where = f", {distance(first.distance_m)} {compass(first.from_deg)}" if first.distance_m > 0.0 else ""
    return f"{kind}, {speed}{where}"


def _absent(first: Approach, kinds: frozenset[SensorKind]) -> str:
    """Who it says it is; that it says nothing counts only where a receiver listens."""
    if first.identity is not None:
        return claimed(*first.identity)
    silent = [word for kind, word in SILENT.items() if kind in kinds]
    return ", ".join(silent)


def claimed(scheme: str, value: str, callsign: str) -> str:
    """What a track says that it is; a claim, so nobody takes it for more."""
    by = CLAIMS.get(scheme, "")
    call = f" {name(callsign)}" if callsign and callsign != value else ""
    if scheme == "icao24":
        return f"says it is{call} ({by} {name(value)})" if call else f"says it is {by} {name(value)}"
    return f"says it is{call or ' ' + name(value)}{f' ({by})' if by else ''}"


def distance(metres: float) -> str:
    """Metres to the nearest 10 below 1 km, kilometres with one decimal above."""
    return f"{round(metres, -1):.0f} m" if metres < 995.0 else f"{metres / 1000.0:.1f} km"


def compass(degrees: float) -> str:
    """One of eight compass words."""
    return COMPASS[round(degrees / 45.0) % 8]


def duration(seconds: float) -> str:
    """Seconds up to two minutes, then minutes."""
    return f"{seconds:.0f} s" if seconds < 120.0 else f"{seconds / 60.0:.1f} min"


def interval(low_s: float, high_s: float, about_s: float) -> str:
    """Two times in the unit that `duration` gives `about_s`, without its name."""
    return f"{low_s:.0f}–{high_s:.0f}" if about_s < 120.0 else f"{low_s / 60.0:.1f}–{high_s / 60.0:.1f}"


def clock(time_ns: int, seconds: bool = False) -> str:
    """The time of day, UTC."""
    second = time_ns // 1_000_000_000 % 86_400
    text = f"{second // 3600:02d}:{second // 60 % 60:02d}"
    return f"{text}:{second % 60:02d}Z" if seconds else f"{text}Z"


def name(text: str) -> str:
    """Text from outside, printable and short."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= MAX_NAME else clean[: MAX_NAME - 1] + "…"


def sentence(text: str) -> str:
    """What a person wrote, in printable characters."""
    return _cut("".join(c if c.isprintable() else " " for c in text))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SENTENCE else text[: MAX_SENTENCE - 1] + "…"
