"""Delivery to a real server on the loopback that fails, hangs, refuses and recovers; and the line for people."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from skysentry.errors import ConfigError, StateError
from skysentry.events import Alert, Health, HealthState, Phase, Severity
from skysentry.runtime.deliver import Stdout, Webhook
from skysentry.site import Output

SECRET = "geheim-123"


def alert(alert_id: str = "zone~t1", revision: int = 0, **fields: object) -> Alert:
    rest = {"severity": Severity.URGENT, "phase": Phase.ACTIVE, "why": "1 drone heading for Irpin"} | fields
    time_ns = 1_700_000_000_000_000_000
    return Alert(  # type: ignore[misc]
        id=f"{alert_id}/{revision}",
        time_ns=time_ns,
        received_ns=time_ns,
        alert_id=alert_id,
        revision=revision,
        zone="irpin",
        rule="approach",
        raised_ns=time_ns,
        **rest,  # type: ignore[arg-type]
    )


class Receiver:
    """A webhook's other end: answers with the statuses it is given, then 200; 0 hangs, -1 breaks off."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[dict[str, str], dict[str, object]]] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                headers = {name.lower(): value for name, value in headers.items()}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                status = self.statuses.pop(0) if self.statuses else 200
                if status == 0:
                    await reader.read()
                if status <= 0:
                    return
                self.got.append((headers, body))
                extra = b"Location: http://127.0.0.1:1/\r\n" if status == 302 else b""
                writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n".encode() + extra + b"\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    def revisions(self) -> list[str]:
        return [str(body["id"]) for _, body in self.got]


class Wire:
    """A webhook to a receiver, with what it said and marked."""

    def __init__(
        self, port: int, *, conflate_after_s: float = 30.0, mark: Callable[[Alert], None] | None = None
    ) -> None:
        self.said: list[Health] = []
        self.marked: list[str] = []
        output = Output(kind="webhook", url=f"http://127.0.0.1:{port}/hook?token={SECRET}", secret_env="HOOK")
        self.webhook = Webhook(
            output,
            self.said.append,
            mark or (lambda done: self.marked.append(done.id)),
            attempt_s=0.3,
            first_pause_s=0.02,
            conflate_after_s=conflate_after_s,
            environ={"HOOK": SECRET},
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Webhook]:
        task = asyncio.create_task(self.webhook.run())
        try:
            yield self.webhook
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 20.0))


def test_an_alert_arrives_with_its_key_and_secret() -> None:
    async def scene() -> None:
        receiver = Receiver()
        async with receiver.serving():
            wire = Wire(receiver.port)
            async with wire.running() as webhook:
                webhook.offer(alert("Ірпінь~t 1\n"))
                webhook.offer(alert("zone~t1", 3))
                assert await webhook.finish(5.0)
        (headers, body), (second, _) = receiver.got
        assert headers["idempotency-key"] == "%D0%86%D1%80%D0%BF%D1%96%D0%BD%D1%8C~t%201%0A/0"
        assert second["idempotency-key"] == "zone~t1/3"
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert headers["content-type"] == "application/json"
        assert (body["type"], body["severity"], body["zone"]) == ("alert", "urgent", "irpin")
        assert wire.marked == ["Ірпінь~t 1\n/0", "zone~t1/3"]
        assert wire.said == []

    play(scene)


@pytest.mark.parametrize("trouble", [[500, 503, 429], [0], [-1, -1], [302, 404], [401]])
def test_trouble_is_outlived_and_nothing_is_lost(trouble: list[int]) -> None:
    async def scene() -> None:
        receiver = Receiver(*trouble)
        async with receiver.serving():
            wire = Wire(receiver.port)
            async with wire.running() as webhook:
                for revision in range(5):
                    webhook.offer(alert(revision=revision))
                assert await webhook.finish(10.0)
        assert list(dict.fromkeys(receiver.revisions())) == [f"zone~t1/{n}" for n in range(5)]
        assert wire.marked == [f"zone~t1/{n}" for n in range(5)]
        assert [health.state for health in wire.said] == [HealthState.LOST, HealthState.OK]
        assert not [health for health in wire.said if SECRET in f"{health}"]
        assert f"http://127.0.0.1:{receiver.port}" in wire.said[0].reason

    play(scene)


def test_a_receiver_that_is_not_there_yet() -> None:
    async def scene() -> None:
        probe = Receiver()
        async with probe.serving():
            port = probe.port
        receiver, wire = Receiver(), Wire(port)
        async with wire.running() as webhook:
            webhook.offer(alert())
            assert not await webhook.finish(0.1)
            while not wire.said:
                await asyncio.sleep(0.01)
            assert [health.state for health in wire.said] == [HealthState.LOST]
            assert "no connection" in wire.said[0].reason
            async with receiver.serving(port):
                assert await webhook.finish(10.0)
        assert receiver.revisions() == ["zone~t1/0"]
        assert wire.said[-1].state is HealthState.OK

    play(scene)


def test_what_is_refused_is_reported_and_does_not_block_the_rest() -> None:
    async def scene() -> None:
        receiver = Receiver(422)
        async with receiver.serving():
            wire = Wire(receiver.port)
            async with wire.running() as webhook:
                webhook.offer(alert("a"))
                webhook.offer(alert("b"))
                assert await webhook.finish(5.0)
        assert receiver.revisions() == ["a/0", "b/0"]
        assert wire.marked == ["b/0"]
        assert "refuses a/0 with status 422" in wire.said[0].reason
        assert wire.webhook.refused == 1

    play(scene)


def test_after_a_long_absence_only_the_newest_of_each_alert_waits() -> None:
    async def scene() -> None:
        receiver = Receiver(*[500] * 4)
        async with receiver.serving():
            wire = Wire(receiver.port, conflate_after_s=0.03)
            for revision in range(50):
                wire.webhook.offer(alert("a", revision))
                wire.webhook.offer(alert("b", revision))
            async with wire.running() as webhook:
                assert await webhook.finish(10.0)
        delivered = receiver.revisions()[4:]
        assert delivered[-2:] == ["a/49", "b/49"]
        assert len(delivered) < 10

    play(scene)


def test_a_storm_never_drops_the_newest() -> None:
    async def scene() -> None:
        wire = Wire(1)
        for revision in range(3):
            for n in range(9_000):
                wire.webhook.offer(alert(f"a{n}", revision))
        assert len(wire.webhook) <= 18_000
        newest = {key[0]: max(k[1] for k in (key,)) for key in wire.webhook._waiting}
        assert len(newest) == 9_000
        assert {(f"a{n}", 2) for n in range(9_000)} <= wire.webhook._waiting.keys()

    play(scene)


def test_a_mark_that_fails_does_not_stop_delivery() -> None:
    def broken(done: Alert) -> None:
        raise StateError("the disk is full")

    async def scene() -> None:
        receiver = Receiver()
        async with receiver.serving():
            wire = Wire(receiver.port, mark=broken)
            async with wire.running() as webhook:
                webhook.offer(alert("a"))
                webhook.offer(alert("b"))
                assert await webhook.finish(5.0)
        assert receiver.revisions() == ["a/0", "b/0"]
        assert "could not be noted: the disk is full" in wire.said[0].reason

    play(scene)


@pytest.mark.parametrize("url", [None, "", "ftp://x/y", "http://", "http://[::1", "http://x:99999/"])
def test_an_address_that_is_none(url: str | None) -> None:
    with pytest.raises(ConfigError, match="address"):
        Webhook(Output(kind="webhook", url=url), lambda health: None)


@pytest.mark.parametrize("value", ["", "  ", "a\r\nX-Evil: 1", "пароль"])
def test_a_secret_that_cannot_be_used_is_not_printed(value: str) -> None:
    output = Output(kind="webhook", url="http://127.0.0.1/", secret_env="HOOK")
    with pytest.raises(ConfigError) as caught:
        Webhook(output, lambda health: None, environ={"HOOK": value})
    assert "HOOK" in str(caught.value)
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "22:13:20Z URGENT Irpin: 1 drone heading for Irpin"),
        ({"phase": Phase.ACKNOWLEDGED}, "22:13:20Z URGENT (acknowledged) Irpin: 1 drone heading for Irpin"),
        ({"phase": Phase.ALL_CLEAR, "severity": Severity.INFO, "why": "gone"}, "22:13:20Z ALL CLEAR Irpin: gone"),
        ({"why": "a\x1b[2Jb\nc"}, "22:13:20Z URGENT Irpin: a?[2Jb?c"),
    ],
)
def test_a_line_for_people(fields: dict[str, object], line: str) -> None:
    stream = io.StringIO()
    Stdout(stream, lambda zone_id: zone_id.title()).offer(alert(**fields))
    assert stream.getvalue() == line + "\n"
