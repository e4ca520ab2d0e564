"""What is asked once a second: of each track whether it lives on, of what was learned to fade, of the grid for more."""

from __future__ import annotations

import numpy as np

from skysentry.events import AnyEvent, TrackStatus
from skysentry.tracking.births.founding import held
from skysentry.tracking.births.seeds import Seed
from skysentry.tracking.evidence.groups import KNOWN, flocks, meet
from skysentry.tracking.hits import MOST_PENDING
from skysentry.tracking.models.first_state import FIRST_WEIGHT
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.sky import SECOND_NS, Sky
from skysentry.tracking.tell import tell
from skysentry.tracking.tracks.classify import AIRBORNE
from skysentry.tracking.tracks.life import GONE, LOST_M, UNSEEN_S, fate
from skysentry.tracking.tracks.table import MOST_OBSERVED, MOST_SEEN, WIDE, Life
from skysentry.tracking.tracks.twins import APART_M, TOLD_M
from skysentry.tracking.whole_second import ASKED, CHANGED, DUE, GROWN, HEARD, OVER, ROOMS, second

# How long two tracks must be one before the younger ends, and how many pairs are looked at in a second.
TWIN_S = 3
MOST_TWINS = 1_000
# What passed the grid's threshold with support of several sensors is as likely as not.
SPAWN_EXISTENCE = 0.6
# What was seen within this is asked no further how it ends.
UNSEEN_NS = round(UNSEEN_S * SECOND_NS)


def tend(sky: Sky, now_ns: int) -> list[AnyEvent]:
    """Return the events of a whole second: each track is asked whether it lives on, the grid for new ones."""
    if sky.epoch_ns == 0:
        return _before(sky, now_ns)
    now_s = (now_ns - sky.epoch_ns) / SECOND_NS
    if sky.births is not None:
        sky.clouds.settle(sky.table, now_s)
        sky.forks.settle(sky.table)
    if sky.thin is not None:
        sky.thin.settle(sky.table, now_s)
    sky.touched.clear()
    sky.news = False
    made = _age(sky, now_ns, now_s) if sky.table.n else []
    made += sky.complaints.tell(now_ns)
    made += sky.quarantine.tell(now_ns)
    sky.clutter.settle(now_s, sky.table)
    sky.clocks.poll()
    sky.corrected(sky.registration.settle(now_s))
    sky.hearing.settle(now_s, now_ns, sky.table, sky.clouds)
    made += sky.faults.tell(now_ns)
    if sky.births is not None:
        sky.births.advance(now_s)
        for seed in sky.births.seeds():
            _spawn(sky, now_ns, seed)
    if sky.thin is not None:
        for seed, paths in sky.thin.founded(sky.table):
            _spawn(sky, now_ns, seed, paths)
    return made


def _before(sky: Sky, now_ns: int) -> list[AnyEvent]:
    """Return the events before the first look, which says what times count from: nothing is learned until then."""
    sky.clocks.poll()
    return [*sky.complaints.tell(now_ns), *sky.faults.tell(now_ns)]


def _spawn(sky: Sky, now_ns: int, seed: Seed, paths: Array | None = None) -> None:
    """Start a track from the grid of undetected objects; a wide one with its paths where one sensor founds it."""
    thin = sky.thin
    if thin is not None and paths is None and thin.takes(seed):
        return
    last = seed.hits[-1]
    first_ns = sky.epoch_ns + round(seed.hits[0].time_s * SECOND_NS)
    founded = f"{last.detection}@{now_ns}/{seed.cell}"
    life = Life(founded=founded, first_ns=first_ns, last_ns=sky.epoch_ns + round(last.time_s * SECOND_NS))
    life.hits = 1
    life.seen = {hit.sensor: sky.epoch_ns + round(hit.time_s * SECOND_NS) for hit in seed.hits[-MOST_SEEN:]}
    life.pending = [hit.detection for hit in seed.hits[-MOST_PENDING:]]
    life.sound = True
    table, now_s = sky.table, (now_ns - sky.epoch_ns) / SECOND_NS
    if table.n - table.claimed >= MOST_OBSERVED or (paths is None and held(table, now_s, seed.mean, seed.cov)):
        return
    if sky.area is not None:
        life.custody = sky.area.first(seed.mean[0], seed.mean[1], now_ns)
    i = table.add(life)
    table.x[i], table.P[i], table.w[i] = seed.mean, seed.cov, FIRST_WEIGHT
    table.t[i], table.r[i] = now_s, SPAWN_EXISTENCE
    if thin is not None and paths is not None:
        thin.start(table, i, now_s, paths)
    elif seed.heard and seed.cells is not None:
        sky.clouds.start(table, i, now_s, seed.cells)
    table.outline(i)


def _age(sky: Sky, now_ns: int, now_s: float) -> list[AnyEvent]:
    """Return the events of all tracks, each asked first whether it lives on."""
    table = sky.table
    rows, ahead = np.empty((ROOMS, table.n), np.int64), np.empty((table.n, 2))
    pairs = np.empty((MOST_TWINS, 2), np.int64)
    of, told_m = sky.classifier, TOLD_M if sky.births is not None and sky.hearing.heard.doubted else APART_M
    failed, grown, over, heard, changed, due, some, same = second(
        table.x, table.P, table.w, table.t, table.r, table.own, table.evidence, table.notes, table.cloud, table.alone,
        table.calm, table.said, table.n, now_ns, now_s, of.wind, of.bands, AIRBORNE, told_m, ahead, pairs, rows,
    )  # fmt: skip
    if failed:
        # Numbers that have failed are forgotten rather than published or spread.
        sky.complaints.add("tracker", "a state that is not finite", "report this, with the recording", failed)
        table.remove(rows[0, :failed])
        return _age(sky, now_ns, now_s) if table.n else []
    lives, which = table.lives.made, rows[GROWN, :grown]
    asked = {i: lives[i] for i in rows[ASKED, :some].tolist()} if some else {}
    new = [i for i, life in asked.items() if life.status is TrackStatus.TENTATIVE]
    for i in new:
        table.notes[i, KNOWN] = 0.0
    of.settle(table, asked)
    if sky.thin is not None:
        sky.thin.courses.note(now_s, table, _without(which, new))
    if heard:
        flocks(table.lines, table.notes, rows[HEARD, :heard], now_s)
    sky.claims.review(now_ns, now_s, table, asked, which, rows[CHANGED, :changed], sky.looked, sky.quarantine)
    told, forgotten = rows[DUE, :due], rows[OVER, :over]
    if asked:
        ends = _ends(sky, now_ns, asked, _doubled(sky, asked, pairs[:same].tolist()), ahead)
        return tell(sky, now_ns, told.tolist(), [*asked], ends, forgotten.tolist())
    made = sky.publisher.publish(now_ns, now_s, table, told, [lives[i] for i in told.tolist()])
    table.remove(forgotten)
    return made


def _ends(sky: Sky, now_ns: int, asked: dict[int, Life], doubled: set[int], ahead: Array) -> dict[int, str]:
    """Return how those of the tracks that are asked end that do."""
    ends: dict[int, str] = {}
    for i in asked:
        end = "merged" if i in doubled else _fate(sky, now_ns, i, ahead.item(i, 0), ahead.item(i, 1))
        if end != "stays":
            ends[i] = end
    return ends


def _fate(sky: Sky, now_ns: int, i: int, spread_m: float, down: float) -> str:
    """Return whether a track that is not in order lives on, or how it ends; `spread_m`, `down` as `foresee` has it."""
    table = sky.table
    life, likely = table.lives[i], table.r.item(i)
    if sky.thin is not None and table.cloud[i] <= WIDE:
        return sky.thin.fate(table, i, life.status is TrackStatus.TENTATIVE)
    if likely < GONE or now_ns - life.last_ns > UNSEEN_NS or spread_m > LOST_M:
        return fate(life, likely, now_ns, spread_m, down)
    return "stays"


def _without(which: Indices, others: list[int]) -> list[int]:
    """Return the rows `which` that are not among `others`."""
    left = {*others}
    return [i for i in which.tolist() if i not in left]


def _doubled(sky: Sky, asked: dict[int, Life], pairs: list[list[int]]) -> set[int]:
    """Return the rows that have long been the younger of two tracks of one object, of those that are so now."""
    table, over = sky.table, set()
    ordered = [sorted(pair, key=lambda i: _age_key(table.lives[i])) for pair in pairs]
    younger = {pair[1]: pair[0] for pair in ordered}
    for i in younger:
        life = table.lives[i]
        life.twin_s += 1
        if life.twin_s >= TWIN_S:
            over.add(i)
            meet(table.notes[younger[i]])
    for i, life in asked.items():
        if life.twin_s and i not in younger:
            life.twin_s = 0
    return over


def _age_key(life: Life) -> tuple[bool, bool, int, str]:
    """Order of worth: those that their own cell knows, those people know, then the older."""
    stray = life.custody is not None and life.custody.stray
    return stray, life.status is TrackStatus.TENTATIVE, life.first_ns, life.founded
