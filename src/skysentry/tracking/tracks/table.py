"""The tracks that live: packed arrays for the kernels, and beside each row what only people and screens need.

Rows 0 … n − 1 are in use; the last row fills the gap of a removed one, so order is deterministic. Everything here is
the tracker's state: `dump` and `load` are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.events import Affiliation, Detection, Identity, ObjectClass, TrackStatus
from skysentry.tracking.evidence.ledger import KINDS, NOTES
from skysentry.tracking.evidence.masks import COLUMNS, SLOTS
from skysentry.tracking.evidence.repeats import Said
from skysentry.tracking.models.motion import MODELS, Array, Indices
from skysentry.tracking.models.outline import OUTLINE, outline_all
from skysentry.tracking.tracks.custody import Custody

SECOND_NS = 1_000_000_000
# A hundred times a large raid; a row is 1.7 kB.
MOST_OBSERVED = 4_000
# Tracks that only claims support: the sky of a large city. They have room of their own, so they never crowd out what
# other sensors see.
MOST_CLAIMED = 4_000
SCHEME_SLOTS = 4
# Sensors that a track remembers; more than these do not see one thing within minutes.
MOST_SEEN = 64
CLASSES = tuple(ObjectClass)
# Places for the ranks of one look in the number of a track: as many as detections that are taken of it.
RANKS = 2048
# Keys of tracks that no single look founded are sums (`Life.key`), so below this.
FIRST_LOOK = 1 << 32
# What was last told of a track: place and velocity in the working frame, and the time they were for.
TOLD = 7
# `Table.cloud` of a row that has wide cloud k is this less k.
WIDE = -2
# How long a claim or a plot without a second one is kept, beside three of its sensor's periods.
TENTATIVE_S, TENTATIVE_PERIODS = 10.0, 3.0
# Where the search for the nanosecond begins: more than times as seconds may lose.
ROUNDING_NS = 10
# Columns of `Table.calm`, what is asked of a track in order: when it was last told, and seen, in ns; whether that is
# news (`FRESH`: since this instant); 1 where a single sensor sees it. A row of zeros: Python is to be asked.
C_TOLD, C_SEEN, C_NEWS, C_SINGLE, CALM = 0, 1, 2, 3, 4
FRESH = 2


class Life(Struct, gc=False):
    """What a track is beside its state. `seen` maps sensors to when they last saw it; `pending` are detections;
    `said` is what sensors last said of its class.

    `sensors` are those that saw it lately, as they were last told: they stay so until `sensors_until_ns`; `who` is
    that in words, once it was told.
    `custody` says which cell publishes it; `None` where it was founded and never left.
    """

    founded: str
    first_ns: int
    last_ns: int
    track_id: str = ""
    status: TrackStatus = TrackStatus.TENTATIVE
    hits: int = 0
    period_s: float = 1.0
    claimed: bool = False
    sound: bool = False
    identity: Identity | None = None
    affiliation: Affiliation | None = None
    agreed_s: float = 0.0
    agreed_ns: int = 0
    claim_ns: int = 0
    twin_s: int = 0
    custody: Custody | None = None
    published_ns: int = 0
    published: TrackStatus | None = None
    seen: dict[str, int] = msgspec.field(default_factory=dict)
    pending: list[str] = msgspec.field(default_factory=list)
    said: dict[str, Said] = msgspec.field(default_factory=dict)
    sensors: tuple[str, ...] = ()
    sensors_until_ns: int = 0
    who: str = ""
    doubt: str = ""
    silence: str = ""
    tail: str = ""
    classes: tuple[tuple[ObjectClass, float], ...] = ()
    quarantined: bool = False

    @property
    def key(self) -> int:
        """Its number: a sum of its name."""
        return crc32(self.founded.encode())

    @property
    def alone_ns(self) -> int:
        """Until when it is kept as long as a single look supports it; 0 for what more do, and what the grid founded."""
        return 0 if self.hits > 1 or self.sound else alone_until_ns(self.last_ns, self.period_s)

    def saw(self, sensor: str, time_ns: int) -> None:
        """Note that a sensor has seen this track."""
        seen = self.seen
        last_ns = seen.get(sensor)
        if last_ns is None:
            if time_ns >= 0 and len(seen) < MOST_SEEN:
                seen[sensor] = time_ns
        elif time_ns > last_ns:
            seen[sensor] = time_ns
        if sensor not in self.sensors:
            self.sensors_until_ns = 0


class Look(Struct, gc=False):
    """A look whose detections founded tracks that nothing has followed yet: all that is known of most tracks.

    Most looks at nothing stay alone. Each row that it founded holds the same one; its rank is in the row's key.
    """

    scan: str
    last_ns: int
    sensor: str
    period_s: float
    claimed: bool
    kept: list[Detection]
    quarantined: bool = False

    @property
    def first_ns(self) -> int:
        """When its tracks were seen first: at that look."""
        return self.last_ns

    def life(self, rank: int) -> Life:
        """Return the life that began with one of its detections."""
        return Life(
            founded=f"{self.scan}#{rank}", first_ns=self.last_ns, last_ns=self.last_ns, hits=1,
            period_s=self.period_s, claimed=self.claimed, seen={self.sensor: self.last_ns},
            pending=[self.kept[rank].id], quarantined=self.quarantined,
        )  # fmt: skip


def alone_until_ns(look_ns: int, period_s: float) -> int:
    """Return when a single look of a sensor with this period is forgotten, to the nanosecond as `forgotten` has it."""
    return look_ns + _alone_ns(period_s)


@lru_cache(maxsize=1_000)
def _alone_ns(period_s: float) -> int:
    most_s = TENTATIVE_S + TENTATIVE_PERIODS * period_s
    ns = int(most_s * SECOND_NS) - ROUNDING_NS
    while not ns / SECOND_NS > most_s:
        ns += 1
    return ns


def look_key(scan: str) -> int:
    """Return the key of the track of a look's first detection, which those of the others follow, from its name.

    Not from its time, for sensors that keep one clock look at once. Beyond all keys of tracks that no look founded.
    """
    return (FIRST_LOOK + crc32(scan.encode())) * RANKS


class Lives:
    """The lives of tracks by row; that of a single look is made when it is first asked for.

    Nine of ten tracks that a radar founds are clutter and end as they began: to make a `Life` of each took a tenth of
    all time. `rows` is the list itself, for those who can do with a `Look`; `keys`, `alone` and `calm` are columns of
    `Table`.
    """

    def __init__(self, keys: Indices, alone: Indices, calm: Indices, rows: Sequence[Life | Look] = ()) -> None:
        self.rows: list[Life | Look] = [*rows]
        self.keys, self.alone, self.calm = keys, alone, calm

    @property
    def made(self) -> list[Life]:
        """The list itself, for those who ask only rows that hold a `Life`."""
        return self.rows  # type: ignore[return-value]

    def __getitem__(self, i: int) -> Life:
        life = self.rows[i]
        if type(life) is Look:
            life = self.rows[i] = life.life(int(self.keys[i]) % RANKS)
        return life  # type: ignore[return-value]

    def __setitem__(self, i: int, life: Life) -> None:
        self.rows[i] = life
        self.alone[i], self.calm[i] = life.alone_ns, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Life]:
        return map(self.__getitem__, range(len(self.rows)))

    def founded(self, i: int) -> str:
        """Return the name of the look that founded a track."""
        life = self.rows[i]
        return f"{life.scan}#{int(self.keys[i]) % RANKS}" if type(life) is Look else life.founded  # type: ignore[union-attr]


class Table:
    """Rows of tracks: x (cap, MODELS, 6), P (cap, MODELS, 6, 6), w (cap, MODELS), t, r (cap,), own (cap, SLOTS).

    `told` (cap, TOLD) is what was last told of each (`show.strayed`), `key` (cap,) names a track in numbers, `masks`
    (cap, SLOTS, COLUMNS) who misses it, `notes` (cap, NOTES) are for its story, `forks` (cap,) says which are its own
    (`filter.forks`). `lines` (cap, OUTLINE) follow from the state: the coarse gate. `alone` (cap,) is until when a
    single look is kept (`Life.alone_ns`), 0 for a track that is more. `calm` (cap, CALM) spares Python the tracks in
    order, and `said` (cap, 2 KINDS) is the balance of evidence that they were last told with; both are found anew where
    they are not kept. `claimed` counts the tracks that only claims support.
    """

    KEPT = ("x", "P", "w", "t", "r", "own", "evidence", "told", "key", "masks", "notes", "cloud", "forks")
    ARRAYS = (*KEPT, "lines", "alone", "calm", "said")

    def __init__(self, room: int = 64) -> None:
        self.n = 0
        self.x: Array = np.zeros((room, MODELS, 6))
        self.P: Array = np.zeros((room, MODELS, 6, 6))
        self.w: Array = np.zeros((room, MODELS))
        self.t: Array = np.zeros(room)
        self.r: Array = np.zeros(room)
        self.own: Indices = np.zeros((room, SCHEME_SLOTS), np.int64)
        self.evidence: Array = np.zeros((room, len(CLASSES)))
        self.told: Array = np.zeros((room, TOLD))
        self.key: Indices = np.zeros(room, np.int64)
        self.masks: Array = np.zeros((room, SLOTS, COLUMNS))
        self.notes: Array = np.zeros((room, NOTES))
        self.cloud: Indices = np.full(room, -1)
        self.forks: Indices = np.zeros(room, np.int64)
        self.lines: Array = np.zeros((room, OUTLINE))
        self.alone: Indices = np.zeros(room, np.int64)
        self.calm: Indices = np.zeros((room, CALM), np.int64)
        self.said: NDArray[np.int16] = np.zeros((room, 2 * KINDS), np.int16)
        self.claimed = 0
        self.lives = Lives(self.key, self.alone, self.calm)

    def grow(self, count: int) -> None:
        """Make room for so many tracks more."""
        while self.n + count > self.x.shape[0]:
            for name in self.ARRAYS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self.lives.keys, self.lives.alone, self.lives.calm = self.key, self.alone, self.calm

    def add(self, life: Life) -> int:
        """Return the cleared row of a new track."""
        self.grow(1)
        row, self.n = self.n, self.n + 1
        clear(
            self.own, self.evidence, self.told, self.notes, self.masks, self.cloud, self.forks, self.alone, self.calm,
            row, self.n,
        )  # fmt: skip
        self.key[row], self.alone[row] = life.key, life.alone_ns
        self.lives.rows.append(life)
        self.claimed += life.claimed
        return row

    def follow(self, look: Look, count: int) -> int:
        """Return the first of the rows that `founding.found_all` has just filled for a look."""
        row, self.n = self.n, self.n + count
        self.lives.rows += [look] * count
        self.claimed += count if look.claimed else 0
        return row

    def remove(self, rows: Sequence[int] | Indices) -> None:
        """Forget tracks, given in falling order; each time the last one takes the row."""
        if not len(rows):
            return
        falling = np.asarray(rows, np.int64)
        lives, n = self.lives.rows, self.n
        if self.claimed:
            self.claimed -= sum([lives[row].claimed for row in falling.tolist()])
        for row in falling.tolist():
            n -= 1
            last = lives.pop()
            if row != n:
                lives[row] = last
        fill_gaps(
            self.x, self.P, self.w, self.t, self.r, self.own, self.evidence, self.told, self.notes, self.lines,
            self.key, self.masks, self.cloud, self.forks, self.alone, self.calm, self.said, falling, self.n,
        )  # fmt: skip
        self.n = n

    def bear_out(self, life: Life) -> None:
        """Note that another sensor than one of claims has seen this track."""
        self.claimed -= life.claimed
        life.claimed = False

    def outline(self, first: int = 0) -> None:
        """Bring `lines` up to date from row `first` on, after states have changed."""
        outline_all(self.x, self.P, self.w, self.t, first, self.n, self.lines)

    def dump(self) -> tuple[int, list[Life], list[bytes]]:
        """Return everything, for a snapshot."""
        return self.n, list(self.lives), [getattr(self, name)[: self.n].tobytes() for name in self.KEPT]

    @staticmethod
    def load(n: int, lives: list[Life], arrays: list[bytes]) -> Table:
        """Return the table that `dump` described. Raises `ValueError` where the sizes do not fit."""
        room = 64
        while room < n:
            room *= 2
        table = Table(room)
        if len(lives) != n or len(arrays) != len(Table.KEPT):
            raise ValueError("a table of another shape")
        for name, data in zip(Table.KEPT, arrays, strict=True):
            array = getattr(table, name)
            array[:n] = np.frombuffer(data, array.dtype).reshape(array[:n].shape)
        table.n, table.lives = n, Lives(table.key, table.alone, table.calm, lives)
        table.claimed = sum(life.claimed for life in lives)
        table.alone[:n] = [life.alone_ns for life in lives]
        table.outline()
        return table


@kernel
def clear(
    own: Indices, evidence: Array, told: Array, notes: Array, masks: Array, cloud: Indices, forks: Indices,
    alone: Indices, calm: Indices, first: int, last: int,
) -> None:  # fmt: skip
    """Clear what is beside the states in the rows from `first` up to `last`."""
    own[first:last] = 0
    evidence[first:last] = 0.0
    told[first:last] = 0.0
    notes[first:last] = 0.0
    masks[first:last] = 0.0
    cloud[first:last] = -1
    forks[first:last] = 0
    alone[first:last] = 0
    calm[first:last] = 0


@kernel
def fill_gaps(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, evidence: Array, told: Array, notes: Array,
    lines: Array, key: Indices, masks: Array, cloud: Indices, forks: Indices, alone: Indices, calm: Indices,
    said: NDArray[np.int16], rows: Indices, n: int,
) -> None:  # fmt: skip
    """Let the last row take the place of each of `rows`, in falling order: number by number, for copies need room."""
    for row in rows:
        n -= 1
        if row == n:
            continue
        t[row], r[row], key[row], cloud[row], alone[row] = t[n], r[n], key[n], cloud[n], alone[n]
        forks[row] = forks[n]
        for k in range(own.shape[1]):
            own[row, k] = own[n, k]
        for k in range(calm.shape[1]):
            calm[row, k] = calm[n, k]
        for k in range(said.shape[1]):
            said[row, k] = said[n, k]
        for columns in (evidence, told, notes, lines, w):
            for k in range(columns.shape[1]):
                columns[row, k] = columns[n, k]
        for k in range(masks.shape[1]):
            for c in range(masks.shape[2]):
                masks[row, k, c] = masks[n, k, c]
        for m in range(MODELS):
            for a in range(6):
                x[row, m, a] = x[n, m, a]
                for b in range(6):
                    P[row, m, a, b] = P[n, m, a, b]
