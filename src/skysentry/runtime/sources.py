"""Where batches come from: a live inbox that links and people put events into, or events known in advance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from skysentry.events import AnyEvent, Health, HealthState, Order, health

# Ten seconds at a hundred thousand events a second: beyond it the process is hopelessly behind, and says so.
INBOX_EVENTS = 1_000_000


class Source(Protocol):
    """Anything that batches can be taken from."""

    def take(self, until_ns: int) -> list[AnyEvent]:
        """Return what was received up to and including a grid instant, and was not yet taken."""
        ...


class Inbox:
    """Takes events from links and people as they come. Orders and Health are never refused for want of room."""

    def __init__(self) -> None:
        self._events: list[AnyEvent] = []
        self._refused = 0

    def put(self, event: AnyEvent) -> None:
        """Add an event whose `received_ns` is now."""
        if len(self._events) >= INBOX_EVENTS and not isinstance(event, Health | Order):
            self._refused += 1
            return
        self._events.append(event)

    def take(self, until_ns: int) -> list[AnyEvent]:
        """Return what has arrived up to a grid instant."""
        due = [event for event in self._events if event.received_ns <= until_ns]
        self._events = [event for event in self._events if event.received_ns > until_ns]
        if self._refused:
            due.append(self._overrun(until_ns))
            self._refused = 0
        return due

    def _overrun(self, now_ns: int) -> Health:
        return health(
            "inbox",
            now_ns,
            HealthState.DEGRADED,
            f"{self._refused} events refused: more arrive than can be worked off",
            "find the sensor that floods (its link says so), or give it a process of its own",
            (("refused", self._refused),),
        )


class Script:
    """Events known in advance, in order of arrival. `ended` turns true when all were taken."""

    def __init__(self, events: Iterable[AnyEvent]) -> None:
        self._events = iter(events)
        self._next: AnyEvent | None = None
        self.ended = False
        self._advance()

    def take(self, until_ns: int) -> list[AnyEvent]:
        """Return the events due by a grid instant."""
        due: list[AnyEvent] = []
        while self._next is not None and self._next.received_ns <= until_ns:
            due.append(self._next)
            self._advance()
        return due

    @property
    def next_ns(self) -> int | None:
        """When the next event is due, or `None` at the end."""
        return self._next.received_ns if self._next is not None else None

    def _advance(self) -> None:
        self._next = next(self._events, None)
        self.ended = self._next is None
