"""The compiled half of `arrival`: every track of an instant against every zone, in one call.

A track is a row of numbers (`T_*`), a zone a row of numbers (`Z_*`) and a run of rows of edges (`E_*`); what comes out
is a code for each pair (`FAR`, `ABOVE`, `NEAR`) and, where it is `NEAR`, the fields of `arrival.Reach` in their order.
What the numbers mean is said in `arrival`; `tests/alerting/plain.py` says the same in plain numpy and is compared.

Three things make it cheap. Where the whole cloud of points is inside, everything is now. Edges are asked one after
another for all points at once. The 5 % quantile of the mixture needs no sort of all futures: straight ones weigh 0.8 of
their share at least, so nine of them hold it, and only what is no later than the ninth is sorted.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.alerting.arrival import ABOVE, FAR, NEAR
from skysentry.compiled import array_kernel
from skysentry.geo import Array, ecef
from skysentry.tracking.models.motion import Indices

# Columns of a track: place, velocity, the upper triangle of the covariance of (e, n, ve, vn), the lowest altitude that
# it surely is above, the speed that its kind can fly at least, and 1 where it has wings.
T_LAT, T_LON, T_ALT, T_VELOCITY, T_COV, T_LOWEST, T_DASH, T_WINGED, TRACK = 0, 1, 2, 3, 5, 15, 16, 17, 18
# Columns of a zone: middle (Earth-centred), east and north of its plane, latitude and longitude of the middle, radius,
# ceiling, the farthest time that it asks for, and its first and last edge (exclusive).
Z_ORIGIN, Z_EAST, Z_NORTH, Z_LAT, Z_LON, Z_RADIUS, Z_CEILING, Z_HORIZON, Z_FIRST, Z_LAST, ZONE = (
    *(0, 3, 6, 9, 10, 11, 12, 13, 14, 15),
    16,
)
# Columns of an edge: start, way to its end, one over its squared length, and the number of its polygon in the zone.
E_X, E_Y, E_DX, E_DY, E_INVERSE, E_POLYGON, EDGE = 0, 1, 2, 3, 4, 5, 6
# Columns of the outcome, as in `arrival.Reach`.
LOW, MEAN, HIGH, TURN_LOW, TURN_HIGH, ENTER, HEADS_FOR, INSIDE, DISTANCE, FROM, REACH = range(11)

# Of the drones that could turn for a place one in five does: a belief, chosen so that one abeam (half of it) stays
# above the 5 % of the low bound and one that leaves within 60° of straight out falls below.
TURNS = 0.2
# The share of straight futures that must enter before we say it heads for the zone; below, the course passes by.
HEADS = 0.3
LOW_SHARE, HIGH_SHARE = 0.05, 0.95
# A later crossing than an hour's straight flight says nothing of a thing that steers.
HORIZON_S = 3600.0
# Level turn at 45° of bank: what agile fixed wings fly; radius v²/g.
TURN_MPS2 = 9.81
# Nothing that we warn of flies faster near the ground; a wilder velocity is an error of the track.
MAX_SPEED_MPS = 400.0
# A horizontal sigma is held at most this wide, so that a track that knows nothing is not "in reach" of a continent.
MAX_SIGMA_M, MAX_SIGMA_MPS = 30_000.0, 150.0
# Three sigmas of place and speed decide whether a zone may be in reach at all.
REACH_SIGMAS = 3.0
# A chord through the Earth is shorter than the way over it; only height adds to it, by 10 km at most.
HEIGHT2_M2 = 1e8
# As many straight futures weigh more than 5 %, and hold both outer quantiles of 128 equal weights (seven would do).
FEW = 9
# Where the lattice of points starts: of 400 starts the one whose margins are evenest. Along the axes and 400 other
# directions the 5–95 % interval of the points then holds 85.5 to 94.4 % of the true normal, 90 % on average.
OFFSET = 0.5625


def _points(pairs: int) -> Array:
    """Fixed standard normal points [shape=(2·pairs, 4)] with zero mean and unit covariance.

    A Kronecker lattice (steps are powers of the root of x⁵ = x + 1), made normal by Box and Muller, mirrored, whitened.
    """
    root = 1.0
    for _ in range(60):
        root = (1.0 + root) ** 0.2
    lattice = (OFFSET + np.arange(1, pairs + 1)[:, None] * root ** -np.arange(1.0, 5.0)) % 1.0
    radius = np.sqrt(-2.0 * np.log(1.0 - lattice[:, :2]))
    angle = 2.0 * np.pi * lattice[:, 2:]
    half = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points = np.concatenate([half, -half])
    whitened: Array = points @ np.linalg.inv(np.linalg.cholesky(points.T @ points / len(points))).T
    return np.ascontiguousarray(whitened)


POINTS = _points(64)
# No point lies farther from the middle than this many roots of the summed variances.
WIDEST = math.sqrt(float((POINTS**2).sum(axis=1).max()))

to_ecef = array_kernel(ecef)


@array_kernel
def assess(tracks: Array, zones: Array, edges: Array, points: Array, stands: Indices, out: Array) -> None:
    """Write how each track [shape=(n, TRACK)] stands to each zone [shape=(m, ZONE)].

    `stands` [shape=(n, m)] gets a code, `out` [shape=(n, m, REACH)] the fields of `Reach` where the code is `NEAR`.
    """
    root = np.zeros((4, 4))
    turned_root = np.zeros((4, 4))
    cloud = np.empty((8, points.shape[0]))
    for i in range(tracks.shape[0]):
        track = tracks[i]
        place = to_ecef(track[T_LAT], track[T_LON], track[T_ALT])
        _root(track, root)
        speed = math.sqrt(track[T_VELOCITY] ** 2 + track[T_VELOCITY + 1] ** 2)
        sigma_v = min(math.sqrt(max(track[T_COV + 7] + track[T_COV + 9], 0.0)), MAX_SIGMA_MPS)
        sigma_p = min(math.sqrt(max(track[T_COV] + track[T_COV + 4], 0.0)), MAX_SIGMA_M)
        fastest = min(max(speed + REACH_SIGMAS * sigma_v, track[T_DASH]), MAX_SPEED_MPS)
        for j in range(zones.shape[0]):
            zone = zones[j]
            gx, gy, gz = place[0] - zone[Z_ORIGIN], place[1] - zone[Z_ORIGIN + 1], place[2] - zone[Z_ORIGIN + 2]
            limit = zone[Z_RADIUS] + REACH_SIGMAS * sigma_p + fastest * zone[Z_HORIZON]
            if gx * gx + gy * gy + gz * gz > limit * limit + HEIGHT2_M2:
                stands[i, j] = FAR
            elif track[T_LOWEST] > zone[Z_CEILING]:
                stands[i, j] = ABOVE
            else:
                stands[i, j] = NEAR
                east = gx * zone[Z_EAST] + gy * zone[Z_EAST + 1] + gz * zone[Z_EAST + 2]
                north = gx * zone[Z_NORTH] + gy * zone[Z_NORTH + 1] + gz * zone[Z_NORTH + 2]
                own = edges[int(zone[Z_FIRST]) : int(zone[Z_LAST])]
                velocity = _turn(track, zone, root, turned_root)
                if not _all_inside(east, north, turned_root, own, out[i, j]):
                    _spread(east, north, velocity, turned_root, points, cloud)
                    _cross(own, cloud)
                    _sum_up(track[T_DASH], track[T_WINGED] > 0.5, cloud, out[i, j])


@array_kernel
def _root(track: Array, root: Array) -> None:
    """Write the Cholesky root of the covariance (e, n, ve, vn), held; the bare sigmas where it is no covariance."""
    held = np.empty((4, 4))
    sigma = np.empty(4)
    n = T_COV
    for a in range(4):
        for b in range(a, 4):
            held[a, b] = track[n]
            n += 1
    for a in range(4):
        sigma[a] = math.sqrt(max(held[a, a], 1e-6))
    for a in range(4):
        shrink_a = min(1.0, (MAX_SIGMA_M if a < 2 else MAX_SIGMA_MPS) / sigma[a])
        for b in range(a, 4):
            shrink_b = min(1.0, (MAX_SIGMA_M if b < 2 else MAX_SIGMA_MPS) / sigma[b])
            held[b, a] = held[a, b] * shrink_a * shrink_b
        sigma[a] *= shrink_a
    root[:] = 0.0
    for a in range(4):
        for b in range(a + 1):
            total = held[a, b] + (1e-6 if a == b else 0.0)
            for k in range(b):
                total -= root[a, k] * root[b, k]
            if a != b:
                root[a, b] = total / root[b, b]
            elif total > 0.0:
                root[a, a] = math.sqrt(total)
            else:
                root[:] = 0.0
                for k in range(4):
                    root[k, k] = sigma[k]
                return


@array_kernel
def _turn(track: Array, zone: Array, root: Array, turned: Array) -> tuple[float, float]:
    """Write the root turned from the north at the track to that of the zone; return the turned velocity.

    North turns by the difference in longitude times the sine of the latitude; within 1e-4 rad at 100 km.
    """
    dlon = (track[T_LON] - zone[Z_LON] + 180.0) % 360.0 - 180.0
    turn = math.radians(dlon) * math.sin(math.radians((track[T_LAT] + zone[Z_LAT]) / 2.0))
    cos, sin = math.cos(turn), math.sin(turn)
    for a in range(0, 4, 2):
        for b in range(4):
            turned[a, b] = cos * root[a, b] - sin * root[a + 1, b]
            turned[a + 1, b] = sin * root[a, b] + cos * root[a + 1, b]
    ve, vn = track[T_VELOCITY], track[T_VELOCITY + 1]
    return cos * ve - sin * vn, sin * ve + cos * vn


@array_kernel
def to_edge(x: float, y: float, edges: Array) -> tuple[bool, float, float]:
    """Return whether a point is inside, and the vector to the nearest point of the edge."""
    inside = False
    odd = False
    best, best_x, best_y = np.inf, 0.0, 0.0
    for e in range(edges.shape[0]):
        if e > 0 and edges[e, E_POLYGON] != edges[e - 1, E_POLYGON]:
            inside = inside or odd
            odd = False
        wx, wy, dx, dy = edges[e, E_X] - x, edges[e, E_Y] - y, edges[e, E_DX], edges[e, E_DY]
        if (wy > 0.0) != (wy + dy > 0.0) and ((wx * dy - wy * dx > 0.0) == (dy > 0.0)):
            odd = not odd
        along = min(max(-(wx * dx + wy * dy) * edges[e, E_INVERSE], 0.0), 1.0)
        qx, qy = wx + along * dx, wy + along * dy
        if qx * qx + qy * qy < best:
            best, best_x, best_y = qx * qx + qy * qy, qx, qy
    return inside or odd, best_x, best_y


@array_kernel
def _all_inside(east: float, north: float, root: Array, edges: Array, out: Array) -> bool:
    """Write distance and direction, and the rest too where the whole cloud is inside; return whether it is."""
    inside, qx, qy = to_edge(east, north, edges)
    gap = math.sqrt(qx * qx + qy * qy)
    out[DISTANCE] = 0.0 if inside else gap
    out[FROM] = math.degrees(math.atan2(east, north)) % 360.0
    variance = 0.0
    for b in range(4):
        variance += root[0, b] * root[0, b] + root[1, b] * root[1, b]
    if not inside or gap <= WIDEST * math.sqrt(variance):
        return False
    out[:ENTER] = 0.0
    out[ENTER] = out[HEADS_FOR] = out[INSIDE] = 1.0
    return True


# Rows of the cloud of points: place, velocity, inside, vector to the nearest edge, time of the straight entry.
C_X, C_Y, C_VX, C_VY, C_INSIDE, C_QX, C_QY, C_ENTRY = range(8)


@array_kernel
def _spread(east: float, north: float, velocity: tuple[float, float], root: Array, points: Array, cloud: Array) -> None:
    for k in range(points.shape[0]):
        a, b, c, d = points[k, 0], points[k, 1], points[k, 2], points[k, 3]
        cloud[C_X, k] = east + root[0, 0] * a + root[0, 1] * b
        cloud[C_Y, k] = north + root[1, 0] * a + root[1, 1] * b
        vx = velocity[0] + root[2, 0] * a + root[2, 1] * b + root[2, 2] * c + root[2, 3] * d
        vy = velocity[1] + root[3, 0] * a + root[3, 1] * b + root[3, 2] * c + root[3, 3] * d
        speed = math.sqrt(vx * vx + vy * vy)
        held = min(1.0, MAX_SPEED_MPS / max(speed, 1e-9))
        cloud[C_VX, k] = vx * held
        cloud[C_VY, k] = vy * held


@array_kernel
def _cross(edges: Array, cloud: Array) -> None:
    """Write for each point whether it is inside, the way to the nearest edge and when a straight line enters.

    Edges outside, points inside and choices without branches: so the compiler takes several points at once.
    """
    n = cloud.shape[1]
    xs, ys, vxs, vys = cloud[C_X], cloud[C_Y], cloud[C_VX], cloud[C_VY]
    nearest_x, nearest_y, entries, insides = cloud[C_QX], cloud[C_QY], cloud[C_ENTRY], cloud[C_INSIDE]
    best = np.full(n, np.inf)
    odd = np.zeros(n)
    insides[:] = 0.0
    entries[:] = np.inf
    for e in range(edges.shape[0]):
        if e > 0 and edges[e, E_POLYGON] != edges[e - 1, E_POLYGON]:
            for k in range(n):
                insides[k] = max(insides[k], odd[k])
                odd[k] = 0.0
        ax, ay, dx, dy, inverse = edges[e, E_X], edges[e, E_Y], edges[e, E_DX], edges[e, E_DY], edges[e, E_INVERSE]
        for k in range(n):
            wx, wy, vx, vy = ax - xs[k], ay - ys[k], vxs[k], vys[k]
            side = wx * dy - wy * dx
            crossed = ((wy > 0.0) != (wy + dy > 0.0)) & ((side > 0.0) == (dy > 0.0))
            odd[k] = 1.0 - odd[k] if crossed else odd[k]
            along = -(wx * dx + wy * dy) * inverse
            along = 0.0 if along < 0.0 else along
            along = 1.0 if along > 1.0 else along
            qx, qy = wx + along * dx, wy + along * dy
            gap2 = qx * qx + qy * qy
            nearer = gap2 < best[k]
            best[k] = gap2 if nearer else best[k]
            nearest_x[k] = qx if nearer else nearest_x[k]
            nearest_y[k] = qy if nearer else nearest_y[k]
            across = vx * dy - vy * dx
            when, where = side / across, (wx * vy - wy * vx) / across
            hit = (when >= 0.0) & (where >= 0.0) & (where <= 1.0) & (when < entries[k])
            entries[k] = when if hit else entries[k]
    for k in range(n):
        insides[k] = max(insides[k], odd[k])
        entry = entries[k] if entries[k] <= HORIZON_S else np.inf
        entries[k] = 0.0 if insides[k] > 0.0 else entry


@array_kernel
def _turned_s(qx: float, qy: float, vx: float, vy: float, dash_mps: float, winged: bool) -> tuple[float, float]:
    """Return seconds to the point (qx, qy) away by the tightest arc and a line, and the cosine of the angle off it.

    A point inside the turning circle is given its bare distance: too soon rather than too late.
    """
    distance = math.sqrt(qx * qx + qy * qy)
    speed = math.sqrt(vx * vx + vy * vy)
    cosine = min(max((qx * vx + qy * vy) / max(distance * speed, 1e-9), -1.0), 1.0)
    # Slower than half its cruise it has no course to speak of: it may leave for the zone as well as anywhere.
    if speed < 0.5 * dash_mps:
        cosine = max(cosine, 0.0)
    pace = max(speed, dash_mps)
    if not winged:
        return distance / pace, cosine
    radius = pace * pace / TURN_MPS2
    ahead, beside = distance * cosine, distance * math.sqrt(1.0 - cosine * cosine) - radius
    span2 = ahead * ahead + beside * beside
    if span2 < radius * radius:
        return distance / pace, cosine
    line = math.sqrt(max(span2 - radius * radius, 0.0))
    # The angle of (ahead, beside) and that of (line, radius) together.
    arc = math.atan2(beside * line + ahead * radius, ahead * line - beside * radius)
    # Rounding just below zero is no full circle.
    arc = arc + 2.0 * math.pi if arc < -1e-9 else max(arc, 0.0)
    return (line + radius * arc) / pace, cosine


@array_kernel
def _keep(least: Array, value: float) -> None:
    """Take a value into the `FEW` least ones, in rising order."""
    if value >= least[FEW - 1]:
        return
    i = FEW - 1
    while i > 0 and least[i - 1] > value:
        least[i] = least[i - 1]
        i -= 1
    least[i] = value


@array_kernel
def _even_quantile(least: Array, known: int, share: float) -> float:
    """Return the quantile below one half of `known` equal weights, from the least values."""
    place = min(max(share * known - 0.5, 0.0), known - 1.0)
    before = int(place)
    after = min(before + 1, known - 1)
    found: float = least[before] + (place - before) * (least[after] - least[before])
    return found


@array_kernel
def _sum_up(dash_mps: float, winged: bool, cloud: Array, out: Array) -> None:
    n = cloud.shape[1]
    turned, weight = np.empty(n), np.empty(n)
    soonest, latest = np.full(FEW, np.inf), np.full(FEW, np.inf)
    soonest_turn, latest_turn = np.full(FEW, np.inf), np.full(FEW, np.inf)
    enters = 0
    inside, sum_straight, sum_turned, weight_in = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        time, cosine = _turned_s(cloud[C_QX, k], cloud[C_QY, k], cloud[C_VX, k], cloud[C_VY, k], dash_mps, winged)
        turned[k] = 0.0 if cloud[C_INSIDE, k] > 0.0 else time
        weight[k] = TURNS * (1.0 + cosine) / 2.0
        inside += cloud[C_INSIDE, k]
        sum_turned += turned[k]
        weight_in += weight[k]
        _keep(soonest_turn, turned[k])
        _keep(latest_turn, -turned[k])
        straight = cloud[C_ENTRY, k]
        if straight < np.inf:
            enters += 1
            sum_straight += straight
            weight_in += 1.0 - weight[k]
            _keep(soonest, straight)
            _keep(latest, -straight)
    heads = enters > HEADS * n
    out[LOW] = _mixed_quantile(cloud[C_ENTRY], turned, weight, soonest[FEW - 1])
    out[MEAN] = sum_straight / enters if heads else sum_turned / n
    high = -_even_quantile(latest, enters, 1.0 - HIGH_SHARE) if heads else 0.0
    out[TURN_LOW] = _even_quantile(soonest_turn, n, LOW_SHARE)
    out[TURN_HIGH] = -_even_quantile(latest_turn, n, 1.0 - HIGH_SHARE)
    out[HIGH] = max(out[MEAN], high if heads else out[TURN_HIGH])
    out[ENTER] = weight_in / n
    out[HEADS_FOR] = 1.0 if heads else 0.0
    out[INSIDE] = inside / n


@array_kernel
def _mixed_quantile(straight: Array, turned: Array, weight: Array, last: float) -> float:
    """Return the time by which 5 % of the mixture has arrived, infinite where it never does.

    What is later than `last`, the ninth straight arrival, cannot matter.
    """
    n = straight.shape[0]
    times, shares = np.empty(2 * n), np.empty(2 * n)
    count = 0
    for k in range(2 * n):
        time = straight[k] if k < n else turned[k - n]
        if time > last or time == np.inf:
            continue
        share = (1.0 - weight[k] if k < n else weight[k - n]) / n
        i = count
        while i > 0 and times[i - 1] > time:
            times[i], shares[i] = times[i - 1], shares[i - 1]
            i -= 1
        times[i], shares[i] = time, share
        count += 1
    reached, before = 0.0, 0.0
    for i in range(count):
        middle = reached + shares[i] / 2.0
        if middle >= LOW_SHARE or (i == count - 1 and reached + shares[i] >= LOW_SHARE):
            if i == 0:
                return float(times[0])
            part = min(max((LOW_SHARE - before) / max(middle - before, 1e-12), 0.0), 1.0)
            return float(times[i - 1] + part * (times[i] - times[i - 1]))
        before = middle
        reached += shares[i]
    return np.inf
