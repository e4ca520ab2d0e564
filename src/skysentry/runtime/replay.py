"""Files in, events out: the same pipeline over any recording or raw file, merged by time of arrival."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path

from skysentry.events import AnyEvent, Truth
from skysentry.formats import ReadOptions, mcap, read
from skysentry.runtime import pipeline
from skysentry.site import Site


def inputs(paths: Sequence[Path], options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield the events of all files in order of arrival; folders are recordings. Truth is left out.

    Each file is taken to be in order of arrival but for what `batches` bears: an event that is early waits for nothing.
    """
    streams = [read(part, options) for path in paths for part in mcap.segments(path)]
    merged: Iterator[AnyEvent] = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=_arrival)
    return (event for event in merged if not isinstance(event, Truth))


def recorded_site(paths: Sequence[Path]) -> Site | None:
    """Return the site that the first recording among the files was made with."""
    for path in paths:
        for part in mcap.segments(path):
            with part.open("rb") as file:
                head = file.read(8)
            if mcap.matches(head, part.name):
                return mcap.site_of(part)
    return None


def replay(
    paths: Sequence[Path], site: Site, options: ReadOptions, until: pipeline.Until = "alerts"
) -> Iterator[AnyEvent]:
    """Yield what the pipeline makes of files, and the `Health` that their readers give."""
    return pipeline.run(inputs(paths, options), site, until)


def _arrival(event: AnyEvent) -> int:
    return event.received_ns
