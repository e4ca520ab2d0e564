"""Figures of ranked scores: area, recall at a false-positive rate, threshold by a fitted tail."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
# The tail is fitted to this share of the largest scores, at least `LEAST_TAIL` of them.
TAIL_SHARE = 0.1
LEAST_TAIL = 8


def auc(positive: Array, negative: Array) -> float:
    return float(np.mean((positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)))


def tpr(positive: Array, negative: Array, fpr: float = 0.01) -> float:
    return float(np.mean(positive > np.quantile(negative, 1.0 - fpr)))


def tail_threshold(negative: Array, rate: float) -> float:
    """Return the score exceeded at `rate`, by an exponential tail above the highest tenth (a GPD of shape 0).

    The shape is not fitted: with ten exceedances its error is larger than any shape that tails of scores have.
    """
    count = min(max(int(TAIL_SHARE * len(negative)), LEAST_TAIL), len(negative) - 1)
    ordered = np.sort(negative)
    start = ordered[-count - 1]
    mean = float(np.mean(ordered[-count:] - start))
    return float(start + mean * np.log(count / len(negative) / rate))
