"""A zone on a flat plane, ready for the questions asked of it: inside? how near? when does a straight line enter?

The plane touches the Earth at the middle of the zone (east-north of `geo.Frame`): a point d away on the ground lies
d³/6R² short of its true distance, 0.5 m at 50 km and 4 m at 100 km; a height h shifts it by h·d/R, 47 m at 50 km and
6 km up. Edges are straight on that plane: one of 10 km along a parallel at 50° bows by 2.3 m. All small beside the
uncertainty of any track. Holes are outside; where polygons of one zone overlap, the zone is their union.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from skysentry.geo import Array, Frame, ecef, geodetic
from skysentry.site import Ring, Zone

# A zone larger than this is a mistake in a file or by a hand: half the Earth would be "inside".
MAX_RADIUS_M = 500_000.0


class Area:
    """The geometry of one zone, as the rows that `futures` works on. `radius_m` reaches to its farthest corner.

    `edges` holds a row [shape=(EDGE,)] for each edge: start, way to the end, one over its squared length, polygon.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        corners = [ecef(lat, lon, 0.0) for rings in zone.polygons for lon, lat in dict.fromkeys(rings[0])]
        middle = np.mean(np.array(corners), axis=0).tolist()
        lat_deg, lon_deg, _ = geodetic(*middle)
        frame = Frame.at_geodetic(lat_deg, lon_deg, 0.0)
        starts, ends, polygon = self._edges(frame)
        way = ends - starts
        self.radius_m = float(np.hypot(starts[:, 0], starts[:, 1]).max())
        self.edges: Array = np.column_stack([starts, way, 1.0 / (way**2).sum(axis=1), polygon])
        self.row = (
            *frame.origin_ecef_m,
            *frame.rotation[:2].ravel().tolist(),
            lat_deg,
            lon_deg,
            self.radius_m,
            zone.ceiling_m,
            max(zone.watch_s, zone.warning_s),
        )

    def _edges(self, frame: Frame) -> tuple[Array, Array, list[int]]:
        starts: list[tuple[float, float]] = []
        ends: list[tuple[float, float]] = []
        polygon: list[int] = []
        for number, rings in enumerate(self.zone.polygons):
            for ring in rings:
                points = [frame.to_local(lat, lon, 0.0)[:2] for lon, lat in ring]
                pairs = [(a, b) for a, b in zip(points, points[1:] + points[:1], strict=True) if a != b]
                starts += [a for a, _ in pairs]
                ends += [b for _, b in pairs]
                polygon += [number] * len(pairs)
        return np.array(starts), np.array(ends), polygon


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
