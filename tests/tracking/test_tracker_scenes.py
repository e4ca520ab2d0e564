"""Whole scenes through the tracker: what a person at the screen would see."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Action, Affiliation, Health, Identity, ObjectClass, Order, Position, TrackEnd
from skysentry.site import AuthorisedFlight, Coverage, Sensor, SensorKind, Site
from skysentry.tracking.tracker import Tracker


def straight(e: float, n: float, u: float, ve: float, vn: float):  # type: ignore[no-untyped-def]
    return lambda t: np.array([e + ve * t, n + vn * t, u])


def radar_scans(sky: SimpleNamespace, sensor: Sensor, paths, seconds: int, seed: int, noise: float = 5.0):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    scans = []
    for k in range(seconds):
        t = k + 0.35
        found = [sky.plot(sensor, path(t), rng) for path in paths if rng.random() < sensor.pd]
        found += sky.clutter(rng, noise)
        scans.append(sky.scan(sensor.id, t, [found[i] for i in rng.permutation(len(found))]))
    return scans


def test_one_target_of_a_radar_is_one_track(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path = straight(-3000.0, 4000.0, 250.0, 45.0, 10.0)
    out = sky.run(Tracker(sky.site(sensor)), radar_scans(sky, sensor, [path], 40, 1), 40.0)
    sure = sky.tracks(out, "confirmed")
    assert len({track.track_id for track in sure}) == 1
    last = sure[-1]
    t = (last.time_ns - sky.START_NS) / 1e9
    assert np.linalg.norm(sky.where(last) - path(t)) < 80.0
    assert last.velocity_mps[0] == pytest.approx(45.0, abs=6.0)
    assert last.existence > 0.99
    assert "radar" in last.why
    assert "no Remote ID" not in last.why, "no receiver is there to say so"
    assert "for it radar +" in last.why
    assert sure[0].time_ns - sky.START_NS < 8e9


def test_crossing_targets_keep_their_ids(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    paths = [straight(-1500.0, 2500.0, 250.0, 50.0, 15.0), straight(-1500.0, 3700.0, 250.0, 50.0, -15.0)]
    out = sky.run(Tracker(sky.site(sensor)), radar_scans(sky, sensor, paths, 70, 2), 70.0)
    owner: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
    for track in sky.tracks(out, "confirmed"):
        t = (track.time_ns - sky.START_NS) / 1e9
        gaps = [float(np.linalg.norm(sky.where(track) - path(t))) for path in paths]
        if abs(t - 40.0) > 8.0 and min(gaps) < 150.0:
            owner[int(np.argmin(gaps))][track.track_id] += 1
    assert len(owner[0]) == 1
    assert len(owner[1]) == 1
    assert owner[0].keys() != owner[1].keys()


def test_remote_id_and_radar_are_one_track(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path = straight(1000.0, 2000.0, 200.0, 12.0, -3.0)
    rng = np.random.default_rng(3)
    scans = radar_scans(sky, sensor, [path], 40, 3)
    scans += [sky.scan("rid", k + 0.72, [sky.claim(path(k + 0.72), rng, "SERIAL1")]) for k in range(10, 40)]
    rid = Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    out = sky.run(Tracker(sky.site(sensor, rid)), scans, 40.0)
    assert len({track.track_id for track in sky.tracks(out, "confirmed")}) == 1
    last = sky.tracks(out, "confirmed")[-1]
    assert last.identity is not None
    assert last.identity.value == "SERIAL1"
    assert last.sensors == ("radar", "rid")


def test_a_far_claim_starts_its_own_track_and_drags_none(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path, lie = straight(1000.0, 2000.0, 200.0, 12.0, -3.0), straight(-5000.0, -6000.0, 200.0, 12.0, -3.0)
    rng = np.random.default_rng(4)
    scans = radar_scans(sky, sensor, [path], 40, 4, 2.0)
    scans += [sky.scan("rid", k + 0.72, [sky.claim(path(k + 0.72), rng, "SERIAL1")]) for k in range(5, 20)]
    scans += [sky.scan("rid", k + 0.72, [sky.claim(lie(k + 0.72), rng, "SERIAL1")]) for k in range(20, 40)]
    rid = Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    out = sky.run(Tracker(sky.site(sensor, rid)), scans, 40.0)
    ids = {t.track_id for t in sky.tracks(out, "confirmed") if t.time_ns < sky.START_NS + 19e9}
    assert len(ids) == 1
    for track in sky.tracks(out, "confirmed"):
        t = (track.time_ns - sky.START_NS) / 1e9
        if track.track_id in ids:
            assert np.linalg.norm(sky.where(track) - path(t)) < 150.0
    assert any(np.linalg.norm(sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9)) > 5000 for t in sky.tracks(out))


def test_bearings_of_four_arrays_make_one_track(sky: SimpleNamespace) -> None:
    """Sound: each bearing points to where the target was. The bound of one crossing of four is about 70 m here."""
    spots = [(-1500.0, -1500.0), (1500.0, -1500.0), (-1500.0, 1500.0), (1500.0, 1500.0)]
    arrays = [
        Sensor(
            id=f"a{k}", kind=SensorKind.ARRAY, position=sky.place(e, n, 2.0), position_sigma_m=1.0, pd=0.9,
            false_per_scan=0.02, coverage=Coverage(max_m=3500.0, soft_m=200.0),
        )
        for k, (e, n) in enumerate(spots)
    ]  # fmt: skip
    path = straight(-1800.0, -300.0, 200.0, 45.0, 5.0)
    rng = np.random.default_rng(5)
    scans = []
    for k in range(60):
        for q, sensor in enumerate(arrays):
            t = k + 0.2 * q
            at = sky.emitted(path, np.array([*spots[q], 2.0]), t)
            near = float(np.linalg.norm(at - [*spots[q], 2.0])) < 3500.0
            heard = [sky.direction(sensor, at, rng)] if near and rng.random() < 0.9 else []
            scans.append(sky.scan(sensor.id, t, heard))
    out = sky.run(Tracker(sky.site(*arrays)), scans, 60.0)
    sure = [t for t in sky.tracks(out, "confirmed") if t.time_ns > sky.START_NS + 25e9]
    assert len({track.track_id for track in sure}) == 1
    errors = [np.linalg.norm((sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9))[:2]) for t in sure]
    assert np.median(errors) < 120.0


def test_a_field_of_microphones_makes_a_track(sky: SimpleNamespace) -> None:
    spots = [(-6000.0 + 2000.0 * i, -4000.0 + 2000.0 * j) for i in range(7) for j in range(5)]
    mics = [
        Sensor(
            id=f"m{k:02}", kind=SensorKind.MICROPHONE, position=sky.place(e, n, 2.0), pd=0.8, false_per_scan=0.005,
            coverage=Coverage(max_m=2500.0, soft_m=300.0),
        )
        for k, (e, n) in enumerate(spots)
    ]  # fmt: skip
    path = straight(-5500.0, -500.0, 250.0, 48.0, 4.0)
    rng = np.random.default_rng(6)
    scans = []
    for k in range(120):
        for q, sensor in enumerate(mics):
            at = np.array([*spots[q], 2.0])
            t = k + (q % 10) / 10
            gap = float(np.linalg.norm(sky.emitted(path, at, t) - at))
            heard = rng.random() < 1 - (1 - 0.8 / (1 + math.exp((gap - 2500) / 300))) * 0.995
            scans.append(sky.scan(sensor.id, t, [sky.Presence()] if heard else []))
    out = sky.run(Tracker(sky.site(*mics)), scans, 120.0)
    sure = [t for t in sky.tracks(out, "confirmed") if t.time_ns > sky.START_NS + 40e9]
    errors = [np.linalg.norm((sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9))[:2]) for t in sure]
    assert len({t.track_id for t in sure}) <= 2
    assert len(sure) > 60
    assert np.median(errors) < 500.0


def test_clutter_alone_confirms_almost_nothing(sky: SimpleNamespace) -> None:
    sensor = sky.radar(false_per_scan=20.0)
    out = sky.run(Tracker(sky.site(sensor)), radar_scans(sky, sensor, [], 120, 7, 20.0), 120.0)
    assert len({track.track_id for track in sky.tracks(out, "confirmed")}) <= 1


def test_a_radar_whose_clutter_nobody_declared_learns_it_within_seconds(sky: SimpleNamespace) -> None:
    """Twenty false plots a look where site.toml's default says one in a hundred looks."""
    radars = [sky.radar(false_per_scan=rate) for rate in (20.0, 0.01)]
    scans = radar_scans(sky, radars[0], [], 120, 7, 20.0)
    runs = [sky.tracks(sky.run(Tracker(sky.site(radar)), scans, 120.0), "confirmed") for radar in radars]
    late = {t.track_id for t in runs[1] if t.time_ns > sky.START_NS + 60e9}
    assert len({t.track_id for t in runs[1]}) <= 12
    assert len(late) <= 2


def test_a_track_coasts_and_ends_once_with_a_reason(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(8)
    path = straight(0.0, 2000.0, 100.0, 10.0, 0.0)
    scans = [sky.scan("rid", float(k), [sky.claim(path(k), rng, "S")]) for k in range(15)]
    out = sky.run(Tracker(sky.site(Sensor(id="rid", kind=SensorKind.REMOTE_ID))), scans, 180.0)
    coasting, ended = sky.tracks(out, "coasting"), sky.tracks(out, "ended")
    assert len(ended) == 1
    assert "ended" in ended[0].why
    assert sky.tracks(out)[-1] is ended[0]
    spread = [track.cov[0] + track.cov[6] for track in coasting]
    assert len(coasting) > 60
    assert all(b > a for a, b in itertools.pairwise(spread))


def test_late_looks_are_used_at_their_time(sky: SimpleNamespace) -> None:
    """With a third of the looks 1-5 s late the track is still within a few sigma: not dragged back by v × delay."""
    sensor = sky.radar(false_per_scan=0.1)
    path = straight(-3000.0, 3000.0, 250.0, 60.0, 0.0)
    rng = np.random.default_rng(9)
    scans = []
    for k in range(60):
        late = rng.uniform(1.0, 5.0) if rng.random() < 0.33 else 0.05
        scans.append(sky.scan("radar", k + 0.3, [sky.plot(sensor, path(k + 0.3), rng)], late_s=late))
    out = sky.run(Tracker(sky.site(sensor)), scans, 60.0)
    sure = [t for t in sky.tracks(out, "confirmed") if t.time_ns > sky.START_NS + 15e9]
    errors = [(sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9))[0] for t in sure]
    assert len({t.track_id for t in sure}) == 1
    assert abs(float(np.mean(errors))) < 20.0


def test_a_site_without_a_place_anchors_at_the_first_report(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(10)
    path = straight(500.0, 2000.0, 100.0, 10.0, 5.0)
    scans = [sky.scan("rid", float(k), [sky.claim(path(k), rng, "S")]) for k in range(20)]
    out = sky.run(Tracker(Site()), scans, 21.0)
    last = sky.tracks(out, "confirmed")[-1]
    assert np.linalg.norm(sky.where(last) - path((last.time_ns - sky.START_NS) / 1e9)) < 30.0


def test_a_declared_track_keeps_what_the_person_said(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path = straight(-1000.0, 3000.0, 200.0, 40.0, 0.0)
    tracker = Tracker(sky.site(sensor))
    scans = radar_scans(sky, sensor, [path], 30, 11, 0.5)
    first = sky.run(tracker, scans[:15], 15.0)
    name = sky.tracks(first, "confirmed")[-1].track_id
    at = sky.START_NS + 15_050_000_000
    order = Order(
        id="o", time_ns=at, received_ns=at, by="x", action=Action.DECLARE, target=name, affiliation=Affiliation.HOSTILE
    )
    rest = sky.run(tracker, [*scans[15:], order], 30.0, 15.0)
    assert {t.affiliation for t in sky.tracks(rest) if t.track_id == name} == {Affiliation.HOSTILE}
    assert {t.affiliation for t in sky.tracks(first)} == {Affiliation.UNKNOWN}


def test_an_authorised_claim_is_a_friend_only_when_radar_agrees_for_20_s(sky: SimpleNamespace) -> None:
    sensor, rid = sky.radar(), Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    path = straight(1000.0, 2000.0, 200.0, 12.0, -3.0)
    rng = np.random.default_rng(12)
    claims = [sky.scan("rid", k + 0.72, [sky.claim(path(k + 0.72), rng, "OURS")]) for k in range(45)]
    site = sky.site(sensor, rid, authorised=(AuthorisedFlight(identity="OURS"),))
    alone = sky.run(Tracker(site), claims, 45.0)
    assert {t.affiliation for t in sky.tracks(alone)} == {Affiliation.UNKNOWN}
    both = sky.run(Tracker(site), claims + radar_scans(sky, sensor, [path], 45, 12), 45.0)
    friend = [t for t in sky.tracks(both) if t.affiliation is Affiliation.FRIEND]
    assert friend
    assert friend[0].time_ns > sky.START_NS + 20e9


@pytest.mark.parametrize(
    "cov", [(0.0, 50.0, 0.0, 0.0, 0.0, 0.0), (100.0, 500.0, 0.0, 100.0, 0.0, 100.0), (-5.0, 0.0, 0.0, 1.0, 0.0, 1.0)]
)
def test_a_covariance_that_is_none_is_a_health_event(sky: SimpleNamespace, cov: tuple[float, ...]) -> None:
    bad = Position(lat_deg=50.4, lon_deg=30.5, alt_m=100.0, cov_m2=cov)  # type: ignore[arg-type]
    out = sky.run(Tracker(sky.site(sky.radar())), [sky.scan("x", 0.5, [bad])], 3.0)
    health = [e for e in out if isinstance(e, Health)]
    assert [e.source for e in health] == ["x"]
    assert not sky.tracks(out)


def test_impossible_numbers_and_times_leave_the_rest_alone(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path = straight(-1000.0, 3000.0, 200.0, 40.0, 0.0)
    scans = radar_scans(sky, sensor, [path], 30, 13, 0.5)
    clean = sky.run(Tracker(sky.site(sensor)), scans, 30.0)
    nan = float("nan")
    bad = []
    for k in range(29):
        z = Position(lat_deg=nan, lon_deg=30.5, alt_m=nan, cov_m2=(nan, nan, nan, nan, nan, nan))
        bad.append(sky.scan("liar", k + 0.1, [z]))
        bad.append(sky.scan("nowhere", k + 0.2, [sky.direction(sensor, path(0.0), np.random.default_rng(0))]))
        bad.append(sky.scan("yesterday", k + 0.1 - 86_400.0, [], late_s=86_400.0))
    out = sky.run(Tracker(sky.site(sensor)), scans + bad, 30.0)
    assert sky.tracks(out) == sky.tracks(clean)
    health = Counter(e.source for e in out if isinstance(e, Health))
    assert set(health) == {"liar", "nowhere", "yesterday"}
    assert max(health.values()) <= 3


def test_a_sensor_at_the_targets_place_does_no_harm(sky: SimpleNamespace) -> None:
    sensor = sky.radar()
    path = straight(-400.0, 0.0, 10.0, 20.0, 0.0)
    out = sky.run(Tracker(sky.site(sensor)), radar_scans(sky, sensor, [path], 40, 14, 0.5), 40.0)
    assert sky.tracks(out)
    assert all(math.isfinite(value) for track in sky.tracks(out) for value in (*track.cov, track.lat_deg))


def test_a_flood_of_claims_neither_evicts_nor_starves(sky: SimpleNamespace) -> None:
    sensor, rid = sky.radar(), Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    path = straight(-1000.0, 3000.0, 200.0, 40.0, 0.0)
    scans = radar_scans(sky, sensor, [path], 20, 15, 1.0)
    rng = np.random.default_rng(15)
    for k in range(20):
        lies = [sky.claim(rng.normal(size=3) * [9000, 9000, 50] + [0, 0, 300], rng, f"F{k}-{i}") for i in range(1500)]
        scans.append(sky.scan("rid", k + 0.1, lies))
    out = sky.run(Tracker(sky.site(sensor, rid)), scans, 20.0)
    near = [
        t
        for t in sky.tracks(out, "confirmed")
        if np.linalg.norm(sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9)) < 150.0 and "radar" in t.sensors
    ]
    assert len({t.track_id for t in near}) == 1
    assert len(near) >= 14
    assert len({t.track_id for t in sky.tracks(out)}) < 1500
    assert any(isinstance(e, Health) and e.source == "rid" for e in out)


def test_classes_follow_evidence_and_speed(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(16)
    path = straight(-2000.0, 2000.0, 300.0, 48.0, 0.0)
    heard = ((ObjectClass.FIXED_WING_PISTON, 2.0), (ObjectClass.MULTIROTOR, -1.0))
    sensor = sky.radar()
    scans = [
        sky.scan("radar", k + 0.3, [(sky.plot(sensor, path(k + 0.3), rng), {"class_llr": heard})]) for k in range(40)
    ]
    last = sky.tracks(sky.run(Tracker(sky.site(sensor)), scans, 40.0), "confirmed")[-1]
    assert last.classes[0][0] is ObjectClass.FIXED_WING_PISTON
    assert last.classes[0][1] > 0.8
    assert sum(p for _, p in last.classes) == pytest.approx(1.0)


def test_a_claim_without_a_place_only_refreshes_its_own_track(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(17)
    path = straight(500.0, 2000.0, 100.0, 10.0, 5.0)
    scans = [sky.scan("rid", float(k), [sky.claim(path(k), rng, "S")]) for k in range(10)]
    named = {"identity": Identity(scheme="remote_id_serial", value="S")}
    other = {"identity": Identity(scheme="remote_id_serial", value="T")}
    scans += [sky.scan("rid", float(k), [(sky.Presence(), named), (sky.Presence(), other)]) for k in range(10, 25)]
    out = sky.run(Tracker(sky.site(Sensor(id="rid", kind=SensorKind.REMOTE_ID))), scans, 25.0)
    assert len({t.track_id for t in sky.tracks(out)}) == 1
    assert sky.tracks(out)[-1].last_seen_ns == sky.START_NS + 24_000_000_000


def test_errors_are_as_large_as_they_say(sky: SimpleNamespace) -> None:
    """Normalised estimation error squared of the horizontal place, 2 degrees of freedom, over eight runs.

    The 99.9 % band for a mean of 2 with about 8 × 10 independent samples is (1.3, 2.9); an IMM that is ready for
    manoeuvres is a little cautious on straight flight, so the lower bound is looser.
    """
    sensor = sky.radar(false_per_scan=0.1)
    nees = []
    for seed in range(8):
        path = straight(-2000.0, 3000.0 + 100.0 * seed, 300.0, 45.0, 0.0)
        out = sky.run(Tracker(sky.site(sensor)), radar_scans(sky, sensor, [path], 40, 100 + seed, 0.1), 40.0)
        for track in sky.tracks(out, "confirmed"):
            t = (track.time_ns - sky.START_NS) / 1e9
            if t > 10.0 and round(t * 10) % 30 == 4:
                d = (sky.where(track) - path(t))[:2]
                c = np.array([[track.cov[0], track.cov[1]], [track.cov[1], track.cov[6]]])
                nees.append(float(d @ np.linalg.solve(c, d)))
    assert len(nees) > 60
    assert 0.8 < np.mean(nees) < 2.9


@pytest.mark.parametrize(("coverage", "left"), [(Coverage(max_m=20_000.0), 0), (Coverage(), 1)])
def test_an_external_source_with_a_coverage_looks_there(sky: SimpleNamespace, coverage: Coverage, left: int) -> None:
    """Its silence and its false plots then count as a radar's; without one it only reports, and says nothing else."""
    source = Sensor(
        id="source", kind=SensorKind.EXTERNAL, position=sky.place(0.0, 0.0, 10.0), coverage=coverage, pd=0.9,
        false_per_scan=5.0,
    )  # fmt: skip
    path, rng, scans = straight(-3000.0, 4000.0, 250.0, 45.0, 10.0), np.random.default_rng(7), []
    for k in range(40):
        seen = [sky.claim(path(k + 0.35), rng, "", 20.0)[0]] if k < 25 and rng.random() < source.pd else []
        scans.append(sky.scan("source", k + 0.35, seen))
    out = sky.run(Tracker(sky.site(source)), scans, 40.0)
    sure = sky.tracks(out, "confirmed")
    assert len({track.track_id for track in sure}) == 1
    assert ("for it sight" in sure[-1].why) is (left == 0)
    ended = sky.tracks(out, "ended")
    assert len(ended) == 1 - left
    assert all(track.end is TrackEnd.REFUTED for track in ended)
