"""Seeded, physical scenarios: `Truth`, and what sensors would make of it.

    scenario("raid").events() → Truth, Scan, Packet, Health, in order of arrival

The physics here is written apart from everything that detects, tracks or alerts: a simulator that shares the model of
what it tests flatters it. All results made with it are simulated ones; docs/scenarios.md says what is in each play.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TypeAlias

from skysentry.errors import InputError
from skysentry.sim import airport, raid
from skysentry.sim.scenario import Scenario
from skysentry.sim.site_file import site_toml
from skysentry.sim.stage import Plan, play

Planner: TypeAlias = Callable[[int, float], Plan]

SCENARIOS: dict[str, Planner] = {"raid": raid.plan, "airport": airport.plan}
USUAL_S = {"raid": raid.DEFAULT_S, "airport": airport.DEFAULT_S}
# 2026-11-23 01:00 UTC. A fixed start keeps runs of one seed identical to the byte.
START_NS = 1_795_395_600_000_000_000
# An hour of play fills about 200 MB with flown paths.
MOST_S = 7_200.0

__all__ = ["SCENARIOS", "START_NS", "Scenario", "scenario", "site_toml"]


def scenario(name: str, seed: int = 1, start_ns: int = START_NS, seconds: float | None = None) -> Scenario:
    """Return a play by its name, `seconds` long (its own length where absent).

    Raises `InputError` for an unknown name or a length that is not above 0 and at most two hours.
    """
    if name not in SCENARIOS:
        near = difflib.get_close_matches(name, SCENARIOS, 1)
        known = f"there are {' and '.join(sorted(SCENARIOS))}"
        raise InputError(f"unknown scenario {name!r}", hint=f"did you mean {near[0]!r}?" if near else known)
    length_s = USUAL_S[name] if seconds is None else seconds
    if not 0.0 < length_s <= MOST_S:
        raise InputError(f"a play of {length_s} s", hint=f"between 0 and {MOST_S:.0f} s")
    if seed < 0:
        raise InputError(f"a seed of {seed}", hint="seeds are whole numbers from 0 on")
    return play(SCENARIOS[name](seed, length_s), seed, start_ns, length_s)
