"""Sound on its way, against laws computed here in another way; and ears that hear by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import Bearing, ObjectClass, Place, Presence, Scan
from skysentry.geo import Array, Frame
from skysentry.sim import air
from skysentry.sim.hearing import Hearing
from skysentry.sim.motion import STEP_S, Flight, raise_to
from skysentry.sim.posts import Emplacement, Post, Quirk
from skysentry.sim.world import Flyer, World
from skysentry.site import Sensor, SensorKind, Site, Weather

ORIGIN = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
FRAME = Frame.at(ORIGIN)
STILL = Weather(temperature_c=10.0, wind_mps=0.0)


def flyer(
    where: Callable[[Array], tuple[Array, Array, Array]],
    begin_s: float = -60.0,
    end_s: float = 120.0,
    kind: ObjectClass = ObjectClass.FIXED_WING_PISTON,
) -> Flyer:
    """Return something that is at `where(t)`: east, north of the origin and altitude."""
    times = np.arange(round((end_s - begin_s) / STEP_S) + 1) * STEP_S + begin_s
    return Flyer("it", kind, Flight(begin_s, end_s, raise_to(FRAME, *where(times))), True, 0.1)


def post(kind: SensorKind, quirk: Quirk | None = None, name: str = "ear", **traits: float) -> Post:
    """Return an ear at the origin that is where, when and as it is believed to be, but for its quirk."""
    sensor = Sensor(id=name, kind=kind, position=ORIGIN, position_sigma_m=0.0, clock_sigma_s=0.0, false_per_scan=1e-9)
    return Post(Emplacement(sensor, quirk or Quirk(), traits=traits), 1, 0)


def scans(ear: Post, it: Flyer, seconds: int, weather: Weather = STILL, seed: int = 1) -> list[tuple[float, Scan]]:
    site = Site(position=ORIGIN, weather=weather)
    hearing = Hearing([ear], World([it]), site, seed)
    return [(time_s, scan) for second in range(seconds) for _, time_s, scan in hearing.look(float(second))]


def test_absorption_is_that_of_the_standard() -> None:
    # ISO 9613-1 table 1 gives these at 15 °C, 60 % and one atmosphere, dB/km (as in reference tables to three digits).
    hertz = np.array([100.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])
    expected = [0.28, 0.88, 2.30, 4.06, 9.53, 30.6, 110.0]
    assert air.absorption_db_per_km(hertz, 15.0, 60.0) == pytest.approx(expected, rel=0.02)


def test_speed_of_sound() -> None:
    assert air.speed_of_sound_mps(20.0) == pytest.approx(343.2, abs=0.1)
    assert air.speed_of_sound_mps(0.0) == pytest.approx(331.3, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(
    east_m=st.floats(-6000, 6000),
    north_m=st.floats(-6000, 6000),
    speed_mps=st.floats(0, 115),
    course=st.floats(0, 2 * math.pi),
    wind_mps=st.floats(0, 12),
    wind_to=st.floats(0, 2 * math.pi),
)
def test_sound_left_when_its_drifting_front_says(
    east_m: float, north_m: float, speed_mps: float, course: float, wind_mps: float, wind_to: float
) -> None:
    """Bisection on |p(t − τ) + w·τ − s| = c·τ finds the same τ within a millisecond, on a path given by a formula."""
    speed = speed_mps * np.array([math.sin(course), math.cos(course), 0.0])
    wind = wind_mps * np.array([math.sin(wind_to), math.cos(wind_to), 0.0])
    time_s, sound_mps = 20.0, 337.0

    def place(when: float) -> Array:
        return np.array([east_m, north_m, 300.0]) + speed * (when - time_s)

    low, high = 0.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2.0
        ahead = float(np.linalg.norm(place(time_s - middle) + wind * middle)) > sound_mps * middle
        low, high = (middle, high) if ahead else (low, middle)
    samples = np.arange(round(180.0 / STEP_S) + 1) * STEP_S - 60.0
    local = np.array([place(when) for when in samples])
    points = local @ FRAME.rotation + np.array(FRAME.origin_ecef_m)
    world = World([Flyer("it", ObjectClass.JET, Flight(-60.0, 120.0, points), True, 0.1)])
    ears = np.array([FRAME.origin_ecef_m])
    left_s, way = air.retarded(world, [0], ears, np.array([time_s]), FRAME.rotation.T @ wind, sound_mps)
    assert time_s - left_s[0, 0] == pytest.approx(low, abs=1e-3)
    assert FRAME.rotation @ way[0, 0] == pytest.approx(place(time_s - low) + wind * low, abs=0.5)


@pytest.mark.parametrize("range_m", [700.0, 1500.0, 2400.0])
def test_the_first_hit_comes_when_the_sound_does(range_m: float) -> None:
    """A source that begins at 5 s is heard in the first look after 5 s + r/c, and in none before."""
    up_m = 200.0
    it = flyer(lambda t: (0.0 * t + range_m, 0.0 * t, 0.0 * t + 100.0 + up_m), begin_s=5.0)
    looks = scans(post(SensorKind.MICROPHONE, ambient_db=10.0, gain_db=15.0), it, 30)
    due_s = 5.0 + math.hypot(range_m, up_m) / air.speed_of_sound_mps(10.0)
    heard = [time_s for time_s, scan in looks if scan.detections]
    silent = [time_s for time_s, scan in looks if not scan.detections]
    # The plane of the frame and the sphere differ by 0.5 m here, 1.5 ms of sound.
    assert due_s - 0.002 <= heard[0] <= due_s + 1.002
    assert max(silent) < heard[0]
    assert all(isinstance(scan.detections[0].measurement, Presence) for time_s, scan in looks if scan.detections)


def bearings(looks: Sequence[tuple[float, Scan]]) -> list[tuple[float, float]]:
    return [
        (time_s, one.measurement.bearing_deg)
        for time_s, scan in looks
        for one in scan.detections
        if isinstance(one.measurement, Bearing)
    ]


def crossing(speed_mps: float) -> Flyer:
    return flyer(lambda t: (speed_mps * (t - 30.0), 0.0 * t + 2000.0, 0.0 * t + 400.0))


def retarded_bearing_deg(time_s: float, speed_mps: float) -> float:
    """Return the bearing of the crossing flyer when the sound left, by the quadratic of a straight path."""
    sound = air.speed_of_sound_mps(10.0)
    east, across2 = speed_mps * (time_s - 30.0), 2000.0**2 + 300.0**2
    a, b, c = sound**2 - speed_mps**2, 2.0 * east * speed_mps, -(east**2 + across2)
    taken = (-b + math.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    return math.degrees(math.atan2(east - speed_mps * taken, 2000.0))


def turn_deg(value: float) -> float:
    return (value + 180.0) % 360.0 - 180.0


@pytest.mark.parametrize("bias_deg", [0.0, 8.5])
def test_bearings_point_to_where_it_was_plus_the_mounting(bias_deg: float) -> None:
    array = post(SensorKind.ARRAY, Quirk(heading_deg=bias_deg), gain_db=12.0)
    found = bearings(scans(array, crossing(100.0), 60))
    assert len(found) > 40
    was = [turn_deg(bearing - retarded_bearing_deg(time_s, 100.0)) for time_s, bearing in found]
    now = [turn_deg(bearing - math.degrees(math.atan2(100.0 * (time_s - 30.0), 2000.0))) for time_s, bearing in found]
    # Refraction wanders by 1° over 20 s, so the mean of a minute is known within about 1°.
    assert np.mean(was) == pytest.approx(bias_deg, abs=1.2)
    assert np.median(now) < bias_deg - 4.0


def hits(where: tuple[float, float], weather: Weather, quirk: Quirk | None = None) -> int:
    it = flyer(lambda t: (0.0 * t + where[0], 0.0 * t + where[1], 0.0 * t + 200.0))
    return sum(bool(scan.detections) for _, scan in scans(post(SensorKind.MICROPHONE, quirk), it, 100, weather))


def test_wind_shortens_the_upwind_reach() -> None:
    west_wind = Weather(temperature_c=10.0, wind_from_deg=270.0, wind_mps=6.0)
    from_upwind, from_downwind = hits((-2500.0, 0.0), west_wind), hits((2500.0, 0.0), west_wind)
    assert from_upwind > 4 * max(from_downwind, 1)


def test_a_blocked_port_hears_less_and_believes_to_reach_further() -> None:
    blocked = Quirk(loss_db=15.0)
    assert hits((0.0, 1500.0), STILL) > 60 > 3 * hits((0.0, 1500.0), STILL, blocked)
    ((_, scan),) = scans(post(SensorKind.MICROPHONE, blocked), crossing(50.0), 1)
    ((_, good),) = scans(post(SensorKind.MICROPHONE), crossing(50.0), 1)
    assert scan.reach_m is not None
    assert good.reach_m is not None
    assert scan.reach_m > good.reach_m


def test_false_hits_come_at_the_declared_rate_but_in_runs() -> None:
    sensor = Sensor(id="ear", kind=SensorKind.MICROPHONE, position=ORIGIN, false_per_scan=0.05)
    site = Site(position=ORIGIN, weather=STILL)
    ears = [Post(Emplacement(sensor), seed, 0) for seed in range(40)]
    hearing = Hearing(ears, World([crossing(0.0)]), site, 1)
    hearing.sources = []  # nothing flies
    looks = np.array([[bool(scan.detections) for *_, scan in hearing.look(float(second))] for second in range(500)])
    # 20,000 looks in runs of 8: about 180 independent runs, 15 % of statistical error in two sigma.
    assert looks.mean() == pytest.approx(0.05, rel=0.2)
    after = looks[1:][looks[:-1]].mean()
    assert after > 0.4
