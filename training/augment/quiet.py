"""What a place sounds like with nothing there: wind, rain, surf, hum, insects, birds, music, knocks, bare noise.

All **simulated**; the real ones are Svanström's background and ESC-10's rain, sea and fire.
"""

from __future__ import annotations

import numpy as np

from training.augment.music import music
from training.augment.signal import (
    MOST_ORDERS,
    RATE_HZ,
    Rng,
    Sound,
    between,
    curve_points,
    cycles,
    orders,
    play,
    shaped,
    unit,
    walk,
)


def noise(rng: Rng, n: int) -> Sound:
    return shaped(rng, n, curve_points(rng, rng.uniform(1, 8), (-8.0, 5.0))) * 10 ** (
        walk(rng, n, rng.uniform(0, 2), rng.uniform(0.1, 2)) / 20
    )


def wind(rng: Rng, n: int) -> Sound:
    """Turbulence at the microphone: the spectrum falls by 1/f² and steeper with gusts of 3 to 12 dB."""
    corner = between(rng, 60, 500)
    fall = rng.uniform(9, 18)
    made = shaped(rng, n, [(20, 0), (corner, 0), (corner * 8, -3 * fall), (8000, -3 * fall - 20)])
    hiss = shaped(rng, n, curve_points(rng, 2.0, (-3.0, 3.0))) * rng.uniform(0, 0.1)
    return made * 10 ** (walk(rng, n, rng.uniform(2, 6), rng.uniform(0.1, 1.0)) / 20) + hiss


def rain(rng: Rng, n: int) -> Sound:
    drops = np.zeros(n)
    count = int(between(rng, 20, 3000) * n / RATE_HZ)
    drops[rng.integers(0, n, count)] = rng.lognormal(0, 1, count) * rng.choice([-1, 1], count)
    ring = np.exp(-np.arange(200) / rng.uniform(5, 60)) * np.cos(np.arange(200) * rng.uniform(0.3, 2.8))
    hiss = shaped(rng, n, curve_points(rng, 2.0, (0.0, 5.0)))
    return unit(np.convolve(drops, ring, "same")) * rng.uniform(0, 1) + hiss * rng.uniform(0.1, 1)


def surf(rng: Rng, n: int) -> Sound:
    swell = 10 ** (walk(rng, n, rng.uniform(3, 8), rng.uniform(0.7, 3)) / 20)
    return shaped(rng, n, curve_points(rng, 2.0, (-5.0, 0.0))) * swell


def hum(rng: Rng, n: int) -> Sound:
    """Mains: 50 or 60 Hz, steady to 0.05 %, with hiss: transformers, fridges, fans of computers."""
    base = float(rng.choice([50.0, 60.0])) * float(rng.choice([1, 1, 2])) * rng.uniform(0.999, 1.001)
    bump, slope = rng.normal(0, 8, MOST_ORDERS), rng.uniform(1, 9)
    made = play(rng, cycles(rng, np.full(n, base)), orders(base, lambda k: bump[: len(k)] - slope * np.log2(k)), 0.3)
    return unit(made) + shaped(rng, n, curve_points(rng, 3.0, (-4.0, 2.0))) * 10 ** (rng.uniform(-20, 6) / 20)


def insects(rng: Rng, n: int) -> Sound:
    made = np.zeros(n)
    for _ in range(int(rng.integers(1, 5))):
        tone = np.sin(2 * np.pi * cycles(rng, between(rng, 1800, 7400) * (1 + walk(rng, n, 0.004, 0.2))))
        pulse = np.clip(np.sin(2 * np.pi * cycles(rng, np.full(n, between(rng, 3, 90)))), 0, 1) ** rng.uniform(0.3, 3)
        made += tone * pulse * rng.uniform(0.1, 1)
    if rng.random() < 0.3:  # a fly or a bee: a low buzz that comes and goes
        buzz_hz = between(rng, 100, 300) * np.exp(walk(rng, n, 0.06, 0.2))
        buzz = play(rng, cycles(rng, buzz_hz), orders(float(buzz_hz.max()), lambda k: -5 * np.log2(k)))
        made += buzz * 10 ** (walk(rng, n, 8.0, 0.3) / 20)
    return made + 0.05 * noise(rng, n)


def birds(rng: Rng, n: int) -> Sound:
    made = 0.02 * noise(rng, n)
    for _ in range(int(rng.integers(2, 14))):
        length = int(rng.uniform(0.03, 0.4) * RATE_HZ)
        at = int(rng.integers(0, max(n - length, 1)))
        pitch = between(rng, 500, 6000) * np.exp(
            np.linspace(0, rng.normal(0, 0.4), length) + walk(rng, length, 0.1, 0.03)
        )
        call = np.sin(2 * np.pi * cycles(rng, pitch)) * np.hanning(length) * rng.uniform(0.2, 1)
        made[at : at + length] += call[: n - at]
    return made


def knocks(rng: Rng, n: int) -> Sound:
    """Steps, clapping, typing, hammering, clocks, crackling: bursts, regular or not."""
    regular, rate = rng.random() < 0.5, between(rng, 0.7, 25)
    times = (
        np.arange(rng.uniform(0, 1) / rate, n / RATE_HZ, 1 / rate)
        if regular
        else rng.uniform(0, n / RATE_HZ, int(rate * n / RATE_HZ) + 1)
    )
    made = 0.01 * noise(rng, n)
    length = int(between(rng, 0.004, 0.25) * RATE_HZ)
    ring_hz = between(rng, 100, 5000)
    for time_s in times:
        at = int(time_s * RATE_HZ)
        size = min(length, n - at)
        if size <= 0:
            continue
        body = rng.standard_normal(size) * rng.uniform(0, 1) + np.sin(2 * np.pi * ring_hz * np.arange(size) / RATE_HZ)
        made[at : at + size] += body * np.exp(-5 * np.arange(size) / length) * rng.lognormal(0, 0.5)
    return made


def tones(rng: Rng, n: int) -> Sound:
    """Whistles, bells, alarms, dial tones: a few steady or ringing lines without a comb."""
    made = 0.02 * noise(rng, n)
    fall = np.exp(-((np.arange(n) / RATE_HZ * rng.uniform(0.2, 1)) % 1.0) * rng.choice([0, 2, 6]))
    for _ in range(int(rng.integers(1, 7))):
        made += np.sin(2 * np.pi * cycles(rng, np.full(n, between(rng, 80, 5000)))) * rng.uniform(0.1, 1) * fall
    return made


def silence(rng: Rng, n: int) -> Sound:
    return np.zeros(n) if rng.random() < 0.3 else rng.standard_normal(n) * 10 ** rng.uniform(-6, -3)


# Music is a quarter of what is drawn of quiet places: of its many kinds one scene is recorded.
MUSIC_SHARE = 0.25
QUIET = {
    "noise": noise, "wind": wind, "rain": rain, "surf": surf, "hum": hum, "insects": insects, "birds": birds,
    "music": music, "knocks": knocks, "tones": tones, "silence": silence,
}  # fmt: skip


def place(rng: Rng) -> str:
    """Return the name of one quiet sound."""
    others = [name for name in QUIET if name != "music"]
    return "music" if rng.random() < MUSIC_SHARE else others[int(rng.integers(len(others)))]
