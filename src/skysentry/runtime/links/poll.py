"""Polls aircraft.json over HTTP, once a second as it is written, with a capped answer and no redirects.

The time of a packet is the document's `now` where our clocks agree within 10 s, else that of arrival. Proxies from the
environment are not used: a receiver stands next door.
"""

from __future__ import annotations

import asyncio

import httpx

from skysentry.errors import DecodeError, LinkError
from skysentry.events import LinkKind
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.stream import Emit, persistently, ticking
from skysentry.wire.aircraft_json import DOCUMENT_BYTES, decode_document

TIMEOUT_S = 5.0
MIN_PERIOD_S = 0.2
CLOCKS_AGREE_NS = 10_000_000_000


class HttpLink:
    """Polls a document; one Packet an aircraft."""

    def __init__(self, address: Address, inlet: Inlet) -> None:
        self.address, self.inlet = address, inlet
        self._now_ns = -1

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, lambda: self._poll(client)))

    async def _poll(self, client: httpx.AsyncClient) -> bool:
        """Fetch again and again; raises `LinkError` or `OSError` where that fails."""
        period_s = max(MIN_PERIOD_S, self.inlet.sensor.period_s)
        while True:
            try:
                text = await self._fetch(client)
            except httpx.HTTPError as error:
                raise LinkError(str(error) or type(error).__name__) from None
            await self._take(text)
            await asyncio.sleep(period_s)

    async def _fetch(self, client: httpx.AsyncClient) -> bytes:
        async with client.stream("GET", self.address.url) as response:
            if response.status_code != httpx.codes.OK:
                raise LinkError(f"the answer is {response.status_code}")
            text = bytearray()
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > DOCUMENT_BYTES:
                    raise LinkError(f"the answer is longer than {DOCUMENT_BYTES} bytes")
        return bytes(text)

    async def _take(self, text: bytes) -> None:
        try:
            now_ns, aircraft = decode_document(text)
        except DecodeError:
            self.inlet.count("bad_documents")
            return
        if now_ns == self._now_ns:
            return
        self._now_ns = now_ns
        # Only a new document is a sign of life: a web server goes on serving what a dead receiver wrote last.
        self.inlet.opened(str(self.address))
        agree = abs(now_ns - self.inlet.clock()) <= CLOCKS_AGREE_NS
        for index, data in enumerate(aircraft):
            if self.inlet.admit():
                self.inlet.packet(LinkKind.AIRCRAFT_JSON, data, now_ns if agree else None)
            if index % 500 == 499:
                await asyncio.sleep(0)
