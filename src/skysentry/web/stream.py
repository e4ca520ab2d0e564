"""The event stream of one client: messages of the feed as server-sent events (WHATWG HTML, section 9.2).

    id: <run>-<number>          where to go on, on messages that can be resumed
    event: snapshot | tracks | alert | health | beat
    data: one line of JSON

Over a network the stream is gzip, flushed after each message: 200 tracks are 123 kB as JSON and 23 kB compressed. On
the loopback that would only cost time.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator

from skysentry.runtime.picture import Message
from skysentry.web.messages import encode
from skysentry.web.views import Rights

# A browser that lost the stream comes back after a second.
RETRY = b"retry: 1000\n\n"
# Fastest; the window carries from one message to the next, and tracks repeat themselves.
GZIP_LEVEL = 1
GZIP_WBITS = 31


async def lines(first: Message, rest: AsyncGenerator[Message, None], rights: Rights) -> AsyncIterator[bytes]:
    """Yield a stream's bytes, message by message, and close it when the client goes."""
    try:
        yield RETRY + line(first, rights)
        async for message in rest:
            yield line(message, rights)
    finally:
        await rest.aclose()


def line(message: Message, rights: Rights) -> bytes:
    """Return one message as it goes over the wire."""
    head = f"id: {message.id}\n" if message.id is not None else ""
    return f"{head}event: {message.event}\ndata: ".encode() + encode(message, rights) + b"\n\n"


async def squeezed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield gzip of chunks; each can be read as soon as it is there."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WBITS)
    async for chunk in chunks:
        yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
