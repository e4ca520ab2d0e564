"""`skysentry replay`: the same pipeline over any recording or raw file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from skysentry.cli.options import pace_of, read_options, screen_options, site_for
from skysentry.cli.output import printer, progress
from skysentry.errors import InputError
from skysentry.events import Alert, AnyEvent, Health, Scan, Track
from skysentry.formats import ReadOptions
from skysentry.runtime.pipeline import Until, run
from skysentry.site import Site

_SHOWN: dict[Until, tuple[type[AnyEvent], ...]] = {
    "detections": (Scan, Health),
    "tracks": (Track, Health),
    "alerts": (Track, Alert, Health),
}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--site", "site_file", type=click.Path(path_type=Path), help="site.toml [default: the recording's own]")
@read_options
@click.option("--until", type=click.Choice(list(_SHOWN)), default="alerts", show_default=True, help="the last stage")
@click.option("--speed", default="max", show_default=True, help="max, or times real time (with --screen)")
@click.option("--json", "as_json", is_flag=True, help="events as JSON lines on stdout")
@click.option("--screen", is_flag=True, help="on the live map instead of stdout")
@screen_options
def command(
    files: tuple[Path, ...],
    site_file: Path | None,
    options: ReadOptions,
    until: Until,
    speed: str,
    as_json: bool,
    screen: bool,
    host: str,
    port: int,
) -> None:
    """Run FILES (recordings, captures, sound, ADS-B, events; folders are recordings) through the pipeline.

    What a file is, its content decides. Times merge the files: they are replayed as one.
    """
    from skysentry.runtime.replay import inputs

    site = site_for(files, site_file)
    if screen:
        asyncio.run(_on_screen(files, options, site, 1.0 if speed == "max" else pace_of(speed), host, port))
        return
    if speed != "max":
        pace_of(speed)
        raise InputError("a pace needs --screen", where="--speed", hint="leave it at max, or add --screen")
    show = printer(as_json, *_SHOWN[until])
    told = 0
    events = inputs(files, options)
    for event in run(events if sys.stdout.isatty() else progress(events, "replaying"), site, until):
        show(event)
        told += isinstance(event, _SHOWN[until])
    if not told:
        hint = "" if until == "detections" else "; --until detections shows what sensors found"
        click.echo(f"nothing came of it{hint}", err=True)


async def _on_screen(
    files: tuple[Path, ...], options: ReadOptions, site: Site, pace: float, host: str, port: int
) -> None:
    from skysentry.cli.serve import Screen, System
    from skysentry.runtime.clock import PacedClock
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.replay import inputs
    from skysentry.runtime.sources import Script

    script = Script(inputs(files, options))
    if script.next_ns is None:
        raise InputError("there is nothing in it to replay", where=str(files[0]))
    system = System(Engine(site), "replay", PacedClock(script.next_ns, pace), printer(False, Alert))
    title = f"replay of {', '.join(map(str, files))} at {pace:g} times real time:"
    await system.run([script], screen=Screen(host, port, title))
