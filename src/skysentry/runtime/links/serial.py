"""A receiver on a serial port, by the operating system's own terminal interface (POSIX): nothing to install.

The port is raw, 8N1, without flow control, and its modem lines are left as they are: an ESP32 restarts when they
change. A port that is pulled out is lost, and opened again when it is back; `/dev/serial/by-id/...` keeps its name.
Silence closes nothing, for a receiver of drones is silent most of the time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from skysentry.errors import LinkError
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.content import Content
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.stream import CHUNK_BYTES, Emit, persistently, pump, ticking


class SerialLink:
    """Reads a serial port."""

    def __init__(self, address: Address, inlet: Inlet, content: Callable[[], Content]) -> None:
        self.address, self.inlet, self._content = address, inlet, content

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        file = open_port(self.address.path, int(self.address.query["baud"]))
        reader = asyncio.StreamReader(limit=CHUNK_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", buffering=0)
        )
        try:
            self.inlet.opened(str(self.address))
            return await pump(reader, self._content(), float("inf"))
        finally:
            transport.close()


def open_port(path: str, baud: int) -> int:
    """Return the descriptor of a port set to raw bytes at `baud`; raises `OSError` or `LinkError`."""
    import termios  # not there on Windows, where the rest of this program runs

    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise LinkError(f"this system knows no serial speed of {baud} baud")
    file = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        control = termios.CS8 | termios.CREAD | termios.CLOCAL
        characters = termios.tcgetattr(file)[6]
        termios.tcsetattr(file, termios.TCSANOW, [0, 0, control, 0, speed, speed, characters])
    except termios.error as error:
        os.close(file)
        raise LinkError(f"{path} is no serial port: {error.args[-1]}") from None
    return file
