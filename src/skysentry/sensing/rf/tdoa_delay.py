"""How much later one receiver heard a burst than another, and how sure that is (generalised cross-correlation).

Coarse: the highest |cross-correlation| within the lags that the baseline allows; by chance |r|² N / (p₁ p₂) is
exponential, so `CHANCE` over the lags bounds false ones. Fine: the samples, aligned to that, are cut into segments; the
coherence γ(f) over them, smoothed along frequency, weighs each frequency by γ/(1 − γ²) of the normalised cross-spectrum
(Hannan–Thomson), and the delay is where |Σ W(f) e^{jφ(f)} e^{j2πfτ}| is highest: the carrier's phase is left free, for
two receivers do not share it. Variance:

    σ² = 1 / (2 T ∫ (2π (f − f₀))² γ² / (1 − γ²) df)

the Cramér–Rao bound with unknown phase (Knapp and Carter, "The generalized correlation method for estimation of time
delay", IEEE Trans. ASSP 24(4), 1976, eq. 38, f₀ the weighted mean). A clock's error comes on top (`tdoa_receiver`).
Left out: a difference of carrier beyond a tenth of 1 / T (receivers are locked to GPS), echoes stronger than the path.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Samples = NDArray[np.complex64]

# A false delay once in a million pairs.
CHANCE = 1e-6
SEGMENT = 256
# Fewer give no coherence to speak of.
LEAST_SEGMENTS = 8
FINE_STEP = 1.0 / 64.0
# Coherence is smoothed over so many of 256 bins to either side: links' spectra are flat over a fifteenth of the band.
SMOOTH = 8
# No receiver's filters agree better than this share of a sample; a bound below it is not believed.
LEAST_SAMPLES = 0.02


class Delay(Struct, frozen=True):
    """`tau_s`: arrival at the first minus that at the second; its sigma without clocks; the height of the peak."""

    tau_s: float
    sigma_s: float
    score: float


def delay(first: Samples, second: Samples, rate_hz: float, most_s: float) -> Delay | None:
    """Return how much later `first` heard what both heard, within ± `most_s`; `None` where nothing is common."""
    count = len(first)
    most = min(int(most_s * rate_hz) + 2, count // 2)
    if count < SEGMENT * LEAST_SEGMENTS + 2 * most:
        return None
    lag, score = _coarse(first, second, most)
    if score < np.log((2 * most + 1) / CHANCE):
        return None
    one, two = (first[lag:], second[: count - lag]) if lag >= 0 else (first[: count + lag], second[-lag:])
    fine, sigma = _fine(one, two)
    if sigma is None:
        return None
    return Delay((lag + fine) / rate_hz, max(sigma, LEAST_SAMPLES) / rate_hz, float(score))


def _coarse(first: Samples, second: Samples, most: int) -> tuple[int, float]:
    size = 1 << (len(first) + most).bit_length()
    cross = np.fft.ifft(np.fft.fft(first, size) * np.fft.fft(second, size).conj())
    near = np.abs(np.r_[cross[-most:], cross[: most + 1]]) ** 2
    energy = float(np.vdot(first, first).real * np.vdot(second, second).real) + 1e-30
    at = int(near.argmax())
    return at - most, float(near[at] / energy * len(first))


def _fine(one: Samples, two: Samples) -> tuple[float, float | None]:
    """Return the rest of the delay and its sigma, both in samples."""
    segments = len(one) // SEGMENT
    a = np.fft.fft(one[: segments * SEGMENT].reshape(segments, SEGMENT), axis=1)
    b = np.fft.fft(two[: segments * SEGMENT].reshape(segments, SEGMENT), axis=1)
    power = np.sqrt((np.abs(a) ** 2).mean(axis=0) * (np.abs(b) ** 2).mean(axis=0)) + 1e-30
    cross = (a * b.conj()).mean(axis=0) / power
    f = np.asarray(np.fft.fftfreq(SEGMENT), np.float64)
    rest, weight = 0.0, np.ones(SEGMENT)
    # The first pass knows no weights, the second those at the first one's delay.
    for _ in range(2):
        rest, phase = _peak(weight * cross, f)
        # In step, signal adds up along frequency and noise does not: what is real is coherence, without a bias.
        real = (cross * np.exp(2j * np.pi * f * rest - 1j * phase)).real
        smooth = np.convolve(np.r_[real[-SMOOTH:], real, real[:SMOOTH]], np.ones(2 * SMOOTH + 1), "valid")
        level = np.clip(smooth / (2 * SMOOTH + 1), 0.0, 0.9995)
        # Below three sigmas of its own noise it is none: it must not lend its frequency to the bound.
        level[level < 3.0 / np.sqrt(2.0 * segments * (2 * SMOOTH + 1))] = 0.0
        weight = level / (1.0 - level**2)
    squared = level**2 / (1.0 - level**2)
    if not squared.any():
        return 0.0, None
    centre = float((squared * f).sum() / squared.sum())
    information = 2.0 * segments * float(((2.0 * np.pi * (f - centre)) ** 2 * squared).sum())
    return (rest, 1.0 / np.sqrt(information)) if information > 0.0 else (0.0, None)


def _peak(spectrum: NDArray[np.complex128], f: NDArray[np.float64]) -> tuple[float, float]:
    """Return where |Σ S e^{j2πfτ}| is highest, in samples, and the phase of the sum there."""
    grid = np.arange(-1.5, 1.5 + FINE_STEP, FINE_STEP)
    height = np.abs(np.exp(2j * np.pi * np.outer(grid, f)) @ spectrum)
    at = int(np.clip(height.argmax(), 1, len(grid) - 2))
    below, top, above = height[at - 1 : at + 2]
    bend = 0.5 * (below - above) / min(below - 2.0 * top + above, -1e-30)
    best = float(grid[at] + np.clip(bend, -1.0, 1.0) * FINE_STEP)
    return best, float(np.angle(np.exp(2j * np.pi * best * f) @ spectrum))
