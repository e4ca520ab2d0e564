"""Where DroneID bursts are in a wide band: each chunk of samples is cut into channels of 15.36 Msps, each of which is
compared with the two pilots.

    chunk ─transform─▶ bins around an offset ─▶ × pilot of root 600 ─back─▶ peaks ─▶ root 147 at each ─▶ `Found`

One transform of the chunk serves all offsets; to take the bins of 15.36 MHz around one *is* mixing, filtering (a raised
cosine beyond the 4.5 MHz of the signal) and resampling at once, so any rate will do. Root 600 is −1: a straight chirp.
A chirp that comes k carriers too high looks k · 1024 / 601 samples late and else the same, so one look is enough for
`STEP_HZ` around an offset. Root 147 tells how much of a peak's time is frequency: it fits at one shift only.

Both are told as N ρ², the squared correlation of 600 carriers with the pilot over their power: its mean is 1 in noise,
600 s / (1 + s) for a signal-to-noise ratio s a carrier. Source: reference/signals.md 3.2 and 3.4; D. Chu, 1972.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.rf.droneid_signal import (
    BURST,
    CARRIERS,
    PILOTS,
    RATE_HZ,
    SIZE,
    SPACING_HZ,
    STARTS,
    Carriers,
    bins,
    pilot_samples,
    zadoff_chu,
)
from skysentry.sensing.rf.droneid_transform import back, transformed

# Samples of a channel in a chunk: a burst has to lie whole in one, so what chunks share grows cheaper with their size.
CHUNK = 131_072
# How far apart channels are looked at: at half of it the chirp has lost 8 % of its carriers, 0.4 dB.
STEP_HZ = 1.5e6
# The chirp's delay for each carrier that it comes too high.
LATE = SIZE / CARRIERS
# Half a band that is flat, and where the filter ends: the signal is 9.015 MHz wide.
FLAT_HZ, END_HZ = 5.0e6, 7.6e6
# What root 600 must show, times the mean around it, to be looked at: at −13 dB a pilot shows 28 on average, and of
# noise 8 samples a second pass.
PEAK = 14.5
MOST_PEAKS = 12
# Both together: `make bench-rf` fits the tail of noise, one in an hour of one channel.
PRESENT = 40.0
# And each of them by itself: a tenth of a percent of pilots at −13 dB show less.
LEAST = 9.0
# A burst that shows as much as this share of another beside it is one of its own.
LIKE = 0.85
# Of a channel where nothing is but rounding.
EMPTY = 1e-9
# Shifts of root 147 that are tried, in half carriers.
SHIFTS = np.arange(-2 * math.ceil(0.55 * STEP_HZ / SPACING_HZ), 2 * math.ceil(0.55 * STEP_HZ / SPACING_HZ) + 1)
AROUND = 3

Samples = NDArray[np.complex64]


class Found(NamedTuple):
    """One burst: where it begins in its chunk (channel samples), its offset, both pilots' N ρ², its channel's samples.

    `cut` has `SIZE` samples before the burst, and after it, where the chunk has them.
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


@cache
def sizes(rate_hz: float) -> tuple[int, int]:
    """Return (samples in, samples of a channel) of a chunk; their ratio is that of the rates to 1e-7."""
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(20_000)
    times = max(CHUNK // ratio.numerator, 1)

    def cost(m: int) -> float:
        return (_cost(ratio.denominator * m) + 4.0 * _cost(ratio.numerator * m)) / m

    best = min(range(times, 2 * times + 1), key=cost)
    return ratio.denominator * best, ratio.numerator * best


def _cost(size: int) -> float:
    """Return what a transform of a size costs, about: powers of two take a third of what other smooth lengths take."""
    rest = size
    for prime in (2, 3, 5, 7, 11):
        while rest % prime == 0:
            rest //= prime
    return size * (1.0 if size & (size - 1) == 0 else 3.0 if rest == 1 else 10.0)


@cache
def _filter(channel: int) -> NDArray[np.float32]:
    """Return the channel filter's gain at each bin, in the order of transforms."""
    hz = np.abs(np.fft.fftfreq(channel, 1.0 / RATE_HZ))
    slope = np.clip((hz - FLAT_HZ) / (END_HZ - FLAT_HZ), 0.0, 1.0)
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * slope)), np.float32)


@cache
def _chirp(channel: int) -> Samples:
    """Return the transform of the first pilot, conjugated, over a chunk, times the channel filter."""
    padded = np.zeros(channel, np.complex64)
    padded[:SIZE] = pilot_samples(3)
    return np.asarray(np.conj(transformed(padded)) * _filter(channel), np.complex64)


def offsets(rate_hz: float, centre_hz: float | None, raster_hz: tuple[float, ...]) -> tuple[float, ...]:
    """Return where to look in a band: channels of the raster that lie in it, everywhere where the centre is unknown."""
    free = max(0.5 * rate_hz - 0.5 * CARRIERS * SPACING_HZ, 0.0)
    if centre_hz is not None:
        known = tuple(hz - centre_hz for hz in raster_hz if abs(hz - centre_hz) <= free)
        if known:
            return known
    count = max(math.ceil(2.0 * free / STEP_HZ), 1)
    return tuple(float(x) for x in (np.arange(count) - 0.5 * (count - 1)) * min(STEP_HZ, 2.0 * free / count + 1.0))


def search(chunk: Samples, rate_hz: float, places_hz: tuple[float, ...]) -> Iterator[Found]:
    """Yield the bursts of a chunk [shape=(sizes(rate_hz)[0],)], each once, in order of time."""
    size, channel = sizes(rate_hz)
    spectrum = transformed(chunk)
    found: list[Found] = []
    for offset_hz in places_hz:
        shift = round(offset_hz / rate_hz * size)
        peaks = _peaks(back(_band(spectrum, shift, _chirp(channel))))
        if not peaks:
            continue
        samples = back(_band(spectrum, shift, _filter(channel)))
        floor = EMPTY * float((samples.real**2 + samples.imag**2).mean())
        for at in peaks:
            if float((np.abs(samples[at : at + SIZE]) ** 2).mean()) <= floor:
                continue
            one = _look(samples, at, shift * rate_hz / size)
            if one is not None:
                found.append(one)
    yield from _once(found)


def _band(spectrum: Samples, shift: int, gain: Samples | NDArray[np.float32]) -> Samples:
    """Return the bins of a channel around a shift, in the order of transforms, times a gain [shape=(channel,)]."""
    size, channel = spectrum.shape[0], gain.shape[0]
    out = np.empty(channel, np.complex64)
    high = min((channel + 1) // 2, size // 2)
    out[high : channel - high] = 0.0
    for first, count, to in ((shift, high, 0), (shift - high, high, channel - high)):
        at = first % size
        head = min(count, size - at)
        np.multiply(spectrum[at : at + head], gain[to : to + head], out=out[to : to + head])
        np.multiply(spectrum[: count - head], gain[to + head : to + count], out=out[to + head : to + count])
    return out


def _peaks(chirp: Samples) -> list[int]:
    """Return where the first pilot may begin: the largest samples of blocks that stand out of their surroundings."""
    from skysentry.sensing.rf.droneid_kernels import block_peaks

    blocks = chirp.shape[0] // SIZE
    best, most, means = np.empty(blocks, np.int64), np.empty(blocks), np.empty(blocks)
    block_peaks(chirp, SIZE, best, most, means)
    level = np.convolve(np.pad(means, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    ratio = most / np.maximum(level, 1e-30)
    order = [int(k) for k in np.argsort(-ratio)[:MOST_PEAKS] if ratio[k] > PEAK]
    return [k * SIZE + int(best[k]) for k in order]


def _look(samples: Samples, at: int, offset_hz: float) -> Found | None:
    """Return the burst whose first pilot seems to begin at a sample, if its second one fits too."""
    apart = STARTS[5] - STARTS[3]
    if at + apart + SIZE + 4 > samples.shape[0]:
        return None
    first = transformed(samples[at : at + SIZE])[bins()]
    chirp = _fit(first, zadoff_chu(PILOTS[3]))
    best, where = 0.0, (0, 0)
    window = samples[at + apart : at + apart + SIZE]
    for half in range(2):
        spectrum = transformed(window * _half_carrier() if half else window)
        power = max(float((np.abs(spectrum[bins()]) ** 2).sum()), 1e-30)
        shifts, which, pilots = _shifts(half)
        fits = np.abs(np.einsum("skc,sc->sk", pilots, spectrum[which])) ** 2
        k, near = divmod(int(fits.argmax()), fits.shape[1])
        if fits[k, near] > best * power:
            best = float(fits[k, near]) / power
            where = (int(shifts[k]), round(-0.5 * int(shifts[k]) * LATE) + near - AROUND)
    if chirp + best < PRESENT or min(chirp, best) < LEAST:
        return None
    begin = at + where[1] - STARTS[3]
    head = max(begin - SIZE, 0)
    cut = samples[head : begin + BURST + SIZE]
    if head > begin - SIZE:
        cut = np.concatenate([np.zeros(head - begin + SIZE, np.complex64), cut])
    return Found(float(begin), offset_hz + 0.5 * where[0] * SPACING_HZ, chirp, best, _mixed(cut, 0.5 * where[0]))


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


def _fit(carriers: Carriers, pilot: Carriers) -> float:
    """Return N ρ² of carriers and a pilot."""
    power = float((np.abs(carriers) ** 2).sum())
    return float(abs(np.vdot(pilot, carriers)) ** 2 / max(power, 1e-30))


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
