"""What people may decide: acknowledge, shelve, raise, correct, cancel, draw and remove zones; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.alerting.alerter import Alerter, zones_in_force
from skysentry.alerting.phases import TABLE
from skysentry.events import Action, Alert, Health, Order, Phase, Severity, decode, encode
from skysentry.site import Site

ID = "home~t1"


def alerts_of(events: list[Any]) -> list[Alert]:
    return [event for event in events if isinstance(event, Alert)]


def warned(scene: Any) -> Alerter:
    """An alerter with one live warning."""
    alerter = Alerter(scene.site)
    (alert,) = alerts_of(alerter.step(scene.ns(300), [scene.inbound(300)]))
    assert (alert.severity, alert.phase, alert.sound) == (Severity.WARNING, Phase.ACTIVE, True)
    return alerter


def one(alerter: Alerter, scene: Any, second: float, *events: Any) -> Alert:
    (alert,) = alerter.step(scene.ns(second), list(events))
    assert isinstance(alert, Alert)
    return alert


def refusal(alerter: Alerter, scene: Any, second: float, order: Order) -> str:
    (health,) = alerter.step(scene.ns(second), [order])
    assert isinstance(health, Health)
    assert health.reason.startswith("order refused: ")
    assert len(health.id) <= 200
    return health.reason.removeprefix("order refused: ")


def test_acknowledging_silences_the_sound_not_the_alert(scene: Any) -> None:
    alerter = warned(scene)
    alert = one(alerter, scene, 301, scene.order(301, Action.ACKNOWLEDGE, ID))
    assert (alert.phase, alert.severity, alert.sound, alert.by) == (
        Phase.ACKNOWLEDGED,
        Severity.WARNING,
        False,
        "anna",
    )
    later = scene.play(alerter, 360, lambda s: [scene.inbound(s)], first=302)
    urgent = next(a for a in later if a.severity is Severity.URGENT)
    assert all(a.phase is Phase.ACKNOWLEDGED for a in later if a.revision < urgent.revision)
    assert (urgent.phase, urgent.sound) == (Phase.ACTIVE, True)


def test_a_shelf_ends_by_itself_with_a_sound(scene: Any) -> None:
    alerter = warned(scene)
    order = scene.order(301, Action.SHELVE, ID, until_ns=scene.ns(601))
    alert = one(alerter, scene, 301, order)
    assert (alert.phase, alert.until_ns) == (Phase.SHELVED, scene.ns(601))
    later = scene.play(alerter, 620, lambda s: [scene.track(s, -9_000.0, 0.0, 50.0, 0.0)], first=302)
    back = next(a for a in later if a.phase is Phase.ACTIVE)
    assert (back.time_ns, back.sound, back.until_ns) == (scene.ns(601), True, None)


def test_a_shelf_holds_an_hour_at_most(scene: Any) -> None:
    alerter = warned(scene)
    order = scene.order(301, Action.SHELVE, ID, until_ns=scene.ns(301 + 10 * 3600))
    assert one(alerter, scene, 301, order).until_ns == scene.ns(301 + 3600)


def test_a_shelved_alert_wakes_for_urgent_only(scene: Any) -> None:
    alerter = Alerter(scene.site)
    alerter.step(scene.ns(100), [scene.inbound(100)])
    alerter.step(scene.ns(100), [scene.order(100, Action.SHELVE, ID, until_ns=scene.ns(3000))])
    later = scene.play(alerter, 360, lambda s: [scene.inbound(s)], first=101)
    warning = next(a for a in later if a.severity is Severity.WARNING)
    urgent = next(a for a in later if a.severity is Severity.URGENT)
    assert (warning.phase, warning.sound) == (Phase.SHELVED, False)
    assert (urgent.phase, urgent.sound) == (Phase.ACTIVE, True)


def test_unshelving(scene: Any) -> None:
    alerter = warned(scene)
    alerter.step(scene.ns(301), [scene.order(301, Action.SHELVE, ID, until_ns=scene.ns(900))])
    alert = one(alerter, scene, 302, scene.order(302, Action.UNSHELVE, ID))
    assert (alert.phase, alert.sound) == (Phase.ACTIVE, False)


def test_a_manual_alert_lives_until_it_is_cancelled(scene: Any) -> None:
    alerter = Alerter(scene.site)
    text = "two loud engines over the river"
    alert = one(alerter, scene, 0, scene.order(0, Action.RAISE, "home", severity=Severity.URGENT, text=text, id="o1"))
    assert (alert.alert_id, alert.rule, alert.why, alert.sound) == ("home~o1", "manual", text, True)
    assert scene.play(alerter, 1000, first=1) == []
    end = one(alerter, scene, 1001, scene.order(1001, Action.CANCEL, "home~o1", text="false alarm"))
    assert (end.phase, end.why, end.sound) == (Phase.ALL_CLEAR, "cancelled by anna: false alarm", True)
    assert alerter.state.alerts == {}


def test_a_manual_alert_with_a_time_ends_at_it(scene: Any) -> None:
    alerter = Alerter(scene.site)
    order = scene.order(0, Action.RAISE, "home", severity=Severity.WATCH, text="drill", until_ns=scene.ns(50))
    alerter.step(scene.ns(0), [order])
    (end,) = scene.play(alerter, 100, first=1)
    assert (end.phase, end.time_ns, end.sound) == (Phase.ALL_CLEAR, scene.ns(50), False)


def test_an_order_that_comes_twice_counts_once(scene: Any) -> None:
    alerter = Alerter(scene.site)
    order = scene.order(0, Action.RAISE, "home", severity=Severity.WATCH, text="x")
    assert len(alerter.step(scene.ns(0), [order, order])) == 1
    assert alerter.step(scene.ns(1), [order]) == []


def test_correcting_down_holds_until_the_rules_say_graver(scene: Any) -> None:
    alerter = warned(scene)
    alert = one(
        alerter, scene, 301, scene.order(301, Action.CORRECT, ID, severity=Severity.WATCH, text="ours, we think")
    )
    assert (alert.severity, alert.why, alert.sound) == (Severity.WATCH, "ours, we think", False)
    later = scene.play(alerter, 360, lambda s: [scene.inbound(s)], first=302)
    assert [a.severity for a in later if a.sound] == [Severity.URGENT]


def test_correcting_up_sounds(scene: Any) -> None:
    alerter = warned(scene)
    alert = one(alerter, scene, 301, scene.order(301, Action.CORRECT, ID, severity=Severity.URGENT))
    assert (alert.severity, alert.sound) == (Severity.URGENT, True)


def test_cancelling_dismisses_what_was_seen_for_ten_minutes(scene: Any) -> None:
    alerter = warned(scene)
    end = one(alerter, scene, 301, scene.order(301, Action.CANCEL, ID, text="ours"))
    assert end.phase is Phase.ALL_CLEAR

    def hover(second: int) -> list[Any]:
        return [scene.track(second, -9_000.0, 0.0, 50.0, 0.0)]

    assert scene.play(alerter, 901, hover, first=302) == []
    (again,) = scene.play(alerter, 903, hover, first=901)
    assert again.alert_id.startswith("home~t1@")
    assert again.revision == 0


def test_a_dismissed_track_that_gets_graver_is_a_new_alert(scene: Any) -> None:
    alerter = warned(scene)
    alerter.step(scene.ns(301), [scene.order(301, Action.CANCEL, ID)])
    later = scene.play(alerter, 360, lambda s: [scene.inbound(s)], first=302)
    assert later[0].severity is Severity.URGENT
    assert later[0].alert_id != ID


def test_a_drawn_zone_warns_and_a_removed_one_ends(scene: Any) -> None:
    alerter = Alerter(Site())
    order = scene.order(300, Action.DRAW_ZONE, "school", text="School", polygon=scene.ring(1000.0))
    (alert,) = alerter.step(scene.ns(300), [scene.inbound(300), order])
    assert isinstance(alert, Alert)
    assert (alert.zone, alert.severity) == ("school", Severity.WARNING)
    assert "heading for School" in alert.why
    restored = Alerter(Site())
    restored.restore(alerter.snapshot())
    assert list(zones_in_force(restored)) == ["school"]
    for each in (alerter, restored):
        end = one(each, scene, 301, scene.order(301, Action.REMOVE_ZONE, "school"))
        assert (end.phase, end.why) == (Phase.ALL_CLEAR, "zone removed by anna")
        assert each.step(scene.ns(302), [scene.inbound(302)]) == []


def test_a_zone_of_the_site_stays_removed(scene: Any) -> None:
    alerter = warned(scene)
    assert one(alerter, scene, 301, scene.order(301, Action.REMOVE_ZONE, "home")).phase is Phase.ALL_CLEAR
    restored = Alerter(scene.site)
    restored.restore(alerter.snapshot())
    assert restored.step(scene.ns(302), [scene.inbound(302)]) == []


@pytest.mark.parametrize(
    ("action", "target", "fields", "word"),
    [
        (Action.ACKNOWLEDGE, "nobody", {}, "not known"),
        (Action.SHELVE, ID, {}, "until_ns"),
        (Action.SHELVE, ID, {"until_ns": 5}, "over already"),
        (Action.UNSHELVE, ID, {}, "means nothing"),
        (Action.CORRECT, ID, {}, "severity or text"),
        (Action.RAISE, "home", {"text": "x"}, "severity"),
        (Action.RAISE, "home", {"severity": Severity.WATCH}, "text"),
        (Action.RAISE, "nowhere", {"severity": Severity.WATCH, "text": "x"}, "not known"),
        (Action.REMOVE_ZONE, "nowhere", {}, "not known"),
        (Action.DRAW_ZONE, "z", {"text": "Z"}, "polygon"),
        (Action.DRAW_ZONE, "z", {"polygon": ((0.0, 0.0), (0.1, 0.1), (0.0, 0.1))}, "text"),
        (Action.DRAW_ZONE, "z", {"text": "Z", "polygon": ((0.0, 0.0), (0.1, 0.1))}, "three"),
        (Action.DRAW_ZONE, "home", {"text": "Z", "polygon": ((0.0, 0.0), (0.1, 0.1), (0.0, 0.1))}, "exists"),
    ],
)
def test_what_is_refused(scene: Any, action: Action, target: str, fields: dict[str, Any], word: str) -> None:
    alerter = warned(scene)
    before = alerter.state.alerts[ID].revision
    assert word in refusal(alerter, scene, 301, scene.order(301, action, target, **fields))
    assert alerter.state.alerts[ID].revision == before


def test_an_ended_alert_says_so(scene: Any) -> None:
    alerter = warned(scene)
    alerter.step(scene.ns(301), [scene.order(301, Action.CANCEL, ID)])
    assert "has ended" in refusal(alerter, scene, 302, scene.order(302, Action.ACKNOWLEDGE, ID))


def test_caps_on_what_people_can_pile_up(scene: Any) -> None:
    alerter = Alerter(scene.site)
    for i in range(203):
        draw = scene.order(i, Action.DRAW_ZONE, f"z{i}", text="Z", polygon=scene.ring(100.0, 1000.0 * i))
        raised = scene.order(i, Action.RAISE, "home", severity=Severity.WATCH, text="x", id=f"o{i}")
        made = alerter.step(scene.ns(i), [draw, raised])
    assert len(alerter.state.drawn) == 200
    assert len(alerter.state.alerts) == 200
    assert sum(isinstance(event, Health) for event in made) == 2
    flood = [scene.order(300, Action.UNSHELVE, "x", id=f"f{i}") for i in range(1000)]
    assert len(alerter.step(scene.ns(300), flood)) == 20


def test_long_names_still_make_ids_that_fit(scene: Any) -> None:
    alerter = Alerter(scene.site)
    name = "z" * 200
    draw = scene.order(0, Action.DRAW_ZONE, name, text="Z", polygon=scene.ring(1000.0), id="a" * 200)
    raised = scene.order(1, Action.RAISE, name, severity=Severity.WATCH, text="x", id="b" * 200)
    alerter.step(scene.ns(0), [draw])
    alert = one(alerter, scene, 1, raised)
    assert decode(encode(alert)) == alert
    health = alerter.step(scene.ns(2), [scene.order(2, Action.UNSHELVE, name, id="c" * 200)])[0]
    assert decode(encode(health)) == health


# --- any sequence of orders -------------------------------------------------------------------------------------


def _reachable() -> dict[Phase, set[Phase]]:
    """Phases that one or more moves of the table lead to; several may fall into one published revision."""
    after = {phase: {phase} | {end for (start, _), end in TABLE.items() if start is phase} for phase in Phase}
    for _ in Phase:
        after = {phase: ends | {far for end in ends for far in after[end]} for phase, ends in after.items()}
    return after


REACHABLE = _reachable()
TARGETS = st.sampled_from([ID, "home", "home~o3", "drawn", "drawn~t1", "t1", "nobody"])
ORDERS = st.tuples(
    st.sampled_from(list(Action)),
    TARGETS,
    st.sampled_from([None, *Severity]),
    st.sampled_from([None, 1, 10, 100, 4000]),
    st.sampled_from([None, "text"]),
    st.sampled_from([None, "ring", "line"]),
    st.integers(0, 40),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ORDERS, max_size=12), st.booleans())
def test_no_sequence_of_orders_breaks_the_alerts(scene: Any, drawn: list[Any], leaves: bool) -> None:
    alerter = Alerter(scene.site)
    shapes = {None: None, "ring": scene.ring(500.0, 300.0), "line": scene.ring(500.0)[:2]}
    due: dict[int, list[Order]] = {}
    for i, (action, target, severity, seconds, text, shape, when) in enumerate(drawn):
        until_ns = None if seconds is None else scene.ns(when + seconds)
        fields = {"severity": severity, "until_ns": until_ns, "text": text, "polygon": shapes[shape], "id": f"o{i}"}
        due.setdefault(when, []).append(scene.order(when, action, target, **fields))
    made: list[Alert] = []
    for second in range(45):
        track = scene.track(second, -4_000.0, 0.0, 50.0, 0.0) if not leaves or second < 5 else None
        made += alerts_of(alerter.step(scene.ns(second), [*due.get(second, []), *([track] if track else [])]))
        live = [alert.zone for alert in alerter.state.alerts.values() if not alert.manual]
        assert len(live) == len(set(live))
    _check(made)


def _check(made: list[Alert]) -> None:
    shown: dict[str, Alert] = {}
    for alert in made:
        last = shown.get(alert.alert_id)
        assert alert.revision == (0 if last is None else last.revision + 1)
        if last is not None:
            assert alert.phase in REACHABLE[last.phase]
            assert last.phase is not Phase.ALL_CLEAR
        assert alert.phase is not Phase.SHELVED or alert.until_ns is not None
        assert decode(encode(alert)) == alert
        shown[alert.alert_id] = alert
