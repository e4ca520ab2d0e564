"""Sound through a filter that may change from moment to moment, hop by hop; and noise of any colour.

Overlap-add: frames of 1,024 samples under a periodic Hann window (frames at every 512 sum to one), zero-padded to
2,048, multiplied by a frequency response, added up. A response whose impulse answer is shorter than ±512 samples is
applied exactly where it does not change, and fades from one to the next where it does. What comes out is the input
`LATENCY` samples ago.

Several outputs may be mixed from several inputs by a matrix for each frequency: with Γ = C Cᴴ, noise that is C times
independent noise has the coherence Γ between microphones.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from skysentry.geo import Array

HOP = 512
FRAME = 2 * HOP
FFT = 2 * FRAME
# A frame's output begins half a frame before it, and is whole when the next frame has been added.
LATENCY = 2 * HOP
BINS = FFT // 2 + 1
_WINDOW = np.hanning(FRAME + 1)[:-1]

Response = NDArray[np.complex128] | Array


def frequencies_hz(rate_hz: float) -> Array:
    """Return the frequencies [shape=(BINS,)] that a response is given at."""
    return np.arange(BINS) * rate_hz / FFT


class Shaper:
    """Filters hops; `channels` is the number of outputs."""

    def __init__(self, inputs: int = 1, outputs: int = 1) -> None:
        self.before = np.zeros((inputs, HOP))
        self.sum = np.zeros((outputs, FFT + HOP))

    def next(self, hop: Array, response: Response) -> Array:
        """Return the next hop [shape=(outputs, HOP)] for one in [shape=(inputs, HOP)].

        `response` is [shape=(BINS,)], applied to every channel, or [shape=(BINS, outputs, inputs)].
        """
        frame = np.concatenate((self.before, hop), axis=1) * _WINDOW
        self.before = hop
        spectrum = np.fft.rfft(frame, FFT)
        if response.ndim == 1:
            shaped = spectrum * response
        else:
            shaped = np.einsum("foi,if->of", response, spectrum)
        # The answer before time zero stands at the end of the circle: turn it to the front.
        made = np.roll(np.fft.irfft(shaped, FFT), HOP, axis=1)
        self.sum[:, :FFT] += made
        done = self.sum[:, :HOP].copy()
        self.sum[:, :-HOP] = self.sum[:, HOP:]
        self.sum[:, -HOP:] = 0.0
        return done


class Noise:
    """An endless stream of noise. `density` is the amplitude density √(Pa²/Hz), or a mixing matrix of it."""

    def __init__(self, density: Response, rate_hz: float, chance: Generator) -> None:
        # White noise of unit variance has a one-sided density of 2 / rate.
        self.response = density * np.sqrt(rate_hz / 2.0)
        self.channels = 1 if density.ndim == 1 else density.shape[1]
        self.chance = chance
        self.shaper = Shaper(self.channels, self.channels)
        self.left = np.zeros((self.channels, 0))
        for _ in range(3):
            self._hop()

    def next(self, count: int) -> Array:
        """Return the next samples [shape=(channels, count)]."""
        while self.left.shape[1] < count:
            self.left = np.concatenate((self.left, self._hop()), axis=1)
        made, self.left = self.left[:, :count], self.left[:, count:]
        return made

    def _hop(self) -> Array:
        return self.shaper.next(self.chance.standard_normal((self.channels, HOP)), self.response)


def level_pa(level_db: float) -> float:
    """Return the sound pressure (root mean square) of a level re 20 µPa."""
    return float(20e-6 * 10.0 ** (level_db / 20.0))


def scaled(shape_db: Array, level_db: float, rate_hz: float) -> Array:
    """Return the amplitude density of a spectrum of this shape whose sum over all frequencies has this level."""
    power = 10.0 ** (shape_db / 10.0)
    total = float(power.sum()) * rate_hz / FFT
    density: Array = np.sqrt(power / total) * level_pa(level_db)
    return density
