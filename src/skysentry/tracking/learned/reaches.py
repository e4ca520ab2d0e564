"""How far sensors of sound really hear: one network of sensors of a kind, each with its reach by direction.

A declared reach is a belief. Wind carries sound five times further one way than the other, valleys mask, a microphone
ages. For each sensor and octant of direction the log of the effective reach over the declared one is a grid of
`FACTORS` values, weighed by looks at tracks that are surely there because other sensors hear them:

    hit      Pd(d; f)               Pd(d; f) = pd / (1 + exp((d − f R) / soft)),  d at emission
    silence  1 − Pd(d; f)           each to the power `NATS_PER_S` a second: neighbouring looks share the wind

Counts fade over `MEMORY_S`. The prior of an octant comes from the whole network, log f = μ + c cos az + s sin az (one
wind for all; fitted by weighted least squares to what octants show by themselves), with a spread that is itself learned
from how far sensors differ from that. A sensor has a bias of its own in all directions and differs by octant besides;
given the bias octants are independent, so the posterior is an exact sum. What a look carries (`L_REACH`, `L_EDGE`) is
the posterior's mean and, as a softer edge, its width: silence from where the reach is not known says little.

Left out: how loud the single object is (`loudness`); reach by frequency; moving sensors, for which no direction stays
the same.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.compiled import array_kernel, kernel
from skysentry.site import Weather
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.learned.acuity import Acuity
from skysentry.tracking.models.coverage import SIGMA_TO_SCALE, octant
from skysentry.tracking.models.measure import L_EDGE, L_MAX, L_ORIGIN, L_PD, L_REACH, L_ROTATION, L_SOFT, OCTANTS
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.models.outline import ahead, sound_lag

# Effective reach over declared: a seventh to two and a half times, in steps of 27 %.
FACTORS = 13
STEP = 0.2377
LOWEST = -8.0 * STEP
LOGS = LOWEST + STEP * np.arange(FACTORS)
# Chance of a hit that has nothing to do with the reach: a wrong association, an echo; and of a miss.
LEAST_PD, MOST_PD = 0.03, 0.9
# No network hears more of what it should than this, unless it says so.
MOST_ACUTE_PD = 0.98
# Of a track whose place is known worse than this share of the reach nothing is learned.
VAGUE = 0.3
# Spread of single sensors about the network: at least, at most; how many octants' worth its first belief is; which
# share (as a sigma) is the sensor's own in all directions.
LEAST_SPREAD, MOST_SPREAD, SPREAD_WEIGHT = 0.05, 0.6, 6.0
BIAS_SHARE = 0.7
BIASES = 13
# What wind does by itself: sound is carried from upwind and bent away downwind; a fresh breeze does most of it, and
# four to one is the most that is believed before it is seen (the log of its square root).
MOST_CARRIED, FRESH_MPS = 0.7, 5.0
# A prior that says nothing, for what an octant shows by itself; the precision from which it shows anything.
BROAD, INFORMED = 0.8, 2.0
MEMORY_S = 600.0
# A network as a whole hears as far as declared until its mean is lower by this and by so many of its sigmas. What reach
# itself has placed tells a mean of up to 0.12 in honest networks of microphones.
LEAST_LEVEL, SURE_SIGMAS = 0.17, 3.0
AZIMUTHS = np.arange(OCTANTS) * (2.0 * math.pi / OCTANTS)
HARMONICS = np.stack([np.ones(OCTANTS), np.sin(AZIMUTHS), np.cos(AZIMUTHS)], axis=1)


class Doubt(Struct, frozen=True):
    """How far a declared reach may be from the truth before anything is seen: sigmas of logs.

    What is declared stands until the network's mean, its wind or its spread is larger than `stands`. `sheltered` is the
    part, one sigma, of what wind does by itself by which it is wrong of the network and of each sensor in it.
    """

    mean: float
    wind: float
    spread: float
    stands: float = 0.0
    sheltered: float = 0.0


@array_kernel
def learn(
    lines: Array, sure: Indices, tracks: int, look: Array, edge_i: Indices, share: Array, directed: bool, power: float,
    tally: Array,
) -> None:  # fmt: skip
    """Weigh one sensor's tally [shape=(OCTANTS, FACTORS)] with its look, in place.

    `sure` (n,) counts the sensors that lately saw each track; `edge_i`, `share` are the pairs of a look of directions,
    or `share` (n,) the chance that "heard" came from each track.
    """
    taken = np.zeros(tracks)
    anything = False
    if directed:
        for e in range(share.shape[0]):
            taken[edge_i[e]] += share[e]
    else:
        for i in range(tracks):
            taken[i] = share[i]
            anything = anything or share[i] > 0.0
    mean = np.empty(6)
    widest = LOWEST + STEP * FACTORS
    reach, pd = look[L_MAX], look[L_PD]
    for i in range(min(tracks, sure.shape[0])):
        if sure[i] < 2:
            continue
        if abs(lines[i, 0] - look[L_ORIGIN]) + abs(lines[i, 1] - look[L_ORIGIN + 1]) > 2.0 * math.exp(widest) * reach:
            continue
        spread = ahead(lines, i, sound_lag(lines, i, look, mean), mean) / math.sqrt(3.0)
        # Asked so that a state, or a share, that is not finite teaches nothing.
        if not spread <= VAGUE * reach or not taken[i] >= 0.0:
            continue
        d0, d1, d2 = mean[0] - look[L_ORIGIN], mean[1] - look[L_ORIGIN + 1], mean[2] - look[L_ORIGIN + 2]
        distance = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        if not distance <= math.exp(widest) * reach:
            continue
        hit = min(taken[i], 1.0)
        missed = 1.0 - hit if directed or not anything else 0.0
        if sure[i] < 3:
            # Two sensors, and this may be one of them: whoever is asked is no witness.
            hit = 0.0
        x = look[L_ROTATION] * d0 + look[L_ROTATION + 1] * d1 + look[L_ROTATION + 2] * d2
        y = look[L_ROTATION + 3] * d0 + look[L_ROTATION + 4] * d1 + look[L_ROTATION + 5] * d2
        first, part = octant(x, y)
        second = (first + 1) % OCTANTS
        for k in range(FACTORS):
            own = math.exp(LOWEST + STEP * k) * reach
            soft = math.sqrt(look[L_SOFT] ** 2 + (SIGMA_TO_SCALE * spread) ** 2 + (0.3 * STEP * own) ** 2)
            p = pd / (1.0 + math.exp(min((distance - own) / soft, 50.0)))
            p = min(max(p, LEAST_PD), MOST_PD)
            said = power * (hit * math.log(p) + missed * math.log(1.0 - p))
            tally[first, k] += (1.0 - part) * said
            tally[second, k] += part * said


@kernel
def moments(weight: Array) -> tuple[float, float]:
    """Return mean and variance of the log factor under weights [shape=(FACTORS,)] that need not sum to one."""
    total, mean, square = 0.0, 0.0, 0.0
    for k in range(FACTORS):
        value = LOWEST + STEP * k
        total += weight[k]
        mean += weight[k] * value
        square += weight[k] * value * value
    mean /= total
    return mean, max(square / total - mean * mean, STEP * STEP / 12.0)


@array_kernel
def gauge(tally: Array, model: Array, bias: Array, shown: Array, alone: Array) -> None:
    """Write each octant's posterior mean and variance, and those that it shows by itself [both shape=(S, OCTANTS, 2)].

    `model` (OCTANTS, BIASES, FACTORS) is the prior of an octant's factor given its sensor's bias, `bias` (BIASES,) the
    prior of that. Given the bias octants are independent, so the sums are exact.
    """
    own, weight, post = np.empty((OCTANTS, FACTORS)), np.empty(FACTORS), np.empty(BIASES)
    inner = np.empty((OCTANTS, BIASES))
    for sensor in range(tally.shape[0]):
        post[:] = bias
        for o in range(OCTANTS):
            top = tally[sensor, o].max()
            for k in range(FACTORS):
                own[o, k] = math.exp(tally[sensor, o, k] - top)
                weight[k] = own[o, k] * math.exp(-0.5 * ((LOWEST + STEP * k) / BROAD) ** 2)
            alone[sensor, o, 0], alone[sensor, o, 1] = moments(weight)
            for b in range(BIASES):
                inner[o, b] = 1e-12
                for k in range(FACTORS):
                    inner[o, b] += model[o, b, k] * own[o, k]
                post[b] *= inner[o, b]
        for o in range(OCTANTS):
            weight[:] = 0.0
            for b in range(BIASES):
                for k in range(FACTORS):
                    weight[k] += post[b] / inner[o, b] * model[o, b, k] * own[o, k]
            shown[sensor, o, 0], shown[sensor, o, 1] = moments(weight)


class Network:
    """What was learned of the reach of sensors of one kind.

    Shapes: tally (S, OCTANTS, FACTORS); shown (S, OCTANTS, 2), mean and variance of the log factor as the looks have
    it; fit (3,) and its covariance; spread (1,).
    """

    KEPT = ("tally", "shown", "fit", "cov", "spread")

    def __init__(self, known: dict[str, Listener], names: list[str], weather: Weather, doubt: Doubt) -> None:
        self.known, self.names = known, names
        self.doubt = doubt
        carried = MOST_CARRIED * -math.expm1(-weather.wind_mps / FRESH_MPS)
        upwind = math.radians(weather.wind_from_deg)
        self.first_spread = math.hypot(doubt.spread, doubt.sheltered * carried)
        windy = math.hypot(doubt.wind, doubt.sheltered * carried)
        self.believed: Array = np.array([0.0, carried * math.sin(upwind), carried * math.cos(upwind)])
        self.precision: Array = np.diag([doubt.mean**-2, windy**-2, windy**-2])
        self.tally: Array = np.zeros((len(names), OCTANTS, FACTORS))
        self.shown: Array = np.zeros((len(names), OCTANTS, 2))
        self.fit: Array = self.believed.copy()
        self.cov: Array = np.diag([doubt.mean**2, windy**2, windy**2])
        self.spread: Array = np.array([self.first_spread])
        self.acuity = Acuity()
        self.declared_pd = [float(own.look[L_PD]) for own in self.listeners]
        self._gauge()

    @property
    def listeners(self) -> list[Listener]:
        """The sensors as they are known now: one that is found to point elsewhere gets a new look."""
        return [self.known[name] for name in self.names]

    def refresh(self, passed_s: float) -> None:
        """Forget a little, and bring the looks and then the network up to date."""
        self.tally *= math.exp(-min(max(passed_s, 0.0), MEMORY_S) / MEMORY_S)
        self._refit(self._gauge())

    def _gauge(self) -> Array:
        """Bring `shown` and the looks up to date; return what octants show by themselves."""
        spread = float(self.spread[0])
        bias = np.linspace(-2.4, 2.4, BIASES)
        common = math.hypot(BIAS_SHARE * spread, math.sqrt(float(np.diag(self.cov) @ (1.0, 0.5, 0.5))))
        off = LOGS[None, None, :] - (HARMONICS @ self.fit)[:, None, None] - (bias * common)[None, :, None]
        # No narrower than the grid can hold.
        sigma = max(spread * math.sqrt(1.0 - BIAS_SHARE**2), 0.4 * STEP)
        model = np.exp(-0.5 * (off / sigma) ** 2)
        model /= np.maximum(model.sum(axis=2, keepdims=True), 1e-300)
        prior = np.exp(-0.5 * bias**2)
        alone = np.empty_like(self.shown)
        gauge(self.tally, model, prior / prior.sum(), self.shown, alone)
        self.show()
        return alone

    def show(self) -> None:
        """Write reach and edge into the looks, and Pd where the network's acuity is another than declared."""
        for own, declared in zip(self.listeners, self.declared_pd, strict=True):
            own.look[L_PD] = min(declared * math.exp(self.acuity.pd), max(MOST_ACUTE_PD, declared))
        if not self.doubted:
            level = self._level()
            for own in self.listeners:
                own.look[L_REACH : L_REACH + OCTANTS] = own.look[L_MAX] * level
                own.look[L_EDGE : L_EDGE + OCTANTS] = own.look[L_SOFT] if level else 0.0
            return
        for own, shown in zip(self.listeners, self.shown, strict=True):
            reach = own.look[L_MAX] * np.exp(shown[:, 0])
            own.look[L_REACH : L_REACH + OCTANTS] = reach
            own.look[L_EDGE : L_EDGE + OCTANTS] = np.hypot(
                own.look[L_SOFT], SIGMA_TO_SCALE * np.sqrt(shown[:, 1]) * reach
            )

    @property
    def doubted(self) -> bool:
        """Whether single reaches are believed as learned, with the doubt that is left, instead of as declared."""
        further = max(self.acuity.reach, 0.0)
        departs = max(abs(float(self.fit[0]) - further), math.hypot(*self.fit[1:].tolist()), float(self.spread[0]))
        return departs >= self.doubt.stands

    def _level(self) -> float:
        """Return the factor by which the whole network hears further, or less far, than declared; 0 where as declared.

        No sensor is doubted for it: its edge stays as sharp as it was declared. That it hears less far octants tell
        too. Further they do not: groups and loud engines are heard further, and say nothing of a network.
        """
        if self.hears_less():
            return math.exp(min(float(self.fit[0]), self.acuity.reach))
        return math.exp(self.acuity.reach) if self.acuity.reach else 0.0

    def hears_less(self) -> bool:
        """Return whether octants are sure that the network hears less far than declared."""
        return -float(self.fit[0]) > max(LEAST_LEVEL, SURE_SIGMAS * math.sqrt(float(self.cov[0, 0])))

    def _refit(self, alone: Array) -> None:
        """Fit the network's mean and wind to what octants show by themselves, and the spread about it."""
        spread2 = float(self.spread[0]) ** 2
        seen = np.maximum(1.0 / alone[..., 1] - 1.0 / BROAD**2, 1e-6)
        informed = seen > INFORMED
        value = np.where(informed, np.clip(alone[..., 0] / alone[..., 1] / seen, LOGS[0], LOGS[-1]), 0.0)
        weight = np.where(informed, 1.0 / (1.0 / seen + spread2), 0.0)
        known: Array = np.einsum("so,oa,ob->ab", weight, HARMONICS, HARMONICS) + self.precision
        self.cov = np.asarray(np.linalg.inv(known), dtype=np.float64)
        self.fit = self.cov @ (np.einsum("so,so,oa->a", weight, value, HARMONICS) + self.precision @ self.believed)
        left = (value - HARMONICS @ self.fit) ** 2 - 1.0 / seen
        trust = np.where(informed, (spread2 * weight) ** 2, 0.0)
        square = SPREAD_WEIGHT * self.first_spread**2 + float((trust * left).sum())
        square /= SPREAD_WEIGHT + float(trust.sum())
        self.spread[0] = math.sqrt(min(max(square, LEAST_SPREAD**2), MOST_SPREAD**2))

    def dump(self) -> list[bytes]:
        """Return the state."""
        return [getattr(self, name).tobytes() for name in self.KEPT]

    def load(self, arrays: list[bytes]) -> None:
        """Take a state. Raises `ValueError` where it is of other sensors."""
        for name, data in zip(self.KEPT, arrays, strict=True):
            setattr(self, name, np.frombuffer(data).reshape(getattr(self, name).shape).copy())
        self.show()
