"""Paths of what is heard only now and then, weighed with all looks of the last minutes, together (`worlds`, `thin`).

Where sensors stand kilometres apart, one look at a time tells too little: which of two objects a microphone heard, and
on which side of it, is told by the next microphone a minute later. So an object is a path (where, which way, how fast,
how bent) and a cloud is `WORLDS` of them; the k-th paths of all clouds are one world, in which all objects fly at once
and share what was heard. Looks are counted in bins of `BIN_S` (`window`); in a world

    heard       1 − Q (1 − Pd)                  Q: neither noise nor another path of this world
    silence     1 − Pd
    directions  exp(−n Pd) Π (1 + Pd N(z; b, σ²) / (κ(z) + Σ of the other paths Pd N))      n looks in the bin

each to the power `TEMPER`. Left out: turns other than a steady bend, which over minutes end a path and found another.
"""

from __future__ import annotations

import math

from skysentry.compiled import kernel
from skysentry.tracking.births.field import EDGES, HEADINGS
from skysentry.tracking.models.coverage import inside, reach
from skysentry.tracking.models.first_state import ALT_PRIOR_M
from skysentry.tracking.models.measure import L_ORIGIN, L_PD, L_SOUND, L_WIND
from skysentry.tracking.models.motion import Array, Indices

# Paths of a cloud: 64 that are moved again and again, by what they know of each other, do more than 2,000 particles
# that are only weighed.
WORLDS = 64
# Columns of a path, valid at the time of its founding: east, north, velocity, rate of turn (clockwise, rad/s).
E, N, VE, VN, BEND, PATH = range(6)
# A bin is as long as a drone flies 200 m, less than the edge of any reach is soft.
BIN_S = 4.0
# Columns of a direction, as `field.rays_of` has them (unit vector east and north, variance), then the density of what
# else it may be, and when it was.
R_EAST, R_NORTH, R_VARIANCE, R_DENSITY, R_TIME, RAY = range(6)
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
# How long before and after a window a path is asked whether it comes near a sensor.
BESIDE_S = 100.0
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
def emitted_at(p: Array, since_s: float, look: Array, t_s: float, lag_s: float) -> tuple[float, float, float, float]:
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
def heard_with(look: Array, e: float, n: float, away: float) -> float:
    """Return P(detected) at an offset from the sensor, 0 beyond its edge."""
    far, edge = reach(look, e, n)
    edge = max(edge, LEAST_EDGE_M)
    depth = far - away
    if depth < -EDGES * edge:
        return 0.0
    pd: float = look[L_PD] * inside(depth, edge)
    return pd


@kernel
def said(ray: Array, pd: float, e: float, n: float) -> float:
    """Return Pd N(z; b, σ²) of a direction (unit vector east and north, variance …) for an offset from the sensor."""
    along, across = e * ray[R_EAST] + n * ray[R_NORTH], e * ray[R_NORTH] - n * ray[R_EAST]
    if along <= 0.0 or across * across > 20.0 * ray[R_VARIANCE] * along * along:
        return 0.0
    miss = math.atan2(across, along)
    return pd * math.exp(-0.5 * miss * miss / ray[R_VARIANCE]) / math.sqrt(TWO_PI * ray[R_VARIANCE])


@kernel
def span(p: Array, since_s: float, look: Array, far: float, first_s: float, bins: int) -> tuple[int, int]:
    """Return the bins, first and end, in which a sensor with this farthest reach may hear a path."""
    far += 2.0 * LEAST_EDGE_M
    v2 = max(p[VE] * p[VE] + p[VN] * p[VN], 1.0)
    de, dn = look[L_ORIGIN] - p[E], look[L_ORIGIN + 1] - p[N]
    dt = (de * p[VE] + dn * p[VN]) / v2
    dt = min(max(dt, first_s - since_s - BESIDE_S), first_s + bins * BIN_S - since_s + BESIDE_S)
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
def way_of(p: Array, since_s: float, first_s: float, bins: int) -> tuple[float, float, float, float]:
    """Return west, east, south and north of where a path is from before a window begins until after it ends."""
    begin, end = first_s - since_s - BESIDE_S, first_s + bins * BIN_S - since_s + BESIDE_S
    e0, n0, _, _ = placed(p, begin)
    e1, n1, _, _ = placed(p, end)
    west, east, south, north = min(e0, e1), max(e0, e1), min(n0, n1), max(n0, n1)
    if p[BEND] != 0.0:
        # A bow's outermost points.
        for a in range(2):
            top = -p[VE] / (p[BEND] * p[VN]) if a == 0 else p[VN] / (p[BEND] * p[VE])
            if begin < top < end:
                e, n, _, _ = placed(p, top)
                west, east, south, north = min(west, e), max(east, e), min(south, n), max(north, n)
    return west, east, south, north


@kernel
def passed(look: Array, far: float, way: tuple[float, float, float, float]) -> bool:
    """Return whether a way comes near a sensor at all: of thousands most are asked no more."""
    far += 2.0 * LEAST_EDGE_M
    if look[L_ORIGIN] < way[0] - far or look[L_ORIGIN] > way[1] + far:
        return False
    near: bool = way[2] - far <= look[L_ORIGIN + 1] <= way[3] + far
    return near


@kernel
def heard_in(
    p: Array, since_s: float, look: Array, far: float, way: tuple[float, float, float, float], first_s: float, bins: int
) -> tuple[int, int]:  # fmt: skip
    """Return the bins, first and end, in which a sensor may hear a path, whose `way` tells most of them that none."""
    return span(p, since_s, look, far, first_s, bins) if passed(look, far, way) else (0, 0)


@kernel
def weave(
    p: Array, since_s: float, looks: Array, far: Array, first_s: float, rays: Array, begins: Indices, quiet: Array,
    density: Array,
) -> None:  # fmt: skip
    """Add a path to what explains the looks of a world, in place.

    `quiet` (sensors, bins) is the chance that no path is heard, `density` (rays,) what each direction may be.
    """
    bins = quiet.shape[1]
    way = way_of(p, since_s, first_s, bins)
    for s in range(looks.shape[0]):
        begin, end = heard_in(p, since_s, looks[s], far[s], way, first_s, bins)
        lag = 0.0
        for b in range(begin, end):
            e, n, away, lag = emitted_at(p, since_s, looks[s], first_s + (b + 0.5) * BIN_S, lag)
            pd = heard_with(looks[s], e, n, away)
            quiet[s, b] *= 1.0 - pd
            for z in range(begins[s, b], begins[s, b + 1]):
                e, n, away, _ = emitted_at(p, since_s, looks[s], rays[z, R_TIME], lag)
                density[z] += said(rays[z], heard_with(looks[s], e, n, away), e, n)
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
    way = way_of(p, since_s, first_s, bins)
    for s in range(looks.shape[0]):
        begin, end = heard_in(p, since_s, looks[s], far[s], way, first_s, bins)
        lag = 0.0
        for b in range(max(begin, from_bin), end):
            if counts[s, b] == 0.0:
                continue
            e, n, away, lag = emitted_at(p, since_s, looks[s], first_s + (b + 0.5) * BIN_S, lag)
            pd = heard_with(looks[s], e, n, away)
            if hits[1, s, b] < 0.0:
                total -= MISSED * counts[s, b] * pd
                for z in range(begins[s, b], begins[s, b + 1]):
                    e, n, away, _ = emitted_at(p, since_s, looks[s], rays[z, R_TIME], lag)
                    total += math.log1p(said(rays[z], heard_with(looks[s], e, n, away), e, n) / density[z])
            elif pd > 0.0:
                total += heard_nats(counts[s, b], hits[0, s, b], quiet[s, b] * hits[1, s, b], pd)
    nats: float = TEMPER * total
    return nats


@kernel
def heard_nats(looks: float, hits: float, others: float, pd: float) -> float:
    """Return by how many nats a bin of "heard" and silence is likelier where something is heard with `pd`.

    `others` is the chance that nothing else explains a hit.
    """
    nats = (looks - hits) * math.log(1.0 - pd)
    if hits > 0.0:
        nats += hits * math.log((1.0 - others * (1.0 - pd)) / (1.0 - others))
    return nats


@kernel
def take_off(
    p: Array, since_s: float, looks: Array, far: Array, first_s: float, counts: Array, hits: Array, rays: Array,
    begins: Indices, quiet: Array, density: Array, spans: Indices, pds: Array, gains: Array,
) -> float:  # fmt: skip
    """Take a path off what explains the looks, in place, to which `weave` added it; return what it is `worth`.

    `spans` (sensors, 2), `pds` (sensors, bins) and `gains` (rays,) take what `put_back` asks.
    """
    total, bins = 0.0, quiet.shape[1]
    way = way_of(p, since_s, first_s, bins)
    for s in range(looks.shape[0]):
        begin, end = heard_in(p, since_s, looks[s], far[s], way, first_s, bins)
        spans[s, 0], spans[s, 1] = begin, end
        lag = 0.0
        for b in range(begin, end):
            e, n, away, lag = emitted_at(p, since_s, looks[s], first_s + (b + 0.5) * BIN_S, lag)
            pd = heard_with(looks[s], e, n, away)
            pds[s, b] = pd
            quiet[s, b] = min(quiet[s, b] / (1.0 - pd), 1.0)
            directed = hits[1, s, b] < 0.0
            if directed:
                total -= MISSED * counts[s, b] * pd
            for z in range(begins[s, b], begins[s, b + 1]):
                e, n, away, _ = emitted_at(p, since_s, looks[s], rays[z, R_TIME], lag)
                gains[z] = said(rays[z], heard_with(looks[s], e, n, away), e, n)
                density[z] = max(density[z] - gains[z], rays[z, R_DENSITY])
                if directed and counts[s, b] > 0.0:
                    total += math.log1p(gains[z] / density[z])
            if not directed and pd > 0.0 and counts[s, b] > 0.0:
                total += heard_nats(counts[s, b], hits[0, s, b], quiet[s, b] * hits[1, s, b], pd)
    nats: float = TEMPER * total
    return nats


@kernel
def put_back(
    rays: Array, begins: Indices, quiet: Array, density: Array, spans: Indices, pds: Array, gains: Array
) -> None:
    """Add to what explains the looks, in place, the path that `take_off` took off."""
    for s in range(spans.shape[0]):
        for b in range(spans[s, 0], spans[s, 1]):
            quiet[s, b] *= 1.0 - pds[s, b]
            for z in range(begins[s, b], begins[s, b + 1]):
                density[z] = max(density[z] + gains[z], rays[z, R_DENSITY])


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
