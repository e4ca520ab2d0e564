"""Where objects fly: legs and turns, sampled at 10 Hz in the east-north-up frame of the site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP_S = 0.1
EARTH_M = 6_371_008.8


@dataclass(frozen=True)
class Paths:
    """`place` [shape=(objects, samples, 3)] east, north, up; an object lives from `start_s` to `end_s`."""

    place: Array
    start_s: Array
    end_s: Array

    def at(self, time_s: Array | float) -> Array:
        """Return the places [shape=(objects, 3)] at one time, or at one time for each object."""
        k = np.clip(np.asarray(time_s) / STEP_S, 0.0, self.place.shape[1] - 1.001)
        low = np.broadcast_to(k.astype(np.int64), (self.place.shape[0],))
        part = (k - low)[..., None] if np.ndim(k) else k - low[0]
        rows = np.arange(self.place.shape[0])
        return self.place[rows, low] * (1.0 - part) + self.place[rows, low + 1] * part

    def alive(self, time_s: Array | float) -> NDArray[np.bool_]:
        """Return which objects fly at a time."""
        return (self.start_s <= time_s) & (time_s < self.end_s)

    def emitted(self, time_s: float, sensor: Array, speed_mps: float) -> Array:
        """Return the emission times [shape=(objects,)] of the sound that arrives at a sensor at `time_s`."""
        sent = np.full(self.place.shape[0], time_s)
        for _ in range(8):
            sent = time_s - np.linalg.norm(self.at(sent) - sensor, axis=1) / speed_mps
        return sent


def fly(
    rng: np.random.Generator,
    seconds: float,
    start: Array,
    heading_rad: Array,
    speed_mps: Array,
    height_m: Array,
    legs: str,
    half_m: float | None = None,
) -> Array:
    """Return places [shape=(objects, samples, 3)] of objects that fly in `legs`: "rotor", "wing" or "straight".

    Within a square of half-width `half_m`, where given, objects turn back at the edge.
    """
    samples = int(seconds / STEP_S) + 20
    out = np.empty((start.shape[0], samples, 3))
    for i in range(start.shape[0]):
        speed, turn = _commands(rng, samples, float(speed_mps[i]), legs)
        out[i] = _path(start[i], float(heading_rad[i]), speed, turn, float(height_m[i]), half_m)
    return out


def _commands(rng: np.random.Generator, samples: int, speed_mps: float, legs: str) -> tuple[Array, Array]:
    """Return speed and turn rate [shape=(samples,)]."""
    speed, turn = np.full(samples, speed_mps), np.zeros(samples)
    k = 0
    while k < samples and legs != "straight":
        if legs == "rotor":
            n = int(rng.uniform(5.0, 25.0) / STEP_S)
            hover = rng.random() < 0.15
            speed[k : k + n] = 0.0 if hover else speed_mps * rng.uniform(0.5, 1.1)
            turn[k : k + n] = 0.0 if hover else np.radians(rng.normal(0.0, 12.0))
        else:
            n = int(rng.uniform(15.0, 60.0) / STEP_S)
            k += n
            n = int(rng.uniform(4.0, 20.0) / STEP_S)
            turn[k : k + n] = np.radians(rng.uniform(1.5, 8.0)) * rng.choice([-1.0, 1.0])
        k += n
    if legs == "straight":
        turn[:] = np.radians(rng.normal(0.0, 0.05))
    return speed, turn


def _path(start: Array, heading: float, speed: Array, turn: Array, height_m: float, half_m: float | None) -> Array:
    out = np.empty((speed.shape[0], 3))
    e, n = float(start[0]), float(start[1])
    for k in range(speed.shape[0]):
        out[k] = e, n, height_m - (e * e + n * n) / (2.0 * EARTH_M)
        rate = float(turn[k])
        if half_m is not None and max(abs(e), abs(n)) > half_m:
            home = np.arctan2(-e, -n)
            off = (home - heading + np.pi) % (2.0 * np.pi) - np.pi
            rate = float(np.clip(off, -0.14, 0.14))
        heading += rate * STEP_S
        e += float(speed[k]) * np.sin(heading) * STEP_S
        n += float(speed[k]) * np.cos(heading) * STEP_S
    return out
