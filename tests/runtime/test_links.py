"""Links over real sockets, files and servers on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from skysentry.config import load
from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Health, HealthState, LinkKind, Packet, Scan, decode
from skysentry.runtime.links import open_link
from skysentry.runtime.links.address import parse
from skysentry.runtime.links.content import LINE_BYTES, BeastContent, JsonContent
from skysentry.runtime.links.inlet import Inlet
from skysentry.site import Sensor, SensorKind
from skysentry.wire.beast import BeastFrame, encode

FRAME = bytes.fromhex("8D4840D6202CC371C32CE0576098")
SCAN = b'{"type":"scan","time_ns":5,"received_ns":1,"sensor":"n"}\n'
S = 1_000_000_000
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def sensor(link: str | None, kind: SensorKind = SensorKind.EXTERNAL) -> Sensor:
    return Sensor(id="n", kind=kind, link=link)


class Heard(list[AnyEvent]):
    """What a link emitted."""

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    def states(self) -> list[HealthState]:
        return [event.state for event in self.of(Health)]

    async def until(self, met: Callable[[Heard], object]) -> None:
        async with asyncio.timeout(15):
            while not met(self):
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(given: Sensor) -> AsyncIterator[tuple[Any, Heard]]:
    link, heard = open_link(given, time.time_ns), Heard()
    task = asyncio.create_task(link.run(heard.append))
    try:
        yield link, heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()


@contextlib.asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[Any] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            assert task is not None
            task.cancel()
            await task


def sender(*chunks: bytes, stay: bool = True) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.01)
        if stay:
            await reader.read()

    return handle


def run(test: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


async def bound(link: Any) -> int:
    async with asyncio.timeout(10):
        while not link.port:
            await asyncio.sleep(0.01)
    return int(link.port)


def test_tcp_json_lines_are_stamped_on_arrival() -> None:
    async def check() -> None:
        before_ns = time.time_ns()
        async with (
            serving(sender(SCAN[:20], SCAN[20:] + SCAN[:-1], b"\n\n")) as port,
            running(sensor(f"tcp://127.0.0.1:{port}")) as (_, heard),
        ):
            await heard.until(lambda heard: len(heard.of(Scan)) == 2)
        assert heard.states() == [HealthState.OK]
        assert heard.of(Scan)[0].id == "n@5"
        assert all(scan.received_ns >= before_ns for scan in heard.of(Scan))

    run(check())


def test_tcp_comes_back_after_the_source_ended() -> None:
    async def check() -> None:
        async with serving(sender(SCAN, stay=False)) as port, running(sensor(f"tcp://127.0.0.1:{port}")) as (_, heard):
            await heard.until(lambda heard: len(heard.of(Scan)) == 2)
        assert heard.states()[:3] == [HealthState.OK, HealthState.LOST, HealthState.OK]

    run(check())


def test_a_source_that_is_not_there_is_told_once_and_found_later() -> None:
    async def check() -> None:
        async with serving(sender()) as port:
            pass
        async with running(sensor(f"tcp://127.0.0.1:{port}")) as (_, heard):
            await heard.until(lambda heard: heard.of(Health))
            await asyncio.sleep(0.8)
            assert heard.states() == [HealthState.LOST]
            assert heard.of(Health)[0].mend
            async with serving(sender(SCAN), port):
                await heard.until(lambda heard: heard.of(Scan))
            assert heard.states()[:2] == [HealthState.LOST, HealthState.OK]

    run(check())


def test_tcp_listen_takes_senders_and_one_that_floods_rubbish_harms_none() -> None:
    async def check() -> None:
        async with running(sensor("tcp-listen://127.0.0.1:0")) as (link, heard):
            port = await bound(link)
            _, bad = await asyncio.open_connection("127.0.0.1", port)
            bad.write(os.urandom(300_000) + b"\n" + b"x" * (3 * LINE_BYTES))
            _, good = await asyncio.open_connection("127.0.0.1", port)
            good.write(SCAN)
            await heard.until(lambda heard: heard.of(Scan))
            await heard.until(lambda heard: any(event.counts for event in heard.of(Health)))
            for writer in (bad, good):
                writer.close()
                await writer.wait_closed()
        counts = dict(next(event.counts for event in heard.of(Health) if event.counts))
        assert counts.keys() <= {"bad_lines", "long_lines"}
        assert counts["bad_lines"] > 100

    run(check())


def test_udp_datagrams() -> None:
    async def check() -> None:
        async with running(sensor("udp://127.0.0.1:0")) as (link, heard):
            port = await bound(link)
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
            )
            for data in (SCAN + SCAN.replace(b"5", b"6"), b'{"type":', SCAN.strip().replace(b"5", b"7")):
                transport.sendto(data)
            await heard.until(lambda heard: len(heard.of(Scan)) == 3)
            transport.close()
        assert [scan.time_ns for scan in heard.of(Scan)] == [5, 6, 7]
        assert link.inlet.counts == {"bad_lines": 1}

    run(check())


def test_a_port_that_is_taken_is_told() -> None:
    async def check() -> None:
        async with running(sensor("udp://127.0.0.1:0")) as (link, _):
            port = await bound(link)
            async with running(sensor(f"udp://127.0.0.1:{port}")) as (_, heard):
                await heard.until(lambda heard: heard.states() == [HealthState.LOST])

    run(check())


@pytest.mark.parametrize(
    ("scheme", "chunks", "link", "data"),
    [
        ("beast", [encode(BeastFrame(FRAME, 1, 1))[:9], encode(BeastFrame(FRAME, 1, 1))[9:]], LinkKind.MODE_S, FRAME),
        ("avr", [b"*7777;\n*8D4840D6202CC371C3", b"2CE0576098;\r\n"], LinkKind.MODE_S, FRAME),
        ("sbs", [b"MSG,8,1,1,4CA216,1,,,,,,,,,,,,,,,,0\r\n"], LinkKind.SBS, b"MSG,8,1,1,4CA216,1,,,,,,,,,,,,,,,,0"),
    ],
)
def test_receivers_of_mode_s(scheme: str, chunks: list[bytes], link: LinkKind, data: bytes) -> None:
    async def check() -> None:
        async with (
            serving(sender(*chunks)) as port,
            running(sensor(f"{scheme}://127.0.0.1:{port}", SensorKind.ADSB)) as (_, heard),
        ):
            await heard.until(lambda heard: heard.of(Packet))
        (packet,) = heard.of(Packet)
        assert (packet.link, packet.data) == (link, data)
        assert packet.id == f"n:{packet.received_ns}:0"
        assert packet.time_ns == packet.received_ns

    run(check())


def web(*answers: bytes) -> Handler:
    """Return a handler of a small HTTP server: each request gets the next answer, the last one again and again."""
    left = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return handle


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


def test_aircraft_json_is_polled() -> None:
    now = time.time()
    documents = [b'{"now": %.3f, "aircraft": [{"hex":"4ca216"},{"hex":"4ca217"}]}' % (now + n) for n in range(2)]
    answers = [answer(documents[0]), answer(b"<html>"), answer(b"", "500 Oops"), answer(documents[1])]

    async def check() -> None:
        async with serving(web(*answers)) as port:
            given = Sensor(
                id="n", kind=SensorKind.ADSB, link=f"http://127.0.0.1:{port}/data/aircraft.json", period_s=0.05
            )
            async with running(given) as (link, heard):
                await heard.until(lambda heard: len(heard.of(Packet)) == 4)
                await asyncio.sleep(0.5)
        assert [packet.data for packet in heard.of(Packet)] == [b'{"hex":"4ca216"}', b'{"hex":"4ca217"}'] * 2
        assert heard.of(Packet)[0].time_ns == round(now * 1000) * 1_000_000
        told = [event.state for event in heard.of(Health) if "refused" not in event.reason]
        assert told == [HealthState.OK, HealthState.LOST, HealthState.OK]
        assert link.inlet.counts == {"bad_documents": 1}

    run(check())


def test_a_file_is_followed_from_its_end_and_over_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "node.jsonl"
    path.write_bytes(SCAN)

    async def check() -> None:
        async with running(sensor(f"file://{path}")) as (_, heard):
            await heard.until(lambda heard: heard.of(Health))
            with path.open("ab") as file:
                file.write(SCAN.replace(b"5", b"6")[:10])
                file.flush()
                await asyncio.sleep(0.2)
                file.write(SCAN.replace(b"5", b"6")[10:])
            await heard.until(lambda heard: heard.of(Scan))
            path.rename(tmp_path / "old.jsonl")
            path.write_bytes(SCAN.replace(b"5", b"7"))
            await heard.until(lambda heard: len(heard.of(Scan)) == 2)
        assert [scan.time_ns for scan in heard.of(Scan)] == [6, 7]

    run(check())


def test_a_fifo_is_read_while_writers_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def check() -> None:
        async with running(sensor(f"file://{path}")) as (_, heard):
            await heard.until(lambda heard: heard.of(Health))
            for count in (1, 2):
                with path.open("wb") as file:
                    file.write(SCAN)
                await heard.until(lambda heard, count=count: len(heard.of(Scan)) == count)

    run(check())


class Hand:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.ns = 1_000 * S

    def __call__(self) -> int:
        return self.ns


def inlet(rate_per_s: float = 20_000.0, kind: SensorKind = SensorKind.EXTERNAL) -> tuple[Inlet, Heard, Hand]:
    clock, heard = Hand(), Heard()
    made = Inlet(sensor(None, kind), clock, rate_per_s)
    made.emit = heard.append
    return made, heard, clock


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (b'{"type":"scan","time_ns":5,"sensor":"other"}', "impostor"),
        (b'{"type":"scan","time_ns":5,"sensor":"n","id":"other@5"}', "impostor"),
        (
            b'{"type":"scan","time_ns":5,"sensor":"n","detections":'
            b'[{"id":"other@5#0","measurement":{"kind":"presence"}}]}',
            "impostor",
        ),
        (b'{"type":"packet","time_ns":5,"id":"other:1","sensor":"n","link":"sbs","data":""}', "impostor"),
        (b'{"type":"health","time_ns":5,"source":"other","state":"ok","reason":""}', "impostor"),
        (b'{"type":"order","time_ns":5,"by":"me","action":"cancel","target":"n"}', "not_allowed"),
        (
            b'{"type":"truth","time_ns":5,"object":"n","lat_deg":0,"lon_deg":0,"alt_m":0,'
            b'"velocity_mps":[0,0,0],"object_class":"jet"}',
            "not_allowed",
        ),
        (b'{"type":"scan","time_ns":-5,"sensor":"n"}', "bad_lines"),
        (b'{"type":"scan","time_ns":5,"sensor":"n","noise_db":NaN}', "bad_lines"),
        (b"\xff\xfe", "bad_lines"),
        (b"[" * 5_000, "bad_lines"),
    ],
)
def test_a_sensor_speaks_only_for_itself_and_only_of_what_it_sees(line: bytes, count: str) -> None:
    gate, heard, _ = inlet()
    JsonContent(gate).feed(line + b"\n")
    assert gate.counts == {count: 1}
    assert heard == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"packet","time_ns":5,"id":"n:1","sensor":"n","link":"sbs","data":""}',
        b'{"type":"packet","time_ns":5,"sensor":"n","link":"sbs","data":""}',
        b'{"type":"health","time_ns":5,"source":"n","state":"ok","reason":"warm"}',
        b'{"type":"scan","time_ns":5,"sensor":"n","detections":[{"measurement":{"kind":"presence"}}]}',
    ],
)
def test_what_a_sensor_may_send(line: bytes) -> None:
    gate, heard, clock = inlet()
    JsonContent(gate).feed(line + b"\n")
    assert gate.counts == {}
    event = heard[-1]
    assert (event.time_ns, event.received_ns) == (5, clock.ns)
    assert event == msgspec.structs.replace(decode(line), received_ns=clock.ns)


def test_a_remote_id_receiver_may_send_plain_reports() -> None:
    gate, heard, clock = inlet(kind=SensorKind.REMOTE_ID)
    JsonContent(gate).feed(b'{"uasId":"x"}\n' + SCAN + b'{"type":"order"}\nrubbish\n')
    (packet,) = heard.of(Packet)
    assert (packet.link, packet.data) == (LinkKind.REMOTE_ID_JSON, b'{"uasId":"x"}')
    assert packet.id == f"n:{clock.ns}:0"
    assert len(heard.of(Scan)) == 1
    assert gate.counts == {"bad_lines": 2}


def test_a_flood_is_cut_to_the_rate() -> None:
    gate, heard, clock = inlet(rate_per_s=100.0)
    content = JsonContent(gate)
    for _ in range(10):
        content.feed(SCAN * 100)
        clock.ns += S // 10
    # 100 at once, then 10 each tenth of a second.
    assert len(heard.of(Scan)) == 190
    assert gate.counts == {"over_rate": 810}


def test_silence_is_told_once_and_so_is_its_end() -> None:
    gate, heard, clock = inlet()
    content = JsonContent(gate)
    content.feed(SCAN)
    for _ in range(30):
        clock.ns += S
        gate.tick()
    clock.ns += S
    content.feed(SCAN)
    assert [event.reason for event in heard.of(Health)] == [
        "the first data arrived",
        "nothing heard for 11 s",
        "heard again after 31 s",
    ]
    assert len({event.id for event in heard}) == len(heard) - 1  # the sender sent one scan twice


def test_counts_are_told_at_most_every_ten_seconds() -> None:
    gate, heard, clock = inlet()
    content = JsonContent(gate)
    for _ in range(25):
        content.feed(b"rubbish\n" + SCAN)
        gate.tick()
        clock.ns += S
    for _ in range(70):
        content.feed(SCAN)
        gate.tick()
        clock.ns += S
    told = [(event.state, dict(event.counts)["bad_lines"]) for event in heard.of(Health)[1:]]
    bad = HealthState.DEGRADED
    assert told == [(bad, 1), (bad, 11), (bad, 21), (bad, 25), (HealthState.OK, 25)]


def test_a_long_line_costs_only_itself() -> None:
    gate, heard, _ = inlet()
    content = JsonContent(gate)
    for chunk in (SCAN + b"x" * LINE_BYTES, b"x" * LINE_BYTES, b"x", b"x\n" + SCAN):
        content.feed(chunk)
        assert len(content._tail) <= LINE_BYTES
    assert len(heard.of(Scan)) == 2
    assert gate.counts == {"long_lines": 1}


def test_what_beast_skips_is_counted() -> None:
    gate, heard, _ = inlet()
    BeastContent(gate).feed(b"junk" + encode(BeastFrame(FRAME, 0, 0)))
    assert len(heard.of(Packet)) == 1
    assert gate.counts == {"bytes_skipped": 4}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://h:1",
        "tcp://127.0.0.1",
        "tcp://:7800",
        "tcp://h:99999",
        "udp://some-name:7800",
        "tcp-listen://gateway:7800",
        "file://host/path",
        "file://",
        "beast://",
        "http://",
        "http://user:word@h/aircraft.json",
        "tcp://[::1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url, "site.toml:7")
    assert caught.value.hint
    assert caught.value.where == "site.toml:7"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("udp://:7800", "127.0.0.1", 7800),
        ("udp://localhost:7800", "127.0.0.1", 7800),
        ("udp://0.0.0.0:7800", "0.0.0.0", 7800),
        ("tcp-listen://[::1]:7800", "::1", 7800),
        ("beast://receiver", "receiver", 30005),
        ("sbs://receiver", "receiver", 30003),
        ("avr://receiver:1", "receiver", 1),
    ],
)
def test_addresses_that_are_taken(url: str, host: str, port: int) -> None:
    address = parse(url, "x")
    assert (address.host, address.port) == (host, port)


def test_a_sensor_without_a_link_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="no link"):
        open_link(sensor(None), time.time_ns)


def test_a_kind_that_does_not_fit_the_link_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="ADS-B"):
        open_link(sensor("beast://127.0.0.1:30005", SensorKind.RADAR), time.time_ns)


def test_the_examples_of_the_documentation_open(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "links.md").read_text()
    (tmp_path / "site.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    site = load(tmp_path / "site.toml")
    assert len(site.sensors) == page.count("[[sensor]]") == 9
    for given in site.sensors:
        open_link(given, time.time_ns)
