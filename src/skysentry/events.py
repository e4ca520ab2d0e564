"""The nouns of skysentry and the one shape that everything has.

    Block, Packet ──sensing──▶ Scan of Detections ──tracking──▶ Track ──alerting──▶ Alert
              Order (what a person decided) and Health go in and out of every stage

Conventions, for every noun:

- Frozen; floats, tuples, bytes and enums only, so that events compare, hash and survive JSON unchanged. Nothing in
  them can form a cycle, so the garbage collector need not look at them (`gc=False`).
- `id` names the *event* and is deterministic. What lives on has its own key beside it (`track_id`, `alert_id`).
- `time_ns` is the time of measurement by the sender's clock, `received_ns` the time of arrival by ours; both are
  integer nanoseconds since 1970-01-01 UTC. Sound is stamped at its arrival at the microphone.
- Angles are degrees here and in every file (radians inside stages): bearings and azimuths clockwise from true
  north, elevations up from the horizon, both in the *sensor's own* local frame.
- Altitudes are metres above the WGS-84 ellipsoid unless the name says otherwise. What is not known is `None`,
  never zero. Covariances are upper triangles, row by row.
- A `Scan` with no detections is silence. No `Scan` means that the sensor was not listening.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol, TypeAlias

import msgspec
from msgspec import Meta, Struct

from skysentry.errors import FormatError

Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
# 100 km bounds any altitude that a sensor here can mean; 1,000 km any range and any uncertainty.
Altitude = Annotated[float, Meta(ge=-1_000.0, le=100_000.0)]
Range = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]
Bearing360 = Annotated[float, Meta(ge=-360.0, le=360.0)]
Elevation = Annotated[float, Meta(ge=-90.0, le=90.0)]
Sigma = Annotated[float, Meta(gt=0.0, le=1_000_000.0)]
Variance = Annotated[float, Meta(ge=-1e12, le=1e12)]
Speed = Annotated[float, Meta(ge=-20_000.0, le=20_000.0)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
# Signed 64-bit nanoseconds end in the year 2262; times before 1970 mean a broken clock.
TimeNs = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_807)]
Text = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
# Ids of events are made of a sensor's id, a time and an index, and must fit a `Name`.
SensorId = Annotated[str, Meta(min_length=1, max_length=100)]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


class ObjectClass(StrEnum):
    """What a thing is; one list for sensors, tracks and scores."""

    MULTIROTOR = "multirotor"
    FIXED_WING_ELECTRIC = "fixed_wing_electric"
    FIXED_WING_PISTON = "fixed_wing_piston"
    JET = "jet"
    HELICOPTER = "helicopter"
    AEROPLANE = "aeroplane"
    BIRD = "bird"
    BALLOON = "balloon"
    GROUND_SOURCE = "ground_source"
    OTHER = "other"


class Affiliation(StrEnum):
    """Whose a thing is. `hostile` comes only from a person or an explicit site rule."""

    UNKNOWN = "unknown"
    FRIEND = "friend"
    NEUTRAL = "neutral"
    HOSTILE = "hostile"


class LinkKind(StrEnum):
    """What the bytes of a `Packet` are."""

    WIFI = "wifi"  # an 802.11 frame from its frame control field on, without radiotap and FCS
    BLE = "ble"  # a Bluetooth LE advertising PDU from its header on, without access address and CRC
    MODE_S = "mode_s"  # a Mode S frame, 7 or 14 bytes
    SBS = "sbs"  # one SBS/BaseStation line, UTF-8
    AIRCRAFT_JSON = "aircraft_json"  # one object of the `aircraft` list of readsb's aircraft.json
    REMOTE_ID_JSON = "remote_id_json"  # one decoded Remote ID report as a JSON object


class TrackStatus(StrEnum):
    """Life of a track."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    COASTING = "coasting"
    ENDED = "ended"


class TrackEnd(StrEnum):
    """Why a track ended: what was known of the object then."""

    LOST = "lost"  # not seen any more, nobody knows where it is
    REFUTED = "refuted"  # sensors that should see it do not: it was none, or it is down
    MERGED = "merged"  # the same object as another track


class Severity(StrEnum):
    """How much a place is in danger, in rising order."""

    INFO = "info"
    WATCH = "watch"
    WARNING = "warning"
    URGENT = "urgent"


class Phase(StrEnum):
    """Where an alert stands (after ISA-18.2). `all_clear` is the end."""

    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    CLEARED = "cleared"
    ALL_CLEAR = "all_clear"


class Action(StrEnum):
    """What a person can decide."""

    ACKNOWLEDGE = "acknowledge"  # target: an alert
    SHELVE = "shelve"  # target: an alert; until_ns
    UNSHELVE = "unshelve"  # target: an alert
    RAISE = "raise"  # target: a zone; severity, text
    CORRECT = "correct"  # target: an alert; severity, text
    CANCEL = "cancel"  # target: an alert; text
    DECLARE = "declare"  # target: a track; affiliation
    DRAW_ZONE = "draw_zone"  # target: a zone id; text (name), polygon
    REMOVE_ZONE = "remove_zone"  # target: a zone id


class HealthState(StrEnum):
    """How a sensor or stage is."""

    OK = "ok"
    DEGRADED = "degraded"
    LOST = "lost"


class Place(Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """A point on or above the Earth, WGS-84."""

    lat_deg: Latitude
    lon_deg: Longitude
    alt_m: Altitude | None = None


# --- measurements -------------------------------------------------------------------------------------------


class Measurement(Struct, frozen=True, gc=False, kw_only=True, tag_field="kind", tag=_snake):
    """What a look can honestly say of where a thing is. Sigmas are one standard deviation."""


class Position(Measurement, frozen=True, kw_only=True):
    """A place that a sensor measured or a transmitter claims.

    `cov_m2` is the upper triangle (ee, en, eu, nn, nu, uu) in east-north-up at the place. With `alt_m` absent the
    terms that hold u mean nothing. `velocity_mps` is (east, north, up); an unknown vertical rate is `None`.
    """

    lat_deg: Latitude
    lon_deg: Longitude
    alt_m: Altitude | None = None
    cov_m2: tuple[Variance, Variance, Variance, Variance, Variance, Variance]
    velocity_mps: tuple[Speed, Speed, Speed | None] | None = None
    velocity_sigma_mps: Sigma = 5.0


class Bearing(Measurement, frozen=True, kw_only=True):
    """A direction in the horizontal plane."""

    bearing_deg: Bearing360
    sigma_deg: Sigma


class AzEl(Measurement, frozen=True, kw_only=True):
    """A direction in space."""

    az_deg: Bearing360
    el_deg: Elevation
    sigma_az_deg: Sigma
    sigma_el_deg: Sigma


class RangeBearing(Measurement, frozen=True, kw_only=True):
    """Slant range and direction in the horizontal plane; `doppler_mps` is the range rate, away positive."""

    range_m: Range
    bearing_deg: Bearing360
    sigma_range_m: Sigma
    sigma_deg: Sigma
    doppler_mps: Speed | None = None
    sigma_doppler_mps: Sigma = 1.0


class RangeAzEl(Measurement, frozen=True, kw_only=True):
    """Slant range and direction in space; `doppler_mps` is the range rate, away positive."""

    range_m: Range
    az_deg: Bearing360
    el_deg: Elevation
    sigma_range_m: Sigma
    sigma_az_deg: Sigma
    sigma_el_deg: Sigma
    doppler_mps: Speed | None = None
    sigma_doppler_mps: Sigma = 1.0


class Presence(Measurement, frozen=True, kw_only=True):
    """Something is within the sensor's reach; where is not known. `level_db` is above the noise floor."""

    level_db: Annotated[float, Meta(ge=-200.0, le=200.0)] | None = None


class Tdoa(Measurement, frozen=True, kw_only=True):
    """Arrival time at this scan's sensor minus that at the sensor `other`."""

    other: Name
    tdoa_s: Annotated[float, Meta(ge=-600.0, le=600.0)]
    sigma_s: Sigma


AnyMeasurement: TypeAlias = Position | Bearing | AzEl | RangeBearing | RangeAzEl | Presence | Tdoa


# --- what a look says ---------------------------------------------------------------------------------------


class Identity(Struct, frozen=True, gc=False, kw_only=True):
    """Who a thing claims to be. Evidence with a likelihood, never truth.

    `scheme` is one of remote_id_serial, remote_id_registration, remote_id_utm, remote_id_session, dji_serial,
    icao24 or local; `transmitter` is the radio address the claim came from, the key of flood budgets. The operator's
    place is personal data: shown only to those with the right.
    """

    scheme: Name
    value: Name
    transmitter: Text | None = None
    callsign: Text | None = None
    description: Text | None = None
    operator: Place | None = None
    operator_id: Text | None = None
    takeoff: Place | None = None


class Detection(Struct, frozen=True, gc=False, kw_only=True):
    """What one look says of one thing. `id` is the scan's id, `#`, and the index in the scan.

    `class_llr` holds log p(z|class) − log p(z|nothing there) for the classes it speaks of; an absent class is no
    statement. `evidence` are ids of the packets or blocks behind it.
    """

    id: Name
    measurement: AnyMeasurement
    class_llr: tuple[tuple[ObjectClass, float], ...] = ()
    snr_db: float | None = None
    identity: Identity | None = None
    evidence: tuple[str, ...] = ()
    features: tuple[tuple[str, float], ...] = ()


class Event(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag=_snake):
    """What flows through stages. `received_ns` decides in which 100 ms batch it is stepped."""

    id: Name
    time_ns: TimeNs
    received_ns: TimeNs


class Packet(Event, frozen=True, kw_only=True):
    """Bytes from a link: a captured frame, a Beast message, a datagram."""

    sensor: SensorId
    link: LinkKind
    data: bytes
    rssi_dbm: float | None = None
    channel: int | None = None
    crc_ok: bool | None = None


class Block(Event, frozen=True, kw_only=True):
    """A slice of raw signal; `time_ns` is that of the first sample.

    `data` holds C-ordered samples of `dtype` (a numpy name) and `shape` = (frames, channels). `centre_hz` is the radio
    frequency that a receiver was tuned to.
    """

    sensor: SensorId
    rate_hz: Annotated[float, Meta(gt=0.0)]
    dtype: Name
    shape: tuple[int, int]
    data: bytes
    centre_hz: Annotated[float, Meta(ge=0.0, le=1e12)] | None = None


class Scan(Event, frozen=True, kw_only=True):
    """One look of one sensor, perhaps empty. `id` is `sensor@time_ns` (`scan_id`).

    `noise_db` and `reach_m` are what the sensor says of its noise floor and its effective reach now; `position` and
    `heading_deg` are those of a sensor that moves.
    """

    sensor: SensorId
    time_sigma_ns: Annotated[int, Meta(ge=0)] = 0
    detections: Annotated[tuple[Detection, ...], Meta(max_length=10_000)] = ()
    noise_db: float | None = None
    reach_m: Range | None = None
    position: Place | None = None
    heading_deg: Bearing360 | None = None


class Track(Event, frozen=True, kw_only=True):
    """One update of one object. `id` is `track_id@time_ns`, `time_ns` the time the state is for.

    `velocity_mps` is (east, north, up) and `cov` the upper triangle of the 6×6 covariance of (e, n, u, ve, vn, vu) in
    east-north-up *at the track*. `detections` are the ids that went in since the track's previous event, `sensors`
    those that saw it lately. `members` is (low, mean, high) of how many objects it stands for, 90 %. `doubt` says why
    its claim is not believed. `end` comes with the status `ended` alone.
    """

    track_id: Name
    status: TrackStatus
    lat_deg: Latitude
    lon_deg: Longitude
    alt_m: float
    velocity_mps: tuple[float, float, float]
    cov: tuple[float, ...]
    existence: Probability
    first_ns: TimeNs
    last_seen_ns: TimeNs
    classes: tuple[tuple[ObjectClass, float], ...] = ()
    identity: Identity | None = None
    affiliation: Affiliation = Affiliation.UNKNOWN
    members: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sensors: tuple[str, ...] = ()
    detections: tuple[str, ...] = ()
    end: TrackEnd | None = None
    why: str = ""
    doubt: str = ""


class Arrival(Struct, frozen=True, gc=False, kw_only=True):
    """Seconds from the event's `time_ns` until an object is in a zone: 5 % bound, mean, 95 % bound."""

    low_s: float
    mean_s: float
    high_s: float


class Alert(Event, frozen=True, kw_only=True):
    """One place in danger, told again with a higher `revision` at each change. `id` is `alert_id/revision`.

    `tracks` are the ids of the tracks that threaten the zone, the soonest first; `arrival` is that of the soonest.
    `sound` says that this revision is worth waking people for: the first, a promotion, or the all-clear.
    """

    alert_id: Name
    revision: Annotated[int, Meta(ge=0)]
    zone: Name
    rule: Name
    severity: Severity
    phase: Phase
    raised_ns: TimeNs
    why: str
    tracks: tuple[str, ...] = ()
    arrival: Arrival | None = None
    sound: bool = False
    by: str | None = None
    until_ns: TimeNs | None = None


class Order(Event, frozen=True, kw_only=True):
    """What a person decided: who (`by`), what (`action`), on what (`target`). `Action` lists what each one needs."""

    by: Name
    action: Action
    target: Name
    severity: Severity | None = None
    affiliation: Affiliation | None = None
    until_ns: TimeNs | None = None
    text: Text | None = None
    polygon: Annotated[tuple[tuple[Longitude, Latitude], ...], Meta(max_length=1000)] | None = None


class Health(Event, frozen=True, kw_only=True):
    """How a sensor or stage (`source`) is: the state, the reason in words, the mend, and counts of what went wrong."""

    source: Name
    state: HealthState
    reason: str
    mend: str = ""
    counts: tuple[tuple[str, int], ...] = ()


class Truth(Event, frozen=True, kw_only=True):
    """Where something really was. Only `sim`, flight logs and `score` touch it."""

    object: Name
    lat_deg: Latitude
    lon_deg: Longitude
    alt_m: Altitude
    velocity_mps: tuple[float, float, float]
    object_class: ObjectClass
    threat: bool = True


AnyEvent: TypeAlias = Packet | Block | Scan | Track | Alert | Order | Health | Truth


class Stage(Protocol):
    """The one shape. No clock, no I/O, no threads inside; a seed comes with the constructor.

    `step` takes everything received in (previous now_ns, now_ns] and returns what follows from it. `snapshot` is
    versioned; `restore` replaces the state and raises `StateError` for what it does not know.
    """

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Advance to `now_ns`, the end of a 100 ms batch of received time."""
        ...

    def snapshot(self) -> bytes:
        """Return the whole state."""
        ...

    def restore(self, state: bytes) -> None:
        """Take the state that `snapshot` returned."""
        ...


def scan_id(sensor: str, time_ns: int) -> str:
    """Return the id of a look: a sensor looks once at a time."""
    return f"{sensor}@{time_ns}"


def health(
    source: str,
    now_ns: int,
    state: HealthState,
    reason: str,
    mend: str = "",
    counts: tuple[tuple[str, int], ...] = (),
    part: str = "",
) -> Health:
    """Return what is to be told of a source now; `part` names who tells it, where several may."""
    name = f"{source}:{part}" if part else source
    return Health(
        # An id holds 200 characters: what is cut off is of the name, never of the time.
        id=f"health:{name[:150]}@{now_ns}",
        time_ns=now_ns,
        received_ns=now_ns,
        source=source,
        state=state,
        reason=reason,
        mend=mend,
        counts=counts,
    )


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """Return an event as one line of JSON, without the line end."""
    return _encoder.encode(event)


def decode(line: bytes | str) -> AnyEvent:
    """Return the event in one line of JSON.

    Raises `FormatError` where the line is not an event; missing ids and arrival times of scans, orders and truths are
    filled in (`complete`), so that a line may be written by hand.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            return complete(msgspec.json.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise FormatError(f"not an event: {error}", hint="docs/events.md shows one line of each kind") from None


def complete(fields: object) -> AnyEvent:
    """Return the event with these JSON fields; what can be derived may be absent.

    `received_ns` defaults to `time_ns`; the id of a scan to `sensor@time_ns` and of its detections to `scan#index`; the
    id of other events to one made from their type, key and time.
    """
    if not isinstance(fields, dict):
        raise FormatError("an event is a JSON object", hint="docs/events.md shows one line of each kind")
    filled = {**fields}
    time_ns = filled.get("time_ns")
    filled.setdefault("received_ns", time_ns)
    key = filled.get("sensor") or filled.get("object") or filled.get("target") or filled.get("source")
    prefix = "" if filled.get("type") == "scan" else f"{filled.get('type')}:"
    filled.setdefault("id", f"{prefix}{key}@{time_ns}")
    if isinstance(filled.get("detections"), list) and filled.get("type") == "scan":
        filled["detections"] = [
            {"id": f"{filled['id']}#{index}", **found} if isinstance(found, dict) else found
            for index, found in enumerate(filled["detections"])
        ]
    try:
        event: AnyEvent = msgspec.convert(filled, AnyEvent)
    except msgspec.ValidationError as error:
        raise FormatError(f"not an event: {error}", hint="docs/events.md shows one line of each kind") from None
    return event
