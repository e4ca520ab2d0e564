"""A capture in monitor mode that is read as it is made, over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skysentry.errors import FormatError
from skysentry.events import AnyEvent, LinkKind, Packet
from skysentry.formats import ReadOptions, pcap
from skysentry.formats.pcap_live import LiveCapture
from skysentry.runtime.links import open_link
from skysentry.site import Sensor, SensorKind


class Heard(list[AnyEvent]):
    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    async def until(self, met: Callable[[Heard], object]) -> None:
        async with asyncio.timeout(15):
            while not met(self):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [7, 1_000, 65_536])
def test_a_capture_is_read_as_it_is_made(shared_data: Callable[[str], Path], size: int) -> None:
    """In pieces of any size: the packets of the file, each once, in order."""
    path = shared_data("C-remoteid-pcap") / "odid_wifi_sample.pcap"
    data, live, packets = path.read_bytes(), LiveCapture("rid"), []
    for at in range(0, len(data), size):
        packets += live.feed(data[at : at + size])
    whole = [one for one in pcap.read(path, ReadOptions(sensor="rid")) if isinstance(one, Packet)]
    assert packets == whole
    assert live.counts["frames"] == 63


def test_captures_come_over_tcp_and_nonsense_closes_only_its_connection(shared_data: Callable[[str], Path]) -> None:
    data = (shared_data("C-remoteid-pcap") / "odid_wifi_sample.pcap").read_bytes()

    async def go() -> Heard:
        given = Sensor(id="rid", kind=SensorKind.REMOTE_ID, link="pcap-listen://127.0.0.1:0")
        link, heard = open_link(given, time.time_ns), Heard()
        task = asyncio.create_task(link.run(heard.append))
        async with asyncio.timeout(15):
            while not link.port:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        for sent in (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", data):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)  # type: ignore[attr-defined]
            writer.write(sent)
            writer.write_eof()
            await reader.read()
            writer.close()
        await heard.until(lambda h: len(h.of(Packet)) == 42)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert link.inlet.counts == {"bad_captures": 1}  # type: ignore[attr-defined]
        return heard

    heard = asyncio.run(go())
    packets = heard.of(Packet)
    assert len({packet.id for packet in packets}) == 42
    assert {packet.link for packet in packets} == {LinkKind.WIFI}


@pytest.mark.parametrize("data", [b"\x0a\x0d\x0d\x0a" + bytes(40), b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\x01\0\0\0"])
def test_what_is_no_capture_of_remote_id_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        LiveCapture("rid").feed(data)
