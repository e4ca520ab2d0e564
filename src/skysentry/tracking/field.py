"""The expected number of undetected objects over the ground: how tracks start where no look holds a place.

A grid [shape=(STATES, rows, columns)] of position × motion: twelve headings at the nominal speed, and one that stands.
Each layer moves with its velocity (whole cells are rolled, the rest kept as an offset), leaks to neighbouring headings
and cells, is born and dies. A look multiplies every cell by its likelihood at the place where a thing in that cell was
when it emitted what has arrived: q = p − s, D = ts − t, and |q + vτ| = c(D − τ) is a quadratic in τ.

    direction   1 − Pd + Σ Pd N(z; b(p), σ²)/κ(z)      κ: clutter and what tracks already explain
    heard       (1 − Q(1 − Pd)) / (1 − Q)              Q: nothing false, no track heard
    silence     1 − Pd, at most the look's miss floor

Source: track before detect over a network of sensors, as PHD filtering on a grid; reference: B.-N. Vo, S. Singh,
A. Doucet, "Sequential Monte Carlo methods for multi-target filtering with random finite sets", IEEE Trans. AES 41(4).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.tracking.compiled import kernel
from skysentry.tracking.coverage import farthest, reach
from skysentry.tracking.measure import (
    L_AZ,
    L_AZ_HALF,
    L_MISS_FLOOR,
    L_ORIGIN,
    L_PD,
    L_ROTATION,
    L_SOUND,
    L_TIME,
)
from skysentry.tracking.motion import Array

# Single precision: a likelihood is not known to seven digits, and a cell's snapshot is half as large.
Grid: TypeAlias = NDArray[np.float32]
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
# Hits of one sensor are as correlated as its silence (a mower that runs for an hour is not 3,600 confirmations): their
# likelihood is raised to this power a second of listening. "Heard" as silence, one nat of 1.6 · 10 s; directions differ
# from look to look by their own noise, so they say more.
HEARD_PER_S = 0.08
DIRECTION_PER_S = 0.3
# No cell holds more: beyond all meaning, and a float has room above it.
MOST_MASS = 1e30
TWO_PI = 2.0 * math.pi


@kernel
def velocity(state: int) -> tuple[float, float]:
    """Return the velocity (east, north) of a layer."""
    if state == HEADINGS:
        return 0.0, 0.0
    heading = TWO_PI * state / HEADINGS
    return NOMINAL_MPS * math.sin(heading), NOMINAL_MPS * math.cos(heading)


@kernel
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


@kernel
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
    lead = look[L_TIME] - t_s
    widest = farthest(look, 5.0) + cell_m
    margin = widest + NOMINAL_MPS * (abs(lead) + widest / max(look[L_SOUND], 300.0))
    rows, columns = grid.shape[1], grid.shape[2]
    first_i = max(int((look[L_ORIGIN + 1] - margin - corner[1]) / cell_m), 0)
    last_i = min(int((look[L_ORIGIN + 1] + margin - corner[1]) / cell_m) + 2, rows)
    first_j = max(int((look[L_ORIGIN] - margin - corner[0]) / cell_m), 0)
    last_j = min(int((look[L_ORIGIN] + margin - corner[0]) / cell_m) + 2, columns)
    most, floor = math.exp(MOST_NATS), math.exp(-look[L_MISS_FLOOR])
    for s in range(STATES):
        ve, vn = velocity(s)
        for i in range(first_i, last_i):
            for j in range(first_j, last_j):
                de = corner[0] + j * cell_m + offset[s, 0] - look[L_ORIGIN]
                dn = corner[1] + i * cell_m + offset[s, 1] - look[L_ORIGIN + 1]
                tau = _emitted(look[L_SOUND], lead, de, dn, height_m, ve, vn)
                de += ve * tau
                dn += vn * tau
                distance = math.sqrt(de * de + dn * dn + height_m * height_m)
                if distance > widest:
                    continue
                far, edge = reach(look, de, dn)
                pd = look[L_PD] / (1.0 + math.exp((distance - far) / max(edge, 0.3 * cell_m)))
                factor = _factor(look, bearings, quiet, pd, de, dn, distance, cell_m)
                if factor > 1.0:
                    factor = factor**temper
                grid[s, i, j] = min(grid[s, i, j] * min(max(factor, floor), most), MOST_MASS)


@kernel
def _emitted(sound: float, lead: float, de: float, dn: float, du: float, ve: float, vn: float) -> float:
    """Return when, after the grid's time, a thing here emitted what arrives `lead` after it."""
    if sound == 0.0:
        return lead
    a = sound * sound - ve * ve - vn * vn
    b = sound * sound * lead + de * ve + dn * vn
    k = sound * sound * lead * lead - de * de - dn * dn - du * du
    return (b - math.sqrt(max(b * b - a * k, 0.0))) / a


@kernel
def _factor(
    look: Array, bearings: Array, quiet: float, pd: float, de: float, dn: float, distance: float, cell_m: float
) -> float:
    az = 0.0
    if look[L_AZ_HALF] < 3.14 or bearings.shape[0] > 0:
        r = L_ROTATION
        # The cell is near the sensor's horizon: the tilt of its frame by height is far below a cell.
        az = math.atan2(look[r] * de + look[r + 1] * dn, look[r + 3] * de + look[r + 4] * dn)
        off = (az - look[L_AZ] + math.pi) % TWO_PI - math.pi
        if abs(off) > look[L_AZ_HALF]:
            return 1.0
    if quiet < 1.0:
        return (1.0 - quiet * (1.0 - pd)) / (1.0 - quiet)
    if bearings.shape[0] == 0:
        return 1.0 - pd
    total = 1.0 - pd
    blur = 0.4 * cell_m / max(distance, cell_m)
    for k in range(bearings.shape[0]):
        miss = (bearings[k, 0] - az + math.pi) % TWO_PI - math.pi
        variance = bearings[k, 1] * bearings[k, 1] + blur * blur
        if miss * miss < 16.0 * variance:
            density = math.exp(-0.5 * miss * miss / variance) / math.sqrt(TWO_PI * variance)
            total += pd * density / bearings[k, 2]
    return total
