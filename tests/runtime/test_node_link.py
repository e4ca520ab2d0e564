"""Node and site over real sockets of the loopback: once each, in spite of cuts; strangers are not heard."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Detection, Health, HealthState, Presence, Scan, health, scan_id
from skysentry.runtime import pipeline
from skysentry.runtime.links import open_link, uplink
from skysentry.runtime.links.node_key import key_of, site_of
from skysentry.runtime.links.scans import NodeLink, NodeServer, Taken
from skysentry.runtime.links.uplink import Uplink
from skysentry.runtime.node_spool import Spool
from skysentry.site import Sensor, SensorKind, Site

KEY = "a key that is long enough"


def look(number: int, heard: bool = False, sensor: str = "mic-1") -> Scan:
    time_ns = time.time_ns() // 10**9 * 10**9 + number * 1_000_000
    scan = Scan(
        id=scan_id(sensor, time_ns), time_ns=time_ns, received_ns=time_ns, sensor=sensor, noise_db=-40.0, reach_m=500.0
    )
    found = Detection(id=f"{scan.id}#0", measurement=Presence(level_db=3.0))
    return (
        scan if not heard else Scan(**{**{f: getattr(scan, f) for f in scan.__struct_fields__}, "detections": (found,)})
    )


class Site1:
    """A site's listener with one sensor, stepped every 20 ms."""

    def __init__(self, folder: Path, known: set[str] | None = None, stepping: bool = True) -> None:
        (folder / "key").write_text(KEY + "\n")
        url = f"node://127.0.0.1:0?key_file={folder / 'key'}"
        self.server = NodeServer(time.time_ns)
        self.server.known = known or set()
        self.stepping = stepping
        self.events: list[AnyEvent] = []
        self.link = open_link(Sensor(id="mic-1", kind=SensorKind.MICROPHONE, link=url), time.time_ns)
        assert isinstance(self.link, NodeLink)
        self.link.server = self.server
        self.link.address = structs.replace(self.link.address, port=0)
        self.server.inlets = {"mic-1": (self.link.inlet, KEY.encode())}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site1]:
        tasks = [asyncio.create_task(self.link.run(self.events.append)), asyncio.create_task(self._step())]
        await until(lambda: self.server.port != 0)
        try:
            yield self
        finally:
            await ended(tasks)

    async def _step(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            if self.stepping:
                self.server.stepped(time.time_ns())

    @property
    def scans(self) -> list[Scan]:
        return [event for event in self.events if isinstance(event, Scan)]


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(done: Callable[[], bool], most_s: float = 10.0) -> None:
    async with asyncio.timeout(most_s):
        while not done():
            await asyncio.sleep(0.01)


class Node1:
    """An uplink over a spool, and what it told."""

    def __init__(self, folder: Path, port: int, key: str = KEY, every_s: float = 0.05) -> None:
        self.told: list[tuple[HealthState, str, str]] = []
        self.spool = Spool(folder / "spool", 10**7)
        self.uplink = Uplink(
            ("127.0.0.1", port), key.encode(), ["mic-1"], self.spool, time.time_ns, self._tell, every_s
        )

    def _tell(self, state: HealthState, reason: str, mend: str, part: str, counts: tuple[tuple[str, int], ...]) -> None:
        self.told.append((state, reason, part))

    def say(self, *events: AnyEvent) -> None:
        self.uplink.offer(self.spool.append(time.time_ns(), events), events)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node1]:
        task = asyncio.create_task(self.uplink.run())
        try:
            yield self
        finally:
            await ended([task])
            self.spool.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(uplink, "LAST_WAIT_S", 0.05)


def test_scans_and_health_arrive_once_and_are_confirmed(tmp_path: Path) -> None:
    async def body() -> None:
        async with Site1(tmp_path).running() as site, Node1(tmp_path, site.server.port).running() as node:
            said = [look(n, heard=n % 5 == 0) for n in range(60)]
            for one in said:
                node.say(one)
                await asyncio.sleep(0.002)
            node.say(health("mic-1", time.time_ns(), HealthState.DEGRADED, "gap"))
            await until(lambda: node.spool.waiting == 0)
            assert [scan.id for scan in site.scans] == [one.id for one in said]
            assert [scan.noise_db for scan in site.scans] == [-40.0] * 60
            assert [e.reason for e in site.events if isinstance(e, Health)][-1] == "gap"
            assert all(scan.received_ns >= scan.time_ns for scan in site.scans[:1])

    asyncio.run(body())


def test_nothing_is_confirmed_before_the_step_that_records_it(tmp_path: Path) -> None:
    async def body() -> None:
        async with (
            Site1(tmp_path, stepping=False).running() as site,
            Node1(tmp_path, site.server.port).running() as node,
        ):
            node.say(look(0))
            await until(lambda: len(site.scans) == 1)
            await asyncio.sleep(0.1)
            assert node.spool.waiting == 1
            site.stepping = True
            await until(lambda: node.spool.waiting == 0)

    asyncio.run(body())


def test_a_backlog_comes_behind_the_present_each_look_once(tmp_path: Path) -> None:
    async def body() -> None:
        old = Spool(tmp_path / "spool", 10**7)
        past = [look(n) for n in range(-3000, 0)]
        for one in past:
            old.append(one.time_ns, [one])
        old.close()
        async with Site1(tmp_path).running() as site:
            node = Node1(tmp_path, site.server.port)
            now = look(1, heard=True)
            node.say(now)
            async with node.running():
                await until(lambda: node.spool.waiting == 0)
            assert site.scans[0].id == now.id
            assert [scan.id for scan in site.scans[1:]] == [one.id for one in past]

    asyncio.run(body())


class Cutter:
    """A way between node and site that is cut after a random number of bytes."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self.target, self.chance, self.port, self.cuts = port, chance, 0, 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Cutter]:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        left = [self.chance.randrange(100, 6_000)]
        ways = [asyncio.create_task(self._one(a, b, left)) for a, b in ((reader, back), (there, writer))]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        await ended(ways)
        self.cuts += 1
        for end in (writer, back):
            end.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]) -> None:
        with contextlib.suppress(OSError):
            while (data := await reader.read(300)) and left[0] > 0:
                left[0] -= len(data)
                writer.write(data)


@pytest.mark.parametrize("seed", [1, 2])
def test_over_a_link_that_is_cut_again_and_again_each_look_comes_once(tmp_path: Path, seed: int) -> None:
    async def body() -> None:
        async with (
            Site1(tmp_path).running() as site,
            Cutter(site.server.port, random.Random(seed)).running() as way,
            Node1(tmp_path, way.port, every_s=0.1).running() as node,
        ):
            said = [look(n, heard=n % 3 == 0) for n in range(400)]
            for one in said:
                node.say(one)
                await asyncio.sleep(0.004)
            await until(lambda: node.spool.waiting == 0, 20.0)
            assert way.cuts > 5
            ids = [scan.id for scan in site.scans]
            assert sorted(ids) == sorted(one.id for one in said)

    asyncio.run(body())


def test_a_site_that_was_killed_knows_what_it_had_recorded(tmp_path: Path) -> None:
    async def body() -> None:
        said = [look(n) for n in range(10)]
        async with (
            Site1(tmp_path, stepping=False).running() as site,
            Node1(tmp_path, site.server.port).running() as node,
        ):
            node.say(*said)
            await until(lambda: len(site.scans) == 10)
        known = {scan.id for scan in site.scans}
        async with Site1(tmp_path, known).running() as site, Node1(tmp_path, site.server.port).running() as node:
            node.say(look(99))
            await until(lambda: node.spool.waiting == 0)
            assert [scan.id for scan in site.scans] == [look(99).id]

    asyncio.run(body())


def test_another_key_is_not_heard_and_no_key_is_told(tmp_path: Path) -> None:
    async def body() -> None:
        async with Site1(tmp_path).running() as site:
            async with Node1(tmp_path, site.server.port, key="some other long key").running() as node:
                node.say(look(0))
                await until(lambda: site.link.inlet.counts.get("bad_key", 0) >= 1)
                await until(lambda: len(node.told) > 0)
            assert site.scans == []
            assert node.spool.waiting == 1
            words = repr(node.told) + repr(site.events)
            assert "refuses this node" in words
            assert KEY not in words
            assert "some other" not in words

    asyncio.run(body())


def test_a_node_speaks_only_for_its_own_sensors(tmp_path: Path) -> None:
    async def body() -> None:
        async with Site1(tmp_path).running() as site, Node1(tmp_path, site.server.port).running() as node:
            node.say(look(0, sensor="mic-2"), look(1))
            await until(lambda: node.spool.waiting == 0)
            assert [scan.sensor for scan in site.scans] == ["mic-1"]
            assert site.link.inlet.counts == {"impostor": 1}

    asyncio.run(body())


def test_clocks_that_differ_are_told(tmp_path: Path) -> None:
    async def body() -> None:
        site = Site1(tmp_path)
        site.server.clock = lambda: time.time_ns() + 3 * 10**9
        async with site.running(), Node1(tmp_path, site.server.port).running() as node:
            await until(lambda: len(node.told) > 0)
            assert [(state, part) for state, _, part in node.told] == [(HealthState.DEGRADED, "clock")]
            assert "+3.0 s" in node.told[0][1] or "+2.9 s" in node.told[0][1]

    asyncio.run(body())


def test_garbage_at_the_port_disturbs_nobody(tmp_path: Path) -> None:
    async def body() -> None:
        chance, opened = random.Random(4), []
        async with Site1(tmp_path).running() as site, Node1(tmp_path, site.server.port).running() as node:
            for _ in range(100):
                _, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
                writer.write(chance.randbytes(chance.randrange(200)))
                opened.append(writer)
            node.say(look(0))
            await until(lambda: node.spool.waiting == 0)
            for writer in opened:
                writer.close()
            assert len(site.scans) == 1

    asyncio.run(body())


def test_taken_numbers_are_known_whatever_their_order() -> None:
    taken, chance = Taken(1), random.Random(2)
    numbers = [*range(500), *range(1 << 20, (1 << 20) + 300)]
    chance.shuffle(numbers)
    assert all(taken.add(number) for number in numbers)
    assert not any(taken.add(number) for number in numbers)


def test_what_is_too_late_for_tracking_is_left_to_the_recording() -> None:
    sensor = Sensor(id="mic-1", kind=SensorKind.MICROPHONE, link="node://127.0.0.1?key_env=K")
    core = pipeline.core(Site(sensors=(sensor,)), "detections")
    seen: list[AnyEvent] = []

    class Spy:
        def step(self, now_ns: int, events: list[AnyEvent]) -> list[AnyEvent]:
            seen.extend(events)
            return []

    core.stages = {"spy": Spy()}  # type: ignore[dict-item]
    fresh, past = look(0), look(1)
    late = Scan(id=past.id, time_ns=past.time_ns, received_ns=past.time_ns + 60 * 10**9, sensor="mic-1")
    other = Scan(id="m@1", time_ns=1, received_ns=60 * 10**9, sensor="m")
    core.step(0, [fresh, late, other])
    assert seen == [fresh, other]


@pytest.mark.parametrize(
    "url",
    ["node://h", "node://h?key_env=ABSENT", "node://h?key_file=/no/such", "node://h?key_env=SHORT", "node://h?x=1"],
)
def test_a_link_without_a_usable_key_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        key_of(url, "mic-1", {"SHORT": "secret-word"})
    assert "secret-word" not in str(caught.value)


def test_addresses() -> None:
    assert site_of("node://site.example?key_env=K", "w") == ("site.example", 7900)
    assert site_of("node://[::1]:99?key_env=K", "w") == ("::1", 99)
    for url in ("tcp://h", "node://?key_env=K", "node://u:p@h", "node://h:x"):
        with pytest.raises(ConfigError):
            site_of(url, "w")
