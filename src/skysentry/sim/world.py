"""What is in the air: flyers with their flown paths, their voice, echo and radio, and where each is at any instant.

All times are seconds on the scenario's clock, all positions Earth-centred metres. Before its flight begins and after it
ends a flyer stands still and is silent; `alive` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skysentry.events import ObjectClass, Truth
from skysentry.geo import Array, geodetic, rotation_enu
from skysentry.sim.motion import STEP_S, Flight

NANO = 1_000_000_000


@dataclass(frozen=True)
class Transmitter:
    """The radio identity of a flyer: a Remote ID serial and its operator's place, or an ICAO address and a callsign."""

    serial: str | None = None
    operator: tuple[float, float] | None = None
    icao24: str | None = None
    callsign: str = ""


@dataclass(frozen=True)
class Flyer:
    """One thing in the air. `echo_m2` is its mean radar cross-section, `video_dbm` what its radio link radiates."""

    name: str
    kind: ObjectClass
    flight: Flight
    threat: bool
    echo_m2: float
    size_m: float = 1.0
    video_dbm: float | None = None
    radio: Transmitter = field(default_factory=Transmitter)


class World:
    """All flyers, stacked: `points_m` [shape=(flyers, samples, 3)] each `STEP_S` from `first_s` on."""

    def __init__(self, flyers: Sequence[Flyer]) -> None:
        self.flyers = tuple(flyers)
        self.begin_s = np.array([one.flight.begin_s for one in flyers])
        self.end_s = np.array([one.flight.end_s for one in flyers])
        # Each flight keeps its own clock: rows differ in their first sample.
        self.length = np.array([len(one.flight.points_m) for one in flyers])
        self.first = np.concatenate([[0], np.cumsum(self.length)[:-1]]).astype(np.intp)
        self.points_m = np.concatenate([one.flight.points_m for one in flyers])

    def present(self, time_s: float, memory_s: float = 0.0) -> list[int]:
        """Return the flyers in the air at a time, or whose sound of the last `memory_s` may still be under way."""
        return np.flatnonzero((self.begin_s <= time_s + 1.0) & (self.end_s >= time_s - memory_s)).tolist()

    def alive(self, which: Sequence[int], time_s: Array) -> NDArray[np.bool_]:
        """Return a mask [shape of time_s, its last axis the flyers] of those in the air at these times."""
        rows = np.asarray(which, dtype=np.intp)
        mask: NDArray[np.bool_] = (time_s >= self.begin_s[rows]) & (time_s <= self.end_s[rows])
        return mask

    def at(self, which: Sequence[int], time_s: Array) -> tuple[Array, Array]:
        """Return positions and velocities [shape=(*time_s.shape, 3)]; the last axis of `time_s` runs over `which`."""
        rows = np.asarray(which, dtype=np.intp)
        place = (time_s - self.begin_s[rows]) / STEP_S
        index = np.clip(place.astype(np.intp), 0, self.length[rows] - 2)
        share = np.clip(place - index, 0.0, 1.0)[..., None]
        before = self.points_m[self.first[rows] + index]
        step = self.points_m[self.first[rows] + index + 1] - before
        return before + share * step, step / STEP_S

    def truths(self, time_s: float, start_ns: int) -> list[Truth]:
        """Return where everything in the air is at a time."""
        which = [one for one in self.present(time_s) if self.begin_s[one] <= time_s <= self.end_s[one]]
        if not which:
            return []
        places, speeds = self.at(which, np.full(len(which), time_s))
        time_ns = start_ns + round(time_s * NANO)
        return [
            self._truth(self.flyers[one], place, speed, time_ns)
            for one, place, speed in zip(which, places, speeds, strict=True)
        ]

    def _truth(self, flyer: Flyer, place: Array, speed: Array, time_ns: int) -> Truth:
        lat, lon, alt = geodetic(float(place[0]), float(place[1]), float(place[2]))
        east, north, up = (rotation_enu(lat, lon) @ speed).tolist()
        return Truth(
            id=f"truth:{flyer.name}@{time_ns}",
            time_ns=time_ns,
            received_ns=time_ns,
            object=flyer.name,
            lat_deg=lat,
            lon_deg=lon,
            alt_m=alt,
            velocity_mps=(east, north, up),
            object_class=flyer.kind,
            threat=flyer.threat,
        )
