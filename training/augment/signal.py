"""Building blocks of sound at 16 kHz: slow random curves, wave tables played along a phase, shaped noise.

    walk      Ornstein–Uhlenbeck curve, made at 50 Hz and interpolated: throttle, attitude, gusts, load
    cycles    ∫ f dt, the phase of a source in turns
    table     one turn of a periodic source from the amplitudes of its orders (inverse FFT, random phases)
    play      the table along the phase; two tables cross-fade slowly, so that orders fade against one another
    shaped    Gaussian noise with a spectrum drawn by straight lines between points in dB over log frequency

Everything takes a `numpy.random.Generator`; the same generator gives the same sound.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Sound: TypeAlias = NDArray[np.float64]
Rng: TypeAlias = np.random.Generator

RATE_HZ = 16_000
# Slow curves need no more; 50 Hz is well above any throttle or gust and far below any line.
CURVE_HZ = 50
TABLE = 2048
# Orders above this would fold over at 16 kHz or lie outside what the features see.
HIGHEST_HZ = 7_600.0
MOST_ORDERS = 1_000


def walk(rng: Rng, n: int, sigma: float, tau_s: float) -> Sound:
    """Return a slow random curve [shape=(n,)] of standard deviation `sigma` and correlation time `tau_s`."""
    points = n * CURVE_HZ // RATE_HZ + 3
    keep = np.exp(-1.0 / (CURVE_HZ * tau_s))
    push = rng.standard_normal(points) * np.sqrt(1.0 - keep * keep)
    curve = np.empty(points)
    value = rng.standard_normal()
    for i in range(points):
        value = keep * value + push[i]
        curve[i] = value
    return sigma * np.interp(np.arange(n) * (CURVE_HZ / RATE_HZ), np.arange(points), curve)


def cycles(rng: Rng, frequency_hz: Sound) -> Sound:
    """Return the phase in turns of a source of this frequency [shape=(n,)]."""
    return np.cumsum(frequency_hz) / RATE_HZ + rng.random()


def table(rng: Rng, amplitudes: Sound) -> Sound:
    """Return one turn [shape=(2049,)] (the first point repeated) of orders 1… with these amplitudes."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    orders = min(len(amplitudes), TABLE // 2)
    turns = rng.random(orders)
    spectrum[1 : orders + 1] = amplitudes[:orders] * np.exp(2j * np.pi * turns)
    wave = np.fft.irfft(spectrum, TABLE) * TABLE / 2
    return np.append(wave, wave[0])


def play(rng: Rng, turns: Sound, amplitudes: Sound, fade_db: float = 4.0) -> Sound:
    """Return the periodic source along its phase; the levels of its orders wander by about `fade_db`."""
    at = (turns % 1.0) * TABLE
    whole = at.astype(int)
    part = at - whole
    made = np.zeros(len(turns))
    tables = [table(rng, amplitudes * 10 ** (rng.normal(0, fade_db, len(amplitudes)) / 20)) for _ in range(2)]
    weight = 1.0 / (1.0 + np.exp(-walk(rng, len(turns), 2.0, 0.7)))
    for wave, share in zip(tables, (weight, 1.0 - weight), strict=True):
        made += share * (wave[whole] * (1.0 - part) + wave[whole + 1] * part)
    return made


def orders(lowest_hz: float, level_db: Callable[[Sound], Sound]) -> Sound:
    """Return amplitudes of all orders of `lowest_hz` below 7.6 kHz; `level_db` is a function of the order."""
    count = min(max(int(HIGHEST_HZ / lowest_hz), 1), MOST_ORDERS)
    return 10 ** (level_db(np.arange(1, count + 1)) / 20)


@functools.cache
def fast(n: int) -> int:
    """Return the least length from `n` up whose Fourier transform is fast: no factor above 5."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1


def filtered(sound: Sound, points: Sequence[tuple[float, float]]) -> Sound:
    """Return the sound with gains given at (Hz, dB), straight lines between them over log frequency; zero phase."""
    hz, db = zip(*points, strict=True)
    size = fast(len(sound))
    bins = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    gain = 10 ** (np.interp(np.log(np.maximum(bins, 1.0)), np.log(hz), db) / 20)
    return np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: len(sound)]


def shaped(rng: Rng, n: int, points: Sequence[tuple[float, float]]) -> Sound:
    """Return noise with this spectrum, of unit power."""
    made = filtered(rng.standard_normal(fast(n)), points)[:n]
    return made / (np.sqrt(np.mean(made**2)) + 1e-12)


def curve_points(rng: Rng, sigma_db: float, slope_db: tuple[float, float] = (0.0, 0.0)) -> list[tuple[float, float]]:
    """Return a random smooth spectrum: a slope in dB per octave about 1 kHz, and bumps of `sigma_db`."""
    slope = rng.uniform(*slope_db)
    knots = np.array([40, 80, 160, 320, 640, 1280, 2560, 5120, 8000.0])
    return [(float(hz), float(slope * np.log2(hz / 1000) + rng.normal(0, sigma_db))) for hz in knots]


def level(sound: Sound) -> float:
    """Return the root mean square above 100 Hz, where wind rumble does not count."""
    if len(sound) == 0:
        return 0.0
    size = fast(len(sound))
    spectrum = np.fft.rfft(sound, size)[int(100 * size / RATE_HZ) :]
    return float(np.sqrt(2.0 * np.sum(spectrum.real**2 + spectrum.imag**2) / (size * len(sound))))


def unit(sound: Sound) -> Sound:
    """Return the sound at a level of 1 (silence stays silence)."""
    now = level(sound)
    return sound / now if now > 1e-9 else sound


def between(rng: Rng, low: float, high: float) -> float:
    """Return a number, every ratio alike."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
