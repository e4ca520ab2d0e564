"""Sound cards and network cameras, through the programs that know them: `arecord` (alsa-utils) and `ffmpeg`.

    alsa:///hw:1,0?rate=48000&channels=2     a sound card; alsa:///default is the system's choice
    rtsp://10.0.0.9:554/stream               the sound of a camera, as 16 kHz mono; its picture is not fetched

The program writes 16-bit samples to a pipe; one that ends or is silent for `DEAD_S` is started again. A program of its
own, not a library: a driver that hangs or a stream that is malformed cannot take the detector with it, nothing is
compiled in, and each is absent only where it is needed; `Health` says which package to install.

Times: a sample count is exact but begins nowhere, an arrival has a time but jitters (`SampleClock`). The earliest
arrival relative to its samples is the truth; it is let rise by 600 ppm. Where all of `STEP_NS` arrive later than that
by more than `GAP_NS`, samples were lost (an overrun): counted as `samples_lost`, and the time steps. How far the card's
clock is from ours is looked at over ten minutes; beyond `DRIFT_PPM` it is told once, for arrays and TDOA suffer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from skysentry.errors import LinkError
from skysentry.events import AnyEvent, Block, HealthState, health
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.sound import Format, agreed
from skysentry.runtime.links.stream import persistently, ticking

NANO = 1_000_000_000
BLOCK_S = 0.1
DEAD_S = 10.0
# What a card may hold when it is opened.
AHEAD_S = 2.0
# Worse than any quartz, so that a slow card is followed and not taken for losses.
RISE = 600e-6
STEP_NS = 2 * NANO
# The ear takes 20 ms for jitter; a pipe wakes us within a few.
GAP_NS = 25_000_000
# Quartz is within 100 ppm; 300 ppm are 18 ms a minute.
DRIFT_PPM = 300.0
DRIFT_NS = 600 * NANO
RTSP_RATE_HZ = 16_000
PACKAGES = {"arecord": "alsa-utils", "ffmpeg": "ffmpeg"}


class SampleClock:
    """The time of samples from when they arrive. `ppm`: how much faster than ours the card's clock runs, once known."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.ppm: float | None = None
        self._count = 0
        self._bound_ns: float | None = None
        self._at_ns = 0
        self._since_ns = 0
        self._least_ns = float("inf")
        self._first: tuple[int, float] | None = None
        self._lows: tuple[int, float] = (0, float("inf"))

    @property
    def seconds(self) -> float:
        """How much sound was stamped."""
        return self._count / self.rate_hz

    def stamp(self, now_ns: int, frames: int) -> tuple[int, int]:
        """Return the time of the first of `frames` samples that arrived by now, and how many were lost before them."""
        seen_ns = now_ns - (self._count + frames) * NANO / self.rate_hz
        lost_ns = 0.0
        if self._bound_ns is None:
            self._bound_ns, self._since_ns = seen_ns, now_ns
        else:
            risen = self._bound_ns + RISE * max(0, now_ns - self._at_ns)
            self._least_ns = min(self._least_ns, seen_ns - risen)
            self._bound_ns = min(seen_ns, risen)
            if now_ns - self._since_ns >= STEP_NS:
                if self._least_ns > GAP_NS:
                    lost_ns, self._bound_ns = self._least_ns, risen + self._least_ns
                    self._first = None
                self._since_ns, self._least_ns = now_ns, float("inf")
        self._at_ns = now_ns
        self._drift(now_ns, seen_ns)
        time_ns = round(self._bound_ns + self._count * NANO / self.rate_hz)
        self._count += frames
        return time_ns, round(lost_ns * self.rate_hz / NANO)

    def _drift(self, now_ns: int, seen_ns: float) -> None:
        """Compare the earliest arrivals of ten minutes with those of the ten before."""
        began_ns, low = self._lows
        if now_ns - began_ns < DRIFT_NS and began_ns:
            self._lows = (began_ns, min(low, seen_ns))
            return
        if self._first is not None:
            at_ns, before = self._first
            self.ppm = (before - low) / (began_ns - at_ns) * 1e6
        self._first = (began_ns, low) if began_ns else None
        self._lows = (now_ns, seen_ns)


class ProgramLink:
    """Sound from a program's standard output."""

    def __init__(self, address: Address, inlet: Inlet, command: list[str], form: Format) -> None:
        self.address, self.inlet, self.command, self.form = address, inlet, command, form
        self._drift_told = False

    async def run(self, emit: Callable[[AnyEvent], None]) -> None:
        """Give blocks until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        try:
            program = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            name = self.command[0]
            raise LinkError(f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}") from None
        words = asyncio.create_task(_last_words(program.stderr))
        try:
            got_sound = await self._pump(program.stdout)
            await program.wait()
            why = await words
            if why:
                raise LinkError(why)
            return got_sound
        finally:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            # asyncio knows of an end by the pipe's, and does not read on where its buffer is full.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    while program.stdout is not None and await program.stdout.read(65_536):
                        continue
                    await program.wait()
            words.cancel()

    async def _pump(self, pipe: asyncio.StreamReader | None) -> bool:
        clock, size = SampleClock(self.form.rate_hz), 2 * self.form.channels
        held, got_sound = bytearray(), False
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        whole = size * round(BLOCK_S * self.form.rate_hz)
        while pipe is not None:
            async with asyncio.timeout(DEAD_S):
                data = await pipe.read(whole)
            if not data:
                return got_sound
            if not got_sound:
                self.inlet.opened(str(self.address))
            got_sound = True
            held += data
            if len(held) >= whole:
                count = len(held) // size * size
                self._give(clock, bytes(held[:count]))
                del held[:count]
            # A program that plays a file as fast as it can is held to the pace of sound; the pipe makes it wait.
            await asyncio.sleep(max(0.0, min(clock.seconds - (loop.time() - began_s) - AHEAD_S, DEAD_S / 2.0)))
        return got_sound

    def _give(self, clock: SampleClock, data: bytes) -> None:
        now_ns, frames = self.inlet.clock(), len(data) // (2 * self.form.channels)
        time_ns, lost = clock.stamp(now_ns, frames)
        self.inlet.count("samples_lost", lost)
        name = self.inlet.sensor.id
        self.inlet.block(
            Block(
                id=f"{name}:{time_ns}",
                time_ns=max(0, time_ns),
                received_ns=now_ns,
                sensor=name,
                rate_hz=float(self.form.rate_hz),
                dtype="int16",
                shape=(frames, self.form.channels),
                data=data,
            )
        )
        drifts = clock.ppm is not None and abs(clock.ppm) > DRIFT_PPM
        if drifts and clock.ppm is not None and not self._drift_told:
            self._drift_told = True
            reason = f"the sound card's clock is {clock.ppm:+.0f} ppm from this machine's"
            mend = "another card, or NTP on this machine; directions and times between nodes suffer"
            self.inlet.emit(health(name, now_ns, HealthState.DEGRADED, reason, mend, part="card"))


async def _last_words(pipe: asyncio.StreamReader | None) -> str:
    """Return the last line that a program wrote on its standard error, without what may be an address."""
    last = b""
    while pipe is not None and (data := await pipe.read(4_096)):
        lines = [line for line in (last[-500:] + data).split(b"\n") if line.strip()]
        last = lines[-1] if lines else last
    text = last.decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable())[:200]


def sound_card(address: Address, inlet: Inlet) -> ProgramLink:
    """Return the link of a sound card; raises `ConfigError` where rate or channels are none."""
    form = agreed(address, inlet.sensor.id)
    device = unquote(urlsplit(address.url).path.lstrip("/")) or "default"
    command = ["arecord", "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-r", str(form.rate_hz)]
    return ProgramLink(address, inlet, [*command, "-c", str(form.channels)], Format(form.rate_hz, form.channels, 2))


def camera(address: Address, inlet: Inlet) -> ProgramLink:
    """Return the link of a camera's sound."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-allowed_media_types", "audio"]
    command += ["-i", address.url, "-vn", "-ac", "1", "-ar", str(RTSP_RATE_HZ), "-f", "s16le", "pipe:1"]
    return ProgramLink(address, inlet, command, Format(RTSP_RATE_HZ, 1, 2))
