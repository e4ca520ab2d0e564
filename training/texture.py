"""Fit the weights of `skysentry.sensing.acoustic.texture`, and write them into the package.

    python -m training.texture PREPARED.npz …           (seconds; numpy only)

A quadratic logistic regression, multirotor against helicopter, machines and nothing there, ridged, on the windows of
`training.prepare`: those of recordings as they are, four a second, and those of clips that hold no recording, with a
third of the weight: drones of other makers, machines of which there are no recordings. Drones weigh as much as the
rest, of which the kinds have set shares. The motor bench is left out: one motor in a room does not fly, and as what is
no drone it taught nothing that held for other machines.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic import texture
from training import corpus, recipe

# Of weights that sum to 1. Weaker, the recall of folds 0 to 3 fell from .89 to .82 and .64; stronger was not tried.
RIDGE = 0.03
# Of the rest: by seconds a chainsaw would weigh a tenth and be told as flying twice as often (decision 12).
SHARES = {"nothing": 0.2, "helicopter": 0.15, "machine": 0.15}
# Weight of drawn windows, and where there are no recordings of drones. A half or a seventh loses recall.
DRAWN, DRAWN_ALONE = 0.3, 0.75
STEPS = 6
Array = NDArray[np.float64]
Labels = NDArray[np.str_]


class Windows(Struct, frozen=True):
    """Measures of the windows of drawn clips and of recordings, the kind of each; recordings' index and `whole`.

    `whole` are windows that begin with a whole second, as an ear hears them.
    """

    drawn: texture.Array
    drawn_kind: Labels
    recorded: texture.Array
    owner: NDArray[np.int64]
    whole: NDArray[np.bool_]


def loaded(paths: list[Path]) -> Windows:
    """Return the windows of prepared files."""
    files = [np.load(path) for path in paths]
    found, kinds = [], []
    for file in files:
        drawn = (file["used"] < 0).all(axis=1)
        found.append(texture.measures(file["levels_db"][drawn].reshape(-1, 32, 96).astype(np.float32)))
        kinds += [_kind(recipe.LABELS[label]) for label in np.repeat(file["label"][drawn], recipe.WINDOWS)]
    recorded = texture.measures(files[0]["clean_db"].astype(np.float32))
    owner = files[0]["clean_owner"]
    return Windows(np.concatenate(found), np.array(kinds), recorded, owner, files[0]["clean_whole"])


def _kind(label: str) -> str:
    """Return the kind of `SHARES` that a label belongs to: what is neither quiet nor a rotor is a machine."""
    return label if label in ("multirotor", "nothing", "helicopter") else "machine"


def fitted(windows: Windows, kept: NDArray[np.bool_]) -> texture.Weights:
    """Return the weights that drawn clips and the kept recordings give."""
    recordings = corpus.recordings()
    learned = kept & np.array([r.corpus != "motor" for r in recordings])
    rows = learned[windows.owner]
    kind = np.array([_kind(r.label) for r in recordings])[windows.owner[rows]]
    # Without drones recordings cannot tell what is one: they only say what is none.
    share = DRAWN if (kind == "multirotor").any() else DRAWN_ALONE
    weight = np.concatenate((_weights(kind) * (1.0 - share), _weights(windows.drawn_kind) * share))
    drawn = windows.drawn.astype(np.float64)
    mean, spread = drawn.mean(axis=0), drawn.std(axis=0)
    x = texture.spreads(np.concatenate((windows.recorded[rows], windows.drawn)), mean, spread)
    found = _regression(_squared(x), np.concatenate((kind, windows.drawn_kind)) == "multirotor", weight)
    rounded = [round(value, 5) for value in found.tolist()]
    return texture.Weights(
        tuple(mean.tolist()), tuple(spread.tolist()), rounded[-1], tuple(rounded[: texture.MEASURES]),
        tuple(rounded[texture.MEASURES : -1]),
    )  # fmt: skip


def _squared(x: Array) -> Array:
    """Return measures, their squares and their products, and a constant."""
    first, second = np.triu_indices(x.shape[1])
    return np.column_stack((x, x[:, first] * x[:, second], np.ones(len(x))))


def _weights(kinds: Labels) -> Array:
    """Return the weight of each window, of sum 1: one half drones, one half the rest by `SHARES`."""
    made = np.zeros(len(kinds))
    for kind, share in (("multirotor", sum(SHARES.values())), *SHARES.items()):
        mine = kinds == kind
        if mine.any():
            made[mine] = share / mine.sum()
    return made / made.sum()


def _regression(x: Array, y: NDArray[np.bool_], weight: Array) -> Array:
    """Return the ridged logistic regression of weighted windows, by Newton's method; the last weight is the constant.

    The sums of products are made in 32 bits: half the time, and the ridge is far above their rounding.
    """
    rows = x.astype(np.float32)
    ridge = np.full(x.shape[1], RIDGE)
    ridge[-1] = 1e-6
    found = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-(rows @ found.astype(np.float32)).astype(np.float64)))
        slope = rows.T @ (weight * (chance - y)).astype(np.float32) + ridge * found
        scaled = rows * np.sqrt(weight * chance * (1.0 - chance) + 1e-12).astype(np.float32)[:, None]
        found -= np.linalg.solve((scaled.T @ scaled).astype(np.float64) + np.diag(ridge), slope)
    return found


def ratios(windows: Windows, weights: texture.Weights) -> Array:
    """Return what texture says of each window of a recording that begins with a whole second."""
    return texture.of_measures(windows.recorded[windows.whole], texture.Regression.of(weights))


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.texture")
    parser.add_argument("prepared", type=Path, nargs="+")
    wanted = parser.parse_args()
    made = fitted(loaded(wanted.prepared), np.ones(len(corpus.recordings()), dtype=bool))
    path = Path(texture.__file__).parent / texture.WEIGHTS
    path.write_bytes(msgspec.json.encode(made) + b"\n")
    print(f"{path} written")


if __name__ == "__main__":
    main()
