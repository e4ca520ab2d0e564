"""What is believed of a place that is watched: its sensors, its zones, its sky. Plain structs.

Everything here is a belief with a sigma, written by people in site.toml (`config` reads it). Nothing here is learned
while running; what a sensor turns out to be is state of the tracker. Angles are degrees, clockwise from true north.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from skysentry.events import (
    Bearing360,
    Elevation,
    Name,
    ObjectClass,
    Place,
    Probability,
    SensorId,
    TimeNs,
)

# A thousand million of any unit here is beyond sense, and bounded numbers are finite ones.
Positive = Annotated[float, Meta(gt=1e-9, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0.0, le=1e9)]
WindSpeed = Annotated[float, Meta(ge=0.0, le=150.0)]


class SensorKind(StrEnum):
    """What a sensor is; it decides which stage reads it and the defaults of what it measures."""

    MICROPHONE = "microphone"
    ARRAY = "array"
    RADAR = "radar"
    REMOTE_ID = "remote_id"
    ADSB = "adsb"
    CAMERA = "camera"
    RF = "rf"
    OBSERVER = "observer"
    EXTERNAL = "external"


class Propagation(StrEnum):
    """How what is sensed travels: sound needs 2.9 s per km."""

    SOUND = "sound"
    LIGHT = "light"


class Coverage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a sensor can see: a shell between `min_m` and `max_m`, a sector in azimuth and elevation.

    `soft_m` is the width over which detection fades at `max_m`: P ∝ 1 / (1 + exp((r − max_m) / soft_m)). `az_deg` runs
    clockwise from its first to its second value, so (350, 10) crosses north; equal values mean all round.
    """

    min_m: NotNegative = 0.0
    max_m: Annotated[float, Meta(gt=0.0, le=1_000_000.0)] = 5_000.0
    soft_m: NotNegative = 0.0
    az_deg: tuple[Bearing360, Bearing360] = (0.0, 360.0)
    el_deg: tuple[Elevation, Elevation] = (-90.0, 90.0)


class Sensor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sensor and what is believed of it.

    `position` may be absent for receivers that report positions of others. `pd` is the probability of a detection in
    one look of a thing well inside the coverage, `false_per_scan` the expected number of false ones in a look.
    An external source looks at the `coverage` that is declared of it, and only reports where none is.
    `link` is where its data comes from (docs/links.md), e.g. udp://127.0.0.1:7800.
    `mics` are the microphones of an array in metres, x to the right of `heading_deg`, y along it, z up, in the order of
    the channels; each is there within `mic_sigma_m` (docs/arrays.md).
    """

    id: SensorId
    kind: SensorKind
    position: Place | None = None
    position_sigma_m: NotNegative = 5.0
    heading_deg: Bearing360 = 0.0
    heading_sigma_deg: NotNegative = 0.0
    clock: Annotated[str, Meta(max_length=40)] = "ntp"
    clock_sigma_s: NotNegative = 0.01
    coverage: Coverage = Coverage()
    pd: Annotated[float, Meta(ge=0.001, le=0.9999)] = 0.8
    false_per_scan: Positive = 0.01
    period_s: Positive = 1.0
    propagation: Propagation | None = None
    mics: tuple[tuple[float, float, float], ...] = ()
    mic_sigma_m: NotNegative = 0.002
    link: Annotated[str, Meta(max_length=300)] | None = None

    @property
    def by_sound(self) -> bool:
        """Whether what it senses travels as sound."""
        if self.propagation is not None:
            return self.propagation is Propagation.SOUND
        return self.kind in (SensorKind.MICROPHONE, SensorKind.ARRAY)

    @property
    def reports(self) -> bool:
        """Whether it passes on what others say, so that its silence says nothing.

        An external source does until its coverage is declared; from then on it looks there, as a radar does.
        """
        if self.kind is SensorKind.EXTERNAL:
            return self.coverage == Coverage()
        return self.kind in (SensorKind.REMOTE_ID, SensorKind.ADSB)


Ring = tuple[tuple[float, float], ...]


class Zone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place that is warned. Polygons as in GeoJSON: each an outer ring and its holes, points (lon, lat) in degrees.

    `urgent_s`, `warning_s` and `watch_s` are the times to arrival below which an approach gets that severity: what
    people need to reach shelter, to get ready, to know. Above `ceiling_m` over the ellipsoid nothing threatens.
    """

    id: Name
    name: Name
    polygons: tuple[tuple[Ring, ...], ...]
    urgent_s: Positive = 60.0
    warning_s: Positive = 180.0
    watch_s: Positive = 600.0
    ceiling_m: Positive = 6_000.0


class AuthorisedFlight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flight that is known: who it is, when, and, where given, within which ring and as what class.

    Its track counts as a friend while others than its claim bear it out. `polygon` holds (lon, lat) points in degrees.
    """

    identity: Name
    from_ns: TimeNs = 0
    until_ns: TimeNs = 9_223_372_036_854_775_807
    polygon: Annotated[Ring, Meta(max_length=1_000)] = ()
    kind: ObjectClass | None = None
    note: str = ""


class Equipped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of what flies here that send Remote ID, ADS-B (aircraft with a crew), and any radio signal (drones).

    They say how much silence means. First beliefs: half of all drones tell who they are, nine of ten aircraft, and four
    of five drones have a control or video link.
    """

    remote_id: Probability = 0.5
    adsb: Probability = 0.9
    radio: Probability = 0.8


class Weather(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Air near the ground: it sets the speed of sound, and how things drift."""

    temperature_c: Annotated[float, Meta(ge=-80.0, le=60.0)] = 12.0
    wind_from_deg: Bearing360 = 0.0
    wind_mps: WindSpeed = 0.0


class Output(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts go beside the screen. `secret_env` names the environment variable that holds a bearer token."""

    kind: Annotated[str, Meta(pattern="^(webhook|stdout)$")]
    url: Annotated[str, Meta(max_length=500)] | None = None
    secret_env: Name | None = None


class KeepSound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sound kept around detections. Without this table none is ever written; with it, none that may hold speech.

    A clip begins `before_s` before the second of a detection, ends `after_s` after the last one, and is at most
    `longest_s` long; `most_mb` bounds all clips, the oldest go first.
    """

    before_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 5.0
    after_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 5.0
    longest_s: Annotated[float, Meta(ge=1.0, le=300.0)] = 60.0
    most_mb: Annotated[float, Meta(ge=1.0, le=1_000_000.0)] = 500.0


class Uplink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a node sends what its sensors say (docs/node.md): `link` is `node://HOST:PORT?key_file=…` or `…?key_env=…`.

    Silence is sent every `every_s`, anything else at once. `spool_mb` bounds what waits on the disk while the site
    cannot be reached: some 15,000 silences a megabyte.
    """

    link: Annotated[str, Meta(max_length=300)]
    every_s: Annotated[float, Meta(ge=0.1, le=8.0)] = 2.0
    spool_mb: Annotated[float, Meta(ge=1.0, le=100_000.0)] = 32.0


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place that is watched. `position` is the origin of the tracker's working frame and of the map."""

    name: Name = "site"
    position: Place = Place(lat_deg=0.0, lon_deg=0.0, alt_m=0.0)
    sensors: tuple[Sensor, ...] = ()
    zones: tuple[Zone, ...] = ()
    authorised: tuple[AuthorisedFlight, ...] = ()
    weather: Weather = Weather()
    class_prior: tuple[tuple[ObjectClass, Probability], ...] = ()
    equipped: Equipped = Equipped()
    civil_airspace_closed: bool = False
    outputs: tuple[Output, ...] = ()
    uplink: Uplink | None = None
    keep_sound: KeepSound | None = None

    def sensor(self, sensor_id: str) -> Sensor | None:
        """Return the sensor with this id, or `None`."""
        return next((sensor for sensor in self.sensors if sensor.id == sensor_id), None)
