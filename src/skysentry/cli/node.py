"""`skysentry run` on a node: a site file with an [uplink]. Loads nothing of tracking, store or screen."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skysentry.errors import ConfigError, InputError
from skysentry.events import AnyEvent, Health, HealthState, Scan, encode
from skysentry.site import Site

if TYPE_CHECKING:
    from skysentry.runtime.clips import Clips


async def watch(site: Site, data: Path, as_json: bool) -> None:
    """Hear, and send what is heard to the site, until a signal."""
    from skysentry.runtime.clock import WallClock
    from skysentry.runtime.links import open_link
    from skysentry.runtime.live import Loop
    from skysentry.runtime.node import NodeEngine, run
    from skysentry.runtime.sources import Inbox

    if site.uplink is None:
        raise InputError("no [uplink]", hint="docs/node.md")
    quiet = [sensor.id for sensor in site.sensors if not sensor.link]
    if quiet:
        raise ConfigError("a node's sensor needs a link", where=quiet[0], hint="docs/links.md")
    clock, inbox = WallClock(), Inbox()
    engine = NodeEngine(site, site.uplink, data, clock)
    links = [open_link(sensor, clock) for sensor in site.sensors]
    clips = _clips(site, data, inbox.put)

    def publish(now_ns: int, events: Sequence[AnyEvent]) -> None:
        _show(events, as_json)
        if clips is not None:
            clips.take(now_ns, events)

    loop = Loop(engine, [inbox], clock, publish)
    host, port = engine.uplink.site
    click.echo(f"{site.name}: a node with {len(links)} sensors, its site is {host}:{port}", err=True)
    jobs = [loop.run(), engine.uplink.run(), *(link.run(inbox.put) for link in links)]
    tasks = [asyncio.create_task(job) for job in jobs]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, tasks[0].cancel)
    try:
        await run(tasks)
    finally:
        engine.close()
        if clips is not None:
            clips.close()


def _clips(site: Site, data: Path, tell: Callable[[AnyEvent], None]) -> Clips | None:
    """Return what keeps clips, if the site wants them; else nothing of it is loaded."""
    if site.keep_sound is None:
        return None
    from skysentry.runtime.clips import Clips

    return Clips(data / "clips", site.keep_sound, tell)


def _show(events: Sequence[AnyEvent], as_json: bool) -> None:
    for event in dict.fromkeys(event for event in events if isinstance(event, Scan | Health)):
        if as_json:
            sys.stdout.buffer.write(encode(event) + b"\n")
        elif isinstance(event, Health) and event.state is not HealthState.OK:
            click.echo(
                f"{event.source} {event.state}: {event.reason}" + (f" ({event.mend})" if event.mend else ""), err=True
            )
        elif isinstance(event, Health):
            click.echo(f"{event.source}: {event.reason}", err=True)
        elif event.detections:
            click.echo(f"{event.sensor} hears something: {event.detections[0].class_llr}")
    sys.stdout.flush()
