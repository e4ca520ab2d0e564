"""JSON Lines: one event a line, as `events.encode` writes it (docs/events.md shows one line of each noun).

The way to bring any other sensor, and any benchmark. UTF-8, lines end in LF or CR LF, blank lines and a byte-order mark
are passed over; gzip (RFC 1952, several members too) is seen by its magic number and read through. What people write by
hand may leave out what can be derived (`events.complete`).

A file whose first line is no event is not this format: `FormatError`. After that a line that is damaged (a crash cuts
the last one off), longer than `LINE_BYTES`, or lost in a damaged gzip stream is counted and passed over; one `Health`
at the end tells how many and where the first was. Events come in the order of the file; who needs order of arrival
sorts or merges.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from skysentry import events
from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent, Health, HealthState, health
from skysentry.formats import HEAD_BYTES, ReadOptions

NAME = "jsonl"
# The largest event is a Block of raw signal: a second of four channels at 192 kHz in base64 is 4 MB. Longer is rubbish.
LINE_BYTES = 16 * 2**20
CHUNK_BYTES = 2**18
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31  # zlib's word for "a gzip wrapper, the largest window"
BOM = b"\xef\xbb\xbf"
HINT = "docs/events.md shows one line of each kind"

TAGS = frozenset(str(noun.__struct_config__.tag) for noun in get_args(AnyEvent))
# The start of a line too long for the head: only plain members may stand before its "type".
_START = re.compile(rb'\s*+\{(?:\s*+"[^"\\]*+"\s*+:\s*+(?:"[^"\\]*+"|[^"\[\]{},]++)\s*+,)*?\s*+"type"\s*+:\s*+"(\w++)"')


def matches(head: bytes, name: str) -> bool:
    """Return whether the first line that is not blank is an event, or the start of one."""
    if head.startswith(GZIP_MAGIC):
        try:
            head = zlib.decompressobj(GZIP_WINDOW).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    first, end, _ = head.removeprefix(BOM).lstrip().partition(b"\n")
    try:
        fields = msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        start = None if end else _START.match(first)
        return start is not None and start[1].decode("ascii", "replace") in TAGS
    return isinstance(fields, dict) and fields.get("type") in TAGS


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield the events of a file in its order, and a `Health` at the end where lines were passed over.

    Raises `FormatError` where the first line is no event or there is none, `InputError` where the file cannot be read.
    """
    last: AnyEvent | None = None
    damage: list[tuple[int, str]] = []
    bad_lines = 0
    for number, line in _lines(path):
        if isinstance(line, bytes) and not line.strip():
            continue
        try:
            if isinstance(line, FormatError):
                raise line
            event = events.decode(line)
        except FormatError as error:
            if last is None:
                raise FormatError(error.message, where=f"{path}:{number}", hint=error.hint or HINT) from None
            bad_lines += 1
            damage = damage or [(number, error.message)]
            continue
        last = event
        yield event
    if last is None:
        raise FormatError("there is no event in this file", where=str(path), hint=HINT)
    if damage:
        yield _told(path, last, bad_lines, *damage[0])


def write(path: Path, stream: Iterable[AnyEvent]) -> int:
    """Write events, one a line, and return how many; a name that ends in .gz is compressed.

    The same events give the same bytes. Raises `InputError` where the file cannot be written.
    """
    count = 0
    try:
        with path.open("wb") as file, _packed(file, path) as out:
            for event in stream:
                out.write(events.encode(event) + b"\n")
                count += 1
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path and the disk") from None
    return count


def _packed(file: BinaryIO, path: Path) -> AbstractContextManager[BinaryIO | gzip.GzipFile]:
    if path.suffix != ".gz":
        return nullcontext(file)
    return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)


def _lines(path: Path) -> Iterator[tuple[int, bytes | FormatError]]:
    """Yield numbered lines without their ends; in the place of what cannot be read, the reason."""
    number, size = 1, 0
    parts: list[bytes] = []
    try:
        with path.open("rb") as file:
            for chunk in _unpacked(file):
                *whole, rest = chunk.split(b"\n")
                for piece in whole:
                    yield number, _joined([*parts, piece], size + len(piece), number)
                    number, size, parts = number + 1, 0, []
                size += len(rest)
                parts = [*parts, rest] if size <= LINE_BYTES else []
        if size:
            yield number, _joined(parts, size, number)
    except FormatError as error:
        if size:
            yield number, _joined(parts, size, number)
        yield number, error
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None


def _joined(parts: list[bytes], size: int, number: int) -> bytes | FormatError:
    if size > LINE_BYTES:
        return FormatError(f"a line of {size} bytes; the longest event has {LINE_BYTES}", hint=HINT)
    line = parts[0] if len(parts) == 1 else b"".join(parts)
    return line.removeprefix(BOM) if number == 1 else line


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces, through gzip where it is; raises `FormatError` where that is damaged."""
    raw = file.read(CHUNK_BYTES)
    if not raw.startswith(GZIP_MAGIC):
        while raw:
            yield raw
            raw = file.read(CHUNK_BYTES)
        return
    while raw:
        inflater = zlib.decompressobj(GZIP_WINDOW)
        while not inflater.eof:
            if not raw:
                yield inflater.flush()
                raise FormatError("the gzip stream ends too soon", hint="it was cut off while being written or copied")
            try:
                out = inflater.decompress(raw, CHUNK_BYTES)
            except zlib.error as error:
                raise FormatError(f"the gzip stream is damaged: {error}", hint="copy the file again") from None
            if out:
                yield out
            raw = inflater.unused_data if inflater.eof else inflater.unconsumed_tail or file.read(CHUNK_BYTES)
        # Padding with zeros after the last member is allowed.
        raw = raw.lstrip(b"\0") or file.read(CHUNK_BYTES)


def _told(path: Path, last: AnyEvent, bad_lines: int, first_line: int, reason: str) -> Health:
    source = path.name.encode("utf-8", "replace").decode()[:150]
    return health(
        source,
        last.received_ns,
        HealthState.DEGRADED,
        f"{bad_lines} damaged lines were passed over, the first is line {first_line}: {reason}",
        "the other lines were read; compare with the file at its source",
        (("bad_lines", bad_lines), ("first_bad_line", first_line)),
        part="file",
    )
