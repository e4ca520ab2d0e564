"""What a track is: evidence of sensors, the site's prior, and how the thing moves.

log P(class) = log prior + evidence + motion now. Evidence is the sum of what is new in each look's log-likelihood
ratios (`repeats`). It fades, and its differences stay within 2 `MOST_EVIDENCE`. Motion now is judged from the present
velocity and its sigma, against the air where a class flies; what a track keeps to for long is evidence too, and so is
an aircraft's address that other sensors bear out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from struct import Struct
from typing import TypeAlias

import numpy as np

from skysentry.compiled import kernel
from skysentry.events import Detection, Identity, ObjectClass
from skysentry.site import Site
from skysentry.tracking.evidence.repeats import Repeats
from skysentry.tracking.models.motion import MODELS, Array, Indices
from skysentry.tracking.tracks.table import CLASSES, Life, Table

# By value: an enum's own hash is a call of Python.
INDEX = {object_class.value: index for index, object_class in enumerate(CLASSES)}
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
# Speeds through the air in m/s that a class keeps to, and how soft the bounds are. Multirotors: makers' limits of
# 15-25. Wings carry from the stall on: battery gliders of a few kg from 10, piston drones of tens to hundreds of kg
# from 25-33, with cruise at 45-55; light aeroplanes from 25; jets and jet drones from 85. Birds: 8-20 in level flight.
SPEEDS_MPS = {
    ObjectClass.MULTIROTOR: (0.0, 24.0, 4.0),
    ObjectClass.FIXED_WING_ELECTRIC: (10.0, 35.0, 4.0),
    ObjectClass.FIXED_WING_PISTON: (28.0, 62.0, 3.0),
    ObjectClass.JET: (80.0, 320.0, 12.0),
    ObjectClass.HELICOPTER: (0.0, 85.0, 8.0),
    ObjectClass.AEROPLANE: (25.0, 320.0, 6.0),
    ObjectClass.BIRD: (0.0, 20.0, 4.0),
    ObjectClass.BALLOON: (0.0, 3.0, 3.0),
    ObjectClass.GROUND_SOURCE: (0.0, 35.0, 6.0),
    ObjectClass.OTHER: (0.0, 320.0, 30.0),
}
# What stands or drives is not above this height over the site's ground: hills, and 30 m of softness in `weigh_classes`.
GROUND_TOP_M = 60.0
# Evidence fades with this: a sound that was once taken for a track's own must not name it for ever.
FADE_S = 120.0
FADE = math.exp(-1.0 / FADE_S)
# How fast a habit speaks against a class: neighbouring seconds are one leg of a flight, so a nat takes ten of them.
HABIT_NATS = 0.1
BANDS: Array = np.array([SPEEDS_MPS[object_class] for object_class in CLASSES])
# What flies is judged by its speed through the air, as the site believes the wind; what drives, by that over ground.
AIRBORNE: Array = np.array([float(c is not ObjectClass.GROUND_SOURCE) for c in CLASSES])
# An address of an aircraft, borne out by other sensors for this long, speaks for what carries a pilot by this ratio of
# likelihoods, once: one such claim in 150 is of something else that flies along with a transponder or a lie.
AGREED_S = 20.0
MANNED_NATS = 5.0
NATURE = (ObjectClass.BIRD, ObjectClass.BALLOON)
MANNED = (ObjectClass.AEROPLANE, ObjectClass.HELICOPTER, ObjectClass.JET)
CREWED = [INDEX[object_class.value] for object_class in MANNED]
# What `show` sums up of the classes: 1 for what nature makes, 2 for what has a crew.
GENUS: Array = np.array([1.0 if c in NATURE else 2.0 if c in MANNED else 0.0 for c in CLASSES])
Shares: TypeAlias = tuple[tuple[ObjectClass, float], ...]


class Classifier:
    """Turns evidence and motion into probabilities, for one site."""

    def __init__(self, site: Site) -> None:
        given = dict(site.class_prior) or DEFAULT_PRIOR
        prior = np.array([max(given.get(object_class, 0.0), 1e-4) for object_class in CLASSES])
        self.log_prior: Array = np.log(prior / prior.sum())
        top = np.full((len(CLASSES), 1), 1e9)
        top[INDEX[ObjectClass.GROUND_SOURCE.value]] = (site.position.alt_m or 0.0) + GROUND_TOP_M
        self.bands: Array = np.hstack([BANDS, top])
        self.repeats = Repeats()
        towards = math.radians(site.weather.wind_from_deg + 180.0)
        self.wind: Array = site.weather.wind_mps * np.array([math.sin(towards), math.cos(towards)])

    def hear(self, life: Life, evidence: Array, detection: Detection, share: float, sensor: str, time_ns: int) -> None:
        """Add what is new in one look's ratios to a track's evidence [shape=(classes,)], in place.

        Only differences count.
        """
        ratios = {
            INDEX[object_class._value_]: min(max(ratio, -MOST_ONE_LOOK), MOST_ONE_LOOK)
            for object_class, ratio in detection.class_llr
        }
        over = 0.0
        for k, nats in self.repeats.fresh(life.said, sensor, ratios, time_ns).items():
            told_nats = evidence.item(k) + share * nats
            evidence[k] = max(told_nats, -MOST_EVIDENCE)
            over = max(over, told_nats - MOST_EVIDENCE)
        if over > 0.0:
            evidence -= over

    @staticmethod
    def trust(evidence: Array, claim: Identity | None, before_s: float, now_s: float) -> None:
        """Add to a track's evidence, in place, what its claim says once others bore it out for long enough."""
        if claim is not None and claim.scheme == "icao24" and before_s < AGREED_S <= now_s:
            evidence[CREWED] += MANNED_NATS
            evidence -= max(float(evidence.max()) - MOST_EVIDENCE, 0.0)

    def settle(self, table: Table, grown: Mapping[int, Life]) -> None:
        """After a second (`settle_all`): keep up the evidence of claims that hold, among the tracks `grown`, by row."""
        self.repeats.settle()
        for i, life in grown.items():
            if life.agreed_s >= AGREED_S and life.identity is not None and life.identity.scheme == "icao24":
                # A claim that holds does not fade.
                table.evidence[i, CREWED] += MANNED_NATS * (1.0 - FADE)


@kernel
def settle_all(
    x: Array, P: Array, w: Array, evidence: Array, which: Indices, wind: Array, bands: Array, airborne: Array
) -> None:
    """Let a track that keeps out of a class's band lose up to `HABIT_NATS` of that class, then all evidence fade."""
    for i in which:
        ve, vn, variance = 0.0, 0.0, 0.0
        for m in range(MODELS):
            ve += w[i, m] * x[i, m, 3]
            vn += w[i, m] * x[i, m, 4]
            variance += w[i, m] * max(P[i, m, 3, 3], P[i, m, 4, 4])
        for c in range(evidence.shape[1]):
            speed = math.sqrt((ve - airborne[c] * wind[0]) ** 2 + (vn - airborne[c] * wind[1]) ** 2)
            beyond = max(bands[c, 0] - speed, speed - bands[c, 1], 0.0)
            against = HABIT_NATS * min(0.5 * beyond * beyond / (bands[c, 2] ** 2 + variance), 1.0)
            evidence[i, c] = max((evidence[i, c] - against) * FADE, -MOST_EVIDENCE)


# A class and its probability as one number: class · CODE + hundredths. Python keeps what it made of them by it.
CODE = 101
CODED = Struct(f"{len(CLASSES)}h")
# By code, a class with a hundred and one hundredths each: as it is told, and in words; nothing by the last, −1.
SHARES = [(CLASSES[code // CODE], code % CODE / 100.0) for code in range(len(CLASSES) * CODE)]
LIKELIEST = [*[f"{kind.replace('_', ' ')} {share:.2f}" for kind, share in SHARES], ""]


def told(codes: bytes) -> tuple[Shares, str]:
    """Return the classes with their probabilities, and the likeliest in words, by the codes that `show` has written.

    Codes are [shape=(classes,), int16] as bytes. Most tracks of a sky show the same few thousand of rounded posteriors.
    """
    unpacked = CODED.unpack(codes)
    return tuple([SHARES[code] for code in unpacked if code >= 0]), LIKELIEST[unpacked[0]]
