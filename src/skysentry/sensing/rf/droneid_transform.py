"""Long transforms in single precision, at what a processor's caches allow.

A transform of half a million samples leaves the caches; numpy's costs eleven times what one of a quarter costs. So one
step by four comes before it (J. Cooley, J. Tukey, 1965, decimation in time):

    X[k + q m] = Σ_r (−i)^(r q) e^(−2πi r k / 4m) X_r[k],   X_r the transform of x[r], x[r + 4], …   r, q = 0 … 3

Sizes that four does not divide, and short ones, go to numpy as they are. Left out: scipy, whose transforms of several
channels side by side take a quarter of the time, for its 143 MB (docs/decisions/0008-score.md).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.fft import fft, ifft
from numpy.typing import NDArray

# Above this a complex64 transform and its result are no longer held by 2 MB, a core's own cache today.
HELD = 131_072

Samples = NDArray[np.complex64]


def transformed(samples: Samples) -> Samples:
    """Return the transform, in single precision as the samples are."""
    size = samples.shape[0]
    if size <= HELD or size % 4:
        return np.asarray(fft(samples), np.complex64)
    from skysentry.sensing.rf.droneid_kernels import joined

    parts = np.empty((4, size // 4), np.complex64)
    for r in range(4):
        parts[r] = fft(samples[r::4])
    out = np.empty(size, np.complex64)
    joined(parts, _roots(size), out)
    return out


def back(spectrum: Samples) -> Samples:
    """Return the samples of a transform."""
    return np.asarray(ifft(spectrum), np.complex64)


@cache
def _roots(size: int) -> Samples:
    """Return e^(−2πi k / size) of a quarter turn [shape=(size / 4,)]."""
    return np.asarray(np.exp(-2j * np.pi / size * np.arange(size // 4)), np.complex64)
