"""What is told at a grid instant: which tracks are due, how they stand, which end and which go on as another."""

from __future__ import annotations

import numpy as np

from skysentry.events import AnyEvent, TrackStatus
from skysentry.tracking.sky import SECOND_NS, Sky
from skysentry.tracking.telling.calm import COAST_NS, due_between, in_order
from skysentry.tracking.telling.publish import SEVERAL, SHOWN_HITS
from skysentry.tracking.telling.show import strayed
from skysentry.tracking.tracks.custody import Farewell
from skysentry.tracking.tracks.life import place_known, status
from skysentry.tracking.tracks.resume import SHOWN
from skysentry.tracking.tracks.table import WIDE, Life


def between(sky: Sky, now_ns: int) -> list[AnyEvent]:
    """Return the events between whole seconds: of what was seen since the last instant."""
    table, touched = sky.table, sky.touched
    sky.news, sky.touched = False, set()
    due, asked = np.empty(table.n, np.int64), np.empty(table.n, np.int64)
    now_s = (now_ns - sky.epoch_ns) / SECOND_NS
    count, some = due_between(table.calm, table.n, table.lines, table.told, now_ns, now_s, sky.lone, due, asked)
    rows = due[:count].tolist()
    if some or touched:
        return tell(sky, now_ns, rows, sorted([*asked[:some].tolist(), *touched]), {}, [])
    lives = table.lives.made
    return sky.publisher.publish(now_ns, now_s, table, due[:count], [lives[i] for i in rows])


def tell(
    sky: Sky, now_ns: int, due: list[int], asked: list[int], ends: dict[int, str], forgotten: list[int]
) -> list[AnyEvent]:
    """Return the events of the rows `due`, and of those `asked` that have something to show.

    Those of them with an end are forgotten, and the rows `forgotten` without a word. A living track has something to
    show after a second, and when a look tells more than its last event. Where several sensors see one thing, most looks
    say what reckoning on from the last event says: only what has strayed from it is told between whole seconds. What
    one sensor sees is told look by look; a status at once.
    """
    table, publisher = sky.table, sky.publisher
    made: list[AnyEvent] = []
    # Rows that are told, and how they end: empty where they live, `None` in order (`calm`).
    shown: dict[int, str | None] = dict.fromkeys(due)
    over = {*forgotten}
    now_s = (now_ns - sky.epoch_ns) / SECOND_NS
    rows = table.lives.made
    off = _strayed(sky, now_ns, now_s, asked)
    for i in asked:
        if i in over:
            continue
        life, strayed = rows[i], off is None or off[i]
        if i in ends:
            over.add(i)
            _end(sky, now_ns, i, life, ends[i], shown)
            continue
        # A confirmed track that was seen just now stays confirmed: the most frequent case by far.
        if life.status is not TrackStatus.CONFIRMED or now_ns - life.last_ns > COAST_NS:
            before, life.status = life.status, _status(sky, now_ns, i, life)
            table.calm[i] = 0
            new = before is TrackStatus.TENTATIVE and life.status is TrackStatus.CONFIRMED
            # A wide track is too vague to be taken for one that has gone.
            if new and table.cloud[i] > WIDE and sky.ours(life, now_ns):
                made += _resume(sky, now_ns, i, shown, over)
                life = table.lives[i]
        if (life.track_id or life.hits >= SHOWN_HITS) and (
            now_ns - life.published_ns >= SECOND_NS
            or (life.pending and (strayed or len(life.sensors) < SEVERAL or life.published is not life.status))
        ):
            if life.custody is None or sky.ours(life, now_ns):
                shown[i] = ""
            else:
                publisher.pass_over(life, now_ns, now_s, table, i)
    order = sorted(shown)
    told, how = [rows[i] for i in order], [shown[i] for i in order]
    made += publisher.publish(now_ns, now_s, table, np.array(order, np.int64), told, how)
    if sky.area is None:
        _calm(sky, now_ns, [i for i in asked if shown.get(i) == ""])
    table.remove(sorted(over, reverse=True))
    return made


def _calm(sky: Sky, now_ns: int, told: list[int]) -> None:
    """Note which of those that live and were told just now need not be asked next time."""
    table = sky.table
    for i in told:
        life = table.lives.made[i]
        if in_order(life) and table.cloud[i] == -1:
            table.calm[i] = now_ns, life.last_ns, 0, len(life.sensors) < SEVERAL
            # What is told for it and against it is looked at anew.
            table.said[i] = -1


def _status(sky: Sky, now_ns: int, i: int, life: Life) -> TrackStatus:
    """Return the status that a living track has now: tentative as long as its place is not known."""
    table = sky.table
    now = status(life, float(table.r[i]), now_ns)
    if life.status is not TrackStatus.TENTATIVE or now is TrackStatus.TENTATIVE:
        return now
    wide = sky.thin is not None and table.cloud[i] <= WIDE
    known = sky.thin.place_known(table, i) if sky.thin is not None and wide else place_known(table, i)
    return now if known else TrackStatus.TENTATIVE


def _strayed(sky: Sky, now_ns: int, now_s: float, asked: list[int]) -> dict[int, bool] | None:
    """Return whether each row that is asked is no longer where its last event says; at whole seconds all are told.

    So are those that a single sensor sees, and a site may have one only.
    """
    if now_ns % SECOND_NS == 0 or sky.lone:
        return None
    off = np.empty(len(asked), np.bool_)
    strayed(sky.table.lines, sky.table.told, np.array(asked, np.int64), now_s, off)
    return dict(zip(asked, off.tolist(), strict=True))


def _end(sky: Sky, now_ns: int, i: int, life: Life, end: str, shown: dict[int, str | None]) -> None:
    """Let a track end: it is kept in mind for a while, and told where people know it."""
    if end != "merged" and life.status in SHOWN:
        sky.resumption.keep(sky.table, i)
    if life.track_id and sky.ours(life, now_ns):
        life.status = TrackStatus.ENDED
        shown[i] = end
        _farewell(sky, i, life, end != "merged")


def _resume(sky: Sky, now_ns: int, i: int, shown: dict[int, str | None], over: set[int]) -> list[AnyEvent]:
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
        shown.pop(left, None)
    if not life.track_id:
        return []
    life.status = TrackStatus.ENDED
    return sky.publisher.publish(now_ns, now_s, table, np.array([i]), [life], ["merged"])


def _farewell(sky: Sky, i: int, life: Life, may_return: bool) -> None:
    """Note for the neighbours that a track has ended, and where."""
    if sky.area is not None:
        term = 0 if life.custody is None else life.custody.term
        sky.ended.append(Farewell(life.founded, term, may_return, *sky.table.lines[i, :2].tolist()))
