"""`DroneIdReceiver`: radio samples in, DJI DroneID out, decoded or only present.

    Block ─samples─▶ stream ─chunks─▶ search ─burst─▶ read ─bytes─▶ `wire.droneid` ─▶ Scan

A burst whose code word fits and that holds a place becomes a `Position`: a claim of the transmitter, with its
`Identity` (`dji_serial`), the pilot's place and home in it. One without a place, or whose fields are damaged, is
`Presence`; so is one that cannot be decoded: "something transmits DroneID", with its frequency and signal to noise, and
the feature `undecoded`. Where bursts that are loud enough to decode never fit, `Health` says that they are encrypted or
of a newer kind; what they hold is never guessed. Silence is for `link_detector` to tell, which looks at all of a band.

Blocks are cut where chance will have it. What is left over is looked at at once, with what came before, and again when
more has come; a burst is told once, or twice where it could be decoded only when its end had come. Samples that are
lost between blocks start the stream anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.errors import DecodeError, StateError
from skysentry.events import (
    AnyEvent,
    Block,
    Detection,
    HealthState,
    ObjectClass,
    Presence,
    Scan,
    health,
    scan_id,
)
from skysentry.sensing.rf.droneid_claims import Claims, within_m
from skysentry.sensing.rf.droneid_search import Found, offsets, search
from skysentry.sensing.rf.droneid_signal import BURST, RATE_HZ, SIZE
from skysentry.sensing.rf.samples import is_radio, samples, wrong_with
from skysentry.site import SensorKind, Site
from skysentry.wire import dji_wifi, droneid

SNAPSHOT_VERSION = 2
# Where DJI's downlinks lie: 15 MHz apart in both bands (bursts hop among these; reference/signals.md 3.1).
RASTER_HZ = tuple(1e6 * mhz for mhz in (
    2_399.5, 2_414.5, 2_429.5, 2_434.5, 2_444.5, 2_459.5, 2_474.5,
    5_721.5, 5_731.5, 5_741.5, 5_756.5, 5_771.5, 5_786.5, 5_801.5, 5_816.5, 5_831.5,
))  # fmt: skip
# Below this no code word of rate 0.39 can be decoded (Shannon: −5.1 dB): a burst is present, and not tried.
LEAST_SNR_DB = -6.5
# Above this every code word that we know decodes; so many in a row that do not are of another kind.
CLEAR_SNR_DB, UNKNOWN_IN_A_ROW = 2.0, 3
# Samples of a chunk, and what chunks share (both at 15.36 Msps): a burst, half of a channel's step of the chirp at
# either end, and the filter's ringing. A burst has to lie whole in one: long chunks share a smaller part.
CHUNK = 262_144
SHARED = BURST + 3 * SIZE
# Bursts that are remembered to tell them once; receivers that are followed.
REMEMBERED, MOST_STREAMS = 64, 64
# The class that a decoded and an undecoded burst speak for: only DJI's aircraft send it, nearly all of four rotors; its
# remote control does not. A forger can, which is for tracking to doubt.
DECODED_LLR, PRESENT_LLR = 5.0, 3.0


class Stream(Struct):
    """One receiver's samples that were not yet looked at, from where they count, and what was told."""

    rate_hz: float
    start_ns: int
    first: int = 0
    rest: bytes = b""
    told: list[tuple[int, bool]] = []
    unknown: int = 0
    counts: dict[str, int] = {}
    faults: int = 0


class State(Struct):
    """The snapshot."""

    version: int
    streams: dict[str, Stream]
    claims: Claims


class DroneIdReceiver:
    """The stage from radio samples to DroneID."""

    def __init__(self, site: Site) -> None:
        self.sensors = {sensor.id: sensor for sensor in site.sensors}
        self.streams: dict[str, Stream] = {}
        self.claims = Claims()

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each burst, and the health of receivers."""
        blocks = [event for event in events if isinstance(event, Block) and self._is_mine(event)]
        blocks.sort(key=lambda block: (block.received_ns, block.time_ns, block.id))
        made: list[AnyEvent] = []
        last = {block.sensor: block.id for block in blocks}
        for block in blocks:
            self._take(block, last[block.sensor] == block.id, made)
        return made

    def _is_mine(self, block: Block) -> bool:
        sensor = self.sensors.get(block.sensor)
        if sensor is not None and sensor.kind is not SensorKind.RF:
            return False
        return is_radio(block) and block.rate_hz >= RATE_HZ * (1.0 - 1e-6)

    def _take(self, block: Block, looks_ahead: bool, made: list[AnyEvent]) -> None:
        name = block.sensor
        stream = self.streams.get(name)
        if stream is None and len(self.streams) >= MOST_STREAMS:
            return
        if wrong := wrong_with(block):
            self._fault(name, block, wrong, made)
            return
        heard, broken = samples(block)
        if stream is None or stream.rate_hz != block.rate_hz or self._gap(stream, block):
            counts, faults = (stream.counts, stream.faults) if stream is not None else ({}, 0)
            stream = Stream(block.rate_hz, block.time_ns, counts=counts, faults=faults)
            self.streams[name] = stream
        if broken:
            self._fault(name, block, "samples that are no numbers", made)
        self._look(name, stream, heard, block, looks_ahead, made)

    def _gap(self, stream: Stream, block: Block) -> bool:
        """Whether a block does not go on where the last one ended, within what clocks of receivers are worth."""
        held = stream.first + len(stream.rest) // 8
        expected_ns = stream.start_ns + held / stream.rate_hz * 1e9
        return abs(block.time_ns - expected_ns) > 1e6

    def _look(
        self,
        name: str,
        stream: Stream,
        heard: NDArray[np.complex64],
        block: Block,
        looks_ahead: bool,
        made: list[AnyEvent],
    ) -> None:
        ratio = block.rate_hz / RATE_HZ
        size, shared = math.ceil(CHUNK * ratio), math.ceil(SHARED * ratio)
        places = offsets(block.rate_hz, block.centre_hz, RASTER_HZ)
        whole = np.concatenate([np.frombuffer(stream.rest, np.complex64), heard])
        at = 0
        while at + size <= whole.shape[0]:
            self._tell_all(name, stream, whole[at : at + size], at, places, block, made)
            at += size - shared
        left = whole[at:]
        if looks_ahead and left.shape[0] > BURST // 2:
            ending = np.concatenate([left, np.zeros(shared, np.complex64)])
            self._tell_all(name, stream, ending, at, places, block, made)
        stream.first += at
        stream.rest = left.tobytes()

    def _tell_all(
        self,
        name: str,
        stream: Stream,
        chunk: NDArray[np.complex64],
        at: int,
        places: tuple[float, ...],
        block: Block,
        made: list[AnyEvent],
    ) -> None:
        ratio = block.rate_hz / RATE_HZ
        for found in search(chunk, block.rate_hz, places):
            begin = stream.first + at + round(found.at * ratio)
            near = 4.0 * ratio
            known = [decoded for when, decoded in stream.told if abs(when - begin) <= near]
            if any(known):
                continue
            detection = self._detection(name, stream, found, begin, block)
            decoded = not any(key == "undecoded" for key, _ in detection.features)
            if known and not decoded:
                continue
            stream.told = [*stream.told, (begin, decoded)][-REMEMBERED:]
            made.append(self._scan(name, detection, block))
            if not known:
                self._heed(name, stream, detection, decoded, block, made)

    def _detection(self, name: str, stream: Stream, found: Found, begin: int, block: Block) -> Detection:
        from skysentry.sensing.rf.droneid_burst import read

        time_ns = stream.start_ns + round(begin / stream.rate_hz * 1e9)
        scan = scan_id(name, time_ns)
        got = read(found.cut) if found.snr_db > LEAST_SNR_DB else None
        offset_hz = found.offset_hz + (got.beside_hz if got else 0.0)
        snr_db = max(found.snr_db, got.snr_db) if got else found.snr_db
        features = [("droneid", 1.0), ("offset_hz", round(offset_hz, 1))]
        if block.centre_hz is not None:
            features.append(("frequency_hz", round(block.centre_hz + offset_hz, 1)))
        record = _record(got.data if got else None)
        if record is None:
            features.append(("undecoded", 1.0))
            if got is not None and got.data is not None:
                features.append(("damaged", 1.0))
        measurement, identity, more = self.claims.weigh(record, time_ns, snr_db, self.sensors.get(name))
        llr = PRESENT_LLR if record is None else DECODED_LLR
        return Detection(
            id=f"{scan}#0",
            measurement=measurement or Presence(level_db=round(snr_db, 1)),
            class_llr=((ObjectClass.MULTIROTOR, llr),),
            snr_db=round(snr_db, 1),
            identity=identity,
            evidence=(block.id,),
            features=(*features, *more),
        )

    def _scan(self, name: str, detection: Detection, block: Block) -> Scan:
        sensor = self.sensors.get(name)
        return Scan(
            id=detection.id[:-2],
            time_ns=int(detection.id[:-2].rpartition("@")[2]),
            received_ns=block.received_ns,
            sensor=name,
            time_sigma_ns=0 if sensor is None else round(sensor.clock_sigma_s * 1e9),
            detections=(detection,),
            reach_m=within_m(detection.snr_db or 0.0, sensor) if isinstance(detection.measurement, Presence) else None,
        )

    def _heed(
        self, name: str, stream: Stream, detection: Detection, decoded: bool, block: Block, made: list[AnyEvent]
    ) -> None:
        """Count, and say where loud bursts never decode."""
        key = "bursts decoded" if decoded else "bursts not decoded"
        stream.counts[key] = stream.counts.get(key, 0) + 1
        clear = (detection.snr_db or 0.0) > CLEAR_SNR_DB and not any(k == "damaged" for k, _ in detection.features)
        stream.unknown = 0 if decoded else stream.unknown + clear
        if stream.unknown == UNKNOWN_IN_A_ROW:
            reason = f"{UNKNOWN_IN_A_ROW} clear DroneID bursts in a row do not decode: encrypted, or of a newer kind"
            made.append(health(name, block.received_ns, HealthState.OK, reason, "", _counts(stream), part="droneid"))

    def _fault(self, name: str, block: Block, what: str, made: list[AnyEvent]) -> None:
        """Count what is wrong with a receiver; tell the first, and every hundredth after."""
        stream = self.streams.setdefault(name, Stream(block.rate_hz, block.time_ns))
        stream.counts[what] = stream.counts.get(what, 0) + 1
        stream.faults += 1
        if stream.faults % 100 == 1:
            mend = "check the receiver and what it is said to deliver"
            made.append(
                health(name, block.received_ns, HealthState.DEGRADED, what, mend, _counts(stream), part="droneid")
            )

    def snapshot(self) -> bytes:
        """Return the state of all streams, and who was heard."""
        return msgspec.msgpack.encode(State(SNAPSHOT_VERSION, self.streams, self.claims))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        try:
            read = msgspec.msgpack.decode(state, type=State)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot of the DroneID receiver cannot be read: {error}") from None
        if read.version != SNAPSHOT_VERSION:
            raise StateError("the snapshot is of another version", hint="start with --fresh to leave it aside")
        self.streams, self.claims = read.streams, read.claims


def _record(data: bytes | None) -> dji_wifi.Telemetry | dji_wifi.Purpose | None:
    try:
        return None if data is None else droneid.decode(data)
    except DecodeError:
        return None


def _counts(stream: Stream) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(stream.counts.items()))
