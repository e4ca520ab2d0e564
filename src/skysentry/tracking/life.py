"""Life of a track: tentative → confirmed → coasting → ended."""

from __future__ import annotations

from typing import Literal, TypeAlias

from skysentry.events import TrackStatus
from skysentry.tracking.motion import Array
from skysentry.tracking.table import Life

SECOND_NS = 1_000_000_000
# Existence and looks that make a track worth showing to people: two coincidences of clutter are common, three rare.
CONFIRM_EXISTENCE = 0.97
CONFIRM_HITS = 3
# Sound alone needs longer: ghosts of crossing bearings live for seconds.
# Below this a confirmed track has gone, and a tentative one is forgotten.
GONE = 0.03
FORGET = 0.0008
# Looks missed in a row, and seconds, after which a track coasts.
COAST_PERIODS = 3.0
COAST_S = 2.0
# A thing that nobody sees: gone from the screen after this, sooner where its place is not known to 3 km.
LOST_S = 120.0
LOST_M = 3_000.0
# A claim or a plot without a second one.
TENTATIVE_S = 10.0

Fate: TypeAlias = Literal["stays", "forgotten", "gone", "lost", "too uncertain"]


def fate(life: Life, existence: float, now_ns: int, P: Array) -> Fate:
    """Return whether a track lives on, or how it ends. `P` (3, 6, 6) is its covariance."""
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    if life.status is TrackStatus.TENTATIVE:
        if existence < FORGET or unseen_s > TENTATIVE_S + COAST_PERIODS * life.period_s:
            return "forgotten"
        return "stays"
    if existence < GONE:
        return "gone"
    if unseen_s > LOST_S:
        return "lost"
    variance = min(float(P[0, 0, 0] + P[0, 1, 1]), float(P[1, 0, 0] + P[1, 1, 1]))
    return "too uncertain" if variance > 2.0 * LOST_M * LOST_M else "stays"


def status(life: Life, existence: float, now_ns: int) -> TrackStatus:
    """Return the status that a living track has now."""
    if life.status is TrackStatus.TENTATIVE and (existence < CONFIRM_EXISTENCE or life.hits < CONFIRM_HITS):
        return TrackStatus.TENTATIVE
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    return TrackStatus.COASTING if unseen_s > COAST_PERIODS * life.period_s + COAST_S else TrackStatus.CONFIRMED
