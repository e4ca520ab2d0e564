"""Recordings of a BaseStation stream: what `nc receiver 30003 > file` writes, see `wire.sbs`.

Each MSG line is a `Packet`. The time is the message's own date and time, read as UTC although most receivers write
local time: shift it with `start_ns`, which is added (3,600e9 for a receiver one hour behind). A line without one has
the time of the line before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skysentry.errors import DecodeError
from skysentry.events import AnyEvent, LinkKind, Packet
from skysentry.formats import ReadOptions
from skysentry.formats.lines import Tally, head_lines, numbered
from skysentry.wire import sbs

NAME = "sbs"
SNIFFED_LINES = 20


def matches(head: bytes, name: str) -> bool:
    """Return whether most of the first lines are BaseStation lines."""
    lines = head_lines(head)[:SNIFFED_LINES]
    return 2 * sum(map(_is_line, lines)) > len(lines)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield a `Packet` a MSG line, and a `Health` at the end where lines were bad."""
    sensor = options.sensor_of(path)
    tally = Tally(path)
    time_ns = options.start_ns
    for number, line in numbered(path):
        if line is None or not line.strip():
            if line is None:
                tally.refuse(number, "too long, or the compressed data is damaged")
            continue
        try:
            message = sbs.decode(line)
        except DecodeError as error:
            tally.refuse(number, str(error))
            continue
        if message is None:
            tally.ignored += 1
            continue
        if message.time_ns is not None:
            time_ns = options.start_ns + message.time_ns
        yield Packet(
            id=f"{sensor}:{tally.good}",
            time_ns=time_ns,
            received_ns=time_ns,
            sensor=sensor,
            link=LinkKind.SBS,
            data=line.strip(),
        )
        tally.good += 1
    yield from tally.close(sensor, time_ns)


def _is_line(line: bytes) -> bool:
    try:
        sbs.decode(line)
    except DecodeError:
        return False
    return True
