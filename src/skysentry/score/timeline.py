"""Who was where at whole seconds: the truth, and what was published by then.

Instants are one second apart from the first truth point to the last. Distances are taken between Earth-centred points,
so no map plane bends them; in 2-D both ends are dropped to the ellipsoid first.

Truth is straight between its points and exists from its first to its last point: it is never extrapolated. Where two
points are more than `GAP_S` apart nobody knows where the object was; such an instant is left out as a whole, for a
track near it could be right.

Of a track counts its newest event that had *arrived* (`received_ns`) by the instant, moved on straight to the instant
by its own velocity. It counts while its status is confirmed or coasting and not more than `STALE_S` after that event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from skysentry import geo
from skysentry.errors import InputError
from skysentry.events import ObjectClass, Track, TrackStatus, Truth
from skysentry.geo import Array

SECOND_NS = 1_000_000_000
# Loggers write at 1 Hz; five seconds of straight flight is still a truth to some 10 m for what turns at 10°/s.
GAP_S = 5.0
# A display that hears nothing of a track for half a minute no longer shows it as live.
STALE_S = 30.0
# Nothing here is as far or as fast; beyond it squares would lose their meaning.
SANE_M = 1e7
# A year of stray time stamps must not become a year of instants; a week at 1 Hz is 600,000 of them.
LONGEST_S = 7 * 24 * 3600
PUBLISHED = (TrackStatus.CONFIRMED, TrackStatus.COASTING)


class Path:
    """The truth of one object: points in order of time, as arrays."""

    def __init__(self, points: Sequence[Truth], dims: int) -> None:
        by_time = {point.time_ns: point for point in points if _sane(point.alt_m, *point.velocity_mps)}
        ordered = [by_time[time_ns] for time_ns in sorted(by_time)]
        self.object = points[0].object
        self.object_class: ObjectClass = points[0].object_class
        self.threat = any(point.threat for point in points)
        self.time_ns: NDArray[np.int64] = np.array([point.time_ns for point in ordered], dtype=np.int64)
        self.place: Array = np.array([(p.lon_deg, p.lat_deg, p.alt_m) for p in ordered]).reshape(-1, 3)
        self.velocity_mps: Array = np.array([p.velocity_mps for p in ordered]).reshape(-1, 3)
        self.ecef_m: Array = np.array(
            [geo.ecef(p.lat_deg, p.lon_deg, p.alt_m if dims == 3 else 0.0) for p in ordered]
        ).reshape(-1, 3)

    def known(self, at_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether the object is between two points close enough, for each instant from its first to last."""
        after = np.clip(np.searchsorted(self.time_ns, at_ns), 0, len(self.time_ns) - 1)
        before = np.clip(np.searchsorted(self.time_ns, at_ns, side="right") - 1, 0, None)
        return self.time_ns[after] - self.time_ns[before] <= GAP_S * SECOND_NS

    def at(self, values: Array, at_ns: NDArray[np.int64]) -> Array:
        """Return `values` [shape=(points, k)] of this path, straight between points [shape=(instants, k)]."""
        # Seconds from the first point: a float holds nanoseconds since 1970 only to 256 ns.
        times_s = (self.time_ns - self.time_ns[0]) / SECOND_NS
        at_s = (at_ns - self.time_ns[0]) / SECOND_NS
        return np.column_stack([np.interp(at_s, times_s, column) for column in values.T])


class TruthGrid:
    """All paths at all instants. `instants_ns[k]` is instant k; `unknown[k]` says that it cannot be judged."""

    def __init__(self, truth: Iterable[Truth], dims: int) -> None:
        points: dict[str, list[Truth]] = {}
        for point in truth:
            points.setdefault(point.object, []).append(point)
        paths = [Path(points[name], dims) for name in sorted(points)]
        self.paths = [path for path in paths if path.time_ns.size]
        self.instants_ns = self._instants()
        self.unknown = np.zeros(len(self.instants_ns), dtype=bool)
        self._spans = [self._span(path) for path in self.paths]

    def _instants(self) -> NDArray[np.int64]:
        if not self.paths:
            return np.zeros(0, dtype=np.int64)
        first_ns = min(int(path.time_ns[0]) for path in self.paths)
        last_ns = max(int(path.time_ns[-1]) for path in self.paths)
        if last_ns - first_ns > LONGEST_S * SECOND_NS:
            raise InputError(
                f"the truth spans {(last_ns - first_ns) // SECOND_NS} s; at most {LONGEST_S} s can be judged at once",
                hint="look for a stray time stamp, or score the recording in parts",
            )
        return np.arange(first_ns, last_ns + 1, SECOND_NS, dtype=np.int64)

    def _span(self, path: Path) -> tuple[int, Array]:
        low, high = np.searchsorted(self.instants_ns, path.time_ns[[0, -1]] + np.array([0, 1]))
        at_ns = self.instants_ns[low:high]
        if at_ns.size:
            self.unknown[low:high] |= ~path.known(at_ns)
        return int(low), path.at(path.ecef_m, at_ns)

    def present(self, k: int) -> tuple[list[int], Array]:
        """Return indices of the paths that exist at instant k, and their points [shape=(n, 3)] in metres."""
        found = [
            (index, places[k - low]) for index, (low, places) in enumerate(self._spans) if low <= k < low + len(places)
        ]
        return [index for index, _ in found], np.array([place for _, place in found]).reshape(-1, 3)


class Published:
    """Tracks in order of arrival; `at` must be asked with rising times.

    `confirmed` are the ids that were published as confirmed or coasting at or after `since_ns`, however briefly.
    """

    def __init__(self, tracks: Iterable[Track], dims: int, since_ns: int = 0) -> None:
        sane = (track for track in tracks if _sane(track.alt_m, *track.velocity_mps))
        self._waiting = sorted(sane, key=lambda track: track.received_ns, reverse=True)
        self._newest: dict[str, Track] = {}
        self._dims = dims
        self._since_ns = since_ns
        self.confirmed: set[str] = set()

    def at(self, now_ns: int) -> tuple[list[Track], Array]:
        """Return the live tracks by id, and their points [shape=(n, 3)] at `now_ns` in Earth-centred metres."""
        while self._waiting and self._waiting[-1].received_ns <= now_ns:
            track = self._waiting.pop()
            if track.status is TrackStatus.ENDED:
                self._newest.pop(track.track_id, None)
                continue
            self._newest[track.track_id] = track
            if track.status in PUBLISHED and track.received_ns > self._since_ns:
                self.confirmed.add(track.track_id)
        stale_ns = now_ns - int(STALE_S * SECOND_NS)
        self._newest = {key: track for key, track in self._newest.items() if track.received_ns >= stale_ns}
        live = [self._newest[key] for key in sorted(self._newest) if self._newest[key].status in PUBLISHED]
        self.confirmed.update(track.track_id for track in live)
        return live, np.array([self._moved(track, now_ns) for track in live]).reshape(-1, 3)

    def _moved(self, track: Track, now_ns: int) -> Array:
        flat = self._dims == 2
        seconds = (now_ns - track.time_ns) / SECOND_NS
        east, north, up = track.velocity_mps
        turn = geo.rotation_enu(track.lat_deg, track.lon_deg)
        start = np.array(geo.ecef(track.lat_deg, track.lon_deg, 0.0 if flat else track.alt_m))
        moved: Array = start + seconds * (np.array([east, north, 0.0 if flat else up]) @ turn)
        return moved


def _sane(*numbers: float) -> bool:
    """Return whether these are metres or metres a second that something can have, and no NaN."""
    return all(abs(number) < SANE_M for number in numbers)
