"""The broad net: a second → log p(z|kind) of sixteen kinds of sound, by a net that has heard what sounds are like.

    a second [shape=(16000,)]  ─picture─▶  log mel [shape=(96, 64)]  ─net─▶  log p(z|kind) + constant [shape=(16,)]

The net is the first `training.backbone.BLOCKS` blocks of YAMNet (Google, Apache-2.0), which learned from two million
clips of 521 kinds of sound, as they are, and a head that `training.broad` fits to kinds: what a few hundred seconds of
drones cannot teach, what sounds are like, it brings along. Middle layers carry further to drones that nobody recorded
than the last one does, and cost less (docs/decisions/0034-broad.md).

The picture is YAMNet's (github.com/tensorflow/models, research/audioset/yamnet, features.py): frames of 25 ms every
10 ms, 64 triangles of equal mel from 125 Hz to 7.5 kHz over magnitudes, log(· + 0.001). The peak is set to a half, for
the 0.001 makes it depend on level.

Every second is heard by it: 0.6 ms. Its convolutions but the first two are sums of whole numbers, 8 bits each
(`training.rounded`); all in floats it takes 1.1 ms. Of the lines of a comb it sees little, for its bands are wide:
where something may fly `net`, which sees them, is asked too (`fuse.weighed`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from skysentry.sensing.acoustic import net
from skysentry.sensing.acoustic.spectrum import RATE_HZ, Array, hann, overlapping

WEIGHTS = "weights-broad.onnx"
# All but the peak are YAMNet's.
FRAME, HOP, TRANSFORM = 400, 160, 512
FRAMES, MELS = 96, 64
SAMPLES = (FRAMES - 1) * HOP + FRAME
LOWEST_HZ, HIGHEST_HZ = 125.0, 7_500.0
OFFSET = 0.001
PEAK = 0.5
# A peak below this is the rounding of 16-bit samples: silence stays silence.
LEAST_PEAK = 1e-5


def _mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return frequencies on the scale of O'Shaughnessy (1987), as HTK has it."""
    made: NDArray[np.float64] = 1127.0 * np.log1p(hz / 700.0)
    return made


def _triangles() -> Array:
    """Return the bands as a matrix [shape=(257, 64)], of height 1, without the bin at 0 Hz."""
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = np.linspace(lowest, highest, MELS + 2)
    at = _mel(np.arange(TRANSFORM // 2 + 1) * RATE_HZ / TRANSFORM)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    matrix = np.clip(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0.0, None)
    matrix[0] = 0.0
    made: Array = matrix.astype(np.float32)
    return made


_TRIANGLES = _triangles()
_WINDOW = hann(FRAME)


def picture(sound: Array) -> Array:
    """Return what the net sees [shape=(96, 64)]: the beginning of a sound at 16 kHz, `SAMPLES` or longer."""
    part = np.asarray(sound[:SAMPLES], dtype=np.float32)
    loudest = max(float(part.max()), -float(part.min()), LEAST_PEAK)
    pieces = overlapping(part, 0, FRAME, HOP)
    window = _WINDOW * np.float32(PEAK / loudest)
    made = np.empty((FRAMES, MELS), dtype=np.float32)
    # Half at a time, for the allocator's sake, as in `spectrum`.
    padded = np.zeros((FRAMES // 2, TRANSFORM), dtype=np.float32)
    for at in range(0, FRAMES, FRAMES // 2):
        half = slice(at, at + FRAMES // 2)
        np.multiply(pieces[half], window, out=padded[:, :FRAME])
        np.matmul(np.abs(rfft(padded, axis=1)), _TRIANGLES, out=made[half])
    made += np.float32(OFFSET)
    return np.log(made, out=made)


def log_p(sound: Array) -> Array:
    """Return log p(z|kind) [shape=(16,)] less that of the likeliest, of a second at 16 kHz."""
    return net.said(WEIGHTS, picture(sound)[None])
