"""Where the first pilot of DroneID may begin in a wide band: the compiled part, and what it needs to know of a rate.

    samples ─blocks─▶ transform ─bins around each place─▶ × pilot of root 600 ─back─▶ power ─▶ peaks of pieces

One transform of a block serves all places: to take the bins around one is mixing, filter and resampling at once. Blocks
are short enough for a core's own cache and share the length of the pilot (overlap and save). Their sizes are powers of
two whatever the rate: a place is looked at with `rate_hz / times` samples a second, at least `LEAST_RATE_HZ`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.rf.droneid_signal import RATE_HZ, SIZE, pilot_samples

# Bins of a place in a block: 8,192 and the 32,768 of four times the rate stay in 1 MB with all that is written.
CHANNEL = 8_192
# A pilot is 9.015 MHz wide and may lie 0.75 MHz beside. At 12.5 Msps the worst sample beside its peak shows 1.9 dB
# less, at 15.36 1.3.
LEAST_RATE_HZ = 12.5e6
# Half a band that is flat, and where the filter ends.
FLAT_HZ, END_HZ = 5.0e6, 7.6e6
# Samples at either end of a block that the filter's ringing from the other end reaches.
RINGING = 32
# One peak is looked for in each piece of about this length (samples of 15.36 Msps); three of them are its surroundings.
PIECE = 1_000
# What root 600 must show, times the mean around it, to be looked at: at −13 dB a pilot shows 28 on average, and of
# noise 8 samples a second pass.
PEAK = 14.5
# Peaks of one place that are looked at in each second: more are no bursts, which come twice a second and transmitter.
MOST_PEAKS_HZ = 1_500.0
# Of a place where nothing is but rounding.
EMPTY = 1e-9

Samples = NDArray[np.complex64]


class Plan(NamedTuple):
    """How samples of a rate are cut: `times` in a place's sample, samples of a step, pieces of a step, the pilot."""

    times: int
    step: int
    pieces: int
    pilot: tuple[NDArray[np.float32], NDArray[np.float32]]


class Peak(NamedTuple):
    """A sample of the chunk where the first pilot may begin, and the offset of the place."""

    at: int
    offset_hz: float


def pilots(chunk: Samples, rate_hz: float, places_hz: tuple[float, ...]) -> list[Peak]:
    """Return where the first pilot may begin in a chunk [shape=(n,)] at places of its band, the clearest first."""
    from skysentry.sensing.rf.droneid_kernels import pilot_peaks
    from skysentry.sensing.rf.fourier_kernels import turns

    how = plan(rate_hz)
    size, blocks = CHANNEL * how.times, math.ceil(chunk.shape[0] / how.step)
    shifts = [round(offset_hz / rate_hz * size) for offset_hz in places_hz]
    lows = np.array([(shift - CHANNEL // 2) % size for shift in shifts], np.int64)
    shape = (blocks, len(shifts), how.pieces)
    most, means, best = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.int64)
    samples = np.ascontiguousarray(chunk, np.complex64).view(np.float32)
    first = -RINGING * how.times
    pilot_peaks(samples, first, how.step, lows, how.pilot, turns(size), turns(CHANNEL), most, means, best)
    out: list[Peak] = []
    for place, shift in enumerate(shifts):
        mean = means[:, place].reshape(-1)
        level = np.convolve(np.pad(mean, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
        level = np.maximum(level, EMPTY * float(mean.mean()) + 1e-30)
        ratio = most[:, place].reshape(-1) / level
        keep = max(1, round(MOST_PEAKS_HZ * chunk.shape[0] / rate_hz))
        for piece in np.argsort(-ratio)[:keep]:
            if ratio[piece] <= PEAK:
                break
            block = int(piece) // how.pieces
            begin = block * how.step + int(best[block, place, piece % how.pieces]) * how.times
            if begin < chunk.shape[0]:
                out.append(Peak(begin, shift * rate_hz / size))
    return out


@cache
def plan(rate_hz: float) -> Plan:
    """Return how samples of a rate are cut."""
    times = 1 << max(math.floor(math.log2(rate_hz / LEAST_RATE_HZ * (1.0 + 1e-9))), 0)
    rate = rate_hz / times
    free = CHANNEL - math.ceil(SIZE * rate / RATE_HZ) - 2 * RINGING
    pieces = round(free / (PIECE * rate / RATE_HZ))
    return Plan(times, free // pieces * pieces * times, pieces, _pilot(rate))


def gain(hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the channel filter's gain so far from the channel's middle."""
    slope = np.clip((np.abs(hz) - FLAT_HZ) / (END_HZ - FLAT_HZ), 0.0, 1.0)
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * slope)))


def _pilot(rate_hz: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the conjugated transform of the first pilot, lowest frequency first, times the filter.

    It is that of a pilot which begins `RINGING` samples late, so that the first sample that comes back is a sound one.
    A bin is 64 a + b, so that few exponentials are needed.
    """
    hz = np.arange(-(CHANNEL // 2), CHANNEL // 2) * (rate_hz / CHANNEL)
    late_s = np.arange(SIZE) / RATE_HZ + RINGING / rate_hz
    coarse = np.exp(-2j * np.pi * hz[::64, None] * late_s[None, :])
    fine = np.exp(-2j * np.pi * (hz[:64] - hz[0])[:, None] * late_s[None, :])
    spectrum = ((coarse * pilot_samples(3)) @ fine.T).reshape(-1)
    kept = np.conj(spectrum) * gain(hz) / SIZE
    return kept.real.astype(np.float32), kept.imag.astype(np.float32)
