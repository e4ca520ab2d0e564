"""Wide clouds now: where the paths of a track that one sensor at a time hears (`paths`, `thin`) have come to.

Between two moves of its paths a look is asked only who made it: each path tells its Pd at the place where it was when
it emitted what arrives, and Pd N of each direction. Rows of the table hold a cloud's moments, at whole seconds.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.geo import MEAN_RADIUS_M
from skysentry.tracking.births.field import EDGES, emitted
from skysentry.tracking.heard.particles import VE, VN, E, N, outlook
from skysentry.tracking.models.coverage import detectable, farthest
from skysentry.tracking.models.measure import L_ORIGIN, L_SOUND, L_TIME, L_WIND
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.sparse.paths import heard_with, placed, said
from skysentry.tracking.tracks.table import WIDE

# A wide cloud is told by the mean of what is within this of it, and has few paths: an eighth of them are within 500 m.
GATHERED_M = 1_000.0
# Columns of a place: east, north and velocity.
COLUMNS = 4


@kernel
def sense(cloud: Array, t_s: float, up_m: float, look: Array, rays: Array, pd: Array, gains: Array) -> float:
    """Write Pd of each place of a cloud [shape=(places,)] and Pd N of each direction (places, k); return the mean Pd.

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
        pd[k] = heard_with(look, de, dn, away)
        mean += pd[k] / cloud.shape[0]
        for j in range(rays.shape[0]):
            gains[k, j] = said(rays[j], pd[k], de, dn)
    return mean


@kernel
def place(paths: Array, since_s: float, now_s: float, cloud: Array) -> None:
    """Write where paths have come to at a time [shape=(paths, COLUMNS)]."""
    for k in range(paths.shape[0]):
        cloud[k, E], cloud[k, N], cloud[k, VE], cloud[k, VN] = placed(paths[k], now_s - since_s)


@array_kernel
def settle_wide(
    x: Array, P: Array, w: Array, t: Array, r: Array, slots: Indices, paths: Array, since: Array, clouds: Array,
    now_s: float, lifetime_s: float, first_weight: Array,
) -> None:  # fmt: skip
    """Bring the wide clouds of all rows to a time, and the rows to what their clouds say."""
    even = np.ones(clouds.shape[1])
    for i in range(slots.shape[0]):
        slot = WIDE - slots[i]
        if slot < 0:
            continue
        cloud = clouds[slot]
        place(paths[slot], since[slot], now_s, cloud)
        r[i] *= math.exp(-max(now_s - t[i], 0.0) / lifetime_s)
        t[i] = now_s
        outlook(cloud, even, x[i, 0], P[i, 0], GATHERED_M)
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
