"""Wide clouds: the particles of a track that one sensor at a time hears, minutes apart (`thin`).

Where sensors stand so far apart that nobody shares a look, a direction gives no place and "heard" a disc. Such a state
is no normal, nor are the looks that one array takes of it: a particle is weighed with each look at the place where it
was when it emitted what arrives, and directions and silence count as they do for the grid of births:

    direction   1 − Pd + Σ Pd N(z; b(p), σ²) / (κ(z) + Σ of other wide tracks r Pd N)
    heard       1 − Q (1 − Pd), Q that neither clutter nor another track was heard
    silence     1 − Pd

What crosses from one sensor's reach into another's, kilometres away, flies a course: a particle keeps speed and heading
but for a slow wander, and turns away once in `COURSE_S`. Clouds of dense networks (`particles`) turn each minute.
Columns, chance, kernel and moments are those of `particles`.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.geo import MEAN_RADIUS_M
from skysentry.tracking.chance import chance, key_of, mixed, normal
from skysentry.tracking.coverage import detectable, farthest, inside, reach
from skysentry.tracking.field import EDGES, emitted
from skysentry.tracking.measure import L_ORIGIN, L_PD, L_SOUND, L_TIME, L_WIND
from skysentry.tracking.motion import Array, Indices
from skysentry.tracking.particles import FASTEST_MPS, SLOWEST_MPS, VE, VN, E, N, crowded, draw_anew, outlook

# A disc of 2.5 km with every heading is wide: alone, with its looks known, an object's arrival is told right in 23 of
# 32 passes with 1,000 particles and in 28 with 6,000; among 16 objects 1,500 do as well as 5,000.
WIDE_PARTICLES = 2_000
# `Table.cloud` of a row that has wide cloud k is this less k.
WIDE = -2
# Wander of heading and speed in a second: 4° and 2 m/s over the 400 s between two belts.
HEADING_RAD, SPEED_MPS = math.radians(0.2), 0.1
# Mean time on one course, and the sigma of the turn that ends it.
COURSE_S, TURN_RAD = 600.0, math.radians(45.0)
# Piston drones cruise at 45 to 55 m/s; what is slower or faster is drawn there in a quarter of an hour only.
CRUISE_MPS, DRAWN = 48.0, 0.001
# Drawn anew where particles are worth less than this share of them.
LEAST_EFFECTIVE = 0.4
# The power of a look: neighbouring looks share wind and terrain.
TEMPER = 0.8
# A hard edge is softened: where exactly a sensor ceases to hear is a belief.
LEAST_EDGE_M = 100.0
TWO_PI = 2.0 * math.pi


@kernel
def sense(
    cloud: Array, weight: Array, t_s: float, up_m: float, look: Array, rays: Array, pd: Array, gains: Array
) -> float:  # fmt: skip
    """Write each particle's Pd [shape=(particles,)] and Pd N of each direction (particles, k); return the mean of Pd.

    `rays` (k, 4) are directions as `field.rays_of` has them; `up_m` is the height above the sensor.
    """
    lead = look[L_TIME] - t_s
    mean = 0.0
    for k in range(cloud.shape[0]):
        p = cloud[k]
        de, dn = p[E] - look[L_ORIGIN], p[N] - look[L_ORIGIN + 1]
        sound = look[L_SOUND]
        if sound > 0.0:
            sound -= (look[L_WIND] * de + look[L_WIND + 1] * dn) / math.sqrt(de * de + dn * dn + up_m * up_m + 1.0)
        tau = emitted(sound, lead, de, dn, up_m, p[VE], p[VN])
        de += tau * p[VE]
        dn += tau * p[VN]
        away = math.sqrt(de * de + dn * dn + up_m * up_m)
        far, edge = reach(look, de, dn)
        pd[k] = look[L_PD] * inside(far - away, max(edge, LEAST_EDGE_M))
        mean += weight[k] * pd[k]
        for j in range(rays.shape[0]):
            gains[k, j] = 0.0
            along, across = de * rays[j, 0] + dn * rays[j, 1], de * rays[j, 1] - dn * rays[j, 0]
            if along > 0.0 and across * across < 16.0 * rays[j, 2] * along * along:
                miss = math.atan2(across, along)
                gains[k, j] = pd[k] * math.exp(-0.5 * miss * miss / rays[j, 2]) / math.sqrt(TWO_PI * rays[j, 2])
    return mean


@kernel
def weigh_heard(weight: Array, pd: Array, hit: bool, others: float) -> None:
    """Weigh a cloud with "heard", or silence, in place; `others` is the chance that nothing else was heard."""
    total = 0.0
    for k in range(weight.shape[0]):
        said = 1.0 - others * (1.0 - pd[k]) if hit else 1.0 - pd[k]
        weight[k] *= said**TEMPER
        total += weight[k]
    for k in range(weight.shape[0]):
        weight[k] = float(np.float32(weight[k] / total))


@kernel
def weigh_directed(weight: Array, pd: Array, gains: Array, density: Array) -> float:
    """Weigh a cloud with the directions of a look, in place; return how much likelier they are with the track.

    `density` (k,) is what each direction competes with.
    """
    total, said = 0.0, 0.0
    for k in range(weight.shape[0]):
        factor = 1.0 - pd[k]
        for j in range(density.shape[0]):
            factor += gains[k, j] / density[j]
        said += weight[k] * factor
        weight[k] *= factor**TEMPER
        total += weight[k]
    for k in range(weight.shape[0]):
        weight[k] = float(np.float32(weight[k] / total))
    return said


@kernel
def _fly(p: Array, key: np.uint64, dt_s: float) -> None:
    """Move one particle on."""
    p[E] += dt_s * p[VE]
    p[N] += dt_s * p[VN]
    speed = math.hypot(p[VE], p[VN])
    heading = math.atan2(p[VE], p[VN])
    heading += HEADING_RAD * math.sqrt(dt_s) * normal(key, 0)
    speed += SPEED_MPS * math.sqrt(dt_s) * normal(key, 1) + DRAWN * (CRUISE_MPS - speed) * dt_s
    if chance(key, 8) < dt_s / COURSE_S:
        heading += TURN_RAD * normal(key, 3)
    speed = min(max(speed, SLOWEST_MPS), FASTEST_MPS)
    p[VE], p[VN] = speed * math.sin(heading), speed * math.cos(heading)


@kernel
def settle_wide(
    x: Array, P: Array, w: Array, t: Array, r: Array, slots: Indices, clouds: Array, weights: Array, times: Array,
    seeds: Indices, now_s: float, lifetime_s: float, first_weight: Array,
) -> None:  # fmt: skip
    """Bring the wide clouds of all rows to a whole second, and the rows to what their clouds say."""
    for i in range(slots.shape[0]):
        slot = WIDE - slots[i]
        if slot < 0:
            continue
        cloud, weight = clouds[slot], weights[slot]
        dt_s = now_s - times[slot]
        if dt_s > 0.0:
            key = key_of(seeds[slot], int(now_s))
            if crowded(weight) * LEAST_EFFECTIVE >= 1.0:
                draw_anew(cloud, weight, key)
            for k in range(cloud.shape[0]):
                _fly(cloud[k], mixed(key ^ np.uint64(k + 1)), dt_s)
                for a in range(4):
                    cloud[k, a] = float(np.float32(cloud[k, a]))
            times[slot] = now_s
        r[i] *= math.exp(-max(now_s - t[i], 0.0) / lifetime_s)
        t[i] = now_s
        outlook(cloud, weight, x[i, 0], P[i, 0])
        w[i] = first_weight
        for m in range(1, x.shape[1]):
            x[i, m] = x[i, 0]
            P[i, m] = P[i, 0]


@kernel
def cover(looks: Array, corner: Array, cell_m: float, up_m: float, out: Array) -> None:
    """Write the coverage Σ Pd at the middle of each cell [shape=(rows, columns)] by sensors with these looks."""
    rows, columns = out.shape
    out[:] = 0.0
    for k in range(looks.shape[0]):
        # Each only where it senses anything: a country has 20,000 sensors.
        far = farthest(looks[k], EDGES)
        e0, n0 = looks[k, L_ORIGIN] - corner[0], looks[k, L_ORIGIN + 1] - corner[1]
        for i in range(max(int((n0 - far) / cell_m), 0), min(int((n0 + far) / cell_m) + 2, rows)):
            for j in range(max(int((e0 - far) / cell_m), 0), min(int((e0 + far) / cell_m) + 2, columns)):
                e, n = corner[0] + j * cell_m, corner[1] + i * cell_m
                up = up_m - (e * e + n * n) / (2.0 * MEAN_RADIUS_M)
                out[i, j] += detectable(looks[k], e, n, up, 0.0)
