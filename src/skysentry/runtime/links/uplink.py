"""The node's end of `wire.node`: sends what its sensors say to the site, and again until the site confirms it.

Two lanes. Live: what was made in the last `LIVE_NS`, at once where it is no silence, else every `every_s`, so that a
connection costs little. Backlog: what waits in the spool, the oldest first, as far as the site keeps up. So after an
hour without a link the site hears the present at once and the past behind it.

A link that breaks before anything is confirmed gets smaller frames, a quarter each time down to one event.

A connection that fails is tried again after 0.5 s, then twice as long each time up to 30 s, less a random part so that
a thousand nodes do not come back together; one whose frames nobody confirms for `DEAD_S` is given up. The site's clock
comes with each confirmation: where both clocks differ by more than `CLOCK_NS` beyond what the way explains, `Health`
says so. It also says that the site cannot be reached, how much waits, and what was dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import deque
from collections.abc import Callable, Sequence

from skysentry.errors import DecodeError
from skysentry.events import AnyEvent, HealthState, Scan
from skysentry.runtime.node_spool import Spool
from skysentry.wire import node as wire

LIVE_NS = 20_000_000_000
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 30.0
CONNECT_S = 10.0
# A site confirms within its step of 0.1 s; half a minute covers a bad mobile link.
DEAD_S = 30.0
# Frames of the backlog on their way: four of 250 looks, a thousand a step of the site.
WINDOW = 4
# Live looks that wait for a slow link; beyond it they are sent as backlog of a new connection.
MOST_LIVE = 5_000
# 0.5 s of clock error is 170 m of sound path; steps of 0.1 s and the way blur what is seen of it.
CLOCK_NS = 500_000_000

Tell = Callable[[HealthState, str, str, str, tuple[tuple[str, int], ...]], None]


class Uplink:
    """Sends from a spool. `tell(state, reason, mend, part, counts)` hears how it goes; `run` ends by cancellation."""

    def __init__(
        self,
        site: tuple[str, int],
        key: bytes,
        sensors: Sequence[str],
        spool: Spool,
        clock: Callable[[], int],
        tell: Tell,
        every_s: float,
    ) -> None:
        self.site, self.sensors, self.spool, self.clock = site, list(sensors), spool, clock
        self.sent_bytes = self.confirmed = 0
        self._key, self._tell, self._every_s = key, tell, every_s
        self._live: deque[tuple[int, int, AnyEvent]] = deque()
        self._urgent, self._more = asyncio.Event(), asyncio.Event()
        self._flying: dict[int, tuple[list[int], int, bool]] = {}
        self._frames = self._cursor = self._head = 0
        self._most = wire.MOST_EVENTS
        self._connected = self._clock_bad = False
        self._lost_told = False

    def offer(self, numbers: Sequence[int], events: Sequence[AnyEvent]) -> None:
        """Put events in line that are in the spool under these numbers."""
        now_ns = self.clock()
        self._live += ((number, now_ns, event) for number, event in zip(numbers, events, strict=True))
        while self._live and not self._connected and now_ns - self._live[0][1] > LIVE_NS:
            self._live.popleft()
        while len(self._live) > MOST_LIVE:
            self._live.popleft()
        if any(not isinstance(event, Scan) or event.detections for event in events):
            self._urgent.set()

    async def run(self) -> None:
        """Keep a connection to the site, for ever."""
        wait_s = FIRST_WAIT_S
        while True:
            confirmed = self.confirmed
            try:
                await self._session()
                why = "the site closed the connection"
            except (TimeoutError, OSError, EOFError, DecodeError) as error:
                why = _reason(error)
            self._connected = False
            if self._flying and self.confirmed == confirmed:
                self._most = max(1, self._most // 4)
            self._flying.clear()
            self._lost(why)
            wait_s = FIRST_WAIT_S if self.confirmed > confirmed else min(2.0 * wait_s, LAST_WAIT_S)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    async def _session(self) -> None:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(*self.site, limit=wire.MOST_FRAME_BYTES + 3)
        try:
            async with asyncio.timeout(CONNECT_S):
                ours, theirs = await self._greet(reader, writer)
            self._begin()
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(reader, theirs))
                sending = group.create_task(self._send(writer, ours))
                await listening
                sending.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[wire.Seal, wire.Seal]:
        kind, hello = await frame(reader, 64)
        if kind != wire.SITE_HELLO or hello[: len(wire.MAGIC)] != wire.MAGIC or len(hello) != len(wire.MAGIC) + 16:
            raise DecodeError("it does not speak as a site of this version does")
        theirs, nonce = hello[len(wire.MAGIC) :], os.urandom(wire.NONCE_BYTES)
        node, site = (wire.Seal(self._key, theirs, nonce, who) for who in (b"n", b"s"))
        sealed = node.frame(wire.NODE_HELLO, nonce + wire.packed(wire.Hello(self.spool.epoch, self.sensors)))
        self._put(writer, sealed)
        await writer.drain()
        kind, body = await frame(reader, 64)
        if kind != wire.WELCOME:
            raise DecodeError("it does not welcome this node")
        self._compare(wire.content(site.opened(kind, body), wire.Welcome).now_ns, self.clock())
        return node, site

    def _begin(self) -> None:
        now_ns = self.clock()
        while self._live and now_ns - self._live[0][1] > LIVE_NS:
            self._live.popleft()
        self._head = self._live[0][0] if self._live else self.spool.next
        self._cursor, self._connected = 0, True
        waiting = self.spool.waiting
        if self._lost_told:
            self._lost_told = False
            reason = f"the site is reached again; {waiting} looks wait to be sent"
            self._tell(HealthState.OK, reason, "", "uplink", self._counts())

    async def _listen(self, reader: asyncio.StreamReader, seal: wire.Seal) -> None:
        while True:
            kind, body = await frame(reader, wire.MOST_FRAME_BYTES)
            if kind != wire.ACK:
                raise DecodeError(f"a frame of type {kind} where a confirmation was due")
            ack = wire.content(seal.opened(kind, body), wire.Ack)
            flown = self._flying.pop(ack.number, None)
            if flown is None:
                raise DecodeError("a confirmation of what was not sent")
            numbers, sent_ns, _ = flown
            self.spool.confirm(wire.ranges(numbers))
            self.confirmed += len(numbers)
            self._most = min(wire.MOST_EVENTS, 2 * self._most)
            self._compare(ack.now_ns, sent_ns)
            self._more.set()

    async def _send(self, writer: asyncio.StreamWriter, seal: wire.Seal) -> None:
        due_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if self._live and (self._urgent.is_set() or loop.time() >= due_s):
                self._urgent.clear()
                while self._live:
                    self._frame(writer, seal, self._take_live(), True)
                due_s = loop.time() + self._every_s
            elif (late := self._take_late()) is not None:
                self._frame(writer, seal, late, False)
            else:
                await self._wait(min(0.1 if self._live else self._every_s, self._every_s))
            await writer.drain()
            oldest_ns = min((sent_ns for _, sent_ns, _ in self._flying.values()), default=None)
            if oldest_ns is not None and self.clock() - oldest_ns > DEAD_S * 1e9:
                raise TimeoutError

    async def _wait(self, most_s: float) -> None:
        """Wait for a detection, a confirmation, or a while."""
        self._more.clear()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._urgent, self._more)]
        try:
            await asyncio.wait(waits, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _take_live(self) -> list[tuple[int, AnyEvent]]:
        count = min(len(self._live), self._most)
        return [(number, event) for number, _, event in (self._live.popleft() for _ in range(count))]

    def _take_late(self) -> list[tuple[int, AnyEvent]] | None:
        if sum(late for _, _, late in self._flying.values()) >= WINDOW:
            return None
        found = self.spool.read(self._cursor, self._head, self._most)
        if found:
            self._cursor = found[-1][0]
        return found or None

    def _frame(
        self, writer: asyncio.StreamWriter, seal: wire.Seal, batch: list[tuple[int, AnyEvent]], live: bool
    ) -> None:
        """Send events, in as many frames as their size needs."""
        numbers = [number for number, _ in batch]
        said = wire.Events(self._frames, wire.ranges(numbers), wire.items([event for _, event in batch]))
        data = wire.packed(said)
        if len(data) > wire.MOST_FRAME_BYTES - 64:
            if len(batch) == 1:
                self.spool.confirm(wire.ranges(numbers))
                self.spool.counts["too_large"] = self.spool.counts.get("too_large", 0) + 1
                return
            half = len(batch) // 2
            self._frame(writer, seal, batch[:half], live)
            self._frame(writer, seal, batch[half:], live)
            return
        self._flying[self._frames] = (numbers, self.clock(), not live)
        self._frames += 1
        self._put(writer, seal.frame(wire.EVENTS, data))

    def _put(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self.sent_bytes += len(data)
        writer.write(data)

    def _compare(self, site_ns: int, sent_ns: int) -> None:
        """Look at the site's clock: it was read between the sending and now."""
        now_ns = self.clock()
        off_ns = max(sent_ns - CLOCK_NS - site_ns, site_ns - now_ns - CLOCK_NS, 0)
        if (off_ns > 0) != self._clock_bad:
            self._clock_bad = off_ns > 0
            by_s = (site_ns - (sent_ns + now_ns) // 2) / 1e9
            state = HealthState.DEGRADED if self._clock_bad else HealthState.OK
            reason = f"the site's clock is {by_s:+.1f} s from this node's" if off_ns else "both clocks agree again"
            self._tell(state, reason, "keep both in step with NTP or GPS" if off_ns else "", "clock", ())

    def _lost(self, why: str) -> None:
        if not self._lost_told:
            self._lost_told = True
            reason = f"the site is not reached: {why}; what is heard waits on the disk"
            mend = "check the network, the site's address and the key; it is tried again by itself"
            self._tell(HealthState.DEGRADED, reason, mend, "uplink", self._counts())

    def _counts(self) -> tuple[tuple[str, int], ...]:
        return tuple(sorted({**self.spool.counts, "waiting": self.spool.waiting}.items()))


async def frame(reader: asyncio.StreamReader, most: int) -> tuple[int, bytes]:
    """Return type and body of the next frame; raises `DecodeError` for one that is too long."""
    length = int.from_bytes(await reader.readexactly(2), "big")
    if not 1 <= length <= most:
        raise DecodeError(f"a frame of {length} bytes")
    data = await reader.readexactly(length)
    return data[0], data[1:]


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, EOFError):
        return "the connection broke, or the site refuses this node (its key, its sensors)"
    if isinstance(error, DecodeError):
        return error.message
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else type(error).__name__
