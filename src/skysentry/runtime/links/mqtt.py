"""A subscription at an MQTT broker: each message is one JSON text, or lines of it.

A secret is never in the URL: `user=NAME` with `password_env=VARIABLE` or `password_file=/path` (its first line), read
anew at each connection, so that it can be changed while running. It is in no `Health`, log or recording, for only the
URL and the broker's return code are told. `mqtt:` sends it in clear; `mqtts:` checks the broker's certificate against
the system's authorities.

The broker is asked for quality 0. A ping each `KEEP_ALIVE_S` finds a dead broker; silence of the topic is normal.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import msgspec

from skysentry.errors import DecodeError, LinkError
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.content import LineContent
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.stream import CHUNK_BYTES, CONNECT_S, Emit, persistently, ticking
from skysentry.wire import mqtt

KEEP_ALIVE_S = 30
# A broker may close after one and a half times that, and so do we (MQTT 3.1.1, 3.1.2.10).
DEAD_S = 1.5 * KEEP_ALIVE_S
# The longest line of a password file that is read.
SECRET_BYTES = 4_096


class MqttLink:
    """Subscribes to one topic filter."""

    def __init__(self, address: Address, inlet: Inlet, content: LineContent) -> None:
        self.address, self.inlet, self._content = address, inlet, content
        self._heard_s = 0.0

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        """Connect, subscribe and receive until the broker ends it."""
        password = secret(self.address)
        context = ssl.create_default_context() if self.address.scheme == "mqtts" else None
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                self.address.host, self.address.port, ssl=context, limit=CHUNK_BYTES
            )
        pings: asyncio.Task[None] | None = None
        try:
            client = f"skysentry-{self.inlet.sensor.id}"[:23]  # the length that every broker takes
            writer.write(mqtt.connect(client, KEEP_ALIVE_S, self.address.query.get("user", ""), password))
            pings = asyncio.create_task(_ping(writer))
            return await self._receive(reader, writer)
        finally:
            if pings is not None:
                pings.cancel()
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        decoder, told = mqtt.MqttDecoder(), 0
        subscribed = False
        while True:
            async with asyncio.timeout(DEAD_S if subscribed else CONNECT_S):
                chunk = await reader.read(CHUNK_BYTES)
            if not chunk:
                return subscribed
            try:
                for parcel in decoder.feed(chunk):
                    subscribed = self._take(parcel, writer) or subscribed
            except DecodeError as error:
                raise LinkError(str(error)) from None
            self.inlet.count("long_lines", decoder.too_long - told)
            told = decoder.too_long
            # A broker that floods keeps the buffer full, and reading a full buffer does not let others run.
            await asyncio.sleep(0)

    def _take(self, parcel: mqtt.Parcel, writer: asyncio.StreamWriter) -> bool:
        """Take one packet; return whether it says that the subscription stands."""
        if parcel.kind == mqtt.CONNACK:
            code = parcel.body[1] if len(parcel.body) > 1 else 0
            if code:
                raise LinkError(f"the broker refuses: {mqtt.REFUSALS.get(code, f'code {code}')}")
            writer.write(mqtt.subscribe(self.address.path))
        elif parcel.kind == mqtt.SUBACK:
            if parcel.body[2:] != b"\0":
                raise LinkError(f"the broker refuses the topic {self.address.path!r}")
            self.inlet.opened(str(self.address))
            return True
        elif parcel.kind == mqtt.PUBLISH:
            self._content.feed(one_line(mqtt.published(parcel)[1]))
            self._content.finish()
        return False


def one_line(payload: bytes) -> bytes:
    """Return a JSON text that was written over several lines as one; anything else as it is."""
    if b"\n" not in payload.strip():
        return payload
    try:
        return msgspec.json.format(payload, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload


def secret(address: Address) -> str:
    """Return the password that the URL points at, empty where it points at none; `LinkError` where it is not there."""
    variable, file = address.query.get("password_env", ""), address.query.get("password_file", "")
    if variable:
        if variable not in os.environ:
            raise LinkError(f"the environment has no variable {variable}")
        return os.environ[variable]
    if not file:
        return ""
    try:
        with Path(file).open(encoding="utf-8") as lines:
            return lines.readline(SECRET_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise LinkError(f"the password file {file} cannot be read") from None


async def _ping(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE_S)
        writer.write(mqtt.PINGREQ_BYTES)
