"""What a track is: evidence of sensors, the site's prior, and how the thing moves.

log P(class) = log prior + Σ tempered log-likelihood ratios + motion now. Neighbouring looks of one sensor share wind,
range and background, so their weight is the time since its last one over `CORRELATED_S`, at most 1; the sum of a class
stays within ± `MOST_EVIDENCE`. Motion is not summed: it is judged from the present velocity and its sigma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from skysentry.events import ObjectClass
from skysentry.site import Site
from skysentry.tracking import kernels
from skysentry.tracking.motion import Array, Indices
from skysentry.tracking.table import CLASSES

INDEX = {object_class: index for index, object_class in enumerate(CLASSES)}
CORRELATED_S = 5.0
MOST_EVIDENCE = 12.0
# One look may say this much at most, whatever its model claims.
MOST_ONE_LOOK = 4.0
# What flies where nothing is known of the place; a site with better knowledge says so in class_prior.
DEFAULT_PRIOR = {
    ObjectClass.MULTIROTOR: 0.28,
    ObjectClass.FIXED_WING_ELECTRIC: 0.12,
    ObjectClass.FIXED_WING_PISTON: 0.15,
    ObjectClass.JET: 0.04,
    ObjectClass.HELICOPTER: 0.06,
    ObjectClass.AEROPLANE: 0.12,
    ObjectClass.BIRD: 0.12,
    ObjectClass.BALLOON: 0.03,
    ObjectClass.GROUND_SOURCE: 0.03,
    ObjectClass.OTHER: 0.05,
}
# Horizontal speeds in m/s that a class keeps to, and how soft the bounds are. Multirotors: makers' limits of 15-25;
# piston one-way drones cruise at 45-55; gliders and light aeroplanes from 25; jets and jet drones from 85.
SPEEDS_MPS = {
    ObjectClass.MULTIROTOR: (0.0, 24.0, 4.0),
    ObjectClass.FIXED_WING_ELECTRIC: (10.0, 35.0, 4.0),
    ObjectClass.FIXED_WING_PISTON: (20.0, 62.0, 6.0),
    ObjectClass.JET: (80.0, 320.0, 12.0),
    ObjectClass.HELICOPTER: (0.0, 85.0, 8.0),
    ObjectClass.AEROPLANE: (25.0, 320.0, 6.0),
    ObjectClass.BIRD: (0.0, 20.0, 4.0),
    ObjectClass.BALLOON: (0.0, 3.0, 3.0),
    ObjectClass.GROUND_SOURCE: (0.0, 35.0, 6.0),
    ObjectClass.OTHER: (0.0, 320.0, 30.0),
}
# Probabilities are shown in thousandths, from this on.
LEAST_SHOWN = 5
BANDS: Array = np.array([SPEEDS_MPS[object_class] for object_class in CLASSES])
# What drifts with the wind is judged by its speed through the air.
AIRBORNE: Array = np.array([float(c in (ObjectClass.BALLOON, ObjectClass.BIRD)) for c in CLASSES])
Shares: TypeAlias = tuple[tuple[ObjectClass, float], ...]


class Classifier:
    """Turns evidence and motion into probabilities, for one site."""

    def __init__(self, site: Site) -> None:
        given = dict(site.class_prior) or DEFAULT_PRIOR
        prior = np.array([max(given.get(object_class, 0.0), 1e-4) for object_class in CLASSES])
        self.log_prior: Array = np.log(prior / prior.sum())
        towards = math.radians(site.weather.wind_from_deg + 180.0)
        self.wind: Array = site.weather.wind_mps * np.array([math.sin(towards), math.cos(towards)])

    def hear(self, evidence: Array, llr: Sequence[tuple[ObjectClass, float]], share: float, since_s: float) -> None:
        """Add one look's ratios to a track's evidence [shape=(classes,)], in place."""
        weight = share * min(max(since_s, 0.0) / CORRELATED_S, 1.0)
        for object_class, ratio in llr:
            k = INDEX[object_class]
            said = min(max(ratio, -MOST_ONE_LOOK), MOST_ONE_LOOK)
            evidence[k] = min(max(evidence[k] + weight * said, -MOST_EVIDENCE), MOST_EVIDENCE)

    def posteriors(self, table: Array, which: Indices, shown: Array) -> list[Shares]:
        """Return the classes of tracks `which`, the likeliest first, each summing to 1.

        `table` [shape=(tracks, classes)] is their evidence, `shown` [shape=(k, ≥ 25)] the rows of `show`.
        """
        out = np.empty((which.shape[0], len(CLASSES)), np.int64)
        kernels.weigh_classes(table, which, shown, self.log_prior, self.wind, BANDS, AIRBORNE, out)
        return [_shown(tuple(row)) for row in out.tolist()]


# Most tracks of a sky show the same few dozen of rounded posteriors.
@lru_cache(maxsize=10_000)
def _shown(thousandths: tuple[int, ...]) -> Shares:
    """Return the classes with at least `LEAST_SHOWN`, the likeliest first."""
    kept = [(share, k) for k, share in enumerate(thousandths) if share >= LEAST_SHOWN]
    kept.sort(key=lambda item: (-item[0], item[1]))
    total = sum(share for share, _ in kept)
    return tuple((CLASSES[k], share / total) for share, k in kept)
