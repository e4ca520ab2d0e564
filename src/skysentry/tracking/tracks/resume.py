"""A track that comes back keeps its id: one object is one track, also where sensors lost it for a while.

A drone that dives or turns harder than any model leaves its track behind, and a new one starts beside it; one that
flies behind a hill is lost and found again. When a track is confirmed, tracks that looks now miss are asked whether it
could be theirs, and those that ended within `REMEMBERED_S`:

    |p_new − p_old| < 2 sin(45°) v (gap + 1.5 s) + 3 σ,    speeds alike within 30 % + 3 σ

both taken to the time when the new one began, `gap` after the old one was last seen: what turns by a right angle at its
speed, and is still taken for the old one in its first looks after, is that far from it. The nearest in these terms
gives its id, history and evidence; the new id, where it was told, ends as merged. Different identities never merge.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.events import TrackStatus
from skysentry.tracking.models.motion import NOISE_M2_S3
from skysentry.tracking.tracks.table import Life, Table

SECOND_NS = 1_000_000_000
# What was gone for longer is told as new: after a minute a drone of 50 m/s may be anywhere within 3 km.
REMEMBERED_S = 60.0
MOST_REMEMBERED = 200
RIGHT_ANGLE = 2.0 * math.sin(math.pi / 4.0)
# How long looks of what turned away may still pass the old track's gate.
OVERLAP_S = 1.5
# A track that exists by more than this has not been missed three times in a row, or has been seen again since.
MISSED = 0.93
# A hovering drone starts at this speed in any direction.
LEAST_MPS = 10.0
SPEEDS_ALIKE = 0.3
SIGMAS = 3.0
# A place that is known worse than this fits to anything.
WIDEST_M = 400.0
SHOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)


class Gone(Struct):
    """A track that ended: its life, its moments at `time_s` (six numbers; sigmas of place and speed), what it was."""

    life: Life
    time_s: float
    mean: tuple[float, ...]
    sigma_m: float
    sigma_mps: float
    own: tuple[int, ...]
    evidence: tuple[float, ...]


class Resumption:
    """Remembers tracks that ended, and finds whose a new one is."""

    def __init__(self, gone: list[Gone] | None = None) -> None:
        self.gone = gone or []

    def keep(self, table: Table, i: int) -> None:
        """Remember a track that ends now."""
        mean, sigma_m, sigma_mps = _moments(table, i)
        self.gone.append(
            Gone(
                life=table.lives[i],
                time_s=float(table.t[i]),
                mean=mean,
                sigma_m=sigma_m,
                sigma_mps=sigma_mps,
                own=tuple(table.own[i].tolist()),
                evidence=tuple(table.evidence[i].tolist()),
            )
        )
        del self.gone[:-MOST_REMEMBERED]

    def resume(self, now_ns: int, now_s: float, table: Table, i: int) -> int | None:
        """Let row `i`, confirmed just now, go on as the track that it is; None where it is new.

        Returns the row that it leaves empty (it holds the new life then), or −1 where the old one had ended.
        """
        while self.gone and now_ns - self.gone[0].life.last_ns > REMEMBERED_S * SECOND_NS:
            del self.gone[0]
        new, own = table.lives[i], table.own[i]
        mean, sigma_m, sigma_mps = _moments(table, i)
        began_s = now_s - (now_ns - new.first_ns) / SECOND_NS
        fresh = Gone(new, float(table.t[i]), mean, sigma_m, sigma_mps, tuple(own.tolist()), ())
        best, row = 1.0, -1
        found: Gone | None = None
        # A single look is no track that people know.
        for k in np.flatnonzero((table.r[: table.n] <= MISSED) & (table.alone[: table.n] == 0)).tolist():
            life = table.lives[k]
            if k == i or life.status not in SHOWN:
                continue
            old = Gone(life, float(table.t[k]), *_moments(table, k), tuple(table.own[k].tolist()), ())
            miss = _unlike(old, fresh, began_s)
            if miss < best:
                best, found, row = miss, old, k
        for old in self.gone:
            miss = _unlike(old, fresh, began_s)
            if miss < best:
                best, found, row = miss, old, -1
        if found is None:
            return None
        if row >= 0:
            table.claimed += new.claimed - found.life.claimed
            table.lives[row] = new
            table.evidence[i] += table.evidence[row]
        else:
            self.gone.remove(found)
            table.evidence[i] += found.evidence
        table.own[i] = np.where(own != 0, own, found.own)
        table.lives[i] = _joined(found.life, new)
        return row


def _moments(table: Table, i: int) -> tuple[tuple[float, ...], float, float]:
    """Return a row's mean, and one sigma of its place and of its speed on a horizontal axis."""
    x, P, w = table.x[i], table.P[i], table.w[i]
    mean = w @ x
    off = x - mean
    variance = w @ (np.diagonal(P, axis1=1, axis2=2) + off * off)
    return (
        tuple(mean.tolist()),
        math.sqrt(0.5 * (variance[0] + variance[1])),
        math.sqrt(0.5 * (variance[3] + variance[4])),
    )


def _unlike(old: Gone, new: Gone, began_s: float) -> float:
    """Return how far two tracks are from being one, 1 at the bound."""
    gap_s = max((new.life.first_ns - old.life.last_ns) / SECOND_NS, 0.0)
    if gap_s > REMEMBERED_S or any(a and b and a != b for a, b in zip(old.own, new.own, strict=True)):
        return math.inf
    lead_s, back_s = began_s - old.time_s, began_s - new.time_s
    far_m = math.dist(_flown(old.mean, lead_s), _flown(new.mean, back_s))
    v_old, v_new = math.hypot(*old.mean[3:]), math.hypot(*new.mean[3:])
    grown = old.sigma_m**2 + (lead_s * old.sigma_mps) ** 2 + float(NOISE_M2_S3[0]) * abs(lead_s) ** 3 / 3.0
    sigma_m = math.sqrt(min(grown, WIDEST_M**2) + new.sigma_m**2 + (back_s * new.sigma_mps) ** 2)
    manoeuvre_m = RIGHT_ANGLE * max(v_old, LEAST_MPS) * (gap_s + OVERLAP_S)
    apart = far_m / (min(manoeuvre_m, 3.0 * WIDEST_M) + SIGMAS * sigma_m)
    quicker = abs(v_old - v_new) / (
        SPEEDS_ALIKE * max(v_old, v_new, LEAST_MPS) + SIGMAS * math.hypot(old.sigma_mps, new.sigma_mps)
    )
    return max(apart, quicker)


def _flown(mean: tuple[float, ...], lead_s: float) -> tuple[float, float, float]:
    e, n, u, ve, vn, vu = mean
    return e + lead_s * ve, n + lead_s * vn, u + lead_s * vu


def _joined(old: Life, new: Life) -> Life:
    """Return the old life, gone on with what the new one has seen."""
    old.status, old.twin_s = TrackStatus.CONFIRMED, 0
    old.hits += new.hits
    old.last_ns = max(old.last_ns, new.last_ns)
    old.claimed, old.period_s, old.sound = new.claimed, new.period_s, new.sound
    old.claim_ns = max(old.claim_ns, new.claim_ns)
    old.identity = new.identity if new.identity is not None else old.identity
    old.seen.update(new.seen)
    old.pending += new.pending
    old.sensors_until_ns = 0
    return old
