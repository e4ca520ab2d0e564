"""What a cheap microphone, its amplifier and a codec make of sound.

Response (bumps, a high-pass of 30–250 Hz, at times a low-pass of 2.5–7.5 kHz as codecs and distance leave), automatic
gain (fast attack, slow release), clipping, hiss, 8- to 16-bit rounding. The low-pass matters most: the recordings'
own differs by class (reference data.md 2), and the model must not see it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.augment.signal import RATE_HZ, Rng, Sound, between, curve_points, filtered

# Share of clips that went through a codec or a suppressor, and of these through a codec.
PROCESSED, CODEC = 0.4, 0.7
FRAME, HOP = 1024, 512
# Edges of bands that a codec rounds alike: 250 Hz wide below 1 kHz, wider above.
CODEC_BINS = (0, 16, 32, 48, 64, 96, 128, 192, 256, 384, 513)


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


def processed(rng: Rng, sound: Sound) -> Sound:
    """Return the sound as a lossy codec or a telephone's noise suppression leaves it.

    A codec rounds the lines of each band to steps that are coarse beside its own level, a suppressor takes off what
    is always there: both leave holes and flutter where a steady sound was.
    """
    padded = np.pad(sound, FRAME, mode="reflect")
    frames = (len(padded) - FRAME) // HOP + 1
    window = np.hanning(FRAME + 1)[:-1] ** 0.5  # squared and overlapped by half it is one
    at = np.arange(frames)[:, None] * HOP + np.arange(FRAME)
    spectrum = np.fft.rfft(padded[at] * window, axis=1)
    if rng.random() < CODEC:
        below_db, fall_db = rng.uniform(2.0, 16.0), rng.uniform(0.0, 10.0)
        for band, (low, high) in enumerate(pairwise(CODEC_BINS)):
            part = spectrum[:, low:high]
            level = np.sqrt((np.abs(part) ** 2).mean(axis=1, keepdims=True)) + 1e-12
            step = level * 10 ** (-(below_db - fall_db * band / len(CODEC_BINS)) / 20)
            spectrum[:, low:high] = step * (np.round(part.real / step) + 1j * np.round(part.imag / step))
    else:
        size = np.abs(spectrum)
        floor = np.quantile(size, rng.uniform(0.1, 0.4), axis=0) * rng.uniform(0.5, 1.5)
        spectrum *= np.maximum(1.0 - floor / (size + 1e-12), 10 ** (rng.uniform(-20, -4) / 20))
    made = np.zeros(len(padded))
    pieces = np.fft.irfft(spectrum, FRAME, axis=1) * window
    for half in range(2):  # frames of one parity do not overlap
        some = pieces[half::2].ravel()
        made[half * HOP : half * HOP + len(some)] += some
    return made[FRAME:-FRAME]


def recorded(rng: Rng, sound: Sound) -> Sound:
    """Return the sound as a random microphone would give it, within ±1."""
    heard = response(rng, sound)
    if rng.random() < 0.3:
        heard = automatic_gain(heard, between(rng, 0.2, 3.0))
    if rng.random() < PROCESSED:
        heard = processed(rng, heard)
    peak = np.abs(heard).max() + 1e-12
    heard = heard / peak * between(rng, 0.003, 1.0)
    if rng.random() < 0.1:
        heard = np.clip(heard * between(rng, 1.0, 8.0), -np.abs(heard).max(), np.abs(heard).max())
    heard = heard + rng.standard_normal(len(heard)) * 10 ** rng.uniform(-6, -3.3)
    bits = rng.choice([16, 16, 16, 16, 12, 8])
    return np.round(np.clip(heard, -1, 1) * 2 ** (bits - 1)) / 2 ** (bits - 1)
