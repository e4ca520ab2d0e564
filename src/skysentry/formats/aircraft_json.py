"""aircraft.json of readsb, dump1090-fa and tar1090: one document, or one a line as `curl … >> file` collects them.

Each aircraft is a `Packet` with the JSON of its object; its time is the document's `now`, from which the receiver
subtracts the age of the position. `start_ns` is added. See `wire.aircraft_json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from skysentry.errors import DecodeError, FormatError, InputError
from skysentry.events import AnyEvent, HealthState, LinkKind, Packet, health
from skysentry.formats import ReadOptions
from skysentry.wire.aircraft_json import DOCUMENT_BYTES, decode_document

NAME = "aircraft_json"
# `now` and the message count come first; nothing before the list is longer than a few hundred bytes.
_HEAD = re.compile(rb'\s*\{[^\[\]{}]{0,1000}"aircraft"\s*:\s*\[')


def matches(head: bytes, name: str) -> bool:
    """Return whether the head is an object with a list called aircraft, and a time before it."""
    found = _HEAD.match(head.removeprefix(b"\xef\xbb\xbf"))
    return found is not None and b'"now"' in found.group()


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield a `Packet` an aircraft, and a `Health` at the end where documents could not be read."""
    sensor = options.sensor_of(path)
    count = documents = bad = 0
    time_ns, why = options.start_ns, "the file is empty"
    for text in _documents(path):
        try:
            now_ns, aircraft = decode_document(text)
        except DecodeError as error:
            bad, why = bad + 1, str(error)
            continue
        documents, time_ns = documents + 1, options.start_ns + now_ns
        for data in aircraft:
            yield Packet(
                id=f"{sensor}:{count}",
                time_ns=time_ns,
                received_ns=time_ns,
                sensor=sensor,
                link=LinkKind.AIRCRAFT_JSON,
                data=data,
            )
            count += 1
    if not documents:
        raise FormatError(why, where=str(path), hint="say what the file holds with --as")
    if bad:
        yield health(
            sensor,
            time_ns,
            HealthState.DEGRADED,
            f"{bad} documents of {path.name} could not be read; the last: {why}",
            "the file may be damaged",
            (("documents_good", documents), ("documents_bad", bad)),
            part="file",
        )


def _documents(path: Path) -> Iterator[bytes]:
    """Yield the lines where the first is a whole document, else the file as one document."""
    try:
        with path.open("rb") as file:
            first = file.readline(DOCUMENT_BYTES + 1).removeprefix(b"\xef\xbb\xbf")
            if first.count(b"{") != first.count(b"}"):
                yield first + file.read(DOCUMENT_BYTES + 1)
                return
            yield first
            while line := file.readline(DOCUMENT_BYTES + 1):
                if line.strip():
                    yield line
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None
