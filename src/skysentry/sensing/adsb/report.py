"""What one ADS-B message says of one aircraft, in SI units with sigmas, whichever way it came.

Accuracy, from what the transmitter declares (DO-260B): NACp is a 95 % bound on the horizontal error, the type code or
NIC a bound (Rc) that is exceeded once in 100,000. With a circular Gaussian error, 95 % lies within 2.45 sigma and all
but 1e-5 within 4.80 sigma. NACp is about accuracy and comes first. Nothing declared: 50 m, the worst that a GNSS
position usually is; a position that a network or a ground radar computed (MLAT, TIS-B): 150 m.

Altitude: metres above the ellipsoid only where the message says so. Pressure altitude is kept apart, see `receiver`.
Emitter categories are claims that anyone can send, so they weigh at most three nats (a factor of 20).
"""

from __future__ import annotations

import math

from msgspec import Struct

from skysentry.events import ObjectClass
from skysentry.wire.aircraft_json import Aircraft
from skysentry.wire.cpr import CprPosition
from skysentry.wire.mode_s import ModeS
from skysentry.wire.sbs import CALLSIGN, SbsLine

FOOT_M = 0.3048
KNOT_MPS = 1852.0 / 3600.0
FOOT_PER_MINUTE_MPS = FOOT_M / 60.0

SIGMA_OF_95 = 1.0 / math.sqrt(-2.0 * math.log(0.05))
SIGMA_OF_RC = 1.0 / math.sqrt(-2.0 * math.log(1e-5))
# Bounds in metres by NACp, DO-260B table 2-71; 0 is unknown.
NACP_95_M = (None, 18_520.0, 7_408.0, 3_704.0, 1_852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0)
# Bounds in metres by type code, the widest of those that NIC supplements tell apart, DO-260B table 2-14; 8, 18 and 22
# are unknown.
RC_M = {5: 7.5, 6: 25.0, 7: 185.2, 9: 7.5, 10: 25.0, 11: 185.2, 12: 370.4, 13: 1_111.2, 14: 1_852.0, 15: 3_704.0}
RC_M |= {16: 14_816.0, 17: 37_040.0, 20: 7.5, 21: 25.0}
# By NIC, DO-260B table 2-14.
NIC_RC_M = (None, 37_040.0, 14_816.0, 7_408.0, 3_704.0, 1_852.0, 1_111.2, 370.4, 185.2, 75.0, 25.0, 7.5)
# 95 % bounds in m/s by NACv, DO-260B table 2-22; 0 is unknown.
NACV_95_MPS = (None, 10.0, 3.0, 1.0, 0.3)
# The rounding of the 17-bit encoding is 5 m, and antennas are not in the middle of aircraft.
MIN_SIGMA_M = 5.0
DEFAULT_SIGMA_M = 50.0
COMPUTED_SIGMA_M = 150.0
MAX_SIGMA_M = 20_000.0
# Velocities are sent in steps of one knot and lag a manoeuvre.
MIN_SIGMA_MPS = 0.5
DEFAULT_SIGMA_MPS = 5.0

_DRONE = (
    (ObjectClass.MULTIROTOR, 2.0),
    (ObjectClass.FIXED_WING_ELECTRIC, 2.0),
    (ObjectClass.FIXED_WING_PISTON, 2.0),
)
_AEROPLANE = ((ObjectClass.AEROPLANE, 3.0),)
_GROUND = ((ObjectClass.GROUND_SOURCE, 3.0),)
# Those who carry a transponder are mostly aeroplanes; helicopters are a tenth.
UNSAID: tuple[tuple[ObjectClass, float], ...] = ((ObjectClass.AEROPLANE, 1.5), (ObjectClass.HELICOPTER, 1.0))
CLASS_LLR: dict[str, tuple[tuple[ObjectClass, float], ...]] = {
    **{f"A{size}": _AEROPLANE for size in range(1, 7)},
    "A7": ((ObjectClass.HELICOPTER, 3.0),),
    "B1": ((ObjectClass.AEROPLANE, 2.0),),  # glider
    "B2": ((ObjectClass.BALLOON, 3.0),),
    "B3": ((ObjectClass.OTHER, 3.0),),  # parachutist
    "B4": ((ObjectClass.AEROPLANE, 1.5), (ObjectClass.OTHER, 1.0)),  # ultralight, hang-glider
    "B6": _DRONE,
    "B7": ((ObjectClass.OTHER, 3.0),),  # space vehicle
    **{f"C{kind}": _GROUND for kind in range(1, 6)},
}


class Report(Struct, frozen=True, kw_only=True):
    """One message; what it does not say is `None`. `place` is (latitude, longitude), `cpr` one still encoded."""

    address: str
    time_ns: int
    callsign: str | None = None
    category: str | None = None
    place: tuple[float, float] | None = None
    cpr: CprPosition | None = None
    sigma_m: float | None = None
    nac_p: int | None = None
    on_ground: bool | None = None
    pressure_alt_m: float | None = None
    ellipsoid_alt_m: float | None = None
    geo_minus_baro_m: float | None = None
    velocity_mps: tuple[float, float] | None = None
    vertical_mps: float | None = None
    velocity_sigma_mps: float = DEFAULT_SIGMA_MPS


def of_mode_s(message: ModeS, time_ns: int) -> Report:
    """Return the report in an extended squitter."""
    altitude_m = scaled(message.altitude_ft, FOOT_M)
    rc_m = RC_M.get(message.typecode)
    return Report(
        address=message.address,
        time_ns=time_ns,
        callsign=message.callsign,
        category=message.category,
        cpr=message.cpr,
        sigma_m=COMPUTED_SIGMA_M if message.tisb else _sigma(rc_m, SIGMA_OF_RC),
        nac_p=message.nac_p,
        on_ground=message.cpr.surface if message.cpr is not None else None,
        pressure_alt_m=None if message.altitude_geometric else altitude_m,
        ellipsoid_alt_m=altitude_m if message.altitude_geometric else None,
        geo_minus_baro_m=scaled(message.geo_minus_baro_ft, FOOT_M),
        velocity_mps=_over_ground(message.groundspeed_kt, message.track_deg),
        vertical_mps=scaled(message.vertical_rate_fpm, FOOT_PER_MINUTE_MPS),
        velocity_sigma_mps=_velocity_sigma(message.nac_v),
    )


def of_sbs(line: SbsLine, time_ns: int) -> Report:
    """Return the report in a BaseStation line; it declares no accuracy."""
    return Report(
        address=line.address,
        time_ns=time_ns,
        callsign=line.callsign,
        place=(line.lat_deg, line.lon_deg) if line.lat_deg is not None and line.lon_deg is not None else None,
        on_ground=line.kind == 2 or line.on_ground,
        pressure_alt_m=scaled(line.altitude_ft, FOOT_M),
        velocity_mps=_over_ground(line.groundspeed_kt, line.track_deg),
        vertical_mps=scaled(line.vertical_rate_fpm, FOOT_PER_MINUTE_MPS),
    )


def of_aircraft(seen: Aircraft, now_ns: int) -> Report:
    """Return the report in an object of aircraft.json; its time is that of the position, `seen_pos` before `now`."""
    rc_m = seen.rc or (NIC_RC_M[seen.nic] if seen.nic is not None and seen.nic < len(NIC_RC_M) else None)
    callsign = (seen.callsign or "").strip()
    on_ground = seen.alt_baro == "ground"
    computed = seen.source.startswith(("mlat", "tisb"))
    rate = seen.geom_rate if seen.geom_rate is not None else seen.baro_rate
    return Report(
        address=seen.address.lower(),
        time_ns=max(0, now_ns - round((seen.seen_pos or 0.0) * 1e9)),
        callsign=callsign if CALLSIGN.fullmatch(callsign) else None,
        category=seen.category,
        place=(seen.lat, seen.lon) if seen.lat is not None and seen.lon is not None else None,
        sigma_m=COMPUTED_SIGMA_M if computed else _sigma(rc_m, SIGMA_OF_RC),
        nac_p=None if computed else seen.nac_p,
        on_ground=on_ground if seen.alt_baro is not None else None,
        pressure_alt_m=seen.alt_baro * FOOT_M if isinstance(seen.alt_baro, float) else None,
        ellipsoid_alt_m=scaled(seen.alt_geom, FOOT_M),
        velocity_mps=_over_ground(seen.gs, seen.track),
        vertical_mps=scaled(rate, FOOT_PER_MINUTE_MPS),
        velocity_sigma_mps=_velocity_sigma(seen.nac_v),
    )


def horizontal_sigma_m(report_sigma_m: float | None, nac_p: int | None) -> float:
    """Return one standard deviation per horizontal axis, by the accuracy (NACp) or else by the report's bound."""
    bound_m = NACP_95_M[nac_p] if nac_p is not None and nac_p < len(NACP_95_M) else None
    sigma_m = _sigma(bound_m, SIGMA_OF_95) or report_sigma_m or DEFAULT_SIGMA_M
    return min(max(sigma_m, MIN_SIGMA_M), MAX_SIGMA_M)


def scaled(value: float | None, unit: float) -> float | None:
    """Return a value in SI units, `None` staying `None`."""
    return None if value is None else value * unit


def _sigma(bound_m: float | None, factor: float) -> float | None:
    return None if bound_m is None else bound_m * factor


def _velocity_sigma(nac_v: int | None) -> float:
    bound_mps = NACV_95_MPS[nac_v] if nac_v is not None and nac_v < len(NACV_95_MPS) else None
    return DEFAULT_SIGMA_MPS if bound_mps is None else max(bound_mps * SIGMA_OF_95, MIN_SIGMA_MPS)


def _over_ground(speed_kt: float | None, track_deg: float | None) -> tuple[float, float] | None:
    """Return velocity to the east and north in m/s; standing still needs no direction."""
    if speed_kt is None or (track_deg is None and speed_kt > 0.0):
        return None
    speed, track = speed_kt * KNOT_MPS, math.radians(track_deg or 0.0)
    return speed * math.sin(track), speed * math.cos(track)
