"""The site's end of `wire.node`: one port for all nodes whose sensors name it in their link.

    [[sensor]] … link = "node://0.0.0.0:7900?key_file=/etc/skysentry/node.key"

A connection counts for nothing until it has proved the key of every sensor it names; strangers are cut off after 10 s,
`MOST_STRANGERS` at a time, the oldest first. A new connection of a node replaces its old one, which may be dead without
knowing it. What comes passes the sensor's `Inlet` as from any link.

At least once, taken once: a frame is confirmed after the step that recorded it (`stepped`), and an event is known by
its number in the node's spool, as ranges, and across a restart of the site by its id in the last minute of the
recording. Reading stops while `UNSTEPPED` frames of a node wait, so a backlog of days comes as fast as the site steps
and no faster.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from skysentry.errors import DecodeError
from skysentry.events import AnyEvent, Health, Scan
from skysentry.formats import mcap
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.node_key import key_of
from skysentry.runtime.links.stream import persistently, ticking
from skysentry.runtime.links.uplink import frame
from skysentry.wire import node as wire

GREET_S = 10.0
MOST_STRANGERS = 64
UNSTEPPED = 8
# A node says something every 8 s at least; a quarter of a minute more is a bad link, five minutes a dead one.
DEAD_S = 300.0
# Ranges of numbers kept of a node: holes come from cuts, and close when the backlog has come.
MOST_RANGES = 1_000
# What a node may send twice after the site was killed: what was under way. A minute is far more.
RECALLED_NS = 60_000_000_000


class Taken:
    """Which numbers of a node's spool were taken: rising ranges."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, number: int) -> bool:
        """Note a number; return whether it is new."""
        at = bisect_right(self._firsts, number)
        if at and number <= self._lasts[at - 1]:
            return False
        joins_left = at > 0 and self._lasts[at - 1] == number - 1
        joins_right = at < len(self._firsts) and self._firsts[at] == number + 1
        if joins_left and joins_right:
            self._lasts[at - 1] = self._lasts.pop(at)
            del self._firsts[at]
        elif joins_left:
            self._lasts[at - 1] = number
        elif joins_right:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)
        if len(self._firsts) > MOST_RANGES:
            del self._firsts[0], self._lasts[0]
        return True


class Peer:
    """One proven connection of a node."""

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        seals: tuple[wire.Seal, wire.Seal],
        inlets: dict[str, Inlet],
        taken: Taken,
    ) -> None:
        self.writer, self.inlets, self.taken = writer, inlets, taken
        self.node, self.site = seals
        self.first = next(iter(inlets.values()))
        self.unstepped: list[tuple[int, int]] = []
        self.room = asyncio.Event()
        self.room.set()


class NodeServer:
    """One listening port, shared by the sensors whose links name it. `known` are ids recorded just before the start."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.port = 0
        self.inlets: dict[str, tuple[Inlet, bytes]] = {}
        self.known: set[str] = set()
        self._taken: dict[str, Taken] = {}
        self._peers: dict[str, Peer] = {}
        self._strangers: dict[asyncio.Task[None], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = False

    async def serve(self, host: str, port: int) -> bool:
        """Listen, where no other link of this port does; wait until cancelled."""
        if self._listening:
            await asyncio.get_running_loop().create_future()
        self._listening = True
        try:
            await self._listen(host, port)
        finally:
            self._listening = False
        return True

    async def _listen(self, host: str, port: int) -> None:
        server = await asyncio.start_server(self._accept, host, port, limit=wire.MOST_FRAME_BYTES + 3)
        self.port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stepped(self, now_ns: int) -> None:
        """Confirm what arrived up to a grid instant: it is recorded."""
        for peer in list(self._peers.values()):
            due = [number for number, received_ns in peer.unstepped if received_ns <= now_ns]
            if not due:
                continue
            peer.unstepped = peer.unstepped[len(due) :]
            for number in due:
                ack = wire.packed(wire.Ack(number, self.clock()))
                with contextlib.suppress(OSError, RuntimeError):
                    peer.writer.write(peer.site.frame(wire.ACK, ack))
            peer.room.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        self._strangers[task] = None
        if len(self._strangers) > MOST_STRANGERS:
            next(iter(self._strangers)).cancel()
        peer: Peer | None = None
        try:
            with contextlib.suppress(OSError, TimeoutError, EOFError, DecodeError, asyncio.CancelledError):
                async with asyncio.timeout(GREET_S):
                    peer = await self._greet(reader, writer)
                if peer is not None:
                    self._strangers.pop(task, None)
                    await self._read(reader, peer)
        finally:
            self._leave(task, peer)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def _leave(self, task: asyncio.Task[None], peer: Peer | None) -> None:
        self._tasks.discard(task)
        self._strangers.pop(task, None)
        for name in [name for name, other in self._peers.items() if other is peer]:
            inlet = self._peers.pop(name).inlets[name]
            inlet.lost("the connection of its node ended", "what it hears meanwhile it keeps, and sends later")

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer | None:
        nonce = os.urandom(wire.NONCE_BYTES)
        writer.write(wire.framed(wire.SITE_HELLO, wire.MAGIC + nonce))
        kind, body = await frame(reader, wire.MOST_HELLO_BYTES)
        if kind != wire.NODE_HELLO or len(body) < wire.NONCE_BYTES + wire.TAG_BYTES:
            return None
        theirs = body[: wire.NONCE_BYTES]
        hello = wire.content(body[wire.NONCE_BYTES : -wire.TAG_BYTES], wire.Hello)
        found = [self.inlets[name] for name in hello.sensors if name in self.inlets]
        if len(found) != len(hello.sensors) or len(set(hello.sensors)) != len(found):
            return None
        key = found[0][1]
        if not all(hmac.compare_digest(key, other) for _, other in found):
            return None
        node, site = (wire.Seal(key, nonce, theirs, who) for who in (b"n", b"s"))
        try:
            node.opened(kind, body)
        except DecodeError:
            for inlet, _ in found:
                inlet.count("bad_key")
            return None
        writer.write(site.frame(wire.WELCOME, wire.packed(wire.Welcome(self.clock()))))
        return self._enter(Peer(writer, (node, site), {i.sensor.id: i for i, _ in found}, self._book(hello)))

    def _book(self, hello: wire.Hello) -> Taken:
        """Return what was taken of a node: by its sensors' names and its spool."""
        name = "\n".join(hello.sensors)
        taken = self._taken.get(name)
        if taken is None or taken.epoch != hello.epoch:
            taken = self._taken[name] = Taken(hello.epoch)
        return taken

    def _enter(self, peer: Peer) -> Peer:
        for name, inlet in peer.inlets.items():
            old = self._peers.get(name)
            if old is not None:
                old.writer.close()
            self._peers[name] = peer
            inlet.opened("its node")
        return peer

    async def _read(self, reader: asyncio.StreamReader, peer: Peer) -> None:
        while True:
            await peer.room.wait()
            async with asyncio.timeout(DEAD_S):
                kind, body = await frame(reader, wire.MOST_FRAME_BYTES)
            self._take(peer, kind, body)

    def _take(self, peer: Peer, kind: int, body: bytes) -> None:
        """Give the events of a frame, each once."""
        if kind != wire.EVENTS:
            raise DecodeError(f"a frame of type {kind} from a node")
        said = wire.content(peer.node.opened(kind, body), wire.Events)
        events, numbers = list(wire.events(said.items)), wire.numbers(said.spool)
        if len(events) != len(numbers):
            raise DecodeError("not one number an event")
        for number, event in zip(numbers, events, strict=True):
            if peer.taken.add(number):
                self._give(peer, number, event)
            else:
                peer.first.count("repeated")
        peer.unstepped.append((said.number, self.clock()))
        if len(peer.unstepped) >= UNSTEPPED:
            peer.room.clear()

    def _give(self, peer: Peer, number: int, event: AnyEvent) -> None:
        name = event.sensor if isinstance(event, Scan) else event.source if isinstance(event, Health) else ""
        inlet = peer.inlets.get(name)
        if inlet is None:
            peer.first.count("impostor")
            return
        if isinstance(event, Health):
            event = structs.replace(event, id=f"{name}:node:{peer.taken.epoch:x}:{number}")
        if event.id in self.known:
            inlet.count("repeated")
            return
        inlet.take(event)


class NodeLink:
    """The link of one sensor whose scans come from a node."""

    def __init__(self, address: Address, inlet: Inlet, server: NodeServer | None = None) -> None:
        self.address, self.inlet = address, inlet
        key = key_of(address.url, inlet.sensor.id)
        at = (address.host, address.port)
        self.server = server or _SERVERS.get(at) or NodeServer(inlet.clock)
        _SERVERS[at] = self.server
        self.server.inlets[inlet.sensor.id] = (inlet, key)

    async def run(self, emit: Callable[[AnyEvent], None]) -> None:
        """Give events until cancelled."""
        where = self.address.host, self.address.port
        await ticking(
            self.inlet, emit, lambda: persistently(self.address, self.inlet, lambda: self.server.serve(*where))
        )

    def stepped(self, now_ns: int, events: Sequence[AnyEvent] = ()) -> None:
        """Confirm what arrived up to a grid instant; the server does it once for all its sensors."""
        self.server.stepped(now_ns)


class _Head(Struct):
    id: str
    received_ns: int


def recall(links: Iterable[object], folder: Path) -> None:
    """Tell the servers of links which ids were recorded in the last minute before the recording ended."""
    servers = {id(link.server): link.server for link in links if isinstance(link, NodeLink)}
    if not servers or not folder.is_dir():
        return
    heads: list[_Head] = []
    for path in mcap.segments(folder)[-2:]:
        records = (record for record in mcap.records(path) if record.topic in ("in/scan", "in/health"))
        heads += (msgspec.json.decode(record.data, type=_Head) for record in records)
    since_ns = max((head.received_ns for head in heads), default=0) - RECALLED_NS
    for server in servers.values():
        server.known = {head.id for head in heads if head.received_ns >= since_ns}


# A port is bound once in a process, whoever asks; a server goes when the last link that names it goes.
_SERVERS: weakref.WeakValueDictionary[tuple[str, int], NodeServer] = weakref.WeakValueDictionary()
