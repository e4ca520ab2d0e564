"""Radio captures: pcap and pcapng in, packets that carry Remote ID out. Everything else is dropped here, and counted.

What a capture holds beside Remote ID is other people's traffic: it never enters the system. At the end one `Health`
says how many frames were read, kept, dropped and damaged, so that a receiver that heard nothing is told from none.

    pcap      magic (byte order, µs or ns), 24 bytes; then per frame: seconds, fraction, captured, original length
    pcapng    blocks: type, length, body, length. 0x0A0D0D0A section (byte order), 1 interface (link type, options 9
              if_tsresol and 14 if_tsoffset), 6 enhanced packet, 3 simple packet; all others are passed over

`wire.capture_header` reads what stands before the frames. A frame whose check sum is wrong but which still looks like
Remote ID is kept with `crc_ok` False: stages count it.
A capture that ends in the middle of a frame is normal (the power went): counted, not fatal. A length that cannot be
ends the reading likewise, for there is no way to find the next frame. The time of a simple packet is that of the
frame before it. Other link types are refused where no interface has a known one, else dropped.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct as Layout
from typing import BinaryIO, NamedTuple

from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent, Health, HealthState, LinkKind, Packet, health
from skysentry.formats import ReadOptions
from skysentry.wire import ble, wifi
from skysentry.wire.capture_header import NORDIC_LINK, RADIOTAP_LINK, STRIP, Heard, with_nordic, with_radiotap

NAME = "pcap"
# An 802.11 frame has at most 11 kB, an aggregate 64 kB; 256 KiB is tcpdump's own limit for one frame.
MAX_FRAME_BYTES = 262_144
# A pcapng block may hold names or keys beside a frame; above 16 MiB the length is a lie.
MAX_BLOCK_BYTES = 1 << 24
MAX_TIME_NS = 9_223_372_036_854_775_807
MAX_INTERFACES = 1024

_MARKS = (*wifi.MARKS, ble.MARK)
PCAP_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class Raw(NamedTuple):
    """A frame as captured."""

    link_type: int
    time_ns: int
    data: bytes
    cut: bool


class BrokenOffError(Exception):
    """The container is broken here; what follows cannot be found."""


def matches(head: bytes, name: str) -> bool:
    """Whether a file begins as a pcap or pcapng does."""
    return head[:4] in PCAP_MAGIC or (head[:4] == _SECTION and head[8:12] in _BYTE_ORDER)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield a `Packet` for each frame with Remote ID, then one `Health` with the counts.

    The sensor is `options.sensor` or the file's stem. Raises `FormatError` where the file is no capture, or one of a
    link type without Remote ID.
    """
    sensor = options.sensor_of(path)
    counts = {"frames": 0, "kept": 0, "dropped": 0, "damaged": 0, "bad_checksum": 0}
    known = False
    last_ns = options.start_ns
    with _open(path) as file:
        try:
            for raw in _frames(file, str(path)):
                counts["frames"] += 1
                last_ns = raw.time_ns or last_ns
                strip = STRIP.get(raw.link_type)
                known = known or strip is not None
                if not known:
                    raise unknown_link(raw.link_type, str(path))
                packet = packet_of(raw, strip, sensor, counts) if strip else None
                if packet is None:
                    counts["dropped"] += 1
                else:
                    counts["kept"] += 1
                    counts["bad_checksum"] += packet.crc_ok is False
                    yield packet
        except BrokenOffError:
            counts["damaged"] += 1
    yield _health(sensor, last_ns, counts)


def packet_of(
    raw: Raw, strip: Callable[[bytes, bool], Heard | None], sensor: str, counts: dict[str, int]
) -> Packet | None:
    """Return the packet in a frame that carries Remote ID; `strip` takes off the headers of its link type."""
    # Most frames end here, before anything of them is read.
    if not any(mark in raw.data for mark in _MARKS):
        return None
    heard = strip(raw.data, raw.cut)
    if heard is None:
        return None
    check = wifi.carries_remote_id if heard.link is LinkKind.WIFI else ble.carries_remote_id
    if not check(heard.data):
        return None
    return Packet(
        id=f"{sensor}:{counts['frames']}",
        time_ns=raw.time_ns,
        received_ns=raw.time_ns,
        sensor=sensor,
        link=heard.link,
        data=heard.data,
        rssi_dbm=heard.rssi_dbm,
        channel=heard.channel,
        crc_ok=heard.crc_ok,
    )


def _health(sensor: str, time_ns: int, counts: dict[str, int]) -> Health:
    text = f"capture read: {counts['frames']} frames, {counts['kept']} with Remote ID, {counts['dropped']} dropped"
    damaged = counts["damaged"] > 0
    return health(
        sensor,
        time_ns,
        HealthState.DEGRADED if damaged else HealthState.OK,
        f"{text}; it breaks off in the middle of a frame" if damaged else text,
        "the recording was cut off; what came before is used" if damaged else "",
        tuple(counts.items()),
        part="capture",
    )


def unknown_link(link_type: int, where: str) -> FormatError:
    """Return the error for a capture of a link type without Remote ID."""
    return FormatError(
        f"a capture of link type {link_type}, which carries no Remote ID",
        where=where,
        hint="capture 802.11 in monitor mode (radiotap) or Bluetooth LE with a sniffer",
    )


# --- containers ---------------------------------------------------------------------------------------------


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None


def _frames(file: BinaryIO, where: str) -> Iterator[Raw]:
    magic = file.read(4)
    if magic in PCAP_MAGIC:
        return _pcap_frames(file, *PCAP_MAGIC[magic], where)
    if magic == _SECTION:
        return _pcapng_frames(file, where)
    raise FormatError("not a pcap or pcapng capture", where=f"{where}:0", hint="see which formats --as knows")


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise BrokenOffError
    return data


def _pcap_frames(file: BinaryIO, order: str, unit_ns: int, where: str) -> Iterator[Raw]:
    head = file.read(20)
    if len(head) < 20:
        raise FormatError("the head of the capture is cut off", where=f"{where}:4", hint="the file is not complete")
    # The upper bits of the link type say how long the FCS is; the lower 16 are the type.
    link_type = Layout(order + "I").unpack_from(head, 16)[0] & 0xFFFF
    record = Layout(order + "IIII")
    while lead := file.read(16):
        if len(lead) < 16:
            raise BrokenOffError
        seconds, fraction, captured, original = record.unpack(lead)
        if captured > MAX_FRAME_BYTES:
            raise BrokenOffError
        time_ns = seconds * 1_000_000_000 + fraction * unit_ns
        yield Raw(link_type, time_ns, _exactly(file, captured), captured < original)


class _Section:
    """One section of a pcapng file: its byte order and its interfaces."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.word = Layout(order + "I")
        self.option = Layout(order + "HH")
        self.packet = Layout(order + "IIIII")
        # (link type, ticks per second, offset in ns, snap length)
        self.interfaces: list[tuple[int, int, int, int]] = []

    def add_interface(self, body: bytes) -> None:
        """Read an interface description: link type (2), reserved (2), snap length (4), options."""
        if len(body) < 8 or len(self.interfaces) >= MAX_INTERFACES:
            raise BrokenOffError
        ticks, offset_s = 1_000_000, 0
        at = 8
        while at + 4 <= len(body):
            code, length = self.option.unpack_from(body, at)
            value = body[at + 4 : at + 4 + length]
            if code == 9 and len(value) >= 1:
                # Above 2^63 or 10^19 ticks a second no stamp of 64 bits reaches from 1970 to now.
                exponent = value[0] & 0x7F
                ticks = 2 ** min(exponent, 63) if value[0] & 0x80 else 10 ** min(exponent, 19)
            elif code == 14 and len(value) >= 8:
                offset_s = int.from_bytes(value[:8], "little" if self.order == "<" else "big", signed=True)
            at += 4 + length + (-length & 3)
        link_type, _ = self.option.unpack_from(body)
        self.interfaces.append((link_type, ticks, offset_s * 1_000_000_000, self.word.unpack_from(body, 4)[0]))

    def enhanced(self, body: bytes) -> Raw:
        """Read an enhanced packet: interface, time high and low, captured and original length, data."""
        if len(body) < 20:
            raise BrokenOffError
        index, high, low, captured, original = self.packet.unpack_from(body)
        if index >= len(self.interfaces) or captured > len(body) - 20:
            raise BrokenOffError
        link_type, ticks, offset_ns, _ = self.interfaces[index]
        time_ns = (high << 32 | low) * 1_000_000_000 // ticks + offset_ns
        if not 0 <= time_ns <= MAX_TIME_NS:
            raise BrokenOffError
        return Raw(link_type, time_ns, body[20 : 20 + captured], captured < original)

    def simple(self, body: bytes, last_ns: int) -> Raw:
        """Read a simple packet: original length, data; it belongs to the first interface."""
        if len(body) < 4 or not self.interfaces:
            raise BrokenOffError
        link_type, _, _, snap = self.interfaces[0]
        original = self.word.unpack_from(body)[0]
        captured = min(original, len(body) - 4, snap or original)
        return Raw(link_type, last_ns, body[4 : 4 + captured], captured < original)


def _pcapng_frames(file: BinaryIO, where: str) -> Iterator[Raw]:
    lead = file.read(8)
    if lead[4:] not in _BYTE_ORDER:
        raise FormatError("the head of the pcapng capture is wrong", where=f"{where}:8", hint="the file is damaged")
    section = _open_section(file, lead)
    last_ns = 0
    while head := file.read(8):
        if len(head) < 8:
            raise BrokenOffError
        if head[:4] == _SECTION:
            section = _open_section(file, head[4:] + _exactly(file, 4))
            continue
        kind, length = section.word.unpack_from(head)[0], section.word.unpack_from(head, 4)[0]
        if not 12 <= length <= MAX_BLOCK_BYTES or length % 4:
            raise BrokenOffError
        body = _exactly(file, length - 8)[:-4]
        if kind == 6:
            raw = section.enhanced(body)
            last_ns = raw.time_ns
            yield raw
        elif kind == 3:
            yield section.simple(body, last_ns)
        elif kind == 1:
            section.add_interface(body)


def _open_section(file: BinaryIO, lead: bytes) -> _Section:
    """Return the section whose length and byte-order magic are `lead`, and go to the end of its head."""
    order = _BYTE_ORDER.get(lead[4:])
    if order is None:
        raise BrokenOffError
    length = Layout(order + "I").unpack_from(lead)[0]
    if not 28 <= length <= MAX_BLOCK_BYTES:
        raise BrokenOffError
    _exactly(file, length - 12)
    return _Section(order)


# --- writer -------------------------------------------------------------------------------------------------


def write(path: Path, packets: Iterable[Packet]) -> None:
    """Write Wi-Fi and BLE packets as pcapng (radiotap, Nordic), nanosecond stamps; others are left out.

    The sensor's name is not in a capture: reading gives it back only if the file is named after it.
    """
    with path.open("wb") as file:
        file.write(_block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a\x01\x00\x00\x00" + b"\xff" * 8))
        for link_type in (RADIOTAP_LINK, NORDIC_LINK):
            # Option 9, one byte: 10^-9 s. Option 0 ends the list.
            body = link_type.to_bytes(4, "little") + bytes(4) + b"\x09\x00\x01\x00\x09\x00\x00\x00" + bytes(4)
            file.write(_block(1, body))
        head = Layout("<IIIII")
        for packet in packets:
            if packet.link not in (LinkKind.WIFI, LinkKind.BLE):
                continue
            bluetooth = packet.link is LinkKind.BLE
            heard = Heard(packet.link, packet.data, packet.rssi_dbm, packet.channel, packet.crc_ok)
            data = with_nordic(heard) if bluetooth else with_radiotap(heard)
            lead = head.pack(bluetooth, packet.time_ns >> 32, packet.time_ns & 0xFFFFFFFF, len(data), len(data))
            file.write(_block(6, lead + data + bytes(-len(data) % 4)))


def _block(kind: int, body: bytes) -> bytes:
    length = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + length + body + length
