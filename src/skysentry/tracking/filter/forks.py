"""What sound alone follows: which models it was in lately, kept apart for a while.

A direction says little, and comes late: that an object has turned, and when, shows only in the dozens of directions of
the seconds after. The five models of `motion` mix at every look, and by then have summed up flights that turned at
other times into one Gaussian. So a track that sound alone follows has *forks*, a Gaussian each, and each has a way: the
models that it was in during this interval and the two before. In an interval it moves as the last one. Then forks that
differ only in the oldest model are summed up by moments, and each goes on in its model and into others.

The five models of the track's row are always the sums of its forks, so all who look at a row need not know of forks.
Where a row is not that, something else has changed it, and they begin anew from it. Row i has the forks in slot
`table.forks[i]` − 1; a number below one says how many looks of sound have hit it since anything else did, negated.

Source: GPB2, here of three and with an interval; Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to Tracking
and Navigation", 2001, 11.6.4.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.compiled import kernel
from skysentry.tracking.filter.update import KEPT, collapse, weigh
from skysentry.tracking.models.motion import MODELS, Array, Indices, hold, mirror, move, transition
from skysentry.tracking.tracks.slots import free_slot, make_room, room_for
from skysentry.tracking.tracks.table import Table

# Length of an interval. In a longer one no fork fits a change within it, after short ones it is summed up before it
# shows: 1, 2, 3 s give 38.3, 37.9, 38.1 m (one filter, perfect association, median; five models 41.3 m).
INTERVAL_S = 2.0
# Jumps of so long are counted in each interval: with as many as `motion.STAY_S` says, what is told is too sure (NEES of
# *bearings*, seeds 1 to 5, 3.2 instead of 2.7, which five models have, too).
JUMPS_S = 3.0
# A change that is less likely than this is left out: half of all, at no loss; with 1e-3 NEES is a tenth higher. Going
# on in a model never is, so that each of the five has a fork.
LEAST_FORK = 1e-4
# Codes of ways, whose digits are models, the last one last: of three, and of the two that are kept.
WAYS, LATELY = MODELS**3, MODELS**2
# Ways that `motion.JUMP` allows.
FORKS = 64
# Looks of sound from which on sound alone follows a track: as often a dozen arrays hear it while a slow radar turns
# once. With 20 jets that dive, which are heard between two looks of a radar, have an RMSE of 89 m instead of 83.
WANTED = 120
# More such tracks than a hundred arrays could tell apart; the next go on as five models.
MOST_FORKED = 400
# A measurement with less of a share is left out. Where more than a few have more, several objects fly together, and
# forks would tell their directions apart as turns: five models take such looks.
LEAST_PART, MOST_HITS = 0.01, 4
# Columns of a head: how many forks there are, until when their interval is; time and weights of the row they add up to.
H_COUNT, H_UNTIL, H_TIME, H_WEIGHT, HEAD = 0, 1, 2, 3, 3 + MODELS
# What a snapshot keeps of a covariance, which is the same above its diagonal: rows and columns.
LOWER = np.tril_indices(6)


@kernel
def _anew(x: Array, P: Array, w: Array, fx: Array, fP: Array, fw: Array, ways: Indices) -> int:
    """Write the five models of a row as forks that have long been in theirs; return how many."""
    for m in range(MODELS):
        ways[m], fw[m] = m * (WAYS - 1) // (MODELS - 1), w[m]
        _copy(x[m], P[m], fx[m], fP[m])
    return MODELS


@kernel
def _copy(x: Array, P: Array, x_to: Array, P_to: Array) -> None:
    for a in range(6):
        x_to[a] = x[a]
        for b in range(6):
            P_to[a, b] = P[a, b]


@kernel
def _forget(fx: Array, fP: Array, fw: Array, ways: Indices) -> int:
    """Sum up forks [shape=(n, …)] that differ only in the oldest of their way, in place; return how many are left."""
    count = 0
    for k in range(fx.shape[0]):
        way, at = ways[k] % LATELY, 0
        while at < count and ways[at] != way:
            at += 1
        if at < count:
            _join(fx[at], fP[at], fw[at], fx[k], fP[k], fw[k])
            fw[at] += fw[k]
            continue
        if k > count:
            _copy(fx[k], fP[k], fx[count], fP[count])
        ways[count], fw[count] = way, fw[k]
        count += 1
    return count


@kernel
def _join(x: Array, P: Array, w: float, other_x: Array, other_P: Array, other_w: float) -> None:
    """Make one Gaussian the sum of two of these weights, by moments, in place."""
    own, other = w / (w + other_w), other_w / (w + other_w)
    for a in range(6):
        da = other_x[a] - x[a]
        for b in range(a + 1):
            P[a, b] = own * P[a, b] + other * (other_P[a, b] + own * da * (other_x[b] - x[b]))
    mirror(P)
    for a in range(6):
        x[a] += other * (other_x[a] - x[a])


@kernel
def _fork(fx: Array, fP: Array, fw: Array, ways: Indices, n: int) -> int:
    """Let each of n forks go on in its model, and into others; return how many there are then."""
    change = transition(JUMPS_S)
    count, total = n, 0.0
    for k in range(n):
        way, own, weight = ways[k] * MODELS, ways[k] % MODELS, fw[k]
        for m in range(MODELS):
            part, at = weight * change[own][m], k
            if m != own:
                if part < LEAST_FORK or count == FORKS:
                    continue
                at, count = count, count + 1
                _copy(fx[k], fP[k], fx[at], fP[at])
            ways[at], fw[at] = way + m, part
            total += part
    for k in range(count):
        fw[k] /= total
    return count


@kernel
def _sum_up(
    x: Array, P: Array, w: Array, t_s: float, fx: Array, fP: Array, fw: Array, ways: Indices, head: Array
) -> None:  # fmt: skip
    """Write the sums of forks [shape=(n, …)], by the model that they are in, into their row, and note it in `head`.

    Second moments are taken about the first fork's state, so that no digit is lost far from the origin.
    """
    for m in range(MODELS):
        w[m] = 0.0
        for a in range(6):
            x[m, a] = 0.0
            for b in range(a + 1):
                P[m, a, b] = 0.0
    for k in range(fx.shape[0]):
        m, weight = ways[k] % MODELS, fw[k]
        w[m] += weight
        for a in range(6):
            da = fx[k, a] - fx[0, a]
            x[m, a] += weight * da
            for b in range(a + 1):
                P[m, a, b] += weight * (fP[k, a, b] + da * (fx[k, b] - fx[0, b]))
    head[H_TIME] = t_s
    for m in range(MODELS):
        head[H_WEIGHT + m] = w[m]
        for a in range(6):
            x[m, a] /= w[m]
            for b in range(a + 1):
                P[m, a, b] = P[m, a, b] / w[m] - x[m, a] * x[m, b]
        mirror(P[m])
    for m in range(MODELS):
        for a in range(6):
            x[m, a] += fx[0, a]


@kernel
def _begin(
    x: Array, P: Array, w: Array, t_s: float, dt_s: float, fx: Array, fP: Array, fw: Array, ways: Indices, head: Array
) -> int:  # fmt: skip
    """Return how many forks a row has from now to dt later, after they have forked again if they have to."""
    known = head[H_TIME] == t_s and head[H_COUNT] > 0.0
    for m in range(MODELS):
        known = known and head[H_WEIGHT + m] == w[m]
    n = int(head[H_COUNT]) if known else _anew(x, P, w, fx, fP, fw, ways)
    # Forks that begin anew within an interval do not fork before it ends: its jumps have been counted.
    if t_s + dt_s >= head[H_UNTIL]:
        n = _fork(fx, fP, fw, ways, _forget(fx[:n], fP[:n], fw, ways))
        head[H_UNTIL] = t_s + dt_s + INTERVAL_S
    head[H_COUNT] = n
    return n


@kernel
def predict_forks(
    x: Array, P: Array, w: Array, t_s: float, dt_s: float, fx: Array, fP: Array, fw: Array, ways: Indices, head: Array
) -> None:  # fmt: skip
    """Move one track, its forks and with them the five models of its row, forward by dt > 0, in place."""
    n = _begin(x, P, w, t_s, dt_s, fx, fP, fw, ways, head)
    for k in range(n):
        move(fx[k], fP[k], ways[k] % MODELS, dt_s)
        hold(fx[k], fP[k])
    _sum_up(x, P, w, t_s + dt_s, fx[:n], fP[:n], fw[:n], ways, head)


@kernel
def few(share: Array) -> bool:
    """Return whether measurements with these shares are few enough for forks."""
    count = 0
    for p in share:
        count += p >= LEAST_PART
    return count <= MOST_HITS


@kernel
def correct_forks(
    x: Array, P: Array, w: Array, t_s: float, codes: Indices, rows: Array, hits: Indices, share: Array, look: Array,
    fx: Array, fP: Array, fw: Array, ways: Indices, head: Array, some: Indices, part: Array, models: Array,
    kept: Array, work: Array,
) -> None:  # fmt: skip
    """Correct one track with its measurements `hits`, weighted by `share`, which are few: its forks, with them its row.

    `some` and `part` (MOST_HITS,), `models` (MOST_HITS, FORKS) and `kept` (MOST_HITS, FORKS, KEPT, 6) are room.
    """
    n = _begin(x, P, w, t_s, 0.0, fx, fP, fw, ways, head)
    count = 0
    for k in range(hits.shape[0]):
        j = hits[k]
        if share[k] < LEAST_PART:
            continue
        log_l = weigh(
            fx[:n], fP[:n], fw[:n], ways, t_s, codes[j], rows[j], look, work[1:], kept[count], models[count]
        )  # fmt: skip
        if log_l > -math.inf:
            some[count], part[count] = j, share[k]
            count += 1
    collapse(fx[:n], fP[:n], fw[:n], codes, some[:count], part[:count], models, kept, False, work)
    _sum_up(x, P, w, t_s, fx[:n], fP[:n], fw[:n], ways, head)


@kernel
def note_direction(forks: Indices, i: int, by_sound: bool) -> None:
    """Note that a look has hit row i: what is not sound ends its forks."""
    if not by_sound:
        forks[i] = 0
    elif forks[i] <= 0:
        forks[i] = max(forks[i] - 1, -WANTED)


class ForksDump(Struct, array_like=True):
    """The forks of one row: their slot, their head, their states, covariances (`LOWER`), weights and ways."""

    slot: int
    head: bytes
    x: bytes
    P: bytes
    w: bytes
    ways: bytes


class Forks:
    """Room for the forks of all tracks, by slot, and for what their correction needs."""

    def __init__(self, room: int = 1) -> None:
        self.x: Array = np.zeros((room, FORKS, 6))
        self.P: Array = np.zeros((room, FORKS, 6, 6))
        self.w: Array = np.zeros((room, FORKS))
        self.ways: Indices = np.zeros((room, FORKS), np.int64)
        self.head: Array = np.zeros((room, HEAD))
        self.some: Indices = np.zeros(MOST_HITS, np.int64)
        self.part: Array = np.zeros(MOST_HITS)
        self.models: Array = np.zeros((MOST_HITS, FORKS))
        self.kept: Array = np.zeros((MOST_HITS, FORKS, KEPT, 6))

    def settle(self, table: Table) -> None:
        """Give slots to the tracks that sound alone follows by now."""
        for i in np.flatnonzero(table.forks[: table.n] <= -WANTED).tolist():
            slot = free_slot((number - 1 for number in table.forks[: table.n].tolist()), MOST_FORKED)
            if slot == MOST_FORKED:
                return
            make_room(self, ("x", "P", "w", "ways", "head"), slot)
            # Whose forks were here before is forgotten: those of this row begin with its next look.
            self.head[slot] = 0.0
            table.forks[i] = slot + 1

    def dump(self, table: Table) -> list[ForksDump]:
        """Return the forks that rows have."""
        return [self._kept(number - 1) for number in sorted(table.forks[: table.n].tolist()) if number > 0]

    def _kept(self, slot: int) -> ForksDump:
        count = int(self.head[slot, H_COUNT])
        rows, columns = LOWER
        P = self.P[slot, :count, rows, columns].T
        x, w, ways = self.x[slot, :count], self.w[slot, :count], self.ways[slot, :count]
        return ForksDump(slot, self.head[slot].tobytes(), x.tobytes(), P.tobytes(), w.tobytes(), ways.tobytes())

    @staticmethod
    def load(dumps: list[ForksDump]) -> Forks:
        """Return the forks that `dump` described; `ValueError` where they are of another shape."""
        made = Forks(room_for([dump.slot for dump in dumps], MOST_FORKED))
        for dump in dumps:
            made._take(dump)
        return made

    def _take(self, dump: ForksDump) -> None:
        slot = dump.slot
        self.head[slot] = np.frombuffer(dump.head)
        count = int(self.head[slot, H_COUNT])
        if not 0 <= count <= FORKS:
            raise ValueError("forks of another shape")
        self.x[slot, :count] = np.frombuffer(dump.x).reshape(count, 6)
        rows, columns = LOWER
        lower = np.frombuffer(dump.P).reshape(count, len(rows))
        P = self.P[slot, :count]
        P[:, rows, columns] = P[:, columns, rows] = lower
        self.w[slot, :count] = np.frombuffer(dump.w)
        self.ways[slot, :count] = np.frombuffer(dump.ways, self.ways.dtype)
