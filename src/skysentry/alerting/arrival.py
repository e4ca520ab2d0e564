"""When an object arrives in a zone: from position, velocity and their covariance to 5 %, mean and 95 %.

The state of a track is a Gaussian over (east, north, v_east, v_north); 128 fixed points stand for it, spread evenly and
with exactly the track's mean and covariance, so that nothing is drawn by chance. Each point has two futures:

    straight    it keeps its course: the first crossing of the zone's edge, or never
    turned      it turns for the nearest point of the zone now and flies there (an arc at its tightest turn, then a
                line: Dubins 1957), no slower than its kind can fly

The second has weight w = TURNS · (1 + cos θ)/2, with θ the angle between its course and the zone: head-on it changes
nothing, abeam it counts one tenth, straight away nothing. Arrival is the mixture of all futures:

    low     its 5 % quantile, "never" counted as infinite: the worst case worth acting on
    mean    over the straight futures that enter, where more than HEADS of them do; otherwise over the turned ones
    high    95 % quantile of the same futures as the mean, and never below it
    turn_*  5 % and 95 % of the turned futures alone: how soon, how late it could be there if it wanted to

A drone abeam of a place or on a ring round it therefore has the low bound of one that turns in now. Once it flies away
within 60° of straight out, w falls below 5 % and no low bound is left; how near it still is, `turn_low_s` says.
The arithmetic is in `futures`, compiled.
Left out: climb and dive (they change the ground speed by little), wind, and terrain.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.alerting.area import Area
from skysentry.events import ObjectClass, Track
from skysentry.geo import Array

# What a thing of this kind can fly at least, whatever it does now: a hovering one may leave at its usual cruise, one
# with wings cannot fly slower than its stall. A mean over the classes is used, the rest of the probability as `other`.
DASH_MPS = {
    ObjectClass.MULTIROTOR: 15.0,
    ObjectClass.FIXED_WING_ELECTRIC: 14.0,
    ObjectClass.FIXED_WING_PISTON: 28.0,
    ObjectClass.JET: 70.0,
    ObjectClass.HELICOPTER: 40.0,
    ObjectClass.AEROPLANE: 40.0,
    ObjectClass.BIRD: 10.0,
    ObjectClass.BALLOON: 5.0,
    ObjectClass.GROUND_SOURCE: 5.0,
    ObjectClass.OTHER: 12.0,
}
WINGED = frozenset(
    {
        ObjectClass.FIXED_WING_ELECTRIC,
        ObjectClass.FIXED_WING_PISTON,
        ObjectClass.JET,
        ObjectClass.AEROPLANE,
    }
)
# One-sided 95 % of a normal distribution.
SIGMAS_95 = 1.645
# How a track stands to a zone: beyond reach within the times that it asks for, surely above its ceiling, or near.
FAR, ABOVE, NEAR = 0, 1, 2
# Tracks taken in one call: bounds the arrays of a flood (256 tracks, 200 zones: 4 MB).
CHUNK = 256

Row = tuple[float, ...]


class Reach(Struct, frozen=True):
    """How an object stands to a zone at the time of its state; seconds are infinite where it never arrives.

    `enter` is the share of futures that enter, `inside` that of points inside now; `from_deg` is the direction in which
    the object lies as seen from the zone.
    """

    low_s: float
    mean_s: float
    high_s: float
    turn_low_s: float
    turn_high_s: float
    enter: float
    heads: bool
    inside: float
    distance_m: float
    from_deg: float


def sound(track: Track) -> bool:
    """Whether a track's numbers can be used: finite, on the Earth, a whole covariance."""
    total = track.lat_deg + track.lon_deg + track.alt_m + sum(track.velocity_mps) + sum(track.cov)
    on_earth = -90.0 <= track.lat_deg <= 90.0 and -180.0 <= track.lon_deg <= 180.0
    return math.isfinite(total) and on_earth and len(track.cov) == 21 and len(track.velocity_mps) == 3


class Ground:
    """The zones in force as arrays. What is compiled is loaded when one is made, not when this is imported."""

    def __init__(self, areas: Iterable[Area]) -> None:
        from skysentry.alerting import futures

        self._futures = futures
        rows: list[Row] = []
        edges = [np.zeros((0, futures.EDGE))]
        first = 0
        for area in areas:
            rows.append((*area.row, float(first), float(first + len(area.edges))))
            edges.append(area.edges)
            first += len(area.edges)
        self.zones: Array = np.array(rows).reshape(-1, futures.ZONE)
        self.edges: Array = np.concatenate(edges)

    def look(self, tracks: Sequence[Track]) -> tuple[NDArray[np.int64], Array]:
        """How tracks stand to zones: codes [shape=(tracks, zones)], and numbers of `Reach` where that is `NEAR`."""
        parts: list[tuple[NDArray[np.int64], Array]] = []
        for start in range(0, len(tracks), CHUNK):
            rows = np.array([_row(track) for track in tracks[start : start + CHUNK]])
            stands = np.empty((len(rows), len(self.zones)), np.int64)
            out = np.empty((*stands.shape, self._futures.REACH))
            self._futures.assess(rows, self.zones, self.edges, self._futures.POINTS, stands, out)
            parts.append((stands, out))
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([stands for stands, _ in parts]), np.concatenate([out for _, out in parts])


def reach_of(numbers: Array) -> Reach:
    """The fields of `Reach` from one row of what `Ground.look` returned."""
    low, mean, high, turn_low, turn_high, enter, heads, inside, distance, direction = numbers.tolist()
    return Reach(low, mean, high, turn_low, turn_high, enter, heads > 0.5, inside, distance, direction)


def warm() -> None:
    """Call the compiled code once with the types that are used: compiles it, or loads it from the cache.

    `python -m skysentry.alerting.arrival` does this before tests and runs.
    """
    from skysentry.alerting import futures

    tracks, zones, edges = np.zeros((1, futures.TRACK)), np.zeros((1, futures.ZONE)), np.ones((1, futures.EDGE))
    zones[0, futures.Z_LAST] = 1.0
    futures.assess(tracks, zones, edges, futures.POINTS, np.zeros((1, 1), np.int64), np.zeros((1, 1, futures.REACH)))


def _row(track: Track) -> Row:
    c = track.cov
    dash_mps, winged = _flight(track)
    lowest_m = track.alt_m - SIGMAS_95 * math.sqrt(max(c[11], 0.0))
    east, north, _ = track.velocity_mps
    place = (track.lat_deg, track.lon_deg, track.alt_m, east, north)
    return (*place, c[0], c[1], c[3], c[4], c[6], c[8], c[9], c[15], c[16], c[18], lowest_m, dash_mps, winged)


def _flight(track: Track) -> tuple[float, float]:
    """The speed that its kinds can fly at least, on average, and 1 where it more likely than not has wings."""
    known = wings = dash = 0.0
    for kind, p in track.classes:
        known += p
        dash += p * DASH_MPS[kind]
        if kind in WINGED:
            wings += p
    rest = max(0.0, 1.0 - known) * DASH_MPS[ObjectClass.OTHER]
    return (dash + rest) / max(1.0, known), 1.0 if wings > 0.5 else 0.0


if __name__ == "__main__":
    warm()
    sys.stdout.write("the alerter's compiled code is ready\n")
