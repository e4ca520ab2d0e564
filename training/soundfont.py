"""Recorded notes of a SoundFont 2 file, and music made of them.

Source: E-mu Systems, "SoundFont Technical Specification" 2.01. Only the samples and their headers are read (`smpl`,
`shdr`): where a note begins and ends, loops, and its rate.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soxr
from msgspec import Struct

from training.augment.signal import RATE_HZ, Rng, Sound

HEADER = struct.Struct("<20sIIIIIBbHH")
FULL_SCALE = 32_768.0
# A shorter loop is a click; a recording at another rate than these is a wave that was made for playing.
LEAST_LOOP, RATES_HZ = 64, (8_000, 48_000)
LEAST_SAMPLES = 3_000
FADE = 800
# Name of an instrument without its note and side: "Cello C#5(R)" → "Cello".
NOTE = re.compile(r"[\s_]*[A-Ga-g]#?b?\s*\d?\s*(\(R\)|R)?$")


class Sample(Struct, frozen=True):
    """One recorded note: samples within ±1 at `rate_hz`; `loop`, first and last + 1 of what may go on for ever."""

    name: str
    sound: Sound
    rate_hz: int
    loop: tuple[int, int]


def samples(path: Path) -> list[Sample]:
    """Return the samples of a file."""
    data = path.read_bytes()
    chunks = dict(_chunks(data, 12, len(data)))
    start, length = chunks[b"smpl"]
    wave = np.frombuffer(data, "<i2", length // 2, start).astype(np.float32) / np.float32(FULL_SCALE)
    start, length = chunks[b"shdr"]
    made = []
    # The last header only ends the list.
    for at in range(start, start + length - HEADER.size, HEADER.size):
        name, first, end, low, high, rate_hz, *_ = HEADER.unpack_from(data, at)
        text = name.split(b"\0")[0].decode("latin1")
        made.append(Sample(text, wave[first:end], rate_hz, (low - first, high - first)))
    return made


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield where each chunk of a RIFF file lies: its name, first byte and length."""
    while at < end - 8:
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            yield from _chunks(data, at + 12, at + 8 + length)
        else:
            yield name, (at + 8, length)
        at += 8 + length + length % 2


def instruments(found: Sequence[Sample]) -> list[list[Sample]]:
    """Return the notes of each instrument; of pairs of stereo samples one side."""
    made: dict[str, list[Sample]] = {}
    for one in found:
        known = RATES_HZ[0] <= one.rate_hz <= RATES_HZ[1]
        if known and len(one.sound) > LEAST_SAMPLES and "(L)" not in one.name:
            made.setdefault(NOTE.sub("", one.name).strip(), []).append(one)
    return list(made.values())


def note(sample: Sample, semitones: float, seconds: float) -> Sound:
    """Return a note at 16 kHz, moved in pitch, for so long or as long as it sounds."""
    factor = 2.0 ** (semitones / 12.0) * sample.rate_hz / RATE_HZ
    need, sound, (low, high) = int(seconds * RATE_HZ * factor) + 4, sample.sound, sample.loop
    if need > len(sound) and 0 <= low < high - LEAST_LOOP and high <= len(sound):
        loop = sound[low:high]
        sound = np.concatenate((sound[:high], np.tile(loop, (need - high) // len(loop) + 2)))
    sound = sound[:need]
    if factor > 1.0:
        made = soxr.resample(sound, factor, 1.0)
    else:
        made = np.interp(np.arange(int(len(sound) / factor) - 1) * factor, np.arange(len(sound)), sound)
    return np.asarray(made[: int(seconds * RATE_HZ)], dtype=np.float64)


def song(rng: Rng, parts: Sequence[Sequence[Sample]], seconds: float) -> Sound:
    """Return music: one to five instruments, notes and chords in turn, slow or fast, at times in a hall."""
    n = int(seconds * RATE_HZ)
    made = np.zeros(n)
    slow = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 6))):
        notes = parts[int(rng.integers(len(parts)))]
        at, gain = rng.uniform(0.0, 0.5), 10 ** (rng.uniform(-14.0, 0.0) / 20)
        while at < seconds:
            lasts = rng.uniform(1.5, 9.0) if slow else rng.uniform(0.15, 1.2)
            for _ in range(int(rng.choice(4, p=(0.4, 0.2, 0.25, 0.15))) + 1):
                chosen, moved = notes[int(rng.integers(len(notes)))], float(rng.integers(-5, 6)) + rng.normal(0.0, 0.05)
                _add(made, int(at * RATE_HZ), gain, note(chosen, moved, lasts * rng.uniform(0.8, 1.3)))
            at += lasts * rng.uniform(0.7, 1.2)
    if rng.random() < 0.5:
        length = int(rng.uniform(0.4, 1.6) * RATE_HZ)
        hall = rng.normal(0.0, 1.0, length) * np.exp(-6.9 * np.arange(length) / length)
        hall *= rng.uniform(0.2, 0.8) / np.sqrt((hall**2).sum())
        made += np.fft.irfft(np.fft.rfft(made, 2 * n) * np.fft.rfft(hall, 2 * n))[:n]
    return made


def _add(made: Sound, at: int, gain: float, sound: Sound) -> None:
    """Add a note at a sample, its end faded out."""
    if len(sound) < 2:
        return
    fade = min(FADE, len(sound) // 2)
    sound[-fade:] *= np.linspace(1.0, 0.0, fade)
    sound = sound[: len(made) - at] * (gain / max(float(np.abs(sound).max()), 1e-3))
    made[at : at + len(sound)] += sound
