"""The tracking benchmark itself: its generator against closed forms, its judge against hand-made tracks, its files."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bench.scenarios import make
from bench.scenarios.__main__ import truths, write
from bench.scenarios.judge import SECOND_NS, follow, instant, judge
from bench.scenarios.looks import START_NS, Body
from bench.scenarios.verdicts import arrivals, counted, ended, named
from bench.scenarios.world import FRAME, World
from bench.tracker import track
from bench.tracking.compare import difference
from bench.tracking.oracle import Play, compare, in_order

from skysentry.events import Bearing, HealthState, RangeAzEl, Scan, Track, TrackEnd, TrackStatus, encode, health
from skysentry.score import score

ROOT = Path(__file__).parents[2]


def _track(world: World, who: int, second: int, name: str, **more: object) -> Track:
    """A track that is where an object is."""
    place = world.paths.at(float(second))[who]
    velocity = (world.paths.at(second + 0.1)[who] - place) / 0.1
    lat, lon, alt = FRAME.to_geodetic(*place.tolist())
    time_ns = START_NS + second * SECOND_NS
    told = Track(
        id=f"{name}@{time_ns}",
        time_ns=time_ns,
        received_ns=time_ns,
        track_id=name,
        status=TrackStatus.CONFIRMED,
        lat_deg=lat,
        lon_deg=lon,
        alt_m=alt,
        velocity_mps=tuple(velocity.tolist()),
        cov=tuple(np.eye(6)[np.triu_indices(6)].tolist()),
        existence=1.0,
        first_ns=time_ns,
        last_seen_ns=time_ns,
    )
    return msgspec.structs.replace(told, **more)


def _perfect(world: World) -> list[Track]:
    """Tracks that know the truth, by second."""
    return [
        _track(world, who, second, f"t{who}")
        if world.paths.alive(float(second))[who]
        else _track(world, who, second, f"t{who}", status=TrackStatus.ENDED, end=TrackEnd.REFUTED)
        for second in range(1, world.seconds + 1)
        for who in range(len(world.paths.end_s))
    ]


def test_sound_takes_its_time() -> None:
    paths = make("fast", 1, 60).paths
    ear, wind = np.array([1_000.0, 2_000.0, 10.0]), np.array([5.0, -2.0, 0.0])
    arrived = np.linspace(0.0, 60.0, 13)[:, None]
    sent = paths.emitted(arrived, ear, 338.5, wind)
    way = paths.at(sent) + (arrived - sent)[..., None] * wind - ear
    assert np.allclose(sent + np.linalg.norm(way, axis=-1) / 338.5, arrived, atol=1e-4)


@pytest.mark.parametrize(("name", "sigma_deg"), [("site", 0.5), ("bearings", 4.0)])
def test_noise_is_as_declared(name: str, sigma_deg: float) -> None:
    world = make(name, 3, 60)
    gaps = [gap for body in world.bodies for gap in _azimuth_gaps(world, body)]
    assert len(gaps) > 100
    assert abs(np.mean(gaps)) < 4.0 * sigma_deg / math.sqrt(len(gaps))
    assert np.std(gaps) == pytest.approx(sigma_deg, rel=0.15)


def _azimuth_gaps(world: World, body: Body) -> list[float]:
    """Reported minus true azimuths where only one object can be meant."""
    place = body.sensor.position
    assert place is not None
    at = np.array(FRAME.to_local(place.lat_deg, place.lon_deg, place.alt_m or 0.0))
    gaps = []
    for scan in world.scans:
        if scan.sensor != body.sensor.id:
            continue
        time_s = (scan.time_ns - START_NS) / SECOND_NS
        sent = world.paths.emitted(time_s, at, 338.4986) if body.sensor.by_sound else np.full(1, time_s)
        way = (world.paths.at(sent) - at)[np.broadcast_to(world.paths.alive(sent), len(world.paths.end_s))]
        range_m, az_deg = np.linalg.norm(way, axis=1), np.degrees(np.arctan2(way[:, 0], way[:, 1]))
        for z in (detection.measurement for detection in scan.detections):
            assert isinstance(z, RangeAzEl | Bearing)
            by_range = np.abs(range_m - z.range_m) < 40.0 if isinstance(z, RangeAzEl) else range_m < 3_000.0
            said = z.az_deg if isinstance(z, RangeAzEl) else z.bearing_deg
            gap = (said - az_deg[by_range] + 180.0) % 360.0 - 180.0
            # Further off than six sigmas it is clutter.
            if gap.size == 1 and abs(gap[0]) < 6.0 * body.sigma[1 if isinstance(z, RangeAzEl) else 0]:
                gaps.append(float(gap[0]))
    return gaps


def test_late_messages_are_the_same_messages() -> None:
    world, late = make("site", 1, 60), make("site-late", 1, 60)
    by_id = {scan.id: scan for scan in world.scans}
    behind = [(scan.received_ns - scan.time_ns) / 1e9 for scan in late.scans]
    assert [msgspec.structs.replace(scan, received_ns=scan.time_ns) for scan in in_order(late.scans)] == [
        by_id[scan.id] for scan in in_order(late.scans)
    ]
    assert [scan.received_ns for scan in late.scans] == sorted(scan.received_ns for scan in late.scans)
    assert all(s == 0.0 or 1.0 <= s <= 5.0 for s in behind)
    assert 3 <= sum(s > 0.0 for s in behind) <= 18


def test_biased_sensors_are_off_and_say_so_but_for_the_outliers() -> None:
    world, biased = make("bearings", 1, 20), make("bearings-biased", 1, 20)
    assert np.array_equal(world.paths.place, biased.paths.place)
    assert sorted(abs(body.heading_deg) for body in biased.outliers) == [8.5] * 6
    off = {body.sensor.id: body for body in biased.bodies}
    for scan, same in zip(_by_sensor(world), _by_sensor(biased), strict=True):
        body = off[scan.sensor]
        assert scan.received_ns == same.received_ns
        assert (same.time_ns - scan.time_ns) / 1e9 == pytest.approx(body.clock_s, abs=1e-6)
        for z, y in zip(scan.detections, same.detections, strict=True):
            turned = y.measurement.bearing_deg - z.measurement.bearing_deg  # type: ignore[union-attr]
            false = (turned + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=1e-9)
            assert false or math.cos(math.radians(turned - body.heading_deg)) == pytest.approx(1.0, abs=1e-9)
    assert {body.sensor.heading_sigma_deg for body in biased.bodies} == {5.0}
    microphones = make("presence-biased", 1, 2).outliers
    assert sorted(abs(body.clock_s) >= 1.0 for body in microphones) == [False] * 8 + [True] * 8
    assert sorted(math.hypot(*body.moved_m) for body in microphones) == pytest.approx([0.0] * 8 + [500.0] * 8)


def _by_sensor(world: World) -> list[Scan]:
    return sorted(world.scans, key=lambda scan: (scan.sensor, scan.received_ns))


def test_groups_fly_together() -> None:
    world = make("presence-group", 1, 60)
    assert world.group is not None
    for number in range(4):
        members = np.flatnonzero(world.group == number)
        assert 5 <= len(members) <= 15
        for second in (0.0, 60.0):
            place = world.paths.at(second)[members]
            gap = np.linalg.norm(place[:, None] - place[None], axis=-1) + np.diag(np.full(len(members), np.inf))
            assert gap.min(axis=1).min() > 80.0
            assert 150.0 < np.median(gap.min(axis=1)) < 1_200.0


def test_perfect_tracks_are_perfect_and_the_product_s_score_agrees() -> None:
    world = make("site", 1, 60)
    v = judge(world, _perfect(world))
    assert (v.switches, v.false_tracks, v.completeness, v.missed, v.false) == (0, 0, 1.0, 0.0, 0.0)
    # Through latitude, longitude and back.
    assert v.gospa_m < 1e-6
    events, _ = track(world)
    tracks = [event for event in events if isinstance(event, Track)]
    report = score(truths(world), tracks, [], (), c_m=200.0, skip_s=11.0).tracks
    assert judge(world, events).gospa_m == pytest.approx(report.gospa_m, rel=1e-6)


def test_errors_are_held_against_what_tracks_say_of_them() -> None:
    world = make("bearings", 1, 30)
    off = [msgspec.structs.replace(event, lat_deg=event.lat_deg + 1e-5) for event in _perfect(world)]
    north_m = 6.371e6 * math.radians(1e-5)
    assert judge(world, off).nees == pytest.approx(north_m**2, rel=0.02)


def test_mistakes_are_counted() -> None:
    world = make("bearings", 1, 40)
    whole = [event for event in _perfect(world) if event.track_id != "t3"]
    half = [_track(world, 3, second, "t3" if second < 20 else "u3") for second in range(1, 41)]
    over = _track(world, 3, 20, "t3", status=TrackStatus.ENDED, end=TrackEnd.LOST)
    ghost = [_track(world, 5, second, "ghost", lat_deg=51.0) for second in range(15, 41)]
    double = [
        _track(world, 5, second, "double", lat_deg=_track(world, 5, second, "").lat_deg + 1e-4) for second in (30,)
    ]
    away = _track(world, 5, 31, "double", status=TrackStatus.ENDED, end=TrackEnd.MERGED)
    events = sorted([*whole, *half, over, *ghost, *double, away], key=lambda event: event.time_ns)
    v = judge(world, events)
    assert (v.switches, v.false_tracks, v.missed, v.completeness) == (1, 2, 0.0, 1.0)
    assert v.false == pytest.approx((26 + 1) / 30)
    assert v.doubled == pytest.approx(1 / (12 * 30 + 27))
    squares = 300.0**2 / 2.0
    expected = (4 * 0.0 + 25 * math.sqrt(squares) + math.sqrt(2 * squares)) / 30
    assert v.gospa_m == pytest.approx(expected, rel=1e-3)


def test_a_pair_of_the_second_before_is_kept() -> None:
    world = make("bearings", 1, 30)
    near = [_track(world, 0, second, "a") for second in range(1, 31)]
    # A second track that is 30 m off joins and, though nearer later, does not take the pair over.
    shifted = [msgspec.structs.replace(event, lat_deg=event.lat_deg + 3e-4) for event in near[10:]]
    later = [msgspec.structs.replace(event, track_id="b", id=f"b{event.id}") for event in near[10:]]
    v = judge(world, sorted([*near[:10], *shifted, *later], key=lambda event: event.time_ns))
    assert v.switches == 0


def test_wrong_ends_are_told_from_right_ones() -> None:
    world = make("bearings", 1, 40)
    gone = _track(world, 2, 20, "t2", status=TrackStatus.ENDED, end=TrackEnd.REFUTED)
    events = sorted([e for e in _perfect(world) if e.track_id != "t2" or e.time_ns < gone.time_ns] + [gone], key=_time)
    found = ended(world, list(follow(world, events)), events)
    assert (found.confirmed, found.wrongly) == (12, 1)
    merged = [
        *(e for e in _perfect(world) if e.track_id != "t2"),
        *(_track(world, 2, second, "t2" if second < 20 else "u2") for second in range(1, 41)),
        msgspec.structs.replace(gone, end=TrackEnd.MERGED),
    ]
    merged.sort(key=_time)
    assert ended(world, list(follow(world, merged)), merged).wrongly == 0


@pytest.mark.parametrize(("until", "wrongly"), [(5, 0), (19, 1)])
def test_an_id_that_ends_and_comes_back_ended_for_the_object_it_had_until_then(until: int, wrongly: int) -> None:
    world = make("bearings", 1, 40)
    gone = _track(world, 2, 20, "t2", status=TrackStatus.ENDED, end=TrackEnd.REFUTED)
    # Far from all until it ends, or with its object; later it is there again.
    apart = [_track(world, 2, second, "t2", lat_deg=51.0) for second in range(until + 1, 20)]
    events = [e for e in _perfect(world) if e.track_id != "t2"]
    events += [_track(world, 2, second, "t2") for second in (*range(1, until + 1), *range(25, 41))]
    events = sorted([*events, *apart, gone], key=_time)
    assert ended(world, list(follow(world, events)), events).wrongly == wrongly


def _time(event: Track) -> int:
    return event.time_ns


def test_outliers_count_as_named_only_by_their_own_id() -> None:
    world = make("bearings-biased", 1, 5)
    out = [body.sensor.id for body in world.outliers]
    sound = next(body.sensor.id for body in world.bodies if abs(body.heading_deg) < 1.0 and abs(body.clock_s) < 0.1)
    said = [health(name, START_NS, HealthState.DEGRADED, "turned by 8°") for name in (*out[:2], sound)]
    late = health(out[2], START_NS + 601 * SECOND_NS, HealthState.DEGRADED, "turned by 8°")
    found = named(world, [*said, late])
    assert (found.outliers, found.named, found.wrongly) == (6, 2, 1)


def test_groups_are_counted_by_their_intervals() -> None:
    world = make("bearings-group", 1, 70)
    assert world.group is not None
    single = _perfect(world)
    assert counted(world, list(follow(world, single))).share == 1.0
    first = [int(np.flatnonzero(world.group == number)[0]) for number in range(2)]
    short = [_track(world, who, second, f"g{who}", members=(1.0, 2.0, 3.0)) for second in range(1, 71) for who in first]
    assert counted(world, list(follow(world, short))).share == 0.0
    wide = [msgspec.structs.replace(event, members=(3.0, 9.0, 15.0)) for event in short]
    found = counted(world, list(follow(world, wide)))
    assert (found.share, found.width) == (1.0, 12.0)


def test_perfect_tracks_foretell_arrivals() -> None:
    world = make("sparse", 1, 800)
    events = _perfect(world)
    found = arrivals(world, list(follow(world, events)), events)
    assert found.seen >= 8
    assert found.right == found.seen
    assert arrivals(world, list(follow(world, [])), []).right == 0


def test_the_oracles_are_runs_from_scratch() -> None:
    world = make("salvo-late", 2, 20)
    now_ns = START_NS + 20 * SECOND_NS
    found = compare(world)
    causal = Play(world, in_order(scan for scan in world.scans if scan.received_ns <= now_ns), START_NS)
    causal.until(now_ns)
    # Half a second after the last message of the 20 s, and nothing newer.
    ordered = Play(world, in_order(scan for scan in world.scans if scan.time_ns <= now_ns), START_NS)
    ordered.until(now_ns + SECOND_NS // 2)
    assert found.causal_m == instant(world, 20, causal.shown, {}).gospa_m
    assert found.ordered_m == instant(world, 20, ordered.shown, {}).gospa_m
    assert len({found.live_m, found.causal_m, found.lagged_m, found.ordered_m}) > 1


def test_without_late_messages_the_oracle_changes_nothing() -> None:
    found = compare(make("site", 2, 40))
    assert found.live_m == found.causal_m == found.lagged_m == found.ordered_m > 0.0


def test_intervals_are_student_s() -> None:
    found = difference([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0])
    assert (found.mean, found.half) == pytest.approx((2.5, 3.182 * math.sqrt(5 / 3) / 2))
    assert difference([1.0], [2.0]).half == math.inf


def test_a_scenario_s_files_replay_to_the_same_tracks(tmp_path: Path) -> None:
    world = make("bearings-late", 1, 30)
    write(world, tmp_path)
    command = [sys.executable, "-m", "skysentry.cli", "replay", str(tmp_path / "scans.jsonl")]
    command += ["--site", str(tmp_path / "site.toml"), "--until", "tracks", "--json"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.splitlines()
    events, _ = track(world)
    tracks = [encode(event) for event in events if isinstance(event, Track)]
    assert len(tracks) > 100
    assert [line for line in told if b'"type":"track"' in line] == tracks


def test_a_body_without_errors_is_no_outlier() -> None:
    world = make("salvo", 1, 2)
    assert not world.outliers
    assert all(isinstance(body, Body) and body.heading_deg == body.clock_s == 0.0 for body in world.bodies)
