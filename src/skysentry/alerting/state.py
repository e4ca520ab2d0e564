"""What the `Alerter` remembers: live alerts, approaches, zones drawn by hand, and short memories against repeats.

All of it is plain structs, so a snapshot is one MessagePack value. Everything that input can grow has a cap.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

from msgspec import Struct, field

from skysentry.alerting.rules import NOTHING, Approach
from skysentry.events import Affiliation, Alert, Arrival, ObjectClass, Phase, Track, TrackStatus
from skysentry.site import Zone

# A city has tens of zones; people draw a few each. Beyond this a program is drawing.
MAX_DRAWN = 200
MAX_MANUAL = 200
# More objects than this near one place cannot be told apart in one notice; the soonest are kept.
MAX_APPROACHES = 500
# Tracks named in one alert; how many there are is in its sentence.
MAX_NAMED = 100
# Ids kept to refuse repeats: days of alerts and orders of a busy site, one to two megabytes.
MAX_REMEMBERED = 10_000
# Names of events hold 200 characters; an alert's id must leave room for "/revision".
MAX_ID = 180

Key = TypeVar("Key")
Value = TypeVar("Value")


class Live(Struct):
    """One live alert. `level` is what the rules say now; `corrected` what a person put in its place, or `None`.

    `tracks` are those named, `count` how many threaten.
    """

    alert_id: str
    zone: str
    rule: str
    level: int
    raised_ns: int
    manual: bool = False
    phase: Phase = Phase.ACTIVE
    why: str = ""
    text: str | None = None
    tracks: tuple[str, ...] = ()
    count: int = 0
    arrival: Arrival | None = None
    by: str | None = None
    until_ns: int | None = None
    shelved_until_ns: int = 0
    corrected: int | None = None
    corrected_at: int = NOTHING
    lower_since_ns: int | None = None
    lower_level: int = NOTHING
    promotions: int = 0
    cleared_ns: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    revision: int = 0
    shown: Alert | None = None
    shown_count: int = 0
    sound: bool = False
    sounded: bool = False
    force: bool = True

    @property
    def said_level(self) -> int:
        """The level that is published."""
        return self.level if self.corrected is None else self.corrected


class Dismissal(Struct):
    """A person called a track harmless for a zone: up to this level, until this time."""

    level: int
    until_ns: int


class Seen(Struct):
    """How a track was when it was last looked at; `latest` is what was said since without a look.

    `heard_ns` is when it was last spoken of, `checked_ns` when that was last compared with what was foretold.
    """

    status: TrackStatus
    affiliation: Affiliation
    limit: int
    heard_ns: int
    looked_ns: int
    checked_ns: int
    due_ns: int
    time_ns: int
    lat_deg: float
    lon_deg: float
    east_mps: float
    north_mps: float
    place_m2: float
    speed_m2ps2: float
    classes: tuple[tuple[ObjectClass, float], ...]
    near: bool = False
    latest: Track | None = None


class Newcomer(Struct):
    """Where a track stood when it was first confirmed, and the lost track that it turned out to be."""

    first_ns: int
    time_ns: int
    lat_deg: float
    lon_deg: float
    sigma_m: float
    kind: ObjectClass | None
    identity: tuple[str, str] | None
    stands_for: str = ""


class State(Struct):
    """Everything between two steps."""

    last_ns: int = 0
    alerts: dict[str, Live] = field(default_factory=dict)
    of_zone: dict[str, str] = field(default_factory=dict)
    approaches: dict[str, dict[str, Approach]] = field(default_factory=dict)
    dismissed: dict[str, dict[str, Dismissal]] = field(default_factory=dict)
    drawn: dict[str, Zone] = field(default_factory=dict)
    removed: dict[str, bool] = field(default_factory=dict)
    ended: dict[str, bool] = field(default_factory=dict)
    orders: dict[str, bool] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    newcomers: dict[str, Newcomer] = field(default_factory=dict)
    unmatched: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    told_ns: int = 0
    unwell: bool = False

    def count(self, what: str, n: int = 1) -> None:
        """Count something that went wrong."""
        self.counts[what] = self.counts.get(what, 0) + n

    def end(self, alert: Live) -> None:
        """Forget a live alert after its all-clear; its id stays taken."""
        del self.alerts[alert.alert_id]
        if self.of_zone.get(alert.zone) == alert.alert_id:
            del self.of_zone[alert.zone]
        remember(self.ended, alert.alert_id, True, MAX_REMEMBERED)

    def free_id(self, wanted: str, now_ns: int) -> str:
        """Return this alert id, with the second appended where it was used before."""
        plain = short(wanted)
        if plain not in self.alerts and plain not in self.ended:
            return plain
        return short(f"{wanted}@{now_ns // 100_000_000 / 10:.1f}")


def remember(memory: dict[Key, Value], key: Key, value: Value, limit: int) -> None:
    """Put a key last into a memory and drop the oldest beyond the limit."""
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > limit:
        del memory[next(iter(memory))]


def short(text: str) -> str:
    """Return an id that fits; a long one keeps its beginning and gets a digest of the whole."""
    if len(text) <= MAX_ID:
        return text
    return f"{text[: MAX_ID - 17]}~{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
