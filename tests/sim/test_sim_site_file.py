"""site.toml as text: what is written is what is read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from skysentry import config
from skysentry.events import ObjectClass, Place
from skysentry.sim import SCENARIOS, scenario, site_toml
from skysentry.site import AuthorisedFlight, Coverage, Output, Sensor, SensorKind, Site, Zone


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_site_of_a_play_reads_back_equal(name: str, tmp_path: Path) -> None:
    site = scenario(name, seconds=1.0).site
    file = tmp_path / "site.toml"
    file.write_text(site_toml(site), encoding="utf-8")
    assert config.load(file) == site


def test_odd_names_numbers_and_defaults_survive() -> None:
    site = Site(
        name='He said "Київ"\\ \x7f\t\n',
        position=Place(lat_deg=1e-7, lon_deg=-0.0, alt_m=None),
        sensors=(
            Sensor(id="a b", kind=SensorKind.ARRAY, mics=((0.0, 0.1, 1e-9), (1.0, 2.0, 3.0)), coverage=Coverage()),
            Sensor(id="c", kind=SensorKind.RADAR, position=Place(lat_deg=1.0, lon_deg=2.0)),
        ),
        zones=(Zone(id="z", name="Z", polygons=((((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), ((0.1, 0.1),)),)),),
        authorised=(AuthorisedFlight(identity="x", from_ns=5),),
        class_prior=((ObjectClass.BIRD, 0.25),),
        outputs=(Output(kind="webhook", url="https://example.org/a?b=c", secret_env="TOKEN"),),
    )
    read = tomllib.loads(site_toml(site))
    assert read["name"] == site.name
    assert read["position"] == {"lat_deg": 1e-7, "lon_deg": 0.0}
    assert read["sensor"][0] == {"id": "a b", "kind": "array", "mics": [[0.0, 0.1, 1e-9], [1.0, 2.0, 3.0]]}
    assert read["sensor"][1]["position"] == {"lat_deg": 1.0, "lon_deg": 2.0}
    assert read["zone"][0]["polygons"] == [[[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [[0.1, 0.1]]]]
    assert read["authorised"] == [{"identity": "x", "from_ns": 5}]
    assert read["class_prior"] == {"bird": 0.25}
    assert read["output"] == [{"kind": "webhook", "url": "https://example.org/a?b=c", "secret_env": "TOKEN"}]
