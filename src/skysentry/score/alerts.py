"""Were places warned in time, and were the alerts right?

A zone is *told* while any of its alerts is of severity warning or worse and active, acknowledged or shelved; a time
counts from when it was published (`received_ns`). Which track raised it does not matter: people in the zone are warned.

For each threat and zone, at the first entry of the true path into the zone:

    in time    told at the entry, without a break since at least `zone.urgent_s` before: what people need for shelter
    late       told at the entry but for less, or told only after it, within `GRACE_S`
    missed     neither
    withdrawn  told once while the object was under way, and no longer at the entry (beside the outcome)
    named      an alert for the zone named a track of this object by then: the warning was not only for others (beside)

An episode, an unbroken told time of a zone, is false where no threat was a danger to the zone in it
(`zones.threatens`). Alerts for zones that are not among those given, drawn by hand while running, are named and not
judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from skysentry.events import Alert, Phase, Severity
from skysentry.score.intervals import poisson_upper, wilson
from skysentry.score.report import AlertScore, Entry, Episode
from skysentry.score.timeline import SECOND_NS, Path, TruthGrid
from skysentry.score.zones import first_entry_ns, threatens
from skysentry.site import Zone

IN_FORCE = (Phase.ACTIVE, Phase.ACKNOWLEDGED, Phase.SHELVED)
RISING = list(Severity)
LOUD = (Severity.WARNING, Severity.URGENT)
# Told a minute after a threat came is late; still later it is no answer to this entry.
GRACE_S = 60.0
HOUR_S = 3600.0


@dataclass
class Told:
    """An unbroken time in which a zone was told; `until_ns` of one still open is the end of everything."""

    from_ns: int
    until_ns: int
    worst: Severity
    alerts: list[str]


def told_times(alerts: Iterable[Alert], end_ns: int) -> dict[str, list[Told]]:
    """Return for each zone when it was told, in order of time."""
    loud: dict[str, dict[str, Severity]] = {}
    told: dict[str, list[Told]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.received_ns, alert.alert_id, alert.revision)):
        now, times = loud.setdefault(alert.zone, {}), told.setdefault(alert.zone, [])
        before = bool(now)
        if alert.phase in IN_FORCE and alert.severity in LOUD:
            now[alert.alert_id] = alert.severity
            if not before and not (times and times[-1].until_ns == alert.received_ns):
                times.append(Told(alert.received_ns, end_ns, alert.severity, []))
            times[-1].until_ns = end_ns
            times[-1].worst = max(times[-1].worst, alert.severity, key=RISING.index)
            if alert.alert_id not in times[-1].alerts:
                times[-1].alerts.append(alert.alert_id)
        else:
            now.pop(alert.alert_id, None)
            if before and not now:
                times[-1].until_ns = alert.received_ns
    return told


def judge_alerts(
    grid: TruthGrid, alerts: Iterable[Alert], zones: Sequence[Zone], ids: Mapping[str, Set[str]]
) -> tuple[AlertScore, tuple[Entry, ...], tuple[Episode, ...]]:
    """Return the figures, every entry of a threat into a zone, and every episode.

    `ids` holds the track ids that each true object had (`TrackJudge.ids`).
    """
    heard = list(alerts)
    threats = [path for path in grid.paths if path.threat]
    last_truth_ns = int(grid.instants_ns[-1]) if grid.instants_ns.size else 0
    end_ns = max([last_truth_ns, *(alert.received_ns for alert in heard)])
    told, named = told_times(heard, end_ns), _first_named_ns(heard)
    entries = tuple(
        _entry(
            path,
            zone,
            entry_ns,
            told.get(zone.id, []),
            any(named.get((zone.id, name), end_ns + 1) <= entry_ns for name in ids.get(path.object, ())),
        )
        for zone in zones
        for path in threats
        if (entry_ns := first_entry_ns(path, zone)) is not None
    )
    episodes = tuple(_episode(zone, one, threats) for zone in zones for one in told.get(zone.id, []))
    unknown = tuple(sorted(set(told) - {zone.id for zone in zones}))
    return _score(entries, episodes, unknown, len(grid.instants_ns)), entries, episodes


def _first_named_ns(alerts: Iterable[Alert]) -> dict[tuple[str, str], int]:
    """Return when a loud alert for a zone first named a track, by (zone, track id)."""
    first: dict[tuple[str, str], int] = {}
    for alert in alerts:
        if alert.phase in IN_FORCE and alert.severity in LOUD:
            for name in alert.tracks:
                key = alert.zone, name
                first[key] = min(alert.received_ns, first.get(key, alert.received_ns))
    return first


def _entry(path: Path, zone: Zone, entry_ns: int, told: list[Told], named: bool) -> Entry:
    start_ns = int(path.time_ns[0])
    possible_s = (entry_ns - start_ns) / SECOND_NS
    outcome, lead_s = _outcome(entry_ns, zone.urgent_s, told)
    told_then = any(one.from_ns <= entry_ns <= one.until_ns for one in told)
    return Entry(
        object=path.object,
        zone=zone.id,
        entry_ns=entry_ns,
        needed_s=zone.urgent_s,
        possible_s=possible_s,
        warnable=possible_s >= zone.urgent_s,
        outcome=outcome,
        lead_s=lead_s,
        withdrawn=not told_then and any(start_ns <= one.until_ns < entry_ns for one in told),
        named=named,
    )


def _outcome(entry_ns: int, needed_s: float, told: list[Told]) -> tuple[str, float | None]:
    for one in told:
        if one.from_ns <= entry_ns <= one.until_ns:
            lead_s = (entry_ns - one.from_ns) / SECOND_NS
            return ("in_time" if lead_s >= needed_s else "late"), lead_s
    for one in told:
        if entry_ns < one.from_ns <= entry_ns + int(GRACE_S * SECOND_NS):
            return "late", (entry_ns - one.from_ns) / SECOND_NS
    return "missed", None


def _episode(zone: Zone, one: Told, threats: list[Path]) -> Episode:
    return Episode(
        zone=zone.id,
        from_ns=one.from_ns,
        until_ns=one.until_ns,
        worst=one.worst,
        alerts=tuple(one.alerts),
        justified=any(threatens(path, zone, one.from_ns, one.until_ns) for path in threats),
    )


def _score(
    entries: tuple[Entry, ...], episodes: tuple[Episode, ...], unknown: tuple[str, ...], seconds: int
) -> AlertScore:
    warnable = [entry for entry in entries if entry.warnable]
    short = [entry for entry in entries if not entry.warnable]
    outcomes = [entry.outcome for entry in warnable]
    leads = [entry.lead_s for entry in warnable if entry.lead_s is not None]
    in_time, false = outcomes.count("in_time"), sum(not episode.justified for episode in episodes)
    hours = seconds / HOUR_S
    return AlertScore(
        entries=len(entries),
        in_time=in_time,
        in_time_named=sum(entry.named for entry in warnable if entry.outcome == "in_time"),
        late=outcomes.count("late"),
        missed=outcomes.count("missed"),
        in_time_rate=in_time / len(warnable) if warnable else None,
        in_time_rate_95=wilson(in_time, len(warnable)),
        short_notice=len(short),
        short_notice_missed=sum(entry.outcome == "missed" for entry in short),
        withdrawn=sum(entry.withdrawn for entry in entries),
        median_lead_s=float(np.median(leads)) if leads else None,
        worst_lead_s=min(leads, default=None),
        episodes=len(episodes),
        false_episodes=false,
        false_per_h=false / hours if hours else None,
        false_per_h_upper_95=poisson_upper(false) / hours if hours else None,
        unknown_zones=unknown,
    )
