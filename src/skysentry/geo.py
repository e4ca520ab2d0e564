"""WGS-84 and local east-north-up frames, by closed forms.

A local frame here is a rigid rotation and shift of Earth-centred coordinates, not a flat map: distances and angles are
exact at any range, and "up" at 100 km is 785 m below the plane of the origin. Every sensor has its own frame; `Frame`
turns between them. All functions take floats or arrays of one shape; metres, degrees at the outside, radians nowhere
else than in names that say so.

Source: WGS-84 constants NIMA TR8350.2; inverse by Heikkinen's closed form as in J. Zhu, "Conversion of Earth-centered
Earth-fixed coordinates to geodetic coordinates", IEEE Trans. AES 30(3), 1994. Checked against pyproj in the tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skysentry.events import Place

SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1.0 / 298.257_223_563
SEMI_MINOR_M = SEMI_MAJOR_M * (1.0 - FLATTENING)
ECCENTRICITY2 = FLATTENING * (2.0 - FLATTENING)
# Mean radius (2a + b) / 3, for the drop of the surface below a plane: d² / 2R.
MEAN_RADIUS_M = (2.0 * SEMI_MAJOR_M + SEMI_MINOR_M) / 3.0

Array: TypeAlias = NDArray[np.float64]


def ecef(lat_deg: float, lon_deg: float, alt_m: float) -> tuple[float, float, float]:
    """Return Earth-centred x, y, z in metres."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    sin_lat, cos_lat = math.sin(lat), math.cos(lat)
    prime_m = SEMI_MAJOR_M / math.sqrt(1.0 - ECCENTRICITY2 * sin_lat * sin_lat)
    return (
        (prime_m + alt_m) * cos_lat * math.cos(lon),
        (prime_m + alt_m) * cos_lat * math.sin(lon),
        (prime_m * (1.0 - ECCENTRICITY2) + alt_m) * sin_lat,
    )


def geodetic(x_m: float, y_m: float, z_m: float) -> tuple[float, float, float]:
    """Return latitude, longitude (degrees) and height above the ellipsoid (metres) of an Earth-centred point.

    Within 1e-9 degrees and 1e-6 m from 40 km below the surface to far above it.
    """
    a2, b2 = SEMI_MAJOR_M**2, SEMI_MINOR_M**2
    r2 = x_m * x_m + y_m * y_m
    r = math.sqrt(r2)
    f = 54.0 * b2 * z_m * z_m
    g = r2 + (1.0 - ECCENTRICITY2) * z_m * z_m - ECCENTRICITY2 * (a2 - b2)
    c = ECCENTRICITY2**2 * f * r2 / g**3
    s = (1.0 + c + math.sqrt(c * c + 2.0 * c)) ** (1.0 / 3.0)
    p = f / (3.0 * (s + 1.0 / s + 1.0) ** 2 * g * g)
    q = math.sqrt(1.0 + 2.0 * ECCENTRICITY2**2 * p)
    root = 0.5 * a2 * (1.0 + 1.0 / q) - p * (1.0 - ECCENTRICITY2) * z_m * z_m / (q * (1.0 + q)) - 0.5 * p * r2
    r0 = -p * ECCENTRICITY2 * r / (1.0 + q) + math.sqrt(max(root, 0.0))
    u = math.hypot(r - ECCENTRICITY2 * r0, z_m)
    v = math.sqrt((r - ECCENTRICITY2 * r0) ** 2 + (1.0 - ECCENTRICITY2) * z_m * z_m)
    z0 = b2 * z_m / (SEMI_MAJOR_M * v)
    height_m = u * (1.0 - b2 / (SEMI_MAJOR_M * v))
    lat = math.atan2(z_m + (a2 - b2) / b2 * z0, r)
    return math.degrees(lat), math.degrees(math.atan2(y_m, x_m)), height_m


def rotation_enu(lat_deg: float, lon_deg: float) -> Array:
    """Return the matrix [shape=(3, 3)] that turns Earth-centred differences into east, north, up."""
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
    return np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )


@dataclass(frozen=True, eq=False)
class Frame:
    """East-north-up at a place. `rotation` [shape=(3, 3)] turns Earth-centred differences into this frame."""

    origin_ecef_m: tuple[float, float, float]
    rotation: Array

    @staticmethod
    def at(place: Place) -> Frame:
        """Return the frame whose origin is `place`; an unknown altitude counts as the ellipsoid."""
        return Frame.at_geodetic(place.lat_deg, place.lon_deg, place.alt_m or 0.0)

    @staticmethod
    def at_geodetic(lat_deg: float, lon_deg: float, alt_m: float) -> Frame:
        """Return the frame whose origin is this point."""
        return Frame(ecef(lat_deg, lon_deg, alt_m), rotation_enu(lat_deg, lon_deg))

    def to_local(self, lat_deg: float, lon_deg: float, alt_m: float) -> tuple[float, float, float]:
        """Return east, north, up in metres of a geodetic point."""
        x, y, z = ecef(lat_deg, lon_deg, alt_m)
        x0, y0, z0 = self.origin_ecef_m
        dx, dy, dz = x - x0, y - y0, z - z0
        (a, b, c), (d, e, f), (g, h, i) = self.rotation.tolist()
        return a * dx + b * dy + c * dz, d * dx + e * dy + f * dz, g * dx + h * dy + i * dz

    def to_geodetic(self, east_m: float, north_m: float, up_m: float) -> tuple[float, float, float]:
        """Return latitude, longitude (degrees) and ellipsoidal height (metres) of a local point."""
        (a, b, c), (d, e, f), (g, h, i) = self.rotation.tolist()
        x0, y0, z0 = self.origin_ecef_m
        return geodetic(
            x0 + a * east_m + d * north_m + g * up_m,
            y0 + b * east_m + e * north_m + h * up_m,
            z0 + c * east_m + f * north_m + i * up_m,
        )

    def turn_from(self, other: Frame) -> Array:
        """Return the matrix [shape=(3, 3)] that turns directions in `other` into directions in this frame."""
        turned: Array = self.rotation @ other.rotation.T
        return turned


def distance_m(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """Return the great-circle distance; within 0.6 % of the geodesic (a sphere for an ellipsoid)."""
    lat1, lat2 = math.radians(lat1_deg), math.radians(lat2_deg)
    dlat, dlon = lat2 - lat1, math.radians(lon2_deg - lon1_deg)
    h = math.sin(dlat / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(dlon / 2) ** 2
    return 2.0 * MEAN_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def bearing_deg(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """Return the initial bearing from the first to the second point, 0 to 360, clockwise from true north."""
    lat1, lat2 = math.radians(lat1_deg), math.radians(lat2_deg)
    dlon = math.radians(lon2_deg - lon1_deg)
    y = math.sin(dlon) * math.cos(lat2)
    x = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(dlon)
    return math.degrees(math.atan2(y, x)) % 360.0
