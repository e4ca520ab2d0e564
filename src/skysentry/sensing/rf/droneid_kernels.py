"""Compiled parts of the search for DroneID: the last step of a long transform, and where power peaks in each block.

Both go through memory once, where numpy makes an array of each step. `droneid_transform` says what `joined` is for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel

Samples = NDArray[np.complex64]
Power = NDArray[np.float64]


@kernel
def joined(parts: Samples, roots: Samples, out: Samples) -> None:
    """Write the transform from those of every fourth sample [shapes=(4, m), (m,), (4 m,)]."""
    m = roots.shape[0]
    for k in range(m):
        w = roots[k]
        a = parts[0, k]
        b = parts[1, k] * w
        c = parts[2, k] * w * w
        d = parts[3, k] * w * w * w
        even, other = a + c, a - c
        odd, turned = b + d, np.complex64(-1j) * (b - d)
        out[k] = even + odd
        out[k + m] = other + turned
        out[k + 2 * m] = even - odd
        out[k + 3 * m] = other - turned


@kernel
def block_peaks(samples: Samples, size: int, best: NDArray[np.int64], most: Power, means: Power) -> None:
    """Write of each block of `size` samples where its power is largest, how large, and its mean."""
    for block in range(best.shape[0]):
        top, where, total = np.float32(-1.0), 0, 0.0
        for k in range(size):
            x = samples[block * size + k]
            power = x.real * x.real + x.imag * x.imag
            total += power
            if power > top:
                top, where = power, k
        best[block], most[block], means[block] = where, top, total / size
