"""`airport`: a working day at an airport, with a quadcopter where none may be.

Six airliners with ADS-B: two land, one has taken off, three pass overhead. A quadcopter without Remote ID comes from
the north and stays on the final approach; a second one, with Remote ID, inspects the apron and is known. Birds fly over
the grass. A radar, a camera and a direction finder look; two Remote ID receivers and an ADS-B receiver listen. The
place is made up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from skysentry.events import ObjectClass, Place
from skysentry.geo import Frame
from skysentry.sim.chance import stream
from skysentry.sim.motion import Airframe, Flight, Pilot, Waypoint
from skysentry.sim.posts import Emplacement, Link, Quirk
from skysentry.sim.stage import Plan
from skysentry.sim.world import Flyer, Transmitter
from skysentry.site import AuthorisedFlight, Coverage, Ring, Sensor, SensorKind, Site, Weather, Zone

C = ObjectClass
DEFAULT_S = 240.0
GROUND_M = 170.0
MIDDLE = Place(lat_deg=51.4000, lon_deg=21.3000, alt_m=GROUND_M)
FRAME = Frame.at(MIDDLE)
EastNorth = tuple[float, float]
# East, north, metres over the ground.
Point = tuple[float, float, float]
# The runway lies east-west, 3 km; the approaches to guard widen to 1.2 km at 5 km from the thresholds.
OUTLINE_M: tuple[EastNorth, ...] = (
    (-6_500.0, -600.0), (-1_500.0, -250.0), (1_500.0, -250.0), (6_500.0, -600.0),
    (6_500.0, 600.0), (1_500.0, 250.0), (-1_500.0, 250.0), (-6_500.0, 600.0), (-6_500.0, -600.0),
)  # fmt: skip
CEILING_M = GROUND_M + 600.0
INSPECTOR = "1668B0000000000AP001"
GLIDE_DEG = 3.0
THRESHOLD_M = (1_300.0, 0.0)
# Address, callsign, way (east, north, metres over the ground), speed; the two that land come down the glide path.
LANDING = (("4ca001", "SIM101", 11_000.0, 72.0), ("4ca002", "SIM202", 19_500.0, 74.0))
PASSING: tuple[tuple[str, str, tuple[Point, ...], float], ...] = (
    ("4ca003", "SIM303", ((-2_500.0, 0.0, 150.0), (-9_000.0, 200.0, 900.0), (-30_000.0, 9_000.0, 3_000.0)), 88.0),
    ("4ca004", "SIM404", ((-40_000.0, 12_000.0, 10_600.0), (40_000.0, -6_000.0, 10_600.0)), 232.0),
    ("4ca005", "SIM505", ((15_000.0, 45_000.0, 9_400.0), (-12_000.0, -45_000.0, 9_400.0)), 221.0),
    ("4ca006", "SIM606", ((30_000.0, -30_000.0, 5_200.0), (-25_000.0, 22_000.0, 4_400.0)), 165.0),
)


def plan(seed: int, seconds: float) -> Plan:
    """Return what the play of this length is made of."""
    emplaced = tuple(_emplaced())
    ring: Ring = tuple((round(lon, 6), round(lat, 6)) for lat, lon in map(_lat_lon, OUTLINE_M))
    site = Site(
        name="An airport (simulated)",
        position=MIDDLE,
        sensors=tuple(one.sensor for one in emplaced),
        zones=(Zone(id="runway", name="Runway and approaches", polygons=((ring,),), ceiling_m=CEILING_M),),
        authorised=(AuthorisedFlight(identity=INSPECTOR, note="inspection of the apron lights"),),
        weather=Weather(temperature_c=15.0, wind_from_deg=260.0, wind_mps=6.0),
        class_prior=((C.AEROPLANE, 0.4), (C.BIRD, 0.3), (C.MULTIROTOR, 0.2), (C.HELICOPTER, 0.02)),
    )
    return Plan(
        "airport", "A quadcopter on the approach (simulated)", site, emplaced, tuple(_flyers(seed, seconds + 1.0))
    )


def _emplaced() -> Iterator[Emplacement]:
    radar = Sensor(
        id="radar-1",
        kind=SensorKind.RADAR,
        position=_place((-300.0, -700.0), 12.0),
        heading_sigma_deg=0.3,
        clock="gps",
        coverage=Coverage(min_m=150.0, max_m=5_000.0, soft_m=800.0, el_deg=(0.0, 60.0)),
        pd=0.85,
        false_per_scan=6.0,
    )
    # 14 km at 1 m² are 5.3 km against a quadcopter of 0.02 m².
    traits = {"reach_m": 14_000.0, "instrumented_m": 12_000.0, "mask_deg": 0.3, "ground_m": GROUND_M}
    yield Emplacement(radar, Quirk(), Link(median_s=0.1), (), traits)
    camera = Sensor(
        id="camera-1",
        kind=SensorKind.CAMERA,
        position=_place((2_000.0, 500.0), 15.0),
        heading_sigma_deg=0.2,
        coverage=Coverage(min_m=30.0, max_m=3_000.0, soft_m=600.0, el_deg=(0.0, 60.0)),
        pd=0.7,
        false_per_scan=0.2,
    )
    yield Emplacement(camera, Quirk(), Link(median_s=0.3))
    finder = Sensor(
        id="rf-1",
        kind=SensorKind.RF,
        position=_place((-1_200.0, 900.0), 20.0),
        heading_sigma_deg=2.0,
        coverage=Coverage(max_m=4_000.0, soft_m=1_000.0),
        pd=0.8,
        false_per_scan=0.02,
    )
    yield Emplacement(finder, Quirk(), Link(late_share=0.15))
    for number, where in enumerate(((0.0, -900.0), (2_600.0, 700.0)), 1):
        coverage = Coverage(max_m=2_500.0)
        place = _place(where, 10.0)
        sensor = Sensor(id=f"rid-{number}", kind=SensorKind.REMOTE_ID, position=place, coverage=coverage, pd=0.5)
        yield Emplacement(sensor, Quirk(), Link(), (), {"mast_m": 10.0})
    coverage = Coverage(max_m=200_000.0)
    sensor = Sensor(id="adsb-1", kind=SensorKind.ADSB, position=_place((0.0, -800.0), 25.0), coverage=coverage, pd=0.9)
    yield Emplacement(sensor, Quirk(), Link(median_s=0.05), (), {"mast_m": 25.0})


def _flyers(seed: int, until_s: float) -> Iterator[Flyer]:
    for icao24, callsign, out_m, speed_mps in LANDING:
        height_m = out_m * math.tan(math.radians(GLIDE_DEG))
        route = _route((THRESHOLD_M[0] + out_m, 0.0, height_m), (*THRESHOLD_M, height_m))
        airframe = Airframe(speed_mps, 3.0, speed_sigma_mps=0.8)
        pilot = Pilot(FRAME, airframe, stream(seed, callsign))
        flight = pilot.fly(route, 0.0, until_s, dive_deg=GLIDE_DEG, ground_m=GROUND_M)
        yield _airliner(icao24, callsign, flight)
    for icao24, callsign, way, speed_mps in PASSING:
        airframe = Airframe(speed_mps, 2.0, speed_sigma_mps=1.0)
        yield _airliner(
            icao24, callsign, Pilot(FRAME, airframe, stream(seed, callsign)).fly(_route(*way), 0.0, until_s)
        )
    yield from _drones(seed, until_s)
    for number, (east, north) in enumerate(((-900.0, 300.0), (900.0, -600.0), (2_500.0, 900.0)), 1):
        around = [
            (east + 250.0 * math.sin(turn), north + 180.0 * math.cos(turn), 40.0) for turn in (0.4, 2.0, 3.3, 5.1)
        ]
        airframe = Airframe(12.0, 30.0, weave_deg=25.0, weave_s=7.0, swell_m=15.0, speed_sigma_mps=1.5)
        flight = _circuit(seed, f"bird-{number}", around, airframe, until_s)
        yield Flyer(f"bird-{number}", C.BIRD, flight, False, echo_m2=0.008, size_m=0.8)


def _drones(seed: int, until_s: float) -> Iterator[Flyer]:
    airframe = Airframe(13.0, 35.0, pitch_deg=15.0, pitch_dps=20.0, speed_sigma_mps=1.0)
    in_way = ((2_900.0, 1_900.0, 90.0), (2_700.0, 300.0, 110.0), (3_100.0, -200.0, 120.0), (2_400.0, -100.0, 100.0))
    flight = _circuit(seed, "quad-rogue", in_way, airframe, until_s)
    yield Flyer("quad-rogue", C.MULTIROTOR, flight, True, echo_m2=0.02, size_m=0.4, video_dbm=28.0)
    apron = ((-200.0, -520.0, 30.0), (300.0, -520.0, 35.0), (300.0, -620.0, 35.0), (-200.0, -620.0, 30.0))
    slow = Airframe(6.0, 40.0, pitch_deg=15.0, pitch_dps=20.0, speed_sigma_mps=0.5)
    flight = _circuit(seed, "quad-inspector", apron, slow, until_s)
    radio = Transmitter(serial=INSPECTOR, operator=_lat_lon((50.0, -700.0)))
    yield Flyer("quad-inspector", C.MULTIROTOR, flight, False, echo_m2=0.02, size_m=0.4, video_dbm=26.0, radio=radio)


def _airliner(icao24: str, callsign: str, flight: Flight) -> Flyer:
    radio = Transmitter(icao24=icao24, callsign=callsign)
    return Flyer(callsign.lower(), C.AEROPLANE, flight, False, echo_m2=30.0, size_m=38.0, radio=radio)


def _circuit(seed: int, name: str, around: Sequence[Point], airframe: Airframe, until_s: float) -> Flight:
    return Pilot(FRAME, airframe, stream(seed, name)).fly(_route(*around), 0.0, until_s, loop=True)


def _route(*way: Point) -> list[Waypoint]:
    """Return waypoints of points east and north of the middle and over the ground."""
    return [Waypoint(*_lat_lon((east, north)), GROUND_M + height) for east, north, height in way]


def _lat_lon(where: EastNorth) -> tuple[float, float]:
    lat, lon, _ = FRAME.to_geodetic(where[0], where[1], 0.0)
    return lat, lon


def _place(where: EastNorth, height_m: float) -> Place:
    lat, lon = _lat_lon(where)
    return Place(lat_deg=round(lat, 6), lon_deg=round(lon, 6), alt_m=GROUND_M + height_m)
