"""Scans in, tracks out: the stage that makes one track of every object.

    Scan ──batch──▶ rows ──correct──▶ corrected tracks, unexplained measurements ──found──▶ new tracks
    every grid instant: life (existence, coasting, end) ──show──▶ Track events

A batch is cut at the 100 ms grid of received time and each part is taken in order of (time_ns, id), so that stepping in
any larger pieces gives the same. Measurements are compared with tracks at their time of emission (`measure`), so late
messages and slow sound are one thing. Tracks that were corrected are published at that grid instant, the others once a
second with a covariance that grows. `track_id` is made from the founding detection and fixed from the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from skysentry.errors import StateError
from skysentry.events import Action, AnyEvent, Detection, Order, Place, Position, Scan
from skysentry.site import Site
from skysentry.tracking.intake.duplicates import Once

if TYPE_CHECKING:
    from skysentry.tracking.cells.lattice import Area
    from skysentry.tracking.fusion import Fusion

GRID_NS = 100_000_000
SECOND_NS = 1_000_000_000
SNAPSHOT_VERSION = 17


class Tracker:
    """The stage from `Scan` to `Track`. Takes `Order`s that declare a track's affiliation; ignores other events.

    With `area` it tracks one cell of a divided sky (`divided`).
    """

    def __init__(self, site: Site, area: Area | None = None) -> None:
        from skysentry.tracking.fusion import Fusion

        self.site = site
        self.area = area
        self.now_ns: int | None = None
        self.once = Once()
        self.fusion: Fusion | None = None
        if site.sensors or (site.position.lat_deg, site.position.lon_deg) != (0.0, 0.0):
            self.fusion = Fusion(site, site.position, area)

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return the tracks, and the complaints about sources, of all grid instants up to `now_ns`."""
        if self.now_ns is not None and self.now_ns + GRID_NS == now_ns and now_ns % GRID_NS == 0:
            self.now_ns = now_ns
            if events:
                return self._instant(now_ns, [event for event in events if isinstance(event, (Scan, Order))])
            # Most of ten instants in a second, where there are few sensors.
            return [] if self.fusion is None else self.fusion.report(now_ns)
        made: list[AnyEvent] = []
        for instant_ns, part in instants(self.now_ns, now_ns, events):
            made += self._instant(instant_ns, part)
        self.now_ns = now_ns
        return made

    def _instant(self, now_ns: int, events: list[Scan | Order]) -> list[AnyEvent]:
        if self.fusion is None:
            self._anchor(events)
            if self.fusion is None:
                return []
        if len(events) > 1:
            events.sort(key=lambda event: (event.time_ns, event.id))
        for event in events:
            if type(event) is Scan:
                if self.once.first(event):
                    self.fusion.take(now_ns, event)
            elif isinstance(event, Order) and event.action is Action.DECLARE:
                self.fusion.declare(event)
        return self.fusion.report(now_ns)

    def _anchor(self, events: list[Scan | Order]) -> None:
        """Without a site the working frame stands where the first place was reported."""
        from skysentry.tracking.fusion import Fusion

        scans = sorted((e for e in events if isinstance(e, Scan)), key=lambda e: (e.time_ns, e.id))
        for scan in scans:
            at = next(filter(None, map(_place, scan.detections)), scan.position)
            if at is not None:
                self.fusion = Fusion(self.site, at)
                return

    def snapshot(self) -> bytes:
        """Return the whole state."""
        inner = None if self.fusion is None else (self.fusion.origin, self.fusion.dump())
        return msgspec.msgpack.encode((SNAPSHOT_VERSION, self.now_ns, self.once.dump(), inner))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        from skysentry.tracking.fusion import Fusion
        from skysentry.tracking.sky import Dump

        try:
            version = msgspec.msgpack.decode(state, type=tuple[object, ...])[0]
            if version != SNAPSHOT_VERSION:
                raise StateError(f"a tracker's snapshot of version {version}", hint="start with --fresh to leave it")
            shape = tuple[int, int | None, list[tuple[str, list[int]]], tuple[Place, Dump] | None]
            _, now_ns, taken, inner = msgspec.msgpack.decode(state, type=shape)
            fusion = None
            if inner is not None:
                fusion = Fusion(self.site, inner[0], self.area)
                fusion.load(inner[1])
        except (msgspec.DecodeError, ValueError, IndexError) as error:
            raise StateError(f"the tracker's snapshot cannot be read: {error}") from None
        self.now_ns = now_ns
        self.once.load(taken)
        self.fusion = fusion if fusion is not None else Tracker(self.site, self.area).fusion


def instants(last_ns: int | None, now_ns: int, events: Sequence[AnyEvent]) -> Iterator[tuple[int, list[Scan | Order]]]:
    """Yield every grid instant since the last step, and `now_ns`, with what was received up to it."""
    if last_ns is not None and last_ns + GRID_NS == now_ns and now_ns % GRID_NS == 0:
        yield now_ns, [event for event in events if isinstance(event, (Scan, Order))]
        return
    parts: dict[int, list[Scan | Order]] = {}
    first_ns = now_ns if last_ns is None else min(last_ns + GRID_NS, now_ns)
    first_ns = min(first_ns, now_ns) // GRID_NS * GRID_NS if first_ns < now_ns else now_ns
    for event in events:
        if isinstance(event, (Scan, Order)):
            due_ns = -(-event.received_ns // GRID_NS) * GRID_NS
            parts.setdefault(min(max(due_ns, first_ns), now_ns), []).append(event)
    if last_ns is None and parts:
        first_ns = min(parts)
    for instant_ns in range(first_ns, now_ns, GRID_NS):
        yield instant_ns, parts.get(instant_ns, [])
    yield now_ns, parts.get(now_ns, [])


def _place(detection: Detection) -> Place | None:
    z = detection.measurement
    if isinstance(z, Position) and np.isfinite(z.lat_deg) and np.isfinite(z.lon_deg):
        return Place(lat_deg=z.lat_deg, lon_deg=z.lon_deg, alt_m=0.0)
    return None
