"""Raw radio samples, interleaved I and Q without a header: only a person can say what they are.

    --as     sample                                   dtype of the block
    cf32     two float32, little endian               complex64
    cs16     two int16, little endian                 int16, shape (n, 2)
    cs8      two int8                                 int8, shape (n, 2)
    cu8      two uint8, 127.5 is zero (RTL-SDR)       uint8, shape (n, 2)

`--rate` is required. Samples are handed on as they are, half a second at most a block. An odd rest at the end is
counted. SigMF, which has a header, is `sigmf`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent, Block, HealthState, health
from skysentry.formats import ReadOptions

NAME = "cf32"
# Bytes a sample, numpy's name of one value, values a sample.
SAMPLES = {"cf32": (8, "complex64", 1), "cs16": (4, "int16", 2), "cs8": (2, "int8", 2), "cu8": (2, "uint8", 2)}
BLOCK_S = 0.5
# 50 Msps as cf32 for half a second are 200 MB; a stage that follows wants less at once.
MOST_BLOCK_BYTES = 16_000_000


class Stretch(Struct, frozen=True):
    """Samples of a file from `first` on, `count` of them or all: their rate, tuning and the time of the first."""

    rate_hz: float
    centre_hz: float | None
    start_ns: int
    first: int = 0
    count: int | None = None


def matches(head: bytes, name: str) -> bool:
    """Return false: any bytes could be samples."""
    return False


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield the samples in blocks. Raises `InputError` without a rate, `FormatError` where there is no whole sample."""
    if options.rate_hz is None:
        raise InputError("radio samples do not tell their rate", where=str(path), hint="say it: --rate 50e6")
    stretch = Stretch(options.rate_hz, options.centre_hz, options.start_ns)
    yield from blocks(path, options.sensor_of(path), options.format or NAME, stretch)


def blocks(path: Path, sensor: str, kind: str, stretch: Stretch) -> Iterator[AnyEvent]:
    """Yield the samples of a stretch of a file in blocks, and what is left over as a `Health`."""
    size, dtype, values = SAMPLES[kind]
    most = max(1, min(MOST_BLOCK_BYTES // size, int(stretch.rate_hz * BLOCK_S)))
    done, rest, now_ns = 0, b"", stretch.start_ns
    with path.open("rb") as file:
        file.seek(stretch.first * size)
        while stretch.count is None or done < stretch.count:
            wanted = most if stretch.count is None else min(most, stretch.count - done)
            rest = file.read(wanted * size)
            count = len(rest) // size
            if not count:
                break
            time_ns = stretch.start_ns + int(done / stretch.rate_hz * 1e9)
            done += count
            now_ns = stretch.start_ns + int(done / stretch.rate_hz * 1e9)
            data, rest = rest[: count * size], rest[count * size :]
            yield Block(
                id=f"{sensor}:{time_ns}",
                time_ns=time_ns,
                received_ns=now_ns,
                sensor=sensor,
                rate_hz=stretch.rate_hz,
                dtype=dtype,
                shape=(count, values),
                data=data,
                centre_hz=stretch.centre_hz,
            )
            if rest:
                break
    if not done:
        raise FormatError("not one whole sample", where=str(path), hint="say what the file holds with --as")
    if rest:
        reason = f"{len(rest)} bytes at the end are no whole sample"
        mend = "another --as, or a recording that was cut off"
        yield health(sensor, now_ns, HealthState.DEGRADED, reason, mend, (("bytes_left", len(rest)),), part="file")
