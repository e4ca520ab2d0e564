"""The sensors that speak: those of the site, those that move, those that nobody declared."""

from __future__ import annotations

from skysentry.events import Scan
from skysentry.geo import Frame
from skysentry.site import Sensor, SensorKind, Site
from skysentry.tracking.intake.batch import Listener, listener
from skysentry.tracking.models.measure import L_SENSOR

# Sensors that the site does not know: a hostile source may invent names; the oldest is forgotten beyond this.
MOST_STRANGERS = 1_000


class Roster:
    """Listeners by sensor id. Holds no state that a snapshot needs: all follows from the site and the scans."""

    def __init__(self, site: Site, frame: Frame, numbers: dict[str, int] | None = None) -> None:
        """`numbers` are those of the sensors where the site is part of a larger one: a track that moves keeps them."""
        self.frame = frame
        self.weather = site.weather
        self.sensors = {sensor.id: sensor for sensor in site.sensors}
        self.known = {sensor.id: listener(sensor, frame, site.weather) for sensor in site.sensors}
        self.numbers = numbers or {name: number for number, name in enumerate(self.known, 1)}
        for name, own in self.known.items():
            own.look[L_SENSOR] = self.numbers[name]
        self.strangers: dict[str, Listener] = {}
        self.places = {
            key: (float(own.look[6]), float(own.look[7]), float(own.look[8]))
            for key, own in self.known.items()
            if own.placed
        }

    def listener(self, scan: Scan) -> Listener:
        """Return who made this scan, where it stands now."""
        own = self.known.get(scan.sensor)
        if own is None:
            own = self._stranger(scan.sensor)
        if scan.position is not None or scan.reach_m is not None:
            own = self._moved(scan, own)
        return own

    def _stranger(self, name: str) -> Listener:
        own = self.strangers.get(name)
        if own is None:
            if len(self.strangers) >= MOST_STRANGERS:
                del self.strangers[next(iter(self.strangers))]
            own = listener(Sensor(id=name, kind=SensorKind.EXTERNAL), self.frame, self.weather)
            self.strangers[name] = own
        return own

    def _moved(self, scan: Scan, own: Listener) -> Listener:
        sensor = self.sensors.get(scan.sensor) or Sensor(id=scan.sensor, kind=SensorKind.EXTERNAL)
        if scan.position is not None:
            number = own.look[L_SENSOR]
            own = listener(sensor, self.frame, self.weather, scan.position)
            own.look[L_SENSOR] = number
        return own if scan.reach_m is None else own.reaching(scan.reach_m)
