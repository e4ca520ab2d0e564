"""One second of sound of any rate → quarter-second power spectra, a flat floor under them, and their levels.

    raw second + tail  ─at_16k─▶  17,548 samples  ─half_frames─▶  power [shape=(16, 1025)]
    power  ─quarters─▶  mean power [shape=(4, 1025)]  ─whitened─▶  dB [shape=(4, 304)]

Frames are 2,048 samples (128 ms, 7.8 Hz a bin) at 16 kHz. The hop is 500, not the usual 512, for then a second holds
exactly 32 frames and a quarter 8: no frame counter lives from one second to the next, and the size of the blocks that
sound arrives in cannot change a result. For the same reason each second is resampled on its own together with the
tail of raw sound before it, instead of by a streaming resampler whose state cannot be saved. Combs are looked for in
every second frame; the net that sees lines is given all (`frames`), where it is asked.

Everything is relative to the floor, so gain and automatic level do not matter; nothing above 7.5 kHz is used, where
lossy codecs differ and distance leaves nothing (reference: ISO 9613-1, 30 dB/km at 4 kHz).
"""

from __future__ import annotations

import functools
import math
from typing import TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import rfft

Array: TypeAlias = NDArray[np.float32]

RATE_HZ = 16_000
FRAME = 2048
HOP = 500
QUARTERS = 4
BIN_HZ = RATE_HZ / FRAME
# A frame that ends in this second may begin this long before it.
CONTEXT = FRAME - HOP
# Raw sound kept before a second: the context (97 ms) and room for the resampler's edge (a few ms).
TAIL_S = 0.125
# Combs are looked for below 2 kHz: past some 500 m nothing is left above. To 2,375 Hz for the gap above the last.
COMB_BINS = 304
# The floor is the median of 16 bins (125 Hz): wider than a line and its skirts, narrower than the slope of wind noise.
FLOOR_BINS = 16
# Octaves in which the flutter of the level is measured, Hz; below 200 Hz wind rules.
OCTAVES_HZ = (200.0, 400.0, 800.0, 1600.0, 3200.0, 7400.0)
# Power of the rounding of 16-bit samples in a bin, about 6e-8: what is weaker is digital silence.
LEAST_POWER = 1e-9
# Power in a bin of a sine of full scale, (sum of the Hann window / 2)².
FULL_SCALE_POWER = (FRAME / 4) ** 2


@functools.cache
def hann(length: int) -> Array:
    """Return the periodic window of Hann."""
    return np.hanning(length + 1)[:-1].astype(np.float32)


_WINDOW = hann(FRAME)
_OCTAVE_BINS = np.array([int(edge / BIN_HZ) for edge in OCTAVES_HZ])


def _hat() -> Array:
    """Return the matrix that draws straight lines between the middles of the floor's blocks."""
    middles = np.arange(COMB_BINS // FLOOR_BINS) * FLOOR_BINS + (FLOOR_BINS - 1) / 2
    rows = [np.interp(np.arange(COMB_BINS), middles, row) for row in np.eye(len(middles))]
    return np.array(rows, dtype=np.float32)


_HAT = _hat()


def tail_frames(rate_hz: int) -> int:
    """Return how much raw sound to keep: `TAIL_S` or more, and a whole number of samples at 16 kHz."""
    unit = rate_hz // math.gcd(rate_hz, RATE_HZ)
    return math.ceil(TAIL_S * rate_hz / unit) * unit


def at_16k(sound: Array, rate_hz: int) -> Array:
    """Return the last `CONTEXT` + 16,000 samples at 16 kHz of a tail and the second behind it."""
    if rate_hz == RATE_HZ:
        resampled = sound
    else:
        resampled = soxr.resample(sound, rate_hz, RATE_HZ, quality="HQ")
    due = CONTEXT + RATE_HZ
    if len(resampled) < due:  # the resampler may round one sample away
        resampled = np.pad(resampled, (due - len(resampled), 0))
    return np.asarray(resampled[-due:], dtype=np.float32)


def frames(sound: Array) -> Array:
    """Return the power [shape=(32, 1025)] of each frame of a second [shape=(17548,)]."""
    return _powers(sound, 0, HOP)


def woven(even: Array, odd: Array) -> Array:
    """Return the power of all frames of a second, of its two `half_frames`."""
    made: Array = np.empty((len(even) + len(odd), even.shape[1]), dtype=np.float32)
    made[::2], made[1::2] = even, odd
    return made


def half_frames(sound: Array, first: int) -> Array:
    """Return the power [shape=(16, 1025)] of every second frame of a second [shape=(17548,)], the `first` 0 or 1.

    They still overlap by half: a quarter's mean power spreads by little more than with all of them.
    """
    return _powers(sound, first * HOP, 2 * HOP)


def overlapping(sound: Array, begin: int, length: int, hop: int) -> Array:
    """Return a view of all pieces [shape=(n, length)] from `begin` on, one every `hop` samples.

    `sliding_window_view` and `as_strided` take ten times as long to make one.
    """
    sound = np.ascontiguousarray(sound, dtype=np.float32)
    count, step = (len(sound) - begin - length) // hop + 1, sound.itemsize
    return np.ndarray((count, length), sound.dtype, sound, begin * step, (hop * step, step))


def _powers(sound: Array, begin: int, hop: int) -> Array:
    pieces = overlapping(sound, begin, FRAME, hop)
    count = len(pieces)
    # scipy transforms several rows at once, numpy one. Sixteen a call: each has a cost of its own, and more than 128 KB
    # the allocator takes from the system and gives back each time.
    power = np.empty((count, FRAME // 2 + 1), dtype=np.float32)
    for at in range(0, count, 16):
        some = pieces[at : at + 16]
        made = rfft(some * _WINDOW, axis=1)
        parts = made.view(np.float32).reshape(len(some), -1, 2)
        np.square(parts, out=parts)
        np.add(parts[..., 0], parts[..., 1], out=power[at : at + 16])
    return power


def quarters(power: Array) -> Array:
    """Return the mean power [shape=(4, 1025)] of the frames of each quarter of a second."""
    pieces = power.reshape(QUARTERS, -1, power.shape[1])
    mean: Array = np.add.reduce(pieces, axis=1)
    mean *= np.float32(1.0 / pieces.shape[1])
    return mean


def whitened(power: Array) -> tuple[Array, Array]:
    """Return the level above the floor and the floor, both dB [shape=(n, 304)]."""
    level_db = 10.0 * np.log10(power[:, :COMB_BINS] + np.float32(LEAST_POWER))
    half = FLOOR_BINS // 2
    ranked = np.sort(level_db.reshape(len(power), -1, FLOOR_BINS), axis=2)
    floor_db = (np.float32(0.5) * (ranked[..., half - 1] + ranked[..., half])) @ _HAT
    return level_db - floor_db, floor_db


def octaves_db(power: Array) -> Array:
    """Return the level in each octave, dB [shape=(n, 5)]."""
    sums = np.add.reduceat(power[:, : _OCTAVE_BINS[-1]], _OCTAVE_BINS[:-1], axis=1)
    levels: Array = (10.0 * np.log10(sums + np.float32(LEAST_POWER))).astype(np.float32)
    return levels


def noise_dbfs(floor_db: Array) -> float:
    """Return the power of the floor between 100 and 2,000 Hz, dB relative to a sine of full scale."""
    band = floor_db[:, int(100 / BIN_HZ) : int(2000 / BIN_HZ)]
    # The Hann window makes a bin 1.5 bins wide for noise; the median of a mean of many frames is near the mean.
    power = np.exp(band * np.float32(math.log(10.0) / 10.0))
    total = float(np.add.reduce(power, axis=None, dtype=np.float64)) / len(band) / 1.5
    return 10.0 * math.log10(total / FULL_SCALE_POWER)
