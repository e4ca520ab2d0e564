"""How far a network of microphones hears as a whole, told by what clouds make of its looks.

Reaches are declared for a sound and an air that nobody knows beforehand: all of a network may hear a third further, or
less far. What is heard from beyond the edge would be another object, and with an edge in the wrong place nothing is
placed. A look's likelihood under a cloud (`presence`) has a slope in g, by which all reaches are multiplied:

    score S = Σ d log p / d log g,   information K = Σ E[(d log p / d log g)²],   log g ← log g + S / K

over all looks at sure clouds, faded over `MEMORY_S`. In honest networks S / K stays within 0.03 (*presence*), with
groups, which are heard further than one, too: what is declared stands until it is off by `LEAST`.
Left out: single sensors and directions (`reaches`), which one pass in five minutes does not tell.
"""

from __future__ import annotations

import math

from msgspec import Struct

MEMORY_S = 60.0
# Off by less, what is declared is right: a twelfth of a reach of 2.5 km is 200 m, two thirds of its edge.
LEAST = 0.08
# Once it is known to be wrong it is followed in smaller steps, each second by no more than what keeps a slope's truth.
FOLLOWED, MOST_STEP = 0.03, 0.05
# A third less, or two thirds more, than declared.
LOWEST, HIGHEST = -0.5, 0.5
# Information before which nothing is believed: twenty objects bring it in three seconds.
FIRST = 1_000.0


class Level(Struct):
    """The log of the factor by which all microphones hear further than declared, and what their looks say of it."""

    log: float = 0.0
    score: float = 0.0
    information: float = 0.0

    def take(self, score: float, information: float) -> bool:
        """Take what the looks of a second say; return whether the factor is another now."""
        keep = 1.0 - 1.0 / MEMORY_S
        self.score = keep * self.score + score
        self.information = keep * self.information + information
        off = self.score / (self.information + FIRST)
        if abs(off) <= (FOLLOWED if self.log else LEAST):
            return False
        step = min(max(off, -MOST_STEP), MOST_STEP)
        new = min(max(self.log + step, LOWEST), HIGHEST)
        # What has been said was said of another reach.
        self.score -= self.information * (new - self.log)
        changed = new != self.log
        self.log = new
        return changed

    @property
    def factor(self) -> float:
        """How many times as far as declared the network hears; 0 where as declared."""
        return math.exp(self.log) if self.log else 0.0
