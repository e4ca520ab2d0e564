"""`skysentry demo`: a simulated raid, through the same stages, recorder and screen as real sensors."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click

from skysentry.cli.options import pace_of, screen_options
from skysentry.cli.output import printer
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
    pace = _pace(speed, headless)
    folder = data or Path("skysentry-demo") / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kinds = (Alert, Health, Track) if as_json else (Alert, Health)
    play = Play(scenario, seed, seconds, folder, printer(as_json, *kinds))
    _check_new(folder)
    with _truth_file(folder) as truth:
        if pace is None:
            _at_once(play, truth)
        else:
            asyncio.run(_live(play, pace, truth, None if headless else (host, port)))
    click.echo(
        f"recording: {folder}\n"
        f"next: skysentry replay {folder} --screen\n"
        f"      skysentry score {folder} --truth {folder / 'truth.jsonl'}",
        err=True,
    )


class Play(NamedTuple):
    """What is played, where it is recorded, and how it is printed."""

    scenario: str
    seed: int
    seconds: float | None
    folder: Path
    show: Callable[[AnyEvent], None]


def _at_once(play: Play, truth: BinaryIO) -> None:
    """Play as fast as it goes, on the scenario's own date, so that two runs give the same bytes."""
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.pipeline import batches
    from skysentry.sim import scenario as make_scenario

    made = make_scenario(play.scenario, seed=play.seed, seconds=play.seconds)
    engine = Engine(made.site, play.folder)
    for now_ns, batch in batches(_keep_truth(made.events(), truth)):
        for event in (*batch, *engine.step(now_ns, batch)):
            play.show(event)
    engine.close()


async def _live(play: Play, pace: float, truth: BinaryIO, screen: tuple[str, int] | None) -> None:
    """Play in the time of the wall, or `pace` times as fast."""
    from skysentry.alerting import arrival
    from skysentry.cli.serve import Screen, System
    from skysentry.runtime.clock import PacedClock
    from skysentry.runtime.engine import Engine
    from skysentry.runtime.sources import Script
    from skysentry.sim import scenario as make_scenario
    from skysentry.tracking import kernels

    kernels.warm()
    arrival.warm()
    # As `skysentry run` does.
    gc.freeze()
    clock = PacedClock(time.time_ns(), pace)
    start_ns = clock()
    first = make_scenario(play.scenario, seed=play.seed, start_ns=start_ns, seconds=play.seconds)
    script = Script(_keep_truth(_nights(play, start_ns), truth))
    system = System(Engine(first.site, play.folder), "demo", clock, play.show)
    shown = Screen(*screen, f"{first.title}, live at") if screen is not None else None
    await system.run([script], screen=shown, ended=lambda: script.ended)


def _nights(play: Play, start_ns: int) -> Iterator[AnyEvent]:
    """Yield one scenario of a given length, or one after another for as long as it is watched."""
    from skysentry.sim import scenario as make_scenario

    for number in itertools.count():
        night = make_scenario(play.scenario, seed=play.seed + number, start_ns=start_ns, seconds=play.seconds)
        yield from night.events()
        if play.seconds is not None:
            return
        start_ns += int((night.seconds + PAUSE_S) * 1e9)


def _keep_truth(events: Iterable[AnyEvent], file: BinaryIO) -> Iterator[AnyEvent]:
    """Pass events on; truth goes into a file and not to the stages."""
    room = True
    for event in events:
        if not isinstance(event, Truth):
            yield event
        elif room:
            try:
                file.write(encode(event) + b"\n")
            except OSError as error:
                room = False
                click.echo(f"truth.jsonl ends here: {error.strerror}", err=True)


def _truth_file(folder: Path) -> BinaryIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "truth.jsonl").open("wb", buffering=0)
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
