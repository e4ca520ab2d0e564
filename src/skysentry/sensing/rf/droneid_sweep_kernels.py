"""Compiled part of the search for DroneID in a whole band: the clearest tone of each group of bins of each stretch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel
from skysentry.sensing.rf.droneid_kernels import LANES, Peaks
from skysentry.sensing.rf.fourier_kernels import Plane, Planes, Turns, transform

# A group whose clearest tone is less, times its own mean, has none that is looked at: three groups' mean is a third of
# its own at least.
SOUGHT = 4.0


@array_kernel
def tone_peaks(
    samples: Plane, step: int, chirp: Planes, tables: Turns, most: Peaks, means: Peaks, best: NDArray[np.int64]
) -> None:
    """Write of each group of bins the largest power, the mean, and twice the bin of a clear one.

    Shapes: (stretches, groups). `samples` are real and imaginary parts by turns; stretch s begins at s `step` and is as
    long as `chirp`. A tone between two bins shows in their difference.
    """
    stretches, groups = most.shape
    size, length = tables[0].shape[0], chirp[0].shape[0]
    group = size // groups
    ar, ai = np.empty(size, np.float32), np.empty(size, np.float32)
    br, bi = np.empty(size, np.float32), np.empty(size, np.float32)
    power, shown = np.empty(size, np.float32), np.empty(size, np.float32)
    totals, tops = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    half = np.float32(0.5)
    for s in range(stretches):
        taken = samples[2 * s * step : 2 * (s * step + length)]
        cr, ci = chirp
        for k in range(length):
            xr, xi = taken[2 * k], taken[2 * k + 1]
            ar[k], ai[k] = xr * cr[k] - xi * ci[k], xr * ci[k] + xi * cr[k]
        ar[length:], ai[length:] = 0.0, 0.0
        zr, zi = transform(ar, ai, br, bi, tables)
        for k in range(size):
            power[k] = zr[k] * zr[k] + zi[k] * zi[k]
        for k in range(size - 1):
            dr, di = zr[k] - zr[k + 1], zi[k] - zi[k + 1]
            other = half * (dr * dr + di * di)
            shown[k] = other if other > power[k] else power[k]
        shown[size - 1] = power[size - 1]
        for g in range(groups):
            begin = g * group
            totals[:], tops[:] = power[begin : begin + LANES], shown[begin : begin + LANES]
            for at in range(begin + LANES, begin + group, LANES):
                row, high = power[at : at + LANES], shown[at : at + LANES]
                for k in range(LANES):
                    totals[k] += row[k]
                    tops[k] = high[k] if high[k] > tops[k] else tops[k]
            total, top = totals[0], tops[0]
            for k in range(1, LANES):
                total += totals[k]
                top = tops[k] if tops[k] > top else top
            most[s, g], means[s, g], best[s, g] = top, total / np.float32(group), 0
            if top > SOUGHT * means[s, g]:
                for k in range(begin, begin + group):
                    if shown[k] == top:
                        best[s, g] = 2 * k if power[k] == top else 2 * k + 1
