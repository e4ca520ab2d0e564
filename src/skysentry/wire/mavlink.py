"""MAVLink frames: where they begin and end, and whether they are whole.

    v2   FD · length · incompatible flags · compatible flags · sequence · system · component · message id (3, little
         endian) · payload, its trailing zeros left out · CRC (2) · signature (13, if incompatible flag 1 is set)
    v1   FE · length · sequence · system · component · message id (1) · payload · CRC (2)

The CRC is MCRF4XX over all from the length on, then one byte of its own for each message ("CRC extra"), which is
computed here from the field table as the protocol defines it: names and types in the order of the wire. Fields go on
the wire by size, largest first. Only messages whose form is given are looked into; others, and all of v1, whose ids
end at 255, are passed over by their length. Signatures are not verified. Source: mavlink.io, "Serialization".
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct as Layout
from typing import NamedTuple, TypeAlias

Field: TypeAlias = tuple[str, str, int]

V1, V2 = 0xFE, 0xFD
V1_HEAD, V2_HEAD, CRC_BYTES, SIGNATURE_BYTES = 6, 10, 2, 13
SIGNED = 1
_C_NAMES = {"B": "uint8_t", "c": "char", "H": "uint16_t", "h": "int16_t", "i": "int32_t", "I": "uint32_t", "f": "float"}
_SIZES = {"B": 1, "c": 1, "H": 2, "h": 2, "i": 4, "I": 4, "f": 4}


class Form(NamedTuple):
    """How one message lies on the wire."""

    layout: Layout
    names: tuple[str, ...]
    crc_extra: int


def crc(data: bytes, start: int = 0xFFFF) -> int:
    """Return CRC-16/MCRF4XX."""
    value = start
    for byte in data:
        mixed = (byte ^ value) & 0xFF
        mixed = (mixed ^ mixed << 4) & 0xFF
        value = (value >> 8 ^ mixed << 8 ^ mixed << 3 ^ mixed >> 4) & 0xFFFF
    return value


def form(name: str, fields: tuple[Field, ...]) -> Form:
    """Return the form of a message from its (name, letter of `struct`, array length or 0) in the order of the XML."""
    ordered = sorted(fields, key=lambda field: -_SIZES[field[1]])
    spelled = f"{name} ".encode()
    for field, kind, length in ordered:
        spelled += f"{_C_NAMES[kind]} {field} ".encode() + (bytes((length,)) if length else b"")
    value = crc(spelled)
    letters = "".join([f"{length}s" if length else kind for _, kind, length in ordered])
    return Form(Layout("<" + letters), tuple([field for field, _, _ in ordered]), value & 0xFF ^ value >> 8)


def message_id(frame: bytes) -> int:
    """Return the number of the message in a frame that `split` gave."""
    return int.from_bytes(frame[7:10], "little") if frame[0] == V2 else frame[5]


def split(data: bytes, forms: Mapping[int, Form]) -> tuple[list[bytes], int, int]:
    """Return the frames of known form in `data` with right check sums, where the rest begins, and bytes passed over.

    The rest may be the beginning of a frame, at most 280 bytes; other messages are passed over in silence.
    """
    frames: list[bytes] = []
    at = skipped = 0
    while at < len(data):
        if data[at] not in (V1, V2):
            at, skipped = at + 1, skipped + 1
            continue
        if at + 3 > len(data):
            break
        end = at + _frame_bytes(data, at)
        if intact(data[at:end], forms):
            frames.append(data[at:end])
            at = end
            continue
        # A marker in noise, or a frame that was cut off, has a length that means nothing: not where a whole one begins
        # before that end.
        begin = _begins(data, at + 1, min(end, len(data)), forms)
        if begin is None and end > len(data):
            break
        if begin is None and message_id(data[at:end]) not in forms:
            begin = end
        elif begin is None:
            begin, skipped = at + 1, skipped + 1
        else:
            skipped += begin - at
        at = begin
    return frames, at, skipped


def _begins(data: bytes, first: int, after: int, forms: Mapping[int, Form]) -> int | None:
    """Return where the first whole frame of known form begins between two places."""
    at = data.find(V2, first, after)
    while at >= 0:
        if at + 3 <= len(data) and intact(data[at : at + _frame_bytes(data, at)], forms):
            return at
        at = data.find(V2, at + 1, after)
    return None


def _frame_bytes(data: bytes, at: int) -> int:
    if data[at] == V1:
        return V1_HEAD + data[at + 1] + CRC_BYTES
    return V2_HEAD + data[at + 1] + CRC_BYTES + (SIGNATURE_BYTES if data[at + 2] & SIGNED else 0)


def intact(frame: bytes, forms: Mapping[int, Form]) -> bool:
    """Whether a v2 frame of a known message has its right check sum."""
    if len(frame) < V2_HEAD + CRC_BYTES or frame[0] != V2 or len(frame) < _frame_bytes(frame, 0):
        return False
    form = forms.get(message_id(frame))
    end = V2_HEAD + frame[1]
    found = int.from_bytes(frame[end : end + CRC_BYTES], "little")
    return form is not None and crc(bytes((form.crc_extra,)), crc(frame[1:end])) == found


# --- for simulation and tests -------------------------------------------------------------------------------


def frame(form: Form, number: int, payload: bytes, sequence: int = 0, system: int = 1, component: int = 236) -> bytes:
    """Return a v2 frame around a payload, unsigned, its trailing zeros left out; 236 is an Open Drone ID module."""
    short = payload[:1] + payload[1:].rstrip(b"\0")
    head = bytes((len(short), 0, 0, sequence & 0xFF, system, component)) + number.to_bytes(3, "little")
    value = crc(bytes((form.crc_extra,)), crc(head + short))
    return bytes((V2,)) + head + short + value.to_bytes(2, "little")
