"""802.11 management frames that carry Remote ID: beacons, probe responses and Wi-Fi Aware (NAN) action frames.

    frame    0 frame control (2) · 2 duration · 4 address 1 · 10 address 2, the transmitter · 16 address 3 · 22 sequence
             24 HT control (4), only where the order bit is set
    beacon, probe response   time stamp (8), interval (2), capabilities (2), then elements: id, length, content
    vendor element 0xDD      OUI FA:0B:BC, type 0x0D, counter, message pack        ASTM F3411 over beacon
                             OUI 26:37:12 (written so on the air), then DJI's record   see `dji_wifi`
                             OUI 6A:5C:35, type 0x01, then fields                      see `france`
    NAN action               category 4, action 9, OUI 50:6F:9A, type 0x13, attributes: id, length (2), content
    service descriptor 0x03  service id 88:69:19:9D:92:09, instance, requester, control, [binding bitmap (2)],
                             [matching filter: length, content], [response filter: length, content],
                             [service info: length, counter, message pack]; control bits 6, 2, 3, 4 say which are there

Nearly all frames in the air carry none of this, so `carries_remote_id` first looks for their marks with a byte
search (0.2 µs) and walks the elements only where one is found. The NAN synchronisation beacon has no Remote ID in it.
Protected frames are not read. Source: F3411-22a 5.4.6 to 5.4.8; IEEE 802.11-2020 9.3.3; Wi-Fi Aware 3.2, 9.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

BEACON, PROBE_RESPONSE, ACTION = 0x80, 0x50, 0xD0
ODID_MARK = b"\xfa\x0b\xbc\x0d"
DJI_MARK = b"\x26\x37\x12"
FRANCE_MARK = b"\x6a\x5c\x35\x01"
NAN_MARK = b"\x04\x09\x50\x6f\x9a\x13"
NAN_SERVICE = b"\x88\x69\x19\x9d\x92\x09"
MARKS = (ODID_MARK, DJI_MARK, NAN_SERVICE, FRANCE_MARK)
# Where F3411 sends NAN frames to, and the cluster it names.
NAN_GROUP, NAN_CLUSTER = b"\x51\x6f\x9a\x01\x00\x00", b"\x50\x6f\x9a\x01\x00\xff"
VENDOR_ELEMENT = 0xDD
HEADER_BYTES = 24
BROADCAST = b"\xff" * 6


class Carrier(Enum):
    """What a payload is."""

    ODID = "odid"
    DJI = "dji"
    FRANCE = "france"


class Payload(NamedTuple):
    """What one element holds: for ODID the pack and the frame's counter, for the others what follows the mark."""

    carrier: Carrier
    data: bytes
    counter: int = 0


def carries_remote_id(frame: bytes) -> bool:
    """Whether a frame holds Remote ID or a DJI record; cheap for all that do not."""
    if not frame or frame[0] not in (BEACON, PROBE_RESPONSE, ACTION):
        return False
    return any(mark in frame for mark in MARKS) and bool(payloads(frame))


def transmitter(frame: bytes) -> bytes:
    """Return the six bytes of the address that sent the frame."""
    return frame[10:16]


def sequence(frame: bytes) -> int:
    """Return the number that the sending radio gave the frame, 0 to 4,095."""
    return int.from_bytes(frame[22:24], "little") >> 4


def payloads(frame: bytes) -> list[Payload]:
    """Return what a frame carries, perhaps nothing. An element that runs past the end of the frame ends the list."""
    if len(frame) < HEADER_BYTES or frame[1] & 0x40:
        return []
    start = HEADER_BYTES + (4 if frame[1] & 0x80 else 0)
    if frame[0] == ACTION:
        return _nan_payloads(frame, start)
    if frame[0] != BEACON and frame[0] != PROBE_RESPONSE:
        return []
    return _vendor_payloads(frame, start + 12)


def _vendor_payloads(frame: bytes, at: int) -> list[Payload]:
    found = []
    last = len(frame) - 2
    while at <= last:
        end = at + 2 + frame[at + 1]
        if frame[at] == VENDOR_ELEMENT and end <= len(frame):
            if frame.startswith(ODID_MARK, at + 2) and end - at > 7:
                found.append(Payload(Carrier.ODID, frame[at + 7 : end], frame[at + 6]))
            elif frame.startswith(DJI_MARK, at + 2):
                found.append(Payload(Carrier.DJI, frame[at + 5 : end]))
            elif frame.startswith(FRANCE_MARK, at + 2) and end - at > 6:
                found.append(Payload(Carrier.FRANCE, frame[at + 6 : end]))
        at = end
    return found


def _nan_payloads(frame: bytes, at: int) -> list[Payload]:
    if not frame.startswith(NAN_MARK, at):
        return []
    infos = (_service_info(content) for kind, content in _attributes(frame, at + len(NAN_MARK)) if kind == 3)
    return [Payload(Carrier.ODID, info[1:], info[0]) for info in infos if len(info) > 1]


def _attributes(frame: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 3 <= len(frame):
        end = at + 3 + int.from_bytes(frame[at + 1 : at + 3], "little")
        if end > len(frame):
            return
        yield frame[at], frame[at + 3 : end]
        at = end


def _service_info(content: bytes) -> bytes:
    """Return the service info of a Remote ID service descriptor, empty where it is none."""
    if len(content) < 9 or not content.startswith(NAN_SERVICE):
        return b""
    control, at = content[8], 9
    if control & 0x40:
        at += 2
    for bit in (0x04, 0x08):
        if control & bit:
            at += 1 + (content[at] if at < len(content) else 0)
    if not control & 0x10 or at >= len(content):
        return b""
    info = content[at + 1 : at + 1 + content[at]]
    return info if len(info) == content[at] else b""


# --- for simulation and tests -------------------------------------------------------------------------------


def encode_beacon(address: bytes, pack: bytes, counter: int, ssid: bytes = b"", time_us: int = 0) -> bytes:
    """Return a beacon (without FCS) that carries a message pack; `address` has six bytes, the SSID at most 32."""
    # Interval 100 x 1,024 µs; capabilities: ESS.
    fixed = (time_us % 2**64).to_bytes(8, "little") + b"\x64\x00\x01\x00"
    vendor = ODID_MARK + bytes((counter & 0xFF,)) + pack
    elements = bytes((0, len(ssid))) + ssid + bytes((VENDOR_ELEMENT, len(vendor))) + vendor
    return bytes((BEACON, 0, 0, 0)) + BROADCAST + address + address + b"\0\0" + fixed + elements


def encode_nan(address: bytes, pack: bytes, counter: int) -> bytes:
    """Return a NAN service discovery frame (without FCS) that carries a message pack."""
    info = bytes((counter & 0xFF,)) + pack
    descriptor = NAN_SERVICE + b"\x01\x00\x10" + bytes((len(info),)) + info
    attribute = b"\x03" + len(descriptor).to_bytes(2, "little") + descriptor
    head = bytes((ACTION, 0, 0, 0)) + NAN_GROUP + address + NAN_CLUSTER + b"\0\0"
    return head + NAN_MARK + attribute
