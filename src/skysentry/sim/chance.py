"""Chance with names: every sensor, link and flyer draws from a stream of its own.

A stream is seeded by the scenario's seed and a *name*, not by the order of creation, so that a sensor more leaves the
draws of all others as they were.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from skysentry.geo import Array

# Four 32-bit words of SHA-256 make two names share a stream once in 2^64 scenarios.
KEY_WORDS = 4


def stream(seed: int, *name: str) -> Generator:
    """Return the generator that this name has under this seed."""
    digest = hashlib.sha256("/".join(name).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")[:KEY_WORDS]
    return Generator(PCG64(SeedSequence(seed, spawn_key=tuple(int(word) for word in words))))


def normals(streams: Sequence[Generator], *shape: int) -> Array:
    """Return standard normals [shape=(len(streams), *shape)], each row from its own stream."""
    return np.array([one.standard_normal(shape) for one in streams]).reshape(len(streams), *shape)


def uniforms(streams: Sequence[Generator], *shape: int) -> Array:
    """Return uniforms in [0, 1) [shape=(len(streams), *shape)], each row from its own stream."""
    return np.array([one.random(shape) for one in streams]).reshape(len(streams), *shape)


class Wander:
    """A first-order autoregressive process, stationary from its first step: what fades, gusts and drifts do.

    `sigma` is its standard deviation, `tau_s` the time after which it has forgotten all but 1/e of itself.
    """

    def __init__(self, sigma: float, tau_s: float, step_s: float = 1.0) -> None:
        self.sigma = sigma
        self.keep = math.exp(-step_s / tau_s)
        self.value: Array | None = None

    def step(self, draws: Array) -> Array:
        """Return the next values from standard normal draws of the same shape at every step."""
        if self.value is None:
            self.value = self.sigma * draws
        else:
            self.value = self.keep * self.value + self.sigma * math.sqrt(1.0 - self.keep**2) * draws
        return self.value
