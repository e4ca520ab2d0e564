"""RTP datagrams of uncompressed sound (RFC 3550; L16 and L24 of RFC 3551 and 3190): bytes ↔ fields.

    octet 0      V = 2 (2 bits), P padding, X extension, CC number of contributing sources (4 bits)
    octet 1      M marker, PT payload type (7 bits)
    2, 4, 8      sequence number (16), timestamp (32, in samples), SSRC (32): big-endian
    12           CC × 4 octets of CSRC; with X: profile (16), length in words (16), extension
    then         samples, big-endian, two's complement, channels interleaved; with P the last octet counts the padding

The one extension that is read is the time of the first sample by the sender's clock, 64 bits NTP, as RFC 6051 has it
in the one-byte form of RFC 8285 (profile 0xBEDE), under the identifier `NTP_ID` = 1. Others are skipped.

Rate, channels and width are not in a datagram: payload types 10 and 11 mean 44.1 kHz with two and one channel of 16
bits, all others mean what was agreed on. Left out: RTCP, encryption, the two-byte form of RFC 8285.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from skysentry.errors import DecodeError

HEADER = struct.Struct(">BBHII")
EXTENSION = struct.Struct(">HH")
ONE_BYTE_PROFILE = 0xBEDE
NTP_ID = 1
# From 1900 to 1970.
NTP_EPOCH_S = 2_208_988_800
NANO = 1_000_000_000
# An IPv4 datagram holds no more.
MOST_BYTES = 65_507


class RtpPacket(Struct, frozen=True):
    """One datagram. `ntp_ns` is the sender's time of the first sample, ns since 1970, where it says so."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    ntp_ns: int | None = None


def decode(data: bytes) -> RtpPacket:
    """Return the fields of a datagram; raises `DecodeError` where it is none of RTP."""
    if not HEADER.size <= len(data) <= MOST_BYTES:
        raise DecodeError(f"{len(data)} bytes are no RTP datagram")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise DecodeError(f"version {first >> 6} of RTP, not 2")
    at, ntp_ns = HEADER.size + 4 * (first & 0x0F), None
    if first & 0x10:
        if len(data) < at + EXTENSION.size:
            raise DecodeError("the extension is cut off")
        profile, words = EXTENSION.unpack_from(data, at)
        begin = at + EXTENSION.size
        at = begin + 4 * words
        if profile == ONE_BYTE_PROFILE:
            ntp_ns = _ntp(data[begin:at])
    end = len(data)
    if first & 0x20:
        end -= data[-1]
        if data[-1] == 0:
            raise DecodeError("padding of no bytes")
    if at > end:
        raise DecodeError("header and padding are longer than the datagram")
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[at:end], bool(second & 0x80), ntp_ns)


def encode(packet: RtpPacket) -> bytes:
    """Return the datagram with these fields."""
    extended = packet.ntp_ns is not None
    header = HEADER.pack(
        0x90 if extended else 0x80,
        packet.payload_type & 0x7F | (0x80 if packet.marker else 0),
        packet.sequence & 0xFFFF,
        packet.timestamp & 0xFFFFFFFF,
        packet.ssrc & 0xFFFFFFFF,
    )
    if packet.ntp_ns is None:
        return header + packet.payload
    seconds, rest = divmod(packet.ntp_ns, NANO)
    ntp = ((seconds + NTP_EPOCH_S) & 0xFFFFFFFF) << 32 | (rest << 32) // NANO
    element = bytes((NTP_ID << 4 | 7,)) + ntp.to_bytes(8, "big") + bytes(3)
    return header + EXTENSION.pack(ONE_BYTE_PROFILE, len(element) // 4) + element + packet.payload


def samples(payload: bytes, width: int) -> bytes:
    """Return little-endian samples: 16 bits for a width of 2, 32 for one of 3."""
    if len(payload) % width:
        raise DecodeError(f"{len(payload)} bytes are no whole samples of {width}")
    if width == 2:
        swapped = bytearray(len(payload))
        swapped[0::2], swapped[1::2] = payload[1::2], payload[0::2]
        return bytes(swapped)
    if width != 3:
        raise DecodeError(f"samples of {width} bytes are neither L16 nor L24")
    wide = bytearray(len(payload) // 3 * 4)
    wide[1::4], wide[2::4], wide[3::4] = payload[2::3], payload[1::3], payload[0::3]
    return bytes(wide)


def _ntp(extension: bytes) -> int | None:
    """Return the time in the elements of the one-byte form, or `None`."""
    at = 0
    while at < len(extension):
        head = extension[at]
        if head == 0:
            at += 1
            continue
        identifier, length = head >> 4, (head & 0x0F) + 1
        if identifier == 15:
            return None
        if identifier == NTP_ID and length == 8 and at + 9 <= len(extension):
            stamp = int.from_bytes(extension[at + 1 : at + 9], "big")
            seconds = (stamp >> 32) - NTP_EPOCH_S
            # Seconds of NTP begin anew in 2036: what would be before 1970 is after that.
            seconds += (1 << 32) if seconds < 0 else 0
            return seconds * NANO + ((stamp & 0xFFFFFFFF) * NANO >> 32)
        at += 1 + length
    return None
