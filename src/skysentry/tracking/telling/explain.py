"""One sentence of why a track is: who senses it, how it moves, who it says it is, what it seems to be."""

from __future__ import annotations

from skysentry.events import Identity
from skysentry.site import SensorKind

SECOND_NS = 1_000_000_000
# As old as this, a last look is told with its age, in whole seconds.
RECENT_NS = 6 * SECOND_NS
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


def said(claim: Identity) -> str:
    """Return what a track says it is."""
    return f"says it is {claim.callsign or claim.value} ({claim.scheme.replace('_', ' ')})"
