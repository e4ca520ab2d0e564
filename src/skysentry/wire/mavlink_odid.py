"""Remote ID as autopilots and receivers pass it on: the OPEN_DRONE_ID messages of MAVLink, common.xml 12900 to 12919.

All ids are above 255, so only frames of version 2 carry them (`mavlink`).

    12900 BASIC_ID   12901 LOCATION   12902 AUTHENTICATION   12903 SELF_ID   12904 SYSTEM   12905 OPERATOR_ID
    12915 MESSAGE_PACK   12918 ARM_STATUS (says nothing of a flight: read, no message)   12919 SYSTEM_UPDATE

The result is the messages of `remote_id`. Unknown is 36100 cdeg, 25500 cm/s, 6300 cm/s, -1000 m, 0xFFFF s and
0, 0 deg; what the standard forbids raises `DecodeError`. `id_or_mac` is who sent it, where a receiver relays others.
Source: common.xml at mavlink.io.
"""

from __future__ import annotations

import math

from msgspec import Struct

from skysentry.errors import DecodeError
from skysentry.wire.mavlink import V2_HEAD, form, intact, message_id
from skysentry.wire.remote_id import (
    EPOCH_2019_S,
    MAX_AUTH_PAGE,
    MAX_PACK,
    MESSAGE_BYTES,
    AuthPage,
    BasicId,
    Location,
    Message,
    OperatorId,
    SelfId,
    System,
    decode_all,
    decode_id,
    decode_place,
    decode_text,
)

# Name, type and array length (0: none) in the order of common.xml; types by their letter in `struct`.
_TARGET = (("target_system", "B", 0), ("target_component", "B", 0))
MAC_BYTES = 6
_FROM = (*_TARGET, ("id_or_mac", "B", 20))
_FIELDS: dict[int, tuple[str, tuple[tuple[str, str, int], ...]]] = {
    12_900: ("BASIC_ID", (*_FROM, ("id_type", "B", 0), ("ua_type", "B", 0), ("uas_id", "B", 20))),
    12_901: (
        "LOCATION",
        (
            *_FROM, ("status", "B", 0), ("direction", "H", 0), ("speed_horizontal", "H", 0), ("speed_vertical", "h", 0),
            ("latitude", "i", 0), ("longitude", "i", 0), ("altitude_barometric", "f", 0), ("altitude_geodetic", "f", 0),
            ("height_reference", "B", 0), ("height", "f", 0), ("horizontal_accuracy", "B", 0),
            ("vertical_accuracy", "B", 0), ("barometer_accuracy", "B", 0), ("speed_accuracy", "B", 0),
            ("timestamp", "f", 0), ("timestamp_accuracy", "B", 0),
        ),
    ),
    12_902: (
        "AUTHENTICATION",
        (
            *_FROM, ("authentication_type", "B", 0), ("data_page", "B", 0), ("last_page_index", "B", 0),
            ("length", "B", 0), ("timestamp", "I", 0), ("authentication_data", "B", 23),
        ),
    ),
    12_903: ("SELF_ID", (*_FROM, ("description_type", "B", 0), ("description", "c", 23))),
    12_904: (
        "SYSTEM",
        (
            *_FROM, ("operator_location_type", "B", 0), ("classification_type", "B", 0), ("operator_latitude", "i", 0),
            ("operator_longitude", "i", 0), ("area_count", "H", 0), ("area_radius", "H", 0), ("area_ceiling", "f", 0),
            ("area_floor", "f", 0), ("category_eu", "B", 0), ("class_eu", "B", 0), ("operator_altitude_geo", "f", 0),
            ("timestamp", "I", 0),
        ),
    ),
    12_905: ("OPERATOR_ID", (*_FROM, ("operator_id_type", "B", 0), ("operator_id", "c", 20))),
    12_915: (
        "MESSAGE_PACK",
        (*_FROM, ("single_message_size", "B", 0), ("msg_pack_size", "B", 0), ("messages", "B", 225)),
    ),
    12_918: ("ARM_STATUS", (("status", "B", 0), ("error", "c", 50))),
    12_919: (
        "SYSTEM_UPDATE",
        (
            *_TARGET, ("operator_latitude", "i", 0), ("operator_longitude", "i", 0),
            ("operator_altitude_geo", "f", 0), ("timestamp", "I", 0),
        ),
    ),
}  # fmt: skip


class Odid(Struct, frozen=True, kw_only=True):
    """One frame: who sent it (`mac` hexadecimal, or system and component of the autopilot) and its messages."""

    transmitter: str
    messages: tuple[Message, ...]
    damaged: int = 0


FORMS = {number: form(f"OPEN_DRONE_ID_{name}", fields) for number, (name, fields) in _FIELDS.items()}


def decode(frame: bytes) -> Odid:
    """Return what one v2 frame says; raises `DecodeError` where it is damaged or says what cannot be."""
    if not intact(frame, FORMS):
        raise DecodeError("no intact MAVLink frame of Open Drone ID")
    number = message_id(frame)
    layout = FORMS[number].layout
    payload = frame[V2_HEAD : V2_HEAD + frame[1]]
    if len(payload) > layout.size:
        raise DecodeError(f"MAVLink message {number} of {len(payload)} bytes")
    values = layout.unpack(payload.ljust(layout.size, b"\0"))
    fields = dict(zip(FORMS[number].names, values, strict=True))
    mac = fields.get("id_or_mac", b"").rstrip(b"\0")
    # Zeros at the end of a radio address are its own.
    mac = mac.ljust(MAC_BYTES, b"\0") if mac else mac
    sender = mac.hex(":") if len(mac) == MAC_BYTES else mac.hex() or f"mavlink:{frame[5]}:{frame[6]}"
    messages, damaged = _messages(number, fields)
    return Odid(transmitter=sender, messages=tuple(messages), damaged=damaged)


def _messages(number: int, f: dict[str, object]) -> tuple[list[Message], int]:
    if number == 12_915:
        return _pack(_Values(f))
    reader = _READERS.get(number)
    return ([reader(_Values(f))], 0) if reader else ([], 0)


class _Values:
    """The fields of one message, with what "unknown" looks like taken out."""

    def __init__(self, fields: dict[str, object]) -> None:
        self.fields = fields

    def whole(self, name: str, most: int = 0xFFFF_FFFF) -> int:
        value = self.fields[name]
        if not isinstance(value, int) or value > most:
            raise DecodeError(f"{name} {value}")
        return value

    def raw(self, name: str) -> bytes:
        value = self.fields[name]
        assert isinstance(value, bytes)
        return value

    def altitude_m(self, name: str) -> float | None:
        value = self.fields[name]
        if not isinstance(value, float) or not math.isfinite(value) or not -1000.0 <= value <= 31_767.5:
            raise DecodeError(f"{name} {value} m")
        return None if value == -1000.0 else value

    def scaled(self, name: str, unknown: int, low: int, high: int) -> float | None:
        """Return a value in hundredths."""
        value = self.fields[name]
        if value == unknown:
            return None
        if not isinstance(value, int) or not low <= value <= high:
            raise DecodeError(f"{name} {value}")
        return value / 100.0

    def time_s(self) -> int | None:
        value = self.whole("timestamp")
        return value + EPOCH_2019_S if value else None


def _basic(f: _Values) -> Message:
    kind = f.whole("id_type", 15)
    return BasicId(id_type=kind, ua_type=f.whole("ua_type", 15), uas_id=decode_id(kind, f.raw("uas_id")))


def _location(f: _Values) -> Message:
    lat_deg, lon_deg = decode_place(f.fields["latitude"], f.fields["longitude"])  # type: ignore[arg-type]
    clock, direction = f.fields["timestamp"], f.scaled("direction", 36_100, 0, 36_000)
    if not isinstance(clock, float) or not (0.0 <= clock <= 3_600.0 or clock == 65_535.0):
        raise DecodeError(f"{clock} s after the full hour")
    return Location(
        status=f.whole("status", 15),
        height_type=f.whole("height_reference", 1),
        direction_deg=None if direction is None else direction % 360.0,
        speed_mps=f.scaled("speed_horizontal", 25_500, 0, 25_425),
        vertical_mps=f.scaled("speed_vertical", 6_300, -6_200, 6_200),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        pressure_alt_m=f.altitude_m("altitude_barometric"),
        geodetic_alt_m=f.altitude_m("altitude_geodetic"),
        height_m=f.altitude_m("height"),
        horizontal_accuracy=f.whole("horizontal_accuracy", 15),
        vertical_accuracy=f.whole("vertical_accuracy", 15),
        pressure_accuracy=f.whole("barometer_accuracy", 15),
        speed_accuracy=f.whole("speed_accuracy", 15),
        time_s=None if clock == 65_535.0 else clock,
        time_accuracy=f.whole("timestamp_accuracy", 15),
    )


def _auth(f: _Values) -> Message:
    page, kind = f.whole("data_page", MAX_AUTH_PAGE), f.whole("authentication_type", 15)
    if page:
        return AuthPage(auth_type=kind, page=page, data=f.raw("authentication_data"))
    return AuthPage(
        auth_type=kind,
        page=0,
        data=f.raw("authentication_data")[:17],
        last_page=f.whole("last_page_index", MAX_AUTH_PAGE),
        length=f.whole("length", 255),
        time_s=f.time_s(),
    )


def _self(f: _Values) -> Message:
    return SelfId(text_type=f.whole("description_type", 255), text=decode_text(f.raw("description")))


def _system(f: _Values) -> Message:
    place = decode_place(f.fields["operator_latitude"], f.fields["operator_longitude"])  # type: ignore[arg-type]
    return System(
        classification=f.whole("classification_type", 7),
        location_type=f.whole("operator_location_type", 3),
        lat_deg=place[0],
        lon_deg=place[1],
        area_count=f.whole("area_count"),
        area_radius_m=f.whole("area_radius"),
        ceiling_m=f.altitude_m("area_ceiling"),
        floor_m=f.altitude_m("area_floor"),
        category_eu=f.whole("category_eu", 15),
        class_eu=f.whole("class_eu", 15),
        operator_alt_m=f.altitude_m("operator_altitude_geo"),
        time_s=f.time_s(),
    )


def _update(f: _Values) -> Message:
    """SYSTEM_UPDATE: the operator has moved. It is a live fix, for nothing else is updated."""
    place = decode_place(f.fields["operator_latitude"], f.fields["operator_longitude"])  # type: ignore[arg-type]
    altitude_m = f.altitude_m("operator_altitude_geo")
    return System(location_type=1, lat_deg=place[0], lon_deg=place[1], operator_alt_m=altitude_m, time_s=f.time_s())


def _operator(f: _Values) -> Message:
    return OperatorId(id_type=f.whole("operator_id_type", 255), operator_id=decode_text(f.raw("operator_id")))


def _pack(f: _Values) -> tuple[list[Message], int]:
    size, count = f.whole("single_message_size"), f.whole("msg_pack_size")
    if size != MESSAGE_BYTES or count > MAX_PACK:
        raise DecodeError(f"a MAVLink pack of {count} messages of {size} bytes")
    return decode_all(bytes((0xF2, size, count)) + f.raw("messages")[: size * count])


_READERS = {
    12_900: _basic, 12_901: _location, 12_902: _auth, 12_903: _self, 12_904: _system, 12_905: _operator,
    12_919: _update,
}  # fmt: skip
