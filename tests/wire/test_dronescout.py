"""DroneScout's C structure: laid out by hand as it is documented, read back; other layouts and damage refused."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import dronescout, remote_id_json
from skysentry.wire.remote_id import EPOCH_2019_S, AuthPage, BasicId, Location, OperatorId, SelfId, System


def structure(**more: bytes) -> bytearray:
    """Return 920 bytes with every message in them; `more` holds bytes to write at offsets `at_N`."""
    data = bytearray(920)
    struct.pack_into("<ii21s", data, 0, 2, 1, b"ABCD5TEST1")
    struct.pack_into("<ii21s", data, 32, 2, 4, bytes(range(1, 21)))
    struct.pack_into("<i3f2d2fif5if", data, 64, 2, 270.0, 12.25, -1.5, 50.4, 30.5, 180.5, -1000.0, 1, 80.0,
                     10, 4, 3, 2, 1, 1234.5)  # fmt: skip
    struct.pack_into("<BxxxBxxxBBxxI17s", data, 136, 0, 1, 1, 40, 1000, bytes(range(17)))
    struct.pack_into("<BxxxBxxxBBxxI23s", data, 176, 1, 1, 0, 0, 0, bytes(range(23)))
    struct.pack_into("<i24s", data, 776, 0, b"survey")
    struct.pack_into("<ii2dHHffiifI", data, 808, 1, 1, 50.41, 30.51, 3, 70, 120.0, -1000.0, 1, 2, 175.0, 86_400)
    struct.pack_into("<i21s", data, 864, 0, b"FIN87astrdge12k8")
    data[892:914] = bytes([1, 1, 1, 1, 1, *[0] * 14, 1, 1, 1])
    for key, value in more.items():
        at = int(key.removeprefix("at_"))
        data[at : at + len(value)] = value
    return data


def told(data: bytes, **more: Any) -> remote_id_json.Report:
    fields = {"sensor ID": "ds-1", "RSSI": -60, "MAC address": "0A:1B:2C:3D:4E:5F", "type": "WLAN Beacon", **more}
    fields["UASdata"] = base64.b64encode(data).decode()
    return remote_id_json.decode(msgspec.json.encode({"protocol": 1.0, "data": fields}) + b"\0")


def test_every_message_is_read() -> None:
    assert told(structure()) == remote_id_json.Report(
        transmitter="0a:1b:2c:3d:4e:5f",
        messages=(
            BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1"),
            BasicId(id_type=4, ua_type=2, uas_id=bytes(range(1, 21)).hex()),
            Location(
                status=2, height_type=1, direction_deg=270.0, speed_mps=12.25, vertical_mps=-1.5, lat_deg=50.4,
                lon_deg=30.5, pressure_alt_m=180.5, height_m=80.0, horizontal_accuracy=10, vertical_accuracy=4,
                pressure_accuracy=3, speed_accuracy=2, time_accuracy=1, time_s=1234.5,
            ),
            AuthPage(auth_type=1, page=0, data=bytes(range(17)), last_page=1, length=40, time_s=EPOCH_2019_S + 1000),
            AuthPage(auth_type=1, page=1, data=bytes(range(23))),
            SelfId(text_type=0, text="survey"),
            System(
                classification=1, location_type=1, lat_deg=50.41, lon_deg=30.51, area_count=3, area_radius_m=70,
                ceiling_m=120.0, category_eu=1, class_eu=2, operator_alt_m=175.0, time_s=EPOCH_2019_S + 86_400,
            ),
            OperatorId(id_type=0, operator_id="FIN87astrdge12k8"),
        ),
    )  # fmt: skip


def test_what_is_unknown_stays_unknown() -> None:
    nothing = struct.pack("<3f2d2f", 361.0, 255.0, 63.0, 0.0, 0.0, -1000.0, float("nan"))
    (location,) = [m for m in told(structure(at_68=nothing)).messages if isinstance(m, Location)]
    assert (location.direction_deg, location.speed_mps, location.vertical_mps) == (None, None, None)
    assert (location.lat_deg, location.lon_deg, location.pressure_alt_m, location.geodetic_alt_m) == (None,) * 4


@pytest.mark.parametrize(
    "data",
    [
        structure()[:913], structure() + bytes(8), structure(at_892=b"\x07"), structure(at_80=struct.pack("<d", 95.0)),
        structure(at_64=struct.pack("<i", -1)), structure(at_136=b"\x03"), structure(at_8=b"AB\xb0"),
    ],
)  # fmt: skip
def test_another_layout_or_damage_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        told(data)


def test_a_status_is_no_report_and_no_damage() -> None:
    status = {"protocol": 1.0, "status": {"sensor ID": "ds-1", "timestamp": 1, "model": "ds240"}}
    assert remote_id_json.decode(msgspec.json.encode(status)).messages == ()


@pytest.mark.parametrize("data", [{}, {"UASdata": 3}, {"UASdata": "?"}, {"UASdata": "é"}, 7])
def test_data_that_is_none_is_refused(data: Any) -> None:
    with pytest.raises(DecodeError):
        remote_id_json.decode(msgspec.json.encode({"protocol": 1.0, "data": data}))


@given(st.binary(min_size=892, max_size=892), st.lists(st.booleans(), min_size=22, max_size=22))
def test_any_structure_decodes_or_is_refused(sound: Callable[[Any], bool], body: bytes, flags: list[bool]) -> None:
    try:
        said = dronescout.messages(base64.b64encode(body + bytes(flags) + bytes(6)).decode())
    except DecodeError:
        return
    assert len(said) == sum(flags)
    assert sound(said)
