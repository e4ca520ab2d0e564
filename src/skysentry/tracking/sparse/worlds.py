"""Worlds: the paths of all wide clouds, moved together by Metropolis and Hastings' rule, and how new ones are drawn.

One path after another of each world is moved given all others (`paths`): by the difference of two other worlds (which
finds how wide and how slanted the cloud is by itself, and jumps between its parts), by a little, or to the other side
of a sensor. With each new bin it may also become the path of another world, by what that bin says: a particle filter's
drawing anew.

Source: C. ter Braak, "A Markov chain Monte Carlo version of the genetic algorithm Differential Evolution", Statistics
and Computing 16, 2006.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.births.field import EDGES, HEADINGS
from skysentry.tracking.heard.chance import chance, mixed, normal
from skysentry.tracking.models.coverage import farthest
from skysentry.tracking.models.measure import L_ORIGIN, L_SOUND
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.sparse.paths import (
    BEND,
    BEND_RAD_S,
    BIN_S,
    CRUISE_MPS,
    CRUISE_SIGMA_MPS,
    CRUISING,
    FASTEST_MPS,
    NEVER,
    PATH,
    R_DENSITY,
    R_TIME,
    SLOWEST_MPS,
    TWO_PI,
    VE,
    VN,
    E,
    N,
    emitted_at,
    heard_in,
    heard_with,
    likely,
    placed,
    put_back,
    said,
    span,
    take_off,
    way_of,
    weave,
    worth,
)  # fmt: skip

# Shares of the ways in which a path is moved: by the whole difference of two worlds, by a part of it, by a little (at
# most these sigmas of place, velocity and bend), else to the other side of a sensor.
WHOLE, PARTLY, LITTLE = 0.15, 0.75, 0.9
PART = 0.6
LITTLE_M, LITTLE_MPS, LITTLE_RAD_S = 1_000.0, 5.0, 2e-4
# What is added to a difference, so that a cloud never becomes one point.
SHAKEN_M, SHAKEN_MPS = 10.0, 0.1
ASKED_SENSORS = 6


@array_kernel
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
        begin, end = span(new, since_s, looks[s], far[s], first_s, bins)
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
        weave(paths[k, world], since[k], looks, far, first_s, rays, begins, quiet, density)


@array_kernel
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
    # What a path is heard with is asked once where it stays as it is, which nearly all of them do.
    spans, pds, gains = np.empty((looks.shape[0], 2), np.int64), np.empty(counts.shape), np.empty(rays.shape[0])
    for c in range(paths.shape[1]):
        explain(paths, since, which, c, looks, far, first_s, rays, begins, quiet, density)
        for k in which:
            p, t = paths[k, c], since[k]
            own = mixed(key ^ mixed(np.uint64(k * paths.shape[1] + c + 1)))
            now = take_off(p, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, spans, pds, gains)
            stays = True
            if newest < bins:
                other = paths[k, int(chance(own, 0) * paths.shape[1])]
                gain = worth(other, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, newest)
                gain -= worth(p, t, looks, far, first_s, counts, hits, rays, begins, quiet, density, newest)
                if math.log(chance(own, 1)) < gain:
                    p[:] = other
                    stays = False
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
                    now, prior, stays = what, then, False
            worths[k, c] = now
            if stays:
                put_back(rays, begins, quiet, density, spans, pds, gains)
            else:
                weave(p, t, looks, far, first_s, rays, begins, quiet, density)


@array_kernel
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
            way = way_of(p, since[k], first_s, bins)
            for s in range(looks.shape[0]):
                begin, end = heard_in(p, since[k], looks[s], far[s], way, first_s, bins)
                lag, heard = 0.0, 0.0
                for b in range(begin, end):
                    e, n, away, lag = emitted_at(p, since[k], looks[s], first_s + (b + 0.5) * BIN_S, lag)
                    if hits[0, s, b] > 0.0:
                        heard += hits[0, s, b] * heard_with(looks[s], e, n, away) / (1.0 - quiet[s, b] * hits[1, s, b])
                    for z in range(begins[s, b], begins[s, b + 1]):
                        e, n, away, _ = emitted_at(p, since[k], looks[s], rays[z, R_TIME], lag)
                        heard += said(rays[z], heard_with(looks[s], e, n, away), e, n) / density[z]
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


@array_kernel
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


@kernel
def reaches(looks: Array, far: Array) -> None:
    """Write the farthest distance at which each sensor hears anything [shape=(sensors,)]."""
    for s in range(looks.shape[0]):
        far[s] = farthest(looks[s], EDGES)
