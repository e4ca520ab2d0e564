"""Tracks that are louder than what reaches are declared for: a jet, a helicopter.

A reach is declared for a piston drone; a helicopter is heard up to five times as far. What its sound does in sensors
that should not hear it would be something new, beside it. So the odds that a track is loud are learned from microphones
beyond whose reach it flies, sure and placed:

    heard     (1 − Q' (1 − Pd_loud)) / (1 − Q' (1 − Pd))        Q': neither false nor any other track
    silence   (1 − Pd_loud) / (1 − Pd)                         each to the power of a look's silence

Loudness explains what is heard far away. It moves no track, and nobody who is silent far away denies one.
Left out: how loud, for few engines lie between a drone's and a helicopter's; directions, which teach nothing of it.
"""

from __future__ import annotations

import math

from skysentry.compiled import kernel
from skysentry.tracking.evidence.ledger import LOUD
from skysentry.tracking.models.coverage import inside
from skysentry.tracking.models.measure import L_MAX, L_MISS_FLOOR, L_ORIGIN, L_PD
from skysentry.tracking.models.motion import Array

# Ten to fourteen decibels above a piston drone are three to five times its reach; woods and wind let fewer than half of
# the looks out there hear it.
LOUDER, LOUD_PD = 5.0, 0.4
# Width of that edge as a share of the reach.
SOFT = 1.0
# One track in ten is loud; odds stay where a quarter of a minute of contrary looks turns them.
PRIOR_NATS, MOST_NATS = -2.2, 4.0
# Who teaches: a track that exists, in a place known to this share of the reach.
SURE, VAGUE = 0.9, 0.3


@kernel
def loudness(notes: Array) -> float:
    """Return the probability that a track is loud; none before anything speaks for it."""
    if not notes[LOUD] > 0.0:
        return 0.0
    return 1.0 / (1.0 + math.exp(-PRIOR_NATS - notes[LOUD]))


@kernel
def if_loud(look: Array, e_m: float, n_m: float, u_m: float) -> float:
    """Return P(detected) of a loud thing at a place of the working frame, beyond the reach that is declared too."""
    de, dn, du = e_m - look[L_ORIGIN], n_m - look[L_ORIGIN + 1], u_m - look[L_ORIGIN + 2]
    away = math.sqrt(de * de + dn * dn + du * du)
    pd: float = LOUD_PD * look[L_PD] * inside(LOUDER * look[L_MAX] - away, SOFT * look[L_MAX])
    return pd


@kernel
def learn_loud(notes: Array, look: Array, hit: bool, others: float, plain: float, loud: float) -> None:
    """Weigh the odds of one sure track with a look at it, in place; Pd is `plain` or, if it is loud, `loud`."""
    if loud <= plain:
        return
    if hit:
        said = math.log((1.0 - others * (1.0 - loud)) / (1.0 - others * (1.0 - plain)))
    else:
        said = math.log((1.0 - loud) / (1.0 - plain))
    odds = notes[LOUD] + look[L_MISS_FLOOR] * said
    notes[LOUD] = min(max(odds, -MOST_NATS), MOST_NATS - PRIOR_NATS)
