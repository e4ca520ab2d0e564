"""DJI DroneID as its own radio sends it: the frame inside an OFDM burst, around the record that DJI's Wi-Fi had.

    0         n, the length of what follows without the CRC (88 for flight telemetry, 141 for the purpose of a flight)
    1         subcommand: 0x10 flight telemetry, 0x11 flight purpose, without a place
    2 … n     the record of `dji_wifi`
    n + 1     CRC-16 over bytes 0 … n, little endian; polynomial 0x1021 reflected (0x8408), first value 0x3692

What follows in the burst's 173 bytes is what was left in the transmitter's buffer, and is not read.
Source: reference/standards.md 3.5 and signals.md 3.2; lengths and CRC as in recorded bursts.
"""

from __future__ import annotations

from functools import cache

from skysentry.errors import DecodeError
from skysentry.wire import dji_wifi

CRC_FIRST, CRC_POLYNOMIAL = 0x3692, 0x8408
SHORTEST = 4


def decode(frame: bytes) -> dji_wifi.Telemetry | dji_wifi.Purpose:
    """Return the record of a frame. Raises `DecodeError` where its CRC does not fit or its record is not known."""
    length = frame[0] + 1 if frame else 0
    if length < SHORTEST or len(frame) < length + 2:
        raise DecodeError(f"a DroneID frame of {length} bytes in {len(frame)}")
    if crc16(frame[:length]) != int.from_bytes(frame[length : length + 2], "little"):
        raise DecodeError("CRC-16 of the DroneID frame does not fit")
    return dji_wifi.decode(dji_wifi.HEAD + frame[1:length])


def encode(telemetry: dji_wifi.Telemetry) -> bytes:
    """Return the frame of a telemetry record of version 2."""
    record = dji_wifi.encode(telemetry)[len(dji_wifi.HEAD) :]
    frame = bytes((len(record),)) + record
    return frame + crc16(frame).to_bytes(2, "little")


@cache
def _table() -> tuple[int, ...]:
    out = []
    for rest in range(256):
        for _ in range(8):
            rest = rest >> 1 ^ (CRC_POLYNOMIAL if rest & 1 else 0)
        out.append(rest)
    return tuple(out)


def crc16(data: bytes) -> int:
    """Return DJI's CRC-16."""
    rest, table = CRC_FIRST, _table()
    for byte in data:
        rest = rest >> 8 ^ table[(rest ^ byte) & 0xFF]
    return rest
