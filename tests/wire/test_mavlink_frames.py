"""OPEN_DRONE_ID in MAVLink, against frames that a second implementation, pymavlink 2.4, made."""

from __future__ import annotations

import pytest

from skysentry.wire import mavlink, mavlink_odid
from skysentry.wire.remote_id import (
    EPOCH_2019_S,
    AuthPage,
    BasicId,
    Location,
    OperatorId,
    SelfId,
    System,
)

MAC = "60:60:1f:0a:0b:0c"
# System 7, component 236 of a vehicle that tells of itself.
OWN = "mavlink:7:236"
FRAMES = {
    "basic": "fd2700000007ec643200000060601f0a0b0c00000000000000000000000000000102313538314635464b4432323934303010a1",
    "utm": "fd2800000007ec6432000000000000000000000000000000000000000000000003020102030405060708090a0b0c0d0e0f10dc91",
    "location": (
        "fd3b00000007ec653200f213121eae113112008016430000354300002a4200b0e144d66afb046aff000060601f0a0b0c"
        "000000000000000000000000000002010b05040301633d"
    ),
    "nowhere": ("fd2600000007ec653200000000000000000000007ac400007ac400007ac400ff7f47048d9c639c18000060601f0a0b0c8033"),
    "page 0": (
        "fd2f00000007ec6632004e61bc00000060601f0a0b0c00000000000000000000000000000100023f"
        "0102030405060708090a0b0c0d0e0f10112f91"
    ),
    "page 1": (
        "fd3500000007ec66320000000000000060601f0a0b0c00000000000000000000000000000101000001"
        "02030405060708090a0b0c0d0e0f101112131415161729d0"
    ),
    "self": (
        "fd2800000007ec673200000060601f0a0b0c000000000000000000000000000000737572766579206f662061206669656c642a41"
    ),
    "system": (
        "fd3600000007ec683200200f121e80fb30120000f04200007ac400802b430095ba0a01000000000060601f0a0b0c"
        "0000000000000000000000000000010101037504"
    ),
    "operator": (
        "fd2700000007ec693200000060601f0a0b0c00000000000000000000000000000046494e38376173747264676531326b385ea8"
    ),
    "pack": (
        "fd2900000007ec733200000060601f0a0b0c000000000000000000000000000019010212313538314635464b4432323934303071b5"
    ),
    "update": "fd1000000007ec773200200f121e80fb301200802b430095ba0a9ec3",
}
BYTES = {name: bytes.fromhex(text) for name, text in FRAMES.items()}
HEARTBEAT = bytes.fromhex("fd0900000007ec000000000000000203000403996d")
SERIAL = BasicId(id_type=1, ua_type=2, uas_id="1581F5FKD229400")
STAMP_S = 180_000_000 + EPOCH_2019_S
EXPECTED = {
    "basic": (MAC, SERIAL),
    "utm": (OWN, BasicId(id_type=3, ua_type=2, uas_id="0102030405060708090a0b0c0d0e0f10")),
    "location": (
        MAC,
        Location(
            status=2,
            height_type=1,
            direction_deg=273.5,
            speed_mps=12.75,
            vertical_mps=-1.5,
            lat_deg=50.4501234,
            lon_deg=30.5205678,
            pressure_alt_m=150.5,
            geodetic_alt_m=181.0,
            height_m=42.5,
            horizontal_accuracy=11,
            vertical_accuracy=5,
            pressure_accuracy=4,
            speed_accuracy=3,
            time_s=1805.5,
            time_accuracy=1,
        ),
    ),
    "nowhere": (MAC, Location()),
    "page 0": (
        MAC,
        AuthPage(
            auth_type=1,
            page=0,
            data=bytes(range(1, 18)),
            last_page=2,
            length=63,
            time_s=12_345_678 + EPOCH_2019_S,
        ),
    ),
    "page 1": (MAC, AuthPage(auth_type=1, page=1, data=bytes(range(1, 24)))),
    "self": (MAC, SelfId(text_type=0, text="survey of a field")),
    "system": (
        MAC,
        System(
            classification=1,
            location_type=1,
            lat_deg=50.45,
            lon_deg=30.52,
            area_count=1,
            ceiling_m=120.0,
            category_eu=1,
            class_eu=3,
            operator_alt_m=171.5,
            time_s=STAMP_S,
        ),
    ),
    "operator": (MAC, OperatorId(id_type=0, operator_id="FIN87astrdge12k8")),
    "pack": (MAC, SERIAL),
    "update": (
        OWN,
        System(location_type=1, lat_deg=50.45, lon_deg=30.52, operator_alt_m=171.5, time_s=STAMP_S),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_messages_are_what_pymavlink_was_told(name: str) -> None:
    sender, message = EXPECTED[name]
    said = mavlink_odid.decode(BYTES[name])
    assert (said.transmitter, said.messages, said.damaged) == (sender, (message,), 0)


@pytest.mark.parametrize("cut", [1, 7, 64, 10_000])
def test_a_stream_gives_its_frames_however_it_is_cut(cut: int) -> None:
    """Other messages and noise lie between; none of it is a frame of Remote ID."""
    between = HEARTBEAT + b"\xfe\x09\x00\x01\x01\x00" + bytes(11) + b"noise"
    stream = between.join(BYTES.values()) + between
    found: list[bytes] = []
    rest = b""
    for at in range(0, len(stream), cut):
        rest += stream[at : at + cut]
        frames, end, _ = mavlink.split(rest, mavlink_odid.FORMS)
        found += frames
        rest = rest[end:]
    assert found == list(BYTES.values())
