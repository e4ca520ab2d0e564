"""Where objects fly: legs and turns, sampled at 10 Hz in the east-north-up frame of the site.

Written on its own and not with the tracker's or the simulator's motion: a benchmark that shares a model flatters it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Times = NDArray[np.floating] | float

STEP_S = 0.1
EARTH_M = 6_371_008.8
# The tightest turn of a generated path, rad/s: 8 degrees a second, the upper end of the fixed wings' turns.
TURN_BACK_RADPS = 0.14
# Standard deviation of the steady turn of what flies nearly straight, for minutes or, on a course, for half an hour.
DRIFT_DEGPS = {"straight": 0.05, "course": 0.01}
# Newton steps to the time of emission; at 240 m/s, 0.7 of the speed of sound, three reach a microsecond.
NEWTON_STEPS = 4


@dataclass(frozen=True)
class Paths:
    """`place` [shape=(objects, samples, 3)] east, north, up, from `begin_s` on; an object lives from `start_s` to
    `end_s`. Times are seconds since the start of the scenario; sound that arrives early was made before it."""

    place: Array
    start_s: Array
    end_s: Array
    begin_s: float = 0.0

    def at(self, time_s: Times) -> Array:
        """Return places [shape=(..., objects, 3)]; the last axis of `time_s` is that of the objects, or is one."""
        k = np.clip((np.asarray(time_s) - self.begin_s) / STEP_S, 0.0, self.place.shape[1] - 1.001)
        k = np.broadcast_to(k, (*k.shape[:-1], self.place.shape[0]))
        low = k.astype(np.int64)
        part = (k - low)[..., None]
        rows = np.arange(self.place.shape[0])
        place: Array = self.place[rows, low] * (1.0 - part) + self.place[rows, low + 1] * part
        return place

    def alive(self, time_s: Times) -> NDArray[np.bool_]:
        """Return which objects fly at a time; axes as in `at`."""
        alive: NDArray[np.bool_] = (self.start_s <= time_s) & (time_s < self.end_s)
        return alive

    def emitted(self, time_s: Times, sensor: Array, speed_mps: float, wind_mps: Array | None = None) -> Array:
        """Return when the sound was made [shape=(..., objects)] that arrives at a sensor at `time_s`; axes as in `at`.

        Air that moves with `wind_mps` (east, north, up) carries the sound along.
        """
        arrived = np.broadcast_to(time_s, (*np.shape(time_s)[:-1], self.place.shape[0]))
        wind = np.zeros(3) if wind_mps is None else wind_mps

        def late(sent: Array) -> Array:
            way = self.at(sent) + (arrived - sent)[..., None] * wind - sensor
            length: Array = np.linalg.norm(way, axis=-1)
            return sent + length / speed_mps - arrived

        sent = arrived - np.linalg.norm(self.at(arrived) - sensor, axis=-1) / speed_mps
        for _ in range(NEWTON_STEPS):
            miss = late(sent)
            slope = (late(sent + 0.05) - miss) / 0.05
            sent = sent - miss / np.maximum(slope, 0.1)
        return sent


def fly(
    rng: np.random.Generator,
    seconds: float,
    start: Array,
    heading_rad: Array,
    speed_mps: Array,
    height_m: Array,
    legs: str,
    half_m: tuple[float, float] | None = None,
) -> Array:
    """Return places [shape=(objects, samples, 3)] of objects that fly in `legs`: rotor, wing, straight or course.

    Within a rectangle of half-widths `half_m` (east, north), where given, objects turn back at the edge.
    """
    samples = int(seconds / STEP_S) + 20
    commands = [_commands(rng, samples, float(v), legs) for v in speed_mps]
    speed, turn = np.array([c[0] for c in commands]), np.array([c[1] for c in commands])
    out = np.empty((start.shape[0], samples, 3))
    at, heading = start.astype(float), heading_rad.astype(float)
    for k in range(samples):
        out[:, k, :2] = at
        rate = turn[:, k]
        if half_m is not None:
            beyond = (np.abs(at) > half_m).any(axis=1)
            off = (np.arctan2(-at[:, 0], -at[:, 1]) - heading + np.pi) % (2.0 * np.pi) - np.pi
            rate = np.where(beyond, np.clip(off, -TURN_BACK_RADPS, TURN_BACK_RADPS), rate)
        heading = heading + rate * STEP_S
        way = np.stack([np.sin(heading), np.cos(heading)], axis=1)
        at = at + speed[:, k, None] * way * STEP_S
    out[..., 2] = height_m[:, None] - drop_m(out)
    return out


def drop_m(place: Array) -> Array:
    """Return how far the Earth's surface lies below the plane of the origin at places [shape=(..., 2 or 3)]."""
    drop: Array = (place[..., 0] ** 2 + place[..., 1] ** 2) / (2.0 * EARTH_M)
    return drop


def formation(rng: np.random.Generator, leader: Array, size: int, apart_m: float) -> Array:
    """Return places [shape=(size, samples, 3)] of a group that flies as `leader` [shape=(samples, 3)] does.

    Neighbours are about `apart_m` apart on a loose lattice, and sway slowly by a tenth of that.
    """
    side = int(np.ceil(np.sqrt(size)))
    spots = np.array([(i % side, i // side) for i in range(side * side)], float)[rng.permutation(side * side)[:size]]
    offset = (spots - spots.mean(axis=0)) * apart_m + rng.normal(0.0, 0.15 * apart_m, (size, 2))
    time_s = np.arange(leader.shape[0]) * STEP_S
    period_s, phase = rng.uniform(40.0, 120.0, (size, 2, 1)), rng.uniform(0.0, 2.0 * np.pi, (size, 2, 1))
    sway = 0.1 * apart_m * np.sin(2.0 * np.pi * time_s / period_s + phase)
    out = np.repeat(leader[None], size, axis=0)
    height = out[..., 2] + drop_m(out) + rng.uniform(-30.0, 30.0, (size, 1))
    out[..., :2] += offset[:, None, :] + np.swapaxes(sway, 1, 2)
    out[..., 2] = np.maximum(height, 30.0) - drop_m(out)
    return out


def _commands(rng: np.random.Generator, samples: int, speed_mps: float, legs: str) -> tuple[Array, Array]:
    """Return speed and turn rate [shape=(samples,)]."""
    speed, turn = np.full(samples, speed_mps), np.zeros(samples)
    k = 0
    while k < samples and legs in ("rotor", "wing"):
        if legs == "rotor":
            n = int(rng.uniform(5.0, 25.0) / STEP_S)
            hover = rng.random() < 0.15
            speed[k : k + n] = 0.0 if hover else speed_mps * rng.uniform(0.5, 1.1)
            turn[k : k + n] = 0.0 if hover else np.radians(rng.normal(0.0, 12.0))
        else:
            k += int(rng.uniform(15.0, 60.0) / STEP_S)
            n = int(rng.uniform(4.0, 20.0) / STEP_S)
            turn[k : k + n] = np.radians(rng.uniform(1.5, 8.0)) * rng.choice([-1.0, 1.0])
        k += n
    if legs in DRIFT_DEGPS:
        turn[:] = np.radians(rng.normal(0.0, DRIFT_DEGPS[legs]))
    return speed, turn
