"""The expected number of undetected objects over the ground: how tracks start where no look holds a place.

A grid [shape=(STATES, rows, columns)] of position × motion: twelve headings at the nominal speed, and one that stands.
Each layer moves with its velocity (whole cells are rolled, the rest kept as an offset), leaks to neighbouring headings
and cells, is born and dies. A look multiplies every cell by its likelihood at the place where a thing in that cell was
when it emitted what has arrived: q = p − s, D = ts − t, and |q + vτ| = c(D − τ) is a quadratic in τ.

    direction   1 − Pd + Σ Pd N(z; b(p), σ²) / (κ(z) + ΣD Pd N)   κ: clutter and what tracks already explain
    heard       (1 − Q(1 − Pd)) / (1 − Q)                          Q = Q₀ exp(−ΣD Pd); Q₀: nothing false, no track heard
    silence     1 − Pd, at most `SILENCE_NATS`

ΣD, over all cells, lets them explain a hit among themselves: one object is one expected object, however many looks and
places agree with it.

Source: track before detect over a network of sensors, as PHD filtering on a grid; reference: B.-N. Vo, S. Singh,
A. Doucet, "Sequential Monte Carlo methods for multi-target filtering with random finite sets", IEEE Trans. AES 41(4).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.models.coverage import farthest, reach
from skysentry.tracking.models.measure import (
    L_AZ,
    L_AZ_HALF,
    L_ORIGIN,
    L_PD,
    L_REACH,
    L_ROTATION,
    L_SOUND,
    L_TIME,
)
from skysentry.tracking.models.motion import Array, Indices

# Single precision: a likelihood is not known to seven digits, and a cell's snapshot is half as large.
Grid: TypeAlias = NDArray[np.float32]
# No cell holds more: beyond all meaning, and a float has room above it.
MOST_MASS = 1e30
HEADINGS = 12
STATES = HEADINGS + 1
# What is heard far away flies on wings: piston drones cruise at 45-55 m/s; slower things are in the standing layer.
NOMINAL_MPS = 48.0
# Share of a heading that turns to each neighbour in a second, and between flying and standing: turns of 30° take 30 s.
TURN_PER_S = 0.03
STOP_PER_S = 0.002
# Spread of a layer by speeds other than nominal, m²/s: sigma 10 m/s over a correlation of 6 s; standing things move
# at up to 15 m/s any way.
DIFFUSION_M2_S = np.array([600.0] * HEADINGS + [1_200.0])
# Undetected objects per square metre where nobody listens, one in 50 × 50 km, and how long it takes to fill again.
DENSITY_M2 = 4e-10
REFILL_S = 60.0
# One look may raise a cell by this many nats at most, however sharp it claims to be.
MOST_NATS = 4.0
# Hits of one array are as correlated as its mounting and the wind make them: the likelihood of its directions is raised
# to this power a second of listening. "Heard" counts in full, for cells share it: a mower that runs for an hour is one
# expected object near one microphone, however often it is heard, and one microphone starts no track.
HEARD_PER_S = 1.0
DIRECTION_PER_S = 0.6
# Silence of a microphone tells where an object is among those that hear it, so for births it counts nearly in full; it
# denies no track that lives (`L_MISS_FLOOR`). Of an array the directions tell that.
SILENCE_NATS = 2.0
TWO_PI = 2.0 * math.pi
# Pd at the far edge falls with a logistic; five widths beyond it is below 0.7 %, ten before it is whole. Between, a
# sixteenth of a width (at most 20 m for a microphone) is all the same.
EDGES, WHOLE, BINS_A_WIDTH = 5.0, 10.0, 16
BINS = int(WHOLE + EDGES) * BINS_A_WIDTH
FADES = 1.0 / (1.0 + np.exp((np.arange(BINS) + 0.5) / BINS_A_WIDTH - WHOLE))
# Learned reach changes from octant to octant; sectors half as wide follow it.
SECTORS = 16
# tan(π/8): where the first sector ends.
EIGHTH = math.sqrt(2.0) - 1.0


@kernel
def velocity(state: int) -> tuple[float, float]:
    """Return the velocity (east, north) of a layer."""
    if state == HEADINGS:
        return 0.0, 0.0
    heading = TWO_PI * state / HEADINGS
    return NOMINAL_MPS * math.sin(heading), NOMINAL_MPS * math.cos(heading)


@array_kernel
def drift(grid: Grid, offset: Array, dt_s: float, cell_m: float) -> None:
    """Move, leak, fill the grid over dt, in place. `offset` (STATES, 2) holds the layers' shifts in metres."""
    rows, columns = grid.shape[1], grid.shape[2]
    base = DENSITY_M2 * cell_m * cell_m / STATES
    fill = min(dt_s / REFILL_S, 1.0)
    for s in range(STATES):
        ve, vn = velocity(s)
        offset[s, 0] += ve * dt_s
        offset[s, 1] += vn * dt_s
        across = math.floor(offset[s, 0] / cell_m + 0.5)
        along = math.floor(offset[s, 1] / cell_m + 0.5)
        offset[s, 0] -= across * cell_m
        offset[s, 1] -= along * cell_m
        if across != 0 or along != 0:
            old = grid[s].copy()
            for i in range(rows):
                for j in range(columns):
                    a, b = i - along, j - across
                    grid[s, i, j] = old[a, b] if 0 <= a < rows and 0 <= b < columns else base
    old = grid.copy()
    turn, stop = TURN_PER_S * dt_s, STOP_PER_S * dt_s
    for s in range(STATES):
        step = min(DIFFUSION_M2_S[s] * dt_s / (cell_m * cell_m), 0.2)
        for i in range(rows):
            up, down = min(i + 1, rows - 1), max(i - 1, 0)
            for j in range(columns):
                right, left = min(j + 1, columns - 1), max(j - 1, 0)
                here = old[s, i, j]
                spread = old[s, up, j] + old[s, down, j] + old[s, i, right] + old[s, i, left] - 4.0 * here
                value = here + step * spread
                if s < HEADINGS:
                    sides = old[(s + 1) % HEADINGS, i, j] + old[(s + HEADINGS - 1) % HEADINGS, i, j]
                    value += turn * (sides - 2.0 * here) + stop * (old[HEADINGS, i, j] / HEADINGS - here)
                else:
                    flying = 0.0
                    for h in range(HEADINGS):
                        flying += old[h, i, j]
                    value += stop * (flying - here)
                grid[s, i, j] = value + fill * (base - value)


@array_kernel
def heed(
    grid: Grid,
    offset: Array,
    corner: Array,
    cell_m: float,
    t_s: float,
    height_m: float,
    look: Array,
    bearings: Array,
    quiet: float,
    temper: float,
) -> None:
    """Weigh the grid, valid at `t_s`, with one look, in place.

    `corner` (2,) is the place of the first cell's middle, `height_m` that of things above the sensor. `bearings`
    (k, 3) are direction, sigma and competing density; none of them is silence unless `quiet` (Q) is below 1: heard.
    A likelihood above 1 is raised to the power `temper`.
    """
    widest = farthest(look, EDGES) + EDGES * 0.3 * cell_m
    pds = look[L_PD] * FADES
    rays = rays_of(look, bearings)
    room = _most_cells(grid, widest, look[L_SOUND], cell_m)
    cells, bins = np.empty(room, np.int64), np.empty(room, np.int64)
    gains = np.zeros((room if rays.shape[0] > 0 else 0, rays.shape[0]))
    count = _visit(grid, offset, corner, cell_m, t_s, height_m, look, widest, rays, pds, cells, bins, gains)
    flat = grid.ravel()
    most, floor = math.exp(MOST_NATS), math.exp(-SILENCE_NATS)
    if rays.shape[0] > 0:
        for k in range(rays.shape[0]):
            taken = rays[k, 3]
            for c in range(count):
                taken += gains[c, k] * flat[cells[c]]
            for c in range(count):
                gains[c, k] /= taken
        for c in range(count):
            factor = 1.0 - pds[bins[c]]
            for k in range(rays.shape[0]):
                factor += gains[c, k]
            if factor > 1.0:
                factor = factor**temper
            flat[cells[c]] = min(flat[cells[c]] * min(max(factor, floor), most), MOST_MASS)
        return
    if quiet < 1.0:
        heard = 0.0
        for c in range(count):
            heard += pds[bins[c]] * flat[cells[c]]
        quiet *= math.exp(-heard)
    for k in range(pds.shape[0]):
        factor = 1.0 - pds[k]
        if quiet < 1.0:
            factor = (1.0 - quiet * (1.0 - pds[k])) / (1.0 - quiet)
            # As a rule a second of "heard" counts in full, and powers cost more than all else that a look does here.
            if temper != 1.0:
                factor = factor**temper
        pds[k] = min(max(factor, floor), most)
    for c in range(count):
        flat[cells[c]] = min(flat[cells[c]] * pds[bins[c]], MOST_MASS)


@kernel
def _margin_m(widest: float, speed_mps: float, sound: float) -> float:
    """Return how far a thing may be from where it is aimed at, half a travel of sound before the look."""
    return widest + speed_mps * 0.5 * widest / max(sound, 300.0)


@kernel
def _most_cells(grid: Grid, widest: float, sound: float, cell_m: float) -> int:
    """Return how many cells a look can touch at most: room for the whole grid would be new pages on every look."""
    side = int(min(2.0 * _margin_m(widest, NOMINAL_MPS, sound) / cell_m, 1e6)) + 4
    room: int = STATES * min(side, grid.shape[1]) * min(side, grid.shape[2]) + 1
    return room


@array_kernel
def _visit(
    grid: Grid, offset: Array, corner: Array, cell_m: float, t_s: float, height_m: float, look: Array, widest: float,
    rays: Array, pds: Array, cells: Indices, bins: Indices, gains: Array,
) -> int:  # fmt: skip
    """Write which cells a look may have sensed (flat index), their bins of the edge, and Pd N(z) of each direction.

    Returns how many.
    """
    lead = look[L_TIME] - t_s
    aimed, edges = look[L_AZ_HALF] < 3.14, _edges(look, cell_m)
    slow = max(look[L_SOUND], 300.0)
    rows, columns = grid.shape[1], grid.shape[2]
    row_e, row_n, away, far = np.empty(columns), np.empty(columns), np.empty(columns), np.empty(columns, np.int64)
    count = 0
    for s in range(STATES):
        ve, vn = velocity(s)
        # Emission was up to reach / c before the look: there a thing may be within reach though it is not now.
        shift = lead - (0.5 * widest / slow if look[L_SOUND] > 0.0 else 0.0)
        margin = _margin_m(widest, math.hypot(ve, vn), look[L_SOUND])
        e0 = corner[0] + offset[s, 0] - look[L_ORIGIN]
        n0 = corner[1] + offset[s, 1] - look[L_ORIGIN + 1]
        first_i = max(int((-vn * shift - margin - n0) / cell_m), 0)
        last_i = min(int((-vn * shift + margin - n0) / cell_m) + 2, rows)
        for i in range(first_i, last_i):
            off = n0 + i * cell_m + vn * shift
            if off * off > margin * margin:
                continue
            half = math.sqrt(margin * margin - off * off)
            first_j = max(int((-ve * shift - half - e0) / cell_m), 0)
            last_j = min(int((-ve * shift + half - e0) / cell_m) + 2, columns)
            wide = max(last_j - first_j, 0)
            _emissions(
                look[L_SOUND], lead, e0 + first_j * cell_m, n0 + i * cell_m, height_m, ve, vn, cell_m, wide,
                row_e, row_n, away,
            )  # fmt: skip
            _binned(row_e, row_n, away, edges, wide, far)
            first = (s * rows + i) * columns + first_j
            for j in range(wide):
                # Written for all and kept for those within reach: no branch to be foretold.
                cells[count], bins[count] = first + j, far[j]
                if aimed and not _faces(look, row_e[j], row_n[j]):
                    continue
                if rays.shape[0] > 0 and far[j] >= 0:
                    _meet(rays, pds[far[j]], row_e[j], row_n[j], away[j], cell_m, gains[count])
                count += far[j] >= 0
    return count


@kernel
def _emissions(
    sound: float, lead: float, e0: float, n0: float, up: float, ve: float, vn: float, cell_m: float, wide: int,
    row_e: Array, row_n: Array, away: Array,
) -> None:  # fmt: skip
    """Write where things in a row of cells were, seen from the sensor, when they emitted what arrives: east, north,
    distance. The first cell is at (e0, n0). No branches: the compiler takes four cells at a time.
    """
    for j in range(wide):
        de = e0 + j * cell_m
        tau = emitted(sound, lead, de, n0, up, ve, vn)
        e, n = de + ve * tau, n0 + vn * tau
        row_e[j], row_n[j] = e, n
        away[j] = math.sqrt(e * e + n * n + up * up)


@array_kernel
def _edges(look: Array, cell_m: float) -> Array:
    """Return where bins begin, in metres, and how many there are in a metre [shape=(SECTORS or 1, 2)]: by sector where
    reach was learned. An edge is not sharper than cells can tell.
    """
    edges = np.empty((SECTORS if look[L_REACH] != 0.0 else 1, 2))
    for s in range(edges.shape[0]):
        middle = TWO_PI * (s + 0.5) / SECTORS
        far, edge = reach(look, math.sin(middle), math.cos(middle))
        width = max(edge, 0.3 * cell_m)
        edges[s, 0], edges[s, 1] = far - WHOLE * width, BINS_A_WIDTH / width
    return edges


@kernel
def _binned(row_e: Array, row_n: Array, away: Array, edges: Array, wide: int, far: Indices) -> None:
    """Write the bin of each of a row of places, −1 beyond the last one."""
    for j in range(wide):
        s = sector(row_e[j], row_n[j]) if edges.shape[0] > 1 else 0
        k = int(max(away[j] - edges[s, 0], 0.0) * edges[s, 1])
        far[j] = k if k < BINS else -1


@kernel
def sector(e: float, n: float) -> int:
    """Return the sector of a direction, clockwise from north. By comparisons: an arc tangent takes as long as all else
    that is asked of a cell.
    """
    x, y = abs(e), abs(n)
    quarter = int(x > EIGHTH * y) + int(x > y) + int(EIGHTH * x > y)
    if e >= 0.0:
        return quarter if n >= 0.0 else 7 - quarter
    return 8 + quarter if n < 0.0 else 15 - quarter


@array_kernel
def rays_of(look: Array, bearings: Array) -> Array:
    """Return bearings as rows (k, 4): unit vector east, north in the working frame, variance, competing density."""
    rays = np.empty((bearings.shape[0], 4))
    r = L_ROTATION
    for k in range(bearings.shape[0]):
        x, y = math.sin(bearings[k, 0]), math.cos(bearings[k, 0])
        # The sensor's frame is tilted by its distance from the site over the Earth's radius: far below a cell.
        e, n = look[r] * x + look[r + 3] * y, look[r + 1] * x + look[r + 4] * y
        size = math.hypot(e, n)
        rays[k, 0], rays[k, 1] = e / size, n / size
        rays[k, 2], rays[k, 3] = bearings[k, 1] * bearings[k, 1], bearings[k, 2]
    return rays


@kernel
def _meet(rays: Array, pd: float, de: float, dn: float, distance: float, cell_m: float, gains: Array) -> None:
    """Write Pd N(z) of each direction for a place at this offset from the sensor."""
    blur = 0.4 * cell_m / max(distance, cell_m)
    for k in range(rays.shape[0]):
        along = de * rays[k, 0] + dn * rays[k, 1]
        across = de * rays[k, 1] - dn * rays[k, 0]
        variance = rays[k, 2] + blur * blur
        gains[k] = 0.0
        if along > 0.0 and across * across < 16.0 * variance * along * along:
            miss = math.atan2(across, along)
            gains[k] = pd * math.exp(-0.5 * miss * miss / variance) / math.sqrt(TWO_PI * variance)


@kernel
def _faces(look: Array, de: float, dn: float) -> bool:
    """Return whether a place at this offset is within the sensor's sector."""
    r = L_ROTATION
    az = math.atan2(look[r] * de + look[r + 1] * dn, look[r + 3] * de + look[r + 4] * dn)
    faces: bool = abs((az - look[L_AZ] + math.pi) % TWO_PI - math.pi) <= look[L_AZ_HALF]
    return faces


@kernel
def emitted(sound: float, lead: float, de: float, dn: float, du: float, ve: float, vn: float) -> float:
    """Return when, after the grid's time, a thing here emitted what arrives `lead` after it."""
    if sound == 0.0:
        return lead
    a = sound * sound - ve * ve - vn * vn
    b = sound * sound * lead + de * ve + dn * vn
    k = sound * sound * lead * lead - de * de - dn * dn - du * du
    return (b - math.sqrt(max(b * b - a * k, 0.0))) / a
