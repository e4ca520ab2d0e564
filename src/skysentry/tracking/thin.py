"""Tracks where coverage is thin: one sensor may found them, and they live through what nobody listens to.

Where coverage is thin, there and around (`apart`), no second sensor can be asked to bear out a first one, or share its
looks: a track that starts there is a wide cloud of particles (`wide`). One sensor that has heard something unexplained
in most of its looks for `SPAN_S` founds it, from the expected number of undetected objects (`field`) in its reach and
the courses flown lately (`courses`), if hardly anybody else could have heard that.

A wide track lives by existence alone: silence of those who could have heard it counts, time in which nobody could does
not, but for the mean time after which what nobody sees has landed. It is shown to people when two sensors have heard it
and its place is known to `SHOWN_M`, or one alone knows it as well as any track's; it ends when that has grown to
`LOST_M`. Radars and cameras see it like any other track, and make it a normal one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from skysentry.events import Detection
from skysentry.tracking import kernels
from skysentry.tracking import measure as m
from skysentry.tracking.apart import HEARING, Apart
from skysentry.tracking.batch import Listener, Packed
from skysentry.tracking.births import EMPTIED, Births, Hit, Seed
from skysentry.tracking.cloud import Cells, free_slot, seed_of
from skysentry.tracking.correct import LIFETIME_S, MOST_EXISTENCE, SOUND_HIT
from skysentry.tracking.courses import Courses
from skysentry.tracking.coverage import UNHEARD, farthest
from skysentry.tracking.found import FIRST_WEIGHT
from skysentry.tracking.life import CONFIRM_M, GONE
from skysentry.tracking.motion import Array, Indices
from skysentry.tracking.outline import O_ONE
from skysentry.tracking.particles import COLUMNS
from skysentry.tracking.presence import MOST_HIT_NATS
from skysentry.tracking.table import Table
from skysentry.tracking.wide import WIDE, WIDE_PARTICLES

# One sensor founds where what it heard is, on average, in the reach of fewer others than this.
OTHERS = 0.5
# ... with so many unexplained looks within the time that hits are remembered, over this span.
LOOKS, SPAN_S = 8, 10.0
# Directions of one thing turn by no more than this in that time: 50 m/s at 2 km, and the noise of both ends.
ONE_WAY_RAD = math.radians(30.0)
# What a second sensor must have heard of a track for people to be shown it, in looks, and how well known it must be.
BORNE_OUT, SHOWN_M = 3.0, 1_500.0
# A shown track is lost when its place is not known to the reach of the sensors that might find it again; one that only
# one sensor heard may be anywhere between four sensors before it means nothing.
LOST_M, FORGOTTEN_M = 2_500.0, 4_000.0
# A wide track that has become this narrow where many listen is a normal one.
NARROW_M = 300.0
# Wide tracks at a time; what comes beyond waits in the grid.
MOST_WIDE = 200
# Something else than what is tracked or declared false is heard this often.
ELSE = 0.02
NO_RAYS: Array = np.zeros((0, 4))
ROOM_M = 1_000.0


class WideDump(Struct, array_like=True):
    """One wide cloud: slot, seed, time, its four columns and weights as float32, how often who heard it."""

    slot: int
    seed: int
    time_s: float
    columns: list[bytes]
    weights: bytes
    heard_by: dict[str, float]


class Thin:
    """The wide clouds by slot."""

    def __init__(self, births: Births, known: dict[str, Listener]) -> None:
        self.births = births
        self.courses = Courses()
        self.where = Apart(births, known)
        self.room(1)

    def room(self, room: int) -> None:
        """Make room for so many clouds, all empty."""
        self.particles: Array = np.zeros((room, WIDE_PARTICLES, COLUMNS))
        self.weights: Array = np.zeros((room, WIDE_PARTICLES))
        self.times: Array = np.zeros(room)
        self.seeds: Indices = np.zeros(room, np.int64)
        self.heard_by: list[dict[str, float]] = [{} for _ in range(room)]
        self.pd: Array = np.zeros((room, WIDE_PARTICLES))

    # --- how they start -----------------------------------------------------------------------------------------

    def takes(self, seed: Seed) -> bool:
        """Return whether a seed that several sensors support starts as a wide cloud."""
        kinds = {self.births.listeners[hit.sensor].kind for hit in seed.hits}
        return kinds <= {*HEARING} and self.where.is_apart(*seed.mean[:2].tolist())

    def founded(self, table: Table) -> Iterator[Seed]:
        """Yield the tracks that single sensors found, and expect nothing more there; none where no more fit."""
        births = self.births
        free = MOST_WIDE - int((table.cloud[: table.n] <= WIDE).sum())
        by: dict[str, list[Hit]] = {}
        for hit in births.hits:
            by.setdefault(hit.sensor, []).append(hit)
        for name, hits in by.items():
            hits = _alike(hits)
            if len(hits) < LOOKS or hits[-1].time_s - hits[0].time_s < SPAN_S:
                continue
            own = births.listeners[name]
            if free <= 0:
                return
            if own.kind not in HEARING or not self.where.is_apart(*own.look[m.L_ORIGIN : m.L_ORIGIN + 2].tolist()):
                continue
            cells = self._cells(own, hits[-1])
            if cells is None:
                continue
            last, now = hits[-1], births.t_s
            seed = Seed(*_moments(births, cells), cell=f"{name}~{now:.0f}", hits=hits, cells=cells, heard=False)
            births.hits = [hit for hit in births.hits if hit.sensor != name or hit not in hits]
            self.empty(own, last)
            free -= 1
            yield seed

    def _cells(self, own: Listener, hit: Hit) -> Cells | None:
        """Return the cells in which a sensor hears, weighed; None where others would have heard that too."""
        births = self.births
        (rows, columns), share = self._around(own, hit)
        box = births.grid[:, rows, columns] * share
        total = float(box.sum())
        if total <= 0.0:
            return None
        others = np.maximum(self.where.coverage[rows, columns] - 1.0, 0.0)
        if float((box.sum(axis=0) * others).sum()) > OTHERS * total:
            return None
        first = births.corner + births.cell_m * np.array([columns.start, rows.start])
        return Cells(box.astype(np.float64), births.offset.copy(), float(first[0]), float(first[1]), births.cell_m)

    def _around(self, own: Listener, hit: Hit) -> tuple[tuple[slice, slice], Array]:
        """Return the box of cells around a sensor, and 1 where it senses what the hit says, 0 elsewhere."""
        births, look = self.births, own.look
        far = farthest(look, UNHEARD)
        count = math.ceil(far / births.cell_m) + 1
        j = round((look[m.L_ORIGIN] - births.corner[0]) / births.cell_m)
        i = round((look[m.L_ORIGIN + 1] - births.corner[1]) / births.cell_m)
        rows, columns = slice(max(i - count, 0), i + count + 1), slice(max(j - count, 0), j + count + 1)
        shape = births.grid[0, rows, columns].shape
        a, b = np.indices(shape)
        e = births.corner[0] + (b + columns.start) * births.cell_m - look[m.L_ORIGIN]
        n = births.corner[1] + (a + rows.start) * births.cell_m - look[m.L_ORIGIN + 1]
        share = (np.hypot(e, n) < far).astype(np.float64)
        if hit.sigma_rad > 0.0:
            ray = kernels.rays_of(look, np.array([[hit.bearing_rad, hit.sigma_rad, 1.0]]))[0]
            off = np.arctan2(e * ray[1] - n * ray[0], e * ray[0] + n * ray[1])
            share *= (np.abs(off) < ONE_WAY_RAD) | (np.hypot(e, n) < births.cell_m)
        return (rows, columns), share

    def empty(self, own: Listener, hit: Hit) -> None:
        """Expect nothing more where a sensor has founded a track."""
        (rows, columns), share = self._around(own, hit)
        self.births.grid[:, rows, columns] *= np.where(share > 0.0, EMPTIED, 1.0).astype(np.float32)

    def start(self, table: Table, i: int, now_s: float, cells: Cells, hits: list[Hit]) -> None:
        """Give row `i`, founded just now, a wide cloud."""
        slot = free_slot((WIDE - slot for slot in table.cloud[: table.n].tolist()), MOST_WIDE)
        if slot == MOST_WIDE:
            return
        while slot >= self.times.shape[0]:
            self._double()
        seed = seed_of(table.lives[i].founded)
        self.seeds[slot], self.times[slot] = seed, now_s
        box = cells.box * self.courses.weights()[:, None, None]
        kernels.scatter(
            self.particles[slot], self.weights[slot], seed, box, cells.offset, cells.east_m, cells.north_m,
            cells.cell_m,
        )  # fmt: skip
        self.heard_by[slot] = {}
        for hit in hits:
            self.heard_by[slot][hit.sensor] = self.heard_by[slot].get(hit.sensor, 0.0) + 1.0
        table.cloud[i] = WIDE - slot
        self.settle(table, now_s)

    def _double(self) -> None:
        for name in ("particles", "weights", "times", "seeds", "pd"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self.heard_by += [{} for _ in self.heard_by]

    # --- what looks say -----------------------------------------------------------------------------------------

    def settle(self, table: Table, now_s: float) -> None:
        """Bring all wide clouds to a whole second, and their rows to what they say."""
        slots = table.cloud[: table.n]
        if not (slots <= WIDE).any():
            return
        kernels.settle_wide(
            table.x, table.P, table.w, table.t, table.r, slots, self.particles, self.weights, self.times, self.seeds,
            now_s, LIFETIME_S, FIRST_WEIGHT,
        )  # fmt: skip
        table.outline()
        for i in np.flatnonzero(slots <= WIDE).tolist():
            e, n = table.lines[i, :2].tolist()
            if table.lines[i, O_ONE] < 3.0 * NARROW_M**2 and not self.where.is_thin(e, n):
                table.cloud[i] = -1

    def _near(self, table: Table, look: Array) -> list[int]:
        """Return the wide rows that a look may have sensed."""
        rows = np.flatnonzero((table.cloud[: table.n] <= WIDE) & np.isfinite(table.r[: table.n]))
        if not rows.size:
            return []
        away = np.hypot(table.lines[rows, 0] - look[m.L_ORIGIN], table.lines[rows, 1] - look[m.L_ORIGIN + 1])
        far = farthest(look, UNHEARD) + ROOM_M + 4.0 * np.sqrt(table.lines[rows, O_ONE])
        near: list[int] = rows[away < far].tolist()
        return near

    def _sense(self, table: Table, i: int, look: Array, rays: Array, gains: Array) -> float:
        slot = WIDE - int(table.cloud[i])
        up_m = float(table.lines[i, 2] - look[m.L_ORIGIN + 2])
        mean: float = kernels.sense(
            self.particles[slot], self.weights[slot], self.times[slot], up_m, look, rays, self.pd[slot], gains
        )
        return mean

    def listen(self, table: Table, own: Listener, look: Array, quiet: float, hit: bool, share: Array) -> float:
        """Weigh wide tracks with "heard" or silence; return the chance that nothing, they neither, was heard.

        `quiet` is that of all others, `share` (n,) takes the probability that a hit came from each.
        """
        near = self._near(table, look)
        none = np.zeros((WIDE_PARTICLES, 0))
        pds = {i: self._sense(table, i, look, NO_RAYS, none) for i in near}
        for i, pd in pds.items():
            quiet *= 1.0 - table.r[i] * pd
        for i, pd in pds.items():
            if pd < 1e-3:
                continue
            r, slot = float(table.r[i]), WIDE - int(table.cloud[i])
            others = min(quiet / (1.0 - r * pd), 1.0 - 1e-6)
            kernels.weigh_heard(self.weights[slot], self.pd[slot], hit, others * (1.0 - ELSE))
            if hit:
                share[i] = r * pd / (1.0 - others * (1.0 - r * pd))
                nats = min(math.log((1.0 - others * (1.0 - pd)) / (1.0 - others)), MOST_HIT_NATS) * others
                self._count(slot, own.id, float(share[i]))
            else:
                nats = max(math.log1p(-pd), -look[m.L_MISS_FLOOR])
            table.r[i] = _after(r, nats)
        return quiet

    def direct(
        self, table: Table, own: Listener, packed: Packed, look: Array, free: Array
    ) -> list[tuple[int, Detection, float]]:
        """Weigh wide tracks with directions, or none; return which row took which, with its probability.

        `free` (m,), the part of each that no other track explains, becomes what these leave of it.
        """
        near = self._near(table, look)
        if not near:
            return []
        which = [j for j, code in enumerate(packed.codes.tolist()) if code // 8 in (m.BEARING, m.AZ_EL)]
        rows = packed.rows[which]
        ways = np.stack([rows[:, m.Z], np.sqrt(rows[:, m.R_TRIANGLE]), rows[:, m.DENSITY]], axis=-1)
        rays = kernels.rays_of(look, ways)
        density = rows[:, m.DENSITY] / np.maximum(free[which], 1e-3)
        gains = np.zeros((len(near), WIDE_PARTICLES, len(which)))
        said, pds = np.zeros((len(near), len(which))), np.zeros(len(near))
        for k, i in enumerate(near):
            pds[k] = self._sense(table, i, look, rays, gains[k])
            said[k] = table.r[i] * (self.weights[WIDE - int(table.cloud[i])] @ gains[k])
        total = density + said.sum(axis=0)
        taken: list[tuple[int, Detection, float]] = []
        for k, i in enumerate(near):
            if pds[k] < 1e-3:
                continue
            slot, r = WIDE - int(table.cloud[i]), float(table.r[i])
            ratio = kernels.weigh_directed(self.weights[slot], self.pd[slot], gains[k], total - said[k])
            floor = look[m.L_MISS_FLOOR]
            table.r[i] = _after(r, min(max(math.log(max(ratio, 1e-9)), -floor), SOUND_HIT * floor))
            for a, j in enumerate(which):
                share = float(said[k, a] / total[a])
                self._count(slot, own.id, share)
                taken.append((i, packed.kept[j], share))
        free[which] *= density / total
        return taken

    def _count(self, slot: int, sensor: str, share: float) -> None:
        if share > 0.5:
            self.heard_by[slot][sensor] = self.heard_by[slot].get(sensor, 0.0) + share

    # --- how they stand -----------------------------------------------------------------------------------------

    def place_known(self, table: Table, i: int) -> bool:
        """Return whether the place of a wide track is known well enough for a map, by as many as bear it out."""
        slot = WIDE - int(table.cloud[i])
        several = sum(heard >= BORNE_OUT for heard in self.heard_by[slot].values()) >= 2
        return _spread_m(table, i) <= (SHOWN_M if several else CONFIRM_M)

    def fate(self, table: Table, i: int, tentative: bool) -> str:
        """Return whether a wide track lives on, or how it ends, in the words of `life.fate`."""
        spread_m = _spread_m(table, i)
        if tentative:
            return "forgotten" if table.r[i] < GONE or spread_m > FORGOTTEN_M else "stays"
        if table.r[i] < GONE:
            return "gone"
        return "too uncertain" if spread_m > LOST_M else "stays"

    # --- state --------------------------------------------------------------------------------------------------

    def dump(self, table: Table) -> list[WideDump]:
        """Return the wide clouds that rows have."""
        slots = sorted(WIDE - slot for slot in table.cloud[: table.n].tolist() if slot <= WIDE)
        return [
            WideDump(
                slot,
                int(self.seeds[slot]),
                float(self.times[slot]),
                [self.particles[slot, :, k].astype("<f4").tobytes() for k in range(4)],
                self.weights[slot].astype("<f4").tobytes(),
                self.heard_by[slot],
            )
            for slot in slots
        ]

    def load(self, dumps: list[WideDump]) -> None:
        """Take what `dump` described; `ValueError` where it is of another shape."""
        most = max((dump.slot for dump in dumps), default=0)
        if not 0 <= most < MOST_WIDE or min((dump.slot for dump in dumps), default=0) < 0:
            raise ValueError("a wide cloud without a place")
        room = 1
        while room <= most:
            room *= 2
        self.room(room)
        for dump in dumps:
            if len(dump.columns) != 4:
                raise ValueError("a wide cloud of another shape")
            for k, data in enumerate(dump.columns):
                self.particles[dump.slot, :, k] = np.frombuffer(data, "<f4").reshape(WIDE_PARTICLES)
            self.weights[dump.slot] = np.frombuffer(dump.weights, "<f4").reshape(WIDE_PARTICLES)
            self.seeds[dump.slot], self.times[dump.slot] = dump.seed, dump.time_s
            self.heard_by[dump.slot] = dict(dump.heard_by)


def _after(r: float, nats: float) -> float:
    """Return an existence after its odds have changed by so many nats."""
    odds = math.exp(nats)
    return min(r * odds / (r * odds + 1.0 - r), MOST_EXISTENCE)


def _spread_m(table: Table, i: int) -> float:
    """Return one sigma of a row's place on a horizontal axis."""
    return math.sqrt(0.5 * float(table.P[i, 0, 0, 0] + table.P[i, 0, 1, 1]))


def _alike(hits: list[Hit]) -> list[Hit]:
    """Return the hits of one sensor that may be of one thing with the last."""
    last = hits[-1]
    if last.sigma_rad < 0.0:
        return [hit for hit in hits if hit.sigma_rad < 0.0]
    off = [(hit.bearing_rad - last.bearing_rad + math.pi) % (2.0 * math.pi) - math.pi for hit in hits]
    return [hit for hit, by in zip(hits, off, strict=True) if hit.sigma_rad > 0.0 and abs(by) < ONE_WAY_RAD]


def _moments(births: Births, cells: Cells) -> tuple[Array, Array]:
    """Return a first mean (6,) and covariance (6, 6): the middle of the cells, as wide as they are."""
    flat = cells.box.sum(axis=0)
    a, b = np.indices(flat.shape)
    weight = flat / flat.sum()
    e = float((weight * b).sum()) * cells.cell_m + cells.east_m
    n = float((weight * a).sum()) * cells.cell_m + cells.north_m
    wide = max(flat.shape) * cells.cell_m / 4.0
    return births.state(np.array([e, n, 0.0, 0.0]), np.diag([wide**2, wide**2, 40.0**2, 40.0**2]))
