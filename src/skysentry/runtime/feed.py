"""What the running system shows to screens: the latest picture, and what changed since a client last looked.

    loop ──publish(now_ns, events)──▶ Feed ──subscribe()──▶ one stream a client
                                       ▲────submit(Order)──  (set by the loop)

Every change gets the next number of one counter. A client holds nothing but the number it has seen, so a slow one
costs no memory and never waits the loop: when it asks again it gets

- of each track the newest state only (conflated, at most one message each `TICK_S`),
- of alerts *every* revision in order, out of a bounded log,
- a whole new picture, should its number be older than the log reaches, so that no current alert is ever missed.

The id of a message names the run and that number; a client that comes back with it (`Last-Event-ID`) goes on where it
was. Times are those of the steps, not of the wall, so a replay looks as the day itself did. `publish` may be called
from another thread than the streams run in.

An ended track stays for `FADE_NS`, an all-clear for `ALL_CLEAR_NS`; screens forget by the same rule.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

from msgspec.structs import replace

from skysentry.errors import LinkError
from skysentry.events import (
    Action,
    Alert,
    AnyEvent,
    AzEl,
    Bearing,
    Health,
    Order,
    Phase,
    Scan,
    Track,
    TrackStatus,
)
from skysentry.runtime.picture import Beat, Fan, Look, Message, Mode, Picture, TrackChanges, TrailPoint
from skysentry.site import SensorKind, Site, Zone

# Five pictures a second look smooth; MapLibre draws 500 tracks in 7 ms, so the browser keeps up.
TICK_S = 0.2
BEAT_S = 1.0
# An ended track fades for ten seconds, long enough to be seen going.
FADE_NS = 10_000_000_000
# A person who comes back after a coffee still sees what was.
ALL_CLEAR_NS = 600_000_000_000
# A track whose tracker says nothing more (it was restarted without its state) goes after ten minutes.
STALE_NS = 600_000_000_000
# A bearing fades in 20 s: four looks of a slow array.
FAN_NS = 20_000_000_000
# One trail point each 2 s for 10 min, the reach of a site at drone speed.
TRAIL_NS = 2_000_000_000
TRAIL_POINTS = 300
# Bounds that only a broken or hostile source reaches.
MAX_TRACKS = 2_000
MAX_REFUSED = 10_000
MAX_ALERTS = 1_000
MAX_FANS = 500
MAX_LOG = 10_000
MAX_SOURCES = 2_000
QUARANTINE = "quarantine"
MAX_ZONES = 500
MAX_CLIENTS = 64
# Crockford's alphabet: no i, l, o, u to mistake in speech or print.
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
SPEAKABLE = re.compile(f"[{CROCKFORD}]{{8,16}}")


class Feed:
    """The latest picture of a site, fed by the loop, read by any number of streams up to `MAX_CLIENTS`."""

    def __init__(self, site: Site, mode: Mode, clock: Callable[[], int]) -> None:
        self.site = site
        self.mode: Mode = mode
        self.clock = clock
        self.submit: Callable[[Order], None] | None = None
        self.clients = 0
        self._epoch = f"{clock():x}"
        self._lock = threading.Lock()
        self._closed = False
        self._number = 0  # of the latest change
        self._floor = 0  # clients that saw less than this need a whole picture
        self._step_ns = 0
        self._orders = 0
        self._refused: dict[str, int] = {}  # tracks that found no room, and when
        self._zones: dict[str, Zone] = {zone.id: zone for zone in site.zones}
        self._tracks: dict[str, tuple[int, Track]] = {}
        self._trails: dict[str, deque[TrailPoint]] = {}
        self._names: dict[str, str] = {}
        self._alerts: dict[str, Alert] = {}
        self._health: dict[str, tuple[int, Health]] = {}
        self._looks: dict[str, tuple[int, Look]] = {}
        self._last_scan_ns: int | None = None
        self._last_detection_ns: int | None = None
        self._fans: deque[tuple[int, Fan]] = deque(maxlen=MAX_FANS)
        self._log: deque[tuple[int, Alert | str]] = deque()  # alert revisions, and ids of tracks that went

    # --- written by the loop --------------------------------------------------------------------------------

    def publish(self, now_ns: int, events: Sequence[AnyEvent]) -> None:
        """Take what one step brought and made: scans, tracks, alerts, health, orders; the rest is no matter here."""
        with self._lock:
            self._step_ns = max(self._step_ns, now_ns)
            for event in events:
                match event:
                    case Track():
                        self._take_track(event)
                    case Scan():
                        self._take_scan(event)
                    case Alert():
                        self._take_alert(event)
                    case Health():
                        self._take_health(event)
                    case Order():
                        self._take_order(event)
            self._forget()

    def close(self) -> None:
        """End all streams at their next tick."""
        self._closed = True

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _take_track(self, track: Track) -> None:
        key = track.track_id
        if key not in self._tracks and not self._room_for(track):
            return
        self._tracks.pop(key, None)  # to the end: the dictionary stays in order of change
        self._tracks[key] = (self._next(), track)
        if key not in self._names:
            self._names[key] = self._short_name(key)
        trail = self._trails.setdefault(key, deque(maxlen=TRAIL_POINTS))
        if not trail or track.time_ns - trail[-1].time_ns >= TRAIL_NS:
            measured = track.status is not TrackStatus.COASTING
            trail.append(TrailPoint(track.time_ns, track.lat_deg, track.lon_deg, track.alt_m, measured))

    def _room_for(self, track: Track) -> bool:
        """Whether a new track may come in: an ended one never, past the bound only in place of a tentative one."""
        if track.status is TrackStatus.ENDED:
            return False
        if len(self._tracks) < MAX_TRACKS:
            return True
        if len(self._refused) < MAX_REFUSED:
            self._refused[track.track_id] = track.time_ns
        tentative = (key for key, (_, old) in self._tracks.items() if old.status is TrackStatus.TENTATIVE)
        victim = next(tentative, None) if track.status is not TrackStatus.TENTATIVE else None
        if victim is not None:
            self._drop_track(victim)
            self._refused.pop(track.track_id, None)
        return victim is not None

    def _short_name(self, track_id: str) -> str:
        """Return three letters or digits to call a track by, more where they are taken.

        The head of the id, so that a log shows it too; of a digest, where ids begin alike or hold other signs.
        """
        word = track_id
        if not SPEAKABLE.fullmatch(track_id):
            digits = hashlib.blake2s(track_id.encode(), digest_size=10).digest()
            word = "".join(CROCKFORD[byte & 31] for byte in digits)
        taken = set(self._names.values())
        return next((word[:size] for size in range(3, len(word)) if word[:size] not in taken), word)

    def _drop_track(self, key: str) -> None:
        for table in (self._tracks, self._trails, self._names):
            table.pop(key, None)
        self._write(key)

    def _write(self, entry: Alert | str) -> None:
        self._log.append((self._next(), entry))
        while len(self._log) > MAX_LOG:
            self._floor = self._log.popleft()[0]

    def _take_scan(self, scan: Scan) -> None:
        self._last_scan_ns = max(self._last_scan_ns or 0, scan.time_ns)
        before = self._looks[scan.sensor][1] if scan.sensor in self._looks else None
        if before is None and len(self._looks) >= MAX_SOURCES:
            return
        detection_ns = scan.time_ns if scan.detections else before.detection_ns if before else None
        self._last_detection_ns = max(self._last_detection_ns or 0, detection_ns or 0) or None
        self._looks[scan.sensor] = (self._next(), Look(scan.sensor, scan.time_ns, detection_ns, scan.position))
        self._take_bearings(scan)

    def _take_bearings(self, scan: Scan) -> None:
        sensor = self.site.sensor(scan.sensor) if scan.detections else None
        place = scan.position or (sensor.position if sensor else None)
        if sensor is None or place is None:
            return
        reach_m = scan.reach_m or sensor.coverage.max_m
        personal = scan.position is not None or sensor.kind is SensorKind.OBSERVER
        for detection in scan.detections:
            match detection.measurement:
                case Bearing(bearing_deg=bearing_deg, sigma_deg=sigma_deg):
                    pass
                case AzEl(az_deg=bearing_deg, sigma_az_deg=sigma_deg):
                    pass
                case _:
                    continue
            fan = Fan(scan.sensor, scan.time_ns, place, bearing_deg, sigma_deg, reach_m, personal)
            self._fans.append((self._next(), fan))

    def _take_alert(self, alert: Alert) -> None:
        known = self._alerts.get(alert.alert_id)
        if known is not None and known.revision >= alert.revision:
            return  # delivery is at least once
        self._alerts[alert.alert_id] = alert
        self._write(alert)
        while len(self._alerts) > MAX_ALERTS:
            ended = (key for key, old in self._alerts.items() if old.phase is Phase.ALL_CLEAR)
            self._alerts.pop(next(ended, next(iter(self._alerts))))
            self._floor = self._number

    def _take_health(self, health: Health) -> None:
        # A flood of claims and the receiver it comes through are told apart: neither may hide the other.
        if f":{QUARANTINE}@" in health.id and health.id.startswith("health:"):
            health = replace(health, source=f"{health.source}: {QUARANTINE}")
        if health.source in self._health or len(self._health) < MAX_SOURCES:
            self._health[health.source] = (self._next(), health)

    def _take_order(self, order: Order) -> None:
        """Follow zones drawn and removed by hand; every client then gets a whole picture, for zones change rarely."""
        if order.action is Action.DRAW_ZONE and order.polygon and len(self._zones) < MAX_ZONES:
            ring = (*order.polygon, order.polygon[0])
            self._zones[order.target] = Zone(id=order.target, name=order.text or order.target, polygons=((ring,),))
        elif order.action is Action.REMOVE_ZONE and order.target in self._zones:
            del self._zones[order.target]
        else:
            return
        self._floor = self._next()

    def _forget(self) -> None:
        now_ns = self._step_ns
        for key, (_, track) in list(self._tracks.items()):
            ended = track.status is TrackStatus.ENDED
            if now_ns - track.time_ns > (FADE_NS if ended else STALE_NS):
                self._drop_track(key)
        for key in [key for key, time_ns in self._refused.items() if now_ns - time_ns > FADE_NS]:
            del self._refused[key]
        over = [
            key
            for key, alert in self._alerts.items()
            if alert.phase is Phase.ALL_CLEAR and now_ns - alert.time_ns > ALL_CLEAR_NS
        ]
        for key in over:  # screens forget by the same rule, so nothing need be said
            del self._alerts[key]
        while self._fans and now_ns - self._fans[0][1].time_ns > FAN_NS:
            self._fans.popleft()

    # --- read by streams and requests -----------------------------------------------------------------------

    def picture(self) -> Picture:
        """Return everything as it is now."""
        with self._lock:
            return self._picture()

    def trail(self, track_id: str) -> tuple[TrailPoint, ...] | None:
        """Return where a track was, oldest first, or `None` for one that is not known."""
        with self._lock:
            trail = self._trails.get(track_id)
            return tuple(trail) if trail is not None else None

    def knows(self, order: Order) -> bool:
        """Whether the alert, track or zone that an order names is there; a zone to be drawn need not be."""
        with self._lock:
            match order.action:
                case Action.DRAW_ZONE:
                    return True
                case Action.DECLARE:
                    return order.target in self._tracks
                case Action.RAISE | Action.REMOVE_ZONE:
                    return order.target in self._zones
                case _:
                    return order.target in self._alerts

    def order_id(self, received_ns: int) -> str:
        """Return the id of the next order of this run."""
        with self._lock:
            self._orders += 1
            return f"order:{received_ns}:{self._orders}"

    async def subscribe(self, after: str | None = None) -> AsyncGenerator[Message, None]:
        """Yield messages for one client, for ever; `after` is the id of the last one it had.

        Raises `LinkError` where `MAX_CLIENTS` are there already.
        """
        if self.clients >= MAX_CLIENTS:
            raise LinkError(f"{MAX_CLIENTS} screens are connected already", hint="close one, or try again later")
        self.clients += 1
        try:
            seen = self._seen(after)
            ticks = 0
            while not self._closed:
                messages, seen = self.since(seen)
                if ticks % round(BEAT_S / TICK_S) == 0:
                    messages.append(Message("beat", None, self._beat()))
                for message in messages:
                    yield message
                ticks += 1
                await asyncio.sleep(TICK_S)
        finally:
            self.clients -= 1

    def _seen(self, after: str | None) -> int:
        """Return the number in a message id of this run, or −1 for any other."""
        epoch, _, number = (after or "").partition("-")
        if epoch != self._epoch or not number.isdecimal() or len(number) > 18 or int(number) > self._number:
            return -1
        return int(number)

    def since(self, seen: int) -> tuple[list[Message], int]:
        """Return what a client that saw change `seen` has to hear, and the number it has seen then."""
        with self._lock:
            number = self._number
            if seen < self._floor or seen < 0:
                return [Message("snapshot", self._id(number), self._picture())], number
            if seen == number:
                return [], seen
            entries = self._entries_after(seen)
            # Each alert carries its own number: a link that breaks between two of them loses neither.
            messages = [Message("alert", self._id(at), alert) for at, alert in entries if isinstance(alert, Alert)]
            messages += [Message("health", None, health) for at, health in self._health.values() if at > seen]
            gone = tuple(key for _, key in entries if isinstance(key, str))
            messages.append(Message("tracks", self._id(number), self._track_changes(seen, gone)))
            return messages, number

    def _entries_after(self, seen: int) -> list[tuple[int, Alert | str]]:
        entries: list[tuple[int, Alert | str]] = []
        for entry in reversed(self._log):
            if entry[0] <= seen:
                break
            entries.append(entry)
        return entries[::-1]

    def _track_changes(self, seen: int, gone: tuple[str, ...]) -> TrackChanges:
        tracks: list[Track] = []
        for at, track in reversed(self._tracks.values()):
            if at <= seen:
                break
            tracks.append(track)
        tracks.sort(key=lambda track: track.track_id)
        names = {track.track_id: self._names[track.track_id] for track in tracks}
        return TrackChanges(tuple(tracks), gone, tuple(fan for at, fan in self._fans if at > seen), names)

    def _picture(self) -> Picture:
        return Picture(
            server_ns=self.clock(),
            mode=self.mode,
            site=self.site,
            zones=tuple(self._zones.values()),
            tracks=tuple(track for _, track in self._tracks.values()),
            trails={key: tuple(trail) for key, trail in self._trails.items()},
            alerts=tuple(self._alerts.values()),
            health=tuple(health for _, health in self._health.values()),
            looks=tuple(look for _, look in self._looks.values()),
            fans=tuple(fan for _, fan in self._fans),
            names=dict(self._names),
            hidden=len(self._refused),
        )

    def _beat(self) -> Beat:
        with self._lock:
            return Beat(
                server_ns=self.clock(),
                step_ns=self._step_ns,
                last_scan_ns=self._last_scan_ns,
                last_detection_ns=self._last_detection_ns,
                looks=tuple(look for _, look in self._looks.values()),
                hidden=len(self._refused),
            )

    def _id(self, number: int) -> str:
        return f"{self._epoch}-{number}"
