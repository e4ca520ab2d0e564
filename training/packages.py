"""Recorded sound that Debian's packages hold under free licences, as takes beside the recordings.

| package | licence | what is taken |
|---|---|---|
| sonic-pi-samples | CC0 (named one by one in its `copyright`) | 165 sounds: instruments, loops, hiss, voices |
| fluid-soundfont-gm | MIT (Frank Wen and contributors) | 887 notes of 270 instruments: 500 songs, 150 held notes |
| fluid-soundfont-gs | MIT (the same) | water, applause, animals, thunder, siren, train, car, voices, helicopter |

`make train-acoustic` unpacks them into `FOLDER` (requirements/train-sounds.sha256 pins them); another place by
$PACKAGE_SOUNDS. Where they cannot be had, what would have learned from them learns without, and says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training import soundfont
from training.augment.signal import RATE_HZ, Sound
from training.recipe import Take

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("PACKAGE_SOUNDS", ROOT / ".venv" / "train" / "sounds")) / "usr" / "share"
SAMPLES, FONTS = FOLDER / "sonic-pi" / "samples", FOLDER / "sounds" / "sf2"
# What the effects of fluid-soundfont-gs are; the others are too short or no sound of the world.
EFFECTS = {
    "River": "nothing", "SeattleRain...(L)": "nothing", "Sea Shore": "nothing", "Applause": "nothing",
    "Dog Bark": "nothing", "Bird2(L)": "nothing", "Gallops": "nothing", "Wind Chime": "nothing", "bubbles": "nothing",
    "FootStep": "nothing", "doorcreak": "nothing", "Telephone 2": "nothing", "HeartBeat": "nothing",
    "Thunder(L)": "thunder", "Siren": "siren", "train": "engine", "Car Pass": "engine", "Car Start": "engine",
    "Laugh": "speech", "Scream": "speech", "Heli": "helicopter",
}  # fmt: skip
SONGS, NOTES, SONG_S, NOTE_S, EFFECT_S = 500, 150, 12.0, 6.0, 8.0
SEED = 1
LEAST_SAMPLES, QUIETEST = 800, 1e-3
# No recording of the project: nothing that is left out holds one.
NO_RECORDING = -1


def takes() -> list[Take]:
    """Return the sounds of the packages; none where they are not at hand."""
    found = [one for one in _sounds() if len(one.sound) > LEAST_SAMPLES and np.abs(one.sound).max() > QUIETEST]
    if not found:
        print(f"no sounds of packages in {FOLDER}: what learns from them learns without")
    return found


def _sounds() -> Iterator[Take]:
    for path in sorted(SAMPLES.glob("*.flac")):
        sound, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
        yield _take("nothing", "sonic-pi-samples", soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ))
    effects, music = FONTS / "FluidR3_GS.sf2", FONTS / "FluidR3_GM.sf2"
    if effects.exists():
        for one in soundfont.samples(effects):
            if one.name in EFFECTS:
                yield _take(EFFECTS[one.name], "fluid-soundfont-gs", soundfont.note(one, 0.0, EFFECT_S))
    if music.exists():
        rng, parts = np.random.default_rng(SEED), soundfont.instruments(soundfont.samples(music))
        for _ in range(SONGS):
            yield _take("nothing", "fluid-soundfont-gm", soundfont.song(rng, parts, SONG_S))
        for _ in range(NOTES):
            notes = parts[int(rng.integers(len(parts)))]
            chosen, moved = notes[int(rng.integers(len(notes)))], float(rng.integers(-7, 8))
            yield _take("nothing", "fluid-soundfont-gm", soundfont.note(chosen, moved, NOTE_S))


def _take(label: str, package: str, sound: Sound) -> Take:
    return Take(NO_RECORDING, label, package, np.asarray(sound, dtype=np.float64)[:, None])


def weights(packages: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return the weight of each window, of sum 1, by the package that it is of: roots of their lengths."""
    names, which, counts = np.unique(packages, return_inverse=True, return_counts=True)
    made = np.sqrt(counts[which]) / counts[which]
    return np.asarray(made / np.sqrt(counts).sum() if len(names) else made, dtype=np.float64)
