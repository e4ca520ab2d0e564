"""Every field of recorded Remote ID messages against an independent decoder: Open Drone ID's dissector in tshark.

The dissector is a Lua file of its own (opendroneid/wireshark-dissector): put it into tshark's folder of personal
plugins. It knows beacons and NAN behind a radiotap header of 17 bytes, so of the captures two. It calls the two halves
of byte 19 of a Location by each other's names: F3411-22a has vertical accuracy in the upper half.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skysentry.events import Packet
from skysentry.formats import ReadOptions, pcap
from skysentry.wire import wifi
from skysentry.wire.remote_id import (
    EPOCH_2019_S,
    AuthPage,
    BasicId,
    Location,
    Message,
    OperatorId,
    SelfId,
    System,
    decode_all,
)

Fields = dict[str, str]


@pytest.fixture(scope="module")
def dissected(need_program: Callable[[str], Path]) -> Callable[[Path], dict[str, Fields]]:
    program = str(need_program("tshark"))
    known = subprocess.run([program, "-G", "fields"], capture_output=True, text=True, check=True).stdout
    names = sorted({line.split("\t")[2] for line in known.splitlines() if "\tOpenDroneID." in line})
    if not names:
        pytest.skip("tshark has no dissector of Open Drone ID (opendroneid/wireshark-dissector)")

    def run(path: Path) -> dict[str, Fields]:
        """Return the fields of each frame that the dissector knows, by the frame's number."""
        command = [program, "-n", "-r", str(path), "-Y", "opendroneid", "-T", "fields", "-E", "aggregator=|"]
        command += ["-e", "frame.number", *(word for name in names for word in ("-e", name))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    return run


def degrees(value: float | None) -> int:
    return 0 if value is None else round(value * 1e7)


def metres(value: float | None) -> int:
    return 0 if value is None else round((value + 1000.0) * 2.0)


def seconds(value: int | None) -> int:
    return 0 if value is None else value - EPOCH_2019_S


def told(message: Message) -> dict[str, Any]:
    """Return what the dissector should say of a message; a direction and a speed are joined from two of its fields."""
    match message:
        case BasicId():
            return {"basicID_idType": message.id_type, "basicID_uaType": message.ua_type, "id": message.uas_id}
        case Location():
            return {
                "loc_status": message.status,
                "loc_flag_heightType": message.height_type,
                "direction": 361 if message.direction_deg is None else message.direction_deg % 360.0,
                "speed": 255.0 if message.speed_mps is None else message.speed_mps,
                "loc_vspeed": 126 if message.vertical_mps is None else round(message.vertical_mps * 2.0) % 256,
                "loc_lat": degrees(message.lat_deg),
                "loc_lon": degrees(message.lon_deg),
                "loc_pressAlt": metres(message.pressure_alt_m),
                "loc_geoAlt": metres(message.geodetic_alt_m),
                "loc_height": metres(message.height_m),
                "loc_hAccuracy": message.vertical_accuracy,
                "loc_vAccuracy": message.horizontal_accuracy,
                "loc_baroAccuracy": message.pressure_accuracy,
                "loc_speedAccuracy": message.speed_accuracy,
                "loc_timeStamp": 0xFFFF if message.time_s is None else round(message.time_s * 10.0),
                "loc_tsAccuracy": message.time_accuracy,
            }
        case System():
            return {
                "system_flag_class": message.classification & 3,
                "system_flag_locType": message.location_type,
                "system_lat": degrees(message.lat_deg),
                "system_lon": degrees(message.lon_deg),
                "system_areaCount": message.area_count,
                "system_areaRadius": message.area_radius_m // 10,
                "system_areaCeiling": metres(message.ceiling_m),
                "system_areaFloor": metres(message.floor_m),
                "system_opGeoAlt": metres(message.operator_alt_m),
            }
        case SelfId():
            return {"self_type": message.text_type, "text": message.text}
        case OperatorId():
            return {"operator_type": message.id_type, "operator": message.operator_id}
        case AuthPage():
            first = (
                {"auth_length": message.length, "auth_timeStamp": seconds(message.time_s)} if not message.page else {}
            )
            return {
                "auth_type": message.auth_type,
                "auth_pageNumber": message.page,
                "auth": message.data.hex(),
                **first,
            }


def read(fields: Fields, name: str) -> list[str]:
    value = fields.get(f"OpenDroneID.{name}", "")
    return value.split("|") if value else []


def said(fields: Fields, key: str) -> list[Any]:
    """Return what the dissector says of a key of `told`, one for each message that has it."""
    if key == "direction":
        west = read(fields, "loc_flag_ewDirectionSegment")
        whole = [int(d) + 180 * int(w) for d, w in zip(read(fields, "loc_direction"), west, strict=True)]
        return [361 if direction == 361 else direction % 360 for direction in whole]
    if key == "speed":
        fast = [int(value) for value in read(fields, "loc_flag_speedMultiplier")]
        raws = [int(value) for value in read(fields, "loc_speed")]
        return [
            (255.0 if raw == 255 else raw * 0.75 + 63.75) if times else raw * 0.25
            for raw, times in zip(raws, fast, strict=True)
        ]
    if key in ("text", "operator", "id"):
        names = {"text": ["self_desc"], "operator": ["operator_id"], "id": ["basicID_id_asc", "basicID_id_bin"]}
        return [value.strip(" ") for name in names[key] for value in read(fields, name)]
    if key == "auth":
        return [value.replace(":", "").replace(" ", "") for value in read(fields, "auth_data")]
    return [int(value) for value in read(fields, key)]


@pytest.mark.parametrize(("name", "least"), [("odid_wifi_bcn_sample.pcap", 21), ("odid_wifi_sample.pcap", 42)])
def test_every_field_is_what_the_dissector_says(
    shared_data: Callable[[str], Path], dissected: Callable[[Path], dict[str, Fields]], name: str, least: int
) -> None:
    path = shared_data("C-remoteid-pcap") / name
    frames = dissected(path)
    compared = 0
    for packet in pcap.read(path, ReadOptions(sensor="x")):
        if not isinstance(packet, Packet) or packet.id.removeprefix("x:") not in frames:
            continue
        fields = frames[packet.id.removeprefix("x:")]
        expected: dict[str, list[Any]] = {}
        for payload in wifi.payloads(packet.data):
            messages, damaged = decode_all(payload.data)
            assert damaged == 0
            for message in messages:
                for key, value in told(message).items():
                    expected.setdefault(key, []).append(value)
        for key, values in expected.items():
            assert said(fields, key) == pytest.approx(values) if key in ("speed",) else said(fields, key) == values, key
        compared += 1
    assert compared == len(frames) >= least
