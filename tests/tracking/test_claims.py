"""A claim is evidence: it lowers nothing alone, it is doubted where others see otherwise, and no flood of it harms."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Affiliation, Detection, Health, Identity, ObjectClass, Place, Scan, Track, scan_id
from skysentry.site import AuthorisedFlight, Coverage, Equipped, Sensor, SensorKind, Site
from skysentry.tracking.intake.quarantine import NAMES_PER_TRANSMITTER, NEW_PER_S, REPEATS_PER_S
from skysentry.tracking.telling.publish import within
from skysentry.tracking.tracker import Tracker

REACH = Coverage(max_m=8_000.0)


def straight(e: float, n: float, u: float, ve: float, vn: float):  # type: ignore[no-untyped-def]
    return lambda t: np.array([e + ve * t, n + vn * t, u])


def receiver(sky: SimpleNamespace, kind: SensorKind = SensorKind.REMOTE_ID, e: float = 0.0) -> Sensor:
    return Sensor(id=kind.value, kind=kind, position=sky.place(e, 0.0, 10.0), coverage=REACH)


def seen(sky: SimpleNamespace, sensor: Sensor, path, seconds: int, seed: int, **more: object) -> list[Scan]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    return [sky.scan(sensor.id, k + 0.35, [(sky.plot(sensor, path(k + 0.35), rng), more)]) for k in range(seconds)]


def told(sky: SimpleNamespace, path, value: str, seconds: int, seed: int, start: float = 0.0) -> list[Scan]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    times = [start + k + 0.7 for k in range(seconds)]
    return [sky.scan("remote_id", t, [sky.claim(path(t), rng, value)]) for t in times]


def at_end(sky: SimpleNamespace, site: Site, scans: list[Scan], seconds: float) -> list[Track]:
    """The last word on each track that lives at the end."""
    last = {track.track_id: track for track in sky.tracks(sky.run(Tracker(site), scans, seconds))}
    return [track for track in last.values() if track.end is None]


def test_a_claim_that_a_radar_should_see_and_does_not_is_in_doubt(sky: SimpleNamespace) -> None:
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    looks = [sky.scan("radar", k + 0.35, []) for k in range(30)]
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(radar, rid, authorised=(AuthorisedFlight(identity="OURS"),))
    (ghost,) = at_end(sky, site, looks + told(sky, path, "OURS", 30, 1), 30.0)
    assert ghost.doubt == "radar should sense it and does not"
    assert f"in doubt: {ghost.doubt}" in ghost.why
    assert ghost.affiliation is Affiliation.UNKNOWN
    (real,) = at_end(sky, site, seen(sky, radar, path, 30, 2) + told(sky, path, "OURS", 30, 1), 30.0)
    assert real.doubt == ""
    assert real.affiliation is Affiliation.FRIEND


def test_a_name_told_at_two_places_makes_nobody_a_friend(sky: SimpleNamespace) -> None:
    """A friend's serial is sent again from 3 km away: neither of the two is a friend while that lasts."""
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    ours, theirs = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0), straight(-2_000.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(radar, rid, authorised=(AuthorisedFlight(identity="OURS"),))
    scans = seen(sky, radar, ours, 50, 3) + told(sky, ours, "OURS", 50, 4)
    (friend,) = at_end(sky, site, scans, 50.0)
    assert friend.affiliation is Affiliation.FRIEND
    copied = [
        sky.scan("remote_id", k + 0.9, [sky.claim(theirs(k + 0.9), np.random.default_rng(k), "OURS")])
        for k in range(30, 50)
    ]
    both = at_end(sky, site, scans + copied, 50.0)
    assert len(both) == 2
    assert all("km away" in track.doubt for track in both)
    assert {track.affiliation for track in both} == {Affiliation.UNKNOWN}


def test_a_claim_that_does_not_fit_the_class_is_in_doubt(sky: SimpleNamespace) -> None:
    """An authorised serial that flies at 190 m/s and sounds like a jet."""
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    path = straight(-6_000.0, 2_000.0, 400.0, 190.0, 0.0)
    jet = ((ObjectClass.JET, 3.0), (ObjectClass.MULTIROTOR, -3.0))
    site = sky.site(radar, rid, authorised=(AuthorisedFlight(identity="OURS"),))
    scans = seen(sky, radar, path, 45, 5, class_llr=jet) + told(sky, path, "OURS", 45, 6)
    (track,) = at_end(sky, site, scans, 45.0)
    assert "it says drone, it seems jet" in track.doubt
    assert track.affiliation is Affiliation.UNKNOWN


def test_twenty_seconds_are_twenty_seconds_however_many_radars_agree(sky: SimpleNamespace) -> None:
    radars = [sky.radar(f"r{k}", e=500.0 * k, false_per_scan=0.1) for k in range(4)]
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(*radars, receiver(sky), authorised=(AuthorisedFlight(identity="OURS"),))
    scans = told(sky, path, "OURS", 30, 1)
    for k, one in enumerate(radars):
        scans += seen(sky, one, path, 30, 10 + k)
    friend = [t for t in sky.tracks(sky.run(Tracker(site), scans, 30.0)) if t.affiliation is Affiliation.FRIEND]
    assert friend
    assert friend[0].time_ns >= sky.START_NS + 20_000_000_000


def test_a_claim_that_nobody_else_can_see_stays_a_claim(sky: SimpleNamespace) -> None:
    """No other sensor is there, or another radio reads the same name: shown with its name, a friend never."""
    rid, other, reader = receiver(sky), receiver(sky, SensorKind.EXTERNAL), receiver(sky, SensorKind.RF)
    path, rng = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0), np.random.default_rng(3)
    authorised = (AuthorisedFlight(identity="OURS"),)
    scans = told(sky, path, "OURS", 45, 1)
    for name in ("external", "rf"):
        scans += [sky.scan(name, k + 0.5, [sky.claim(path(k + 0.5), rng, "OURS")]) for k in range(45)]
    for kinds in ((rid,), (rid, other), (rid, reader)):
        heard = [scan for scan in scans if scan.sensor in {own.id for own in kinds}]
        out = sky.tracks(sky.run(Tracker(sky.site(*kinds, authorised=authorised)), heard, 45.0))
        assert {t.affiliation for t in out} == {Affiliation.UNKNOWN}
        assert {t.identity.value for t in out if t.identity is not None} == {"OURS"}


def test_a_flight_is_known_within_its_area_and_as_its_class(sky: SimpleNamespace) -> None:
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    scans = seen(sky, radar, path, 40, 2) + told(sky, path, "OURS", 40, 1)

    def ring(e: float) -> tuple[tuple[float, float], ...]:
        corners: list[Place] = [sky.place(e + a, 2_000.0 + b, 0.0) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        east = [sky.place(e + 2_000.0 * a, 2_000.0 + 2_000.0 * b, 0.0) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        assert len(corners) == 4
        return tuple((p.lon_deg, p.lat_deg) for p in east)

    def whose(**more: object) -> Affiliation:
        flight = AuthorisedFlight(identity="OURS", **more)  # type: ignore[arg-type]
        (track,) = at_end(sky, sky.site(radar, rid, authorised=(flight,)), scans, 40.0)
        return track.affiliation

    assert whose(polygon=ring(1_500.0)) is Affiliation.FRIEND
    assert whose(polygon=ring(8_000.0)) is Affiliation.UNKNOWN
    assert whose(kind=ObjectClass.JET) is Affiliation.UNKNOWN


def test_within_a_ring_with_a_notch() -> None:
    ring = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (2.0, 1.0), (0.0, 4.0))
    assert within(1.0, 1.0, ring)
    assert not within(2.0, 3.0, ring)
    assert not within(5.0, 1.0, ring)


@pytest.mark.parametrize(
    ("e", "lives", "named"), [(2_000.0, True, True), (2_000.0, False, False), (15_000.0, True, False)]
)
def test_silence_is_named_where_a_receiver_lives_and_reaches(
    sky: SimpleNamespace, e: float, lives: bool, named: bool
) -> None:  # fmt: skip
    radar, rid = sky.radar(false_per_scan=0.1, coverage=Coverage(max_m=30_000.0, el_deg=(-10.0, 60.0))), receiver(sky)
    other = straight(-1_000.0, 500.0, 100.0, 0.0, 5.0)
    scans = seen(sky, radar, straight(e, 1_000.0, 300.0, 30.0, 0.0), 30, 7)
    if lives:
        scans += told(sky, other, "SOMEONE", 30, 8)
    site = sky.site(radar, rid, equipped=Equipped(remote_id=0.7))
    (track,) = [t for t in at_end(sky, site, scans, 30.0) if t.identity is None]
    assert ("no Remote ID (70% of drones here send it)" in track.why) is named
    assert "ADS-B" not in track.why


def test_an_aircraft_without_ads_b_is_a_crewed_one_the_less_where_it_would_be_heard(sky: SimpleNamespace) -> None:
    radar, path = sky.radar(false_per_scan=0.1), straight(-3_500.0, 2_000.0, 900.0, 55.0, 0.0)
    scans = seen(sky, radar, path, 120, 9) + [sky.scan("adsb", float(k), []) for k in range(120)]
    share = []
    for kinds in ((), (receiver(sky, SensorKind.ADSB),)):
        (track,) = at_end(sky, sky.site(radar, *kinds), scans, 120.0)
        share.append(sum(p for c, p in track.classes if c in (ObjectClass.AEROPLANE, ObjectClass.HELICOPTER)))
    assert share[1] < 0.7 * share[0]


def lie(sky: SimpleNamespace, rng: np.random.Generator, t: float, i: int, radio: str | None) -> Scan:
    """One report of a false identity, as a receiver sends it."""
    at = rng.normal(size=3) * [5_000.0, 5_000.0, 50.0] + [0.0, 0.0, 300.0]
    z, extra = sky.claim(at, rng, f"LIE{i}")
    time_ns = sky.START_NS + round(t * 1e9) + i
    key = scan_id("remote_id", time_ns)
    claim = Identity(scheme="remote_id_serial", value=extra["identity"].value, transmitter=radio)
    found = Detection(id=f"{key}#0", measurement=z, identity=claim)
    return Scan(id=key, sensor="remote_id", time_ns=time_ns, received_ns=time_ns, detections=(found,))


@pytest.mark.parametrize("radios", [1, 10_000])
def test_ten_thousand_reports_a_second_cost_a_seen_track_nothing_and_are_shown(
    sky: SimpleNamespace, radios: int
) -> None:  # fmt: skip
    """10,000 a second for 12 s, each report a name of its own, from one radio address or each from its own."""
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(radar, rid)
    scans = seen(sky, radar, path, 13, 2)
    rng = np.random.default_rng(11)
    flood = [
        lie(sky, rng, 1.0 + k + i / 10_000.0, 10_000 * k + i, f"02:{i % radios}")
        for k in range(12)
        for i in range(10_000)
    ]
    quiet = sky.tracks(sky.run(Tracker(site), scans, 13.0))
    tracker = Tracker(site)
    out = sky.run(tracker, scans + flood, 13.0)
    name = quiet[0].track_id
    mine = [t for t in sky.tracks(out) if t.track_id == name]
    assert {t.time_ns for t in quiet} <= {t.time_ns for t in mine}
    assert mine[-1].status.value == "confirmed"
    others = {t.track_id for t in sky.tracks(out)} - {name}
    assert len(others) <= 13 * NEW_PER_S
    told = [e for e in out if isinstance(e, Health) and "quarantine" in e.id]
    counts = dict(told[-1].counts)
    assert told[-1].source == "remote_id"
    assert "LIE" in told[-1].reason
    assert counts["quarantined"] >= 12 * 10_000 * 0.8 - 12 * NEW_PER_S if len(told) > 1 else counts["quarantined"] > 0
    assert any(key.startswith("from 02:") for key in counts)
    if radios == 1:
        assert len(others) <= NAMES_PER_TRANSMITTER
    assert tracker.fusion is not None
    assert len(tracker.snapshot()) < 3_000_000


def test_a_flood_keeps_claims_tentative_until_a_radar_bears_them_out(sky: SimpleNamespace) -> None:
    """After six seconds of flood a name that only the flooded receiver tells wakes nobody; what a radar sees does."""
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    rng = np.random.default_rng(12)
    flood = [
        sky.scan("remote_id", 0.05 + 0.1 * k, [sky.claim(p, rng, f"L{k}-{i}") for i, p in enumerate(_spots(rng))])
        for k in range(200)
    ]
    near, far = straight(2_000.0, 2_000.0, 200.0, 10.0, 0.0), straight(40_000.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(radar, rid, authorised=(AuthorisedFlight(identity="NEAR"), AuthorisedFlight(identity="FAR")))
    scans = flood + told(sky, near, "NEAR", 10, 1, 10.0) + told(sky, far, "FAR", 10, 2, 10.01)
    scans += [s for s in seen(sky, radar, near, 20, 3) if s.time_ns > sky.START_NS + 13e9]
    out = sky.tracks(sky.run(Tracker(site), scans, 20.0))
    last = {t.identity.value: t for t in out if t.identity is not None and t.identity.value in ("NEAR", "FAR")}
    assert last["NEAR"].status.value == "confirmed"
    assert last["FAR"].status.value == "tentative"
    assert "quarantined: one of a flood of claims" in last["FAR"].why


def _spots(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(100, 3)) * [5_000.0, 5_000.0, 50.0] + [0.0, 0.0, 300.0]


def test_one_name_told_a_thousand_times_a_second_founds_few_tracks(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(13)
    scans = [sky.scan("remote_id", k + 0.5, [sky.claim(p, rng, "SAME") for p in _spots(rng)]) for k in range(5)]
    out = sky.run(Tracker(sky.site(sky.radar(), receiver(sky))), scans, 6.0)
    assert len({t.track_id for t in sky.tracks(out)}) <= 5 * REPEATS_PER_S
    assert [e.source for e in out if isinstance(e, Health)] == ["remote_id"]


def test_quarantine_and_reviews_survive_a_restart_bit_by_bit(sky: SimpleNamespace) -> None:
    radar, rid = sky.radar(false_per_scan=0.1), receiver(sky)
    path, rng = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0), np.random.default_rng(14)
    site = sky.site(radar, rid)
    scans = seen(sky, radar, path, 12, 2) + told(sky, path, "OURS", 12, 1)
    scans += [
        sky.scan("remote_id", 0.15 + 0.5 * k, [sky.claim(p, rng, f"L{k}-{i}") for i, p in enumerate(_spots(rng))])
        for k in range(22)
    ]
    first, second = Tracker(site), Tracker(site)
    sky.run(first, [s for s in scans if s.time_ns < sky.START_NS + 6e9], 6.0)
    second.restore(first.snapshot())
    rest = [s for s in scans if s.time_ns >= sky.START_NS + 6e9]
    assert sky.run(first, rest, 12.0, 6.0) == sky.run(second, rest, 12.0, 6.0)
    assert first.snapshot() == second.snapshot()
