"""One sky in cells: the stage of one cell, and a driver that runs all of them on one machine.

    Scan, Order ──takes──▶ Cell ──▶ Track, Health (of what it owns)
    Handover    ─────────▶      ──▶ Handover to its neighbours, taken at their next step

`Cell` is what a distributed engine holds under the key `cell`: pure, stepped with what was received, its state in one
snapshot. `Divided` is a stage like `Tracker` and does on one machine what such an engine does: it routes looks and
messages, makes cells when something first concerns them, and joins what they say. Cells of one step do not see each
other's messages, so in whatever order, and wherever, they run, the outcome is the same.

What is left to the caller of single cells: messages from a cell arrive in their order (they may be late, doubled or
lost), and events that are told twice, which happens only when messages are lost, have the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Health, Order, Scan
from skysentry.site import Site
from skysentry.tracking.cells.handover import Handover, adopt, tell
from skysentry.tracking.cells.lattice import EVERY, Cells
from skysentry.tracking.tracker import SECOND_NS, Tracker, instants
from skysentry.tracking.tracks.custody import Key

VERSION = 1
# Cells of one process; a hostile source that claims things everywhere makes no more.
MOST_CELLS = 1_000


class Cell:
    """One cell: a stage that also takes and returns `Handover`s."""

    def __init__(self, cells: Cells, key: Key) -> None:
        self.area = cells.area(key)
        self.tracker = Tracker(cells.site, self.area)

    def step(
        self, now_ns: int, events: Sequence[AnyEvent], messages: Iterable[Handover] = ()
    ) -> tuple[list[AnyEvent], list[Handover]]:
        """Return the events of what this cell owns, and the messages to its neighbours, up to `now_ns`."""
        fusion, last_ns = self.tracker.fusion, self.tracker.now_ns
        if fusion is None:
            raise StateError("cells need the site's position", hint="write position into site.toml")
        made: list[AnyEvent] = []
        sent: list[Handover] = []
        for message in sorted(messages, key=lambda one: (one.time_ns, one.by)):
            sent += adopt(fusion, self.area, message, last_ns)
        for instant_ns, part in instants(last_ns, now_ns, events):
            made += self.tracker.step(instant_ns, part)
            if instant_ns % SECOND_NS == 0 or fusion.ended:
                sent += tell(fusion, self.area, instant_ns)
        return made, sent

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return self.tracker.snapshot()

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it cannot be read."""
        self.tracker.restore(state)


class Divided:
    """The stage from `Scan` to `Track`, in cells."""

    def __init__(
        self, site: Site, cell_m: float, halo_m: float = 0.0, corner_m: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.map = Cells(site, cell_m, halo_m, corner_m)
        self.cells: dict[Key, Cell] = {}
        self.mail: list[Handover] = []
        self.now_ns: int | None = None

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return the tracks, and the complaints about sources, of all grid instants up to `now_ns`."""
        made: list[AnyEvent] = []
        for instant_ns, part in instants(self.now_ns, now_ns, events):
            made += self._instant(instant_ns, part)
        self.now_ns = now_ns
        return made

    def _instant(self, now_ns: int, events: list[Scan | Order]) -> list[AnyEvent]:
        looks: dict[Key, list[AnyEvent]] = {}
        mail: dict[Key, list[Handover]] = {}
        for message in self.mail:
            mail.setdefault(message.to, []).append(message)
        for event in events:
            keys = self.map.takes(event) if isinstance(event, Scan) else EVERY
            for key in keys or tuple(self.cells):
                looks.setdefault(key, []).append(event)
        for key in sorted((looks.keys() | mail.keys()) - self.cells.keys()):
            if len(self.cells) < MOST_CELLS:
                self.cells[key] = Cell(self.map, key)
        self.mail = []
        told: list[AnyEvent] = []
        for key in sorted(self.cells):
            made, sent = self.cells[key].step(now_ns, looks.get(key, []), mail.get(key, []))
            told += made
            self.post(sent)
        return self.join(told)

    def post(self, messages: list[Handover]) -> None:
        """Take messages for the next instant."""
        self.mail += messages

    def join(self, told: list[AnyEvent]) -> list[AnyEvent]:
        """Return what all cells tell at one instant, each event once: tracks by name, then complaints."""
        once = {event.id: event for event in reversed(told)}
        return sorted(once.values(), key=lambda event: (isinstance(event, Health), event.id))

    def snapshot(self) -> bytes:
        """Return the whole state."""
        cells = [(key, self.cells[key].snapshot()) for key in sorted(self.cells)]
        return msgspec.msgpack.encode((VERSION, self.now_ns, cells, self.mail))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or cannot be read."""
        shape = tuple[int, int | None, list[tuple[Key, bytes]], list[Handover]]
        try:
            version, now_ns, cells, mail = msgspec.msgpack.decode(state, type=shape)
        except msgspec.DecodeError as error:
            raise StateError(f"the snapshot of a divided tracker cannot be read: {error}") from None
        if version != VERSION:
            raise StateError(
                f"a divided tracker's snapshot of version {version}", hint="start with --fresh to leave it"
            )
        restored = {key: Cell(self.map, key) for key, _ in cells}
        for key, inner in cells:
            restored[key].restore(inner)
        self.now_ns, self.cells, self.mail = now_ns, restored, mail
