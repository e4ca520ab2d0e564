"""AVR: Mode S frames as lines of hexadecimal text, as receivers give them on TCP port 30002.

    *8D4840D6202CC371C32CE0576098;                    the frame alone
    @016CE3671C748D4840D6202CC371C32CE0576098;        after a 48-bit stamp of 12 MHz ticks (12 digits; as in `beast`)
    <016CE3671C74A08D4840D6202CC371C32CE0576098;      after a stamp and a signal amplitude (2 digits)
    8D4840D6202CC371C32CE0576098                      plain, from scripts and recordings

Letters of either case. Frames are 7 or 14 bytes; Mode A/C replies (2 bytes) are given as they are, for the caller to
count. Left out: ":" and "%" lines of rare receivers.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.errors import DecodeError

# The longest form: "<", 12 digits, 2 digits, 28 digits, ";", and some blanks.
LINE_BYTES = 64
STAMP_DIGITS = 12
PREFIX_DIGITS = {b"*": 0, b"@": STAMP_DIGITS, b"<": STAMP_DIGITS + 2}
FRAME_DIGITS = (4, 14, 28)


class AvrFrame(Struct, frozen=True):
    """One frame: 2, 7 or 14 bytes, and its raw 48-bit stamp where the line has one."""

    payload: bytes
    stamp: int | None = None


def decode(line: bytes) -> AvrFrame:
    """Return the frame in a line; raises `DecodeError` for anything else."""
    line = line.strip()
    if len(line) > LINE_BYTES:
        raise DecodeError(f"a line of {len(line)} bytes is no Mode S frame")
    prefix = PREFIX_DIGITS.get(line[:1])
    digits = line[1:].removesuffix(b";") if prefix is not None else line
    skip = prefix or 0
    frame = digits[skip:]
    if len(frame) not in FRAME_DIGITS:
        raise DecodeError(f"{len(frame)} hexadecimal digits are no Mode S frame (4, 14 or 28)")
    stamp = _hex(digits[:STAMP_DIGITS]) if skip else None
    return AvrFrame(_hex(frame), int.from_bytes(stamp, "big") if stamp is not None else None)


def _hex(digits: bytes) -> bytes:
    # bytes.fromhex skips blanks, which would let a frame of odd length through.
    if b" " in digits or not digits.isalnum():
        raise DecodeError("not hexadecimal digits")
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        raise DecodeError("not hexadecimal digits") from None
