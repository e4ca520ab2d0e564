"""What receivers find odd reaches the track in words; no claim lowers what a radar has raised."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from skysentry.alerting.alerter import Alerter
from skysentry.events import (
    Affiliation,
    Alert,
    AnyEvent,
    Detection,
    Health,
    HealthState,
    ObjectClass,
    Scan,
    Severity,
    Track,
    health,
)
from skysentry.runtime.feed import Feed
from skysentry.site import AuthorisedFlight, Coverage, Sensor, SensorKind, Site, Zone
from skysentry.tracking.intake.quarantine import RADIOS_PER_NAME
from skysentry.tracking.tracker import Tracker

REACH = Coverage(max_m=8_000.0)
LEVELS = list(Severity)


def straight(e: float, n: float, u: float, ve: float, vn: float):  # type: ignore[no-untyped-def]
    return lambda t: np.array([e + ve * t, n + vn * t, u])


def receiver(sky: SimpleNamespace) -> Sensor:
    return Sensor(id="remote_id", kind=SensorKind.REMOTE_ID, position=sky.place(0.0, 0.0, 10.0), coverage=REACH)


def seen(sky: SimpleNamespace, sensor: Sensor, path, seconds: int, seed: int) -> list[Scan]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    return [sky.scan(sensor.id, k + 0.35, [sky.plot(sensor, path(k + 0.35), rng)]) for k in range(seconds)]


def claims(sky: SimpleNamespace, path, seconds: int, seed: int, name: str = "OURS", **more: object) -> list[Scan]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    out = []
    for k in range(seconds):
        z, extra = sky.claim(path(k + 0.7), rng, name)
        out.append(sky.scan("remote_id", k + 0.7, [(z, {**extra, **more})]))
    return out


def by_radio(scans: list[Scan], radio) -> list[Scan]:  # type: ignore[no-untyped-def]
    """The same claims, the k-th from the address `radio(k)`."""

    def named(found: Detection, k: int) -> Detection:
        assert found.identity is not None
        return replace(found, identity=replace(found.identity, transmitter=radio(k)))

    return [replace(s, detections=tuple(named(d, k) for d in s.detections)) for k, s in enumerate(scans)]


def last(sky: SimpleNamespace, out: list[AnyEvent], name: str = "OURS") -> Track:
    return [t for t in sky.tracks(out) if t.identity is not None and t.identity.value == name][-1]


@pytest.mark.parametrize(
    ("features", "radio", "words"),
    [
        ((("claim_nats", -4.0), ("doubt_power", 4.0)), None, "louder than it could be"),
        ((("doubt_stamp", 3.5), ("doubt_operator", 5.0)), None, "further away than a control link reaches"),
        ((("doubt_later", 4.0),), None, "does not fit together"),
        ((), lambda k: f"02:{k % (RADIOS_PER_NAME + 2)}", "more than 4 transmitters tell the same name"),
        ((), lambda k: f"02:{k % RADIOS_PER_NAME}", ""),
    ],
)
def test_what_is_odd_is_said_of_the_track_and_makes_no_friend(
    sky: SimpleNamespace, features: tuple[tuple[str, float], ...], radio: object, words: str
) -> None:
    """A radar agrees with an authorised claim for 45 s all the while."""
    radar, path = sky.radar(false_per_scan=0.1), straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    site = sky.site(radar, receiver(sky), authorised=(AuthorisedFlight(identity="OURS"),))
    told = claims(sky, path, 45, 1, features=features)
    if radio is not None:
        told = by_radio(told, radio)
    track = last(sky, sky.run(Tracker(site), seen(sky, radar, path, 45, 2) + told, 45.0))
    assert words in track.doubt
    assert bool(track.doubt) is bool(words)
    assert track.affiliation is (Affiliation.UNKNOWN if words else Affiliation.FRIEND)


def test_names_that_radio_reads_are_claims_like_any_other(sky: SimpleNamespace) -> None:
    """DroneID comes from a sensor of radio with a place: what is odd about it is said, and its names are rationed."""
    radio = replace(receiver(sky), kind=SensorKind.RF)
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    told = claims(sky, path, 12, 1, features=(("doubt_power", 4.0),))
    out = sky.run(Tracker(sky.site(radio)), told, 12.0)
    assert "louder than it could be" in last(sky, out).doubt
    flood = [
        replace(s, id=f"{s.id}.{g}", detections=tuple(replace(d, id=f"{s.id}.{g}#0") for d in s.detections))
        for g in range(60)
        for s in claims(sky, straight(-2_000.0 + 70.0 * g, 2_500.0, 150.0, 8.0, 0.0), 8, g, f"GHOST{g}")
    ]
    tracks = sky.tracks(sky.run(Tracker(sky.site(radio)), by_radio(flood, lambda _: "02:66"), 8.0))
    assert len({t.track_id for t in tracks}) <= 4


def test_ghosts_of_one_radio_are_in_doubt(sky: SimpleNamespace) -> None:
    scans: list[Scan] = []
    for g in range(6):
        path = straight(-2_000.0 + 700.0 * g, 2_500.0, 150.0, 8.0, 0.0)
        ghost = [replace(s, id=f"{s.id}.{g}") for s in claims(sky, path, 12, g, f"GHOST{g}")]
        ghost = [
            replace(s, detections=tuple(replace(d, id=f"{s.id}#0") for d in s.detections)) for s in ghost
        ]  # fmt: skip
        scans += by_radio(ghost, lambda _: "02:66")
    tracks = sky.tracks(
        sky.run(Tracker(sky.site(sky.radar(coverage=Coverage(max_m=500.0)), receiver(sky))), scans, 12.0)
    )
    final = {t.track_id: t for t in tracks}
    assert 1 <= len(final) <= 4
    assert all("its transmitter tells 4 names or more" in t.doubt for t in final.values())


def test_doubt_ends_when_nothing_odd_is_told_any_more(sky: SimpleNamespace) -> None:
    path = straight(1_500.0, 2_000.0, 200.0, 10.0, 0.0)
    told = claims(sky, path, 40, 1)
    told = [replace(s, detections=tuple(replace(d, features=(("doubt_jump", 4.0),)) for d in s.detections))
            if k < 10 else s for k, s in enumerate(told)]  # fmt: skip
    tracks = sky.tracks(sky.run(Tracker(sky.site(receiver(sky))), told, 40.0))
    doubted = [(t.time_ns - sky.START_NS) / 1e9 for t in tracks if t.doubt]
    assert doubted
    assert 20.0 < max(doubted) < 30.0


def worst(site: Site, sky: SimpleNamespace, scans: list[Scan], seconds: float) -> dict[str, int]:
    """The highest severity of each zone's alerts."""
    tracker, alerter = Tracker(site), Alerter(site)
    out = sky.run(tracker, scans, seconds)
    levels: dict[str, int] = {}
    for k in range(1, round(seconds * 10) + 1):
        now_ns = sky.START_NS + k * 100_000_000
        batch = [e for e in out if now_ns - 100_000_000 < e.received_ns <= now_ns]
        for alert in alerter.step(now_ns, batch):
            if isinstance(alert, Alert):
                levels[alert.zone] = max(levels.get(alert.zone, 0), LEVELS.index(alert.severity))
    return levels


@pytest.mark.parametrize("seed", range(4))
def test_no_claim_lowers_the_severity_that_a_radar_supports(sky: SimpleNamespace, seed: int) -> None:
    """Claims on it, beside it and many of them, authorised or not, of any kind of aircraft."""
    rng = np.random.default_rng(seed)
    home = sky.place(0.0, 0.0, 0.0)
    ring = tuple(
        (home.lon_deg + a * 0.01, home.lat_deg + b * 0.006) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    )
    radar = sky.radar(false_per_scan=0.1)
    path = straight(500.0, 6_000.0, 250.0, 0.0, -55.0)
    site = sky.site(
        radar, receiver(sky), zones=(Zone(id="town", name="Town", polygons=((ring,),)),),
        authorised=(AuthorisedFlight(identity="FRIEND"),),
    )  # fmt: skip
    scans = seen(sky, radar, path, 60, seed)
    alone = worst(site, sky, scans, 60.0)
    assert alone
    llr = ((((ObjectClass.MULTIROTOR, ObjectClass.FIXED_WING_ELECTRIC)[seed % 2]), 1.0),)
    # A name of its own that rides along, an authorised name 300 m beside it, and a flood.
    scans += claims(sky, path, 60, seed, f"RIDER{seed}", class_llr=llr)
    beside = straight(800.0, 6_000.0, 250.0, 0.0, -55.0)
    scans += [replace(s, id=f"{s.id}.1", detections=tuple(replace(d, id=f"{s.id}.1#0") for d in s.detections))
              for s in claims(sky, beside, 60, seed + 9, "FRIEND")]  # fmt: skip
    for k in range(60):
        spots = rng.normal(size=(30, 3)) * [3_000.0, 3_000.0, 50.0] + [0.0, 3_000.0, 300.0]
        scans.append(sky.scan("remote_id", k + 0.9, [sky.claim(p, rng, f"L{k}-{i}") for i, p in enumerate(spots)]))
    lied = worst(site, sky, scans, 60.0)
    assert all(lied.get(zone, -1) >= level for zone, level in alone.items())


def test_a_flood_is_shown_beside_its_receiver_and_told_to_be_over(sky: SimpleNamespace) -> None:
    """What the screen and /api/snapshot get: a source of its own, which the receiver's own health does not hide."""
    site, rng = sky.site(sky.radar(), receiver(sky)), np.random.default_rng(3)
    spots = rng.normal(size=(400, 3)) * [5_000.0, 5_000.0, 50.0] + [0.0, 0.0, 300.0]
    flood = sky.scan("remote_id", 0.5, [sky.claim(p, rng, f"LIE{i}") for i, p in enumerate(spots)])
    tracker, feed = Tracker(site), Feed(site, "live", lambda: sky.START_NS)
    feed.publish(sky.START_NS + 10**9, [event for event in sky.run(tracker, [flood], 5.0) if isinstance(event, Health)])
    feed.publish(sky.START_NS + 2 * 10**9, [health("remote_id", sky.START_NS, HealthState.OK, "connected")])
    shown = {one.source: one for one in feed.picture().health}
    assert shown["remote_id"].state is HealthState.OK
    assert shown["remote_id: quarantine"].state is HealthState.DEGRADED
    assert dict(shown["remote_id: quarantine"].counts)["quarantined"] == 200
    assert "LIE" in shown["remote_id: quarantine"].reason
    later = [event for event in sky.run(tracker, [], 80.0, 5.0) if isinstance(event, Health)]
    assert [(one.state, dict(one.counts)["quarantined"]) for one in later] == [(HealthState.OK, 200)]
