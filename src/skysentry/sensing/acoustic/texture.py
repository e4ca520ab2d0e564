"""The third branch: how the levels of a second move, 48 numbers in a logistic regression of multirotors.

Rotors under attitude control flutter in a way that steady machines, weather, music and voices do not. What is measured
is free of gain and of the microphone's response, for all of it is change in time or stands out of its neighbourhood. In
each of eight groups of twelve bands (`bands.levels_db`, 50 Hz to 7.2 kHz):

    spread       standard deviation of a band over the second
    step         mean change of a band from frame to frame
    drift        standard deviation of the means of its quarters
    swell        as `spread`, of the group's mean level: what its bands do together
    tremble      as `step`, of the group's mean level
    lines        mean height of bands above their neighbourhood of an octave, of the second's mean

as logarithms, weighed and summed to log p(z|multirotor) − log p(z|anything else), held in `LLR_RANGE`. The weights come
from recordings alone (`python -m training.texture`): learned from drawn sounds they told nothing of recorded ones
(area 0.52), so where no recordings of drones are at hand this branch is silent.
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
MEASURES = 6 * GROUPS
# Changes below this, in dB, are rounding: all alike.
LEAST_DB = 0.05
# A second may say little, and less against a drone than for one: the drones of sixteen scenes are not all drones.
# Held in ±4.6 it is worth no more (decision 12).
LLR_RANGE = (-1.0, 2.0)
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


_GROUPED: Array = (np.kron(np.eye(GROUPS), np.ones((WIDTH, 1))) / WIDTH).astype(np.float32)


def measures(levels_db: Array) -> Array:
    """Return the measures [shape=(..., 48)] of levels [shape=(..., 32, 96)]."""
    shape = levels_db.shape[:-2]
    mean = levels_db.mean(axis=-2, keepdims=True)
    still = levels_db - mean  # sums of squares below lose no figures to a large level
    quarters = still.reshape(*shape, QUARTERS, bands.FRAMES // QUARTERS, bands.BANDS).mean(axis=-2)
    together = still @ _GROUPED
    made = (
        _spread(still) @ _GROUPED,
        np.abs(still[..., 1:, :] - still[..., :-1, :]).mean(axis=-2) @ _GROUPED,
        _spread(quarters) @ _GROUPED,
        _spread(together),
        np.abs(together[..., 1:, :] - together[..., :-1, :]).mean(axis=-2),
        np.maximum(mean[..., 0, :] @ bands.LESS_NEAR, np.float32(0.0)) @ _GROUPED,
    )
    logs: Array = np.log(np.maximum(np.concatenate(made, axis=-1), np.float32(LEAST_DB)))
    return logs


def _spread(still: Array) -> Array:
    """Return the root mean square over time of what has no mean."""
    found: Array = np.sqrt(np.square(still).mean(axis=-2))
    return found


def ratio(levels_db: Array, weights: Weights) -> NDArray[np.float64]:
    """Return the ratio [shape=(...)] of levels [shape=(..., 32, 96)]."""
    summed = measures(levels_db).astype(np.float64) @ weights.weights + weights.constant
    held: NDArray[np.float64] = np.clip(summed, *LLR_RANGE)
    return held
