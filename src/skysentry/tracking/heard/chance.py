"""Chance without a generator: uniform and normal numbers that belong to a key, the same on every run.

A key is the hash of a track's seed and a second, so that a restored tracker draws on as it would have done.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel

# Golden ratio, and the mixing constants of the splitmix64 generator (Steele, Lea, Flood, 2014).
GOLDEN, MIX_1, MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@kernel
def mixed(z: np.uint64) -> np.uint64:
    """Return the hash of a number: the splitmix64 generator's output for it as state."""
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    return z ^ (z >> np.uint64(31))


@kernel
def chance(key: np.uint64, k: int) -> float:
    """Return the k-th uniform number of (0, 1) that belongs to a key."""
    return (float(mixed(key + np.uint64(k + 1) * GOLDEN) >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@kernel
def normal(key: np.uint64, k: int) -> float:
    """Return the k-th standard normal number of a key (Box and Muller)."""
    return math.sqrt(-2.0 * math.log(chance(key, 2 * k))) * math.cos(2.0 * math.pi * chance(key, 2 * k + 1))


@kernel
def key_of(seed: int, second: int) -> np.uint64:
    """Return the key of a track's chances in a second."""
    return mixed(np.uint64(seed) ^ mixed(np.uint64(second) + GOLDEN))
