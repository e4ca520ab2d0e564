"""site.toml: read strictly, wrong ones explained by line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry import config
from skysentry.cli.init import TEMPLATE
from skysentry.errors import ConfigError
from skysentry.geo import distance_m

GOOD = """\
name = "home"
[position]
lat_deg = 50.0
lon_deg = 30.0
[[sensor]]
id = "mic-1"
kind = "microphone"
position = { lat_deg = 50.0, lon_deg = 30.0 }
[[sensor]]
id = "mic-2"
kind = "microphone"
heading_deg = 4
[sensor.coverage]
max_m = 300
[[zone]]
id = "school"
circle = { lat_deg = 50, lon_deg = 30, radius_m = 300 }
[class_prior]
jet = 0.1
"""


def load(tmp_path: Path, text: str) -> config.Site:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return config.load(path)


def test_a_good_file(tmp_path: Path) -> None:
    site = load(tmp_path, GOOD)
    assert [sensor.id for sensor in site.sensors] == ["mic-1", "mic-2"]
    assert site.sensors[1].coverage.max_m == 300.0
    ((ring,),) = site.zones[0].polygons
    assert all(distance_m(50.0, 30.0, lat, lon) == pytest.approx(300.0, rel=0.01) for lon, lat in ring)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("heading_deg = 4", "hedding_deg = 4", 12, "did you mean `heading_deg`"),
        ("heading_deg = 4", 'heading_deg = "east"', 12, "Expected `float`"),
        ("max_m = 300", "mx_m = 300", 14, "did you mean `max_m`"),
        ("[[sensor]]\nid", "[[senzor]]\nid", 5, "did you mean `sensor`"),
        ('kind = "microphone"\nheading', 'kind = "ear"\nheading', 11, "Invalid enum value 'ear'"),
        ("lat_deg = 50.0\nlon", "lat_deg = 500.0\nlon", 3, "<= 90.0"),
        ('"mic-2"', '"mic-1"', 10, "used twice"),
        ("circle", "cirkle", 17, "did you mean `circle`"),
        ("radius_m = 300", "radius_m = -1", 17, "> 0"),
        ('id = "school"', 'name = "school"', 15, "needs an id"),
        ("jet = 0.1", "zeppelin = 0.1", 18, "zeppelin"),
        ('"home"', '"home', 1, "not valid TOML"),
    ],
)
def test_a_wrong_file_says_where_and_how(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert caught.value.where == f"{tmp_path / 'site.toml'}:{line}"
    assert says in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"\x89PNG"])
def test_no_site_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "site.toml"
    with pytest.raises(ConfigError, match="No such file"):
        config.load(path)
    path.write_bytes(content)
    if content:
        with pytest.raises(ConfigError):
            config.load(path)
    else:
        assert config.load(path).sensors == ()


def test_zones_from_geojson(tmp_path: Path) -> None:
    square = [[30.0, 50.0], [30.1, 50.0], [30.1, 50.1], [30.0, 50.1], [30.0, 50.0]]
    feature = {
        "type": "Feature",
        "properties": {"name": "Old town"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    (tmp_path / "zones.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    site = load(tmp_path, '[[zone]]\ngeojson = "zones.geojson"\nurgent_s = 30\n')
    assert (site.zones[0].id, site.zones[0].urgent_s) == ("Old town", 30.0)
    for broken in (
        "[",
        "[]",
        '{"features": 3}',
        '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}',
    ):
        (tmp_path / "zones.geojson").write_text(broken)
        with pytest.raises(ConfigError):
            load(tmp_path, '[[zone]]\ngeojson = "zones.geojson"\n')


def test_the_schema_knows_the_template_and_the_good_file() -> None:
    for text in (GOOD, TEMPLATE):
        jsonschema.validate(tomllib.loads(text), config.schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(GOOD.replace("heading_deg", "hedding_deg")), config.schema())


@given(text=st.text(max_size=300))
@settings(max_examples=100)
def test_any_text_is_a_site_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        site = config.load(path)
    except ConfigError:
        return
    assert site.sensors == ()
