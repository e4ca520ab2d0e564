"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from skysentry import config
from skysentry.errors import InputError
from skysentry.formats import ReadOptions
from skysentry.site import Site

Command = Callable[..., None]


def read_options(command: Command) -> Command:
    """Add what a person may say of a file; the command gets one `options: ReadOptions`."""

    @click.option("--as", "format_name", help="the format, where the content does not decide it")
    @click.option("--sensor", help="the id of the sensor it came from [default: the file's name]")
    @click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="samples a second, of raw signals")
    @click.option("--start", type=click.IntRange(min=0), default=0, help="its first nanosecond, where it has no clock")
    @functools.wraps(command)
    def with_options(
        *args: Any, format_name: str | None, sensor: str | None, rate: float | None, start: int, **rest: Any
    ) -> None:
        made = ReadOptions(format=format_name, sensor=sensor, rate_hz=rate, start_ns=start)
        command(*args, options=made, **rest)

    return with_options


def screen_options(command: Command) -> Command:
    """Add where the screen listens."""
    command = click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)(command)
    return click.option("--host", default="127.0.0.1", show_default=True, help="another needs SKYSENTRY_TOKEN")(command)


def pace_of(speed: str) -> float:
    """Return a pace from an option. Raises `InputError` for what is none."""
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0.0 < pace <= 100.0:
        raise InputError(f"{speed!r} is no pace", where="--speed", hint="a number up to 100, or max")
    return pace


def site_for(files: Sequence[Path], site_file: Path | None) -> Site:
    """Return the site that a person names, else that of the recording, else one that knows nothing."""
    from skysentry.runtime.replay import recorded_site

    if site_file is not None:
        return config.load(site_file)
    for path in files:
        if not path.exists():
            raise InputError("no such file", where=str(path), hint="check the path")
    return recorded_site(files) or Site()
