"""rtl_tcp: samples of an RTL2832 dongle over TCP, and the commands that tune it.

    server → client   header, once: "RTL0", tuner type (u32), number of gains (u32), big-endian; then u8 I, u8 Q
    client → server   commands of 5 bytes: number (u8), value (u32 big-endian)

Source: rtl-sdr's rtl_tcp.c (`dongle_info_t`, `struct command`), the protocol that every client speaks. Left out: the
commands for testing, direct sampling and crystals.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from skysentry.errors import DecodeError

HEADER_BYTES = 12
MAGIC = b"RTL0"
SET_FREQUENCY, SET_RATE, SET_GAIN_MODE, SET_GAIN, SET_PPM, SET_AGC = 1, 2, 3, 4, 5, 8
TUNERS = {1: "E4000", 2: "FC0012", 3: "FC0013", 4: "FC2580", 5: "R820T", 6: "R828D"}


class Header(Struct, frozen=True):
    """What the server says of its dongle."""

    tuner: str
    gains: int


def header(data: bytes) -> Header:
    """Return the header; raises `DecodeError` where the server is another."""
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise DecodeError("no rtl_tcp header", hint="is this the port of rtl_tcp (1234)?")
    tuner, gains = struct.unpack(">II", data[4:HEADER_BYTES])
    return Header(TUNERS.get(tuner, f"unknown ({tuner})"), gains)


def command(number: int, value: int) -> bytes:
    """Return a command; a negative value (ppm) is two's complement."""
    return struct.pack(">BI", number, value & 0xFFFFFFFF)


def tune(centre_hz: float, rate_hz: float, gain_db: float | None) -> bytes:
    """Return the commands for a rate, a frequency and a gain (tenths of dB; without one its own control)."""
    parts = [command(SET_RATE, round(rate_hz)), command(SET_FREQUENCY, round(centre_hz))]
    if gain_db is None:
        return b"".join([*parts, command(SET_GAIN_MODE, 0), command(SET_AGC, 1)])
    return b"".join([*parts, command(SET_GAIN_MODE, 1), command(SET_GAIN, round(10.0 * gain_db))])
