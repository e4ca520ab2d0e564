"""Live radio over real sockets: a small server that speaks rtl_tcp, raw datagrams, a page of directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Block, Health, HealthState, Scan
from skysentry.runtime.links import open_link
from skysentry.site import Sensor, SensorKind

HEADER = b"RTL0" + bytes([0, 0, 0, 5, 0, 0, 0, 29])


def sensor(link: str, kind: SensorKind = SensorKind.RF) -> Sensor:
    return Sensor(id="n", kind=kind, link=link)


class Heard(list[AnyEvent]):
    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


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


async def until(met: Any) -> None:
    async with asyncio.timeout(15):
        while not met():
            await asyncio.sleep(0.01)


class Dongle:
    """An rtl_tcp server without a dongle: it notes commands and sends a byte that names the tuned frequency."""

    def __init__(self, header: bytes = HEADER) -> None:
        self.header, self.commands = header, []  # type: ignore[var-annotated]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.header)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            task = asyncio.create_task(self._send(writer))
            try:
                while True:
                    command = await reader.readexactly(5)
                    self.commands.append((command[0], int.from_bytes(command[1:])))
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await task
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while True:
            tuned = [value for number, value in self.commands if number == 1]
            if tuned:
                writer.write(bytes([tuned[-1] // 1_000_000 % 251]) * 20_000)
                await writer.drain()
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def dongle(header: bytes = HEADER) -> AsyncIterator[tuple[Dongle, int]]:
    made = Dongle(header)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_rtl_tcp_is_tuned_and_read() -> None:
    async def scene() -> None:
        async with dongle() as (server, port):
            url = f"rtl-tcp://127.0.0.1:{port}?rate=250e3&centre=868e6&gain=20.7"
            async with running(sensor(url)) as (_, heard):
                await until(lambda: len(heard.of(Block)) >= 2)
        assert server.commands == [(2, 250_000), (1, 868_000_000), (3, 1), (4, 207)]
        first, second = heard.of(Block)[:2]
        assert first.shape == (25_000, 2)
        assert (first.dtype, first.centre_hz, first.rate_hz) == ("uint8", 868e6, 250e3)
        assert second.time_ns - first.time_ns == 100_000_000
        assert first.data[0] == 868 % 251

    asyncio.run(scene())


def test_a_plan_hops_and_says_how_much_it_hears() -> None:
    async def scene() -> None:
        async with dongle() as (server, port):
            url = f"rtl-tcp://127.0.0.1:{port}?rate=250e3&bands=868e6-868.1e6,915e6-915.1e6&retune=0.02"
            async with running(sensor(url)) as (_, heard):
                await until(lambda: len(heard.of(Block)) >= 3)
        assert [block.centre_hz for block in heard.of(Block)[:3]] == [868.05e6, 915.05e6, 868.05e6]
        (told,) = [event for event in heard.of(Health) if "duty_permille" in dict(event.counts)]
        assert dict(told.counts) == {"duty_permille": 417, "round_ms": 240}
        assert [value for number, value in server.commands if number == 1][1:3] == [868_050_000, 915_050_000]

    asyncio.run(scene())


def test_another_server_is_told_and_tried_again() -> None:
    async def scene() -> None:
        async with dongle(b"HTTP/1.1 400 Bad") as (_, port):
            url = f"rtl-tcp://127.0.0.1:{port}?rate=250e3&centre=868e6"
            async with running(sensor(url)) as (_, heard):
                await until(lambda: heard.of(Health))
        assert heard.of(Health)[0].state is HealthState.LOST
        assert "rtl_tcp" in heard.of(Health)[0].reason

    asyncio.run(scene())


def test_raw_datagrams_become_blocks_and_torn_ones_are_counted() -> None:
    async def scene() -> None:
        async with running(sensor("iq-udp://127.0.0.1:0?rate=250e3&format=cs16")) as (link, heard):
            await until(lambda: link.port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(b"\x01" * 7, ("127.0.0.1", link.port))
                for _ in range(110):
                    out.sendto(b"\x02" * 1000, ("127.0.0.1", link.port))
                    await asyncio.sleep(0)
            await until(lambda: heard.of(Block))
        (block,) = heard.of(Block)
        assert (block.dtype, block.shape) == ("int16", (25_000, 2))
        assert link.inlet.counts == {"bad_format": 1}

    asyncio.run(scene())


def test_directions_are_polled_once_each() -> None:
    async def scene() -> None:
        line = f"{time.time_ns() // 1_000_000},90.0,42.5,-31.2,433920000,UCA,50,n,0,0,0.0,0.0,GPS,R,R,R,R,1,2"
        body = f"{line}\n170000,torn".encode()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        given = Sensor(id="n", kind=SensorKind.RF, period_s=0.2, link=f"kraken://127.0.0.1:{port}")
        async with running(given) as (link, heard):
            await until(lambda: link.inlet.counts.get("bad_lines", 0) >= 2)
        server.close()
        assert len(heard.of(Scan)) == 1
        assert heard.of(Scan)[0].detections[0].measurement.bearing_deg == pytest.approx(270.0)

    asyncio.run(scene())


class Device:
    """A device with SoapySDR's calls; its first read overflows."""

    def __init__(self, chosen: dict[str, str]) -> None:
        self.chosen, self.tuned, self.reads, self.closed = chosen, 0.0, 0, False
        devices.append(self)

    def setSampleRate(self, way: int, channel: int, rate_hz: float) -> None:  # noqa: N802
        self.rate_hz = rate_hz

    def setFrequency(self, way: int, channel: int, centre_hz: float) -> None:  # noqa: N802
        self.tuned = centre_hz

    def setupStream(self, way: int, form: str) -> str:  # noqa: N802
        return form

    def activateStream(self, stream: str) -> None:  # noqa: N802
        pass

    def deactivateStream(self, stream: str) -> None:  # noqa: N802
        pass

    def closeStream(self, stream: str) -> None:  # noqa: N802
        self.closed = True

    def readStream(self, stream: str, into: Any, count: int, timeoutUs: int) -> Any:  # noqa: N802
        self.reads += 1
        if self.reads == 1:
            return SimpleNamespace(ret=-4)
        got = min(count, 8192)
        into[0][:got] = self.tuned / 1e9
        time.sleep(0.001)
        return SimpleNamespace(ret=got)


devices: list[Device] = []
SOAPY = "soapy:///?driver=hackrf&rate=250e3&centre=868e6"


def test_a_soapy_device_is_read_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(Device=Device, SOAPY_SDR_RX=1, SOAPY_SDR_CF32="CF32")
    monkeypatch.setitem(sys.modules, "SoapySDR", module)

    async def scene() -> None:
        async with running(sensor(SOAPY)) as (link, heard):
            await until(lambda: heard.of(Block))
        block = heard.of(Block)[0]
        assert (block.dtype, block.shape, block.centre_hz) == ("complex64", (25_000, 1), 868e6)
        assert link.inlet.counts == {"overflows": 1}
        assert devices[-1].closed
        assert devices[-1].chosen == {"driver": "hackrf"}

    asyncio.run(scene())


def test_without_soapysdr_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SoapySDR", None)

    async def scene() -> None:
        async with running(sensor(SOAPY)) as (_, heard):
            await until(lambda: heard.of(Health))
        assert heard.of(Health)[0].state is HealthState.LOST
        assert "python3-soapysdr" in heard.of(Health)[0].reason

    asyncio.run(scene())


@pytest.mark.parametrize(
    "link",
    [
        "rtl-tcp://h:1?rate=2e6", "rtl-tcp://h:1?centre=1e9", "rtl-tcp://h:1?rate=x&centre=1e9",
        "rtl-tcp://h:1?rate=2e6&centre=1e9&format=mp3", "rtl-tcp://h:1?rate=nan&centre=1e9",
        "rtl-tcp://h:1?rate=2e6&bands=2e9-1e9", "iq-tcp://h:1?rate=1", "rtl-tcp://h:1?rate=2e6&centre=1e9&wat=1",
        "rtl-tcp://h:1?rate=0&bands=all", "soapy:///?driver=x&rate=2e6", "soapy:///?rate=2e6&centre=1e9&format=cs8",
    ],
)  # fmt: skip
def test_what_is_no_tuning_is_refused(link: str) -> None:
    with pytest.raises(ConfigError):
        open_link(sensor(link), time.time_ns)


def test_radio_is_for_radio_receivers() -> None:
    with pytest.raises(ConfigError, match="radio"):
        open_link(sensor("rtl-tcp://h:1?rate=2e6&centre=1e9", SensorKind.RADAR), time.time_ns)
