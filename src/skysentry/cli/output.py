"""What commands print: events as JSON lines or as lines for people, and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

from skysentry.events import Alert, AnyEvent, Health, HealthState, Scan, Track, encode
from skysentry.runtime.deliver import line as alert_line

T = TypeVar("T")
# A terminal takes ten updates a second without flicker.
PROGRESS_EVERY = 500


def print_json(event: AnyEvent) -> None:
    """Write one event as a line of JSON to stdout."""
    sys.stdout.buffer.write(encode(event) + b"\n")


def print_line(event: AnyEvent) -> None:
    """Write one event as a line for people: alerts and tracks to stdout, what goes wrong to stderr."""
    match event:
        case Alert():
            _say(alert_line(event, event.zone))
        case Track():
            place = f"{event.lat_deg:.5f} {event.lon_deg:.5f} {event.alt_m:.0f} m"
            _say(f"{seconds(event.time_ns)} track {event.track_id} {event.status} {place}  {event.why}")
        case Scan():
            _say(f"{seconds(event.time_ns)} {event.sensor}: {len(event.detections)} detections")
        case Health(state=HealthState.OK):
            _say(f"{event.source}: {event.reason}", err=True)
        case Health():
            mend = f" ({event.mend})" if event.mend else ""
            _say(f"{event.source} {event.state}: {event.reason}{mend}", err=True)


def _say(text: str, err: bool = False) -> None:
    """Print without the control characters that a transmitter may have put into its name."""
    click.echo("".join(c if c.isprintable() else "?" for c in text), err=err)


def printer(as_json: bool, *kinds: type[AnyEvent]) -> Callable[[AnyEvent], None]:
    """Return the way to print events of these kinds; others are passed over."""
    write = print_json if as_json else print_line

    def show(event: AnyEvent) -> None:
        if isinstance(event, kinds):
            write(event)

    return show


def progress(items: Iterable[T], label: str, length: int | None = None) -> Iterator[T]:
    """Yield items under a progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(
        items, length=length, label=label, file=sys.stderr, show_pos=True, update_min_steps=PROGRESS_EVERY
    ) as shown:
        yield from shown


def seconds(time_ns: int) -> str:
    """Return a time of day in UTC, to the second."""
    whole = time_ns // 1_000_000_000
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}Z"
