"""Music: held chords of ensembles, plucked and bowed notes, a lead that glides, bass, drums, singing. **Simulated**.

What music shares with rotors is a comb that stays, split into lines a little apart; one scene of it set the threshold
of every figure. What it has of its own is steps of pitch by whole semitones, chords, attacks, beats, formants.
"""

from __future__ import annotations

import numpy as np

from training.augment.signal import (  # fmt: skip
    RATE_HZ,
    Rng,
    Sound,
    between,
    curve_points,
    cycles,
    filtered,
    orders,
    play,
    shaped,
    unit,
    walk,
)

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 7), (0, 5, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 7, 12))


def music(rng: Rng, n: int) -> Sound:
    """Return a piece of two to four parts over one root and beat."""
    root_hz, beat_s = between(rng, 50.0, 250.0), between(rng, 0.25, 1.2)
    scale = SCALES[int(rng.integers(len(SCALES)))]
    parts = (_held, _notes, _lead, _bass, _drums, _sung)
    made = np.zeros(n)
    for _ in range(int(rng.integers(1, 5))):
        part = parts[int(rng.choice(len(parts), p=(0.3, 0.25, 0.13, 0.1, 0.12, 0.1)))]
        made += unit(part(rng, n, root_hz, beat_s, scale)) * 10 ** (rng.uniform(-15, 0) / 20)
    if rng.random() < 0.5:  # a hall
        length = int(rng.uniform(0.2, 1.0) * RATE_HZ)
        tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
        size = 1 << (n + length).bit_length()
        wet = np.fft.irfft(np.fft.rfft(made, size) * np.fft.rfft(tail, size), size)[:n]
        made = unit(made) + unit(wet) * rng.uniform(0.1, 1.0)
    return unit(made) + shaped(rng, n, curve_points(rng, 3.0, (-6.0, 0.0))) * 10 ** (rng.uniform(-50, -15) / 20)


def _tone(rng: Rng, pitch_hz: Sound, decay: float, bump_db: float, voices: int, apart: float) -> Sound:
    """Return voices a little apart that play one pitch together, each with a vibrato of its own."""
    made = np.zeros(len(pitch_hz))
    for _ in range(voices):
        own = 1 + rng.normal(0, apart if voices > 1 else 0.0) + walk(rng, len(pitch_hz), 0.001, 0.3)
        shake = rng.choice([0.0, 0.0, 0.004, 0.012]) * np.sin(2 * np.pi * rng.uniform(4.5, 7) * _seconds(len(pitch_hz)))
        drop = rng.normal(0, bump_db, 400)
        levels = orders(
            float(pitch_hz.max()) * 1.05, lambda k, drop=drop: -decay * np.log2(k) + drop[np.minimum(k, 400) - 1]
        )
        made += play(rng, cycles(rng, pitch_hz * (own + shake)), levels, 1.5)
    return made


def _seconds(n: int) -> Sound:
    return np.arange(n) / RATE_HZ


def _held(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    """Strings, organs, pads: chords that are held for beats and swell into one another."""
    made, at = np.zeros(n), 0
    decay, bump, voices, apart = rng.uniform(1, 9), rng.uniform(0, 8), int(rng.choice([1, 2, 3])), rng.uniform(0, 0.01)
    octave, rise_s = 2.0 ** rng.integers(0, 4), rng.uniform(0.02, 0.6)
    while at < n:
        length = int(beat_s * rng.choice([2, 4, 8]) * RATE_HZ) + 1
        time_s = _seconds(min(length, n - at))
        shape = np.clip(time_s / rise_s, 0, 1) * np.clip((length / RATE_HZ - time_s) / rise_s, 0.2, 1)
        step = scale[int(rng.integers(len(scale)))]
        for up in CHORDS[int(rng.integers(len(CHORDS)))]:
            pitch = np.full(len(time_s), root_hz * octave * 2 ** ((step + up) / 12))
            made[at : at + length] += shape * _tone(rng, pitch, decay, bump, voices, apart) * rng.uniform(0.3, 1)
        at += length
    return made


def _notes(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    """Plucked, struck, blown: a note or two at a time."""
    made, at = np.zeros(n), 0
    decay, bump, die, octave = rng.uniform(2, 11), rng.uniform(0, 8), rng.uniform(0.3, 9), 2.0 ** rng.integers(0, 4)
    while at < n:
        length = int(beat_s * rng.choice([0.25, 0.5, 0.5, 1, 2]) * RATE_HZ) + 1
        time_s = _seconds(min(length, n - at))
        for _ in range(int(rng.integers(0, 3))):
            step = scale[int(rng.integers(len(scale)))] + 12 * int(rng.integers(0, 2))
            pitch = np.full(len(time_s), root_hz * octave * 2 ** (step / 12))
            made[at : at + length] += np.exp(-die * time_s) * np.minimum(time_s * 100, 1) * _tone(
                rng, pitch, decay, bump, 1, 0.0)  # fmt: skip
        at += length
    return made


def _lead(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    """Violin, flute, synthesizer: one line that glides from note to note."""
    steps = rng.choice(scale, int(n / RATE_HZ / beat_s * 2) + 2) + 12 * rng.integers(1, 4)
    ends = np.cumsum(rng.choice([0.5, 1, 2], len(steps)) * beat_s)
    glide_s = rng.uniform(0.01, 0.2)
    times = np.column_stack((ends - glide_s, ends)).ravel()
    pitch = root_hz * 2 ** (np.interp(_seconds(n), times[:-1], np.repeat(steps, 2)[1:]) / 12)
    return _tone(rng, pitch, rng.uniform(1, 10), rng.uniform(0, 6), int(rng.choice([1, 1, 2])), 0.004) * 10 ** (
        walk(rng, n, 4.0, 0.3) / 20)  # fmt: skip


def _bass(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    return _notes(rng, n, root_hz / 2.0 ** rng.integers(1, 4), beat_s, scale[:3])


def _drums(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    """Kick, snare and hat on a pattern of sixteenths."""
    made, step = np.zeros(n), int(beat_s / 4 * RATE_HZ)
    kinds = []
    for hz, die in ((50, 12), (180, 18), (0, 40)):
        time_s = _seconds(int(0.35 * RATE_HZ))
        body = np.sin(2 * np.pi * hz * (time_s + 0.05 * (1 - np.exp(-30 * time_s)))) if hz else 0.0
        hiss = shaped(rng, len(time_s), curve_points(rng, 4.0, (0.0, 5.0))) * (0.1 if hz == 50 else 0.7)
        kinds.append((body + hiss) * np.exp(-die * rng.uniform(0.6, 1.5) * time_s))
    pattern = rng.random((16, 3)) < (0.25, 0.2, 0.6)
    for at in range(0, n, step):
        for kind, sound in enumerate(kinds):
            if pattern[at // step % 16, kind]:
                made[at : at + len(sound)] += sound[: n - at] * rng.uniform(0.3, 1.0)
    return made


def _sung(rng: Rng, n: int, root_hz: float, beat_s: float, scale: tuple[int, ...]) -> Sound:
    """One voice or a choir: a glide of notes under formants that change."""
    made = np.zeros(n)
    voice = _lead(rng, n, root_hz, beat_s, scale)
    step = int(rng.uniform(0.15, 1.0) * RATE_HZ)
    for at in range(0, n, step):
        f1, f2 = rng.uniform(250, 900), rng.uniform(900, 2400)
        points = [
            (50, -20),
            (f1 * 0.7, -8),
            (f1, 0),
            (f1 * 1.3, -12),
            (f2, -5),
            (f2 * 1.3, -18),
            (3000, -12),
            (6000, -35),
        ]
        made[at : at + step] = filtered(voice[at : at + step], sorted(points))
    return made
