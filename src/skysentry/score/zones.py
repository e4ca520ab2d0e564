"""When a true path is in a zone, and when it could soon have been.

A zone is its polygons (even-odd rule: an outer ring and its holes) below its ceiling. Paths are looked at every
`STEP_NS`, straight in longitude and latitude between truth points; zones across the 180th meridian are not supported.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from skysentry import geo
from skysentry.geo import Array
from skysentry.score.timeline import GAP_S, SECOND_NS, Path
from skysentry.site import Zone

# A tenth of a second is 25 m of the fastest threat here, and the grid of the pipeline.
STEP_NS = 100_000_000
# An alert is not false for a threat that passes this near: people cannot tell, and fragments and errors reach as far.
MARGIN_M = 500.0
# Half-angle 30° of the cone ahead in which a threat may turn: sin 30°.
TURN = 0.5
AHEAD_STEPS = 24


def inside(zone: Zone, lon_deg: Array, lat_deg: Array, alt_m: Array) -> NDArray[np.bool_]:
    """Return which points are in a zone."""
    hit = np.zeros(lon_deg.shape, dtype=bool)
    for polygon in zone.polygons:
        within = np.zeros(lon_deg.shape, dtype=bool)
        for ring in polygon:
            for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True):
                if y1 == y2:
                    continue
                spans = (y1 > lat_deg) != (y2 > lat_deg)
                within ^= spans & (lon_deg < (x2 - x1) * (lat_deg - y1) / (y2 - y1) + x1)
        hit |= within
    return hit & (alt_m <= zone.ceiling_m)


def first_entry_ns(path: Path, zone: Zone) -> int | None:
    """Return when a path is first known to be in a zone, `None` where it never is."""
    if _apart(path, zone):
        return None
    last_ns = int(path.time_ns[-1])
    at_ns = np.append(np.arange(int(path.time_ns[0]), last_ns, STEP_NS, dtype=np.int64), last_ns)
    at_ns = at_ns[path.known(at_ns)]
    hits = at_ns[inside(zone, *path.at(path.place, at_ns).T)]
    return int(hits[0]) if hits.size else None


def _apart(path: Path, zone: Zone) -> bool:
    """Return whether the boxes around a path and a zone do not touch: most pairs need no closer look."""
    corners = np.array([point for polygon in zone.polygons for ring in polygon for point in ring])
    low, high = path.place[:, :2].min(axis=0), path.place[:, :2].max(axis=0)
    return bool((low > corners.max(axis=0)).any() or (high < corners.min(axis=0)).any())


def threatens(path: Path, zone: Zone, from_ns: int, until_ns: int) -> bool:
    """Return whether the object was a danger to a zone at a truth point from one time to another.

    It is where it is in the zone, nearer than `MARGIN_M`, or gets there within `zone.warning_s` by flying on at its
    true velocity, allowing for a turn of up to 30°; below the ceiling each time.
    """
    margin_ns = int(GAP_S * SECOND_NS)
    at = (path.time_ns >= from_ns - margin_ns) & (path.time_ns <= until_ns + margin_ns)
    place, velocity = path.place[at], path.velocity_mps[at]
    if not len(place):
        return False
    east_per_deg, north_per_deg = _metres_per_degree(zone)
    speed_mps = np.hypot(velocity[:, 0], velocity[:, 1])
    for ahead_s in np.linspace(0.0, zone.warning_s, AHEAD_STEPS):
        lon = place[:, 0] + velocity[:, 0] * ahead_s / east_per_deg
        lat = place[:, 1] + velocity[:, 1] * ahead_s / north_per_deg
        alt = place[:, 2] + velocity[:, 2] * ahead_s
        reach_m = np.maximum(MARGIN_M, TURN * speed_mps * ahead_s)
        near = inside(zone, lon, lat, alt) | ((_gap_m(zone, lon, lat) <= reach_m) & (alt <= zone.ceiling_m))
        if near.any():
            return True
    return False


def _metres_per_degree(zone: Zone) -> tuple[float, float]:
    """Return metres in a degree of longitude and latitude at the zone: right to 1 % within 50 km of it."""
    _, lat = zone.polygons[0][0][0]
    north = math.radians(geo.MEAN_RADIUS_M)
    return max(1.0, north * math.cos(math.radians(lat))), north


def _gap_m(zone: Zone, lon_deg: Array, lat_deg: Array) -> Array:
    """Return the distance to the nearest edge of a zone."""
    kx, ky = _metres_per_degree(zone)
    x, y = lon_deg * kx, lat_deg * ky
    nearest = np.full(lon_deg.shape, np.inf)
    for polygon in zone.polygons:
        for ring in polygon:
            for (lon1, lat1), (lon2, lat2) in zip(ring, (*ring[1:], ring[0]), strict=True):
                x1, y1, dx, dy = lon1 * kx, lat1 * ky, (lon2 - lon1) * kx, (lat2 - lat1) * ky
                along = ((x - x1) * dx + (y - y1) * dy) / max(dx * dx + dy * dy, 1e-12)
                t = np.clip(along, 0.0, 1.0)
                nearest = np.minimum(nearest, np.hypot(x - x1 - t * dx, y - y1 - t * dy))
    return nearest
