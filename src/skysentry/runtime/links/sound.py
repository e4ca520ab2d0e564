"""Live sound as RTP datagrams (`wire.rtp_pcm`) → Blocks, each of whole datagrams that follow one another.

    rtp://127.0.0.1:7810?rate=16000&channels=8      L16; &bits=24 for L24

Samples are put together to blocks of a tenth of a second. A datagram that overtakes others waits for them, as long as
no more than `WAITING` wait; then what is missing is counted (`packets_lost`) and the block ends there, so that its time
shows the gap. What comes too late is counted (`late_packets`).

The time of a sample is the sender's where datagrams carry it (NTP) and it is within 10 s of ours. Else it comes from
the arrivals: the earliest that any datagram came, relative to its samples, is the truth about the others, and that
bound is let rise by 100 ppm, for clocks of senders drift. The network's own delay, some ms, stays in it.

One sender at a time: another SSRC is refused (`impostor`) until the first has been silent for `SILENT_NS`. Nothing is
signed (docs/links.md).
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from skysentry.errors import ConfigError, DecodeError
from skysentry.events import Block
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.wire import rtp_pcm
from skysentry.wire.rtp_pcm import RtpPacket

NANO = 1_000_000_000
BLOCK_S = 0.1
# 20 ms a datagram: a second of them would be more delay than a warning can spare.
WAITING = 16
SILENT_NS = 2 * NANO
CLOCK_NS = 10 * NANO
DRIFT = 100e-6
# What payload types 10 and 11 fix (RFC 3551).
FIXED = {10: (44_100, 2, 2), 11: (44_100, 1, 2)}
RATES = (4_000, 200_000)
MOST_CHANNELS = 64


class Format(Struct, frozen=True):
    """What is agreed on: rate, channels, bytes a sample."""

    rate_hz: int
    channels: int
    width: int


def agreed(address: Address, where: str) -> Format:
    """Return the format in the URL of a link; raises `ConfigError` where it is none."""
    hint = "rtp://127.0.0.1:7810?rate=16000&channels=1, and bits=24 where samples have 24 bits"
    query = parse_qs(urlsplit(address.url).query)
    if not set(query) <= {"rate", "channels", "bits"}:
        raise ConfigError(f"{address.url!r} says what is not known here", where=where, hint=hint)
    try:
        rate, channels, bits = (
            int(query.get(k, [d])[-1]) for k, d in (("rate", "16000"), ("channels", "1"), ("bits", "16"))
        )
    except ValueError:
        raise ConfigError(f"{address.url!r} holds what is no number", where=where, hint=hint) from None
    if not (RATES[0] <= rate <= RATES[1] and 1 <= channels <= MOST_CHANNELS and bits in (16, 24)):
        raise ConfigError(f"{address.url!r} is no sound", where=where, hint=hint)
    return Format(rate, channels, bits // 8)


class RtpContent:
    """Datagrams of one sensor; `feed` takes one whole datagram."""

    def __init__(self, inlet: Inlet, form: Format) -> None:
        self.inlet, self.form = inlet, form
        self.clock: Callable[[], int] = inlet.clock
        self._ssrc: int | None = None
        self._heard_ns = 0
        self._due = 0
        self._stamp: int | None = None
        self._unwrapped = 0
        self._waiting: dict[int, tuple[RtpPacket, int]] = {}
        self._held = bytearray()
        self._held_ns = 0
        self._bound_ns: float | None = None
        self._bound_at_ns = 0

    def feed(self, data: bytes) -> None:
        """Take a datagram."""
        if not self.inlet.admit():
            return
        now_ns = self.clock()
        try:
            packet = rtp_pcm.decode(data)
        except DecodeError:
            self.inlet.count("bad_packets")
            return
        form = self.form
        if FIXED.get(packet.payload_type, (form.rate_hz, form.channels, form.width)) != (
            form.rate_hz,
            form.channels,
            form.width,
        ) or len(packet.payload) % (form.width * form.channels):
            self.inlet.count("bad_format")
            return
        if packet.ssrc != self._ssrc and not self._admit_sender(packet, now_ns):
            self.inlet.count("impostor")
            return
        self._heard_ns = now_ns
        self._sort(packet, now_ns)

    def _admit_sender(self, packet: RtpPacket, now_ns: int) -> bool:
        if self._ssrc is not None and 0 <= now_ns - self._heard_ns < SILENT_NS:
            return False
        self._flush()
        self._ssrc, self._due, self._stamp = packet.ssrc, packet.sequence, None
        self._waiting.clear()
        self._bound_ns = None
        return True

    def _sort(self, packet: RtpPacket, now_ns: int) -> None:
        """Bring datagrams into their order."""
        ahead = (packet.sequence - self._due + 0x8000 & 0xFFFF) - 0x8000
        if ahead < 0 or packet.sequence in self._waiting:
            self.inlet.count("late_packets")
            return
        self._waiting[packet.sequence] = (packet, now_ns)
        if len(self._waiting) > WAITING:
            nearest = min(self._waiting, key=lambda number: number - self._due & 0xFFFF)
            self.inlet.count("packets_lost", nearest - self._due & 0xFFFF)
            self._flush()
            self._due = nearest
        while self._due in self._waiting:
            self._append(*self._waiting.pop(self._due))
            self._due = self._due + 1 & 0xFFFF

    def _append(self, packet: RtpPacket, now_ns: int) -> None:
        size = self.form.width * self.form.channels
        frames = len(packet.payload) // size
        if frames == 0:
            return
        time_ns = self._time_ns(packet, frames, now_ns)
        if not self._held:
            self._held_ns = time_ns
        self._held += rtp_pcm.samples(packet.payload, self.form.width)
        wide = 2 if self.form.width == 2 else 4
        if len(self._held) >= BLOCK_S * self.form.rate_hz * self.form.channels * wide:
            self._flush()

    def _time_ns(self, packet: RtpPacket, frames: int, now_ns: int) -> int:
        """Return the time of the first sample of a datagram."""
        step = 0 if self._stamp is None else (packet.timestamp - self._stamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._stamp, self._unwrapped = packet.timestamp, self._unwrapped + step
        if packet.ntp_ns is not None and abs(packet.ntp_ns - now_ns) <= CLOCK_NS:
            return packet.ntp_ns
        if packet.ntp_ns is not None:
            self.inlet.count("bad_clock")
        begin_ns = self._unwrapped * NANO / self.form.rate_hz
        seen_ns = now_ns - frames * NANO / self.form.rate_hz - begin_ns
        if self._bound_ns is not None:
            risen = self._bound_ns + DRIFT * max(0, now_ns - self._bound_at_ns)
            # A stamp that jumps with no gap in the numbers is a new beginning of the sender's.
            seen_ns = min(seen_ns, risen) if abs(seen_ns - risen) < NANO else seen_ns
        self._bound_ns, self._bound_at_ns = seen_ns, now_ns
        return round(seen_ns + begin_ns)

    def _flush(self) -> None:
        """Give what is held as a block."""
        if not self._held:
            return
        wide = 2 if self.form.width == 2 else 4
        now_ns, frames = self.clock(), len(self._held) // (wide * self.form.channels)
        self.inlet.block(
            Block(
                id=f"{self.inlet.sensor.id}:{self._held_ns}",
                time_ns=max(0, self._held_ns),
                received_ns=now_ns,
                sensor=self.inlet.sensor.id,
                rate_hz=float(self.form.rate_hz),
                dtype="int16" if self.form.width == 2 else "int32",
                shape=(frames, self.form.channels),
                data=bytes(self._held),
            )
        )
        self._held.clear()
