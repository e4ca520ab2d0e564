"""What else happens to the scenarios: late messages, wrong sensors, deaf ones, few, groups, fast objects, many.

    NAME-late            15 % of messages arrive 1 to 5 s after they were measured, the others at once
    NAME-biased          arrays' headings off by N(0, 5°) and one in ten by +8.5°; radars' azimuth by 0.7° to one or the
                         other side; sound's clocks by N(0, 0.1 s), 2 % of the microphones' by 1 to 30 s, 2 % of the
                         microphones 500 m from where they are said to be. These sigmas are declared, the one in ten and
                         the 2 % (`World.outliers`) are not
    NAME-deaf            reach 0.3 to 1.5 of what is declared for each sensor, times 5/3 for sound that comes with the
                         wind to 1/3 against it, and one sensor in three has a valley: beyond a fifth of its reach it
                         hears nothing in a sector of 60° to 120°. The wind is known, what it does is not
    NAME-group           5 to 15 drones in a group, 200 to 1,000 m apart, and single ones
    sparse               microphones and arrays 6.5 km apart in two belts; a zone behind each
    fast                 jets and cruise missiles, 100 to 240 m/s, at 2 to 4 km with dives at the end, or 20 to 50 m
                         over a river; radars with a horizon, arrays and microphones
    many                 salvo with 1,000 objects
    few                  presence with 25 microphones and one object

Looks of a variant draw from the random streams of its base: what is not changed is equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from bench.scenarios.looks import Body, declared_pd
from bench.scenarios.paths import STEP_S, Array, Paths, drop_m, fly
from bench.scenarios.world import (
    BEFORE_S,
    Plan,
    World,
    always,
    array,
    flock,
    grouped,
    microphone,
    place_at,
    plan_salvo,
    presence_bodies,
    radar,
    site_of,
)
from skysentry.site import Coverage, SensorKind, Site, Weather, Zone

WIND = Weather(wind_from_deg=285.0, wind_mps=6.0)


def late(rng: np.random.Generator, world: World) -> World:
    """Return a world whose messages arrive late and out of order."""
    behind = np.where(rng.random(len(world.scans)) < 0.15, rng.uniform(1.0, 5.0, len(world.scans)), 0.0)
    scans = [
        msgspec.structs.replace(scan, received_ns=scan.received_ns + round(by * 1e9)) if by else scan
        for scan, by in zip(world.scans, behind.tolist(), strict=True)
    ]
    return replace(world, scans=sorted(scans, key=lambda scan: (scan.received_ns, scan.id)))


def biased(rng: np.random.Generator, plan: Plan) -> Plan:
    """Return a plan whose sensors point, stand and keep time elsewhere than declared."""
    n = len(plan.bodies)
    heading, clock, side = rng.normal(0.0, 5.0, n), rng.normal(0.0, 0.1, n), rng.choice([-1.0, 1.0], n)
    order = rng.permutation(n)
    turned, stopped, moved = (set(order[a : a + k].tolist()) for a, k in _shares(n))
    bodies = []
    for k, body in enumerate(plan.bodies):
        kind, more = body.sensor.kind, {}
        if kind is SensorKind.RADAR:
            wrong = replace(body, heading_deg=0.7 * float(side[k]) if body.look == "plots" else 0.0)
            more = {"heading_sigma_deg": 0.7} if body.look == "plots" else {}
        elif kind is SensorKind.ARRAY:
            off = k in turned
            wrong = replace(body, heading_deg=8.5 if off else float(heading[k]), clock_s=float(clock[k]), outlier=off)
            more = {"heading_sigma_deg": 5.0, "clock_sigma_s": 0.1}
        else:
            clock_s = float(side[k] * rng.uniform(1.0, 30.0)) if k in stopped else float(clock[k])
            way = rng.uniform(0.0, 2.0 * np.pi)
            moved_m = (500.0 * math.sin(way), 500.0 * math.cos(way)) if k in moved else (0.0, 0.0)
            wrong = replace(body, clock_s=clock_s, moved_m=moved_m, outlier=k in stopped or k in moved)
            more = {"clock_sigma_s": 0.1}
        bodies.append(replace(wrong, sensor=msgspec.structs.replace(body.sensor, **more)))
    return replace(plan, bodies=bodies, site=_redeclared(plan, bodies))


def _shares(n: int) -> tuple[tuple[int, int], ...]:
    """Where in a random order those with a wrong heading, clock and place stand: 10 %, 2 %, 2 %."""
    tenth, fiftieth = max(n // 10, 1), max(n // 50, 1)
    return (0, tenth), (tenth, fiftieth), (tenth + fiftieth, fiftieth)


def deaf(rng: np.random.Generator, plan: Plan) -> Plan:
    """Return a plan whose sensors hear otherwise than declared."""
    bodies = [replace(body, pd=_deafened(rng, body)) for body in plan.bodies]
    return replace(plan, bodies=bodies, site=msgspec.structs.replace(_redeclared(plan, bodies), weather=WIND))


def _deafened(rng: np.random.Generator, body: Body) -> Callable[[Array], Array]:
    whole = body.pd or declared_pd(body.sensor)
    factor, valley = rng.uniform(0.3, 1.5), rng.random() < 1.0 / 3.0
    middle, half = rng.uniform(0.0, 2.0 * np.pi), np.radians(rng.uniform(30.0, 60.0))
    upwind = math.radians(WIND.wind_from_deg)

    def pd(way: Array) -> Array:
        towards = np.arctan2(way[..., 0], way[..., 1])
        reach = factor * (1.0 + 2.0 / 3.0 * np.cos(towards - upwind))
        if valley:
            hidden = np.abs((towards - middle + np.pi) % (2.0 * np.pi) - np.pi) < half
            reach = np.where(hidden, 0.2 * reach, reach)
        # Reach is slant range: a sensor that hears half as far hears a thing as one that is twice as far away.
        return whole(way / reach[..., None])

    return pd


def _redeclared(plan: Plan, bodies: list[Body]) -> Site:
    return msgspec.structs.replace(plan.site, sensors=tuple(body.sensor for body in bodies))


def groups(rng: np.random.Generator, plan: Plan) -> Plan:
    """Return a plan with groups that fly 200 to 1,000 m apart, beside single objects."""
    name = plan.site.name
    count, alone, half = {"bearings": (2, 2, (4_500.0, 1_500.0)), "presence": (4, 8, (14_000.0, 14_000.0))}.get(
        name, (20, 60, (85_000.0, 85_000.0))
    )
    sizes = rng.integers(5, 16, count).tolist()
    n = alone + count
    speed = rng.uniform(40.0, 60.0, n) if name == "salvo" else np.full(n, 45.0 if name == "bearings" else 48.0)
    height = rng.uniform(80.0, 300.0, n) if name == "bearings" else rng.uniform(100.0, 600.0, n)
    lead = fly(
        rng, plan.seconds + BEFORE_S, rng.uniform(-1, 1, (n, 2)) * half, rng.uniform(0, 2 * np.pi, n), speed, height,
        "straight" if name == "presence" else "wing", None if name == "salvo" else half,
    )  # fmt: skip
    place = np.concatenate([lead[:alone], flock(rng, lead[alone:], sizes)])
    return grouped(plan, always(place, plan.seconds), alone, sizes)


def plan_sparse(rng: np.random.Generator, seconds: int | None) -> Plan:
    """Two belts of 3 rows and 12 columns, 26 km apart; a microphone, an array, a microphone … in each row."""
    seconds = seconds or 1_600
    bodies = []
    for belt, north in enumerate((33_000.0, -6_500.0)):
        for k in range(36):
            e = -35_750.0 + 6_500.0 * (k % 12) + (3_250.0 if k // 12 == 1 else 0.0) + rng.normal(0.0, 400.0)
            n = north - 6_500.0 * (k // 12) + rng.normal(0.0, 400.0)
            make = array if (k + belt) % 3 == 1 else microphone
            bodies.append(make(f"b{belt}-{k:02}", e, n))
    zones = (_strip("one", 12_000.0, 14_000.0), _strip("two", -27_500.0, -25_500.0))
    start = np.stack([rng.uniform(-28_000, 28_000, 16), rng.uniform(36_000, 44_000, 16)], axis=-1)
    heading = np.pi + np.radians(rng.normal(0.0, 8.0, 16))
    place = fly(rng, seconds + BEFORE_S, start, heading, rng.uniform(42, 58, 16), rng.uniform(100, 600, 16), "course")
    site = msgspec.structs.replace(site_of("sparse", bodies), zones=zones)
    return Plan(site, bodies, always(place, seconds), seconds, 1_000.0, True)


def _strip(name: str, south_m: float, north_m: float) -> Zone:
    """Return a zone 100 km wide, from west to east."""
    corners = [(-50e3, south_m), (50e3, south_m), (50e3, north_m), (-50e3, north_m)]
    points = [place_at(e, n, 0.0) for e, n in corners]
    ring = tuple((p.lon_deg, p.lat_deg) for p in [*points, points[0]])
    return Zone(id=name, name=name, polygons=((ring,),))


def plan_fast(rng: np.random.Generator, seconds: int | None) -> Plan:
    """12 jets and cruise missiles that dive, 4 along a river; 3 radars, 49 arrays, 64 microphones on 40 × 40 km."""
    seconds = seconds or 240
    cover = Coverage(min_m=150.0, max_m=25_000.0, el_deg=(0.2, 60.0))
    spots = ((-9_000.0, -6_000.0), (10_000.0, -4_000.0), (0.0, 11_000.0))
    bodies = [
        Body(radar(f"r{k}", e, n, cover, 0.85, 10.0), "plots", (15.0, 0.3, 0.3)) for k, (e, n) in enumerate(spots)
    ]
    for k in range(64):
        e, n = -17_500.0 + 5_000.0 * (k % 8), -17_500.0 + 5_000.0 * (k // 8)
        bodies.append(_loud(microphone(f"m{k:02}", e, n), 3_500.0))
    for k in range(49):
        e, n = -15_000.0 + 5_000.0 * (k % 7), -15_000.0 + 5_000.0 * (k // 7)
        bodies.append(_loud(array(f"a{k:02}", e, n), 4_000.0))
    flights = [_dive(rng, seconds) for _ in range(12)] + [_river(rng, seconds) for _ in range(4)]
    place, start, end = (np.array(part) for part in zip(*flights, strict=True))
    return Plan(site_of("fast", bodies), bodies, Paths(place, start, end, -BEFORE_S), seconds, 500.0, False)


def _loud(body: Body, reach_m: float) -> Body:
    """Return a sensor that hears jets further than propellers."""
    cover = msgspec.structs.replace(body.sensor.coverage, max_m=reach_m, soft_m=300.0)
    return replace(body, sensor=msgspec.structs.replace(body.sensor, coverage=cover), pd=None)


def _dive(rng: np.random.Generator, seconds: int) -> tuple[Array, float, float]:
    """A flight at 2 to 4 km to a target near the middle, at the end down at 20° to 60°; times it is there."""
    speed, height, slope = rng.uniform(100, 240), rng.uniform(2_000, 4_000), np.radians(rng.uniform(20, 60))
    target, course = rng.uniform(-6_000, 6_000, 2), rng.uniform(0, 2 * np.pi)
    time_s = np.arange(int((seconds + BEFORE_S) / STEP_S) + 20) * STEP_S - BEFORE_S
    hit_s = float(rng.uniform(0.35, 0.95)) * seconds
    steep_m = height / math.sin(slope)
    left = np.maximum(speed * (hit_s - time_s), 0.0)
    diving = left < steep_m
    flat = np.where(diving, left * math.cos(slope), steep_m * math.cos(slope) + left - steep_m)
    up = np.where(diving, left * math.sin(slope), height)
    place = np.stack([target[0] - flat * math.sin(course), target[1] - flat * math.cos(course), up], axis=-1)
    place[:, 2] -= drop_m(place)
    return place, -BEFORE_S, hit_s


def _river(rng: np.random.Generator, seconds: int) -> tuple[Array, float, float]:
    """A flight at 20 to 50 m along a river that winds from the north to the south."""
    speed, height, begin_m = rng.uniform(100, 200), rng.uniform(20, 50), rng.uniform(18_000, 26_000)
    north = np.arange(40_000.0, -40_000.0, -5.0)
    east = 3_000.0 + 1_500.0 * np.sin(north / 3_000.0) + 600.0 * np.sin(north / 1_100.0)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))])
    time_s = np.arange(int((seconds + BEFORE_S) / STEP_S) + 20) * STEP_S - BEFORE_S
    along = float(np.interp(-begin_m, -north, way)) + speed * time_s
    place = np.stack(
        [np.interp(along, way, east), np.interp(along, way, north), np.full(time_s.shape, height)], axis=-1
    )
    place[:, 2] -= drop_m(place)
    end = float(np.interp(way[-1], along, time_s))
    return place, -BEFORE_S, min(end, seconds + 1.0)


def plan_many(rng: np.random.Generator, seconds: int | None) -> Plan:
    """Salvo with 1,000 objects."""
    return plan_salvo(rng, seconds or 60, 1_000)


def plan_few(rng: np.random.Generator, seconds: int | None) -> Plan:
    """Presence with 5 × 5 microphones, as a village may have, and one object that stays over them."""
    seconds, half = seconds or 200, (4_500.0, 4_500.0)
    bodies = presence_bodies(rng, 5)
    places = fly(
        rng, seconds + BEFORE_S, rng.uniform(-4_000, 4_000, (1, 2)), rng.uniform(0, 2 * np.pi, 1), np.full(1, 48.0),
        rng.uniform(100, 600, 1), "straight", half,
    )  # fmt: skip
    return Plan(site_of("few", bodies), bodies, always(places, seconds), seconds, 1_000.0, True)
