"""The speech gate: which parts of a sound may hold human speech. What it marks is never written to a disk.

A second of sound at 16 kHz → 18 measures → one number; above `THRESHOLD` the second may hold speech. Seconds are looked
at every half, and a mark covers `MARGIN_S` more on both sides, for words do not begin where they are loud. The errors
are not alike: a missed word cannot be taken back, a lost second of a drone is made up for by the next. So a fifth of
sounds without speech is marked too.

What speech has and machines, rain and wind have not: its level in bands between 150 Hz and 4 kHz goes up and down two
to eight times a second (syllables), in many bands together; what stands out above the steady part of the second is
voiced, with a period of 75 to 350 Hz. A rotor's comb lies in the same range of pitch but is steady, and the steady part
(the median of each bin over the second) is taken off first.

The weights are those of a logistic regression (`python -m bench.speech --fit`): synthetic and recorded voices, alone
and −6 to 20 dB against drones, helicopters, motors, rain, sea, fire, saws. A separate detector on purpose, and not the
net's "speech" (`net.KINDS`), which is one of sixteen kinds that compete: speech under a louder drone is a drone to it.

Left out: whispering and song were not tested apart; children's voices and crowds not at all. What stays unmarked may
hold single sounds of speech 6 dB and more below the machine (docs/node.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skysentry.sensing.acoustic.spectrum import RATE_HZ, Array

Measures = NDArray[np.float64]

# 32 ms resolve the harmonics of a voice, a hop of 10 ms its syllables; 100 frames are a second, so bin k is k Hz.
FRAME, HOP, FRAMES = 512, 160, 100
LENGTH = (FRAMES - 1) * HOP + FRAME
STEP = RATE_HZ // 2
MARGIN_S = 1.0
# The telephone's band, a little wider: what makes speech intelligible.
BANDS, LOWEST_HZ, HIGHEST_HZ = 24, 150.0, 4_000.0
GROUPS = 6
SYLLABLES = slice(2, 9)
FASTER = slice(9, 16)
ROUGHNESS = slice(16, 36)
# Lags of 75 to 350 Hz: deep men to high children.
LAGS = slice(RATE_HZ // 350, RATE_HZ // 75)
# Bins of 31 Hz up to 4 kHz, and the range in which what stands out is weighed.
BINS = 128
WEIGHED = slice(8, 110)
# Full-scale sound has a power of some 1e4 in a bin; rounding of 16 bits 1e-7.
LEAST = 1e-9
THRESHOLD = 0.0
# Weight of each measure in the order of `measures`, and the constant.
WEIGHTS = (
    0.5268, -0.5652, 1.007, 0.05298, -0.03753, 1.91, -0.8536, -11.15, 0.1756,
    0.08378, 0.1919, 4.532, -1.758, -2.762,
    0.1027, -0.3107, 0.08296, 0.6589,
)  # fmt: skip
CONSTANT = 0.86799

_WINDOW: Array = np.hanning(FRAME + 1)[:-1].astype(np.float32)
_TAPER = np.hanning(FRAMES)[:, None]


def _triangles() -> Array:
    """Return mel bands as a matrix [shape=(257, 24)], each of sum 1."""
    top, low = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (HIGHEST_HZ, LOWEST_HZ))
    edges = 700.0 * (10.0 ** (np.linspace(low, top, BANDS + 2) / 2595.0) - 1.0)
    hz = np.arange(FRAME // 2 + 1) * RATE_HZ / FRAME
    rising = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    matrix = np.clip(np.minimum(rising, falling), 0.0, None)
    made: Array = (matrix / np.maximum(matrix.sum(axis=0), 1e-9)).astype(np.float32)
    return made


_TRIANGLES = _triangles()


def marks(sound: Array) -> list[tuple[float, float]]:
    """Return the spans of a mono sound at 16 kHz that may hold speech, in seconds, apart from one another."""
    made: list[tuple[float, float]] = []
    for at, second in _seconds(sound):
        if score(second) <= THRESHOLD:
            continue
        first, last = at / RATE_HZ - MARGIN_S, at / RATE_HZ + 1.0 + MARGIN_S
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], last)
        else:
            made.append((first, last))
    return [(max(0.0, first), min(len(sound) / RATE_HZ, last)) for first, last in made]


def _seconds(sound: Array) -> Iterator[tuple[int, Array]]:
    """Yield where seconds begin and their sound; the last one ends with the sound, a short sound is one second."""
    if len(sound) <= LENGTH:
        yield 0, np.pad(sound, (0, LENGTH - len(sound)))
        return
    last = len(sound) - LENGTH
    for at in (*range(0, last, STEP), last):
        yield at, sound[at : at + LENGTH]


def score(second: Array) -> float:
    """Return how much a second [shape=(16352,)] is like one that holds speech; above `THRESHOLD` it may."""
    return float(np.dot(measures(second), WEIGHTS)) + CONSTANT


def measures(second: Array) -> Measures:
    """Return the 18 measures of a second."""
    frames = sliding_window_view(np.asarray(second, dtype=np.float32), FRAME)[::HOP] * _WINDOW
    spectra = np.fft.rfft(frames, axis=1)
    power: Array = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    # Relative to the second's own level: gain must not matter, nor digital silence divide by nothing.
    floor = float(power.mean()) * 1e-7 + LEAST
    level_db = 10.0 * np.log10(power @ _TRIANGLES + floor)
    return np.array([*_rhythm(level_db), *_voice(power, floor), *_contrast(level_db)], dtype=np.float64)


def _rhythm(level_db: Array) -> list[float]:
    """Return how the level of six groups of bands goes up and down, and how far they do it together."""
    groups = level_db.reshape(FRAMES, GROUPS, -1).mean(axis=2)
    groups = groups - groups.mean(axis=0)
    beats = np.abs(np.fft.rfft(groups * _TAPER, axis=0)) ** 2
    slow, faster, rough = (beats[part].sum(axis=0) for part in (SYLLABLES, FASTER, ROUGHNESS))
    ratio = np.sort(np.log((slow + 1e-3) / (rough + 1e-3)))
    depth_db = 10.0 * np.log10(slow / FRAMES + 1e-3)
    moving = np.fft.rfft(groups, axis=0)
    moving[: SYLLABLES.start] = 0.0
    moving[11:] = 0.0
    covariance = np.cov(np.fft.irfft(moving, FRAMES, axis=0).T)
    alone = float(np.trace(covariance)) / GROUPS
    together = (float(covariance.sum()) - alone * GROUPS) / (GROUPS * (GROUPS - 1))
    return [
        ratio[-1],
        ratio.mean(),
        ratio[-2],
        depth_db.max(),
        depth_db.mean(),
        np.log(max(together, 1e-2)),
        np.log(alone + 1e-2),
        together / (alone + 1e-3),
        np.log(((slow + 1e-3) / (faster + 1e-3)).mean()),
    ]


def _voice(power: Array, floor: float) -> list[float]:
    """Return how much stands out above the steady part, and how periodic that is."""
    steady = np.median(power, axis=0)
    excess = np.maximum(power - 2.0 * steady, 0.0)[:, :BINS]
    over_db = 10.0 * np.log10((excess[:, WEIGHED].sum(axis=1) + floor) / (float(steady[WEIGHED].sum()) + floor))
    weight = excess.sum(axis=1)
    loud = weight >= np.median(weight)
    voiced = np.sort(_periodic(excess)[loud])
    whole = _periodic(power[:, :BINS])
    return [
        float(np.percentile(over_db, 90)),
        float(np.percentile(over_db, 50)),
        float(voiced[int(0.9 * len(voiced))]),
        float(voiced[len(voiced) // 2]),
        float(np.percentile(whole, 90) - np.percentile(whole, 20)),
    ]


def _periodic(power: Array) -> Array:
    """Return the peak of the autocorrelation of each frame at the lags of a voice, 0 to 1."""
    size = np.zeros((len(power), FRAME // 2 + 1), dtype=np.float32)
    size[:, :BINS] = np.sqrt(power)
    repeat = np.fft.irfft(size, axis=1)[:, : FRAME // 2]
    made: Array = repeat[:, LAGS].max(axis=1) / (repeat[:, 0] + LEAST)
    return made


def _contrast(level_db: Array) -> list[float]:
    """Return how far bands rise above their median, and how much they change from frame to frame."""
    top = np.sort(np.percentile(level_db - np.median(level_db, axis=0), 95, axis=0))
    return [top[-1], top.mean(), top[-8], float(np.abs(np.diff(level_db, axis=0)).mean())]
