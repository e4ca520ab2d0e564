"""How much of what a sensor says of class is new: learned from how its looks at one track hang together.

Neighbouring looks share wind, range and background, and a model may boast; how much, nobody declares. Ratios l of one
sensor at one track are modelled as what its class says, and noise of which a share ν is new in each look and the rest
keeps a memory τ. Differences of looks at one track hold no class, so they teach the noise without a label; and
calibrated ratios of normal noise lie as far apart as their variance, which teaches the boast b:

    ½ E(l(t) − l(t − Δ))² = σ² (ν + (1 − ν)(1 − exp(−Δ/τ)))                  by lags Δ, over all tracks of the sensor
    E|l|² − (K − 1) σ² = s² (K − 1)/K,    b = σ²/s ≥ 1                        K classes stated, l less their mean
    V(Δ) = ν + (1 − ν) coth(Δ/2τ),    (1 − ρ)/(1 + ρ) = 1/V(Δ)                 the long run's variance in looks
    evidence += (l − ρ l_before)/((1 + ρ) b)                                  exact where ν is zero

Until a sensor has taught otherwise its noise keeps `PRIOR_MEMORY_S`. Left out: what is wrong with one object for as
long as it flies, which no differences show; classes that a sensor confuses more than others.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, field

from skysentry.tracking.models.motion import Array

# A look a second counts a fifteenth then: between looks that are independent and noise that keeps 20 s.
PRIOR_MEMORY_S = 7.5
# The prior's sigma in ln τ: from a second to a minute anything is usual.
PRIOR_SPREAD = 1.5
# What is asked of a sensor: memories from within a look to minutes, and shares of noise that is new in each look.
MEMORIES_S: Array = 0.3 * 2.0 ** np.arange(0.0, 10.5, 0.5)
WHITE: Array = np.linspace(0.0, 0.9, 10)
# Upper ends of the lags that are kept apart; what lies further back than a minute and a half is begun anew.
LAGS_S = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)
# Differences overlap, and looks at one track share their noise: they count as fewer.
OVERLAP = 0.2
# Pairs of looks that are remembered, the older ones less and less: a quarter of an hour of ten tracks; weather changes.
MEMORY_LOOKS = 20_000.0
# Independent looks that a boast of one is believed for.
PRIOR_LOOKS = 30.0
# Networks that were not calibrated boast by 1.5 to 3.
MOST_BOAST = 4.0
# coth(Δ/2τ) of looks that are independent; at 1 their memory would be nothing, which divides by zero.
LEAST_LASTING = 1.001
# How often what was learned is solved for.
EVERY_S = 5
# Fewer looks teach nothing.
LEAST_LOOKS = 20.0
# A large country's sensors that state classes.
MOST_RECORDS = 10_000
# Sensors that a track remembers by what they said last.
MOST_SAID = 64


class Said(Struct, array_like=True):
    """What one sensor said last of a track, and what it said a while ago; ratios by number of the class."""

    time_ns: int
    ratios: dict[int, float]
    anchor_ns: int
    anchor: dict[int, float]


class Record(Struct, array_like=True):
    """What was learned of one sensor: sums over lags (looks, seconds, half squared differences), and over looks.

    `power` is the sum of squares of ratios less their mean, `apart` that of K − 1; `tracks` are first looks.
    """

    looks: list[float] = field(default_factory=lambda: [0.0] * len(LAGS_S))
    lag_s: list[float] = field(default_factory=lambda: [0.0] * len(LAGS_S))
    half: list[float] = field(default_factory=lambda: [0.0] * len(LAGS_S))
    count: float = 0.0
    power: float = 0.0
    apart: float = 0.0
    tracks: float = 0.0
    white: float = 0.0
    memory_s: float = PRIOR_MEMORY_S
    boast: float = 1.0
    taught: bool = False

    def repeated(self, gap_s: float) -> float:
        """Return ρ: the part of a look that the one before, so long ago, has said already."""
        over = self.white + (1.0 - self.white) / math.tanh(0.5 * gap_s / self.memory_s)
        return (over - 1.0) / (over + 1.0)

    def learn(self, gap_s: float, before: dict[int, float], now: dict[int, float]) -> None:
        """Take a pair of looks at one track."""
        classes = len(now)
        if classes < 2 or gap_s > LAGS_S[-1] or before.keys() != now.keys():
            return
        steps = [ratio - before[k] for k, ratio in now.items()]
        mean = sum(steps) / classes
        k = 0
        while gap_s > LAGS_S[k]:
            k += 1
        self.looks[k] += 1.0
        self.lag_s[k] += gap_s
        self.half[k] += 0.5 * (sum([step * step for step in steps]) - classes * mean * mean) / (classes - 1)
        self.taught = True

    def weigh(self, now: dict[int, float]) -> None:
        """Take the size of one look's ratios."""
        classes = len(now)
        mean = sum(now.values()) / max(classes, 1)
        self.count += 1.0
        self.power += sum([ratio * ratio for ratio in now.values()]) - classes * mean * mean
        self.apart += classes - 1

    def solve(self) -> None:
        """Bring memory and boast up to date, and forget a little."""
        self.taught = False
        if self.count < LEAST_LOOKS or sum(self.looks) < LEAST_LOOKS:
            return
        n, apart = np.array(self.looks), self.apart / self.count
        seen = n > 0.0
        n, lag = n[seen], np.array(self.lag_s)[seen] / n[seen]
        half = np.maximum(np.array(self.half)[seen] / n, 1e-9)
        white, memory = (part.ravel() for part in np.meshgrid(WHITE, MEMORIES_S))
        shape = white[:, None] + (1.0 - white[:, None]) * -np.expm1(-lag / memory[:, None])
        variance = (n * half / shape).sum(axis=1) / n.sum()
        fits = variance[:, None] * shape
        log_p = -0.5 * OVERLAP * apart * (n * (np.log(fits) + half / fits)).sum(axis=1)
        log_p -= 0.5 * (np.log(memory / PRIOR_MEMORY_S) / PRIOR_SPREAD) ** 2
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        # What counts is V at the usual gap: independent looks are as well no noise that lasts as no noise that is new.
        gap_s = float(lag[0])
        over = math.exp(p @ np.log(white + (1.0 - white) / np.tanh(0.5 * gap_s / memory)))
        self.white = float(p @ white)
        lasting = max((over - self.white) / (1.0 - self.white), LEAST_LASTING)
        self.memory_s = 0.5 * gap_s / math.atanh(1.0 / lasting)
        signal = float(p @ np.maximum(self.power / self.count - apart * variance, 0.0))
        self._boast(float(p @ variance), signal * (apart + 1.0) / apart, gap_s)
        fade = min(MEMORY_LOOKS / sum(self.looks), 1.0)
        for part in (self.looks, self.lag_s, self.half):
            part[:] = [fade * one for one in part]
        self.count, self.power = fade * self.count, fade * self.power
        self.apart, self.tracks = fade * self.apart, fade * self.tracks

    def _boast(self, variance: float, signal: float, gap_s: float) -> None:
        """Compare how far classes lie apart, squared, with how far calibrated ratios of this noise would."""
        rho = self.repeated(gap_s)
        looks = self.tracks + self.count * (1.0 - rho) / (1.0 + rho)
        signal = (looks * signal + PRIOR_LOOKS * variance * variance) / (looks + PRIOR_LOOKS)
        self.boast = min(max(variance / math.sqrt(signal), 1.0), MOST_BOAST)


class Repeats:
    """What was learned of each sensor that states classes."""

    def __init__(self, records: dict[str, Record] | None = None, age_s: int = 0) -> None:
        self.records, self.age_s = records or {}, age_s

    def fresh(self, said: dict[str, Said], sensor: str, now: dict[int, float], time_ns: int) -> dict[int, float]:
        """Return what is new in a look's ratios to a track, whose `said` is kept up to date. Late looks say nothing."""
        record = self.records.get(sensor)
        if record is None:
            record = Record()
            if len(self.records) < MOST_RECORDS:
                self.records[sensor] = record
        last = said.get(sensor)
        if last is None:
            if len(said) < MOST_SAID:
                said[sensor] = Said(time_ns, now, time_ns, now)
            record.tracks += 1.0
            record.weigh(now)
            return {k: ratio / record.boast for k, ratio in now.items()}
        gap_s = (time_ns - last.time_ns) / 1e9
        if gap_s <= 0.0:
            return {}
        record.weigh(now)
        record.learn(gap_s, last.ratios, now)
        if last.anchor_ns < last.time_ns:
            record.learn((time_ns - last.anchor_ns) / 1e9, last.anchor, now)
        rho, before = record.repeated(gap_s), last.ratios
        last.time_ns, last.ratios = time_ns, now
        if (time_ns - last.anchor_ns) / 1e9 > LAGS_S[-1]:
            last.anchor_ns, last.anchor = time_ns, now
        part = 1.0 / ((1.0 + rho) * record.boast)
        return {k: part * (ratio - rho * before.get(k, 0.0)) for k, ratio in now.items()}

    def settle(self) -> None:
        """Note that a second has passed; solve for what was taught now and then."""
        self.age_s += 1
        if self.age_s % EVERY_S == 0:
            for record in self.records.values():
                if record.taught:
                    record.solve()
