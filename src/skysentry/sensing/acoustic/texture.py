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

as logarithms, weighed and summed to log p(z|multirotor) − log p(z|anything else), held in ±`MOST_LLR`. The weights come
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
# Odds of 100 to 1, as of the comb: some ten scenes of drones cannot speak of more.
MOST_LLR = 4.6
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


def measures(levels_db: Array) -> Array:
    """Return the measures [shape=(..., 48)] of levels [shape=(..., 32, 96)]."""
    shape = levels_db.shape[:-2]
    grouped = levels_db.reshape(*shape, bands.FRAMES, GROUPS, WIDTH)
    together = grouped.mean(axis=-1)
    quarters = grouped.reshape(*shape, QUARTERS, bands.FRAMES // QUARTERS, GROUPS, WIDTH).mean(axis=-3)
    lines = np.maximum(levels_db.mean(axis=-2) @ bands.LESS_NEAR, 0.0)
    made = np.concatenate(
        (
            grouped.std(axis=-3).mean(axis=-1),
            np.abs(np.diff(grouped, axis=-3)).mean(axis=(-3, -1)),
            quarters.std(axis=-3).mean(axis=-1),
            together.std(axis=-2),
            np.abs(np.diff(together, axis=-2)).mean(axis=-2),
            lines.reshape(*shape, GROUPS, WIDTH).mean(axis=-1),
        ),
        axis=-1,
    )
    logs: Array = np.log(np.maximum(made, np.float32(LEAST_DB)))
    return logs


def ratio(levels_db: Array, weights: Weights) -> NDArray[np.float64]:
    """Return the ratio [shape=(...)] of levels [shape=(..., 32, 96)]."""
    summed = measures(levels_db).astype(np.float64) @ np.array(weights.weights) + weights.constant
    held: NDArray[np.float64] = np.clip(summed, -MOST_LLR, MOST_LLR)
    return held
