"""From live alerts to events: what is told, when, and the falling of levels.

At once: the first revision, a change of phase, severity or rule, and what a person ordered. Otherwise at most every
5 s, and only where the soonest track changed, or the number of those that threaten by a tenth or more, or the low bound
is off what the last revision foretold by more than 5 s and 15 %: it counts down by itself, and whoever shows it does
the same. The sound is for the first revision from `warning` on, each rise to that or more, a shelf that ended by
itself, and the all-clear of an alert that had sounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from skysentry.alerting import words
from skysentry.alerting.phases import Trigger, move
from skysentry.alerting.rules import LEVELS, SECOND_NS, WARNING, Approach
from skysentry.alerting.state import Live, State, short
from skysentry.events import Alert, AnyEvent, Arrival, Health, HealthState, Order, Phase, health

DEMOTE_NS = 10 * SECOND_NS
DEMOTE_DOUBLINGS = 3
MATERIAL_S, MATERIAL_SHARE = 5.0, 0.15
# Of a raid the number and the soonest change every second; nobody can read, and no webhook need take, more than this.
CALM_NS = 5 * SECOND_NS
# One more or less counts up to ten; of forty nobody counts one.
NUMBER_SHARE = 0.0999
HEALTH_NS = 10 * SECOND_NS
# As long without a fault means that it has passed.
WELL_NS = 30 * SECOND_NS


def publish(state: State, now_ns: int, sentence: Callable[[Live, int], str]) -> list[AnyEvent]:
    """Return the alerts that changed, by id, each with its next revision; forget those that ended.

    `sentence` says what an alert is about; it is asked only for what is told.
    """
    made: list[AnyEvent] = []
    for alert in sorted(state.alerts.values(), key=lambda a: a.alert_id):
        _expire(alert, now_ns)
        if alert.phase is Phase.ALL_CLEAR:
            alert.level, alert.corrected, alert.tracks, alert.count, alert.arrival = 0, None, (), 0, None
            alert.sound, alert.text = alert.sounded, None
        if alert.force or alert.shown is None or _material(alert, alert.shown, now_ns):
            alert.why = sentence(alert, now_ns)
            event = _event(alert, now_ns)
            made.append(event)
            alert.shown, alert.shown_count, alert.force, alert.sound = event, alert.count, False, False
            alert.sounded = alert.sounded or event.sound
            alert.revision += 1
        if alert.phase is Phase.ALL_CLEAR:
            state.end(alert)
    return made


def own_health(state: State, now_ns: int) -> list[AnyEvent]:
    """Say at most every ten seconds what could not be used, and once that it has passed."""
    counts = state.counts
    if any(n != state.told.get(what, 0) for what, n in counts.items() if what != "orders_refused"):
        if now_ns - state.told_ns < HEALTH_NS:
            return []
        state.told = {what: n for what, n in sorted(counts.items()) if what != "orders_refused"}
        state.told_ns, state.unwell = now_ns, True
        reason = "tracks could not be used: not finite, or more near one zone than are held"
        return [_health(state, now_ns, HealthState.DEGRADED, reason, "look at the tracker's sensors")]
    if state.unwell and now_ns >= state.told_ns + WELL_NS:
        state.unwell = False
        return [_health(state, now_ns, HealthState.OK, "all tracks can be used again", "")]
    return []


def _health(state: State, now_ns: int, health_state: HealthState, reason: str, mend: str) -> Health:
    return health(
        "alerter",
        now_ns,
        health_state,
        reason,
        mend,
        tuple(state.told.items()),
    )


def person_ns(alert: Live) -> int | None:
    """When a person's time on an alert runs out."""
    return alert.shelved_until_ns if alert.phase is Phase.SHELVED else alert.until_ns


def _expire(alert: Live, now_ns: int) -> None:
    """End a shelf, or an alert by hand, whose time is over."""
    if alert.phase is Phase.SHELVED and now_ns >= alert.shelved_until_ns:
        alert.phase = move(alert.phase, Trigger.EXPIRE) or alert.phase
        alert.force, alert.sound = True, alert.said_level >= WARNING
    if alert.manual and alert.until_ns is not None and now_ns >= alert.until_ns:
        alert.phase = move(alert.phase, Trigger.CANCEL) or alert.phase
        alert.why, alert.force = f"the time that {words.name(alert.by or '')} gave it is over", True


def settled(alert: Live, found: int, now_ns: int) -> int:
    """The level after hysteresis: a rise at once, a fall to the highest seen while it waited."""
    if found >= alert.level:
        alert.lower_since_ns = None
        return found
    if alert.lower_since_ns is None:
        alert.lower_since_ns, alert.lower_level = now_ns, found
    alert.lower_level = max(alert.lower_level, found)
    wait_ns = DEMOTE_NS << min(alert.promotions, DEMOTE_DOUBLINGS)
    if now_ns - alert.lower_since_ns < wait_ns:
        return alert.level
    alert.lower_since_ns = None
    return alert.lower_level


def arrival_of(first: Approach, now_ns: int) -> Arrival | None:
    """The arrival of the soonest from now on; a low bound that is infinite is that of turning in now."""
    age_s = first.age_s(now_ns)
    low_s = first.low_s if math.isfinite(first.low_s) else first.turn_low_s
    if not (math.isfinite(low_s) and math.isfinite(first.high_s)):
        return None
    low, mean, high = (max(0.0, time - age_s) for time in (min(low_s, first.mean_s), first.mean_s, first.high_s))
    return Arrival(low_s=low, mean_s=mean, high_s=high)


def _event(alert: Live, now_ns: int) -> Alert:
    shelved = alert.phase is Phase.SHELVED
    return Alert(
        id=f"{alert.alert_id}/{alert.revision}",
        time_ns=now_ns,
        received_ns=now_ns,
        alert_id=alert.alert_id,
        revision=alert.revision,
        zone=alert.zone,
        rule=alert.rule,
        severity=LEVELS[alert.said_level],
        phase=alert.phase,
        raised_ns=alert.raised_ns,
        why=alert.text or alert.why,
        tracks=alert.tracks,
        arrival=alert.arrival,
        sound=alert.sound,
        by=alert.by,
        until_ns=alert.shelved_until_ns if shelved else alert.until_ns,
    )


def _material(alert: Live, shown: Alert, now_ns: int) -> bool:
    """Whether an alert has something new enough to tell people."""
    if (alert.phase, LEVELS[alert.said_level], alert.rule) != (shown.phase, shown.severity, shown.rule):
        return True
    waited_ns = now_ns - shown.time_ns
    if waited_ns < CALM_NS:
        return False
    if alert.tracks[:1] != shown.tracks[:1]:
        return True
    if abs(alert.count - alert.shown_count) > NUMBER_SHARE * alert.shown_count:
        return True
    if alert.arrival is None or shown.arrival is None:
        return alert.arrival is not shown.arrival
    foretold_s = max(0.0, shown.arrival.low_s - waited_ns / 1e9)
    return abs(alert.arrival.low_s - foretold_s) > max(MATERIAL_S, MATERIAL_SHARE * foretold_s)


def refusal(order: Order, reason: str, now_ns: int) -> Health:
    """Say to a person that an order changed nothing, and why."""
    return Health(
        id=short(f"health:alerter:{order.id}@{now_ns}"),
        time_ns=now_ns,
        received_ns=now_ns,
        source="alerter",
        state=HealthState.OK,
        reason=f"order refused: {reason}",
        mend=f"{order.action.value} on {words.name(order.target)} by {words.name(order.by)} changed nothing",
    )
