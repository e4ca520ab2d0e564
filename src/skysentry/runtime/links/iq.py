"""Live radio samples: rtl_tcp, and raw samples over TCP and UDP → Blocks.

    rtl-tcp://receiver:1234?rate=2.4e6&centre=2.44e9&gain=30
    rtl-tcp://receiver:1234?rate=2.4e6&bands=2.4e9-2.4835e9,1.1e9-1.4e9&retune=0.02
    iq-tcp://receiver:5000?rate=10e6&centre=5.8e9&format=cs8        formats cf32, cs16, cs8, cu8
    iq-udp://127.0.0.1:5001?rate=1e6&centre=868e6&format=cs16       bound here

A block is `BLOCK_S` long, or one dwell of the frequency plan (`sensing.rf.frequency_plan`). After tuning, what arrives
within the retune time is thrown away: it was heard at the frequency before. The share of time that each frequency is
heard and the revisit time are told as `Health` (counts `duty_permille`, `round_ms`) at each connection.

The time of a block is its arrival less its length, so it is late by the network's delay; where samples fall behind the
clock by more than `LATE_S` since the connection, that is counted (`samples_lost`) and time begins anew. Datagrams that
are no whole samples are refused (`bad_format`). Left out: VITA-49, and numbers of datagrams (raw ones have none).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from skysentry.errors import ConfigError, DecodeError, LinkError
from skysentry.events import AnyEvent, Block, HealthState, health
from skysentry.formats.iq import SAMPLES as FORMATS
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.stream import CONNECT_S, DEAD_S, persistently, ticking
from skysentry.sensing.rf.frequency_plan import BANDS_HZ, Plan, plan
from skysentry.wire import rtl_tcp

NANO = 1_000_000_000
BLOCK_S = 0.1
LATE_S = 0.5
RATES_HZ, CENTRES_HZ = (200e3, 61.44e6), (1e6, 100e9)
# PLL and USB buffers of an RTL-SDR: 20 ms until samples of the new frequency come.
RETUNE_S = 0.02
READ_BYTES = 262_144
KEYS = {"rate", "centre", "gain", "bands", "retune", "format"}
# Which device, of SoapySDR alone; its samples are cf32.
DEVICE_KEYS = {"driver", "serial"}

Emit = Callable[[AnyEvent], None]


class Tuning(Struct, frozen=True):
    """What the URL of a link says."""

    rate_hz: float
    centre_hz: float | None
    gain_db: float | None
    form: str
    hops: Plan | None


def tuning(address: Address, where: str) -> Tuning:
    """Return what a URL says; raises `ConfigError` where it is not whole."""
    hint = "rtl-tcp://receiver:1234?rate=2.4e6&centre=2.44e9, or bands=2.4e9-2.4835e9 in place of centre"
    query = {key: values[-1] for key, values in parse_qs(urlsplit(address.url).query).items()}
    soapy = address.scheme == "soapy"
    known = KEYS - {"format"} | DEVICE_KEYS if soapy else KEYS
    if not set(query) <= known or "rate" not in query:
        raise ConfigError(f"{address.url!r} needs rate, and knows {', '.join(sorted(known))}", where=where, hint=hint)
    try:
        rate_hz, retune_s = float(query["rate"]), float(query.get("retune", RETUNE_S))
        centre_hz = float(query["centre"]) if "centre" in query else None
        gain_db = float(query["gain"]) if "gain" in query else None
        bands = query.get("bands")
        hops = None if bands is None else plan(rate_hz, retune_s, _bands(bands))
    except (ValueError, OverflowError, ZeroDivisionError):
        raise ConfigError(f"{address.url!r} holds what is no number", where=where, hint=hint) from None
    form = query.get("format", "cf32" if soapy else "cu8")
    tuned = centre_hz is None or CENTRES_HZ[0] <= centre_hz <= CENTRES_HZ[1]
    ranges = RATES_HZ[0] <= rate_hz <= RATES_HZ[1] and tuned and 0.0 <= retune_s <= 10.0
    if not ranges or form not in FORMATS or (gain_db is not None and not 0.0 <= gain_db <= 100.0):
        raise ConfigError(f"{address.url!r} is no receiver's tuning", where=where, hint=hint)
    if address.scheme == "rtl-tcp" and (centre_hz is None) == (hops is None):
        raise ConfigError("rtl_tcp has to be told one of centre and bands", where=where, hint=hint)
    return Tuning(rate_hz, centre_hz, gain_db, form, hops)


def _bands(text: str) -> tuple[tuple[float, float], ...]:
    if text == "all":
        return BANDS_HZ
    made = []
    for part in text.split(","):
        # A minus belongs to an exponent too: "1e-3" is no band, so the two halves must each be a number.
        low, _, high = part.partition("-")
        band = (float(low), float(high))
        if not CENTRES_HZ[0] <= band[0] < band[1] <= CENTRES_HZ[1]:
            raise ValueError(part)
        made.append(band)
    return tuple(made)


class IqContent:
    """Raw samples of one sensor; `feed` takes bytes in any cut."""

    def __init__(self, inlet: Inlet, tuned: Tuning) -> None:
        self.inlet, self.tuned = inlet, tuned
        self._held = bytearray()
        self._begin_ns: int | None = None
        self._done = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        size = FORMATS[self.tuned.form][0]
        self._held += data
        most = int(BLOCK_S * self.tuned.rate_hz) * size
        while len(self._held) >= most:
            part = bytes(self._held[:most])
            del self._held[:most]
            self.block(part, self.tuned.centre_hz)

    def datagram(self, data: bytes) -> None:
        """Take a datagram: whole samples, or none."""
        if len(data) % FORMATS[self.tuned.form][0]:
            self.inlet.count("bad_format")
        elif self.inlet.admit():
            self.feed(data)

    def block(self, data: bytes, centre_hz: float | None) -> None:
        """Give samples that have just come."""
        size, dtype, values = FORMATS[self.tuned.form]
        count, now_ns = len(data) // size, self.inlet.clock()
        length_ns = round(count / self.tuned.rate_hz * NANO)
        if self._begin_ns is None:
            self._begin_ns, self._done = now_ns - length_ns, 0
        time_ns = self._begin_ns + round(self._done / self.tuned.rate_hz * NANO)
        behind_ns = now_ns - length_ns - time_ns
        if self.tuned.hops is not None or abs(behind_ns) > LATE_S * NANO:
            if self.tuned.hops is None and behind_ns > 0:
                self.inlet.count("samples_lost", round(behind_ns / NANO * self.tuned.rate_hz))
            self._begin_ns, self._done = now_ns - length_ns, 0
            time_ns = self._begin_ns
        self._done += count
        self.inlet.block(
            Block(
                id=f"{self.inlet.sensor.id}:{time_ns}",
                time_ns=max(0, time_ns),
                received_ns=now_ns,
                sensor=self.inlet.sensor.id,
                rate_hz=self.tuned.rate_hz,
                dtype=dtype,
                shape=(count, values),
                data=data[: count * size],
                centre_hz=centre_hz,
            )
        )


class RtlTcpLink:
    """A client of rtl_tcp: tunes, hops and reads."""

    def __init__(self, address: Address, inlet: Inlet, tuned: Tuning) -> None:
        self.address, self.inlet, self.tuned = address, inlet, tuned

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(self.address.host, self.address.port, limit=READ_BYTES)
            try:
                found = rtl_tcp.header(await reader.readexactly(rtl_tcp.HEADER_BYTES))
            except (asyncio.IncompleteReadError, DecodeError) as error:
                writer.close()
                raise LinkError(f"no rtl_tcp there: {error}") from None
        try:
            self.inlet.opened(f"{self.address}, tuner {found.tuner}")
            say_coverage(self.inlet, self.tuned)
            return await self._listen(reader, writer)
        finally:
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        tuned, content, got = self.tuned, IqContent(self.inlet, self.tuned), False
        centres = (tuned.centre_hz,) if tuned.hops is None else tuned.hops.centres_hz
        writer.write(rtl_tcp.tune(centres[0] or 0.0, tuned.rate_hz, tuned.gain_db))
        dwell_s = BLOCK_S if tuned.hops is None else tuned.hops.dwell_s
        while True:
            for centre_hz in centres:
                if tuned.hops is not None and centre_hz is not None:
                    writer.write(rtl_tcp.command(rtl_tcp.SET_FREQUENCY, round(centre_hz)))
                    await writer.drain()
                    if await _exactly(reader, 2 * int(tuned.hops.retune_s * tuned.rate_hz)) is None:
                        return got
                data = await _exactly(reader, 2 * int(dwell_s * tuned.rate_hz))
                if data is None:
                    return got
                got = True
                content.block(data, centre_hz)


def say_coverage(inlet: Inlet, tuned: Tuning) -> None:
    """Tell how much of the time each frequency of a plan is heard."""
    hops = tuned.hops
    if hops is None:
        return
    reason = f"{len(hops.centres_hz)} frequencies, each heard {hops.dwell_s:.2f} s every {hops.round_s:.1f} s"
    counts = (("duty_permille", round(1e3 * hops.duty)), ("round_ms", round(1e3 * hops.round_s)))
    inlet.emit(health(inlet.sensor.id, inlet.clock(), HealthState.OK, reason, "", counts, part="plan"))


async def _exactly(reader: asyncio.StreamReader, count: int) -> bytes | None:
    """Return so many bytes, or `None` where the source ended; `TimeoutError` after silence."""
    try:
        async with asyncio.timeout(DEAD_S):
            return await reader.readexactly(count)
    except asyncio.IncompleteReadError:
        return None


class IqUdpLink(asyncio.DatagramProtocol):
    """Receives datagrams of raw samples. `port` is the one that is bound."""

    def __init__(self, address: Address, inlet: Inlet, tuned: Tuning) -> None:
        self.address, self.inlet, self.port = address, inlet, address.port
        self._content = IqContent(inlet, tuned)

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._bind))

    async def _bind(self) -> bool:
        loop, where = asyncio.get_running_loop(), (self.address.host, self.address.port)
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=where)
        self.port = transport.get_extra_info("sockname")[1]
        try:
            await loop.create_future()
        finally:
            transport.close()
        return True

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take a datagram."""
        self._content.datagram(data)

    def error_received(self, exc: Exception) -> None:
        """Count what the system says of the socket."""
        self.inlet.count("socket_errors")
