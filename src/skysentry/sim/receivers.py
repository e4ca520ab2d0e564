"""Receivers of what flyers say of themselves: Remote ID beacons and Mode S squitters, as real bytes.

A flyer that speaks does so at its own phase once a second (Remote ID: one pack of Basic ID, Location and System in a
Wi-Fi beacon, as F3411 asks; Mode S: two positions and two velocities, a callsign each five seconds, as DO-260B asks).
What it says of its place is its own navigation's opinion, wrong by a few metres that last. A frame is received where
its power, after free-space loss, slow shadowing and Rayleigh fading, passes the receiver's threshold; the receiver of
Remote ID also sits on another channel for half of the time. Nothing received is no `Packet`, not an empty one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from skysentry.events import LinkKind, ObjectClass, Packet
from skysentry.geo import Array, geodetic, rotation_enu
from skysentry.sim import squitter
from skysentry.sim.chance import Wander, stream
from skysentry.sim.posts import Post
from skysentry.sim.radar import horizon_m
from skysentry.sim.world import NANO, Flyer, World
from skysentry.wire import remote_id, wifi

# Slow error of satellite navigation, each axis.
NAVIGATION_M, NAVIGATION_TAU_S = 1.5, 60.0
# Accuracy codes that a small drone's receiver claims: < 10 m horizontally, < 10 m vertically, < 1 m/s.
WITHIN_10_M, VERTICAL_WITHIN_10_M, WITHIN_1_MPS = 10, 4, 3
SHADOW_DB, SHADOW_TAU_S = 4.0, 10.0
WIFI_HZ, WIFI_EIRP_DBM, WIFI_FLOOR_DBM, WIFI_LISTENING = 2.437e9, 18.0, -92.0, 0.5
MODE_S_HZ, MODE_S_EIRP_DBM, MODE_S_FLOOR_DBM = 1.09e9, 51.0, -88.0
# Pressure altitude differs from height above the ellipsoid by the geoid and by the day's pressure.
GEOMETRIC_MINUS_PRESSURE_M = 60.0
CALLSIGN_S = 5
LIGHT_MPS = 299_792_458.0


class Voice:
    """The radio of one flyer: what it says at a time, with the errors of its own navigation."""

    def __init__(self, index: int, flyer: Flyer, seed: int, start_ns: int) -> None:
        self.index, self.flyer, self.start_ns = index, flyer, start_ns
        self.chance = stream(seed, flyer.name, "radio")
        self.phase_s = float(self.chance.uniform(0.0, 0.45))
        self.error = Wander(NAVIGATION_M, NAVIGATION_TAU_S)
        self.address = b"\x02" + hashlib.sha256((flyer.radio.serial or flyer.name).encode()).digest()[:5]
        self.counter = 0

    def state(self, world: World, time_s: float, error_m: Array) -> tuple[Array, tuple[float, ...], tuple[float, ...]]:
        """Return the true place, and geodetic place and velocity (east, north, up) as the flyer believes them."""
        place, speed = world.at([self.index], np.array([time_s]))
        lat, lon, _ = geodetic(*place[0].tolist())
        turn = rotation_enu(lat, lon)
        return place[0], geodetic(*(place[0] + turn.T @ error_m).tolist()), tuple((turn @ speed[0]).tolist())

    def beacon(self, place: tuple[float, ...], velocity_mps: tuple[float, ...], time_s: float) -> bytes:
        """Return the Wi-Fi beacon that it sends at this time."""
        east, north, up = velocity_mps
        radio, time_ns = self.flyer.radio, self.start_ns + round(time_s * NANO)
        operator, now_s = radio.operator or (None, None), time_ns // NANO
        # The format counts from 2019; a play may be set earlier.
        clock_s = now_s if now_s >= remote_id.EPOCH_2019_S else None
        pack = remote_id.encode_pack(
            [
                remote_id.BasicId(id_type=remote_id.IdType.SERIAL, ua_type=2, uas_id=radio.serial or ""),
                remote_id.Location(
                    status=2,
                    direction_deg=math.degrees(math.atan2(east, north)) % 360.0,
                    speed_mps=math.hypot(east, north),
                    vertical_mps=up,
                    lat_deg=place[0],
                    lon_deg=place[1],
                    geodetic_alt_m=place[2],
                    horizontal_accuracy=WITHIN_10_M,
                    vertical_accuracy=VERTICAL_WITHIN_10_M,
                    speed_accuracy=WITHIN_1_MPS,
                    time_s=time_ns % (3600 * NANO) / NANO,
                    time_accuracy=1,
                ),
                remote_id.System(
                    location_type=1, lat_deg=operator[0], lon_deg=operator[1], time_s=clock_s, area_count=1
                ),
            ]
        )
        self.counter += 1
        return wifi.encode_beacon(self.address, pack, self.counter, b"", round(time_s * 1e6))

    def squitters(self, place: tuple[float, ...], velocity_mps: tuple[float, ...]) -> list[bytes]:
        """Return what it sends in this half second: position, velocity, sometimes the callsign."""
        icao24 = self.flyer.radio.icao24 or "000000"
        self.counter += 1
        pressure_m = place[2] - GEOMETRIC_MINUS_PRESSURE_M
        east, north, up = velocity_mps
        frames = [
            squitter.position(icao24, place[0], place[1], pressure_m, odd=self.counter % 2 == 1),
            squitter.velocity(icao24, (east, north, up), GEOMETRIC_MINUS_PRESSURE_M),
        ]
        if self.counter % (2 * CALLSIGN_S) == 1:
            category = 7 if self.flyer.kind is ObjectClass.HELICOPTER else 3
            frames.append(squitter.identity(icao24, self.flyer.radio.callsign, category))
        return frames


class Receivers:
    """All receivers of one kind of radio, hearing the same transmissions each in its own way."""

    period_s = 1.0

    def __init__(self, posts: Sequence[Post], world: World, seed: int, start_ns: int, link: LinkKind) -> None:
        self.posts, self.world, self.link = tuple(posts), world, link
        self.voices = [
            Voice(index, flyer, seed, start_ns)
            for index, flyer in enumerate(world.flyers)
            if (flyer.radio.serial if link is LinkKind.WIFI else flyer.radio.icao24) is not None
        ]
        self.shadows = [[Wander(SHADOW_DB, SHADOW_TAU_S) for _ in self.voices] for _ in self.posts]

    def look(self, begin_s: float) -> Iterator[tuple[Post, float, Packet]]:
        """Yield the packets received in the second that begins now."""
        for column, voice in enumerate(self.voices):
            error_m = voice.error.step(voice.chance.standard_normal(3))
            shadows = [
                float(row[column].step(np.array([post.chance.standard_normal()]))[0])
                for post, row in zip(self.posts, self.shadows, strict=True)
            ]
            for time_s, frames, place in self._sent(voice, begin_s, error_m):
                for post, shadow_db in zip(self.posts, shadows, strict=True):
                    yield from self._received(post, time_s, frames, place, shadow_db)

    def _sent(self, voice: Voice, begin_s: float, error_m: Array) -> Iterator[tuple[float, list[bytes], Array]]:
        """Yield the times of this second at which a flyer sends, the frames, and where it is."""
        halves = (0.0,) if self.link is LinkKind.WIFI else (0.0, 0.5)
        for half in halves:
            time_s = begin_s + half + voice.phase_s
            if not voice.flyer.flight.begin_s <= time_s <= voice.flyer.flight.end_s:
                continue
            place, believed, velocity = voice.state(self.world, time_s, error_m)
            if self.link is LinkKind.WIFI:
                yield time_s, [voice.beacon(believed, velocity, time_s)], place
            else:
                yield time_s, voice.squitters(believed, velocity), place

    def _received(
        self, post: Post, time_s: float, frames: list[bytes], place: Array, shadow_db: float
    ) -> Iterator[tuple[Post, float, Packet]]:
        enu = post.believed.rotation @ (place - post.place_m) if post.believed else np.zeros(3)
        range_m = max(float(np.linalg.norm(enu)), 1.0)
        wide = self.link is LinkKind.WIFI
        hertz, eirp_dbm, floor_dbm = (
            (WIFI_HZ, WIFI_EIRP_DBM, WIFI_FLOOR_DBM) if wide else (MODE_S_HZ, MODE_S_EIRP_DBM, MODE_S_FLOOR_DBM)
        )
        loss_db = 20.0 * math.log10(4.0 * math.pi * range_m * hertz / LIGHT_MPS)
        mast_m = post.traits.get("mast_m", 10.0)
        above_m = mast_m + float(enu[2]) + float(enu[0] ** 2 + enu[1] ** 2) / 12.74e6
        hidden = range_m > horizon_m(mast_m, above_m)
        for number, frame in enumerate(frames):
            fade = float(post.chance.standard_exponential())
            elsewhere = wide and post.chance.random() >= WIFI_LISTENING
            rssi_dbm = eirp_dbm - loss_db + shadow_db + 10.0 * math.log10(fade + 1e-9)
            if rssi_dbm < floor_dbm or hidden or elsewhere or not post.powered(time_s):
                continue
            # Frames of one burst follow within a millisecond.
            time_ns = post.stamp_ns(time_s) + number * NANO // 1000
            yield (
                post,
                time_s + number * 1e-3,
                Packet(
                    id=f"packet:{post.sensor.id}@{time_ns}",
                    time_ns=time_ns,
                    received_ns=time_ns,
                    sensor=post.sensor.id,
                    link=self.link,
                    data=frame,
                    rssi_dbm=round(rssi_dbm, 1),
                    channel=6 if wide else None,
                    crc_ok=True,
                ),
            )
