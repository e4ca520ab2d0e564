"""The tracking benchmark: seeded generators of the four scenarios of the reference, as sites, scans and truth.

    site       one radar, 20 manoeuvring drones, dense clutter        salvo     30 sensors, 300 objects
    bearings   60 acoustic arrays, directions only, slow sound        presence  400 microphones, heard or not

Truth is sampled at 10 Hz in the east-north-up frame of the site, with heights above the ellipsoid; a look at any time
interpolates. Sound is stamped at arrival: the generator solves for emission on the true path. Sensors look once a
second at a random phase and always report. The tracker is told the site, never the truth.
"""

from __future__ import annotations

from bench.scenarios.paths import Paths
from bench.scenarios.world import SCENARIOS, World, make

__all__ = ["SCENARIOS", "Paths", "World", "make"]
