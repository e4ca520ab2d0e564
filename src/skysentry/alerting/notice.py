"""From live alerts to events: what is told, when, and the falling of levels.

Published is what changed materially: phase, severity, rule, the soonest track or the set of tracks, or a low bound that
moved by more than 5 s and 10 %; at most once a second (for the bound alone every 5 s), rises and orders at once. The
sound is for the first revision from `warning` on, each rise to that or more, a shelf that ended by itself, and the
all-clear of an alert that had sounded.
"""

from __future__ import annotations

import math

from skysentry.alerting import words
from skysentry.alerting.phases import Trigger, move
from skysentry.alerting.rules import LEVELS, SECOND_NS, WARNING, Approach
from skysentry.alerting.state import Live, State, short
from skysentry.events import Alert, AnyEvent, Arrival, Health, HealthState, Order, Phase

DEMOTE_NS = 10 * SECOND_NS
DEMOTE_DOUBLINGS = 3
MATERIAL_S, MATERIAL_SHARE = 5.0, 0.1
# The estimate of a distant arrival jitters by more than that from look to look; read by people, it need not.
ARRIVAL_NS = 5 * SECOND_NS
HEALTH_NS = 10 * SECOND_NS


def publish(state: State, now_ns: int) -> list[AnyEvent]:
    """Return the alerts that changed, by id, each with its next revision; forget those that ended."""
    made: list[AnyEvent] = []
    for alert in sorted(state.alerts.values(), key=lambda a: a.alert_id):
        _expire(alert, now_ns)
        if alert.phase is Phase.ALL_CLEAR:
            alert.level, alert.corrected, alert.tracks, alert.arrival = 0, None, (), None
            alert.sound, alert.text = alert.sounded, None
        event = _event(alert, now_ns)
        if alert.force or _material(alert.shown, event):
            made.append(event)
            alert.shown, alert.force, alert.sound = event, False, False
            alert.sounded = alert.sounded or event.sound
            alert.revision += 1
        if alert.phase is Phase.ALL_CLEAR:
            state.end(alert)
    return made


def health(state: State, now_ns: int) -> list[AnyEvent]:
    """Say at most every ten seconds what could not be used."""
    told = {what: n for what, n in state.counts.items() if what != "orders_refused"}
    if told == state.told or now_ns - state.told_ns < HEALTH_NS:
        return []
    state.told, state.told_ns = told, now_ns
    return [
        Health(
            id=f"health:alerter@{now_ns}",
            time_ns=now_ns,
            received_ns=now_ns,
            source="alerter",
            state=HealthState.DEGRADED,
            reason="tracks could not be used: not finite, or more near one zone than are held",
            mend="look at the tracker's sensors",
            counts=tuple(sorted(told.items())),
        )
    ]


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


def _material(shown: Alert | None, event: Alert) -> bool:
    """Whether an event says something new enough to tell people, a second after the last."""
    if shown is None:
        return True
    waited_ns = event.time_ns - shown.time_ns
    if waited_ns < SECOND_NS:
        return False
    if (event.phase, event.severity, event.rule) != (shown.phase, shown.severity, shown.rule):
        return True
    if event.tracks[:1] != shown.tracks[:1] or set(event.tracks) != set(shown.tracks):
        return True
    if event.arrival is None or shown.arrival is None:
        return event.arrival is not shown.arrival
    moved_s = abs(event.arrival.low_s - shown.arrival.low_s)
    return waited_ns >= ARRIVAL_NS and moved_s > max(MATERIAL_S, MATERIAL_SHARE * shown.arrival.low_s)


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
