"""The French signal of the arrêté of 27 December 2019: a vendor element in Wi-Fi beacons, for aircraft above 800 g.

After OUI 6A:5C:35 and type 0x01: fields of type, length, value, numbers big endian.

    1  protocol version, 1 byte      2  French id, 30 characters: maker, model, serial number
    3  ANSI/CTA-2063-A serial        4  latitude, 5  longitude, int32 x 1e-5 deg
    6  altitude above sea level, 7  height above take-off, int16 m
    8  latitude, 9  longitude of take-off, int32 x 1e-5 deg
    10 ground speed, m/s, 1 byte     11 heading, degrees clockwise from true north, uint16

The result is the messages of `remote_id`, so that everything after is the same: the id as a serial (the ANSI one first,
if both are there), take-off as a `System` of that type. Altitude above sea level is passed over, for it is no height
above the ellipsoid; so are unknown types. Nothing is stamped and no accuracy declared.

Sources: the annex of the arrêté, and its field list in the Wi-Fi beacon sketches of P. Kancir (droneID_FR).
"""

from __future__ import annotations

from skysentry.errors import DecodeError
from skysentry.wire.remote_id import BasicId, IdType, Location, Message, System

VERSION, FRENCH_ID, ANSI_ID, LAT, LON, ALTITUDE, HEIGHT, HOME_LAT, HOME_LON, SPEED, HEADING = range(1, 12)
PER_DEGREE = 1e5
# The lengths that the annex fixes; ids may be shorter than they can be.
_LENGTHS = {LAT: 4, LON: 4, HEIGHT: 2, HOME_LAT: 4, HOME_LON: 4, SPEED: 1, HEADING: 2}


def decode(data: bytes) -> list[Message]:
    """Return the messages in what follows OUI and type; raises `DecodeError` where they break the annex."""
    fields = _fields(data)
    messages: list[Message] = []
    if value := _text(fields.get(ANSI_ID) or fields.get(FRENCH_ID, b"")):
        messages.append(BasicId(id_type=IdType.SERIAL, ua_type=0, uas_id=value))
    lat_deg, lon_deg = _place(fields, LAT, LON)
    heading = _number(fields, HEADING)
    if heading is not None and heading > 360:
        raise DecodeError(f"heading {heading} deg")
    speed, height = _number(fields, SPEED), _number(fields, HEIGHT, signed=True)
    messages.append(
        Location(
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            height_m=None if height is None else float(height),
            speed_mps=None if speed is None else float(speed),
            direction_deg=None if heading is None else float(heading % 360),
        )
    )
    home_lat_deg, home_lon_deg = _place(fields, HOME_LAT, HOME_LON)
    if home_lat_deg is not None:
        messages.append(System(location_type=0, lat_deg=home_lat_deg, lon_deg=home_lon_deg))
    return messages


def _fields(data: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data):
        kind, end = data[at], at + 2 + data[at + 1]
        value = data[at + 2 : end]
        if end > len(data) or len(value) != _LENGTHS.get(kind, len(value)):
            raise DecodeError(f"French field {kind} of {data[at + 1]} bytes")
        fields[kind] = value
        at = end
    if fields.get(VERSION) != b"\x01":
        raise DecodeError("French signal of an unknown version")
    return fields


def _number(fields: dict[int, bytes], kind: int, signed: bool = False) -> int | None:
    value = fields.get(kind)
    return None if value is None else int.from_bytes(value, "big", signed=signed)


def _place(fields: dict[int, bytes], lat_kind: int, lon_kind: int) -> tuple[float | None, float | None]:
    lat, lon = _number(fields, lat_kind, signed=True), _number(fields, lon_kind, signed=True)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return None, None
    if not (abs(lat) <= 9_000_000 and abs(lon) <= 18_000_000):
        raise DecodeError(f"latitude {lat / PER_DEGREE}, longitude {lon / PER_DEGREE} is not on Earth")
    return lat / PER_DEGREE, lon / PER_DEGREE


def _text(raw: bytes) -> str:
    try:
        text = raw.strip(b"\0 ").decode("ascii")
    except UnicodeDecodeError:
        raise DecodeError("text that is not ASCII") from None
    if len(text) > 30 or not text.isprintable():
        raise DecodeError("an id that is too long or no text")
    return text
