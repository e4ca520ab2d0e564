"""What capture tools put before a radio frame: radiotap, PPI, and the headers of Bluetooth LE sniffers.

    127  radiotap     0 version · 2 length (2) · 4 present (4), repeated while bit 31 is set · fields, each aligned to
                      its size: time (8), flags, rate, channel MHz (2) and its flags (2), hopping (2), signal dBm
    192  PPI          0 version · 2 length (2) · 4 link type of the frame (4) · fields: type (2), length (2), content;
                      type 2 holds time (8), flags (2): 1 FCS is there, 4 FCS is wrong
    256  BLE LL       0 RF channel · 1 signal dBm · 4 reference access address · 8 flags (2): 2 signal is valid,
                      0x400 CRC was checked, 0x800 CRC is right, 14-15 PHY · 10 access address
    272  Nordic       0 board · 3 version (1 to 3) · 4 counter (2) · 6 packet id · 7 length (10) · 8 flags: 1 CRC is
                      right, 4-6 PHY · 9 channel · 10 -dBm · 11 event (2) · 13 time (4) · 17 access address
    105  802.11 and 251 Bluetooth LE have nothing before the frame

A frame comes out without header, FCS, access address, coding indicator (PHY 2, coded) and CRC. Where the frame brings
its check sum that is checked here; else the sniffer's word is taken; else it is unknown (`None`).

Left out: further radiotap namespaces and antennas, hopping, data channels of Bluetooth connections, version 0 of
Nordic's header (before 2014). Sources: radiotap.org, tcpdump.org/linktypes, Nordic's sniffer_uart_protocol.txt.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from struct import Struct as Layout
from typing import NamedTuple

from skysentry.events import LinkKind
from skysentry.wire import ble, wifi

RADIOTAP_LINK, NORDIC_LINK = 127, 272


class Heard(NamedTuple):
    """A frame without its capture header."""

    link: LinkKind
    data: bytes
    rssi_dbm: float | None = None
    channel: int | None = None
    crc_ok: bool | None = None


_RADIOTAP_HEAD = Layout("<BBHI")
_U16 = Layout("<H")
# Size and alignment of the radiotap fields 0 to 5: TSFT, flags, rate, channel, hopping, signal.
_RADIOTAP_FIELDS = ((8, 8), (1, 1), (1, 1), (4, 2), (2, 2), (1, 1))
_HAS_FCS, _BAD_FCS = 0x10, 0x40


@lru_cache(maxsize=256)
def _radiotap_offsets(present: int, at: int) -> tuple[int, int, int]:
    """Return where flags, channel and signal stand, 0 for absent; `at` is where the fields begin."""
    found = [0] * 6
    for bit, (size, align) in enumerate(_RADIOTAP_FIELDS):
        if present >> bit & 1:
            at += -at % align
            found[bit] = at
            at += size
    return found[1], found[3], found[5]


def _radiotap(data: bytes, cut: bool) -> Heard | None:
    if len(data) < 8:
        return None
    version, _, length, word = _RADIOTAP_HEAD.unpack_from(data)
    if version or not 8 <= length <= len(data):
        return None
    present, at = word, 8
    while word & 0x80000000 and at + 4 <= length:
        word = int.from_bytes(data[at : at + 4], "little")
        at += 4
    flags_at, channel_at, signal_at = _radiotap_offsets(present, at)
    flags = data[flags_at] if 0 < flags_at < length else 0
    rssi = int.from_bytes(data[signal_at : signal_at + 1], "little", signed=True) if 0 < signal_at < length else None
    channel = _wifi_channel(_U16.unpack_from(data, channel_at)[0]) if 0 < channel_at < length - 3 else None
    return _wifi(data[length:], flags, flags_at > 0, cut, rssi, channel)


def _wifi(frame: bytes, flags: int, flagged: bool, cut: bool, rssi: float | None, channel: int | None) -> Heard:
    """Take the FCS off where it is there; `flags` are radiotap's, `flagged` whether there were any."""
    crc_ok: bool | None = None
    if flags & _HAS_FCS and not cut and len(frame) > 4:
        frame, fcs = frame[:-4], frame[-4:]
        if frame[0] in (wifi.BEACON, wifi.PROBE_RESPONSE, wifi.ACTION):
            crc_ok = zlib.crc32(frame) == int.from_bytes(fcs, "little")
    elif flagged and flags & _BAD_FCS:
        crc_ok = False
    return Heard(LinkKind.WIFI, frame, rssi, channel, crc_ok)


def _wifi_channel(mhz: int) -> int | None:
    if mhz == 2484:
        return 14
    if 2412 <= mhz <= 2472:
        return (mhz - 2407) // 5
    return (mhz - 5000) // 5 if 5000 < mhz < 5950 else None


def _plain_wifi(data: bytes, cut: bool) -> Heard | None:
    return Heard(LinkKind.WIFI, data)


def _ppi(data: bytes, cut: bool) -> Heard | None:
    if len(data) < 8:
        return None
    length, inner = _U16.unpack_from(data, 2)[0], int.from_bytes(data[4:8], "little")
    if inner != 105 or not 8 <= length <= len(data):
        return None
    # Field 2, 802.11 common: its flags stand after a time of 8 bytes; 1 is FCS present, 4 is bad FCS.
    flags = 0
    if length >= 22 and data[8:10] == b"\x02\x00":
        word = _U16.unpack_from(data, 20)[0]
        flags = (_HAS_FCS if word & 1 else 0) | (_BAD_FCS if word & 4 else 0)
    return _wifi(data[length:], flags, flags > 0, cut, None, None)


def _ble(data: bytes, coded: bool, crc_ok: bool | None, rssi: float | None, channel: int | None) -> Heard | None:
    """Take access address, coding indicator and CRC off; `data` starts at the access address."""
    start = 5 if coded else 4
    if data[:4] != ble.ADVERTISING_ACCESS or len(data) < start + 2:
        return None
    stop = start + 2 + data[start + 1]
    if stop > len(data):
        return None
    pdu = data[start:stop]
    if crc_ok is None and len(data) >= stop + 3:
        crc_ok = ble.crc(pdu) == data[stop : stop + 3]
    return Heard(LinkKind.BLE, pdu, rssi, channel, crc_ok)


def _plain_ble(data: bytes, cut: bool) -> Heard | None:
    return _ble(data, False, None, None, None)


def _ble_pseudo_header(data: bytes, cut: bool) -> Heard | None:
    if len(data) < 10:
        return None
    flags = _U16.unpack_from(data, 8)[0]
    crc_ok = bool(flags & 0x0800) if flags & 0x0400 else None
    rssi = int.from_bytes(data[1:2], "little", signed=True) if flags & 2 else None
    return _ble(data[10:], flags >> 14 == 2, crc_ok, rssi, _ble_channel(data[0]))


def _ble_channel(rf: int) -> int | None:
    """Return the channel index of an RF channel (2402 MHz + 2 MHz x rf): the three for advertising are 37 to 39."""
    if rf in (0, 12, 39):
        return {0: 37, 12: 38, 39: 39}[rf]
    return rf - (1 if rf < 12 else 2) if rf < 39 else None


def _nordic(data: bytes, cut: bool) -> Heard | None:
    """Nordic's header: board, [header] and payload length, version (byte 3), counter (2), packet id; then, from 7 on,
    length 10, flags (CRC, ..., PHY in bits 4 to 6), channel, -RSSI, event counter (2), time (4), the packet.
    """
    # 6: a packet (version 1) or one of a connection; 2: an advertisement (from version 2 on).
    if len(data) < 17 or data[3] not in (1, 2, 3) or data[6] not in (2, 6) or not 10 <= data[7] < len(data) - 7:
        return None
    flags = data[8]
    return _ble(data[7 + data[7] :], flags >> 4 & 7 == 2, bool(flags & 1), -float(data[10]), data[9])


STRIP: dict[int, Callable[[bytes, bool], Heard | None]] = {
    105: _plain_wifi,
    127: _radiotap,
    192: _ppi,
    251: _plain_ble,
    256: _ble_pseudo_header,
    272: _nordic,
}


# --- for simulation and tests -------------------------------------------------------------------------------


def with_radiotap(heard: Heard) -> bytes:
    """Return the frame behind flags (bad FCS, or a good one appended), channel and signal."""
    good = heard.crc_ok is True
    flags = bytes((_HAS_FCS if good else _BAD_FCS if heard.crc_ok is False else 0,))
    present, fields = 0x02, flags
    if heard.channel is not None:
        mhz = 2484 if heard.channel == 14 else (2407 if heard.channel < 14 else 5000) + 5 * heard.channel
        present, fields = present | 0x08, fields + b"\0" + mhz.to_bytes(2, "little") + bytes(2)
    if heard.rssi_dbm is not None:
        signal = min(max(round(heard.rssi_dbm), -128), 127)
        present, fields = present | 0x20, fields + signal.to_bytes(1, "little", signed=True)
    fcs = zlib.crc32(heard.data).to_bytes(4, "little") if good else b""
    return _RADIOTAP_HEAD.pack(0, 0, 8 + len(fields), present) + fields + heard.data + fcs


def with_nordic(heard: Heard) -> bytes:
    """Return the PDU behind Nordic's header of version 3, with a CRC that is right or, where it was not, wrong."""
    good = heard.crc_ok is not False
    check = ble.crc(heard.data) if good else bytes(byte ^ 0xFF for byte in ble.crc(heard.data))
    air = ble.ADVERTISING_ACCESS + heard.data + check
    signal = min(max(round(-(heard.rssi_dbm or 0.0)), 0), 255)
    channel = 37 if heard.channel is None else heard.channel & 0xFF
    inner = bytes((10, int(good), channel, signal)) + bytes(6) + air
    return b"\0" + len(inner).to_bytes(2, "little") + b"\x03\0\0\x02" + inner
