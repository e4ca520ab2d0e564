"""The spectra of one second at all microphones, the noise they share, and steering.

    second + hop before it ──Hann, 200 ms, every 100 ms──▶ x [shape=(M, F, T)], bins of 5 Hz, T looks

The noise outdoors comes from all round: microphones closer than half a wave share it, in phase, and a method that
takes noise for independent hears a source overhead in a flat array that is not there. So its covariance is taken as

    N_f · Q_f,   Q_f = (1 − ρ_f) I + ρ_f Γ_f,   Γ_mn = sin(kd)/(kd) for microphones d apart

with ρ_f learned slowly from what is left when the sources are taken out (`Shared`). Γ's eigenvectors are taken once, so
functions of Q cost a product of small matrices, and only where ρ has changed.

Everything works on z = W x, in float32, with W = Q⁻¹ for a ρ of `TRUSTED` at most: the full inverse would live on
differences between microphones that are smaller than their errors (2 mm, 1 dB). What the noise is then in z is known
for the ρ that is: C = W Q W. With independent noise W and C are 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from skysentry.sensing.acoustic.array.geometry import Array64, Geometry
from skysentry.sensing.acoustic.spectrum import Array, hann

Spectra = NDArray[np.complex64]

LOOKS = 10
# Below 80 Hz wind rules; above 4 kHz nothing is left of what is more than a hundred metres away.
BAND_HZ = (80.0, 4000.0)
# Of the sampling rate, above which the converter's filter turns phases.
NYQUIST_SHARE = 0.45
# Bins more than 80 dB below the loudest hold what windows and rounding leave, not sound: their noise is at least that.
FLOOR_SHARE = 1e-8
# Two looks that overlap by half share their noise: ten are worth this many independent ones (Hann, 50 %: Welch, IEEE
# Trans. Audio Electroacoust. 15, 1967), and neighbouring bins of 5 Hz share theirs, so a sum over looks and bins holds
# hop × width = half as much as it counts.
LOOKS_WORTH = 0.95
OVERLAP = 0.5
# ρ is learned in bands of a third of an octave, within this many seconds, in steps of this.
BAND_STEP = 2.0 ** (1.0 / 3.0)
LEARN_S = 20.0
RHO_STEP, RHO_MOST, TRUSTED = 0.05, 1.0, 0.8
# A new array takes noise for independent in the highest band, and in each as in the next higher one, as surely as if it
# had heard that for so long.
PRIOR_S = 0.05
# The floor of a band is what a quarter of its bins are below.
FLOOR = 0.25
# Coherence of diffuse noise below this (mean square over pairs) tells nothing of ρ.
LEAST_COHERENCE = 0.02


class Bins:
    """Which bins of the spectra are used at a rate; `k` are their numbers, `hertz` their frequencies."""

    def __init__(self, rate_hz: float, hop: int) -> None:
        width = rate_hz / (2 * hop)
        top = min(BAND_HZ[1], NYQUIST_SHARE * rate_hz)
        self.k = np.arange(math.ceil(BAND_HZ[0] / width), int(top / width) + 1)
        self.hertz: Array64 = (self.k * width).astype(np.float64)
        self.block = math.ceil(math.sqrt(len(self.k)))
        # Frequencies as begin + block·a + b, so that a steering vector is a product of two short ones.
        self.coarse = self.hertz[:: self.block]
        self.fine: Array64 = (np.arange(self.block) * width).astype(np.float64)

    def steer(self, delays_s: Array64) -> Spectra:
        """Return exp(2πi f τ) [shape=(*delays.shape[:1], F, *delays.shape[1:])]: the mics first, the looks last."""
        turn = 2.0 * np.pi * delays_s[..., None]
        coarse, fine = _turned(turn * self.coarse), _turned(turn * self.fine)
        product = coarse[..., None] * fine[..., None, :]
        made: Spectra = product.reshape(*delays_s.shape, -1)[..., : len(self.k)]
        return made if delays_s.ndim == 1 else made.transpose(0, 2, 1)


def _turned(angle: Array64) -> Spectra:
    """Return exp(i·angle): numpy makes cosine and sine apart sooner than a complex exponential."""
    made = np.empty(angle.shape, dtype=np.complex64)
    np.cos(angle, out=made.real, casting="same_kind")
    np.sin(angle, out=made.imag, casting="same_kind")
    return made


def by_look(x: Spectra) -> Spectra:
    """Return spectra [shape=(M, F, T)] as they lie best in memory: the many frequencies of a look together."""
    return np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)


def spectra(sound: Array, hop: int) -> Spectra:
    """Return the spectra [shape=(M, 1 + hop, T)] of sound [shape=(hop + T·hop, M)]."""
    looks, mics = len(sound) // hop - 1, sound.shape[1]
    window = hann(2 * hop)
    made = np.empty((mics, looks, hop + 1), dtype=np.complex64)
    frames = sliding_window_view(np.ascontiguousarray(sound.T, dtype=np.float32), 2 * hop, axis=1)
    # One microphone at a time: what is in hand stays in the cache.
    for mic, own in enumerate(frames[:, : looks * hop : hop]):
        made[mic] = rfft(own * window, axis=1)
    return made.transpose(0, 2, 1)


class Noise(NamedTuple):
    """W and C [shape=(F, M, M)] and tr(W Q) [shape=(F,)], the noise of xᴴ W x; `None` where they are 1.

    `upper` is C as a `covariance` is.
    """

    w: Array | None
    c: Array | None
    whole: Array64 | None
    upper: Array | None


INDEPENDENT = Noise(None, None, None, None)


class Diffuse:
    """Noise from all round at one array: Γ by its eigenvectors, for each bin."""

    def __init__(self, geometry: Geometry, bins: Bins) -> None:
        mics = geometry.mics_m
        apart = np.sqrt(((mics[:, None] - mics) ** 2).sum(-1))
        self.gamma: Array64 = np.sinc(2.0 * bins.hertz[:, None, None] * apart / geometry.speed_mps)
        self.values, vectors = np.linalg.eigh(self.gamma)
        self.vectors: Array = vectors.astype(np.float32)
        # Of a covariance: whose products its rows are, which are powers, and which those of pairs.
        self.first, self.second = np.triu_indices(len(mics))
        self.alone, self.pairs = np.flatnonzero(self.first == self.second), np.flatnonzero(self.first != self.second)
        # Γ of the pairs [shape=(pairs, F)].
        off = self.gamma[:, self.first, self.second].T[self.pairs]
        self.off: Array = np.ascontiguousarray(off, dtype=np.float32)
        self.weight: Array64 = (off**2).sum(axis=0)
        self.telling = self.weight / max(1, len(self.pairs)) > LEAST_COHERENCE
        bands = np.floor(np.log(bins.hertz / bins.hertz[0]) / math.log(BAND_STEP)).astype(np.intp)
        self.bands = bands
        self.count = int(bands.max()) + 1
        # Where the floor of each band lies among levels in order of band and level: between two of them.
        sizes = np.bincount(bands, minlength=self.count)
        place = np.cumsum(sizes) - sizes + FLOOR * (sizes - 1)
        self.floor = np.floor(place).astype(np.intp)
        self.next = np.ceil(place).astype(np.intp)
        self.between: Array64 = place - self.floor
        # What a second without sources weighs, by band.
        self.full: Array64 = np.maximum(np.bincount(bands[self.telling], self.weight[self.telling], self.count), 1e-9)

    def noise(self, rho: Array64) -> Noise:
        """Return W and C for ρ of each band."""
        if float(rho.max()) == 0.0:
            return INDEPENDENT
        true, held = rho[self.bands][:, None], np.minimum(rho, TRUSTED)[self.bands][:, None]
        flat = 1.0 / (1.0 - held + held * np.maximum(self.values, 0.0))
        spread = 1.0 - true + true * np.maximum(self.values, 0.0)
        # W and C one below the other: half as many small products.
        both = np.concatenate((flat[:, None], (flat**2 * spread)[:, None]), axis=1).astype(np.float32)
        scaled: Array = (self.vectors[:, None] * both[:, :, None]).reshape(len(flat), -1, flat.shape[1])
        made: Array = scaled @ self.vectors.transpose(0, 2, 1)
        w, c = made[:, : flat.shape[1]], made[:, flat.shape[1] :]
        return Noise(w, c, (flat * spread).sum(axis=1), np.ascontiguousarray(c[:, self.first, self.second].T))

    def level(self, r: Spectra) -> Array64:
        """Return the mean power of a microphone [shape=(F,)] by a covariance."""
        made: Array64 = r[self.alone].real.mean(axis=0).astype(np.float64)
        return np.maximum(made, 1e-30)

    def alike(self, d: Spectra) -> Array:
        """Return the real part of d dᴴ of pairs [shape=(pairs, F)], of steering [shape=(M, F)]."""
        real, imag, one, other = d.real, d.imag, self.first[self.pairs], self.second[self.pairs]
        made: Array = real[one] * real[other] + imag[one] * imag[other]
        return made

    def outer(self, d: Spectra) -> Spectra:
        """Return d dᴴ of steering [shape=(M, F)] as a `covariance` is."""
        made: Spectra = d[self.first] * d[self.second].conj()
        return made


class SharedState(Struct):
    """What was learned of the noise that microphones share: sums by band."""

    above: list[float]
    below: list[float]
    seconds: float = 0.0


class Shared:
    """ρ by band, learned from what is left when the sources are taken out."""

    def __init__(self, diffuse: Diffuse, state: SharedState | None = None) -> None:
        self.diffuse = diffuse
        blank = [0.0] * diffuse.count
        state = state or SharedState(blank, list(blank))
        if len(state.above) != diffuse.count or len(state.below) != diffuse.count:
            raise ValueError("the bands of the noise do not fit the array")
        self.above, self.below, self.seconds = np.array(state.above), np.array(state.below), state.seconds
        self.rho: Array64 = np.zeros(0)
        self.noise = INDEPENDENT
        self._set()

    def state(self) -> SharedState:
        """Return what to remember."""
        return SharedState(self.above.tolist(), self.below.tolist(), self.seconds)

    def learn(self, r: Spectra, level: Array64, free: Array64, steered: Sequence[Spectra] = ()) -> None:
        """Take one second of what is left, its `covariance`, whose noise has this level [shape=(F,)].

        What has the shape of Γ and not of a source counts: of Γ the part that is orthogonal to d dᴴ of every source
        (`steered`, each [shape=(M, F)]), weighed by what the sources leave of a bin.
        """
        d = self.diffuse
        others: list[Array] = []
        for one in steered:
            others.append(_across(d.alike(one), others))
        shape = _across(d.off, others)
        weight = d.telling * (free * self._calm(r)) ** 2
        fit = weight * (r[d.pairs].real * shape).sum(axis=0) / np.maximum(level, 1e-30)
        above = np.bincount(d.bands, fit, d.count)
        below = np.bincount(d.bands, weight * (shape**2).sum(axis=0), d.count)
        # A band that sources fill keeps what was learned of it.
        keep = 1.0 - np.minimum(below / d.full, 1.0) / LEARN_S
        self.above, self.below, self.seconds = keep * self.above + above, keep * self.below + below, 1.0
        self._set()

    def _calm(self, r: Spectra) -> Array64:
        """Return 1 for bins at the floor of their band, less for louder ones: lines that nobody has taken out."""
        d = self.diffuse
        level = d.level(r)
        ranked = level[np.lexsort((level, d.bands))]
        floors = ranked[d.floor] + (ranked[d.next] - ranked[d.floor]) * d.between
        made: Array64 = np.minimum(1.0, floors[d.bands] / level)
        return made

    def _set(self) -> None:
        # What a band does not tell, the next higher one does.
        share, above = np.zeros(self.diffuse.count), 0.0
        for band in range(self.diffuse.count - 1, -1, -1):
            prior = PRIOR_S * float(self.diffuse.full[band])
            above = min(max((float(self.above[band]) + prior * above) / (float(self.below[band]) + prior), 0.0), 1.0)
            share[band] = above
        rho = np.clip(np.round(share / RHO_STEP) * RHO_STEP, 0.0, RHO_MOST)
        if self.rho.shape == rho.shape and bool((rho == self.rho).all()):
            return
        self.rho = rho
        self.noise = self.diffuse.noise(rho)


def whitened(x: Spectra, w: Array | None) -> Spectra:
    """Return z = W x [shape=(M, F, T)]."""
    if w is None:
        return x
    return by_look(times(w, x.transpose(1, 0, 2)).transpose(1, 0, 2))


def times(real: Array, other: Spectra) -> Spectra:
    """Return products of real matrices [shape=(F, M, M)] and complex ones [shape=(F, M, n)], which numpy would take for
    complex alike."""
    made: Spectra = np.matmul(real, np.ascontiguousarray(other).view(np.float32)).view(np.complex64)
    return made


def _across(shape: Array, others: Sequence[Array]) -> Array:
    """Return the part of matrices [shape=(pairs, F)] that is orthogonal to others, themselves orthogonal."""
    for other in others:
        part = (shape * other).sum(axis=0) / np.maximum((other * other).sum(axis=0), 1e-12)
        shape = shape - part * other
    return shape


def covariance(x: Spectra) -> Spectra:
    """Return the mean of x xᴴ over looks: its upper triangle, row by row [shape=(M (M + 1) / 2, F)]."""
    rows = x.transpose(0, 2, 1)
    mics, looks, bins = rows.shape
    turned, at = rows.conj(), 0
    made = np.empty((mics * (mics + 1) // 2, bins), dtype=np.complex64)
    for mic in range(mics):
        np.add.reduce(rows[mic] * turned[mic:], axis=1, out=made[at : at + mics - mic])
        at += mics - mic
    made *= np.float32(1.0 / looks)
    return made
