"""Remote ID packets to scans: who says to be where. Every claim is evidence, none is truth.

A transmitter spreads what it says over frames (Location ten times a second, its id in one of three), so the last
Basic IDs, System, Operator ID and Self-ID of each radio address are kept and joined to each Location. One packet with
a place gives one `Scan` of one `Detection`:

- `Position` with the variances that the accuracy codes stand for; altitude only if it is geodetic (a height above
  take-off or ground goes into the features). A velocity if speed and direction are known.
- `Presence` instead, at most once a second, where who sends is known and where it is is not.
- `Identity.also`: the other ids of the same transmitter, as a serial beside a registration (Japan's rule).
- authentication pages are put together and kept as bytes, verified by nobody: `authentication`; the next detection
  names the packets they came in as evidence, and features tell `auth_type` and `auth_bytes`.
- features: `height_agl_m`, with `height_from_takeoff` = 1 where it counts from the take-off place and not the ground;
  `pressure_alt_m`; `serial_ok`, 1 if the serial has the form of CTA-2063-A; `stamp_age_s`, arrival minus the sender's
  stamp, within half an hour; `repeat_of_s`; `ids`, how many it gave; DJI's `dji_altitude_raw`.

Repeats. Beacons go out ten times a second and the place in them changes once a second: measured on a real aircraft,
1,140 frames hold 123 s of flight and 10 of 11 are copies. A copy adds nothing about the place, so its variances are
multiplied by `REPEAT_INFLATION` and it carries `repeat_of_s`, the age of what it repeats. A sender without a time
stamp may hover, so its copies count as repeats for one second only.

Bounded. `MAX_NEW` addresses on probation and `MAX_KNOWN` that spoke sensibly for `PROMOTION_NS`; each tier drops the
one heard longest ago. A flood of invented addresses turns over only the first tier.

Damage, doubtful claims and evictions are counted by sensor and told as `Health`: the first at once, then at most
every 10 s, and when the source of the packets ends with a `Health` of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from skysentry.errors import DecodeError, StateError
from skysentry.events import (
    AnyEvent,
    Detection,
    Health,
    LinkKind,
    ObjectClass,
    Packet,
    Presence,
    Scan,
    scan_id,
)
from skysentry.geo import distance_m
from skysentry.sensing.remote_id.health import Counts, health_of, trouble
from skysentry.sensing.remote_id.place import Claim, LatLon, jumped, measure, place_of, repeat_age_s, velocity_of
from skysentry.sensing.remote_id.radio import FRAMES, Ear, listen
from skysentry.sensing.remote_id.read import READERS
from skysentry.sensing.remote_id.sender import Transmitter, identity_of, learn, sign
from skysentry.sensing.remote_id.trust import (
    JUMP_NATS,
    NAMES_NATS,
    control,
    count,
    hear,
    move,
    reach,
    stamp,
)
from skysentry.site import Site
from skysentry.wire import dji_wifi, wifi
from skysentry.wire.remote_id import AuthPage, Location
from skysentry.wire.remote_id_auth import Authentication

SNAPSHOT_VERSION = 3
# Half a kilobyte each; far more than fly within the reach of a site's receivers.
MAX_NEW = 4_096
MAX_KNOWN = 4_096
# Sensors are named by links and files, not by what they hear; the bound guards against a mistake there.
MAX_SENSORS = 1_024
# Ten sensible packets over ten seconds: an invented address is used once or for a moment.
PROMOTION_PACKETS, PROMOTION_NS = 10, 10_000_000_000
HEALTH_EVERY_NS = 10_000_000_000
PRESENCE_EVERY_NS = 1_000_000_000
# F3411-22a sends Location at least once a second; three missed ones mean that the place is not known now.
PLACE_KEEPS_NS = 3_000_000_000

_MULTIROTOR = ((ObjectClass.MULTIROTOR, 0.5),)
# A claim is weak evidence: one nat at most, whoever says it; and none for what threatens nobody: who calls itself a
# balloon or an obstacle on the ground must not be believed harmless by saying so.
_CLASS_LLR: dict[int, tuple[tuple[ObjectClass, float], ...]] = {
    1: ((ObjectClass.FIXED_WING_ELECTRIC, 1.0), (ObjectClass.FIXED_WING_PISTON, 0.5)),
    2: ((ObjectClass.MULTIROTOR, 1.0),),
    4: ((ObjectClass.FIXED_WING_ELECTRIC, 0.7), (ObjectClass.MULTIROTOR, 0.7)),
    6: ((ObjectClass.FIXED_WING_ELECTRIC, 0.7),),
    8: (),
    9: (),
    10: (),
    14: (),
}


class _State(Struct, kw_only=True):
    """Everything that a snapshot holds, in order of last hearing."""

    version: int
    new: list[Transmitter]
    known: list[Transmitter]
    sensors: dict[str, Counts]
    ears: dict[str, Ear]


class RemoteIdReceiver:
    """Wi-Fi, Bluetooth and already decoded Remote ID packets in, one scan for each place or presence out."""

    def __init__(self, site: Site) -> None:
        self._sensor = {sensor.id: sensor for sensor in site.sensors}
        self._new: dict[str, Transmitter] = {}
        self._known: dict[str, Transmitter] = {}
        self._sensors: dict[str, Counts] = {}
        self._ears: dict[str, Ear] = {}
        # The earliest `due_ns` of all sensors, so that a packet costs one comparison.
        self._due_ns: int | None = None

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return scans of the packets up to `now_ns`, and health of sensors whose counts changed."""
        made: list[AnyEvent] = []
        for event in events:
            if self._due_ns is not None and self._due_ns < event.received_ns:
                self._tell(event.received_ns - 1, made)
            if isinstance(event, Packet):
                if event.link in READERS:
                    self._packet(event, made)
            elif isinstance(event, Health) and event.source in self._sensors:
                self._hurry(event)
        if self._due_ns is not None and self._due_ns <= now_ns:
            self._tell(now_ns, made)
        return made

    def snapshot(self) -> bytes:
        """Return all transmitters and counts."""
        return msgspec.msgpack.encode(
            _State(
                version=SNAPSHOT_VERSION,
                new=list(self._new.values()),
                known=list(self._known.values()),
                sensors=self._sensors,
                ears=self._ears,
            )
        )

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` for another version or anything else."""
        try:
            taken = msgspec.msgpack.decode(state, type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StateError(f"the Remote ID state cannot be read: {error}") from None
        if taken.version != SNAPSHOT_VERSION:
            raise StateError(f"Remote ID state of version {taken.version}", hint="start with --fresh to leave it aside")
        self._new = {transmitter.address: transmitter for transmitter in taken.new}
        self._known = {transmitter.address: transmitter for transmitter in taken.known}
        self._sensors = taken.sensors
        self._ears = taken.ears
        self._schedule()

    def authentication(self, address: str) -> Authentication | None:
        """Return the last whole authentication message of a transmitter; nobody has verified it."""
        found = self._known.get(address) or self._new.get(address)
        return None if found is None else found.signed

    # --- one packet -----------------------------------------------------------------------------------------

    def _packet(self, packet: Packet, made: list[AnyEvent]) -> None:
        counts = self._sensors.get(packet.sensor)
        if counts is None:
            if len(self._sensors) >= MAX_SENSORS:
                return
            counts = self._sensors[packet.sensor] = Counts()
        counts.packets += 1
        if packet.crc_ok is False:
            counts.bad_checksum += 1
        else:
            try:
                self._believe(packet, counts, made)
            except DecodeError:
                counts.damaged += 1
        self._mark(counts, packet.received_ns)

    def _believe(self, packet: Packet, counts: Counts, made: list[AnyEvent]) -> None:
        address, messages, damaged, carrier, counter = READERS[packet.link](packet)
        counts.damaged += damaged
        if not messages:
            return
        counts.messages += len(messages)
        transmitter = self._transmitter(address, packet.time_ns, counts)
        claim = None
        for message in messages:
            if isinstance(message, (Location, dji_wifi.Telemetry)):
                claim = message
            elif isinstance(message, AuthPage):
                counts.signed += sign(transmitter, message, packet.id)
                continue
            if learn(transmitter, message):
                counts.several_ids += 1
                transmitter.trust.blame("names", NAMES_NATS)
        if carrier >= 0:
            count(transmitter.trust, packet.sensor, carrier, counter, packet.time_ns)
        numbers = [(carrier, counter)] if carrier >= 0 else []
        if packet.link is LinkKind.WIFI:
            numbers.append((FRAMES, wifi.sequence(packet.data)))
        listen(self._ears, packet.sensor, transmitter, numbers, packet.rssi_dbm, packet.time_ns)
        detection = self._detection(transmitter, claim, packet, counts)
        if detection is not None:
            made.append(_scan(packet, detection))

    def _transmitter(self, address: str, time_ns: int, counts: Counts) -> Transmitter:
        """Return the state of an address, as the one heard last in its tier."""
        found = self._known.pop(address, None)
        if found is not None:
            self._known[address] = found
        else:
            found = self._new.pop(address, None)
            if found is None:
                found = Transmitter(address=address, first_ns=time_ns, last_ns=time_ns)
                if len(self._new) >= MAX_NEW:
                    del self._new[next(iter(self._new))]
                    counts.evicted += 1
            self._new[address] = found
            if found.packets >= PROMOTION_PACKETS and time_ns - found.first_ns >= PROMOTION_NS:
                self._promote(found, counts)
        found.packets += 1
        found.last_ns = time_ns
        return found

    def _promote(self, transmitter: Transmitter, counts: Counts) -> None:
        del self._new[transmitter.address]
        if len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
            counts.evicted += 1
        self._known[transmitter.address] = transmitter

    def _detection(
        self, transmitter: Transmitter, claim: Claim | None, packet: Packet, counts: Counts
    ) -> Detection | None:
        place = None if claim is None else place_of(claim)
        if claim is None or place is None:
            counts.no_place += claim is not None
            return self._presence(transmitter, packet, counts)
        time_ns = packet.time_ns
        age_s = repeat_age_s(transmitter, claim, time_ns)
        transmitter.trust.fade(time_ns)
        if age_s is None:
            self._weigh(transmitter, claim, place, packet, counts)
        transmitter.place_ns, (transmitter.lat_deg, transmitter.lon_deg) = time_ns, place
        measurement, features = measure(transmitter, claim, place, time_ns, age_s)
        if transmitter.trust.against:
            features += transmitter.trust.features()
        return Detection(
            id=f"{self._scan_id(packet, counts)}#0",
            measurement=measurement,
            class_llr=_CLASS_LLR.get(transmitter.ua_type, _MULTIROTOR),
            identity=transmitter.identity or identity_of(transmitter),
            evidence=_evidence(transmitter, packet),
            features=features,
        )

    def _weigh(
        self, transmitter: Transmitter, claim: Claim, place: LatLon, packet: Packet, counts: Counts
    ) -> None:  # fmt: skip
        """Hold a new claim of a place against physics (`trust`)."""
        trust, time_ns = transmitter.trust, packet.time_ns
        if jumped(transmitter, place, time_ns):
            counts.jumps += 1
            trust.blame("jump", JUMP_NATS)
        move(trust, place, *velocity_of(claim), time_ns)
        sensor = self._sensor.get(packet.sensor)
        if isinstance(claim, Location):
            stamp(trust, claim, time_ns, sensor.clock_sigma_s if sensor else 0.0)
        if sensor and sensor.position:
            range_m = distance_m(sensor.position.lat_deg, sensor.position.lon_deg, *place)
            reach(trust, range_m, sensor.coverage.max_m)
            if packet.rssi_dbm is not None:
                hear(trust, packet.sensor, range_m, packet.rssi_dbm, time_ns)
        system = transmitter.system
        if system and system.location_type and system.lat_deg is not None and system.lon_deg is not None:
            control(trust, place, (system.lat_deg, system.lon_deg))

    def _presence(self, transmitter: Transmitter, packet: Packet, counts: Counts) -> Detection | None:
        """Return a presence for a known sender without a place, unless one was told less than a second ago."""
        time_ns = packet.time_ns
        placed_ns, told_ns = transmitter.place_ns, transmitter.presence_ns
        if not transmitter.ids or (placed_ns is not None and abs(time_ns - placed_ns) < PLACE_KEEPS_NS):
            return None
        if told_ns is not None and abs(time_ns - told_ns) < PRESENCE_EVERY_NS:
            return None
        transmitter.presence_ns = time_ns
        return Detection(
            id=f"{self._scan_id(packet, counts)}#0",
            measurement=Presence(),
            class_llr=_CLASS_LLR.get(transmitter.ua_type, _MULTIROTOR),
            identity=identity_of(transmitter),
            evidence=_evidence(transmitter, packet),
            features=transmitter.traits,
        )

    def _scan_id(self, packet: Packet, counts: Counts) -> str:
        """Return `sensor@time_ns`, with a running number where the sensor's time did not go forward."""
        if packet.time_ns > counts.last_time_ns:
            counts.last_time_ns = packet.time_ns
            return scan_id(packet.sensor, packet.time_ns)
        counts.same_time += 1
        return f"{scan_id(packet.sensor, packet.time_ns)}.{counts.same_time}"

    # --- health ---------------------------------------------------------------------------------------------

    def _mark(self, counts: Counts, received_ns: int) -> None:
        """Set when to tell of new trouble, or that it is over: now if never told, else 10 s after the last time."""
        if counts.due_ns is not None or not (counts.degraded or trouble(counts) != counts.told):
            return
        told_ns = counts.told_ns
        counts.due_ns = received_ns if told_ns is None else max(received_ns, told_ns + HEALTH_EVERY_NS)
        if self._due_ns is None or counts.due_ns < self._due_ns:
            self._due_ns = counts.due_ns

    def _hurry(self, event: Health) -> None:
        """The source told of its own health, perhaps at its end: tell what is pending now."""
        counts = self._sensors[event.source]
        if counts.due_ns is not None and event.received_ns < counts.due_ns:
            counts.due_ns = event.received_ns
            self._schedule()

    def _schedule(self) -> None:
        due = [counts.due_ns for counts in self._sensors.values() if counts.due_ns is not None]
        self._due_ns = min(due, default=None)

    def _tell(self, until_ns: int, made: list[AnyEvent]) -> None:
        """Append the health of all sensors that are due, in order of time and name."""
        due = [(counts.due_ns, sensor) for sensor, counts in self._sensors.items() if counts.due_ns is not None]
        for due_ns, sensor in sorted(due):
            if due_ns <= until_ns:
                made.append(health_of(sensor, due_ns, self._sensors[sensor]))
        self._schedule()


def _evidence(transmitter: Transmitter, packet: Packet) -> tuple[str, ...]:
    """Return the packet behind a detection, with those of an authentication that none has named yet."""
    if not transmitter.signed_by:
        return (packet.id,)
    signed_by, transmitter.signed_by = transmitter.signed_by, ()
    return (packet.id, *[name for name in signed_by if name != packet.id])


def _scan(packet: Packet, detection: Detection) -> Scan:
    return Scan(
        id=detection.id[:-2],
        time_ns=packet.time_ns,
        received_ns=packet.received_ns,
        sensor=packet.sensor,
        detections=(detection,),
    )
