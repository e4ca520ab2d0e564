"""Extended squitters (downlink format 17) that an aircraft sends: position, velocity, callsign.

    frame   DF 5 bits = 17 · capability 3 · address 24 · message 56 · checksum 24
    position   type code 11 (5) · surveillance 2 · antenna 1 · altitude 12 · time 1 · odd 1 · latitude 17 · longitude 17
    velocity   type code 19 (5) · subtype 3 = 1 · intent 1 · IFR 1 · accuracy 3 · west 1 · speed 10 · south 1 · speed 10
               source 1 · down 1 · rate 9 · reserved 2 · below 1 · GNSS minus pressure 7
    identity   type code 4 (5) · category 3 · eight characters of 6 bits

Altitude is pressure altitude in steps of 25 ft (Q bit set), speeds in knots + 1, rates in 64 ft/min + 1, the difference
of heights in 25 ft + 1. Source: ICAO Annex 10 volume IV, Doc 9871 tables A-2-5, A-2-8 and A-2-9. Checked in the tests
with rs1090. Left out: positions on the surface, speeds above 1,021 kt, altitudes above 50,175 ft.
"""

from __future__ import annotations

from skysentry.wire import mode_s
from skysentry.wire.cpr import encode_position

FOOT_M, KNOT_MPS = 0.3048, 0.514444
ALPHABET = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"


def position(icao24: str, lat_deg: float, lon_deg: float, pressure_alt_m: float, *, odd: bool) -> bytes:
    """Return an airborne position squitter."""
    coded = encode_position(lat_deg, lon_deg, odd)
    steps = max(0, round((pressure_alt_m / FOOT_M + 1000.0) / 25.0))
    altitude = (steps >> 4) << 5 | 1 << 4 | steps & 0xF
    return _frame(icao24, _pack((11, 5), (0, 3), (altitude, 12), (0, 1), (odd, 1), (coded.lat, 17), (coded.lon, 17)))


def velocity(icao24: str, velocity_mps: tuple[float, float, float], geometric_minus_pressure_m: float) -> bytes:
    """Return a velocity squitter; the velocity is east, north, up."""
    east, north = (round(one / KNOT_MPS) for one in velocity_mps[:2])
    rate = round(velocity_mps[2] / FOOT_M * 60.0 / 64.0)
    gap = round(geometric_minus_pressure_m / FOOT_M / 25.0)
    fields = (
        *((19, 5), (1, 3), (0, 2), (2, 3), (east < 0, 1), (abs(east) + 1, 10), (north < 0, 1), (abs(north) + 1, 10)),
        *((0, 1), (rate < 0, 1), (abs(rate) + 1, 9), (0, 2), (gap < 0, 1), (abs(gap) + 1, 7)),
    )
    return _frame(icao24, _pack(*fields))


def identity(icao24: str, callsign: str, category: int = 3) -> bytes:
    """Return an identification squitter; category 3 is a large aeroplane (A3), 7 a rotorcraft (A7)."""
    return _frame(icao24, _pack((4, 5), (category, 3), *((ALPHABET.index(one), 6) for one in f"{callsign:8.8}")))


def _pack(*fields: tuple[int, int]) -> int:
    """Return fields of (value, bits) as one number of 56 bits."""
    message = 0
    for value, bits in fields:
        message = message << bits | int(value) & (1 << bits) - 1
    return message


def _frame(icao24: str, message: int) -> bytes:
    body = bytes([17 << 3 | 5]) + bytes.fromhex(icao24) + message.to_bytes(7, "big")
    return body + mode_s.checksum(body + bytes(3)).to_bytes(3, "big")
