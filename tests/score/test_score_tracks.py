"""Tracks against truth, small cases worked out by hand."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry import geo
from skysentry.errors import InputError
from skysentry.events import ObjectClass, Track, TrackStatus, Truth
from skysentry.geo import Frame
from skysentry.score import Report, report_text, score

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
HERE = Frame.at_geodetic(50.45, 30.52, 0.0)


def truth(name: str, second: float, east_m: float, north_m: float = 0.0, up_m: float = 200.0, **more: object) -> Truth:
    lat, lon, alt = HERE.to_geodetic(east_m, north_m, up_m)
    fields = {"velocity_mps": (0.0, 0.0, 0.0), "object_class": ObjectClass.FIXED_WING_PISTON, **more}
    at_ns = T0 + round(second * S)
    return Truth(
        id=f"truth:{name}@{at_ns}",
        time_ns=at_ns,
        received_ns=at_ns,
        object=name,
        lat_deg=lat,
        lon_deg=lon,
        alt_m=alt,
        **fields,  # type: ignore[arg-type]
    )


def track(
    name: str,
    second: float,
    east_m: float,
    north_m: float = 0.0,
    up_m: float = 200.0,
    *,
    status: TrackStatus = TrackStatus.CONFIRMED,
    delay_s: float = 0.0,
    velocity_mps: tuple[float, float, float] = (0.0, 0.0, 0.0),
    classes: tuple[tuple[ObjectClass, float], ...] = (),
) -> Track:
    lat, lon, alt = HERE.to_geodetic(east_m, north_m, up_m)
    at_ns = T0 + round(second * S)
    return Track(
        id=f"{name}@{at_ns}",
        time_ns=at_ns,
        received_ns=at_ns + round(delay_s * S),
        track_id=name,
        status=status,
        lat_deg=lat,
        lon_deg=lon,
        alt_m=alt,
        velocity_mps=velocity_mps,
        cov=(1.0,) * 21,
        existence=0.9,
        first_ns=at_ns,
        last_seen_ns=at_ns,
        classes=classes,
    )


def judged(truths: list[Truth], tracks: list[Track], **options: object) -> Report:
    return score(truths, tracks, [], [], **{"c_m": 100.0, "skip_s": 0.0, **options})  # type: ignore[arg-type]


STANDING = [truth("a", second, 0.0) for second in range(11)]


def test_a_perfect_track_is_perfect() -> None:
    t = judged(STANDING, [track("x", second, 0.0) for second in range(11)]).tracks
    assert t.gospa_m == pytest.approx(0.0, abs=1e-6)
    assert (t.seconds, t.object_seconds, t.initiated, t.median_initiation_s) == (11, 11, 1, 0.0)
    assert (t.completeness, t.switches, t.tracks, t.false_tracks, t.id_share) == (1.0, 0, 1, 0, 1.0)


def test_gospa_is_the_mean_of_distances_at_each_instant() -> None:
    # 0–4 s missed: c/√2 each; 5–10 s followed 30 m off.
    t = judged(STANDING, [track("x", second, 30.0) for second in range(5, 11)]).tracks
    assert t.gospa_m == pytest.approx((5 * 100.0 / math.sqrt(2) + 6 * 30.0) / 11, rel=1e-6)
    assert t.localisation_m == pytest.approx(6 * 30.0 / 11, rel=1e-6)
    assert t.missed_m == pytest.approx(5 * 100.0 / math.sqrt(2) / 11, rel=1e-6)
    assert (t.false_m, t.mean_false) == (0.0, 0.0)
    assert t.mean_missed == pytest.approx(5 / 11)
    assert t.completeness == pytest.approx(6 / 11)
    assert (t.median_initiation_s, t.worst_initiation_s) == (5.0, 5.0)
    assert t.rmse_m == pytest.approx(30.0, rel=1e-6)


def test_the_first_seconds_count_for_initiation_only() -> None:
    t = judged(STANDING, [track("x", second, 0.0) for second in range(5, 11)], skip_s=6.0).tracks
    assert (t.seconds, t.completeness, t.median_initiation_s) == (5, 1.0, 5.0)
    assert t.gospa_m == pytest.approx(0.0, abs=1e-6)


def test_only_what_had_arrived_counts() -> None:
    late = [track("x", second, 0.0, delay_s=3.0) for second in range(11)]
    t = judged(STANDING, late).tracks
    assert t.median_initiation_s == 3.0
    assert t.completeness == pytest.approx(8 / 11)


def test_a_track_moves_on_by_its_velocity() -> None:
    flying = [truth("a", second, 50.0 * second) for second in range(11)]
    once = [track("x", 0.0, 0.0, velocity_mps=(50.0, 0.0, 0.0))]
    t = judged(flying, once).tracks
    assert t.completeness == 1.0
    assert t.rmse_m == pytest.approx(0.0, abs=0.05)


def test_tentative_ended_and_stale_tracks_do_not_count() -> None:
    assert judged(STANDING, [track("x", 0.0, 0.0, status=TrackStatus.TENTATIVE)]).tracks.completeness == 0.0
    ended = [track("x", 0.0, 0.0), track("x", 4.5, 0.0, status=TrackStatus.ENDED)]
    assert judged(STANDING, ended).tracks.completeness == pytest.approx(5 / 11)
    long = [truth("a", second, 0.0) for second in range(61)]
    assert judged(long, [track("x", 0.0, 0.0)]).tracks.completeness == pytest.approx(31 / 61)
    coasting = [track("x", 0.0, 0.0), track("x", 1.0, 0.0, status=TrackStatus.COASTING)]
    assert judged(STANDING, coasting).tracks.completeness == 1.0


def test_a_change_of_id_is_a_switch_also_across_a_hole() -> None:
    tracks = [track("x", second, 0.0) for second in range(4)] + [track("x", 4.0, 0.0, status=TrackStatus.ENDED)]
    tracks += [track("y", second, 0.0) for second in range(6, 11)]
    report = judged(STANDING, tracks)
    assert report.tracks.switches == 1
    assert report.tracks.id_share == pytest.approx(5 / 11)
    assert report.by_object[0].longest_id_share == pytest.approx(5 / 11)


def test_a_pair_is_kept_while_near_though_another_is_nearer() -> None:
    tracks = [track("x", second, 60.0) for second in range(11)] + [track("y", second, 5.0) for second in range(3, 11)]
    t = judged(STANDING, tracks).tracks
    assert t.switches == 0
    # y never pairs, so it is false; GOSPA pairs each instant anew and takes the nearer one.
    assert (t.tracks, t.false_tracks) == (2, 1)
    assert t.localisation_m == pytest.approx((3 * 60.0 + 8 * 5.0) / 11, rel=1e-6)


def test_crossing_tracks_that_swap_are_two_switches() -> None:
    truths = [truth(name, s, 0.0, north) for name, north in (("a", 0.0), ("b", 1000.0)) for s in range(11)]
    tracks = [track("x", s, 0.0, 0.0 if s < 5 else 1000.0) for s in range(11)]
    tracks += [track("y", s, 0.0, 1000.0 if s < 5 else 0.0) for s in range(11)]
    t = judged(truths, tracks).tracks
    assert t.switches == 2
    assert t.completeness == 1.0
    assert t.id_share == pytest.approx(6 / 11)


def test_false_tracks_and_their_rate() -> None:
    tracks = [track("x", s, 0.0) for s in range(11)] + [track("ghost", s, 5000.0) for s in range(11)]
    # A ghost that lives between two instants was shown all the same.
    tracks += [track("flash", 5.2, 9000.0), track("flash", 5.6, 9000.0, status=TrackStatus.ENDED)]
    t = judged(STANDING, tracks).tracks
    assert (t.tracks, t.false_tracks, t.mean_false) == (3, 2, 1.0)
    assert t.false_track_rate_95 is not None
    assert t.false_track_rate_95[0] < 2 / 3 < t.false_track_rate_95[1]


def test_two_dimensions_leave_altitude_aside() -> None:
    tracks = [track("x", s, 0.0, up_m=5000.0) for s in range(11)]
    assert judged(STANDING, tracks, dims=3).tracks.completeness == 0.0
    t = judged(STANDING, tracks, dims=2).tracks
    assert t.completeness == 1.0
    assert t.rmse_m == pytest.approx(0.0, abs=0.1)


def test_threats_only_neither_wants_nor_blames_tracks_on_others() -> None:
    birds = [truth("bird", s, 3000.0, object_class=ObjectClass.BIRD, threat=False) for s in range(11)]
    tracks = [track("x", s, 0.0) for s in range(11)] + [track("b", s, 3000.0) for s in range(11)]
    both = judged(STANDING + birds, tracks[:11]).tracks
    assert (both.objects, both.completeness) == (2, 0.5)
    t = judged(STANDING + birds, tracks, threats_only=True).tracks
    assert (t.objects, t.completeness, t.false_tracks, t.mean_false) == (1, 1.0, 0, 0.0)
    assert t.gospa_m == pytest.approx(0.0, abs=1e-6)


def test_a_hole_in_the_truth_is_left_out() -> None:
    holed = [truth("a", s, 0.0) for s in (0, 1, 2, 3, 20, 21, 22)]
    ghost = [track("g", s, 7000.0) for s in range(6, 16)] + [track("g", 16.0, 7000.0, status=TrackStatus.ENDED)]
    t = judged(holed, [track("x", s, 0.0) for s in range(23)] + ghost).tracks
    assert (t.seconds, t.left_out_s, t.object_seconds, t.completeness) == (7, 16, 7, 1.0)
    assert (t.tracks, t.false_tracks) == (1, 0)


def test_truth_is_straight_between_its_points() -> None:
    sparse = [truth("a", s, 50.0 * s) for s in (0, 4, 8)]
    t = judged(sparse, [track("x", s, 50.0 * s) for s in range(9)]).tracks
    assert (t.seconds, t.completeness) == (9, 1.0)
    assert t.rmse_m == pytest.approx(0.0, abs=0.01)


def test_the_most_probable_class_is_compared() -> None:
    said = ((ObjectClass.BIRD, 0.3), (ObjectClass.FIXED_WING_PISTON, 0.7))
    wrong = ((ObjectClass.BIRD, 0.8), (ObjectClass.FIXED_WING_PISTON, 0.2))
    tracks = [track("x", s, 0.0, classes=said if s < 8 else wrong) for s in range(10)] + [track("x", 10.0, 0.0)]
    assert judged(STANDING, tracks).tracks.class_right == pytest.approx(0.8)


def test_intervals_hold_the_figures_and_order_does_not_matter() -> None:
    truths = [truth(f"o{i}", s, 0.0, 1000.0 * i) for i in range(6) for s in range(20)]
    tracks = [track(f"t{i}", s, 5.0 * i, 1000.0 * i) for i in range(6) for s in range(i, 20)]
    report = judged(truths, tracks)
    t = report.tracks
    assert t.median_error_95_m is not None
    assert t.completeness_95 is not None
    assert t.median_error_m is not None
    assert t.completeness is not None
    assert t.median_error_95_m[0] <= t.median_error_m <= t.median_error_95_m[1]
    assert t.completeness_95[0] <= t.completeness <= t.completeness_95[1]
    assert judged(truths[::-1], tracks[::-1]) == report


def test_empty_inputs_give_none_and_plain_json() -> None:
    for truths, tracks in (([], []), (STANDING, []), ([], [track("x", 0.0, 0.0)])):
        report = judged(truths, tracks)
        text = msgspec.json.encode(report)
        assert msgspec.json.decode(text, type=Report) == report
        assert "GOSPA" in report_text(report)
    assert judged([], []).tracks.gospa_m is None
    assert judged(STANDING, []).tracks.completeness == 0.0


def test_numbers_that_are_none_are_passed_over() -> None:
    broken = msgspec.structs.replace(track("x", 0.0, 0.0), velocity_mps=(math.nan, 0.0, 0.0))
    far = msgspec.structs.replace(track("y", 0.0, 0.0), alt_m=1e300)
    t = judged(STANDING, [broken, far]).tracks
    assert (t.tracks, t.completeness) == (0, 0.0)


def test_far_apart_objects_are_measured_on_the_round_earth() -> None:
    # 200 km from the first object the plane of its frame is kilometres off; 40 m must stay 40 m.
    there = Frame.at_geodetic(51.9, 31.8, 0.0)
    lat, lon, alt = there.to_geodetic(0.0, 0.0, 100.0)
    lat2, lon2, alt2 = there.to_geodetic(24.0, 32.0, 100.0)
    assert geo.distance_m(50.45, 30.52, lat, lon) > 180_000.0
    away = msgspec.structs.replace(STANDING[0], object="b", lat_deg=lat, lon_deg=lon, alt_m=alt)
    x = msgspec.structs.replace(track("x", 0.0, 0.0), lat_deg=lat2, lon_deg=lon2, alt_m=alt2)
    assert judged([STANDING[0], away], [x]).tracks.rmse_m == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize("options", [{"c_m": 0.0}, {"c_m": math.nan}, {"dims": 4}, {"skip_s": -1.0}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be taken"):
        judged(STANDING, [], **options)


def test_a_stray_time_stamp_is_refused_not_walked() -> None:
    stray = msgspec.structs.replace(STANDING[0], time_ns=0)
    with pytest.raises(InputError, match="at most"):
        judged([*STANDING, stray], [])


seconds = st.integers(0, 240).map(lambda quarter: quarter / 4)
metres = st.floats(-2000.0, 2000.0)
some_truth = st.builds(truth, st.sampled_from("abc"), seconds, metres, metres, threat=st.booleans())
some_track = st.builds(
    track,
    st.sampled_from("wxyz"),
    seconds,
    metres,
    metres,
    status=st.sampled_from(TrackStatus),
    delay_s=st.sampled_from([0.0, 0.5, 7.0]),
    velocity_mps=st.tuples(*[st.floats(-100.0, 100.0)] * 3),
)


@given(
    truths=st.lists(some_truth, max_size=25),
    tracks=st.lists(some_track, max_size=25),
    c_m=st.sampled_from([50.0, 500.0, 5000.0]),
    threats_only=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_laws_of_any_report(truths: list[Truth], tracks: list[Track], c_m: float, threats_only: bool) -> None:
    report = judged(truths, tracks, c_m=c_m, threats_only=threats_only)
    # NaN would come back as null and differ.
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    t = report.tracks
    assert 0 <= t.false_tracks <= t.tracks <= 4
    assert sum(found.paired_s for found in report.by_object) <= t.object_seconds
    assert all(found.switches <= max(0, found.paired_s) for found in report.by_object)
    assert t.rmse_m is None or t.rmse_m < c_m
    if t.gospa_m is not None:
        assert t.localisation_m is not None
        assert t.missed_m is not None
        assert t.false_m is not None
        parts = (t.localisation_m, t.missed_m, t.false_m)
        assert max(parts) - 1e-9 <= t.gospa_m <= sum(parts) + 1e-9
