"""DJI's own DroneID in Wi-Fi beacons: the vendor element that older DJI aircraft sent before Remote ID was law.

What follows the OUI 26:37:12, little endian: `58 62 13`, then a subcommand, then the record.

    0x10 flight telemetry   0 version · 1 sequence (2) · 3 state bits (2) · 5 serial (16)
                            21 longitude, 25 latitude, int32 · 29 altitude, 31 height, int16
                            33 velocity north, east, up, int16, cm/s
      version 1             39 pitch, roll, yaw, int16 · 45 home longitude, latitude, int32
                            53 product · 54 length of the user's id · 55 user's id (20)
      version 2             39 yaw, int16 · 41 time of the pilot's app (8) · 49 app latitude, longitude, int32
                            57 home longitude, latitude, int32 · 65 product · 66 length of the id · 67 id (20)
    0x11 flight purpose     0 serial (16) · 16 length (8) · 24 drone id (10) · 34 length (8) · 42 purpose

Degrees are int32 / 174533 (radians x 1e7); 0, 0 is unknown. The unit of altitude and height is *not* settled: public
readers take metres (Kismet), feet (DroneSecurity) or decimetres (RemoteIDReceiver), so they stay raw and no altitude
is claimed. State bits: 6 says that the fix is good, 9 and 10 that velocities are; guessed by those who published them,
so they are shown and not obeyed. The state's bit 1 (private mode off) is likewise only shown.

Sources: Kismet's dot11_ie_221_dji_droneid definition (after F. van Tienen and J. Dumon), Department 13 "Anatomy of
DJI's Drone Identification Implementation", and the layout of version 2 as measured in public captures.
"""

from __future__ import annotations

from struct import Struct as Layout
from typing import TypeAlias

from msgspec import Struct

from skysentry.errors import DecodeError

HEAD = b"\x58\x62\x13"
TELEMETRY, PURPOSE = 0x10, 0x11
# Radians x 1e7 in a degree.
PER_DEGREE = 174_533.0
_COMMON = Layout("<BHH16siihhhhh")
_TAIL_1 = Layout("<hhhiiBB20s")
_TAIL_2 = Layout("<hQiiiiBB20s")
_PURPOSE = Layout("<16sQ10sQ")

LatLon: TypeAlias = tuple[float, float]


class Telemetry(Struct, frozen=True, kw_only=True):
    """Where the aircraft, its home and its pilot's app are; `None` is unknown. Places are (latitude, longitude)."""

    version: int
    sequence: int
    state: int
    serial: str
    place: LatLon | None
    altitude_raw: int
    height_raw: int
    velocity_neu_mps: tuple[float, float, float]
    home: LatLon | None
    app: LatLon | None
    product: int


class Purpose(Struct, frozen=True, kw_only=True):
    """What the user typed of the flight."""

    serial: str
    drone_id: str
    purpose: str


def decode(data: bytes) -> Telemetry | Purpose:
    """Return the record after the OUI; raises `DecodeError` where it is none, too short or out of range."""
    if len(data) < 4 or data[:3] != HEAD:
        raise DecodeError("not a DJI DroneID record")
    record = data[4:]
    if data[3] == TELEMETRY:
        return _telemetry(record)
    if data[3] == PURPOSE:
        return _purpose(record)
    raise DecodeError(f"DJI DroneID subcommand {data[3]:#x} is not known")


def encode(telemetry: Telemetry) -> bytes:
    """Return what follows the OUI for a telemetry record of version 2, its unknown places as 0, 0."""
    lat, lon = _raw(telemetry.place)
    app_lat, app_lon = _raw(telemetry.app)
    home_lat, home_lon = _raw(telemetry.home)
    north, east, up = (round(speed * 100) for speed in telemetry.velocity_neu_mps)
    head = HEAD + bytes((TELEMETRY,))
    serial = telemetry.serial.encode("ascii")
    places = (lon, lat, telemetry.altitude_raw, telemetry.height_raw, north, east, up)
    common = _COMMON.pack(telemetry.version, telemetry.sequence, telemetry.state, serial, *places)
    return head + common + _TAIL_2.pack(0, 0, app_lat, app_lon, home_lon, home_lat, telemetry.product, 0, b"")


def _telemetry(record: bytes) -> Telemetry:
    if len(record) < _COMMON.size:
        raise DecodeError(f"DJI telemetry of {len(record)} bytes")
    version, sequence, state, serial, lon, lat, altitude, height, north, east, up = _COMMON.unpack_from(record)
    tail = {1: _TAIL_1, 2: _TAIL_2}.get(version)
    if tail is None or len(record) < _COMMON.size + tail.size:
        raise DecodeError(f"DJI telemetry version {version} of {len(record)} bytes")
    values = tail.unpack_from(record, _COMMON.size)
    if version == 1:
        home_lon, home_lat, product = values[3:6]
        app = None
    else:
        app = _place(values[2], values[3])
        home_lon, home_lat, product = values[4:7]
    return Telemetry(
        version=version,
        sequence=sequence,
        state=state,
        serial=_text(serial),
        place=_place(lat, lon),
        altitude_raw=altitude,
        height_raw=height,
        velocity_neu_mps=(north / 100.0, east / 100.0, up / 100.0),
        home=_place(home_lat, home_lon),
        app=app,
        product=product,
    )


def _purpose(record: bytes) -> Purpose:
    if len(record) < _PURPOSE.size:
        raise DecodeError(f"DJI flight purpose of {len(record)} bytes")
    serial, _, drone_id, _ = _PURPOSE.unpack_from(record)
    return Purpose(serial=_text(serial), drone_id=_text(drone_id), purpose=_text(record[_PURPOSE.size :]))


def _place(lat: int, lon: int) -> LatLon | None:
    if lat == 0 and lon == 0:
        return None
    lat_deg, lon_deg = lat / PER_DEGREE, lon / PER_DEGREE
    if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
        raise DecodeError(f"latitude {lat_deg:.6f}, longitude {lon_deg:.6f} is not on Earth")
    return lat_deg, lon_deg


def _raw(place: LatLon | None) -> tuple[int, int]:
    return (0, 0) if place is None else (round(place[0] * PER_DEGREE), round(place[1] * PER_DEGREE))


def _text(raw: bytes) -> str:
    """Return ASCII up to the first NUL."""
    try:
        text = raw.partition(b"\0")[0].decode("ascii").strip(" ")
    except UnicodeDecodeError:
        raise DecodeError("text that is not ASCII") from None
    if not text.isprintable():
        raise DecodeError("text with control characters")
    return text
