"""Life of a track: tentative → confirmed → coasting → ended."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from skysentry.compiled import kernel
from skysentry.events import TrackStatus
from skysentry.geo import MEAN_RADIUS_M
from skysentry.tracking.models.motion import MODELS, NOISE_M2_S3, Array, Indices
from skysentry.tracking.tracks.table import TENTATIVE_PERIODS, TENTATIVE_S, Life, Look, Table

SECOND_NS = 1_000_000_000
# Existence and looks that make a track worth showing to people: two coincidences of clutter are common, three rare.
CONFIRM_EXISTENCE = 0.97
CONFIRM_HITS = 3
# A place that is not known to this (one sigma on an axis) is no place on a map: such a track stays tentative.
CONFIRM_M = 500.0
# Below this a confirmed track has gone, and a tentative one is forgotten.
GONE = 0.05
FORGET = 0.0008
# Looks missed in a row, and seconds, after which a track coasts.
COAST_PERIODS = 3.0
COAST_S = 2.0
# A thing that nobody sees leaves the picture after this, and as soon as its place is not known to 1 km: a drone of
# 50 m/s could be anywhere in a town after a minute. What it endangers stays warned: `lost` clears no alert.
LOST_S = 120.0
LOST_M = 1_000.0
# What is sensed at this very moment has not left: it is told as wide as it is until its place is not known to this.
LOST_SENSED_M = 2_000.0
# What came down this fast, is not seen, and would by now be this far under the site's ground, is down or hidden by it.
DIVING_MPS, DIVING_SIGMA_MPS, UNDER_M = -5.0, 6.0, -50.0
UNSEEN_S = 2.0

Fate: TypeAlias = Literal["stays", "forgotten", "gone", "lost", "too uncertain", "down"]


def forgotten(life: Life | Look, existence: float, now_ns: int) -> bool:
    """Return whether a tentative track is forgotten."""
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    return existence < FORGET or unseen_s > TENTATIVE_S + TENTATIVE_PERIODS * life.period_s


def fate(life: Life, existence: float, now_ns: int, spread_m: float, down: float) -> Fate:
    """Return whether a track lives on, or how it ends; `spread_m` and `down` as `foresee` has it."""
    if life.status is TrackStatus.TENTATIVE:
        return "forgotten" if forgotten(life, existence, now_ns) else "stays"
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    if existence < GONE:
        return "gone"
    if unseen_s > LOST_S:
        return "lost"
    if down and unseen_s > UNSEEN_S:
        return "down"
    return "too uncertain" if spread_m > (LOST_SENSED_M if unseen_s < UNSEEN_S else LOST_M) else "stays"


@kernel
def foresee(x: Array, P: Array, w: Array, t: Array, which: Indices, now_s: float, out: Array) -> None:
    """Write of each track in `which` one sigma of its place on a horizontal axis at a time, and whether it is down.

    `out` (n, 2) has a row for each track. Down is what was diving, and would by now be under the site's ground.
    """
    for i in which:
        dt = max(now_s - t[i], 0.0)
        grown, climb = 0.0, 0.0
        mean = (0.0, 0.0, 0.0, 0.0)
        for m in range(MODELS):
            p = P[i, m]
            place = p[0, 0] + p[1, 1] + 2.0 * dt * (p[0, 3] + p[1, 4]) + dt * dt * (p[3, 3] + p[4, 4])
            grown += w[i, m] * (place + 2.0 * dt**3 / 3.0 * NOISE_M2_S3[m])
            climb += w[i, m] * p[5, 5]
            e, n, u, v = x[i, m, 0], x[i, m, 1], x[i, m, 2], x[i, m, 5]
            mean = (mean[0] + w[i, m] * e, mean[1] + w[i, m] * n, mean[2] + w[i, m] * u, mean[3] + w[i, m] * v)
        height_m = mean[2] + (mean[0] ** 2 + mean[1] ** 2) / (2.0 * MEAN_RADIUS_M) + dt * mean[3]
        out[i, 0] = math.sqrt(max(0.5 * grown, 0.0))
        out[i, 1] = mean[3] < DIVING_MPS and climb < DIVING_SIGMA_MPS**2 and height_m < UNDER_M


@kernel
def census(alone: Indices, r: Array, tracks: int, now_ns: int, more: Indices, over: Indices) -> tuple[int, int]:
    """Write the rows that are more than a single look, and those of others that are forgotten now; return how many.

    The former rise, the latter fall, as `Table.remove` takes them. `alone` (n,) is as in `Table`.
    """
    many, old = 0, 0
    for i in range(tracks):
        if alone[i] == 0:
            more[many] = i
            many += 1
    for i in range(tracks - 1, -1, -1):
        if alone[i] != 0 and (r[i] < FORGET or now_ns >= alone[i]):
            over[old] = i
            old += 1
    return many, old


@kernel
def poisoned(x: Array, P: Array, r: Array, tracks: int, failed: Indices) -> int:
    """Write the rows of tracks that hold a number that is not finite, in falling order; return how many."""
    count = 0
    for i in range(tracks - 1, -1, -1):
        total = (r[i], 0.0, 0.0, 0.0)
        for a in range(6):
            total = (total[0] + x[i, 0, a], total[1] + x[i, 1, a], total[2] + x[i, 2, a], total[3] + x[i, 3, a])
            for b in range(6):
                # A sum for each model: one sum of all would wait for each addition.
                total = (
                    total[0] + P[i, 0, a, b],
                    total[1] + P[i, 1, a, b],
                    total[2] + P[i, 2, a, b],
                    total[3] + P[i, 3, a, b],
                )
        if not math.isfinite(total[0] + total[1] + total[2] + total[3]):
            failed[count] = i
            count += 1
    return count


def place_known(table: Table, i: int) -> bool:
    """Return whether the place of a row is known well enough for a map."""
    P = table.P[i]
    return float(table.w[i] @ (P[:, 0, 0] + P[:, 1, 1])) <= 2.0 * CONFIRM_M * CONFIRM_M


def status(life: Life, existence: float, now_ns: int) -> TrackStatus:
    """Return the status that a living track has now, if its place is known."""
    if life.status is TrackStatus.TENTATIVE and (
        existence < CONFIRM_EXISTENCE or life.hits < CONFIRM_HITS or life.quarantined
    ):
        return TrackStatus.TENTATIVE
    unseen_s = (now_ns - life.last_ns) / SECOND_NS
    return TrackStatus.COASTING if unseen_s > COAST_PERIODS * life.period_s + COAST_S else TrackStatus.CONFIRMED
