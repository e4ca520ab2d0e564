"""`skysentry demo`: a simulated raid, through the same stages, recorder and screen as real sensors."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from skysentry.cli.options import pace_of, screen_options
from skysentry.cli.output import print_json, print_line
from skysentry.errors import InputError
from skysentry.events import Alert, AnyEvent, Health, Track, Truth, encode

# Between one raid and the next, long enough for every all-clear to be heard.
PAUSE_S = 120


@click.command()
@click.option("--scenario", default="raid", show_default=True, help="raid or airport")
@click.option("--seed", default=1, show_default=True, help="another seed is another night")
@click.option(
    "--seconds", type=click.FloatRange(min=1), help="end after this much of it [default: never; headless 300]"
)
@click.option("--headless", is_flag=True, help="no screen: print what happens and end")
@click.option("--speed", default="1", show_default=True, help="times real time, or max (headless)")
@click.option("--json", "as_json", is_flag=True, help="tracks and alerts as JSON lines on stdout")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="folder of the recording")
@screen_options
def command(
    scenario: str,
    seed: int,
    seconds: float | None,
    headless: bool,
    speed: str,
    as_json: bool,
    data: Path | None,
    host: str,
    port: int,
) -> None:
    """Show a simulated night: sensors, tracks and alerts live in the browser, without hardware or network."""
    from skysentry.runtime.engine import Engine
    from skysentry.sim import scenario as make_scenario

    pace = _pace(speed, headless)
    folder = data or Path("skysentry-demo") / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    if pace is None:
        # Fast as it goes: the scenario's own date, so that two runs give the same bytes.
        made = make_scenario(scenario, seed=seed, seconds=seconds)
        _check_new(folder)
        with _truth_file(folder) as truth:
            engine = Engine(made.site, folder)
            _print_all(engine, _keep_truth(made.events(), truth), as_json)
            engine.close()
    else:
        _check_new(folder)
        with _truth_file(folder) as truth:
            asyncio.run(
                _live(scenario, seed, seconds, pace, folder, truth, as_json, None if headless else (host, port))
            )
    click.echo(
        f"recording: {folder}\n"
        f"next: skysentry replay {folder} --screen\n"
        f"      skysentry score {folder} --truth {folder / 'truth.jsonl'}",
        err=True,
    )


async def _live(
    scenario: str,
    seed: int,
    seconds: float | None,
    pace: float,
    folder: Path,
    truth: BinaryIO,
    as_json: bool,
    screen: tuple[str, int] | None,
) -> None:
    from skysentry.cli.serve import System, announce
    from skysentry.runtime.clock import PacedClock
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.sources import Script
    from skysentry.sim import scenario as make_scenario
    from skysentry.tracking.kernels import warm

    warm()
    clock = PacedClock(time.time_ns(), pace)
    start_ns = clock()
    first = make_scenario(scenario, seed=seed, start_ns=start_ns, seconds=seconds)
    script = Script(_keep_truth(_nights(scenario, seed, start_ns, seconds), truth))
    system = System(Engine(first.site, folder), "demo", clock, _show(as_json))
    if screen is not None:
        announce(*screen, f"{first.title}: simulated, live at")
    await system.run([script], screen=screen, ended=(lambda: script.ended) if seconds else lambda: False)


def _nights(scenario: str, seed: int, start_ns: int, seconds: float | None) -> Iterator[AnyEvent]:
    """Yield one scenario, or one after another for as long as it is watched."""
    from skysentry.sim import scenario as make_scenario

    for number in itertools.count():
        night = make_scenario(scenario, seed=seed + number, start_ns=start_ns, seconds=seconds)
        yield from night.events()
        if seconds is not None:
            return
        start_ns += int((night.seconds + PAUSE_S) * 1e9)


def _print_all(engine: object, events: Iterable[AnyEvent], as_json: bool) -> None:
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.pipeline import batches

    assert isinstance(engine, Engine)
    show = _show(as_json, tracks=True)
    for now_ns, batch in batches(events):
        told = [event for event in batch if isinstance(event, Health)]
        for event in [*told, *engine.step(now_ns, batch)]:
            show(event)


class _show:  # noqa: N801
    """Prints alerts and health; as JSON tracks too."""

    def __init__(self, as_json: bool, tracks: bool = False) -> None:
        self._json = as_json
        self._kinds = (Alert, Track, Health) if as_json and tracks else (Alert, Health)

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, self._kinds):
            (print_json if self._json else print_line)(event)


def _keep_truth(events: Iterable[AnyEvent], file: BinaryIO) -> Iterator[AnyEvent]:
    """Pass events on; truth goes into a file and not to the stages."""
    for event in events:
        if isinstance(event, Truth):
            file.write(encode(event) + b"\n")
        else:
            yield event


def _truth_file(folder: Path) -> BinaryIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "truth.jsonl").open("wb")
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(folder), hint="choose another --data") from None


def _check_new(folder: Path) -> None:
    if folder.is_dir() and any(folder.glob("*.mcap")):
        raise InputError("the folder holds a recording already", where=str(folder), hint="choose another --data")


def _pace(speed: str, headless: bool) -> float | None:
    if speed != "max":
        return pace_of(speed)
    if not headless:
        raise InputError("max is for --headless", where="--speed", hint="a number, e.g. --speed 4")
    return None
