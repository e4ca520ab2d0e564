"""Alerts against truth: a zone 1 km square, a threat that flies in from the west at 50 m/s."""

from __future__ import annotations

import math

import msgspec
import pytest

from skysentry.events import Alert, ObjectClass, Phase, Severity, Track, TrackStatus, Truth
from skysentry.geo import Frame
from skysentry.score import Report, report_text, score
from skysentry.score.intervals import poisson_upper, wilson
from skysentry.site import Ring, Zone

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
HERE = Frame.at_geodetic(50.45, 30.52, 0.0)


def ring(half_m: float) -> Ring:
    corners = [(-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m), (-half_m, -half_m)]
    return tuple((lon, lat) for lat, lon, _ in (HERE.to_geodetic(east, north, 0.0) for east, north in corners))


ZONE = Zone(id="town", name="Town", polygons=((ring(500.0),),), urgent_s=60.0, warning_s=180.0)


def flight(
    start_m: float = -10_500.0, seconds: int = 240, speed_mps: float = 50.0, up_m: float = 200.0, threat: bool = True
) -> list[Truth]:
    made = []
    for second in range(seconds + 1):
        lat, lon, alt = HERE.to_geodetic(start_m + speed_mps * second, 0.0, up_m)
        at_ns = T0 + second * S
        made.append(
            Truth(
                id=f"truth:a@{at_ns}",
                time_ns=at_ns,
                received_ns=at_ns,
                object="a",
                lat_deg=lat,
                lon_deg=lon,
                alt_m=alt,
                velocity_mps=(speed_mps, 0.0, 0.0),
                object_class=ObjectClass.FIXED_WING_PISTON,
                threat=threat,
            )
        )
    return made


def alert(
    second: float,
    severity: Severity = Severity.WARNING,
    phase: Phase = Phase.ACTIVE,
    *,
    name: str = "alarm",
    zone: str = "town",
    tracks: tuple[str, ...] = (),
) -> Alert:
    at_ns = T0 + round(second * S)
    return Alert(
        id=f"{name}/{at_ns}",
        time_ns=at_ns,
        received_ns=at_ns,
        alert_id=name,
        revision=round(second),
        zone=zone,
        rule="approach",
        severity=severity,
        phase=phase,
        raised_ns=at_ns,
        why="something comes",
        tracks=tracks,
    )


def judged(truths: list[Truth], alerts: list[Alert], zones: tuple[Zone, ...] = (ZONE,)) -> Report:
    return score(truths, [], alerts, zones)


def test_the_entry_is_where_the_true_path_crosses_the_edge() -> None:
    # From 10,500 m west to the edge at 500 m: 10,000 m at 50 m/s is 200 s.
    (entry,) = judged(flight(), []).entries
    assert (entry.entry_ns - T0) / S == pytest.approx(200.0, abs=0.2)
    assert entry.possible_s == pytest.approx(200.0, abs=0.2)
    assert (entry.warnable, entry.outcome, entry.lead_s) == (True, "missed", None)


def test_in_time_late_and_missed() -> None:
    def outcome(*alerts: Alert) -> tuple[str, float | None]:
        (entry,) = judged(flight(), list(alerts)).entries
        return entry.outcome, None if entry.lead_s is None else round(entry.lead_s)

    assert outcome(alert(100)) == ("in_time", 100)
    assert outcome(alert(160)) == ("late", 40)
    assert outcome(alert(220)) == ("late", -20)
    assert outcome(alert(261)) == ("missed", None)
    assert outcome(alert(100, Severity.WATCH), alert(170)) == ("late", 30)
    assert outcome(alert(100), alert(120, Severity.URGENT)) == ("in_time", 100)
    assert outcome(alert(100), alert(150, phase=Phase.ACKNOWLEDGED), alert(160, phase=Phase.SHELVED))[0] == "in_time"


def test_an_alert_withdrawn_before_the_entry_is_missed() -> None:
    report = judged(flight(), [alert(100), alert(150, phase=Phase.CLEARED)])
    assert (report.entries[0].outcome, report.entries[0].withdrawn) == ("missed", True)
    assert (report.alerts.missed, report.alerts.withdrawn) == (1, 1)
    again = judged(flight(), [alert(100), alert(150, phase=Phase.ALL_CLEAR), alert(190, name="second")])
    assert (again.entries[0].outcome, round(again.entries[0].lead_s or 0)) == ("late", 10)


def test_a_warning_for_another_is_told_apart() -> None:
    truths = flight()
    tracks = [
        Track(
            id=f"x@{point.time_ns}",
            time_ns=point.time_ns,
            received_ns=point.time_ns,
            track_id="x",
            status=TrackStatus.CONFIRMED,
            lat_deg=point.lat_deg,
            lon_deg=point.lon_deg,
            alt_m=point.alt_m,
            velocity_mps=point.velocity_mps,
            cov=(1.0,) * 21,
            existence=1.0,
            first_ns=T0,
            last_seen_ns=point.time_ns,
        )
        for point in truths[50:]
    ]

    def named(*alerts: Alert) -> tuple[int, int]:
        a = score(truths, tracks, alerts, [ZONE]).alerts
        return a.in_time, a.in_time_named

    assert named(alert(100, tracks=("other",))) == (1, 0)
    assert named(alert(100, tracks=("other",)), alert(180, tracks=("other", "x"))) == (1, 1)
    assert named(alert(100, tracks=("other",)), alert(201, tracks=("x",))) == (1, 0)
    assert named(alert(100), alert(150, Severity.WATCH, name="watch", tracks=("x",))) == (1, 0)


def test_one_alert_takes_over_from_another_without_a_break() -> None:
    alerts = [alert(100), alert(140, name="second"), alert(150, phase=Phase.ALL_CLEAR)]
    report = judged(flight(), alerts)
    assert round(report.entries[0].lead_s or 0) == 100
    assert [episode.alerts for episode in report.episodes] == [("alarm", "second")]
    handed = [alert(100), alert(150, phase=Phase.ALL_CLEAR), alert(150, name="second")]
    assert len(judged(flight(), handed).episodes) == 1


def test_short_notice_is_told_apart() -> None:
    report = judged(flight(start_m=-2000.0, seconds=60), [alert(5)])
    assert (report.entries[0].warnable, round(report.entries[0].possible_s)) == (False, 30)
    a = report.alerts
    assert (a.entries, a.in_time, a.late, a.missed, a.short_notice, a.short_notice_missed) == (1, 0, 0, 0, 1, 0)
    assert judged(flight(start_m=0.0, seconds=5), []).alerts.short_notice_missed == 1


def test_what_is_no_threat_or_above_the_ceiling_does_not_enter() -> None:
    assert judged(flight(threat=False), []).entries == ()
    assert judged(flight(up_m=6_100.0), []).entries == ()


def test_a_hole_in_a_polygon_is_outside() -> None:
    ringed = msgspec.structs.replace(ZONE, polygons=((ring(500.0), ring(400.0)),))
    inner = flight(start_m=-300.0, seconds=10, speed_mps=1.0)
    assert judged(inner, [], (ringed,)).entries == ()
    assert len(judged(inner, []).entries) == 1


def test_false_is_an_episode_without_a_danger() -> None:
    leaving = flight(start_m=3_000.0, seconds=60)
    report = judged(leaving, [alert(20), alert(40, phase=Phase.ALL_CLEAR)])
    assert (report.alerts.episodes, report.alerts.false_episodes) == (1, 1)
    assert report.alerts.false_per_h == pytest.approx(3600 / 61)
    assert judged(flight(threat=False), [alert(100)]).alerts.false_episodes == 1
    assert judged([], [alert(100)]).alerts.false_episodes == 1


def test_an_approach_that_turns_away_was_a_danger() -> None:
    # 8,000 m out at 50 m/s is 150 s from the edge, within the 180 s of a warning; 20 km out is not.
    coming = flight(start_m=-8_000.0, seconds=30)
    assert judged(coming, [alert(10)]).alerts.false_episodes == 0
    assert judged(flight(start_m=-20_000.0, seconds=30), [alert(10)]).alerts.false_episodes == 1


def test_watch_is_no_episode_and_unknown_zones_are_named() -> None:
    report = judged(flight(), [alert(100, Severity.WATCH), alert(100, zone="drawn", name="drawn")])
    assert report.episodes == ()
    assert report.alerts.unknown_zones == ("drawn",)


def test_the_text_and_json_of_a_report() -> None:
    report = judged(flight(), [alert(100)])
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    text = report_text(report)
    assert "in time" in text
    assert "1 of 1" in text
    assert len(text.splitlines()) < 40


def test_wilson_by_the_book() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) is None


def test_the_rule_of_three() -> None:
    assert poisson_upper(0) == pytest.approx(-math.log(0.05), rel=1e-9)
    # Chi-square tables: half the 95 % point of 2(n + 1) degrees of freedom.
    assert poisson_upper(3) == pytest.approx(15.507 / 2, rel=1e-4)
