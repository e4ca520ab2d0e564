"""Recordings of a Beast stream: what `nc receiver 30005 > file` writes, see `wire.beast`.

Stamps name no day: the first one is taken for `start_ns`, later ones count from it, the wrap of the 48 bits is
followed. They are read as 12 MHz ticks; `rate_hz` of 1e9 says that they are the GPS time of day of a disciplined
receiver. Mode A/C, status and receiver messages are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent, Health, HealthState, LinkKind, Packet, health
from skysentry.formats import ReadOptions
from skysentry.wire import mode_s
from skysentry.wire.beast import MLAT_STAMP, BeastDecoder, elapsed_ns

NAME = "beast"
CHUNK_BYTES = 65_536
GPS_RATE_HZ = 1e9


def matches(head: bytes, name: str) -> bool:
    """Return whether the head is mostly Beast messages that hold well-formed frames."""
    decoder = BeastDecoder()
    frames = decoder.feed(head)
    good = [frame for frame in frames if mode_s.well_formed(frame.payload)]
    # Nine of ten frames, and nine of ten bytes: rubbish with a lucky 0x1a in it has neither.
    return bool(good) and 10 * len(good) >= 9 * len(frames) and 10 * decoder.skipped_bytes <= len(head)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield a `Packet` a frame, and a `Health` at the end where bytes were skipped."""
    sensor = options.sensor_of(path)
    gps = options.rate_hz == GPS_RATE_HZ
    decoder = BeastDecoder()
    time_ns, stamp, count = options.start_ns, None, 0
    for chunk in _chunks(path):
        frames = decoder.feed(chunk)
        if not count and 2 * decoder.skipped_bytes > len(chunk):
            raise FormatError("not Beast messages", where=str(path), hint="say what the file holds with --as")
        for frame in frames:
            if frame.stamp != MLAT_STAMP:
                time_ns = max(0, time_ns + (elapsed_ns(stamp, frame.stamp, gps) if stamp is not None else 0))
                stamp = frame.stamp
            yield Packet(
                id=f"{sensor}:{count}",
                time_ns=time_ns,
                received_ns=time_ns,
                sensor=sensor,
                link=LinkKind.MODE_S,
                data=frame.payload,
            )
            count += 1
    if not count and not decoder.other_messages:
        raise FormatError("no Beast message in it", where=str(path), hint="say what the file holds with --as")
    yield from _end(path, sensor, time_ns, count, decoder)


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None


def _end(path: Path, sensor: str, time_ns: int, count: int, decoder: BeastDecoder) -> Iterator[Health]:
    if decoder.skipped_bytes or decoder.cut_messages:
        yield health(
            sensor,
            time_ns,
            HealthState.DEGRADED,
            f"{path.name}: {decoder.skipped_bytes} bytes skipped, {decoder.cut_messages} messages cut short",
            "the recording may be damaged or have gaps",
            (
                ("frames", count),
                ("bytes_skipped", decoder.skipped_bytes),
                ("messages_cut", decoder.cut_messages),
                ("messages_ignored", decoder.other_messages),
            ),
            part="file",
        )
