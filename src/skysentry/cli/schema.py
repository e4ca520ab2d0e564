"""`skysentry schema`: JSON Schemas, made from the structs themselves."""

from __future__ import annotations

import json

import click
import msgspec

from skysentry import config
from skysentry.events import AnyEvent


@click.command()
@click.argument("what", type=click.Choice(["events", "site", "all"]), default="all")
def command(what: str) -> None:
    """Print the JSON Schema of the events, of site.toml, or both in one object."""
    made = {"events": events_schema, "site": config.schema}
    found = {name: make() for name, make in made.items()} if what == "all" else made[what]()
    click.echo(json.dumps(found, indent=2))


def events_schema() -> dict[str, object]:
    """Return the JSON Schema of one line of events."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "event",
        **msgspec.json.schema(AnyEvent),
    }
