"""What a cheap microphone, its amplifier and a codec make of sound.

Response (bumps, a high-pass of 30–250 Hz, at times a low-pass of 2.5–7.5 kHz as codecs and distance leave), automatic
gain (fast attack, slow release), clipping, hiss, 8- to 16-bit rounding. The low-pass matters most: the recordings'
own differs by class (reference data.md 2), and the model must not see it.
"""

from __future__ import annotations

import numpy as np

from training.augment.signal import RATE_HZ, Rng, Sound, between, curve_points, filtered


def response(rng: Rng, sound: Sound) -> Sound:
    points = curve_points(rng, rng.uniform(0.5, 4.5), (-2.0, 2.0))
    high_pass, steep = between(rng, 30, 250), rng.uniform(6, 18)
    low_pass = between(rng, 2500, 7500) if rng.random() < 0.4 else 9000.0
    shaped = []
    for hz, db in [(20.0, 0.0), *points]:
        down = steep * max(np.log2(high_pass / hz), 0.0) + 40.0 * max(np.log2(hz / low_pass), 0.0)
        shaped.append((hz, float(db - down)))
    heard = filtered(sound, shaped)
    if low_pass < 8000 and rng.random() < 0.6:  # codecs cut sharply
        heard = filtered(heard, [(low_pass * 0.97, 0.0), (low_pass * 1.03, -60.0)])
    return heard


def automatic_gain(sound: Sound, release_s: float) -> Sound:
    """Return the sound divided by its own envelope, blocks of 10 ms."""
    block = RATE_HZ // 100
    peaks = np.abs(sound[: len(sound) // block * block]).reshape(-1, block).max(axis=1)
    keep, value, envelope = np.exp(-0.01 / release_s), float(peaks[:20].max(initial=0.0)), np.empty(len(peaks))
    for i, peak in enumerate(peaks):
        value = max(peak, keep * value)
        envelope[i] = value
    curve = np.interp(np.arange(len(sound)), np.arange(len(peaks)) * block, envelope)
    return sound / (curve + 1e-3 * (np.abs(sound).max() + 1e-9))


def recorded(rng: Rng, sound: Sound) -> Sound:
    """Return the sound as a random microphone would give it, within ±1."""
    heard = response(rng, sound)
    if rng.random() < 0.3:
        heard = automatic_gain(heard, between(rng, 0.2, 3.0))
    peak = np.abs(heard).max() + 1e-12
    heard = heard / peak * between(rng, 0.003, 1.0)
    if rng.random() < 0.1:
        heard = np.clip(heard * between(rng, 1.0, 8.0), -np.abs(heard).max(), np.abs(heard).max())
    heard = heard + rng.standard_normal(len(heard)) * 10 ** rng.uniform(-6, -3.3)
    bits = rng.choice([16, 16, 16, 16, 12, 8])
    return np.round(np.clip(heard, -1, 1) * 2 ** (bits - 1)) / 2 ** (bits - 1)
