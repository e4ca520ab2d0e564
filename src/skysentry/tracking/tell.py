"""What is told at a grid instant: which tracks are due, how they stand, which end and which go on as another."""

from __future__ import annotations

import numpy as np

from skysentry.events import AnyEvent, TrackStatus
from skysentry.tracking import kernels
from skysentry.tracking.custody import Farewell
from skysentry.tracking.life import COAST_S, status
from skysentry.tracking.resume import SHOWN
from skysentry.tracking.sky import SECOND_NS, Sky
from skysentry.tracking.table import Life

COAST_NS = round(COAST_S * SECOND_NS)


def tell(sky: Sky, now_ns: int, due: list[int], ends: dict[int, str], over: set[int]) -> list[AnyEvent]:
    """Return the events of the rows `due`; those with an end are forgotten, and those in `over` without a word."""
    table = sky.table
    made: list[AnyEvent] = []
    shown: list[tuple[int, str]] = []
    which, now_s, off = np.array(due, np.int64), (now_ns - sky.epoch_ns) / SECOND_NS, np.ones(len(due), np.bool_)
    if now_ns % SECOND_NS:
        kernels.strayed(table.lines, table.told, which, now_s, off)
    for i, r, strayed in zip(due, table.r[which].tolist(), off.tolist(), strict=True):
        life = table.lives[i]
        if i in over:
            continue
        end = ends.get(i)
        if end is not None:
            over.add(i)
            if end != "merged" and life.status in SHOWN:
                sky.resumption.keep(table, i)
            if life.track_id and sky.ours(life, now_ns):
                life.status = TrackStatus.ENDED
                shown.append((i, end))
                _farewell(sky, i, life, end != "merged")
            continue
        # A confirmed track that was seen just now stays confirmed: the most frequent case by far.
        if life.status is not TrackStatus.CONFIRMED or now_ns - life.last_ns > COAST_NS:
            before, life.status = life.status, status(life, r, now_ns, table, i)
            new = before is TrackStatus.TENTATIVE and life.status is TrackStatus.CONFIRMED
            if new and sky.ours(life, now_ns):
                made += _resume(sky, now_ns, i, shown, over)
                life = table.lives[i]
        if sky.publisher.due(life, now_ns, strayed):
            if sky.ours(life, now_ns):
                shown.append((i, ""))
            else:
                sky.publisher.pass_over(life, now_ns, now_s, table, i)
    made += sky.publisher.publish(now_ns, now_s, table, shown)
    table.remove(sorted(over, reverse=True))
    return made


def _resume(sky: Sky, now_ns: int, i: int, shown: list[tuple[int, str]], over: set[int]) -> list[AnyEvent]:
    """Let a row that is confirmed now go on as the track that it is, if it is one; its own id ends, where told."""
    table, now_s, life = sky.table, (now_ns - sky.epoch_ns) / SECOND_NS, sky.table.lives[i]
    left = sky.resumption.resume(now_ns, now_s, table, i)
    if left is None:
        return []
    if sky.area is not None:
        _farewell(sky, i, life, False)
        sky.area.seize(table.lives[i].custody)
    if left >= 0:
        over.add(left)
        shown[:] = [pair for pair in shown if pair[0] != left]
    if not life.track_id:
        return []
    resumed, table.lives[i], life.status = table.lives[i], life, TrackStatus.ENDED
    told = sky.publisher.publish(now_ns, now_s, table, [(i, "merged")])
    table.lives[i] = resumed
    return told


def _farewell(sky: Sky, i: int, life: Life, may_return: bool) -> None:
    """Note for the neighbours that a track has ended, and where."""
    if sky.area is not None:
        term = 0 if life.custody is None else life.custody.term
        sky.ended.append(Farewell(life.founded, term, may_return, *sky.table.lines[i, :2].tolist()))
