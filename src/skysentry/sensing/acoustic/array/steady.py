"""A machine of the place is told from a drone that stays by how steady it is.

Running means with a memory of ten minutes of the direction's slowness and of the fundamental's logarithm. A hovering
multirotor moves by a metre in the wind and its speed of rotation by a hundredth; a fan or transformer stays within
1° and 0.2 %.
"""

from __future__ import annotations

import math

from msgspec import Struct

STEADY_S = 600
SLOWNESS_SIGMA = math.sin(math.radians(1.0))
F0_SIGMA = 0.002


class Steady(Struct):
    """How steady the detections of one source are; `own` once they are those of a machine of the place."""

    seconds: int = 0
    mean: list[float] = []
    spread: list[float] = []
    own: bool = False

    def hear(self, q: list[float], f0_hz: float) -> bool:
        """Take a second in which it was detected; return whether it has just turned out to be steady."""
        values = [*q, math.log(max(f0_hz, 1.0))]
        if len(self.mean) != len(values):
            self.seconds, self.mean, self.spread = 0, list(values), [0.0] * len(values)
        self.seconds = min(self.seconds + 1, STEADY_S)
        for index, value in enumerate(values):
            off = value - self.mean[index]
            self.mean[index] += off / self.seconds
            self.spread[index] += (off * off - self.spread[index]) / self.seconds
        within = self.spread[-1] < F0_SIGMA**2 and all(spread < SLOWNESS_SIGMA**2 for spread in self.spread[:-1])
        before = self.own
        # Once it moves it is no machine of the place, whatever it was before.
        self.own = self.seconds >= STEADY_S and within
        return self.own and not before
