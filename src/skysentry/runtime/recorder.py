"""The recording of a running system: a folder of segments, written ahead.

Order of writing, each time: inputs and the grid instant, flush; then the stages step; then the outputs, flush; then
delivery. So at any kill the folder holds every input that any output came from. A segment begins with a snapshot, so
that resuming needs the newest whole one only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from skysentry.errors import InputError
from skysentry.events import Alert, AnyEvent, Order
from skysentry.formats import mcap
from skysentry.site import Site

# A segment of 64 MB reads in seconds; ten minutes bound what a restart looks at.
SEGMENT_BYTES = 64_000_000
SEGMENT_NS = 600_000_000_000
# Re-stepping ten seconds costs a fraction of one.
SNAPSHOT_NS = 10_000_000_000
# What a power cut may take; a killed process loses nothing.
FSYNC_NS = 1_000_000_000


class Recorder:
    """Writes segments into `folder`; `close` ends the last one."""

    def __init__(self, folder: Path, site: Site) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(error.strerror or str(error), where=str(folder), hint="choose another --data") from None
        self.folder = folder
        self._site = site
        self._segment: mcap.SegmentWriter | None = None
        self._path = folder
        self._opened_ns = self._snapshot_ns = self._synced_ns = 0
        self._compacting: threading.Thread | None = None

    def append(self, now_ns: int, inputs: Sequence[AnyEvent]) -> None:
        """Append what is about to be stepped at a grid instant, and hand it to the disk."""
        segment = self._segment
        if segment is None:
            raise InputError("the recorder has no segment", hint="call `begin` with a snapshot first")
        segment.inputs(inputs)
        segment.step(now_ns)
        segment.flush()

    def outputs(self, now_ns: int, events: Sequence[AnyEvent]) -> None:
        """Append what the stages made of it."""
        segment = self._segment
        if segment is None or not events:
            return
        segment.outputs(now_ns, events)
        segment.flush()
        if now_ns - self._synced_ns >= FSYNC_NS:
            os.fsync(segment.fileno())
            self._synced_ns = now_ns

    def wants_snapshot(self, now_ns: int) -> bool:
        """Tell whether the next snapshot is due."""
        return self._segment is None or now_ns - self._snapshot_ns >= SNAPSHOT_NS

    def snapshot(self, now_ns: int, state: bytes, alerts: Sequence[Alert]) -> None:
        """Append a snapshot and the alerts in force; begins a new segment where the old one is full or old."""
        segment = self._segment
        if segment is None or now_ns - self._opened_ns >= SEGMENT_NS or segment.tell() >= SEGMENT_BYTES:
            segment = self.begin(now_ns)
        segment.state(now_ns, state, alerts)
        segment.flush()
        self._snapshot_ns = now_ns

    def begin(self, now_ns: int) -> mcap.SegmentWriter:
        """Close the segment at hand and open the next."""
        finished = self._path if self._segment is not None else None
        self.close()
        last = max((int(path.stem) for path in mcap.segments(self.folder) if path.stem.isdigit()), default=0)
        self._path = self.folder / f"{last + 1:06d}{mcap.SUFFIX}"
        try:
            self._segment = mcap.SegmentWriter(self._path, self._site)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            raise InputError(error.strerror or str(error), where=str(self._path), hint="is the disk full?") from None
        self._opened_ns = now_ns
        if finished is not None:
            self._compacting = threading.Thread(target=mcap.compact, args=(finished,), name="compact")
            self._compacting.start()
        return self._segment

    def abandon(self) -> None:
        """Let go of a segment that cannot be written; what is whole of it stays readable."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None

    def close(self) -> None:
        """End the segment at hand."""
        if self._compacting is not None:
            self._compacting.join()
            self._compacting = None
        if self._segment is not None:
            self._segment.flush()
            os.fsync(self._segment.fileno())
            self._segment.close()
            self._segment = None


@dataclass
class Resumption:
    """What a recording folder says of where it stopped: the last snapshot and what came after it.

    `made` are the ids of outputs already recorded after it, `alerts` the newest revision of each alert.
    """

    site: Site | None
    state_ns: int
    state: bytes
    inputs: list[AnyEvent]
    made: set[str]
    alerts: dict[str, Alert]
    last_step_ns: int


def resumption(folder: Path) -> Resumption | None:
    """Return where a recording stopped, or `None` where there is nothing to resume.

    Raises `FormatError` where events were written by a version that this one does not understand.
    """
    paths = mcap.segments(folder) if folder.is_dir() else []
    for index in range(len(paths) - 1, -1, -1):
        found = _after_last_snapshot(paths[index:])
        if found is not None:
            return found
    return None


def _after_last_snapshot(paths: Sequence[Path]) -> Resumption | None:
    found: Resumption | None = None
    for record in _records(paths):
        if record.topic == "state":
            alerts = found.alerts if found else {}
            found = Resumption(None, record.time_ns, record.data, [], set(), alerts, record.time_ns)
        elif found is None:
            continue
        elif record.topic.startswith("in/"):
            found.inputs.append(record.event())
        elif record.topic.startswith(("out/", "alert")):
            event = record.event()
            found.made.add(event.id)
            if isinstance(event, Alert):
                found.alerts[event.alert_id] = event
        elif record.topic == "step":
            found.last_step_ns = record.time_ns
    if found is not None:
        found.site = mcap.site_of(paths[0])
    return found


def _records(paths: Sequence[Path]) -> Iterator[mcap.Record]:
    for path in paths:
        yield from mcap.records(path)


def orders(folder: Path) -> Iterator[Order]:
    """Yield what people decided, from the whole recording."""
    for record in _records(mcap.segments(folder) if folder.is_dir() else []):
        event = record.event() if record.topic == "in/order" else None
        if isinstance(event, Order):
            yield event
