"""Evidence of seconds → ratios of classes: a hidden Markov chain over the kinds of sound, forward only.

    α_t(k) ∝ [ (1 − q)·α_{t−1}(k) + q·π(k) ] · exp( κ·log p(z_t|k) + λ·comb_t(k) + familiar_t(k) )

q is the chance that a second's sound changes (14 s of memory), π the chances of kinds at a place with no news.
κ < 1 because neighbouring seconds share place, wind and microphone; λ is the comb's voice. `log p` is the broad net's
(`broad`). Where something may fly (`ASK_LLR`) the net that sees lines (`net`) is asked too, and the mean of both
counts: they err on other sounds. What the broad net says of the families of kinds (`families`) counts beside that
(`familiar`): of multirotors with μ, and for them only as far as no machine is as likely (`owned`); of helicopters, and
of machines and voices, with a ν of each; of kinds that no recording holds only against: music and hum look like them to
nets, which know them from drawings alone. All are chosen on recordings left out of training, simulated jets in sight
(`python -m bench.acoustic_learned --fit`, `bench.range_sweep`): few numbers, for recordings are few.

What is published of a class is log p(z_1…t|class) − log p(z_1…t|nothing there), where "nothing there" is what places
sound like without anything that flies: a fifth of it machines, voices and thunder (`CONFUSED`). So a chainsaw speaks
for `ground_source` by at most log 5, and *against* a drone that explains it worse. The chain bounds itself: after long
quiet a class starts some two nats down, after long droning it cannot be lost by one second. `tamed` holds the rest
within ±`MOST_LLR` without levelling it: order survives.

The place: chances of nothing and of confusers move towards what is heard there (`habit`), slowly, never while something
may fly, and never those of flying kinds: the mower next door becomes part of "nothing there", a drone that stays not.

    ear          α                    16 numbers in float64, in the snapshot
    fast tier    one second of sound  its ratios alone (`alone`), where the chain does not speak yet
    confirmed    3 to 5 s             feature `confirmed`
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic import families
from skysentry.sensing.acoustic.llr import Ratios
from skysentry.sensing.acoustic.net import CONFUSERS, KINDS, UNVALIDATED
from skysentry.sensing.acoustic.spectrum import Array

Belief = NDArray[np.float64]
# Of sixteen numbers Python adds a few up sooner than numpy: what only reads a belief takes it either way.
Told: TypeAlias = Belief | tuple[float, ...]

# Share of confusers in "nothing there": a guess of how often a place without drones holds one of them.
CONFUSED = 0.2
# Chances of kinds before anything is heard. What flies shares 0.3, the kinds without recordings behind them less: hum
# and held notes look like an electric aeroplane, surf like a jet. Which of them is rarer at a place the site says.
FLYING = (
    ObjectClass.MULTIROTOR,
    ObjectClass.FIXED_WING_ELECTRIC,
    ObjectClass.FIXED_WING_PISTON,
    ObjectClass.JET,
    ObjectClass.HELICOPTER,
    ObjectClass.AEROPLANE,
)
FLYING_CHANCES = (0.14, 0.005, 0.04, 0.02, 0.07, 0.025)


class Model(Struct, frozen=True):
    """What counts how far: κ, λ, μ, ν of helicopters, of what is on the ground, of what no recording holds, of jets.

    `change` is q.
    """

    kappa: float
    comb: float
    multirotor: float
    helicopter: float
    ground: float
    unrecorded: float
    jet: float
    change: float


# With κ = 0.3 simulated jets are hardly heard. With a smaller q drones are told a second later, and the tails of
# places and helicopters are longer.
MODEL = Model(kappa=0.4, comb=0.3, multirotor=1.0, helicopter=0.4, ground=1.0, unrecorded=1.0, jet=0.4, change=0.07)
# No chance is less: logs need a floor, and 1e-30 is beyond what any bounded ratio can tell.
LEAST = 1e-30
# A place's habits are learned in ten minutes; four fifths of them, so that no kind becomes impossible.
HABIT_S = 600.0
LEARNED = 0.8
# From here on something may fly, and nothing is learned.
FROZEN_LLR = -1.0
# From here on the net of lines is asked: of few seconds of noise, of two thirds of recorded places, of all drones. From
# −1 on drones are told alike, and simulated jets, which lie close to noise, are lost.
ASK_LLR = -2.0
MOST_LLR = 7.0
DETECT_LLR = 1.25
CONFIRM_LLR = 2.5
GROUND_LLR = 1.5


def _chances() -> Belief:
    nothing = 1.0 - sum(FLYING_CHANCES)
    made = np.full(len(KINDS), nothing * CONFUSED / len(CONFUSERS))
    made[0] = nothing * (1.0 - CONFUSED)
    made[1 : 1 + len(FLYING)] = FLYING_CHANCES
    return made


CHANCES = _chances()
_MULTIROTOR = 1 + FLYING.index(ObjectClass.MULTIROTOR)
_ROTORS = families.FAMILIES.index("multirotor")
_FAMILY = np.array(families.OF_KINDS)
_SUMS = families.sums(CHANCES)
_UNRECORDED = np.array([name in UNVALIDATED for name in KINDS])
_MACHINES = slice(KINDS.index("chainsaw"), KINDS.index("tool") + 1)
_FLYING = slice(1, 1 + len(FLYING))
_DRONES = slice(1, 5)
_GROUNDS = slice(1 + len(FLYING), None)
_AT = {name: k for k, name in enumerate(FLYING, start=1)}
_QUIET: Belief = np.array([name not in KINDS[_FLYING] for name in KINDS], dtype=np.float64)
# What no habit changes, and the share that habits deal out among nothing and confusers.
_KEPT: Belief = CHANCES * (1.0 - LEARNED * _QUIET)
_DEALT = LEARNED * float(CHANCES @ _QUIET)


class Weighed(NamedTuple):
    """What is said of a second and believed after it.

    log p of its kinds [shape=(16,)]; the chances of kinds by all that was heard, and by this second alone, None where
    it may not be told by itself (`stands_alone`).
    """

    log_p: Array
    belief: Belief
    alone: Belief | None


def weighed(
    before: Belief | None,
    log_p: Array,
    comb: Ratios | None,
    ask: Callable[[], Array],
    hum: bool = False,
    place: Belief = CHANCES,
    model: Model = MODEL,
) -> Weighed:
    """Return what a second makes believe, of the broad net's log p [shape=(16,)]; `ask` gives the other net's.

    `hum`: its comb is mains (`without_comb`).
    """
    if hum:
        log_p = without_comb(log_p)
    said = families.ratios(log_p, _SUMS)
    if hum:
        np.minimum(said, 0.0, out=said)
    usual = tuple(place.tolist())
    belief, own = _both(before, log_p, comb, said, place, model)
    if max(flies(tuple(belief.tolist()), usual), flies(tuple(own.tolist()), usual)) >= ASK_LLR:
        other = ask()
        log_p = mean(log_p, without_comb(other) if hum else other)
        belief, own = _both(before, log_p, comb, said, place, model)
    return Weighed(log_p, belief, own if stands_alone(log_p, said) else None)


def _both(
    before: Belief | None, log_p: Array, comb: Ratios | None, said: Belief, place: Belief, model: Model
) -> tuple[Belief, Belief]:
    evidence = _evidence(log_p, comb, said, model)
    belief = _believed(before, evidence, model, place)
    return belief, belief if before is None else _believed(None, evidence, model, place)


def mean(log_p: Array, other: Array) -> Array:
    """Return the mean of what two nets say, less that of the likeliest."""
    made: Array = np.float32(0.5) * (log_p + other)
    made -= made.max()
    return made


def stands_alone(log_p: Array, said: Belief) -> bool:
    """Whether a second may be told by itself: its likeliest kind flies, or rotors are likelier than not.

    After long quiet the chain believes a first second of anything only in part.
    """
    return _FLYING.start <= int(log_p.argmax()) < _FLYING.stop or bool(said[_ROTORS] > 0.0)


def heard(
    belief: Belief | None,
    log_p: Array,
    comb: Ratios | None,
    said: Belief | None = None,
    model: Model = MODEL,
    place: Belief = CHANCES,
) -> Belief:
    """Return α after a second: log p of each kind [shape=(16,)], what the comb says, and what is said of families."""
    return _believed(belief, _evidence(log_p, comb, said, model), model, place)


def _evidence(log_p: Array, comb: Ratios | None, said: Belief | None, model: Model) -> Belief:
    """Return what a second adds to the logs of the kinds [shape=(16,)]."""
    log: Belief = model.kappa * log_p.astype(np.float64)
    for name, value in comb or ():
        if name in _AT:
            log[_AT[name]] += model.comb * value
    if said is not None:
        log += familiar(said, log_p, model)
    return log


def _believed(belief: Belief | None, evidence: Belief, model: Model, place: Belief) -> Belief:
    before = place if belief is None else (1.0 - model.change) * belief + model.change * place
    log = np.log(before) + evidence
    made: Belief = np.exp(log - np.maximum.reduce(log))
    made /= np.add.reduce(made)
    return np.maximum(made, LEAST)


def familiar(said: Belief, log_p: Array, model: Model = MODEL) -> Belief:
    """Return what the ratios of families [shape=(6,)] add to the logs of the kinds [shape=(16,)].

    They may not speak for kinds that no recording holds: background and helicopters sound like drawn ones at times.
    """
    told: Belief = said[_FAMILY]
    np.minimum(told, 0.0, out=told, where=_UNRECORDED)
    told *= _shares(model)
    told[_MULTIROTOR] = model.multirotor * owned(float(said[_ROTORS]), log_p)
    return told


@functools.cache
def _shares(model: Model) -> Belief:
    """Return how much a word of families counts for each kind [shape=(16,)]; nothing for "nothing"."""
    made = np.zeros(len(KINDS))
    made[_AT[ObjectClass.HELICOPTER]] = model.helicopter
    made[_GROUNDS] = model.ground
    made[_UNRECORDED] = model.unrecorded
    made[_AT[ObjectClass.JET]] = model.jet
    return made


def owned(ratio: float, log_p: Array) -> float:
    """Return what families may say of a multirotor: for it only as far as its share among it and machines lets it.

    Without it machines that nothing learned from are told as rotors half as often again.
    """
    if ratio <= 0.0:
        return ratio
    log = log_p.tolist()
    likeliest = max(log)
    multirotor = math.exp(log[_MULTIROTOR] - likeliest)
    machines = sum(math.exp(value - likeliest) for value in log[_MACHINES])
    # The likeliest kind may be neither: two chances of 0 share alike.
    return ratio * (multirotor + LEAST) / (multirotor + machines + 2.0 * LEAST)


def without_comb(log_p: Array) -> Array:
    """Return log p where the comb is mains hum: it says no more for what has a comb than for nothing (jets have none).

    Nets see 7.8 Hz bins at best and cannot tell mains' narrow lines from a rotor's; `comb.hums` looks with 1 Hz.
    """
    made = log_p.copy()
    for k, name in enumerate(FLYING, start=1):
        if name is not ObjectClass.JET:
            made[k] = min(made[k], log_p[0])
    return made


def habit(place: Belief, belief: Belief) -> Belief:
    """Return the chances of a place after a second; frozen while something may fly, flying kinds never change."""
    if flies(tuple(belief.tolist()), tuple(place.tolist())) > FROZEN_LLR:
        return place
    quiet = belief * _QUIET
    aim = _KEPT + quiet * (_DEALT / np.add.reduce(quiet))
    made: Belief = place + (aim - place) / HABIT_S
    return made


def ratios(belief: Told, place: Told = CHANCES) -> Ratios:
    """Return the ratio of every class that the net knows."""
    nothing = math.log((belief[0] + sum(belief[_GROUNDS])) / (place[0] + sum(place[_GROUNDS])))
    flying = [(name, tamed(math.log(belief[k] / place[k]) - nothing)) for name, k in _AT.items()]
    return (*flying, (ObjectClass.GROUND_SOURCE, ground(belief, place)))


def tamed(value: float) -> float:
    """Return the ratio within ±`MOST_LLR`, its order kept."""
    return MOST_LLR * math.tanh(value / MOST_LLR)


def flies(belief: Told, place: Told = CHANCES) -> float:
    """Return the ratio of 'something flies', the classes by their chances, to nothing there."""
    return tamed(_part(belief, place, _FLYING))


def drone(belief: Told, place: Told = CHANCES, tame: bool = True) -> float:
    """Return the ratio of the four classes of drone to everything else, by their chances."""
    ratio = _part(belief, place, _DRONES)
    return tamed(ratio) if tame else ratio


def led_by_drone(belief: Belief) -> bool:
    """Whether of what flies the likeliest is a drone."""
    return int(belief[_FLYING].argmax()) < _DRONES.stop - 1


def _part(belief: Told, place: Told, part: slice) -> float:
    """Return log p(z|part) − log p(z|all the rest)."""
    inside, chance = sum(belief[part]), sum(place[part])
    outside = sum(belief[: part.start]) + sum(belief[part.stop :])
    return math.log(inside / chance) - math.log(outside / (1.0 - chance))


def ground(belief: Told, place: Told = CHANCES) -> float:
    """Return the ratio of `ground_source` to nothing there; at most log 5, less where it is the place's habit."""
    ground, chance = sum(belief[_GROUNDS]), sum(place[_GROUNDS])
    return tamed(math.log(ground / chance) - math.log((belief[0] + ground) / (place[0] + chance)))


def lost(log_p: tuple[float, ...]) -> bool:
    """Whether the nets know no kind for a second: the likeliest holds less than half, or it is nothing."""
    chances = [math.exp(value - max(log_p)) for value in log_p]
    return max(chances[1:]) / sum(chances) < 0.5


def confusers(belief: Told) -> tuple[tuple[str, float], ...]:
    """Return the chance of each confuser that holds a tenth or more."""
    found = zip(CONFUSERS, belief[_GROUNDS], strict=True)
    return tuple((f"confuser_{name}", round(chance, 4)) for name, chance in found if chance >= 0.1)
