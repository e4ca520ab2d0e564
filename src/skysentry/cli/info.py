"""`skysentry info`: what is in a file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from skysentry.cli.options import check_path, read_options
from skysentry.cli.output import progress
from skysentry.errors import InputError
from skysentry.events import Block, Health, Packet, Scan, Truth
from skysentry.formats import ReadOptions, mcap, read, sniff


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@read_options
@click.option("--json", "as_json", is_flag=True)
@click.option("--spectrogram", is_flag=True, help="draw a minute of the sound as a PNG")
@click.option("--at", type=click.FloatRange(0, 1e7), default=0.0, help="the second at which the picture begins")
@click.option("--clip", metavar="DETECTION", help="write the sound around a detection (its id) as WAV")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="where to [default: beside FILE]")
def command(
    files: tuple[Path, ...],
    options: ReadOptions,
    as_json: bool,
    spectrogram: bool,
    at: float,
    clip: str | None,
    output: Path | None,
) -> None:
    """Say what FILES hold: format, span of time, events, sensors, what was damaged; or show and cut their sound."""
    if output is not None and (len(files) > 1 or spectrogram == (clip is not None)):
        raise InputError("one file and one of --spectrogram, --clip", where="-o", hint="name them one by one")
    for path in files:
        check_path(path)
        if spectrogram or clip is not None:
            from skysentry.cli import hear

            if spectrogram:
                click.echo(hear.draw(path, options, at, output or path.with_suffix(".png")), err=True)
            if clip is not None:
                click.echo(hear.clip(path, options, clip, output or path.with_suffix(".clip.wav")), err=True)
            continue
        for part in mcap.segments(path):
            found = describe(part, options)
            click.echo(json.dumps(found) if as_json else _page(found))


def describe(path: Path, options: ReadOptions) -> dict[str, object]:
    """Return what a file holds, as plain JSON."""
    kinds: Counter[str] = Counter()
    sensors: Counter[str] = Counter()
    detections = 0
    first_ns: int | None = None
    last_ns: int | None = None
    notes: list[str] = []
    for event in progress(read(path, options), str(path.name)):
        kinds[type(event).__name__] += 1
        if isinstance(event, Health):
            notes.append(event.reason)
            continue
        first_ns = event.time_ns if first_ns is None else min(first_ns, event.time_ns)
        last_ns = event.time_ns if last_ns is None else max(last_ns, event.time_ns)
        if isinstance(event, Scan | Packet | Block):
            sensors[event.sensor] += 1
        if isinstance(event, Truth):
            sensors[f"truth of {event.object}"] += 1
        if isinstance(event, Scan):
            detections += len(event.detections)
    kind = sniff(path, options).NAME
    site = mcap.site_of(path) if kind == mcap.NAME else None
    return {
        "file": str(path),
        "format": kind,
        "site": site.name if site else None,
        "first_ns": first_ns,
        "last_ns": last_ns,
        "seconds": (last_ns - first_ns) / 1e9 if first_ns is not None and last_ns is not None else None,
        "events": dict(sorted(kinds.items())),
        "detections": detections,
        "sensors": dict(sorted(sensors.items())),
        "notes": notes,
    }


def _page(found: dict[str, object]) -> str:
    rows = [f"{found['file']}: {found['format']}"]
    for name in ("site", "seconds", "events", "detections", "sensors"):
        value = found[name]
        if value:
            text = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
            rows.append(f"  {name:<10} {text}")
    notes = found["notes"]
    rows += [f"  note       {note}" for note in notes] if isinstance(notes, list) else []
    return "\n".join(rows)
