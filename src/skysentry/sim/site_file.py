"""A `Site` as the text of site.toml, laid out as the struct is.

    name, civil_airspace_closed                    top level
    [position] [weather] [equipped]                 tables
    [class_prior]                                  class = probability
    [[sensor]] [[zone]] [[authorised]] [[output]]  one table each; a sensor's position and coverage inline

What has its default or is not known is left out, so that the file says what someone would have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from skysentry.site import Site

# Field of the site and the name of its tables.
TABLES = (("sensors", "sensor"), ("zones", "zone"), ("authorised", "authorised"), ("outputs", "output"))


def site_toml(site: Site) -> str:
    """Return the text from which the configuration reads this site again."""
    return "\n".join(_lines(site)) + "\n"


def _lines(site: Site) -> Iterator[str]:
    yield f"name = {_value(site.name)}"
    yield f"civil_airspace_closed = {_value(site.civil_airspace_closed)}"
    for table in ("position", "weather", "equipped"):
        yield f"\n[{table}]"
        yield from _keys(getattr(site, table), keep_defaults=True)
    if site.class_prior:
        yield "\n[class_prior]"
        yield from (f"{kind.value} = {_value(prior)}" for kind, prior in site.class_prior)
    for field, table in TABLES:
        for one in getattr(site, field):
            yield f"\n[[{table}]]"
            yield from _keys(one)


def _keys(struct: Struct, *, keep_defaults: bool = False) -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value is None or (value == field.default and not keep_defaults):
            continue
        yield f"{field.name} = {_value(value)}"


def _value(value: object) -> str:
    """Return a value as TOML. Strings are written as JSON strings, which are TOML's basic strings but for DEL."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int():
            return repr(value)
        case str():
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
        case Struct():
            return "{ " + ", ".join(_keys(value)) + " }" if any(_keys(value)) else "{}"
        case tuple() | list():
            return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
