"""Compiled part of the search for DroneID: how much of the first pilot each piece of time shows at each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel
from skysentry.sensing.rf.fourier_kernels import Plane, Planes, Turns, transform

# Sums and largest values go in as many lanes: floats in the widest vectors of today's processors.
LANES = 16

Peaks = NDArray[np.float32]


@array_kernel
def pilot_peaks(
    samples: Plane,
    first: int,
    step: int,
    lows: NDArray[np.int64],
    pilot: Planes,
    wide: Turns,
    narrow: Turns,
    most: Peaks,
    means: Peaks,
    best: NDArray[np.int64],
) -> None:
    """Write of each piece the largest power, the mean, and where the largest is [shapes=(blocks, places, pieces)].

    `samples` are real and imaginary parts by turns. Block b begins at sample `first` + b `step` and is as long as the
    transform of `wide`; what lies outside is zero. A place is as many of its bins as `narrow`'s transform has, from
    `lows` on, times those of `pilot`. The pieces of a block follow each other and fill its step.
    """
    blocks, places, pieces = most.shape
    size, channel = wide[0].shape[0], narrow[0].shape[0]
    count = samples.shape[0] // 2
    length = step * channel // size // pieces
    ar, ai = np.empty(size + channel, np.float32), np.empty(size + channel, np.float32)
    br, bi = np.empty(size + channel, np.float32), np.empty(size + channel, np.float32)
    cr, ci = np.empty(channel, np.float32), np.empty(channel, np.float32)
    dr, di = np.empty(channel, np.float32), np.empty(channel, np.float32)
    power = np.empty(channel, np.float32)
    for block in range(blocks):
        _taken(samples, count, first + block * step, ar[:size], ai[:size])
        wr, wi = transform(ar, ai, br, bi, wide)
        # The bins go round: their begin again behind their end, so that each place is in one piece.
        wr[size:], wi[size:] = wr[:channel], wi[:channel]
        for place in range(places):
            low = lows[place]
            _times(wr[low : low + channel], wi[low : low + channel], pilot[0], pilot[1], cr, ci)
            zi, zr = transform(ci, cr, di, dr, narrow)
            for k in range(channel):
                power[k] = zr[k] * zr[k] + zi[k] * zi[k]
            for piece in range(pieces):
                begin = piece * length
                top, mean, where = _largest(power[begin : begin + length])
                most[block, place, piece], means[block, place, piece] = top, mean
                best[block, place, piece] = begin + where


@array_kernel
def _taken(samples: Plane, count: int, start: int, real: Plane, imag: Plane) -> None:
    """Take samples from `start` on, zero where there are none."""
    size = real.shape[0]
    head = min(max(-start, 0), size)
    tail = min(max(count - start, head), size)
    real[:head], imag[:head] = 0.0, 0.0
    real[tail:], imag[tail:] = 0.0, 0.0
    taken = samples[2 * (start + head) : 2 * (start + tail)]
    yr, yi = real[head:tail], imag[head:tail]
    for k in range(tail - head):
        yr[k], yi[k] = taken[2 * k], taken[2 * k + 1]


@array_kernel
def _times(ar: Plane, ai: Plane, br: Plane, bi: Plane, cr: Plane, ci: Plane) -> None:
    for k in range(cr.shape[0]):
        cr[k], ci[k] = ar[k] * br[k] - ai[k] * bi[k], ar[k] * bi[k] + ai[k] * br[k]


@array_kernel
def _largest(power: Plane) -> tuple[np.float32, np.float32, int]:
    """Return the largest value, the mean, and where the largest is."""
    totals, tops = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    for at in range(0, power.shape[0] // LANES * LANES, LANES):
        row = power[at : at + LANES]
        for k in range(LANES):
            totals[k] += row[k]
            tops[k] = row[k] if row[k] > tops[k] else tops[k]
    total, top, where = np.float32(0.0), np.float32(0.0), 0
    for k in range(LANES):
        total += totals[k]
        top = tops[k] if tops[k] > top else top
    for k in range(power.shape[0] // LANES * LANES, power.shape[0]):
        total += power[k]
        top = power[k] if power[k] > top else top
    for k in range(power.shape[0]):
        if power[k] == top:
            where = k
            break
    return top, np.float32(total / power.shape[0]), where
