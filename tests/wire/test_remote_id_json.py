"""Reports that a receiver has decoded: both dialects, and what does not belong into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import remote_id_json
from skysentry.wire.remote_id import BasicId, Location, OperatorId, SelfId, System

BASIC = {"id_type": "Serial Number (ANSI/CTA-2063-A)", "ua_type": "Helicopter (or Multirotor)", "id": "TEST1"}
VECTOR = {
    "latitude": 50.4, "longitude": 30.5, "speed": "12.5 m/s", "vert_speed": -1.0, "direction": 361, "height_agl": 80,
    "geodetic_altitude": "Unknown", "height_type": "Above Takeoff",
}  # fmt: skip
MESSAGES = {
    "Basic ID": {**BASIC, "MAC": "AA:BB:CC:00:11:22"},
    "Location/Vector Message": VECTOR,
    "System Message": {"latitude": 50.41, "longitude": 30.51},
    "Self-ID Message": {"text": "survey"},
    "Operator ID Message": {"operator_id": "OP1"},
}
EXPECTED = (
    BasicId(id_type=1, ua_type=2, uas_id="TEST1"),
    Location(lat_deg=50.4, lon_deg=30.5, speed_mps=12.5, vertical_mps=-1.0, height_m=80.0),
    System(location_type=1, lat_deg=50.41, lon_deg=30.51),
    SelfId(text_type=0, text="survey"),
    OperatorId(id_type=0, operator_id="OP1"),
)


def decode(value: Any) -> remote_id_json.Report:
    return remote_id_json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("report", [MESSAGES, [{key: value} for key, value in MESSAGES.items()]])
def test_messages_dialect_as_object_and_as_list(report: Any) -> None:
    assert decode(report) == remote_id_json.Report(transmitter="aa:bb:cc:00:11:22", messages=EXPECTED)


def test_address_of_a_bluetooth_bridge() -> None:
    assert decode([{"aext": {"AdvA": "AA:BB:CC:00:11:33 (random)"}, "Basic ID": BASIC}]).transmitter == (
        "aa:bb:cc:00:11:33"
    )


def test_flat_dialect() -> None:
    report = decode(
        {"mac": "AA:BB", "id": "TEST2", "ua_type": 1, "lat": 50.4, "lon": 30.5, "alt_m": 210, "height_m": 80.5,
         "speed_mps": 12, "heading_deg": 360, "climb_mps": 0.5, "accuracy_m": 8, "operator_lat": 50.41,
         "operator_lon": 30.51, "operator_id": "OP2", "text": "survey"}
    )  # fmt: skip
    assert report == remote_id_json.Report(
        transmitter="aa:bb",
        messages=(
            BasicId(id_type=1, ua_type=1, uas_id="TEST2"),
            Location(
                lat_deg=50.4,
                lon_deg=30.5,
                geodetic_alt_m=210.0,
                height_m=80.5,
                speed_mps=12.0,
                direction_deg=360.0,
                vertical_mps=0.5,
                horizontal_accuracy=10,
            ),
            System(location_type=1, lat_deg=50.41, lon_deg=30.51),
            OperatorId(id_type=0, operator_id="OP2"),
            SelfId(text_type=0, text="survey"),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"17",
        b"[]",
        b"{}",
        b"[1, 2]",
        b'{"lat": 95, "lon": 0}',
        b'{"id": "A", "lat": 1, "lon": 181}',
        b'{"id": "A", "lat": 1, "lon": 1, "speed_mps": 1e400}',
        b'{"id": "A", "lat": 1, "lon": 1, "speed_mps": ' + b"9" * 400 + b"}",
        b'{"Location/Vector Message": {"latitude": -164.1, "longitude": 5}}',
        b'{"Basic ID": 5}',
        b"[" * 2_000,
        b'{"id": "' + b"A" * 20_000 + b'"}',
    ],
)
def test_what_is_no_report_is_refused(text: bytes) -> None:
    with pytest.raises(DecodeError):
        remote_id_json.decode(text)


def test_zero_zero_and_text_numbers_are_unknown() -> None:
    report = decode({"id": "A", "lat": 0, "lon": 0, "speed_mps": "fast"})
    assert report.messages == (BasicId(id_type=1, ua_type=0, uas_id="A"), Location())


def test_control_characters_and_length_of_text() -> None:
    report = decode({"id": "A\u001b[31mB" + "C" * 100, "text": "x\u0000y"})
    assert report.messages[0] == BasicId(id_type=1, ua_type=0, uas_id=("A[31mB" + "C" * 100)[:39])
    assert report.messages[1] == SelfId(text_type=0, text="xy")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MESSAGES, *BASIC, *VECTOR, "lat", "lon", "id", "alt_m", "mac", "MAC", "aext", "coord"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_report_or_a_decode_error(sound: Callable[[Any], bool], value: Any) -> None:
    try:
        report = decode(value)
    except DecodeError:
        return
    assert report.messages
    assert sound(report)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_a_decode_error(sound: Callable[[Any], bool], data: bytes) -> None:
    try:
        said = remote_id_json.decode(data)
    except DecodeError:
        return
    assert sound(said)


def test_the_esp32_dialect() -> None:
    """Lines as the sketches' format string prints them, known and unknown values."""
    known = {"mac": "0A:1B:2C:3D:4E:5F", "rssi": -55, "drone_lat": 50.4, "drone_long": 30.5, "drone_altitude": 181}
    pilot = {"pilot_lat": 50.39, "pilot_long": 30.51, "basic_id": "ABCD5TEST1"}
    report = decode({**known, **pilot})
    assert report.transmitter == "0a:1b:2c:3d:4e:5f"
    assert report.messages == (
        BasicId(id_type=1, ua_type=0, uas_id="ABCD5TEST1"),
        Location(lat_deg=50.4, lon_deg=30.5, geodetic_alt_m=181.0),
        System(location_type=1, lat_deg=50.39, lon_deg=30.51),
    )
    nowhere = decode({**dict.fromkeys((*known, *pilot), 0), "mac": "0a:1b:2c:3d:4e:5f", "basic_id": ""})
    assert nowhere.messages == (Location(),)
    home = decode({**known, "home_lat": 50.38, "home_long": 30.5, "heading": 90})
    assert home.messages[-1] == System(location_type=0, lat_deg=50.38, lon_deg=30.5)
    assert decode({"heartbeat": "Device is active and running."}).messages == ()
    with pytest.raises(DecodeError):
        decode({**known, "drone_lat": 95.0})


KISMET = {
    "kismet.device.base.macaddr": "0A:1B:2C:3D:4E:5F",
    "uav.device": {
        "uav.serialnumber": "ABCD5TEST1",
        "uav.manufacturer": "DJI",
        "uav.last_telemetry": {
            "uav.telemetry.location": {
                "kismet.common.location.geopoint": [30.5, 50.4],
                "kismet.common.location.alt": 300,
                "kismet.common.location.fix": 3,
            },
            "uav.telemetry.v_north": 3.0,
            "uav.telemetry.v_east": -4.0,
            "uav.telemetry.v_up": 0.5,
        },
        "uav.telemetry.home_location": {"kismet.common.location.lat": 50.41, "kismet.common.location.lon": 30.51},
    },
}


def test_kismets_record_of_a_drone() -> None:
    report = decode(KISMET)
    assert report.transmitter == "0a:1b:2c:3d:4e:5f"
    basic, location, system = report.messages
    assert basic == BasicId(id_type=1, ua_type=0, uas_id="ABCD5TEST1")
    assert isinstance(location, Location)
    assert (location.lat_deg, location.lon_deg, location.speed_mps, location.vertical_mps) == (50.4, 30.5, 5.0, 0.5)
    assert location.direction_deg == pytest.approx(306.87, abs=0.01)
    assert location.geodetic_alt_m is None
    assert system == System(location_type=0, lat_deg=50.41, lon_deg=30.51)


def test_kismets_other_devices_are_no_report_and_no_damage() -> None:
    assert decode({"kismet.device.base.macaddr": "0A:1B:2C:3D:4E:5F", "dot11.device": {}}).messages == ()
    with pytest.raises(DecodeError):
        decode({**KISMET, "uav.device": {"uav.last_telemetry": 7}})
