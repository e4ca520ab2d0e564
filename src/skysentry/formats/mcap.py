"""Recordings: MCAP (mcap.dev/spec) with our events as JSON, written ahead so that a crash loses nothing.

A recording is a folder of segments (0001.mcap, 0002.mcap, …), each a whole MCAP file with the topics

    site          the `Site` in force, once at the start of a segment
    state         a snapshot of the stages (bytes of `Stage.snapshot`); log_time is the grid instant it is of
    alert           the newest revision of each alert in force, after each snapshot
    in/TYPE       what the stages took, one event a message; log_time is the arrival, publish_time the event's time
    step          a grid instant about to be stepped: everything above it that is not yet stepped belongs to it
    out/TYPE      what the stages made of it; log_time is the grid instant

Live segments are unchunked, for a chunk would hold messages back from the disk; `compact` rewrites a closed segment
with zstd chunks. A crash leaves a segment without its end: the reader takes what is whole and says that it did.
"""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from mcap.exceptions import McapError
from mcap.records import Channel, Message
from mcap.stream_reader import CRCValidationError, StreamReader
from mcap.writer import CompressionType, IndexType, Writer
from zstandard import ZstdError

from skysentry.errors import FormatError
from skysentry.events import Alert, AnyEvent, HealthState, Truth, decode, encode, health
from skysentry.formats import ReadOptions
from skysentry.site import Site

NAME = "mcap"
MAGIC = b"\x89MCAP0\r\n"
SUFFIX = ".mcap"
# A larger record than any batch or snapshot here can make is damage.
MAX_RECORD_BYTES = 256 * 2**20
# What the library lets out when it meets damaged bytes: its own errors, and those of the parts it is made of.
_DAMAGE = (
    McapError,
    CRCValidationError,
    struct.error,
    zlib.error,
    ZstdError,
    ValueError,
    KeyError,
    OverflowError,
    RuntimeError,
    MemoryError,
)


class Record(NamedTuple):
    """One message of a segment."""

    topic: str
    time_ns: int
    data: bytes

    def event(self) -> AnyEvent:
        """Return the event of an in/ or out/ record."""
        return decode(self.data)


class SegmentWriter:
    """Appends to one segment. Nothing is on its way to the disk before `flush`."""

    def __init__(self, path: Path, site: Site, *, compressed: bool = False) -> None:
        self._file: BinaryIO = path.open("xb")
        self._writer = (
            Writer(self._file)
            if compressed
            else Writer(self._file, compression=CompressionType.NONE, index_types=IndexType.NONE, use_chunking=False)
        )
        self._channels: dict[str, int] = {}
        self._writer.start(profile="skysentry", library="skysentry")
        self.message("site", 0, msgspec.json.encode(site))

    def inputs(self, events: Sequence[AnyEvent]) -> None:
        """Append what is about to be stepped."""
        for event in events:
            self.message(f"in/{_tag(event)}", event.received_ns, encode(event), event.time_ns)

    def step(self, now_ns: int) -> None:
        """Append the grid instant that closes the inputs above."""
        self.message("step", now_ns, b"{}")

    def outputs(self, now_ns: int, events: Sequence[AnyEvent]) -> None:
        """Append what the stages made at a grid instant."""
        for event in events:
            self.message(f"out/{_tag(event)}", now_ns, encode(event), event.time_ns)

    def state(self, now_ns: int, snapshot: bytes, alerts: Sequence[Alert] = ()) -> None:
        """Append a snapshot of the stages, and the alerts in force then."""
        self.message("state", now_ns, snapshot)
        for alert in alerts:
            self.message("alert", now_ns, encode(alert), alert.time_ns)

    def message(self, topic: str, time_ns: int, data: bytes, publish_ns: int | None = None) -> None:
        """Append one message."""
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = self._register(topic)
        self._writer.add_message(channel, time_ns, data, time_ns if publish_ns is None else publish_ns)

    def flush(self) -> None:
        """Hand everything to the operating system: from here on a killed process loses nothing of it."""
        self._file.flush()

    def fileno(self) -> int:
        """Return the file's descriptor, for fsync."""
        return self._file.fileno()

    def tell(self) -> int:
        """Return the size so far, bytes."""
        return self._file.tell()

    def abandon(self) -> None:
        """Close the file without its end, after a write that failed."""
        with contextlib.suppress(OSError):
            self._file.close()

    def close(self) -> None:
        """Write the end and close."""
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.close()

    def _register(self, topic: str) -> int:
        side, _, tag = topic.partition("/")
        if not tag:
            return self._writer.register_channel(topic, "json" if side != "state" else "msgpack", 0)
        kind = next(kind for kind in AnyEvent.__args__ if kind.__struct_config__.tag == tag)
        schema = self._writer.register_schema(
            kind.__name__, "jsonschema", json.dumps(msgspec.json.schema(kind)).encode()
        )
        return self._writer.register_channel(topic, "json", schema)


def matches(head: bytes, name: str) -> bool:
    """Tell whether a file begins as an MCAP file."""
    return head.startswith(MAGIC)


def records(path: Path, damage: list[str] | None = None) -> Iterator[Record]:
    """Yield the messages of a segment in file order; where the rest cannot be read, `damage` gets the reason."""
    topics: dict[int, str] = {}
    with path.open("rb") as file:
        try:
            for record in StreamReader(file, record_size_limit=MAX_RECORD_BYTES).records:
                if isinstance(record, Channel):
                    topics[record.id] = record.topic
                elif isinstance(record, Message):
                    yield Record(topics[record.channel_id], record.log_time, record.data)
        except _DAMAGE as error:
            if damage is not None:
                damage.append(f"{type(error).__name__} {error}".strip())


def segments(path: Path) -> list[Path]:
    """Return the segments of a recording folder in order, or the one file given."""
    if not path.is_dir():
        return [path]
    return sorted(part for part in path.glob(f"*{SUFFIX}") if part.is_file())


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield what the stages took when the segment was recorded; a truncated or damaged end becomes a `Health`."""
    damage: list[str] = []
    last_ns = options.start_ns
    good = 0
    for record in records(path, damage):
        if not record.topic.startswith("in/"):
            continue
        try:
            event = record.event()
        except FormatError:
            damage.append("an event that cannot be read")
            continue
        last_ns, good = max(last_ns, event.received_ns), good + 1
        yield event
    if damage and not good and not any(True for _ in records(path)):
        raise FormatError(f"not a recording: {damage[0]}", where=str(path), hint="the file is damaged from its start")
    if damage:
        yield health(
            options.sensor_of(path),
            last_ns,
            HealthState.DEGRADED,
            f"the recording ends early or is damaged ({damage[0]}); {good} events before it are whole",
            "expected after a crash or power cut; nothing to do",
            (("events", good), ("damaged", len(damage))),
            part="file",
        )


def site_of(path: Path) -> Site | None:
    """Return the site that a segment was recorded with."""
    for record in records(path):
        if record.topic == "site":
            try:
                return msgspec.json.decode(record.data, type=Site)
            except msgspec.DecodeError:
                return None
    return None


def outputs(path: Path) -> Iterator[AnyEvent]:
    """Yield what the stages made when the segment was recorded."""
    for record in records(path):
        if record.topic.startswith("out/"):
            yield record.event()


def write(path: Path, site: Site, inputs: Sequence[AnyEvent]) -> None:
    """Write inputs as one closed segment."""
    writer = SegmentWriter(path, site, compressed=True)
    writer.inputs([event for event in inputs if not isinstance(event, Truth)])
    writer.close()


def compact(path: Path) -> None:
    """Rewrite a closed segment with compressed chunks, in place and atomically; a full disk leaves it as it was."""
    site = site_of(path)
    if site is None:
        return
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        writer = SegmentWriter(part, site, compressed=True)
        for record in records(path):
            if record.topic != "site":
                writer.message(record.topic, record.time_ns, record.data)
        writer.close()
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


def _tag(event: AnyEvent) -> str:
    return str(type(event).__struct_config__.tag)
