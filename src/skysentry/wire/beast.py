"""Beast binary: the stream that Mode S receivers give on TCP port 30005.

Layout (Mode-S Beast manual; readsb README): every message is

    0x1a  type  stamp (6 bytes, big endian)  signal (1 byte)  payload

with every 0x1a after the type doubled.

    type   payload                    here
    0x31   2 bytes, Mode A/C          counted, left out: it holds no position
    0x32   7 bytes, short Mode S      yielded
    0x33   14 bytes, long Mode S      yielded
    0x34   14 bytes, status           counted, left out
    0x35   14 bytes, receiver place   counted, left out
    0xe3   8 bytes, receiver id, with neither stamp nor signal (readsb)    counted, left out

The stamp counts 12 MHz ticks from when the receiver started (it wraps after 271 days) or, on GPS-disciplined ones,
holds the second of the day in its upper 18 bits and nanoseconds in its lower 30; nothing in the stream says which.
Neither names a day. Two stamps are magic: "\\xff\\x00MLAT" marks a position that a network computed. `signal` is an
amplitude from 0 to 255 without calibration.

Decoding is incremental: however a stream is cut, the same frames come out. Bytes between messages and messages cut
short by a new one are skipped and counted.
"""

from __future__ import annotations

from msgspec import Struct

ESCAPE = 0x1A
PREFIX_BYTES = 7  # stamp and signal
SHORT, LONG = 0x32, 0x33
BODY_BYTES = {0x31: 9, SHORT: 14, LONG: 21, 0x34: 21, 0x35: 21, 0xE3: 8}
STAMP_HZ = 12_000_000
STAMP_BITS = 48
MLAT_STAMP = 0xFF004D4C4154
GPS_NS_BITS = 30
DAY_NS = 86_400_000_000_000


class BeastFrame(Struct, frozen=True):
    """One Mode S frame: 7 or 14 bytes, its raw 48-bit stamp, its signal amplitude from 0 to 255."""

    payload: bytes
    stamp: int
    signal: int


class BeastDecoder:
    """Bytes in, frames out. The counts say what was left out since the start."""

    def __init__(self) -> None:
        self._tail = b""
        self.skipped_bytes = 0
        self.cut_messages = 0
        self.other_messages = 0

    def feed(self, data: bytes) -> list[BeastFrame]:
        """Return the frames that are complete with these bytes. Never raises; keeps at most one message."""
        buffer = self._tail + data
        frames: list[BeastFrame] = []
        at, size = 0, len(buffer)
        while at < size:
            start = buffer.find(ESCAPE, at)
            if start < 0:
                self.skipped_bytes += size - at
                at = size
                break
            self.skipped_bytes += start - at
            end = self._message(buffer, start, frames)
            at = start if end is None else end
            if end is None:
                break
        self._tail = buffer[at:]
        return frames

    def _message(self, buffer: bytes, start: int, frames: list[BeastFrame]) -> int | None:
        """Take the message whose 0x1a is at `start`; return where the next may begin, `None` if bytes are missing."""
        if start + 1 >= len(buffer):
            return None
        kind = buffer[start + 1]
        needed = BODY_BYTES.get(kind)
        if needed is None:
            # Either a doubled 0x1a, data of a message whose start was lost, or no type that is known.
            self.skipped_bytes += 2
            return start + 2
        body, end = _unescaped(buffer, start + 2, needed)
        if body is None:
            if end is not None:
                self.cut_messages += 1
            return end
        if kind in (SHORT, LONG):
            frames.append(BeastFrame(body[PREFIX_BYTES:], int.from_bytes(body[:6], "big"), body[6]))
        else:
            self.other_messages += 1
        return end


def encode(frame: BeastFrame) -> bytes:
    """Return the message of a frame of 7 or 14 bytes."""
    kind = SHORT if len(frame.payload) == BODY_BYTES[SHORT] - PREFIX_BYTES else LONG
    body = frame.stamp.to_bytes(6, "big") + bytes((frame.signal,)) + frame.payload
    return bytes((ESCAPE, kind)) + body.replace(b"\x1a", b"\x1a\x1a")


def elapsed_ns(before: int, after: int, gps: bool = False) -> int:
    """Return the nanoseconds from one stamp to another, the shorter way round; 0 where one of them is magic.

    Receivers may deliver slightly out of order, so the result may be negative.
    """
    if MLAT_STAMP in (before, after):
        return 0
    if gps:
        return _shorter(_gps_ns(after) - _gps_ns(before), DAY_NS)
    return _shorter(after - before, 1 << STAMP_BITS) * 1_000_000_000 // STAMP_HZ


def _gps_ns(stamp: int) -> int:
    return (stamp >> GPS_NS_BITS) * 1_000_000_000 + (stamp & ((1 << GPS_NS_BITS) - 1))


def _shorter(difference: int, turn: int) -> int:
    return (difference + turn // 2) % turn - turn // 2


def _unescaped(buffer: bytes, at: int, needed: int) -> tuple[bytes | None, int | None]:
    """Return the next `needed` bytes with doubled 0x1a made single, and where they end.

    (None, None): bytes are missing. (None, position): a new message begins at `position`, this one was cut short.
    """
    plain = buffer[at : at + needed]
    if len(plain) == needed and ESCAPE not in plain:
        return plain, at + needed
    body = bytearray()
    while len(body) < needed:
        if at >= len(buffer):
            return None, None
        value = buffer[at]
        if value == ESCAPE:
            if at + 1 >= len(buffer):
                return None, None
            if buffer[at + 1] != ESCAPE:
                return None, at
            at += 1
        body.append(value)
        at += 1
    return bytes(body), at
