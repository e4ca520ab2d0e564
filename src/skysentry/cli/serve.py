"""A running system: the loop, its sources, the screen and the deliveries, as tasks that end together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import click

from skysentry.errors import FormatError, SkysentryError, StateError
from skysentry.events import Alert, AnyEvent, HealthState, Order, health
from skysentry.runtime.deliver import Webhook
from skysentry.runtime.engine import Engine
from skysentry.runtime.feed import Feed
from skysentry.runtime.live import Clock, Loop
from skysentry.runtime.picture import Mode
from skysentry.runtime.sources import Inbox, Source
from skysentry.runtime.store import Store
from skysentry.site import Output

TOKEN_ENV = "SKYSENTRY_TOKEN"


class Screen(NamedTuple):
    """Where the screen listens, and what is said of it when it does."""

    host: str
    port: int
    title: str


class System:
    """What runs: give it sources, then `run` it."""

    def __init__(self, engine: Engine, mode: Mode, clock: Clock, show: Callable[[AnyEvent], None]) -> None:
        self.engine, self.clock, self.show = engine, clock, show
        self.inbox = Inbox()
        self.feed = Feed(engine.site, mode, clock)
        self.feed.submit = self.inbox.put
        self.store: Store | None = None
        self.after_step: list[Callable[[int, Sequence[AnyEvent]], None]] = []
        self.webhooks = [self._webhook(output) for output in engine.site.outputs if output.kind == "webhook"]

    def keep(self, open_store: Callable[[], Store], recorded: Callable[[], Iterable[Order]]) -> None:
        """Keep what people decide; an empty store is built from the recording.

        A store that cannot be used is told, and warning goes on without it.
        """
        try:
            self.store = open_store()
            if not self.store.orders():
                self.store.rebuild(recorded())
        except (StateError, FormatError) as error:
            self._drop_store(error)

    def _drop_store(self, error: SkysentryError) -> None:
        self.store = None
        now_ns = self.clock()
        self.inbox.put(
            health(
                "store",
                now_ns,
                HealthState.LOST,
                f"decisions are kept in the recording alone: {error.message}",
                error.hint or "",
            )
        )

    def take_up(self, now_ns: int, made: Sequence[AnyEvent]) -> None:
        """Show and deliver what an earlier process left: its alerts, and what resuming made."""
        known = self.engine.alerts
        self.feed.publish(now_ns, known)
        for webhook in self.webhooks:
            delivered = self.store.delivered(webhook.target) if self.store is not None else {}
            for alert in known:
                if alert.revision > delivered.get(alert.alert_id, -1):
                    webhook.offer(alert)
        self.publish(now_ns, made)

    def publish(self, now_ns: int, events: Sequence[AnyEvent]) -> None:
        """Give what a step took and made to the screen, the printer, the store and the webhooks."""
        self.feed.publish(now_ns, events)
        for event in events:
            self.show(event)
            if isinstance(event, Alert):
                for webhook in self.webhooks:
                    webhook.offer(event)
            elif isinstance(event, Order) and self.store is not None:
                try:
                    self.store.add(event)
                except StateError as error:
                    self._drop_store(error)
        for told in self.after_step:
            told(now_ns, events)
        # Whoever reads our output is to have an alert now, not when a buffer is full.
        sys.stdout.flush()

    async def run(
        self,
        sources: Sequence[Source],
        tasks: Sequence[Coroutine[Any, Any, None]] = (),
        screen: Screen | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run until `ended()`, a signal, or the failure of a task; then close everything in order."""
        try:
            listening = _listen(screen)
        except SkysentryError:
            for waiting in tasks:
                waiting.close()
            raise
        loop = Loop(self.engine, [*sources, self.inbox], self.clock, self.publish)
        main = asyncio.create_task(loop.run(ended))
        others = [asyncio.ensure_future(task) for task in (*tasks, *(webhook.run() for webhook in self.webhooks))]
        if listening is not None:
            others.append(asyncio.create_task(self._serve(listening)))
        _on_signals(main.cancel)
        try:
            await _first_end(main, others)
        finally:
            for task in (main, *others):
                task.cancel()
            await asyncio.gather(main, *others, return_exceptions=True)
            self.engine.close()

    def _webhook(self, output: Output) -> Webhook:
        def delivered(alert: Alert) -> None:
            if self.store is not None:
                try:
                    self.store.mark_delivered(hook.target, alert.alert_id, alert.revision)
                except StateError as error:
                    self._drop_store(error)

        hook = Webhook(output, self.inbox.put, delivered)
        return hook

    async def _serve(self, listening: socket.socket) -> None:
        from skysentry.web.server import app, serve_on

        with listening:
            await serve_on(app(self.feed, _token()), listening)


def _listen(screen: Screen | None) -> socket.socket | None:
    """Take the port before anything starts, and say where the screen is."""
    if screen is None:
        return None
    from skysentry.web.server import listen

    listening = listen(screen.host, screen.port, _token())
    click.echo(f"{screen.title}\n  http://{screen.host}:{screen.port}\n  Ctrl-C ends it.", err=True)
    return listening


def _token() -> str | None:
    return os.environ.get(TOKEN_ENV) or None


async def _first_end(main: asyncio.Task[None], others: Sequence[Awaitable[None]]) -> None:
    """Wait for the loop's end; a task that fails ends all with its error."""
    waiting = {main, *(asyncio.ensure_future(task) for task in others)}
    while not main.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {main}:
            task.result()
    with contextlib.suppress(asyncio.CancelledError):
        main.result()


def _on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
