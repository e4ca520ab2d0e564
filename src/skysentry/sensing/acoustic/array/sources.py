"""Which things sound around an array, second by second: found, followed, dropped.

    look(x):  for each known source, the loudest first:   fit it in what is left without the others
              in what is left of all:                      the strongest peak of the map → a new source
              in what is left then:                        learn the noise that microphones share

A source is new where the map stands out by `BIRTH`, sure when it was heard twice or stands out by `SURE`, and gone
after `MISSES` seconds without it: one that stops is dropped 3 s later. What is fitted is of one second alone, so the
errors of neighbouring seconds are independent; only the weights of the frequencies are remembered.

No ghosts: what has less than a twentieth of the power that louder sources have at the same frequencies is what is left
of them by errors of the array (2 mm, 1 dB) or by reflection, and no source. Two within half a lobe are one.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from skysentry.sensing.acoustic.array.field import (
    INDEPENDENT,
    Bins,
    Diffuse,
    Shared,
    SharedState,
    Spectra,
    by_look,
    covariance,
    whitened,
)
from skysentry.sensing.acoustic.array.fit import (
    FASTEST,
    STEPS_KNOWN,
    STEPS_NEW,
    STEPS_TRIAL,
    Fit,
    Left,
    Second,
    Spectrum,
)
from skysentry.sensing.acoustic.array.geometry import Array64, Geometry
from skysentry.sensing.acoustic.array.sky_map import Half, SkyMap
from skysentry.sensing.acoustic.array.source import Source, SourceState, guess, source_of, state_of

# Standard deviations of noise: 600 s of each of four kinds of noise in each of four arrays gave none such
# (python -m bench.doa noise).
BIRTH = 8.0
# Of a source that is known, whose direction and spectrum are not searched for.
HELD = 3.0
# Sources at one array at once; a beamformer of eight microphones has seven zeros.
MOST_SOURCES = 6
MOST_BIRTHS = 2
# The loudest sources hide the shape of the noise most.
MOST_LEARNED = 3
GHOST_SHARE = 0.05
# A loud source leaves rests, by moving other than straight and by errors of the array, of up to this share of its own
# height: the sharpest measure where it fills only some bins.
FAINT = 0.02
# Two nearer than this part of a wave at 1 kHz across the array are one; not beyond 30°, not below 3°.
LOBE_WAVES, LOBE = 0.4, (0.05, 0.5)


class SourcesState(Struct):
    """All sources of an array and its noise."""

    shared: SharedState
    sources: list[SourceState]
    next_key: int


class Sources:
    """Everything that sounds around one array, with its tables."""

    def __init__(self, geometry: Geometry, rate_hz: float, hop: int, looks: int, state: SourcesState | None) -> None:
        self.geometry, self.looks = geometry, looks
        self.bins = Bins(rate_hz, hop)
        self.diffuse = Diffuse(geometry, self.bins)
        self.map = SkyMap(geometry, self.bins, self.diffuse)
        self.shared = Shared(self.diffuse, None if state is None else state.shared)
        self.sources = [] if state is None else [source_of(one, geometry, self.bins) for one in state.sources]
        self.next_key = 0 if state is None else state.next_key
        self.latest: tuple[Second, Left] | None = None
        self.lobe = min(max(LOBE_WAVES * 0.343 / geometry.extent_m, LOBE[0]), LOBE[1])

    def state(self) -> SourcesState:
        """Return what to remember."""
        return SourcesState(self.shared.state(), [state_of(one) for one in self.sources], self.next_key)

    def look(self, x: Spectra) -> list[Source]:
        """Take the spectra of one second [shape=(M, F, T)]; return the sources that are sure and heard now."""
        x, every = by_look(x), np.ones(len(self.bins.k))
        if self.shared.seconds > 0.0:
            return self._look(x, every, self.shared)
        # What is noise in its first second has to be found without knowing it; then the sources are fitted again.
        self._look(x, every, self._first(x))
        return self._look(x, every, self.shared, fitted_s=1)

    def _first(self, x: Spectra) -> Shared:
        """Return what of the first second is noise that microphones share, beside the loudest things in it."""
        half = self.looks // 2
        parts = [covariance(x), covariance(x[..., :half]), covariance(x[..., self.looks - half :])]
        mics, free, steered = len(x), np.ones(len(self.bins.k)), []
        for _ in range(MOST_LEARNED):
            halves = (Half(parts[1]), Half(parts[2]))
            q, height = self.map.strongest(halves, INDEPENDENT, free, half)
            if height < BIRTH:
                break
            d = self.bins.steer(self.geometry.places_m @ q / self.geometry.speed_mps)
            steered.append(d)
            outer, level = self.diffuse.outer(d), self.diffuse.level(parts[0])
            product = (outer.conj() * parts[0]).real
            beam = product[self.diffuse.alone].sum(axis=0) + 2.0 * product[self.diffuse.pairs].sum(axis=0)
            signal = np.clip((beam - mics * level) / (mics * (mics - 1)), 0.0, 0.98 * level)
            free = free * (level - signal) / (level + (mics - 1) * signal)
            parts = [part - signal.astype(np.float32) * outer for part in parts]
        blank = Shared(self.diffuse)
        blank.learn(parts[0], self.diffuse.level(parts[0]), free, steered)
        return blank

    def _look(self, x: Spectra, every: Array64, shared: Shared, fitted_s: int = 0) -> list[Source]:
        second = Second(self.geometry, self.bins, self.looks, shared.noise)
        whole = Left(x, whitened(x, shared.noise.w), every)
        left = self._follow(second, whole, fitted_s)
        births = self.next_key
        halves: tuple[Half, Half] | None = None
        for _ in range(MOST_BIRTHS):
            halves = self._halves(second, left) if len(self.sources) < MOST_SOURCES else None
            born = None if halves is None else self._birth(second, left, halves)
            if born is None:
                break
            self.sources.append(born)
            left, halves = second.without(whole, [one.fit for one in self.sources if one.now]), None
        if self.next_key > births and len(self.sources) > 1:
            # What is new changes what is known, and the other way round.
            left, halves = self._follow(second, whole, 1), None
        if halves is None or self.looks % 2:
            self._learn(second, left, covariance(left.x))
        else:
            self._learn(second, left, (halves[0].r + halves[1].r) * np.float32(0.5))
        self.latest = (second, whole)
        return [one for one in self.sources if one.sure and one.now]

    def _learn(self, second: Second, left: Left, r: Spectra) -> None:
        fits = [one.fit for one in self.sources if one.now][:MOST_LEARNED]
        speed = self.geometry.speed_mps
        steered = [self.bins.steer(self.geometry.places_m @ fit.q / speed) for fit in fits]
        level = fits[0].spectrum.noise if fits else self.diffuse.level(r)
        self.shared.learn(r, level, left.free, steered)

    def others(self, one: Source) -> list[Fit]:
        """Return the other sources that are heard now."""
        return [other.fit for other in self.sources if other is not one and other.now and other.sure]

    def alone(self, one: Source) -> Spectra:
        """Return the spectra of the second last looked at, without the other sources."""
        if self.latest is None:
            raise RuntimeError("no second was looked at")
        second, whole = self.latest
        return second.without(whole, self.others(one), [one.fit]).x

    def _follow(self, second: Second, whole: Left, fitted_s: int) -> Left:
        """Fit what is known, each without the others; return what is left."""
        self.sources.sort(key=lambda one: -float(one.fit.spectrum.signal.sum()))
        guesses = [guess(one, second, fitted_s) for one in self.sources]
        fitted: list[Source] = []
        for number, (one, expected) in enumerate(zip(self.sources, guesses, strict=True)):
            others = [*(other.fit for other in fitted if other.now), *guesses[number + 1 :]]
            left = second.without(whole, others, [expected])
            fit = second.fit(left, expected.q, expected.v, expected.spectrum, STEPS_KNOWN, others)
            loudest = max((other.height for other in fitted), default=0.0)
            real = (
                float(np.linalg.norm(fit.v)) < FASTEST
                and fit.height > max(HELD, FAINT * loudest / 2.0)
                and not self._ghost(fit.spectrum, fitted)
            )
            one.hear(fit, real, fitted_s > 0)
            fitted.append(one)
        self.sources = self._apart([one for one in fitted if not one.gone])
        return second.without(whole, [one.fit for one in self.sources if one.now])

    def _apart(self, sources: list[Source]) -> list[Source]:
        """Drop the fainter of two that have become one."""
        kept: list[Source] = []
        for one in sources:
            if all(float(np.linalg.norm(one.fit.q - other.fit.q)) > self.lobe / 2.0 for other in kept):
                kept.append(one)
        return kept

    def _halves(self, second: Second, left: Left) -> tuple[Half, Half]:
        half, alike = self.looks // 2, second.noise.w is None
        first, last = slice(half), slice(self.looks - half, None)
        one, other = (Half(covariance(left.x[..., p]), None if alike else left.z[..., p]) for p in (first, last))
        return one, other

    def _birth(self, second: Second, left: Left, halves: tuple[Half, Half]) -> Source | None:
        q, height = self.map.strongest(halves, second.noise, left.free, self.looks // 2)
        if height < max(BIRTH, FAINT * max((one.height for one in self.sources), default=0.0)):
            return None
        if self._near(q):
            return None
        fit = second.fit(left, q, np.zeros_like(q), None, STEPS_TRIAL, still=True)
        if self._near(fit.q) or self._ghost(fit.spectrum, self.sources):
            return None
        fit = second.fit(left, fit.q, fit.v, None, STEPS_NEW)
        self.next_key += 1
        return Source(self.next_key, fit, height)

    def _near(self, q: Array64) -> bool:
        return any(float(np.linalg.norm(q - other.fit.q)) < self.lobe for other in self.sources)

    def _ghost(self, spectrum: Spectrum, louder: list[Source]) -> bool:
        """Whether it has next to nothing where others are loud."""
        signal = np.maximum(spectrum.signal, 0.0)
        share = signal / max(float(signal.sum()), 1e-30)
        others = sum(float(share @ one.fit.spectrum.signal) for one in louder if one.now)
        return float(share @ signal) < GHOST_SHARE * others
