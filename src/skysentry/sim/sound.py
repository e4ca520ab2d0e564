"""What an array of microphones hears of a sky: blocks of samples, exact in delay, Doppler and phase.

    voices ──absorbed──▶ delayed to every microphone ──▶ + wind + ambient + own noise ──▶ int16 Blocks

Written apart from everything that detects and from everything that trained a detector. Memory is bounded: a hop of
512 samples is made when it is about to be heard, and forgotten half a second later; the way itself is no buffer, for
each array makes the sound of each source anew from the same seed.

The noise, in levels re 20 µPa between 60 Hz and half the rate (assumptions):

    ambient   pink, from all round: coherence sin(kρ)/(kρ) between microphones ρ apart
    wind      of turbulence at a screened microphone: 25 dB/Hz at 100 Hz in 4 m/s, with the 5.3th power of the speed
              and f^-7/3 (van den Berg, JASA 119, 2006, for shape and power); independent in each microphone
    own       white, of the microphone: 27 dB

Full scale is 120 dB (94 dB gives −26 dBFS, as in most digital microphones). x of `mics` is to the right of the
heading, y along it, z up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.random import Generator

from skysentry.events import Block
from skysentry.geo import Array, Frame
from skysentry.sim.chance import stream
from skysentry.sim.sound_shape import BINS, Noise, frequencies_hz, level_pa, scaled
from skysentry.sim.sound_voices import Voice
from skysentry.sim.sound_way import Air, Path, Turbulence, Way
from skysentry.site import Sensor

NANO = 1_000_000_000
FULL_SCALE_DB = 120.0
LOWEST_HZ = 60.0
BLOCK_S = 0.1
# A source that begins or ends does so within this.
FADE_S = 0.02
Speak = Callable[[Generator, float], Voice]


@dataclass(frozen=True)
class Source:
    """One sounding thing: `speak(chance, rate_hz)` makes its voice, `path` says where it is (m, east-north-up)."""

    name: str
    speak: Speak
    path: Path
    begin_s: float = -math.inf
    end_s: float = math.inf


class Surroundings(Struct, frozen=True, kw_only=True):
    """What else a microphone hears."""

    ambient_db: float | None = 30.0
    wind_mps: float = 0.0
    own_db: float = 27.0


class ArraySound:
    """One array under a sky. `frame` is the frame of the paths; the ground is `mast_m` below the array.

    `mics_m` overrides where the microphones really are, for arrays that are not built as declared.
    """

    def __init__(
        self,
        sensor: Sensor,
        frame: Frame,
        sources: Sequence[Source],
        *,
        seed: int,
        rate_hz: float = 16_000.0,
        air: Air | None = None,
        around: Surroundings | None = None,
        mast_m: float = 2.0,
        mics_m: Array | None = None,
    ) -> None:
        self.sensor, self.rate_hz, self.sources = sensor, rate_hz, tuple(sources)
        air, around = air or Air(), around or Surroundings()
        self.mics_m = placed_m(sensor, frame) if mics_m is None else mics_m
        ground_m = float(self.mics_m[:, 2].mean()) - mast_m
        self.noises = _noises(self.mics_m, around, air, rate_hz, lambda kind: stream(seed, sensor.id, kind))
        self.ways: list[tuple[list[Way], Turbulence]] = []
        for one in self.sources:
            start = one.path(np.array([0.0]))[0]
            way_m = float(np.linalg.norm(start - self.mics_m.mean(axis=0)))
            # 2 s more than the sound needs to the farthest image, whatever the wind.
            origin_s = -(way_m + 20.0 * mast_m + 100.0) / (air.speed_mps - 100.0) - 2.0
            bounces = [None] if air.flow_pasm2 is None else [None, ground_m]
            ways = [
                Way(_gated(one, origin_s, rate_hz, seed), one.path, self.mics_m, air, rate_hz, origin_s, bounce)
                for bounce in bounces
            ]
            rough = Turbulence(self.mics_m, air, way_m, rate_hz, stream(seed, sensor.id, one.name, "air"))
            self.ways.append((ways, rough))
        self.at = 0

    def next(self, count: int) -> Array:
        """Return the pressure at the microphones over the next samples, Pa [shape=(count, mics)]."""
        heard = np.zeros((count, len(self.mics_m)))
        for ways, rough in self.ways:
            late_s, gain = rough.next(count)
            for way in ways:
                heard += gain[:, None] * way.hear(self.at, count, late_s)
        for noise in self.noises:
            heard += noise.next(count).T
        self.at += count
        return heard

    def blocks(self, start_ns: int, seconds: float, block_s: float = BLOCK_S) -> Iterator[Block]:
        """Yield blocks of int16 samples as they arrive."""
        count, first = round(block_s * self.rate_hz), self.at
        for _ in range(round(seconds / block_s)):
            begin_ns = start_ns + round((self.at - first) * NANO / self.rate_hz)
            levels = self.next(count) / level_pa(FULL_SCALE_DB) * 32768.0
            samples = np.clip(np.rint(levels), -32768, 32767).astype("<i2")
            yield Block(
                id=f"{self.sensor.id}:{begin_ns}",
                time_ns=begin_ns,
                received_ns=begin_ns + round(count * NANO / self.rate_hz),
                sensor=self.sensor.id,
                rate_hz=self.rate_hz,
                dtype="int16",
                shape=(count, len(self.mics_m)),
                data=samples.tobytes(),
            )


def placed_m(sensor: Sensor, frame: Frame) -> Array:
    """Return where the microphones of a sensor are in a frame [shape=(mics, 3)]; one at its place where none is given.

    The frame's directions are taken for the sensor's own: right within 0.01° a kilometre.
    """
    at = sensor.position
    origin = np.zeros(3) if at is None else np.array(frame.to_local(at.lat_deg, at.lon_deg, at.alt_m or 0.0))
    own = np.array(sensor.mics or ((0.0, 0.0, 0.0),), dtype=float)
    heading = math.radians(sensor.heading_deg)
    east = own[:, 0] * math.cos(heading) + own[:, 1] * math.sin(heading)
    north = own[:, 1] * math.cos(heading) - own[:, 0] * math.sin(heading)
    placed: Array = origin + np.column_stack((east, north, own[:, 2]))
    return placed


def hover(east_m: float, north_m: float, up_m: float) -> Path:
    """Return the path of what stays where it is."""
    place = np.array([east_m, north_m, up_m])
    return lambda times_s: np.tile(place, (len(times_s), 1))


def straight(from_m: tuple[float, float, float], velocity_mps: tuple[float, float, float]) -> Path:
    """Return the path of what is at `from_m` at time zero and keeps its velocity."""
    place, velocity = np.array(from_m), np.array(velocity_mps)
    return lambda times_s: place + times_s[:, None] * velocity


class _Gated:
    """A voice that begins and ends."""

    def __init__(self, voice: Voice, origin_s: float, rate_hz: float, begin_s: float, end_s: float) -> None:
        self.voice, self.at_s, self.rate_hz, self.begin_s, self.end_s = voice, origin_s, rate_hz, begin_s, end_s

    def hop(self) -> Array:
        """Return the next samples."""
        made = self.voice.hop()
        times_s = self.at_s + np.arange(len(made)) / self.rate_hz
        self.at_s += len(made) / self.rate_hz
        rising = np.clip((times_s - self.begin_s) / FADE_S, 0.0, 1.0)
        falling = np.clip((self.end_s - times_s) / FADE_S, 0.0, 1.0)
        gated: Array = made * rising * falling
        return gated


def _gated(one: Source, origin_s: float, rate_hz: float, seed: int) -> Voice:
    voice = one.speak(stream(seed, one.name, "voice"), rate_hz)
    if math.isinf(one.begin_s) and math.isinf(one.end_s):
        return voice
    return _Gated(voice, origin_s, rate_hz, one.begin_s, one.end_s)


def _noises(
    mics_m: Array, around: Surroundings, air: Air, rate_hz: float, chance: Callable[[str], Generator]
) -> list[Noise]:
    hertz = frequencies_hz(rate_hz)
    held = np.maximum(hertz, LOWEST_HZ)
    each = np.eye(len(mics_m))
    made = [Noise(scaled(np.zeros(BINS), around.own_db, rate_hz)[:, None, None] * each, rate_hz, chance("own"))]
    if around.wind_mps > 0.0:
        wind_db = 25.0 + 53.0 * math.log10(around.wind_mps / 4.0) - 70.0 / 3.0 * np.log10(held / 100.0)
        made.append(Noise((20e-6 * 10.0 ** (wind_db / 20.0))[:, None, None] * each, rate_hz, chance("wind")))
    if around.ambient_db is not None:
        pink = scaled(-10.0 * np.log10(held), around.ambient_db, rate_hz)
        apart_m = np.sqrt(((mics_m[:, None] - mics_m) ** 2).sum(-1))
        # np.sinc(x) is sin(πx)/(πx); a little of one's own keeps Cholesky's factor real at the lowest frequencies.
        coherence = np.sinc(2.0 * hertz[:, None, None] * apart_m / air.speed_mps) + 1e-4 * each
        made.append(Noise(pink[:, None, None] * np.linalg.cholesky(coherence), rate_hz, chance("ambient")))
    return made
