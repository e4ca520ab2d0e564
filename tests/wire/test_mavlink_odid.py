"""MAVLink's Open Drone ID: CRC extras of the official headers, values against an encoder of its own, damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import mavlink
from skysentry.wire.mavlink_odid import FORMS, decode
from skysentry.wire.remote_id import EPOCH_2019_S, AuthPage, BasicId, Location, OperatorId, SelfId, System, encode_pack

# As the generated C headers state them: id, CRC extra, length of the payload.
OFFICIAL = {
    12_900: (114, 44), 12_901: (254, 59), 12_902: (140, 53), 12_903: (249, 46), 12_904: (77, 54), 12_905: (49, 43),
    12_915: (94, 249), 12_918: (139, 51), 12_919: (7, 18),
}  # fmt: skip
MAC = bytes.fromhex("0a1b2c3d4e5f").ljust(20, b"\0")


def frame(number: int, payload: bytes) -> bytes:
    return mavlink.frame(FORMS[number], number, payload)


def location(lat: int = 500_000_000, climb: int = -250, direction: int = 9_050, clock: float = 123.5) -> bytes:
    """Lay a LOCATION out by hand, as the C struct has it."""
    numbers = struct.pack("<iiffffHHh", lat, 300_000_000, -1000.0, 250.5, 100.0, clock, direction, 1_234, climb)
    return numbers + b"\0\0" + MAC + bytes((2, 1, 11, 5, 1, 3, 5))


def test_the_forms_are_the_official_ones() -> None:
    assert {number: (form.crc_extra, form.layout.size) for number, form in FORMS.items()} == OFFICIAL


def test_a_frame_made_by_hand() -> None:
    """The check sum of the whole, from the definition of X.25 bit by bit."""
    body = bytes((1, 0, 0, 7, 1, 236)) + (12_918).to_bytes(3, "little") + b"\x01"
    value = 0xFFFF
    for byte in body + bytes((139,)):
        for bit in range(8):
            mixed = (value ^ byte >> bit) & 1
            value = value >> 1 ^ (0x8408 if mixed else 0)
    assert mavlink.frame(FORMS[12_918], 12_918, b"\x01", sequence=7) == b"\xfd" + body + value.to_bytes(2, "little")


def test_location_and_its_sender() -> None:
    said = decode(frame(12_901, location()))
    assert said.transmitter == "0a:1b:2c:3d:4e:5f"
    assert said.messages == (
        Location(
            status=2, height_type=1, direction_deg=90.5, speed_mps=12.34, vertical_mps=-2.5, lat_deg=50.0, lon_deg=30.0,
            geodetic_alt_m=250.5, height_m=100.0, horizontal_accuracy=11, vertical_accuracy=5, pressure_accuracy=1,
            speed_accuracy=3, time_s=123.5, time_accuracy=5,
        ),
    )  # fmt: skip


def test_the_other_messages() -> None:
    head = b"\0\0" + bytes(20)
    serial = b"ABCD5TEST1".ljust(20, b"\0")
    basic = decode(frame(12_900, head + bytes((1, 2)) + serial))
    assert (basic.transmitter, basic.messages) == (
        "mavlink:1:236",
        (BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1"),),
    )
    page = struct.pack("<I", 100) + head + bytes((3, 0, 1, 30)) + bytes(range(23))
    (auth,) = decode(frame(12_902, page)).messages
    assert auth == AuthPage(
        auth_type=3, page=0, data=bytes(range(17)), last_page=1, length=30, time_s=EPOCH_2019_S + 100
    )  # fmt: skip
    text = decode(frame(12_903, head + b"\0" + b"survey".ljust(23, b"\0"))).messages
    assert text == (SelfId(text_type=0, text="survey"),)
    operator = decode(frame(12_905, head + b"\0" + b"FIN87astrdge12k8".ljust(20, b"\0"))).messages
    assert operator == (OperatorId(id_type=0, operator_id="FIN87astrdge12k8"),)
    numbers = struct.pack("<iifffIHH", 501_000_000, 301_000_000, 120.0, -1000.0, 80.0, 3_600, 1, 100)
    (system,) = decode(frame(12_904, numbers + head + bytes((1, 1, 2, 3)))).messages
    assert system == System(
        classification=1, location_type=1, lat_deg=50.1, lon_deg=30.1, area_count=1, area_radius_m=100,
        ceiling_m=120.0, category_eu=2, class_eu=3, operator_alt_m=80.0, time_s=EPOCH_2019_S + 3_600,
    )  # fmt: skip
    (moved,) = decode(frame(12_919, struct.pack("<iifI", 502_000_000, 301_000_000, 81.0, 3_601) + b"\0\0")).messages
    assert moved == System(
        location_type=1, lat_deg=50.2, lon_deg=30.1, operator_alt_m=81.0, time_s=EPOCH_2019_S + 3_601
    )  # fmt: skip
    assert decode(frame(12_918, b"\x01" + bytes(50))).messages == ()


def test_a_pack() -> None:
    messages = [BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1"), Location(lat_deg=50.0, lon_deg=30.0)]
    said = decode(frame(12_915, b"\0\0" + MAC + encode_pack(messages)[1:].ljust(227, b"\0")))
    assert said.messages == tuple(messages)


@pytest.mark.parametrize(
    "fields",
    [{"lat": 910_000_000}, {"climb": 6_400}, {"direction": 36_001}, {"clock": 4_000.0}, {"clock": float("nan")}],
)
def test_what_cannot_be_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(DecodeError):
        decode(frame(12_901, location(**fields)))  # type: ignore[arg-type]


def test_frames_are_found_among_others_and_noise() -> None:
    v1 = b"\xfe\x02\x00\x01\x01\x00hi\x12\x34"
    heartbeat = b"\xfd\x03\x00\x00\x00\x01\x01\x00\x00\x00abc\x00\x00"
    ours = frame(12_901, location())
    signed = bytearray(ours)
    signed[2] = 1
    at = 10 + signed[1]
    signed[at:] = mavlink.crc(bytes((254,)), mavlink.crc(bytes(signed[1:at]))).to_bytes(2, "little") + bytes(13)
    stream = b"noise" + v1 + ours + heartbeat + bytes(signed) + ours[:20]
    frames, rest, skipped = mavlink.split(stream, FORMS)
    assert (frames, skipped) == ([ours, bytes(signed)], 5)
    assert stream[rest:] == ours[:20]
    assert decode(frames[1]).messages == decode(ours).messages


@given(st.binary(max_size=400))
def test_any_bytes_are_passed_over(data: bytes) -> None:
    frames, rest, skipped = mavlink.split(data, FORMS)
    assert 0 <= rest <= len(data)
    assert len(data) - rest <= 280
    assert skipped <= rest
    for one in frames:
        decode(one)


@given(st.integers(0, 8 * 71 - 1))
def test_one_wrong_bit_is_never_decoded(bit: int) -> None:
    damaged = bytearray(frame(12_901, location()))
    damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    with pytest.raises(DecodeError):
        decode(bytes(damaged))
