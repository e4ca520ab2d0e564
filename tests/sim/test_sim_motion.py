"""Flights within the bounds of their airframe, and chance that keeps its names."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import Place
from skysentry.geo import Array, Frame, ecef, geodetic
from skysentry.sim.air import wind_enu_mps
from skysentry.sim.chance import Wander, stream
from skysentry.sim.motion import STEP_S, Airframe, Flight, Pilot, Waypoint, drift, ecef_m, lat_lon_deg
from skysentry.site import Weather

FRAME = Frame.at(Place(lat_deg=50.0, lon_deg=30.0, alt_m=0.0))


def local(flight: Flight) -> Array:
    turned: Array = (flight.points_m - np.array(FRAME.origin_ecef_m)) @ FRAME.rotation.T
    return turned


@settings(max_examples=15, deadline=None)
@given(
    speed_mps=st.floats(8, 120),
    turn_dps=st.floats(2, 30),
    corners=st.lists(st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)), min_size=3, max_size=5, unique=True),
)
def test_turns_and_climbs_stay_within_bounds(
    speed_mps: float, turn_dps: float, corners: list[tuple[float, float]]
) -> None:
    airframe = Airframe(speed_mps, turn_dps, weave_deg=5.0, swell_m=20.0, speed_sigma_mps=0.0)
    route = [Waypoint(50.0 + lat, 30.0 + lon, 300.0 + 40.0 * index) for index, (lat, lon) in enumerate(corners)]
    path = local(Pilot(FRAME, airframe, stream(1, "it")).fly(route, 0.0, 120.0, loop=True))
    steps = np.diff(path, axis=0) / STEP_S
    assert np.linalg.norm(steps, axis=1) == pytest.approx(speed_mps, rel=2e-3)
    headings = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
    assert np.abs(np.degrees(np.diff(headings))).max() <= turn_dps * STEP_S * 1.02 + 1e-6
    pitches = np.degrees(np.arcsin(steps[:, 2] / np.linalg.norm(steps, axis=1)))
    # The frame's plane tilts by 0.1° on the way.
    assert np.abs(pitches).max() <= airframe.pitch_deg + 0.2
    assert np.abs(np.diff(pitches)).max() <= airframe.pitch_dps * STEP_S + 0.05


def test_a_dive_ends_on_the_ground_at_its_target() -> None:
    route = [Waypoint(50.0, 30.0, 800.0), Waypoint(50.0, 30.06, 800.0)]
    flight = Pilot(FRAME, Airframe(50.0, 4.0), stream(1, "it")).fly(route, 10.0, 400.0, dive_deg=45.0, ground_m=100.0)
    lat, lon, alt = geodetic(*flight.points_m[-1].tolist())
    assert flight.down
    assert flight.begin_s == pytest.approx(-50.0)
    # 4.3 km at 50 m/s, and the dive is a little longer than the way below it.
    assert flight.end_s == pytest.approx(10.0 + 4_300.0 / 50.0, abs=15.0)
    assert alt == pytest.approx(95.0, abs=10.0)
    assert math.hypot((lat - 50.0) * 111_200.0, (lon - 30.06) * 71_700.0) < 200.0
    above = np.array([geodetic(*point)[2] for point in flight.points_m.tolist()])
    falling = np.degrees(np.arcsin(np.diff(above) / (50.0 * STEP_S)))
    assert -60.0 < falling.min() < -35.0


def test_the_wind_carries_a_balloon() -> None:
    wind = wind_enu_mps(Weather(wind_from_deg=270.0, wind_mps=8.0))
    assert wind.tolist() == pytest.approx([8.0, 0.0, 0.0], abs=1e-9)
    flight = drift(FRAME, Waypoint(50.0, 30.0, 1500.0), (8.0, 0.0), 300.0, stream(1, "it"))
    path = local(flight)
    start = path[round(60.0 / STEP_S)]
    assert start[:2] == pytest.approx([0.0, 0.0], abs=8.0)
    assert path[-1, 0] - start[0] == pytest.approx(8.0 * 300.0, abs=200.0)


def test_arrays_of_places_agree_with_the_geodesy() -> None:
    for lat, lon, alt in itertools.product((-89.0, 0.0, 50.45), (-179.0, 30.5), (-100.0, 0.0, 12_000.0)):
        points = ecef_m(np.array([lat]), np.array([lon]), np.array([alt]))
        assert points[0].tolist() == pytest.approx(ecef(lat, lon, alt), abs=1e-6)
        found = lat_lon_deg(points)
        assert (float(found[0][0]), float(found[1][0])) == pytest.approx((lat, lon), abs=1e-8)


def test_streams_have_names_and_wanderers_their_sigma_and_memory() -> None:
    draws = stream(1, "a").standard_normal(20_000)
    assert (stream(1, "a").standard_normal(5) == draws[:5]).all()
    for other in (stream(2, "a"), stream(1, "b"), stream(1, "a", "link")):
        assert abs(np.corrcoef(draws, other.standard_normal(20_000))[0, 1]) < 0.03
    wander = Wander(3.0, 5.0)
    values = np.array([wander.step(np.array([draw]))[0] for draw in draws])
    assert values.std() == pytest.approx(3.0, rel=0.06)
    assert np.corrcoef(values[5:], values[:-5])[0, 1] == pytest.approx(math.exp(-1.0), abs=0.06)
