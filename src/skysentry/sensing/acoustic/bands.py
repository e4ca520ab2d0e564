"""What the learned branch sees of a second: levels in bands of equal ratio, free of gain.

    power of 32 frames [shape=(32, 1025)]  ─levels_db─▶  dB [shape=(32, 96)]  ─channels─▶  [shape=(3, 96, 32)]

The frames are those of `spectrum` (2,048 samples, 7.8 Hz a bin), so the comb and the net share one transform. 96 bands
from 50 Hz to 7.2 kHz, 13.4 an octave: fine enough to keep the first ten orders of a comb apart, and a comb of another
fundamental is the same picture shifted. Nothing above 7.2 kHz: lossy codecs differ there (reference signals.md 1.4).

The channels: (0) level less the mean of the second: shape and slope; (1) level less its neighbourhood of an octave in
frequency: lines, whatever the microphone's response; (2) level less the band's own mean over the second: what comes
and goes. All three are the same for any gain. The reference's mel bands with PCEN lost nothing that these lack: PCEN
needs a running state, these need one second.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from skysentry.sensing.acoustic.spectrum import BIN_HZ, Array

BANDS = 96
LOWEST_HZ = 50.0
HIGHEST_HZ = 7_200.0
FRAMES = 32
# Bins that bands look at; what is above is not computed.
BINS = int(HIGHEST_HZ * 1.1 / BIN_HZ)
# A floor of this much below the loudest band of the second: what is weaker is rounding or a codec's silence.
DEEPEST_DB = 70.0
# A tenth of the rounding of 16-bit samples: digital silence is flat.
LEAST_POWER = 1e-8
# Edges of blocks of bands that are summed together: a fifth of the work of the whole matrix.
BLOCKS = (0, 48, 72, 84, BANDS)
# Half the neighbourhood in channel 1, bands: an octave in all.
NEAR = 6
# Spread of levels in dB, so that the channels are of order one.
SCALES_DB = (12.0, 6.0, 6.0)
MOST = 4.0


def _triangles() -> Array:
    """Return the bands as a matrix [shape=(BINS, 96)]: triangles over log frequency, each of sum 1."""
    centres = np.log(LOWEST_HZ) + np.arange(-1, BANDS + 1) * np.log(HIGHEST_HZ / LOWEST_HZ) / (BANDS - 1)
    hz = np.exp(centres)
    matrix = np.zeros((BINS, BANDS))
    bins_hz = np.arange(BINS) * BIN_HZ
    for band in range(BANDS):
        # Where bands are narrower than a bin the triangle is a bin wide: straight lines between bins.
        low, middle, high = min(hz[band], hz[band + 1] - BIN_HZ), hz[band + 1], max(hz[band + 2], hz[band + 1] + BIN_HZ)
        matrix[:, band] = np.clip(
            np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)), 0.0, None
        )
    made: Array = (matrix / matrix.sum(axis=0)).astype(np.float32)
    return made


def _neighbourhood() -> Array:
    """Return the matrix [shape=(96, 96)] that takes off the mean of the bands around."""
    near = np.abs(np.arange(BANDS)[:, None] - np.arange(BANDS)) <= NEAR
    made: Array = (np.eye(BANDS) - near / near.sum(axis=0)).astype(np.float32)
    return made


def _blocks() -> list[tuple[slice, Array]]:
    """Return the matrix, which is mostly zero, cut into blocks of bands: the bins of each, and its part."""
    whole, blocks = _triangles(), []
    for low, high in pairwise(BLOCKS):
        part = whole[:, low:high]
        used = np.flatnonzero(part.any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        blocks.append((bins, np.ascontiguousarray(part[bins])))
    return blocks


_BLOCKS = _blocks()
LESS_NEAR = _neighbourhood()
_LESS_NEAR_TURNED: Array = np.ascontiguousarray(LESS_NEAR.T)
_PER_SCALE: Array = (1.0 / np.array(SCALES_DB, dtype=np.float32))[:, None, None]


def levels_db(power: Array) -> Array:
    """Return the level in each band of each frame, dB [shape=(32, 96)]."""
    made = np.empty((len(power), BANDS), dtype=np.float32)
    for (bins, part), (low, high) in zip(_BLOCKS, pairwise(BLOCKS), strict=True):
        np.matmul(power[:, bins], part, out=made[:, low:high])
    made += np.float32(LEAST_POWER)
    np.log10(made, out=made)
    made *= np.float32(10.0)
    return made


def channels(db: Array) -> Array:
    """Return the picture [shape=(..., 3, 96, 32)] of levels [shape=(..., 32, 96)]."""
    db = np.ascontiguousarray(db.swapaxes(-1, -2))
    db = np.maximum(db, db.max(axis=(-2, -1), keepdims=True) - np.float32(DEEPEST_DB))
    made = np.empty((*db.shape[:-2], len(SCALES_DB), BANDS, FRAMES), dtype=np.float32)
    own = np.add.reduce(db, axis=-1, keepdims=True) * np.float32(1.0 / FRAMES)
    whole = np.add.reduce(own, axis=-2, keepdims=True) * np.float32(1.0 / BANDS)
    np.subtract(db, whole, out=made[..., 0, :, :])
    np.matmul(_LESS_NEAR_TURNED, db, out=made[..., 1, :, :])
    np.subtract(db, own, out=made[..., 2, :, :])
    made *= _PER_SCALE
    clipped: Array = made.clip(np.float32(-MOST), np.float32(MOST), out=made)
    return clipped
