"""JSON Lines: round trips, damage, and what must not be taken for it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry import events
from skysentry.errors import FormatError, InputError
from skysentry.events import (
    AnyEvent,
    Bearing,
    Block,
    Detection,
    Health,
    LinkKind,
    ObjectClass,
    Order,
    Packet,
    Scan,
    Truth,
)
from skysentry.formats import ReadOptions, jsonl

OPTIONS = ReadOptions()
LINE = b'{"type":"scan","sensor":"mic","time_ns":1700000000000000000}'

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
times = st.integers(0, 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
stamps = st.fixed_dictionaries({"id": names, "time_ns": times, "received_ns": times})
packets = st.builds(
    lambda stamp, sensor, link, data, rssi: Packet(sensor=sensor, link=link, data=data, rssi_dbm=rssi, **stamp),
    stamps,
    names,
    st.sampled_from(LinkKind),
    st.binary(max_size=60),
    st.none() | finite,
)
blocks = st.builds(
    lambda stamp, sensor, data: Block(
        sensor=sensor, rate_hz=8000.0, dtype="int16", shape=(len(data) // 2, 1), data=data, **stamp
    ),
    stamps,
    names,
    st.binary(max_size=60),
)
bearings = st.builds(Bearing, bearing_deg=st.floats(-360, 360), sigma_deg=st.floats(0.1, 90))
detections = st.builds(
    Detection,
    id=names,
    measurement=bearings,
    class_llr=st.lists(st.tuples(st.sampled_from(ObjectClass), finite), max_size=2).map(tuple),
)
scans = st.builds(
    lambda stamp, sensor, found: Scan(sensor=sensor, detections=found, **stamp),
    stamps,
    names,
    st.lists(detections, max_size=3).map(tuple),
)
truths = st.builds(
    lambda stamp, name, lat, lon, alt: Truth(
        object=name,
        lat_deg=lat,
        lon_deg=lon,
        alt_m=alt,
        velocity_mps=(1.0, 2.0, 3.0),
        object_class=ObjectClass.JET,
        **stamp,
    ),
    stamps,
    names,
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-1000, 100_000),
)
orders = st.builds(
    lambda stamp, by, text: Order(by=by, action=events.Action.RAISE, target="zone", text=text, **stamp),
    stamps,
    names,
    st.none() | names,
)
streams = st.lists(st.one_of(packets, blocks, scans, truths, orders), min_size=1, max_size=8)


def read(path: Path) -> list[AnyEvent]:
    return list(jsonl.read(path, OPTIONS))


def outcome(path: Path) -> list[AnyEvent] | FormatError:
    try:
        return read(path)
    except FormatError as error:
        return error


def saved(folder: Path, content: bytes, name: str = "events.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jsonl")


@given(stream=streams, name=st.sampled_from(["a.jsonl", "a.jsonl.gz"]))
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(folder: Path, stream: list[AnyEvent], name: str) -> None:
    path = folder / name
    assert jsonl.write(path, stream) == len(stream)
    assert read(path) == stream
    assert jsonl.matches(path.read_bytes()[:4096], name)
    first = path.read_bytes()
    jsonl.write(path, stream)
    assert path.read_bytes() == first


@given(content=st.binary(max_size=300), packed=st.booleans(), led=st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_events_or_a_format_error(folder: Path, content: bytes, packed: bool, led: bool) -> None:
    content = LINE + b"\n" + content if led else content
    content = gzip.compress(content) if packed else content
    jsonl.matches(content[:4096], "x")
    found = outcome(saved(folder, content, "any"))
    if isinstance(found, FormatError):
        assert not led
        assert found.hint
    else:
        assert found
        assert not led or isinstance(found[0], Scan)


@given(cut=st.integers(0, 400), flip=st.integers(0, 399), bit=st.integers(0, 7))
@settings(max_examples=120, deadline=None)
def test_a_damaged_gzip_stream_loses_only_what_is_behind(folder: Path, cut: int, flip: int, bit: int) -> None:
    whole = bytearray(gzip.compress(b"".join(LINE.replace(b"mic", b"mic%d" % i) + b"\n" for i in range(50))))
    whole[flip % len(whole)] ^= 1 << bit
    content = bytes(whole[: max(1, min(cut, len(whole)))])
    found = outcome(saved(folder, content, "damaged.gz"))
    if isinstance(found, FormatError):
        assert found.where is not None
    else:
        assert isinstance(found[0], Scan)


def test_a_cut_off_line_is_counted_and_nothing_else_is_lost(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf\r\n\n" + LINE + b"\r\n{rubbish}\n\n" + LINE.replace(b"mic", b"two") + b"\n" + LINE[:30]
    *scans, health = read(saved(tmp_path, content))
    assert [scan.sensor for scan in scans if isinstance(scan, Scan)] == ["mic", "two"]
    assert isinstance(health, Health)
    assert health.counts == (("bad_lines", 2), ("first_bad_line", 4))
    assert health.received_ns == scans[-1].received_ns
    assert events.decode(events.encode(health)) == health


def test_a_gzip_file_cut_short_gives_what_is_whole(tmp_path: Path) -> None:
    lines = b"".join(LINE.replace(b"mic", b"mic%d" % (i * i * 7919)) + b"\n" for i in range(3000))
    path = saved(tmp_path, gzip.compress(lines)[:-2000], "cut.jsonl.gz")
    *scans, health = read(path)
    assert 1000 < len(scans) < 3000
    assert isinstance(health, Health)
    assert "ends too soon" in health.reason or health.counts[0][1] == 2


def test_gzip_members_and_padding_are_read_on(tmp_path: Path) -> None:
    content = gzip.compress(LINE + b"\n") + gzip.compress(LINE + b"\n") + b"\0" * 700
    found = read(saved(tmp_path, content, "two.gz"))
    assert [type(event) for event in found] == [Scan, Scan]


def test_a_wrong_file_says_what_and_where(tmp_path: Path) -> None:
    path = saved(tmp_path, b"\n\nhello\n" + LINE)
    with pytest.raises(FormatError) as caught:
        read(path)
    assert caught.value.where == f"{path}:3"
    assert caught.value.exit_code == 2
    assert caught.value.hint
    with pytest.raises(FormatError, match="no event"):
        read(saved(tmp_path, b"\n \n"))
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "absent.jsonl")
    with pytest.raises(InputError):
        jsonl.write(tmp_path / "no" / "folder.jsonl", [])


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LINE_BYTES", 100_000)
    content = LINE + b"\n" + b"x" * 1_000_000 + b"\n" + LINE.replace(b"mic", b"two") + b"\n" + b"y" * 300_000
    first, second, health = read(saved(tmp_path, content))
    assert [event.sensor for event in (first, second) if isinstance(event, Scan)] == ["mic", "two"]
    assert isinstance(health, Health)
    assert health.counts == (("bad_lines", 2), ("first_bad_line", 2))
    assert "1000000 bytes" in health.reason


def test_it_reads_lazily(tmp_path: Path) -> None:
    stream = jsonl.read(saved(tmp_path, LINE + b"\n" + b"rubbish\n" * 10), OPTIONS)
    assert isinstance(next(stream), Scan)


@pytest.mark.parametrize(
    "head",
    [
        LINE,
        LINE + b"\n" + LINE,
        b"\n\n  " + LINE,
        b"\xef\xbb\xbf" + LINE,
        b'{"time_ns": 5, "detections": [], "type": "scan", "sensor": "x"}\n',
        b'{ "time_ns" : 5 , "sensor": "mic, 1", "type" : "block", "data": "' + b"A" * 5000,
        gzip.compress(LINE + b"\n"),
    ],
)
def test_an_event_in_the_first_line_is_this_format(head: bytes) -> None:
    assert jsonl.matches(head[:4096], "x")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"[]",
        b'"scan"',
        b'{"now": 1700000000.1, "messages": 5, "aircraft": [{"hex":"4ca123","type":"adsb_icao"}]}',
        b'{ "now" : 1700000000.1,\n  "messages" : 5,\n  "aircraft" : [\n {"type":"truth"}',
        b'{"now": 1.0, "aircraft": [{"type":"track","hex":"4ca123"},' + b" " * 5000,
        b'{"type":"FeatureCollection","features":[{"type":"Feature"}]}',
        b'{"type":"track_list"}',
        b'{"note":"\\"type\\":\\"scan\\""' + b" " * 5000,
        b"*8D4840D6202CC371C32CE0576098;\n",
        b"MSG,3,1,1,4CA123,1,2025/01/01,00:00:00.000,,,,,,,,,,,,,,0\n",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"\x1f\x8b\x08rubbish that is no gzip",
        gzip.compress(b'{"aircraft": []}'),
        bytes(range(256)) * 16,
    ],
)
def test_other_files_are_not(head: bytes) -> None:
    assert not jsonl.matches(head[:4096], "events.jsonl")
