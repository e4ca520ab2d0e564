"""How far a figure can be trusted: 95 % intervals.

Objects are what is independent here, not the seconds of one object, so figures over seconds are resampled by object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from skysentry.geo import Array

# Two-sided 95 % quantile of the normal distribution.
Z_95 = 1.959_963_984_540_054
# 500 resamples put the ends of a 95 % interval within about a percentile of their limit.
RESAMPLES = 500
# Any fixed value: the same input must give the same report.
SEED = 2024

Bounds = tuple[float, float]


def wilson(hits: int, trials: int) -> Bounds | None:
    """Return Wilson's interval of a rate (E. B. Wilson, JASA 22, 1927), `None` without trials."""
    if trials == 0:
        return None
    rate, z2 = hits / trials, Z_95 * Z_95
    middle = rate + z2 / (2 * trials)
    half = Z_95 * math.sqrt(rate * (1.0 - rate) / trials + z2 / (4 * trials * trials))
    scale = 1.0 + z2 / trials
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def poisson_upper(count: int) -> float:
    """Return the largest mean for which `count` or fewer still has a chance of 5 % (3.0 for none)."""
    low, high = float(count), count + 10.0 + 5.0 * math.sqrt(count + 1.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        log_terms = (n * math.log(middle) - middle - math.lgamma(n + 1) for n in range(count + 1))
        if math.fsum(map(math.exp, log_terms)) > 0.05:
            low = middle
        else:
            high = middle
    return high


def bootstrap(groups: Sequence[Array], figure: Callable[[Array], float]) -> Bounds | None:
    """Return the percentile interval of `figure` over all values, resampled by group; `None` for fewer than two."""
    filled = [group for group in groups if group.size]
    if len(filled) < 2:
        return None
    chance = np.random.default_rng(SEED)
    figures = [
        figure(np.concatenate([filled[i] for i in chance.integers(len(filled), size=len(filled))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(figures, (2.5, 97.5))
    return float(low), float(high)
