"""Compact position reporting: how ADS-B packs a position into 17 + 17 bits.

Source: RTCA DO-260B / ICAO Doc 9871, appendix on CPR. The Earth is cut into zones of latitude (60 for even messages,
59 for odd ones, over 360 degrees) and, per latitude, into NL zones of longitude; a message holds the place inside its
zone only. A surface message uses a quarter of the span (90 degrees), four times finer and four times more ambiguous.

    global_position   an even and an odd message together tell the zone (surface: one of eight, the nearest is taken)
    local_position    one message and a place known to be near tell it: within half a zone, that is about 333 km in the
                      air (180 NM) and 83 km (45 NM) on the surface

Pure functions, no state: `sensing.adsb` keeps the last message of each parity per aircraft, so that its state can be
saved and two ways of cutting the stream into batches give the same positions.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from msgspec import Struct

SCALE = float(1 << 17)  # both coordinates are 17-bit fractions of a zone
ZONES = 15  # NZ, zones of latitude between the equator and a pole, fixed by the standard
AIR_SPAN_DEG, SURFACE_SPAN_DEG = 360.0, 90.0


class CprPosition(Struct, frozen=True):
    """One encoded position: raw 17-bit latitude and longitude, parity, and whether it is of the surface kind."""

    lat: int
    lon: int
    odd: bool
    surface: bool


def _transitions() -> list[float]:
    """Return the latitudes (degrees, rising) above which NL falls by one, from 59 zones at the equator to 2."""
    pole = 1.0 - math.cos(math.pi / (2.0 * ZONES))
    return [
        math.degrees(math.acos(math.sqrt(pole / (1.0 - math.cos(2.0 * math.pi / zones))))) for zones in range(59, 1, -1)
    ]


_TRANSITIONS_DEG = _transitions()


def longitude_zones(lat_deg: float) -> int:
    """Return NL, the number of longitude zones at a latitude: 59 at the equator, 1 beyond 87 degrees."""
    return 59 - bisect_right(_TRANSITIONS_DEG, abs(lat_deg))


def local_position(message: CprPosition, near_deg: tuple[float, float]) -> tuple[float, float] | None:
    """Return (latitude, longitude) in degrees of the candidate next to `near_deg`, or `None` beyond a pole."""
    span = SURFACE_SPAN_DEG if message.surface else AIR_SPAN_DEG
    lat = _nearest(message.lat, span / (4 * ZONES - message.odd), near_deg[0])
    if not -90.0 <= lat <= 90.0:
        return None
    lon = _nearest(message.lon, span / max(longitude_zones(lat) - message.odd, 1), near_deg[1])
    return lat, _wrapped(lon)


def global_position(
    even: CprPosition, odd: CprPosition, newest_odd: bool, near_deg: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Return (latitude, longitude) in degrees at the newest of an even and an odd message of one kind.

    `None` where the two lie in different longitude zones (wait for the next), or for a surface pair without
    `near_deg`, the receiver's place, which picks one of its eight solutions.
    """
    if even.surface and near_deg is None:
        return None
    span = SURFACE_SPAN_DEG if even.surface else AIR_SPAN_DEG
    lats = _pair_latitudes(even, odd, span, near_deg)
    if lats is None:
        return None
    zones = longitude_zones(lats[0])
    if zones != longitude_zones(lats[1]):
        return None
    index = math.floor((even.lon * (zones - 1) - odd.lon * zones) / SCALE + 0.5)
    parts = max(zones - newest_odd, 1)
    lon = span / parts * (index % parts + (odd.lon if newest_odd else even.lon) / SCALE)
    if even.surface and near_deg is not None:
        lon += 90.0 * round((near_deg[1] - lon) / 90.0)
    return lats[newest_odd], _wrapped(lon)


def encode_position(lat_deg: float, lon_deg: float, odd: bool, surface: bool = False) -> CprPosition:
    """Return the encoding of a place, for tests and simulation."""
    span = SURFACE_SPAN_DEG if surface else AIR_SPAN_DEG
    lat_zone = span / (4 * ZONES - odd)
    lat = math.floor(SCALE * (lat_deg % lat_zone) / lat_zone + 0.5)
    coded_lat = lat_zone * (lat / SCALE + math.floor(lat_deg / lat_zone))
    lon_zone = span / max(longitude_zones(coded_lat) - odd, 1)
    lon = math.floor(SCALE * (lon_deg % lon_zone) / lon_zone + 0.5)
    return CprPosition(lat % (1 << 17), lon % (1 << 17), odd, surface)


def _pair_latitudes(
    even: CprPosition, odd: CprPosition, span: float, near_deg: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the latitudes of the even and of the odd message, or `None` where they are no latitudes."""
    zone = math.floor((59 * even.lat - 60 * odd.lat) / SCALE + 0.5)
    lats = (span / 60 * (zone % 60 + even.lat / SCALE), span / 59 * (zone % 59 + odd.lat / SCALE))
    if even.surface and near_deg is not None:
        south = abs(lats[0] - 90.0 - near_deg[0]) < abs(lats[0] - near_deg[0])
        shift = 90.0 if south else 0.0
        lats = (lats[0] - shift, lats[1] - shift)
    else:
        lats = (_south(lats[0]), _south(lats[1]))
    return lats if abs(lats[0]) <= 90.0 and abs(lats[1]) <= 90.0 else None


def _south(lat: float) -> float:
    return lat - 360.0 if lat >= 270.0 else lat


def _nearest(coded: int, zone_deg: float, near: float) -> float:
    """Return the value with this fraction of a zone that lies within half a zone of `near`."""
    fraction = coded / SCALE
    return zone_deg * (math.floor(0.5 + near / zone_deg - fraction) + fraction)


def _wrapped(lon: float) -> float:
    return (lon + 180.0) % 360.0 - 180.0
