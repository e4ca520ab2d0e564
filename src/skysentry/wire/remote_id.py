"""Remote ID messages of ASTM F3411-22a and ASD-STAN EN 4709-002: 25 bytes, little endian.

Byte 0 is type << 4 | protocol version. The rest, by type:

    0  Basic ID     1 id type << 4 | aircraft type · 2-21 id · 22-24 reserved
    1  Location     1 status << 4 | height type << 2 | east-west << 1 | speed multiplier · 2 direction · 3 speed
                    4 vertical speed, int8 x 0.5 m/s · 5-8 latitude, 9-12 longitude, int32 x 1e-7 deg
                    13 pressure altitude, 15 geodetic altitude, 17 height, uint16 x 0.5 m - 1000 m
                    19 vertical << 4 | horizontal accuracy · 20 pressure altitude << 4 | speed accuracy
                    21-22 tenths of a second since the full hour · 23 accuracy of that, x 0.1 s · 24 reserved
    2  Auth page    1 auth type << 4 | page · page 0: 2 last page, 3 length, 4-7 time, 8-24 data · others: 2-24 data
    3  Self-ID      1 description type · 2-24 text
    4  System       1 classification << 2 | operator location type · 2-5 latitude, 6-9 longitude · 10-11 area count
                    12 radius x 10 m · 13 ceiling, 15 floor, as altitudes · 17 EU category << 4 | EU class
                    18 operator altitude · 20-23 seconds since 2019-01-01 UTC · 24 reserved
    5  Operator ID  1 type · 2-21 id · 22-24 reserved
    15 pack         1 message size (25) · 2 count (0 to 9) · the messages

Values that the document calls invalid or unknown become `None`: direction 361, speed 255 m/s, vertical speed 63 m/s,
altitude -1000 m, time 0xFFFF, and latitude = longitude = 0, which transmitters send before their first fix. Values
that it forbids (latitude 100 deg, vertical speed 64 m/s, time past the hour) raise `DecodeError`: a sender in order
cannot make them, so nothing beside them is believed either. Reserved enum values and reserved bytes are let through,
for newer senders may use them. Binary ids (UTM, session) become lower-case hexadecimal.

Left out: network Remote ID, and the meaning of Auth data (DRIP, RFC 9575): pages are read here,
put together in `remote_id_auth`, and not verified.
Source: ASTM F3411-22a as opendroneid-core-c lays it out; the tests hold bytes of a second implementation, librid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from struct import Struct as Layout
from typing import TypeAlias

from msgspec import Struct

from skysentry.errors import DecodeError

MESSAGE_BYTES = 25
PACK_TYPE = 0xF
# Nine messages fill the 250 bytes of one extended Bluetooth advertisement.
MAX_PACK = 9
# 0 and 1 are F3411-19, 2 is F3411-22a and EN 4709-002; the layout of later ones is not known.
LAST_VERSION = 2
MAX_AUTH_PAGE = 15
# Seconds of 2019-01-01 00:00 UTC since 1970, the zero of System and Auth times.
EPOCH_2019_S = 1_546_300_800

PER_DEGREE = 1e7
NO_DIRECTION = 361
NO_TIME = 0xFFFF
SPEED_STEP, FAST_STEP, FAST_FROM = 0.25, 0.75, 63.75
MAX_VERTICAL, NO_VERTICAL = 124, 126  # in 0.5 m/s: 62 and 63 m/s
TENTHS_PER_HOUR = 36_000


class IdType(IntEnum):
    """What the id of a Basic ID is."""

    NONE = 0
    SERIAL = 1
    REGISTRATION = 2
    UTM = 3
    SESSION = 4


class BasicId(Struct, frozen=True, kw_only=True, tag=0):
    """Who the aircraft says it is; `ua_type` 1 is an aeroplane, 2 a helicopter or multirotor, 4 a hybrid."""

    id_type: int
    ua_type: int
    uas_id: str


class Location(Struct, frozen=True, kw_only=True, tag=1):
    """Where it says it is. `height_m` is above take-off (`height_type` 0) or ground (1); accuracies are codes.

    `time_s` counts from the last full hour, UTC; direction is clockwise from true north.
    """

    status: int = 0
    height_type: int = 0
    direction_deg: float | None = None
    speed_mps: float | None = None
    vertical_mps: float | None = None
    lat_deg: float | None = None
    lon_deg: float | None = None
    pressure_alt_m: float | None = None
    geodetic_alt_m: float | None = None
    height_m: float | None = None
    horizontal_accuracy: int = 0
    vertical_accuracy: int = 0
    pressure_accuracy: int = 0
    speed_accuracy: int = 0
    time_s: float | None = None
    time_accuracy: int = 0


class AuthPage(Struct, frozen=True, kw_only=True, tag=2):
    """One page of authentication data; `last_page`, `length` and `time_s` (since 1970) only on page 0.

    F3411-19 has the number of pages in the place of `last_page`.
    """

    auth_type: int
    page: int
    data: bytes
    last_page: int | None = None
    length: int | None = None
    time_s: int | None = None


class SelfId(Struct, frozen=True, kw_only=True, tag=3):
    """What the operator says of the flight, free text."""

    text_type: int
    text: str


class System(Struct, frozen=True, kw_only=True, tag=4):
    """Where the operator says to be: `location_type` 0 the take-off place, 1 a live fix, 2 a fixed place."""

    classification: int = 0
    location_type: int = 0
    lat_deg: float | None = None
    lon_deg: float | None = None
    area_count: int = 0
    area_radius_m: int = 0
    ceiling_m: float | None = None
    floor_m: float | None = None
    category_eu: int = 0
    class_eu: int = 0
    operator_alt_m: float | None = None
    time_s: int | None = None


class OperatorId(Struct, frozen=True, kw_only=True, tag=5):
    """The operator's registration number, in the EU without its secret digits."""

    id_type: int
    operator_id: str


Message: TypeAlias = BasicId | Location | AuthPage | SelfId | System | OperatorId

_BASIC = Layout("<BB20s3x")
_LOCATION = Layout("<BBBBbiiHHHBBHBx")
_AUTH_FIRST = Layout("<BBBBI17s")
_AUTH_NEXT = Layout("<BB23s")
_SELF = Layout("<BB23s")
_SYSTEM = Layout("<BBiiHBHHBHIx")
_OPERATOR = Layout("<BB20s3x")


# --- bytes to fields ----------------------------------------------------------------------------------------


def decode(data: bytes, offset: int = 0) -> Message:
    """Return the message in the 25 bytes at `offset`; raises `DecodeError` where it breaks the document."""
    if len(data) - offset < MESSAGE_BYTES:
        raise DecodeError(f"a Remote ID message has {MESSAGE_BYTES} bytes, here are {max(0, len(data) - offset)}")
    head = data[offset]
    if head & 0xF > LAST_VERSION:
        raise DecodeError(f"Remote ID protocol version {head & 0xF} is not known")
    decoder = _DECODERS.get(head >> 4)
    if decoder is None:
        raise DecodeError(f"Remote ID message type {head >> 4} is not known")
    return decoder(data, offset)


def decode_all(data: bytes) -> tuple[list[Message], int]:
    """Return the messages of a payload (one message or a pack) and how many were damaged and left out.

    Raises `DecodeError` where the payload itself is neither.
    """
    if not data:
        raise DecodeError("an empty Remote ID payload")
    if data[0] >> 4 != PACK_TYPE:
        return [decode(data)], 0
    if len(data) < 3 or data[0] & 0xF > LAST_VERSION or data[1] != MESSAGE_BYTES or data[2] > MAX_PACK:
        raise DecodeError("the head of a Remote ID message pack is wrong")
    messages: list[Message] = []
    damaged = 0
    for index in range(data[2]):
        try:
            messages.append(decode(data, 3 + MESSAGE_BYTES * index))
        except DecodeError:
            damaged += 1
    return messages, damaged


def decode_place(lat: int, lon: int) -> tuple[float | None, float | None]:
    """Return degrees of a place in 1e-7 deg, `None` for 0, 0."""
    if lat == 0 and lon == 0:
        return None, None
    if not (-900_000_000 <= lat <= 900_000_000 and -1_800_000_000 <= lon <= 1_800_000_000):
        raise DecodeError(f"latitude {lat / PER_DEGREE:.7f}, longitude {lon / PER_DEGREE:.7f} is not on Earth")
    return lat / PER_DEGREE, lon / PER_DEGREE


def _altitude_m(raw: int) -> float | None:
    return raw * 0.5 - 1000.0 if raw else None


def decode_text(raw: bytes) -> str:
    """Return ASCII up to the first NUL; the document allows nothing else."""
    try:
        text = raw.partition(b"\0")[0].decode("ascii").strip(" ")
    except UnicodeDecodeError:
        raise DecodeError("text that is not ASCII") from None
    if not text.isprintable():
        raise DecodeError("text with control characters")
    return text


def _basic(data: bytes, offset: int) -> BasicId:
    _, kinds, raw = _BASIC.unpack_from(data, offset)
    return BasicId(id_type=kinds >> 4, ua_type=kinds & 0xF, uas_id=decode_id(kinds >> 4, raw))


def decode_id(id_type: int, raw: bytes) -> str:
    """Return the id in the 20 bytes of a Basic ID."""
    binary = _BINARY_ID_BYTES.get(id_type)
    return decode_text(raw) if binary is None else raw[:binary].hex()


# A UTM id is a UUID of 16 bytes; a session id fills the field, its first byte says of which kind it is.
_BINARY_ID_BYTES: dict[int, int] = {IdType.UTM: 16, IdType.SESSION: 20}


def _location(data: bytes, offset: int) -> Location:
    (_, flags, heading, speed, climb, lat, lon, pressure, geodetic, height, where, how, tenths, clock) = (
        _LOCATION.unpack_from(data, offset)
    )
    lat_deg, lon_deg = decode_place(lat, lon)
    direction = heading + 180 if flags & 2 else heading
    if (direction > 360 and direction != NO_DIRECTION) or (heading > 180 and not flags & 2):
        raise DecodeError(f"direction {direction} deg")
    if not -MAX_VERTICAL <= climb <= MAX_VERTICAL and climb != NO_VERTICAL:
        raise DecodeError(f"vertical speed {climb * 0.5} m/s")
    if tenths > TENTHS_PER_HOUR and tenths != NO_TIME:
        raise DecodeError(f"{tenths / 10} s after the full hour")
    if flags & 1:
        speed_mps = None if speed == 255 else speed * FAST_STEP + FAST_FROM
    else:
        speed_mps = speed * SPEED_STEP
    return Location(
        status=flags >> 4,
        height_type=(flags >> 2) & 1,
        direction_deg=None if direction == NO_DIRECTION else float(direction % 360),
        speed_mps=speed_mps,
        vertical_mps=None if climb == NO_VERTICAL else climb * 0.5,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        pressure_alt_m=_altitude_m(pressure),
        geodetic_alt_m=_altitude_m(geodetic),
        height_m=_altitude_m(height),
        horizontal_accuracy=where & 0xF,
        vertical_accuracy=where >> 4,
        pressure_accuracy=how >> 4,
        speed_accuracy=how & 0xF,
        time_s=None if tenths == NO_TIME else tenths / 10,
        time_accuracy=clock & 0xF,
    )


def _auth(data: bytes, offset: int) -> AuthPage:
    if data[offset + 1] & 0xF:
        _, kind, content = _AUTH_NEXT.unpack_from(data, offset)
        return AuthPage(auth_type=kind >> 4, page=kind & 0xF, data=content)
    _, kind, last, length, time_s, content = _AUTH_FIRST.unpack_from(data, offset)
    if last > MAX_AUTH_PAGE:
        raise DecodeError(f"authentication with {last + 1} pages")
    return AuthPage(
        auth_type=kind >> 4,
        page=0,
        data=content,
        last_page=last,
        length=length,
        time_s=time_s + EPOCH_2019_S if time_s else None,
    )


def _self(data: bytes, offset: int) -> SelfId:
    _, kind, text = _SELF.unpack_from(data, offset)
    return SelfId(text_type=kind, text=decode_text(text))


def _system(data: bytes, offset: int) -> System:
    _, flags, lat, lon, count, radius, ceiling, floor, eu, altitude, time_s = _SYSTEM.unpack_from(data, offset)
    lat_deg, lon_deg = decode_place(lat, lon)
    return System(
        classification=(flags >> 2) & 7,
        location_type=flags & 3,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        area_count=count,
        area_radius_m=radius * 10,
        ceiling_m=_altitude_m(ceiling),
        floor_m=_altitude_m(floor),
        category_eu=eu >> 4,
        class_eu=eu & 0xF,
        operator_alt_m=_altitude_m(altitude),
        time_s=time_s + EPOCH_2019_S if time_s else None,
    )


def _operator(data: bytes, offset: int) -> OperatorId:
    _, kind, text = _OPERATOR.unpack_from(data, offset)
    return OperatorId(id_type=kind, operator_id=decode_text(text))


_DECODERS: dict[int, Callable[[bytes, int], Message]] = {
    0: _basic, 1: _location, 2: _auth, 3: _self, 4: _system, 5: _operator,
}  # fmt: skip


# --- fields to bytes ----------------------------------------------------------------------------------------


def encode(message: Message, version: int = LAST_VERSION) -> bytes:
    """Return the 25 bytes of a message, its values rounded to the steps and clamped to the limits of the format."""
    if isinstance(message, Location):
        return _encode_location(message, version)
    if isinstance(message, System):
        return _encode_system(message, version)
    if isinstance(message, BasicId):
        binary = message.id_type in _BINARY_ID_BYTES
        raw = bytes.fromhex(message.uas_id) if binary else message.uas_id.encode("ascii")
        return _BASIC.pack(version, message.id_type << 4 | message.ua_type, raw)
    if isinstance(message, OperatorId):
        return _OPERATOR.pack(0x50 | version, message.id_type, message.operator_id.encode("ascii"))
    if isinstance(message, SelfId):
        return _SELF.pack(0x30 | version, message.text_type, message.text.encode("ascii"))
    kind = message.auth_type << 4 | message.page
    if message.page:
        return _AUTH_NEXT.pack(0x20 | version, kind, message.data)
    return _AUTH_FIRST.pack(
        0x20 | version, kind, message.last_page or 0, message.length or 0, _since_2019(message.time_s), message.data
    )


def encode_pack(messages: Sequence[Message], version: int = LAST_VERSION) -> bytes:
    """Return a message pack of up to nine messages."""
    if len(messages) > MAX_PACK:
        raise ValueError(f"a pack holds {MAX_PACK} messages")
    head = bytes((PACK_TYPE << 4 | version, MESSAGE_BYTES, len(messages)))
    return head + b"".join(encode(message, version) for message in messages)


def _since_2019(time_s: int | None) -> int:
    return 0 if time_s is None else time_s - EPOCH_2019_S


def _raw_altitude(altitude_m: float | None) -> int:
    return 0 if altitude_m is None else min(max(round((altitude_m + 1000.0) * 2.0), 1), 0xFFFF)


def _raw_degrees(degrees: float | None) -> int:
    return 0 if degrees is None else round(degrees * PER_DEGREE)


def _raw_speed(speed_mps: float | None) -> tuple[int, int]:
    """Return multiplier bit and byte; 254.25 m/s stands for everything above."""
    if speed_mps is None:
        return 1, 255
    if speed_mps <= FAST_FROM:
        return 0, round(speed_mps / SPEED_STEP)
    return 1, min(round((speed_mps - FAST_FROM) / FAST_STEP), 254)


def _encode_location(message: Location, version: int) -> bytes:
    fast, speed = _raw_speed(message.speed_mps)
    direction = NO_DIRECTION if message.direction_deg is None else round(message.direction_deg) % 360
    east_west = direction >= 180
    climb = NO_VERTICAL
    if message.vertical_mps is not None:
        climb = min(max(round(message.vertical_mps * 2.0), -MAX_VERTICAL), MAX_VERTICAL)
    return _LOCATION.pack(
        0x10 | version,
        message.status << 4 | message.height_type << 2 | east_west << 1 | fast,
        direction - 180 if east_west else direction,
        speed,
        climb,
        _raw_degrees(message.lat_deg),
        _raw_degrees(message.lon_deg),
        _raw_altitude(message.pressure_alt_m),
        _raw_altitude(message.geodetic_alt_m),
        _raw_altitude(message.height_m),
        message.vertical_accuracy << 4 | message.horizontal_accuracy,
        message.pressure_accuracy << 4 | message.speed_accuracy,
        NO_TIME if message.time_s is None else round(message.time_s * 10.0),
        message.time_accuracy,
    )


def _encode_system(message: System, version: int) -> bytes:
    return _SYSTEM.pack(
        0x40 | version,
        message.classification << 2 | message.location_type,
        _raw_degrees(message.lat_deg),
        _raw_degrees(message.lon_deg),
        message.area_count,
        message.area_radius_m // 10,
        _raw_altitude(message.ceiling_m),
        _raw_altitude(message.floor_m),
        message.category_eu << 4 | message.class_eu,
        _raw_altitude(message.operator_alt_m),
        _since_2019(message.time_s),
    )
