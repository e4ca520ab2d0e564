"""Where DroneID bursts are in a wide band: channels of 15.36 Msps, each of which is compared with the two pilots.

    chunk ─`droneid_pilots`, `_sweep`─▶ peaks of root 600 ─samples around each at 15.36 Msps─▶ root 147 ─▶ `Found`

Root 600 is −1: a straight chirp. A chirp that comes k carriers too high looks k · 1024 / 601 samples late and else the
same, so one look is enough for `STEP_HZ` around an offset. Root 147 tells how much of a peak's time is frequency: it
fits at one shift only.

Both are told as N ρ², the squared correlation of 600 carriers with the pilot over their power: its mean is 1 in noise,
600 s / (1 + s) for a signal-to-noise ratio s a carrier. Source: reference/signals.md 3.2 and 3.4; D. Chu, 1972.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.fft import fft, ifft
from numpy.typing import NDArray

from skysentry.sensing.rf.droneid_pilots import Peak, gain, pilots
from skysentry.sensing.rf.droneid_signal import (
    BURST,
    CARRIERS,
    PILOTS,
    RATE_HZ,
    SIZE,
    SPACING_HZ,
    STARTS,
    bins,
    zadoff_chu,
)
from skysentry.sensing.rf.droneid_sweep import FROM_PLACES, tones

# How far apart channels are looked at: at half of it the chirp has lost 8 % of its carriers, 0.4 dB.
STEP_HZ = 1.5e6
# The chirp's delay for each carrier that it comes too high.
LATE = SIZE / CARRIERS
# Both pilots together, where `FEW` places are searched: `make bench-rf` fits noise, 0.09 an hour and place at most.
# It falls by e each 1.6, so that with `TAIL` more for each e-fold of places a whole band has no more than a few have.
PRESENT, FEW, TAIL = 42.0, 5, 1.5
# And each of them by itself: a tenth of a percent of pilots at −13 dB show less.
LEAST = 9.0
# A burst that shows as much as this share of another beside it is one of its own.
LIKE = 0.85
# Shifts of root 147 that are tried, in half carriers.
SHIFTS = np.arange(-2 * math.ceil(0.55 * STEP_HZ / SPACING_HZ), 2 * math.ceil(0.55 * STEP_HZ / SPACING_HZ) + 1)
AROUND = 3
# Samples at either end of a stretch that the filter's ringing from the other end reaches.
EDGE = 64
# Carriers beside a half one at which the second pilot is compared: a quarter beside it shows 0.9 dB less.
BESIDE = (-0.25, 0.0, 0.25)
# Samples around a peak where the first pilot is compared: peaks are told on another rate's samples.
NEAR = 1
# Of what stands in a stretch, where nothing is but rounding.
EMPTY = 1e-9
# Bins to either side whose mean is the level of one. A floor that slopes by 20 dB in a channel gave six times as many
# false bursts as a level one before (0.27 an hour and place).
LEVEL = 32
# From the first pilot to the second.
APART = STARTS[5] - STARTS[3]

Samples = NDArray[np.complex64]


class Found(NamedTuple):
    """One burst: where it begins in its chunk (samples of 15.36 Msps), its offset, both pilots' N ρ², its samples.

    `cut` has `SIZE` samples before the burst and after it, zero where the chunk has none.
    """

    at: float
    offset_hz: float
    chirp: float
    second: float
    cut: Samples

    @property
    def snr_db(self) -> float:
        """Signal to noise of a carrier, from how well the pilots fit."""
        share = min(max(0.5 * (self.chirp + self.second) - 1.0, 0.1) / (CARRIERS - 1), 0.999)
        return 10.0 * math.log10(share / (1.0 - share))


def offsets(rate_hz: float, centre_hz: float | None, raster_hz: tuple[float, ...]) -> tuple[float, ...]:
    """Return where to look in a band: channels of the raster that lie in it, everywhere where the centre is unknown."""
    free = max(0.5 * rate_hz - 0.5 * CARRIERS * SPACING_HZ, 0.0)
    if centre_hz is not None:
        known = tuple(hz - centre_hz for hz in raster_hz if abs(hz - centre_hz) <= free)
        if known:
            return known
    count = max(math.ceil(2.0 * free / STEP_HZ), 1)
    return tuple(float(x) for x in (np.arange(count) - 0.5 * (count - 1)) * min(STEP_HZ, 2.0 * free / count + 1.0))


def search(chunk: Samples, rate_hz: float, places_hz: tuple[float, ...]) -> list[Found]:
    """Return the bursts of a chunk [shape=(n,)] at places of its band, each once, in order of time."""
    least = present(len(places_hz))
    many = len(places_hz) >= FROM_PLACES
    peaks = tones(chunk, rate_hz, len(places_hz)) if many else pilots(chunk, rate_hz, places_hz)
    looks = (_look(chunk, rate_hz, peak, least) for peak in peaks)
    return _once([one for one in looks if one is not None])


def present(places: int) -> float:
    """Return what both pilots must show together where so many places are searched."""
    return PRESENT + TAIL * math.log(max(places, FEW) / FEW)


@cache
def sizes(rate_hz: float, least: int) -> tuple[int, int]:
    """Return (samples in, samples at 15.36 Msps, at least so many); their ratio is that of the rates to 1e-7."""
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(20_000)
    times = -(-least // ratio.numerator)
    best = min(range(times, times + times // 3 + 1), key=lambda m: _cost(ratio.denominator * m))
    return ratio.denominator * best, ratio.numerator * best


def _cost(size: int) -> int:
    """Return what a transform of a size costs, about: in proportion to the sum of its factors."""
    total, rest, prime = 0, size, 2
    while rest > 1 and prime < 64:
        while rest % prime == 0:
            rest, total = rest // prime, total + prime
        prime += 1
    return size * (total + rest - 1)


def _stretch(chunk: Samples, rate_hz: float, first: int, least: int, offset_hz: float) -> tuple[Samples, float]:
    """Return samples of a channel at 15.36 Msps from sample `first` of the chunk on, and its exact offset.

    What lies outside the chunk is zero.
    """
    size, channel = sizes(rate_hz, least)
    taken = np.zeros(size, np.complex64)
    head, tail = max(first, 0), min(first + size, chunk.shape[0])
    if head < tail:
        taken[head - first : tail - first] = chunk[head:tail]
    spectrum = fft(taken)
    shift = round(offset_hz / rate_hz * size)
    half = min(channel, size) // 2
    kept = np.zeros(channel, np.complex64)
    around = np.arange(-half, half)
    kept[around % channel] = spectrum[(around + shift) % size] * _filter(channel)[around % channel]
    return np.asarray(ifft(kept) * (channel / size), np.complex64), shift * rate_hz / size


@cache
def _filter(channel: int) -> NDArray[np.float32]:
    """Return the channel filter's gain at each bin, in the order of transforms."""
    return gain(np.fft.fftfreq(channel, 1.0 / RATE_HZ)).astype(np.float32)


def _look(chunk: Samples, rate_hz: float, peak: Peak, least: float) -> Found | None:
    """Return the burst whose first pilot seems to begin at a peak, if both show at least so much."""
    ratio = RATE_HZ / rate_hz
    if peak.at + (APART + SIZE + 4) / ratio > chunk.shape[0]:
        return None
    before = round(EDGE / ratio)
    samples, offset_hz = _stretch(chunk, rate_hz, peak.at - before, APART + SIZE + 2 * EDGE, peak.offset_hz)
    power = samples.real**2 + samples.imag**2
    near = round(before * ratio) + np.arange(-NEAR, NEAR + 1)
    chirps = [_fit(samples[k : k + SIZE], PILOTS[3], 0.0, 0) for k in near]
    chirp, at = max(chirps), int(near[int(np.argmax(chirps))])
    window = slice(at + APART, at + APART + SIZE)
    if float(min(power[at : at + SIZE].mean(), power[window].mean())) <= EMPTY * float(power.mean()):
        return None
    shift, late = _second(samples[window])
    best = max(_fit(samples[window], PILOTS[5], 0.5 * shift + beside, late) for beside in BESIDE)
    if chirp + best < least or min(chirp, best) < LEAST:
        return None
    begin = peak.at - before + (at + late - STARTS[3]) / ratio
    first = round(begin - (SIZE + EDGE) / ratio)
    longer, near_hz = _stretch(chunk, rate_hz, first, BURST + 2 * (SIZE + EDGE), offset_hz)
    head = round((begin - first) * ratio) - SIZE
    offset_hz += 0.5 * shift * SPACING_HZ
    cut = _mixed(longer[head : head + BURST + 2 * SIZE], (offset_hz - near_hz) / SPACING_HZ)
    return Found(begin * ratio, offset_hz, chirp, best, cut)


def _second(window: Samples) -> tuple[int, int]:
    """Return the shift (half carriers) that fits the second pilot best, and how much later it comes there."""
    best, shift, late = 0.0, 0, 0
    for half in range(2):
        spectrum = _even(window * _half_carrier() if half else window)
        power = max(float((np.abs(spectrum[bins()]) ** 2).sum()), 1e-30)
        shifts, which, seconds = _shifts(half)
        fits = np.abs(np.einsum("skc,sc->sk", seconds, spectrum[which])) ** 2
        k, near = divmod(int(fits.argmax()), fits.shape[1])
        if fits[k, near] > best * power:
            best = float(fits[k, near]) / power
            shift = int(shifts[k])
            late = round(-0.5 * shift * LATE) + near - AROUND
    return shift, late


@cache
def _half_carrier() -> Samples:
    """Return what brings samples of a symbol down by half a carrier."""
    return np.asarray(np.exp(-1j * np.pi * np.arange(SIZE) / SIZE), np.complex64)


@cache
def _shifts(half: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Samples]:
    """Return shifts (half carriers) that are even or odd, the bins of each, and the second pilot at times about each.

    Shapes: (s,), (s, 600), (s, 2 AROUND + 1, 600).
    """
    shifts = SHIFTS[half == SHIFTS % 2]
    which = (bins()[None, :] + ((shifts - half) // 2)[:, None]) % SIZE
    late = np.rint(-0.5 * shifts * LATE)[:, None] + np.arange(-AROUND, AROUND + 1)[None, :]
    turn = np.exp(2j * np.pi * late[:, :, None] * np.fft.fftfreq(SIZE)[bins()])
    return shifts, which, np.asarray(turn * np.conj(zadoff_chu(PILOTS[5])), np.complex64)


def _mixed(samples: Samples, carriers: float) -> Samples:
    """Return samples brought down by so many carriers."""
    turn = np.exp(-2j * np.pi * carriers / SIZE * np.arange(samples.shape[0]))
    return np.asarray(samples * turn, np.complex64)


def _even(window: Samples) -> Samples:
    """Return the transform of a symbol over the level around each bin: its noise is as strong everywhere."""
    spectrum = fft(window)
    power = np.concatenate([[0.0], np.cumsum(np.pad(np.abs(spectrum) ** 2, LEVEL, mode="wrap"))])
    level = np.maximum((power[2 * LEVEL + 1 :] - power[: -2 * LEVEL - 1]) / (2 * LEVEL + 1), 1e-30)
    return np.asarray(spectrum / np.sqrt(level), np.complex64)


def _fit(window: Samples, root: int, carriers: float, late: int) -> float:
    """Return a pilot's N ρ² where it comes so many carriers too high and so much later, or half a sample beside."""
    spectrum = _even(_mixed(window, carriers) if carriers else window)[bins()]
    power = float((np.abs(spectrum) ** 2).sum())
    return float((np.abs(_halves(root, late) @ spectrum) ** 2).max()) / max(power, 1e-30)


@lru_cache(512)
def _halves(root: int, late: int) -> Samples:
    """Return a pilot, conjugated, at a delay and half a sample beside it [shape=(3, 600)]."""
    delays = late + np.array([-0.5, 0.0, 0.5])
    turn = np.exp(2j * np.pi * delays[:, None] * np.fft.fftfreq(SIZE)[bins()])
    return np.asarray(turn * np.conj(zadoff_chu(root)), np.complex64)


def _once(found: list[Found]) -> list[Found]:
    """Return each burst once: what the same burst shows beside its own offset is weaker."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: -(f.chirp + f.second)):
        score = one.chirp + one.second
        if all(not _image(one, other) or score > LIKE * (other.chirp + other.second) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda f: f.at)


def _image(one: Found, other: Found) -> bool:
    """Whether one may be what another leaves at a wrong offset: the chirp fits there in part, earlier or later."""
    apart_hz = abs(one.offset_hz - other.offset_hz)
    return abs(one.at - other.at) < 2 * SIZE and apart_hz < CARRIERS * SPACING_HZ
