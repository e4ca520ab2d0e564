"""The ground of `raid`: Kyiv, Bucha and Irpin, and sensors in belts around them, with what is wrong with some.

The outlines are drawn by hand from general knowledge of the map, 8 to 23 points each; they are good for a play, not for
an alarm. Sensors stand on rings about the city's middle and near the two towns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from skysentry.events import ObjectClass, Place
from skysentry.geo import Frame
from skysentry.sim.chance import stream
from skysentry.sim.posts import Emplacement, Link, Quirk
from skysentry.site import AuthorisedFlight, Coverage, Propagation, Ring, Sensor, SensorKind, Site, Weather, Zone

# The plain around Kyiv lies 110 to 180 m over the sea, the geoid there 25 m over the ellipsoid; the river's flood plain
# is lower. One level for all.
GROUND_M = 150.0
RIVER_M = 117.0
CENTRE = Place(lat_deg=50.45, lon_deg=30.50, alt_m=GROUND_M)
WEATHER = Weather(temperature_c=2.0, wind_from_deg=285.0, wind_mps=4.5)
HELICOPTER_ICAO24, HELICOPTER_CALLSIGN = "508f21", "DSNS17"

KYIV: Ring = (
    (30.335, 50.455), (30.330, 50.490), (30.318, 50.535), (30.350, 50.575), (30.430, 50.560), (30.480, 50.540),
    (30.540, 50.535), (30.570, 50.555), (30.640, 50.545), (30.670, 50.515), (30.760, 50.510), (30.810, 50.470),
    (30.760, 50.430), (30.740, 50.385), (30.720, 50.350), (30.650, 50.330), (30.600, 50.270), (30.550, 50.290),
    (30.540, 50.335), (30.490, 50.350), (30.440, 50.345), (30.400, 50.375), (30.360, 50.410), (30.335, 50.455),
)  # fmt: skip
BUCHA: Ring = (
    (30.165, 50.550), (30.180, 50.535), (30.215, 50.538), (30.238, 50.549), (30.255, 50.562), (30.245, 50.575),
    (30.215, 50.580), (30.180, 50.572), (30.165, 50.550),
)  # fmt: skip
IRPIN: Ring = (
    (30.200, 50.510), (30.215, 50.490), (30.245, 50.485), (30.275, 50.500), (30.290, 50.520), (30.275, 50.540),
    (30.250, 50.546), (30.222, 50.534), (30.200, 50.510),
)  # fmt: skip

# Rings of microphones: distance from the middle in km, how many, ambient noise at night in dB.
RINGS = ((29.0, 28, 29.0), (18.0, 22, 32.0), (9.5, 10, 37.0))
# Arrays (degrees), and how loud it is there.
ARRAYS = (
    (50.600, 30.170, 31.0), (50.545, 30.120, 30.0), (50.530, 30.235, 34.0), (50.640, 30.400, 29.0),
    (50.595, 30.500, 31.0), (50.600, 30.680, 30.0), (50.540, 30.810, 31.0), (50.470, 30.860, 32.0),
    (50.400, 30.850, 31.0), (50.310, 30.720, 31.0), (50.290, 30.500, 31.0), (50.310, 30.340, 31.0),
    (50.400, 30.270, 31.0), (50.500, 30.400, 37.0),
)  # fmt: skip
RADARS = ((50.585, 30.215), (50.395, 30.830))
REMOTE_ID = ((50.517, 30.250), (50.555, 30.215), (50.450, 30.520))
OBSERVERS = ((50.625, 30.330), (50.270, 30.450))
# Half of all looks at night succeed at about this range against a piston drone at 30 dB of noise and no wind; each
# 6 dB of noise halve it. What a planner would write into site.toml.
PLANNED_MICROPHONE_M, PLANNED_ARRAY_M, PLANNED_DB = 3_000.0, 5_000.0, 30.0
# Every third link holds 15 % of its messages back.
LATE = Link(median_s=0.35, spread=0.5, late_share=0.15, lost_share=0.02)
# A feeder fails in the north: everything there is dark for a minute.
DARK_BOX, DARK_S = ((50.57, 50.72), (30.42, 30.75)), ((80.0, 140.0),)
DEAF, WRONG_CLOCK, WRONG_NORTH = "mic-41", "mic-35", "array-02"


def site(emplaced: tuple[Emplacement, ...]) -> Site:
    """Return what is believed of the region."""
    zones = (("kyiv", "Kyiv", KYIV), ("bucha", "Bucha", BUCHA), ("irpin", "Irpin", IRPIN))
    return Site(
        name="Kyiv region (simulated)",
        position=CENTRE,
        sensors=tuple(one.sensor for one in emplaced),
        zones=tuple(Zone(id=key, name=name, polygons=((ring,),)) for key, name, ring in zones),
        authorised=(AuthorisedFlight(identity=HELICOPTER_ICAO24, note="rescue helicopter, state emergency service"),),
        weather=WEATHER,
        class_prior=(
            (ObjectClass.FIXED_WING_PISTON, 0.5),
            (ObjectClass.MULTIROTOR, 0.15),
            (ObjectClass.JET, 0.08),
            (ObjectClass.BIRD, 0.1),
            (ObjectClass.HELICOPTER, 0.05),
            (ObjectClass.BALLOON, 0.02),
            (ObjectClass.GROUND_SOURCE, 0.1),
        ),
        civil_airspace_closed=True,
    )


def emplaced() -> tuple[Emplacement, ...]:
    """Return all sensors; the same for every seed."""
    return (*_microphones(), *_arrays(), *_observers(), *_radars(), *_receivers())


def _microphones() -> Iterator[Emplacement]:
    frame, number = Frame.at(CENTRE), 0
    for away_km, count, ambient_db in RINGS:
        for index in range(count):
            number += 1
            chance = stream(0, "kyiv", f"mic-{number:02}")
            turn = 2.0 * math.pi * (index + 0.25 * float(chance.uniform(-1.0, 1.0))) / count
            range_m = 1_000.0 * away_km + float(chance.uniform(-800.0, 800.0))
            lat, lon, _ = frame.to_geodetic(range_m * math.sin(turn), range_m * math.cos(turn), 0.0)
            yield _microphone(f"mic-{number:02}", lat, lon, ambient_db + 2.0 * float(chance.uniform(-1.0, 1.0)))


def _microphone(name: str, lat_deg: float, lon_deg: float, ambient_db: float) -> Emplacement:
    quirk = Quirk(loss_db=15.0 if name == DEAF else 0.0, clock_s=2.0 if name == WRONG_CLOCK else None)
    sensor = Sensor(
        id=name,
        kind=SensorKind.MICROPHONE,
        position=Place(lat_deg=round(lat_deg, 5), lon_deg=round(lon_deg, 5), alt_m=GROUND_M + 5.0),
        position_sigma_m=10.0,
        clock_sigma_s=0.1,
        coverage=_reach(PLANNED_MICROPHONE_M, ambient_db),
        pd=0.8,
        false_per_scan=0.004,
    )
    return Emplacement(sensor, quirk, _link(name), _dark(lat_deg, lon_deg), {"ambient_db": ambient_db})


def _arrays() -> Iterator[Emplacement]:
    for number, (lat_deg, lon_deg, ambient_db) in enumerate(ARRAYS, 1):
        name = f"array-{number:02}"
        # Magnetic taken for true north.
        quirk = Quirk(heading_deg=8.5 if name == WRONG_NORTH else None)
        sensor = Sensor(
            id=name,
            kind=SensorKind.ARRAY,
            position=Place(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=GROUND_M + 4.0),
            position_sigma_m=5.0,
            heading_sigma_deg=2.0,
            clock_sigma_s=0.02,
            coverage=_reach(PLANNED_ARRAY_M, ambient_db),
            pd=0.85,
            false_per_scan=0.02,
        )
        # Eight microphones would add 9 dB; the wind takes some of their coherence.
        traits = {"ambient_db": ambient_db, "gain_db": 7.0}
        yield Emplacement(sensor, quirk, _link(name), _dark(lat_deg, lon_deg), traits)


def _observers() -> Iterator[Emplacement]:
    for number, (lat_deg, lon_deg) in enumerate(OBSERVERS, 1):
        sensor = Sensor(
            id=f"observer-{number}",
            kind=SensorKind.OBSERVER,
            position=Place(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=GROUND_M + 2.0),
            position_sigma_m=50.0,
            heading_sigma_deg=8.0,
            clock="watch",
            clock_sigma_s=2.0,
            coverage=Coverage(max_m=3_000.0, soft_m=1_000.0),
            pd=0.5,
            false_per_scan=0.01,
            period_s=10.0,
            propagation=Propagation.SOUND,
        )
        # Someone listens, turns, looks at a phone, types: the report comes late. A pointing arm is right within 15°.
        link = Link(median_s=6.0, spread=0.4, lost_share=0.1)
        yield Emplacement(sensor, Quirk(), link, (), {"ambient_db": 33.0, "gain_db": 2.0, "bearing_scale": 4.0})


def _radars() -> Iterator[Emplacement]:
    for number, (lat_deg, lon_deg) in enumerate(RADARS, 1):
        sensor = Sensor(
            id=f"radar-{number}",
            kind=SensorKind.RADAR,
            position=Place(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=GROUND_M + 20.0),
            position_sigma_m=2.0,
            heading_sigma_deg=0.3,
            clock="gps",
            clock_sigma_s=0.01,
            coverage=Coverage(min_m=200.0, max_m=24_000.0, soft_m=3_000.0, el_deg=(0.0, 60.0)),
            pd=0.85,
            false_per_scan=10.0,
        )
        # 46 km at 1 m² are 26 km against a piston drone of 0.1 m². Woods mask 0.35°. The second's north is 0.4° off.
        traits = {"reach_m": 46_000.0, "instrumented_m": 30_000.0, "mask_deg": 0.35, "ground_m": GROUND_M}
        quirk = Quirk(heading_deg=0.4 if number == 2 else None)
        yield Emplacement(sensor, quirk, Link(median_s=0.1), (), traits)


def _receivers() -> Iterator[Emplacement]:
    for number, (lat_deg, lon_deg) in enumerate(REMOTE_ID, 1):
        place = Place(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=GROUND_M + 15.0)
        sensor = Sensor(
            id=f"rid-{number}", kind=SensorKind.REMOTE_ID, position=place, coverage=Coverage(max_m=2_500.0), pd=0.5
        )
        yield Emplacement(sensor, Quirk(), _link(sensor.id), (), {"mast_m": 15.0})
    place = Place(lat_deg=50.44, lon_deg=30.50, alt_m=GROUND_M + 40.0)
    sensor = Sensor(id="adsb-1", kind=SensorKind.ADSB, position=place, coverage=Coverage(max_m=200_000.0), pd=0.9)
    yield Emplacement(sensor, Quirk(), Link(median_s=0.05), (), {"mast_m": 40.0})


def _reach(planned_m: float, ambient_db: float) -> Coverage:
    max_m = planned_m * 2.0 ** ((PLANNED_DB - ambient_db) / 6.0)
    return Coverage(max_m=round(max_m, -1), soft_m=round(max_m / 6.0, -1))


def _link(name: str) -> Link:
    return LATE if int(name.rsplit("-", 1)[1]) % 3 == 0 else Link(lost_share=0.01)


def _dark(lat_deg: float, lon_deg: float) -> tuple[tuple[float, float], ...]:
    (south, north), (west, east) = DARK_BOX
    return DARK_S if south <= lat_deg <= north and west <= lon_deg <= east else ()
