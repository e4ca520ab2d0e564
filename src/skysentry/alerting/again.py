"""A lost track found again under another id.

A track that is confirmed for the first time may be one that was lost. It is, where all of this holds:

- it was first seen after the lost one was last seen, and confirmed within two minutes of that;
- it is where the lost one could be: off the straight way by no more than three sigmas of both places and of the speed
  over the time unseen, and half of the way flown meanwhile, for it may have turned;
- it is no friend, no cooperative aircraft, of no other class, and claims no other identity.

Then the lost one is released, "found again as …", for the new one threatens in its own right or was seen leaving.
Each new track stands for one lost one, the nearest; a tentative track never releases anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from skysentry.alerting.rules import SECOND_NS, Approach, best_kind
from skysentry.alerting.state import Newcomer, State, remember
from skysentry.events import Affiliation, ObjectClass, Track

# Two minutes: as long as the tracker itself would wait. Later so many could be it that none is.
WITHIN_NS = 120 * SECOND_NS
# A turn of 30° off the straight way at full speed, all the time.
OFF_COURSE = 0.5
SIGMAS = 3.0
METRES_PER_DEGREE = 111_195.0
# More new tracks than this in two minutes cannot be told apart; the lost ones then run their time.
MAX_NEWCOMERS = 100


def welcome(state: State, track: Track) -> None:
    """Remember where a track stood when it was first confirmed."""
    if track.affiliation in (Affiliation.FRIEND, Affiliation.NEUTRAL):
        return
    newcomer = Newcomer(
        first_ns=track.first_ns,
        time_ns=track.time_ns,
        lat_deg=track.lat_deg,
        lon_deg=track.lon_deg,
        sigma_m=math.sqrt(max(track.cov[0] + track.cov[6], 0.0)),
        kind=best_kind(track),
        identity=(track.identity.scheme, track.identity.value) if track.identity is not None else None,
    )
    remember(state.newcomers, track.track_id, newcomer, MAX_NEWCOMERS)
    state.unmatched = True


def reunited(state: State, now_ns: int) -> Iterator[tuple[str, str, str]]:
    """Yield (zone id, lost track, the track that it is now) for each lost approach that was found again.

    A newcomer keeps the one that it stands for, so the same is said for every zone and a snapshot carries it on.
    """
    if not state.unmatched:
        return
    state.unmatched = False
    for track_id in [key for key, new in state.newcomers.items() if now_ns - new.time_ns > 2 * WITHIN_NS]:
        del state.newcomers[track_id]
    lost = [
        (zone_id, approach)
        for zone_id, approaches in sorted(state.approaches.items())
        for approach in approaches.values()
        if approach.lost_ns is not None
    ]
    pairs = [
        (off, approach.track_id, new_id)
        for _, approach in lost
        for new_id, new in state.newcomers.items()
        if new_id != approach.track_id and (off := _off(approach, new)) is not None
    ]
    found: dict[str, str] = {new.stands_for: new_id for new_id, new in state.newcomers.items() if new.stands_for}
    for _, lost_id, new_id in sorted(pairs):
        if lost_id not in found and not state.newcomers[new_id].stands_for:
            state.newcomers[new_id].stands_for = lost_id
            found[lost_id] = new_id
    for zone_id, approach in lost:
        if approach.track_id in found:
            yield zone_id, approach.track_id, found[approach.track_id]


def _off(lost: Approach, new: Newcomer) -> float | None:
    """How far off the straight way a newcomer stood, as a share of what may be; `None` where it is another one."""
    unseen_ns = new.time_ns - lost.seen_ns
    if new.first_ns <= lost.seen_ns or unseen_ns > WITHIN_NS or not _alike(lost, new):
        return None
    unseen_s, ahead_s = unseen_ns / 1e9, (new.time_ns - lost.state_ns) / 1e9
    dlon = (new.lon_deg - lost.lon_deg + 180.0) % 360.0 - 180.0
    east = dlon * METRES_PER_DEGREE * math.cos(math.radians(lost.lat_deg)) - lost.velocity_mps[0] * ahead_s
    north = (new.lat_deg - lost.lat_deg) * METRES_PER_DEGREE - lost.velocity_mps[1] * ahead_s
    spread = math.sqrt(lost.sigma_m**2 + new.sigma_m**2 + (lost.sigma_mps * unseen_s) ** 2)
    off = math.hypot(east, north) / (SIGMAS * spread + OFF_COURSE * lost.speed_mps * unseen_s + 1.0)
    return off if off <= 1.0 else None


def _alike(lost: Approach, new: Newcomer) -> bool:
    if lost.identity is not None and new.identity is not None and lost.identity[:2] != new.identity:
        return False
    unsure = (None, ObjectClass.OTHER)
    return lost.kind == new.kind or lost.kind in unsure or new.kind in unsure
