"""What a detection alone says of a new object: its place, the density it competes with, and a first state.

`prepare` completes the rows of a scan (geometry, coarse gate, density of clutter and of new objects in the space of the
measurement); `found` writes the first state of a track. What is not measured has a broad prior: altitude by
`ALT_PRIOR_M` over the site, velocity by a normal in each model, wider in the agile ones: together a long-tailed prior,
so that a jet drone is caught as well as a balloon.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.geo import MEAN_RADIUS_M, ecef
from skysentry.tracking.models.measure import (
    AZ_EL,
    BEARING,
    CENTRE,
    DENSITY,
    L_ALT,
    L_AZ_HALF,
    L_EL_HIGH,
    L_EL_LOW,
    L_FALSE,
    L_MAX,
    L_MIN,
    L_ORIGIN,
    L_REPORTS,
    NEW_SHARE,
    ORIGIN,
    POSITION2,
    POSITION3,
    R_DIAGONAL,
    R_TRIANGLE,
    RANGE_AZ_EL,
    RANGE_BEARING,
    ROTATION,
    SPREAD_M,
    TDOA,
    Z,
    noise,
)
from skysentry.tracking.models.motion import MODELS, Array, Indices

# Height over the site of what is not measured: most drones fly between 0 and 1 km above ground.
ALT_PRIOR_M = 300.0
ALT_SIGMA_M = 400.0
# One sigma of horizontal speed of a new object in each model, and of vertical speed.
SPEED_SIGMA_MPS = np.array([30.0, 120.0, 50.0, 50.0, 30.0])
CLIMB_SIGMA_MPS = np.array([4.0, 20.0, 8.0, 8.0, 4.0])
# First guess of the models: most things fly straight most of the time.
FIRST_WEIGHT = np.array([0.45, 0.2, 0.15, 0.15, 0.05])
# New objects that a sensor's look finds on average: a few an hour and coverage, yet enough for a salvo.
NEW_PER_SCAN = 0.1
# New objects a look and square metre for reports of others, which have no coverage: one per 10 × 10 km.
NEW_PER_M2 = 1e-8
# Clutter of a radar lies near the ground, whatever elevations it could see: a span of 20 degrees at most.
CLUTTER_SPAN_RAD = 0.35
# Height over which a measured altitude can lie.
ALT_SPAN_M = 3_000.0
# Velocities, where a new object reports them, can lie within this per axis; Doppler too.
SPEED_SPAN_MPS = 200.0

geocentric = kernel(ecef)


@kernel
def site_frame(row: Array, frame: Array, lat_deg: float, lon_deg: float, alt_m: float) -> None:
    """Write origin and rotation of the east-north-up frame at a place, seen from the working frame.

    `frame` [shape=(12,)]: rotation of the working frame from Earth-centred axes, then its origin.
    """
    x, y, z = geocentric(lat_deg, lon_deg, alt_m)
    d = (x - frame[9], y - frame[10], z - frame[11])
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
    axes = (
        (-sin_lon, cos_lon, 0.0),
        (-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat),
        (cos_lat * cos_lon, cos_lat * sin_lon, sin_lat),
    )
    for a in range(3):
        row[ORIGIN + a] = frame[3 * a] * d[0] + frame[3 * a + 1] * d[1] + frame[3 * a + 2] * d[2]
    for a in range(3):
        axis = axes[0] if a == 0 else axes[1] if a == 1 else axes[2]
        for b in range(3):
            row[ROTATION + 3 * a + b] = axis[0] * frame[3 * b] + axis[1] * frame[3 * b + 1] + axis[2] * frame[3 * b + 2]


@kernel
def prepare(codes: Indices, rows: Array, look: Array, frame: Array, prior_alt_m: float) -> None:
    """Complete the rows of a scan, in place. Position rows hold latitude, longitude and altitude in `CENTRE`."""
    for j in range(codes.shape[0]):
        kind = codes[j] // 8
        row = rows[j]
        if kind in (POSITION2, POSITION3):
            alt_m = row[CENTRE + 2] if kind == POSITION3 else prior_alt_m
            site_frame(row, frame, row[CENTRE], row[CENTRE + 1], alt_m)
            for a in range(3):
                row[CENTRE + a] = row[ORIGIN + a]
            up = row[R_TRIANGLE + 5] if kind == POSITION3 else 4.0 * ALT_SIGMA_M * ALT_SIGMA_M
            row[SPREAD_M] = math.sqrt(row[R_TRIANGLE] + row[R_TRIANGLE + 3] + up)
        else:
            for k in range(12):
                row[ORIGIN + k] = look[L_ORIGIN + k]
            if kind in (RANGE_BEARING, RANGE_AZ_EL):
                el = row[Z + 2] if kind == RANGE_AZ_EL else lift(row[Z], look, prior_alt_m)
                _place(row, row[Z], row[Z + 1], el)
                sigma_el = math.sqrt(row[R_TRIANGLE + 5]) * row[Z] if kind == RANGE_AZ_EL else 2.0 * ALT_SIGMA_M
                sigma_az = math.sqrt(row[R_TRIANGLE + 3]) * row[Z]
                row[SPREAD_M] = math.sqrt(row[R_TRIANGLE] + sigma_az * sigma_az + sigma_el * sigma_el)
        _compete(kind, codes[j] % 8, row, look)


@kernel
def lift(range_m: float, look: Array, prior_alt_m: float) -> float:
    """Return the elevation at which a thing at this slant range has the prior altitude, over a round Earth."""
    there, here = MEAN_RADIUS_M + prior_alt_m, MEAN_RADIUS_M + look[L_ALT]
    distance = max(range_m, 1.0)
    sine = (there * there - here * here - distance * distance) / (2.0 * here * distance)
    return math.asin(min(max(sine, -0.99), 0.99))


@kernel
def _place(row: Array, range_m: float, az: float, el: float) -> None:
    """Write the place of a range and direction into `CENTRE`."""
    d = (
        range_m * math.cos(el) * math.sin(az),
        range_m * math.cos(el) * math.cos(az),
        range_m * math.sin(el),
    )
    for b in range(3):
        row[CENTRE + b] = (
            row[ORIGIN + b] + row[ROTATION + b] * d[0] + row[ROTATION + 3 + b] * d[1] + row[ROTATION + 6 + b] * d[2]
        )


@kernel
def _compete(kind: int, extra: int, row: Array, look: Array) -> None:
    """Write the density of clutter and new objects at a measurement, and the share of the new."""
    az_span = 2.0 * look[L_AZ_HALF]
    el_span = min(look[L_EL_HIGH] - look[L_EL_LOW], CLUTTER_SPAN_RAD)
    area = 0.5 * az_span * (look[L_MAX] ** 2 - look[L_MIN] ** 2)
    if kind == BEARING:
        unit = 1.0 / az_span
    elif kind == AZ_EL:
        unit = 1.0 / (az_span * el_span)
    elif kind == TDOA:
        unit = 1.0
    elif kind in (POSITION2, POSITION3):
        unit = 1.0 / max(area, 1.0)
        if kind == POSITION3:
            unit /= ALT_SPAN_M
    else:
        unit = row[Z] * az_span / max(area, 1.0) / az_span
        if kind == RANGE_AZ_EL:
            unit /= el_span
    if look[L_REPORTS] != 0.0 and (kind in (POSITION2, POSITION3)):
        new = NEW_PER_M2 if kind == POSITION2 else NEW_PER_M2 / ALT_SPAN_M
        false = new
    else:
        new = NEW_PER_SCAN * unit
        false = look[L_FALSE] * unit
    speeds = (2.0 * SPEED_SPAN_MPS) ** (-extra)
    row[DENSITY] = (new + false) * speeds
    row[NEW_SHARE] = new / (new + false)


@kernel
def found(code: int, row: Array, look: Array, prior_alt_m: float, x: Array, P: Array, w: Array, room: Array) -> None:
    """Write the first state (MODELS, 6), covariance (MODELS, 6, 6) and model weights of a track from one detection.

    `room` (4, 3, 3) is written over.
    """
    kind, extra = code // 8, code % 8
    turn, local, place, speed = room[0], room[1], room[2], room[3]
    local[:], speed[:] = 0.0, 0.0
    for a in range(3):
        for b in range(3):
            turn[a, b] = row[ROTATION + 3 * a + b]
    if kind in (POSITION2, POSITION3):
        places = 2 if kind == POSITION2 else 3
        for a in range(places):
            for b in range(places):
                local[a, b] = noise(row, places, a, b)
        if kind == POSITION2:
            local[2, 2] = ALT_SIGMA_M * ALT_SIGMA_M
    else:
        el = row[Z + 2] if kind == RANGE_AZ_EL else lift(row[Z], look, prior_alt_m)
        polar_cov(kind, row, el, local)
    turned(turn, local, place)
    for m in range(MODELS):
        w[m] = FIRST_WEIGHT[m]
        level, climb = SPEED_SIGMA_MPS[m] * SPEED_SIGMA_MPS[m], CLIMB_SIGMA_MPS[m] * CLIMB_SIGMA_MPS[m]
        for a in range(3):
            x[m, a], x[m, 3 + a] = row[CENTRE + a], 0.0
            for b in range(3):
                P[m, a, b], P[m, a, 3 + b], P[m, 3 + a, b] = place[a, b], 0.0, 0.0
                # Tᵀ diag(level, level, climb) T: the same in all directions but for the one that is up at the sensor.
                P[m, 3 + a, 3 + b] = (climb - level) * turn[2, a] * turn[2, b]
            P[m, 3 + a, 3 + a] += level
        if places_known(kind) and extra > 0:
            speed[0, 0], speed[1, 1], speed[2, 2] = level, level, climb
            places = 2 if kind == POSITION2 else 3
            for a in range(extra):
                speed[a, a] = row[R_DIAGONAL + a]
                for b in range(3):
                    x[m, 3 + b] += turn[a, b] * row[Z + places + a]
            turned(turn, speed, P[m, 3:, 3:])
        if kind in (RANGE_BEARING, RANGE_AZ_EL) and extra == 1:
            _along(row, x[m], P[m], row[Z + (2 if kind == RANGE_BEARING else 3)], row[R_DIAGONAL])


@kernel
def turned(turn: Array, inner: Array, out: Array) -> None:
    """Write Tᵀ C T of 3 × 3 matrices, C symmetric."""
    for b in range(3):
        t0, t1, t2 = turn[0, b], turn[1, b], turn[2, b]
        h0 = inner[0, 0] * t0 + inner[0, 1] * t1 + inner[0, 2] * t2
        h1 = inner[1, 0] * t0 + inner[1, 1] * t1 + inner[1, 2] * t2
        h2 = inner[2, 0] * t0 + inner[2, 1] * t1 + inner[2, 2] * t2
        for a in range(b + 1):
            out[a, b] = turn[0, a] * h0 + turn[1, a] * h1 + turn[2, a] * h2
            out[b, a] = out[a, b]


@kernel
def _along(row: Array, x: Array, P: Array, rate_mps: float, variance: float) -> None:
    """Correct a first velocity with a radial speed, in place."""
    away = row[CENTRE] - row[ORIGIN], row[CENTRE + 1] - row[ORIGIN + 1], row[CENTRE + 2] - row[ORIGIN + 2]
    distance = math.sqrt(away[0] * away[0] + away[1] * away[1] + away[2] * away[2] + 1.0)
    u = away[0] / distance, away[1] / distance, away[2] / distance
    gain = (
        P[3, 3] * u[0] + P[3, 4] * u[1] + P[3, 5] * u[2],
        P[4, 3] * u[0] + P[4, 4] * u[1] + P[4, 5] * u[2],
        P[5, 3] * u[0] + P[5, 4] * u[1] + P[5, 5] * u[2],
    )
    s = u[0] * gain[0] + u[1] * gain[1] + u[2] * gain[2] + variance
    off = rate_mps - (u[0] * x[3] + u[1] * x[4] + u[2] * x[5])
    for a in range(3):
        x[3 + a] += gain[a] / s * off
        for b in range(3):
            P[3 + a, 3 + b] -= gain[a] * gain[b] / s


@kernel
def places_known(kind: int) -> bool:
    """Return whether a kind of measurement holds a place on the ground by itself, in Cartesian terms."""
    return kind in (POSITION2, POSITION3)


@kernel
def polar_cov(kind: int, row: Array, el: float, out: Array) -> None:
    """Write the covariance of a place (3, 3) in the sensor's frame from range, bearing and elevation."""
    az, distance = row[Z + 1], row[Z]
    across = math.sqrt(row[R_TRIANGLE + 3]) * distance * math.cos(el)
    if kind == RANGE_AZ_EL:
        over = math.sqrt(row[R_TRIANGLE + 5]) * distance
    else:
        over = min(ALT_SIGMA_M / max(math.cos(el), 0.1), max(distance, 1.0))
    axes = (
        (math.cos(el) * math.sin(az), math.cos(el) * math.cos(az), math.sin(el)),
        (math.cos(az), -math.sin(az), 0.0),
        (-math.sin(el) * math.sin(az), -math.sin(el) * math.cos(az), math.cos(el)),
    )
    sigmas = (math.sqrt(row[R_TRIANGLE]), across, over)
    for k in range(3):
        axis = axes[0] if k == 0 else axes[1] if k == 1 else axes[2]
        sigma = sigmas[0] if k == 0 else sigmas[1] if k == 1 else sigmas[2]
        for a in range(3):
            for b in range(3):
                out[a, b] += axis[a] * axis[b] * sigma * sigma
