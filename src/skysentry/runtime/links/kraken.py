"""Polls a KrakenSDR's directions: kraken://receiver:8081 → http://receiver:8081/DOA_value.html (`wire.krakensdr`).

One line a channel; the page is rewritten in place, so half a line is counted (`bad_lines`) and read again next time. A
line whose time was told already is no new look. A time more than 10 s from our clock is that of a receiver without one:
the arrival counts (`bad_clock`).
"""

from __future__ import annotations

import asyncio

import httpx
import msgspec

from skysentry.errors import DecodeError, LinkError
from skysentry.events import encode
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.stream import Emit, persistently, ticking
from skysentry.sensing.rf.bearing import scan
from skysentry.wire.krakensdr import decode

TIMEOUT_S, MIN_PERIOD_S = 5.0, 0.2
# Sixteen channels of 360 values are 60 kB.
MOST_BYTES = 262_144
CLOCKS_AGREE_NS = 10_000_000_000


class KrakenLink:
    """Polls the page; one scan a new line."""

    def __init__(self, address: Address, inlet: Inlet) -> None:
        self.address, self.inlet = address, inlet
        self._told_ns: dict[int, int] = {}

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, lambda: self._poll(client)))

    async def _poll(self, client: httpx.AsyncClient) -> bool:
        period_s = max(MIN_PERIOD_S, self.inlet.sensor.period_s)
        while True:
            try:
                self._take(await self._fetch(client))
            except httpx.HTTPError as error:
                raise LinkError(str(error) or type(error).__name__) from None
            await asyncio.sleep(period_s)

    async def _fetch(self, client: httpx.AsyncClient) -> bytes:
        text = bytearray()
        url = f"http://{self.address.host}:{self.address.port}/DOA_value.html"
        async with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise LinkError(f"the answer is {response.status_code}")
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > MOST_BYTES:
                    raise LinkError(f"the answer is longer than {MOST_BYTES} bytes")
        return bytes(text)

    def _take(self, text: bytes) -> None:
        for channel, line in enumerate(text.splitlines()[:16]):
            if not line.strip() or not self.inlet.admit():
                continue
            try:
                doa = decode(line)
            except DecodeError:
                self.inlet.count("bad_lines")
                continue
            if self._told_ns.get(channel) == doa.time_ns:
                continue
            self._told_ns[channel] = doa.time_ns
            now_ns = self.inlet.clock()
            if abs(doa.time_ns - now_ns) > CLOCKS_AGREE_NS:
                self.inlet.count("bad_clock")
                doa = msgspec.structs.replace(doa, time_ns=now_ns)
            # Two channels of one millisecond are two looks, and a sensor looks once at a time.
            doa = msgspec.structs.replace(doa, time_ns=doa.time_ns + channel)
            self.inlet.event(encode(scan(doa, self.inlet.sensor, now_ns)))
