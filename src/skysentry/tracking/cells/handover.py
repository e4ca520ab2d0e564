"""What cells tell each other: whole tracks, and whose they are.

Each whole second, and when a track has ended between, a cell sends to every cell that keeps copies at a place the
tracks there that it owns and shows: the state's arrays and the `Life` with all that is remembered of it, so nothing is
lost where ownership moves. A receiver

    that does not hold the track              takes it
    that holds it, and has taken no look      puts the owner's in its place: in one lattice of equal clocks copies are
    since the message was sent                exact once a second
    that has, and agrees with it              keeps its own state, which knows the later looks, with the owner's history
    that has, and does not agree              takes the owner's: its copy had gone astray

and answers where it was offered the track, or knows of a later owner. A track that ends is told once; a copy that never
hears of it is taken for what it is when it would be claimed.

Of what plots found only that is told which people see, so clutter costs no messages: a first look founds the same track
in all cells it is in. What the grid of undetected objects founds is told at once, for only its own cell founds it.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.errors import StateError
from skysentry.tracking.cells.lattice import HYSTERESIS_M, SLACK_M, Area
from skysentry.tracking.fusion import Fusion
from skysentry.tracking.models.motion import Array
from skysentry.tracking.models.outline import O_MEAN, O_TIME
from skysentry.tracking.sky import SECOND_NS
from skysentry.tracking.telling.publish import SHOWN_HITS
from skysentry.tracking.tracks.custody import Custody, Farewell, Key, owns
from skysentry.tracking.tracks.resume import SHOWN
from skysentry.tracking.tracks.table import MOST_CLAIMED, MOST_OBSERVED, Life, Look, Table

VERSION = 1
# Squared distance of two states of one track beyond which a copy has gone astray: all but 1e-5 of a normal in six
# dimensions, as the gates of `correct`.
ASTRAY = 33.1


class Handover(Struct, frozen=True, array_like=True):
    """A message from one cell to another, as of `time_ns`. `body` is opaque and versioned."""

    by: Key
    to: Key
    time_ns: int
    body: bytes
    answer: bool = False

    @property
    def id(self) -> str:
        """The name of this message: two copies of it have the same."""
        kind = "answer" if self.answer else "handover"
        return f"{kind}:{self.by[0]}.{self.by[1]}>{self.to[0]}.{self.to[1]}@{self.time_ns}"


class Body(Struct, array_like=True):
    """Tracks that the sender owns; offers that it takes (name, term); tracks that the receiver wrongly believes its own

    (name, owner, term); tracks that have ended.
    """

    version: int
    epoch_ns: int
    lives: list[Life]
    arrays: list[bytes]
    agreed: list[tuple[str, int]]
    owned: list[tuple[str, Key, int]]
    ended: list[Farewell]


_decoder = msgspec.msgpack.Decoder(Body)


def tell(fusion: Fusion, area: Area, now_ns: int) -> list[Handover]:
    """Return what the neighbours are told now; offer, claim and forget tracks by where they are."""
    rows: dict[Key, list[int]] = {}
    ended: dict[Key, list[Farewell]] = {}
    for farewell in fusion.ended:
        for key in _neighbours(area, farewell.e_m, farewell.n_m):
            ended.setdefault(key, []).append(farewell)
    fusion.ended.clear()
    table, over = fusion.table, []
    places = _places(table, (now_ns - fusion.epoch_ns) / SECOND_NS)
    for i in np.flatnonzero(_bordering(area, places)).tolist() + _deep_with_custody(area, table, places):
        if type(table.lives.rows[i]) is Look:
            continue
        life, (e, n) = table.lives[i], places[i].tolist()
        if not _keeps(area, life, e, n, now_ns):
            over.append(i)
        elif _ours(area, life, now_ns) and (life.track_id or life.sound or life.hits >= SHOWN_HITS):
            for key in _told(area, life, e, n, now_ns):
                rows.setdefault(key, []).append(i)
    made = [
        _message(fusion, area.key, key, now_ns, rows.get(key, []), ended=ended.get(key, []))
        for key in sorted(rows.keys() | ended.keys())
    ]
    table.remove(sorted(over, reverse=True))
    return made


def _places(table: Table, now_s: float) -> Array:
    """Return where the tracks are now, on the ground [shape=(n, 2)]."""
    lines = table.lines[: table.n]
    at: Array = lines[:, :2] + (now_s - lines[:, O_TIME, None]) * lines[:, O_MEAN + 3 : O_MEAN + 5]
    return at


def _bordering(area: Area, places: Array) -> NDArray[np.bool_]:
    """Return which places other cells keep copies at."""
    low = np.array(area.low_m)
    depth = np.minimum(places - low, low + area.side_m - places).min(axis=1)
    near: NDArray[np.bool_] = depth < area.cells.hold_m
    return near


def _deep_with_custody(area: Area, table: Table, places: Array) -> list[int]:
    """Return the other rows that need a word: copies, and what was handed over."""
    deep = np.flatnonzero(~_bordering(area, places)).tolist()
    return [i for i in deep if getattr(table.lives.rows[i], "custody", None) is not None]


def _neighbours(area: Area, e_m: float, n_m: float) -> list[Key]:
    return [key for key in area.cells.around(e_m, n_m, area.cells.hold_m) if key != area.key]


def _ours(area: Area, life: Life, now_ns: int) -> bool:
    return life.custody is None or owns(life.custody, area.key, now_ns)


def _keeps(area: Area, life: Life, e_m: float, n_m: float, now_ns: int) -> bool:
    """Return whether a cell keeps a track at this place; claim it if its owner is silent.

    What the grid found just outside, its own cell has told by now, or has not found.
    """
    if _ours(area, life, now_ns):
        return True
    custody = life.custody
    assert custody is not None
    if life.sound and custody.stray and now_ns > custody.heard_ns:
        return False
    out_m = area.depth_m(e_m, n_m)
    if out_m < -HYSTERESIS_M and custody.silent(now_ns):
        custody.claim(area.key)
    return out_m < area.cells.hold_m + SLACK_M


def _told(area: Area, life: Life, e_m: float, n_m: float, now_ns: int) -> list[Key]:
    """Return the cells that are told of an own track; offer it to the one in which it is, if that is another."""
    keys = _neighbours(area, e_m, n_m)
    if area.depth_m(e_m, n_m) > HYSTERESIS_M:
        if life.custody is None:
            life.custody = Custody(area.key, away=False)
        if life.custody.heir is None:
            life.custody.offer(area.cells.at(e_m, n_m), now_ns + 2 * area.cells.latency_ns)
    return keys


def _message(
    fusion: Fusion,
    by: Key,
    to: Key,
    now_ns: int,
    rows: list[int],
    agreed: list[tuple[str, int]] | None = None,
    owned: list[tuple[str, Key, int]] | None = None,
    ended: list[Farewell] | None = None,
) -> Handover:
    table = fusion.table
    lives = [table.lives[i] for i in rows]
    arrays = [getattr(table, name)[rows].tobytes() for name in Table.KEPT] if rows else []
    body = Body(VERSION, fusion.epoch_ns, lives, arrays, agreed or [], owned or [], ended or [])
    return Handover(by, to, now_ns, msgspec.msgpack.encode(body), answer=not lives and not ended)


def adopt(fusion: Fusion, area: Area, message: Handover, last_ns: int | None) -> list[Handover]:
    """Take what a neighbour tells; return the answer, if there is one. `last_ns` is up to when looks were taken.

    Raises `StateError` where the message cannot be read.
    """
    try:
        body = _decoder.decode(message.body)
        if body.version != VERSION:
            raise StateError(f"a hand-over of version {body.version}", hint="run one version in all cells")
        theirs = Table.load(len(body.lives), body.lives, body.arrays) if body.lives else Table()
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(f"a hand-over cannot be read: {error}") from None
    if fusion.epoch_ns == 0:
        fusion.epoch_ns = body.epoch_ns
    theirs.t[: theirs.n] += (body.epoch_ns - fusion.epoch_ns) / SECOND_NS
    # Clouds and forks are not sent, only their moments: their numbers mean nothing here.
    theirs.cloud[: theirs.n] = -1
    theirs.forks[: theirs.n] = 0
    theirs.outline()
    index = {fusion.table.lives.founded(i): i for i in range(fusion.table.n)}
    for founded, term in body.agreed:
        _agreed(fusion.table, index.get(founded), message.by, term)
    for founded, owner, term in body.owned:
        _corrected(fusion.table, index.get(founded), owner, term)
    agreed: list[tuple[str, int]] = []
    owned: list[tuple[str, Key, int]] = []
    fresh = last_ns is None or last_ns <= message.time_ns
    for k in range(theirs.n):
        _take(fusion, area, message, theirs, k, index, fresh, agreed, owned)
    _forget(fusion, area, body.ended, index)
    if not agreed and not owned:
        return []
    return [_message(fusion, area.key, message.by, message.time_ns, [], agreed, owned)]


def _take(
    fusion: Fusion,
    area: Area,
    message: Handover,
    theirs: Table,
    k: int,
    index: dict[str, int],
    fresh: bool,
    agreed: list[tuple[str, int]],
    owned: list[tuple[str, Key, int]],
) -> None:
    """Take one track of a neighbour's, or say who owns it."""
    table, life = fusion.table, theirs.lives[k]
    custody = life.custody = life.custody or Custody(message.by)
    custody.heard_ns, custody.vouched, custody.away = message.time_ns, True, True
    i = index.get(life.founded)
    if i is None:
        if table.n >= MOST_CLAIMED + MOST_OBSERVED:
            return
        i = index[life.founded] = table.add(life)
        _put(table, i, theirs, k)
        if life.sound and fusion.births is not None:
            fusion.births.vacate(life.founded)
    else:
        known = table.lives[i].custody or Custody(area.key)
        if not custody.supersedes(known):
            owned.append((life.founded, known.owner, known.term))
            return
        if fresh or _astray(table, i, theirs, k):
            _replace(table, i, life)
            _put(table, i, theirs, k)
        else:
            _replace(table, i, _joined(life, table.lives[i]))
    if custody.heir == area.key:
        agreed.append((life.founded, custody.term))


def _put(table: Table, i: int, theirs: Table, k: int) -> None:
    """Write the state in row k of another table into row i."""
    for name in Table.ARRAYS:
        getattr(table, name)[i] = getattr(theirs, name)[k]


def _replace(table: Table, i: int, life: Life) -> None:
    table.claimed += life.claimed - table.lives[i].claimed
    table.lives[i] = life


def _joined(told: Life, own: Life) -> Life:
    """Return the owner's account of a track with the looks that came since."""
    told.last_ns, told.hits = max(told.last_ns, own.last_ns), max(told.hits, own.hits)
    told.seen = {name: max(told.seen.get(name, 0), own.seen.get(name, 0)) for name in {**told.seen, **own.seen}}
    told.pending, told.published_ns = own.pending, max(told.published_ns, own.published_ns)
    return told


def _astray(table: Table, i: int, theirs: Table, k: int) -> bool:
    """Return whether two states of one track are no longer of one object."""
    means, covs = [], []
    for one, row in ((table, i), (theirs, k)):
        mean = one.w[row] @ one.x[row]
        off = one.x[row] - mean
        covs.append(np.einsum("m,mab->ab", one.w[row], one.P[row] + off[:, :, None] * off[:, None, :]))
        means.append(mean)
    F = np.eye(6)
    F[[0, 1, 2], [3, 4, 5]] = table.t[i] - theirs.t[k]
    off, both = means[0] - F @ means[1], covs[0] + F @ covs[1] @ F.T
    return not float(off @ np.linalg.solve(both, off)) < ASTRAY


def _agreed(table: Table, i: int | None, by: Key, term: int) -> None:
    custody = None if i is None else table.lives[i].custody
    if custody is not None and custody.heir == by and custody.term == term:
        custody.agreed = True


def _corrected(table: Table, i: int | None, owner: Key, term: int) -> None:
    """Learn that a track belongs to another cell since a later term."""
    if i is not None:
        known = table.lives[i].custody
        if known is None or Custody(owner, term).supersedes(known):
            table.lives[i].custody = Custody(owner, term, vouched=True)


def _forget(fusion: Fusion, area: Area, ended: list[Farewell], index: dict[str, int]) -> None:
    """Remove copies of tracks that have ended; those that may return are remembered here too."""
    table, rows = fusion.table, set()
    for farewell in ended:
        i = index.get(farewell.founded)
        custody = None if i is None else table.lives[i].custody
        if i is None or custody is None or custody.owner == area.key or custody.term > farewell.term:
            continue
        if farewell.may_return and i not in rows and table.lives[i].status in SHOWN:
            fusion.resumption.keep(table, i)
        rows.add(i)
    table.remove(sorted(rows, reverse=True))
