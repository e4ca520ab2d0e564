"""Where something new sounds from: the power from every direction, by correlations and a table of lags.

    P(u) = Σ_f w_f dᴴ(u) (R_z − N C) d(u)  =  constant + 2 Σ_pairs G_p(τ_p(u)),   G_p(τ) = Re Σ_f B_fp e^{−2πi f τ}

One product of matrices gives G for all pairs and lags, a table turns lags into directions. Noise has mean zero here,
shared noise too, so a flat array has no phantom overhead. w_f = s/(1 + κs)/N with s from the coherence between the
microphones beyond that of noise, whatever the direction: loud noise without coherence (wind) has no weight.

A peak is told in standard deviations of what noise alone would make of the same weights.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from skysentry.sensing.acoustic.array.field import (
    FLOOR_SHARE,
    LOOKS_WORTH,
    OVERLAP,
    Bins,
    Diffuse,
    Noise,
    Spectra,
    covariance,
)
from skysentry.sensing.acoustic.array.fit import Spectrum
from skysentry.sensing.acoustic.array.geometry import Array64, Geometry
from skysentry.sensing.acoustic.spectrum import Array

# Directions are this part of a wave at 2 kHz across the array apart, within 2 to 6 degrees.
STEP_M = 0.07
STEP_RAD = (math.radians(2.0), math.radians(6.0))
# Lags are an eighth of a wave at the top of the band apart.
LAG_WAVES = 0.125
# Coherence this far above that of noise (standard errors of one bin's) counts.
DOUBT = 1.0


class Half(NamedTuple):
    """Half a second: the `covariance` of x, and z [shape=(M, F, T)], `None` where it is x."""

    r: Spectra
    z: Spectra | None = None


class SkyMap:
    """The tables of one array."""

    def __init__(self, geometry: Geometry, bins: Bins, diffuse: Diffuse) -> None:
        self.geometry, self.bins, self.diffuse = geometry, bins, diffuse
        mics = geometry.places_m
        self.first, self.second = np.triu_indices(len(mics), 1)
        step = min(max(STEP_M / geometry.extent_m, STEP_RAD[0]), STEP_RAD[1])
        self.units = geometry.grid(step)
        self.q = geometry.slowness(self.units)
        lag_s = LAG_WAVES / float(bins.hertz[-1])
        delays = (mics[self.first] - mics[self.second]) @ self.q.T / geometry.speed_mps
        most = math.ceil(float(np.abs(delays).max()) / lag_s)
        lags = np.arange(-most, most + 1) * lag_s
        turn = 2.0 * np.pi * bins.hertz[:, None] * lags
        self.waves: Array = np.vstack((np.cos(turn), np.sin(turn))).astype(np.float32)
        columns = np.rint(delays / lag_s).astype(np.intp) + most
        self.table = (columns + np.arange(len(self.first))[:, None] * len(lags)).astype(np.intp)

    def strongest(self, halves: tuple[Half, Half], noise: Noise, free: Array64, looks: int) -> tuple[Array64, float]:
        """Return q of the strongest peak and its height in standard deviations of noise.

        What each half of a second says of the spectrum weighs the other half, so that noise cannot choose its own
        weights; `looks` are those of a half, `free` [shape=(F,)] is what known sources leave of each bin.
        """
        spectra = [self._spectrum(half.r, looks) for half in halves]
        mics, variance, off = len(self.diffuse.alone), 0.0, np.zeros_like(free)
        kappa, kappa_n = self._mean(noise.w, mics), self._mean(noise.c, mics)
        weights: list[Array64] = []
        for own, other in zip(spectra, reversed(spectra), strict=True):
            ratio = other.signal / other.noise
            weights.append(free * ratio / (1.0 + kappa * ratio) / other.noise)
            off += weights[-1] * own.noise
            variance += float(((weights[-1] * own.noise * kappa_n) ** 2).sum()) / (OVERLAP * looks)
        if variance <= 0.0:
            return np.zeros(self.geometry.rank), 0.0
        b = _weighed(halves, weights)
        if noise.upper is None:
            b[self.diffuse.alone] -= off.astype(np.float32)
        else:
            b -= off.astype(np.float32) * noise.upper
        pairs = b[self.diffuse.pairs]
        lagged = np.concatenate((pairs.real, pairs.imag), axis=1) @ self.waves
        power = 2.0 * lagged.ravel()[self.table].sum(axis=0)
        best = int(power.argmax())
        whole = float(b[self.diffuse.alone].real.sum(dtype=float))
        return self.q[best], (float(power[best]) + whole) / math.sqrt(variance)

    def _mean(self, matrix: Array | None, mics: int) -> Array64:
        """Return the mean of dᴴ A d over directions [shape=(F,)]."""
        if matrix is None:
            return np.full(len(self.bins.hertz), float(mics))
        made: Array64 = np.einsum("fmn,fnm->f", matrix, self.diffuse.gamma)
        return made

    def _spectrum(self, r: Spectra, looks: int) -> Spectrum:
        """Return signal and noise by the coherence between microphones beyond that of noise from all round."""
        level, off, pairs = self.diffuse.level(r), r[self.diffuse.pairs], len(self.diffuse.pairs)
        along = (off.real * self.diffuse.off).sum(axis=0).astype(np.float64)
        shared = np.clip(along / np.maximum(self.diffuse.weight, 1e-9), 0.0, level)
        shared = np.where(self.diffuse.telling, shared, 0.0)
        # The mean of |off − shared · Γ|² over pairs.
        square = (off.real**2 + off.imag**2).sum(axis=0) - shared * (2.0 * along - shared * self.diffuse.weight)
        coherent = np.maximum(square, 0.0) / pairs
        chance = level**2 / (LOOKS_WORTH * looks)
        coherent = _smooth5(coherent) - chance * (1.0 + DOUBT / math.sqrt(len(self.first)))
        signal = np.minimum(np.sqrt(np.maximum(coherent, 0.0)), 0.98 * level)
        return Spectrum(signal, np.maximum(level - signal, FLOOR_SHARE * float(level.max())))


def _weighed(halves: tuple[Half, Half], weights: list[Array64]) -> Spectra:
    """Return the sum of the covariances of z, weighed by frequency."""
    one, other = halves
    if one.z is None or other.z is None:
        return one.r * weights[0].astype(np.float32) + other.r * weights[1].astype(np.float32)
    # One covariance of both: a mean over all their looks is half the sum of the means over each.
    roots = [np.sqrt(2.0 * weight).astype(np.float32) for weight in weights]
    looks = [half.transpose(0, 2, 1) * root for half, root in zip((one.z, other.z), roots, strict=True)]
    return covariance(np.concatenate(looks, axis=1).transpose(0, 2, 1))


def _smooth5(values: Array64) -> Array64:
    """Return a mean over five bins, weighted as a triangle."""
    padded = np.pad(values, 2, mode="edge")
    made: Array64 = np.convolve(padded, np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0, mode="valid")
    return made
