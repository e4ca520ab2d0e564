"""What goes to the browser: structs in the units of a screen. JSON Schema and TypeScript types are made from here.

Milliseconds instead of nanoseconds (a JavaScript number holds 53 bits), course and speed instead of velocities, the
95 % ellipse instead of the covariance, arrival as moments instead of durations, so that a countdown ticks by itself.
`ui/typescript.py` writes ui/src/generated/events.ts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Struct

from skysentry.events import Affiliation, HealthState, ObjectClass, Phase, Place, Severity, TrackStatus
from skysentry.site import SensorKind


class Rights(StrEnum):
    """What a client may see and do: `full` everything, `public` look only, and no personal data."""

    FULL = "full"
    PUBLIC = "public"


class SensorView(Struct, frozen=True):
    """A sensor as drawn: its kind, place and coverage. An `observer` is a person and has no place in public.

    `regular`: it looks every `period_s`, whether there is anything or not, so that its silence can be late.
    """

    id: str
    kind: SensorKind
    lat: float | None
    lon: float | None
    min_m: float
    max_m: float
    az_deg: tuple[float, float]
    period_s: float
    regular: bool


class ZoneView(Struct, frozen=True):
    """A zone as drawn; polygons as in GeoJSON."""

    id: str
    name: str
    polygons: tuple[tuple[tuple[tuple[float, float], ...], ...], ...]


class IdentityView(Struct, frozen=True):
    """Who a thing claims to be; operator and take-off only with full rights."""

    scheme: str
    value: str
    callsign: str | None
    description: str | None
    operator: Place | None
    operator_id: str | None
    takeoff: Place | None


class TrackView(Struct, frozen=True):
    """One object now. `ellipse_m` holds the 95 % half axes and the bearing of the longer one in degrees."""

    id: str
    name: str
    status: TrackStatus
    time_ms: int
    first_ms: int
    seen_ms: int
    lat: float
    lon: float
    alt_m: float
    sigma_alt_m: float
    speed_mps: float
    sigma_speed_mps: float
    course_deg: float | None
    climb_mps: float
    ellipse_m: tuple[float, float, float]
    existence: float
    object_class: ObjectClass | None
    classes: tuple[tuple[ObjectClass, float], ...]
    identity: IdentityView | None
    affiliation: Affiliation
    members: tuple[float, float, float]
    sensors: tuple[str, ...]
    why: str
    doubt: str


class AlertView(Struct, frozen=True):
    """One revision of an alert; `arrival_ms` are moments (5 %, mean, 95 %)."""

    alert_id: str
    revision: int
    zone: str
    rule: str
    severity: Severity
    phase: Phase
    raised_ms: int
    time_ms: int
    why: str
    tracks: tuple[str, ...]
    arrival_ms: tuple[int, int, int] | None
    sound: bool
    by: str | None
    until_ms: int | None


class HealthView(Struct, frozen=True):
    """How a sensor or stage is."""

    source: str
    state: HealthState
    reason: str
    mend: str
    time_ms: int
    counts: tuple[tuple[str, int], ...]


class LookView(Struct, frozen=True):
    """When a sensor last looked and last found something; its place if it moves."""

    sensor: str
    scan_ms: int
    detection_ms: int | None
    lat: float | None
    lon: float | None


class FanView(Struct, frozen=True):
    """A recent bearing: a wedge of one sigma to either side."""

    sensor: str
    time_ms: int
    lat: float
    lon: float
    bearing_deg: float
    sigma_deg: float
    reach_m: float


class TrailPointView(Struct, frozen=True, array_like=True):
    """Where a track was."""

    time_ms: int
    lon: float
    lat: float
    alt_m: float
    measured: bool


class Snapshot(Struct, frozen=True):
    """Everything that a screen needs to begin. `hidden` counts tracks that found no room."""

    server_ms: int
    mode: Literal["live", "replay", "demo"]
    rights: Rights
    version: str
    site: str
    lat: float
    lon: float
    sensors: tuple[SensorView, ...]
    zones: tuple[ZoneView, ...]
    tracks: tuple[TrackView, ...]
    trails: dict[str, tuple[TrailPointView, ...]]
    alerts: tuple[AlertView, ...]
    health: tuple[HealthView, ...]
    looks: tuple[LookView, ...]
    fans: tuple[FanView, ...]
    hidden: int


class TracksMessage(Struct, frozen=True):
    """The newest state of tracks that changed, ids of those that went, new bearings."""

    tracks: tuple[TrackView, ...]
    gone: tuple[str, ...]
    fans: tuple[FanView, ...]


class BeatMessage(Struct, frozen=True):
    """Each second: the server's clock, the last step, how far it lags, and the sensors' last looks."""

    server_ms: int
    step_ms: int
    lag_ms: int
    last_scan_ms: int | None
    last_detection_ms: int | None
    looks: tuple[LookView, ...]
    hidden: int


class Trail(Struct, frozen=True):
    """The answer of /api/track/{id}."""

    id: str
    points: tuple[TrailPointView, ...]


class Problem(Struct, frozen=True):
    """Why a request was refused, and the mend."""

    error: str
    hint: str | None = None


SENT = (Snapshot, TracksMessage, AlertView, HealthView, BeatMessage, Trail, Problem)


def schema(*received: type) -> dict[str, Any]:
    """Return the JSON Schemas of all messages, by name, with those of `received` (what the browser sends)."""
    _, components = msgspec.json.schema_components((*SENT, *received), ref_template="#/$defs/{name}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": components}
