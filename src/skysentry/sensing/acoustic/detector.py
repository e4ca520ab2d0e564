"""`AcousticDetector`: blocks of sound in, one `Scan` per second of sound and microphone out.

A scan holds one detection where something that flies is likelier than nothing there (`fuse.DETECT_LLR`), by all that
was heard or by this second alone (feature `one_second`: its ratios are of that second), or where a confuser is told by
name (`fuse.GROUND_LLR`; its class is `ground_source`, its name a feature `confuser_NAME`), else it is empty, and its
emptiness is a statement: silence. `noise_db` is the floor between 100 and 2,000 Hz, dB relative to full scale.
`reach_m` shrinks from what the site believes (`coverage.max_m`, true at the place's quietest) by spherical spreading,
10^(−dB/20); without the sensor in the site it is unknown. A microphone whose samples never change hears nothing: its
scans have a reach of 0, so their silence says nothing, and a `Health` says so.

Bad blocks are counted and told in a `Health`, at most one per microphone in 10 s of arrival time. So is wind: a floor
12 dB above the quietest that the place has been, for half a minute.
Left out: direction (arrays).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from skysentry.errors import StateError
from skysentry.events import (
    AnyEvent,
    Block,
    Detection,
    Health,
    HealthState,
    ObjectClass,
    Presence,
    Scan,
    scan_id,
)
from skysentry.sensing.acoustic import fuse, llr
from skysentry.sensing.acoustic.comb import Comb
from skysentry.sensing.acoustic.ear import LOUD_SCORE, Ear, EarState, Second
from skysentry.site import Sensor, SensorKind, Site

SNAPSHOT_VERSION = 3
HEALTH_EVERY_NS = 10_000_000_000
# No sound card is faster: pairs or complex numbers that come faster are radio, another stage's business.
FASTEST_SOUND_HZ = 1_000_000.0
# An ear holds up to 1 MB (a second at 200 kHz); a server hears a few thousand microphones.
MOST_EARS = 10_000
# So many seconds without any change of a sample are no pause but a dead microphone.
DEAF_S = 5
# A floor so far above the quietest of the place leaves a quarter of the reach; for so long it is no gust.
DROWNED_DB, DROWNED_S = 12.0, 30
TOO_MANY = "acoustic"
BANDS = (llr.HIGH_BAND, llr.LOW_BAND, llr.PISTON_BAND)
MENDS = {
    "unknown sample type": "send int16, int32, float32 or float64",
    "impossible time": "check the clock of the node",
    "impossible rate": "check rate_hz: 4 to 200 kHz",
    "impossible shape": "check (frames, channels): 1 to 64 channels, at most 10 s in a block",
    "length does not fit the shape": "check what cuts the sound into blocks",
    "samples that are not numbers": "check the driver of the sound card",
    "clipped seconds": "lower the gain",
    "gap": "check the link and the load of the node",
    "repeated or late sound": "check the clock and the order of blocks",
    "clock went back": "check the clock of the node",
    "rate changed": "keep one rate per microphone",
}


class Care(Struct):
    """What went wrong with one source, and when that was last told."""

    counts: dict[str, int] = {}
    told: bool = True
    told_ns: int | None = None
    deaf_s: int = 0
    drowned_s: int = 0
    drowned: bool = False
    latest: str = ""


class State(Struct):
    """The snapshot."""

    version: int
    ears: dict[str, EarState]
    cares: dict[str, Care]


class AcousticDetector:
    """The stage from sound to presence. What the site knows as something else than a microphone is not heard."""

    def __init__(self, site: Site) -> None:
        self.sensors = {sensor.id: sensor for sensor in site.sensors}
        self.ears: dict[str, Ear] = {}
        self.cares: dict[str, Care] = {}

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each second completed, and the health of microphones that have a fault."""
        blocks = [event for event in events if isinstance(event, Block) and self._is_sound(event)]
        blocks.sort(key=lambda block: (block.received_ns, block.time_ns, block.id))
        made: list[AnyEvent] = []
        for block in blocks:
            self._hear(block, made)
        return made

    def _is_sound(self, block: Block) -> bool:
        sensor = self.sensors.get(block.sensor)
        radio = block.dtype == "complex64" or block.shape[1] == 2
        if sensor is None:
            return not (radio and block.rate_hz > FASTEST_SOUND_HZ)
        # An array that says where its microphones are is for `array.detector`.
        return sensor.kind is SensorKind.MICROPHONE or (sensor.kind is SensorKind.ARRAY and not sensor.mics)

    def _hear(self, block: Block, made: list[AnyEvent]) -> None:
        name = block.sensor
        if name not in self.ears:
            if len(self.ears) >= MOST_EARS:
                self._count(TOO_MANY, ["blocks of too many microphones"], block, made)
                return
            self.ears[name], self.cares[name] = Ear(BANDS), Care()
        seconds, wrong = self.ears[name].hear(block)
        sensor = self.sensors.get(name)
        for second in seconds:
            made.append(look(name, second, sensor))
            self._listen(name, second, block, made)
            self._drown(name, second, block, made)
        self._count(name, wrong, block, made)

    def _listen(self, name: str, second: Second, block: Block, made: list[AnyEvent]) -> None:
        """Tell when a microphone falls deaf and when it hears again."""
        care = self.cares[name]
        was_deaf = care.deaf_s >= DEAF_S
        care.deaf_s = min(care.deaf_s + 1, DEAF_S) if second.deaf else 0
        is_deaf = care.deaf_s >= DEAF_S
        if is_deaf and not was_deaf:
            care.counts["fell deaf"] = care.counts.get("fell deaf", 0) + 1
            reason = f"hears nothing at all: no sample has changed for {DEAF_S} s"
            mend = "check the microphone, its cable and its gain"
            made.append(_health(name, second.time_ns, block.received_ns, HealthState.LOST, reason, mend, care))
        elif was_deaf and not is_deaf:
            reason = "hears again"
            made.append(_health(name, second.time_ns, block.received_ns, HealthState.OK, reason, "", care))

    def _drown(self, name: str, second: Second, block: Block, made: list[AnyEvent]) -> None:
        """Tell when wind, rain or a machine nearby leaves a microphone a quarter of its reach, and when it is over."""
        care = self.cares[name]
        step = 1 if second.louder_db >= DROWNED_DB else -1
        care.drowned_s = min(max(care.drowned_s + step, 0), DROWNED_S)
        if care.drowned_s == DROWNED_S and not care.drowned:
            care.drowned, care.counts["drowned"] = True, care.counts.get("drowned", 0) + 1
            reason = f"hears a quarter as far or less: its floor is {second.louder_db:.0f} dB above the quietest here"
            mend = "wind, rain or a machine nearby: shelter it, or wait; its silence counts for less until then"
            made.append(_health(name, second.time_ns, block.received_ns, HealthState.DEGRADED, reason, mend, care))
        elif care.drowned_s == 0 and care.drowned:
            care.drowned = False
            reason = "hears as far as before"
            made.append(_health(name, second.time_ns, block.received_ns, HealthState.OK, reason, "", care))

    def _count(self, name: str, wrong: list[str], block: Block, made: list[AnyEvent]) -> None:
        """Count faults, and tell them if the last time is long enough ago."""
        care = self.cares.get(name)
        if care is None:
            care = self.cares[name] = Care()
        for fault in wrong:
            care.counts[fault] = care.counts.get(fault, 0) + 1
            care.told, care.latest = False, fault
        since_ns = None if care.told_ns is None else block.received_ns - care.told_ns
        if not care.told and (since_ns is None or since_ns >= HEALTH_EVERY_NS):
            care.told, care.told_ns = True, block.received_ns
            mend = MENDS.get(care.latest, "declare them in the site, or stop what sends them")
            state = HealthState.DEGRADED
            made.append(_health(name, block.time_ns, block.received_ns, state, care.latest, mend, care))

    def forget(self, name: str) -> None:
        """Drop what is remembered of one source: a beam that is no longer formed."""
        self.ears.pop(name, None)
        self.cares.pop(name, None)

    def snapshot(self) -> bytes:
        """Return the state of all ears."""
        ears = {name: ear.state() for name, ear in self.ears.items()}
        return msgspec.msgpack.encode(State(SNAPSHOT_VERSION, ears, self.cares))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        try:
            read = msgspec.msgpack.decode(state, type=State)
            if read.version != SNAPSHOT_VERSION:
                raise StateError("the snapshot is of another version", hint="start with --fresh to leave it aside")
            ears = {name: Ear(BANDS, ear) for name, ear in read.ears.items()}
        except (msgspec.DecodeError, ValueError) as error:
            raise StateError(f"the snapshot of the acoustic detector cannot be read: {error}") from None
        self.ears, self.cares = ears, read.cares


def look(name: str, second: Second, sensor: Sensor | None) -> Scan:
    """Return the scan of one second."""
    found = _detection(scan_id(name, second.time_ns), second) if speaks(second) else None
    return Scan(
        id=scan_id(name, second.time_ns),
        time_ns=second.time_ns,
        received_ns=second.received_ns,
        sensor=name,
        time_sigma_ns=0 if sensor is None else round(sensor.clock_sigma_s * 1e9),
        detections=() if found is None else (found,),
        noise_db=round(second.noise_db, 3),
        reach_m=_reach_m(second, sensor),
    )


def loudest(second: Second) -> Comb:
    """Return the strongest comb of a second in any band."""
    return max(second.high, second.low, second.piston, key=lambda found: found.score)


def measured_llr(second: Second, model: llr.Model = llr.MODEL) -> tuple[tuple[ObjectClass, float], ...]:
    """Return the log-likelihood ratios of one second."""
    z = llr.sample(second.high.score, second.low.score, second.flutter_db)
    piston_z = llr.sample(second.piston.score, second.low.score, second.flutter_db)
    return llr.class_llr(z, piston_z, model)


def speaks(second: Second) -> bool:
    """Whether a second has a detection: something flies, or a machine, a voice or thunder is told by name."""
    if second.deaf:
        return False
    if flying(second) is not None:
        return True
    return fuse.ground(second.belief, second.place) >= fuse.GROUND_LLR or unknown(second) > 0.0


def flying(second: Second) -> tuple[float, ...] | None:
    """Return the belief by which something flies: that of all that was heard, else of the second alone, else None."""
    told = (one for one in (second.belief, second.alone) if one is not None)
    return next((one for one in told if fuse.flies(one, second.place) >= fuse.DETECT_LLR), None)


def comb_speaks(second: Second, model: llr.Model = llr.MODEL) -> bool:
    """Whether the comb alone would: it stands above noise, is no mains hum, and likelier a machine than nothing."""
    if second.deaf or second.hum or loudest(second).score <= LOUD_SCORE:
        return False
    return llr.machine_llr(measured_llr(second, model)) >= llr.DETECT_LLR


def unknown(second: Second) -> float:
    """Return the ratio for "unknown mechanical source": a comb that drones on, and no kind that explains it; else 0."""
    if not comb_speaks(second) or not fuse.lost(second.log_p):
        return 0.0
    return llr.machine_llr(measured_llr(second))


def _detection(scan: str, second: Second) -> Detection:
    best, other = loudest(second), unknown(second)
    belief, place = flying(second) or second.belief, second.place
    fast = belief is not second.belief
    strange = ((ObjectClass.OTHER, other),) if other > 0.0 else ()
    flies = fuse.flies(belief, place)
    return Detection(
        id=f"{scan}#0",
        measurement=Presence(level_db=best.height_db),
        class_llr=fuse.ratios(belief, place) + strange,
        snr_db=best.height_db,
        evidence=second.evidence,
        features=(
            ("f0_hz", best.f0_hz),
            ("f0_drift_per_s", second.drift_per_s),
            ("comb_score", best.score),
            ("dwell_s", best.dwell_s),
            ("flutter_db", second.flutter_db),
            ("flies_llr", flies),
            ("drone_llr", fuse.drone(belief, place)),
            ("confirmed", float(flies >= fuse.CONFIRM_LLR and not fast)),
            *((("one_second", 1.0),) if fast else ()),
            *((("unknown_mechanical_source", other),) if strange else ()),
            *((("no_motion_heard_s", float(second.still_s)),) if second.still_s else ()),
            *fuse.confusers(belief),
        ),
    )


def _reach_m(second: Second, sensor: Sensor | None) -> float | None:
    if second.deaf:
        return 0.0
    if sensor is None:
        return None
    return round(sensor.coverage.max_m * math.exp(-second.louder_db * math.log(10.0) / 20.0), 1)


def _health(
    name: str, time_ns: int, received_ns: int, state: HealthState, reason: str, mend: str, care: Care
) -> Health:
    return Health(
        id=f"health:{name}:acoustic:{state}@{received_ns}",
        time_ns=time_ns,
        received_ns=received_ns,
        source=name,
        state=state,
        reason=reason,
        mend=mend,
        counts=tuple(sorted(care.counts.items())),
    )
