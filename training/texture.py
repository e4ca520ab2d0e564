"""Fit the weights of `skysentry.sensing.acoustic.texture` on recordings, and write them into the package.

    python -m training.texture         (seconds; numpy only)

A logistic regression, multirotor against helicopter, chainsaw and nothing there, ridged; every window once as it is and
once with a window of nothing added 3 to 25 dB below, four windows a second of recording. The motor bench is left out:
one motor in a room does not fly.
"""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.acoustic import spectrum, texture
from training import corpus, recipe
from training.augment.signal import RATE_HZ

STARTS = 4
BESIDE_DB = (3.0, 25.0)
# Stronger by four loses a tenth of what the branch gains, weaker by five gains it nothing on ESC-10 unheard.
RIDGE = 50.0
# Less independent scenes of drones are no kind.
LEAST_SCENES = 5
SEED = 1
NEPER = np.log(10.0) / 10.0
Array = NDArray[np.float64]


@functools.cache
def levels() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the windows of all recordings [shape=(n, 32, 96)] and the recording of each."""
    found, owner = [], []
    for index, recording in enumerate(corpus.recordings()):
        if recording.corpus == "motor":
            continue
        sound = recording.channels().mean(axis=1)
        padded = np.concatenate((sound[spectrum.CONTEXT - 1 :: -1], sound))
        for start in range(STARTS):
            windows = recipe.features(padded[start * RATE_HZ // STARTS :])
            found.append(windows)
            owner += [index] * len(windows)
    return np.concatenate(found).astype(np.float32), np.array(owner)


def whole(index: int) -> NDArray[np.float32]:
    """Return the windows of a recording that begin with a whole second, as an ear hears them."""
    sound = corpus.recordings()[index].channels().mean(axis=1)
    return recipe.features(np.concatenate((sound[spectrum.CONTEXT - 1 :: -1], sound))).astype(np.float32)


def fitted(kept: NDArray[np.bool_]) -> texture.Weights | None:
    """Return the weights that the kept recordings give; none where they hold too few scenes of drones."""
    recordings = corpus.recordings()
    drone = np.array([r.label == "multirotor" for r in recordings])
    scenes = {r.scene for r, mine in zip(recordings, kept & drone, strict=True) if mine and r.corpus != "motor"}
    if len(scenes) < LEAST_SCENES:
        return None
    db, owner = levels()
    mine = kept[owner]
    db, owner = db[mine], owner[mine]
    quiet = np.flatnonzero(np.array([r.label == "nothing" for r in recordings])[owner])
    rng = np.random.default_rng(SEED)
    beside = db[rng.choice(quiet, len(db))]
    shift = db.mean(axis=(1, 2)) - beside.mean(axis=(1, 2)) - rng.uniform(*BESIDE_DB, len(db))
    mixed = np.logaddexp(db * NEPER, (beside + shift[:, None, None]) * NEPER) / NEPER
    x = np.concatenate((texture.measures(db), texture.measures(mixed.astype(np.float32)))).astype(np.float64)
    return _regression(x, np.tile(drone[owner], 2), len(db) / STARTS)


def _regression(x: Array, y: NDArray[np.bool_], seconds: float) -> texture.Weights:
    """Return the ridged logistic regression; drones and the rest weigh alike, all windows as much as their seconds."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    rows = np.column_stack((np.ones(len(x)), (x - mean) / spread))
    weight = np.where(y, 0.5 / y.mean(), 0.5 / (1.0 - y.mean())) * seconds / len(y)
    ridge = np.diag([0.0, *[2.0 * RIDGE] * x.shape[1]])
    found = np.zeros(rows.shape[1])
    for _ in range(12):  # Newton's method; five steps would do
        chance = 1.0 / (1.0 + np.exp(-rows @ found))
        bend = (rows * (weight * chance * (1.0 - chance))[:, None]).T @ rows + ridge
        found -= np.linalg.solve(bend, rows.T @ (weight * (chance - y)) + ridge @ found)
    scaled = found[1:] / spread
    return texture.Weights(
        constant=round(float(found[0] - scaled @ mean), 4), weights=tuple(round(w, 4) for w in scaled.tolist())
    )


def main() -> None:
    """Run."""
    made = fitted(np.ones(len(corpus.recordings()), dtype=bool))
    if made is None:
        raise SystemExit("too few recordings of drones")
    path = Path(texture.__file__).parent / texture.WEIGHTS
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    print(f"{path} written")


if __name__ == "__main__":
    main()
