"""A zone on flat ground and tracks made by hand in metres around its middle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from skysentry.alerting.alerter import Alerter
from skysentry.events import (
    Action,
    Affiliation,
    Alert,
    AnyEvent,
    ObjectClass,
    Order,
    Track,
    TrackEnd,
    TrackStatus,
)
from skysentry.geo import Frame
from skysentry.site import Ring, Sensor, SensorKind, Site, Zone

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LAT, LON = 50.45, 30.52
PISTON = ((ObjectClass.FIXED_WING_PISTON, 0.95),)


class Scene:
    """One square zone, 2 km wide; positions in metres east and north of its middle, seconds from a start."""

    def __init__(self) -> None:
        self.frame = Frame.at_geodetic(LAT, LON, 0.0)
        self.zone = self.square("home", 1000.0)
        self.site = Site(zones=(self.zone,), sensors=(Sensor(id="rid", kind=SensorKind.REMOTE_ID),))

    def lon_lat(self, east_m: float, north_m: float) -> tuple[float, float]:
        lat, lon, _ = self.frame.to_geodetic(east_m, north_m, 0.0)
        return lon, lat

    def ring(self, half_m: float, east_m: float = 0.0, north_m: float = 0.0) -> Ring:
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
        return tuple(self.lon_lat(east_m + x * half_m, north_m + y * half_m) for x, y in corners)

    def square(self, name: str, half_m: float, east_m: float = 0.0, north_m: float = 0.0) -> Zone:
        return Zone(id=name, name=name.title(), polygons=((self.ring(half_m, east_m, north_m),),))

    def ns(self, second: float) -> int:
        return START + round(second * 10) * (SECOND // 10)

    def track(
        self,
        second: float,
        east_m: float,
        north_m: float,
        ve_mps: float,
        vn_mps: float,
        *,
        name: str = "t1",
        status: TrackStatus = TrackStatus.CONFIRMED,
        classes: Sequence[tuple[ObjectClass, float]] = PISTON,
        affiliation: Affiliation = Affiliation.UNKNOWN,
        sigma_m: float = 30.0,
        sigma_mps: float = 2.0,
        alt_m: float = 300.0,
        existence: float = 0.95,
        seen: float | None = None,
        end: TrackEnd | None = None,
        first: float = 0.0,
    ) -> Track:
        lat, lon, _ = self.frame.to_geodetic(east_m, north_m, 0.0)
        variances = {0: sigma_m, 6: sigma_m, 11: 20.0, 15: sigma_mps, 18: sigma_mps, 20: 1.0}
        time_ns = self.ns(second)
        return Track(
            id=f"{name}@{time_ns}",
            time_ns=time_ns,
            received_ns=time_ns,
            track_id=name,
            status=status,
            lat_deg=lat,
            lon_deg=lon,
            alt_m=alt_m,
            velocity_mps=(ve_mps, vn_mps, 0.0),
            cov=tuple(variances.get(i, 0.0) ** 2 for i in range(21)),
            existence=existence,
            first_ns=self.ns(first),
            last_seen_ns=time_ns if seen is None else self.ns(seen),
            classes=tuple(classes),
            affiliation=affiliation,
            end=end,
        )

    def order(self, second: float, action: Action, target: str, **rest: object) -> Order:
        time_ns = self.ns(second)
        fields = {"by": "anna", "id": f"order:{action.value}:{target}@{time_ns}"} | rest
        return Order(time_ns=time_ns, received_ns=time_ns, action=action, target=target, **fields)  # type: ignore[arg-type]

    def inbound(self, second: float, *, start_m: float = 20_000.0, speed: float = 50.0, name: str = "t1") -> Track:
        """A piston drone flying straight at the middle from the west."""
        return self.track(second, -start_m + speed * second, 0.0, speed, 0.0, name=name)

    def ringing(self, second: float, radius_m: float, speed: float = 48.0) -> Track:
        """A drone that circles the middle."""
        angle = speed / radius_m * second
        east, north = radius_m * math.cos(angle), radius_m * math.sin(angle)
        return self.track(second, east, north, -speed * math.sin(angle), speed * math.cos(angle))

    def play(
        self,
        alerter: Alerter,
        seconds: int,
        tracks: Callable[[int], Sequence[AnyEvent]] = lambda second: (),
        first: int = 0,
    ) -> list[Alert]:
        """Step second by second and return the alerts."""
        made: list[AnyEvent] = []
        for second in range(first, seconds):
            made += alerter.step(self.ns(second), list(tracks(second)))
        return [event for event in made if isinstance(event, Alert)]


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Stateless, so one for all tests."""
    return Scene()
