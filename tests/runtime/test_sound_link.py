"""Sound by RTP: order, gaps, clocks and senders, with a clock in hand; and once over a real socket."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Block
from skysentry.runtime.links import open_link
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.sound import Format, RtpContent
from skysentry.runtime.links.stream import UdpLink
from skysentry.site import Sensor, SensorKind
from skysentry.wire.rtp_pcm import RtpPacket, encode

NANO = 1_000_000_000
START_NS = 1_700_000_000 * NANO
RATE_HZ, FRAMES = 16_000, 320


class Bench:
    """A content, its clock and what it gives; datagrams of 20 ms that count their samples."""

    def __init__(self, channels: int = 1) -> None:
        self.now_ns = START_NS
        self.blocks: list[Block] = []
        self.channels = channels
        inlet = Inlet(Sensor(id="m", kind=SensorKind.MICROPHONE), lambda: self.now_ns)
        inlet.emit = self._take
        self.inlet = inlet
        self.content = RtpContent(inlet, Format(RATE_HZ, channels, 2))

    def _take(self, event: AnyEvent) -> None:
        if isinstance(event, Block):
            self.blocks.append(event)

    def packet(self, number: int, ssrc: int = 5, ntp_ns: int | None = None, first: int = 65_500) -> bytes:
        values = (np.arange(FRAMES * self.channels) + number * FRAMES * self.channels) % 30_000
        stamp = 0xFFFFFF00 + number * FRAMES
        return encode(RtpPacket(96, first + number, stamp, ssrc, values.astype(">i2").tobytes(), False, ntp_ns))

    def arrive(self, number: int, late_ns: int = 0, **more: int) -> None:
        self.now_ns = START_NS + (number + 1) * FRAMES * NANO // RATE_HZ + late_ns
        self.content.feed(self.packet(number, **more))

    def samples(self) -> np.ndarray:
        return np.concatenate([np.frombuffer(block.data, "<i2") for block in self.blocks])


def test_datagrams_become_blocks_over_the_turn_of_both_counters() -> None:
    bench = Bench(channels=2)
    for number in range(50):
        bench.arrive(number)
    assert [block.shape for block in bench.blocks] == [(1600, 2)] * 10
    assert [block.time_ns - START_NS for block in bench.blocks] == [n * 100_000_000 for n in range(10)]
    assert bench.samples().tolist() == (np.arange(50 * FRAMES * 2) % 30_000).tolist()
    assert bench.inlet.counts == {}


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_a_network_that_shuffles_and_delays_changes_neither_sound_nor_time(seed: int) -> None:
    bench, chance = Bench(), random.Random(seed)
    order = sorted(range(1, 100), key=lambda n: n + chance.uniform(0.0, 8.0))
    for number in [0, *order]:
        bench.arrive(number, late_ns=round(chance.expovariate(1.0) * 5e6))
    whole = bench.samples()
    assert whole.tolist() == (np.arange(len(whole)) % 30_000).tolist()
    assert len(bench.blocks) == 20
    off = [block.time_ns - START_NS - n * 100_000_000 for n, block in enumerate(bench.blocks)]
    # The earliest arrival is the truth; the ear takes 20 ms of jitter for none.
    assert all(abs(value) < 20_000_000 for value in off[1:])
    assert bench.inlet.counts == {}


def test_a_lost_datagram_is_counted_and_leaves_a_gap_in_time() -> None:
    bench = Bench()
    for number in range(60):
        if number not in (12, 13):
            bench.arrive(number)
    assert bench.inlet.counts == {"packets_lost": 2}
    ends = {block.time_ns + block.shape[0] * NANO // RATE_HZ for block in bench.blocks}
    begins = {block.time_ns for block in bench.blocks[1:]}
    (gap,) = begins - ends
    assert gap - START_NS == 14 * FRAMES * NANO // RATE_HZ
    bench.arrive(12)
    assert bench.inlet.counts["late_packets"] == 1


def test_the_time_of_the_sender_is_used_where_its_clock_is_right() -> None:
    bench = Bench()
    for number in range(10):
        bench.arrive(number, ntp_ns=START_NS - 3_000_000 + number * 20_000_000)
    assert bench.blocks[0].time_ns == pytest.approx(START_NS - 3_000_000, abs=2)
    wrong = Bench()
    for number in range(10):
        wrong.arrive(number, ntp_ns=number * 20_000_000)
    assert wrong.blocks[0].time_ns == START_NS
    assert wrong.inlet.counts["bad_clock"] == 10


def test_a_clock_that_drifts_is_followed() -> None:
    bench = Bench()
    for number in range(30_000):
        # 50 ppm slow: after ten minutes 30 ms late.
        bench.arrive(number, late_ns=round(number * 20_000_000 * 50e-6))
    off_ns = bench.blocks[-1].time_ns - START_NS - (len(bench.blocks) - 1) * 100_000_000
    assert off_ns == pytest.approx(30_000_000, abs=2_000_000)


def test_another_sender_waits_until_the_first_is_silent() -> None:
    bench = Bench()
    for number in range(5):
        bench.arrive(number)
        bench.arrive(number, ssrc=6)
    assert bench.inlet.counts == {"impostor": 5}
    bench.arrive(200, ssrc=6)
    assert bench.inlet.counts == {"impostor": 5}


@pytest.mark.parametrize("payload_type", [10, 11])
def test_a_format_that_was_not_agreed_on_is_refused(payload_type: int) -> None:
    bench = Bench()
    bench.content.feed(encode(RtpPacket(payload_type, 1, 1, 1, bytes(4))))
    bench.content.feed(encode(RtpPacket(96, 1, 1, 1, bytes(3))))
    assert bench.inlet.counts == {"bad_format": 2}


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60), max_size=20), st.lists(st.integers(0, 2**31), max_size=20))
def test_nothing_that_is_sent_breaks_it(datagrams: list[bytes], jumps_ns: list[int]) -> None:
    bench = Bench()
    bench.arrive(0)
    for data, jump_ns in zip(datagrams, jumps_ns, strict=False):
        bench.now_ns += jump_ns - 2**30
        bench.content.feed(data)
        bench.content.feed(b"\x80\x60" + data)
    assert all(len(b.data) == b.shape[0] * b.shape[1] * 2 for b in bench.blocks)


@pytest.mark.parametrize(
    "url", ["rtp://127.0.0.1:0?rate=x", "rtp://127.0.0.1:0?rate=1", "rtp://127.0.0.1:0?codec=opus"]
)
def test_an_address_that_is_no_sound_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_link(Sensor(id="m", kind=SensorKind.MICROPHONE, link=url), lambda: 0)
    with pytest.raises(ConfigError):
        open_link(Sensor(id="r", kind=SensorKind.RADAR, link="rtp://127.0.0.1:0"), lambda: 0)


def test_over_a_socket() -> None:
    heard: list[AnyEvent] = []

    async def check() -> None:
        sensor = Sensor(id="m", kind=SensorKind.ARRAY, link="rtp://127.0.0.1:0?rate=16000&channels=2")
        link = open_link(sensor, lambda: START_NS)
        assert isinstance(link, UdpLink)
        task = asyncio.create_task(link.run(heard.append))
        while link.port == 0:
            await asyncio.sleep(0.005)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", link.port)
        )
        bench = Bench(channels=2)
        for number in range(5):
            transport.sendto(bench.packet(number))
        while not any(isinstance(event, Block) for event in heard):
            await asyncio.sleep(0.005)
        transport.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(check(), 10.0))
    (block,) = [event for event in heard if isinstance(event, Block)]
    assert block.shape == (1600, 2)
