"""The four ADS-B containers: what they give, what they are taken for, and that damage is counted, not fatal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent, Health, LinkKind, Packet
from skysentry.formats import ReadOptions, aircraft_json, avr, beast, sbs
from skysentry.wire.beast import BeastFrame, encode

FORMATS: list[ModuleType] = [avr, beast, sbs, aircraft_json]
FRAME = bytes.fromhex("8D4840D6202CC371C32CE0576098")
SHORT = bytes.fromhex("5D4840D6000000")
AVR_TEXT = b"*8D4840D6202CC371C32CE0576098;\n*5D4840D6000000;\n*7777;\n"
SBS_TEXT = b"MSG,3,1,1,4CA216,1,2026/11/23,10:00:00.250,,,,12000,,,51.5,-1.25,,,0,0,0,0\r\nSTA,,5,179,400AE7,1\r\n"
DOCUMENT = (
    b'{ "now" : 1700000000.5,\n  "messages" : 7,\n  "aircraft" : [\n{"hex":"4ca216","lat":1.5},\n{"hex":"4ca217"}\n]}\n'
)
BEAST_BYTES = b"".join(
    encode(BeastFrame(payload, stamp, 90)) for payload, stamp in ((FRAME, (1 << 48) - 12_000_000), (SHORT, 12_000_000))
)
SAMPLES = {avr: AVR_TEXT, sbs: SBS_TEXT, aircraft_json: DOCUMENT, beast: BEAST_BYTES}
SCAN_LINE = b'{"type":"scan","id":"m@1","time_ns":1,"received_ns":1,"sensor":"m"}\n'


def events(module: ModuleType, path: Path, options: ReadOptions | None = None) -> list[AnyEvent]:
    return list(module.read(path, options or ReadOptions(sensor="r")))


def written(tmp_path: Path, data: bytes, name: str = "capture.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.NAME)
def test_each_knows_its_own_and_no_other(module: ModuleType) -> None:
    for owner, sample in SAMPLES.items():
        assert module.matches(sample, "x") == (module is owner)
    for other in (SCAN_LINE, b"", b"RIFF....WAVE", bytes(100), b"0123\n4567\n", b"\x1a" * 64, b'{"aircraft":[]}'):
        assert not module.matches(other, "x.avr")


@pytest.mark.parametrize("name", ["sample_data_adsb.csv", "sample_data_commb_df20.csv", "sample_data_commb_df21.csv"])
def test_recorded_csv_in_either_column_order(shared_data: Callable[[str], Path], name: str) -> None:
    path = shared_data("D-adsb-modes") / name
    assert avr.matches(path.read_bytes()[:4096], "x")
    found = events(avr, path)
    lines = path.read_text(encoding="utf-8-sig").split()
    assert len(found) == len(lines)
    for event, line in zip(found, lines, strict=True):
        assert isinstance(event, Packet)
        assert event.data.hex().upper() in line
        assert event.time_ns == int(line.split(",")[0]) * 1_000_000_000


def test_recorded_gzip_json_lines(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("D-adsb-modes") / "traffic_tutorial_rawmsgs.jsonl.gz"
    assert avr.matches(path.read_bytes()[:4096], "x")
    found = events(avr, path)
    with gzip.open(path) as file:
        rows = [json.loads(line) for line in file]
    assert len(found) == len(rows) == 71_939
    assert [event.data.hex() for event in found if isinstance(event, Packet)] == [row["frame"] for row in rows]
    assert all(abs(event.time_ns / 1e9 - row["timestamp"]) < 2e-6 for event, row in zip(found, rows, strict=True))


def test_avr_lines(tmp_path: Path) -> None:
    text = (
        b"@000000000000" + FRAME.hex().encode() + b";\n@000000B71B00" + SHORT.hex().encode() + b";\n*7777;\nrubbish\n"
    )
    *packets, health = events(avr, written(tmp_path, text), ReadOptions(sensor="r", start_ns=5))
    assert [(p.id, p.time_ns, p.link) for p in packets if isinstance(p, Packet)] == [
        ("r:0", 5, LinkKind.MODE_S),
        ("r:1", 1_000_000_005, LinkKind.MODE_S),
    ]
    assert isinstance(health, Health)
    assert dict(health.counts) == {"lines_good": 2, "lines_bad": 1, "lines_ignored": 1}
    assert "line 4" in health.reason


def test_beast_time_runs_over_the_wrap(tmp_path: Path) -> None:
    first, second = events(beast, written(tmp_path, BEAST_BYTES), ReadOptions(start_ns=1_000))
    assert isinstance(first, Packet)
    assert isinstance(second, Packet)
    assert (first.data, second.data) == (FRAME, SHORT)
    assert (first.time_ns, second.time_ns) == (1_000, 2_000_001_000)
    assert first.id == "capture:0"


def test_beast_stamps_of_gps(tmp_path: Path) -> None:
    stamps = (86_399 << 30 | 500_000_000, 1 << 30 | 250_000_000)
    data = b"".join(encode(BeastFrame(FRAME, stamp, 1)) for stamp in stamps)
    found = events(beast, written(tmp_path, data), ReadOptions(rate_hz=1e9))
    assert [event.time_ns for event in found] == [0, 1_750_000_000]


def test_damaged_beast_gives_its_good_frames_and_a_count(tmp_path: Path) -> None:
    *packets, health = events(beast, written(tmp_path, BEAST_BYTES + b"junk" + BEAST_BYTES + BEAST_BYTES[:5]))
    assert len(packets) == 4
    assert isinstance(health, Health)
    assert ("bytes_skipped", 4) in health.counts


def test_sbs_lines(tmp_path: Path) -> None:
    (packet,) = events(sbs, written(tmp_path, SBS_TEXT))
    assert isinstance(packet, Packet)
    assert packet.link is LinkKind.SBS
    assert packet.time_ns == 1_795_428_000_250_000_000


@pytest.mark.parametrize("text", [DOCUMENT, DOCUMENT.replace(b"\n", b" "), b"\xef\xbb\xbf" + DOCUMENT])
def test_aircraft_json_document(tmp_path: Path, text: bytes) -> None:
    first, second = events(aircraft_json, written(tmp_path, text))
    assert isinstance(first, Packet)
    assert isinstance(second, Packet)
    assert first.data == b'{"hex":"4ca216","lat":1.5}'
    assert (second.id, second.time_ns) == ("r:1", 1_700_000_000_500_000_000)


def test_aircraft_json_one_document_a_line(tmp_path: Path) -> None:
    line = DOCUMENT.replace(b"\n", b" ") + b"\n"
    *packets, health = events(aircraft_json, written(tmp_path, line + b'{"now": 1}\n' + line))
    assert len(packets) == 4
    assert isinstance(health, Health)
    assert dict(health.counts) == {"documents_good": 2, "documents_bad": 1}


def test_truncated_gzip_gives_what_is_there(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(f"{i},{FRAME.hex()}\n".encode() for i in range(2_000)))
    *packets, health = events(avr, written(tmp_path, whole[: len(whole) // 2]))
    assert len(packets) > 100
    assert isinstance(health, Health)


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.NAME)
@pytest.mark.parametrize("data", [b"", b"\x00" * 5_000, b"{}", b"x" * 200_000, b"\x1f\x8b\x08"])
def test_what_is_something_else_is_a_clear_error(tmp_path: Path, module: ModuleType, data: bytes) -> None:
    with pytest.raises(FormatError, match=r"capture\.bin") as caught:
        events(module, written(tmp_path, data))
    assert caught.value.hint


@pytest.mark.parametrize("module", FORMATS, ids=lambda module: module.NAME)
def test_an_absent_file_is_a_clear_error(tmp_path: Path, module: ModuleType) -> None:
    with pytest.raises(InputError):
        events(module, tmp_path / "absent")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300), st.lists(st.sampled_from([*SAMPLES.values(), b"\x1a", b"\n", b"{"])).map(b"".join)
    )
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    for module in FORMATS:
        module.matches(data, "x")
        try:
            for event in module.read(path, ReadOptions()):
                assert event.time_ns >= 0
        except FormatError:
            continue
