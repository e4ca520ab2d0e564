"""The record of DroneScout receivers: what one transmitter last said, as the C structure of Open Drone ID in base64.

    {"protocol": 1.0, "data": {"sensor ID", "MAC address", "RSSI", "channel", "timestamp", "type", "UASdata"}}
    {"protocol": 1.0, "status": {...}}                     of the receiver itself

| bytes of UASdata | hold (little endian, as a 64-bit machine lays it out) |
|---|---|
| 0, 32 | two Basic IDs: aircraft type, id type (int32), id (21 bytes) |
| 64 | Location: status int32; direction, speed, vertical speed float32; latitude, longitude float64; pressure and |
|    | geodetic altitude float32; height type int32; height float32; five accuracies int32; seconds of the hour |
| 136 + 40 n | sixteen pages of authentication: page and type (4 bytes apart); of page 0 last page, length (uint8), |
|    | at 12 seconds since 2019; data at 16 |
| 776 | Self-ID: type int32, 23 characters |
| 808 | System: kind of place, classification int32; latitude, longitude float64; count, radius in m uint16; ceiling, |
|    | floor float32; category, class int32; altitude float32; seconds since 2019 uint32 |
| 864 | Operator ID: type int32, 20 characters |
| 892 | one byte each, 1 where it holds something: both Basic IDs, Location, sixteen pages, Self-ID, System, |
|    | Operator ID |

Source: what BlueMark publishes for those who subscribe to its receivers (BluemarkInnovations/RemoteID-MQTT-subscriber)
and the field list of F3411-22a. A structure of another length is refused; so is what is out of the document's range.
Left out: payloads that the receiver compresses (LZMA; a setting of the receiver), its own status.
"""

from __future__ import annotations

import binascii
import math
import struct
from collections.abc import Mapping

from skysentry.errors import DecodeError
from skysentry.wire.remote_id import (
    EPOCH_2019_S,
    AuthPage,
    BasicId,
    Location,
    Message,
    OperatorId,
    SelfId,
    System,
    decode_id,
    decode_text,
)

# The flags are the structure's last bytes; it ends on a boundary of eight.
FLAGS, LEAST_BYTES, MOST_BYTES = 892, 914, 920
PAGES = 16
_BASIC = struct.Struct("<ii20s")
_LOCATION = struct.Struct("<i3f2d2fif5if")
_PAGE = struct.Struct("<B3xB3xBBxxI23s")
_SYSTEM = struct.Struct("<ii2dHHffiifI")
_TEXT = struct.Struct("<i23s")
# What cannot be or is F3411's "unknown".
NO_ALTITUDE_M, HIGHEST_M = -1_000.0, 31_767.5


def messages(encoded: str) -> list[Message]:
    """Return the messages in the base64 of `UASdata`; raises `DecodeError` where it is none."""
    try:
        data = binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise DecodeError("UASdata is no base64") from None
    if not LEAST_BYTES <= len(data) <= MOST_BYTES:
        raise DecodeError(f"UASdata of {len(data)} bytes: another layout than the one that is known")
    flags = data[FLAGS:LEAST_BYTES]
    if any(flag > 1 for flag in flags):
        raise DecodeError("UASdata whose flags are none: another layout than the one that is known")
    made: list[Message] = [_basic(data, 32 * k) for k in range(2) if flags[k]]
    if flags[2]:
        made.append(_location(data))
    made += [_page(data, k) for k in range(PAGES) if flags[3 + k]]
    if flags[19]:
        kind, text = _TEXT.unpack_from(data, 776)
        made.append(SelfId(text_type=_small(kind, 255), text=decode_text(text)))
    if flags[20]:
        made.append(_system(data))
    if flags[21]:
        kind, text = _TEXT.unpack_from(data, 864)
        made.append(OperatorId(id_type=_small(kind, 255), operator_id=decode_text(text[:20])))
    return made


def report(fields: Mapping[str, object]) -> tuple[str, list[Message]]:
    """Return the sender's address and its messages, none of a status; raises `DecodeError`."""
    data = fields.get("data")
    if not isinstance(data, dict):
        return "", []
    encoded, address = data.get("UASdata"), data.get("MAC address")
    if not isinstance(encoded, str):
        raise DecodeError("a DroneScout report without UASdata")
    return (address[:40].lower() if isinstance(address, str) else ""), messages(encoded)


def _basic(data: bytes, at: int) -> BasicId:
    ua_type, id_type, raw = _BASIC.unpack_from(data, at)
    id_type = _small(id_type, 15)
    return BasicId(id_type=id_type, ua_type=_small(ua_type, 15), uas_id=decode_id(id_type, raw))


def _location(data: bytes) -> Location:
    (status, direction, speed, climb, lat, lon, pressure, geodetic, kind, height, h, v, p, s, t, time_s) = (
        _LOCATION.unpack_from(data, 64)
    )
    lat_deg, lon_deg = _place(lat, lon)
    course = _known(direction, 0.0, 360.0)
    return Location(
        status=_small(status, 15),
        height_type=_small(kind, 1),
        direction_deg=None if course is None else course % 360.0,
        speed_mps=_known(speed, 0.0, 254.25),
        vertical_mps=_known(climb, -62.0, 62.0),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        pressure_alt_m=_altitude(pressure),
        geodetic_alt_m=_altitude(geodetic),
        height_m=_altitude(height),
        horizontal_accuracy=_small(h, 15),
        vertical_accuracy=_small(v, 15),
        pressure_accuracy=_small(p, 15),
        speed_accuracy=_small(s, 15),
        time_accuracy=_small(t, 15),
        time_s=_known(time_s, 0.0, 3_600.0),
    )


def _page(data: bytes, page: int) -> AuthPage:
    number, kind, last, length, time_s, content = _PAGE.unpack_from(data, 136 + 40 * page)
    if number != page or kind > 15 or (page == 0 and last >= PAGES):
        raise DecodeError(f"page {page} of an authentication says that it is another")
    if page:
        return AuthPage(auth_type=kind, page=page, data=content)
    stamp = time_s + EPOCH_2019_S if time_s else None
    return AuthPage(auth_type=kind, page=0, data=content[:17], last_page=last, length=length, time_s=stamp)


def _system(data: bytes) -> System:
    kind, classification, lat, lon, count, radius_m, ceiling, floor, category, class_eu, altitude, time_s = (
        _SYSTEM.unpack_from(data, 808)
    )
    lat_deg, lon_deg = _place(lat, lon)
    return System(
        classification=_small(classification, 7),
        location_type=_small(kind, 3),
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        area_count=count,
        area_radius_m=radius_m,
        ceiling_m=_altitude(ceiling),
        floor_m=_altitude(floor),
        category_eu=_small(category, 15),
        class_eu=_small(class_eu, 15),
        operator_alt_m=_altitude(altitude),
        time_s=time_s + EPOCH_2019_S if time_s else None,
    )


def _small(value: int, most: int) -> int:
    if not 0 <= value <= most:
        raise DecodeError(f"a code of {value} where {most} is the largest")
    return value


def _known(value: float, low: float, high: float) -> float | None:
    """Return a value in its range, `None` outside: that is how the structure says unknown."""
    return float(value) if math.isfinite(value) and low <= value <= high else None


def _altitude(value: float) -> float | None:
    return None if value <= NO_ALTITUDE_M else _known(value, NO_ALTITUDE_M, HIGHEST_M)


def _place(lat: float, lon: float) -> tuple[float | None, float | None]:
    if not (math.isfinite(lat) and math.isfinite(lon)) or (lat == 0.0 and lon == 0.0):
        return None, None
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise DecodeError(f"a place at {lat:g}, {lon:g}")
    return lat, lon
