"""Wi-Fi and Bluetooth frames around Remote ID, and DJI's own element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import ble, dji_wifi, france, wifi
from skysentry.wire.remote_id import BasicId, Location, SelfId, System, encode, encode_pack
from skysentry.wire.wifi import Carrier, Payload

MAC = bytes.fromhex("0a1b2c3d4e5f")
PACK = encode_pack([BasicId(id_type=1, ua_type=2, uas_id="TEST1"), SelfId(text_type=0, text="test")])


@pytest.mark.parametrize("frame", [wifi.encode_beacon(MAC, PACK, 7, b"drone"), wifi.encode_nan(MAC, PACK, 7)])
def test_wifi_carriers(frame: bytes) -> None:
    assert wifi.carries_remote_id(frame)
    assert wifi.transmitter(frame) == MAC
    assert wifi.payloads(frame) == [Payload(Carrier.ODID, PACK, 7)]


def test_probe_responses_and_the_order_bit() -> None:
    beacon = wifi.encode_beacon(MAC, PACK, 7)
    assert wifi.payloads(bytes((wifi.PROBE_RESPONSE,)) + beacon[1:]) == [Payload(Carrier.ODID, PACK, 7)]
    ordered = beacon[:1] + b"\x80" + beacon[2:24] + bytes(4) + beacon[24:]
    assert wifi.payloads(ordered) == [Payload(Carrier.ODID, PACK, 7)]


def test_marks_inside_other_elements_are_not_remote_id() -> None:
    beacon = wifi.encode_beacon(MAC, b"", 0, ssid=wifi.ODID_MARK + wifi.DJI_MARK + b"\0" * 4)
    assert not wifi.carries_remote_id(beacon)


def test_a_nan_descriptor_with_filters_before_its_info() -> None:
    info = b"\x05" + PACK
    fields = wifi.NAN_SERVICE + b"\x01\x00" + bytes((0x10 | 0x40 | 0x04 | 0x08,))
    descriptor = fields + b"\xaa\xbb" + b"\x02mm" + b"\x03rrr" + bytes((len(info),)) + info
    head = wifi.encode_nan(MAC, PACK, 0)[:24]
    frame = head + wifi.NAN_MARK + b"\x03" + len(descriptor).to_bytes(2, "little") + descriptor
    assert wifi.payloads(frame) == [Payload(Carrier.ODID, PACK, 5)]


def test_cut_and_protected_frames_carry_nothing() -> None:
    beacon = wifi.encode_beacon(MAC, PACK, 7)
    assert all(not wifi.carries_remote_id(beacon[:end]) for end in range(len(beacon)))
    assert not wifi.carries_remote_id(beacon[:1] + b"\x40" + beacon[2:])


@pytest.mark.parametrize(
    ("pdu", "payload"),
    [
        (ble.encode_legacy(MAC, encode(SelfId(text_type=0, text="x")), 9), encode(SelfId(text_type=0, text="x"))),
        (ble.encode_extended(MAC, PACK, 9), PACK),
    ],
)
def test_bluetooth_carriers(pdu: bytes, payload: bytes) -> None:
    assert ble.carries_remote_id(pdu)
    assert ble.transmitter(pdu) == MAC
    assert ble.payloads(pdu) == [Payload(Carrier.ODID, payload, 9)]
    assert all(not ble.carries_remote_id(pdu[:end]) for end in range(len(pdu)))


telemetry = dji_wifi.Telemetry(
    version=2, sequence=5, state=0x1F33, serial="TEST0123456789AB", place=(50.0, 30.0), altitude_raw=80, height_raw=60,
    velocity_neu_mps=(1.0, -2.0, 0.5), home=(50.1, 30.1), app=None, product=16,
)  # fmt: skip


def test_dji_telemetry() -> None:
    found = dji_wifi.decode(dji_wifi.encode(telemetry))
    assert isinstance(found, dji_wifi.Telemetry)
    assert found.place == pytest.approx((50.0, 30.0), abs=3e-6)
    assert found.home == pytest.approx((50.1, 30.1), abs=3e-6)
    assert (found.serial, found.app, found.velocity_neu_mps) == ("TEST0123456789AB", None, (1.0, -2.0, 0.5))


def test_dji_telemetry_of_version_1_by_hand() -> None:
    degrees = (round(value * 174_533).to_bytes(4, "little", signed=True) for value in (8.0, 47.0, 8.5, 47.5))
    lon, lat, home_lon, home_lat = degrees
    record = b"\x01\x05\x00\x33\x1f" + b"SERIAL".ljust(16, b"\0") + lon + lat + bytes(4) + bytes(6) + bytes(6)
    found = dji_wifi.decode(dji_wifi.HEAD + b"\x10" + record + home_lon + home_lat + b"\x10\x00" + bytes(20))
    assert isinstance(found, dji_wifi.Telemetry)
    assert (found.serial, found.app) == ("SERIAL", None)
    # One step of the format is 0.6 m.
    assert found.place == pytest.approx((47.0, 8.0), abs=3e-6)
    assert found.home == pytest.approx((47.5, 8.5), abs=3e-6)


def test_dji_flight_purpose_by_hand() -> None:
    record = b"SERIAL".ljust(16, b"\0") + bytes(8) + b"drone".ljust(10, b"\0") + bytes(8) + b"mapping\0"
    found = dji_wifi.decode(dji_wifi.HEAD + b"\x11" + record)
    assert found == dji_wifi.Purpose(serial="SERIAL", drone_id="drone", purpose="mapping")


def test_dji_places_off_the_earth_are_refused() -> None:
    data = bytearray(dji_wifi.encode(telemetry))
    data[4 + 25 : 4 + 29] = round(91.0 * 174_533).to_bytes(4, "little")
    with pytest.raises(DecodeError):
        dji_wifi.decode(bytes(data))


def field(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value))) + value


FRENCH = (
    field(1, b"\x01")
    + field(2, b"ABCMOD" + b"0" * 21 + b"123")
    + field(4, (4_885_012).to_bytes(4, "big"))
    + field(5, (-235_001).to_bytes(4, "big", signed=True))
    + field(6, (140).to_bytes(2, "big"))
    + field(7, (-5).to_bytes(2, "big", signed=True))
    + field(8, (4_885_000).to_bytes(4, "big"))
    + field(9, (235_000).to_bytes(4, "big"))
    + field(10, b"\x0c")
    + field(11, (270).to_bytes(2, "big"))
)


def test_the_french_signal_by_hand() -> None:
    element = wifi.FRANCE_MARK + FRENCH
    frame = wifi.encode_beacon(MAC, b"", 0) + bytes((0xDD, len(element))) + element
    assert wifi.carries_remote_id(frame)
    assert wifi.payloads(frame) == [Payload(Carrier.FRANCE, FRENCH)]
    assert france.decode(FRENCH) == [
        BasicId(id_type=1, ua_type=0, uas_id="ABCMOD" + "0" * 21 + "123"),
        Location(lat_deg=48.85012, lon_deg=-2.35001, height_m=-5.0, speed_mps=12.0, direction_deg=270.0),
        System(location_type=0, lat_deg=48.85, lon_deg=2.35),
    ]


@pytest.mark.parametrize("data", [b"", FRENCH[3:], field(1, b"\x02"), FRENCH[:-1], FRENCH + field(4, b"\x7f" * 4)])
def test_french_signals_that_cannot_be(data: bytes) -> None:
    with pytest.raises(DecodeError):
        france.decode(data)


@given(st.lists(st.tuples(st.integers(0, 12), st.binary(max_size=6)), max_size=6))
def test_any_french_fields_decode_or_raise_decode_error(
    sound: Callable[[Any], bool], fields: list[tuple[int, bytes]]
) -> None:
    data = field(1, b"\x01") + b"".join(field(kind, value) for kind, value in fields)
    try:
        said = france.decode(data)
    except DecodeError:
        return
    assert sound(said)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", wifi.FRANCE_MARK, wifi.ODID_MARK, wifi.DJI_MARK, wifi.NAN_SERVICE]),
    st.binary(),
)
def test_any_wifi_bytes_are_read_without_error(before: bytes, mark: bytes, after: bytes) -> None:
    for kind in (0x80, 0x50, 0xD0):
        frame = bytes((kind,)) + before + mark + after
        assert wifi.carries_remote_id(frame) == bool(wifi.payloads(frame))


@given(st.integers(0, 255), st.binary(max_size=40), st.sampled_from([b"", ble.MARK]), st.binary(max_size=60))
def test_any_bluetooth_bytes_are_read_without_error(kind: int, before: bytes, mark: bytes, after: bytes) -> None:
    pdu = bytes((kind,)) + before + mark + after
    assert ble.carries_remote_id(pdu) == bool(ble.payloads(pdu))
    address = ble.transmitter(pdu)
    assert address is None or len(address) == 6


@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_as_dji_decode_or_raise_decode_error(sound: Callable[[Any], bool], data: bytes, headed: bool) -> None:
    try:
        said = dji_wifi.decode(dji_wifi.HEAD + data if headed else data)
    except DecodeError:
        return
    assert sound(said)
