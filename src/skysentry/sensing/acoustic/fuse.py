"""Evidence of seconds → ratios of classes: a hidden Markov chain over the kinds of sound, forward only.

    α_t(k) ∝ [ (1 − q)·α_{t−1}(k) + q·π(k) ] · exp( κ·log p(z_t|k) + λ·comb_t(k) + familiar_t(k) )

q is the chance that a second's sound changes (14 s of memory), π the chances of kinds at a place with no news.
κ < 1 because neighbouring seconds share place, wind and microphone; λ is the comb's voice. `texture` speaks of the
families of kinds (`familiar`): of multirotors with μ, and for them only as far as the net names no machine (`owned`);
of helicopters, and of machines and voices, with a ν of each; of kinds that no recording holds only against, whole where
they have a comb: music and hum look like them to the net, which knows them from drawings alone. Where that leaves it
possible that something flies (`ASK_LLR`), `opinion` is asked, and its word of the families stands in place of
texture's, by a model of its own (`ASKED`). All are chosen on recordings left out of training (`python -m
bench.acoustic_learned --fit`): few numbers, for recordings are few.

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
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic.llr import Ratios
from skysentry.sensing.acoustic.net import CONFUSERS, KINDS, UNVALIDATED
from skysentry.sensing.acoustic.spectrum import Array
from skysentry.sensing.acoustic.texture import FAMILIES, OF_KINDS

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

    `sharing` is the power of the share that a multirotor must have among it and machines by the net for families to
    speak for it (`owned`); `change` is q.
    """

    kappa: float
    comb: float
    multirotor: float
    helicopter: float
    ground: float
    unrecorded: float
    jet: float
    sharing: float
    change: float


# By texture. With κ = 0.3 drones that nothing like was heard gain a hundredth of area, and clear ones that the net
# alone tells are no longer told after long quiet. With a smaller q they are told a second later, with 0.1 confirmed a
# second sooner and the tails of places and helicopters are longer.
MODEL = Model(
    kappa=0.4, comb=0.3, multirotor=0.7, helicopter=0.3, ground=0.7, unrecorded=1.0, jet=0.4, sharing=2.0, change=0.07
)
# By the second opinion, which knows machines and helicopters better than the net does.
ASKED = Model(
    kappa=0.3, comb=0.3, multirotor=1.0, helicopter=0.4, ground=1.0, unrecorded=1.0, jet=0.4, sharing=1.0, change=0.07
)
# No chance is less: logs need a floor, and 1e-30 is beyond what any bounded ratio can tell.
LEAST = 1e-30
# A place's habits are learned in ten minutes; four fifths of them, so that no kind becomes impossible.
HABIT_S = 600.0
LEARNED = 0.8
# From here on something may fly, and nothing is learned.
FROZEN_LLR = -1.0
# From here on the second opinion is asked: of none to a fifth of the seconds of wind, rain, hiss and speech, and of a
# half of music. From −2 on it is asked of most wind; from −1 on, of fewer of the drones that nothing has heard.
ASK_LLR = -1.5
MOST_LLR = 7.0
DETECT_LLR = 1.0
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
_ROTORS = FAMILIES.index("multirotor")
_FAMILY = np.array(OF_KINDS)
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


def weighed(
    before: Belief | None,
    log_p: Array,
    comb: Ratios | None,
    texture: Belief,
    ask: Callable[[], Belief],
    place: Belief = CHANCES,
    models: tuple[Model, Model] = (MODEL, ASKED),
) -> tuple[Belief, Belief | None]:
    """Return the chances of kinds by all that was heard, and by this second alone (`stands_alone`).

    `ask` gives the second opinion; it is called where something may fly, and stands in place of texture's word.
    """
    usual = tuple(place.tolist())
    belief = heard(before, log_p, comb, texture, models[0], place)
    own = belief if before is None else heard(None, log_p, comb, texture, models[0], place)
    if max(flies(tuple(belief.tolist()), usual), flies(tuple(own.tolist()), usual)) < ASK_LLR:
        return belief, own if stands_alone(log_p, texture) else None
    opinion = ask()
    belief = heard(before, log_p, comb, opinion, models[1], place)
    own = belief if before is None else heard(None, log_p, comb, opinion, models[1], place)
    return belief, own if stands_alone(log_p, opinion) else None


def stands_alone(log_p: Array, families: Belief) -> bool:
    """Whether a second may be told by itself: the net's likeliest kind flies, or rotors are likelier than not.

    After long quiet the chain believes a first second of anything only in part.
    """
    return _FLYING.start <= int(log_p.argmax()) < _FLYING.stop or bool(families[_ROTORS] > 0.0)


def heard(
    belief: Belief | None,
    log_p: Array,
    comb: Ratios | None,
    families: Belief | None = None,
    model: Model = MODEL,
    place: Belief = CHANCES,
) -> Belief:
    """Return α after a second: the net's log p of each kind [shape=(16,)], what the comb says, and of families."""
    before = place if belief is None else (1.0 - model.change) * belief + model.change * place
    log = np.log(before) + model.kappa * log_p.astype(np.float64)
    for name, value in comb or ():
        if name in _AT:
            log[_AT[name]] += model.comb * value
    if families is not None:
        log += familiar(families, log_p, model)
    made: Belief = np.exp(log - np.maximum.reduce(log))
    made /= np.add.reduce(made)
    return np.maximum(made, LEAST)


def familiar(families: Belief, log_p: Array, model: Model = MODEL) -> Belief:
    """Return what the ratios of families [shape=(6,)] add to the logs of the kinds [shape=(16,)].

    They may not speak for kinds that no recording holds: background and helicopters sound like drawn ones at times.
    """
    told: Belief = families[_FAMILY]
    np.minimum(told, 0.0, out=told, where=_UNRECORDED)
    told *= _shares(model)
    told[_MULTIROTOR] = model.multirotor * owned(float(families[_ROTORS]), log_p, model.sharing)
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


def owned(ratio: float, log_p: Array, power: float) -> float:
    """Return what families may say of a multirotor: for it only as far as its share among it and machines lets it.

    Both move alike, and by the share itself machines that texture does not know are told as rotors twice as often.
    """
    if ratio <= 0.0:
        return ratio
    log = log_p.tolist()
    likeliest = max(log)
    multirotor = math.exp(log[_MULTIROTOR] - likeliest)
    machines = sum(math.exp(value - likeliest) for value in log[_MACHINES])
    # The likeliest kind may be neither: two chances of 0 share alike.
    share = (multirotor + LEAST) / (multirotor + machines + 2.0 * LEAST)
    return ratio * math.pow(share, power)


def without_comb(log_p: Array) -> Array:
    """Return log p where the comb is mains hum: it says no more for what has a comb than for nothing (jets have none).

    The net sees 7.8 Hz bins and cannot tell mains' narrow lines from a rotor's; `comb.hums` looks with 1 Hz.
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
    """Whether the net knows no kind for a second: the likeliest holds less than half, or it is nothing."""
    chances = [math.exp(value - max(log_p)) for value in log_p]
    return max(chances[1:]) / sum(chances) < 0.5


def confusers(belief: Told) -> tuple[tuple[str, float], ...]:
    """Return the chance of each confuser that holds a tenth or more."""
    found = zip(CONFUSERS, belief[_GROUNDS], strict=True)
    return tuple((f"confuser_{name}", round(chance, 4)) for name, chance in found if chance >= 0.1)
