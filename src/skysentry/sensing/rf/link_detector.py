"""`LinkDetector`: blocks of radio samples in, one `Scan` a block out: which links transmit that tell no identity.

Of each block the first `LOOK_S` are looked at (bounded work: some 20 Msps a core at whole time; a receiver that sends
half-second blocks costs a fifth of that). A scan holds a detection for each link found (`link_kinds`), with `Presence`
and no position, and is empty where nothing is or where only Wi-Fi, Bluetooth and LTE are. The name of a link is a
feature `link_NAME` (its score); others say centre, width, power, duty, period of packets. `centre_hz` is absolute where
the block says its `centre_hz`, else relative to the tuned frequency (`offset_hz`). `noise_db` is the floor, dB relative
to full scale in the whole band. Content is never demodulated.

Every block stands alone: nothing learned is carried on, so the order and the cut of blocks change no scan but their
own. What is wrong with blocks is counted and told in a `Health`, at most one a receiver in 10 s of arrival time.
Left out: a floor learned by channel (a receiver's ripple beyond `UNNAMED_DB` looks like a link without a name), more
than one hopper at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
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
    health,
    scan_id,
)
from skysentry.sensing.rf import link_bursts, link_cycles, link_kinds
from skysentry.sensing.rf.link_kinds import Found, Look
from skysentry.sensing.rf.samples import Samples, centred, wrong_with
from skysentry.site import SensorKind, Site

SNAPSHOT_VERSION = 1
LOOK_S = 0.1
# Of line rates a part is enough (`bench.rf_links`), and they cost the most.
LINE_S = 0.04
# The shortest look: twenty symbols of Wi-Fi's or one of LTE's; less says nothing and is no scan.
LEAST_S = 0.0005
# A look longer than this in samples is cut: 61.44 Msps for 0.1 s.
MOST_SAMPLES = 6_144_000
HEALTH_EVERY_NS = 10_000_000_000
MOST_RECEIVERS = 1_000
# What no microphone reaches (the sound stages use the same bound).
SLOWEST_UNDECLARED_HZ = 1_000_000.0
MENDS = {
    "impossible rate": "check rate_hz: 0.2 to 1,000 Msps",
    "unknown sample type": "send complex64, or pairs of int16, int8 or uint8",
    "length does not fit the shape": "check what cuts the samples into blocks",
    "samples that are not numbers": "check the driver of the receiver",
    "blocks of too many receivers": "declare them in the site, or stop what sends them",
}


class Care(Struct):
    """What went wrong with one receiver, and when that was last told."""

    counts: dict[str, int] = {}
    told_ns: int | None = None


class State(Struct):
    """The snapshot."""

    version: int
    cares: dict[str, Care]


class LinkDetector:
    """The stage from radio samples to the presence of links."""

    def __init__(self, site: Site) -> None:
        self.sensors = {sensor.id: sensor for sensor in site.sensors}
        self.cares: dict[str, Care] = {}

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each block of a radio receiver, and the health of those with a fault."""
        blocks = [event for event in events if isinstance(event, Block) and self._is_radio(event)]
        blocks.sort(key=lambda block: (block.received_ns, block.time_ns, block.id))
        made: list[AnyEvent] = []
        for block in blocks:
            self._take(block, made)
        return made

    def _is_radio(self, block: Block) -> bool:
        sensor = self.sensors.get(block.sensor)
        if sensor is not None:
            return sensor.kind is SensorKind.RF
        return block.rate_hz > SLOWEST_UNDECLARED_HZ and (block.dtype == "complex64" or block.shape[1] == 2)

    def _take(self, block: Block, made: list[AnyEvent]) -> None:
        wrong = wrong_with(block)
        x = None if wrong else centred(block, min(MOST_SAMPLES, int(LOOK_S * block.rate_hz)))
        if not wrong and x is None:
            wrong = "samples that are not numbers"
        if wrong:
            made += self._count(block, wrong)
        elif x is not None and len(x) >= LEAST_S * block.rate_hz:
            made.append(self._scan(block, x))

    def _scan(self, block: Block, x: Samples) -> Scan:
        sensor = self.sensors.get(block.sensor)
        name = scan_id(block.sensor, block.time_ns)
        power = float(np.mean(np.abs(x) ** 2))
        look, floor = measure(x, block.rate_hz, block.centre_hz) if power > 0.0 else (None, 0.0)
        found = [] if look is None else link_kinds.judge(look)
        return Scan(
            id=name,
            time_ns=block.time_ns,
            received_ns=block.received_ns,
            sensor=block.sensor,
            time_sigma_ns=0 if sensor is None else round(sensor.clock_sigma_s * 1e9),
            detections=tuple(
                _detection(f"{name}#{index}", each, look, block) for index, each in enumerate(found) if look
            ),
            noise_db=round(10.0 * float(np.log10(max(floor, 1e-20))), 3),
            # Samples that are all the same come from no antenna: their silence says nothing.
            reach_m=0.0 if look is None else None,
        )

    def _count(self, block: Block, wrong: str) -> list[Health]:
        name = block.sensor
        if name not in self.cares and len(self.cares) >= MOST_RECEIVERS:
            name, wrong = "radio", "blocks of too many receivers"
        care = self.cares.setdefault(name, Care(counts={}))
        care.counts[wrong] = care.counts.get(wrong, 0) + 1
        if care.told_ns is not None and block.received_ns - care.told_ns < HEALTH_EVERY_NS:
            return []
        care.told_ns = block.received_ns
        counts = tuple(sorted(care.counts.items()))
        return [health(name, block.received_ns, HealthState.DEGRADED, wrong, MENDS[wrong], counts, part="radio")]

    def snapshot(self) -> bytes:
        """Return the counts of all receivers."""
        return msgspec.msgpack.encode(State(SNAPSHOT_VERSION, self.cares))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        try:
            read = msgspec.msgpack.decode(state, type=State)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot of the link detector cannot be read: {error}") from None
        if read.version != SNAPSHOT_VERSION:
            raise StateError("the snapshot is of another version", hint="start with --fresh to leave it aside")
        self.cares = read.cares


def measure(x: Samples, rate_hz: float, centre_hz: float | None = None) -> tuple[Look, float]:
    """Return what is measured in one look, and the power of the noise floor in the whole band."""
    power, row_s = link_bursts.spectrogram(x, rate_hz)
    if not len(power):
        return Look("pal", 0.0, 0.0, 0.0, 0.0, (), link_bursts.Rhythm(), centre_hz), 0.0
    floor = float(np.percentile(link_bursts.inside(power.mean(axis=0)), 20.0)) + 1e-30
    line_name, line = link_cycles.line_score(x[: int(LINE_S * rate_hz)], rate_hz)
    bits = link_cycles.prefix_score(x, rate_hz, link_cycles.WIFI, link_cycles.OFF_LAG)
    hops = link_bursts.packets(power, rate_hz, row_s)
    look = Look(
        line_name=line_name,
        line=line,
        prefix=link_cycles.prefix_score(x, rate_hz, link_cycles.LTE_LIKE),
        wifi=link_cycles.prefix_score(x, rate_hz, link_cycles.WIFI) - 2.0 * max(bits, 0.0),
        frame=link_cycles.frame_score(x, rate_hz),
        regions=tuple(link_bursts.regions(power, rate_hz, floor)),
        rhythm=link_bursts.rhythm(hops, rate_hz, power.shape[1]),
        centre_hz=centre_hz,
    )
    return look, floor


def _detection(name: str, found: Found, look: Look, block: Block) -> Detection:
    if found.name == "unnamed":
        said: tuple[tuple[ObjectClass, float], ...] = ((ObjectClass.OTHER, round(found.nats, 4)),)
    else:
        said = tuple((kind, round(share * found.nats, 4)) for kind, share in link_kinds.CLASSES)
    level_db = found.region.power_db if found.region else look.rhythm.power_db
    level_db = round(min(max(float(level_db), -200.0), 200.0), 3)
    return Detection(
        id=name,
        measurement=Presence(level_db=level_db),
        class_llr=said,
        snr_db=level_db,
        evidence=(block.id,),
        features=((f"link_{label(found, look)}", round(found.score, 3)), *features(found, look)),
    )


def label(found: Found, look: Look) -> str:
    """Return the name of a link, e.g. analogue_video_pal."""
    return f"{found.name}_{look.line_name}" if found.name == "analogue_video" else found.name


def features(found: Found, look: Look) -> tuple[tuple[str, float], ...]:
    """Return what was measured of a link."""
    told: list[tuple[str, float]] = []
    region, rhythm = found.region, look.rhythm
    if region is not None:
        told += [("offset_hz", region.centre_hz), ("width_hz", region.width_hz)]
        told += [("power_db", region.power_db), ("duty", region.duty)]
        if look.centre_hz is not None:
            told.append(("centre_hz", look.centre_hz + region.centre_hz))
    if found.name == "analogue_video":
        told.append(("line_rate_hz", link_cycles.LINE_HZ[look.line_name]))
    if found.name == "control_link":
        told += [("packet_period_s", rhythm.period_s), ("packet_length_s", rhythm.length_s)]
        told += [("packets", float(rhythm.packets)), ("channels", float(rhythm.channels))]
    return tuple((key, round(float(value), 6)) for key, value in told)
