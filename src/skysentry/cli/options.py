"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from skysentry import config
from skysentry.errors import InputError
from skysentry.formats import ReadOptions, mcap
from skysentry.site import Site

Command = Callable[..., None]
# The year 2096: times beyond it are mistakes, and a century of file after it still fits an integer of 64 bits.
LATEST_NS = 4_000_000_000_000_000_000


def read_options(command: Command) -> Command:
    """Add what a person may say of a file; the command gets one `options: ReadOptions`."""

    @click.option("--as", "format_name", help="the format, where the content does not decide it")
    @click.option("--sensor", help="the id of the sensor it came from [default: the file's name]")
    @click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="samples a second, of raw signals")
    @click.option("--centre", type=click.FloatRange(0, 1e12), help="the frequency in Hz that radio was tuned to")
    @click.option(
        "--start", type=click.IntRange(0, LATEST_NS), default=0, help="its first nanosecond, where it has no clock"
    )
    @functools.wraps(command)
    def with_options(
        *args: Any,
        format_name: str | None,
        sensor: str | None,
        rate: float | None,
        centre: float | None,
        start: int,
        **rest: Any,
    ) -> None:
        if sensor is not None and not 0 < len(sensor) <= 100:
            raise InputError("1 to 100 characters", where="--sensor", hint="choose a shorter name")
        if rate is not None and not rate < 1e12:
            raise InputError(f"{rate} is no rate", where="--rate", hint="samples a second, e.g. 50e6")
        made = ReadOptions(format=format_name, sensor=sensor, rate_hz=rate, centre_hz=centre, start_ns=start)
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

    for path in files:
        check_path(path)
    if site_file is not None:
        return config.load(site_file)
    return recorded_site(files) or Site()


def check_path(path: Path) -> None:
    """Refuse what is not there, and a folder that is no recording."""
    if not path.exists():
        raise InputError("no such file", where=str(path), hint="check the path")
    if path.is_dir() and not mcap.segments(path):
        raise InputError("the folder holds no recording", where=str(path), hint="name the file itself")
