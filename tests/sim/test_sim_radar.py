"""The radar against its equation, its horizon and the play in which a river hides a drone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skysentry.events import ObjectClass, Place, RangeAzEl
from skysentry.geo import Frame
from skysentry.sim import scenario
from skysentry.sim.motion import STEP_S, Flight, raise_to
from skysentry.sim.posts import Emplacement, Post, Quirk
from skysentry.sim.radar import Radar, horizon_m
from skysentry.sim.world import Flyer, World
from skysentry.site import Coverage, Sensor, SensorKind

PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=20.0)
FRAME = Frame.at(PLACE)
TRAITS = {"reach_m": 40_000.0, "instrumented_m": 60_000.0, "mask_deg": -9.0, "ground_m": 0.0}


def outward(range_m: float, alt_m: float, echo_m2: float = 1.0) -> Flyer:
    """Return something that stays at a range and flies neither towards nor away, but is shaken radially."""
    times = np.arange(round(2000.0 / STEP_S) + 1) * STEP_S
    # A fast small radial swing keeps the echo out of the ground filter: ±10 m/s, ±3 m.
    swing = 3.0 * np.sin(times / 0.3)
    points = raise_to(FRAME, 0.0 * times, range_m + swing, 0.0 * times + alt_m)
    return Flyer("it", ObjectClass.FIXED_WING_PISTON, Flight(0.0, 2000.0, points), True, echo_m2)


def radar(it: Flyer, false_per_scan: float = 1e-9, bias_deg: float = 0.0, **traits: float) -> Radar:
    sensor = Sensor(
        id="radar",
        kind=SensorKind.RADAR,
        position=PLACE,
        position_sigma_m=0.0,
        coverage=Coverage(max_m=50_000.0, el_deg=(-10.0, 60.0)),
        false_per_scan=false_per_scan,
    )
    return Radar(Post(Emplacement(sensor, Quirk(heading_deg=bias_deg), traits=TRAITS | traits), 1, 0), World([it]))


def plots(one: Radar, seconds: int) -> list[list[RangeAzEl]]:
    looks: list[list[RangeAzEl]] = []
    for second in range(seconds):
        for _, _, scan in one.look(float(second)):
            looks.append([d.measurement for d in scan.detections if isinstance(d.measurement, RangeAzEl)])
    return looks


@pytest.mark.parametrize(("range_m", "echo_m2"), [(20_000.0, 1.0), (40_000.0, 1.0), (20_000.0, 0.1)])
def test_detections_follow_the_radar_equation_of_swerling_1(range_m: float, echo_m2: float) -> None:
    """P = exp(−threshold / mean), with the mean as σ/R⁴ and P = 1/2 for 1 m² at the reach; slow looks are left out."""
    looks = plots(radar(outward(range_m, 5000.0, echo_m2)), 1500)
    slant_m = math.hypot(range_m, 5000.0)
    expected = 0.5 ** ((slant_m / 40_000.0) ** 4 / echo_m2)
    # A radial speed under 2 m/s, where the filter takes 15 dB, happens in 2/π·asin(0.2) = 13 % of looks.
    slow = 2.0 / math.pi * math.asin(0.2)
    filtered = expected ** (10.0**1.5)
    mean = (1.0 - slow) * expected + slow * filtered
    found = sum(map(len, looks)) / len(looks)
    assert found == pytest.approx(mean, abs=4.0 * math.sqrt(mean * (1.0 - mean) / len(looks)) + 0.02)


def test_errors_are_as_declared_and_the_bias_stays() -> None:
    seen = [one for look in plots(radar(outward(9_000.0, 2_000.0), bias_deg=0.4), 600) for one in look]
    _, north, up = FRAME.to_local(*FRAME.to_geodetic(0.0, 9_000.0, 0.0)[:2], 2_000.0)
    ranges = np.array([one.range_m for one in seen])
    turns = np.array([((one.az_deg + 180.0) % 360.0) - 180.0 for one in seen])
    assert ranges.mean() == pytest.approx(math.hypot(north, up), abs=2.0)
    assert turns.mean() == pytest.approx(0.4, abs=0.06)
    normal = np.array([(turn - 0.4) / one.sigma_az_deg for turn, one in zip(turns, seen, strict=True)])
    assert normal.std() == pytest.approx(1.0, abs=0.1)
    assert np.mean([one.el_deg for one in seen]) == pytest.approx(math.degrees(math.atan2(up, north)), abs=0.1)


@pytest.mark.parametrize(("range_m", "seen"), [(38_000.0, True), (44_000.0, False)])
def test_nothing_is_seen_below_the_horizon(range_m: float, seen: bool) -> None:
    """20 m and 30 m see each other over 4.12 (√20 + √30) = 41 km of an Earth of 4/3 radius."""
    assert horizon_m(20.0, 30.0) == pytest.approx(4_120.0 * (math.sqrt(20.0) + math.sqrt(30.0)), rel=0.01)
    looks = plots(radar(outward(range_m, 30.0), reach_m=200_000.0), 60)
    assert (sum(map(len, looks)) > 30) is seen
    assert seen or not sum(map(len, looks))


def test_clutter_is_as_much_as_declared_and_keeps_to_its_patches() -> None:
    it = outward(9_000.0, -500.0)  # under the ground: never seen
    looks = plots(radar(it, false_per_scan=10.0, mask_deg=0.3), 400)
    counts = np.array([len(look) for look in looks])
    assert counts.mean() == pytest.approx(10.0, abs=4.0 * math.sqrt(10.0 / 400))
    assert counts.var() == pytest.approx(10.0, rel=0.3)
    cells = [(round(one.range_m / 500.0), round(one.az_deg / 5.0)) for look in looks for one in look]
    most = max(cells.count(cell) for cell in set(cells))
    assert most > 20  # uniform alone would put about 3,600 plots / 8,600 cells = 0.4 into each


@pytest.mark.parametrize(("name", "seen"), [("piston-river-1", False), ("piston-north-1", True)])
def test_the_drone_low_on_the_river_is_hidden_from_both_radars(name: str, seen: bool) -> None:
    made = scenario("raid", seconds=200)
    it = next(one for one in made.world.flyers if one.name == name)
    near = [
        one
        for post in made.posts
        if post.sensor.kind is SensorKind.RADAR
        for second, look in enumerate(plots(Radar(post, World([it])), 200))
        for one in look
        if _close(one, post, it, second + post.phase_s)
    ]
    # Clutter falls near it by chance at most now and then; the group beside it, 400 m up, is seen.
    assert (len(near) > 100) if seen else (len(near) <= 2)


def _close(one: RangeAzEl, post: Post, it: Flyer, time_s: float) -> bool:
    place, _ = World([it]).at([0], np.array([time_s]))
    assert post.believed is not None
    east, north, up = (post.believed.rotation @ (place[0] - post.place_m)).tolist()
    turn = (one.az_deg - math.degrees(math.atan2(east, north)) + 180.0) % 360.0 - 180.0
    return abs(one.range_m - math.hypot(east, north, up)) < 60.0 and abs(turn) < 1.5
