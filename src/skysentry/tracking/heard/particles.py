"""Clouds: the state of what is only heard, by particles, for "heard" and "not heard" hold no place.

A track that microphones alone support is spread over a ring or between two places, with several headings at once; one
Gaussian loses it where two tracks pass each other. Its state is `PARTICLES` states (east, north, two velocities, turn
rate, how long it turned so, the rate before), valid at a whole second. A look weighs each with its likelihood at the
place where the particle was when it emitted what arrives: back along the two arcs that it has flown last. At each whole
second they move on, after systematic resampling where it is due, and are rounded to what a snapshot holds, so that a
restored tracker goes on bit by bit. Chance is a hash of track, second and particle: the same on every run.

    moves    rate jumps as a Markov chain, speed and heading wander, a share starts anew beside with another heading
    doubt    where looks surprise a cloud for seconds, a part of it starts anew further away
    looks    heard: 1 − Q(1 − Pd), Q that nothing else was heard; silence: 1 − Pd; both to a power, for neighbouring
             looks share wind and terrain

Source: reference/tracking.md ("bearings and presence from scratch"); U. Orguner, F. Gustafsson, "Target tracking with
particle filters under signal propagation delays", IEEE Trans. SP 59(6), 2011. Left out: height, which no microphone
tells; a longer path than two arcs.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import array_kernel, kernel
from skysentry.tracking.births.field import HEADINGS, NOMINAL_MPS, velocity
from skysentry.tracking.heard.chance import chance, key_of, mixed, normal
from skysentry.tracking.models.coverage import reach
from skysentry.tracking.models.measure import (
    L_EDGE,
    L_MAX,
    L_ORIGIN,
    L_PD,
    L_REACH,
    L_SOFT,
    L_SOUND,
    L_TIME,
    L_WIND,
    OCTANTS,
)
from skysentry.tracking.models.motion import Array, Indices

# A snapshot holds 11 bytes of each, and 4 of its weight. With 512 *presence* is 120 m worse (seeds 1 to 4).
PARTICLES = 768
# They are drawn anew when they are worth less than this share of them, for each drawing loses some for good: with one
# every second objects that turn were lost in 3 to 5 % of the time, with this in 0 to 2 %. What is drawn is shifted by a
# kernel this wide, in sigmas of the cloud, and drawn together as much, so that mean and covariance stay (J. Liu,
# M. West, "Combined parameter and state estimation in simulation-based filtering", 2001). Twice as wide a kernel blurs
# what flies straight for minutes.
LEAST_EFFECTIVE, KERNEL = 0.5, 0.1
SHRINK = math.sqrt(1.0 - KERNEL * KERNEL)
# Columns of a particle.
E, N, VE, VN, TURN, AGE, BEFORE, COLUMNS = range(8)
# Power of a look's likelihood: at 1 the median error is the same, and more tracks are lost.
TEMPER = 0.8
# ... and, where the reach is doubted, of the declared width of its edge over the believed one: with a wrong reach all
# looks of a sensor say the same wrong thing. With 1 clouds still draw together in the wrong place, with 3 hardly any
# is placed to 500 m.
DOUBT_POWER = 1.5
# Chance a second to begin a turn, and to end one: legs of a minute, turns of ten seconds; wings turn at up to 8 °/s.
BEGIN_TURN, END_TURN, MOST_TURN = 0.02, 0.1, math.radians(8.0)
# Speed and heading wander by this in a second.
SPEED_MPS, HEADING_RAD = 0.5, 0.01
# What is heard from kilometres away and flies at 30 to 70 m/s is nearly always a piston drone, which cruises at 45 to
# 55: its speed is drawn back by this share a second. Slower and faster things keep theirs.
CRUISE_MPS, DRAWN, CRUISING_MPS = NOMINAL_MPS, 0.02, (30.0, 70.0)
# The edge of a reach as a table over its widths: powers and logistics of each particle are a sixth of all its time. Ten
# widths out a logistic is 5e-5; between entries it is off by 2e-4 at most.
WIDTHS, ENTRIES_A_WIDTH = 10.0, 8
ENTRIES = int(2.0 * WIDTHS) * ENTRIES_A_WIDTH + 1
FADING = 1.0 / (1.0 + np.exp(np.linspace(-WIDTHS, WIDTHS, ENTRIES)))
# Share that starts anew each second, how far beside, and the sigma of its speed's logarithm.
ANEW, BESIDE_M, PACE = 0.005, 300.0, 0.15
SLOWEST_MPS, FASTEST_MPS = 3.0, 250.0
# A cloud that has drawn together in the wrong place never leaves it by itself. −log p of what its looks said, less what
# that is on average, is summed over `DOUBT_S`; from so many of its sigmas on, a share of the particles starts anew each
# second this far away, half of them with another heading. Source: S. Thrun, W. Burgard, D. Fox, "Probabilistic
# Robotics", 8.3.5 (augmented Monte Carlo localisation).
DOUBT_S, DOUBTED, FAR_SHARE, FAR_M = 10.0, 2.5, 0.2, 1_000.0
# What a cloud remembers beside its particles: its time, the sum of surprises, the sum of their variances, whether its
# track has long been shown; and what the looks of a second say of the network's `acuity`: the score of its two logs,
# the triangle of their information.
TIME, SURPRISE, VARIANCE, SETTLED, SCORE, INFORMATION, MEMORY = 0, 1, 2, 3, 4, 6, 9
# Every so many particles are asked for it.
ASKED = 8
# What a snapshot holds: metres, centimetres a second, quarters of a degree a second.
VELOCITY_MPS, RATE_RAD_S = 0.01, math.radians(0.25)
OLDEST_S, FURTHEST_M = 100.0, 30_000.0
# A new cloud: headings are layers of the grid, speed scatters by this around the layer's; the standing layer is slow.
NEW_SPEED_MPS, STANDING_MPS = 8.0, 15.0
# A cloud is told by the mean of what is within this of it, a few times over: the middle between two places is no place.
GATHERED_M, GATHERINGS = 500.0, 4


@kernel
def _arc(ve: float, vn: float, rate: float, tau: float) -> tuple[float, float, float, float]:
    """Return (east, north) flown over tau (of any sign) at a turn rate, clockwise positive, and the velocity then."""
    if rate == 0.0:
        return ve * tau, vn * tau, ve, vn
    half = 0.5 * rate * tau
    chord = tau * math.sin(half) / half if half != 0.0 else tau
    c, s = math.cos(half), math.sin(half)
    c2, s2 = c * c - s * s, 2.0 * s * c
    return chord * (ve * c + vn * s), chord * (vn * c - ve * s), ve * c2 + vn * s2, vn * c2 - ve * s2


@kernel
def flown(p: Array, tau: float) -> tuple[float, float]:
    """Return how far (east, north) a particle is from its place `tau` later, or before, along its path."""
    if tau >= -p[AGE] or p[TURN] == p[BEFORE]:
        e, n, _, _ = _arc(p[VE], p[VN], p[TURN], tau)
        return e, n
    e, n, ve, vn = _arc(p[VE], p[VN], p[TURN], -p[AGE])
    more_e, more_n, _, _ = _arc(ve, vn, p[BEFORE], tau + p[AGE])
    return e + more_e, n + more_n


@kernel
def _straight(
    cloud: Array, look: Array, sound: float, lead: float, up_m: float, tau: Array, east: Array, north: Array,
    away: Array,
) -> None:  # fmt: skip
    """Write of each particle when after its own time it emitted what arrives `lead` after it, where that was, seen
    from the sensor, and how far, all as if it flew straight. No branches: the compiler takes several at a time.
    """
    for k in range(cloud.shape[0]):
        de, dn = cloud[k, E] - look[L_ORIGIN], cloud[k, N] - look[L_ORIGIN + 1]
        ve, vn = cloud[k, VE], cloud[k, VN]
        a = max(sound * sound - ve * ve - vn * vn, 1.0)
        b = sound * sound * lead + de * ve + dn * vn
        c = sound * sound * lead * lead - de * de - dn * dn - up_m * up_m
        tau[k] = (b - math.sqrt(max(b * b - a * c, 0.0))) / a
        east[k], north[k] = de + ve * tau[k], dn + vn * tau[k]
        away[k] = sound * (lead - tau[k])


@kernel
def _ways(
    cloud: Array, look: Array, sound: float, lead: float, up_m: float, tau: Array, east: Array, north: Array,
    away: Array,
) -> None:  # fmt: skip
    """Write (east, north, distance) from the sensor to where each particle was when it emitted what arrives `lead`
    after it; `tau` (PARTICLES,) is room.
    """
    if sound > 0.0:
        _straight(cloud, look, sound, lead, up_m, tau, east, north, away)
    for k in range(cloud.shape[0]):
        p = cloud[k]
        if sound > 0.0 and p[TURN] == 0.0 and (p[BEFORE] == 0.0 or tau[k] >= -p[AGE]):
            continue
        de, dn, when = p[E] - look[L_ORIGIN], p[N] - look[L_ORIGIN + 1], lead
        if sound > 0.0:
            # On an arc the straight solution is off by metres to a hundred; one more step leaves a few.
            e, n = flown(p, tau[k])
            when = lead - math.sqrt((de + e) ** 2 + (dn + n) ** 2 + up_m * up_m) / sound
        e, n = flown(p, when)
        east[k], north[k] = de + e, dn + n
        away[k] = math.sqrt(east[k] * east[k] + north[k] * north[k] + up_m * up_m)


@array_kernel
def hear(cloud: Array, weight: Array, t_s: float, up_m: float, look: Array, beyond: Array) -> float:
    """Write how far each particle is beyond the edge of a look's reach, in widths of that [shape=(PARTICLES,)].

    Returns the mean of Pd. `up_m` is the height above the sensor.
    """
    count, lead, sound = cloud.shape[0], look[L_TIME] - t_s, look[L_SOUND]
    tau, east, north = np.empty(count), np.empty(count), np.empty(count)
    if sound > 0.0:
        # The wind along the way, as the middle of the cloud has it: it spans far less than the way.
        de, dn = 0.0, 0.0
        for k in range(count):
            de += weight[k] * (cloud[k, E] - look[L_ORIGIN])
            dn += weight[k] * (cloud[k, N] - look[L_ORIGIN + 1])
        sound -= (look[L_WIND] * de + look[L_WIND + 1] * dn) / math.sqrt(de * de + dn * dn + up_m * up_m + 1.0)
    _ways(cloud, look, sound, lead, up_m, tau, east, north, beyond)
    mean, pd, far, soft = 0.0, float(look[L_PD]), look[L_MAX], max(look[L_SOFT], 1.0)
    learned = look[L_REACH] != 0.0
    for k in range(count):
        if learned:
            # The sensor's frame is tilted by its distance from the site over the Earth's radius: nothing for an octant.
            far, soft = reach(look, east[k], north[k])
        beyond[k] = (beyond[k] - far) / soft
        mean += pd * float(weight[k]) * _faded(FADING, beyond[k])
    return mean


@kernel
def _faded(table: Array, beyond: float) -> float:
    """Return what a table over widths beyond an edge has there, linearly between its entries."""
    at = (min(max(beyond, -WIDTHS), WIDTHS) + WIDTHS) * ENTRIES_A_WIDTH
    k = min(int(at), ENTRIES - 2)
    value: float = table[k] + (at - k) * (table[k + 1] - table[k])
    return value


@kernel
def trusted(look: Array) -> float:
    """Return the power of a look's likelihood: less where its reach is doubted, for all its looks share that doubt."""
    if look[L_REACH] == 0.0:
        return TEMPER
    edge = 0.0
    for k in range(OCTANTS):
        edge += look[L_EDGE + k] / OCTANTS
    power: float = TEMPER * min(look[L_SOFT] / edge, 1.0) ** DOUBT_POWER
    return power


@array_kernel
def weigh(weight: Array, beyond: Array, pd: float, hit: bool, others: float, power: float) -> None:
    """Weigh a cloud with a look, in place: heard, with the chance Q that nothing else was, or silence.

    `beyond` is as `hear` wrote it, `pd` the look's within its reach, `power` what its likelihood is raised to.
    """
    said, total = np.empty(ENTRIES), 0.0
    for k in range(ENTRIES):
        missed = 1.0 - pd * FADING[k]
        said[k] = (1.0 - others * missed if hit else missed) ** power
    for k in range(weight.shape[0]):
        weight[k] *= _faded(said, beyond[k])
        total += weight[k]
    for k in range(weight.shape[0]):
        # A snapshot holds single precision.
        weight[k] = float(np.float32(weight[k] / total))


@kernel
def surprise(memory: Array, chance_of_it: float, weight: float) -> None:
    """Note that something came about that had this chance, in place, with a weight."""
    p = min(max(chance_of_it, 1e-6), 1.0 - 1e-6)
    said, other = -math.log(p), -math.log(1.0 - p)
    memory[SURPRISE] += weight * (said - p * said - (1.0 - p) * other)
    memory[VARIANCE] += weight * p * (1.0 - p) * (said - other) ** 2


@kernel
def gauge_acuity(
    memory: Array, weight: Array, beyond: Array, widths: float, pd: float, hit: bool, others: float, power: float
) -> None:  # fmt: skip
    """Add to a memory, in place, what a look says of the logs of all reaches and of all Pd (`acuity`).

    `beyond` is as `hear` wrote it for a reach of so many `widths` of its edge; `others` as `weigh` has it.
    """
    total, mean, slope = 1e-12, 0.0, 0.0
    for k in range(0, weight.shape[0], ASKED):
        inside = _faded(FADING, beyond[k])
        total += weight[k]
        mean += weight[k] * inside
        slope += weight[k] * inside * (1.0 - inside) * (beyond[k] + widths)
    mean, slope = pd * mean / total, pd * slope / total
    none = others * (1.0 - mean)
    heard, silent = others / max(1.0 - none, 1e-6), -1.0 / max(1.0 - mean, 1e-6)
    said = power * (heard if hit else silent)
    worth = power * ((1.0 - none) * heard * heard + none * silent * silent)
    memory[SCORE] += said * slope
    memory[SCORE + 1] += said * mean
    memory[INFORMATION] += worth * slope * slope
    memory[INFORMATION + 1] += worth * slope * mean
    memory[INFORMATION + 2] += worth * mean * mean


@array_kernel
def renew(cloud: Array, weight: Array, seed: int, second: int, dt_s: float, far: float) -> None:
    """Draw anew by weight where few particles hold most of it, move by dt, round: in place.

    A share `far` of the particles starts anew away from where it is.
    """
    key = key_of(seed, second)
    if crowded(weight) * LEAST_EFFECTIVE >= 1.0:
        draw_anew(cloud, weight, key)
    for k in range(cloud.shape[0]):
        _fly(cloud[k], mixed(key ^ np.uint64(k + 1)), dt_s, far)
        _round(cloud[k])
        for a in range(2):
            cloud[k, a] = min(max(cloud[k, a], cloud[0, a] - FURTHEST_M), cloud[0, a] + FURTHEST_M)


@kernel
def crowded(weight: Array) -> float:
    """Return how many times fewer particles than there are would say as much: 1 where all weigh the same."""
    squares, total = 0.0, weight.sum()
    for k in range(weight.shape[0]):
        squares += (weight[k] / total) ** 2
    crowd: float = squares * weight.shape[0]
    return crowd


@array_kernel
def draw_anew(cloud: Array, weight: Array, key: np.uint64) -> None:
    """Draw a cloud by its weights, each particle shifted by a kernel that leaves mean and covariance as they are."""
    count, total = cloud.shape[0], weight.sum()
    mean, root = _spread(cloud, weight)
    old, held = cloud.copy(), weight.copy()
    start, reached, source = chance(key, 0), 0.0, -1
    for k in range(count):
        while reached <= (k + start) / count * total and source < count - 1:
            source += 1
            reached += held[source]
        cloud[k] = old[source]
        own = mixed(key ^ mixed(np.uint64(k + 1)))
        for a in range(VN + 1):
            shift = 0.0
            for b in range(a + 1):
                shift += root[a, b] * normal(own, b)
            cloud[k, a] = mean[a] + SHRINK * (cloud[k, a] - mean[a]) + KERNEL * shift
        weight[k] = float(np.float32(1.0 / count))


@array_kernel
def _spread(cloud: Array, weight: Array) -> tuple[Array, Array]:
    """Return the mean (4,) of place and velocity, and the Cholesky root of their covariance."""
    mean, root = np.zeros(4), np.zeros((4, 4))
    total = weight.sum()
    for k in range(cloud.shape[0]):
        for a in range(4):
            mean[a] += weight[k] / total * cloud[k, a]
    for k in range(cloud.shape[0]):
        for a in range(4):
            for b in range(a + 1):
                root[a, b] += weight[k] / total * (cloud[k, a] - mean[a]) * (cloud[k, b] - mean[b])
    for a in range(4):
        for b in range(a + 1):
            left = root[a, b]
            for c in range(b):
                left -= root[a, c] * root[b, c]
            root[a, b] = math.sqrt(max(left, 1e-12)) if a == b else left / root[b, b]
    return mean, root


@kernel
def _fly(p: Array, key: np.uint64, dt_s: float, far: float) -> None:
    """Move one particle, or let it start anew away with the chance `far`."""
    p[AGE] = min(p[AGE] + dt_s, OLDEST_S)
    change = chance(key, 0)
    if p[TURN] == 0.0 and change < BEGIN_TURN * dt_s:
        p[BEFORE], p[AGE] = 0.0, dt_s
        p[TURN] = (2.0 * chance(key, 1) - 1.0) * MOST_TURN
    elif p[TURN] != 0.0 and change < END_TURN * dt_s:
        p[BEFORE], p[AGE] = p[TURN], dt_s
        p[TURN] = 0.0
    e, n, ve, vn = _arc(p[VE], p[VN], p[TURN], dt_s)
    p[E] += e
    p[N] += n
    speed = math.hypot(ve, vn) + SPEED_MPS * math.sqrt(dt_s) * normal(key, 2)
    heading = math.atan2(ve, vn) + HEADING_RAD * math.sqrt(dt_s) * normal(key, 3)
    if CRUISING_MPS[0] < speed < CRUISING_MPS[1]:
        speed += DRAWN * (CRUISE_MPS - speed) * dt_s
    if chance(key, 10) < ANEW * dt_s:
        p[E] += BESIDE_M * normal(key, 6)
        p[N] += BESIDE_M * normal(key, 7)
        heading = 2.0 * math.pi * chance(key, 16)
        speed *= math.exp(PACE * normal(key, 9))
        p[TURN], p[BEFORE], p[AGE] = 0.0, 0.0, 0.0
    if chance(key, 20) < far:
        p[E] += FAR_M * normal(key, 11)
        p[N] += FAR_M * normal(key, 12)
        if chance(key, 21) < 0.5:
            heading = 2.0 * math.pi * chance(key, 26)
        speed *= math.exp(PACE * normal(key, 14))
        p[TURN], p[BEFORE], p[AGE] = 0.0, 0.0, 0.0
    speed = min(max(speed, SLOWEST_MPS), FASTEST_MPS)
    p[VE], p[VN] = speed * math.sin(heading), speed * math.cos(heading)


@kernel
def _round(p: Array) -> None:
    """Round a particle to what a snapshot holds, in place."""
    p[E], p[N] = math.floor(p[E] + 0.5), math.floor(p[N] + 0.5)
    p[VE] = math.floor(p[VE] / VELOCITY_MPS + 0.5) * VELOCITY_MPS
    p[VN] = math.floor(p[VN] / VELOCITY_MPS + 0.5) * VELOCITY_MPS
    p[TURN] = math.floor(p[TURN] / RATE_RAD_S + 0.5) * RATE_RAD_S
    p[BEFORE] = math.floor(p[BEFORE] / RATE_RAD_S + 0.5) * RATE_RAD_S
    p[AGE] = math.floor(p[AGE] + 0.5)


@kernel
def scatter(
    cloud: Array, weight: Array, seed: int, box: Array, offset: Array, east_m: float, north_m: float, cell_m: float
) -> None:
    """Fill a cloud from cells [shape=(STATES, rows, columns)] whose first one's middle, without offset, is given."""
    key = key_of(seed, 0)
    count, total = cloud.shape[0], box.sum()
    start, reached, at = chance(key, 0), 0.0, -1
    columns, cells = box.shape[2], box.shape[1] * box.shape[2]
    for k in range(count):
        while reached <= (k + start) / count * total and at < box.size - 1:
            at += 1
            reached += box[at // cells, at % cells // columns, at % columns]
        s = at // cells
        own = mixed(key ^ np.uint64(k + 1))
        p = cloud[k]
        p[E] = east_m + offset[s, 0] + cell_m * (at % columns + chance(own, 0) - 0.5)
        p[N] = north_m + offset[s, 1] + cell_m * (at % cells // columns + chance(own, 1) - 0.5)
        ve, vn = velocity(s)
        heading = math.atan2(ve, vn) + 2.0 * math.pi / HEADINGS * (chance(own, 2) - 0.5)
        speed = math.hypot(ve, vn) + NEW_SPEED_MPS * normal(own, 2)
        if s == HEADINGS:
            heading, speed = 2.0 * math.pi * chance(own, 2), STANDING_MPS * chance(own, 3)
        speed = min(max(speed, SLOWEST_MPS), FASTEST_MPS)
        p[VE], p[VN] = speed * math.sin(heading), speed * math.cos(heading)
        p[TURN] = p[BEFORE] = p[AGE] = 0.0
        weight[k] = float(np.float32(1.0 / count))
        _round(p)


@array_kernel
def outlook(cloud: Array, weight: Array, mean: Array, cov: Array, gathered_m: float) -> None:
    """Write the moments of a cloud into the horizontal parts of a mean (6,) and covariance (6, 6).

    The mean is that of what is within `gathered_m` of it.
    Height goes along with none of them: what a look of light, which may be of another track, has left there of that
    fits the covariance of before, and with that of now makes none (a variance of height that falls below zero).
    """
    total: float = weight.sum()
    at = (0, 1, 3, 4)
    for a in range(4):
        mean[at[a]] = 0.0
        for k in range(cloud.shape[0]):
            mean[at[a]] += weight[k] / total * cloud[k, a]
    for a in range(4):
        for b in range(a + 1):
            s = 0.0
            for k in range(cloud.shape[0]):
                s += weight[k] / total * (cloud[k, a] - mean[at[a]]) * (cloud[k, b] - mean[at[b]])
            cov[at[a], at[b]] = s
            cov[at[b], at[a]] = s
        for b in (2, 5):
            cov[at[a], b] = cov[b, at[a]] = 0.0
    _gather(cloud, weight, mean, gathered_m)


@array_kernel
def _gather(cloud: Array, weight: Array, mean: Array, gathered_m: float) -> None:
    """Draw a mean (6,) to where most of the cloud is, in place: what has started anew far away counts little."""
    part = np.empty(5)
    for _ in range(GATHERINGS):
        part[:] = 0.0
        for k in range(cloud.shape[0]):
            off2 = (cloud[k, E] - mean[0]) ** 2 + (cloud[k, N] - mean[1]) ** 2
            near = weight[k] * math.exp(-0.5 * off2 / (gathered_m * gathered_m))
            part[4] += near
            for a in range(4):
                part[a] += near * cloud[k, a]
        if part[4] <= 0.0:
            return
        mean[0], mean[1] = part[0] / part[4], part[1] / part[4]
        mean[3], mean[4] = part[2] / part[4], part[3] / part[4]


@array_kernel
def settle(
    x: Array, P: Array, w: Array, t: Array, r: Array, slots: Indices, clouds: Array, weights: Array, memories: Array,
    seeds: Indices, now_s: float, lifetime_s: float, first_weight: Array,
) -> None:  # fmt: skip
    """Bring the clouds of all rows to a whole second, and the rows to what their clouds say."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        if slot < 0:
            continue
        memory = memories[slot]
        dt_s = now_s - memory[TIME]
        if dt_s > 0.0:
            doubted = memory[SURPRISE] > DOUBTED * math.sqrt(memory[VARIANCE] + 1.0)
            far = FAR_SHARE if doubted else 0.0
            renew(clouds[slot], weights[slot], seeds[slot], int(now_s), min(dt_s, OLDEST_S), far)
            memory[TIME] = now_s
            memory[SURPRISE] *= math.exp(-dt_s / DOUBT_S)
            memory[VARIANCE] *= math.exp(-dt_s / DOUBT_S)
        r[i] *= math.exp(-max(now_s - t[i], 0.0) / lifetime_s)
        t[i] = now_s
        outlook(clouds[slot], weights[slot], x[i, 0], P[i, 0], GATHERED_M)
        w[i] = first_weight
        for m in range(1, x.shape[1]):
            x[i, m] = x[i, 0]
            P[i, m] = P[i, 0]
