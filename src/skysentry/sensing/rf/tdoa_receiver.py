"""`TdoaReceiver`: blocks of radio samples of receivers with a common time in, places or time differences out.

Receivers are those of kind `rf` with a place and a clock within `SYNCHRONOUS_S` (site.toml: `clock = "gpsdo"`,
`clock_sigma_s = 2e-8`). The blocks of one instant, of one rate and one `centre_hz`, wait until all have come or
`WAIT_NS` of received time are over; of the part that all share, the `SNIPPET` samples with the most power at the first
receiver are compared (`tdoa_delay`). Sigma of a difference: the bound, both clocks, and both receivers' places.
Four receivers give a `Position` (`tdoa_fix`), in the scan of the first: only a place can found a track, and three
hyperbolas that agree are one. Fewer, or where the place is not sure, give `Tdoa`, which corrects tracks that are there:
each in a scan of its own receiver, for of one scan a track takes one detection.
Silence gives no scan: `link_detector` of each receiver says that.

At 10–50 ns a disciplined clock is 3–15 m, far above the bound of a strong burst (0.3 m at 0 dB over 9 MHz, 0.6 ms):
the clock decides. Left out: the clock's drift within a block, several emitters in one snippet (the strongest is taken),
and bringing the samples over a network: a node sends its blocks by any link.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Block, Detection, Position, Scan, Tdoa, scan_id
from skysentry.geo import Frame
from skysentry.sensing.rf.samples import Samples, centred, wrong_with
from skysentry.sensing.rf.tdoa_delay import delay
from skysentry.sensing.rf.tdoa_fix import LIGHT_MPS, Fix, locate
from skysentry.site import Sensor, SensorKind, Site

SNAPSHOT_VERSION = 1
# A worse clock than a microsecond is 300 m: no position comes of it.
SYNCHRONOUS_S = 1e-6
WAIT_NS = 1_000_000_000
# Blocks are of one instant if they begin within a tenth of a second.
TOGETHER_NS = 100_000_000
# 6.5 ms at 20 Msps: longer than the bursts of links; 2^17 samples cost 20 ms a pair.
SNIPPET = 131_072
LEAST_RECEIVERS, MOST_RECEIVERS = 2, 16
# Memory: so many instants wait, of so many receivers.
MOST_WAITING = 4


class Waiting(Struct):
    """The blocks of one instant, by sensor."""

    rate_hz: float
    centre_hz: float | None
    time_ns: int
    first_ns: int
    blocks: dict[str, Block]


class State(Struct):
    """The snapshot."""

    version: int
    waiting: list[Waiting]
    dropped: int


class TdoaReceiver:
    """The stage from common samples to places."""

    def __init__(self, site: Site) -> None:
        able = [each for each in site.sensors if _able(each)]
        self.sensors = {sensor.id: sensor for sensor in able[:MOST_RECEIVERS]}
        self.frame = Frame.at(site.position)
        self.state = State(SNAPSHOT_VERSION, [], 0)

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each instant whose blocks have come and hold a common burst."""
        if len(self.sensors) < LEAST_RECEIVERS:
            return []
        blocks = [event for event in events if isinstance(event, Block) and event.sensor in self.sensors]
        blocks.sort(key=lambda block: (block.received_ns, block.time_ns, block.id))
        made: list[AnyEvent] = []
        for block in blocks:
            if not wrong_with(block):
                made += self._gather(block)
        for old in [each for each in self.state.waiting if now_ns - each.first_ns > WAIT_NS]:
            made += self._close(old)
        return made

    def _gather(self, block: Block) -> list[AnyEvent]:
        for each in self.state.waiting:
            same = each.rate_hz == block.rate_hz and each.centre_hz == block.centre_hz
            if same and abs(each.time_ns - block.time_ns) < TOGETHER_NS and block.sensor not in each.blocks:
                each.blocks[block.sensor] = block
                return self._close(each) if len(each.blocks) == len(self.sensors) else []
        made: list[AnyEvent] = []
        if len(self.state.waiting) >= MOST_WAITING:
            made = self._close(self.state.waiting[0])
        new = Waiting(block.rate_hz, block.centre_hz, block.time_ns, block.received_ns, {block.sensor: block})
        self.state.waiting.append(new)
        return made

    def _close(self, waiting: Waiting) -> list[AnyEvent]:
        self.state.waiting.remove(waiting)
        names = [name for name in self.sensors if name in waiting.blocks]
        heard = _common([waiting.blocks[name] for name in names], waiting.rate_hz)
        if heard is None:
            return []
        parts, time_ns, rests_s = heard
        first = self.sensors[names[0]]
        tdoas: list[tuple[str, float, float, float]] = []
        for name, part, rest_s in zip(names[1:], parts[1:], rests_s[1:], strict=True):
            other = self.sensors[name]
            apart_s = _apart_m(first, other, self.frame) / LIGHT_MPS + 10.0 * (
                first.clock_sigma_s + other.clock_sigma_s
            )
            found = delay(part, parts[0], waiting.rate_hz, apart_s)
            if found is not None:
                tdoas.append((name, found.tau_s + rest_s - rests_s[0], found.sigma_s, found.score))
        if not tdoas:
            return []
        received_ns = max(block.received_ns for block in waiting.blocks.values())
        return self._scans(names[0], time_ns, received_ns, tdoas, tuple(waiting.blocks[name].id for name in names))

    def _scans(
        self,
        first: str,
        time_ns: int,
        received_ns: int,
        tdoas: list[tuple[str, float, float, float]],
        used: tuple[str, ...],
    ) -> list[AnyEvent]:
        own2 = _own_s(self.sensors[first]) ** 2
        z = np.array([tau for _, tau, _, _ in tdoas])
        each2 = [sigma**2 + _own_s(self.sensors[name]) ** 2 for name, _, sigma, _ in tdoas]
        sites = np.array([_place(self.sensors[name], self.frame) for name in (first, *(row[0] for row in tdoas))])
        fix = locate(sites, z, np.diag(each2) + own2, max(self.sensors[name].coverage.max_m for name in (first,)))
        said: list[tuple[str, Position | Tdoa]] = []
        if fix is not None:
            said.append((first, self._position(fix)))
        else:
            # A difference is "here minus there".
            for (name, tau, _, _), one2 in zip(tdoas, each2, strict=True):
                said.append((name, Tdoa(other=first, tdoa_s=tau, sigma_s=float(np.sqrt(one2 + own2)))))
        return [
            Scan(
                id=(key := scan_id(name, time_ns)),
                time_ns=time_ns,
                received_ns=received_ns,
                sensor=name,
                detections=(Detection(id=f"{key}#0", measurement=measured, evidence=used),),
            )
            for name, measured in said
        ]

    def _position(self, fix: Fix) -> Position:
        lat_deg, lon_deg, alt_m = self.frame.to_geodetic(*(float(value) for value in fix.place))
        (ee, en, eu), (_, nn, nu), (_, _, uu) = fix.cov.tolist()
        return Position(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=alt_m, cov_m2=(ee, en, eu, nn, nu, uu))

    def snapshot(self) -> bytes:
        """Return what waits."""
        return msgspec.msgpack.encode(self.state)

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        try:
            read = msgspec.msgpack.decode(state, type=State)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot of the time differences cannot be read: {error}") from None
        if read.version != SNAPSHOT_VERSION:
            raise StateError("the snapshot is of another version", hint="start with --fresh to leave it aside")
        self.state = read


def _able(sensor: Sensor) -> bool:
    return sensor.kind is SensorKind.RF and sensor.position is not None and sensor.clock_sigma_s <= SYNCHRONOUS_S


def _own_s(sensor: Sensor) -> float:
    """Return what a receiver's clock and place add to a difference."""
    return float(np.hypot(sensor.clock_sigma_s, sensor.position_sigma_m / LIGHT_MPS))


def _place(sensor: Sensor, frame: Frame) -> tuple[float, float, float]:
    at = sensor.position
    return frame.to_local(at.lat_deg, at.lon_deg, at.alt_m or 0.0) if at is not None else (0.0, 0.0, 0.0)


def _apart_m(one: Sensor, two: Sensor, frame: Frame) -> float:
    return float(np.linalg.norm(np.subtract(_place(one, frame), _place(two, frame))))


def _common(blocks: list[Block], rate_hz: float) -> tuple[list[Samples], int, list[float]] | None:
    """Return the loudest part that all have, its time, and what rounding to whole samples left over, s."""
    if len(blocks) < LEAST_RECEIVERS:
        return None
    begin_ns = max(block.time_ns for block in blocks)
    skips = [(begin_ns - block.time_ns) * rate_hz / 1e9 for block in blocks]
    whole = [round(skip) for skip in skips]
    count = min(block.shape[0] - skip for block, skip in zip(blocks, whole, strict=True))
    if count <= 0:
        return None
    taken = [centred(block, skip + count) for block, skip in zip(blocks, whole, strict=True)]
    parts = [x[skip:] for x, skip in zip(taken, whole, strict=True) if x is not None]
    if len(parts) < len(blocks):
        return None
    size = min(SNIPPET, count)
    power = np.add.reduceat(np.abs(parts[0]) ** 2, np.arange(0, count - size + 1, size // 2 or 1))
    at = int(power[: max(1, (count - size) // max(1, size // 2))].argmax()) * (size // 2)
    rests_s = [(skip_whole - skip) / rate_hz for skip, skip_whole in zip(skips, whole, strict=True)]
    # The middle of the snippet: that is when it was heard, and no other look of this sensor has that time.
    time_ns = begin_ns + round((at + size / 2) / rate_hz * 1e9)
    return [part[at : at + size] for part in parts], time_ns, rests_s
