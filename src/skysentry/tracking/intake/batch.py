"""Scans to arrays: what is known of a sensor once, what a look says each time.

A `Listener` is a sensor as the kernels need it. `pack` turns the detections of a scan into rows (`measure` names the
columns): in Python it only lays their numbers side by side, `read` makes rows of them. What cannot be used (not finite,
a covariance that is none, a direction from a sensor without a place) is left out and named.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct

from skysentry.events import (
    AzEl,
    Bearing,
    Detection,
    Identity,
    Place,
    Position,
    Presence,
    RangeAzEl,
    RangeBearing,
    Scan,
    Tdoa,
)
from skysentry.geo import Frame
from skysentry.site import Sensor, SensorKind, Weather
from skysentry.tracking.intake.read import read
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import Array, Indices

# A look with more detections than this is a flood; the rest is counted and left out.
DETECTIONS_PER_SCAN = 2_000
# Silence or a miss of one microphone or array says at most one nat per 10 s: neighbouring seconds share the wind.
SOUND_NATS_PER_S = 0.1
LISTENING_S = 10.0
# A microphone hears no further than wind, ground and the loudness of what flies let it: its edge is never sharper than
# this share of its reach. It is what places things that are only heard; a step, which is what is declared where nothing
# is said of it, puts them where they are not.
SHARPEST_EDGE = 0.1
# Speed of sound in dry air, √(γ R T / M): 331.3 m/s at 0 °C.
SOUND_AT_ZERO_MPS = 331.3
ZERO_C_K = 273.15
# Slots of a track's identities; one aircraft may have one of each.
SCHEMES = {
    "remote_id_serial": 0,
    "icao24": 1,
    "remote_id_registration": 2,
    "remote_id_utm": 2,
    "remote_id_session": 2,
    "dji_serial": 0,
}
OTHER_SCHEME = 3
NO_CLAIM = (0, 0)
# Codes of looks whose detections are alike, and of all others.
PLOT, PLACE, MIXED = 8 * m.RANGE_AZ_EL, 8 * m.POSITION3, -1
NO_CODES: Indices = np.zeros(0, np.int64)
NO_ROWS: Array = np.zeros((0, m.ROW))
NO_CLAIMS: Indices = np.zeros((0, 2), np.int64)

# What `pack` tells `read` of a detection: code, scheme, claim, then the numbers of its kind.
Told: TypeAlias = tuple[float, ...]


class Listener(Struct):
    """A sensor as the kernels need it: `look` [shape=(LOOK,)] without its time; `reports` positions of others."""

    id: str
    look: Array
    reports: bool
    placed: bool
    sigma_az_rad: float
    sigma_m: float
    period_s: float
    sound: bool
    kind: SensorKind
    clock_sigma_s: float
    turn_rad: float = 0.0

    def reaching(self, reach_m: float) -> Listener:
        """Return the same with the reach that the sensor says it has now."""
        look = self.look.copy()
        look[m.L_REACH : m.L_EDGE + m.OCTANTS] *= max(reach_m, 1.0) / look[m.L_MAX]
        look[m.L_MAX] = max(reach_m, 1.0)
        return msgspec.structs.replace(self, look=look)

    def turned(self, turn_rad: float, sigma_rad: float) -> Listener:
        """Return the same as it really points: this much further clockwise than declared, known to a sigma."""
        look, c, s = self.look.copy(), math.cos(turn_rad), math.sin(turn_rad)
        east, north = look[m.L_ROTATION : m.L_ROTATION + 3].copy(), look[m.L_ROTATION + 3 : m.L_ROTATION + 6].copy()
        look[m.L_ROTATION : m.L_ROTATION + 3] = c * east + s * north
        look[m.L_ROTATION + 3 : m.L_ROTATION + 6] = c * north - s * east
        return msgspec.structs.replace(self, look=look, turn_rad=turn_rad, sigma_az_rad=sigma_rad)


def listener(sensor: Sensor, frame: Frame, weather: Weather, place: Place | None = None) -> Listener:
    """Return the listener of a sensor, at `place` where it moves."""
    at = place or sensor.position
    look = np.zeros(m.LOOK)
    look[m.L_SIGMA_T] = sensor.clock_sigma_s
    if sensor.by_sound:
        look[m.L_SOUND] = SOUND_AT_ZERO_MPS * math.sqrt(1.0 + weather.temperature_c / ZERO_C_K)
        towards = math.radians(weather.wind_from_deg + 180.0)
        look[m.L_WIND] = weather.wind_mps * math.sin(towards)
        look[m.L_WIND + 1] = weather.wind_mps * math.cos(towards)
    reports = sensor.reports or at is None
    if at is not None:
        _stand(look, frame, at)
    _cover(look, sensor)
    look[m.L_REPORTS] = float(reports)
    look[m.L_FALSE] = sensor.false_per_scan
    look[m.L_MISS_FLOOR] = SOUND_NATS_PER_S * sensor.period_s if sensor.by_sound else 50.0
    look[m.L_POSITION_SIGMA] = sensor.position_sigma_m
    return Listener(
        id=sensor.id,
        look=look,
        reports=reports,
        placed=at is not None,
        sigma_az_rad=math.radians(sensor.heading_sigma_deg),
        sigma_m=0.0 if at is None else sensor.position_sigma_m,
        period_s=sensor.period_s,
        sound=sensor.by_sound,
        kind=sensor.kind,
        clock_sigma_s=sensor.clock_sigma_s,
    )


def _stand(look: Array, frame: Frame, at: Place) -> None:
    own = Frame.at(at)
    look[m.L_ORIGIN : m.L_ORIGIN + 3] = frame.to_local(at.lat_deg, at.lon_deg, at.alt_m or 0.0)
    look[m.L_ROTATION : m.L_ROTATION + 9] = own.turn_from(frame).ravel()
    look[m.L_ALT] = at.alt_m or 0.0


def _cover(look: Array, sensor: Sensor) -> None:
    cover = sensor.coverage
    width_deg = (cover.az_deg[1] - cover.az_deg[0]) % 360.0 or 360.0
    look[m.L_PD] = sensor.pd
    look[m.L_MIN], look[m.L_MAX], look[m.L_SOFT] = cover.min_m, max(cover.max_m, 1.0), cover.soft_m
    if sensor.kind is SensorKind.MICROPHONE:
        look[m.L_SOFT] = max(look[m.L_SOFT], SHARPEST_EDGE * look[m.L_MAX])
    look[m.L_AZ] = math.radians(cover.az_deg[0] + width_deg / 2.0)
    look[m.L_AZ_HALF] = math.radians(width_deg / 2.0)
    look[m.L_EL_LOW], look[m.L_EL_HIGH] = math.radians(cover.el_deg[0]), math.radians(cover.el_deg[1])


class Packed(Struct):
    """A scan as arrays. `codes` (m,), `rows` (m, ROW), `claims` (m, 2); `kept` are the detections behind the rows."""

    codes: Indices
    rows: Array
    claims: Indices
    kept: list[Detection]
    presences: list[Detection]
    rejected: int
    reason: str


def claim_of(identity: Identity | None) -> tuple[int, int]:
    """Return (scheme slot, 52-bit hash of the value) of a claim; (0, 0) for none. Both are exact as floats."""
    return (0, 0) if identity is None else _claim(identity.scheme, identity.value)


# A flood of false identities pushes others out of this memory rather than filling the machine's.
@lru_cache(maxsize=20_000)
def _claim(scheme: str, value: str) -> tuple[int, int]:
    digest = blake2b(f"{scheme}\0{value}".encode(), digest_size=8).digest()
    return SCHEMES.get(scheme, OTHER_SCHEME), (int.from_bytes(digest, "big") >> 12) | 1


def pack(scan: Scan, own: Listener, places: dict[str, tuple[float, float, float]], around: Array) -> Packed:
    """Return the rows of a scan; `places` are those of the other sensors, for time differences.

    `around` [shape=(13,)] is the working frame (`first_state.site_frame`) and the height of what has none.
    """
    detections = scan.detections
    rejected, reason = 0, ""
    if len(detections) > DETECTIONS_PER_SCAN:
        rejected, reason = len(detections) - DETECTIONS_PER_SCAN, "more detections in one look than can be true"
        detections = detections[:DETECTIONS_PER_SCAN]
    presences: list[Detection] = []
    code, told = _alike(detections) if detections and own.placed else (MIXED, None)
    if told is None:
        taken, told, presences, refused, why = _mixed(detections, own, places)
        rejected, reason = rejected + refused, why or reason
    else:
        taken = [*detections]
    if not taken:
        return Packed(NO_CODES, NO_ROWS, NO_CLAIMS, [], presences, rejected, reason)
    found = len(taken)
    order, codes, claims = np.empty(found, np.int64), np.empty(found, np.int64), np.empty((found, 2), np.int64)
    rows, numbers = np.empty((found, m.ROW)), np.frombuffer(struct.pack(f"{len(told)}d", *told))
    good = read(code, numbers, own.look, own.sigma_m, own.sigma_az_rad, around, order, codes, rows, claims)
    if good < found:
        rejected, reason = rejected + found - good, "a number that is not finite, or a covariance that is not positive"
        codes, rows, claims = codes[:good], rows[:good], claims[:good]
    return Packed(codes, rows, claims, [taken[k] for k in order[:good].tolist()], presences, rejected, reason)


def _alike(detections: tuple[Detection, ...]) -> tuple[int, list[float] | None]:
    """Return the code and the numbers of what radars send by the hundred: one kind, without claims or speeds.

    The numbers are those of `read`, detection by detection; `None` where the detections are others.
    """
    told: list[float] = []
    kind = type(detections[0].measurement)
    if kind is RangeAzEl:
        for detection in detections:
            z: Any = detection.measurement
            if type(z) is not RangeAzEl or detection.identity is not None or z.doppler_mps is not None:
                return MIXED, None
            told += (z.range_m, z.az_deg, z.el_deg, z.sigma_range_m, z.sigma_az_deg, z.sigma_el_deg)
        return PLOT, told
    if kind is Position:
        for detection in detections:
            z = detection.measurement
            if (
                type(z) is not Position
                or detection.identity is not None
                or z.velocity_mps is not None
                or z.alt_m is None
            ):
                return MIXED, None
            told += (z.lat_deg, z.lon_deg, z.alt_m, z.velocity_sigma_mps, *z.cov_m2)
        return PLACE, told
    return MIXED, None


def _mixed(
    detections: tuple[Detection, ...], own: Listener, places: dict[str, tuple[float, float, float]]
) -> tuple[list[Detection], list[float], list[Detection], int, str]:
    """Return what is taken of any detections, its numbers as `read` has it, presences, and what is refused and why."""
    told: list[float] = []
    taken: list[Detection] = []
    presences: list[Detection] = []
    rejected, reason, placed = 0, "", own.placed
    for detection in detections:
        measurement, identity = detection.measurement, detection.identity
        kind = type(measurement)
        if kind is Presence:
            presences.append(detection)
        elif kind is not Position and not placed:
            rejected, reason = rejected + 1, "a direction or range from a sensor whose place is unknown"
        elif kind is Tdoa and measurement.other not in places:  # type: ignore[union-attr]
            rejected, reason = rejected + 1, "a time difference to a sensor whose place is unknown"
        else:
            taken.append(detection)
            told += TELLERS[kind](measurement)
            told += NO_CLAIM if identity is None else _claim(identity.scheme, identity.value)
            if kind is Tdoa:
                told += places[measurement.other]  # type: ignore[union-attr]
    return taken, told, presences, rejected, reason


def _position(z: Position) -> Told:
    alt_m, v = z.alt_m, z.velocity_mps
    kind = 8 * m.POSITION2 if alt_m is None else 8 * m.POSITION3
    place = (z.lat_deg, z.lon_deg, alt_m or 0.0, *z.cov_m2)
    if v is None:
        return (kind, *place, 0.0, 0.0, 0.0, z.velocity_sigma_mps)
    if v[2] is None or alt_m is None:
        return (kind + 2, *place, v[0], v[1], 0.0, z.velocity_sigma_mps)
    return (kind + 3, *place, *v, z.velocity_sigma_mps)  # type: ignore[return-value]


def _bearing(z: Bearing) -> Told:
    return (8 * m.BEARING, z.bearing_deg, z.sigma_deg)


def _az_el(z: AzEl) -> Told:
    return (8 * m.AZ_EL, z.az_deg, z.el_deg, z.sigma_az_deg, z.sigma_el_deg)


def _range_bearing(z: RangeBearing) -> Told:
    rate = z.doppler_mps
    if rate is None:
        return (8 * m.RANGE_BEARING, z.range_m, z.bearing_deg, z.sigma_range_m, z.sigma_deg, 0.0, 1.0)
    return (
        8 * m.RANGE_BEARING + 1, z.range_m, z.bearing_deg, z.sigma_range_m, z.sigma_deg, rate, z.sigma_doppler_mps,
    )  # fmt: skip


def _range_az_el(z: RangeAzEl) -> Told:
    rate = z.doppler_mps
    if rate is None:
        return (
            8 * m.RANGE_AZ_EL, z.range_m, z.az_deg, z.el_deg, z.sigma_range_m, z.sigma_az_deg, z.sigma_el_deg, 0.0, 1.0,
        )  # fmt: skip
    return (
        8 * m.RANGE_AZ_EL + 1, z.range_m, z.az_deg, z.el_deg, z.sigma_range_m, z.sigma_az_deg, z.sigma_el_deg, rate,
        z.sigma_doppler_mps,
    )  # fmt: skip


def _tdoa(z: Tdoa) -> Told:
    return (8 * m.TDOA, z.tdoa_s, z.sigma_s)


TELLERS: dict[type, Callable[[Any], Told]] = {
    Position: _position,
    Bearing: _bearing,
    AzEl: _az_el,
    RangeBearing: _range_bearing,
    RangeAzEl: _range_az_el,
    Tdoa: _tdoa,
}
