"""site.toml → `Site`, strictly: an error names file, line, key, what was expected and the nearest valid key.

The file mirrors the structs of `site`: lists are written in the singular ([[sensor]], [[zone]], [[authorised]],
[[output]]), `class_prior` is a table, and a zone may bring its outline in one of three ways:

    polygons = [[[[lon, lat], …]]]        as in a GeoJSON MultiPolygon
    geojson = "zones.geojson"             a file beside site.toml; its features become zones
    circle = { lat_deg, lon_deg, radius_m }

The JSON Schema (`skysentry schema site`) is made from the same structs.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct

from skysentry.errors import ConfigError
from skysentry.events import Latitude, Longitude, Name
from skysentry.geo import Frame
from skysentry.site import Positive, Ring, Sensor, Site, Zone

# A circle as a polygon of this many corners is nowhere further than 0.14 % of its radius from round.
CIRCLE_CORNERS = 60
# Caps on what a file from outside may ask for.
MAX_FILE_BYTES = 20_000_000
MAX_ZONE_POINTS = 20_000

_LISTS = {"sensor": "sensors", "output": "outputs"}
_ZONE_OUTLINES = ("polygons", "geojson", "circle")


class Circle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A round zone."""

    lat_deg: Latitude
    lon_deg: Longitude
    radius_m: Annotated[float, Meta(gt=0.0, le=500_000.0)]


class ZoneEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A [[zone]] table. With `geojson`, every feature becomes a zone and `id` and `name` come from its properties."""

    id: Name | None = None
    name: Name | None = None
    polygons: tuple[tuple[Ring, ...], ...] | None = None
    geojson: Name | None = None
    circle: Circle | None = None
    urgent_s: Positive = 60.0
    warning_s: Positive = 180.0
    watch_s: Positive = 600.0
    ceiling_m: Positive = 6_000.0


def load(path: Path) -> Site:
    """Return the site in a TOML file. Raises `ConfigError` with file:line and a hint."""
    text = _read_text(path)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ConfigError("nested too deeply", where=str(path), hint="compare with `skysentry init`") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError(f"not valid TOML: {error}", where=where, hint="compare with `skysentry init`") from None
    site: Site = _convert(_plural(table), Site, path, text)
    zones = tuple(
        zone for index, entry in enumerate(table.get("zone", ())) for zone in _zones(entry, path, text, index)
    )
    _check_ids("zone", [zone.id for zone in zones], path, text)
    _check_ids("sensor", [sensor.id for sensor in site.sensors], path, text)
    for index, sensor in enumerate(site.sensors):
        _check_sensor(sensor, f"{path}:{_line_of(text, f'$.sensors[{index}].id')}")
    return msgspec.structs.replace(site, zones=zones)


def zones_from_geojson(path: Path) -> tuple[Zone, ...]:
    """Return the polygon features of a GeoJSON file (RFC 7946) as zones; properties may hold id, name, thresholds."""
    try:
        document = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(f"not valid JSON: {error}", where=str(path)) from None
    if not isinstance(document, dict):
        raise ConfigError("not GeoJSON: an object was expected", where=str(path))
    features = document.get("features", [document])
    if not isinstance(features, list):
        raise ConfigError("`features` must be a list", where=str(path))
    return tuple(_zone_of_feature(feature, f"{path}: feature {index}") for index, feature in enumerate(features))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of site.toml."""
    made = msgspec.json.schema(Site)
    zone = msgspec.json.schema(ZoneEntry)
    definitions = {**made.pop("$defs"), **zone.pop("$defs")}
    definitions.pop("Zone", None)
    properties = definitions["Site"]["properties"]
    for singular, plural in _LISTS.items():
        properties[singular] = properties.pop(plural)
    properties.pop("zones")
    properties["zone"] = {"type": "array", "items": {"$ref": "#/$defs/ZoneEntry"}, "default": []}
    properties["class_prior"] = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "site.toml",
        **made,
        "$defs": definitions,
    }


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(f"larger than {MAX_FILE_BYTES // 1_000_000} MB", where=str(path), hint="is it this file?")
        return data.decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(reason, where=str(path), hint="`skysentry init` writes a site.toml to start from") from None
    except UnicodeDecodeError:
        raise ConfigError("not a text file in UTF-8", where=str(path), hint="is it this file?") from None


def _plural(table: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the file's names into those of the structs; zones are read on their own."""
    renamed = {_LISTS.get(key, key): value for key, value in table.items() if key != "zone"}
    prior = renamed.get("class_prior")
    if isinstance(prior, dict):
        renamed["class_prior"] = list(prior.items())
    return renamed


def _convert(value: object, kind: type[Any], path: Path, text: str, prefix: str = "$") -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, spot = str(error).partition(" - at `")
        spot = prefix + (spot.rstrip("`") or "$")[1:]
        unknown = re.search(r"unknown field `(\w+)`", message)
        key = f"{spot}.{unknown[1]}" if unknown else spot
        raise ConfigError(
            f"{message} at {_as_written(spot)}",
            where=f"{path}:{_line_of(text, key)}",
            hint=_nearest(unknown[1], spot) if unknown else "`skysentry schema site` lists what is expected",
        ) from None


def _zones(entry: object, path: Path, text: str, index: int) -> tuple[Zone, ...]:
    spot = f"$.zones[{index}]"
    zone: ZoneEntry = _convert(entry, ZoneEntry, path, text, spot)
    where = f"{path}:{_line_of(text, spot)}"
    outlines = [name for name in _ZONE_OUTLINES if getattr(zone, name) is not None]
    if len(outlines) != 1:
        hint = f"give exactly one of {', '.join(_ZONE_OUTLINES)}"
        raise ConfigError("a zone needs one outline", where=where, hint=hint)
    times = {"urgent_s": zone.urgent_s, "warning_s": zone.warning_s, "watch_s": zone.watch_s}
    if zone.geojson is not None:
        found = zones_from_geojson(path.parent / zone.geojson)
        return tuple(msgspec.structs.replace(each, **times, ceiling_m=zone.ceiling_m) for each in found)
    if zone.id is None:
        raise ConfigError("a zone needs an id", where=where, hint='e.g. id = "school"')
    polygons = zone.polygons if zone.polygons is not None else _circle(cast(Circle, zone.circle))
    _check_polygons(polygons, where)
    name = zone.name or zone.id
    return (Zone(id=zone.id, name=name, polygons=polygons, ceiling_m=zone.ceiling_m, **times),)


def _zone_of_feature(feature: object, where: str) -> Zone:
    hint = "each feature needs a Polygon or MultiPolygon and properties.id or properties.name"
    try:
        geometry = feature["geometry"]  # type: ignore[index]
        properties = feature.get("properties") or {}  # type: ignore[attr-defined]
        name = str(properties.get("name") or properties["id"])
        zone_id = str(properties.get("id") or name)
        rings = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
        polygons = tuple(tuple(tuple((float(p[0]), float(p[1])) for p in ring) for ring in rows) for rows in rings)
        zone = msgspec.convert({"id": zone_id, "name": name, "polygons": polygons}, Zone)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, msgspec.ValidationError) as error:
        raise ConfigError(f"not a zone: {type(error).__name__}: {error}", where=where, hint=hint) from None
    _check_polygons(zone.polygons, where)
    return zone


def _check_polygons(polygons: tuple[tuple[Ring, ...], ...], where: str) -> None:
    points = [point for polygon in polygons for ring in polygon for point in ring]
    if not points or any(len(set(ring)) < 3 for polygon in polygons for ring in polygon):
        raise ConfigError("a polygon needs at least three different points", where=where, hint="points are [lon, lat]")
    if len(points) > MAX_ZONE_POINTS:
        raise ConfigError(f"more than {MAX_ZONE_POINTS} points", where=where, hint="simplify the outline")
    if not all(math.isfinite(x) and math.isfinite(y) and abs(x) <= 180.0 and abs(y) <= 90.0 for x, y in points):
        raise ConfigError("a point is not on the Earth", where=where, hint="points are [lon, lat] in degrees")


def _circle(circle: Circle) -> tuple[tuple[Ring, ...], ...]:
    frame = Frame.at_geodetic(circle.lat_deg, circle.lon_deg, 0.0)
    corners = [2.0 * math.pi * index / CIRCLE_CORNERS for index in range(CIRCLE_CORNERS)]
    points = [frame.to_geodetic(circle.radius_m * math.sin(a), circle.radius_m * math.cos(a), 0.0) for a in corners]
    return ((tuple((lon, lat) for lat, lon, _ in points),),)


def _check_sensor(sensor: Sensor, where: str) -> None:
    if sensor.coverage.min_m > sensor.coverage.max_m:
        raise ConfigError("coverage.min_m is larger than coverage.max_m", where=where, hint="swap them")
    if any(not math.isfinite(value) for mic in sensor.mics for value in mic):
        raise ConfigError("mics holds a number that is not finite", where=where, hint="metres: [x, y, z]")


def _check_ids(kind: str, ids: list[str], path: Path, text: str) -> None:
    for index, name in enumerate(ids):
        if name in ids[:index]:
            line = _line_of(text, f"$.{kind}s[{index}].id")
            raise ConfigError(f"{kind} id {name!r} is used twice", where=f"{path}:{line}", hint="ids must differ")


def _as_written(spot: str) -> str:
    return re.sub(r"^\$\.?", "", spot).replace("sensors[", "sensor[").replace("zones[", "zone[") or "the top level"


def _nearest(key: str, spot: str) -> str:
    kinds: dict[str, type[Struct]] = {"sensors": Sensor, "zones": ZoneEntry}
    last = re.sub(r"\[\d+\]", "", spot).split(".")[-1]
    owner: type[Struct] = kinds.get(last, Site)
    if last not in ("$", *kinds):
        nested = [field.type for kind in (Site, Sensor) for field in msgspec.structs.fields(kind) if field.name == last]
        structs = [part for kind in nested for part in getattr(kind, "__args__", (kind,)) if isinstance(part, type)]
        owner = next((part for part in structs if issubclass(part, Struct)), Site)
    known = [field.name for field in msgspec.structs.fields(owner)]
    if owner is Site:
        known = ["sensor", "output", "zone", *(name for name in known if name not in ("sensors", "outputs", "zones"))]
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"


def _line_of(text: str, spot: str) -> int:
    """Return the line of a key like $.sensors[1].coverage.max_m: the nearest header or key above it that is found.

    tomllib gives no positions, so table headers are counted and keys searched below them.
    """
    parts = [(name, int(index or 0)) for name, index in re.findall(r"\.(\w+)(?:\[(\d+)\])?", spot)]
    lines = text.splitlines()
    singular = {plural: name for name, plural in _LISTS.items()} | {"zones": "zone"}
    at, found = 0, 1
    header = ""
    for name, index in parts:
        name = singular.get(name, name)
        full = f"{header}.{name}" if header else name
        table = re.compile(rf"^\s*\[{{1,2}}\s*{re.escape(full)}\s*\]")
        hits = [number for number, line in enumerate(lines) if table.match(line) and number >= at]
        if len(hits) > index:
            at, header = hits[index], full
            found = at + 1
            continue
        key = re.compile(rf"^\s*{re.escape(name)}\s*=|[{{,]\s*{re.escape(name)}\s*=")
        hit = next((number for number in range(at, len(lines)) if key.search(lines[number])), None)
        if hit is not None:
            at, found = hit, hit + 1
    return found
