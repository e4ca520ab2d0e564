"""The clouds of particles of all tracks that are only heard: which row has which, how they start, how they are kept.

A row's cloud is `table.cloud[row]`, −1 for none. The row itself holds the cloud's moments, renewed at whole seconds, so
that whatever else looks at tracks need not know of clouds. A track that anything but a microphone sees goes on as
Gaussians: its cloud is dropped.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from msgspec import Struct

from skysentry.events import TrackStatus
from skysentry.tracking.births.seeds import Cells
from skysentry.tracking.filter.correct import LIFETIME_S
from skysentry.tracking.heard.particles import (
    AGE,
    BEFORE,
    COLUMNS,
    MEMORY,
    PARTICLES,
    RATE_RAD_S,
    SCORE,
    SETTLED,
    TIME,
    TURN,
    VE,
    VELOCITY_MPS,
    VN,
    E,
    N,
    scatter,
    settle,
)
from skysentry.tracking.models.first_state import FIRST_WEIGHT
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.tracks.slots import free_slot, make_room, room_for
from skysentry.tracking.tracks.table import Table

# More tracks that microphones alone hold than a region's worth; the next are Gaussians from the start.
MOST_CLOUDS = 400
# Tracks younger than this tell nothing of a network: of honest ones ghosts of the first seconds say that they hear
# further. With 12 s what a wrong reach has founded by then lasts.
YOUNG_NS = 8_000_000_000
# Tracks that have lived so long are refuted only as far as those who do not hear them are trusted (`presence`). Ghosts
# of the first seconds end within 20 s; where they lived on they explained what true objects should have founded.
SETTLED_NS = 30_000_000_000
COLUMN_TYPES = "<i2", "<i2", "<i2", "<i2", "i1", "u1", "i1"
COLUMN_UNITS = 1.0, 1.0, VELOCITY_MPS, VELOCITY_MPS, RATE_RAD_S, 1.0, RATE_RAD_S
assert tuple(range(COLUMNS)) == (E, N, VE, VN, TURN, AGE, BEFORE)


def seed_of(founded: str) -> int:
    """Return the seed of a track's chance, from its name: the same on every run."""
    return int.from_bytes(blake2b(founded.encode(), digest_size=8).digest(), "big") >> 2


class CloudDump(Struct, array_like=True):
    """One cloud: its slot, seed and memory, where its particles are told from, columns, weights (empty: even)."""

    slot: int
    seed: int
    memory: tuple[float, ...]
    place: tuple[float, float]
    columns: list[bytes]
    weights: bytes


class Clouds:
    """Room for the clouds, by slot."""

    def __init__(self, room: int = 1) -> None:
        self.particles: Array = np.zeros((room, PARTICLES, COLUMNS))
        self.weights: Array = np.zeros((room, PARTICLES))
        self.heard: Array = np.zeros((room, PARTICLES))
        self.memories: Array = np.zeros((room, MEMORY))
        self.seeds: Indices = np.zeros(room, np.int64)

    def start(self, table: Table, i: int, now_s: float, cells: Cells) -> None:
        """Give row `i`, founded just now, a cloud from cells of the grid."""
        slot = free_slot(table.cloud[: table.n].tolist(), MOST_CLOUDS)
        if slot == MOST_CLOUDS:
            return
        make_room(self, ("particles", "weights", "heard", "memories", "seeds"), slot)
        seed = seed_of(table.lives[i].founded)
        self.seeds[slot], self.memories[slot] = seed, 0.0
        self.memories[slot, TIME] = now_s
        scatter(
            self.particles[slot], self.weights[slot], seed, cells.box, cells.offset, cells.east_m, cells.north_m,
            cells.cell_m,
        )  # fmt: skip
        table.cloud[i] = slot
        self.settle(table, now_s)

    def settle(self, table: Table, now_s: float) -> None:
        """Bring all clouds to a whole second, and their rows to what they say."""
        n = table.n
        if (table.cloud[:n] >= 0).any():
            settle(
                table.x, table.P, table.w, table.t, table.r, table.cloud[:n], self.particles, self.weights,
                self.memories, self.seeds, now_s, LIFETIME_S, FIRST_WEIGHT,
            )  # fmt: skip
            table.outline()

    def review(self, table: Table, now_ns: int) -> list[float]:
        """Note which tracks people have long been shown; return what looks say of `acuity`, and forget it.

        Tracks that are known for a while are asked.
        """
        self.memories[:, SETTLED] = 0.0
        slots = []
        for i in np.flatnonzero(table.cloud[: table.n] >= 0).tolist():
            life, slot = table.lives[i], int(table.cloud[i])
            if life.status is TrackStatus.TENTATIVE or now_ns - life.first_ns < YOUNG_NS:
                continue
            slots.append(slot)
            self.memories[slot, SETTLED] = now_ns - life.first_ns >= SETTLED_NS
        said: list[float] = self.memories[slots, SCORE:].sum(axis=0).tolist()
        self.memories[:, SCORE:] = 0.0
        return said

    def dump(self, table: Table) -> list[CloudDump]:
        """Return the clouds that rows have."""
        return [self._kept(slot) for slot in sorted(table.cloud[: table.n].tolist()) if slot >= 0]

    def _kept(self, slot: int) -> CloudDump:
        place = self.particles[slot, 0, :2].copy()
        off = self.particles[slot].copy()
        off[:, :2] -= place
        whole = np.rint(off / COLUMN_UNITS)
        columns = [whole[:, k].astype(kind).tobytes() for k, kind in enumerate(COLUMN_TYPES)]
        weights = self.weights[slot]
        even = bool((weights == weights[0]).all())
        return CloudDump(
            slot=slot,
            seed=int(self.seeds[slot]),
            memory=tuple(self.memories[slot].tolist()),
            place=(float(place[0]), float(place[1])),
            columns=columns,
            weights=b"" if even else weights.astype("<f4").tobytes(),
        )

    @staticmethod
    def load(dumps: list[CloudDump]) -> Clouds:
        """Return the clouds that `dump` described; `ValueError` where they are of another shape."""
        made = Clouds(room_for([dump.slot for dump in dumps], MOST_CLOUDS))
        for dump in dumps:
            if len(dump.columns) != COLUMNS or len(dump.memory) != MEMORY:
                raise ValueError("a cloud of another shape")
            into = made.particles[dump.slot]
            for k, (kind, unit) in enumerate(zip(COLUMN_TYPES, COLUMN_UNITS, strict=True)):
                into[:, k] = np.frombuffer(dump.columns[k], kind).reshape(PARTICLES) * unit
            into[:, :2] += dump.place
            even = np.full(PARTICLES, np.float32(1.0 / PARTICLES))
            weights = np.frombuffer(dump.weights, "<f4").reshape(PARTICLES) if dump.weights else even
            made.weights[dump.slot] = weights
            made.seeds[dump.slot], made.memories[dump.slot] = dump.seed, dump.memory
        return made
