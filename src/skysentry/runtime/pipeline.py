"""The whole way from a sensor's bytes to an alert: one list of stages, stepped on a fixed grid.

    front   Block → Scan               signal processing; may run on a node beside the sensor
    core    Packet → Scan → Track → Alert

Batch k is everything received in (t − 100 ms, t]. Live, replay, simulation and tests use the same grid, so all give
the same outputs. What the core took and what it gave is what is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec

from skysentry.alerting.alerter import Alerter
from skysentry.errors import StateError
from skysentry.events import AnyEvent, Block, Health, Scan, Stage
from skysentry.sensing.acoustic.array.detector import ArrayDetector
from skysentry.sensing.acoustic.detector import AcousticDetector
from skysentry.sensing.adsb.receiver import AdsbReceiver
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.sensing.rf.droneid_receiver import DroneIdReceiver
from skysentry.sensing.rf.link_detector import LinkDetector
from skysentry.sensing.rf.tdoa_receiver import TdoaReceiver
from skysentry.site import Site
from skysentry.tracking.tracker import Tracker

GRID_NS = 100_000_000
# After five silent minutes every track has ended and every alert has had its say, so an empty stretch may be skipped.
SKIP_NS = 300_000_000_000
# What the tracker's clocks take for a message that is merely late; older looks would be blamed on the sensor's clock.
TRACKED_NS = 10_000_000_000
SNAPSHOT_VERSION = 1

Until: TypeAlias = Literal["detections", "tracks", "alerts"]


class Chain:
    """Stages in a row, itself a `Stage`: each sees the batch and what the stages before it made of it."""

    def __init__(self, **stages: Stage) -> None:
        self.stages = stages

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return what all stages made, in their order."""
        made: list[AnyEvent] = []
        flow = list(events)
        for stage in self.stages.values():
            new = stage.step(now_ns, flow)
            flow += new
            made += new
        return made

    def snapshot(self) -> bytes:
        """Return the state of all stages."""
        states = {name: stage.snapshot() for name, stage in self.stages.items()}
        return msgspec.msgpack.encode((SNAPSHOT_VERSION, states))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or of other stages."""
        try:
            version, states = msgspec.msgpack.decode(state, type=tuple[int, dict[str, bytes]])
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot cannot be read: {error}") from None
        if version != SNAPSHOT_VERSION or states.keys() != self.stages.keys():
            raise StateError("the snapshot is of another version", hint="start with --fresh to leave it aside")
        for name, stage in self.stages.items():
            stage.restore(states[name])


class Core(Chain):
    """The stages behind the sensors. A node's looks that come later than tracking can use are recorded only."""

    def __init__(self, site: Site, **stages: Stage) -> None:
        super().__init__(**stages)
        self._forwarded = {one.id for one in site.sensors if one.link is not None and one.link.startswith("node:")}

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return what all stages made of what is not a node's past."""
        if self._forwarded:
            events = [event for event in events if not self._past(event)]
        return super().step(now_ns, events)

    def _past(self, event: AnyEvent) -> bool:
        late = isinstance(event, Scan) and event.received_ns - event.time_ns > TRACKED_NS
        return late and isinstance(event, Scan) and event.sensor in self._forwarded


def front(site: Site) -> Chain:
    """Return the signal processing: what may run beside the sensor."""
    return Chain(
        acoustic=AcousticDetector(site),
        arrays=ArrayDetector(site),
        droneid=DroneIdReceiver(site),
        links=LinkDetector(site),
        tdoa=TdoaReceiver(site),
    )


def core(site: Site, until: Until = "alerts") -> Chain:
    """Return the stages from packets to alerts, or fewer."""
    stages: dict[str, Stage] = {"remote_id": RemoteIdReceiver(site), "adsb": AdsbReceiver(site)}
    if until != "detections":
        stages["tracker"] = Tracker(site)
    if until == "alerts":
        stages["alerter"] = Alerter(site)
    return Core(site, **stages)


def batches(events: Iterable[AnyEvent]) -> Iterator[tuple[int, list[AnyEvent]]]:
    """Cut events in order of arrival into grid batches (t, events received in (t − 100 ms, t]), empty ones too.

    An arrival time that goes back is taken into the batch at hand. A silence longer than `SKIP_NS` is skipped.
    """
    now_ns: int | None = None
    batch: list[AnyEvent] = []
    for event in events:
        due_ns = grid_ns(event.received_ns)
        if now_ns is None:
            now_ns = due_ns
        if due_ns > now_ns:
            yield now_ns, batch
            yield from ((empty_ns, []) for empty_ns in silence(now_ns, due_ns))
            now_ns, batch = due_ns, []
        batch.append(event)
    if now_ns is not None:
        yield now_ns, batch


def batches_between(events: Iterable[AnyEvent], after_ns: int, until_ns: int) -> Iterator[tuple[int, list[AnyEvent]]]:
    """Cut events as `batches` does, over every grid instant in (after_ns, until_ns]."""
    now_ns = after_ns
    for due_ns, batch in batches(events):
        yield from ((empty_ns, []) for empty_ns in silence(now_ns, due_ns))
        yield due_ns, batch
        now_ns = max(now_ns, due_ns)
    yield from ((empty_ns, []) for empty_ns in silence(now_ns, until_ns + 1))


def grid_ns(time_ns: int) -> int:
    """Return the first grid instant at or after a time."""
    return -(-time_ns // GRID_NS) * GRID_NS


def silence(after_ns: int, before_ns: int) -> range:
    """Return the grid instants between two, as far as they are stepped: a silence beyond `SKIP_NS` is skipped."""
    return range(after_ns + GRID_NS, min(before_ns, after_ns + SKIP_NS), GRID_NS)


def run(events: Iterable[AnyEvent], site: Site, until: Until = "alerts") -> Iterator[AnyEvent]:
    """Yield what sensors and stages say of themselves and of the sky, for events in order of arrival.

    That is the scans and the health that came in, and everything that the stages make of them.
    """
    signal, rest = front(site), core(site, until)
    for now_ns, batch in batches(events):
        scans = signal.step(now_ns, batch)
        yield from (event for event in batch if isinstance(event, Scan | Health))
        yield from scans
        yield from rest.step(now_ns, [event for event in batch if not isinstance(event, Block)] + scans)
