"""`skysentry run`: the main job on real sensors."""

from __future__ import annotations

import asyncio
import fcntl
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from skysentry import config
from skysentry.cli.options import screen_options
from skysentry.errors import InputError
from skysentry.events import Alert, Health
from skysentry.site import SensorKind, Site


@click.command()
@click.argument("site_file", metavar="SITE.TOML", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=Path("skysentry-data"), show_default=True
)
@click.option("--fresh", is_flag=True, help="do not take up where the last run stopped")
@click.option("--no-screen", is_flag=True, help="no web server")
@click.option("--json", "as_json", is_flag=True, help="alerts and health as JSON lines on stdout")
@screen_options
def command(site_file: Path, data: Path, fresh: bool, no_screen: bool, as_json: bool, host: str, port: int) -> None:
    """Watch a site: sensors in, one track per object, alerts out, everything recorded.

    With an [uplink] in the file it is a node: what its sensors hear goes to its site, as scans, not sound.
    """
    site = config.load(site_file)
    if not any(sensor.link for sensor in site.sensors):
        hint = 'give a sensor a link, e.g. link = "udp://127.0.0.1:7800" (docs/links.md)'
        raise InputError("no sensor has a link: there is nothing to listen to", where=str(site_file), hint=hint)
    if site.uplink is not None:
        from skysentry.cli import node

        with _alone(data):
            asyncio.run(node.watch(site, data, as_json))
        return
    with _alone(data):
        asyncio.run(_watch(site, data, fresh, as_json, None if no_screen else (host, port)))
    click.echo(f"recording: {data / 'recording'}", err=True)


async def _watch(site: Site, data: Path, fresh: bool, as_json: bool, screen: tuple[str, int] | None) -> None:
    from skysentry.alerting import arrival
    from skysentry.cli.output import printer
    from skysentry.cli.serve import Screen, System
    from skysentry.runtime.clips import Clips
    from skysentry.runtime.clock import WallClock
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.links import open_link
    from skysentry.runtime.links.scans import NodeLink, recall
    from skysentry.runtime.pipeline import GRID_NS
    from skysentry.runtime.recorder import orders
    from skysentry.runtime.store import Store
    from skysentry.tracking import kernels

    kernels.warm()
    arrival.warm()
    if any(sensor.kind is SensorKind.RF for sensor in site.sensors):
        from skysentry.sensing.rf import kernels as radio

        radio.warm()
    # What is loaded by now lives for ever. To walk its half a million objects takes the collector longer than the time
    # between two grid instants.
    gc.freeze()
    folder = data / "recording"
    clock = WallClock()
    engine = Engine(site, folder)
    system = System(engine, "live", clock, printer(as_json, Alert, Health))
    system.keep(lambda: Store(f"sqlite:///{data / 'decisions.sqlite'}"), lambda: orders(folder))
    if not fresh:
        now_ns = clock() // GRID_NS * GRID_NS
        system.take_up(now_ns, engine.resume(now_ns))
    links = [open_link(sensor, clock) for sensor in site.sensors if sensor.link]
    recall(links, folder)
    system.after_step += [link.stepped for link in links if isinstance(link, NodeLink)]
    clips = Clips(data / "clips", site.keep_sound, system.inbox.put) if site.keep_sound is not None else None
    if clips is not None:
        system.after_step.append(clips.take)
    title = f"{site.name}: watching with {len(links)} live sensors, see"
    shown = Screen(*screen, title) if screen is not None else None
    try:
        await system.run([], [link.run(system.inbox.put) for link in links], screen=shown)
    finally:
        if clips is not None:
            clips.close()


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the folder for this process: two writers would ruin a recording."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("w")
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(data), hint="choose another --data") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            hint = "end the other one, or choose another --data"
            raise InputError("another skysentry writes here", where=str(data), hint=hint) from None
        yield
