"""One source in one second: slowness, its rate, and their information, by maximum likelihood.

With x = d s + noise, noise of covariance N Q, z = W x and C = W Q W (`field`), y = dᴴ z, κ = dᴴ W d,
κ_n = dᴴ C d, signal to noise s = S κ / (N κ_n), each bin and look weighs |y|² by

    w = s / (1 + κ s) · κ / (N κ_n)

nothing where there is no source, not more than 1/κN where it is loud: the weights of maximum likelihood. This is what a
comb mask or PHAT approximate: the source's own spectrum is the mask. S and N come from the data themselves (the beam,
and what is left beside it), smoothed with the seconds before. What noise adds to |y|² depends on the direction, and is
taken off the slope, or noise that all microphones share would pull every source towards the zenith of a flat array:

    g = Σ w (2 Re(y* ẏ) − (|y|² − N κ_n) κ̇ / κ − N κ̇_n)

The slowness moves during the second, q(t) = q + v t; q and v are found together by Fisher scoring, δ = J⁻¹ g, with the
information of a Gaussian source (e.g. Stoica and Nehorai, IEEE Trans. ASSP 38, 1990; here with known Q):

    J_ab = 2 Σ κ s²/(1 + κs) · Re(ḋ_aᴴ P ḋ_b),   P = W − W d dᴴ W / κ

which is also what the sigmas come from. Rates have a prior (`RATE_SIGMA`): short or faint sounds say little of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from skysentry.sensing.acoustic.array.field import (
    FLOOR_SHARE,
    LOOKS_WORTH,
    OVERLAP,
    Bins,
    Noise,
    Spectra,
    times,
    whitened,
)
from skysentry.sensing.acoustic.array.geometry import Array64, Geometry

# What passes 50 m away at 20 m/s turns by 0.4 rad/s.
RATE_SIGMA = 0.3
# Nothing that an array follows turns faster (rad/s): 100 m/s pass at 100 m.
FASTEST = 1.0
# A rate that was wrong must not hold itself: the next second expects this part of it.
RATE_KEPT = 0.7
# No step of the search is longer than this part of a wave at 1 kHz across the array, nor than 0.2.
STEP_WAVES, LONGEST_STEP = 0.12, 0.2
# A new source starts up to half a lobe away, a followed one where it was; the search ends when a step is a tenth of a
# sigma.
STEPS_NEW, STEPS_KNOWN = 15, 8
# So many tell whether something is worth the rest.
STEPS_TRIAL = 3
NEAR_SIGMAS = 0.1
# What depends on the direction alone is taken anew where the search has moved by more than a degree.
SAME_PLACE = 0.02
# Share of the spectra of the seconds before.
KEEP = 0.5
# Signal below this many standard errors of the estimate is taken for none: a bin with nothing in it would weigh.
DOUBT = 1.0
# The looks and bins of a Hann window lose some five hundredths of what is there; spectra are estimated, not known.
LOSS = 1.15


class Spectrum(Struct, frozen=True, eq=False):
    """Of one source: signal and noise at a microphone in each bin [shape=(F,)], powers of a look."""

    signal: Array64
    noise: Array64

    def ratio(self, steered: Steered, looks: float) -> Array64:
        """Return s, with what may be chance taken off."""
        s = self.signal / (self.noise * steered.lift) - DOUBT / (steered.kappa * math.sqrt(looks))
        made: Array64 = np.maximum(s, 0.0)
        return made


class Steered(NamedTuple):
    """At one slowness: κ, κ_n / κ [shape=(F,)], κ̇, κ̇_n [shape=(F, rank)] and Re(ḋᴴ P ḋ) [shape=(F, rank, rank)]."""

    kappa: Array64
    lift: Array64
    slope: Array64
    noise_slope: Array64
    bend: Array64


class Fit(Struct, frozen=True, eq=False):
    """A source: q and v [shape=(rank,)] in the middle of the second, the information of q, its spectrum; `ratio` is s,
    `free` [shape=(F,)] the share of each bin that it leaves to others, 1 / (1 + κ s), and `height` by how many standard
    deviations of noise it stands out as the spectrum before would have it."""

    q: Array64
    v: Array64
    information: Array64
    spectrum: Spectrum
    ratio: Array64
    free: Array64
    height: float


class Left(NamedTuple):
    """What is left when some sources are taken out: x and z [shape=(M, F, T)], and the share of each bin that is free.

    Where a source was loud, what is left has lost the noise that came with it, and would be trusted too much.
    """

    x: Spectra
    z: Spectra
    free: Array64


class Second:
    """One second at one array: what all fits of it share."""

    def __init__(self, geometry: Geometry, bins: Bins, looks: int, noise: Noise) -> None:
        self.geometry, self.bins, self.noise = geometry, bins, noise
        self.times_s: Array64 = (np.arange(looks) - (looks - 1) / 2.0) / looks
        self.wave: Array64 = 2.0 * np.pi * bins.hertz / geometry.speed_mps
        self.mics = len(geometry.mics_m)
        # Sums over microphones of 1 and of the places: rows of one product.
        self.rows = np.vstack((np.ones(self.mics), geometry.places_m.T)).astype(np.float32)
        self.falling = (-1j * self.wave[:, None, None]).astype(np.complex64)
        # What makes d and its derivatives of d.
        levers = 1j * self.wave[:, None, None] * geometry.places_m
        self.lever = np.concatenate((np.ones((*levers.shape[:2], 1)), levers), axis=2).astype(np.complex64)
        self.worth = LOOKS_WORTH * looks
        self.known: dict[bytes, Steered] = {}
        self.whole = np.full(len(bins.k), float(self.mics)) if noise.whole is None else noise.whole

    def steer(self, q: Array64, v: Array64) -> Spectra:
        """Return d [shape=(M, F, T)]."""
        path = q[:, None] + v[:, None] * self.times_s
        return self.bins.steer(self.geometry.places_m @ path / self.geometry.speed_mps)

    def middle(self, q: Array64) -> Steered:
        """Return what depends on the direction alone, at q; where a source is expected its fit begins with the same."""
        key = q.tobytes()
        if key not in self.known:
            self.known[key] = self._middle(q)
        return self.known[key]

    def _middle(self, q: Array64) -> Steered:
        places, k2 = self.geometry.places_m, self.wave**2
        if self.noise.w is None or self.noise.c is None:
            spread = places.T @ places
            flat = np.zeros((len(k2), places.shape[1]))
            one = np.ones(len(k2))
            return Steered(self.mics * one, one, flat, flat, k2[:, None, None] * spread)
        # d and its derivatives side by side: dᴴ W d, dᴴ W ḋ and ḋᴴ W ḋ are parts of one product, as those with C.
        d = self.bins.steer(places @ q / self.geometry.speed_mps).T[:, :, None] * self.lever
        wd = times(self.noise.w, d)
        inner = np.matmul(d.conj().transpose(0, 2, 1), wd)
        of_noise = np.einsum("fm,fma->fa", d[:, :, 0].conj(), times(self.noise.c, d)).real.astype(float)
        kappa = np.maximum(inner[:, 0, 0].real.astype(float), 1e-6)
        kappa_n = np.maximum(of_noise[:, 0], 1e-6)
        slope = inner[:, 0, 1:]
        across = (slope.conj()[:, :, None] * slope[:, None, :]).real / kappa[:, None, None]
        noise_slope, bend = 2.0 * of_noise[:, 1:], inner[:, 1:, 1:].real - across
        return Steered(kappa, kappa_n / kappa, 2.0 * slope.real.astype(float), noise_slope, bend)

    def fit(
        self,
        left: Left,
        q: Array64,
        v: Array64,
        before: Spectrum | None,
        steps: int,
        others: Sequence[Fit] = (),
        still: bool = False,
    ) -> Fit:
        """Return the source near q in what is left when `others` are taken out; `still` ones keep their rate."""
        power, rate, free = mean_power(left), RATE_KEPT * v, left.free
        at, at_q = self.middle(q), q
        for _ in range(steps):
            if float(np.linalg.norm(q - at_q)) > SAME_PLACE:
                at, at_q = self.middle(q), q
            beam, slope = self._beam(left.z, q, v)
            level, noise = self._levels(beam, power, at)
            spectrum = self._spectrum(level, noise, at, before)
            ratio = spectrum.ratio(at, self.worth)
            gain = free * ratio / (1.0 + at.kappa * ratio)
            j = 2.0 * np.einsum("f,fab->ab", at.kappa * ratio * gain, at.bend)
            weight = gain / (spectrum.noise * at.lift)
            per_look = np.einsum("f,fat->at", weight, 2.0 * (beam.conj()[:, None] * slope).real)
            pull = (weight * (level - spectrum.noise * at.lift)) @ at.slope
            pull += (weight * spectrum.noise) @ at.noise_slope
            ahead, turned = self._step(q, v, rate, per_look - pull[:, None], j)
            v = v if still else turned
            moved, q = ahead - q, ahead
            if float(moved @ j @ moved) * OVERLAP * len(self.times_s) < NEAR_SIGMAS**2:
                break
        if others:
            j = 2.0 * np.einsum("f,fab->ab", at.kappa * ratio * gain, self._beside(q, ratio, others))
        information = OVERLAP * len(self.times_s) / LOSS * j + 1e-3 * np.eye(len(q))
        height = 0.0 if before is None else self._height(level, noise, free, at, before)
        return Fit(q, v, information, spectrum, ratio, 1.0 / (1.0 + at.kappa * ratio), height)

    def _beside(self, q: Array64, ratio: Array64, others: Sequence[Fit]) -> Array64:
        """Return Re(ḋᴴ P ḋ) where P takes out what looks like other sources too, as far as they are loud."""
        speed, places = self.geometry.speed_mps, self.geometry.places_m
        columns = [self.bins.steer(places @ one / speed).T for one in (q, *(other.q for other in others))]
        d = np.stack(columns, axis=2)
        weighed = d if self.noise.w is None else times(self.noise.w, d)
        loud = np.stack([ratio, *(other.ratio for other in others)], axis=1)
        g = d.conj().transpose(0, 2, 1) @ weighed + np.eye(d.shape[2]) / np.maximum(loud, 1e-6)[:, None, :]
        moved = self.lever[:, :, 1:] * d[:, :, :1]
        across = weighed.conj().transpose(0, 2, 1) @ moved
        whole = moved if self.noise.w is None else times(self.noise.w, moved)
        bend: Array64 = (moved.conj().transpose(0, 2, 1) @ whole).real.astype(np.float64)
        bend -= (across.conj().transpose(0, 2, 1) @ np.linalg.solve(g, across)).real
        return bend

    def _beam(self, z: Spectra, q: Array64, v: Array64) -> tuple[Spectra, Spectra]:
        """Return y [shape=(F, T)] and its slopes [shape=(F, rank, T)]."""
        turned = self.steer(-q, -v)
        turned *= z
        looks = turned.transpose(0, 2, 1)
        sums = (self.rows @ looks.reshape(len(z), -1).view(np.float32)).view(np.complex64).reshape(-1, *looks.shape[1:])
        return sums[0].T, self.falling * sums[1:].transpose(2, 0, 1)

    def _levels(self, beam: Spectra, power: Array64, at: Steered) -> tuple[Array64, Array64]:
        """Return |y|²/κ and the noise at a microphone [shape=(F,)]: two sums of which both are parts."""
        level = (beam.real.astype(float) ** 2 + beam.imag**2).mean(axis=1) / at.kappa
        noise = np.maximum(power - level, 1e-3 * power) / np.maximum(self.whole - at.lift, 0.5)
        return level, np.maximum(noise, FLOOR_SHARE * float(power.max()))

    def _spectrum(self, level: Array64, noise: Array64, at: Steered, before: Spectrum | None) -> Spectrum:
        noise = _smooth(noise)
        signal = _smooth((level - noise * at.lift) / at.kappa)
        if before is not None:
            signal = KEEP * before.signal + (1.0 - KEEP) * signal
            noise = KEEP * before.noise + (1.0 - KEEP) * noise
        return Spectrum(signal, noise)

    def _height(self, level: Array64, noise: Array64, free: Array64, at: Steered, expected: Spectrum) -> float:
        """Return by how many standard deviations of noise the beam is louder than noise, as `expected` weighs it."""
        ratio = expected.ratio(at, self.worth)
        weight = free * ratio / (1.0 + at.kappa * ratio) / (expected.noise * at.lift)
        off = at.kappa * (level - noise * at.lift)
        spread = math.sqrt(float(((weight * at.kappa * at.lift * noise) ** 2).sum()) / (OVERLAP * len(self.times_s)))
        return float(weight @ off) / spread if spread > 0.0 else 0.0

    def _step(self, q: Array64, v: Array64, rate: Array64, per_look: Array64, j: Array64) -> tuple[Array64, Array64]:
        times, looks = self.times_s, len(self.times_s)
        tiny = 1e-9 * np.trace(j) * np.eye(len(q)) + 1e-6 * np.eye(len(q))
        dq = np.linalg.solve(looks * j + tiny, per_look.sum(axis=1))
        prior = np.eye(len(q)) / (OVERLAP * RATE_SIGMA**2)
        pull = per_look @ times - (v - rate) / (OVERLAP * RATE_SIGMA**2)
        dv = np.linalg.solve(float(times @ times) * j + prior, pull)
        longest = min(LONGEST_STEP, STEP_WAVES * self.geometry.speed_mps / 1000.0 / self.geometry.extent_m)
        dq *= min(1.0, longest / max(float(np.linalg.norm(dq)), 1e-12))
        dv *= min(1.0, longest / max(float(np.linalg.norm(dv)), 1e-12))
        q = q + dq
        # Waves in air are never slower than 1.15 of what they should be: wind and weather are within that.
        v = v + dv
        return q / max(1.0, float(np.linalg.norm(q)) / 1.15), v / max(1.0, float(np.linalg.norm(v)) / FASTEST)

    def without(self, whole: Left, out: Sequence[Fit], stay: Sequence[Fit] = ()) -> Left:
        """Return what is left when the best estimates of some sources are taken out, beside others that stay.

        All are estimated together (linear, least mean square: (G + 1/s)⁻¹ y with G_jk = d_jᴴ W d_k), or a small array
        would take a part of each for the other.
        """
        every = [*out, *stay]
        if not out:
            return whole
        steered = [self.steer(one.q, one.v) for one in every]
        y = np.stack([(d.conj() * whole.z).sum(axis=0) for d in steered], axis=1)
        middle = np.stack([d[..., d.shape[2] // 2].T for d in steered], axis=2)
        weighed = middle if self.noise.w is None else times(self.noise.w, middle)
        g = middle.conj().transpose(0, 2, 1) @ weighed
        ratios = np.maximum(np.stack([one.ratio for one in every], axis=1), 1e-6)
        g = g + (np.eye(len(every)) / ratios[:, None, :]).astype(np.float32)
        sound = y / g if len(every) == 1 else np.linalg.solve(g, y).astype(np.complex64)
        taken, free = np.zeros_like(whole.x), whole.free
        for number, one in enumerate(out):
            taken += steered[number] * sound[:, number]
            free = free * one.free
        x = whole.x - taken
        z = x if self.noise.w is None else whole.z - whitened(taken, self.noise.w)
        return Left(x, z, free)


def mean_power(left: Left) -> Array64:
    """Return the mean of xᴴ W x over looks [shape=(F,)]."""
    made: Array64 = (left.x.conj() * left.z).real.sum(axis=0).astype(float).mean(axis=1)
    return np.maximum(made, 1e-30)


def _smooth(values: Array64) -> Array64:
    """Return a mean over three bins, as wide as the window's own main lobe."""
    padded = np.pad(values, 1, mode="edge")
    made: Array64 = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return made
