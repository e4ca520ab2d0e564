"""The third branch: how the levels of a second move and lie, 43 numbers in a quadratic regression of multirotors.

Rotors under attitude control flutter in a way that steady machines, weather, music and voices do not. In each of eight
groups of twelve bands (`bands.levels_db`, 50 Hz to 7.2 kHz):

    step         mean change of a band from frame to frame
    drift        standard deviation of the means of its quarters
    tremble      as `step`, of the group's mean level: what its bands do together
    lines        mean height of bands above their neighbourhood of an octave, of the second's mean
    shape        mean level, less that of all groups

the first four as logarithms; and of all bands the mean height of the 3 and of the 12 highest lines and of the 8 deepest
gaps. None depends on gain; `shape` and `lines` do on the microphone's response, which is why most of what this learns
from are drawn clips through drawn microphones. Each measure is taken in spreads from its mean, held within ±3; they,
their squares and their products are weighed and summed to log p(z|multirotor) − log p(z|anything else), held in
`LLR_RANGE`. The weights come from recordings and drawn clips (`python -m training.texture`). Machines that it never
heard move much like rotors: where the nets name one, `fuse.owned` takes most of its word for a multirotor away.
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic import bands
from skysentry.sensing.acoustic.spectrum import QUARTERS, Array

GROUPS = 8
WIDTH = bands.BANDS // GROUPS
MEASURES = 5 * GROUPS + 3
# Changes below this, in dB, are rounding: all alike.
LEAST_DB = 0.05
# Levels further below the loudest band are rounding.
DEEPEST_DB = 60.0
# How many of the highest lines and of the deepest gaps are looked at, and what makes them of order one.
LINES, GAPS = (3, 12), 8
SHAPE_DB, LINE_DB = 10.0, 5.0
# A measure further out is as strange as one here: products must not run away with a sound like none.
MOST_SPREADS = 3.0
# A second may say no more: the drones of sixteen scenes and drawn ones are not all drones.
LLR_RANGE = (-3.0, 3.0)
WEIGHTS = "weights-texture.json"


class Weights(Struct, frozen=True):
    """The regression: where measures lie and how far apart, a constant, a weight a measure, and one a pair of them.

    Pairs are those of a triangle by rows, each measure with itself first.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    constant: float
    weights: tuple[float, ...]
    pairs: tuple[float, ...]


@functools.cache
def shipped() -> Weights:
    """Return the weights of the package."""
    data = (resources.files("skysentry.sensing.acoustic") / WEIGHTS).read_bytes()
    return msgspec.json.decode(data, type=Weights)


_GROUPED: Array = (np.kron(np.eye(GROUPS), np.ones((WIDTH, 1))) / WIDTH).astype(np.float32)


def measures(levels_db: Array) -> Array:
    """Return the measures [shape=(..., 43)] of levels [shape=(..., 32, 96)]."""
    shape = levels_db.shape[:-2]
    mean = levels_db.mean(axis=-2, keepdims=True)
    still = levels_db - mean  # sums of squares below lose no figures to a large level
    quarters = still.reshape(*shape, QUARTERS, bands.FRAMES // QUARTERS, bands.BANDS).mean(axis=-2)
    together = still @ _GROUPED
    lying = np.maximum(mean[..., 0, :], mean.max(axis=(-2, -1))[..., None] - np.float32(DEEPEST_DB))
    near = mean[..., 0, :] @ bands.LESS_NEAR
    changes = np.concatenate(
        (
            np.abs(still[..., 1:, :] - still[..., :-1, :]).mean(axis=-2) @ _GROUPED,
            np.sqrt(np.square(quarters).mean(axis=-2)) @ _GROUPED,
            np.abs(together[..., 1:, :] - together[..., :-1, :]).mean(axis=-2),
            np.maximum(near, np.float32(0.0)) @ _GROUPED,
        ),
        axis=-1,
    )
    groups = lying @ _GROUPED
    ranked = np.sort(lying @ bands.LESS_NEAR, axis=-1)
    heights = [ranked[..., -count:].mean(axis=-1, keepdims=True) for count in LINES]
    gaps = ranked[..., :GAPS].mean(axis=-1, keepdims=True)
    made: Array = np.concatenate(
        (
            np.log(np.maximum(changes, np.float32(LEAST_DB))),
            (groups - groups.mean(axis=-1, keepdims=True)) / np.float32(SHAPE_DB),
            np.concatenate((*heights, gaps), axis=-1) / np.float32(LINE_DB),
        ),
        axis=-1,
    )
    return made


def spreads(measured: Array, weights: Weights) -> NDArray[np.float64]:
    """Return measures [shape=(..., 43)] in spreads from their means, held within ±`MOST_SPREADS`."""
    away = (measured.astype(np.float64) - np.array(weights.mean)) / np.array(weights.spread)
    held: NDArray[np.float64] = np.clip(away, -MOST_SPREADS, MOST_SPREADS)
    return held


def ratio(levels_db: Array, weights: Weights) -> NDArray[np.float64]:
    """Return the ratio [shape=(...)] of levels [shape=(..., 32, 96)]."""
    return of_measures(measures(levels_db), weights)


def of_measures(measured: Array, weights: Weights) -> NDArray[np.float64]:
    """Return the ratio [shape=(...)] of measures [shape=(..., 43)]."""
    away = spreads(measured, weights)
    summed = weights.constant + away @ np.array(weights.weights) + ((away @ _square(weights.pairs)) * away).sum(axis=-1)
    made: NDArray[np.float64] = np.clip(summed, *LLR_RANGE)
    return made


@functools.lru_cache(maxsize=2)
def _square(pairs: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the weights of pairs as a triangular matrix [shape=(43, 43)]."""
    made = np.zeros((MEASURES, MEASURES))
    made[np.triu_indices(MEASURES)] = pairs
    return made
