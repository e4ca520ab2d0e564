"""Make the augmented windows once, and the recordings' own windows, into one file.

    python -m training.prepare OUT.npz [--first 0] [--clips 8000] [--seed 3]
    python -m training.prepare OUT.npz --packages
    python -m training.prepare OUT.npz --bare

Rows of a clip stay together: three windows, one label. Nothing here depends on a fold. With `--packages` the windows
are those of the sounds of packages (`training.packages`) alone, as they are; with `--bare` those of bare noise and wind
through microphones: both are for `training.broad`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.acoustic import bands, broad, spectrum
from training import corpus, packages, recipe
from training.augment import microphone, quiet
from training.augment.signal import RATE_HZ
from training.teacher import Teacher

# Starts of windows in each second of a recording; between them a quarter second is new.
STARTS = 4
# Clips of bare noise and of wind, half of each, and what their seeds begin with.
BARE, BARE_SEED = 400, 77


def takes() -> list[recipe.Take]:
    """Return all recordings at 16 kHz."""
    return [recipe.Take(n, r.label, r.corpus, r.channels()) for n, r in enumerate(corpus.recordings())]


def clean(heard: list[recipe.Take], teacher: Teacher, starts: int) -> dict[str, np.ndarray]:
    """Return the windows of the recordings as they are, `starts` a second, and the recording of each.

    Those that begin with a whole second, as an ear hears them, have `whole`.
    """
    names = ("clean_db", "clean_owner", "clean_whole", "clean_taught", "clean_seen")
    made: dict[str, list[Any]] = {name: [] for name in names}
    for take in heard:
        sound = take.sound.mean(axis=1)
        padded = np.concatenate((sound[spectrum.CONTEXT - 1 :: -1], sound))
        for start in range(starts):
            part = padded[start * RATE_HZ // starts :]
            levels = recipe.features(part)
            made["clean_db"].append(levels)
            made["clean_owner"] += [take.index] * len(levels)
            made["clean_whole"] += [start == 0] * len(levels)
            made["clean_taught"].append(teacher.windows(part, spectrum.CONTEXT, len(levels)))
            made["clean_seen"].append(pictures(part, len(levels)))
    return {
        name: np.concatenate(rows) if rows and isinstance(rows[0], np.ndarray) else np.array(rows)
        for name, rows in made.items()
    }


def pictures(sound: recipe.Sound, count: int) -> NDArray[np.float16]:
    """Return what the broad net sees of the seconds behind the context of a sound [shape=(count, 96, 64)]."""
    heard = np.asarray(sound[spectrum.CONTEXT :], dtype=np.float32)
    made = [broad.picture(heard[k * RATE_HZ :]) for k in range(count)]
    return np.array(made, dtype=np.float16).reshape(count, broad.FRAMES, broad.MELS)


def of_packages() -> dict[str, np.ndarray]:
    """Return the windows of the sounds of packages, and the label and the package of each."""
    heard = packages.takes()
    sounds = [_padded(take.sound.mean(axis=1)) for take in heard]
    levels = [recipe.features(sound) for sound in sounds]
    windows = [len(one) for one in levels]
    seen = [pictures(sound, count) for sound, count in zip(sounds, windows, strict=True)]
    return {
        "levels_db": np.concatenate(levels) if levels else np.zeros((0, bands.FRAMES, bands.BANDS)),
        "seen": np.concatenate(seen) if seen else np.zeros((0, broad.FRAMES, broad.MELS)),
        "label": np.repeat(np.array([recipe.LABELS.index(take.label) for take in heard], dtype=np.int64), windows),
        "package": np.repeat(np.array([take.corpus for take in heard], dtype=np.str_), windows),
    }


def bare() -> dict[str, np.ndarray]:
    """Return the windows of bare noise and wind [shape=(clips, 3, 96, 64)]."""
    seen = []
    for n in range(BARE):
        rng = np.random.default_rng([BARE_SEED, n])
        sound = (quiet.noise if n % 2 else quiet.wind)(rng, recipe.LENGTH)
        seen.append(pictures(microphone.recorded(rng, sound), recipe.WINDOWS))
    return {"seen": np.stack(seen)}


def _padded(sound: recipe.Sound) -> recipe.Sound:
    """Return a sound of at least two seconds, again and again, with its context before it."""
    while len(sound) < 2 * RATE_HZ:
        sound = np.concatenate((sound, sound))
    return np.concatenate((sound[spectrum.CONTEXT - 1 :: -1], sound))


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare")
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--clips", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--packages", action="store_true", help="the sounds of packages alone")
    parser.add_argument("--bare", action="store_true", help="bare noise and wind alone")
    wanted = parser.parse_args()
    if wanted.packages or wanted.bare:
        np.savez(wanted.out, **(of_packages() if wanted.packages else bare()))
        return
    heard = takes()
    # One motor on a bench neither flies nor is a tool.
    learned = [take for take in heard if take.corpus != "motor"]
    teacher = Teacher()
    levels, taught, seen, labels, used = [], [], [], [], []
    for n in range(wanted.first, wanted.first + wanted.clips):
        clip = recipe.clip(np.random.default_rng([wanted.seed, n]), learned)
        levels.append(recipe.features(clip.sound))
        labels.append(clip.label)
        used.append(clip.used)
        taught.append(teacher.windows(clip.sound, spectrum.CONTEXT, recipe.WINDOWS))
        seen.append(pictures(clip.sound, recipe.WINDOWS))
    np.savez(
        wanted.out,
        levels_db=np.stack(levels),
        label=np.array(labels, dtype=np.int16),
        used=np.array(used, dtype=np.int16),
        taught=np.array(taught),
        seen=np.array(seen),
        **clean(heard, teacher, STARTS),
    )


if __name__ == "__main__":
    main()
