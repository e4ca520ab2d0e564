"""What a screen is told: the whole picture, what changed in it, and proof of life. Made by `feed`, sent by `web`.

Times are nanoseconds since 1970; `web.messages` turns all of it into the units of a browser.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from skysentry.events import Alert, Health, Place, Track
from skysentry.site import Site, Zone

Mode: TypeAlias = Literal["live", "replay", "demo"]


class TrailPoint(Struct, frozen=True, array_like=True):
    """Where a track was; `measured` is false while it coasted."""

    time_ns: int
    lat_deg: float
    lon_deg: float
    alt_m: float
    measured: bool


class Look(Struct, frozen=True):
    """When a sensor last looked, when it last found something, and where it is if it moves."""

    sensor: str
    scan_ns: int
    detection_ns: int | None = None
    place: Place | None = None


class Fan(Struct, frozen=True):
    """A recent direction without range: a wedge from the sensor, `sigma_deg` to either side."""

    sensor: str
    time_ns: int
    place: Place
    bearing_deg: float
    sigma_deg: float
    reach_m: float
    personal: bool  # the place is that of a person, or of something that one carries


class Picture(Struct, frozen=True):
    """Everything that a screen needs to begin."""

    server_ns: int
    mode: Mode
    site: Site
    zones: tuple[Zone, ...]
    tracks: tuple[Track, ...]
    trails: dict[str, tuple[TrailPoint, ...]]
    alerts: tuple[Alert, ...]
    health: tuple[Health, ...]
    looks: tuple[Look, ...]
    fans: tuple[Fan, ...]
    names: dict[str, str]
    hidden: int


class TrackChanges(Struct, frozen=True):
    """The newest state of the tracks that changed, the ids of those that went, and new bearings."""

    tracks: tuple[Track, ...]
    gone: tuple[str, ...]
    fans: tuple[Fan, ...]
    names: dict[str, str]


class Beat(Struct, frozen=True):
    """Proof of life, each second: the server's clock, the last step, and which sensors looked since the last beat."""

    server_ns: int
    step_ns: int
    last_scan_ns: int | None
    last_detection_ns: int | None
    looks: tuple[Look, ...]
    hidden: int


Payload: TypeAlias = Picture | TrackChanges | Alert | Health | Beat


class Message(Struct, frozen=True):
    """One message to a client: the event's name, its id for resuming (none for what need not be resumed), and what."""

    event: Literal["snapshot", "tracks", "alert", "health", "beat"]
    id: str | None
    payload: Payload
