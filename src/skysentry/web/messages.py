"""From the nouns to what a browser gets (`views`), with no more than a client may see.

`Rights.PUBLIC` is for a wall display: it holds no place or name of a person (operator, take-off, observer, who
acknowledged).
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec

import skysentry
from skysentry.events import Alert, Health, Identity, Track
from skysentry.runtime.picture import Beat, Fan, Look, Message, Picture, TrackChanges, TrailPoint
from skysentry.site import Sensor, SensorKind, Zone
from skysentry.web.views import (
    AlertView,
    BeatMessage,
    FanView,
    HealthView,
    IdentityView,
    LookView,
    Rights,
    SensorView,
    Snapshot,
    TrackView,
    TrailPointView,
    ZoneView,
)

# Square root of the 95 % quantile of chi-squared with two degrees of freedom.
ELLIPSE_95 = math.sqrt(5.991_464_547)
# Where the diagonal and its neighbours lie in the upper triangle of a 6×6 matrix.
EE, EN, NN, UU, VEVE, VNVN = 0, 1, 6, 11, 15, 18
COVARIANCE_TERMS = 21
# Below walking speed a course is noise.
COURSE_MIN_MPS = 1.0


def encode(message: Message, rights: Rights) -> bytes:
    """Return the payload of a message as JSON, for a client with these rights."""
    payload = message.payload
    match payload:
        case Picture():
            return msgspec.json.encode(snapshot(payload, rights))
        case TrackChanges():
            return _encode_tracks(payload, rights)
        case Alert():
            return msgspec.json.encode(alert_view(payload, rights))
        case Health():
            return msgspec.json.encode(health_view(payload))
        case Beat():
            return msgspec.json.encode(_beat(payload, rights))


def snapshot(picture: Picture, rights: Rights) -> Snapshot:
    """Return the whole picture as a browser wants it."""
    site = picture.site
    return Snapshot(
        server_ms=_ms(picture.server_ns),
        mode=picture.mode,
        rights=rights,
        version=skysentry.__version__,
        site=site.name,
        lat=site.position.lat_deg,
        lon=site.position.lon_deg,
        sensors=tuple(_sensor(sensor, rights) for sensor in site.sensors),
        zones=tuple(_zone(zone) for zone in picture.zones),
        tracks=tuple(track_view(track, picture.names[track.track_id], rights) for track in picture.tracks),
        trails={key: trail_view(trail) for key, trail in picture.trails.items()},
        alerts=tuple(alert_view(alert, rights) for alert in picture.alerts),
        health=tuple(health_view(health) for health in picture.health),
        looks=_looks(picture.looks, rights),
        fans=_fans(picture.fans, rights),
        hidden=picture.hidden,
    )


def track_view(track: Track, name: str, rights: Rights) -> TrackView:
    """Return one track in the units of a screen; `name` is the short one people call it by."""
    east, north, up = track.velocity_mps
    speed = math.hypot(east, north)
    cov = track.cov if len(track.cov) == COVARIANCE_TERMS else (0.0,) * COVARIANCE_TERMS
    return TrackView(
        id=track.track_id,
        name=name,
        status=track.status,
        time_ms=_ms(track.time_ns),
        first_ms=_ms(track.first_ns),
        seen_ms=_ms(track.last_seen_ns),
        lat=round(track.lat_deg, 6),
        lon=round(track.lon_deg, 6),
        alt_m=round(track.alt_m, 1),
        sigma_alt_m=round(math.sqrt(max(cov[UU], 0.0)), 1),
        speed_mps=round(speed, 1),
        sigma_speed_mps=round(math.sqrt(max(cov[VEVE] + cov[VNVN], 0.0) / 2.0), 1),
        course_deg=round(math.degrees(math.atan2(east, north)) % 360.0, 1) if speed >= COURSE_MIN_MPS else None,
        climb_mps=round(up, 1),
        ellipse_m=ellipse_95(cov[EE], cov[EN], cov[NN]),
        existence=round(track.existence, 3),
        object_class=max(track.classes, key=lambda item: item[1])[0] if track.classes else None,
        classes=tuple((kind, round(p, 3)) for kind, p in sorted(track.classes, key=lambda item: -item[1])[:4]),
        identity=identity_view(track.identity, rights) if track.identity else None,
        affiliation=track.affiliation,
        members=track.members,
        sensors=track.sensors,
        why=track.why,
        doubt=track.doubt,
    )


def ellipse_95(ee_m2: float, en_m2: float, nn_m2: float) -> tuple[float, float, float]:
    """Return half axes in metres (longer first) and the bearing of the longer one in degrees, 0 to 180."""
    mean, half = (ee_m2 + nn_m2) / 2.0, (nn_m2 - ee_m2) / 2.0
    spread = math.hypot(half, en_m2)
    bearing_deg = math.degrees(math.atan2(en_m2, half)) / 2.0 % 180.0
    long_m, short_m = (ELLIPSE_95 * math.sqrt(max(value, 0.0)) for value in (mean + spread, mean - spread))
    return round(long_m, 1), round(short_m, 1), round(bearing_deg, 1)


def identity_view(identity: Identity, rights: Rights) -> IdentityView:
    """Return who it claims to be, without places and names of people where these are not to be seen."""
    full = rights is Rights.FULL
    return IdentityView(
        scheme=identity.scheme,
        value=identity.value,
        callsign=identity.callsign,
        description=identity.description if full else None,
        operator=identity.operator if full else None,
        operator_id=identity.operator_id if full else None,
        takeoff=identity.takeoff if full else None,
    )


def alert_view(alert: Alert, rights: Rights) -> AlertView:
    """Return one revision of an alert."""
    arrival = alert.arrival
    seconds = (arrival.low_s, arrival.mean_s, arrival.high_s) if arrival else None
    low, mean, high = (_ms(alert.time_ns) + round(s * 1000.0) for s in seconds or (0.0, 0.0, 0.0))
    return AlertView(
        alert_id=alert.alert_id,
        revision=alert.revision,
        zone=alert.zone,
        rule=alert.rule,
        severity=alert.severity,
        phase=alert.phase,
        raised_ms=_ms(alert.raised_ns),
        time_ms=_ms(alert.time_ns),
        why=alert.why,
        tracks=alert.tracks,
        arrival_ms=(low, mean, high) if arrival else None,
        sound=alert.sound,
        by=alert.by if rights is Rights.FULL else None,
        until_ms=_ms(alert.until_ns) if alert.until_ns is not None else None,
    )


def health_view(health: Health) -> HealthView:
    """Return how a source is."""
    return HealthView(health.source, health.state, health.reason, health.mend, _ms(health.time_ns), health.counts)


def trail_view(trail: tuple[TrailPoint, ...]) -> tuple[TrailPointView, ...]:
    """Return where a track was, points as in GeoJSON (longitude first)."""
    return tuple(
        TrailPointView(_ms(p.time_ns), round(p.lon_deg, 6), round(p.lat_deg, 6), round(p.alt_m, 1), p.measured)
        for p in trail
    )


@lru_cache(maxsize=4096)
def _track_json(track: Track, name: str, rights: Rights) -> msgspec.Raw:
    """Return a track as JSON; cached, since many clients get the same."""
    return msgspec.Raw(msgspec.json.encode(track_view(track, name, rights)))


def _encode_tracks(changes: TrackChanges, rights: Rights) -> bytes:
    tracks = [_track_json(track, changes.names[track.track_id], rights) for track in changes.tracks]
    return msgspec.json.encode({"tracks": tracks, "gone": changes.gone, "fans": _fans(changes.fans, rights)})


def _beat(beat: Beat, rights: Rights) -> BeatMessage:
    return BeatMessage(
        server_ms=_ms(beat.server_ns),
        step_ms=_ms(beat.step_ns),
        lag_ms=max(_ms(beat.server_ns - beat.step_ns), 0) if beat.step_ns else 0,
        last_scan_ms=_ms(beat.last_scan_ns) if beat.last_scan_ns is not None else None,
        last_detection_ms=_ms(beat.last_detection_ns) if beat.last_detection_ns is not None else None,
        looks=_looks(beat.looks, rights),
        hidden=beat.hidden,
    )


def _sensor(sensor: Sensor, rights: Rights) -> SensorView:
    shown = sensor.position if rights is Rights.FULL or sensor.kind is not SensorKind.OBSERVER else None
    coverage = sensor.coverage
    return SensorView(
        id=sensor.id,
        kind=sensor.kind,
        lat=shown.lat_deg if shown else None,
        lon=shown.lon_deg if shown else None,
        min_m=coverage.min_m,
        max_m=coverage.max_m,
        az_deg=coverage.az_deg,
        period_s=sensor.period_s,
        regular=not sensor.reports and sensor.kind is not SensorKind.OBSERVER,
    )


def _zone(zone: Zone) -> ZoneView:
    return ZoneView(zone.id, zone.name, zone.polygons)


def _looks(looks: tuple[Look, ...], rights: Rights) -> tuple[LookView, ...]:
    """Return the sensors' last looks; in public without the places of those that move, who may be people."""
    return tuple(
        LookView(
            sensor=look.sensor,
            scan_ms=_ms(look.scan_ns),
            detection_ms=_ms(look.detection_ns) if look.detection_ns is not None else None,
            lat=look.place.lat_deg if look.place and rights is Rights.FULL else None,
            lon=look.place.lon_deg if look.place and rights is Rights.FULL else None,
        )
        for look in looks
    )


def _fans(fans: tuple[Fan, ...], rights: Rights) -> tuple[FanView, ...]:
    """Return bearings; in public without those of moving sensors and observers."""
    return tuple(
        FanView(
            sensor=fan.sensor,
            time_ms=_ms(fan.time_ns),
            lat=fan.place.lat_deg,
            lon=fan.place.lon_deg,
            bearing_deg=fan.bearing_deg,
            sigma_deg=fan.sigma_deg,
            reach_m=fan.reach_m,
        )
        for fan in fans
        if rights is Rights.FULL or not fan.personal
    )


def _ms(time_ns: int) -> int:
    return time_ns // 1_000_000
