"""Claims of a place to measurements: variances, velocity, features, and what is only a copy of what was said before.

Accuracy codes become variances (F3411-22a tables 8 to 10 give bounds at 95 %). Copies weigh `REPEAT_INFLATION` less;
`receiver` says why. DJI's own records declare no accuracy and no altitude that is certain (`wire.dji_wifi`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from skysentry.events import Position
from skysentry.geo import distance_m
from skysentry.sensing.remote_id.sender import Transmitter
from skysentry.wire import dji_wifi
from skysentry.wire.remote_id import Location

Claim: TypeAlias = Location | dji_wifi.Telemetry
Features: TypeAlias = tuple[tuple[str, float], ...]
LatLon: TypeAlias = tuple[float, float]

# A sender without stamps may hover: what it says again a second later is new, for so often F3411-22a wants it.
UNSTAMPED_REPEAT_NS = 1_000_000_000
# Stamps count within the hour, so the same one comes back after 3,600 s.
STAMPED_REPEAT_NS = 3_000_000_000_000
# Two receivers of one frame differ by their clocks; NTP keeps them within a second.
CLOCKS_NS = 1_000_000_000
# Ten copies a second together weigh a tenth of one measurement.
REPEAT_INFLATION = 100.0
# A place may be 1 s old when it is sent (F3411-22a, table 1); evenly spread, 0.58 s rms.
LATENCY_S = 0.58
# Above this no small aircraft flies; a place that moved faster was not one aircraft's. Counted, not dropped.
JUMP_MPS = 150.0
JUMP_FLOOR_M = 200.0
# Bounds at 95 % of the accuracy codes; code 0 and unknown ones take the first, our own: a consumer receiver with a
# poor view. A circle's 95 % radius is 2.448 sigma of one axis, an interval's half width 1.96 sigma.
_HORIZONTAL_M = (30.0, 18_520.0, 7_408.0, 3_704.0, 1_852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0, 1.0)
_VERTICAL_M = (45.0, 150.0, 45.0, 25.0, 10.0, 3.0, 1.0)
_SPEED_MPS = (10.0, 10.0, 3.0, 1.0, 0.3)
# Fixes of one instant differ by more than a metre between receivers whatever they declare.
_FLOOR_M2, _FLOOR_MPS = 1.0, 0.3


def _variances(bounds: Sequence[float], factor: float) -> tuple[float, ...]:
    """Return sigma squared for all 16 codes, those beyond the table as unknown."""
    return tuple((bounds[code if code < len(bounds) else 0] / factor) ** 2 for code in range(16))


_HORIZONTAL_M2 = tuple(max(value, _FLOOR_M2) for value in _variances(_HORIZONTAL_M, 2.448))
_VERTICAL_M2 = tuple(max(value, _FLOOR_M2) for value in _variances(_VERTICAL_M, 1.96))
_SPEED_SIGMA = tuple(max(math.sqrt(value), _FLOOR_MPS) for value in _variances(_SPEED_MPS, 2.448))
# DJI declares no accuracy; the unit of its velocities (cm/s) is what readers agree on, not what DJI said.
_DJI_M2 = _HORIZONTAL_M2[0]
_DJI_SPEED_SIGMA = 5.0

_HALF_HOUR_S = 1_800.0


def place_of(claim: Claim) -> LatLon | None:
    """Return latitude and longitude in degrees, `None` where they are unknown."""
    if isinstance(claim, dji_wifi.Telemetry):
        return claim.place
    if claim.lat_deg is None or claim.lon_deg is None:
        return None
    return claim.lat_deg, claim.lon_deg


def velocity_of(claim: Claim) -> tuple[tuple[float, float] | None, float]:
    """Return the claimed velocity (east, north), `None` where it is unknown, and its sigma in m/s."""
    if isinstance(claim, dji_wifi.Telemetry):
        return (claim.velocity_neu_mps[1], claim.velocity_neu_mps[0]), _DJI_SPEED_SIGMA
    sigma_mps = _SPEED_SIGMA[claim.speed_accuracy]
    if claim.speed_mps is None or (claim.direction_deg is None and claim.speed_mps > 0.0):
        return None, sigma_mps
    heading = math.radians(claim.direction_deg or 0.0)
    return (claim.speed_mps * math.sin(heading), claim.speed_mps * math.cos(heading)), sigma_mps


def measure(
    transmitter: Transmitter, claim: Claim, place: LatLon, time_ns: int, age_s: float | None
) -> tuple[Position, Features]:
    """Return the measurement and features of a claim heard at `time_ns`; `age_s` as `repeat_age_s` gives it."""
    if isinstance(claim, Location):
        features = _features(claim, time_ns, transmitter.traits)
        measurement = _position(claim, place, age_s)
    else:
        features = (*transmitter.traits, ("dji_altitude_raw", float(claim.altitude_raw)))
        measurement = _dji_position(claim, place, age_s)
    return measurement, features if age_s is None else (*features, ("repeat_of_s", age_s))


def repeat_age_s(transmitter: Transmitter, claim: Claim, time_ns: int) -> float | None:
    """Return how long ago this very claim was first heard, `None` if it is new; note it."""
    content: bytes | Location
    if isinstance(claim, Location):
        content, keeps_ns = claim, UNSTAMPED_REPEAT_NS if claim.time_s is None else STAMPED_REPEAT_NS
    else:
        content, keeps_ns = msgspec.msgpack.encode(claim), UNSTAMPED_REPEAT_NS
    age_ns = time_ns - transmitter.claim_ns
    if -CLOCKS_NS < age_ns < keeps_ns and content == transmitter.claim:
        return max(age_ns, 0) / 1e9
    transmitter.claim, transmitter.claim_ns = content, time_ns
    return None


def jumped(transmitter: Transmitter, place: LatLon, time_ns: int) -> bool:
    """Whether a sender's new place cannot be reached from its last one."""
    if transmitter.place_ns is None:
        return False
    moved_m = distance_m(transmitter.lat_deg, transmitter.lon_deg, *place)
    return moved_m > JUMP_FLOOR_M + JUMP_MPS * abs(time_ns - transmitter.place_ns) / 1e9


def _features(location: Location, time_ns: int, traits: Features) -> Features:
    features = list(traits)
    if location.height_m is not None:
        features.append(("height_agl_m", location.height_m))
        if location.height_type == 0:
            features.append(("height_from_takeoff", 1.0))
    if location.pressure_alt_m is not None:
        features.append(("pressure_alt_m", location.pressure_alt_m))
    if location.time_s is not None:
        age_s = time_ns % 3_600_000_000_000 / 1e9 - location.time_s
        features.append(("stamp_age_s", (age_s + _HALF_HOUR_S) % 3_600.0 - _HALF_HOUR_S))
    return tuple(features)


def _position(location: Location, place: LatLon, age_s: float | None) -> Position:
    speed, direction = location.speed_mps, location.direction_deg
    velocity = None
    if speed is not None and (direction is not None or speed == 0.0):
        heading = math.radians(direction or 0.0)
        velocity = (speed * math.sin(heading), speed * math.cos(heading), location.vertical_mps)
    moved_m = (speed or 0.0) * LATENCY_S
    horizontal = _HORIZONTAL_M2[location.horizontal_accuracy] + moved_m * moved_m
    vertical = _VERTICAL_M2[location.vertical_accuracy]
    sigma = _SPEED_SIGMA[location.speed_accuracy]
    if age_s is not None:
        horizontal = min(horizontal * REPEAT_INFLATION + ((speed or 0.0) * age_s) ** 2, 1e12)
        vertical *= REPEAT_INFLATION
        sigma *= math.sqrt(REPEAT_INFLATION)
    return Position(
        lat_deg=place[0],
        lon_deg=place[1],
        alt_m=location.geodetic_alt_m,
        cov_m2=(horizontal, 0.0, 0.0, horizontal, 0.0, vertical),
        velocity_mps=velocity,
        velocity_sigma_mps=sigma,
    )


def _dji_position(telemetry: dji_wifi.Telemetry, place: LatLon, age_s: float | None) -> Position:
    north, east, up = telemetry.velocity_neu_mps
    moved_m = math.hypot(north, east) * LATENCY_S
    inflation = 1.0 if age_s is None else REPEAT_INFLATION
    horizontal = (_DJI_M2 + moved_m * moved_m) * inflation
    return Position(
        lat_deg=place[0],
        lon_deg=place[1],
        cov_m2=(horizontal, 0.0, 0.0, horizontal, 0.0, _VERTICAL_M2[0]),
        velocity_mps=(east, north, up),
        velocity_sigma_mps=_DJI_SPEED_SIGMA * math.sqrt(inflation),
    )
