"""Scans to arrays: what is known of a sensor once, what a look says each time.

A `Listener` is a sensor as the kernels need it. `pack` turns the detections of a scan into rows (`measure` names the
columns), with the sensor's declared sigmas of place and heading added to those of the measurement. What cannot be used
(not finite, a covariance that is none, a direction from a sensor without a place) is left out and named.
"""

from __future__ import annotations

import math
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
from skysentry.tracking import measure as m
from skysentry.tracking.compiled import kernel
from skysentry.tracking.motion import Array, Indices

# A look with more detections than this is a flood; the rest is counted and left out.
DETECTIONS_PER_SCAN = 2_000
# Silence or a miss of one microphone or array says at most one nat per 10 s: neighbouring seconds share the wind.
SOUND_NATS_PER_S = 0.1
LISTENING_S = 10.0
# The least sigmas that are believed: GNSS is not better than 2 m, an altitude by pressure or GNSS not better than 5 m.
LEAST_M2 = 4.0
LEAST_UP_M2 = 25.0
# Speed of sound in dry air, √(γ R T / M): 331.3 m/s at 0 °C.
SOUND_AT_ZERO_MPS = 331.3
ZERO_C_K = 273.15
REPORTING = (SensorKind.REMOTE_ID, SensorKind.ADSB, SensorKind.EXTERNAL)
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

# Radians in a degree, as `math.radians` has it.
RAD = math.pi / 180.0
# Columns of a packed detection: code, measurement (6), triangle (6), diagonal (3), centre (3), scheme, claim, index.
P_CENTRE, P_SCHEME, PACKED = 16, 19, 22

Row: TypeAlias = tuple[float, ...]


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
    reports = sensor.kind in REPORTING or at is None
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


def pack(scan: Scan, own: Listener, places: dict[str, tuple[float, float, float]]) -> Packed:
    """Return the rows of a scan; `places` are those of the other sensors, for time differences."""
    packed: list[Row] = []
    presences: list[Detection] = []
    detections = scan.detections
    rejected, reason = 0, ""
    if len(detections) > DETECTIONS_PER_SCAN:
        rejected, reason = len(detections) - DETECTIONS_PER_SCAN, "more detections in one look than can be true"
        detections = detections[:DETECTIONS_PER_SCAN]
    for index, detection in enumerate(detections):
        measurement, identity = detection.measurement, detection.identity
        kind = type(measurement)
        if kind is Presence:
            presences.append(detection)
            continue
        if kind is Tdoa and measurement.other not in places:  # type: ignore[union-attr]
            rejected, reason = rejected + 1, "a time difference to a sensor whose place is unknown"
            continue
        if kind is not Position and not own.placed:
            rejected, reason = rejected + 1, "a direction or range from a sensor whose place is unknown"
            continue
        row = PACKERS[kind](measurement, own)
        if row is None:
            rejected, reason = rejected + 1, "a number that is not finite, or a covariance that is not positive"
            continue
        scheme, value = (0, 0) if identity is None else _claim(identity.scheme, identity.value)
        packed.append((*row, scheme, value, index))
    # The order of detections in a look means nothing; by content it is the same however they come.
    if len(packed) > 1:
        packed.sort()
    return _fill(packed, scan, presences, places, rejected, reason)


def _fill(
    packed: list[Row],
    scan: Scan,
    presences: list[Detection],
    places: dict[str, tuple[float, float, float]],
    rejected: int,
    reason: str,
) -> Packed:
    found = len(packed)
    codes, rows, claims = np.empty(found, np.int64), np.empty((found, m.ROW)), np.empty((found, 2), np.int64)
    kept = [scan.detections[int(row[-1])] for row in packed]
    if found:
        unpack(np.array(packed, np.float64), codes, rows, claims)
        # Time differences have the highest code, so the last row tells whether there are any.
        if packed[-1][0] >= m.TDOA * 8:
            for j, detection in enumerate(kept):
                if codes[j] // 8 == m.TDOA:
                    rows[j, m.OTHER : m.OTHER + 3] = places[detection.measurement.other]  # type: ignore[union-attr]
    return Packed(codes, rows, claims, kept, presences, rejected, reason)


@kernel
def unpack(packed: Array, codes: Indices, rows: Array, claims: Indices) -> None:
    """Write packed detections [shape=(m, PACKED)] into codes, rows and claims."""
    for j in range(packed.shape[0]):
        codes[j] = int(packed[j, 0])
        for k in range(m.ORIGIN):
            rows[j, k] = packed[j, 1 + k]
        for k in range(m.ORIGIN, m.ROW):
            rows[j, k] = 0.0
        for k in range(3):
            rows[j, m.CENTRE + k] = packed[j, P_CENTRE + k]
        claims[j, 0] = int(packed[j, P_SCHEME])
        claims[j, 1] = int(packed[j, P_SCHEME + 1])


def _position(z: Position, own: Listener) -> Row | None:
    c, alt_m, v = z.cov_m2, z.alt_m, z.velocity_mps
    ground = 0.0 if own.reports else own.sigma_m * own.sigma_m
    flat = alt_m is None
    ee, en, eu, nn, nu, uu = c if not flat else (c[0], c[1], 0.0, c[3], 0.0, 1.0)
    good = ee >= 0.0 and nn >= 0.0 and uu >= 0.0
    ee, nn = (ee if ee > LEAST_M2 else LEAST_M2) + ground, (nn if nn > LEAST_M2 else LEAST_M2) + ground
    if not flat:
        uu = (uu if uu > LEAST_UP_M2 else LEAST_UP_M2) + ground
    good = good and positive(ee, en, eu, nn, nu, uu)
    speeds = 0 if v is None else 2 if flat or v[2] is None else 3
    ve, vn, vu = (0.0, 0.0, 0.0) if v is None else (v[0], v[1], v[2] or 0.0)
    s2, lat, lon, alt = z.velocity_sigma_mps * z.velocity_sigma_mps, z.lat_deg, z.lon_deg, alt_m or 0.0
    if not (good and math.isfinite(ve + vn + vu + s2 + lat + lon + alt)):
        return None
    if flat:
        return (m.POSITION2 * 8 + speeds, 0.0, 0.0, ve, vn, vu, 0.0, ee, en, eu, nn, nu, uu, s2, s2, s2, lat, lon, alt)
    return (m.POSITION3 * 8 + speeds, 0.0, 0.0, 0.0, ve, vn, vu, ee, en, eu, nn, nu, uu, s2, s2, s2, lat, lon, alt)


def positive(ee: float, en: float, eu: float, nn: float, nu: float, uu: float) -> bool:
    """Return whether a symmetric 3×3 matrix is positive definite (leading minors), with room for rounding."""
    minor = ee * nn - en * en
    whole = uu * minor - ee * nu * nu - nn * eu * eu + 2.0 * en * eu * nu
    return ee > 0.0 and minor > 1e-9 * ee * nn and whole > 1e-9 * ee * nn * uu


def _variance(sigma_deg: float, own: Listener, range_m: float) -> float:
    sigma, across = sigma_deg * RAD, own.sigma_m / max(range_m, 1.0)
    return sigma * sigma + own.sigma_az_rad * own.sigma_az_rad + across * across


def _row(
    code: int, z: tuple[float, float, float, float], first: float, second: float, third: float, fourth: float
) -> Row | None:
    """Return the row of up to four components with independent variances; `None` where a number is not finite."""
    a, b, c, d = z
    if not math.isfinite(a + b + c + d + first + second + third + fourth):
        return None
    return (
        code, a, b, c, d, 0.0, 0.0, first, 0.0, 0.0, second, 0.0, third, fourth, 1.0, 1.0, 0.0, 0.0, 0.0,
    )  # fmt: skip


def _bearing(z: Bearing, own: Listener) -> Row | None:
    s2 = (z.sigma_deg * RAD) ** 2 + own.sigma_az_rad**2
    return _row(m.BEARING * 8, (z.bearing_deg * RAD, 0.0, 0.0, 0.0), s2, 1.0, 1.0, 1.0)


def _az_el(z: AzEl, own: Listener) -> Row | None:
    s2 = (z.sigma_az_deg * RAD) ** 2 + own.sigma_az_rad**2
    return _row(m.AZ_EL * 8, (z.az_deg * RAD, z.el_deg * RAD, 0.0, 0.0), s2, (z.sigma_el_deg * RAD) ** 2, 1.0, 1.0)


def _range_bearing(z: RangeBearing, own: Listener) -> Row | None:
    r2 = z.sigma_range_m * z.sigma_range_m + own.sigma_m * own.sigma_m
    b2 = _variance(z.sigma_deg, own, z.range_m)
    doppler, d2 = (0.0, 1.0) if z.doppler_mps is None else (z.doppler_mps, z.sigma_doppler_mps**2)
    code = m.RANGE_BEARING * 8 + (z.doppler_mps is not None)
    return _row(code, (z.range_m, z.bearing_deg * RAD, doppler, 0.0), r2, b2, 1.0, d2)


def _range_az_el(z: RangeAzEl, own: Listener) -> Row | None:
    r2 = z.sigma_range_m * z.sigma_range_m + own.sigma_m * own.sigma_m
    a2 = _variance(z.sigma_az_deg, own, z.range_m)
    el_sigma, across = z.sigma_el_deg * RAD, own.sigma_m / max(z.range_m, 1.0)
    doppler, d2 = (0.0, 1.0) if z.doppler_mps is None else (z.doppler_mps, z.sigma_doppler_mps**2)
    code = m.RANGE_AZ_EL * 8 + (z.doppler_mps is not None)
    e2 = el_sigma * el_sigma + across * across
    return _row(code, (z.range_m, z.az_deg * RAD, z.el_deg * RAD, doppler), r2, a2, e2, d2)


def _tdoa(z: Tdoa, own: Listener) -> Row | None:
    speed = own.look[m.L_SOUND] or m.LIGHT_MPS
    s2 = z.sigma_s**2 + 2.0 * (own.sigma_m / speed) ** 2 + 2.0 * own.look[m.L_SIGMA_T] ** 2
    return _row(m.TDOA * 8, (z.tdoa_s, 0.0, 0.0, 0.0), float(s2), 1.0, 1.0, 1.0)


PACKERS: dict[type, Callable[[Any, Listener], Row | None]] = {
    Position: _position,
    Bearing: _bearing,
    AzEl: _az_el,
    RangeBearing: _range_bearing,
    RangeAzEl: _range_az_el,
    Tdoa: _tdoa,
}
