"""What a score is made of, and one page of text for people.

`None` stands for "nothing to measure"; a figure is never NaN, so a report is plain JSON. Times are seconds, errors
metres, intervals 95 %. Named after the metrics of CWA 18150:2024 where they are close to it; inspired by it, not
conforming to it.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import ObjectClass, Severity

Bounds = tuple[float, float]


class ByObject(Struct, frozen=True, kw_only=True):
    """One true object: for how long it was there, and how it was followed."""

    object: str
    object_class: ObjectClass
    threat: bool
    seconds: int
    paired_s: int
    initiation_s: float | None
    switches: int
    longest_id_share: float | None
    median_error_m: float | None


class ByClass(Struct, frozen=True, kw_only=True):
    """All true objects of one class together."""

    object_class: ObjectClass
    objects: int
    initiated: int
    completeness: float | None
    median_initiation_s: float | None
    median_error_m: float | None


class TrackScore(Struct, frozen=True, kw_only=True):
    """How tracks follow the truth. `seconds` instants were judged, `left_out_s` could not be (holes in the truth).

    GOSPA is the mean over time of the distance at each instant; `localisation_m`, `missed_m` and `false_m` are the
    means of the square roots of its parts, so they do not add up to it. `id_share` is the mean over objects of the
    longest share of its time that an object kept one id, `class_right` the share of paired seconds whose most probable
    class was the true one, of those that named any.
    """

    seconds: int
    left_out_s: int
    objects: int
    object_seconds: int
    gospa_m: float | None
    localisation_m: float | None
    missed_m: float | None
    false_m: float | None
    mean_missed: float | None
    mean_false: float | None
    initiated: int
    median_initiation_s: float | None
    worst_initiation_s: float | None
    completeness: float | None
    completeness_95: Bounds | None
    switches: int
    id_share: float | None
    tracks: int
    false_tracks: int
    false_track_rate_95: Bounds | None
    median_error_m: float | None
    median_error_95_m: Bounds | None
    rmse_m: float | None
    class_right: float | None


class Entry(Struct, frozen=True, kw_only=True):
    """One threat entering one zone for the first time.

    `outcome` is in_time, late or missed; `lead_s` is how long before the entry the alert that was then in force had
    been published (below zero: after it). `possible_s` is the longest lead that could be had: from the object's first
    truth point. Where that is below `needed_s` nobody could have warned in time, and `warnable` is false. `named` says
    that an alert for the zone, published by the entry, named a track of this very object; else others gave the warning.
    """

    object: str
    zone: str
    entry_ns: int
    needed_s: float
    possible_s: float
    warnable: bool
    outcome: str
    lead_s: float | None
    withdrawn: bool
    named: bool


class Episode(Struct, frozen=True, kw_only=True):
    """One unbroken time in which a zone was told of a warning or worse."""

    zone: str
    from_ns: int
    until_ns: int
    worst: Severity
    alerts: tuple[str, ...]
    justified: bool


class AlertScore(Struct, frozen=True, kw_only=True):
    """How places were warned. `in_time`, `late` and `missed` count warnable entries only; of those in time,
    `in_time_named` were warned with a track of the object itself named.

    Entries that could not be warned in time are `short_notice`; of these `short_notice_missed` had no alert at all.
    """

    entries: int
    in_time: int
    in_time_named: int
    late: int
    missed: int
    in_time_rate: float | None
    in_time_rate_95: Bounds | None
    short_notice: int
    short_notice_missed: int
    withdrawn: int
    median_lead_s: float | None
    worst_lead_s: float | None
    episodes: int
    false_episodes: int
    false_per_h: float | None
    false_per_h_upper_95: float | None
    unknown_zones: tuple[str, ...]


class Report(Struct, frozen=True, kw_only=True):
    """A whole score: what it was made with, the figures, and the parts they come from."""

    c_m: float
    dims: int
    skip_s: float
    threats_only: bool
    tracks: TrackScore
    alerts: AlertScore
    by_class: tuple[ByClass, ...]
    by_object: tuple[ByObject, ...]
    entries: tuple[Entry, ...]
    episodes: tuple[Episode, ...]


def report_text(report: Report) -> str:
    """Return a report as one page of plain text."""
    sections = [_heading(report), _tracks(report), _classes(report), _alerts(report)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _heading(report: Report) -> str:
    whom = "threats" if report.threats_only else "objects"
    return (
        f"{report.tracks.objects} {whom}, {report.tracks.seconds} s judged at 1 Hz on what was published by then; "
        f"first {report.skip_s:g} s left out, cut-off {report.c_m:g} m, {report.dims}-D"
    )


def _tracks(report: Report) -> str:
    t = report.tracks
    rows = [
        (
            "GOSPA",
            f"{_number(t.gospa_m)} m",
            f"localisation {_number(t.localisation_m)}, missed {_number(t.missed_m)}, false {_number(t.false_m)} m",
        ),
        ("missed, false", f"{_number(t.mean_missed, 2)}, {_number(t.mean_false, 2)}", "objects at an instant, mean"),
        ("position error", f"{_number(t.median_error_m)} m", f"median {_range(t.median_error_95_m)}"),
        ("", f"{_number(t.rmse_m)} m", "root mean square"),
        ("completeness", _share(t.completeness), f"of object-seconds followed {_range(t.completeness_95, share=True)}"),
        (
            "initiation",
            f"{_number(t.median_initiation_s)} s",
            f"median; worst {_number(t.worst_initiation_s)} s; {t.objects - t.initiated} never",
        ),
        ("identity switches", str(t.switches), f"longest share under one id {_share(t.id_share)}"),
        ("false tracks", f"{t.false_tracks} of {t.tracks}", _range(t.false_track_rate_95, share=True)),
        ("class right", _share(t.class_right), "of followed seconds that name a class"),
    ]
    if t.left_out_s:
        rows.append(("left out", f"{t.left_out_s} s", "the truth has holes there"))
    return "tracks\n" + _table(rows)


def _classes(report: Report) -> str:
    rows = [
        (
            str(kind.object_class),
            f"{kind.initiated} of {kind.objects} found",
            f"followed {_share(kind.completeness)}, first after {_number(kind.median_initiation_s)} s, "
            f"error {_number(kind.median_error_m)} m",
        )
        for kind in report.by_class
    ]
    return "by class\n" + _table(rows) if rows else ""


def _alerts(report: Report) -> str:
    a = report.alerts
    warnable = a.in_time + a.late + a.missed
    rows = [
        ("in time", f"{a.in_time} of {warnable}", f"entries that could be warned {_range(a.in_time_rate_95, True)}"),
        ("", f"{a.in_time_named} of {a.in_time}", "of those with a track of the threat itself named"),
        ("late, missed", f"{a.late}, {a.missed}", f"{a.withdrawn} of all had an alert that was withdrawn before"),
        ("short notice", str(a.short_notice), f"could not be warned in time; {a.short_notice_missed} never warned"),
        ("lead", f"{_number(a.median_lead_s)} s", f"median; worst {_number(a.worst_lead_s)} s"),
        (
            "false",
            f"{a.false_episodes} of {a.episodes}",
            f"episodes; {_number(a.false_per_h, 2)} an hour, below {_number(a.false_per_h_upper_95, 2)} at 95 %",
        ),
    ]
    if a.unknown_zones:
        rows.append(("not judged", str(len(a.unknown_zones)), f"unknown zones: {', '.join(a.unknown_zones[:5])}"))
    return "alerts\n" + _table(rows)


def _table(rows: list[tuple[str, str, str]]) -> str:
    wide = max(len(value) for _, value, _ in rows)
    return "\n".join(f"  {name:<20} {value:>{wide}}  {more}".rstrip() for name, value, more in rows)


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100.0 * value:.1f} %"


def _range(bounds: Bounds | None, share: bool = False) -> str:
    if bounds is None:
        return ""
    low, high = bounds
    return f"({100 * low:.0f}–{100 * high:.0f} %)" if share else f"({low:.1f}–{high:.1f})"
