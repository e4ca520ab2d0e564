"""What a node has said and its site has not confirmed: on disk, bounded, whole again after `kill -9` or a power cut.

    folder/0000000001.spool …   records: length, CRC-32, number, kind, content (wire.node items)
    folder/epoch                a random number that lives as long as the spool

Every event is a record before it is sent. Confirmations are records too (`kind` 2, ranges of numbers), so a restart
knows what is still due; a segment all of which is confirmed is deleted. What is lost of confirmations is sent twice,
and the site knows it by its number.

    killed process     loses nothing: each record is handed to the system at once
    power cut          loses silence younger than `SYNC_NS`; detections and health are on the disk before they are sent
    torn last record   told by its length or CRC, cut off, counted (`damaged`)
    full               the oldest silence goes first, then the oldest detections; counted. What is dropped was never
                       a look as far as the site knows: it reads as "not listening", never as silence

Numbers rise and jump by 2²⁰ at a start, so that one lost in a power cut is never given to another event.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from skysentry.errors import DecodeError, InputError
from skysentry.events import AnyEvent, Scan
from skysentry.wire import node as wire

# An hour of one microphone; small, for a full spool is cut segment by segment.
SEGMENT_BYTES = 256_000
# An SD card bears some writes a minute for years; five seconds of silence are little evidence.
SYNC_NS = 5_000_000_000
JUMP = 1 << 20
_HEAD = struct.Struct(">IIQB")
SILENCE, WORD, CONFIRMED = range(3)
DONE = 255
SUFFIX = ".spool"


class Segment:
    """One file: the numbers of its records and whether each still waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.numbers = array("Q")
        self.kinds = bytearray()
        self.waiting = [0, 0]  # silences, words

    def add(self, number: int, kind: int) -> None:
        """Note a record that waits."""
        self.numbers.append(number)
        self.kinds.append(kind)
        self.waiting[kind] += 1

    def confirm(self, first: int, last: int) -> None:
        """Note that records need not wait any more."""
        at = bisect_left(self.numbers, first)
        while at < len(self.numbers) and self.numbers[at] <= last:
            if self.kinds[at] != DONE:
                self.waiting[self.kinds[at]] -= 1
                self.kinds[at] = DONE
            at += 1

    def due(self, after: int) -> Iterator[int]:
        """Yield the numbers after one that still wait."""
        for at in range(bisect_left(self.numbers, after + 1), len(self.numbers)):
            if self.kinds[at] != DONE:
                yield self.numbers[at]


class Spool:
    """The unconfirmed events of a node, in `most_bytes`. Raises `InputError` where the folder cannot be used."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, max(most_bytes, 4 * SEGMENT_BYTES)
        self.counts: dict[str, int] = {}
        self.segments: list[Segment] = []
        self._synced_ns = self._last = 0
        self._torn = False
        self._cache: tuple[Path, int, dict[int, bytes]] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.epoch = self._epoch()
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                self._load(path)
            self.next = (self._last // JUMP + 1) * JUMP
            self._begin()
            self._clean()
        except OSError as error:
            raise InputError(error.strerror or str(error), where=str(folder), hint="choose another --data") from None

    @property
    def waiting(self) -> int:
        """How many events are not confirmed."""
        return sum(sum(segment.waiting) for segment in self.segments)

    @property
    def size(self) -> int:
        """How many bytes are on the disk."""
        return sum(segment.size for segment in self.segments)

    def append(self, now_ns: int, events: Sequence[AnyEvent]) -> list[int]:
        """Write events and return their numbers; what cannot be written is counted (`unwritten`), and has a number."""
        if not events:
            return []
        numbers = list(range(self.next, self.next + len(events)))
        self.next += len(events)
        kinds = [SILENCE if isinstance(event, Scan) and not event.detections else WORD for event in events]
        written = 0
        try:
            for number, kind, event in zip(numbers, kinds, events, strict=True):
                self._write(number, kind, msgspec.msgpack.encode(wire.items([event])))
                written += 1
            self._sync(now_ns, at_once=WORD in kinds)
        except OSError:
            self._count("unwritten", len(events) - written)
        return numbers

    def confirm(self, numbers: Sequence[tuple[int, int]]) -> None:
        """Note that the site has these ranges of numbers."""
        for first, last in numbers:
            for segment in self.segments:
                if segment.numbers and segment.numbers[0] <= last and segment.numbers[-1] >= first:
                    segment.confirm(first, last)
        with contextlib.suppress(OSError):  # then they are sent once more after a restart
            self._write(self.next, CONFIRMED, msgspec.msgpack.encode(numbers))
            self._clean()

    def read(self, after: int, before: int, most: int) -> list[tuple[int, AnyEvent]]:
        """Return the oldest waiting events with numbers between two, from one segment at most."""
        for segment in self.segments:
            if not segment.numbers or segment.numbers[-1] <= after:
                continue
            due = [number for _, number in zip(range(most), segment.due(after), strict=False) if number < before]
            if due:
                return self._events(segment, due)
        return []

    def close(self) -> None:
        """Hand everything to the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()

    def _events(self, segment: Segment, due: Sequence[int]) -> list[tuple[int, AnyEvent]]:
        if self._cache is None or self._cache[:2] != (segment.path, segment.size):
            records = {number: data for number, kind, data in self._records(segment.path) if kind != CONFIRMED}
            self._cache = (segment.path, segment.size, records)
        made: list[tuple[int, AnyEvent]] = []
        for number in due:
            try:
                items = msgspec.msgpack.decode(self._cache[2][number], type=list[wire.Quiet | wire.Whole])
                made += ((number, event) for event in wire.events(items))
            except (KeyError, msgspec.DecodeError, DecodeError):
                self._count("damaged", 1)
                segment.confirm(number, number)
        return made

    def _epoch(self) -> int:
        path = self.folder / "epoch"
        with contextlib.suppress(OSError, ValueError):
            return int(path.read_text()) & (2**63 - 1)
        made = secrets.randbits(62)
        path.write_text(f"{made}\n")
        return made

    def _load(self, path: Path) -> None:
        segment = Segment(path)
        whole = 0
        for number, kind, data in self._records(path):
            whole += _HEAD.size + len(data)
            self._last = max(self._last, number)
            if kind == CONFIRMED:
                for first, last in msgspec.msgpack.decode(data, type=list[tuple[int, int]]):
                    for each in (*self.segments, segment):
                        each.confirm(first, last)
            else:
                segment.add(number, kind)
        if whole < path.stat().st_size:
            self._count("damaged", 1)
        segment.size = whole
        self.segments.append(segment)

    def _records(self, path: Path) -> Iterator[tuple[int, int, bytes]]:
        """Yield the whole records of a file, up to the first that is torn."""
        data = path.read_bytes()
        at = 0
        while at + _HEAD.size <= len(data):
            length, crc, number, kind = _HEAD.unpack_from(data, at)
            content = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(content) < length or kind > CONFIRMED or zlib.crc32(data[at + 8 : at + 17] + content) != crc:
                return
            yield number, kind, content
            at += _HEAD.size + length

    def _write(self, number: int, kind: int, content: bytes) -> None:
        record = _record(number, kind, content)
        if self._torn or self.segments[-1].size + len(record) > SEGMENT_BYTES:
            self._end()
            self._begin()
            self._shrink()
        self._put(record)
        if kind != CONFIRMED:
            self.segments[-1].add(number, kind)

    def _put(self, record: bytes) -> None:
        """Write a record whole, or go on in another segment: what follows a torn one is not read."""
        self._torn = True
        if self._file.write(record) != len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        self.segments[-1].size += len(record)

    def _sync(self, now_ns: int, at_once: bool) -> None:
        if at_once or not 0 <= now_ns - self._synced_ns < SYNC_NS:
            os.fsync(self._file.fileno())
            self._synced_ns = now_ns

    def _begin(self) -> None:
        """Open the next segment; its first record says which numbers were given."""
        stems = [int(segment.path.stem) for segment in self.segments if segment.path.stem.isdigit()]
        path = self.folder / f"{max(stems, default=0) + 1:010d}{SUFFIX}"
        self._file = path.open("xb", buffering=0)
        self.segments.append(Segment(path))
        self._put(_record(self.next, CONFIRMED, msgspec.msgpack.encode([])))
        os.fsync(self._file.fileno())
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()

    def _clean(self) -> None:
        """Delete what is confirmed."""
        for segment in self.segments[:-1]:
            if not any(segment.waiting):
                segment.path.unlink(missing_ok=True)
                self.segments.remove(segment)

    def _shrink(self) -> None:
        """Drop the oldest silence until there is room, then the oldest of all."""
        while self.size > self.most_bytes - SEGMENT_BYTES and len(self.segments) > 1:
            older = self.segments[:-1]
            silent = next((segment for segment in older if segment.waiting[SILENCE]), None)
            victim = silent or older[0]
            self._count("silences_dropped", victim.waiting[SILENCE])
            if silent is None or not silent.waiting[WORD]:
                self._count("detections_dropped", victim.waiting[WORD])
                victim.path.unlink(missing_ok=True)
                self.segments.remove(victim)
            else:
                self._rewrite(silent)

    def _rewrite(self, segment: Segment) -> None:
        """Keep what is no silence of a segment, and waits."""
        words = set(segment.due(-1)) & {n for n, k in zip(segment.numbers, segment.kinds, strict=True) if k == WORD}
        fresh, parts = Segment(segment.path), []
        for number, kind, content in self._records(segment.path):
            if number in words and kind == WORD:
                parts.append(_record(number, kind, content))
                fresh.add(number, kind)
        whole = b"".join(parts)
        fresh.size = len(whole)
        beside = segment.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(segment.path)
        self.segments[self.segments.index(segment)] = fresh

    def _count(self, kind: str, number: int) -> None:
        if number:
            self.counts[kind] = self.counts.get(kind, 0) + number


def _record(number: int, kind: int, content: bytes) -> bytes:
    body = struct.pack(">QB", number, kind) + content
    return struct.pack(">II", len(content), zlib.crc32(body)) + body
