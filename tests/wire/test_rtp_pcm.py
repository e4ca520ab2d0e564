from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysentry.errors import DecodeError
from skysentry.wire.rtp_pcm import RtpPacket, decode, encode, samples

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 65_535),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=1_400),
    marker=st.booleans(),
)


@given(packets)
def test_what_is_written_is_read(packet: RtpPacket) -> None:
    assert decode(encode(packet)) == packet


@given(packets, st.integers(0, 2_050_000_000 * 10**9))
def test_the_time_of_the_sender_is_read_to_a_nanosecond(packet: RtpPacket, ntp_ns: int) -> None:
    timed = RtpPacket(packet.payload_type, 1, 2, 3, packet.payload, False, ntp_ns)
    read = decode(encode(timed))
    assert read.ntp_ns is not None
    assert abs(read.ntp_ns - ntp_ns) <= 1
    assert read.payload == packet.payload


@given(st.binary(max_size=200))
def test_nothing_breaks_it(data: bytes) -> None:
    try:
        packet = decode(data)
    except DecodeError:
        return
    assert len(packet.payload) <= len(data)


def test_a_datagram_by_hand() -> None:
    # RFC 3550, figure in 5.1: V=2, P, X, CC=1; M, PT=96; then sequence, timestamp, SSRC, one CSRC.
    head = struct.pack(">BBHIII", 0xB1, 0xE0, 0x1234, 0xDEADBEEF, 7, 99)
    # RFC 8285: 0xBEDE, 3 words; one octet of padding, ID 1 with 8 octets, padding.
    stamp = struct.pack(">II", 2_208_988_800 + 10, 0x80000000)
    extension = struct.pack(">HH", 0xBEDE, 3) + b"\x00\x17" + stamp + b"\x00\x00"
    packet = decode(head + extension + b"\x01\x02\x03\x04" + b"\x00\x00\x03")
    assert packet == RtpPacket(96, 0x1234, 0xDEADBEEF, 7, b"\x01\x02\x03\x04", True, 10_500_000_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x05",
        b"\xa0" + bytes(11),
        b"\xa0" + bytes(10) + b"\x20",
        b"\x8f" + bytes(20),
    ],
)
def test_what_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50))
def test_samples_of_16_bits(values: list[int]) -> None:
    assert np.frombuffer(samples(np.array(values, ">i2").tobytes(), 2), "<i2").tolist() == values


@given(st.lists(st.integers(-(2**23), 2**23 - 1), max_size=50))
def test_samples_of_24_bits(values: list[int]) -> None:
    payload = b"".join(value.to_bytes(3, "big", signed=True) for value in values)
    assert np.frombuffer(samples(payload, 3), "<i4").tolist() == [value * 256 for value in values]


@pytest.mark.parametrize(("payload", "width"), [(b"abc", 2), (b"abcd", 3), (b"abcd", 4)])
def test_parts_of_samples_are_refused(payload: bytes, width: int) -> None:
    with pytest.raises(DecodeError):
        samples(payload, width)
