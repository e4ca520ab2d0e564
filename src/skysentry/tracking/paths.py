"""Paths of what is heard only now and then, weighed with all looks of the last minutes, together (`thin`).

Where sensors stand kilometres apart, one look at a time tells too little: which of two objects a microphone heard, and
on which side of it, is told by the next microphone a minute later. So an object is a path (where, which way, how fast,
how bent) and a cloud is `WORLDS` of them; the k-th paths of all clouds are one world, in which all objects fly at once
and share what was heard. Looks are counted in bins of `BIN_S` (`window`); in a world

    heard       1 − Q (1 − Pd)                  Q: neither noise nor another path of this world
    silence     1 − Pd
    directions  exp(−n Pd) Π (1 + Pd N(z; b, σ²) / (κ(z) + Σ of the other paths Pd N))      n looks in the bin

each to the power `TEMPER`. One path after another is moved by Metropolis and Hastings' rule given all others: by the
difference of two other worlds (which finds how wide and how slanted the cloud is by itself, and jumps between its
parts), by a little, or to the other side of a sensor that heard it. With each new bin it may also become the path of
another world, by what that bin says: a particle filter's drawing anew.

Source: C. ter Braak, "A Markov chain Monte Carlo version of the genetic algorithm Differential Evolution", Statistics
and Computing 16, 2006. Left out: turns other than a steady bend, which over minutes end a path and found another.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.chance import chance, mixed, normal
from skysentry.tracking.coverage import farthest, inside, reach
from skysentry.tracking.field import EDGES, HEADINGS
from skysentry.tracking.found import ALT_PRIOR_M
from skysentry.tracking.measure import L_ORIGIN, L_PD, L_SOUND, L_WIND
from skysentry.tracking.motion import Array, Indices

# Paths of a cloud. With perfect association a thousand particles are right nearly as often as six thousand; 64 that
# are moved by what they know of each other do more than 2,000 that are only weighed.
WORLDS = 64
# Columns of a path, valid at the time of its founding: east, north, velocity, rate of turn (clockwise, rad/s).
E, N, VE, VN, BEND, PATH = range(6)
# A bin is as long as a drone flies 200 m, less than the edge of any reach is soft.
BIN_S = 4.0
# Columns of a direction: when, unit vector east and north, variance, density of what else it may be.
R_TIME, R_EAST, R_NORTH, R_VARIANCE, R_DENSITY, RAY = range(6)
# The power of a look: neighbouring looks share wind and terrain.
TEMPER = 0.8
# Something else than what is tracked or declared false is heard this often.
ELSE = 0.02
# A hard edge is softened: where exactly a sensor ceases to hear is a belief.
LEAST_EDGE_M = 100.0
# What a look of an array says where it tells no direction: between once (Poisson) and −log(1 − 0.9) / 0.9 (certain).
MISSED = 1.2
# Speeds: piston drones cruise at 45 to 55 m/s, nearly all of what is heard from kilometres away; the rest is anything.
CRUISE_MPS, CRUISE_SIGMA_MPS, CRUISING = 48.0, 7.0, 0.9
SLOWEST_MPS, FASTEST_MPS = 3.0, 120.0
# One sigma of a steady turn: 12° in the 400 s that a window holds.
BEND_RAD_S = math.radians(0.03)
# Shares of the ways in which a path is moved: by the whole difference of two worlds, by a part of it, by a little (at
# most these sigmas of place, velocity and bend), else to the other side of a sensor.
WHOLE, PARTLY, LITTLE = 0.15, 0.75, 0.9
PART = 0.6
LITTLE_M, LITTLE_MPS, LITTLE_RAD_S = 1_000.0, 5.0, 2e-4
# What is added to a difference, so that a cloud never becomes one point.
SHAKEN_M, SHAKEN_MPS = 10.0, 0.1
ASKED_SENSORS = 6
NEVER = -1e9
TWO_PI = 2.0 * math.pi


@kernel
def placed(p: Array, dt_s: float) -> tuple[float, float, float, float]:
    """Return place and velocity of a path so long after its own time; a bend of degrees, to first order."""
    turn = p[BEND] * dt_s
    bow = 0.5 * turn * dt_s
    return (
        p[E] + dt_s * p[VE] + bow * p[VN], p[N] + dt_s * p[VN] - bow * p[VE], p[VE] + turn * p[VN], p[VN] - turn * p[VE]
    )  # fmt: skip


@kernel
def _emitted(p: Array, since_s: float, look: Array, t_s: float, lag_s: float) -> tuple[float, float, float, float]:
    """Return (east, north) from the sensor to where a path was when it emitted what arrives at `t_s`, the distance, and
    how long that took; `lag_s` is a guess of it.
    """
    e, n, _, _ = placed(p, t_s - lag_s - since_s)
    e -= look[L_ORIGIN]
    n -= look[L_ORIGIN + 1]
    away = math.sqrt(e * e + n * n + ALT_PRIOR_M * ALT_PRIOR_M)
    lag_s = away / (look[L_SOUND] - (look[L_WIND] * e + look[L_WIND + 1] * n) / away) if look[L_SOUND] > 0.0 else 0.0
    e, n, _, _ = placed(p, t_s - lag_s - since_s)
    e -= look[L_ORIGIN]
    n -= look[L_ORIGIN + 1]
    return e, n, math.sqrt(e * e + n * n + ALT_PRIOR_M * ALT_PRIOR_M), lag_s


@kernel
def _pd(look: Array, e: float, n: float, away: float) -> float:
    """Return P(detected) at an offset from the sensor, 0 beyond its edge."""
    far, edge = reach(look, e, n)
    edge = max(edge, LEAST_EDGE_M)
    depth = far - away
    if depth < -EDGES * edge:
        return 0.0
    pd: float = look[L_PD] * inside(depth, edge)
    return pd


@kernel
def _said(ray: Array, pd: float, e: float, n: float) -> float:
    """Return Pd N(z; b, σ²) of a direction for an offset from the sensor."""
    along, across = e * ray[R_EAST] + n * ray[R_NORTH], e * ray[R_NORTH] - n * ray[R_EAST]
    if along <= 0.0 or across * across > 20.0 * ray[R_VARIANCE] * along * along:
        return 0.0
    miss = math.atan2(across, along)
    return pd * math.exp(-0.5 * miss * miss / ray[R_VARIANCE]) / math.sqrt(TWO_PI * ray[R_VARIANCE])


@kernel
def _span(p: Array, since_s: float, look: Array, far: float, first_s: float, bins: int) -> tuple[int, int]:
    """Return the bins, first and end, in which a sensor with this farthest reach may hear a path."""
    far += 2.0 * LEAST_EDGE_M
    v2 = max(p[VE] * p[VE] + p[VN] * p[VN], 1.0)
    de, dn = look[L_ORIGIN] - p[E], look[L_ORIGIN + 1] - p[N]
    dt = (de * p[VE] + dn * p[VN]) / v2
    dt = min(max(dt, first_s - since_s - 100.0), first_s + bins * BIN_S - since_s + 100.0)
    e, n, ve, vn = placed(p, dt)
    e -= look[L_ORIGIN]
    n -= look[L_ORIGIN + 1]
    more = -(e * ve + n * vn) / v2
    e += more * ve
    n += more * vn
    aside2 = e * e + n * n
    if aside2 > far * far:
        return 0, 0
    half = math.sqrt((far * far - aside2) / v2)
    middle = since_s + dt + more
    lag = far / look[L_SOUND] if look[L_SOUND] > 0.0 else 0.0
    begin, end = (middle - half - first_s) / BIN_S, (middle + half + lag - first_s) / BIN_S
    return int(min(max(begin, 0.0), float(bins))), int(min(max(end + 1.0, 0.0), float(bins)))


@kernel
def weave(
    p: Array, since_s: float, looks: Array, far: Array, first_s: float, rays: Array, begins: Indices, sign: float,
    quiet: Array, density: Array,
) -> None:  # fmt: skip
    """Add a path to what explains the looks of a world (`sign` 1), or take it off (−1), in place.

    `quiet` (sensors, bins) is the chance that no path is heard, `density` (rays,) what each direction may be.
    """
    bins = quiet.shape[1]
    for s in range(looks.shape[0]):
        begin, end = _span(p, since_s, looks[s], far[s], first_s, bins)
        lag = 0.0
        for b in range(begin, end):
            e, n, away, lag = _emitted(p, since_s, looks[s], first_s + (b + 0.5) * BIN_S, lag)
            pd = _pd(looks[s], e, n, away)
            if sign > 0.0:
                quiet[s, b] *= 1.0 - pd
            else:
                quiet[s, b] = min(quiet[s, b] / (1.0 - pd), 1.0)
            for z in range(begins[s, b], begins[s, b + 1]):
                e, n, away, _ = _emitted(p, since_s, looks[s], rays[z, R_TIME], lag)
                density[z] += sign * _said(rays[z], _pd(looks[s], e, n, away), e, n)
                density[z] = max(density[z], rays[z, R_DENSITY])


@kernel
def worth(
    p: Array, since_s: float, looks: Array, far: Array, first_s: float, counts: Array, hits: Array, rays: Array,
    begins: Indices, quiet: Array, density: Array, from_bin: int,
) -> float:  # fmt: skip
    """Return by how many nats the looks of a window, from a bin on, are likelier with a path than without it.

    `counts` and `hits` (2, sensors, bins): how many looks and how many of them heard; of those, the chance that nothing
    else than paths explains them. `quiet` and `density` are those of all other paths.
    """
    total, bins = 0.0, quiet.shape[1]
    for s in range(looks.shape[0]):
        begin, end = _span(p, since_s, looks[s], far[s], first_s, bins)
        lag = 0.0
        for b in range(max(begin, from_bin), end):
            if counts[s, b] == 0.0:
                continue
            e, n, away, lag = _emitted(p, since_s, looks[s], first_s + (b + 0.5) * BIN_S, lag)
            pd = _pd(looks[s], e, n, away)
            if hits[1, s, b] < 0.0:
                total -= MISSED * counts[s, b] * pd
                for z in range(begins[s, b], begins[s, b + 1]):
                    e, n, away, _ = _emitted(p, since_s, looks[s], rays[z, R_TIME], lag)
                    total += math.log1p(_said(rays[z], _pd(looks[s], e, n, away), e, n) / density[z])
            elif pd > 0.0:
                total += (counts[s, b] - hits[0, s, b]) * math.log(1.0 - pd)
                if hits[0, s, b] > 0.0:
                    others = quiet[s, b] * hits[1, s, b]
                    total += hits[0, s, b] * math.log((1.0 - others * (1.0 - pd)) / (1.0 - others))
    nats: float = TEMPER * total
    return nats


@kernel
def likely(p: Array, headings: Array) -> float:
    """Return the log density of a path before anything is heard of it, in velocity and bend, but for a constant.

    `headings` (HEADINGS,) is how much likelier than an even one each is (`courses`).
    """
    speed = math.sqrt(p[VE] * p[VE] + p[VN] * p[VN])
    if speed < SLOWEST_MPS or speed > FASTEST_MPS:
        return NEVER
    off = (speed - CRUISE_MPS) / CRUISE_SIGMA_MPS
    density = CRUISING * math.exp(-0.5 * off * off) / (CRUISE_SIGMA_MPS * math.sqrt(TWO_PI))
    density += (1.0 - CRUISING) / (FASTEST_MPS - SLOWEST_MPS)
    k = math.floor(math.atan2(p[VE], p[VN]) / TWO_PI * HEADINGS + 0.5) % HEADINGS
    bend = p[BEND] / BEND_RAD_S
    log_density: float = math.log(density * headings[k] / speed) - 0.5 * bend * bend
    return log_density


@kernel
def _moved(
    paths: Array, c: int, since_s: float, looks: Array, far: Array, first_s: float, bins: int, key: np.uint64,
    new: Array,
) -> bool:  # fmt: skip
    """Write a path to which that of world `c` of a cloud might move; return whether there is one."""
    count = paths.shape[0]
    new[:] = paths[c]
    how = chance(key, 0)
    if how < PARTLY:
        one, two = int(chance(key, 1) * count), int(chance(key, 2) * count)
        part = 1.0 if how < WHOLE else PART * (0.5 + chance(key, 3))
        for a in range(PATH):
            new[a] += part * (paths[one, a] - paths[two, a])
        for a in range(2):
            new[E + a] += SHAKEN_M * normal(key, 4 + a)
            new[VE + a] += SHAKEN_MPS * normal(key, 6 + a)
        return True
    if how < LITTLE:
        part = math.exp(-2.5 * chance(key, 1))
        for a in range(2):
            new[E + a] += part * LITTLE_M * normal(key, 4 + a)
            new[VE + a] += part * LITTLE_MPS * normal(key, 6 + a)
        new[BEND] += part * LITTLE_RAD_S * normal(key, 8)
        return True
    for a in range(ASKED_SENSORS):
        s = int(chance(key, 1 + a) * looks.shape[0])
        begin, end = _span(new, since_s, looks[s], far[s], first_s, bins)
        if end > begin:
            speed = max(math.hypot(new[VE], new[VN]), SLOWEST_MPS)
            ve, vn = new[VE] / speed, new[VN] / speed
            aside = (new[E] - looks[s, L_ORIGIN]) * vn - (new[N] - looks[s, L_ORIGIN + 1]) * ve
            new[E] -= 2.0 * aside * vn
            new[N] += 2.0 * aside * ve
            new[BEND] = -new[BEND]
            return True
    return False


@kernel
def explain(
    paths: Array, since: Array, which: Indices, world: int, looks: Array, far: Array, first_s: float, rays: Array,
    begins: Indices, quiet: Array, density: Array,
) -> None:  # fmt: skip
    """Write what all paths of a world explain: `quiet` (sensors, bins) and `density` (rays,)."""
    quiet[:] = 1.0
    for z in range(rays.shape[0]):
        density[z] = rays[z, R_DENSITY]
    for k in which:
        weave(paths[k, world], since[k], looks, far, first_s, rays, begins, 1.0, quiet, density)


@kernel
def sweep(
    paths: Array, since: Array, which: Indices, looks: Array, far: Array, first_s: float, counts: Array, hits: Array,
    rays: Array, begins: Indices, headings: Array, key: np.uint64, tries: int, newest: int, worths: Array,
) -> None:  # fmt: skip
    """Move the paths of all worlds, in place, and write what each is worth in its world.

    `paths` (slots, WORLDS, PATH), `since` (slots,) and `worths` (slots, WORLDS) are those of the clouds `which`. Each
    path is tried `tries` times; first it may become that of another world by what the bins from `newest` on say.
    """
    bins = counts.shape[1]
    quiet, density, new = np.empty(counts.shape), np.empty(rays.shape[0]), np.empty(PATH)
    for c in range(paths.shape[1]):
        explain(paths, since, which, c, looks, far, first_s, rays, begins, quiet, density)
        for k in which:
            p, t = paths[k, c], since[k]
            own = mixed(key ^ mixed(np.uint64(k * paths.shape[1] + c + 1)))
            weave(p, t, looks, far, first_s, rays, begins, -1.0, quiet, density)
            if newest < bins:
                other = paths[k, int(chance(own, 0) * paths.shape[1])]
                gain = worth(other, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, newest)
                gain -= worth(p, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, newest)
                if math.log(chance(own, 1)) < gain:
                    p[:] = other
            now = worth(p, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, 0)
            prior = likely(p, headings)
            for a in range(tries):
                step = mixed(own + np.uint64(a + 1))
                if not _moved(paths[k], c, t, looks, far, first_s, bins, step, new):
                    continue
                then = likely(new, headings)
                if then == NEVER:
                    continue
                what = worth(new, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, 0)
                if math.log(chance(step, 40)) < what + then - now - prior:
                    p[:] = new
                    now, prior = what, then
            worths[k, c] = now
            weave(p, t, looks, far, first_s, rays, begins, 1.0, quiet, density)


@kernel
def borne_out(
    paths: Array, since: Array, which: Indices, looks: Array, far: Array, first_s: float, counts: Array, hits: Array,
    rays: Array, begins: Indices, least: float, out: Indices,
) -> None:  # fmt: skip
    """Write how many sensors heard each cloud `which` at least so often, on average over `out.shape[1]` worlds.

    `out` (slots, worlds) takes the number in each of them.
    """
    quiet, density = np.empty(counts.shape), np.empty(rays.shape[0])
    bins = counts.shape[1]
    for w in range(out.shape[1]):
        c = w * paths.shape[1] // out.shape[1]
        explain(paths, since, which, c, looks, far, first_s, rays, begins, quiet, density)
        for k in which:
            p, out[k, w] = paths[k, c], 0
            for s in range(looks.shape[0]):
                begin, end = _span(p, since[k], looks[s], far[s], first_s, bins)
                lag, heard = 0.0, 0.0
                for b in range(begin, end):
                    e, n, away, lag = _emitted(p, since[k], looks[s], first_s + (b + 0.5) * BIN_S, lag)
                    if hits[0, s, b] > 0.0:
                        heard += hits[0, s, b] * _pd(looks[s], e, n, away) / (1.0 - quiet[s, b] * hits[1, s, b])
                    for z in range(begins[s, b], begins[s, b + 1]):
                        e, n, away, _ = _emitted(p, since[k], looks[s], rays[z, R_TIME], lag)
                        heard += _said(rays[z], _pd(looks[s], e, n, away), e, n) / density[z]
                out[k, w] += heard >= least


@kernel
def suggest(
    look: Array, far_m: float, when: Array, headings: Array, since_s: float, key: np.uint64, paths: Array
) -> None:
    """Write paths (k, PATH) of things that a sensor heard, drawn from what is believed before.

    `when` (m, 5) are the times at which it heard something that nothing explains, with directions as unit vectors (0, 0
    where there is none) and their variance, and how much of each is unexplained, added up.
    """
    total, rows = when[when.shape[0] - 1, 4], when.shape[0]
    sum_h = headings.sum()
    for k in range(paths.shape[0]):
        own = mixed(key ^ np.uint64(k + 1))
        at = min(int(np.searchsorted(when[:, 4], chance(own, 0) * total)), rows - 1)
        away = far_m * math.sqrt(chance(own, 1))
        way = TWO_PI * chance(own, 2)
        if when[at, 3] > 0.0:
            way = math.atan2(when[at, 1], when[at, 2]) + math.sqrt(when[at, 3]) * normal(own, 2)
        left, h = chance(own, 10) * sum_h, 0
        while h < HEADINGS - 1 and left > headings[h]:
            left -= headings[h]
            h += 1
        heading = TWO_PI * (h + chance(own, 11) - 0.5) / HEADINGS
        speed = CRUISE_MPS + CRUISE_SIGMA_MPS * normal(own, 7)
        if chance(own, 12) > CRUISING or not SLOWEST_MPS < speed < FASTEST_MPS:
            speed = SLOWEST_MPS + (FASTEST_MPS - SLOWEST_MPS) * chance(own, 13)
        p = paths[k]
        p[BEND] = BEND_RAD_S * normal(own, 8)
        p[E], p[N] = look[L_ORIGIN] + away * math.sin(way), look[L_ORIGIN + 1] + away * math.cos(way)
        p[VE], p[VN] = speed * math.sin(heading), speed * math.cos(heading)
        lag = away / look[L_SOUND] if look[L_SOUND] > 0.0 else 0.0
        p[E], p[N], p[VE], p[VN] = placed(p, since_s - when[at, 0] + lag)


@kernel
def reaches(looks: Array, far: Array) -> None:
    """Write the farthest distance at which each sensor hears anything [shape=(sensors,)]."""
    for s in range(looks.shape[0]):
        far[s] = farthest(looks[s], EDGES)


@kernel
def draw(paths: Array, weight: Array, key: np.uint64, apart_m: float, apart_mps: float, out: Array) -> None:
    """Draw paths (k, PATH) by their weights into `out`, each a little beside."""
    count, total = out.shape[0], weight.sum()
    start, reached, source = chance(key, 0), 0.0, -1
    for k in range(count):
        while reached <= (k + start) / count * total and source < paths.shape[0] - 1:
            source += 1
            reached += weight[source]
        out[k] = paths[source]
        own = mixed(key ^ mixed(np.uint64(k + 1)))
        for a in range(2):
            out[k, E + a] += apart_m * normal(own, a)
            out[k, VE + a] += apart_mps * normal(own, 2 + a)
