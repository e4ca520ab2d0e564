"""Arrays for a picture of sound: level over time and frequency, floor taken off. `cli` draws them.

    sound at 16 kHz ─▶ frames of 128 ms, one each 31 ms (those that the detector hears) ─▶ dB over the clip's own median

The median of each bin or of its neighbourhood, whichever is lower, is taken off, and what is `SHOWN_DB` above it is the
brightest: lines stand out whatever the microphone's response. Bins are 7.8 Hz wide, up to `MOST_HZ`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view

from skysentry.events import Block
from skysentry.sensing.acoustic.clip import FULL_SCALE, samples_of
from skysentry.sensing.acoustic.spectrum import BIN_HZ, FRAME, HOP, LEAST_POWER, RATE_HZ, Array, frames

# Above it distance leaves nothing of a drone, and codecs differ.
MOST_HZ = 7_500.0
SHOWN_DB = 30.0
# Bins whose median is the floor of the one in the middle: 260 Hz, wider than a line and its skirts.
AROUND = 33


def mono_16k(blocks: Iterable[Block]) -> Array:
    """Return the mean of the channels of blocks of one rate at 16 kHz; gaps are closed."""
    known = [block for block in blocks if block.dtype in FULL_SCALE]
    parts = [samples_of(block).mean(axis=1) for block in known if block.rate_hz == known[0].rate_hz]
    if not parts:
        return np.zeros(0, dtype=np.float32)
    sound = np.concatenate(parts).astype(np.float32)
    rate_hz = known[0].rate_hz
    return sound if rate_hz == RATE_HZ else np.asarray(soxr.resample(sound, rate_hz, RATE_HZ), dtype=np.float32)


def sonogram(sound: Array) -> Array:
    """Return levels from 0 to 1 [shape=(frames, bins)] of a sound at 16 kHz; one shorter than a frame is padded."""
    if len(sound) < FRAME:
        sound = np.pad(sound, (0, FRAME - len(sound)))
    power = frames(sound)[:, : int(MOST_HZ / BIN_HZ)]
    level_db = 10.0 * np.log10(power + np.float32(LEAST_POWER))
    middle = np.median(level_db, axis=0)
    # A tone that lasts through the clip would hide itself: where the bins around have a lower median, that counts.
    around = np.median(sliding_window_view(np.pad(middle, AROUND // 2, mode="edge"), AROUND), axis=1)
    over_db = level_db - np.minimum(middle, around)
    made: Array = np.clip(over_db / np.float32(SHOWN_DB), 0.0, 1.0).astype(np.float32)
    return made


def seconds_a_frame() -> float:
    """Return the time from one frame to the next."""
    return HOP / RATE_HZ
