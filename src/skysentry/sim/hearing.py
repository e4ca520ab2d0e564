"""Microphones, arrays and people who listen: signal against noise, not a curve over range.

Level at the ear = source level − 20 log r − absorption (summed over octave bands) − shadow. What is heard is decided by
the ratio to the ear's own noise, with fading that lasts: 6 s of turbulence and a minute of terrain for each pair of ear
and source, gusts for each ear and gusts that all share. So hits and silences come in runs, neighbours fail together,
and reach differs upwind and downwind; none of this is the curve that a site declares.

A microphone says `Presence`, stamped at arrival; an array the direction of the wave front, wrong by its mounting, by
refraction and by the noise; two sources closer than its resolution are one. Confusers (motorcycles, mowers) pass by at
the declared rate, but stay for seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skysentry.events import Bearing, Detection, ObjectClass, Presence, Scan, scan_id
from skysentry.geo import Array, Frame
from skysentry.sim import air
from skysentry.sim.chance import Wander, normals, stream, uniforms
from skysentry.sim.opinion import HEARD, NOISE_TAU_S, SPOKEN, Ratios, ratios
from skysentry.sim.posts import Post, places_m, rotations
from skysentry.sim.world import World
from skysentry.site import SensorKind, Site

C = ObjectClass
# Source level at 1 m (dB re 20 µPa, 60 Hz to 4 kHz), assumed: field figures give 100 dB a harmonic for piston engines,
# 65 to 80 dB for small quadcopters; what the analysis gains by the comb (dB); octave levels about the sum (dB).
VOICES: dict[ObjectClass, tuple[float, float, tuple[float, ...]]] = {
    C.FIXED_WING_PISTON: (104.0, 8.0, (-6.0, -4.0, -5.0, -9.0, -16.0, -28.0)),
    C.JET: (122.0, 3.0, (-12.0, -7.0, -5.0, -5.0, -9.0, -22.0)),
    C.HELICOPTER: (118.0, 8.0, (-3.0, -5.0, -9.0, -12.0, -17.0, -25.0)),
    C.AEROPLANE: (132.0, 4.0, (-8.0, -6.0, -5.0, -7.0, -12.0, -22.0)),
    C.MULTIROTOR: (82.0, 7.0, (-14.0, -7.0, -5.0, -6.0, -8.0, -14.0)),
    C.FIXED_WING_ELECTRIC: (78.0, 7.0, (-12.0, -7.0, -5.0, -6.0, -9.0, -15.0)),
}
# A detector that gives a false alarm in a few hundred looks needs about this ratio after its gain.
THRESHOLD_DB = 8.0
# Ambient noise of a quiet night outside (dB, same band) where the post says nothing else.
AMBIENT_DB = 30.0
# The microphone's own noise: what remains when its port is blocked.
SELF_NOISE_DB = 27.0
# Over kilometres turbulence moves the level of a tone by some 4 dB within seconds; woods and valleys between a moving
# source and the ear do within a minute; a second's estimate of a level scatters by itself.
FADE_DB, FADE_TAU_S = 4.0, 6.0
TERRAIN_DB, TERRAIN_TAU_S = 3.0, 60.0
FLICKER_DB = 1.5
# Noise at one ear follows its own gusts and those of the front that all share.
GUST_DB, GUST_TAU_S = 2.0, 30.0
SHARED_DB, SHARED_TAU_S = 1.5, 90.0
# Throttle and aspect make a source louder and softer for everyone.
THROTTLE_DB, THROTTLE_TAU_S = 1.5, 15.0
# Refraction turns what an array sees by 1 to 5° with the mounting; the part of it that wanders.
REFRACTION_DEG, REFRACTION_TAU_S = 1.0, 20.0
# At 0 dB over the threshold an array of the size assumed (r = 0.5 m, 60–600 Hz) is right within this.
BEARING_DEG, BEARING_FLOOR_DEG = 3.5, 1.0
# Two sources nearer than this are one peak of the beamformer; more than four it does not report.
RESOLUTION_DEG, MOST_BEARINGS = 12.0, 4
# A confuser is heard for about this long, in seven looks of ten.
CONFUSER_S, CONFUSER_SHARE = 8.0, 0.7
# It is heard just over the threshold: a louder one a detector's background model learns.
CONFUSER_DB = 2.0
# Sound under way: 20 km take a minute.
MEMORY_S = 60.0


class Heard(NamedTuple):
    """What reaches one ear in one look, by source: dB over the threshold, the way there [shape=(sources, 3)], standard
    errors of direction and of opinion; the turn by refraction, and the bearing of a confuser if there is one."""

    over_db: Array
    enu_m: Array
    errors: Array
    words: Array
    bend_deg: float
    false_deg: float | None


class Hearing:
    """All ears of one period, looked at together: scans of a second for the price of a few array operations."""

    def __init__(self, posts: Sequence[Post], world: World, site: Site, seed: int) -> None:
        self.posts, self.world, weather = tuple(posts), world, site.weather
        self.period_s = self.posts[0].sensor.period_s
        self.places_m, self.rotations = places_m(self.posts), rotations(self.posts)
        self.phase_s = np.array([post.phase_s for post in self.posts])
        self.speed_mps = air.speed_of_sound_mps(weather.temperature_c)
        self.wind_enu = air.wind_enu_mps(weather)
        # The wind is level at the site's middle; there its Earth-centred direction is taken.
        self.wind_mps = Frame.at(site.position).rotation.T @ self.wind_enu
        self.gain_db = np.array([post.traits.get("gain_db", 0.0) for post in self.posts])
        self.ambient_db = np.array([post.traits.get("ambient_db", AMBIENT_DB) for post in self.posts])
        self.loss_db = np.array([post.quirk.loss_db for post in self.posts])
        self.directional = [post.sensor.kind is not SensorKind.MICROPHONE for post in self.posts]
        self.sources = [index for index, flyer in enumerate(world.flyers) if flyer.kind in VOICES]
        self.level_db = np.array([VOICES[world.flyers[index].kind][0] for index in self.sources])
        self.comb_db = np.array([VOICES[world.flyers[index].kind][1] for index in self.sources])
        self.octaves_db = np.array([VOICES[world.flyers[index].kind][2] for index in self.sources]).reshape(-1, 6)
        self.air_db = air.absorption_db_per_km(np.array(air.BANDS_HZ), weather.temperature_c, 75.0)
        self.voices = [stream(seed, world.flyers[index].name, "voice") for index in self.sources]
        self.common = stream(seed, "weather")
        self.streams = [post.chance for post in self.posts]
        step = self.period_s
        self.fade, self.terrain = Wander(FADE_DB, FADE_TAU_S, step), Wander(TERRAIN_DB, TERRAIN_TAU_S, step)
        self.gust, self.shared = Wander(GUST_DB, GUST_TAU_S, step), Wander(SHARED_DB, SHARED_TAU_S, step)
        self.throttle = Wander(THROTTLE_DB, THROTTLE_TAU_S, step)
        self.bend, self.doubt = Wander(REFRACTION_DEG, REFRACTION_TAU_S, step), Wander(1.0, NOISE_TAU_S, step)
        self.confusers = [Confuser(post) for post in self.posts]

    def look(self, begin_s: float) -> Iterator[tuple[Post, float, Scan]]:
        """Yield the scans of the period that begins now, with their post and true time, in the order of the posts."""
        times_s = begin_s + self.phase_s
        draws = normals(self.streams, len(self.sources), 4)
        words = self.doubt.step(normals(self.streams, len(self.sources) + 1, len(SPOKEN)))
        noise_db = self._noise(normals(self.streams, 1)[:, 0])
        bend_deg = self.bend.step(normals(self.streams, 1)[:, 0])
        over_db, seen_enu = self._over(begin_s, times_s, noise_db, draws)
        chances = uniforms(self.streams, 4)
        for row, post in enumerate(self.posts):
            false = self.confusers[row].step(*chances[row].tolist())
            time_s = float(times_s[row])
            if not post.powered(time_s):
                continue
            heard = Heard(over_db[row], seen_enu[row], draws[row, :, 3], words[row], float(bend_deg[row]), false)
            yield post, time_s, self._scan(post, time_s, float(noise_db[row]), self._found(row, heard))

    def _noise(self, draws: Array) -> Array:
        """Return the noise at each ear in dB: place, gusts, and what the microphone itself makes."""
        shared = self.shared.step(np.array([self.common.standard_normal()]))
        outside = self.ambient_db + self.gust.step(draws) + shared - self.loss_db
        noise: Array = 10.0 * np.log10(10.0 ** (outside / 10.0) + 10.0 ** (SELF_NOISE_DB / 10.0))
        return noise

    def _over(self, begin_s: float, times_s: Array, noise_db: Array, draws: Array) -> tuple[Array, Array]:
        """Return dB over threshold [shape=(ears, sources)] and the way to each source [shape=(ears, sources, 3)]."""
        fade_db = self.fade.step(draws[..., 0]) + self.terrain.step(draws[..., 1]) + FLICKER_DB * draws[..., 2]
        throttle_db = self.throttle.step(normals(self.voices, 1)[:, 0])
        over_db = np.full(draws.shape[:2], -np.inf)
        seen = np.zeros((*draws.shape[:2], 3))
        present = set(self.world.present(begin_s, MEMORY_S))
        columns = [column for column, index in enumerate(self.sources) if index in present]
        if not columns:
            return over_db, seen
        which = [self.sources[column] for column in columns]
        left_s, vector_m = air.retarded(self.world, which, self.places_m, times_s, self.wind_mps, self.speed_mps)
        enu_m = np.einsum("eij,esj->esi", self.rotations, vector_m)
        lost_db = self._lost(enu_m, columns)
        level_db = self.level_db[columns] + throttle_db[columns] - lost_db - self.loss_db[:, None]
        ratio_db = level_db + self.comb_db[columns] + self.gain_db[:, None] - noise_db[:, None] + fade_db[:, columns]
        over_db[:, columns] = np.where(self.world.alive(which, left_s), ratio_db - THRESHOLD_DB, -np.inf)
        seen[:, columns] = enu_m
        return over_db, seen

    def _lost(self, enu_m: Array, columns: list[int]) -> Array:
        """Return what the way takes in dB [shape=(ears, sources)]."""
        range_m = np.maximum(np.sqrt((enu_m * enu_m).sum(-1)), 1.0)
        bands_db = self.octaves_db[columns] - range_m[..., None] / 1000.0 * self.air_db
        band_sum_db = 10.0 * np.log10((10.0 ** (bands_db / 10.0)).sum(-1) + 1e-30)
        el_deg = np.degrees(np.arcsin(enu_m[..., 2] / range_m))
        downwind_mps = -(enu_m * self.wind_enu).sum(-1) / range_m
        lost: Array = 20.0 * np.log10(range_m) - band_sum_db + air.shadow_db(range_m, el_deg, downwind_mps)
        return lost

    def _found(self, row: int, heard: Heard) -> list[Detection]:
        """Return what one ear reports, without ids."""
        over_db = heard.over_db
        loudest = sorted(np.flatnonzero(over_db > 0.0).tolist(), key=lambda column: (-over_db[column], column))
        if self.directional[row]:
            return self._bearings(self.posts[row], loudest, heard)
        if loudest:
            together_db = 10.0 * math.log10(sum(10.0 ** (float(over_db[column]) / 10.0) for column in loudest))
            return [_presence(together_db, self._opinion(loudest[0], together_db, heard))]
        if heard.false_deg is not None:
            return [_presence(CONFUSER_DB, _mistake(heard))]
        return []

    def _bearings(self, post: Post, loudest: list[int], heard: Heard) -> list[Detection]:
        """Return the bearings that an array resolves, the loudest first."""
        scale = post.traits.get("bearing_scale", 1.0)
        bias_deg = post.heading_error_deg + heard.bend_deg
        found: list[Detection] = []
        taken: list[float] = []
        for column in loudest:
            true_deg = math.degrees(math.atan2(heard.enu_m[column, 0], heard.enu_m[column, 1]))
            if len(taken) == MOST_BEARINGS or any(_apart(true_deg, other) < RESOLUTION_DEG for other in taken):
                continue
            taken.append(true_deg)
            over_db = float(heard.over_db[column])
            sigma_deg = scale * max(BEARING_FLOOR_DEG, BEARING_DEG * 10.0 ** (-over_db / 20.0))
            measured_deg = true_deg + sigma_deg * float(heard.errors[column]) + bias_deg
            found.append(_bearing(measured_deg, sigma_deg, over_db, self._opinion(column, over_db, heard)))
        if heard.false_deg is not None and len(found) < MOST_BEARINGS:
            found.append(_bearing(heard.false_deg, scale * BEARING_DEG, CONFUSER_DB, _mistake(heard)))
        return found

    def _opinion(self, column: int, over_db: float, heard: Heard) -> Ratios:
        return ratios(HEARD[self.world.flyers[self.sources[column]].kind], SPOKEN, over_db, heard.words[column])

    def _scan(self, post: Post, time_s: float, noise_db: float, found: list[Detection]) -> Scan:
        time_ns = post.stamp_ns(time_s)
        scan = scan_id(post.sensor.id, time_ns)
        ambient_db = post.traits.get("ambient_db", AMBIENT_DB)
        # The node's own rule of thumb: 6 dB of noise halve its declared reach. A blocked port fools it.
        reach_m = post.sensor.coverage.max_m * min(1.5, max(0.3, 2.0 ** ((ambient_db - noise_db) / 6.0)))
        return Scan(
            id=scan,
            time_ns=time_ns,
            received_ns=time_ns,
            sensor=post.sensor.id,
            time_sigma_ns=round(post.sensor.clock_sigma_s * 1e9),
            detections=tuple(named(scan, found)),
            noise_db=round(noise_db, 1),
            reach_m=round(reach_m, 0),
        )


class Confuser:
    """Something on the ground that is taken for a thing in the air, at the declared mean rate but in runs."""

    def __init__(self, post: Post) -> None:
        self.stay = math.exp(-post.sensor.period_s / CONFUSER_S)
        # The mean share of looks with a confuser present that makes `false_per_scan` false reports a look.
        share = min(0.5, post.sensor.false_per_scan / CONFUSER_SHARE)
        self.come = share * (1.0 - self.stay) / (1.0 - share)
        self.bearing_deg: float | None = None
        self.drift_deg = 0.0

    def step(self, change: float, where: float, drift: float, heard: float) -> float | None:
        """Return the bearing of a false report in this look, or `None`; takes four uniforms."""
        if self.bearing_deg is None:
            if change >= self.come:
                return None
            self.bearing_deg, self.drift_deg = 360.0 * where, 6.0 * (drift - 0.5)
        elif change >= self.stay:
            self.bearing_deg = None
            return None
        else:
            self.bearing_deg += self.drift_deg
        return self.bearing_deg if heard < CONFUSER_SHARE else None


def named(scan: str, found: Sequence[Detection]) -> Iterator[Detection]:
    """Yield detections with the ids that they have in this scan."""
    for index, one in enumerate(found):
        yield Detection(
            id=f"{scan}#{index}",
            measurement=one.measurement,
            class_llr=one.class_llr,
            snr_db=one.snr_db,
            identity=one.identity,
            features=one.features,
        )


def _mistake(heard: Heard) -> Ratios:
    return ratios(HEARD[C.GROUND_SOURCE], SPOKEN, CONFUSER_DB, heard.words[-1])


def _presence(over_db: float, llr: Ratios) -> Detection:
    level_db = round(over_db + THRESHOLD_DB, 1)
    return Detection(id="-", measurement=Presence(level_db=level_db), class_llr=llr, snr_db=level_db)


def _bearing(bearing_deg: float, sigma_deg: float, over_db: float, llr: Ratios) -> Detection:
    measured = Bearing(bearing_deg=round(bearing_deg % 360.0, 2), sigma_deg=round(sigma_deg, 2))
    return Detection(id="-", measurement=measured, class_llr=llr, snr_db=round(over_db + THRESHOLD_DB, 1))


def _apart(one_deg: float, other_deg: float) -> float:
    return abs((one_deg - other_deg + 180.0) % 360.0 - 180.0)
