"""What a measurement says of a state: expected value, Jacobian, innovation; at the time of emission.

One row of numbers a detection (`ROW` columns, see the names below) and one code, `kind * 8 + n` with n the number of
velocity components (position) or of Doppler values (range). A position is a measurement in the east-north-up frame *at
the measured place*: its altitude may be absent, for along the local vertical east and north stay zero. Bearings,
elevations and ranges are in the sensor's own frame. `rot` turns the working frame into either.

Every measurement is compared with the state when it was *emitted*: h(x(te)), te = t − |p(te) − s| / c for sound, t for
light. Track time may be before te or after (late messages), so x(te) = F(te − t) x, along the tangent or the model's
turn, and the same noise Q(|te − t|) is added either way. The Jacobian goes through te: dp(te) = (I − v uᵀ / (c + u·v))
dp, u from the sensor to the target.
Source: Orguner and Gustafsson, "Target tracking with particle filters under signal propagation delays", 2011.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.models.motion import Array, turn

POSITION2, POSITION3, BEARING, AZ_EL, RANGE_BEARING, RANGE_AZ_EL, TDOA = range(7)

# Columns of a detection's row: measurement, covariance, the frame it is in, the place of the other sensor (time
# differences) or the centre of the coarse gate (the rest), its radius, density of clutter and new, share of new.
Z, R_TRIANGLE, R_DIAGONAL, ORIGIN, ROTATION, OTHER, CENTRE = 0, 6, 12, 15, 18, 27, 27
SPREAD_M, DENSITY, NEW_SHARE, ROW = 30, 31, 32, 33
# Columns of a look: what is the same for all detections of a scan.
L_TIME, L_SIGMA_T, L_SOUND, L_WIND, L_ORIGIN, L_ROTATION = 0, 1, 2, 3, 6, 9
L_PD, L_MIN, L_MAX, L_SOFT, L_AZ, L_AZ_HALF, L_EL_LOW, L_EL_HIGH = 18, 19, 20, 21, 22, 23, 24, 25
L_FALSE, L_REPORTS, L_MISS_FLOOR, L_POSITION_SIGMA, L_ALT, L_DOPPLER = 26, 27, 28, 29, 30, 31
# What was learned of a sensor's reach and its edge, by octants clockwise from north (`hearing`); zero where nothing is.
OCTANTS, L_REACH, L_EDGE = 8, 32, 40
# A number of the sensor among those of the site, from 1; 0 for strangers.
L_SENSOR, LOOK = 48, 49

# Rows of room that `innovate` needs.
WORK = 17
LIGHT_MPS = 299_792_458.0
# A sensor at the target's place: nearer than a metre a direction says nothing, and would divide by zero.
NEAREST_M = 1.0
# Steps for the direction of the wind along the path; each gains a factor wind/c, so two reach a millisecond.
RETARD_STEPS = 2
# A state faster than its sound has no single emission; it is treated as if at this share of the speed of sound.
FASTEST = 0.9


@kernel
def sound_speed(look: Array, dx: float, dy: float, dz: float, distance_m: float) -> float:
    """Return the speed of sound along the path from the target at offset (dx, dy, dz) from the sensor."""
    along = look[L_WIND] * dx + look[L_WIND + 1] * dy + look[L_WIND + 2] * dz
    speed: float = look[L_SOUND] - along / distance_m
    return speed


@kernel
def emission_lag(x: Array, t_s: float, look: Array) -> float:
    """Return te − t: how far the emission that this look sensed lies after the state's time (negative: before).

    For sound |q + v τ| = c (dt − τ) is a quadratic in τ; c depends, by the wind, a little on the direction.
    """
    dt: float = look[L_TIME] - t_s
    if look[L_SOUND] == 0.0:
        return dt
    v2 = x[3] * x[3] + x[4] * x[4] + x[5] * x[5]
    scale = min(1.0, FASTEST * look[L_SOUND] / math.sqrt(max(v2, 1.0)))
    lag: float = dt
    for _ in range(RETARD_STEPS):
        q2, qv = 0.0, 0.0
        away = (
            x[0] + lag * x[3] - look[L_ORIGIN],
            x[1] + lag * x[4] - look[L_ORIGIN + 1],
            x[2] + lag * x[5] - look[L_ORIGIN + 2],
        )
        distance = max(math.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2), NEAREST_M)
        c = sound_speed(look, away[0], away[1], away[2], distance)
        for a in range(3):
            q = x[a] - look[L_ORIGIN + a]
            q2 += q * q
            qv += q * x[3 + a] * scale
        a2 = c * c - v2 * scale * scale
        b = c * c * dt + qv
        lag = (b - math.sqrt(max(b * b - a2 * (c * c * dt * dt - q2), 0.0))) / a2
    return lag


@kernel
def expect(code: int, row: Array, look: Array, xe: Array, z: Array, H: Array, work: Array) -> int:
    """Write the expected measurement and its Jacobian (dims × 6) for the state at emission; return the dims.

    `work` [shape=(≥ 8, 6)] is room to reckon in, like those of the callers: allocating costs more than the numbers.
    """
    kind, extra = code // 8, code % 8
    if kind == TDOA:
        return _expect_tdoa(row, look, xe, z, H)
    d, v, J = work[0], work[1], work[2:8]
    for a in range(3):
        d[a] = 0.0
        v[a] = 0.0
        for b in range(3):
            turn = row[ROTATION + 3 * a + b]
            d[a] += turn * (xe[b] - row[ORIGIN + b])
            v[a] += turn * xe[3 + b]
    if kind in (POSITION2, POSITION3):
        return _expect_position(2 if kind == POSITION2 else 3, extra, row, d, v, z, H)
    for i in range(4):
        for a in range(6):
            J[i, a] = 0.0
    dims = _expect_polar(kind, extra, d, v, z, J)
    for i in range(dims):
        for b in range(3):
            place, speed = 0.0, 0.0
            for a in range(3):
                place += J[i, a] * row[ROTATION + 3 * a + b]
                speed += J[i, 3 + a] * row[ROTATION + 3 * a + b]
            H[i, b] = place
            H[i, 3 + b] = speed
    return dims


@kernel
def _expect_position(places: int, speeds: int, row: Array, d: Array, v: Array, z: Array, H: Array) -> int:
    for a in range(places):
        z[a] = d[a]
        for b in range(3):
            H[a, b] = row[ROTATION + 3 * a + b]
            H[a, 3 + b] = 0.0
    for a in range(speeds):
        z[places + a] = v[a]
        for b in range(3):
            H[places + a, b] = 0.0
            H[places + a, 3 + b] = row[ROTATION + 3 * a + b]
    return places + speeds


@kernel
def _expect_polar(kind: int, dopplers: int, d: Array, v: Array, z: Array, J: Array) -> int:
    flat = max(math.sqrt(d[0] * d[0] + d[1] * d[1]), NEAREST_M)
    slant = max(math.sqrt(flat * flat + d[2] * d[2]), NEAREST_M)
    i = 0
    if kind in (RANGE_BEARING, RANGE_AZ_EL):
        z[i] = slant
        for a in range(3):
            J[i, a] = d[a] / slant
        i += 1
    z[i] = math.atan2(d[0], d[1])
    J[i, 0] = d[1] / (flat * flat)
    J[i, 1] = -d[0] / (flat * flat)
    i += 1
    if kind in (AZ_EL, RANGE_AZ_EL):
        z[i] = math.atan2(d[2], flat)
        J[i, 0] = -d[2] * d[0] / (flat * slant * slant)
        J[i, 1] = -d[2] * d[1] / (flat * slant * slant)
        J[i, 2] = flat / (slant * slant)
        i += 1
    if dopplers == 1:
        rate = (d[0] * v[0] + d[1] * v[1] + d[2] * v[2]) / slant
        z[i] = rate
        for a in range(3):
            J[i, a] = v[a] / slant - rate * d[a] / (slant * slant)
            J[i, 3 + a] = d[a] / slant
        i += 1
    return i


@kernel
def _expect_tdoa(row: Array, look: Array, xe: Array, z: Array, H: Array) -> int:
    speed = look[L_SOUND] if look[L_SOUND] > 0.0 else LIGHT_MPS
    here = 0.0
    there = 0.0
    for a in range(3):
        here += (xe[a] - row[ORIGIN + a]) ** 2
        there += (xe[a] - row[OTHER + a]) ** 2
    here = max(math.sqrt(here), NEAREST_M)
    there = max(math.sqrt(there), NEAREST_M)
    z[0] = (here - there) / speed
    for a in range(3):
        H[0, a] = ((xe[a] - row[ORIGIN + a]) / here - (xe[a] - row[OTHER + a]) / there) / speed
        H[0, 3 + a] = 0.0
    return 1


@kernel
def is_angle(kind: int, i: int) -> bool:
    """Return whether component i of a measurement wraps around."""
    if kind in (BEARING, AZ_EL):
        return i == 0
    return (kind in (RANGE_BEARING, RANGE_AZ_EL)) and i == 1


@kernel
def places_of(kind: int) -> int:
    """Return how many components come before velocities and Doppler: those that the covariance triangle covers."""
    if kind in (POSITION3, RANGE_AZ_EL):
        return 3
    return 1 if kind in (BEARING, TDOA) else 2


@kernel
def dims_of(code: int) -> int:
    """Return how many components a measurement of this code has."""
    return places_of(code // 8) + code % 8


@kernel
def noise(row: Array, places: int, i: int, j: int) -> float:
    """Return element (i, j) of the measurement covariance of a row."""
    if i > j:
        i, j = j, i
    if j < places:
        first = 0 if i == 0 else 3 if i == 1 else 5
        value: float = row[R_TRIANGLE + first + j - i]
    else:
        value = row[R_DIAGONAL + j - places] if i == j else 0.0
    return value


@kernel
def innovate(
    code: int, row: Array, look: Array, x: Array, P: Array, t_s: float, q: float, q_up: float, turn_rad_s: float,
    nu: Array, S: Array, PHt: Array, work: Array,
) -> int:  # fmt: skip
    """Write the innovation, its covariance and P Hᵀ (6 × dims) of one measurement against one model's state at t.

    H here maps the state at t to the measurement through emission. Returns the dims. `work` [shape=(WORK, 6)].
    """
    xe, rate, z, H = work[0], work[1], work[2], work[3:9]
    lag, along, across, sine, cosine = _emitted(x, t_s, look, turn_rad_s, xe)
    dims = expect(code, row, look, xe, z, H, work[9:])
    kind = code // 8
    for i in range(dims):
        nu[i] = row[Z + i] - z[i]
        if is_angle(kind, i):
            nu[i] = (nu[i] + math.pi) % (2.0 * math.pi) - math.pi
        rate[i] = H[i, 0] * xe[3] + H[i, 1] * xe[4] + H[i, 2] * xe[5]
    if look[L_SOUND] > 0.0:
        _through_emission(look, xe, H, dims, work[9])
    _spoil(kind, row, look, q, q_up, lag, rate, H, S, dims)
    if kind in (BEARING, AZ_EL):
        _misplaced(row, look, xe, S, 1 if kind == BEARING else 2)
    for i in range(dims):
        east, north = H[i, 3], H[i, 4]
        H[i, 3] = cosine * east + sine * north + along * H[i, 0] + across * H[i, 1]
        H[i, 4] = cosine * north - sine * east + along * H[i, 1] - across * H[i, 0]
        H[i, 5] += lag * H[i, 2]
        for a in range(6):
            total = 0.0
            for b in range(6):
                total += P[a, b] * H[i, b]
            PHt[a, i] = total
    for i in range(dims):
        for j in range(i + 1):
            total = S[i, j]
            for a in range(6):
                total += H[i, a] * PHt[a, j]
            S[i, j] = total
            S[j, i] = total
    return dims


@kernel
def _emitted(
    x: Array, t_s: float, look: Array, turn_rad_s: float, xe: Array
) -> tuple[float, float, float, float, float]:
    """Write the state at emission into `xe`; return its lag, and what turned it: ∫cos, ∫sin, sin, cos of the turn.

    A turn is looked back along its arc: five seconds of it at 7 °/s and 45 m/s are 70 m off the tangent.
    """
    lag = emission_lag(x, t_s, look)
    if turn_rad_s == 0.0 or lag == 0.0:
        for a in range(3):
            xe[a] = x[a] + lag * x[3 + a]
            xe[3 + a] = x[3 + a]
        return lag, lag, 0.0, 0.0, 1.0
    along, across, sine, cosine = turn(x, turn_rad_s, lag, xe)
    if look[L_SOUND] > 0.0:
        # The arc is nearer to the sensor than the tangent, or farther: one step of Newton for when it was heard.
        away = xe[0] - look[L_ORIGIN], xe[1] - look[L_ORIGIN + 1], xe[2] - look[L_ORIGIN + 2]
        distance = max(math.sqrt(away[0] * away[0] + away[1] * away[1] + away[2] * away[2]), NEAREST_M)
        speed = sound_speed(look, away[0], away[1], away[2], distance)
        closing = (away[0] * xe[3] + away[1] * xe[4] + away[2] * xe[5]) / distance
        lag += (look[L_TIME] - t_s - lag - distance / speed) / max(1.0 + closing / speed, 1.0 - FASTEST)
        along, across, sine, cosine = turn(x, turn_rad_s, lag, xe)
    return lag, along, across, sine, cosine


@kernel
def _spoil(
    kind: int, row: Array, look: Array, q: float, q_up: float, lag: float, rate: Array, H: Array, S: Array, dims: int
) -> None:  # fmt: skip
    """Write what blurs a measurement beside the state: its noise, motion until emission, the clock."""
    noise_v, third = abs(lag), lag * lag / 3.0
    places = places_of(kind)
    sigma2_t = look[L_SIGMA_T] * look[L_SIGMA_T]
    for i in range(dims):
        for j in range(i + 1):
            grown = 0.0
            if noise_v > 0.0:
                for a in range(3):
                    density = q if a < 2 else q_up
                    grown += density * noise_v * (third * H[i, a] * H[j, a] + H[i, 3 + a] * H[j, 3 + a])
            S[i, j] = grown + noise(row, places, i, j) + sigma2_t * rate[i] * rate[j]


@kernel
def _through_emission(look: Array, xe: Array, H: Array, dims: int, u: Array) -> None:
    """Turn dz/dp(te) into dz/dp at a fixed time, through the emission time. `u` is room for a direction."""
    for a in range(3):
        u[a] = xe[a] - look[L_ORIGIN + a]
    distance = max(math.sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]), NEAREST_M)
    speed = sound_speed(look, u[0], u[1], u[2], distance)
    closing = 0.0
    for a in range(3):
        u[a] /= distance
        closing += u[a] * xe[3 + a]
    for i in range(dims):
        along = 0.0
        for a in range(3):
            along += H[i, a] * xe[3 + a]
        for a in range(3):
            H[i, a] -= along * u[a] / max(speed + closing, (1.0 - FASTEST) * speed)


@kernel
def _misplaced(row: Array, look: Array, xe: Array, S: Array, dims: int) -> None:
    """Add what the sensor's own place, known to a sigma, does to a direction at this range."""
    d2 = NEAREST_M
    for a in range(3):
        d2 += (xe[a] - row[ORIGIN + a]) ** 2
    for i in range(dims):
        S[i, i] += look[L_POSITION_SIGMA] ** 2 / d2


@kernel
def cholesky(S: Array, dims: int) -> bool:
    """Replace the lower triangle of S by its Cholesky factor; False where S is not positive definite."""
    for i in range(dims):
        for j in range(i + 1):
            total = S[i, j]
            for k in range(j):
                total -= S[i, k] * S[j, k]
            if i == j:
                if not total > 0.0:
                    return False
                S[i, i] = math.sqrt(total)
            else:
                S[i, j] = total / S[j, j]
    return True


@kernel
def whiten(S: Array, dims: int, b: Array) -> None:
    """Solve L y = b in place, with L the lower triangle of S."""
    for i in range(dims):
        total = b[i]
        for k in range(i):
            total -= S[i, k] * b[k]
        b[i] = total / S[i, i]


@kernel
def log_likelihood(nu: Array, S: Array, dims: int) -> tuple[float, float]:
    """Factor S and whiten nu in place; return (log density, squared Mahalanobis distance), or (−inf, inf)."""
    if not cholesky(S, dims):
        return -np.inf, np.inf
    whiten(S, dims, nu)
    d2 = 0.0
    log_det = 0.0
    for i in range(dims):
        d2 += nu[i] * nu[i]
        log_det += math.log(S[i, i])
    return -0.5 * d2 - log_det - 0.5 * dims * math.log(2.0 * math.pi), d2


@kernel
def correct(x: Array, P: Array, nu: Array, S: Array, PHt: Array, dims: int) -> None:
    """Kalman update in place, after `log_likelihood` has factored S and whitened nu. PHt is overwritten."""
    for a in range(6):
        whiten(S, dims, PHt[a])
    for a in range(6):
        for i in range(dims):
            x[a] += PHt[a, i] * nu[i]
    for a in range(6):
        for b in range(a + 1):
            total = 0.0
            for i in range(dims):
                total += PHt[a, i] * PHt[b, i]
            P[a, b] -= total
            if a != b:
                P[b, a] = P[a, b]
