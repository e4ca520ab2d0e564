"""The 25-byte messages: layout by hand-made bytes, limits, and laws over all values."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire.remote_id import (
    EPOCH_2019_S,
    AuthPage,
    BasicId,
    IdType,
    Location,
    Message,
    OperatorId,
    SelfId,
    System,
    decode,
    decode_all,
    encode,
    encode_pack,
)


def location_bytes(**fields: int) -> bytes:
    """Lay a Location out by hand, independently of the encoder; the defaults are a plain valid flight."""
    values = {
        "head": 0x12, "flags": 0x20, "direction": 90, "speed": 40, "climb": 4, "lat": 500_000_000, "lon": 300_000_000,
        "baro": 2_400, "geo": 2_500, "height": 2_200, "where": 0x5B, "how": 0x13, "tenths": 1_234, "clock": 0x05,
    }  # fmt: skip
    values |= fields
    return struct.pack("<BBBBbiiHHHBBHBB", *values.values(), 0)


# Bytes and meanings as printed by the examples of another implementation, librid (github.com/tuupola/librid, MIT),
# which is tested to be byte for byte like opendroneid-core-c.
LIBRID = [
    (
        "12 20 2d 3e 04 20 bd 5c 25 40 1c 19 0d 9b 08 c1 08 34 08 4a 53 39 30 01 00",
        Location(
            status=2, height_type=0, direction_deg=45.0, speed_mps=15.5, vertical_mps=2.0, lat_deg=62.683472,
            lon_deg=21.974944, pressure_alt_m=101.5, geodetic_alt_m=120.5, height_m=50.0, horizontal_accuracy=10,
            vertical_accuracy=4, speed_accuracy=3, pressure_accuracy=5, time_s=1234.5, time_accuracy=1,
        ),
    ),
    (
        "42 04 34 12 ef 23 c3 76 a0 0e 01 00 0a c0 08 d0 07 12 34 08 10 0e 00 00 00",
        System(
            classification=1, location_type=0, lat_deg=60.2870324, lon_deg=24.5397187, area_count=1, area_radius_m=100,
            ceiling_m=120.0, floor_m=0.0, category_eu=1, class_eu=2, operator_alt_m=50.0, time_s=EPOCH_2019_S + 3600,
        ),
    ),
    (
        "02 12 31 41 42 43 44 32 33 34 35 45 46 36 37 38 58 59 5a 00 00 00 00 00 00",
        BasicId(id_type=1, ua_type=2, uas_id="1ABCD2345EF678XYZ"),
    ),
    (
        "32 00 44 72 6f 6e 65 20 64 65 6c 69 76 65 72 79 20 74 65 73 74 00 00 00 00",
        SelfId(text_type=0, text="Drone delivery test"),
    ),
    (
        "52 00 46 49 4e 38 37 61 73 74 72 64 67 65 31 32 6b 38 00 00 00 00 00 00 00",
        OperatorId(id_type=0, operator_id="FIN87astrdge12k8"),
    ),
    (
        "22 30 02 38 80 86 48 0b 30 82 01 22 30 0d 06 09 2a 86 48 86 f7 0d 01 01 01",
        AuthPage(
            auth_type=3, page=0, last_page=2, length=56, time_s=EPOCH_2019_S + 189_302_400,
            data=bytes.fromhex("308201 22300d06092a864886f70d010101"),
        ),
    ),
    (
        "22 31 05 00 03 82 01 0f 00 30 82 01 0a 02 82 01 01 00 bb 6a 8c 7e 5f 2a 9b",
        AuthPage(auth_type=3, page=1, data=bytes.fromhex("05000382010f003082010a0282010100bb6a8c7e5f2a9b")),
    ),
    # A Location of which nothing is known but the stamp.
    (
        "12 03 b5 ff 7e 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
        Location(time_s=0.0),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), LIBRID)
def test_bytes_of_another_implementation(text: str, message: Message) -> None:
    data = bytes.fromhex(text)
    found = decode(data)
    assert msgspec.to_builtins(found) == pytest.approx(msgspec.to_builtins(message), abs=6e-7)
    assert encode(found) == data


def test_location_layout() -> None:
    assert decode(location_bytes()) == Location(
        status=2, height_type=0, direction_deg=90.0, speed_mps=10.0, vertical_mps=2.0, lat_deg=50.0, lon_deg=30.0,
        pressure_alt_m=200.0, geodetic_alt_m=250.0, height_m=100.0, horizontal_accuracy=11, vertical_accuracy=5,
        pressure_accuracy=1, speed_accuracy=3, time_s=123.4, time_accuracy=5,
    )  # fmt: skip


def test_location_east_west_and_fast() -> None:
    message = decode(location_bytes(flags=0x27, direction=10, speed=100))
    assert isinstance(message, Location)
    assert (message.direction_deg, message.speed_mps, message.height_type) == (190.0, 138.75, 1)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"flags": 0x22, "direction": 181}, "direction_deg"),
        ({"flags": 0x21, "speed": 255}, "speed_mps"),
        ({"climb": 126}, "vertical_mps"),
        ({"baro": 0}, "pressure_alt_m"),
        ({"geo": 0}, "geodetic_alt_m"),
        ({"height": 0}, "height_m"),
        ({"tenths": 0xFFFF}, "time_s"),
        ({"lat": 0, "lon": 0}, "lat_deg"),
    ],
)
def test_location_unknown_values_are_none(fields: dict[str, int], name: str) -> None:
    message = decode(location_bytes(**fields))
    unknown = {"lat_deg", "lon_deg"} if name == "lat_deg" else {name}
    assert {field for field in message.__struct_fields__ if getattr(message, field) is None} == unknown


@pytest.mark.parametrize(
    "fields",
    [
        {"lat": 900_000_001},
        {"lat": -900_000_001},
        {"lon": 1_800_000_001},
        {"lon": -1_800_000_001},
        {"direction": 181},
        {"flags": 0x22, "direction": 182},
        {"climb": 125},
        {"climb": -125},
        {"tenths": 36_001},
        {"head": 0x13},
        {"head": 0x62},
        {"head": 0x92},
    ],
)
def test_location_forbidden_values_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(DecodeError):
        decode(location_bytes(**fields))


def test_limits_themselves_are_valid() -> None:
    message = decode(location_bytes(lat=-900_000_000, lon=1_800_000_000, climb=-124, tenths=36_000, direction=180))
    assert isinstance(message, Location)
    assert (message.lat_deg, message.lon_deg, message.vertical_mps) == (-90.0, 180.0, -62.0)


def test_system_layout() -> None:
    data = struct.pack(
        "<BBiiHBHHBHIB", 0x42, 1 << 2 | 1, -338_000_000, 1_512_000_000, 3, 7, 2_240, 2_000, 0x12, 2_100, 86_400, 0
    )
    assert decode(data) == System(
        classification=1, location_type=1, lat_deg=-33.8, lon_deg=151.2, area_count=3, area_radius_m=70,
        ceiling_m=120.0, floor_m=0.0, category_eu=1, class_eu=2, operator_alt_m=50.0, time_s=EPOCH_2019_S + 86_400,
    )  # fmt: skip


def test_auth_pages() -> None:
    first = bytes((0x22, 0x10, 1, 40)) + (1000).to_bytes(4, "little") + bytes(range(17))
    second = bytes((0x22, 0x11)) + bytes(range(23))
    messages, damaged = decode_all(bytes((0xF2, 25, 2)) + first + second)
    assert damaged == 0
    assert messages == [
        AuthPage(auth_type=1, page=0, data=bytes(range(17)), last_page=1, length=40, time_s=EPOCH_2019_S + 1000),
        AuthPage(auth_type=1, page=1, data=bytes(range(23))),
    ]
    with pytest.raises(DecodeError):
        decode(bytes((0x22, 0x10, 16)) + bytes(22))


def test_binary_ids_are_hexadecimal() -> None:
    uuid = bytes(range(16))
    utm = decode(bytes((0x02, 0x32)) + uuid + bytes(7))
    assert utm == BasicId(id_type=IdType.UTM, ua_type=2, uas_id=uuid.hex())
    session = decode(bytes((0x02, 0x41, 1)) + b"\xff" * 19 + bytes(3))
    assert session == BasicId(id_type=IdType.SESSION, ua_type=1, uas_id="01" + "ff" * 19)


@pytest.mark.parametrize("raw", [b"AB\xb0CD", b"AB\x07CD", b"\x1b[31m"])
def test_ids_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(bytes((0x02, 0x12)) + raw.ljust(23, b"\0"))


def test_a_damaged_message_does_not_take_the_pack_with_it() -> None:
    good, bad = encode(BasicId(id_type=1, ua_type=2, uas_id="A")), location_bytes(lat=2_000_000_000)
    messages, damaged = decode_all(bytes((0xF2, 25, 3)) + good + bad + good)
    assert (len(messages), damaged) == (2, 1)


def test_a_cut_pack_gives_what_is_there() -> None:
    pack = encode_pack([SelfId(text_type=0, text="first"), SelfId(text_type=0, text="second")])
    messages, damaged = decode_all(pack[:-1])
    assert (messages, damaged) == ([SelfId(text_type=0, text="first")], 1)


@pytest.mark.parametrize("head", [b"", b"\xf2", b"\xf2\x18\x01", b"\xf2\x19\x0a", b"\xf7\x19\x01"])
def test_heads_of_packs_that_cannot_be(head: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_all(head)


# --- laws ---------------------------------------------------------------------------------------------------

ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
nibble = st.integers(0, 15)
# Half metres from -999.5 m up: -1000 m is how "unknown" is written.
altitude = st.none() | st.integers(1, 0xFFFF).map(lambda raw: raw * 0.5 - 1000.0)
places: Any = st.none() | st.tuples(
    st.integers(-900_000_000, 900_000_000), st.integers(-1_800_000_000, 1_800_000_000)
).filter(any)
speed = (
    st.none() | st.integers(0, 255).map(lambda raw: raw * 0.25) | st.integers(0, 254).map(lambda r: r * 0.75 + 63.75)
)


def with_place(kind: Any, place: tuple[int, int] | None, **fields: Any) -> Any:
    lat_deg, lon_deg = (None, None) if place is None else (place[0] / 1e7, place[1] / 1e7)
    return kind(lat_deg=lat_deg, lon_deg=lon_deg, **fields)


locations = st.builds(
    with_place, st.just(Location), places, status=nibble, height_type=st.integers(0, 1),
    direction_deg=st.none() | st.integers(0, 359).map(float), speed_mps=speed,
    vertical_mps=st.none() | st.integers(-124, 124).map(lambda raw: raw * 0.5), pressure_alt_m=altitude,
    geodetic_alt_m=altitude, height_m=altitude, horizontal_accuracy=nibble, vertical_accuracy=nibble,
    pressure_accuracy=nibble, speed_accuracy=nibble, time_accuracy=nibble,
    time_s=st.none() | st.integers(0, 36_000).map(lambda raw: raw / 10),
)  # fmt: skip
times = st.none() | st.integers(EPOCH_2019_S + 1, EPOCH_2019_S + 2**32 - 1)
systems = st.builds(
    with_place, st.just(System), places, classification=st.integers(0, 7), location_type=st.integers(0, 3),
    area_count=st.integers(0, 0xFFFF), area_radius_m=st.integers(0, 255).map(lambda raw: raw * 10), ceiling_m=altitude,
    floor_m=altitude, category_eu=nibble, class_eu=nibble, operator_alt_m=altitude, time_s=times,
)  # fmt: skip
basics = st.builds(BasicId, id_type=st.integers(0, 2), ua_type=nibble, uas_id=ascii_text) | st.builds(
    BasicId, id_type=st.just(4), ua_type=nibble, uas_id=st.binary(min_size=20, max_size=20).map(bytes.hex)
)
auths = st.builds(
    AuthPage, auth_type=nibble, page=st.just(0), data=st.binary(min_size=17, max_size=17),
    last_page=nibble, length=st.integers(0, 255), time_s=times,
)  # fmt: skip
auths |= st.builds(AuthPage, auth_type=nibble, page=st.integers(1, 15), data=st.binary(min_size=23, max_size=23))
others = st.builds(SelfId, text_type=st.integers(0, 255), text=ascii_text) | st.builds(
    OperatorId, id_type=st.integers(0, 255), operator_id=ascii_text
)
messages = locations | systems | basics | auths | others


@given(messages)
def test_decoding_undoes_encoding(message: Message) -> None:
    data = encode(message)
    assert len(data) == 25
    assert decode(data) == message


@given(st.lists(messages, max_size=9))
def test_packs_hold_their_messages(pack: list[Message]) -> None:
    assert decode_all(encode_pack(pack)) == (pack, 0)


@given(st.binary(max_size=260) | st.binary(min_size=25, max_size=25))
@example(b"\xf2\x19\x09")
def test_any_bytes_decode_or_raise_decode_error(data: bytes) -> None:
    try:
        found, damaged = decode_all(data)
    except DecodeError:
        return
    assert len(found) + damaged <= 9
    for message in found:
        if isinstance(message, Location) and message.lat_deg is not None:
            assert -90.0 <= message.lat_deg <= 90.0


@given(st.sampled_from(range(6)), st.binary(min_size=24, max_size=24))
def test_what_was_decoded_encodes_to_the_same_meaning(kind: int, rest: bytes) -> None:
    try:
        message = decode(bytes((kind << 4 | 2,)) + rest)
    except DecodeError:
        return
    assert decode(encode(message)) == message
