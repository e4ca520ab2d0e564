"""Sources of bytes: UDP, TCP to and from, a growing file. Each runs until cancelled and never gives up.

A connection that fails or ends is tried again after 0.5 s, then twice as long each time up to 30 s, and at once after
one that gave data. A TCP source that has been silent for a minute is taken for dead and connected anew: a peer that
lost its power closes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from skysentry.errors import LinkError
from skysentry.events import AnyEvent
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.content import Content, LineContent
from skysentry.runtime.links.inlet import Inlet

CHUNK_BYTES = 65_536
TICK_S = 1.0
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 30.0
CONNECT_S = 10.0
DEAD_S = 60.0
# One sensor has one sender, two while it changes over; the cap bounds what strangers can hold open.
MAX_PEERS = 16
# Ten looks a second at a file are soon enough for a 100 ms grid.
FILE_WAIT_S = 0.1

Emit = Callable[[AnyEvent], None]


async def ticking(inlet: Inlet, emit: Emit, work: Callable[[], Awaitable[None]]) -> None:
    """Run a link's work while the inlet looks at silence and counts once a second."""
    inlet.emit = emit
    async with asyncio.TaskGroup() as group:
        group.create_task(_tick(inlet))
        await work()


async def persistently(address: Address, inlet: Inlet, attempt: Callable[[], Awaitable[bool]]) -> None:
    """Repeat `attempt`, with growing waits; it returns whether it got data before the source ended."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            got_data = await attempt()
            why = "the source ended"
        except TimeoutError:
            got_data, why = False, "no answer, or nothing sent for too long"
        except (OSError, LinkError) as error:
            got_data, why = False, str(error) or type(error).__name__
        inlet.lost(f"{address}: {why}", "is the receiver running and reachable? it is tried again by itself")
        wait_s = FIRST_WAIT_S if got_data else min(2.0 * wait_s, LAST_WAIT_S)
        await asyncio.sleep(wait_s)


async def pump(reader: asyncio.StreamReader, content: Content, silence_s: float = DEAD_S) -> bool:
    """Feed a stream into its content until it ends; return whether anything came. `TimeoutError` after silence."""
    got_data = False
    while True:
        # asyncio.wait_for of Python 3.11 loses a cancellation that arrives together with data; timeout does not.
        async with asyncio.timeout(silence_s):
            chunk = await reader.read(CHUNK_BYTES)
        if not chunk:
            return got_data
        content.feed(chunk)
        got_data = True
        # A peer that floods keeps its buffer full, and reading a full buffer does not let others run.
        await asyncio.sleep(0)


class TcpLink:
    """Connects to a source."""

    def __init__(self, address: Address, inlet: Inlet, content: Callable[[], Content]) -> None:
        self.address, self.inlet, self._content = address, inlet, content

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(self.address.host, self.address.port, limit=CHUNK_BYTES)
        try:
            self.inlet.opened(str(self.address))
            return await pump(reader, self._content(), max(DEAD_S, 3e-9 * self.inlet.silence_ns))
        finally:
            await _close(writer)


class TcpListenLink:
    """Takes connections of senders, a few at a time. `port` is the one that is bound."""

    def __init__(self, address: Address, inlet: Inlet, content: Callable[[], Content]) -> None:
        self.address, self.inlet, self._content = address, inlet, content
        self.port = address.port
        self._peers: set[asyncio.Task[None]] = set()

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._listen))

    async def _listen(self) -> bool:
        host = self.address.host
        server = await asyncio.start_server(self._accept, host, self.address.port, limit=CHUNK_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for peer in list(self._peers):
                peer.cancel()
            await asyncio.gather(*self._peers, return_exceptions=True)
        return True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._peers) >= MAX_PEERS:
            self.inlet.count("peers_refused")
            await _close(writer)
            return
        self._peers.add(task)
        try:
            # A cancelled handler would be reported by asyncio as a failure.
            with contextlib.suppress(OSError, LinkError, TimeoutError, asyncio.CancelledError):
                await pump(reader, self._content(), max(DEAD_S, 3e-9 * self.inlet.silence_ns))
        finally:
            await _close(writer)
            self._peers.discard(task)


class UdpLink(asyncio.DatagramProtocol):
    """Receives datagrams, each of one or more whole lines. `port` is the one that is bound."""

    def __init__(self, address: Address, inlet: Inlet, content: Content) -> None:
        self.address, self.inlet, self._content = address, inlet, content
        self.port = address.port

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._bind))

    async def _bind(self) -> bool:
        loop = asyncio.get_running_loop()
        where = (self.address.host, self.address.port)
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=where)
        self.port = transport.get_extra_info("sockname")[1]
        try:
            await loop.create_future()
        finally:
            transport.close()
        return True

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take a datagram."""
        self._content.feed(data)
        if isinstance(self._content, LineContent):
            self._content.finish()

    def error_received(self, exc: Exception) -> None:
        """Count what the system says of the socket."""
        self.inlet.count("socket_errors")


class FileLink:
    """Follows a file or fifo as it grows: from its end if it is there at the start, from its head if it comes later."""

    def __init__(self, address: Address, inlet: Inlet, content: Callable[[], Content]) -> None:
        self.address, self.inlet, self._content = address, inlet, content
        self._first = True

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._follow))

    async def _follow(self) -> bool:
        """Read one file until another takes its name or it shrinks."""
        first, self._first = self._first, False
        # Without O_NONBLOCK opening a fifo waits for a writer and holds the whole program.
        file = os.open(self.address.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            if first:
                with contextlib.suppress(OSError):  # a fifo has no end to go to
                    os.lseek(file, 0, os.SEEK_END)
            self.inlet.opened(str(self.address))
            content = self._content()
            while True:
                chunk = _read(file)
                if chunk:
                    content.feed(chunk)
                    await asyncio.sleep(0)
                elif self._replaced(file):
                    return True
                else:
                    await asyncio.sleep(FILE_WAIT_S)
        finally:
            os.close(file)

    def _replaced(self, file: int) -> bool:
        now, held = Path(self.address.path).stat(), os.fstat(file)
        try:
            shrunk = os.lseek(file, 0, os.SEEK_CUR) > held.st_size
        except OSError:
            shrunk = False
        return shrunk or (now.st_ino, now.st_dev) != (held.st_ino, held.st_dev)


def _read(file: int) -> bytes:
    try:
        return os.read(file, CHUNK_BYTES)
    except BlockingIOError:  # a fifo whose writer is silent
        return b""


async def _tick(inlet: Inlet) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        inlet.tick()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
