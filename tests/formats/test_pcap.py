"""Captures: real ones against their summary and tshark, hand-made containers, damage."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skysentry.errors import FormatError, InputError
from skysentry.events import Health, HealthState, LinkKind, Packet
from skysentry.formats import ReadOptions, pcap
from skysentry.wire import ble, dji_wifi, wifi
from skysentry.wire.remote_id import BasicId, Location, SelfId, decode_all, encode, encode_pack

CAPTURES = (
    "mavic_alessa_spoofed.pcapng",
    "mavic_multiple_spoofed.pcapng",
    "odid_bt5_lr_sample.pcapng",
    "odid_wifi_bcn_sample.pcap",
    "odid_wifi_sample.pcap",
    "parrot_anafi4_real.pcapng",
)
MESSAGE_TYPES = ("BasicId", "Location", "AuthPage", "SelfId", "System", "OperatorId")
MAC = bytes.fromhex("0a1b2c3d4e5f")
T0_NS = 1_700_000_000_123_456_789


def load(path: Path, **options: Any) -> tuple[list[Packet], dict[str, int], Health]:
    *packets, health = pcap.read(path, ReadOptions(**options))
    assert isinstance(health, Health)
    assert all(isinstance(packet, Packet) for packet in packets)
    return [packet for packet in packets if isinstance(packet, Packet)], dict(health.counts), health


@pytest.fixture(scope="module")
def captures(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("C-remoteid-pcap")


@pytest.fixture(scope="module")
def tshark(need_program: Callable[[str], Path]) -> Callable[..., list[list[str]]]:
    program = need_program("tshark")

    def fields(path: Path, *names: str, only: str = "") -> list[list[str]]:
        """Return one list of field texts for each frame that passes the display filter."""
        command = [
            str(program),
            "-n",
            "-r",
            str(path),
            "-o",
            "wlan.check_checksum:TRUE",
            "-T",
            "fields",
            *(f"-e{name}" for name in names),
        ]
        command += ["-Y", only] if only else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    return fields


# --- real captures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAPTURES)
def test_counts_of_real_captures(captures: Path, name: str) -> None:
    summary = json.loads((captures / "summary.json").read_text())[name]
    packets, counts, health = load(captures / name)
    assert counts["frames"] == summary["packets"]
    assert counts["kept"] + counts["dropped"] == counts["frames"]
    assert (counts["damaged"], health.state) == (0, HealthState.OK)
    found: Counter[str] = Counter()
    damaged = 0
    ids, serials = set(), set()
    for packet in packets:
        if packet.crc_ok is False:
            continue
        read = wifi.payloads if packet.link is LinkKind.WIFI else ble.payloads
        for payload in read(packet.data):
            if payload.carrier is wifi.Carrier.DJI:
                record = dji_wifi.decode(payload.data)
                found["dji"] += 1
                serials.add(record.serial)
                continue
            messages, bad = decode_all(payload.data)
            damaged += bad
            found.update(type(message).__name__ for message in messages)
            ids |= {message.uas_id for message in messages if isinstance(message, BasicId)}
    assert damaged == 0
    # The summary counts each DJI element twice (a marker of two bytes and one of eight), and damaged messages too.
    assert found["dji"] * 2 == summary.get("dji_ie", 0)
    for number, kind in enumerate(MESSAGE_TYPES):
        told = summary["msg_types"].get(str(number), 0)
        if counts["bad_checksum"]:
            assert told - 2 * counts["bad_checksum"] <= found[kind] < told or (found[kind], told) == (0, 0)
        else:
            assert found[kind] == told
    assert ids <= set(summary["ids"])
    # Its serials are what it saw of them: they may run on into the next field or start late.
    assert all(any(seen[:9] in serial for serial in serials) for seen in summary.get("dji_serials", []))


@pytest.mark.parametrize("name", ["odid_wifi_bcn_sample.pcap", "odid_wifi_sample.pcap", "parrot_anafi4_real.pcapng"])
def test_ranges_of_real_captures(captures: Path, name: str) -> None:
    summary = json.loads((captures / "summary.json").read_text())[name]
    places = [
        message
        for packet in load(captures / name)[0]
        for payload in wifi.payloads(packet.data)
        for message in decode_all(payload.data)[0]
        if isinstance(message, Location)
    ]
    for key, field in (("lat", "lat_deg"), ("lon", "lon_deg"), ("geoalt", "geodetic_alt_m"), ("height", "height_m")):
        values = [-1000.0 if value is None else value for value in (getattr(place, field) for place in places)]
        assert [min(values), max(values)] == pytest.approx(summary[key], abs=1e-9)
    assert max(place.speed_mps or 0.0 for place in places) == summary["spd_max"]


@pytest.mark.parametrize("name", [name for name in CAPTURES if "bt5" not in name])
def test_wifi_captures_as_tshark_sees_them(captures: Path, name: str, tshark: Callable[..., list[list[str]]]) -> None:
    rows = tshark(
        captures / name,
        "frame.number",
        "frame.time_epoch",
        "wlan.ta",
        "radiotap.dbm_antsignal",
        "radiotap.channel.freq",
        "wlan.fcs.status",
        # 13 is an action frame; the only ones in these captures are NAN.
        only="wlan.tag.oui == 0xfa0bbc || wlan.tag.oui == 0x263712 || wlan.fc.type_subtype == 13",
    )
    packets, _, _ = load(captures / name, sensor="x")
    assert [packet.id for packet in packets] == [f"x:{row[0]}" for row in rows]
    for packet, (_, epoch, address, signal, mhz, fcs) in zip(packets, rows, strict=True):
        seconds, fraction = epoch.split(".")
        assert packet.time_ns == int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
        assert wifi.transmitter(packet.data).hex(":") == address
        assert packet.rssi_dbm == (float(signal.split(",")[0]) if signal else None)
        assert packet.channel == ((int(mhz) - 2407) // 5 if mhz and int(mhz) else None)
        assert packet.crc_ok == {"1": True, "0": False}.get(fcs)


def test_bluetooth_capture_as_tshark_sees_it(captures: Path, tshark: Callable[..., list[list[str]]]) -> None:
    path = captures / "odid_bt5_lr_sample.pcapng"
    names = ("frame.number", "nordic_ble.crcok", "nordic_ble.channel", "nordic_ble.rssi", "btle.advertising_address")
    rows = {row[0]: row[1:] for row in tshark(path, *names)}
    packets, counts, _ = load(path, sensor="x")
    bad = [number for number, row in rows.items() if row[0] == "0"]
    assert 0 < counts["bad_checksum"] <= len(bad)
    for packet in packets:
        crc_ok, channel, signal, address = rows[packet.id.removeprefix("x:")]
        assert packet.crc_ok == (crc_ok == "1")
        assert (packet.channel, packet.rssi_dbm) == (int(channel), float(signal))
        if packet.crc_ok:
            told = ble.transmitter(packet.data)
            assert told is not None
            assert told.hex(":") == address
    # Every sound frame was kept: only damage can hide the mark.
    kept = {packet.id.removeprefix("x:") for packet in packets}
    assert set(rows) - kept <= set(bad)


def test_our_bluetooth_crc_agrees_with_the_sniffer_radio(captures: Path) -> None:
    agreed = Counter()
    with (captures / "odid_bt5_lr_sample.pcapng").open("rb") as file:
        for raw in pcap._frames(file, ""):
            # Nordic's header has 17 bytes, then access address, coding indicator, PDU, CRC.
            air = raw.data[17:]
            pdu = air[5 : 7 + air[6]]
            agreed[bool(raw.data[8] & 1), ble.crc(pdu) == air[7 + air[6] :]] += 1
    assert agreed[True, True] > 200
    assert agreed[False, False] > 20
    assert agreed.keys() == {(True, True), (False, False)}


# --- containers by hand -------------------------------------------------------------------------------------

BEACON = wifi.encode_beacon(MAC, encode_pack([SelfId(text_type=0, text="hi")]), 1)
PLAIN = wifi.encode_beacon(MAC, b"", 0)
ADVERT = ble.encode_legacy(MAC, encode(SelfId(text_type=0, text="hi")), 1)
AIR = ble.ADVERTISING_ACCESS + ADVERT + ble.crc(ADVERT)
MAGIC_US, MAGIC_NS = 0xA1B2C3D4, 0xA1B23C4D


def classic(order: str, magic: int, link: int, *frames: bytes) -> bytes:
    fraction = 123_456 if magic == MAGIC_US else 123_456_789
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(
        struct.pack(order + "IIII", 1_700_000_000, fraction, len(frame), len(frame)) + frame for frame in frames
    )


def block(order: str, kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def interface(order: str, link: int, options: bytes = b"") -> bytes:
    return block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def enhanced(order: str, index: int, ticks: int, frame: bytes) -> bytes:
    head = struct.pack(order + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, head + frame + bytes(-len(frame) % 4))


def saved(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "node7.pcap"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [MAGIC_US, MAGIC_NS])
def test_classic_pcap_of_both_orders_and_units(tmp_path: Path, order: str, magic: int) -> None:
    path = saved(tmp_path, classic(order, magic, 105, PLAIN, BEACON, PLAIN))
    assert pcap.matches(path.read_bytes()[:4096], "x")
    (packet,), counts, health = load(path)
    assert (packet.id, packet.sensor, packet.data) == ("node7:2", "node7", BEACON)
    assert packet.time_ns == packet.received_ns == T0_NS - (0 if magic == MAGIC_NS else 789)
    assert counts == {"frames": 3, "kept": 1, "dropped": 2, "damaged": 0, "bad_checksum": 0}
    assert (health.source, health.time_ns) == ("node7", packet.time_ns)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_both_orders_with_options_sections_and_simple_packets(tmp_path: Path, order: str) -> None:
    option = struct.Struct(order + "HH")
    # 2^-10 s per tick, and an offset of 1,000 s.
    binary = (
        option.pack(9, 1) + b"\x8a\0\0\0" + option.pack(14, 8) + struct.pack(order + "q", 1_000) + option.pack(0, 0)
    )
    nanos = option.pack(9, 1) + b"\x09\0\0\0"
    data = section(order) + interface(order, 105, nanos) + interface(order, 251, binary) + interface(order, 1)
    data += enhanced(order, 0, T0_NS, BEACON) + enhanced(order, 1, 2048, AIR) + enhanced(order, 2, 5, b"\0" * 60)
    simple = block(order, 3, struct.pack(order + "I", len(BEACON)) + BEACON + bytes(-len(BEACON) % 4))
    data += block(order, 5, b"\0" * 12) + simple
    data += section("<") + interface("<", 105) + enhanced("<", 0, 1_700_000_000_000_000, BEACON)
    packets, counts, _ = load(saved(tmp_path, data))
    assert [packet.time_ns for packet in packets] == [T0_NS, 1_002_000_000_000, 5_000, 1_700_000_000 * 10**9]
    assert [packet.link for packet in packets] == [LinkKind.WIFI, LinkKind.BLE, LinkKind.WIFI, LinkKind.WIFI]
    assert (counts["frames"], counts["kept"], counts["damaged"]) == (5, 4, 0)


def radiotap(flags: int, frame: bytes) -> bytes:
    # TSFT, flags, rate, channel 2437 MHz, signal -50 dBm, and a second present word.
    fields = struct.pack("<QBBHHb", 1, flags, 2, 2437, 0, -50)
    return struct.pack("<BBHII", 0, 0, 12 + 4 + len(fields), 0x8000002F, 0) + bytes(4) + fields + frame


def test_radiotap_signal_channel_and_check_sum(tmp_path: Path) -> None:
    fcs = zlib.crc32(BEACON).to_bytes(4, "little")
    frames = (
        radiotap(0x10, BEACON + fcs),
        radiotap(0x10, BEACON + b"\0\0\0\0"),
        radiotap(0x40, BEACON),
        radiotap(0x00, BEACON),
    )
    packets, counts, _ = load(saved(tmp_path, classic("<", MAGIC_NS, 127, *frames)))
    assert [packet.crc_ok for packet in packets] == [True, False, False, None]
    assert {(packet.data, packet.rssi_dbm, packet.channel) for packet in packets} == {(BEACON, -50.0, 6)}
    assert counts["bad_checksum"] == 2


def test_other_headers_before_the_frame(tmp_path: Path) -> None:
    ppi = struct.pack("<BBHI", 0, 0, 8, 105) + BEACON
    (packet,), _, _ = load(saved(tmp_path, classic("<", MAGIC_NS, 192, ppi)))
    assert packet.data == BEACON
    # RF channel 12 is advertising channel 38; CRC checked (0x400) and found right (0x800) or wrong.
    good, bad = (struct.pack("<BbbBIH", 12, -61, 0, 0, 0, flags) + AIR for flags in (0x0C02, 0x0402))
    packets, _, _ = load(saved(tmp_path, classic("<", MAGIC_NS, 256, good, bad)))
    assert [(packet.data, packet.channel, packet.rssi_dbm, packet.crc_ok) for packet in packets] == [
        (ADVERT, 38, -61.0, True),
        (ADVERT, 38, -61.0, False),
    ]
    packets, _, _ = load(saved(tmp_path, classic("<", MAGIC_NS, 251, AIR, AIR[:-1] + b"\xff", AIR[:-3])))
    assert [packet.crc_ok for packet in packets] == [True, False, None]
    first = bytes((1, 6, 10 + len(AIR), 1, 0, 0, 6, 10, 1, 37, 70)) + bytes(6) + AIR
    (packet,), _, _ = load(saved(tmp_path, classic("<", MAGIC_NS, 272, first)))
    assert (packet.data, packet.channel, packet.rssi_dbm, packet.crc_ok) == (ADVERT, 37, -70.0, True)


def test_a_cut_tail_is_counted_and_what_came_before_is_kept(tmp_path: Path) -> None:
    whole = classic("<", MAGIC_NS, 105, BEACON, BEACON)
    for end in (len(whole) - 1, len(whole) - len(BEACON), len(whole) - len(BEACON) - 3):
        packets, counts, health = load(saved(tmp_path, whole[:end]))
        assert (len(packets), counts["damaged"], health.state) == (1, 1, HealthState.DEGRADED)


def test_lengths_that_cannot_be_end_the_reading(tmp_path: Path) -> None:
    huge = struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 0xFFFFFFFF)
    assert load(saved(tmp_path, classic("<", MAGIC_NS, 105, BEACON) + huge))[1]["damaged"] == 1
    start = section("<") + interface("<", 105) + enhanced("<", 0, 1, BEACON)
    for length in (0, 4, 13, 0xFFFFFFFC):
        packets, counts, _ = load(saved(tmp_path, start + struct.pack("<II", 6, length) + bytes(100)))
        assert (len(packets), counts["damaged"]) == (1, 1)


def test_other_link_types_are_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"link type 1\b[\s\S]*hint:"):
        load(saved(tmp_path, classic("<", MAGIC_NS, 1, b"\0" * 60)))


@pytest.mark.parametrize("data", [b"", b"\n", b"rubbish" * 10, b"\x0a\x0d\x0d\x0a\x1c\0\0\0abcd", b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FormatError):
        load(saved(tmp_path, data))


def test_an_absent_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hint"):
        load(tmp_path / "absent.pcap")


frames = st.sampled_from([BEACON, ADVERT, AIR, radiotap(0x10, BEACON)]) | st.binary(max_size=80)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([b"", section("<"), section("<") + interface("<", 127), classic(">", MAGIC_US, 127)])
    | st.builds(
        classic, st.sampled_from("<>"), st.just(MAGIC_US), st.sampled_from([105, 127, 192, 251, 256, 272]), frames
    )
    | st.builds(
        lambda link, frame: section("<") + interface("<", link) + enhanced("<", 0, 5, frame),
        st.sampled_from([105, 127, 192, 251, 256, 272]),
        frames,
    ),
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
)
def test_any_bytes_are_a_capture_or_a_format_error(
    tmp_path: Path, start: bytes, rest: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(start + rest)
    for index, value in changes:
        if index < len(data):
            data[index] = value
    try:
        _, counts, _ = load(saved(tmp_path, bytes(data)))
    except FormatError:
        return
    assert counts["kept"] + counts["dropped"] == counts["frames"]


# --- the writer ---------------------------------------------------------------------------------------------


def some_packets() -> list[Packet]:
    return [
        Packet(
            id=f"w:{number}",
            time_ns=T0_NS + number,
            received_ns=T0_NS + number,
            sensor="w",
            link=LinkKind.BLE if data is ADVERT else LinkKind.WIFI,
            data=data,
            rssi_dbm=-40.0 - number,
            channel=37 if data is ADVERT else 6,
            crc_ok=crc_ok,
        )
        for number, (data, crc_ok) in enumerate(
            [(BEACON, True), (ADVERT, True), (BEACON, False), (ADVERT, False), (BEACON, None)], start=1
        )
    ]


def test_reading_undoes_writing(tmp_path: Path) -> None:
    path = tmp_path / "w.pcapng"
    pcap.write(path, some_packets())
    assert load(path)[0] == some_packets()


def test_tshark_reads_what_we_write(tmp_path: Path, tshark: Callable[..., list[list[str]]]) -> None:
    path = tmp_path / "w.pcapng"
    pcap.write(path, some_packets())
    names = (
        "wlan.ta",
        "wlan.fcs.status",
        "btle.advertising_address",
        "btcommon.eir_ad.entry.service_data",
        "_ws.malformed",
    )
    rows = tshark(path, *names, "radiotap.dbm_antsignal", "nordic_ble.crcok")
    service = "0d01" + encode(SelfId(text_type=0, text="hi")).hex()
    assert [row[0] for row in rows] == [MAC.hex(":"), "", MAC.hex(":"), "", MAC.hex(":")]
    assert [row[1] for row in rows[::2]] == ["1", "", ""]
    assert [row[2] for row in rows[1::2]] == [MAC.hex(":")] * 2
    assert rows[1][3].replace(":", "") == service
    assert [row[4] for row in rows] == [""] * 5
    assert [row[6] for row in rows[1::2]] == ["1", "0"]
