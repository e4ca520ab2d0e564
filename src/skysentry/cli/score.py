"""`skysentry score`: a recording against the truth."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from skysentry.cli.options import site_for
from skysentry.cli.output import progress
from skysentry.errors import InputError
from skysentry.events import Alert, AnyEvent, Track, Truth
from skysentry.formats import ReadOptions, mcap, read

T = TypeVar("T", bound=AnyEvent)


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--truth", "truth_file", type=click.Path(path_type=Path), required=True, help="truth.jsonl")
@click.option("--site", "site_file", type=click.Path(path_type=Path), help="site.toml [default: the recording's own]")
@click.option("--cutoff", default=500.0, show_default=True, help="metres beyond which it is not the same object")
@click.option("--dims", type=click.Choice(["2", "3"]), default="3", show_default=True)
@click.option("--threats-only", is_flag=True, help="birds, balloons and known flights are no targets")
@click.option("--json", "as_json", is_flag=True)
def command(
    recording: Path,
    truth_file: Path,
    site_file: Path | None,
    cutoff: float,
    dims: str,
    threats_only: bool,
    as_json: bool,
) -> None:
    """Judge the tracks and alerts in RECORDING (a folder, a segment, or events as JSON lines) against --truth."""
    from skysentry.score import report_text, score

    site = site_for([recording], site_file)
    published = list(progress(_published(recording), "reading"))
    if not published:
        raise InputError(
            "holds no tracks and no alerts", where=str(recording), hint="`skysentry info` says what is in it"
        )
    truth = [event for event in read(truth_file) if isinstance(event, Truth)]
    if not truth:
        raise InputError("holds no truth", where=str(truth_file), hint="`skysentry sim` and `demo` write truth.jsonl")
    report = score(
        truth,
        _of(published, Track),
        _of(published, Alert),
        site.zones,
        c_m=cutoff,
        dims=3 if dims == "3" else 2,
        threats_only=threats_only,
    )
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    else:
        click.echo(report_text(report))


def _published(recording: Path) -> Iterator[AnyEvent]:
    for part in mcap.segments(recording):
        with part.open("rb") as file:
            is_segment = mcap.matches(file.read(len(mcap.MAGIC)), part.name)
        events = mcap.outputs(part) if is_segment else read(part, ReadOptions())
        yield from (event for event in events if isinstance(event, Track | Alert))


def _of(events: Iterable[AnyEvent], kind: type[T]) -> Iterator[T]:
    return (event for event in events if isinstance(event, kind))
