"""Late messages: the tracker against itself on the same messages in order of measurement.

At each instant T four sets of tracks are compared with the truth at T:

    live      what the tracker had published by T, given messages as they arrived
    causal    what it says at T, run from scratch on the messages that had arrived by T, in order of measurement
    lagged    live at T, then given what was measured by T and arrived later, and nothing newer
    ordered   run from scratch on all messages measured by T, in order

The messages of the lag are handed over in their order of arrival, a second of it in each step of 100 ms, and the tracks
of the last two are carried back to T along their velocity: half a second, for over five a turning track would be wrong.

All messages measured before T − (the greatest delay) have arrived by T, so a run from scratch goes through the state of
one ordered run at that time: it is continued from its snapshot, which is exact, instead of begun anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from bench.scenarios.judge import SECOND_NS, SHOWN, SKIP_S, instant
from bench.scenarios.looks import START_NS
from bench.scenarios.world import World
from bench.tracker import GRID_NS
from skysentry.events import AnyEvent, Scan, Track
from skysentry.tracking.tracker import Tracker

EVERY_S = 10


@dataclass(frozen=True)
class Late:
    """Mean GOSPA in metres over the same instants."""

    live_m: float
    causal_m: float
    lagged_m: float
    ordered_m: float


class Play:
    """A tracker, and the tracks that it shows."""

    def __init__(self, world: World, scans: Sequence[Scan], now_ns: int, state: bytes | None = None) -> None:
        self.tracker = Tracker(world.site)
        if state is not None:
            self.tracker.restore(state)
        self.scans, self.next, self.now_ns = scans, 0, now_ns
        self.shown: dict[str, Track] = {}

    def until(self, now_ns: int) -> None:
        """Step through the grid to a time."""
        while self.now_ns < now_ns:
            self.now_ns += GRID_NS
            part: list[AnyEvent] = []
            while self.next < len(self.scans) and self.scans[self.next].received_ns <= self.now_ns:
                part.append(self.scans[self.next])
                self.next += 1
            for event in self.tracker.step(self.now_ns, part):
                if isinstance(event, Track):
                    self.shown.pop(event.track_id, None)
                    if event.status in SHOWN:
                        self.shown[event.track_id] = event


def compare(world: World) -> Late:
    """Return the four figures of a world with late messages."""
    delay_ns = -(-max(scan.received_ns - scan.time_ns for scan in world.scans) // GRID_NS) * GRID_NS
    live = Play(world, world.scans, START_NS)
    ordered = Play(world, in_order(world.scans), START_NS)
    found = []
    for second in range(SKIP_S + EVERY_S, world.seconds + 1, EVERY_S):
        now_ns = START_NS + second * SECOND_NS
        live.until(now_ns)
        ordered.until(now_ns - delay_ns)
        recent = [scan for scan in world.scans if ordered.now_ns < scan.time_ns <= now_ns]
        causal = _on(world, ordered, in_order(scan for scan in recent if scan.received_ns <= now_ns), now_ns)
        ordered.until(now_ns)
        pressed = [scan for scan in recent if scan.received_ns > now_ns]
        pressed = [msgspec.structs.replace(scan, received_ns=_pressed_ns(scan.received_ns, now_ns)) for scan in pressed]
        until_ns = _pressed_ns(now_ns + delay_ns, now_ns)
        lagged, whole = _on(world, live, pressed, until_ns), _on(world, ordered, [], until_ns)
        found.append([_gospa_m(world, second, play) for play in (live, causal, lagged, whole)])
    return Late(*np.mean(found, axis=0).tolist())


def in_order(scans: Iterable[Scan]) -> list[Scan]:
    """Return scans as if each had arrived when it was measured."""
    return [
        msgspec.structs.replace(scan, received_ns=scan.time_ns)
        for scan in sorted(scans, key=lambda s: (s.time_ns, s.id))
    ]


def _pressed_ns(time_ns: int, now_ns: int) -> int:
    """Return when what arrives at a time after now is handed over: a second of it in a step of the grid."""
    return now_ns + -(-(time_ns - now_ns) // SECOND_NS) * GRID_NS


def _on(world: World, play: Play, scans: list[Scan], until_ns: int) -> Play:
    """Return a play that goes on from another's state with other messages, and leaves that one as it is."""
    on = Play(world, scans, play.now_ns, play.tracker.snapshot())
    on.shown.update(play.shown)
    on.until(until_ns)
    return on


def _gospa_m(world: World, second: int, play: Play) -> float:
    return instant(world, second, play.shown, {}).gospa_m
