"""One thing that sounds, from second to second: its last fit, whether it is sure, whether it is gone; its state.

What is remembered for the next fit is where it was, how it moved, and its spectrum.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.sensing.acoustic.array.field import Bins
from skysentry.sensing.acoustic.array.fit import Fit, Second, Spectrum
from skysentry.sensing.acoustic.array.geometry import Array64, Geometry

# Standard deviations of noise at which one second is enough; fainter ones are heard twice before they are told.
SURE = 25.0
# Seconds without it after which one that was sure is dropped.
MISSES = 3


class SourceState(Struct):
    """A source, ready for a snapshot."""

    key: int
    q: list[float]
    v: list[float]
    signal: bytes
    noise: bytes
    hits: int
    misses: int
    sure: bool


class Source:
    """One thing that sounds. `fit` is that of the last second it was heard in; `now` whether that is this one."""

    def __init__(self, key: int, fit: Fit, height: float) -> None:
        self.key, self.fit, self.height = key, fit, height
        self.hits, self.misses = 1, 0
        self.sure = height >= SURE

    @property
    def now(self) -> bool:
        """Whether it was heard in the last second."""
        return self.misses == 0

    def hear(self, fit: Fit, real: bool, again: bool) -> None:
        """Take a second in which it was fitted, and whether it was heard or only what others leave.

        `again`: the same second once more, which counts neither for nor against what is sure.
        """
        if again and not real and self.sure:
            return
        self.height = fit.height
        if not real:
            self.misses += 1
            return
        self.fit, self.misses, self.hits = fit, 0, self.hits + (0 if again else 1)
        self.sure = self.sure or self.hits >= 2

    @property
    def gone(self) -> bool:
        """Whether it is to be dropped."""
        return self.misses >= (MISSES if self.sure else 1)


def guess(one: Source, second: Second, fitted_s: int = 0) -> Fit:
    """Return where a source is expected: a second on (less `fitted_s`), and as fast as before."""
    fit = one.fit
    ahead = fit.q + fit.v * (one.misses + 1 - fitted_s)
    ahead = ahead / max(1.0, float(np.linalg.norm(ahead)))
    at = second.middle(ahead)
    ratio = fit.spectrum.ratio(at, second.worth)
    return Fit(ahead, fit.v, fit.information, fit.spectrum, ratio, 1.0 / (1.0 + at.kappa * ratio), 0.0)


def state_of(one: Source) -> SourceState:
    """Return what to remember of a source."""
    spectrum = one.fit.spectrum
    return SourceState(
        key=one.key,
        q=one.fit.q.tolist(),
        v=one.fit.v.tolist(),
        signal=spectrum.signal.tobytes(),
        noise=spectrum.noise.tobytes(),
        hits=one.hits,
        misses=one.misses,
        sure=one.sure,
    )


def source_of(state: SourceState, geometry: Geometry, bins: Bins) -> Source:
    """Return a source as it was; raises `ValueError` where it does not fit the array."""
    signal, noise = _array(state.signal), _array(state.noise)
    if not len(state.q) == len(state.v) == geometry.rank or not len(signal) == len(noise) == len(bins.k):
        raise ValueError("a source does not fit the array")
    if not all(math.isfinite(value) for value in (*state.q, *state.v)) or not np.isfinite(signal + noise).all():
        raise ValueError("a source holds what is no number")
    spectrum = Spectrum(signal, np.maximum(noise, 1e-30))
    # What is followed needs neither the information nor the ratio of the second before.
    fit = Fit(np.array(state.q), np.array(state.v), np.eye(geometry.rank), spectrum, np.zeros(0), np.zeros(0), 0.0)
    one = Source(state.key, fit, 0.0)
    one.hits, one.misses, one.sure = state.hits, state.misses, state.sure
    return one


def _array(data: bytes) -> Array64:
    if len(data) % 8:
        raise ValueError("an array of the wrong length")
    return np.frombuffer(data, dtype="<f8").copy()
