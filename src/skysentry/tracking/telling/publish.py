"""Tracks as events: what the screen, the alerts and other systems see."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import count, repeat
from struct import Struct

import numpy as np
from msgspec.structs import replace

from skysentry.events import Affiliation, AnyEvent, Track, TrackEnd, TrackStatus
from skysentry.site import AuthorisedFlight, Ring, SensorKind, Site
from skysentry.tracking.evidence.remembered import Remembered
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.telling.explain import ENDS, RECENT_NS, said, senses
from skysentry.tracking.telling.show import BAD, PRESENTED, ROOM, S_GENUS, SHOWN, TRIANGLE, present
from skysentry.tracking.tracks.claims import FITS
from skysentry.tracking.tracks.classify import AIRBORNE, GENUS, Classifier, told
from skysentry.tracking.tracks.table import C_SINGLE, CLASSES, Life, Table

SECOND_NS = 1_000_000_000
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
# A tentative track is shown from its second look on: one look is mostly clutter.
SHOWN_HITS = 2
# A sensor that has not seen a track for this long no longer supports it.
LATELY_NS = 15 * SECOND_NS
# A claim of an authorised flight counts after others have seen the same motion for this long.
AGREED_S = 20.0
# ... and lapses when it is silent for this long: a minute behind a hill is no other aircraft.
CLAIM_HOLDS_NS = 60 * SECOND_NS
ALONE = (1.0, 1.0, 1.0)
SEEMS = Remembered(told)
# From this mean on it is told as several.
A_GROUP = 1.5
# Sensors that tell objects of a group apart: each has a track of its own there.
RESOLVING = (SensorKind.RADAR, SensorKind.CAMERA)
# Rows of `present` as Python's numbers, without the genus; the classes of one track as bytes.
ROW, SPEED, COV, CODES = Struct("5d8x"), Struct("3d"), Struct(f"{TRIANGLE}d"), Struct(f"{2 * len(CLASSES)}s2h")
NEVER_NS = 1 << 62
SEVERAL = 2
IN_ORDER = repeat(None)
PLAIN = Track(
    id="-", time_ns=0, received_ns=0, track_id="-", status=TrackStatus.CONFIRMED, lat_deg=0.0, lon_deg=0.0, alt_m=0.0,
    velocity_mps=(0.0, 0.0, 0.0), cov=(), existence=0.0, first_ns=0, last_seen_ns=0,
)  # fmt: skip
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
        self.senses: Remembered[tuple[str, ...], str] = Remembered(lambda sensors: senses(sensors, self.kinds))
        self.authorised = {flight.identity: flight for flight in site.authorised}
        self._make_room(64)

    def pass_over(self, life: Life, now_ns: int, now_s: float, table: Table, i: int) -> None:
        """Note that another cell publishes this news of row `i`: what is told next depends on it."""
        life.track_id = life.track_id or track_name(life.founded)
        if now_ns >= life.sensors_until_ns:
            _look_around(life, now_ns)
        life.pending.clear()
        life.published_ns, life.published = now_ns, life.status
        line, told = table.lines[i], table.told[i]
        told[:6], told[6] = line[:6], now_s
        told[:3] += (now_s - line[6]) * line[3:6]

    def _make_room(self, most: int) -> None:
        """Make room for the numbers of so many events."""
        self.room, classes = most, len(CLASSES)
        self.out, self.speeds, self.covs = np.empty((most, PRESENTED)), np.empty((most, 3)), np.empty((most, TRIANGLE))
        self.codes, self.numbers = np.empty((most, classes + 2), np.int16), np.empty((most, 3))
        self.shown, self.share, self.matrices = np.empty((most, SHOWN)), np.empty((2, classes)), np.empty((ROOM, 6, 6))

    def _present(self, table: Table, which: Indices, now_s: float) -> None:
        """Write what is told of the rows `which` into the room for it."""
        if which.shape[0] > self.room:
            self._make_room(2 * which.shape[0])
        of = self.classifier
        present(
            table.x, table.P, table.w, table.t, table.r, table.evidence, which, now_s, self.frame,
            of.log_prior, of.wind, of.bands, AIRBORNE, GENUS, table.notes, table.told, self.out, self.speeds, self.covs,
            self.codes, self.numbers, self.shown, self.share, self.matrices,
        )  # fmt: skip

    def publish(
        self, now_ns: int, now_s: float, table: Table, which: Indices, lives: list[Life],
        ends: Iterable[str | None] = IN_ORDER,
    ) -> list[AnyEvent]:  # fmt: skip
        """Return one event for each row in `which` and its life.

        `ends` says how each has ended: empty where it lives, `None` in order (`calm`).
        """
        made: list[AnyEvent] = []
        if not lives:
            return made
        self._present(table, which, now_s)
        suffix, common = f"@{now_ns}", replace(PLAIN, time_ns=now_ns, received_ns=now_ns)
        # One long loop without calls: of all that a look costs, its events cost most.
        for k, life, end, row, velocity_mps, cov, (coded, speed, heading) in zip(
            count(), lives, ends, ROW.iter_unpack(self.out.data), SPEED.iter_unpack(self.speeds.data),
            COV.iter_unpack(self.covs.data), CODES.iter_unpack(self.codes.data), strict=False,
        ):  # fmt: skip
            lat_deg, lon_deg, alt_m, existence, odd = row
            if odd == BAD:
                continue
            life.classes, seems = SEEMS[coded]
            if now_ns >= life.sensors_until_ns:
                _look_around(life, now_ns)
                table.calm[which[k], C_SINGLE] = len(life.sensors) < SEVERAL
            moves = f"{speed} m/s heading {heading}°" if speed else "hovering"
            sensors, pending = life.sensors, life.pending
            # Kept by the life: a look-up by the names takes 0.1 to 0.3 µs.
            who = life.who = life.who or self.senses[sensors]
            if end is not None:
                who, seems = self._asked(now_ns, life, who, seems)
            elif life.silence:
                seems = f"{life.silence}; {seems}"
            name, tail = life.track_id, life.tail
            # The others are as in `common`: Python builds a dictionary for a call with more keywords, 0.5 µs.
            track = replace(
                common,
                id=name + suffix,
                track_id=name,
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_m=alt_m,
                velocity_mps=velocity_mps,
                cov=cov,
                existence=existence,
                first_ns=life.first_ns,
                last_seen_ns=life.last_ns,
                sensors=sensors,
                detections=tuple(pending),
                classes=life.classes,
                why=f"{who}; {moves}; {seems}; {tail}" if tail else f"{who}; {moves}; {seems}",
            )
            pending.clear()
            life.published_ns = now_ns
            if end is not None or odd:
                track = self._odd(track, life, self.out.item(k, S_GENUS))
                if end or life.doubt or self.numbers.item(k, 2) != 1.0:
                    track = self._more(track, life, end, self.numbers[k])
            made.append(track)
        return made

    def _asked(self, now_ns: int, life: Life, who: str, seems: str) -> tuple[str, str]:
        """Return who senses a track that is not in order, and what it says and seems to be, in words; name it."""
        if not life.track_id:
            life.track_id = track_name(life.founded)
        if now_ns - life.last_ns >= RECENT_NS:
            who = f"not seen for {(now_ns - life.last_ns) // SECOND_NS} s"
        claims = life.silence if life.identity is None else said(life.identity)
        return who, f"{claims}; {seems}" if claims else seems

    def _odd(self, track: Track, life: Life, genus: float) -> Track:
        """Return the event of a track that is not in order, or of nature: whose it is may be known."""
        life.published, claim = life.status, life.identity
        if life.status is not TrackStatus.CONFIRMED:
            track = replace(track, status=life.status)
        if claim is not None or life.affiliation is not None or genus == 1.0:
            track = replace(track, identity=claim, affiliation=self._whose(life, track, genus))
        return track

    def _more(self, track: Track, life: Life, end: str | None, several: Array) -> Track:
        """Return the event of a track that has ended, whose claim is in doubt, or that stands for several objects."""
        why, group = track.why, self._group(track.sensors, several)
        if end:
            why = f"{ENDS[end]}; {why}"
        if group[1] >= A_GROUP:
            why = f"{max(group[0], 1.0):.0f} to {group[2]:.0f} objects; {why}"
        return replace(track, why=why, members=group, doubt=life.doubt, end=REASONS[end] if end else None)

    def _group(self, sensors: tuple[str, ...], several: Array) -> tuple[float, float, float]:
        """Return how many objects a track stands for; one where a sensor that resolves them sees it."""
        if any(self.kinds.get(name) in RESOLVING for name in sensors):
            return ALONE
        low, mean, high = several.tolist()
        if high == 1.0:
            return ALONE
        return low, round(mean, 1), high

    def _whose(self, life: Life, track: Track, genus: float) -> Affiliation:
        """Return whose a track is: as a person said, else friend or neutral where evidence allows.

        `genus` is what it surely is: 1 a bird or balloon, 2 something with a crew.
        """
        if life.affiliation is not None:
            return life.affiliation
        claim = life.identity
        flight = None if claim is None else self.authorised.get(claim.value)
        if flight is not None and allowed(flight, track) and self._agrees(life, track.time_ns):
            return Affiliation.FRIEND
        if genus == 1.0:
            return Affiliation.NEUTRAL
        if (
            claim is not None
            and claim.scheme == "icao24"
            and genus == 2.0
            and not self.site.civil_airspace_closed
            and not life.doubt
        ):
            return Affiliation.NEUTRAL
        return Affiliation.UNKNOWN

    def _agrees(self, life: Life, now_ns: int) -> bool:
        """Return whether others than the claim's receivers bear it out; where nobody else looks, nobody does."""
        return not life.doubt and life.agreed_s >= AGREED_S and now_ns - life.claim_ns < CLAIM_HOLDS_NS


def allowed(flight: AuthorisedFlight, track: Track) -> bool:
    """Return whether a flight may be here now, as what it seems to be."""
    if not flight.from_ns <= track.time_ns <= flight.until_ns:
        return False
    if flight.kind is not None and dict(track.classes).get(flight.kind, 0.0) < FITS:
        return False
    return not flight.polygon or within(track.lon_deg, track.lat_deg, flight.polygon)


def within(lon: float, lat: float, ring: Ring) -> bool:
    """Return whether a place is within a ring of (longitude, latitude), by the even-odd rule."""
    inside = False
    for (lon_a, lat_a), (lon_b, lat_b) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a):
            inside = not inside
    return inside


def _look_around(life: Life, now_ns: int) -> tuple[str, ...]:
    """Return the sensors that saw a track lately; note them, and until when none of them has not."""
    lately = {name: seen_ns for name, seen_ns in life.seen.items() if now_ns - seen_ns < LATELY_NS}
    life.sensors, life.who = tuple(sorted(lately)), ""
    life.sensors_until_ns = min(lately.values(), default=NEVER_NS) + LATELY_NS
    return life.sensors
