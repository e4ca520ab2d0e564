"""How well tracks follow the truth: GOSPA, identity, initiation, completeness, errors.

GOSPA takes the best pairing of each instant by itself. Identity keeps a pair of the last instant while it is within the
cut-off and pairs the rest by the best assignment; a change of `track_id` on an object is a switch, also across a time
without a track. Completeness, errors, initiation and false tracks follow the identity pairing. The first `skip_s` count
for initiation and false tracks only.

With `threats_only` all objects are paired, but only threats are judged: a track on a helicopter is then neither false
nor a merit. A track of several members counts as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from skysentry.events import ObjectClass, Track
from skysentry.geo import Array
from skysentry.score.gospa import Gospa, distances_m, gospa_of, match
from skysentry.score.intervals import bootstrap, wilson
from skysentry.score.report import ByClass, ByObject, TrackScore
from skysentry.score.timeline import SECOND_NS, Path, Published, TruthGrid


@dataclass
class _Followed:
    """What is counted of one true object."""

    seconds: int = 0
    ids: Counter[str] = field(default_factory=Counter)
    errors_m: list[float] = field(default_factory=list)
    switches: int = 0
    last_id: str | None = None
    first_pair_ns: int | None = None
    class_right: int = 0
    class_named: int = 0


class TrackJudge:
    """Walks through the instants once; `finish` gives the figures."""

    def __init__(self, grid: TruthGrid, c_m: float, skip_s: float, threats_only: bool) -> None:
        self._grid = grid
        self._c_m = c_m
        self._skip_s = skip_s
        self._judged = [path.threat or not threats_only for path in grid.paths]
        self._objects = [_Followed() for _ in grid.paths]
        self._gospa: list[Gospa] = []
        self._pairs: dict[int, str] = {}
        self._paired: set[str] = set()
        self._seen: set[str] = set()
        self._excused: set[str] = set()
        self._tracks: set[str] = set()
        # Every id that an object ever had, from the first second on.
        self.ids: dict[str, set[str]] = {path.object: set() for path in grid.paths}
        self._left_out = 0

    def walk(self, published: Published) -> None:
        """Judge every instant."""
        for k, now_ns in enumerate(self._grid.instants_ns.tolist()):
            live, tracks_m = published.at(now_ns)
            ids = {track.track_id for track in live}
            if self._grid.unknown[k]:
                self._left_out += k >= self._skip_s
                self._excused |= ids
                continue
            self._seen |= ids
            self._judge(k, now_ns, live, tracks_m)
        # What lived only where the truth has holes cannot be called false.
        self._tracks = published.confirmed - (self._excused - self._seen)

    def _judge(self, k: int, now_ns: int, live: list[Track], tracks_m: Array) -> None:
        present, truths_m = self._grid.present(k)
        distance_m = distances_m(truths_m, tracks_m)
        pairs = self._identify(present, live, distance_m)
        late_enough = k >= self._skip_s
        if late_enough:
            self._gospa.append(self._distance(present, distance_m))
            for index in present:
                self._objects[index].seconds += 1
        for row, column in pairs:
            path, followed, track = self._grid.paths[present[row]], self._objects[present[row]], live[column]
            self.ids[path.object].add(track.track_id)
            if followed.first_pair_ns is None:
                followed.first_pair_ns = now_ns
            if late_enough:
                _count(followed, track, float(distance_m[row, column]), path.object_class)
            followed.last_id = track.track_id

    def _identify(self, present: list[int], live: list[Track], distance_m: Array) -> list[tuple[int, int]]:
        column_of = {track.track_id: column for column, track in enumerate(live)}
        kept = [
            (row, column)
            for row, index in enumerate(present)
            if (column := column_of.get(self._pairs.get(index, ""), -1)) >= 0 and distance_m[row, column] < self._c_m
        ]
        rest_m = distance_m.copy()
        for row, column in kept:
            rest_m[row, :] = rest_m[:, column] = np.inf
        pairs = kept + match(rest_m, self._c_m)
        self._pairs = {present[row]: live[column].track_id for row, column in pairs}
        self._paired.update(self._pairs.values())
        return pairs

    def _distance(self, present: list[int], distance_m: Array) -> Gospa:
        pairs = match(distance_m, self._c_m)
        aside = {row for row, index in enumerate(present) if not self._judged[index]}
        if not aside:
            return gospa_of(distance_m, pairs, self._c_m)
        taken = {column for row, column in pairs if row in aside}
        rows = [row for row in range(distance_m.shape[0]) if row not in aside]
        columns = [column for column in range(distance_m.shape[1]) if column not in taken]
        # Pairs taken out of a best pairing leave a best pairing of what remains.
        rest = [(rows.index(row), columns.index(column)) for row, column in pairs if row not in aside]
        return gospa_of(distance_m[np.ix_(rows, columns)], rest, self._c_m)

    def finish(self) -> tuple[TrackScore, tuple[ByClass, ...], tuple[ByObject, ...]]:
        """Return the figures, by class, and by object."""
        judged = [
            (path, followed)
            for path, followed, counts in zip(self._grid.paths, self._objects, self._judged, strict=True)
            if counts
        ]
        objects = tuple(_object(path, followed) for path, followed in judged)
        return self._score([followed for _, followed in judged], objects), _classes(judged, objects), objects

    def _score(self, judged: list[_Followed], objects: tuple[ByObject, ...]) -> TrackScore:
        errors = [np.array(followed.errors_m) for followed in judged]
        all_m = np.concatenate(errors) if errors else np.zeros(0)
        waits = [found.initiation_s for found in objects if found.initiation_s is not None]
        seconds, paired = sum(o.seconds for o in objects), sum(o.paired_s for o in objects)
        named = sum(followed.class_named for followed in judged)
        false = len(self._tracks - self._paired)
        half_c2 = self._c_m * self._c_m / 2.0
        return TrackScore(
            seconds=len(self._gospa),
            left_out_s=self._left_out,
            objects=len(objects),
            object_seconds=seconds,
            gospa_m=_mean([at.distance_m for at in self._gospa]),
            localisation_m=_mean([at.localisation_m2**0.5 for at in self._gospa]),
            missed_m=_mean([(half_c2 * at.missed) ** 0.5 for at in self._gospa]),
            false_m=_mean([(half_c2 * at.false) ** 0.5 for at in self._gospa]),
            mean_missed=_mean([at.missed for at in self._gospa]),
            mean_false=_mean([at.false for at in self._gospa]),
            initiated=len(waits),
            median_initiation_s=_median(waits),
            worst_initiation_s=max(waits, default=None),
            completeness=paired / seconds if seconds else None,
            completeness_95=bootstrap([_followed_seconds(o) for o in objects], lambda v: float(v.mean())),
            switches=sum(o.switches for o in objects),
            id_share=_mean([o.longest_id_share for o in objects if o.longest_id_share is not None]),
            tracks=len(self._tracks),
            false_tracks=false,
            false_track_rate_95=wilson(false, len(self._tracks)),
            median_error_m=_median(all_m),
            median_error_95_m=bootstrap(errors, lambda v: float(np.median(v))),
            rmse_m=float(np.sqrt(np.mean(all_m**2))) if all_m.size else None,
            class_right=sum(followed.class_right for followed in judged) / named if named else None,
        )


def judge_tracks(
    grid: TruthGrid, tracks: Iterable[Track], dims: int, c_m: float, skip_s: float, threats_only: bool
) -> TrackJudge:
    """Return the judge of these tracks after its walk."""
    judge = TrackJudge(grid, c_m, skip_s, threats_only)
    since_ns = int(grid.instants_ns[0]) if grid.instants_ns.size else 0
    judge.walk(Published(tracks, dims, since_ns))
    return judge


def _count(followed: _Followed, track: Track, error_m: float, true_class: ObjectClass) -> None:
    followed.errors_m.append(error_m)
    followed.ids[track.track_id] += 1
    followed.switches += followed.last_id is not None and followed.last_id != track.track_id
    if track.classes:
        best, _ = max(track.classes, key=lambda pair: pair[1])
        followed.class_named += 1
        followed.class_right += best is true_class


def _object(path: Path, followed: _Followed) -> ByObject:
    first_ns = followed.first_pair_ns
    return ByObject(
        object=path.object,
        object_class=path.object_class,
        threat=path.threat,
        seconds=followed.seconds,
        paired_s=len(followed.errors_m),
        initiation_s=None if first_ns is None else (first_ns - int(path.time_ns[0])) / SECOND_NS,
        switches=followed.switches,
        longest_id_share=max(followed.ids.values(), default=0) / followed.seconds if followed.seconds else None,
        median_error_m=_median(followed.errors_m),
    )


def _classes(judged: list[tuple[Path, _Followed]], objects: tuple[ByObject, ...]) -> tuple[ByClass, ...]:
    made = []
    for kind in ObjectClass:
        of_kind = [found for found in objects if found.object_class is kind]
        if not of_kind:
            continue
        seconds = sum(found.seconds for found in of_kind)
        waits = [found.initiation_s for found in of_kind if found.initiation_s is not None]
        errors = [error for path, followed in judged if path.object_class is kind for error in followed.errors_m]
        made.append(
            ByClass(
                object_class=kind,
                objects=len(of_kind),
                initiated=len(waits),
                completeness=sum(found.paired_s for found in of_kind) / seconds if seconds else None,
                median_initiation_s=_median(waits),
                median_error_m=_median(errors),
            )
        )
    return tuple(made)


def _followed_seconds(found: ByObject) -> Array:
    return np.concatenate([np.ones(found.paired_s), np.zeros(found.seconds - found.paired_s)])


def _mean(values: list[float] | list[int]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(values: list[float] | Array) -> float | None:
    return float(np.median(values)) if len(values) else None
