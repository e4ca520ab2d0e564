"""From what was measured in a second to log p(z|class) − log p(z|nothing there).

z = (log score of the best comb in the high band, the same in the low band, log flutter). Flutter is the mean change of
the octave levels from quarter to quarter second (dB): engines drone on, music, speech and fire come and go.

    p(z|class) = N(two log scores; mean and covariance of the class) · N(log flutter; mean and spread of the class)

A louder comb must never speak less for a machine, but a ratio of Gaussians is a parabola: below or above its vertex it
is held at the vertex (`_rising`). The ratio is multiplied by `temper`, found by leaving one group of recordings out at
a time within the fitting half: clips are few, and a fit is surer of itself than it should be. Then it is held in
−3…4.6: some ten recordings a class cannot speak of odds beyond 100 to 1. All constants of `MODEL` come from

    python -m bench.acoustic --fit      (fitting half of the Svanström recordings, CC0; never the half reported on)

Multirotor and helicopter are fitted. Of piston drones there are no free recordings: fixed_wing_piston borrows the
distributions of the multirotor in its own band (an assumption). The same comb comes from a light aeroplane and from an
engine on the ground, so aeroplane and ground_source get the same value: a comb cannot tell them apart, motion and place
must. A jet has no comb: no statement.

The looks of neighbouring seconds share 2.5 s of sound: their ratios must not be added as if independent.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from msgspec import Struct

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic.comb import band

# Fundamentals, Hz. Blade pass of multirotors in flight: 120–450; the strong comb of helicopters (tail rotor, orders of
# the main rotor): 60–115; piston drones: 150–210, to 250 in a dive, 75–105 at the shaft.
HIGH_BAND = band(120.0, 450.0)
LOW_BAND = band(60.0, 115.0)
PISTON_BAND = band(75.0, 260.0)
# Below a score of 1 (one spread of a single noise spectrum) there is no comb to speak of; logs need a floor.
LEAST_SCORE = 1.0
LEAST_FLUTTER_DB = 0.3
LLR_RANGE = (-3.0, 4.6)
# A look has a detection where the mean likelihood of the flying classes is above that of nothing by this. On the
# fitting half that is 1.2 % of background seconds (the site's default for false_per_scan is 1 %), 33 % of drone and
# 60 % of helicopter seconds, every scene alike; at 0.25 it would be 3.6, 51 and 76 %.
DETECT_LLR = 0.75

Sample: TypeAlias = tuple[float, float, float]
Ratios: TypeAlias = tuple[tuple[ObjectClass, float], ...]


class Gaussian(Struct, frozen=True):
    """Of one class: mean and precision (xx, xy, yy) of the log scores, mean and spread of log flutter."""

    high: float
    low: float
    xx: float
    xy: float
    yy: float
    flutter: float
    spread: float

    def log_p(self, z: Sample) -> float:
        """Return the log density, less the constant that all classes share."""
        dx, dy, turn = z[0] - self.high, z[1] - self.low, (z[2] - self.flutter) / self.spread
        square = self.xx * dx * dx + 2.0 * self.xy * dx * dy + self.yy * dy * dy + turn * turn
        return 0.5 * math.log(self.xx * self.yy - self.xy * self.xy) - math.log(self.spread) - 0.5 * square


class Model(Struct, frozen=True):
    """What the classes sound like."""

    nothing: Gaussian
    multirotor: Gaussian
    helicopter: Gaussian
    temper: float


def sample(high_score: float, low_score: float, flutter_db: float) -> Sample:
    """Return z."""
    return (
        math.log(max(high_score, LEAST_SCORE)),
        math.log(max(low_score, LEAST_SCORE)),
        math.log(max(flutter_db, LEAST_FLUTTER_DB)),
    )


def class_llr(z: Sample, piston_z: Sample, model: Model) -> Ratios:
    """Return the log-likelihood ratios; `piston_z` is z with the best comb of the piston band in the first place."""
    multirotor = _held(_ratio(_rising(z, 0, model.multirotor, model.nothing), model.multirotor, model), model)
    helicopter = _held(_ratio(_rising(z, 1, model.helicopter, model.nothing), model.helicopter, model), model)
    piston = _held(_ratio(_rising(piston_z, 0, model.multirotor, model.nothing), model.multirotor, model), model)
    return (
        (ObjectClass.MULTIROTOR, multirotor),
        (ObjectClass.FIXED_WING_PISTON, piston),
        (ObjectClass.HELICOPTER, helicopter),
        (ObjectClass.AEROPLANE, piston),
        (ObjectClass.GROUND_SOURCE, piston),
    )


def of_combs(high: float, low: float, piston: float, flutter_db: float) -> Ratios:
    """Return the ratios of the scores of the best combs in the three bands."""
    return class_llr(sample(high, low, flutter_db), sample(piston, low, flutter_db), MODEL)


def machine_llr(ratios: Ratios) -> float:
    """Return the ratio of 'some flying machine' (multirotor, piston drone, helicopter alike) to nothing there."""
    flying = [value for name, value in ratios[:3]]
    return math.log(sum(math.exp(value) for value in flying) / len(flying))


def _ratio(z: Sample, of: Gaussian, model: Model) -> float:
    return of.log_p(z) - model.nothing.log_p(z)


def _held(ratio: float, model: Model) -> float:
    return min(max(model.temper * ratio, LLR_RANGE[0]), LLR_RANGE[1])


def _rising(z: Sample, axis: int, of: Gaussian, nothing: Gaussian) -> Sample:
    """Return z with its score `axis` moved to the vertex of the log ratio where it lies on the falling side."""
    bend = nothing.xx - of.xx if axis == 0 else nothing.yy - of.yy
    slope = _slope(of, z, axis) - _slope(nothing, z, axis)
    if slope >= 0.0 or bend == 0.0:
        return z
    vertex = z[axis] - slope / bend
    return (vertex, z[1], z[2]) if axis == 0 else (z[0], vertex, z[2])


def _slope(of: Gaussian, z: Sample, axis: int) -> float:
    dx, dy = z[0] - of.high, z[1] - of.low
    return -(of.xx * dx + of.xy * dy) if axis == 0 else -(of.yy * dy + of.xy * dx)


MODEL = Model(
    nothing=Gaussian(high=1.922, low=1.71, xx=7.638, xy=-7.169, yy=11.974, flutter=0.827, spread=0.836),
    multirotor=Gaussian(high=2.701, low=2.213, xx=6.664, xy=-5.803, yy=9.646, flutter=0.541, spread=0.483),
    helicopter=Gaussian(high=1.962, low=2.299, xx=13.847, xy=-3.826, yy=4.748, flutter=0.284, spread=0.368),
    temper=0.59,
)
