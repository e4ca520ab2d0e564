"""What the browser gets: units, the ellipse against numpy, nothing personal in public, types in step."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.events import Affiliation, ObjectClass, Place
from skysentry.runtime.feed import Feed
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.web.messages import ELLIPSE_95, alert_view, ellipse_95, snapshot, track_view
from skysentry.web.orders import OrderAnswer, OrderRequest
from skysentry.web.views import Rights, schema

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("50.123456", "30.654321", "OP-7", "olena")


def filled(feed: Feed, sky: Any) -> Feed:
    feed.publish(sky.now_ns, [*sky.scans(found=True), sky.track(), sky.alert(by="olena")])
    return feed


@given(st.floats(0.1, 3000), st.floats(0.1, 3000), st.floats(-180, 180))
def test_the_ellipse_is_that_of_the_eigenvectors(long_m: float, short_m: float, turn_deg: float) -> None:
    turn = math.radians(turn_deg)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    cov = rotation @ np.diag([long_m**2, short_m**2]) @ rotation.T
    values, vectors = np.linalg.eigh(cov)
    half_long, half_short, bearing_deg = ellipse_95(cov[0, 0], cov[0, 1], cov[1, 1])
    assert half_long == pytest.approx(ELLIPSE_95 * math.sqrt(values[1]), abs=0.06)
    assert half_short == pytest.approx(ELLIPSE_95 * math.sqrt(max(values[0], 0.0)), abs=0.06, rel=1e-3)
    if values[1] > 1.5 * values[0]:
        bearing = math.radians(bearing_deg)
        along = abs(vectors[0, 1] * math.sin(bearing) + vectors[1, 1] * math.cos(bearing))
        assert along == pytest.approx(1.0, abs=1e-4)


def test_95_of_100_draws_lie_in_the_ellipse() -> None:
    cov = np.array([[400.0, 300.0], [300.0, 900.0]])
    long_m, short_m, bearing_deg = ellipse_95(cov[0, 0], cov[0, 1], cov[1, 1])
    east, north = np.random.default_rng(1).multivariate_normal([0.0, 0.0], cov, 20_000).T
    s, c = math.sin(math.radians(bearing_deg)), math.cos(math.radians(bearing_deg))
    inside = ((east * s + north * c) / long_m) ** 2 + ((east * c - north * s) / short_m) ** 2 <= 1.0
    # Four standard deviations of a share of 20,000.
    assert inside.mean() == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 20_000))


def test_a_track_in_the_units_of_a_screen(sky: Any) -> None:
    view = track_view(sky.track(), "k7f", Rights.FULL)
    assert (view.name, view.speed_mps, view.course_deg, view.climb_mps) == ("k7f", 50.0, 180.0, 1.0)
    assert (view.sigma_alt_m, view.sigma_speed_mps, view.object_class) == (20.0, 2.0, ObjectClass.FIXED_WING_PISTON)
    assert view.ellipse_m == (734.3, 244.8, 90.0)
    assert view.time_ms * 1_000_000 == sky.now_ns


def test_a_hovering_thing_has_no_course_and_an_unknown_one_no_class(sky: Any) -> None:
    view = track_view(sky.track(velocity_mps=(0.1, 0.1, 0.0), classes=(), identity=None), "x", Rights.FULL)
    assert (view.course_deg, view.object_class, view.identity) == (None, None, None)


def test_a_track_with_a_short_covariance_is_a_point(sky: Any) -> None:
    assert track_view(sky.track(cov=(1.0,)), "x", Rights.FULL).ellipse_m == (0.0, 0.0, 0.0)


def test_arrival_is_given_as_moments(sky: Any) -> None:
    view = alert_view(sky.alert(), Rights.FULL)
    assert view.arrival_ms == (view.time_ms + 33_000, view.time_ms + 41_000, view.time_ms + 55_000)


def test_full_rights_see_the_operator_and_public_ones_nothing_personal(feed: Feed, sky: Any) -> None:
    picture = filled(feed, sky).picture()
    full = msgspec.json.encode(snapshot(picture, Rights.FULL)).decode()
    public = msgspec.json.encode(snapshot(picture, Rights.PUBLIC)).decode()
    assert all(secret in full for secret in SECRETS)
    assert not any(secret in public for secret in SECRETS)
    assert "SERIAL1" in public
    eyes = next(s for s in snapshot(picture, Rights.PUBLIC).sensors if s.id == "eyes-1")
    assert (eyes.lat, eyes.lon) == (None, None)


def test_messages_fit_their_schema(feed: Feed, sky: Any) -> None:
    whole = schema(OrderRequest, OrderAnswer)
    message = msgspec.json.decode(msgspec.json.encode(snapshot(filled(feed, sky).picture(), Rights.FULL)))
    validator = jsonschema.Draft202012Validator({**whole, "$ref": "#/$defs/Snapshot"})
    validator.validate(message)
    message["tracks"][0]["affiliation"] = "enemy"
    assert list(validator.iter_errors(message))
    assert set(whole["$defs"]["Affiliation"]["enum"]) == set(Affiliation)


def test_the_typescript_types_are_those_of_the_structs() -> None:
    script = ROOT / "ui" / "typescript.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_only_reports_is_never_late(sky: Any) -> None:
    """An external source looks regularly once its coverage is declared; receivers and people never do."""
    at, cover = Place(lat_deg=50.0, lon_deg=30.0), Coverage(max_m=8_000.0)
    sensors = (
        Sensor(id="radar", kind=SensorKind.RADAR, position=at),
        Sensor(id="source", kind=SensorKind.EXTERNAL, position=at, coverage=cover),
        Sensor(id="list", kind=SensorKind.EXTERNAL, position=at),
        Sensor(id="rid", kind=SensorKind.REMOTE_ID, position=at, coverage=cover),
        Sensor(id="ears", kind=SensorKind.OBSERVER, position=at, coverage=cover),
    )
    told = snapshot(Feed(Site(sensors=sensors), "live", sky.clock).picture(), Rights.FULL).sensors
    assert [sensor.id for sensor in told if sensor.regular] == ["radar", "source"]
