"""Two drones fly at a zone past one radar: the smallest run that makes tracks and alerts. Written for tests alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from skysentry.events import AnyEvent, Detection, Place, RangeAzEl, Scan, scan_id
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site, Zone

START_NS = 1_795_482_000_000_000_000
CENTRE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
_SQUARE = ((29.97, 49.98), (30.03, 49.98), (30.03, 50.02), (29.97, 50.02), (29.97, 49.98))
SITE = Site(
    name="approach",
    position=CENTRE,
    sensors=(
        Sensor(
            id="radar",
            kind=SensorKind.RADAR,
            position=CENTRE,
            coverage=Coverage(max_m=15_000.0, el_deg=(-5.0, 60.0)),
            pd=0.9,
            false_per_scan=0.1,
        ),
    ),
    zones=(Zone(id="town", name="Town", polygons=((_SQUARE,),)),),
)


def approach(looks: int = 60, start_ns: int = START_NS, seed: int = 1, period_s: float = 1.0) -> Iterator[AnyEvent]:
    """Yield one radar scan a period, 130 ms late: two drones come from the north at 48 m/s, 400 m up, 2 km apart."""
    chance = np.random.default_rng(seed)
    frame = Frame.at(CENTRE)
    for look in range(looks):
        time_ns = start_ns + int(look * period_s * 1e9)
        found = []
        for east_m in (-1_000.0, 1_000.0):
            place = (east_m, 9_000.0 - 48.0 * look * period_s, 400.0)
            lat, lon, alt = frame.to_geodetic(*place)
            e, n, u = frame.to_local(lat, lon, alt)
            if chance.random() > 0.9:
                continue
            found.append(
                RangeAzEl(
                    range_m=math.sqrt(e * e + n * n + u * u) + float(chance.normal(0.0, 10.0)),
                    az_deg=math.degrees(math.atan2(e, n)) + float(chance.normal(0.0, 0.3)),
                    el_deg=math.degrees(math.atan2(u, math.hypot(e, n))) + float(chance.normal(0.0, 0.3)),
                    sigma_range_m=10.0,
                    sigma_az_deg=0.3,
                    sigma_el_deg=0.3,
                )
            )
        name = scan_id("radar", time_ns)
        detections = tuple(Detection(id=f"{name}#{i}", measurement=z) for i, z in enumerate(found))
        yield Scan(id=name, time_ns=time_ns, received_ns=time_ns + 130_000_000, sensor="radar", detections=detections)
