"""The life of alerts: approach, ring, lost, all-clear, several tracks, and what may not alarm."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest

from skysentry.alerting.alerter import Alerter
from skysentry.errors import ConfigError, StateError
from skysentry.events import (
    Affiliation,
    Alert,
    Health,
    Identity,
    ObjectClass,
    Phase,
    Severity,
    TrackEnd,
    TrackStatus,
)
from skysentry.site import Site, Zone

RANK = list(Severity)
BIRD = ((ObjectClass.BIRD, 0.9), (ObjectClass.MULTIROTOR, 0.1))


def severities(alerts: list[Alert]) -> list[Severity]:
    """The course of severities without repeats."""
    return [a.severity for i, a in enumerate(alerts) if i == 0 or alerts[i - 1].severity is not a.severity]


def test_an_approach_rises_in_time_and_sounds_at_each_rise(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 375, lambda s: [scene.inbound(s)])
    assert severities(alerts) == [Severity.WATCH, Severity.WARNING, Severity.URGENT]
    first = {severity: next(a for a in alerts if a.severity is severity) for severity in severities(alerts)}
    # 19 km of way at 50 m/s: in the zone after 380 s; the low bound must cross each limit before the mean does.
    for severity, limit_s in ((Severity.WARNING, 180.0), (Severity.URGENT, 60.0)):
        due_s = 380.0 - limit_s
        rose_s = (first[severity].time_ns - scene.ns(0)) / 1e9
        assert due_s - 30.0 < rose_s <= due_s
    assert [a.severity for a in alerts if a.sound] == [Severity.WARNING, Severity.URGENT]
    assert [a.revision for a in alerts] == list(range(len(alerts)))
    assert {a.alert_id for a in alerts} == {"home~t1"}
    assert all(a.id == f"{a.alert_id}/{a.revision}" for a in alerts)


def test_the_sentence_can_be_acted_on(scene: Any) -> None:
    alerter = Alerter(scene.site)
    tracks = [scene.inbound(310), scene.inbound(310, start_m=20_500.0, name="t2")]
    (alert,) = alerter.step(scene.ns(310), tracks)
    assert isinstance(alert, Alert)
    assert alert.why.startswith("2 drones heading for Home, first in 70 s (")
    assert alert.why.endswith("): piston fixed wing, 50 m/s, 3.5 km W; no Remote ID")
    assert alert.tracks == ("t1", "t2")


def test_a_name_over_the_air_is_cut_and_printable(scene: Any) -> None:
    track = scene.inbound(310)
    fields = {f: getattr(track, f) for f in track.__struct_fields__}
    value = "A\x1b[31m\n" + "B" * 180
    claimed = type(track)(**fields | {"identity": Identity(scheme="remote_id_serial", value=value)})
    (alert,) = Alerter(scene.site).step(scene.ns(310), [claimed])
    assert isinstance(alert, Alert)
    assert alert.why.isprintable()
    assert "says it is A?[31m?BBB" in alert.why
    assert alert.why.endswith("… (Remote ID)")
    assert len(alert.why) < 200


def test_revisions_are_no_flood(scene: Any) -> None:
    """Ten updates a second for five minutes with a jumping velocity: at most one revision a second, and far fewer."""
    chance = random.Random(5)
    alerter = Alerter(scene.site)
    alerts = []
    for tick in range(3000):
        second = tick / 10
        ve, vn = 50.0 + chance.gauss(0, 4), chance.gauss(0, 4)
        track = scene.track(second, -20_000.0 + 50.0 * second, 0.0, ve, vn)
        alerts += alerter.step(scene.ns(second), [track])
    times = [a.time_ns for a in alerts]
    rises = [b for a, b in itertools.pairwise(alerts) if RANK.index(b.severity) > RANK.index(a.severity)]
    gaps = [b.time_ns - a.time_ns for a, b in itertools.pairwise(alerts) if b not in rises]
    assert min(gaps) >= 1_000_000_000
    assert len(times) < 60


def test_a_ring_around_the_place_becomes_urgent(scene: Any) -> None:
    """Twenty minutes of circling 3 km out, never radial: warned at once, urgent after four, never dropped."""
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 1200, lambda s: [scene.ringing(s, 4_400.0)])
    assert alerts[0].severity in (Severity.WARNING, Severity.URGENT)
    urgent = next(a for a in alerts if a.severity is Severity.URGENT)
    assert urgent.time_ns - scene.ns(0) <= 245_000_000_000
    assert urgent.rule == "circling"
    assert "circling Home" in urgent.why
    assert severities(alerts)[-1] is Severity.URGENT
    assert len(severities(alerts)) == 2
    assert sum(a.sound for a in alerts) == 2


def test_a_straight_pass_is_no_circling(scene: Any) -> None:
    """5 km abeam at 48 m/s: it counts as one that could turn in, so it warns; it does not become urgent."""
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 900, lambda s: [scene.track(s, -15_000.0 + 48.0 * s, 6_000.0, 48.0, 0.0)])
    assert max(RANK.index(a.severity) for a in alerts) == RANK.index(Severity.WARNING)
    assert alerts[-1].phase is Phase.ALL_CLEAR


def test_a_loiterer_beside_the_place_does_not_sound_at_every_turn(scene: Any) -> None:
    """A circle of 1 km radius 6 km away turns its nose to and fro every two minutes: 10 sounds if falls waited 10 s."""
    alerter = Alerter(scene.site)

    def track(second: int) -> list[Any]:
        angle = 48.0 / 1000.0 * second
        east, north = 7_000.0 + 1000.0 * math.cos(angle), 1000.0 * math.sin(angle)
        return [scene.track(second, east, north, -48.0 * math.sin(angle), 48.0 * math.cos(angle))]

    alerts = scene.play(alerter, 1200, track)
    assert {a.alert_id for a in alerts} == {"home~t1"}
    assert not [a for a in alerts if a.phase in (Phase.CLEARED, Phase.ALL_CLEAR)]
    assert sum(a.sound for a in alerts) <= 5


def test_seen_leaving_ends_with_an_all_clear(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 1800, lambda s: [scene.inbound(s)] if s < 1000 else [])
    phases = [a.phase for a in alerts]
    assert phases[-2:] == [Phase.CLEARED, Phase.ALL_CLEAR]
    cleared, clear = alerts[-2:]
    assert "1 seen leaving" in cleared.why
    assert clear.sound
    assert not cleared.sound
    assert clear.time_ns - cleared.time_ns == 60_000_000_000
    assert clear.tracks == ()
    assert alerter.state.alerts == {}
    assert alerter.state.approaches == {}


def test_a_watch_that_never_sounded_ends_in_silence(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 1200, lambda s: [scene.track(s, -12_000.0 - 80.0 * s, 0.0, 0.0, 50.0)])
    assert {a.severity for a in alerts[:-2]} == {Severity.WATCH}
    assert alerts[-1].phase is Phase.ALL_CLEAR
    assert not any(a.sound for a in alerts)


def test_lost_is_not_cleared(scene: Any) -> None:
    """It ends 5 km out at 50 m/s: it could arrive until 1.5 times its slowest, two minutes at least."""
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        if second <= 300:
            return [scene.inbound(second)]
        return [scene.track(301, -4950.0, 0.0, 50.0, 0.0, status=TrackStatus.ENDED, seen=300)] if second == 301 else []

    alerts = scene.play(alerter, 900, events)
    lost = [a for a in alerts if a.rule == "lost"]
    assert lost
    assert lost[0].phase is Phase.ACTIVE
    assert lost[0].severity is Severity.WARNING
    assert lost[0].why.startswith(
        "1 drone lost, not cleared for Home: last seen 4.0 km W 1 s ago, could still arrive until"
    )
    assert lost[-1].severity is Severity.WATCH
    cleared, clear = alerts[-2:]
    assert cleared.phase is Phase.CLEARED
    assert "by time, not by sight" in cleared.why
    assert clear.phase is Phase.ALL_CLEAR
    assert cleared.time_ns - scene.ns(300) >= 120_000_000_000


def test_silence_of_a_track_is_loss_too(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 400, lambda s: [scene.inbound(s)] if s <= 300 else [])
    lost = next(a for a in alerts if a.rule == "lost")
    assert 30 <= (lost.time_ns - scene.ns(300)) / 1e9 <= 32


def test_coasting_out_is_not_leaving(scene: Any) -> None:
    """A prediction that flies past the zone and away has seen nothing leave."""
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        if second < 350:
            return [scene.inbound(second)]
        status = TrackStatus.COASTING if second < 400 else TrackStatus.ENDED
        east = -20_000.0 + 50.0 * second
        return [scene.track(second, east, 0.0, 50.0, 0.0, status=status, seen=349)] if second <= 400 else []

    alerts = scene.play(alerter, 460, events)
    assert alerts[-1].phase is Phase.ACTIVE
    assert alerts[-1].rule == "lost"


@pytest.mark.parametrize(("beside_m", "worst"), [(0.0, Severity.URGENT), (14_000.0, Severity.WATCH)])
def test_a_cloud_that_widens_unseen_is_early_by_its_width_and_no_more(
    scene: Any, beside_m: float, worst: Severity
) -> None:
    """Seen for 100 s, then nobody listens for four minutes, until its place is known to 1.5 km: it never clears."""

    def events(second: int) -> list[Any]:
        unseen_s = max(second - 100, 0)
        status = TrackStatus.COASTING if unseen_s else TrackStatus.CONFIRMED
        sigma_m, seen = min(100.0 + 8.0 * unseen_s, 1_500.0), min(second, 100)
        at = -20_000.0 + 50.0 * second
        return [scene.track(second, at, beside_m, 50.0, 0.0, sigma_m=sigma_m, seen=seen, status=status)]

    alerts = scene.play(Alerter(scene.site), 340, events)
    assert max((alert.severity for alert in alerts), key=RANK.index) is worst
    assert all(alert.phase is not Phase.CLEARED for alert in alerts)
    if worst is Severity.URGENT:
        first_s = min((a.time_ns - scene.ns(0)) / 1e9 for a in alerts if a.severity is worst)
        in_time_s = (19_000.0 / 50.0) - scene.zone.urgent_s
        assert in_time_s - 1.7 * 1_500.0 / 50.0 - 5.0 < first_s < in_time_s


def test_merged_tracks_are_carried_on(scene: Any) -> None:
    alerter = Alerter(scene.site)
    scene.play(alerter, 310, lambda s: [scene.inbound(s), scene.inbound(s, name="t2")], first=300)
    ended = scene.track(311, -4_450.0, 0.0, 50.0, 0.0, name="t2", status=TrackStatus.ENDED, end=TrackEnd.MERGED)
    (alert,) = alerter.step(scene.ns(311), [scene.inbound(311), ended])
    assert alert.tracks == ("t1",)  # type: ignore[union-attr]
    assert "lost" not in alert.why  # type: ignore[union-attr]


def test_a_friend_clears_with_the_reason(scene: Any) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        friend = Affiliation.FRIEND if second > 320 else Affiliation.UNKNOWN
        return [scene.track(second, -20_000.0 + 50.0 * second, 0.0, 50.0, 0.0, affiliation=friend)]

    alerts = scene.play(alerter, 420, events, first=300)
    assert alerts[-2].phase is Phase.CLEARED
    assert "1 known as a friend" in alerts[-2].why
    assert alerts[-1].phase is Phase.ALL_CLEAR


def test_a_return_within_the_hold_is_the_same_alert_and_sounds(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(
        alerter, 300, lambda s: [scene.track(s, -4_000.0, 0.0, 50.0 if s < 20 or s > 60 else -50.0, 0.0)]
    )
    # Near enough to turn: it stays on watch and does not clear.
    assert [a.phase for a in alerts if a.phase is not Phase.ACTIVE] == []
    friend = scene.track(300, -4_000.0, 0.0, 50.0, 0.0, affiliation=Affiliation.FRIEND)
    alerter.step(scene.ns(300), [friend])
    made = scene.play(alerter, 350, first=301)
    assert made[-1].phase is Phase.CLEARED
    back = alerter.step(scene.ns(351), [scene.track(351, -4_000.0, 0.0, 50.0, 0.0)])
    assert back[0].phase is Phase.ACTIVE  # type: ignore[union-attr]
    assert back[0].sound  # type: ignore[union-attr]
    assert back[0].revision == made[-1].revision + 1  # type: ignore[union-attr]


def test_a_second_episode_has_another_id(scene: Any) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        friend = Affiliation.FRIEND if 20 < second < 150 else Affiliation.UNKNOWN
        return [scene.track(second, -4_000.0, 0.0, 50.0, 0.0, affiliation=friend)]

    alerts = scene.play(alerter, 160, events)
    ids = list(dict.fromkeys(a.alert_id for a in alerts))
    assert len(ids) == 2
    assert ids[0] == "home~t1"
    assert ids[1].startswith("home~t1@")
    assert next(a.revision for a in alerts if a.alert_id == ids[1]) == 0


def test_one_alert_a_zone_the_soonest_first(scene: Any) -> None:
    near = scene.square("near", 500.0, 8_000.0)
    site = Site(zones=(scene.zone, near))
    tracks = [scene.inbound(100, start_m=20_000.0 + 1_000.0 * i, name=f"t{i}") for i in range(9)]
    alerts = Alerter(site).step(scene.ns(100), list(reversed(tracks)))
    assert sorted(a.zone for a in alerts) == ["home", "near"]  # type: ignore[union-attr]
    for alert in alerts:
        assert alert.tracks == tuple(f"t{i}" for i in range(len(alert.tracks)))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "worst"),
    [
        ({}, Severity.URGENT),
        ({"affiliation": Affiliation.FRIEND}, None),
        ({"affiliation": Affiliation.NEUTRAL}, None),
        ({"affiliation": Affiliation.HOSTILE, "classes": ((ObjectClass.BIRD, 1.0),)}, Severity.URGENT),
        ({"classes": BIRD}, Severity.WATCH),
        ({"classes": ((ObjectClass.BIRD, 0.99),)}, None),
        ({"classes": ((ObjectClass.BIRD, 0.8),)}, Severity.URGENT),
        ({"classes": ()}, Severity.URGENT),
        ({"alt_m": 7_000.0}, None),
        ({"status": TrackStatus.TENTATIVE}, Severity.WATCH),
        ({"status": TrackStatus.TENTATIVE, "existence": 0.3}, None),
    ],
)
def test_what_a_track_may_do_at_most(scene: Any, changed: dict[str, Any], worst: Severity | None) -> None:
    alerter = Alerter(scene.site)
    alerts = scene.play(alerter, 30, lambda s: [scene.track(s, -2_000.0 + 50.0 * s, 0.0, 50.0, 0.0, **changed)])
    assert (max(alerts, key=lambda a: RANK.index(a.severity)).severity if alerts else None) is worst


def test_neutral_in_closed_airspace_is_for_information(scene: Any) -> None:
    site = Site(zones=(scene.zone,), civil_airspace_closed=True)
    track = scene.track(0, -2_000.0, 0.0, 50.0, 0.0, affiliation=Affiliation.NEUTRAL)
    (alert,) = Alerter(site).step(scene.ns(0), [track])
    assert alert.severity is Severity.INFO  # type: ignore[union-attr]
    assert not alert.sound  # type: ignore[union-attr]


def test_a_fall_waits_ten_seconds(scene: Any) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        return [scene.track(second, -5_000.0, 0.0, 50.0 if second < 10 else -50.0, 0.0)]

    alerts = scene.play(alerter, 40, events)
    assert severities(alerts) == [Severity.WARNING, Severity.WATCH]
    fell = next(a for a in alerts if a.severity is Severity.WATCH)
    assert (fell.time_ns - scene.ns(10)) / 1e9 == pytest.approx(10.0, abs=1.1)


def test_far_tracks_are_nothing(scene: Any) -> None:
    alerter = Alerter(scene.site)
    assert scene.play(alerter, 20, lambda s: [scene.track(s, 80_000.0, 0.0, -50.0, 0.0)]) == []
    assert alerter.state.approaches == {}


def test_numbers_that_are_none_are_counted_and_hurt_nobody(scene: Any) -> None:
    alerter = Alerter(scene.site)
    bad = scene.track(0, 0.0, 0.0, math.nan, 0.0, name="bad")
    made = alerter.step(scene.ns(0), [bad, scene.track(0, -2_000.0, 0.0, 50.0, 0.0)])
    assert [type(event) for event in made] == [Alert, Health]
    assert made[1].counts == (("tracks_unusable", 1),)  # type: ignore[union-attr]
    more = [
        event
        for s in range(1, 15)
        for event in alerter.step(scene.ns(s), [scene.track(s, 0.0, 0.0, math.inf, 0.0, name="bad")])
    ]
    assert sum(isinstance(event, Health) for event in more) == 1


def test_more_tracks_than_are_held(scene: Any) -> None:
    alerter = Alerter(scene.site)
    tracks = [scene.track(0, -2_000.0 - 10.0 * i, 0.0, 50.0, 0.0, name=f"t{i:04d}") for i in range(600)]
    (alert, health) = alerter.step(scene.ns(0), tracks)
    assert len(alerter.state.approaches["home"]) == 500
    assert len(alert.tracks) == 100  # type: ignore[union-attr]
    assert dict(health.counts)["approaches_dropped"] == 100  # type: ignore[union-attr]


def test_an_unusable_zone_is_the_site_file_s_fault() -> None:
    zone = Zone(id="z", name="Z", polygons=((((0.0, 0.0), (1.0, 1.0)),),))
    with pytest.raises(ConfigError, match="three"):
        Alerter(Site(zones=(zone,)))


def test_a_site_without_zones_is_quiet(scene: Any) -> None:
    assert Alerter(Site()).step(scene.ns(0), [scene.inbound(0)]) == []


# --- laws -------------------------------------------------------------------------------------------------------


def storm(scene: Any) -> list[Any]:
    """Several tracks that come, coast, end and return, at uneven times."""
    chance = random.Random(11)
    events = []
    for i in range(6):
        start, heading = chance.uniform(0, 60), chance.uniform(0, 2 * math.pi)
        east, north = chance.uniform(-9_000, 9_000), chance.uniform(-9_000, 9_000)
        ve, vn = 50 * math.cos(heading), 50 * math.sin(heading)
        for k in range(150):
            s = start + k * 0.7
            status = TrackStatus.CONFIRMED if k < 140 else TrackStatus.COASTING if k < 149 else TrackStatus.ENDED
            events.append(scene.track(s, east + ve * k, north + vn * k, ve, vn, name=f"t{i}", status=status))
    return sorted(events, key=lambda e: e.received_ns)


def run(alerter: Alerter, scene: Any, events: list[Any], stride: int, ticks: int = 4000) -> list[Any]:
    made = []
    for tick in range(0, ticks, stride):
        since, until = scene.ns(0) + (tick - stride) * 10**8, scene.ns(0) + tick * 10**8
        made += alerter.step(until, [e for e in events if since < e.received_ns <= until])
    return made


def test_how_calls_are_cut_changes_nothing(scene: Any) -> None:
    events = storm(scene)
    fine = run(Alerter(scene.site), scene, events, 1, 4001)
    coarse = run(Alerter(scene.site), scene, events, 40, 4001)
    assert len(fine) > 12
    assert fine == coarse


def test_order_within_a_batch_changes_nothing(scene: Any) -> None:
    events = storm(scene)
    shuffled = events[:]
    random.Random(2).shuffle(shuffled)
    assert run(Alerter(scene.site), scene, events, 5) == run(Alerter(scene.site), scene, shuffled, 5)


def test_a_snapshot_carries_on_exactly(scene: Any) -> None:
    events = storm(scene)
    whole = run(Alerter(scene.site), scene, events, 10)
    first, second = Alerter(scene.site), Alerter(scene.site)
    made: list[Any] = []
    current = first
    for tick in range(0, 4000, 10):
        if tick == 700:
            second.restore(first.snapshot())
            assert second.snapshot() == first.snapshot()
            current = second
        since, until = scene.ns(0) + (tick - 10) * 10**8, scene.ns(0) + tick * 10**8
        made += current.step(until, [e for e in events if since < e.received_ns <= until])
    assert made == whole


@pytest.mark.parametrize("rubbish", [b"", b"\x00", b"rubbish", b"\x92\x01\xc0", b"\x92\x63\x80"])
def test_rubbish_is_no_snapshot(scene: Any, rubbish: bytes) -> None:
    alerter = Alerter(scene.site)
    with pytest.raises(StateError):
        alerter.restore(rubbish)
    assert alerter.step(scene.ns(310), [scene.inbound(310)])


def test_a_jump_of_the_clock_ends_what_is_over_in_time(scene: Any) -> None:
    """A day of silence in one call: the alert goes through lost, cleared and all-clear at their own times."""
    alerter = Alerter(scene.site)
    alerter.step(scene.ns(310), [scene.inbound(310)])
    alerts = [e for e in alerter.step(scene.ns(310 + 86_400), []) if isinstance(e, Alert)]
    assert [a.phase for a in alerts][-2:] == [Phase.CLEARED, Phase.ALL_CLEAR]
    assert alerts[-1].time_ns < scene.ns(310 + 1000)
    assert alerter.step(scene.ns(310), []) == []


def test_a_zone_that_left_the_site_file_ends_its_alert(scene: Any) -> None:
    alerter, other = Alerter(scene.site), Alerter(Site())
    alerter.step(scene.ns(310), [scene.inbound(310)])
    other.restore(alerter.snapshot())
    (end,) = other.step(scene.ns(312), [])
    assert (end.phase, end.why) == (Phase.ALL_CLEAR, "the zone is no longer in the site file")  # type: ignore[union-attr]
    assert other.step(scene.ns(320), []) == []
