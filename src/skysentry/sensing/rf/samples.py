"""Blocks of radio samples as complex numbers, whatever the receiver delivers.

Integers count from −1 to 1 at full scale; unsigned bytes have their zero at 127.5 (RTL-SDR). What is not finite becomes
zero and is counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.events import Block

# Full scale and zero of the integers.
SCALES = {"int16": (32768.0, 0.0), "int8": (128.0, 0.0), "uint8": (127.5, 127.5)}


def is_radio(block: Block) -> bool:
    """Whether a block holds samples that this module knows."""
    return block.dtype == "complex64" or (block.dtype in SCALES and block.shape[1] == 2)


def complex_of(block: Block) -> tuple[NDArray[np.complex64], int]:
    """Return the samples [shape=(n,)] and how many were not finite. Raises `ValueError` where the block is broken."""
    if block.dtype == "complex64":
        out = np.frombuffer(block.data, np.complex64).reshape(block.shape)[:, 0]
    else:
        full, zero = SCALES[block.dtype]
        values = np.frombuffer(block.data, block.dtype).reshape(block.shape).astype(np.float32)
        out = ((values - np.float32(zero)) / np.float32(full)).reshape(-1).view(np.complex64)
    bad = ~np.isfinite(out.view(np.float32)).reshape(-1, 2).all(axis=1)
    count = int(bad.sum())
    return (np.where(bad, np.complex64(0), out).astype(np.complex64) if count else out), count
