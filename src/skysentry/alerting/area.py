"""A zone on a flat plane, and the three questions asked of it: inside? how near? when does a straight line enter?

The plane touches the Earth at the middle of the zone (east-north of `geo.Frame`): a point d away on the ground lies
d³/6R² short of its true distance, 0.5 m at 50 km and 4 m at 100 km; a height h shifts it by h·d/R, 47 m at 50 km and
6 km up. Edges are straight on that plane: one of 10 km along a parallel at 50° bows by 2.3 m. All small beside the
uncertainty of any track. Holes are outside; where polygons of one zone overlap, the zone is their union.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skysentry.geo import Array, Frame, ecef, geodetic
from skysentry.site import Ring, Zone

# Samples × edges held at once: 160 kB an array, which stays in the cache (measured: a third faster than 4 MB).
CHUNK = 20_000
# A zone larger than this is a mistake in a file or by a hand: half the Earth would be "inside".
MAX_RADIUS_M = 500_000.0


class Area:
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
        return np.concatenate([self._inside(part) for part in self._parts(points)])

    def nearest(self, points: Array) -> Array:
        """Vectors [shape=(n, 2)] from points to the nearest point of the zone's edge."""
        return np.concatenate([self._nearest(part) for part in self._parts(points)])

    def entry_s(self, points: Array, velocities: Array) -> Array:
        """Seconds [shape=(n,)] until points that fly straight cross the zone's edge; infinite where they never do."""
        parts = zip(self._parts(points), self._parts(velocities), strict=True)
        return np.concatenate([self._entry(p, v) for p, v in parts])

    def _parts(self, rows: Array) -> list[Array]:
        step = max(1, CHUNK // len(self.ax))
        return [rows[i : i + step] for i in range(0, len(rows), step)]

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


def fault(zone: Zone) -> str | None:
    """Return what makes a zone's polygons unusable, or `None`."""
    if not zone.polygons or any(not rings for rings in zone.polygons):
        return "it has no ring"
    for rings in zone.polygons:
        for ring in rings:
            flaw = _ring_fault(ring)
            if flaw is not None:
                return flaw
    return None if Area(zone).radius_m <= MAX_RADIUS_M else f"it reaches beyond {MAX_RADIUS_M / 1000:.0f} km"


def _ring_fault(ring: Ring) -> str | None:
    if any(not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0) for lon, lat in ring):
        return "a point is not (longitude, latitude) in degrees"
    corners = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
    if len(set(corners)) < 3:
        return "a ring needs three different points"
    if _crosses_itself(corners):
        return "a ring crosses itself"
    return "a ring has no area" if abs(_twice_area(corners)) < 1e-12 else None


def _twice_area(corners: Sequence[tuple[float, float]]) -> float:
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return math.fsum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)


def _crosses_itself(corners: Sequence[tuple[float, float]]) -> bool:
    """Whether two edges cross properly; edges that only touch are let pass."""
    a = np.array(corners)
    b = np.roll(a, -1, axis=0)
    d = b - a
    side_a = _cross(d[:, None], a[None] - a[:, None])
    side_b = _cross(d[:, None], b[None] - a[:, None])
    parts = side_a * side_b < 0.0
    return bool((parts & parts.T).any())


def _cross(u: Array, v: Array) -> Array:
    crossed: Array = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return crossed
