"""What people decide about alerts and zones, applied to the state. An order that cannot be carried out is refused.

`apply` returns why it refused, or `None`. Acknowledging silences the sound of an alert, never the alert. A shelf lasts
an hour at most. Cancelling an alert of the rules dismisses its tracks for that zone at that severity for ten minutes: a
graver one founds a new alert, and after ten minutes they count again. Declaring tracks is the tracker's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skysentry.alerting import words
from skysentry.alerting.area import fault
from skysentry.alerting.phases import Trigger, move
from skysentry.alerting.rules import LEVEL_OF, WARNING
from skysentry.alerting.state import MAX_DRAWN, MAX_MANUAL, Dismissal, Live, State
from skysentry.events import Action, Order, Phase, Severity
from skysentry.site import Zone

SHELF_MAX_NS = 3_600_000_000_000
DISMISSED_NS = 600_000_000_000


def apply(state: State, zones: Mapping[str, Zone], order: Order, now_ns: int) -> str | None:
    """Carry out an order; `zones` are those in force. Returns why it was refused, or `None`."""
    if order.action is Action.DECLARE:
        return None
    if order.action in ON_ZONES:
        return ON_ZONES[order.action](state, zones, order, now_ns)
    alert = state.alerts.get(order.target)
    if alert is None or alert.phase is Phase.ALL_CLEAR:
        known = alert is not None or order.target in state.ended
        return f"alert {words.name(order.target)} {'has ended' if known else 'is not known'}"
    refused = ON_ALERTS[order.action](state, alert, order, now_ns)
    if refused is None:
        alert.by, alert.force = order.by, True
    return refused


def _acknowledge(state: State, alert: Live, order: Order, now_ns: int) -> str | None:
    refused = _move(alert, Trigger.ACKNOWLEDGE)
    if refused is None:
        alert.sound = False
    return refused


def _shelve(state: State, alert: Live, order: Order, now_ns: int) -> str | None:
    if order.until_ns is None:
        return "shelve needs until_ns"
    if order.until_ns <= now_ns:
        return "until_ns is over already"
    refused = _move(alert, Trigger.SHELVE)
    if refused is None:
        alert.sound, alert.shelved_until_ns = False, min(order.until_ns, now_ns + SHELF_MAX_NS)
    return refused


def _unshelve(state: State, alert: Live, order: Order, now_ns: int) -> str | None:
    return _move(alert, Trigger.UNSHELVE)


def _correct(state: State, alert: Live, order: Order, now_ns: int) -> str | None:
    if order.severity is None and not order.text:
        return "correct needs severity or text"
    if alert.phase is Phase.CLEARED:
        return "the alert is cleared already"
    if order.text:
        alert.text = words.sentence(order.text)
    if order.severity is not None:
        before = alert.said_level
        alert.corrected, alert.corrected_at = LEVEL_OF[order.severity], alert.level
        if alert.said_level > before:
            promote(alert)
    return None


def _cancel(state: State, alert: Live, order: Order, now_ns: int) -> str | None:
    refused = _move(alert, Trigger.CANCEL)
    if refused is not None:
        return refused
    reason = f": {words.sentence(order.text)}" if order.text else ""
    alert.why = f"cancelled by {words.name(order.by)}{reason}"
    dismissed = state.dismissed.setdefault(alert.zone, {})
    if not alert.manual:
        for track_id in state.approaches.get(alert.zone, {}):
            dismissed[track_id] = Dismissal(alert.level, now_ns + DISMISSED_NS)
    return None


def _raise(state: State, zones: Mapping[str, Zone], order: Order, now_ns: int) -> str | None:
    if order.severity is None or not order.text:
        return f"raise needs {'severity' if order.severity is None else 'text'}"
    if order.target not in zones:
        return f"zone {words.name(order.target)} is not known"
    if sum(alert.manual for alert in state.alerts.values()) >= MAX_MANUAL:
        return f"{MAX_MANUAL} alerts by hand are live already"
    if order.until_ns is not None and order.until_ns <= now_ns:
        return "until_ns is over already"
    alert = Live(
        alert_id=state.free_id(f"{order.target}~{order.id}", now_ns),
        zone=order.target,
        rule="manual",
        level=LEVEL_OF[order.severity],
        raised_ns=now_ns,
        manual=True,
        why=words.sentence(order.text),
        by=order.by,
        until_ns=order.until_ns,
        sound=LEVEL_OF[order.severity] >= WARNING,
    )
    state.alerts[alert.alert_id] = alert
    return None


def _draw(state: State, zones: Mapping[str, Zone], order: Order, now_ns: int) -> str | None:
    if not order.polygon or not order.text:
        return f"draw_zone needs {'polygon' if not order.polygon else 'text'}"
    if order.target in zones:
        return f"zone {words.name(order.target)} exists already: remove it first"
    if len(state.drawn) >= MAX_DRAWN:
        return f"{MAX_DRAWN} zones are drawn already"
    zone = Zone(id=order.target, name=words.name(order.text), polygons=((order.polygon,),))
    flaw = fault(zone)
    if flaw is not None:
        return f"the polygon cannot be used: {flaw}"
    state.drawn[zone.id] = zone
    return None


def _remove(state: State, zones: Mapping[str, Zone], order: Order, now_ns: int) -> str | None:
    if order.target not in zones:
        return f"zone {words.name(order.target)} is not known"
    if state.drawn.pop(order.target, None) is None:
        state.removed[order.target] = True
    state.approaches.pop(order.target, None)
    state.dismissed.pop(order.target, None)
    for alert in state.alerts.values():
        if alert.zone == order.target and _move(alert, Trigger.CANCEL) is None:
            alert.why, alert.by, alert.force = f"zone removed by {words.name(order.by)}", order.by, True
    return None


def promote(alert: Live) -> None:
    """Take note that the published level rose: an alert that was put aside wakes up again, a shelved one for urgent."""
    alert.force = True
    alert.promotions += 1
    quiet = alert.phase is Phase.SHELVED and alert.said_level < LEVEL_OF[Severity.URGENT]
    if not quiet:
        _move(alert, Trigger.PROMOTE)
        alert.sound = alert.sound or alert.said_level >= WARNING


def _move(alert: Live, trigger: Trigger) -> str | None:
    phase = move(alert.phase, trigger)
    if phase is None:
        return f"{trigger.value} means nothing for an alert that is {alert.phase.value}"
    alert.phase = phase
    return None


ON_ALERTS: dict[Action, Callable[[State, Live, Order, int], str | None]] = {
    Action.ACKNOWLEDGE: _acknowledge,
    Action.SHELVE: _shelve,
    Action.UNSHELVE: _unshelve,
    Action.CORRECT: _correct,
    Action.CANCEL: _cancel,
}
ON_ZONES: dict[Action, Callable[[State, Mapping[str, Zone], Order, int], str | None]] = {
    Action.RAISE: _raise,
    Action.DRAW_ZONE: _draw,
    Action.REMOVE_ZONE: _remove,
}
