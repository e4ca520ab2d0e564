"""From the working frame to what is published: WGS-84 place, velocity and covariance in east-north-up at the track."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.geo import geodetic
from skysentry.tracking.models.motion import (
    MODELS,
    NOISE_M2_S3,
    NOISE_UP_M2_S3,
    Array,
    Indices,
    moments,
    predict,
    predict_one,
)
from skysentry.tracking.models.outline import O_MEAN, O_ONE, O_TIME
from skysentry.tracking.telling.strength import tell_numbers
from skysentry.tracking.tracks.classify import CODE

# Columns: latitude, longitude, altitude, velocity (e, n, u), upper triangle of the covariance (21).
SHOWN = 27
# Matrices of room for `show`.
ROOM = MODELS + 5
# Columns of `present`: the same without velocity and covariance, which Python takes as tuples of their own; existence,
# what is out of the ordinary, and what it surely is (1 nature, 2 crewed).
S_EXISTENCE, S_ODD, S_GENUS, PRESENTED = range(3, 7)
TRIANGLE = 21
# Nothing, for a single object; that it may stand for other than one, or is of nature; that a number is not finite.
ORDINARY, ODD, BAD = 0.0, 1.0, 2.0
# A class less probable than this is not shown; hundredths beyond which a track surely is of a genus.
LEAST_SHOWN = 0.005
SURE = 90.0
# A track is told again within the second when its last event, reckoned on, is off by more than this share of its own
# sigma on an axis, which its covariance says already, or 5 m, which no screen and no alert can tell.
STRAY_SIGMAS = 1.0
STRAY_M = 5.0
# Motion in whole numbers: headings in tens of degrees, speeds up to a bound that nothing here reaches.
HEADINGS, DEGREES = 36, 10
FASTEST_SHOWN = 9_999

to_geodetic = kernel(geodetic)


@kernel
def show(
    x: Array, P: Array, w: Array, t: Array, which: Indices, now_s: float, frame: Array, told: Array, room: Array,
    out: Array,
) -> None:  # fmt: skip
    """Write one row [shape=(≥ SHOWN,)] for each track in `which`, at the time `now_s`; the state stays as it is.

    `told` (n, 7) takes the mean, in the working frame, and the time of each of these tracks. `room` (ROOM, 6, 6) is for
    one of them.
    """
    Ps, cov, half, axes = room[:MODELS], room[MODELS], room[MODELS + 1], room[MODELS + 2]
    xs, ws, mean, ecef = room[MODELS + 3], room[MODELS + 4, 0], room[MODELS + 4, 1], room[MODELS + 4, 2]
    for k in range(which.shape[0]):
        i = which[k]
        for m in range(MODELS):
            ws[m] = w[i, m]
            for a in range(6):
                xs[m, a] = x[i, m, a]
                for b in range(6):
                    Ps[m, a, b] = P[i, m, a, b]
        dt = now_s - t[i]
        if dt > 0.0:
            predict(xs, Ps, ws, dt)
        elif dt < 0.0:
            _look_back(xs, Ps, dt)
        moments(xs, Ps, ws, mean, cov)
        for a in range(6):
            told[i, a] = mean[a]
        told[i, 6] = now_s
        row = out[k]
        for a in range(3):
            ecef[a] = frame[9 + a]
            for b in range(3):
                ecef[a] += frame[3 * b + a] * mean[b]
        row[0], row[1], row[2] = to_geodetic(ecef[0], ecef[1], ecef[2])
        _axes(row[0], row[1], frame, axes)
        for a in range(3):
            row[3 + a] = 0.0
            for b in range(3):
                row[3 + a] += axes[a, b] * mean[3 + b]
        _turn(axes, cov, half, row)


@kernel
def _look_back(xs: Array, Ps: Array, dt: float) -> None:
    """Take the models back by dt < 0; the noise counts as forwards."""
    for m in range(MODELS):
        predict_one(xs[m], Ps[m], 0.0, 0.0, dt)
        for a in range(3):
            q = NOISE_M2_S3[m] if a < 2 else NOISE_UP_M2_S3[m]
            Ps[m, a, a] += q * abs(dt) ** 3 / 3.0
            Ps[m, 3 + a, 3 + a] += q * abs(dt)


@kernel
def _axes(lat_deg: float, lon_deg: float, frame: Array, axes: Array) -> None:
    """Write the rotation from the working frame to east-north-up at a place."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
    for b in range(3):
        fx, fy, fz = frame[3 * b], frame[3 * b + 1], frame[3 * b + 2]
        axes[0, b] = -sin_lon * fx + cos_lon * fy
        axes[1, b] = -sin_lat * cos_lon * fx - sin_lat * sin_lon * fy + cos_lat * fz
        axes[2, b] = cos_lat * cos_lon * fx + cos_lat * sin_lon * fy + sin_lat * fz


@kernel
def _turn(axes: Array, cov: Array, half: Array, row: Array) -> None:
    """Write the upper triangle of a covariance (6, 6), both halves turned by the same axes, into a row from 6 on.

    `half` (6, 6) is room.
    """
    for p in range(0, 6, 3):
        for a in range(3):
            for b in range(6):
                half[p + a, b] = (
                    axes[a, 0] * cov[p, b] + axes[a, 1] * cov[p + 1, b] + axes[a, 2] * cov[p + 2, b]
                )  # fmt: skip
    n = 6
    for a in range(6):
        for b in range(a, 6):
            q, c = b // 3 * 3, b % 3
            row[n] = half[a, q] * axes[c, 0] + half[a, q + 1] * axes[c, 1] + half[a, q + 2] * axes[c, 2]
            n += 1


# A velocity outside of a class's band counts at most this much: bands are habits, not laws.
MOST_MOTION = 8.0
# One sigma of a class's greatest altitude: terrain.
TOP_SOFT_M = 30.0


@kernel
def weigh_classes(
    evidence: Array, log_prior: Array, wind: Array, bands: Array, airborne: Array, row: Array, share: Array
) -> None:  # fmt: skip
    """Write P(class) [shape=(classes,)] of one track into `share`; `row` holds its state, as `show` writes it.

    `bands` (classes, 4): lowest and highest speed, softness, greatest altitude. The density of a band counts: a narrow
    one that fits says more than a wide one. Where `airborne` is 1 the speed through the air is meant.
    """
    classes = log_prior.shape[0]
    ve, vn = row[3], row[4]
    variance = max(row[21], row[24], 0.0)
    top = -np.inf
    over_ground, through_air = math.sqrt(ve * ve + vn * vn), math.sqrt((ve - wind[0]) ** 2 + (vn - wind[1]) ** 2)
    for c in range(classes):
        speed = through_air if airborne[c] == 1.0 else over_ground
        beyond = max(bands[c, 0] - speed, speed - bands[c, 1], 0.0)
        motion = max(-0.5 * beyond * beyond / (bands[c, 2] ** 2 + variance), -MOST_MOTION)
        above = max(row[2] - bands[c, 3], 0.0)
        motion -= min(0.5 * above * above / (TOP_SOFT_M**2 + max(row[17], 0.0)), MOST_MOTION)
        width = bands[c, 1] - bands[c, 0] + 2.0 * math.sqrt(bands[c, 2] ** 2 + variance)
        share[c] = evidence[c] + log_prior[c] + motion - math.log(width)
        top = max(top, share[c])
    total = 0.0
    for c in range(classes):
        share[c] = math.exp(share[c] - top)
        total += share[c]
    for c in range(classes):
        share[c] /= total


@kernel
def rank_classes(share: Array, rest: Array, codes: NDArray[np.int16]) -> None:
    """Write the classes worth showing as codes, the likeliest first, in hundredths that add up to 100; −1 ends them.

    `share` [shape=(classes,)] becomes the probabilities that are shown; `rest` is room like it.
    """
    classes = share.shape[0]
    total = 0.0
    for c in range(classes):
        if share[c] < LEAST_SHOWN:
            share[c] = 0.0
        total += share[c]
    left = 100
    for c in range(classes):
        share[c] = 100.0 * share[c] / total
        rest[c] = share[c] - math.floor(share[c])
        share[c] = math.floor(share[c])
        left -= int(share[c])
    # The largest remainders are rounded up.
    while left > 0:
        best = 0
        for c in range(classes):
            if rest[c] > rest[best]:
                best = c
        share[best] += 1.0
        rest[best] = 0.0
        left -= 1
    for c in range(classes):
        rank = 0
        for other in range(classes):
            rank += share[other] > share[c] or (share[other] == share[c] and other < c)
        codes[rank] = c * CODE + int(share[c]) if share[c] > 0.0 else -1


@kernel
def round_motion(row: Array, out: NDArray[np.int16]) -> None:
    """Write speed in m/s and heading in degrees, to ten of them, into `out` (2,)."""
    out[0] = min(round(math.sqrt(row[3] * row[3] + row[4] * row[4])), FASTEST_SHOWN)
    out[1] = round(math.degrees(math.atan2(row[3], row[4])) * HEADINGS / 360.0) % HEADINGS * DEGREES


@kernel
def present(
    x: Array, P: Array, w: Array, t: Array, r: Array, evidence: Array, which: Indices, now_s: float, frame: Array,
    log_prior: Array, wind: Array, bands: Array, airborne: Array, genus: Array, notes: Array, told: Array,
    out: Array, velocity: Array, cov: Array, codes: NDArray[np.int16], numbers: Array, shown: Array, share: Array,
    room: Array,
) -> None:  # fmt: skip
    """Write one row [shape=(PRESENTED,)] of `out`, and of the others, for each in `which`.

    `velocity` (k, 3), `cov` (k, TRIANGLE) and `codes` (k, classes + 2), which ends with the motion in whole numbers;
    `numbers` (k, 3) are those of `tell_numbers`. `genus` (classes,) is 1 for what nature makes and 2 for what has a
    crew. `shown` (k, SHOWN), `share` (2, classes) and `room` (ROOM, 6, 6) are written over.
    """
    show(x, P, w, t, which, now_s, frame, told, room, shown)
    tell_numbers(notes, which, numbers)
    for k in range(which.shape[0]):
        i = which[k]
        _tell_one(
            shown[k], r[i], evidence[i], numbers[k, 2] != 1.0, log_prior, wind, bands, airborne, genus, share, out[k],
            velocity[k], cov[k], codes[k],
        )  # fmt: skip


@kernel
def _tell_one(
    state: Array, likely: float, evidence: Array, several: bool, log_prior: Array, wind: Array, bands: Array,
    airborne: Array, genus: Array, share: Array, row: Array, velocity: Array, cov: Array, codes: NDArray[np.int16],
) -> None:  # fmt: skip
    """Write what `present` tells of one track; `share` (2, classes) is room."""
    for a in range(3):
        row[a], velocity[a] = state[a], state[3 + a]
    for a in range(TRIANGLE):
        cov[a] = state[6 + a]
    row[S_EXISTENCE] = likely
    weigh_classes(evidence, log_prior, wind, bands, airborne, state, share[0])
    if not math.isfinite(share[0].sum() + state.sum() + likely):
        row[S_ODD] = BAD
        return
    rank_classes(share[0], share[1], codes)
    round_motion(state, codes[share.shape[1] :])
    nature, crewed = 0.0, 0.0
    for c in range(share.shape[1]):
        nature += share[0, c] if genus[c] == 1.0 else 0.0
        crewed += share[0, c] if genus[c] == 2.0 else 0.0
    row[S_GENUS] = 1.0 if nature > SURE else 2.0 if crewed > SURE else 0.0
    row[S_ODD] = ODD if several or row[S_GENUS] == 1.0 else ORDINARY


@kernel
def is_off(line: Array, last: Array, now_s: float) -> bool:
    """Return whether one track, outline (OUTLINE,) and last event (TOLD,), is not where that event says."""
    lead, since = now_s - line[O_TIME], now_s - last[6]
    d2 = 0.0
    for a in range(3):
        d2 += (line[O_MEAN + a] + lead * line[O_MEAN + 3 + a] - last[a] - since * last[3 + a]) ** 2
    off: bool = d2 > max(STRAY_SIGMAS * STRAY_SIGMAS * line[O_ONE] / 3.0, STRAY_M * STRAY_M)
    return off


@kernel
def strayed(lines: Array, told: Array, which: Indices, now_s: float, out: NDArray[np.bool_]) -> None:
    """Write whether each track in `which` is no longer where its last event says, reckoned on to now.

    `lines` (n, OUTLINE) is the coarse gate: mean, time, and the variance of the place on three axes.
    """
    for k in range(which.shape[0]):
        out[k] = is_off(lines[which[k]], told[which[k]], now_s)
