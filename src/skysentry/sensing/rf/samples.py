"""Blocks of radio samples as complex numbers, whatever the receiver delivers.

complex64 with one channel, or int16, int8 or uint8 pairs of I and Q. Integers count from −1 to 1 at full scale;
unsigned bytes have their zero at 127.5 (RTL-SDR).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.events import Block

Samples = NDArray[np.complex64]

# Full scale of each type, and what is zero.
TYPES = {"int16": (32_768.0, 0.0), "int8": (128.0, 0.0), "uint8": (127.5, 127.5)}
# Slower is sound, faster no receiver that is sold.
SLOWEST_HZ, FASTEST_HZ = 200_000.0, 1e9
# Half a second at 61.44 Msps: more than that in one block is a fault or an attack.
MOST_SAMPLES = 32_000_000
# A float file may hold any scale; squares of squares must stay numbers.
MOST_ABS = 1e6


def is_radio(block: Block) -> bool:
    """Whether a block holds samples that this module knows."""
    return (block.dtype == "complex64" and block.shape[1] == 1) or (block.dtype in TYPES and block.shape[1] == 2)


def wrong_with(block: Block) -> str:
    """Return what is wrong with a block, or nothing."""
    if not SLOWEST_HZ <= block.rate_hz <= FASTEST_HZ:
        return "impossible rate"
    if not is_radio(block):
        return "unknown sample type"
    size = np.dtype(block.dtype).itemsize * block.shape[1]
    if not 0 < block.shape[0] <= MOST_SAMPLES or len(block.data) != size * block.shape[0]:
        return "length does not fit the shape"
    return ""


def samples(block: Block, most: int = MOST_SAMPLES) -> tuple[Samples, int]:
    """Return the first samples of a sound block, at most `most`, and how many are not finite: those are zero."""
    count = min(block.shape[0], most)
    if block.dtype == "complex64":
        out = np.frombuffer(block.data, "<c8", count)
    else:
        full, zero = TYPES[block.dtype]
        kind = np.dtype(block.dtype).newbyteorder("<")
        values = np.frombuffer(block.data, kind, 2 * count).astype(np.float32)
        out = ((values - np.float32(zero)) / np.float32(full)).view(np.complex64)
    bad = ~np.isfinite(out)
    broken = int(bad.sum())
    return np.asarray(np.where(bad, 0.0, out) if broken else out, np.complex64), broken


def centred(block: Block, most: int) -> Samples | None:
    """Return the first samples less their mean, or `None` where they are not numbers.

    The leak of a receiver's own oscillator is no transmitter.
    """
    x, broken = samples(block, most)
    if broken:
        return None
    most_abs = float(np.abs(x.view(np.float32)).max())
    if most_abs > MOST_ABS:
        x = x / np.float32(most_abs)
    return np.asarray(x - x.mean(), np.complex64)
