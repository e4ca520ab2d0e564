"""What was lost and is found again, what is told how often, and in which words."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec
import pytest

from skysentry.alerting.alerter import Alerter
from skysentry.events import (
    Affiliation,
    Alert,
    Health,
    HealthState,
    Identity,
    ObjectClass,
    Phase,
    Severity,
    TrackEnd,
    TrackStatus,
)

# --- lost, refuted, found again -----------------------------------------------------------------------------------


def ended(scene: Any, second: float, end: TrackEnd | None, name: str = "t1") -> Any:
    """The end of an inbound track that was last seen a second ago."""
    east = -20_000.0 + 50.0 * second
    return scene.track(second, east, 0.0, 50.0, 0.0, name=name, status=TrackStatus.ENDED, seen=second - 1, end=end)


@pytest.mark.parametrize(("end", "least_s", "most_s"), [(TrackEnd.LOST, 140, 141), (TrackEnd.REFUTED, 80, 90)])
def test_a_refuted_track_is_held_for_a_shorter_time(scene: Any, end: TrackEnd, least_s: float, most_s: float) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        return [scene.inbound(second)] if second < 320 else [ended(scene, 320, end)] if second == 320 else []

    alerts = scene.play(alerter, 700, events, first=300)
    assert next(a for a in alerts if a.rule == "lost").phase is Phase.ACTIVE
    cleared = next(a for a in alerts if a.phase is Phase.CLEARED)
    # 1.5 times, or once, the slowest arrival of some 66 s, at least 120 or 60 s; then 20 s of fall after one rise.
    assert least_s <= (cleared.time_ns - scene.ns(319)) / 1e9 <= most_s


def found_later(scene: Any, **changed: Any) -> list[Alert]:
    """One that is lost at 320 s, a new one from 340 s on, confirmed at 345 s; the alerts up to 420 s."""
    alerter = Alerter(scene.site)
    fields = {"east_m": -20_000.0, "north_m": 300.0, "status": TrackStatus.CONFIRMED, "first": 340.0} | changed
    east, north, status = fields.pop("east_m"), fields.pop("north_m"), fields.pop("status")
    lost_at = fields.pop("lost_at", 320)

    def events(second: int) -> list[Any]:
        made = [scene.inbound(second)] if second < 320 else []
        if 320 <= second < lost_at:
            at = -20_000.0 + 50.0 * second
            made = [scene.track(second, at, 0.0, 50.0, 0.0, status=TrackStatus.COASTING, seen=319)]
        if second == lost_at:
            made = [scene.track(second, -2_000.0, 0.0, 50.0, 0.0, status=TrackStatus.ENDED, seen=319)]
        if second >= 340:
            now = TrackStatus.TENTATIVE if second < 345 else status
            made.append(scene.track(second, east + 50.0 * second, north, 50.0, 0.0, name="t2", status=now, **fields))
        return made

    return scene.play(alerter, 420, events, first=300)


@pytest.mark.parametrize("lost_at", [320, 360])
def test_a_lost_track_found_again_is_released(scene: Any, lost_at: int) -> None:
    """Whether the new one is confirmed after the old one ended, or while it still coasts."""
    alerts = found_later(scene, lost_at=lost_at)
    assert alerts[-1].tracks == ("t2",)
    assert alerts[-1].rule == "inside"


def test_a_release_is_said_in_the_end(scene: Any) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        if second < 320:
            return [scene.inbound(second)]
        friend = Affiliation.FRIEND if second > 350 else Affiliation.UNKNOWN
        new = scene.track(second, -20_000.0 + 50.0 * second, 0.0, 50.0, 0.0, name="t2", first=330, affiliation=friend)
        return [ended(scene, 320, TrackEnd.LOST)] if second == 320 else [new] if second >= 330 else []

    cleared = next(a for a in scene.play(alerter, 500, events, first=300) if a.phase is Phase.CLEARED)
    assert "1 found again as t2" in cleared.why
    assert "1 known as a friend" in cleared.why


@pytest.mark.parametrize(
    "changed",
    [
        {"status": TrackStatus.TENTATIVE},
        {"first": 310.0},
        {"north_m": 6_000.0},
        {"classes": ((ObjectClass.MULTIROTOR, 0.9),)},
        {"affiliation": Affiliation.FRIEND},
        {"affiliation": Affiliation.NEUTRAL},
    ],
    ids=["tentative", "seen before", "elsewhere", "another class", "a friend", "neutral"],
)
def test_what_is_no_finding_again(scene: Any, changed: dict[str, Any]) -> None:
    tracks = found_later(scene, **changed)[-1].tracks
    assert "t1" in tracks


def test_one_newcomer_stands_for_one_lost_track(scene: Any) -> None:
    alerter = Alerter(scene.site)

    def events(second: int) -> list[Any]:
        if second < 320:
            return [scene.inbound(second), scene.inbound(second, start_m=20_300.0, name="t0")]
        if second == 320:
            return [ended(scene, 320, None), ended(scene, 320, None, "t0")]
        new = scene.track(second, -20_000.0 + 50.0 * second, 0.0, 50.0, 0.0, name="t2", first=325)
        return [new] if second >= 325 else []

    scene.play(alerter, 340, events, first=300)
    assert sorted(alerter.state.approaches["home"]) == ["t0", "t2"]


# --- calm ---------------------------------------------------------------------------------------------------------


def test_a_steady_approach_needs_no_revision(scene: Any) -> None:
    """It counts down by itself: what was said first, at each rise and at the entry is all that is told."""
    alerts = scene.play(Alerter(scene.site), 375, lambda s: [scene.inbound(s)])
    assert [(a.severity, a.rule) for a in alerts] == [
        (Severity.WATCH, "approach"),
        (Severity.WARNING, "approach"),
        (Severity.URGENT, "approach"),
    ]


def test_one_that_slows_down_is_told_again(scene: Any) -> None:
    """At 100 s, 10 km out, it goes on at half its speed: the countdown of the last revision is wrong from then on."""

    def track(second: int) -> list[Any]:
        late = max(0, second - 100)
        return [
            scene.track(second, -15_000.0 + 50.0 * (second - late) + 25.0 * late, 0.0, 50.0 if not late else 25.0, 0.0)
        ]

    alerts = scene.play(Alerter(scene.site), 130, track)
    told = [a for a in alerts if (a.time_ns - scene.ns(100)) > 0]
    assert told
    assert (told[0].time_ns - scene.ns(100)) / 1e9 <= 6.0
    assert told[0].arrival is not None
    assert told[0].arrival.mean_s == pytest.approx(9_000.0 / 25.0, rel=0.05)


def test_a_changing_number_is_told_every_five_seconds_at_most(scene: Any) -> None:
    def tracks(second: int) -> list[Any]:
        made = [scene.inbound(second, name=f"t{i}", start_m=20_000.0 + 50.0 * i) for i in range(6)]
        known = 3 + second % 3
        return [msgspec.structs.replace(t, affiliation=Affiliation.FRIEND) for t in made[known:]] + made[:known]

    alerts = scene.play(Alerter(scene.site), 260, tracks, first=240)
    assert len(alerts) > 2
    assert {(b.time_ns - a.time_ns) >= 5_000_000_000 for a, b in itertools.pairwise(alerts)} == {True}


def test_steady_tracks_are_not_looked_at_every_second(scene: Any) -> None:
    """And one that turns is, at once."""
    alerter = Alerter(scene.site)
    scene.play(alerter, 120, lambda s: [scene.inbound(s)], first=100)
    assert alerter.state.seen["t1"].looked_ns < scene.ns(119)
    alerter.step(scene.ns(120), [scene.track(120, -14_000.0, 0.0, 46.0, 12.0)])
    assert alerter.state.seen["t1"].looked_ns == scene.ns(120)


def test_the_mend_is_told_when_the_fault_has_passed(scene: Any) -> None:
    alerter = Alerter(scene.site)
    (first,) = alerter.step(scene.ns(0), [scene.track(0, 0.0, 0.0, math.nan, 0.0)])
    made = [event for s in range(1, 100) for event in alerter.step(scene.ns(s), [])]
    assert isinstance(first, Health)
    assert [(event.state, event.time_ns) for event in made] == [(HealthState.OK, scene.ns(30))]  # type: ignore[union-attr]
    assert first.state is HealthState.DEGRADED
    again = alerter.step(scene.ns(200), [scene.track(200, 0.0, 0.0, math.nan, 0.0)])
    assert [event.state for event in again] == [HealthState.DEGRADED]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (Identity(scheme="remote_id_serial", value="1596F3"), "says it is 1596F3 (Remote ID)"),
        (Identity(scheme="icao24", value="508f21"), "says it is ADS-B 508f21"),
        (Identity(scheme="icao24", value="508f21", callsign="DSNS17"), "says it is DSNS17 (ADS-B 508f21)"),
        (Identity(scheme="dji_serial", value="3N3"), "says it is 3N3 (DJI DroneID)"),
        (Identity(scheme="local", value="a7"), "says it is a7"),
    ],
)
def test_who_it_says_it_is_in_plain_words(scene: Any, claim: Identity, said: str) -> None:
    track = msgspec.structs.replace(scene.inbound(310), identity=claim)
    (alert,) = Alerter(scene.site).step(scene.ns(310), [track])
    assert alert.why.endswith(f"; {said}")  # type: ignore[union-attr]


def test_inside_there_is_no_distance(scene: Any) -> None:
    (alert,) = Alerter(scene.site).step(scene.ns(0), [scene.track(0, 100.0, 0.0, 20.0, 0.0)])
    assert alert.why == "1 drone over Home now: piston fixed wing, 20 m/s; no Remote ID"  # type: ignore[union-attr]


def test_only_what_is_inside_is_said_to_be_over_the_zone(scene: Any) -> None:
    here = scene.track(0, 100.0, 0.0, 20.0, 0.0)
    coming = msgspec.structs.replace(scene.inbound(0), track_id="coming")
    (alert,) = Alerter(scene.site).step(scene.ns(0), [here, coming])
    assert alert.why.startswith("1 drone over Home now, 1 more could come: piston")  # type: ignore[union-attr]
