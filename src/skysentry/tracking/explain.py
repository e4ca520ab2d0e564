"""One sentence of why a track is: who senses it, how it moves, who it says it is, what it seems to be."""

from __future__ import annotations

from functools import cache, lru_cache

from skysentry.events import Identity
from skysentry.site import SensorKind
from skysentry.tracking.classify import share
from skysentry.tracking.show import HEADINGS
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


def explain(life: Life, end: str, told: str, motion: float, top: float, now_ns: int) -> str:
    """Return the sentence; `told` is from `senses`, `motion` and `top` are the codes of `show`."""
    unseen_s = (now_ns - life.last_ns) // SECOND_NS
    who = told if unseen_s <= RECENT_S else f"not seen for {unseen_s} s"
    claim = life.silence if life.identity is None else _claim(life.identity)
    seems, tail = f"{claim}; {_class(top)}" if claim else _class(top), life.tail
    why = f"{who}; {_motion(motion)}; {seems}; {tail}" if tail else f"{who}; {_motion(motion)}; {seems}"
    return f"{ENDS[end]}; {why}" if end else why


@lru_cache(maxsize=20_000)
def _motion(code: float) -> str:
    speed_mps, heading = divmod(int(code), HEADINGS)
    return f"{speed_mps} m/s heading {heading * 360 // HEADINGS}°" if speed_mps else "hovering"


@cache
def _class(code: float) -> str:
    object_class, probability = share(int(code))
    return f"{object_class.replace('_', ' ')} {probability:.2f}"


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


def _claim(claim: Identity) -> str:
    return f"says it is {claim.callsign or claim.value} ({claim.scheme.replace('_', ' ')})"
