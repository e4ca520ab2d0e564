"""The third branch: how the levels of a second move and lie, 43 numbers in a small net that tells six families apart.

Rotors under attitude control flutter in a way that steady machines, weather, music and voices do not. In each of eight
groups of twelve bands (`bands.levels_db`, 50 Hz to 7.2 kHz):

    step         mean change of a band from frame to frame
    drift        standard deviation of the means of its quarters
    tremble      as `step`, of the group's mean level: what its bands do together
    lines        mean height of bands above their neighbourhood of an octave, of the second's mean
    shape        mean level, less that of all groups

the first four as logarithms; and of all bands the mean height of the 3 and of the 12 highest lines and of the 8 deepest
gaps. None depends on gain; `shape` and `lines` do on the microphone's response, which is why what this learns from are
drawn clips through drawn microphones, and recordings through drawn ones as well. Each measure is taken in spreads from
its mean, held within ±3. A layer of rectified sums and one of weights give log p(z|family); of each family log p(z|it)
− log p(z|the others by `CHANCES`) is said, held in `LLR_RANGE`. The weights come from `python -m training.texture`.
Machines that it never heard move much like rotors: where the net names one, `fuse.owned` takes most of its word for a
multirotor away.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import NamedTuple

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
# What it tells apart; how often each is met where one is held against the rest, a guess; the family of each of
# `net.KINDS`.
FAMILIES = ("nothing", "multirotor", "helicopter", "fixed wing", "machine", "voice")
CHANCES = (0.3, 0.2, 0.15, 0.08, 0.22, 0.05)
OF_KINDS = (0, 1, 3, 3, 3, 2, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5)
LEAST_CHANCE = 1e-9


class Weights(Struct, frozen=True):
    """The net: where measures lie and how far apart; weights and constants of its hidden units, and of the families."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    hidden: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    out: tuple[tuple[float, ...], ...]
    constant: tuple[float, ...]


class Net(NamedTuple):
    """`Weights` as arrays: `hidden` [shape=(43, units)], `out` [shape=(units, 6)]."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    hidden: NDArray[np.float64]
    bias: NDArray[np.float64]
    out: NDArray[np.float64]
    constant: NDArray[np.float64]

    @classmethod
    def of(cls, weights: Weights) -> Net:
        """Return the net of weights."""
        mean, spread, bias, constant = (
            np.array(values) for values in (weights.mean, weights.spread, weights.bias, weights.constant)
        )
        hidden, out = (np.ascontiguousarray(np.array(rows).T) for rows in (weights.hidden, weights.out))
        return cls(mean, spread, hidden, bias, out, constant)


@functools.cache
def shipped() -> Net:
    """Return the net of the package."""
    data = (resources.files("skysentry.sensing.acoustic") / WEIGHTS).read_bytes()
    return Net.of(msgspec.json.decode(data, type=Weights))


def _ranked() -> Array:
    """Return the matrix [shape=(96, 3)] that takes the means of the highest and the deepest of sorted heights."""
    made = np.zeros((bands.BANDS, len(LINES) + 1), dtype=np.float32)
    for column, count in enumerate(LINES):
        made[-count:, column] = 1.0 / count
    made[:GAPS, -1] = 1.0 / GAPS
    return made / np.float32(LINE_DB)


_PER_STEP = np.float32(1.0 / (bands.FRAMES - 1))
_GROUPED: Array = (np.kron(np.eye(GROUPS), np.ones((WIDTH, 1))) / WIDTH).astype(np.float32)
_SHAPED: Array = (_GROUPED - _GROUPED.mean(axis=1, keepdims=True)) / np.float32(SHAPE_DB)
_RANKED = _ranked()
_CHANCES = np.array(CHANCES)
_ODDS = np.log(_CHANCES / (1.0 - _CHANCES))


def measures(levels_db: Array) -> Array:
    """Return the measures [shape=(..., 43)] of levels [shape=(..., 32, 96)]."""
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
    lies = mean[..., 0, :]
    lying = np.maximum(lies, lies.max(axis=-1, keepdims=True) - np.float32(DEEPEST_DB))
    ranked = np.sort(lying @ bands.LESS_NEAR, axis=-1)
    measured: Array = np.concatenate((logs, lying @ _SHAPED, ranked @ _RANKED), axis=-1)
    return measured


def spreads(measured: Array, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return measures [shape=(..., 43)] in spreads from their means, held within ±`MOST_SPREADS`."""
    held: NDArray[np.float64] = (measured - mean) / spread
    np.minimum(held, MOST_SPREADS, out=held)
    np.maximum(held, -MOST_SPREADS, out=held)
    return held


def ratios(levels_db: Array, net: Net) -> NDArray[np.float64]:
    """Return the ratios of families [shape=(..., 6)] of levels [shape=(..., 32, 96)]."""
    return of_measures(measures(levels_db), net)


def of_measures(measured: Array, net: Net) -> NDArray[np.float64]:
    """Return the ratios of families [shape=(..., 6)] of measures [shape=(..., 43)]."""
    inside = spreads(measured, net.mean, net.spread) @ net.hidden
    inside += net.bias
    said = np.maximum(inside, 0.0, out=inside) @ net.out
    said += net.constant
    return of_logits(said)


def of_logits(said: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ratios of families [shape=(..., 6)] of log p(z|family), up to a constant [shape=(..., 6)]."""
    said = said - np.maximum.reduce(said, axis=-1, keepdims=True)
    chances = np.exp(said, out=said)
    chances *= _CHANCES
    chances /= np.add.reduce(chances, axis=-1, keepdims=True)
    chances += LEAST_CHANCE
    # 1 − p is exact enough: what is said ends at e³.
    made: NDArray[np.float64] = np.log(chances / (1.0 + 2.0 * LEAST_CHANCE - chances))
    made -= _ODDS
    return np.minimum(np.maximum(made, LLR_RANGE[0], out=made), LLR_RANGE[1], out=made)
