"""Life of a track: tentative → confirmed → coasting → ended."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.events import TrackStatus
from skysentry.geo import MEAN_RADIUS_M
from skysentry.tracking.motion import NOISE_M2_S3, Array
from skysentry.tracking.table import Life, Table

SECOND_NS = 1_000_000_000
# Existence and looks that make a track worth showing to people: two coincidences of clutter are common, three rare.
CONFIRM_EXISTENCE = 0.97
CONFIRM_HITS = 3
# A place that is not known to this (one sigma on an axis) is no place on a map: such a track stays tentative.
CONFIRM_M = 500.0
# Below this a confirmed track has gone, and a tentative one is forgotten.
GONE = 0.03
FORGET = 0.0008
# Looks missed in a row, and seconds, after which a track coasts.
COAST_PERIODS = 3.0
COAST_S = 2.0
# A thing that nobody sees leaves the picture after this, and as soon as its place is not known to 1 km: a drone of
# 50 m/s could be anywhere in a town after a minute. What it endangers stays warned: `lost` clears no alert.
LOST_S = 120.0
LOST_M = 1_000.0
# What came down this fast, is not seen, and would by now be this far under the site's ground, is down or hidden by it.
DIVING_MPS, DIVING_SIGMA_MPS, UNDER_M = -5.0, 6.0, -50.0
UNSEEN_S = 2.0
# A claim or a plot without a second one.
TENTATIVE_S = 10.0

Fate: TypeAlias = Literal["stays", "forgotten", "gone", "lost", "too uncertain", "down"]


def fate(life: Life, existence: float, now_ns: int, spread_m: float, down: bool) -> Fate:
    """Return whether a track lives on, or how it ends; `spread_m` and `down` as `spreads_m` and `downs` have it."""
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    if life.status is TrackStatus.TENTATIVE:
        if existence < FORGET or unseen_s > TENTATIVE_S + COAST_PERIODS * life.period_s:
            return "forgotten"
        return "stays"
    if existence < GONE:
        return "gone"
    if unseen_s > LOST_S:
        return "lost"
    if down and unseen_s > UNSEEN_S:
        return "down"
    return "too uncertain" if spread_m > LOST_M else "stays"


def spreads_m(table: Table, now_s: float) -> Array:
    """Return one sigma of each track's place on a horizontal axis at a time [shape=(n,)]."""
    n = table.n
    P, dt = table.P[:n], np.maximum(now_s - table.t[:n], 0.0)[:, None]
    speed = dt * dt * (P[:, :, 3, 3] + P[:, :, 4, 4]) + 2.0 * dt**3 / 3.0 * NOISE_M2_S3
    grown = P[:, :, 0, 0] + P[:, :, 1, 1] + 2.0 * dt * (P[:, :, 0, 3] + P[:, :, 1, 4]) + speed
    sigma: Array = np.sqrt(np.maximum(0.5 * (table.w[:n] * grown).sum(axis=1), 0.0))
    return sigma


def downs(table: Table, now_s: float) -> NDArray[np.bool_]:
    """Return which tracks were diving, and would by now be under the site's ground [shape=(n,)]."""
    n = table.n
    mean = np.einsum("nm,nma->na", table.w[:n], table.x[:n])
    known = (table.w[:n] * table.P[:n, :, 5, 5]).sum(axis=1) < DIVING_SIGMA_MPS**2
    height_m = mean[:, 2] + (mean[:, 0] ** 2 + mean[:, 1] ** 2) / (2.0 * MEAN_RADIUS_M)
    under = height_m + np.maximum(now_s - table.t[:n], 0.0) * mean[:, 5] < UNDER_M
    fallen: NDArray[np.bool_] = (mean[:, 5] < DIVING_MPS) & known & under
    return fallen


def status(life: Life, existence: float, now_ns: int, table: Table, i: int) -> TrackStatus:
    """Return the status that a living track, row `i` of the table, has now."""
    if life.status is TrackStatus.TENTATIVE:
        if existence < CONFIRM_EXISTENCE or life.hits < CONFIRM_HITS or life.quarantined:
            return TrackStatus.TENTATIVE
        P = table.P[i]
        if float(table.w[i] @ (P[:, 0, 0] + P[:, 1, 1])) > 2.0 * CONFIRM_M * CONFIRM_M:
            return TrackStatus.TENTATIVE
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    return TrackStatus.COASTING if unseen_s > COAST_PERIODS * life.period_s + COAST_S else TrackStatus.CONFIRMED
