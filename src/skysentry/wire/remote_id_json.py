"""Remote ID that a receiver has already decoded, one report as a JSON object or list (docs/formats/remote-id-json.md).

Five dialects are read, and told apart by their keys:

- *Messages*, as DroneID, droneid-go, Sniffle bridges and ESP32 receivers send them to DragonSync: objects keyed by
  "Basic ID", "Location/Vector Message", "System Message", "Self-ID Message", "Operator ID Message"; either one object
  with all of them or a list of objects with one each. Numbers may be text with a unit ("12.5 m/s").
- *ESP32*, as the WiFi-RemoteID and Sky-Spy sketches print it on the serial port: {"mac", "rssi", "drone_lat",
  "drone_long", "drone_altitude", "pilot_lat", "pilot_long", "basic_id"}; altitude is F3411's geodetic one in whole
  metres and 0 where it is not known, as 0, 0 is for places. "home_lat", "home_long" are of the take-off. Their
  {"heartbeat": ...}, once a minute, says nothing of an aircraft: a report without messages.
- *Kismet*, a device record of its interface (`/devices/…json`): {"kismet.device.base.macaddr", "uav.device":
  {"uav.serialnumber", "uav.last_telemetry": {"uav.telemetry.location": {"kismet.common.location.geopoint": [lon, lat],
  "kismet.common.location.alt", "kismet.common.location.fix"}, "uav.telemetry.v_north", "…v_east", "…v_up",
  "…height"}}}; older versions have "…lat" and "…lon". Its altitudes are DJI's, whose meaning is not settled, and are
  not taken. A device without "uav.device" is no aircraft: a report without messages.
- *DroneScout*: {"protocol": 1.0, "data": {…}}, see `dronescout`. Its {"status": …} is a report without messages.
- *Flat*, ours: {"id", "lat", "lon", "alt_m", "height_m", "speed_mps", "heading_deg", "climb_mps", ...}.

The result is the messages of `remote_id`, so that everything after is the same as for captured bytes. What is absent,
empty, not a number or not finite is unknown. What is out of the range of the standard raises `DecodeError`, and so
does a report longer than 16 KiB, for a whole pack takes 2 KiB as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from skysentry.errors import DecodeError
from skysentry.wire import dronescout
from skysentry.wire.remote_id import BasicId, IdType, Location, Message, OperatorId, SelfId, System

MAX_BYTES = 16_384
MAX_PARTS = 32
ID_CHARACTERS, TEXT_CHARACTERS = 40, 100
# Upper bounds in metres of the horizontal accuracy codes 12 to 1 (F3411-22a table 8).
HORIZONTAL_M = (1.0, 3.0, 10.0, 30.0, 92.6, 185.2, 555.6, 926.0, 1_852.0, 3_704.0, 7_408.0, 18_520.0)

KISMET = "kismet.device.base.macaddr"
ESP32_KEYS = frozenset(("drone_lat", "drone_long", "basic_id"))
HEARTBEAT = "heartbeat"

Fields: TypeAlias = Mapping[str, object]

_FLAT_ID_TYPES = {
    "serial": IdType.SERIAL,
    "registration": IdType.REGISTRATION,
    "utm": IdType.UTM,
    "session": IdType.SESSION,
}
# How the messages dialect names the types; the first that is in the text decides.
_ID_WORDS = (
    ("serial", IdType.SERIAL),
    ("registration", IdType.REGISTRATION),
    ("caa", IdType.REGISTRATION),
    ("utm", IdType.UTM),
    ("session", IdType.SESSION),
)
# How the messages dialect names aircraft types, by what the text holds.
_UA_WORDS = (
    ("helicopter", 2),
    ("multirotor", 2),
    ("hybrid", 4),
    ("vtol", 4),
    ("gyroplane", 3),
    ("ornithopter", 5),
    ("glider", 6),
    ("kite", 7),
    ("free balloon", 8),
    ("captive balloon", 9),
    ("airship", 10),
    ("aeroplane", 1),
    ("fixed wing", 1),
    ("airplane", 1),
)


class Report(Struct, frozen=True, kw_only=True):
    """One report: who sent it (the radio address, empty where it is not told) and its messages."""

    transmitter: str
    messages: tuple[Message, ...]


def decode(data: bytes) -> Report:
    """Return the report in one JSON text; raises `DecodeError` where it is none."""
    if len(data) > MAX_BYTES:
        raise DecodeError(f"a Remote ID report of {len(data)} bytes")
    try:
        # DroneScout ends its texts as C does.
        value = msgspec.json.decode(data.rstrip(b"\0"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from None
    parts = value if isinstance(value, list) else [value]
    if not parts or len(parts) > MAX_PARTS or not all(isinstance(part, dict) for part in parts):
        raise DecodeError("a Remote ID report is a JSON object or a short list of them")
    if any(key in part for part in parts for key in _READERS):
        report = _from_messages(parts)
    elif len(parts) == 1 and not ESP32_KEYS.isdisjoint(parts[0]):
        report = _from_esp32(parts[0])
    elif len(parts) == 1 and not {HEARTBEAT, "status"}.isdisjoint(parts[0]):
        return Report(transmitter="", messages=())
    elif len(parts) == 1 and "protocol" in parts[0] and "data" in parts[0]:
        address, messages = dronescout.report(parts[0])
        report = Report(transmitter=address, messages=tuple(messages))
    elif len(parts) == 1 and KISMET in parts[0]:
        report = _from_kismet(parts[0])
        if "uav.device" not in parts[0]:
            return report
    elif len(parts) == 1:
        report = _from_flat(parts[0])
    else:
        raise DecodeError("a list without any Remote ID message")
    if not report.messages:
        raise DecodeError("a Remote ID report that says nothing")
    return report


def _from_messages(parts: Iterable[Fields]) -> Report:
    messages: list[Message] = []
    address = ""
    for part in parts:
        address = address or _address(part)
        for key, reader in _READERS.items():
            found = part.get(key)
            for fields in found if isinstance(found, list) else [found]:
                if isinstance(fields, dict) and len(messages) < MAX_PARTS:
                    address = address or _text(fields, "MAC", length=ID_CHARACTERS)
                    messages.append(reader(fields))
    return Report(transmitter=address.lower(), messages=tuple(messages))


def _address(part: Fields) -> str:
    for key, inner in (("AUX_ADV_IND", "addr"), ("aext", "AdvA")):
        fields = part.get(key)
        if isinstance(fields, dict) and (text := _text(fields, inner, length=ID_CHARACTERS)):
            return text.split(" ")[0]
    return _text(part, "MAC", "mac", length=ID_CHARACTERS)


def _from_flat(fields: Fields) -> Report:
    messages: list[Message] = []
    if value := _text(fields, "id", length=ID_CHARACTERS):
        kind = _FLAT_ID_TYPES.get(_text(fields, "id_type") or "serial", IdType.NONE)
        messages.append(BasicId(id_type=kind, ua_type=_ua_type(fields), uas_id=value))
    lat_deg, lon_deg = _place(fields, ("lat",), ("lon",))
    if lat_deg is not None or "speed_mps" in fields or "height_m" in fields:
        messages.append(
            Location(
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                geodetic_alt_m=_altitude(fields, "alt_m"),
                height_m=_altitude(fields, "height_m"),
                speed_mps=_number(fields, "speed_mps", low=0.0, high=254.25),
                direction_deg=_number(fields, "heading_deg", low=0.0, high=360.0),
                vertical_mps=_number(fields, "climb_mps", low=-62.0, high=62.0),
                horizontal_accuracy=_accuracy(fields),
            )
        )
    lat_deg, lon_deg = _place(fields, ("operator_lat",), ("operator_lon",))
    if lat_deg is not None:
        altitude_m = _altitude(fields, "operator_alt_m")
        messages.append(System(location_type=1, lat_deg=lat_deg, lon_deg=lon_deg, operator_alt_m=altitude_m))
    if value := _text(fields, "operator_id", length=ID_CHARACTERS):
        messages.append(OperatorId(id_type=0, operator_id=value))
    if value := _text(fields, "text", "description"):
        messages.append(SelfId(text_type=0, text=value))
    return Report(transmitter=_text(fields, "mac", length=ID_CHARACTERS).lower(), messages=tuple(messages))


def _from_kismet(fields: Fields) -> Report:
    address = _text(fields, KISMET, length=ID_CHARACTERS).lower()
    device = _inner(fields, "uav.device")
    messages: list[Message] = []
    if value := _text(device, "uav.serialnumber", length=ID_CHARACTERS):
        messages.append(BasicId(id_type=IdType.SERIAL, ua_type=0, uas_id=value))
    said = _inner(device, "uav.last_telemetry")
    lat_deg, lon_deg = _kismet_place(_inner(said, "uav.telemetry.location"))
    north, east = (_number(said, f"uav.telemetry.v_{way}", low=-300.0, high=300.0) for way in ("north", "east"))
    moving = north is not None and east is not None
    if lat_deg is not None:
        messages.append(
            Location(
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                speed_mps=math.hypot(north or 0.0, east or 0.0) if moving else None,
                direction_deg=math.degrees(math.atan2(east or 0.0, north or 0.0)) % 360.0 if moving else None,
                vertical_mps=_number(said, "uav.telemetry.v_up", low=-62.0, high=62.0),
            )
        )
    for location_type, key in ((1, "uav.telemetry.app_location"), (0, "uav.telemetry.home_location")):
        lat_deg, lon_deg = _kismet_place(_inner(device, key))
        if lat_deg is not None:
            messages.append(System(location_type=location_type, lat_deg=lat_deg, lon_deg=lon_deg))
            break
    return Report(transmitter=address, messages=tuple(messages))


def _kismet_place(fields: Fields) -> tuple[float | None, float | None]:
    last = _inner(fields, "kismet.common.location.last") or fields
    point = last.get("kismet.common.location.geopoint")
    if isinstance(point, list) and len(point) == 2:
        last = {"lon": point[0], "lat": point[1]}
    return _place(last, ("lat", "kismet.common.location.lat"), ("lon", "kismet.common.location.lon"))


def _from_esp32(fields: Fields) -> Report:
    messages: list[Message] = []
    if value := _text(fields, "basic_id", length=ID_CHARACTERS):
        # These senders do not tell the kind of id; all but a few send a serial first.
        messages.append(BasicId(id_type=IdType.SERIAL, ua_type=0, uas_id=value))
    lat_deg, lon_deg = _place(fields, ("drone_lat",), ("drone_long",))
    if lat_deg is not None or "drone_lat" in fields:
        messages.append(
            Location(
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                geodetic_alt_m=_altitude(fields, "drone_altitude") or None,
                height_m=_altitude(fields, "height_agl"),
                direction_deg=_number(fields, "heading", low=0.0, high=360.0),
                speed_mps=_number(fields, "speed", low=0.0, high=254.25),
            )
        )
    for location_type, lat, lon in ((1, "pilot_lat", "pilot_long"), (0, "home_lat", "home_long")):
        lat_deg, lon_deg = _place(fields, (lat,), (lon,))
        if lat_deg is not None:
            messages.append(System(location_type=location_type, lat_deg=lat_deg, lon_deg=lon_deg))
            break
    return Report(transmitter=_text(fields, "mac", length=ID_CHARACTERS).lower(), messages=tuple(messages))


# --- messages of the receivers' dialect ---------------------------------------------------------------------


def _basic(fields: Fields) -> BasicId:
    kind = fields.get("id_type")
    if isinstance(kind, int) and not isinstance(kind, bool):
        id_type = kind if 0 <= kind <= 15 else 0
    else:
        words = str(kind or "").lower()
        id_type = next((number for word, number in _ID_WORDS if word in words), IdType.NONE)
    value = _text(fields, "id", "uas_id", length=ID_CHARACTERS)
    return BasicId(id_type=int(id_type), ua_type=_ua_type(fields), uas_id=value)


def _location(fields: Fields) -> Location:
    # Some senders put the readings one level down.
    inner = fields.get("coord")
    if isinstance(inner, dict):
        fields = {**fields, **inner}
    lat_deg, lon_deg = _place(fields, ("latitude", "lat"), ("longitude", "lon"))
    direction = _number(fields, "direction", "heading", low=0.0, high=361.0)
    speed = _number(fields, "speed", low=0.0, high=255.0)
    climb = _number(fields, "vert_speed", "vertical_speed", low=-63.5, high=63.5)
    height_type = str(fields.get("height_type", "")).lower()
    return Location(
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        height_type=int("ground" in height_type or "agl" in height_type),
        direction_deg=None if direction is None or direction > 360.0 else direction % 360.0,
        speed_mps=None if speed == 255.0 else speed,
        vertical_mps=None if climb is None or abs(climb) > 62.0 else climb,
        geodetic_alt_m=_altitude(fields, "geodetic_altitude", "altitude", "alt"),
        pressure_alt_m=_altitude(fields, "pressure_altitude", "alt_pressure"),
        height_m=_altitude(fields, "height_agl", "height"),
    )


def _system(fields: Fields) -> System:
    lat_deg, lon_deg = _place(fields, ("operator_lat", "latitude"), ("operator_lon", "longitude"))
    # These senders do not say whether it is a live fix; "operator" is how they all label it.
    altitude_m = _altitude(fields, "operator_alt_geo", "operator_altitude", "geodetic_altitude")
    return System(location_type=1, lat_deg=lat_deg, lon_deg=lon_deg, operator_alt_m=altitude_m)


def _self(fields: Fields) -> SelfId:
    return SelfId(text_type=0, text=_text(fields, "text", "description"))


def _operator(fields: Fields) -> OperatorId:
    return OperatorId(id_type=0, operator_id=_text(fields, "operator_id", length=ID_CHARACTERS))


_READERS: dict[str, Callable[[Fields], Message]] = {
    "Basic ID": _basic,
    "Location/Vector Message": _location,
    "System Message": _system,
    "Self-ID Message": _self,
    "Operator ID Message": _operator,
}


# --- values -------------------------------------------------------------------------------------------------


def _inner(fields: Fields, name: str) -> Fields:
    """Return the object of a name, empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _text(fields: Fields, *names: str, length: int = TEXT_CHARACTERS) -> str:
    """Return the first of these fields that is text, without control characters, cut to `length`."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return "".join(character for character in value[:length] if character.isprintable()).strip()
    return ""


def _number(fields: Fields, *names: str, low: float, high: float) -> float | None:
    """Return the first of these fields that is a finite number; raises `DecodeError` where it is out of range."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            try:
                value = float(value.split(" ", 1)[0])
            except ValueError:
                continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        try:
            number = float(value)
        except OverflowError:
            raise DecodeError(f"{name} is out of range") from None
        if not math.isfinite(number):
            continue
        if not low <= number <= high:
            raise DecodeError(f"{name} {number:g} is not between {low:g} and {high:g}")
        return number
    return None


def _altitude(fields: Fields, *names: str) -> float | None:
    """Return an altitude; -1000 m is how Remote ID says unknown."""
    value = _number(fields, *names, low=-1000.0, high=31_767.5)
    return None if value == -1000.0 else value


def _place(fields: Fields, lat: tuple[str, ...], lon: tuple[str, ...]) -> tuple[float | None, float | None]:
    lat_deg = _number(fields, *lat, low=-90.0, high=90.0)
    lon_deg = _number(fields, *lon, low=-180.0, high=180.0)
    if lat_deg is None or lon_deg is None or (lat_deg == 0.0 and lon_deg == 0.0):
        return None, None
    return lat_deg, lon_deg


def _ua_type(fields: Fields) -> int:
    value = fields.get("ua_type")
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= 15 else 0
    words = str(value or "").lower()
    return next((number for word, number in _UA_WORDS if word in words), 0)


def _accuracy(fields: Fields) -> int:
    """Return the code of the smallest bound that holds the flat dialect's `accuracy_m` (95 %), 0 for unknown."""
    value = _number(fields, "accuracy_m", low=0.0, high=1e6)
    if value is None:
        return 0
    return next((12 - index for index, bound in enumerate(HORIZONTAL_M) if value <= bound), 0)
