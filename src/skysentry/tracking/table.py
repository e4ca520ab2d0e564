"""The tracks that live: packed arrays for the kernels, and beside each row what only people and screens need.

Rows 0 … n − 1 are in use; the last row fills the gap of a removed one, so order is deterministic. Everything here is
the tracker's state: `dump` and `load` are exact.
"""

from __future__ import annotations

import msgspec
import numpy as np
from msgspec import Struct

from skysentry.events import Affiliation, Identity, ObjectClass, TrackStatus
from skysentry.tracking.motion import MODELS, Array, Indices

# A hundred times a large raid; a row is 1.2 kB.
MOST_TRACKS = 4_000
# Tracks that only claims support: they may never crowd out what other sensors see.
MOST_CLAIMED = 1_000
SCHEME_SLOTS = 4
CLASSES = tuple(ObjectClass)


class Life(Struct):
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
    """Rows of tracks. Shapes: x (cap, 3, 6), P (cap, 3, 6, 6), w (cap, 3), t and r (cap,), own (cap, SCHEME_SLOTS)."""

    ARRAYS = ("x", "P", "w", "t", "r", "own", "evidence")

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

    def add(self, life: Life) -> int:
        """Return a cleared row for a new track."""
        if self.n == self.x.shape[0]:
            for name in self.ARRAYS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        row = self.n
        self.own[row] = 0
        self.evidence[row] = 0.0
        self.lives.append(life)
        self.n += 1
        return row

    def remove(self, row: int) -> None:
        """Forget a track; the last one takes its row."""
        last = self.n - 1
        if row != last:
            for name in self.ARRAYS:
                array = getattr(self, name)
                array[row] = array[last]
            self.lives[row] = self.lives[last]
        self.lives.pop()
        self.n = last

    def dump(self) -> tuple[int, list[Life], list[bytes]]:
        """Return everything, for a snapshot."""
        return self.n, self.lives, [getattr(self, name)[: self.n].tobytes() for name in self.ARRAYS]

    @staticmethod
    def load(n: int, lives: list[Life], arrays: list[bytes]) -> Table:
        """Return the table that `dump` described. Raises `ValueError` where the sizes do not fit."""
        room = 64
        while room < n:
            room *= 2
        table = Table(room)
        if len(lives) != n or len(arrays) != len(Table.ARRAYS):
            raise ValueError("a table of another shape")
        for name, data in zip(Table.ARRAYS, arrays, strict=True):
            array = getattr(table, name)
            array[:n] = np.frombuffer(data, array.dtype).reshape(array[:n].shape)
        table.n, table.lives = n, lives
        return table
