"""How far, and how surely, a network of microphones hears as a whole, told by what clouds make of its looks.

Reach and Pd are declared for a sound and an air that nobody knows beforehand: a network may hear a third further,
or miss half of what it should. What is heard from beyond the edge would be another object, and with a Pd that is wrong
nothing is placed. A look's likelihood under a cloud (`particles.gauge_acuity`) has slopes in θ = (log g, log h), by
which all reaches and all Pd are multiplied:

    score S = Σ d log p / dθ,   information K = Σ E[(d log p / dθ)(d log p / dθ)ᵀ],   θ ← θ + K⁻¹ S

over all looks at sure clouds, faded over `MEMORY_S`. In honest networks K⁻¹ S stays within 0.02 (*presence*), so what
is declared stands until it is off by `LEAST`. Left out: single sensors and directions (`reaches`), which one pass in
five minutes does not tell; the width of the edge, whose slope tells half of what it is off, and which gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

Pair: TypeAlias = tuple[float, float]

MEMORY_S = 60.0
# Off by less, what is declared is right: a twelfth of a reach of 2.5 km is 200 m, two thirds of its edge.
LEAST = 0.08
# Once it is believed wrong it is followed closely, for clouds adapt, and tell a quarter of what is still off; in a
# second by no more than a slope is true for.
FOLLOWED, MOST_STEP = 0.01, 0.05
# A third less, or two thirds more, than declared.
MOST = 0.5
# Information before which nothing is believed, of reach and of Pd: twenty objects bring it in three seconds.
FIRST = (1_000.0, 300.0)


class Acuity(Struct):
    """The logs of the factors on reach and on Pd, and what looks say of them: score, triangle of the information."""

    reach: float = 0.0
    pd: float = 0.0
    score: Pair = (0.0, 0.0)
    information: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def take(self, said: Sequence[float]) -> bool:
        """Take the score and the information of a second's looks, five numbers; return whether a factor changes."""
        keep = 1.0 - 1.0 / MEMORY_S
        s0, s1, k00, k01, k11 = (
            keep * old + new for old, new in zip((*self.score, *self.information), said, strict=True)
        )
        self.score, self.information = (s0, s1), (k00, k01, k11)
        off = self.off()
        wrong = [abs(o) > (FOLLOWED if log else LEAST) for o, log in zip(off, (self.reach, self.pd), strict=True)]
        if sum(wrong) == 1:
            # The other one stays as it is.
            off = (s0 / (k00 + FIRST[0]), 0.0) if wrong[0] else (0.0, s1 / (k11 + FIRST[1]))
        elif not any(wrong):
            return False
        reach, pd = _within(self.reach, off[0]), _within(self.pd, off[1])
        d0, d1 = reach - self.reach, pd - self.pd
        # What has been said was said of others.
        self.score = (s0 - k00 * d0 - k01 * d1, s1 - k01 * d0 - k11 * d1)
        self.reach, self.pd = reach, pd
        return d0 != 0.0 or d1 != 0.0

    def off(self) -> Pair:
        """Return how much the factors that are used now are off, as logs."""
        (s0, s1), (k00, k01, k11) = self.score, self.information
        k00, k11 = k00 + FIRST[0], k11 + FIRST[1]
        det = k00 * k11 - k01 * k01
        return (k11 * s0 - k01 * s1) / det, (k00 * s1 - k01 * s0) / det


def _within(log: float, off: float) -> float:
    if abs(log + off) < 0.5 * LEAST:
        return 0.0
    return min(max(log + min(max(off, -MOST_STEP), MOST_STEP), -MOST), MOST)
