"""What looks along a direction: a turning camera, and a receiver that finds the direction of a radio link.

A camera sees what subtends enough pixels against the sky, with a haze that wanders; it also sees insects and leaves. A
direction finder hears who radiates, with an error that grows as the signal weakens, and an interferer that stays in one
place. Both report angles alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from skysentry.events import AzEl, Bearing, Detection, ObjectClass, Scan, scan_id
from skysentry.geo import Array
from skysentry.sim.chance import Wander
from skysentry.sim.hearing import named
from skysentry.sim.opinion import LOOKED_AT, SEEN, ratios
from skysentry.sim.posts import Post
from skysentry.sim.world import World

# A detector needs about this many pixels across; a 1080p camera of 4° field, as a scan of a sector takes it, has 480 a
# degree.
NEED_PIXELS, PIXELS_PER_DEG = 6.0, 480.0
# Haze, light and background move the size that is needed, in ln, over half a minute.
HAZE, HAZE_TAU_S = 0.3, 30.0
CAMERA_SIGMA_DEG = 0.15
# The direction finder: noise of 20 MHz is −95 dBm, a directional antenna and a look of a second gain what the threshold
# needs and 5 dB more; error at 0 dB over it, floor of the antenna.
RF_HZ, RF_FLOOR_DBM, RF_SIGMA_DEG, RF_FLOOR_DEG = 5.8e9, -100.0, 12.0, 2.5
SHADOW_DB, SHADOW_TAU_S = 5.0, 8.0
LIGHT_MPS = 299_792_458.0


class Looker:
    """What camera and direction finder share: who is where in the post's own frame, and a scan of what was found."""

    def __init__(self, post: Post, world: World) -> None:
        assert post.believed is not None, "what looks has a position"
        self.post, self.world, self.rotation = post, world, post.believed.rotation
        self.period_s = post.sensor.period_s

    def places(self, time_s: float) -> dict[int, Array]:
        """Return east, north, up in metres of each flyer in the air."""
        which = self.world.present(time_s)
        times = np.full(len(which), time_s)
        places, _ = self.world.at(which, times)
        alive = self.world.alive(which, times)
        return {
            one: self.rotation @ (place - self.post.place_m)
            for one, place, there in zip(which, places, alive, strict=True)
            if there
        }

    def scan(self, time_s: float, found: list[Detection]) -> Scan:
        """Return the scan that holds these detections."""
        time_ns = self.post.stamp_ns(time_s)
        scan = scan_id(self.post.sensor.id, time_ns)
        sigma_ns = round(self.post.sensor.clock_sigma_s * 1e9)
        return Scan(
            id=scan,
            time_ns=time_ns,
            received_ns=time_ns,
            sensor=self.post.sensor.id,
            time_sigma_ns=sigma_ns,
            detections=tuple(named(scan, found)),
        )


class Camera(Looker):
    """A camera that scans its sector once a period."""

    def __init__(self, post: Post, world: World) -> None:
        super().__init__(post, world)
        self.haze = Wander(HAZE, HAZE_TAU_S, self.period_s)
        self.doubt = Wander(1.0, 5.0, self.period_s)

    def look(self, begin_s: float) -> Iterator[tuple[Post, float, Scan]]:
        """Yield the scan of the period that begins now."""
        chance, time_s = self.post.chance, begin_s + self.post.phase_s
        draws = chance.standard_normal((len(self.world.flyers), 4))
        haze = float(self.haze.step(chance.standard_normal(1))[0])
        words = self.doubt.step(chance.standard_normal((len(self.world.flyers) + 1, len(LOOKED_AT))))
        false = [self._false(words[-1]) for _ in range(int(chance.poisson(self.post.sensor.false_per_scan)))]
        if not self.post.powered(time_s):
            return
        found = []
        for index, enu in self.places(time_s).items():
            range_m = float(np.linalg.norm(enu))
            pixels = math.degrees(self.world.flyers[index].size_m / range_m) * PIXELS_PER_DEG
            over = math.log(pixels / NEED_PIXELS) + haze + 0.25 * float(draws[index, 0])
            el_deg = math.degrees(math.asin(float(enu[2]) / range_m))
            if over <= 0.0 or el_deg < 0.5 or range_m > self.post.sensor.coverage.max_m:
                continue
            az_deg = math.degrees(math.atan2(float(enu[0]), float(enu[1]))) + self.post.heading_error_deg
            kind = self.world.flyers[index].kind
            means = SEEN.get(kind, SEEN[ObjectClass.OTHER])
            off = CAMERA_SIGMA_DEG * draws[index]
            found.append(
                Detection(
                    id="-",
                    measurement=_azel(az_deg + float(off[1]), el_deg + float(off[2])),
                    class_llr=ratios(means, LOOKED_AT, 6.0 * over, words[index]),
                    features=(("pixels", round(pixels, 1)),),
                )
            )
        yield self.post, time_s, self.scan(time_s, found + false)

    def _false(self, words: Array) -> Detection:
        az_deg, el_deg = float(self.post.chance.uniform(0.0, 360.0)), float(self.post.chance.uniform(0.5, 20.0))
        llr = ratios(SEEN[ObjectClass.OTHER], LOOKED_AT, 0.0, words)
        return Detection(id="-", measurement=_azel(az_deg, el_deg), class_llr=llr)


class Direction(Looker):
    """A receiver with a directional antenna for the links between drones and their pilots."""

    def __init__(self, post: Post, world: World) -> None:
        super().__init__(post, world)
        self.shadow = Wander(SHADOW_DB, SHADOW_TAU_S, self.period_s)
        self.interferer_deg = float(post.chance.uniform(0.0, 360.0))

    def look(self, begin_s: float) -> Iterator[tuple[Post, float, Scan]]:
        """Yield the scan of the period that begins now."""
        chance, time_s = self.post.chance, begin_s + self.post.phase_s
        draws = chance.standard_normal((len(self.world.flyers), 2))
        shadow_db = self.shadow.step(draws[:, 0])
        false, error = chance.random(), float(chance.standard_normal())
        if not self.post.powered(time_s):
            return
        found = [
            hit
            for index, enu in self.places(time_s).items()
            if (hit := self._hit(index, enu, float(shadow_db[index]), float(draws[index, 1])))
        ]
        if false < self.post.sensor.false_per_scan:
            found.append(self._bearing(self.interferer_deg + 3.0 * error, 3.0, 5.0))
        yield self.post, time_s, self.scan(time_s, found)

    def _hit(self, index: int, enu: Array, shadow_db: float, error: float) -> Detection | None:
        flyer, range_m = self.world.flyers[index], float(np.linalg.norm(enu))
        if flyer.video_dbm is None:
            return None
        loss_db = 20.0 * math.log10(4.0 * math.pi * range_m * RF_HZ / LIGHT_MPS)
        over_db = flyer.video_dbm - loss_db + shadow_db - RF_FLOOR_DBM
        if over_db <= 0.0:
            return None
        sigma_deg = max(RF_FLOOR_DEG, RF_SIGMA_DEG * 10.0 ** (-over_db / 20.0))
        true_deg = math.degrees(math.atan2(float(enu[0]), float(enu[1])))
        return self._bearing(true_deg + sigma_deg * error + self.post.heading_error_deg, sigma_deg, over_db)

    def _bearing(self, bearing_deg: float, sigma_deg: float, over_db: float) -> Detection:
        measured = Bearing(bearing_deg=round(bearing_deg % 360.0, 2), sigma_deg=round(sigma_deg, 2))
        llr = ((ObjectClass.MULTIROTOR, 2.0), (ObjectClass.BIRD, -3.0))
        return Detection(id="-", measurement=measured, class_llr=llr, snr_db=round(over_db, 1))


def _azel(az_deg: float, el_deg: float) -> AzEl:
    return AzEl(
        az_deg=round(az_deg % 360.0, 3),
        el_deg=round(max(-90.0, min(90.0, el_deg)), 3),
        sigma_az_deg=CAMERA_SIGMA_DEG,
        sigma_el_deg=CAMERA_SIGMA_DEG,
    )
