"""`raid`: a night raid on the Kyiv region, in waves of five minutes.

Piston drones come in five groups from the north-west, north, north-east, east and south, one more low along the river,
a jet drone from the north-east. The first wave is inside the sensors' belts when the play begins, its first group 100 s
from Bucha; each later wave starts 25 km further out. A balloon, a helicopter that is known, birds and two quadcopters
by Irpin are there all the time; one of the quadcopters says who it is, but nobody knows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from skysentry.events import ObjectClass
from skysentry.geo import Frame
from skysentry.sim import kyiv
from skysentry.sim.air import wind_enu_mps
from skysentry.sim.chance import stream
from skysentry.sim.motion import Airframe, Flight, Pilot, Waypoint, drift
from skysentry.sim.stage import Plan
from skysentry.sim.world import Flyer, Transmitter

C = ObjectClass
G = kyiv.GROUND_M
DEFAULT_S = 300.0
WAVE_S = 300.0
# Later waves start this much further out.
FURTHER_M = 25_000.0
# Members of a group fly within this of its leader.
SPREAD_M = 700.0
DIVE_DEG, JET_DIVE_DEG = 45.0, 25.0
LatLon = tuple[float, float]


@dataclass(frozen=True)
class Group:
    """Piston drones that fly together: how many, how fast, how high over the ground, by which way; the last point is
    the target."""

    name: str
    count: int
    speed_mps: float
    height_m: float
    way: tuple[LatLon, ...]


GROUPS = (
    Group("bucha", 3, 50.0, 420.0, ((50.604, 30.128), (50.562, 30.205))),
    Group("north", 2, 52.0, 350.0, ((50.612, 30.430), (50.540, 30.455), (50.468, 30.505))),
    Group("north-east", 2, 50.0, 800.0, ((50.540, 30.765), (50.500, 30.700), (50.455, 30.615))),
    Group("east", 2, 54.0, 600.0, ((50.418, 30.845), (50.430, 30.740), (50.445, 30.640))),
    Group("south", 2, 48.0, 250.0, ((50.285, 30.430), (50.345, 30.470), (50.412, 30.500))),
)
RIVER = Group(
    "river",
    1,
    50.0,
    35.0,
    (
        (50.612, 30.506), (50.588, 30.513), (50.560, 30.538), (50.525, 30.553), (50.495, 30.548), (50.470, 30.534),
        (50.448, 30.560), (50.430, 30.575),
    ),
)  # fmt: skip
JET_WAY = ((50.660, 30.760), (50.560, 30.640), (50.442, 30.505))
BIRD_PLACES = ((50.560, 30.270), (50.490, 30.560), (50.400, 30.790), (50.610, 30.250))


def plan(seed: int, seconds: float) -> Plan:
    """Return what the play of this length is made of."""
    emplaced = kyiv.emplaced()
    flyers = (*_waves(seed, seconds), *_others(seed, seconds))
    return Plan("raid", "A night raid on the Kyiv region (simulated)", kyiv.site(emplaced), emplaced, flyers)


def _waves(seed: int, seconds: float) -> Iterator[Flyer]:
    for wave in range(math.ceil(seconds / WAVE_S)):
        begin_s, further_m = wave * WAVE_S, FURTHER_M if wave else 0.0
        mark = f"-{wave + 1}" if wave else ""
        for group in GROUPS:
            for member in range(group.count):
                yield _piston(
                    seed, seconds, group, f"piston-{group.name}-{member + 1}{mark}", member, begin_s, further_m
                )
        yield _piston(seed, seconds, RIVER, f"piston-river-1{mark}", 0, begin_s, 0.0 if not wave else 8_000.0)
        yield _jet(seed, seconds, f"jet-1{mark}", begin_s, further_m)


def _piston(seed: int, seconds: float, group: Group, name: str, member: int, begin_s: float, further_m: float) -> Flyer:
    chance = stream(seed, name)
    low = group is RIVER
    offset = (0.0, 0.0) if low else tuple(SPREAD_M * float(one) for one in chance.uniform(-1.0, 1.0, 2))
    # The leader of a group flies its way, the others beside it.
    offset_m = (offset[0], offset[1]) if member else (0.0, 0.0)
    height_m = group.height_m + (0.0 if low else 60.0 * float(chance.uniform(-1.0, 1.0)))
    floor_m = kyiv.RIVER_M if low else G
    airframe = Airframe(
        speed_mps=group.speed_mps + float(chance.uniform(-1.0, 1.0)),
        turn_dps=6.0 if low else 4.0,
        weave_deg=2.0 if low else 5.0,
        weave_s=float(chance.uniform(25.0, 50.0)),
        swell_m=4.0 if low else 40.0,
        speed_sigma_mps=0.7,
    )
    route = _route(group.way, floor_m + height_m, offset_m, further_m)
    pilot = Pilot(Frame.at(kyiv.CENTRE), airframe, chance)
    flight = pilot.fly(route, begin_s, seconds + 1.0, dive_deg=DIVE_DEG, ground_m=G - 20.0 if not low else kyiv.RIVER_M)
    return Flyer(name, C.FIXED_WING_PISTON, flight, True, echo_m2=0.1, size_m=2.5)


def _jet(seed: int, seconds: float, name: str, begin_s: float, further_m: float) -> Flyer:
    chance = stream(seed, name)
    airframe = Airframe(speed_mps=110.0, turn_dps=3.5, pitch_deg=12.0, weave_deg=2.0, swell_m=60.0, speed_sigma_mps=1.5)
    route = _route(JET_WAY, G + 2_500.0, (0.0, 0.0), 2.0 * further_m)
    pilot = Pilot(Frame.at(kyiv.CENTRE), airframe, chance)
    flight = pilot.fly(route, begin_s, seconds + 1.0, dive_deg=JET_DIVE_DEG, ground_m=G)
    return Flyer(name, C.JET, flight, True, echo_m2=0.15, size_m=2.5)


def _route(way: tuple[LatLon, ...], alt_m: float, offset_m: tuple[float, float], further_m: float) -> list[Waypoint]:
    """Return waypoints at one height, beside the way by an offset, begun further out."""
    frame = Frame.at(kyiv.CENTRE)
    flat = [frame.to_local(lat, lon, 0.0)[:2] for lat, lon in way]
    (east, north), (on_east, on_north) = flat[0], flat[1]
    leg_m = math.hypot(on_east - east, on_north - north)
    flat[0] = (east - further_m * (on_east - east) / leg_m, north - further_m * (on_north - north) / leg_m)
    points = [frame.to_geodetic(one + offset_m[0], other + offset_m[1], 0.0) for one, other in flat]
    return [Waypoint(lat, lon, alt_m) for lat, lon, _ in points]


def _others(seed: int, seconds: float) -> Iterator[Flyer]:
    until_s = seconds + 1.0
    wind = 1.8 * wind_enu_mps(kyiv.WEATHER)
    adrift = drift(
        Frame.at(kyiv.CENTRE),
        Waypoint(50.475, 30.300, G + 1_600.0),
        (float(wind[0]), float(wind[1])),
        until_s,
        stream(seed, "balloon-1"),
    )
    yield Flyer("balloon-1", C.BALLOON, adrift, False, echo_m2=0.05, size_m=2.0)
    radio = Transmitter(icao24=kyiv.HELICOPTER_ICAO24, callsign=kyiv.HELICOPTER_CALLSIGN)
    circuit = ((50.470, 30.400), (50.520, 30.440), (50.500, 30.500), (50.440, 30.460))
    flight = _circuit(seed, "helicopter-1", circuit, 300.0, Airframe(60.0, 6.0, speed_sigma_mps=1.0), until_s)
    yield Flyer("helicopter-1", C.HELICOPTER, flight, False, echo_m2=4.0, size_m=12.0, radio=radio)
    yield from _quadcopters(seed, until_s)
    for number, (lat, lon) in enumerate(BIRD_PLACES, 1):
        name = f"bird-{number}"
        around = tuple((lat + 0.012 * math.sin(turn), lon + 0.018 * math.cos(turn)) for turn in (0.3, 1.9, 3.4, 5.0))
        airframe = Airframe(13.0, 25.0, weave_deg=25.0, weave_s=9.0, swell_m=30.0, speed_sigma_mps=1.5)
        flight = _circuit(seed, name, around, 90.0 + 40.0 * number, airframe, until_s)
        yield Flyer(name, C.BIRD, flight, False, echo_m2=0.008, size_m=0.8)


def _quadcopters(seed: int, until_s: float) -> Iterator[Flyer]:
    airframe = Airframe(11.0, 35.0, pitch_deg=20.0, pitch_dps=20.0, speed_sigma_mps=1.0)
    around = ((50.512, 30.238), (50.522, 30.243), (50.520, 30.262), (50.510, 30.258))
    flight = _circuit(seed, "quad-1", around, 80.0, airframe, until_s)
    radio = Transmitter(serial="1596F300000000000QX1", operator=(50.516, 30.249))
    yield Flyer("quad-1", C.MULTIROTOR, flight, True, echo_m2=0.02, size_m=0.4, video_dbm=27.0, radio=radio)
    across = ((50.545, 30.300), (50.535, 30.275), (50.528, 30.255), (50.540, 30.245))
    flight = _circuit(seed, "quad-2", across, 120.0, airframe, until_s)
    yield Flyer("quad-2", C.MULTIROTOR, flight, True, echo_m2=0.02, size_m=0.4, video_dbm=27.0)


def _circuit(
    seed: int, name: str, around: tuple[LatLon, ...], height_m: float, airframe: Airframe, until_s: float
) -> Flight:
    route = [Waypoint(lat, lon, G + height_m) for lat, lon in around]
    return Pilot(Frame.at(kyiv.CENTRE), airframe, stream(seed, name)).fly(route, 0.0, until_s, loop=True)
