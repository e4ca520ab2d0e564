"""`skysentry sim`: a scenario as files."""

from __future__ import annotations

from pathlib import Path

import click

from skysentry.cli.output import progress
from skysentry.errors import InputError
from skysentry.events import Truth, encode


@click.command()
@click.argument("scenario")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="folder for the files")
@click.option("--seed", default=1, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), help="[default: the scenario's own]")
def command(scenario: str, out: Path, seed: int, seconds: float | None) -> None:
    """Write SCENARIO (raid, airport) as scans.jsonl, truth.jsonl and site.toml."""
    from skysentry.sim import scenario as make_scenario
    from skysentry.sim.site_file import site_toml

    made = make_scenario(scenario, seed=seed, seconds=seconds)
    counts = {"scans": 0, "truth": 0}
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "site.toml").write_text(site_toml(made.site), encoding="utf-8")
        with (out / "scans.jsonl").open("wb") as scans, (out / "truth.jsonl").open("wb") as truth:
            for event in progress(made.events(), scenario):
                is_truth = isinstance(event, Truth)
                (truth if is_truth else scans).write(encode(event) + b"\n")
                counts["truth" if is_truth else "scans"] += 1
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(out), hint="choose another --out") from None
    click.echo(f"{out}: {counts['scans']} events, {counts['truth']} truth points, {made.seconds:g} s", err=True)
    click.echo(
        f"next: skysentry replay {out / 'scans.jsonl'} --site {out / 'site.toml'} --until tracks --json", err=True
    )
