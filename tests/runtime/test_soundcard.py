"""Sound from programs: times, gaps and drift with a clock in hand; arecord and ffmpeg for real where they are."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Block, Health
from skysentry.runtime.links import open_link
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.sound import Format
from skysentry.runtime.links.soundcard import ProgramLink, SampleClock
from skysentry.site import Sensor, SensorKind
from skysentry.wire.rtp_pcm import RtpPacket, encode

NANO, RATE = 1_000_000_000, 16_000
START_NS = 1_700_000_000 * NANO


def arrivals(
    clock: SampleClock, seconds: int, ppm: float = 0.0, lost_at: int = -1, seed: int = 1
) -> list[tuple[int, int]]:
    """Return stamps less the true time, and losses, of tenths of a second that come up to 15 ms late."""
    chance, made = random.Random(seed), []
    for block in range(10 * seconds):
        true_ns = START_NS + round(block * 100_000_000 / (1 + ppm * 1e-6))
        true_ns += 80_000_000 if 0 <= lost_at <= block else 0
        time_ns, lost = clock.stamp(true_ns + 100_000_000 + chance.randrange(15_000_000), RATE // 10)
        made.append((time_ns - true_ns, lost))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_jitter_does_not_move_the_time(seed: int) -> None:
    off = [ns for ns, _ in arrivals(SampleClock(RATE), 60, seed=seed)]
    # The ear and the arrays take 20 ms between blocks for none.
    assert max(off[50:]) - min(off[50:]) < 6_000_000
    assert max(abs(ns) for ns in off) < 20_000_000


def test_an_overrun_is_counted_once_and_the_time_steps() -> None:
    made = arrivals(SampleClock(RATE), 60, lost_at=300)
    assert sum(lost for _, lost in made) == pytest.approx(0.08 * RATE, abs=0.016 * RATE)
    assert sum(lost > 0 for _, lost in made) == 1
    assert all(abs(ns) < 20_000_000 for ns, _ in made[345:])
    assert not any(lost for _, lost in arrivals(SampleClock(RATE), 600, ppm=-90.0))


@pytest.mark.parametrize("ppm", [-500.0, -50.0, 0.0, 50.0, 500.0])
def test_the_drift_of_a_card_is_found_out(ppm: float) -> None:
    clock = SampleClock(RATE)
    arrivals(clock, 1_900, ppm=ppm)
    assert clock.ppm == pytest.approx(ppm, abs=15.0)


def run(link: ProgramLink, until: Callable[[list[AnyEvent]], bool], most_s: float = 15.0) -> list[AnyEvent]:
    async def body() -> list[AnyEvent]:
        events: list[AnyEvent] = []
        task = asyncio.create_task(link.run(events.append))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while not until(events):
                    await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return events

    return asyncio.run(body())


def program(*command: str, url: str = "alsa:///x") -> ProgramLink:
    sensor = Sensor(id="m", kind=SensorKind.MICROPHONE, link=url)
    made = open_link(sensor, time.time_ns)
    assert isinstance(made, ProgramLink)
    return ProgramLink(made.address, Inlet(sensor, time.time_ns), list(command), Format(RATE, 1, 2))


def blocks(events: list[AnyEvent]) -> list[Block]:
    return [event for event in events if isinstance(event, Block)]


def test_what_a_program_writes_becomes_blocks() -> None:
    events = run(program("sh", "-c", "head -c 9600 /dev/zero; exec sleep 5"), lambda e: len(blocks(e)) == 3)
    assert [block.shape for block in blocks(events)] == [(1600, 1)] * 3


def test_a_program_that_is_missing_or_fails_says_so() -> None:
    events = run(program("arecord-not-here"), lambda e: any(isinstance(x, Health) for x in e))
    assert "arecord-not-here is not installed: apt-get install" in repr(events)
    events = run(program("sh", "-c", "echo no such card >&2; exit 1"), lambda e: any(isinstance(x, Health) for x in e))
    assert "no such card" in repr(events)


@pytest.mark.parametrize(
    "url", ["alsa://hw", "alsa:///", "alsa:///hw:1?rate=9", "alsa:///hw:1?speed=9", "rtsp://u:p@h/x"]
)
def test_links_that_cannot_be_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_link(Sensor(id="m", kind=SensorKind.MICROPHONE, link=url), time.time_ns)


def test_alsa_through_arecord(
    tmp_path: Path, need_program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    need_program("arecord")
    (tmp_path / "tone.raw").write_bytes((np.arange(RATE) % 1_000).astype("<i2").tobytes())
    conf = f'pcm.fake {{ type file slave.pcm "null" file /dev/null infile "{tmp_path / "tone.raw"}" format raw }}'
    (tmp_path / "asound.conf").write_text("pcm.null { type null }\n" + conf)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
    sensor = Sensor(id="m", kind=SensorKind.MICROPHONE, link="alsa:///fake?rate=16000&channels=1")
    link = open_link(sensor, time.time_ns)
    assert isinstance(link, ProgramLink)
    events = run(link, lambda e: len(blocks(e)) >= 2)
    sound = np.concatenate([np.frombuffer(block.data, "<i2") for block in blocks(events)])
    assert sound[:3_000].tolist() == (np.arange(3_000) % 1_000).tolist()


class Camera:
    """The least of an RTSP server (RFC 2326) with one L16 stream over the same connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing = None
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                verb = head.split(" ", 1)[0]
                number = next(line.split(":")[1].strip() for line in head.split("\r\n") if line.startswith("CSeq"))
                writer.write(self.answer(verb, number).encode())
                if verb == "PLAY":
                    playing = asyncio.create_task(self.play(writer))
        if playing is not None:
            playing.cancel()
        writer.close()

    def answer(self, verb: str, number: str) -> str:
        sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 L16/16000/1\r\n"
        more = {
            "OPTIONS": "Public: DESCRIBE, SETUP, PLAY\r\n\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n\r\n",
        }.get(verb, "Session: 7\r\n\r\n")
        return f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}"

    async def play(self, writer: asyncio.StreamWriter) -> None:
        for number in range(1_000):
            t = (np.arange(320) + number * 320) / RATE
            samples = (8_000 * np.sin(2 * np.pi * 440 * t)).astype(">i2").tobytes()
            data = encode(RtpPacket(96, number, number * 320, 5, samples))
            writer.write(b"$\x00" + len(data).to_bytes(2, "big") + data)
            await asyncio.sleep(0.005)


def test_rtsp_through_ffmpeg(need_program: Callable[[str], Path]) -> None:
    need_program("ffmpeg")

    async def body() -> list[AnyEvent]:
        server = await asyncio.start_server(Camera().serve, "127.0.0.1", 0)
        url = f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/sound"
        link = open_link(Sensor(id="m", kind=SensorKind.MICROPHONE, link=url), time.time_ns)
        events: list[AnyEvent] = []
        task = asyncio.create_task(link.run(events.append))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while len(blocks(events)) < 8:
                    await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        await asyncio.sleep(0.1)
        return events

    sound = np.concatenate([np.frombuffer(block.data, "<i2") for block in blocks(asyncio.run(body()))])[-8_192:]
    peak_hz = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * RATE / len(sound)
    assert peak_hz == pytest.approx(440.0, abs=3.0)
