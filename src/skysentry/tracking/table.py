"""The tracks that live: packed arrays for the kernels, and beside each row what only people and screens need.

Rows 0 … n − 1 are in use; the last row fills the gap of a removed one, so order is deterministic. Everything here is
the tracker's state: `dump` and `load` are exact.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import Struct

from skysentry.events import Affiliation, Identity, ObjectClass, TrackStatus
from skysentry.tracking.compiled import kernel
from skysentry.tracking.motion import MODELS, Array, Indices
from skysentry.tracking.outline import OUTLINE, outline_all

# A hundred times a large raid; a row is 1.3 kB.
MOST_OBSERVED = 4_000
# Tracks that only claims support: the sky of a large city. They have room of their own, so they never crowd out what
# other sensors see.
MOST_CLAIMED = 4_000
SCHEME_SLOTS = 4
CLASSES = tuple(ObjectClass)


class Life(Struct, gc=False):
    """What a track is beside its state. `seen` maps sensors to when they last saw it; `pending` are detections."""

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
    claim_ns: int = 0
    twin_s: int = 0
    published_ns: int = 0
    seen: dict[str, int] = msgspec.field(default_factory=dict)
    pending: list[str] = msgspec.field(default_factory=list)
    why_key: tuple[str, tuple[str, ...], int, int, str, int, int, str] | None = None
    why: str = ""


class Table:
    """Rows of tracks: x (cap, MODELS, 6), P (cap, MODELS, 6, 6), w (cap, MODELS), t, r (cap,), own (cap, SLOTS).

    `lines` (cap, OUTLINE) follow from the state: the coarse gate. `claimed` counts the tracks that only claims support.
    """

    KEPT = ("x", "P", "w", "t", "r", "own", "evidence", "cloud")
    ARRAYS = (*KEPT, "lines")

    def __init__(self, room: int = 64) -> None:
        self.n = 0
        self.lives: list[Life] = []
        self.x: Array = np.zeros((room, MODELS, 6))
        self.P: Array = np.zeros((room, MODELS, 6, 6))
        self.w: Array = np.zeros((room, MODELS))
        self.t: Array = np.zeros(room)
        self.r: Array = np.zeros(room)
        self.own: Indices = np.zeros((room, SCHEME_SLOTS), np.int64)
        self.evidence: Array = np.zeros((room, len(CLASSES)))
        self.cloud: Indices = np.full(room, -1)
        self.lines: Array = np.zeros((room, OUTLINE))
        self.claimed = 0

    def add(self, life: Life) -> int:
        """Return a cleared row for a new track."""
        if self.n == self.x.shape[0]:
            for name in self.ARRAYS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        row = self.n
        self.own[row] = 0
        self.evidence[row] = 0.0
        self.cloud[row] = -1
        self.lives.append(life)
        self.claimed += life.claimed
        self.n += 1
        return row

    def remove(self, rows: list[int]) -> None:
        """Forget tracks, given in falling order; each time the last one takes the row."""
        if not rows:
            return
        for row in rows:
            self.claimed -= self.lives[row].claimed
            self.lives[row] = self.lives[-1]
            self.lives.pop()
        fill_gaps(
            self.x, self.P, self.w, self.t, self.r, self.own, self.evidence, self.cloud, self.lines,
            np.array(rows, np.int64), self.n,
        )  # fmt: skip
        self.n -= len(rows)

    def bear_out(self, life: Life) -> None:
        """Note that another sensor than one of claims has seen this track."""
        self.claimed -= life.claimed
        life.claimed = False

    def outline(self, first: int = 0) -> None:
        """Bring `lines` up to date from row `first` on, after states have changed."""
        outline_all(self.x, self.P, self.w, self.t, first, self.n, self.lines)

    def dump(self) -> tuple[int, list[Life], list[bytes]]:
        """Return everything, for a snapshot."""
        return self.n, self.lives, [getattr(self, name)[: self.n].tobytes() for name in self.KEPT]

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
        table.n, table.lives = n, lives
        table.claimed = sum(life.claimed for life in lives)
        table.outline()
        return table


@kernel
def fill_gaps(
    x: Array, P: Array, w: Array, t: Array, r: Array, own: Indices, evidence: Array, cloud: Indices, lines: Array,
    rows: Indices, n: int,
) -> None:  # fmt: skip
    """Let the last row take the place of each of `rows`, in falling order."""
    for row in rows:
        n -= 1
        if row == n:
            continue
        t[row], r[row], cloud[row] = t[n], r[n], cloud[n]
        for k in range(SCHEME_SLOTS):
            own[row, k] = own[n, k]
        for k in range(evidence.shape[1]):
            evidence[row, k] = evidence[n, k]
        for k in range(OUTLINE):
            lines[row, k] = lines[n, k]
        for m in range(MODELS):
            w[row, m] = w[n, m]
            for a in range(6):
                x[row, m, a] = x[n, m, a]
                for b in range(6):
                    P[row, m, a, b] = P[n, m, a, b]
