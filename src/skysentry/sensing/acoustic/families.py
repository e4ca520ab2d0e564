"""Six families of the sixteen kinds of sound, and what a second says of them.

A net knows families better than kinds: a machine that it takes for another machine is still a machine. So `fuse` hears
both, the kinds and, of each family, log p(z|it) − log p(z|the others), held in `LLR_RANGE`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.sensing.acoustic.net import KINDS
from skysentry.sensing.acoustic.spectrum import Array

Ratios = NDArray[np.float64]

# What is told apart; how often each is met where one is held against the rest, a guess; the family of each of `KINDS`.
FAMILIES = ("nothing", "multirotor", "helicopter", "fixed wing", "machine", "voice")
CHANCES = (0.3, 0.2, 0.15, 0.08, 0.22, 0.05)
OF_KINDS = (0, 1, 3, 3, 3, 2, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5)
# A second may say no more: the drones of sixteen scenes and drawn ones are not all drones.
LLR_RANGE = (-3.0, 3.0)
LEAST_CHANCE = 1e-9

_CHANCES = np.array(CHANCES)
_ODDS = np.log(_CHANCES / (1.0 - _CHANCES))


def sums(chances: Ratios) -> Ratios:
    """Return the matrix [shape=(16, 6)] that takes p(z|kind) to p(z|family), for chances of kinds [shape=(16,)]."""
    mine = np.zeros((len(KINDS), len(FAMILIES)))
    mine[np.arange(len(KINDS)), OF_KINDS] = chances
    made: Ratios = mine / mine.sum(axis=0)
    return made


def ratios(log_p: Array, of_kinds: Ratios) -> Ratios:
    """Return the ratio of each family [shape=(6,)] of log p(z|kind) [shape=(16,)], by the matrix of `sums`."""
    chances = (np.exp(log_p.astype(np.float64) - log_p.max()) @ of_kinds) * _CHANCES
    chances /= np.add.reduce(chances)
    chances += LEAST_CHANCE
    # 1 − p is exact enough: what is said ends at e³.
    made: Ratios = np.log(chances / (1.0 + 2.0 * LEAST_CHANCE - chances))
    made -= _ODDS
    return np.minimum(np.maximum(made, LLR_RANGE[0], out=made), LLR_RANGE[1], out=made)
