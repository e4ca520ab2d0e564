"""The tracking benchmark: seeded generators of the four scenarios of the reference and their variants.

    site       one radar, 20 manoeuvring drones, dense clutter        salvo     30 sensors, 300 objects
    bearings   60 acoustic arrays, directions only, slow sound        presence  400 microphones, heard or not

    site-late, site-biased, …    `variants` says what they are; SCENARIOS lists all

Truth is sampled at 10 Hz in the east-north-up frame of the site, with heights above the ellipsoid; a look at any time
interpolates. Sound is stamped at arrival: the generator solves for emission on the true path. Sensors look once a
second at a random phase and always report. The tracker is told the site, never the truth.
"""

from __future__ import annotations

from bench.scenarios import variants
from bench.scenarios.paths import Paths
from bench.scenarios.world import PLANS, World, stream, watch

__all__ = ["BASES", "SCENARIOS", "Paths", "World", "make"]

BASES = tuple(PLANS)
ALONE = {
    "sparse": variants.plan_sparse,
    "fast": variants.plan_fast,
    "many": variants.plan_many,
    "few": variants.plan_few,
}
CHANGES = {"biased": variants.biased, "deaf": variants.deaf, "group": variants.groups}
SCENARIOS = (
    *BASES,
    *(f"{base}-late" for base in BASES),
    *(f"{base}-biased" for base in BASES),
    "bearings-deaf",
    "presence-deaf",
    "salvo-group",
    "bearings-group",
    "presence-group",
    *ALONE,
)


def make(name: str, seed: int, seconds: int | None = None) -> World:
    """Return a scenario by name and seed, of its own length or of `seconds`."""
    if name not in SCENARIOS:
        raise ValueError(f"no scenario is called {name}; there are {', '.join(SCENARIOS)}")
    base, _, change = name.partition("-")
    plan = {**PLANS, **ALONE}[base](stream(seed, base, 0), seconds)
    rng = stream(seed, name, 2)
    if change in CHANGES:
        plan = CHANGES[change](rng, plan)
    world = watch(name, seed, base, plan)
    return variants.late(rng, world) if change == "late" else world
