"""Where sensors really stand and how they really are, beside what the site believes of them; and the links they have.

A `Post` holds the belief (`Sensor`) and the truth: a heading, clock and position error drawn from the declared sigmas,
or the gross errors of an outlier, which nobody declared. Its link delays, loses and sometimes holds messages back; a
power cut silences it: no scan, not an empty one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skysentry.geo import Array, Frame
from skysentry.sim.chance import stream
from skysentry.sim.world import NANO
from skysentry.site import Sensor

# A node sums up its look and hands it to the network.
PROCESSING_S = 0.05


@dataclass(frozen=True)
class Quirk:
    """What is wrong with a sensor and was not declared. An absent error is drawn from the declared sigma."""

    heading_deg: float | None = None
    clock_s: float | None = None
    loss_db: float = 0.0


@dataclass(frozen=True)
class Link:
    """How messages travel: lognormal delay about `median_s`, a share held back by `late_s`, a share lost."""

    median_s: float = 0.2
    spread: float = 0.4
    late_share: float = 0.0
    late_s: tuple[float, float] = (1.0, 5.0)
    lost_share: float = 0.005


@dataclass(frozen=True)
class Emplacement:
    """A sensor as declared, with its quirk, its link and the times (from, to) in seconds when it has no power."""

    sensor: Sensor
    quirk: Quirk = Quirk()
    link: Link = Link()
    dark_s: tuple[tuple[float, float], ...] = ()
    traits: dict[str, float] = field(default_factory=dict)


class Post:
    """A sensor in the field: true place and errors, its streams of chance, its clock and its link."""

    def __init__(self, placed: Emplacement, seed: int, start_ns: int) -> None:
        self.sensor, self.quirk, self.link = placed.sensor, placed.quirk, placed.link
        self.dark_s, self.traits, self.start_ns = placed.dark_s, placed.traits, start_ns
        self.chance = stream(seed, placed.sensor.id)
        self.network = stream(seed, placed.sensor.id, "link")
        survey = stream(seed, placed.sensor.id, "survey")
        sensor, errors = placed.sensor, survey.standard_normal(5)
        heading_deg, clock_s = placed.quirk.heading_deg, placed.quirk.clock_s
        self.heading_error_deg = sensor.heading_sigma_deg * float(errors[0]) if heading_deg is None else heading_deg
        self.clock_error_s = sensor.clock_sigma_s * float(errors[1]) if clock_s is None else clock_s
        # A sensor looks once a period at a phase of its own.
        self.phase_s = float(survey.uniform(0.0, sensor.period_s))
        self.believed = Frame.at(sensor.position) if sensor.position else None
        # The declared sigma is that of the place in the plane, so each axis has 1/√2 of it.
        shift_m = sensor.position_sigma_m / math.sqrt(2.0) * errors[2:4]
        self.place_m = self._placed(float(shift_m[0]), float(shift_m[1]))

    def _placed(self, east_m: float, north_m: float) -> Array:
        if self.believed is None:
            return np.zeros(3)
        local = np.array([east_m, north_m, 0.0])
        place: Array = np.array(self.believed.origin_ecef_m) + self.believed.rotation.T @ local
        return place

    def powered(self, time_s: float) -> bool:
        """Return whether the sensor works at a time."""
        return not any(begin <= time_s < end for begin, end in self.dark_s)

    def stamp_ns(self, time_s: float) -> int:
        """Return what the sensor's own clock says at a true time."""
        return self.start_ns + round((time_s + self.clock_error_s) * NANO)

    def received_ns(self, time_s: float) -> int | None:
        """Return when a message sent at a true time arrives, or `None` where it is lost."""
        normal = float(self.network.standard_normal())
        late, held, lost = (float(one) for one in self.network.random(3))
        delay_s = PROCESSING_S + self.link.median_s * math.exp(self.link.spread * normal)
        if late < self.link.late_share:
            low_s, high_s = self.link.late_s
            delay_s += low_s + held * (high_s - low_s)
        if lost < self.link.lost_share:
            return None
        return self.start_ns + round((time_s + delay_s) * NANO)


def places_m(posts: Sequence[Post]) -> Array:
    """Return where the posts really stand [shape=(posts, 3)], Earth-centred."""
    return np.array([post.place_m for post in posts]).reshape(-1, 3)


def rotations(posts: Sequence[Post]) -> Array:
    """Return the matrices [shape=(posts, 3, 3)] from Earth-centred differences to each post's east, north, up."""
    return np.array([post.believed.rotation for post in posts if post.believed is not None]).reshape(-1, 3, 3)
