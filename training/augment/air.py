"""From a moving source to the microphone: time-varying delay, spreading, absorption, ground, turbulence.

    p(t) = s(t − r/c)/r  +  Q·s(t − r'/c)/r'        r, r' at emission; the image is the reflection from the ground

- Delay: the source is read at t − r(t)/c by cubic interpolation, so Doppler comes by itself (reference signals.md 7).
- Absorption: ISO 9613-1:1993, equations (3) to (5): relaxation of oxygen and nitrogen, classical losses.
- Ground: spherical waves over the impedance of Miki (J. Acoust. Soc. Jpn. 11, 1990), plane-wave reflection factor at
  the angle of the path. Left out: the surface wave (below 200 Hz over soft ground), refraction by wind.
- Turbulence: the two paths lose coherence with frequency and distance: the level of the image is damped by
  exp(−(f/f_c)²), and slow scintillation of the level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.augment.signal import RATE_HZ, Rng, Sound, between, fast, walk

REFERENCE_KPA = 101.325
REFERENCE_K = 293.15
TRIPLE_K = 273.16
# Flow resistivity in kPa·s/m²: snow 10, grass 200, hard soil 2,000, asphalt 20,000 (Attenborough's tables).
RESISTIVITY = (30.0, 20_000.0)
# Samples of the source before the first: the image's path is longer.
LEAD = 2_000.0


def absorption_db_per_m(hz: Sound, celsius: float, humidity_pct: float, kpa: float = REFERENCE_KPA) -> Sound:
    """Return the attenuation of pure tones, ISO 9613-1 equation (5)."""
    kelvin = celsius + 273.15
    ratio = kelvin / REFERENCE_K
    saturation = 10 ** (-6.8346 * (TRIPLE_K / kelvin) ** 1.261 + 4.6151)
    water = humidity_pct * saturation * REFERENCE_KPA / kpa  # molar concentration, per cent
    oxygen_hz = kpa / REFERENCE_KPA * (24.0 + 4.04e4 * water * (0.02 + water) / (0.391 + water))
    nitrogen_hz = kpa / REFERENCE_KPA * ratio**-0.5 * (
        9.0 + 280.0 * water * np.exp(-4.170 * (ratio ** (-1 / 3) - 1.0)))  # fmt: skip
    square = np.asarray(hz, dtype=float) ** 2
    classical = 1.84e-11 * (REFERENCE_KPA / kpa) * ratio**0.5
    relaxing = ratio**-2.5 * (
        0.01275 * np.exp(-2239.1 / kelvin) / (oxygen_hz + square / oxygen_hz)
        + 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen_hz + square / nitrogen_hz)
    )
    return 8.686 * square * (classical + relaxing)


def reflection(hz: Sound, grazing_rad: float, resistivity_kpa: float) -> NDArray[np.complex128]:
    """Return the plane-wave reflection factor of ground after Miki; hard ground gives 1."""
    x = np.maximum(np.asarray(hz, dtype=float), 1.0) / (resistivity_kpa * 1000.0)
    impedance = 1.0 + 0.0699 * x**-0.632 + 0.1071j * x**-0.632
    sine = np.sin(grazing_rad)
    return (impedance * sine - 1.0) / (impedance * sine + 1.0)


def read_at(sound: Sound, place: Sound) -> Sound:
    """Return the sound at fractional samples by a cubic (Catmull–Rom)."""
    whole = np.clip(place.astype(int), 1, len(sound) - 3)
    u = np.clip(place - whole, 0.0, 1.0)
    a, b, c, d = (sound[whole + k] for k in (-1, 0, 1, 2))
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))


def flight(rng: Rng, n: int, near: bool = False) -> tuple[Sound, Sound, float]:
    """Return distance and height [shape=(n,)] of a straight pass, m, and the sound's speed, m/s.

    `near`: as multirotors are recorded, from a step away to some hundred metres and slowly.
    """
    time_s = np.arange(n) / RATE_HZ
    if near:
        speed, height, nearest = rng.uniform(0, 18), between(rng, 0.7, 100), between(rng, 1, 250)
    else:
        speed, height = rng.uniform(0, 25) if rng.random() < 0.6 else rng.uniform(25, 90), between(rng, 5, 400)
        nearest = between(rng, 3, 800)
    when = rng.uniform(-8, 11)
    along = speed * (time_s - when)
    return np.sqrt(nearest**2 + along**2 + height**2), np.full(n, height), 331.3 + 0.606 * rng.uniform(-5, 30)


def _arriving(source: Sound, path_m: Sound, first_m: float, n: int, c: float) -> Sound:
    """Return a path's sound by time of arrival: what left at t arrives at t + r(t)/c; the first delay is left out."""
    left = np.arange(n, dtype=float)
    emitted = np.interp(left, left + (path_m - first_m) / c * RATE_HZ, left)
    # Before the first and behind the last emission the path goes on as it began and ended.
    arrives = left + (path_m - first_m) / c * RATE_HZ
    emitted += np.minimum(left - arrives[0], 0.0) + np.maximum(left - arrives[-1], 0.0)
    return read_at(source, emitted + LEAD) * (path_m.min() / np.interp(emitted, left, path_m))


def propagated(rng: Rng, source: Sound, n: int, near: bool = False) -> Sound:
    """Return what a microphone hears of a passing source; `source` is some 0.4 s longer than `n` samples."""
    distance_m, height_m, c = flight(rng, n, near)
    mic_m = rng.uniform(0.2, 6.0)
    direct = _arriving(source, distance_m, distance_m[0], n, c)
    image = _arriving(source, distance_m + 2.0 * height_m * mic_m / distance_m, distance_m[0], n, c)
    mean_m = float(distance_m.mean())
    size = fast(n)
    hz = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    grazing = float(np.arcsin(min(height_m[0] / mean_m, 1.0)))
    coherent_hz = between(rng, 300, 6000)
    answer = reflection(hz, grazing, between(rng, *RESISTIVITY)) * np.exp(-((hz / coherent_hz) ** 2))
    spectrum = np.fft.rfft(direct, size) + answer * np.fft.rfft(image, size)
    loss_db = absorption_db_per_m(hz, rng.uniform(-5, 30), rng.uniform(25, 95)) * mean_m
    heard = np.fft.irfft(spectrum * 10 ** (-loss_db / 20), size)[:n]
    return heard * 10 ** (walk(rng, n, rng.uniform(0, 2.5), rng.uniform(0.1, 1.0)) / 20)
