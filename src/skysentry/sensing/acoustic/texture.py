"""The third branch: how the levels of a second move, 32 numbers in a logistic regression of multirotors.

Rotors under attitude control flutter in a way that steady machines, weather, music and voices do not. What is measured
is free of gain and of the microphone's response, for all of it is change in time or stands out of its neighbourhood. In
each of eight groups of twelve bands (`bands.levels_db`, 50 Hz to 7.2 kHz):

    step         mean change of a band from frame to frame
    drift        standard deviation of the means of its quarters
    tremble      as `step`, of the group's mean level: what its bands do together
    lines        mean height of bands above their neighbourhood of an octave, of the second's mean

as logarithms, weighed and summed to log p(z|multirotor) − log p(z|anything else), held in `LLR_RANGE`. The weights come
from recordings alone (`python -m training.texture`): learned from drawn sounds they told nothing of recorded ones
(area 0.52), so where no recordings of drones are at hand this branch is silent. Machines that it never heard move much
like rotors: where the nets name one, `fuse.owned` takes most of its word for a multirotor away.
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
MEASURES = 4 * GROUPS
# Changes below this, in dB, are rounding: all alike.
LEAST_DB = 0.05
# A second may say little: the drones of sixteen scenes are not all drones. Up to 2 it made multirotors of a bare motor
# twice as often, down to −2 it lost drawn drones, both for hardly more recall (decision 12).
LLR_RANGE = (-1.0, 1.0)
WEIGHTS = "weights-texture.json"


class Weights(Struct, frozen=True):
    """The regression: a constant and a weight a measure."""

    constant: float
    weights: tuple[float, ...]


@functools.cache
def shipped() -> Weights:
    """Return the weights of the package."""
    data = (resources.files("skysentry.sensing.acoustic") / WEIGHTS).read_bytes()
    return msgspec.json.decode(data, type=Weights)


_PER_STEP = np.float32(1.0 / (bands.FRAMES - 1))
_GROUPED: Array = (np.kron(np.eye(GROUPS), np.ones((WIDTH, 1))) / WIDTH).astype(np.float32)


def measures(levels_db: Array) -> Array:
    """Return the measures [shape=(..., 32)] of levels [shape=(..., 32, 96)]."""
    shape = levels_db.shape[:-2]
    quarters = np.add.reduce(levels_db.reshape(*shape, QUARTERS, -1, bands.BANDS), axis=-2)
    quarters *= np.float32(QUARTERS / bands.FRAMES)
    mean = np.add.reduce(quarters, axis=-2, keepdims=True) * np.float32(1.0 / QUARTERS)
    quarters -= mean
    changes: Array = levels_db[..., 1:, :] - levels_db[..., :-1, :]
    together = np.abs(changes @ _GROUPED)
    np.abs(changes, out=changes)
    by_band = np.empty((*shape, 3, bands.BANDS), dtype=np.float32)
    np.add.reduce(changes, axis=-2, out=by_band[..., 0, :])
    by_band[..., 0, :] *= _PER_STEP
    by_band[..., 1, :] = np.sqrt(np.add.reduce(np.square(quarters), axis=-2) * np.float32(1.0 / QUARTERS))
    by_band[..., 2, :] = np.maximum(mean[..., 0, :] @ bands.LESS_NEAR, np.float32(0.0))
    grouped, tremble = by_band @ _GROUPED, np.add.reduce(together, axis=-2) * _PER_STEP
    made = (grouped[..., 0, :], grouped[..., 1, :], tremble, grouped[..., 2, :])
    logs: Array = np.log(np.maximum(np.concatenate(made, axis=-1), np.float32(LEAST_DB)))
    return logs


def ratio(levels_db: Array, weights: Weights) -> NDArray[np.float64]:
    """Return the ratio [shape=(...)] of levels [shape=(..., 32, 96)]."""
    summed = measures(levels_db).astype(np.float64) @ weights.weights + weights.constant
    held: NDArray[np.float64] = np.clip(summed, *LLR_RANGE)
    return held
