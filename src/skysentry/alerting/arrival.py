"""When an object arrives in a zone: from position, velocity and their covariance to 5 %, mean and 95 %.

The state of a track is a Gaussian over (east, north, v_east, v_north); 128 fixed points stand for it, spread evenly and
with exactly the track's mean and covariance, so that nothing is drawn by chance. Each point has two futures:

    straight    it keeps its course: the first crossing of the zone's edge, or never
    turned      it turns for the nearest point of the zone now and flies there (an arc at its tightest turn, then a
                line: Dubins 1957), no slower than its kind can fly

The second has weight w = TURNS · (1 + cos θ)/2, with θ the angle between its course and the zone: head-on it changes
nothing, abeam it counts one tenth, straight away nothing. Arrival is the mixture of all futures:

    low     its 5 % quantile, "never" counted as infinite: the worst case worth acting on
    mean    over the straight futures that enter, where more than HEADS of them do; otherwise over the turned ones
    high    95 % quantile of the same futures as the mean, and never below it
    turn_*  5 % and 95 % of the turned futures alone: how soon, how late it could be there if it wanted to

A drone abeam of a place or on a ring round it therefore has the low bound of one that turns in now. Once it flies away
within 60° of straight out, w falls below 5 % and no low bound is left; how near it still is, `turn_low_s` says.
Left out: climb and dive (they change the ground speed by little), wind, and terrain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.alerting.area import Area
from skysentry.events import ObjectClass, Track
from skysentry.geo import Array, ecef

# Of the drones that could turn for a place one in five does: a belief, chosen so that one abeam (half of it) stays
# above the 5 % of the low bound and one that leaves within 60° of straight out falls below.
TURNS = 0.2
# The share of straight futures that must enter before we say it heads for the zone; below, the course passes by.
HEADS = 0.3
LOW, HIGH = 0.05, 0.95
# A later crossing than an hour's straight flight says nothing of a thing that steers.
HORIZON_S = 3600.0
# Where the lattice starts: of 400 starts the one whose margins are evenest. Along the axes and 400 other directions the
# 5–95 % interval of the points then holds 85.5 to 94.4 % of the true normal distribution, 90 % on average.
OFFSET = 0.5625
# Level turn at 45° of bank: what agile fixed wings fly; radius v²/g.
TURN_MPS2 = 9.81
# What a thing of this kind can fly at least, whatever it does now: a hovering one may leave at its usual cruise, one
# with wings cannot fly slower than its stall. A mean over the classes is used, the rest of the probability as `other`.
DASH_MPS = {
    ObjectClass.MULTIROTOR: 15.0,
    ObjectClass.FIXED_WING_ELECTRIC: 14.0,
    ObjectClass.FIXED_WING_PISTON: 28.0,
    ObjectClass.JET: 70.0,
    ObjectClass.HELICOPTER: 40.0,
    ObjectClass.AEROPLANE: 40.0,
    ObjectClass.BIRD: 10.0,
    ObjectClass.BALLOON: 5.0,
    ObjectClass.GROUND_SOURCE: 5.0,
    ObjectClass.OTHER: 12.0,
}
WINGED = frozenset(
    {
        ObjectClass.FIXED_WING_ELECTRIC,
        ObjectClass.FIXED_WING_PISTON,
        ObjectClass.JET,
        ObjectClass.AEROPLANE,
    }
)
# Nothing that we warn of flies faster near the ground; a wilder velocity is an error of the track.
MAX_SPEED_MPS = 400.0
# A horizontal sigma is held at most this wide, so that a track that knows nothing is not "in reach" of a continent.
MAX_SIGMA_M, MAX_SIGMA_MPS = 30_000.0, 150.0

# Rows and columns (e, n, ve, vn) of the 6×6 covariance in the upper triangle that a Track carries.
_PICK = np.array([[0, 1, 3, 4], [1, 6, 8, 9], [3, 8, 15, 16], [4, 9, 16, 18]])


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
    return whitened


POINTS = _points(64)


class Reach(Struct, frozen=True):
    """How an object stands to a zone at the time of its state; seconds are infinite where it never arrives.

    `enter` is the share of futures that enter, `inside` that of points inside now; `from_deg` is the direction in which
    the object lies as seen from the zone.
    """

    low_s: float
    mean_s: float
    high_s: float
    turn_low_s: float
    turn_high_s: float
    enter: float
    heads: bool
    inside: float
    distance_m: float
    from_deg: float


def sound(track: Track) -> bool:
    """Whether a track's numbers can be used: finite, on the Earth, a whole covariance."""
    total = track.lat_deg + track.lon_deg + track.alt_m + sum(track.velocity_mps) + sum(track.cov)
    on_earth = -90.0 <= track.lat_deg <= 90.0 and -180.0 <= track.lon_deg <= 180.0
    return math.isfinite(total) and on_earth and len(track.cov) == 21 and len(track.velocity_mps) == 3


class Flock:
    """The tracks of one instant as arrays, projected onto zones on demand."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = tracks
        self.places: Array = np.array([ecef(t.lat_deg, t.lon_deg, t.alt_m) for t in tracks])
        self.lat = np.array([t.lat_deg for t in tracks])
        self.lon = np.array([t.lon_deg for t in tracks])
        self.velocity: Array = np.array([t.velocity_mps[:2] for t in tracks])
        self.cov: Array = np.array([t.cov for t in tracks])
        self.dash = np.array([_dash_mps(t) for t in tracks])
        self.winged = np.array([_is_winged(t) for t in tracks])
        speed = np.hypot(self.velocity[:, 0], self.velocity[:, 1])
        sigma_v = np.minimum(np.sqrt(np.maximum(self.cov[:, 15] + self.cov[:, 18], 0.0)), MAX_SIGMA_MPS)
        sigma_p = np.minimum(np.sqrt(np.maximum(self.cov[:, 0] + self.cov[:, 6], 0.0)), MAX_SIGMA_M)
        self.fastest = np.minimum(np.maximum(speed + 3.0 * sigma_v, self.dash), MAX_SPEED_MPS)
        self.slack_m = 3.0 * sigma_p

    def near(self, origins: Array, radii_m: Array, horizons_s: Array) -> NDArray[np.bool_]:
        """Whether each track [rows] may be at each zone [columns] within its horizon; errs on the side of yes."""
        gap = self.places[:, None, :] - origins[None, :, :]
        limit = radii_m[None, :] + self.slack_m[:, None] + self.fastest[:, None] * horizons_s[None, :]
        # A chord through the Earth is shorter than the way over it; only height adds to it, by 10 km at most.
        close: NDArray[np.bool_] = np.einsum("ijk,ijk->ij", gap, gap) <= limit * limit + 1e8
        return close

    def reach(self, area: Area, chosen: Sequence[int]) -> list[Reach]:
        """How the chosen tracks stand to a zone."""
        index = np.array(chosen)
        at, velocity, spread = self._projected(area, index)
        samples = POINTS @ spread.transpose(0, 2, 1)
        places = at[:, None, :] + samples[:, :, :2]
        velocities = velocity[:, None, :] + samples[:, :, 2:]
        flat_p, flat_v = places.reshape(-1, 2), _capped(velocities.reshape(-1, 2))
        shape = (len(chosen), len(POINTS))
        inside = area.inside(flat_p)
        straight = np.where(inside, 0.0, area.entry_s(flat_p, flat_v))
        straight[straight > HORIZON_S] = math.inf
        to_zone = area.nearest(flat_p)
        each = np.repeat(index, len(POINTS))
        turned, cosine = _turned_s(to_zone, flat_v, self.dash[each], self.winged[each])
        turned[inside] = 0.0
        weight = TURNS * (1.0 + cosine) / 2.0
        whole = at + 0.0
        gap = area.nearest(whole)
        gap[area.inside(whole)] = 0.0
        bearing = np.degrees(np.arctan2(whole[:, 0], whole[:, 1])) % 360.0
        columns = (
            *_bounds(straight.reshape(shape), turned.reshape(shape), weight.reshape(shape)),
            inside.reshape(shape).mean(axis=1),
            np.hypot(gap[:, 0], gap[:, 1]),
            bearing,
        )
        return [Reach(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _projected(self, area: Area, index: NDArray[np.intp]) -> tuple[Array, Array, Array]:
        """Positions, velocities and roots of covariances [shape=(n, 4, 4)] on the zone's plane."""
        at = (self.places[index] - area.origin) @ area.rotation[:2].T
        # North turns by the difference in longitude times the sine of the latitude; within 1e-4 rad at 100 km.
        dlon = (self.lon[index] - area.lon_deg + 180.0) % 360.0 - 180.0
        turn = np.radians(dlon) * np.sin(np.radians((self.lat[index] + area.lat_deg) / 2.0))
        cos, sin = np.cos(turn), np.sin(turn)
        spin = np.zeros((len(index), 4, 4))
        for k in (0, 2):
            spin[:, k, k] = spin[:, k + 1, k + 1] = cos
            spin[:, k, k + 1], spin[:, k + 1, k] = -sin, sin
        velocity = np.einsum("nij,nj->ni", spin[:, :2, :2], self.velocity[index])
        return at, velocity, spin @ _roots(self.cov[index][:, _PICK])


def _roots(covariances: Array) -> Array:
    """A square root of each covariance [shape=(n, 4, 4)]; what is not positive definite is mended one by one."""
    limit = np.array([MAX_SIGMA_M, MAX_SIGMA_M, MAX_SIGMA_MPS, MAX_SIGMA_MPS])
    sigma = np.sqrt(np.maximum(np.einsum("nii->ni", covariances), 1e-6))
    shrink = np.minimum(1.0, limit / sigma)
    held = covariances * shrink[:, :, None] * shrink[:, None, :]
    try:
        return np.asarray(np.linalg.cholesky(held + 1e-6 * np.eye(4)), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.array([_root(matrix) for matrix in held])


def _root(matrix: Array) -> Array:
    try:
        return np.asarray(np.linalg.cholesky(matrix + 1e-6 * np.eye(4)), dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
        mended: Array = vectors * np.sqrt(np.maximum(values, 1e-6))
        return mended


def _capped(velocities: Array) -> Array:
    speed = np.hypot(velocities[:, 0], velocities[:, 1])
    held: Array = velocities * np.minimum(1.0, MAX_SPEED_MPS / np.maximum(speed, 1e-9))[:, None]
    return held


def _turned_s(to_zone: Array, velocities: Array, dash_mps: Array, winged: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Seconds to the point `to_zone` away by the tightest arc and a line, and the cosine of the angle off it."""
    distance = np.hypot(to_zone[:, 0], to_zone[:, 1])
    speed = np.hypot(velocities[:, 0], velocities[:, 1])
    dot = to_zone[:, 0] * velocities[:, 0] + to_zone[:, 1] * velocities[:, 1]
    cosine = np.clip(dot / np.maximum(distance * speed, 1e-9), -1.0, 1.0)
    # Slower than half its cruise it has no course to speak of: it may leave for the zone as well as anywhere.
    cosine = np.where(speed < 0.5 * dash_mps, np.maximum(cosine, 0.0), cosine)
    pace = np.maximum(speed, dash_mps)
    radius = np.where(winged, pace * pace / TURN_MPS2, 0.0)
    return _arc_and_line_m(distance, cosine, radius) / pace, cosine


def _arc_and_line_m(distance: Array, cosine: Array, radius: Array) -> Array:
    """Length of the shortest way to a point at `distance`, acos(`cosine`) off the course, with this turning radius.

    A point inside the turning circle is given its bare distance: too soon rather than too late.
    """
    ahead, beside = distance * cosine, distance * np.sqrt(1.0 - cosine * cosine) - radius
    span2 = ahead * ahead + beside * beside
    line = np.sqrt(np.maximum(span2 - radius * radius, 0.0))
    arc = np.arctan2(beside, ahead) + np.arctan2(radius, line)
    # Rounding just below zero is no full circle.
    length: Array = line + radius * np.where(arc < -1e-9, arc + 2.0 * np.pi, np.maximum(arc, 0.0))
    return np.where(span2 < radius * radius, distance, length)


def _bounds(straight: Array, turned: Array, weight: Array) -> tuple[NDArray[Any], ...]:
    """The fields of `Reach` from `low_s` to `heads`, of futures [shape=(tracks, points)]."""
    n = straight.shape[1]
    times = np.concatenate([straight, turned], axis=1)
    weights = np.concatenate([1.0 - weight, weight], axis=1) / n
    enters = np.isfinite(straight)
    heads = enters.mean(axis=1) > HEADS
    said = np.sort(np.where(heads[:, None], straight, turned), axis=1)
    known = np.where(heads, enters.sum(axis=1), n)
    mean_s = np.where(np.isfinite(said), said, 0.0).sum(axis=1) / known
    sorted_turns = np.sort(turned, axis=1)
    every = np.full(len(turned), n)
    return (
        _quantile(times, weights, LOW),
        mean_s,
        np.maximum(mean_s, _even_quantile(said, known, HIGH)),
        _even_quantile(sorted_turns, every, LOW),
        _even_quantile(sorted_turns, every, HIGH),
        np.where(np.isfinite(times), weights, 0.0).sum(axis=1),
        heads,
    )


def _quantile(times: Array, weights: Array, share: float) -> Array:
    """The time by which this share of the weight has arrived, infinite where it never does."""
    order = np.argsort(times, axis=1, kind="stable")
    times, weights = np.take_along_axis(times, order, axis=1), np.take_along_axis(weights, order, axis=1)
    known = np.isfinite(times).sum(axis=1)
    reached = np.cumsum(weights, axis=1)
    middles = reached - weights / 2.0
    rows = np.arange(len(times))
    last = np.maximum(known - 1, 0)
    after = np.minimum((middles < share).sum(axis=1), last)
    before = np.maximum(after - 1, 0)
    step = np.maximum(middles[rows, after] - middles[rows, before], 1e-12)
    part = np.clip((share - middles[rows, before]) / step, 0.0, 1.0)
    with np.errstate(invalid="ignore"):
        time = times[rows, before] + part * (times[rows, after] - times[rows, before])
    found: Array = np.where((known > 0) & (reached[rows, last] >= share), time, math.inf)
    return found


def _even_quantile(times: Array, known: NDArray[np.intp], share: float) -> Array:
    """The same for equal weights and times in rising order, of which the first `known` in each row count."""
    rows = np.arange(len(times))
    place = np.clip(share * known - 0.5, 0.0, known - 1.0)
    before = place.astype(np.intp)
    after = np.minimum(before + 1, known - 1)
    found: Array = times[rows, before] + (place - before) * (times[rows, after] - times[rows, before])
    return found


def _dash_mps(track: Track) -> float:
    known = math.fsum(p for _, p in track.classes)
    rest = max(0.0, 1.0 - known) * DASH_MPS[ObjectClass.OTHER]
    return (math.fsum(p * DASH_MPS[kind] for kind, p in track.classes) + rest) / max(1.0, known)


def _is_winged(track: Track) -> bool:
    return math.fsum(p for kind, p in track.classes if kind in WINGED) > 0.5
