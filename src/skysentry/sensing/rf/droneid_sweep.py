"""Where the first pilot of DroneID may begin anywhere in a wide band: all offsets at once.

    samples ─stretches of a symbol, four in each─▶ × falling chirp ─▶ transform ─power─▶ peaks of groups of bins

The pilot is a chirp, so a stretch times its conjugate has a tone, whose frequency is the burst's offset plus
`FALL_HZ_S` times how much later than the stretch it begins. Which of both, the tone does not tell: it stands out where
stretch and pilot lie within an eighth of a symbol, 1.1 MHz. Each tone is looked at in the middle of both halves of
that, when the chirp would appear there.

At best it shows what `droneid_pilots` shows of one place; an eighth of a symbol beside it 1.2 dB less, a quarter of a
bin beside it 0.2 to 0.9. It costs the same however many places there are.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.rf.droneid_pilots import EMPTY, MOST_PEAKS_HZ, PEAK, Peak, Samples
from skysentry.sensing.rf.droneid_signal import CARRIERS, RATE_HZ, SIZE, SPACING_HZ, pilot_samples

# How fast the chirp falls: its 601 steps of a carrier in the time of a symbol.
FALL_HZ_S = (CARRIERS + 1) * SPACING_HZ * SPACING_HZ
STRETCHES = 4
# Bins in which one peak is looked for, about 1 MHz; three groups are its surroundings.
GROUP = 64
# From as many places on it is the quicker search: it costs what so many do.
FROM_PLACES = 12


class Sweep(NamedTuple):
    """Stretches of a rate: samples of a stretch and between two, bins, and the chirp that they are multiplied with."""

    length: int
    step: int
    size: int
    chirp: tuple[NDArray[np.float32], NDArray[np.float32]]


def tones(chunk: Samples, rate_hz: float, places: int) -> list[Peak]:
    """Return where the first pilot may begin in a chunk [shape=(n,)] anywhere in its band, the clearest first."""
    from skysentry.sensing.rf.droneid_sweep_kernels import tone_peaks
    from skysentry.sensing.rf.fourier_kernels import turns

    how = sweep(rate_hz)
    count = max((chunk.shape[0] - how.length) // how.step + 1, 0)
    shape = (count, how.size // GROUP)
    most, means, best = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.int64)
    samples = np.ascontiguousarray(chunk, np.complex64).view(np.float32)
    tone_peaks(samples, how.step, how.chirp, turns(how.size), most, means, best)
    level = (means + np.roll(means, 1, axis=1) + np.roll(means, -1, axis=1)) / 3.0
    level = np.maximum(level, EMPTY * float(means.mean() if count else 0.0) + 1e-30)
    ratio = (most / level).reshape(-1)
    clear = np.flatnonzero(ratio > PEAK)
    keep = max(1, round(places * MOST_PEAKS_HZ * chunk.shape[0] / rate_hz))
    out: list[Peak] = []
    for index in clear[np.argsort(-ratio[clear])][:keep]:
        out += _peaks(int(index) // shape[1] * how.step, 0.5 * int(best.reshape(-1)[index]), how.size, rate_hz)
    return [peak for peak in out if peak.at < chunk.shape[0]]


def _peaks(start: int, bin_: float, size: int, rate_hz: float) -> list[Peak]:
    """Return both places where what made a tone is looked at."""
    tone_hz = (bin_ + 0.5 * size) % size * rate_hz / size - 0.5 * rate_hz
    free = max(0.5 * rate_hz - 0.5 * CARRIERS * SPACING_HZ, 0.0)
    half_hz = 0.25 * FALL_HZ_S / (SPACING_HZ * STRETCHES)
    out = []
    for beside_hz in (-half_hz, half_hz):
        offset_hz = tone_hz + beside_hz
        if abs(offset_hz) <= free + half_hz:
            out.append(Peak(max(start + round(-beside_hz / FALL_HZ_S * rate_hz), 0), offset_hz))
    return out


@cache
def sweep(rate_hz: float) -> Sweep:
    """Return how samples of a rate are cut, and the pilot at that rate, conjugated, of mean power 1."""
    length = round(SIZE * rate_hz / RATE_HZ)
    spectrum, wide = np.fft.fft(pilot_samples(3)), np.zeros(max(length, SIZE), np.complex128)
    half = CARRIERS // 2 + 1
    wide[:half], wide[-half:] = spectrum[:half], spectrum[-half:]
    pilot = np.conj(np.fft.ifft(wide)) * (wide.shape[0] / SIZE)
    size = max(1 << math.ceil(math.log2(length)), 512)
    planes = (pilot.real[:length].astype(np.float32), pilot.imag[:length].astype(np.float32))
    return Sweep(length, length // STRETCHES, size, planes)
