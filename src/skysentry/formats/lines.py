"""Text files of one message a line, plain or gzip: numbered lines, and a tally of those that could not be used.

A line is capped, damage in the compressed data ends the file, and either counts as one bad line, so that what is good
in a damaged file is kept. A file without one good line is not what it was said to be: `FormatError`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from skysentry.errors import FormatError, InputError
from skysentry.events import Health, HealthState, health

# Messages here have at most a few hundred bytes.
LINE_BYTES = 65_536
GZIP_MAGIC = b"\x1f\x8b"
# What a compressed head may unfold to while a format is sniffed.
HEAD_BYTES = 16_384


class Tally:
    """How many lines were good and bad, and what was wrong with the first bad one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.good = 0
        self.bad = 0
        self.ignored = 0
        self.first_bad = ""

    def refuse(self, number: int, why: str) -> None:
        """Count a bad line."""
        self.bad += 1
        self.first_bad = self.first_bad or f"line {number}: {why}"

    def close(self, sensor: str, time_ns: int) -> Iterator[Health]:
        """Yield a `Health` where lines were bad. Raises `FormatError` where none was good."""
        if not self.good and not self.ignored:
            raise FormatError(
                f"not one line could be read; {self.first_bad or 'the file is empty'}",
                where=str(self.path),
                hint="say what the file holds with --as",
            )
        if self.bad:
            yield health(
                sensor,
                time_ns,
                HealthState.DEGRADED,
                f"{self.bad} lines of {self.path.name} could not be read; the first: {self.first_bad}",
                "the file may be damaged or hold something else in between",
                (("lines_good", self.good), ("lines_bad", self.bad), ("lines_ignored", self.ignored)),
                part="file",
            )


def numbered(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, line without its end and without a byte-order mark), `None` for what is unreadable."""
    number = 0
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == GZIP_MAGIC
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                if len(line) > LINE_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(LINE_BYTES)
                    yield number, None
                else:
                    yield number, _without_mark(line) if number == 1 else line.rstrip(b"\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield number + 1, None
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None


def head_lines(head: bytes) -> list[bytes]:
    """Return the whole lines in the head of a file, unpacked where it is gzip, blank ones left out."""
    if head.startswith(GZIP_MAGIC):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return []
    lines = _without_mark(head).split(b"\n")
    whole = lines[:-1] if len(lines) > 1 else lines
    return [line.rstrip(b"\r") for line in whole if line.strip()]


def _without_mark(text: bytes) -> bytes:
    return text.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
