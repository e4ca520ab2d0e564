"""Mode S and CPR against recorded frames with decoded fields, and laws."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.wire import cpr, mode_s

Shared = Callable[[str], Path]


@pytest.fixture(scope="module")
def tutorial(shared_data: Shared) -> list[dict[str, Any]]:
    path = shared_data("D-adsb-modes") / "traffic_tutorial_rawmsgs.jsonl.gz"
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def sealed(payload: bytes) -> bytes:
    """Return 11 bytes with the checksum that makes them a good frame, by long division, bit by bit."""
    bits = int.from_bytes(payload, "big") << 24
    for place in range(111, 23, -1):
        if bits >> place & 1:
            bits ^= 0x1FFF409 << (place - 24)
    return payload + bits.to_bytes(3, "big")


def test_recorded_squitters_agree_with_their_decoded_fields(tutorial: list[dict[str, Any]]) -> None:
    messages = mode_s.decode([bytes.fromhex(row["frame"]) for row in tutorial])
    kinds = {"callsign": 0, "altitude": 0, "groundspeed": 0, "track": 0, "vertical_rate": 0, "NACp": 0, "lat_cpr": 0}
    for row, message in zip(tutorial, messages, strict=True):
        assert (message is not None) == (row["df"] == "17")
        if message is None:
            continue
        assert message.address == row["icao24"]
        said = {
            "callsign": message.callsign,
            "altitude": message.altitude_ft,
            "groundspeed": message.groundspeed_kt,
            "track": message.track_deg,
            "vertical_rate": message.vertical_rate_fpm,
            "NACp": message.nac_p,
            "lat_cpr": message.cpr.lat if message.cpr else None,
        }
        for name, value in said.items():
            # The decoder that made the file had surface speeds wrong and knew no altitude of 0 ft or less, see below;
            # a "#" in its callsigns stands for a character that does not exist.
            wrong = (name == "groundspeed" and row["bds"] == "06") or (
                row.get(name, 0) is None and said["altitude"] <= 0
            )
            if name in row and not wrong and "#" not in str(row[name]):
                assert value == row[name], (name, row)
                kinds[name] += 1
    assert kinds["altitude"] > 11_000
    assert kinds["groundspeed"] > 11_000
    assert kinds["callsign"] > 1_300
    assert kinds["NACp"] == 4_604
    assert kinds["lat_cpr"] == 13_469


def test_recorded_csv_agrees_in_address_and_type_code(shared_data: Shared) -> None:
    with (shared_data("D-adsb-modes") / "sample_data_adsb.csv").open() as file:
        rows = list(csv.reader(file))
    messages = mode_s.decode([bytes.fromhex(row[1]) for row in rows])
    found = [(message.address.upper(), message.typecode) for message in messages if message is not None]
    assert found == [(row[2], int(row[3])) for row in rows]
    assert len(found) == 2_000


def surface_speed_kt(movement: int) -> float | None:
    """Return the lower bound of a movement code's band, DO-260B table 2-18, written as steps from each band's start."""
    if not 1 <= movement <= 124:
        return None
    bands = [(1, 0.0, 0.0), (2, 0.125, 0.125), (9, 1.0, 0.25), (13, 2.0, 0.5), (39, 15.0, 1.0), (94, 70.0, 2.0)]
    bands += [(109, 100.0, 5.0), (124, 175.0, 0.0)]
    first, speed, step = max(band for band in bands if band[0] <= movement)
    return speed + (movement - first) * step


def test_recorded_surface_speeds_follow_the_table(tutorial: list[dict[str, Any]]) -> None:
    frames = [bytes.fromhex(row["frame"]) for row in tutorial if row.get("bds") == "06"]
    checked = 0
    for frame, message in zip(frames, mode_s.decode(frames), strict=True):
        movement = (frame[4] & 7) << 4 | frame[5] >> 4
        expected = surface_speed_kt(movement)
        assert message is not None
        if expected is not None and message.groundspeed_kt is not None:
            # Within a step: some decoders give the lower bound of a band, some its middle.
            assert message.groundspeed_kt == pytest.approx(expected, abs=0.13 if movement < 9 else 0.5)
            checked += 1
    assert checked > 1_500


def test_altitude_of_zero_feet_is_known() -> None:
    # Code 0x058: the Q bit set, N = 40, so 25 × 40 − 1000 = 0 ft.
    (message,) = mode_s.decode([sealed(bytes.fromhex("8d400f99580585bf19e9c8"))])
    assert message is not None
    assert message.altitude_ft == 0


def test_checksum_is_zero_for_recorded_frames_and_finds_every_single_bit_error() -> None:
    frame = bytes.fromhex("8D406B902015A678D4D220AA4BDA")
    assert mode_s.checksum(frame) == 0
    for bit in range(112):
        damaged = (int.from_bytes(frame, "big") ^ 1 << bit).to_bytes(14, "big")
        assert mode_s.checksum(damaged) != 0


def test_a_damaged_frame_costs_only_itself() -> None:
    good = bytes.fromhex("8D406B902015A678D4D220AA4BDA")
    damaged = good[:-1] + b"\x00"
    messages = mode_s.decode([damaged, good, b"", good[:7], good])
    assert [message is not None for message in messages] == [False, True, False, False, True]


def test_addresses_that_are_not_of_icao_are_marked() -> None:
    payload = bytes.fromhex("8D406B902015A678D4D220")[:11]
    for control, marked, tisb in ((0, False, False), (1, True, False), (2, False, True), (5, True, True)):
        (message,) = mode_s.decode([sealed(bytes((18 << 3 | control,)) + payload[1:])])
        assert message is not None
        assert message.address == ("~406b90" if marked else "406b90")
        assert message.tisb == tisb


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=8), st.lists(st.binary(min_size=10, max_size=10), max_size=8))
def test_no_bytes_raise(rubbish: list[bytes], contents: list[bytes]) -> None:
    frames = rubbish + [sealed(bytes((17 << 3,)) + content) for content in contents]
    frames += [sealed(bytes((18 << 3 | content[0] & 7,)) + content) for content in contents]
    one_by_one = [mode_s.decode([frame])[0] for frame in frames]
    assert mode_s.decode(frames) == one_by_one


LATITUDES = st.floats(-86.5, 86.5)
LONGITUDES = st.floats(-180.0, 180.0, exclude_max=True)


def off_m(found: tuple[float, float], lat: float, lon: float) -> float:
    east = (found[1] - lon + 180.0) % 360.0 - 180.0
    return math.hypot(found[0] - lat, east * math.cos(math.radians(lat))) * 111_320.0


@settings(max_examples=300, deadline=None)
@given(LATITUDES, LONGITUDES, st.booleans(), st.booleans())
def test_a_pair_gives_back_the_place(lat: float, lon: float, surface: bool, newest_odd: bool) -> None:
    even, odd = (cpr.encode_position(lat, lon, parity, surface) for parity in (False, True))
    found = cpr.global_position(even, odd, newest_odd, (lat + 0.3, lon - 0.3))
    # At the border of two zones rounding may put the two messages into different ones.
    if found is not None:
        assert off_m(found, lat, lon) < (2.0 if surface else 8.0)
    else:
        assert any(abs(abs(lat) - edge) < 1e-3 for edge in cpr._TRANSITIONS_DEG)


@settings(max_examples=300, deadline=None)
@given(LATITUDES, LONGITUDES, st.booleans(), st.booleans(), st.floats(-0.4, 0.4))
def test_one_message_and_a_near_place_give_back_the_place(
    lat: float, lon: float, surface: bool, odd: bool, away_deg: float
) -> None:
    message = cpr.encode_position(lat, lon, odd, surface)
    near = (lat + away_deg, lon + away_deg / math.cos(math.radians(lat)))
    found = cpr.local_position(message, near)
    assert found is not None
    if not any(abs(abs(lat) - edge) < 1e-3 for edge in cpr._TRANSITIONS_DEG):
        assert off_m(found, lat, lon) < (2.0 if surface else 8.0)


def test_zones_at_published_latitudes() -> None:
    # DO-260B table A-21: NL is 59 up to 10.47047130 degrees, 36 from 53.1… , 2 up to 87, then 1.
    assert cpr.longitude_zones(10.4704) == 59
    assert cpr.longitude_zones(10.4705) == 58
    assert cpr.longitude_zones(-86.9) == 2
    assert cpr.longitude_zones(87.1) == 1
