"""Geodesy against pyproj."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry import geo
from skysentry.events import Place

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
HEIGHTS = st.floats(-1_000, 100_000)
TO_ECEF = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
GEODESIC = pyproj.Geod(ellps="WGS84")


@given(LATITUDES, LONGITUDES, HEIGHTS)
@settings(max_examples=200)
def test_earth_centred_agrees_with_pyproj_and_back(lat: float, lon: float, height: float) -> None:
    point = geo.ecef(lat, lon, height)
    assert point == pytest.approx(TO_ECEF.transform(lon, lat, height), abs=1e-6)
    back = geo.geodetic(*point)
    # Longitude loses its meaning at the poles: compare the points.
    assert geo.ecef(*back) == pytest.approx(point, abs=1e-5)


@given(st.floats(-85, 85), LONGITUDES, st.floats(0, 360), st.floats(10, 100_000))
@settings(max_examples=100)
def test_local_frames_agree_with_pyproj(lat: float, lon: float, azimuth: float, distance: float) -> None:
    lon2, lat2, _ = GEODESIC.fwd(lon, lat, azimuth, distance)
    frame = geo.Frame.at(Place(lat_deg=lat, lon_deg=lon, alt_m=120.0))
    pipeline = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=cart +ellps=WGS84 "
        f"+step +proj=topocentric +ellps=WGS84 +lat_0={lat!r} +lon_0={lon!r} +h_0=120"
    )
    local = frame.to_local(lat2, lon2, 80.0)
    assert local == pytest.approx(pipeline.transform(lon2, lat2, 80.0), abs=1e-5)
    back = frame.to_geodetic(*local)
    assert back[0] == pytest.approx(lat2, abs=1e-9)
    assert back[2] == pytest.approx(80.0, abs=1e-5)
    assert geo.distance_m(lat, lon, lat2, lon2) == pytest.approx(distance, rel=0.006)
    assert math.cos(math.radians(geo.bearing_deg(lat, lon, lat2, lon2) - azimuth)) == pytest.approx(1.0, abs=1e-4)


def test_turning_between_frames_keeps_directions() -> None:
    here, there = geo.Frame.at_geodetic(50.45, 30.52, 0.0), geo.Frame.at_geodetic(50.45, 32.9, 0.0)
    turn = here.turn_from(there)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    north = turn @ np.array([0.0, 1.0, 0.0])
    # Meridians converge by Δlon · sin(lat) = 1.84° over 169 km at this latitude.
    assert math.degrees(math.atan2(-north[0], north[1])) == pytest.approx(
        2.38 * math.sin(math.radians(50.45)), abs=0.01
    )
