"""Time to arrival against closed forms, a Monte Carlo oracle, and plain geometry."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.alerting.area import Area, fault
from skysentry.alerting.arrival import ABOVE, FAR, NEAR, Ground, Reach, reach_of, sound
from skysentry.alerting.futures import POINTS, REACH, to_edge
from skysentry.events import ObjectClass, Track
from skysentry.geo import Frame
from skysentry.site import Zone


def _plain() -> Any:
    spec = importlib.util.spec_from_file_location("plain_arrival", Path(__file__).with_name("plain.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = _plain()
HOVER = ((ObjectClass.MULTIROTOR, 1.0),)


def reach(zone: Zone, track: Track) -> Reach:
    patient = msgspec.structs.replace(zone, watch_s=1e6)
    codes, numbers = Ground([Area(patient)]).look([track])
    assert codes.tolist() == [[NEAR]]
    return reach_of(numbers[0, 0])


def test_points_have_zero_mean_and_unit_covariance() -> None:
    assert np.abs(POINTS.mean(axis=0)).max() < 1e-12
    assert np.abs(POINTS.T @ POINTS / len(POINTS) - np.eye(4)).max() < 1e-12


def test_head_on_without_uncertainty(scene: Any) -> None:
    track = scene.track(0, -11_000.0, 0.0, 50.0, 0.0, sigma_m=0.01, sigma_mps=0.001)
    found = reach(scene.zone, track)
    assert found.low_s == pytest.approx(200.0, rel=1e-3)
    assert found.mean_s == pytest.approx(200.0, rel=1e-3)
    assert found.high_s == pytest.approx(200.0, rel=1e-3)
    assert found.heads
    assert found.distance_m == pytest.approx(10_000.0, rel=1e-3)
    assert found.from_deg == pytest.approx(270.0, abs=0.1)


def test_speed_uncertainty_alone_gives_the_quantiles_of_distance_over_speed(scene: Any) -> None:
    """d/v with v normal: the 5 % quantile of the time is d over the 95 % quantile of the speed."""
    track = scene.track(0, -11_000.0, 0.0, 50.0, 0.0, sigma_m=0.01, sigma_mps=3.0)
    found = reach(scene.zone, track)
    assert found.low_s == pytest.approx(10_000.0 / (50.0 + 1.645 * 3.0), rel=0.03)
    assert found.high_s == pytest.approx(10_000.0 / (50.0 - 1.645 * 3.0), rel=0.04)


def test_inside_is_now(scene: Any) -> None:
    found = reach(scene.zone, scene.track(0, 100.0, 200.0, 50.0, 0.0, sigma_m=20.0))
    assert (found.low_s, found.mean_s, found.high_s, found.inside, found.distance_m) == (0.0, 0.0, 0.0, 1.0, 0.0)


def test_straight_away_has_no_low_bound_but_says_how_soon_it_could_turn(scene: Any) -> None:
    """The way back of a winged one is a full teardrop: arc 2·(π/2 + atan(r/d)) · r and the tangent, d long."""
    track = scene.track(0, -11_000.0, 0.0, -50.0, 0.0, sigma_m=0.01, sigma_mps=0.001)
    found = reach(scene.zone, track)
    assert math.isinf(found.low_s)
    assert found.enter < 0.01
    radius, distance = 50.0**2 / 9.81, 10_000.0
    way = distance + radius * (math.pi + 2.0 * math.atan(radius / distance))
    assert found.turn_low_s == pytest.approx(way / 50.0, rel=1e-3)


def test_abeam_has_the_low_bound_of_turning_in(scene: Any) -> None:
    track = scene.track(0, -5_000.0, 0.0, 0.0, 50.0, sigma_m=0.01, sigma_mps=0.001)
    found = reach(scene.zone, track)
    radius, distance = 50.0**2 / 9.81, 4_000.0
    line = math.sqrt((distance - radius) ** 2 - radius**2)
    way = line + radius * (math.pi / 2.0 + math.asin(radius / (distance - radius)))
    assert not found.heads
    assert found.low_s == pytest.approx(way / 50.0, rel=1e-3)


def test_a_hovering_multirotor_may_leave_at_its_cruise(scene: Any) -> None:
    track = scene.track(0, -2_500.0, 0.0, 0.0, 0.0, sigma_m=0.01, sigma_mps=0.3, classes=HOVER)
    assert reach(scene.zone, track).low_s == pytest.approx(1_500.0 / 15.0, rel=0.02)


def test_a_hole_is_outside(scene: Any) -> None:
    zone = Zone(id="z", name="z", polygons=((scene.ring(3000.0), scene.ring(1000.0)),))
    found = reach(zone, scene.track(0, 0.0, 0.0, 50.0, 0.0, sigma_m=0.01, sigma_mps=0.001))
    assert found.inside == 0.0
    assert found.mean_s == pytest.approx(20.0, rel=1e-3)
    assert found.distance_m == pytest.approx(1000.0, rel=1e-3)


def test_overlapping_polygons_are_a_union(scene: Any) -> None:
    zone = Zone(id="z", name="z", polygons=((scene.ring(1000.0),), (scene.ring(1000.0, 500.0),)))
    edges = Area(zone).edges
    assert [to_edge(east_m, 0.0, edges)[0] for east_m in (0.0, 1150.0, 1350.0)] == [True, True, False]


def test_monte_carlo_agrees_on_straight_fliers(scene: Any) -> None:
    """True states drawn from the track's own Gaussian and flown straight: 5 and 95 % hold nine in ten arrivals."""
    rng = np.random.default_rng(7)
    half_m = 1000.0
    for start, velocity, sigma_m, sigma_mps in (
        ((-12_000.0, 200.0), (48.0, 0.0), 150.0, 3.0),
        ((-8_000.0, 7_000.0), (35.0, -31.0), 80.0, 2.0),
        ((500.0, -6_000.0), (0.0, 110.0), 300.0, 8.0),
    ):
        track = scene.track(0, *start, *velocity, sigma_m=sigma_m, sigma_mps=sigma_mps)
        found = reach(scene.zone, track)
        times = _flown(rng, start, velocity, sigma_m, sigma_mps, half_m)
        covered = ((times >= found.low_s) & (times <= found.high_s)).mean()
        assert covered > 0.88, (start, covered)
        assert (times < found.low_s).mean() < 0.08, start
        assert found.mean_s == pytest.approx(times.mean(), rel=0.06)


def _flown(
    rng: np.random.Generator,
    start: tuple[float, float],
    velocity: tuple[float, float],
    sigma_m: float,
    sigma_mps: float,
    half_m: float,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Entry times into the square by the slab method, of those that enter."""
    n = 20_000
    p = rng.normal(start, sigma_m, (n, 2))
    v = rng.normal(velocity, sigma_mps, (n, 2))
    near = np.minimum((-half_m - p) / v, (half_m - p) / v).max(axis=1)
    far = np.maximum((-half_m - p) / v, (half_m - p) / v).min(axis=1)
    return np.asarray(np.maximum(near, 0.0)[(near <= far) & (far >= 0.0)])


def test_the_prefilter_never_loses_one_in_reach(scene: Any) -> None:
    rng = np.random.default_rng(3)
    tracks = [
        scene.track(0, *rng.uniform(-60_000, 60_000, 2), *rng.normal(0, 60, 2), sigma_m=200.0, name=f"t{i}")
        for i in range(300)
    ]
    codes, _ = Ground([Area(scene.zone)]).look(tracks)
    flock, area = plain.PlainFlock(tracks), plain.PlainArea(scene.zone)
    reaches = flock.reach(area, range(300))
    assert not [i for i, found in enumerate(reaches) if found.low_s <= 600.0 and codes[i, 0] != NEAR]
    assert 0.2 < (codes == NEAR).mean() < 0.9


def test_above_the_ceiling_and_far_away_are_told_apart(scene: Any) -> None:
    tracks = [
        scene.track(0, 0.0, 0.0, 50.0, 0.0, alt_m=7_000.0),
        scene.track(0, 0.0, 0.0, 50.0, 0.0, alt_m=6_010.0),
        scene.track(0, 200_000.0, 0.0, 50.0, 0.0, alt_m=7_000.0),
    ]
    assert Ground([Area(scene.zone)]).look(tracks)[0].tolist() == [[ABOVE], [NEAR], [FAR]]


def test_a_flood_is_looked_at_in_parts(scene: Any) -> None:
    zones = [Area(scene.zone), Area(scene.square("far", 500.0, 5_000.0))]
    tracks = [scene.track(0, -20_000.0 + 50.0 * i, 0.0, 50.0, 0.0) for i in range(600)]
    codes, numbers = Ground(zones).look(tracks)
    assert numbers.shape == (600, 2, REACH)
    for i in (0, 255, 256, 599):
        alone = Ground(zones).look([tracks[i]])
        assert codes[i].tolist() == alone[0][0].tolist()
        assert numbers[i].tolist() == alone[1][0].tolist()


SHAPES = ("square", "hole", "two", "star")


def _shape(scene: Any, name: str) -> Zone:
    star = tuple(
        scene.lon_lat((1500 + 900 * (-1) ** k) * math.sin(k / 5), (1500 + 900 * (-1) ** k) * math.cos(k / 5))
        for k in range(31)
    )
    polygons: Any = {
        "square": ((scene.ring(1000.0),),),
        "hole": ((scene.ring(3000.0), scene.ring(1000.0)),),
        "two": ((scene.ring(1000.0),), (scene.ring(800.0, 500.0, 300.0),), (scene.ring(400.0, -4000.0),)),
        "star": ((star,),),
    }[name]
    return Zone(id="z", name="z", polygons=polygons)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.tuples(st.floats(-12_000, 12_000), st.floats(-12_000, 12_000)),
    st.tuples(st.floats(-120, 120), st.floats(-120, 120)),
    st.floats(1.0, 3_000.0),
    st.floats(0.1, 40.0),
    st.sampled_from([HOVER, ((ObjectClass.FIXED_WING_PISTON, 0.95),), ()]),
)
def test_the_compiled_code_says_what_plain_numpy_says(
    scene: Any, shape: str, at: tuple[float, float], v: tuple[float, float], sm: float, sv: float, classes: Any
) -> None:
    zone, track = _shape(scene, shape), scene.track(0, *at, *v, sigma_m=sm, sigma_mps=sv, classes=classes)
    told = plain.PlainFlock([track]).reach(plain.PlainArea(zone), [0])[0]
    found = reach(zone, track)
    assert found.heads == told.heads
    for field in set(Reach.__struct_fields__) - {"heads", "from_deg"}:
        assert getattr(found, field) == pytest.approx(getattr(told, field), rel=1e-6, abs=1e-6), field
    assert math.cos(math.radians(found.from_deg - told.from_deg)) == pytest.approx(1.0)


def test_the_far_frame_is_turned_to_the_zone(scene: Any) -> None:
    """100 km east "west" is no longer along the zone's east axis: the course is turned by the convergence."""
    lat, lon, _ = scene.frame.to_geodetic(100_000.0, 0.0, 0.0)
    local, here = Frame.at_geodetic(lat, lon, 0.0), scene.frame
    velocity = local.turn_from(here) @ np.array([-50.0, 0.0, 0.0])
    track = scene.track(0, 100_000.0, 0.0, float(velocity[0]), float(velocity[1]), sigma_m=1.0, sigma_mps=0.001)
    found = reach(scene.zone, track)
    assert found.heads
    assert found.mean_s == pytest.approx(99_000.0 / 50.0, rel=1e-3)


def test_a_covariance_that_is_none_does_no_harm(scene: Any) -> None:
    track = scene.track(0, -5_000.0, 0.0, 50.0, 0.0)
    broken = list(track.cov)
    broken[1] = 1e9
    found = reach(scene.zone, Track(**{f: getattr(track, f) for f in track.__struct_fields__} | {"cov": tuple(broken)}))
    assert found.turn_low_s >= 0.0
    assert not math.isnan(found.mean_s)


@pytest.mark.parametrize("field", ["lat_deg", "alt_m", "velocity_mps", "cov"])
def test_numbers_that_are_none_are_not_sound(scene: Any, field: str) -> None:
    track = scene.track(0, 0.0, 0.0, 1.0, 1.0)
    bad: Any = {"velocity_mps": (math.nan, 0.0, 0.0), "cov": (math.inf,) * 21}.get(field, math.nan)
    fields = {f: getattr(track, f) for f in track.__struct_fields__}
    assert sound(track)
    assert not sound(Track(**fields | {field: bad}))
    assert not sound(Track(**fields | {"cov": (1.0,) * 20}))


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-40_000, 40_000),
    st.floats(-40_000, 40_000),
    st.floats(-400, 400),
    st.floats(-400, 400),
    st.floats(0.0, 50_000.0),
    st.floats(0.0, 300.0),
)
def test_bounds_are_ordered_for_any_track(
    scene: Any, e: float, n: float, ve: float, vn: float, sm: float, sv: float
) -> None:
    found = reach(scene.zone, scene.track(0, e, n, ve, vn, sigma_m=sm, sigma_mps=sv))
    assert 0.0 <= found.turn_low_s <= found.turn_high_s
    assert found.mean_s <= found.high_s + 1e-9 or not found.heads
    assert found.low_s >= 0.0
    assert 0.0 <= found.enter <= 1.0 + 1e-9
    assert 0.0 <= found.inside <= 1.0


@pytest.mark.parametrize(
    ("ring", "word"),
    [
        (((30.0, 50.0), (30.1, 50.0)), "three"),
        (((30.0, 50.0), (30.1, 50.0), (30.2, 50.0)), "area"),
        (((30.0, 50.0), (30.1, 50.1), (30.1, 50.0), (30.0, 50.1)), "crosses"),
        (((30.0, 95.0), (30.1, 50.1), (30.1, 50.0)), "degrees"),
        (((0.0, 0.0), (60.0, 0.0), (60.0, 60.0), (0.0, 60.0)), "beyond"),
        (((math.nan, 0.0), (60.0, 0.0), (60.0, 60.0)), "degrees"),
    ],
)
def test_unusable_polygons_are_named(ring: Any, word: str) -> None:
    assert word in str(fault(Zone(id="z", name="z", polygons=((ring,),))))


def test_a_usable_polygon_has_no_fault(scene: Any) -> None:
    assert fault(scene.zone) is None
