"""The bytes of a radio `Block` as complex samples, checked.

complex64 with one channel, or int16, int8 or uint8 (127.5 is zero) pairs of I and Q. The mean is taken off: the leak of
a receiver's own oscillator is no transmitter.
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


def wrong_with(block: Block) -> str:
    """Return what is wrong with a block, or nothing."""
    if not SLOWEST_HZ <= block.rate_hz <= FASTEST_HZ:
        return "impossible rate"
    pair = block.dtype in TYPES and block.shape[1] == 2
    if not pair and not (block.dtype == "complex64" and block.shape[1] == 1):
        return "unknown sample type"
    size = 8 if block.dtype == "complex64" else 2 * np.dtype(block.dtype).itemsize
    if not 0 < block.shape[0] <= MOST_SAMPLES or len(block.data) != size * block.shape[0]:
        return "length does not fit the shape"
    return ""


def samples(block: Block, most: int) -> Samples | None:
    """Return the first samples of a sound block, at most `most`; `None` where they are not numbers."""
    count = min(block.shape[0], most)
    if block.dtype == "complex64":
        x = np.frombuffer(block.data, "<c8", count).copy()
        if not np.isfinite(x.view(np.float32)).all():
            return None
    else:
        scale, zero = TYPES[block.dtype]
        kind = np.dtype(block.dtype).newbyteorder("<")
        values = (np.frombuffer(block.data, kind, 2 * count).astype(np.float32) - np.float32(zero)) / np.float32(scale)
        x = values.view(np.complex64)
    # A float file may hold any scale; squares of squares must stay numbers.
    most_abs = float(np.abs(x.view(np.float32)).max())
    if most_abs > 1e6:
        x = (x / np.float32(most_abs)).astype(np.complex64)
    return np.asarray(x - x.mean(), np.complex64)
