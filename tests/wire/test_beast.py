"""Beast framing, AVR text, BaseStation lines, aircraft.json objects."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire import aircraft_json, avr, beast, sbs
from skysentry.wire.beast import BeastDecoder, BeastFrame

FRAMES = st.builds(
    BeastFrame,
    st.one_of(st.binary(min_size=7, max_size=7), st.binary(min_size=14, max_size=14)),
    st.integers(0, (1 << 48) - 1),
    st.integers(0, 255),
)
# Many escapes, so that doubling and cuts are met often.
ESCAPED = st.lists(st.sampled_from([0x1A, 0x31, 0x32, 0x33, 0x34, 0xE3, 0x00, 0xFF]), max_size=200).map(bytes)


def fed(chunks: list[bytes]) -> tuple[list[BeastFrame], tuple[int, int, int]]:
    decoder = BeastDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames, (decoder.skipped_bytes, decoder.cut_messages, decoder.other_messages)


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    return [*chunks, stream[at:]]


def test_a_message_written_by_hand() -> None:
    stream = bytes.fromhex("1a32 0000 0000 0001 80 5d406b9012 3456".replace(" ", ""))
    assert fed([stream])[0] == [BeastFrame(bytes.fromhex("5d406b90123456"), 1, 0x80)]


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAMES, max_size=10), st.lists(st.integers(0, 30), max_size=30))
def test_frames_survive_any_cutting(frames: list[BeastFrame], sizes: list[int]) -> None:
    stream = b"".join(map(beast.encode, frames))
    assert fed(cut(stream, sizes)) == (frames, (0, 0, 0))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), ESCAPED), st.lists(st.integers(0, 9), max_size=60))
def test_any_bytes_give_the_same_however_cut(stream: bytes, sizes: list[int]) -> None:
    assert fed(cut(stream, sizes)) == fed([stream])


@settings(max_examples=100, deadline=None)
@given(FRAMES, FRAMES, st.integers(2, 14))
def test_a_message_cut_short_costs_only_itself(first: BeastFrame, second: BeastFrame, length: int) -> None:
    short = beast.encode(first)[:length]
    # Cut inside a doubled escape, the next message's own escape would complete it.
    if (len(short) - len(short.rstrip(b"\x1a"))) % 2 == 0:
        frames, (_, cut_messages, _) = fed([short + beast.encode(second)])
        assert frames[-1:] == [second]
        assert cut_messages == 1


def test_mode_ac_and_status_messages_are_counted() -> None:
    stream = b"\x1a\x31" + bytes(9) + b"\x1a\x34" + bytes(21) + b"\x1a\xe3" + bytes(8)
    assert fed([stream]) == ([], (0, 0, 3))


def test_the_unfinished_message_is_bounded() -> None:
    decoder = BeastDecoder()
    for _ in range(1_000):
        decoder.feed(b"\x1a\x33" + b"\x1a\x1a" * 20)
        decoder.feed(bytes(1_000))
    assert len(decoder._tail) < 50


def test_stamps_wrap_and_go_back() -> None:
    assert beast.elapsed_ns((1 << 48) - 6_000_000, 6_000_000) == 1_000_000_000
    assert beast.elapsed_ns(12_000_000, 0) == -1_000_000_000
    assert beast.elapsed_ns(beast.MLAT_STAMP, 12) == 0
    end_of_day, start_of_day = 86_399 << 30 | 750_000_000, 250_000_000
    assert beast.elapsed_ns(end_of_day, start_of_day, gps=True) == 500_000_000


@pytest.mark.parametrize(
    ("line", "stamp"),
    [
        (b"*8D4840D6202CC371C32CE0576098;", None),
        (b"@016CE3671C748D4840D6202CC371C32CE0576098;\r\n", 0x016CE3671C74),
        (b"<016CE3671C74A08d4840d6202cc371c32ce0576098;", 0x016CE3671C74),
        (b"8d4840D6202CC371C32CE0576098", None),
    ],
)
def test_avr_forms(line: bytes, stamp: int | None) -> None:
    assert avr.decode(line) == avr.AvrFrame(bytes.fromhex("8D4840D6202CC371C32CE0576098"), stamp)


@pytest.mark.parametrize(
    "line", [b"", b"*", b"*8D4;", b"*8D4840D6202CC371C32CE057609;", b"*8D 840D6202CC3;", b"*" * 99]
)
def test_avr_refuses(line: bytes) -> None:
    with pytest.raises(DecodeError):
        avr.decode(line)


SBS_LINE = "MSG,3,1,1,4CA216,1,2026/11/23,10:00:00.250,2026/11/23,10:00:00.300,EIN5GV ,12000,,,51.5,-1.25,,,0,0,0,0"


def test_sbs_line() -> None:
    line = sbs.decode(SBS_LINE.encode())
    moment = datetime.datetime(2026, 11, 23, 10, 0, 0, 250_000, tzinfo=datetime.UTC)
    assert line is not None
    assert line.time_ns == round(moment.timestamp() * 1000) * 1_000_000
    assert (line.address, line.callsign, line.altitude_ft) == ("4ca216", "EIN5GV", 12_000.0)
    assert (line.lat_deg, line.lon_deg, line.on_ground) == (51.5, -1.25, False)
    assert sbs.decode(b"STA,,5,179,400AE7,10103,2008/11/28,14:58:51.153,2008/11/28,14:58:51.153,RM") is None


@pytest.mark.parametrize(
    ("old", "new"), [("51.5", "91"), ("51.5", "nan"), ("12000", "x"), ("4CA216", "4CA21"), ("MSG", "X")]
)
def test_sbs_refuses(old: str, new: str) -> None:
    with pytest.raises(DecodeError):
        sbs.decode(SBS_LINE.replace(old, new).encode())


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2261, 12, 31)))
def test_days_since_1970(day: datetime.date) -> None:
    assert sbs.days_since_1970(day.year, day.month, day.day) == (day - datetime.date(1970, 1, 1)).days


def test_aircraft_object() -> None:
    seen = aircraft_json.decode(b'{"hex":"~4ca216","alt_baro":"ground","lat":1,"lon":2.5,"type":"tisb_other","x":[{}]}')
    assert (seen.address, seen.alt_baro, seen.lat, seen.source) == ("~4ca216", "ground", 1.0, "tisb_other")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"hex":"4ca21"}',
        b'{"hex":"4ca216","lat":90.5}',
        b'{"hex":"4ca216","alt_baro":1e999}',
        b'{"hex":"4ca216","alt_baro":"air"}',
        b"[" * 10_000,
        b'{"hex":"4ca216","x":"' + b"x" * 20_000 + b'"}',
    ],
)
def test_aircraft_refuses(data: bytes) -> None:
    with pytest.raises(DecodeError):
        aircraft_json.decode(data)


def test_document_keeps_its_objects_as_they_are() -> None:
    time_ns, objects = aircraft_json.decode_document(b'{"now":1700000000.125,"aircraft":[{"hex":"4ca216"}, {}]}')
    assert time_ns == 1_700_000_000_125_000_000
    assert objects == [b'{"hex":"4ca216"}', b"{}"]


JSONISH = st.text(alphabet='{}[]":,0123456789.eE-+hexlatonrue ', max_size=80).map(str.encode)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=100), JSONISH))
def test_any_bytes_decode_or_are_refused(sound: Callable[[Any], bool], data: bytes) -> None:
    for parser in (avr.decode, sbs.decode, aircraft_json.decode, aircraft_json.decode_document):
        try:
            said = parser(data)
        except DecodeError:
            continue
        assert sound(said)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=20, max_size=21))
def test_any_sbs_fields_decode_or_are_refused(sound: Callable[[Any], bool], fields: list[str]) -> None:
    fields[3] = "4CA216"
    try:
        said = sbs.decode(",".join(["MSG", "3", *fields[1:]]).encode())
    except DecodeError:
        return
    assert sound(said)
