"""Tracks as events: what the screen, the alerts and other systems see."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from skysentry.events import Affiliation, AnyEvent, Track, TrackEnd
from skysentry.site import AuthorisedFlight, Ring, SensorKind, Site
from skysentry.tracking import kernels
from skysentry.tracking.batch import REPORTING
from skysentry.tracking.claims import FITS
from skysentry.tracking.classify import AIRBORNE, Classifier, Shares, told
from skysentry.tracking.explain import explain, senses
from skysentry.tracking.motion import Array
from skysentry.tracking.show import S_EXISTENCE, S_GOOD
from skysentry.tracking.table import Life, Table

SECOND_NS = 1_000_000_000
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
# A tentative track is shown from its second look on: one look is mostly clutter.
SHOWN_HITS = 2
# ... and from this existence on.
SHOWN_EXISTENCE = 0.1
# A sensor that has not seen a track for this long no longer supports it.
LATELY_NS = 15 * SECOND_NS
# A claim of an authorised flight counts after others have seen the same motion for this long.
AGREED_S = 20.0
# ... and lapses when it is silent for this long: a minute behind a hill is no other aircraft.
CLAIM_HOLDS_NS = 60 * SECOND_NS
SURE = 0.9
ALONE = (1.0, 1.0, 1.0)
# From this mean on it is told as several.
SEVERAL = 1.5
# Sensors that tell objects of a group apart: each has a track of its own there.
RESOLVING = (SensorKind.RADAR, SensorKind.CAMERA)
MOST_TOLD = 10_000
REASONS = {
    "gone": TrackEnd.REFUTED,
    "lost": TrackEnd.LOST,
    "too uncertain": TrackEnd.LOST,
    "down": TrackEnd.LOST,
    "forgotten": TrackEnd.REFUTED,
    "merged": TrackEnd.MERGED,
}


def track_name(founded: str) -> str:
    """Return the id of the track that a detection founded: eight characters of base 32, without i, l, o and u."""
    bits = int.from_bytes(blake2b(founded.encode(), digest_size=5).digest(), "big")
    return "".join([CROCKFORD[(bits >> shift) & 31] for shift in range(35, -1, -5)])


class Publisher:
    """Makes `Track` events."""

    def __init__(self, site: Site, frame: Array, classifier: Classifier) -> None:
        self.site = site
        self.frame = frame
        self.classifier = classifier
        self.kinds = {sensor.id: sensor.kind for sensor in site.sensors}
        self.told: dict[tuple[str, ...], str] = {}
        self.watched = any(sensor.kind not in REPORTING for sensor in site.sensors)
        self.authorised = {flight.identity: flight for flight in site.authorised}

    def due(self, life: Life, now_ns: int) -> bool:
        """Return whether a living track has something to show: news, or a second without any."""
        if not life.track_id and life.hits < SHOWN_HITS:
            return False
        return bool(life.pending) or now_ns - life.published_ns >= SECOND_NS

    def publish(self, now_ns: int, now_s: float, table: Table, shown: list[tuple[int, str]]) -> list[AnyEvent]:
        """Return one event for each (row, end); `end` is how a track ended, empty for a living one."""
        if not shown:
            return []
        rows, out = np.array([i for i, _ in shown], np.int64), np.empty((len(shown), kernels.PRESENTED))
        kernels.present(
            table.x, table.P, table.w, table.t, table.r, table.evidence, rows, now_s, self.frame,
            self.classifier.log_prior, self.classifier.wind, self.classifier.bands, AIRBORNE, out,
        )  # fmt: skip
        numbers = np.empty((len(shown), 3))
        kernels.tell_numbers(table.notes, rows, numbers)
        lives = table.lives
        return [
            self._track(now_ns, lives[i], end, row, members)
            for (i, end), row, members in zip(shown, out.tolist(), numbers.tolist(), strict=True)
            if row[S_GOOD]
        ]

    def _track(self, now_ns: int, life: Life, end: str, row: list[float], members: list[float]) -> Track:
        name = life.track_id
        if not name:
            name = life.track_id = track_name(life.founded)
        classes, nature, manned = told(tuple(row[kernels.SHOWN : S_EXISTENCE]))
        sensors = _lately(life.seen, now_ns)
        life.classes = classes
        group = self._group(sensors, members)
        detections = tuple(life.pending)
        life.pending.clear()
        life.published_ns = now_ns
        return Track(
            id=f"{name}@{now_ns}",
            time_ns=now_ns,
            received_ns=now_ns,
            track_id=name,
            status=life.status,
            lat_deg=row[0],
            lon_deg=row[1],
            alt_m=row[2],
            velocity_mps=(row[3], row[4], row[5]),
            cov=tuple(row[6 : kernels.SHOWN]),
            existence=row[S_EXISTENCE],
            first_ns=life.first_ns,
            last_seen_ns=life.last_ns,
            classes=classes,
            identity=life.identity,
            affiliation=self._whose(life, now_ns, row, nature, manned),
            members=group,
            doubt=life.doubt,
            sensors=sensors,
            detections=detections,
            end=REASONS[end] if end else None,
            why=self._why(life, group, explain(life, end, sensors, self._told(sensors), row, classes, now_ns)),
        )

    def _group(self, sensors: tuple[str, ...], members: list[float]) -> tuple[float, float, float]:
        """Return how many objects a track stands for; one where a sensor that resolves them sees it."""
        if members[2] == 1.0 or any(self.kinds.get(name) in RESOLVING for name in sensors):
            return ALONE
        low, mean, high = members
        return low, round(mean, 1), high

    def _why(self, life: Life, group: tuple[float, float, float], why: str) -> str:
        """Return the sentence with how many it stands for, and its end from the review of claims."""
        if group[1] >= SEVERAL:
            why = f"{max(group[0], 1.0):.0f} to {group[2]:.0f} objects; {why}"
        return f"{why}; {life.tail}" if life.tail else why

    def _told(self, sensors: tuple[str, ...]) -> str:
        told = self.told.get(sensors)
        if told is None:
            if len(self.told) >= MOST_TOLD:
                self.told.clear()
            told = self.told[sensors] = senses(sensors, self.kinds)
        return told

    def _whose(self, life: Life, now_ns: int, row: list[float], nature: float, manned: float) -> Affiliation:
        """Return whose a track is: as a person said, else friend or neutral where evidence allows.

        `nature` and `manned` are the probabilities that it is a bird or balloon, or has a crew.
        """
        if life.affiliation is not None:
            return life.affiliation
        claim = life.identity
        flight = None if claim is None else self.authorised.get(claim.value)
        if flight is not None and allowed(flight, now_ns, row, life.classes) and self._agrees(life, now_ns):
            return Affiliation.FRIEND
        if nature > SURE:
            return Affiliation.NEUTRAL
        if (
            claim is not None
            and claim.scheme == "icao24"
            and manned > SURE
            and not self.site.civil_airspace_closed
            and not life.doubt
        ):
            return Affiliation.NEUTRAL
        return Affiliation.UNKNOWN

    def _agrees(self, life: Life, now_ns: int) -> bool:
        """Return whether others than the claim's receivers bear it out, or no other sensor is there to ask."""
        if life.doubt:
            return False
        return not self.watched or (life.agreed_s >= AGREED_S and now_ns - life.claim_ns < CLAIM_HOLDS_NS)


def allowed(flight: AuthorisedFlight, now_ns: int, row: list[float], classes: Shares) -> bool:
    """Return whether a flight may be here now, as what it seems to be; `row` begins with latitude and longitude."""
    if not flight.from_ns <= now_ns <= flight.until_ns:
        return False
    if flight.kind is not None and dict(classes).get(flight.kind, 0.0) < FITS:
        return False
    return not flight.polygon or within(row[1], row[0], flight.polygon)


def within(lon: float, lat: float, ring: Ring) -> bool:
    """Return whether a place is within a ring of (longitude, latitude), by the even-odd rule."""
    inside = False
    for (lon_a, lat_a), (lon_b, lat_b) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a):
            inside = not inside
    return inside


def _lately(seen: dict[str, int], now_ns: int) -> tuple[str, ...]:
    """Return the sensors that saw a track lately, by name."""
    names = [name for name, seen_ns in seen.items() if now_ns - seen_ns < LATELY_NS]
    if len(names) > 1:
        names.sort()
    return tuple(names)
