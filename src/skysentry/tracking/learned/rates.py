"""How often sensors of sound hear what is not there, and from where: learned while they run.

A mower runs for an hour at one bearing; an array in the wind reports twenty times what it declares. Hits that no track
took wait for `SETTLE_S`; those that no confirmed track explains by then were false. Counts fade over `MEMORY_S`. The
rate of a sensor, and that of each of its `BINS` of bearing given the sensor's, are means of gamma posteriors:

    λ = (a + n) / (a / λ_declared + looks),        λ_bin = (b + n_bin) / (b BINS / λ + looks)

The density that a direction competes with is that of its bin; a microphone has one bin, its looks' `L_FALSE`. What is
learned is no lower than `LOWEST` of what is declared: an hour without a false hit promises nothing.
Left out: radars, whose clutter has a map of its own (`clutter`).
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.compiled import kernel
from skysentry.site import SensorKind
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.models.measure import (
    AZ_EL,
    BEARING,
    DENSITY,
    L_FALSE,
    L_MAX,
    L_ORIGIN,
    L_REACH,
    L_ROTATION,
    L_SOUND,
    NEW_SHARE,
    OCTANTS,
    Z,
)
from skysentry.tracking.models.motion import Array, Indices

# 15 degrees: about the width of three sigmas of an array.
BINS = 24
MEMORY_S = 300.0
# A track of crossing directions is confirmed within ten seconds or so.
SETTLE_S = 15.0
MOST_WAITING = 4_000
# What a hit may be off the place of a track that turned meanwhile.
OFF_RAD, OFF_M = 0.26, 400.0
# Hits that stand for what is declared: a few for the sensor; for one bin fewer, so that a mower shows in half a minute.
SENSOR_HITS, BIN_HITS = 2.0, 0.5
# A microphone hears whatever passes, be it found or not, for a minute or so: that many hits are no noise yet.
HEARD_HITS = 20.0
LOWEST = 0.5
FULL = 2.0 * math.pi


@kernel
def weigh_false(codes: Indices, rows: Array, factors: Array) -> None:
    """Scale the false part of the density of directions, in place, by the factor [shape=(BINS,)] of their bin."""
    for j in range(codes.shape[0]):
        if codes[j] // 8 not in (BEARING, AZ_EL):
            continue
        new = rows[j, DENSITY] * rows[j, NEW_SHARE]
        false = rows[j, DENSITY] - new
        false *= factors[int((rows[j, Z] % FULL) / FULL * BINS) % BINS]
        rows[j, DENSITY] = new + false
        rows[j, NEW_SHARE] = new / (new + false)


class RatesDump(Struct, array_like=True):
    """State of `Rates`."""

    counts: bytes
    looks: bytes
    factors: bytes
    waiting: list[tuple[float, int, float | None]]


class Rates:
    """The false hits of the site's standing sensors of sound.

    Shapes: counts and factors (S, BINS), the factors over what is declared; looks (S,).
    """

    def __init__(self, known: dict[str, Listener], names: list[str]) -> None:
        self.known, self.names = known, names
        self.rows = {name: row for row, name in enumerate(names)}
        listeners = self.listeners
        self.declared: Array = np.array([own.look[L_FALSE] for own in listeners])
        self.single = np.array([own.kind is SensorKind.MICROPHONE for own in listeners], np.bool_)
        self.counts: Array = np.zeros((len(listeners), BINS))
        self.looks: Array = np.zeros(len(listeners))
        self.factors: Array = np.ones((len(listeners), BINS))
        self.waiting: list[tuple[float, int, float | None]] = []

    @property
    def listeners(self) -> list[Listener]:
        """The sensors as they are known now: one that is found to point elsewhere gets a new look."""
        return [self.known[name] for name in self.names]

    def weigh(self, own: Listener, codes: Indices, rows: Array) -> None:
        """Give the directions of a look the density of false ones that was learned."""
        row = self.rows.get(own.id)
        if row is not None:
            weigh_false(codes, rows, self.factors[row])

    def note(self, own: Listener, time_s: float, loose: list[float | None]) -> None:
        """Take a look: the bearings that no track took, or `None` for "heard"."""
        row = self.rows.get(own.id)
        if row is None:
            return
        self.looks[row] += 1.0
        if loose and len(self.waiting) < MOST_WAITING:
            self.waiting += [(time_s, row, bearing) for bearing in loose]

    def settle(self, now_s: float, lines: Array) -> None:
        """Count what has waited long enough and is of no track; `lines` are the outlines of confirmed ones."""
        ready = 0
        for time_s, row, bearing in self.waiting:
            if time_s > now_s - SETTLE_S and len(self.waiting) < MOST_WAITING:
                break
            ready += 1
            if not self._explained(time_s, row, bearing, lines):
                self.counts[row, 0 if bearing is None else int((bearing % FULL) / FULL * BINS) % BINS] += 1.0
        del self.waiting[:ready]

    def _explained(self, time_s: float, row: int, bearing: float | None, lines: Array) -> bool:
        look = self.known[self.names[row]].look
        place = lines[:, :3] + lines[:, 3:6] * (time_s - lines[:, 6:7])
        away = place - look[L_ORIGIN : L_ORIGIN + 3]
        distance = np.sqrt((away * away).sum(axis=1))
        away -= lines[:, 3:6] * (distance / look[L_SOUND])[:, None]
        if bearing is None:
            return bool((distance < 1.5 * self._reach(look)).any())
        local = away @ look[L_ROTATION : L_ROTATION + 6].reshape(2, 3).T
        off = (np.arctan2(local[:, 0], local[:, 1]) - bearing + math.pi) % FULL - math.pi
        return bool((np.abs(off) < OFF_RAD + OFF_M / np.maximum(distance, OFF_M)).any())

    @staticmethod
    def _reach(look: Array) -> float:
        return float(max(look[L_MAX], look[L_REACH : L_REACH + OCTANTS].max()))

    def refresh(self, passed_s: float) -> None:
        """Forget a little, and bring the densities up to date."""
        keep = math.exp(-min(max(passed_s, 0.0), MEMORY_S) / MEMORY_S)
        self.counts *= keep
        self.looks *= keep
        whole = self.rates()
        bins = (BIN_HITS + self.counts) / (BIN_HITS * BINS / whole + self.looks)[:, None] * BINS
        learned = np.where(self.single[:, None], whole[:, None], bins)
        self.factors = np.maximum(learned / self.declared[:, None], LOWEST)
        self.show()

    def rates(self) -> Array:
        """Return the false hits in a look of each sensor."""
        believed = np.where(self.single, HEARD_HITS, SENSOR_HITS)
        rates: Array = (believed + self.counts.sum(axis=1)) / (believed / self.declared + self.looks)
        return rates

    def show(self) -> None:
        """Write the rates of microphones into their looks."""
        for row in np.flatnonzero(self.single).tolist():
            self.known[self.names[row]].look[L_FALSE] = self.declared[row] * self.factors[row, 0]

    def dump(self) -> RatesDump:
        """Return the state."""
        return RatesDump(self.counts.tobytes(), self.looks.tobytes(), self.factors.tobytes(), self.waiting)

    def load(self, dump: RatesDump) -> None:
        """Take a state. Raises `ValueError` where it is of other sensors."""
        self.counts = np.frombuffer(dump.counts).reshape(self.counts.shape).copy()
        self.looks = np.frombuffer(dump.looks).reshape(self.looks.shape).copy()
        self.factors = np.frombuffer(dump.factors).reshape(self.factors.shape).copy()
        self.waiting = dump.waiting
        self.show()
