"""One sentence of why a track is: who senses it, how it moves, who it says it is, what it seems to be."""

from __future__ import annotations

import math

from skysentry.events import ObjectClass
from skysentry.site import SensorKind
from skysentry.tracking.table import Life

SECOND_NS = 1_000_000_000
# Older than this, a last look is told with its age.
RECENT_S = 5
VERBS = {
    SensorKind.MICROPHONE: ("heard by", "microphone", "microphones"),
    SensorKind.ARRAY: ("heard by", "array", "arrays"),
    SensorKind.RADAR: ("seen by", "radar", "radars"),
    SensorKind.CAMERA: ("seen by", "camera", "cameras"),
    SensorKind.OBSERVER: ("seen by", "observer", "observers"),
    SensorKind.REMOTE_ID: ("received by", "Remote ID receiver", "Remote ID receivers"),
    SensorKind.ADSB: ("received by", "ADS-B receiver", "ADS-B receivers"),
    SensorKind.RF: ("received by", "radio sensor", "radio sensors"),
    SensorKind.EXTERNAL: ("reported by", "source", "sources"),
}
ENDS = {
    "gone": "ended: sensors that should see it no longer do",
    "lost": "ended: not seen for two minutes",
    "too uncertain": "ended: its place is no longer known to 1 km",
    "down": "ended: came down to the ground, or flies too low to be seen",
    "forgotten": "ended: never confirmed",
    "merged": "ended: the same object as another track",
}


def explain(
    life: Life,
    end: str,
    sensors: tuple[str, ...],
    told: str,
    row: list[float],
    classes: tuple[tuple[ObjectClass, float], ...],
    now_ns: int,
) -> str:
    """Return the sentence, with `told` from `senses`; the last one again while nothing in it has changed."""
    speed = math.hypot(row[3], row[4])
    heading = round(math.degrees(math.atan2(row[3], row[4])) / 10.0) * 10 % 360
    unseen_s = (now_ns - life.last_ns) // SECOND_NS
    top, share = classes[0]
    claim = life.silence if life.identity is None else life.identity.value
    old_s = unseen_s if unseen_s > RECENT_S else 0
    key = (end, sensors, round(speed), heading, top, round(10.0 * share), old_s, claim)
    if key == life.why_key:
        return life.why
    parts = [ENDS[end]] if end else []
    parts += [told if unseen_s <= RECENT_S else f"not seen for {unseen_s} s"]
    parts.append(f"{speed:.0f} m/s heading {heading}°" if speed >= 1.0 else "hovering")
    parts += [_identity(life)] if claim else []
    parts.append(f"{top.replace('_', ' ')} {share:.2f}")
    life.why_key, life.why = key, "; ".join(parts)
    return life.why


def senses(sensors: tuple[str, ...], kinds: dict[str, SensorKind]) -> str:
    """Return who senses a track, in words: one by name, several by number."""
    named: dict[SensorKind, list[str]] = {}
    for sensor in sensors:
        named.setdefault(kinds.get(sensor, SensorKind.EXTERNAL), []).append(sensor)
    told = []
    for kind, (verb, one, many) in VERBS.items():
        names = named.get(kind)
        if names is not None:
            told.append(f"{verb} {one} {names[0]}" if len(names) == 1 else f"{verb} {len(names)} {many}")
    return " and ".join(told) or "seen by no sensor lately"


def _identity(life: Life) -> str:
    claim = life.identity
    if claim is None:
        return life.silence
    return f"says it is {claim.callsign or claim.value} ({claim.scheme.replace('_', ' ')})"
