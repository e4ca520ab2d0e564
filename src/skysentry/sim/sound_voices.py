"""What flying machines sound like at one metre: combs that wander, and noise.

    multirotor   each rotor by itself: blade pass of two blades (orders 2, 4, 6 … of its shaft), weak odd orders from
                 imbalance; its speed is its own (±4 %), sways with what all do and jitters; broadband wash
    piston       one crankshaft: two-stroke engines fire at whole orders of it, four-stroke ones at half orders; the
                 propeller is on the same shaft, so its orders are locked to them; a few dB of scatter a machine
    jet          no comb: noise, flat from 300 to 3,000 Hz, 20 dB down at 6 kHz, whose level breathes

Levels of the orders after field recordings (reference, signals 1.3b): firing and propeller orders strong, the rest 8 to
16 dB below, falling above 1 kHz. Levels are of the sum, re 20 µPa at 1 m, and are assumptions.

Left out: directivity, the loading of rotors in gusts, starts and stops.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.random import Generator

from skysentry.geo import Array
from skysentry.sim.chance import Wander
from skysentry.sim.sound_shape import HOP, Noise, frequencies_hz, level_pa, scaled


class Voice(Protocol):
    """An endless sound; the same seed gives the same sound."""

    def hop(self) -> Array:
        """Return the next `HOP` samples, pascals at 1 m."""
        ...


class Shaft:
    """A shaft whose speed wanders: a slow sway and a fast jitter, as shares of its speed."""

    def __init__(self, hz: float, sway: Wander, jitter: Wander, rate_hz: float, chance: Generator) -> None:
        self.hz, self.sway, self.jitter, self.rate_hz, self.chance = hz, sway, jitter, rate_hz, chance
        self.phase = float(chance.random())
        self.speed = hz

    def hop(self, shared: float = 0.0) -> Array:
        """Return the phase in turns over the next hop; `shared` is what all shafts do together."""
        draws = self.chance.standard_normal((2, 1))
        share = shared + float(self.sway.step(draws[0])[0]) + float(self.jitter.step(draws[1])[0])
        after = self.hz * (1.0 + share)
        speeds = self.speed + (after - self.speed) * np.arange(1, HOP + 1) / HOP
        turns = self.phase + np.cumsum(speeds) / self.rate_hz
        self.phase, self.speed = float(turns[-1] % 2.0), after
        return turns


def _lines(turns: Array, orders: Array, amplitudes: Array, offsets: Array) -> Array:
    """Return the sum of the orders of a shaft."""
    made: Array = amplitudes @ np.cos(2.0 * np.pi * (orders[:, None] * turns + offsets[:, None]))
    return made


def _normalised(orders_db: Array, level_db: float) -> Array:
    power = 10.0 ** (orders_db / 10.0)
    amplitudes: Array = np.sqrt(2.0 * power / power.sum()) * level_pa(level_db)
    return amplitudes


class Multirotor:
    """A quadcopter or its bigger sisters; `blade_hz` is the mean blade pass in hover."""

    def __init__(
        self, chance: Generator, rate_hz: float, level_db: float = 82.0, blade_hz: float = 180.0, rotors: int = 4
    ) -> None:
        step_s = HOP / rate_hz
        self.chance = chance
        self.shared = Wander(0.015, 2.0, step_s)
        speeds = blade_hz / 2.0 * (1.0 + chance.uniform(-0.04, 0.04, rotors))
        self.shafts = [
            Shaft(float(hz), Wander(0.010, 0.7, step_s), Wander(0.003, 0.08, step_s), rate_hz, chance) for hz in speeds
        ]
        orders = np.arange(1.0, 25.0)
        # Blade pass loses 2.5 dB an order; imbalance is 14 dB below its neighbours.
        orders_db = -1.25 * orders - 14.0 * (orders % 2) + chance.normal(0.0, 2.0, (rotors, len(orders)))
        heard = orders * blade_hz / 2.0 < 0.45 * rate_hz
        self.orders = orders[heard]
        self.amplitudes = np.array([_normalised(row[heard], level_db - 1.2) for row in orders_db]) / np.sqrt(rotors)
        self.offsets = chance.random((rotors, len(self.orders)))
        hertz = frequencies_hz(rate_hz)
        # The wash has a quarter of the power, around 2 kHz.
        wash_db = -8.0 * np.abs(np.log2(np.maximum(hertz, 20.0) / 2000.0))
        self.wash = Noise(scaled(wash_db, level_db - 6.0, rate_hz), rate_hz, chance)

    def hop(self) -> Array:
        """Return the next samples."""
        shared = float(self.shared.step(self.chance.standard_normal(1))[0])
        made: Array = self.wash.next(HOP)[0]
        for shaft, amplitudes, offsets in zip(self.shafts, self.amplitudes, self.offsets, strict=True):
            made = made + _lines(shaft.hop(shared), self.orders, amplitudes, offsets)
        return made


class Piston:
    """A piston engine and the propeller on its shaft, which turns at `shaft_hz`."""

    def __init__(
        self,
        chance: Generator,
        rate_hz: float,
        level_db: float = 104.0,
        shaft_hz: float = 88.0,
        cylinders: int = 4,
        strokes: int = 2,
        blades: int = 2,
    ) -> None:
        step_s = HOP / rate_hz
        self.shaft = Shaft(shaft_hz, Wander(0.012, 3.0, step_s), Wander(0.002, 0.05, step_s), rate_hz, chance)
        step = 1.0 if strokes == 2 else 0.5
        firing = cylinders * step
        self.orders = np.arange(step, min(24.0, 0.45 * rate_hz / shaft_hz), step)
        main = (self.orders % firing == 0.0) | (self.orders % blades == 0.0)
        fall_db = -6.0 * np.maximum(0.0, np.log2(self.orders * shaft_hz / 1000.0)) - 0.6 * self.orders
        scatter_db = chance.normal(0.0, 3.0, len(self.orders))
        orders_db = np.where(main, 0.0, -12.0) + fall_db + scatter_db
        self.amplitudes = _normalised(orders_db, level_db - 0.4)
        self.offsets = chance.random(len(self.orders))
        hertz = frequencies_hz(rate_hz)
        roar_db = -4.0 * np.abs(np.log2(np.maximum(hertz, 20.0) / 500.0))
        self.roar = Noise(scaled(roar_db, level_db - 10.0, rate_hz), rate_hz, chance)

    def hop(self) -> Array:
        """Return the next samples."""
        tones = _lines(self.shaft.hop(), self.orders, self.amplitudes, self.offsets)
        made: Array = tones + self.roar.next(HOP)[0]
        return made


class Jet:
    """A small turbine."""

    def __init__(self, chance: Generator, rate_hz: float, level_db: float = 122.0) -> None:
        self.chance = chance
        self.breath_db = Wander(1.0, 0.5, HOP / rate_hz)
        hertz = np.maximum(frequencies_hz(rate_hz), 10.0)
        shape_db = -6.0 * np.maximum(0.0, np.log2(300.0 / hertz)) - 20.0 * np.maximum(0.0, np.log2(hertz / 3000.0))
        self.noise = Noise(scaled(shape_db, level_db, rate_hz), rate_hz, chance)

    def hop(self) -> Array:
        """Return the next samples."""
        gain_db = float(self.breath_db.step(self.chance.standard_normal(1))[0])
        made: Array = 10.0 ** (gain_db / 20.0) * self.noise.next(HOP)[0]
        return made


class Tone:
    """A pure tone: what laws of propagation are checked with."""

    def __init__(self, hz: float, rate_hz: float, level_db: float = 94.0) -> None:
        self.turn, self.amplitude, self.at = hz / rate_hz, np.sqrt(2.0) * level_pa(level_db), 0

    def hop(self) -> Array:
        """Return the next samples."""
        turns = self.turn * (self.at + np.arange(HOP))
        self.at += HOP
        made: Array = self.amplitude * np.sin(2.0 * np.pi * turns)
        return made


class White:
    """Noise of one density up to half the rate: for bounds with a flat spectrum."""

    def __init__(self, chance: Generator, level_db: float) -> None:
        self.chance, self.pa = chance, level_pa(level_db)

    def hop(self) -> Array:
        """Return the next samples."""
        made: Array = self.pa * self.chance.standard_normal(HOP)
        return made
