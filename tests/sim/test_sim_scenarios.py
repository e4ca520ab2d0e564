"""Plays as wholes: the same for one seed, in order of arrival, with the silence and the faults that they promise."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from skysentry.errors import InputError
from skysentry.events import AnyEvent, Health, ObjectClass, Packet, Place, Scan, Truth, encode
from skysentry.geo import Frame, bearing_deg
from skysentry.sim import SCENARIOS, Scenario, kyiv, raid, scenario
from skysentry.sim.posts import Emplacement
from skysentry.sim.stage import play
from skysentry.site import Sensor, SensorKind

# Speeds that each class can have, dives and draughts included.
SPEEDS_MPS = {
    ObjectClass.FIXED_WING_PISTON: (42.0, 60.0),
    ObjectClass.JET: (98.0, 122.0),
    ObjectClass.MULTIROTOR: (0.0, 20.0),
    ObjectClass.BIRD: (3.0, 22.0),
    ObjectClass.BALLOON: (0.0, 15.0),
    ObjectClass.HELICOPTER: (50.0, 70.0),
    ObjectClass.AEROPLANE: (60.0, 260.0),
}


@cache
def raid_events() -> tuple[AnyEvent, ...]:
    """Return the whole raid of seed 1, once."""
    return tuple(raid_play().events())


@cache
def raid_play() -> Scenario:
    return scenario("raid")


def scans_of(sensor: str) -> list[Scan]:
    return [event for event in raid_events() if isinstance(event, Scan) and event.sensor == sensor]


def lines(play: Scenario) -> list[bytes]:
    return [encode(event) for event in play.events()]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_one_seed_is_one_stream_of_bytes(name: str) -> None:
    first = scenario(name, seed=3, seconds=8)
    assert lines(first) == lines(first) == lines(scenario(name, seed=3, seconds=8))
    assert lines(first) != lines(scenario(name, seed=4, seconds=8))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_shorter_play_is_the_beginning_of_a_longer_one(name: str) -> None:
    short, long = lines(scenario(name, seconds=6)), lines(scenario(name, seconds=12))
    assert short == long[: len(short)]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_events_come_in_order_of_arrival_each_with_its_own_id_and_within_the_play(name: str) -> None:
    made = scenario(name, seconds=20)
    events = list(made.events())
    assert all(one.received_ns <= other.received_ns for one, other in itertools.pairwise(events))
    assert len({event.id for event in events}) == len(events)
    assert events[-1].received_ns < made.start_ns + 20_000_000_000
    assert all(msgspec.json.decode(encode(event), type=AnyEvent) == event for event in events[:500])


def test_another_start_moves_the_play_in_time() -> None:
    early, late = scenario("raid", seconds=3, start_ns=10**18), scenario("raid", seconds=3, start_ns=2 * 10**18)
    pairs = list(zip(early.events(), late.events(), strict=True))
    assert len(pairs) > 150
    assert {other.received_ns - one.received_ns for one, other in pairs} == {10**18}


def test_a_sensor_more_leaves_all_others_as_they_were() -> None:
    plan = raid.plan(5, 10.0)
    place = Place(lat_deg=50.51, lon_deg=30.33, alt_m=155.0)
    more = Emplacement(Sensor(id="mic-new", kind=SensorKind.MICROPHONE, position=place))
    wider = replace(plan, emplaced=(more, *plan.emplaced))
    before = lines(play(plan, 5, 0, 10.0))
    after = [line for line in lines(play(wider, 5, 0, 10.0)) if b"mic-new" not in line]
    assert before == after


def test_an_unknown_play_and_a_wrong_length_say_what_to_do() -> None:
    with pytest.raises(InputError, match="did you mean 'raid'"):
        scenario("riad")
    with pytest.raises(InputError, match="airport and raid"):
        scenario("zzz")
    for seconds in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(InputError, match="hint: between"):
            scenario("raid", seconds=seconds)
    with pytest.raises(InputError, match="whole numbers"):
        scenario("raid", seed=-1)


def test_silence_is_reported_and_a_power_cut_is_not() -> None:
    dark = [post.sensor.id for post in raid_play().posts if post.dark_s]
    assert len(dark) >= 5
    begin_s, end_s = kyiv.DARK_S[0]
    for sensor in dark:
        seconds = [(scan.time_ns - raid_play().start_ns) / 1e9 for scan in scans_of(sensor)]
        assert not [one for one in seconds if begin_s + 0.5 < one < end_s - 0.5]
        assert len([one for one in seconds if one < begin_s]) > 0.9 * begin_s
    quiet = [scan for scan in scans_of("mic-40") if not scan.detections]
    assert len(quiet) > 150
    back = {event.source for event in raid_events() if isinstance(event, Health)}
    assert back == set(dark)


def test_truth_moves_as_its_class_can() -> None:
    truths = [event for event in raid_events() if isinstance(event, Truth)]
    for truth in truths:
        low, high = SPEEDS_MPS[truth.object_class]
        assert low <= np.linalg.norm(truth.velocity_mps) <= high, truth
    for name in {truth.object for truth in truths}:
        own = [truth for truth in truths if truth.object == name]
        for one, other in itertools.pairwise(own):
            assert other.time_ns - one.time_ns == 10**9
            moved = Frame.at_geodetic(one.lat_deg, one.lon_deg, one.alt_m).to_local(
                other.lat_deg, other.lon_deg, other.alt_m
            )
            mean = (np.array(one.velocity_mps) + np.array(other.velocity_mps)) / 2.0
            # Two tangents stand for a second of turning flight: at 5 m/s² wrong by a·t²/12 and little more.
            assert np.abs(np.array(moved) - mean).max() < 4.0, name


def test_the_first_group_is_over_bucha_in_its_planned_time_and_dives_there() -> None:
    own = [event for event in raid_events() if isinstance(event, Truth) and event.object == "piston-bucha-1"]
    inside = [truth for truth in own if _inside(kyiv.BUCHA, truth.lon_deg, truth.lat_deg)]
    entered_s = (inside[0].time_ns - raid_play().start_ns) / 1e9
    assert 60.0 < entered_s < 150.0
    assert own[-1].alt_m < kyiv.GROUND_M + 60.0
    assert own[-1].time_ns < raid_play().start_ns + 200 * 10**9


def _inside(ring: tuple[tuple[float, float], ...], lon: float, lat: float) -> bool:
    crossed = False
    for (lon1, lat1), (lon2, lat2) in itertools.pairwise(ring):
        if (lat1 > lat) != (lat2 > lat) and lon < (lon2 - lon1) * (lat - lat1) / (lat2 - lat1) + lon1:
            crossed = not crossed
    return crossed


def test_outliers_are_as_wrong_as_they_should_be_and_others_as_declared() -> None:
    posts = {post.sensor.id: post for post in raid_play().posts}
    assert posts[kyiv.WRONG_NORTH].heading_error_deg == 8.5
    assert posts[kyiv.WRONG_CLOCK].clock_error_s == 2.0
    assert posts["radar-2"].heading_error_deg == 0.4 < 2.0 * posts["radar-2"].sensor.heading_sigma_deg
    others = [post for name, post in posts.items() if name not in (kyiv.WRONG_CLOCK, kyiv.WRONG_NORTH)]
    assert all(abs(post.clock_error_s) <= 4.0 * post.sensor.clock_sigma_s for post in others)
    turned = [
        post.heading_error_deg / post.sensor.heading_sigma_deg for post in others if post.sensor.heading_sigma_deg
    ]
    assert len(turned) == 17
    assert 0.5 < np.std(turned) < 1.6
    late = [scan.received_ns - scan.time_ns for scan in scans_of(kyiv.WRONG_CLOCK)]
    assert np.median(late) < 0  # its clock is ahead of the messages' arrival


def test_some_links_are_late_and_lose_messages() -> None:
    delays_s = np.array([(scan.received_ns - scan.time_ns) / 1e9 for scan in scans_of("mic-06")])
    assert 0.08 < (delays_s > 1.0).mean() < 0.25
    assert delays_s.max() < 7.5
    assert 0.9 < len(delays_s) / 300 < 1.0


def test_threats_are_threats_and_the_known_are_not() -> None:
    truths = [event for event in raid_events() if isinstance(event, Truth)]
    harmless = {truth.object.rsplit("-", 1)[0] for truth in truths if not truth.threat}
    assert harmless == {"balloon", "bird", "helicopter"}
    assert len({truth.object for truth in truths if truth.object_class is ObjectClass.FIXED_WING_PISTON}) == 12
    assert any(isinstance(event, Packet) for event in raid_events())


def test_later_waves_come_from_further_out() -> None:
    made = scenario("raid", seconds=320)
    flights = {flyer.name: flyer.flight for flyer in made.world.flyers}
    assert flights["piston-north-1-2"].begin_s == pytest.approx(240.0)
    assert len(flights) == 12 + 12 + 2 + 1 + 1 + 2 + 4
    late = [made.world.flyers.index(one) for one in made.world.flyers if one.name in ("jet-1", "jet-1-2")]
    (first, _), (second, _) = (
        made.world.at([index], np.array([when])) for index, when in zip(late, (0, 300), strict=True)
    )
    centre = np.array(Frame.at(kyiv.CENTRE).origin_ecef_m)
    assert np.linalg.norm(second - centre) > np.linalg.norm(first - centre) + 40_000.0


def test_the_zones_are_apart_and_where_the_towns_are() -> None:
    rings = {"Kyiv": kyiv.KYIV, "Bucha": kyiv.BUCHA, "Irpin": kyiv.IRPIN}
    for name, ring in rings.items():
        assert ring[0] == ring[-1]
        assert 8 <= len(ring) - 1 <= 30
        for other, points in rings.items():
            if other != name:
                assert not [point for point in points if _inside(ring, *point)], (name, other)
    assert _inside(kyiv.KYIV, 30.52, 50.45)
    assert 270.0 < bearing_deg(50.45, 30.52, 50.55, 30.21) < 310.0
