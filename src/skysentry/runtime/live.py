"""The live loop: every 100 ms take what has arrived, step, hand on. One task; links and screens are others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from skysentry.errors import SkysentryError
from skysentry.events import AnyEvent, HealthState, health
from skysentry.runtime.pipeline import GRID_NS, SKIP_NS, grid_ns, silence
from skysentry.runtime.sources import Source

# A lag beyond this is told once; below it the loop catches up unseen.
LATE_NS = 2_000_000_000


class Clock(Protocol):
    """Now, in nanoseconds since 1970; never goes back."""

    def __call__(self) -> int:
        """Return now."""
        ...

    @property
    def stepped_ns(self) -> int:
        """How far the clock was set since the start."""
        ...


class Steps(Protocol):
    """What the loop steps: the engine of a site, or of a node."""

    @property
    def now_ns(self) -> int:
        """The last grid instant stepped."""
        ...

    def step(self, now_ns: int, batch: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Advance to a grid instant; return what is new."""
        ...


Publish = Callable[[int, Sequence[AnyEvent]], None]


class Loop:
    """Steps an engine over its sources in the time of `clock`, and gives each batch and what it made to `publish`."""

    def __init__(self, engine: Steps, sources: Sequence[Source], clock: Clock, publish: Publish) -> None:
        self._engine, self._sources, self._clock, self._publish = engine, sources, clock, publish
        self._stepped_ns = 0
        self._late = False
        self.lag_ns = 0

    async def run(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Run until cancelled, or until `ended()` after a step."""
        now_ns = max(grid_ns(self._clock()), self._engine.now_ns + GRID_NS)
        while True:
            wait_ns = now_ns - self._clock()
            # Yield to the other tasks in any case, so that a loop that is behind cannot starve them.
            await asyncio.sleep(max(0.0, wait_ns / 1e9))
            if self._clock() < now_ns:
                continue
            self.lag_ns = self._clock() - now_ns
            if self.lag_ns > SKIP_NS:
                for empty_ns in silence(now_ns - GRID_NS, now_ns + SKIP_NS):
                    self._step(empty_ns)
                now_ns = grid_ns(self._clock())
                continue
            self._step(now_ns)
            if ended():
                return
            now_ns += GRID_NS

    def _step(self, now_ns: int) -> None:
        batch = [event for source in self._sources for event in source.take(now_ns)] + self._own_health(now_ns)
        try:
            made = self._engine.step(now_ns, batch)
        except SkysentryError as error:
            made = [health("engine", now_ns, HealthState.LOST, error.message, error.hint or "")]
        self._publish(now_ns, [*batch, *made])

    def _own_health(self, now_ns: int) -> list[AnyEvent]:
        told: list[AnyEvent] = []
        stepped_ns = self._clock.stepped_ns
        if abs(stepped_ns - self._stepped_ns) > LATE_NS:
            by_s = (stepped_ns - self._stepped_ns) / 1e9
            self._stepped_ns = stepped_ns
            reason, mend = f"the clock was set by {by_s:+.1f} s", "keep it in step with NTP or GPS"
            told.append(health("clock", now_ns, HealthState.DEGRADED, reason, mend))
        late = self.lag_ns > LATE_NS
        if late != self._late:
            self._late = late
            state = HealthState.DEGRADED if late else HealthState.OK
            reason = f"the loop is {self.lag_ns / 1e9:.1f} s behind" if late else "the loop keeps up again"
            told.append(health("loop", now_ns, state, reason, "fewer sensors on this machine" if late else ""))
        return told
