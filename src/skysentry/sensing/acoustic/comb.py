"""A harmonic comb and its fundamental through time, without training.

Score of one quarter-second spectrum (dB above the floor, W) for a fundamental f with n orders below 2 kHz (n ≤ 10):

    s(f) = n^-½ · Σ_{h=1..n} ( W(h·f) − ½ W((h−½)·f) − ½ W((h+½)·f) )

Teeth count for, gaps against: noise has mean 0 and a spread that does not depend on f, f/2 loses what lies between its
teeth, 2f has the skipped lines in its gaps. W is held in −6…12 dB, so that one loud line is not a comb. The whole is
one matrix [shape=(240, 304)], built once.

Through time, for each dwell with forgetting a per quarter second:

    V(f) ← (1 − a) · s(f) + a · max V(f'),  f' within ±2 % of f

the best path of a fundamental that may move 8 % a second: Doppler and throttle do, speech moves faster and music
jumps. f lies on a logarithmic grid of 1 %, 60 to 647 Hz, so the step is the same everywhere.

Mains hum is a comb too, at multiples of 50 or 60 Hz, but its lines are far narrower than any rotor's: `hums` looks at
the second with 1 Hz bins where the fundamental fits mains.
"""

from __future__ import annotations

import math
import statistics

import numpy as np
from msgspec import Struct

from skysentry.sensing.acoustic.spectrum import BIN_HZ, COMB_BINS, RATE_HZ, Array

# 60 Hz is the lowest whose teeth and gaps 7.8 Hz bins keep apart; 647 Hz is above the blade pass of any drone worth
# hearing at a distance.
LOWEST_HZ = 60.0
STEP = 1.01
STEPS = 240
F0_HZ = LOWEST_HZ * STEP ** np.arange(STEPS)
HIGHEST_ORDER = 10
TOP_HZ = 2000.0
TEETH_DB = (-6.0, 12.0)
SLEW_STEPS = 2
# Forgetting per quarter second; the dwell is 0.25 s / (1 − a): 0.25, 1, 2.5 and 8 s.
FORGETTING = np.array([0.0, 0.75, 0.9, 0.96875], dtype=np.float32)
DWELLS_S = tuple(0.25 / (1.0 - a) for a in FORGETTING.tolist())
# The dwell that the likelihood uses; 1 and 8 s part drones from the rest a little worse (docs/decisions/0004).
MAIN_DWELL = 2
MAINS_HZ = (50.0, 60.0)
# Mains wanders by 0.2 %; so narrow a line holds this share of the power within ±8 Hz, a rotor's less than half.
MAINS_WANDER = 0.002
MAINS_SHARE = 0.7

_LOW_DB, _HIGH_DB = (np.float32(limit) for limit in TEETH_DB)
# A row a dwell with walls on both sides, and what all rows behind one another are.
_INNER = slice(SLEW_STEPS, -SLEW_STEPS)
_WIDTH = STEPS + 2 * SLEW_STEPS
_LINE = len(FORGETTING) * _WIDTH
_KEEP: Array = np.repeat(FORGETTING, _WIDTH)[_INNER]
_ROOTS = tuple(math.sqrt(dwell_s) for dwell_s in DWELLS_S)


def _orders() -> Array:
    orders: Array = np.minimum(np.floor(TOP_HZ / F0_HZ), HIGHEST_ORDER).astype(np.float32)
    return orders


def _matrix() -> Array:
    """Return the comb as a matrix [shape=(304, 240)], linear interpolation between bins."""
    matrix = np.zeros((COMB_BINS, STEPS))
    for column, (f0_hz, orders) in enumerate(zip(F0_HZ, ORDERS, strict=True)):
        for order in np.arange(0.5, orders + 1.0, 0.5):
            if order == 0.5 or order == orders + 0.5:
                weight = -0.5
            else:
                weight = 1.0 if order == int(order) else -1.0
            place = order * f0_hz / BIN_HZ
            bin_, part = int(place), place - int(place)
            matrix[bin_, column] += weight * (1.0 - part)
            matrix[min(bin_ + 1, COMB_BINS - 1), column] += weight * part
    return (matrix / np.sqrt(ORDERS)).astype(np.float32)


ORDERS = _orders()
_MATRIX = _matrix()
_SECOND_WINDOW: Array = np.hanning(RATE_HZ).astype(np.float32)


class Comb(Struct, frozen=True):
    """The best comb of a second in a band: its score in the main dwell, mean tooth height, fundamental and drift."""

    score: float
    height_db: float
    f0_hz: float
    dwell_s: float


def scores(white_db: Array) -> Array:
    """Return s [shape=(n, 240)] of spectra above their floor [shape=(n, 304)]."""
    made: Array = white_db.clip(_LOW_DB, _HIGH_DB) @ _MATRIX
    return made


def follow(paths: Array | None, quarter_scores: Array) -> Array:
    """Return V [shape=(4, 240)], a row a dwell, after the quarters; `None` begins anew."""
    # One row behind the other, with walls of −∞ between that no path comes over: long rows are what numpy is fast at.
    # The best of five neighbours comes from that of two, then four.
    line = np.full(_LINE, -np.inf, dtype=np.float32)
    made = line.reshape(len(FORGETTING), -1)[:, _INNER]
    if paths is None:
        made[:], quarter_scores = quarter_scores[0], quarter_scores[1:]
    else:
        made[:] = paths
    news = np.full((len(quarter_scores), len(FORGETTING), _WIDTH), -np.inf, dtype=np.float32)
    news[..., _INNER] = quarter_scores[:, None, :] * (np.float32(1.0) - FORGETTING[:, None])
    inner = line[_INNER]
    for new in news.reshape(-1, _LINE)[:, _INNER]:
        two = np.maximum(line[:-1], line[1:])
        four = np.maximum(two[:-2], two[2:])
        best = np.maximum(four[:-1], line[2 * SLEW_STEPS :])
        best *= _KEEP
        np.add(best, new, out=inner)
    return made.copy()


def band(low_hz: float, high_hz: float) -> slice:
    """Return the part of the grid between two fundamentals."""
    return slice(int(np.searchsorted(F0_HZ, low_hz)), int(np.searchsorted(F0_HZ, high_hz)))


def best(paths: Array, second_scores: Array, where: slice) -> Comb:
    """Return the strongest comb in a band; its fundamental is refined by a parabola through this second's scores.

    `second_scores` [shape=(240,)] is the mean of the second's quarters.
    """
    at = where.start + int(paths[MAIN_DWELL, where].argmax())
    low, high = max(at - SLEW_STEPS, 1), min(at + SLEW_STEPS + 1, STEPS - 1)
    peak = low + int(second_scores[low:high].argmax())
    left, middle, right = second_scores[peak - 1 : peak + 2].tolist()
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
    dwells = paths[:, at].tolist()
    # The dwell whose path stands out most: the spread of a mean falls with the root of its length.
    rank = [score * root for score, root in zip(dwells, _ROOTS, strict=True)]
    return Comb(
        score=dwells[MAIN_DWELL],
        height_db=dwells[MAIN_DWELL] / math.sqrt(ORDERS[at]),
        f0_hz=float(F0_HZ[peak]) * STEP ** min(max(shift, -1.0), 1.0),
        dwell_s=DWELLS_S[rank.index(max(rank))],
    )


def hums(second: Array, f0_hz: float) -> bool:
    """Whether a comb is mains hum: f0 at a multiple of 50 or 60 Hz, and most lines as narrow as mains.

    `second` [shape=(16000,)] is the sound behind it.
    """
    bases = [base for base in MAINS_HZ if _near_multiple(f0_hz, base)]
    if not bases:
        return False
    spectrum = np.fft.rfft(second * _SECOND_WINDOW)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return any(statistics.median(_shares(power, f0_hz, base)) > MAINS_SHARE for base in bases)


def _near_multiple(f0_hz: float, base_hz: float) -> bool:
    return abs(f0_hz / base_hz - round(f0_hz / base_hz)) * base_hz < 0.015 * f0_hz


def _shares(power: Array, f0_hz: float, base_hz: float) -> list[float]:
    """Return for the first six orders the share of the power near the line that mains would hold."""
    found = []
    for order in range(1, 7):
        line_hz = round(order * round(f0_hz / base_hz) * base_hz)
        half = 2 + round(MAINS_WANDER * line_hz)
        near = float(power[line_hz - half : line_hz + half + 1].sum())
        found.append(near / (float(power[line_hz - 8 : line_hz + 9].sum()) + 1e-9))
    return found
