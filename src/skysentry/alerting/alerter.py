"""From tracks, zones and orders to alerts: one live notice per place, told again as it changes, ended honestly.

Instants. A step is cut into instants of the 100 ms grid by the arrival time of its events, and while anything is live
an instant is taken at every full second; so what comes out does not depend on how the calls are cut. At an instant
orders come first, then the tracks that are due (`lookout`). The zones are judged, and what changed is published, at
every full second, and at once where a person ordered something, a track gives more than the alert of its zone says, or
the one that it names first was lost or dropped.

Ups and downs. A rise takes effect at once. A fall waits until the lower level has held for 10 s, twice as long after
each rise (80 s at most), so that one who circles does not sound the siren at every turn. With nothing left the alert
is `cleared`, and after 60 s without a return it is `all_clear`.

Lost. A track that threatened and ended, or fell silent for 30 s, without being seen leaving is lost, not gone: its
alert stays, at its level until the track would have arrived at its slowest (95 %), then at watch, and until one and a
half of that time (2 to 15 min) it is not cleared. Then it is, with the words "by time, not by sight". One that sensors
refuted is held for a shorter time (1 to 5 min), one found again under another id is released (`again`), one that was
merged is carried on. While a track only coasts its approach may get graver but never lighter: a prediction has not been
seen leaving.

What is told, and when, is in `notice`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from skysentry.alerting import lookout, notice, orders, words
from skysentry.alerting.area import Area, fault
from skysentry.alerting.lookout import Survey
from skysentry.alerting.phases import Trigger, move
from skysentry.alerting.rules import NOTHING, SECOND_NS, WARNING, Approach, level
from skysentry.alerting.state import MAX_NAMED, MAX_REMEMBERED, Dismissal, Live, State, remember
from skysentry.errors import ConfigError, StateError
from skysentry.events import AnyEvent, Order, Phase, Track
from skysentry.site import Site, Zone

VERSION = 2
# The grid of received time that the runtime steps on (design: one grid for live, replay and simulation).
GRID_NS = 100_000_000
# Long enough for a drone that left the edge of sensing to be heard by the next microphone, short enough to be believed.
CLEAR_NS = 60 * SECOND_NS
MAX_REFUSALS = 20

Judged = tuple[int, str, Approach]
# Falling level, lost or not, soonest, soonest if it turned, name.
Gravity = tuple[int, bool, float, float, str]


class Alerter:
    """The stage from `Track` and `Order` to `Alert`. Raises `ConfigError` where a zone of the site is unusable."""

    def __init__(self, site: Site) -> None:
        for zone in site.zones:
            flaw = fault(zone)
            if flaw is not None:
                raise ConfigError(f"zone {zone.id!r} cannot be used: {flaw}", hint="mend its polygon in the zone file")
        self.site = site
        self.sensor_kinds = frozenset(sensor.kind for sensor in site.sensors)
        self.state = State()
        self.survey = Survey({})
        # What the zones were found to be at the instant at hand, by alert; only for the words of what is told.
        self.judged: dict[str, tuple[Zone, Sequence[Judged]]] = {}
        self._look_around()

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return alerts, and health where an order or a track could not be used."""
        now_ns = max(now_ns, self.state.last_ns)
        batches = self._cut(now_ns, events)
        made: list[AnyEvent] = []
        for instant_ns in self._instants(now_ns, sorted(batches)):
            made += self._advance(instant_ns, batches.get(instant_ns, ()))
            self.state.last_ns = instant_ns
        self.state.last_ns = now_ns
        return made

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return msgspec.msgpack.encode((VERSION, self.state))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is damaged or of another version."""
        hint = "start with --fresh to leave it aside"
        try:
            version, rest = msgspec.msgpack.decode(state, type=tuple[int, msgspec.Raw])
            if version != VERSION:
                raise StateError(f"the alerter's snapshot is of version {version}, not {VERSION}", hint=hint)
            self.state = msgspec.msgpack.decode(rest, type=State)
        except msgspec.DecodeError as error:
            raise StateError(f"the alerter's snapshot cannot be read: {error}", hint=hint) from None
        self._look_around()

    # --- time ---------------------------------------------------------------------------------------------------

    def _cut(self, now_ns: int, events: Iterable[AnyEvent]) -> dict[int, list[Track | Order]]:
        """Sort tracks and orders into the instants at which they are taken up."""
        first_ns = min(now_ns, self.state.last_ns + 1)
        batches: dict[int, list[Track | Order]] = {}
        for event in events:
            # Most events are none of ours; the type itself is the quickest question.
            if type(event) is Track or type(event) is Order:
                due_ns = -(-max(event.received_ns, first_ns) // GRID_NS) * GRID_NS
                batches.setdefault(min(due_ns, now_ns), []).append(event)
        return batches

    def _instants(self, now_ns: int, due: Sequence[int]) -> Iterator[int]:
        """The instants to take: those with events, and those at which time alone may change something."""
        left = list(due)
        while True:
            timer_ns = self._timer_ns()
            if left and (timer_ns is None or left[0] <= timer_ns):
                yield left.pop(0)
            elif timer_ns is not None and timer_ns <= now_ns:
                yield timer_ns
            else:
                return

    def _timer_ns(self) -> int | None:
        """The next full second while anything moves by itself, else when a person's time runs out."""
        state = self.state
        next_ns = (state.last_ns // SECOND_NS + 1) * SECOND_NS
        if state.of_zone or any(state.approaches.values()):
            return next_ns
        times = [time_ns for alert in state.alerts.values() if (time_ns := notice.person_ns(alert)) is not None]
        if state.unwell:
            times.append(state.told_ns + notice.WELL_NS)
        return max(next_ns, min(times)) if times else None

    # --- one instant --------------------------------------------------------------------------------------------

    def _advance(self, now_ns: int, events: Sequence[Track | Order]) -> list[AnyEvent]:
        made: list[AnyEvent] = []
        closed = self.site.civil_airspace_closed
        people = sorted((e for e in events if isinstance(e, Order)), key=lambda order: (order.time_ns, order.id))
        if people:
            made += self._obey(now_ns, people)
        tracks = lookout.fresh(self.state, closed, now_ns, [e for e in events if type(e) is Track])
        pressing = bool(tracks) and lookout.assess(self.state, self.survey, closed, now_ns, tracks)
        if pressing or people or now_ns % SECOND_NS == 0 or self._expires(now_ns):
            lookout.settle(self.state, self.survey, closed, now_ns)
            self.judged.clear()
            for zone_id in sorted(self.state.approaches.keys() | self.state.of_zone.keys()):
                self._judge(now_ns, zone_id)
            made += notice.publish(self.state, now_ns, self._sentence)
        made += notice.own_health(self.state, now_ns)
        return made

    def _expires(self, now_ns: int) -> bool:
        times = (notice.person_ns(alert) for alert in self.state.alerts.values())
        return any(time_ns is not None and time_ns <= now_ns for time_ns in times)

    def _obey(self, now_ns: int, people: Sequence[Order]) -> list[AnyEvent]:
        made: list[AnyEvent] = []
        for order in people:
            if order.id in self.state.orders:
                continue
            remember(self.state.orders, order.id, True, MAX_REMEMBERED)
            reason = orders.apply(self.state, self.survey.zones, order, now_ns)
            if reason is not None and len(made) < MAX_REFUSALS:
                made.append(notice.refusal(order, reason, now_ns))
            if reason is not None:
                self.state.count("orders_refused")
            elif order.action in orders.ON_ZONES:
                self._look_around()
        return made

    def _look_around(self) -> None:
        """Bring the survey in line with the zones in force: those of the site not removed, and those drawn."""
        zones = {zone.id: zone for zone in self.site.zones if zone.id not in self.state.removed} | self.state.drawn
        kept = {zone_id: area for zone_id, area in self.survey.areas.items() if zones.get(zone_id) is area.zone}
        self.survey = Survey({zone_id: kept.get(zone_id) or Area(zone) for zone_id, zone in sorted(zones.items())})

    # --- zones --------------------------------------------------------------------------------------------------

    def _judge(self, now_ns: int, zone_id: str) -> None:
        """Bring the one automatic alert of a zone in line with what approaches it."""
        area = self.survey.areas.get(zone_id)
        alert = self.state.alerts.get(self.state.of_zone.get(zone_id, ""))
        if area is None:
            self.state.approaches.pop(zone_id, None)
            if alert is not None and alert.phase is not Phase.ALL_CLEAR:
                alert.phase = move(alert.phase, Trigger.CANCEL) or alert.phase
                alert.why, alert.force = "the zone is no longer in the site file", True
            return
        if alert is not None and alert.phase is Phase.ALL_CLEAR:
            return
        judged = self._judged(now_ns, area.zone)
        if judged and alert is None:
            self._found(now_ns, area.zone, judged)
        elif judged and alert is not None:
            self._follow(now_ns, area.zone, alert, judged)
        elif alert is not None:
            self._ease(now_ns, area.zone, alert)

    def _judged(self, now_ns: int, zone: Zone) -> list[Judged]:
        """The approaches that count, the gravest first, among equals the soonest."""
        approaches = self.state.approaches.get(zone.id)
        if not approaches:
            self.state.approaches.pop(zone.id, None)
            return []
        dismissals = self.state.dismissed.get(zone.id)
        judged: list[tuple[Gravity, Judged]] = []
        for approach in approaches.values():
            found, rule = level(approach, zone, now_ns)
            if found > NOTHING and not (dismissals and self._dismissed(now_ns, dismissals, approach.track_id, found)):
                lost = approach.lost_ns is not None
                gravity = (-found, lost, approach.low_now_s(now_ns), approach.turn_low_s, approach.track_id)
                judged.append((gravity, (found, rule, approach)))
        judged.sort(key=_gravity)
        return [entry for _, entry in judged]

    def _dismissed(self, now_ns: int, dismissals: dict[str, Dismissal], track_id: str, found: int) -> bool:
        dismissal = dismissals.get(track_id)
        if dismissal is None:
            return False
        if now_ns < dismissal.until_ns and found <= dismissal.level:
            return True
        del dismissals[track_id]
        return False

    def _found(self, now_ns: int, zone: Zone, judged: Sequence[Judged]) -> None:
        top, rule, first = judged[0]
        alert_id = self.state.free_id(f"{zone.id}~{first.track_id}", now_ns)
        alert = Live(alert_id=alert_id, zone=zone.id, rule=rule, level=top, raised_ns=now_ns, sound=top >= WARNING)
        self.state.alerts[alert_id] = alert
        self.state.of_zone[zone.id] = alert_id
        self._describe(now_ns, zone, alert, judged)

    def _follow(self, now_ns: int, zone: Zone, alert: Live, judged: Sequence[Judged]) -> None:
        top = judged[0][0]
        if alert.phase is Phase.CLEARED:
            alert.level, alert.corrected, alert.lower_since_ns = top, None, None
            alert.phase = move(alert.phase, Trigger.RETURN) or alert.phase
            alert.promotions += 1
            alert.force, alert.sound = True, alert.sound or top >= WARNING
        before = alert.said_level
        alert.level = max(NOTHING + 1, notice.settled(alert, top, now_ns))
        if alert.corrected is not None and alert.level > alert.corrected_at:
            alert.corrected = None
        if alert.said_level > before:
            orders.promote(alert)
        self._describe(now_ns, zone, alert, judged)

    def _describe(self, now_ns: int, zone: Zone, alert: Live, judged: Sequence[Judged]) -> None:
        _, rule, first = judged[0]
        alert.rule = rule
        alert.tracks = tuple([approach.track_id for _, _, approach in judged[:MAX_NAMED]])
        alert.count = len(judged)
        alert.arrival = notice.arrival_of(first, now_ns)
        for track_id in alert.tracks if alert.reasons else ():
            alert.reasons.pop(track_id, None)
        self.judged[alert.alert_id] = (zone, judged)

    def _sentence(self, alert: Live, now_ns: int) -> str:
        """What an alert says now; made only for a revision that is told."""
        if not alert.tracks or alert.alert_id not in self.judged:
            return alert.why
        zone, judged = self.judged[alert.alert_id]
        first = judged[0][2]
        if alert.rule == "lost":
            return words.lost(zone.name, [a for _, _, a in judged], now_ns)
        alike = [a for _, _, a in judged if a.lost_ns is None and a.limit == first.limit]
        return words.threat(zone.name, alert.rule, alike, self.sensor_kinds, now_ns)

    def _ease(self, now_ns: int, zone: Zone, alert: Live) -> None:
        """Nothing threatens: let the alert fall, clear, and end."""
        if alert.phase is Phase.CLEARED:
            if now_ns - alert.cleared_ns >= CLEAR_NS:
                alert.phase = move(alert.phase, Trigger.HOLD) or alert.phase
                alert.why, alert.force = words.all_clear(zone.name, list(alert.reasons.values())), True
            return
        alert.level = notice.settled(alert, NOTHING, now_ns)
        if alert.level > NOTHING:
            return
        alert.phase = move(alert.phase, Trigger.GONE) or alert.phase
        alert.level, alert.corrected, alert.lower_since_ns, alert.cleared_ns = 0, None, None, now_ns
        alert.tracks, alert.count, alert.arrival = (), 0, None
        alert.text, alert.rule = None, "cleared"
        alert.why = words.cleared(zone.name, list(alert.reasons.values()), now_ns + CLEAR_NS)
        alert.force, alert.sound = True, False


def _gravity(entry: tuple[Gravity, Judged]) -> Gravity:
    return entry[0]


def zones_in_force(alerter: Alerter) -> Mapping[str, Zone]:
    """The zones that are watched now, by id: those of the site not removed, and those drawn by hand."""
    return alerter.survey.zones
