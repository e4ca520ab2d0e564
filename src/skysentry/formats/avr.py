"""Mode S frames as text: one frame a line, plain or gzip, in three forms that may be mixed.

    *8D4840D6202CC371C32CE0576098;                         AVR, see `wire.avr`: with or without a 12 MHz stamp
    1457996400.1,"8D406B90…",406B90,19                     comma-separated: the time first, the frame in any other field
    {"timestamp": 1717664319.1, "frame": "8c34…"}          JSON: the frame as `frame` or `rawmsg`

Times are seconds since 1970, or since `start_ns` where a person gave that. AVR stamps name no day: the first one is
taken for `start_ns`, and the wrap of their 48 bits is followed. AVR lines without a stamp all get the time of the line
before, at first `start_ns`: such a file gives positions, but the times between them are not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from skysentry.errors import DecodeError
from skysentry.events import AnyEvent, LinkKind, Packet
from skysentry.formats import ReadOptions
from skysentry.formats.lines import Tally, head_lines, numbered
from skysentry.wire import avr, beast, mode_s

NAME = "avr"
# Half of the first lines must be frames; one damaged line should not hide what a file is.
SNIFFED_LINES = 20
# The year 2262, where signed 64-bit nanoseconds end.
MAX_SECONDS = 9.2e9


class _JsonLine(Struct):
    timestamp: float
    frame: str | None = None
    rawmsg: str | None = None
    type: str | None = None


_json_line = msgspec.json.Decoder(_JsonLine)


def matches(head: bytes, name: str) -> bool:
    """Return whether most of the first lines hold Mode S frames."""
    lines = head_lines(head)[:SNIFFED_LINES]
    return 2 * sum(map(_is_frame, lines)) > len(lines)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield a `Packet` a frame, and a `Health` at the end where lines were bad. Mode A/C replies are left out."""
    sensor = options.sensor_of(path)
    tally = Tally(path)
    time_ns, stamp = options.start_ns, None
    for number, line in numbered(path):
        if line is None or not line.strip():
            if line is None:
                tally.refuse(number, "too long, or the compressed data is damaged")
            continue
        try:
            seconds, frame = _decode(line)
        except DecodeError as error:
            tally.refuse(number, str(error))
            continue
        if len(frame.payload) < mode_s.SHORT_BYTES:
            tally.ignored += 1
            continue
        if seconds is not None:
            time_ns = options.start_ns + round(seconds * 1e6) * 1_000
        elif frame.stamp is not None:
            time_ns = max(0, time_ns + (beast.elapsed_ns(stamp, frame.stamp) if stamp is not None else 0))
            stamp = frame.stamp
        yield Packet(
            id=f"{sensor}:{tally.good}",
            time_ns=time_ns,
            received_ns=time_ns,
            sensor=sensor,
            link=LinkKind.MODE_S,
            data=frame.payload,
        )
        tally.good += 1
    yield from tally.close(sensor, time_ns)


def _is_frame(line: bytes) -> bool:
    try:
        frame = _decode(line)[1].payload
    except DecodeError:
        return False
    return mode_s.well_formed(frame) or (len(frame) == 2 and line[:1] in avr.PREFIX_DIGITS)


def _decode(line: bytes) -> tuple[float | None, avr.AvrFrame]:
    """Return the time in seconds, if the line has one, and the frame; raises `DecodeError`."""
    if line[:1] == b"{":
        return _decode_json(line)
    if b"," not in line:
        return None, avr.decode(line)
    fields = [field.strip(b' "') for field in line.split(b",")]
    for field in fields[1:]:
        if len(field) in (14, 28):
            return _seconds(fields[0]), avr.decode(field)
    raise DecodeError("no field holds a frame of 14 or 28 hexadecimal digits")


def _decode_json(line: bytes) -> tuple[float, avr.AvrFrame]:
    try:
        fields = _json_line.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"no JSON object with timestamp and frame: {error}") from None
    text = fields.frame or fields.rawmsg
    if text is None or fields.type is not None:
        raise DecodeError("no JSON object with timestamp and frame")
    return _seconds(fields.timestamp), avr.decode(text.encode())


def _seconds(text: bytes | float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DecodeError("the first field is no time in seconds") from None
    if not math.isfinite(value) or not 0.0 <= value <= MAX_SECONDS:
        raise DecodeError("the time is out of range")
    return value
