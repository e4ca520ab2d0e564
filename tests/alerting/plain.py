"""Time to arrival in plain numpy: what `skysentry.alerting.futures` computes, written again without its shortcuts.

Every future of every point is made and sorted, every edge is divided by. The compiled code is compared with this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skysentry.alerting.arrival import DASH_MPS, WINGED, Reach
from skysentry.alerting.futures import (
    HEADS,
    HORIZON_S,
    MAX_SIGMA_M,
    MAX_SIGMA_MPS,
    MAX_SPEED_MPS,
    POINTS,
    TURN_MPS2,
    TURNS,
)
from skysentry.events import ObjectClass, Track
from skysentry.geo import Array, Frame, ecef, geodetic
from skysentry.site import Zone

LOW, HIGH = 0.05, 0.95
# Rows and columns (e, n, ve, vn) of the 6×6 covariance in the upper triangle that a Track carries.
_PICK = np.array([[0, 1, 3, 4], [1, 6, 8, 9], [3, 8, 15, 16], [4, 9, 16, 18]])


class PlainArea:
    """The geometry of one zone. `radius_m` reaches from the middle to its farthest corner."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        corners = [ecef(lat, lon, 0.0) for rings in zone.polygons for lon, lat in dict.fromkeys(rings[0])]
        middle = np.mean(np.array(corners), axis=0).tolist()
        self.lat_deg, self.lon_deg, _ = geodetic(*middle)
        frame = Frame.at_geodetic(self.lat_deg, self.lon_deg, 0.0)
        self.origin: Array = np.array(frame.origin_ecef_m)
        self.rotation: Array = frame.rotation
        starts, ends, counts = self._edges(frame)
        self.ax, self.ay = starts.T.copy()
        self.dx, self.dy = (ends - starts).T.copy()
        self.length2 = self.dx**2 + self.dy**2
        self.first_edges = np.cumsum([0, *counts[:-1]])
        self.radius_m = float(np.hypot(starts[:, 0], starts[:, 1]).max())

    def _edges(self, frame: Frame) -> tuple[Array, Array, list[int]]:
        starts: list[tuple[float, float]] = []
        ends: list[tuple[float, float]] = []
        counts: list[int] = []
        for rings in self.zone.polygons:
            before = len(starts)
            for ring in rings:
                points = [frame.to_local(lat, lon, 0.0)[:2] for lon, lat in ring]
                pairs = [(a, b) for a, b in zip(points, points[1:] + points[:1], strict=True) if a != b]
                starts += [a for a, _ in pairs]
                ends += [b for _, b in pairs]
            counts.append(len(starts) - before)
        return np.array(starts), np.array(ends), counts

    def inside(self, points: Array) -> NDArray[np.bool_]:
        """Whether points [shape=(n, 2)], east and north in metres, lie in the zone."""
        return self._inside(points)

    def nearest(self, points: Array) -> Array:
        """Vectors [shape=(n, 2)] from points to the nearest point of the zone's edge."""
        return self._nearest(points)

    def entry_s(self, points: Array, velocities: Array) -> Array:
        """Seconds [shape=(n,)] until points that fly straight cross the zone's edge; infinite where they never do."""
        return self._entry(points, velocities)

    def _inside(self, points: Array) -> NDArray[np.bool_]:
        wx, wy = self.ax - points[:, :1], self.ay - points[:, 1:]
        straddles = (wy > 0.0) != (wy + self.dy > 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            to_the_right = wx - wy * (self.dx / self.dy) > 0.0
        crossings = np.add.reduceat((straddles & to_the_right).astype(np.intp), self.first_edges, axis=1)
        odd: NDArray[np.bool_] = (crossings % 2 == 1).any(axis=1)
        return odd

    def _nearest(self, points: Array) -> Array:
        wx, wy = self.ax - points[:, :1], self.ay - points[:, 1:]
        along = np.clip(-(wx * self.dx + wy * self.dy) / self.length2, 0.0, 1.0)
        qx, qy = wx + along * self.dx, wy + along * self.dy
        rows = np.arange(len(points))
        best = np.argmin(qx * qx + qy * qy, axis=1)
        return np.stack([qx[rows, best], qy[rows, best]], axis=1)

    def _entry(self, points: Array, velocities: Array) -> Array:
        wx, wy = self.ax - points[:, :1], self.ay - points[:, 1:]
        vx, vy = velocities[:, :1], velocities[:, 1:]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            across = vx * self.dy - vy * self.dx
            when = (wx * self.dy - wy * self.dx) / across
            where = (wx * vy - wy * vx) / across
        hits = (when >= 0.0) & (where >= 0.0) & (where <= 1.0)
        entry: Array = np.where(hits, when, math.inf).min(axis=1)
        return entry


class PlainFlock:
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

    def reach(self, area: PlainArea, chosen: Sequence[int]) -> list[Reach]:
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

    def _projected(self, area: PlainArea, index: NDArray[np.intp]) -> tuple[Array, Array, Array]:
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
