"""Tracks where coverage is thin: one sensor may found them, and they live through what nobody listens to.

Where coverage is thin, there and around (`apart`), no second sensor can be asked to bear out a first one, or share its
looks: a track that starts there is a wide cloud of `paths`. All of them are weighed with all looks of the last minutes
(`window`), together and anew whenever another bin of these is over. What no path explains founds (`unexplained`).

A wide track ends when its paths are worth nothing: what it explained another one explains better, or it was false. It
is shown to people when two sensors have heard it and its place is known to `SHOWN_M`, or one alone knows it as well as
any track's; it is lost when that has grown to `LOST_M`. Radars and cameras see it like any other track, and make it a
normal one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from skysentry.events import Detection
from skysentry.tracking.births.field import HEADINGS, rays_of
from skysentry.tracking.births.seeds import Births, Hit, Seed
from skysentry.tracking.filter.correct import LIFETIME_S, MOST_EXISTENCE, SOUND_HIT
from skysentry.tracking.heard.chance import key_of
from skysentry.tracking.heard.presence import MOST_HIT_NATS
from skysentry.tracking.intake.batch import Listener, Packed
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.coverage import UNHEARD, farthest
from skysentry.tracking.models.first_state import FIRST_WEIGHT
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.models.outline import O_ONE
from skysentry.tracking.sparse.apart import HEARING, Apart
from skysentry.tracking.sparse.courses import Courses
from skysentry.tracking.sparse.paths import ELSE, PATH, WORLDS
from skysentry.tracking.sparse.unexplained import ASKED_WORLDS, Unexplained
from skysentry.tracking.sparse.wide import COLUMNS, place, sense, settle_wide
from skysentry.tracking.sparse.window import View, Window, WindowDump
from skysentry.tracking.sparse.worlds import borne_out, reaches, sweep
from skysentry.tracking.tracks.life import CONFIRM_M, GONE
from skysentry.tracking.tracks.slots import free_slot, make_room, room_for
from skysentry.tracking.tracks.table import WIDE, Table

# How often the paths of all worlds are gone through when a bin is over, and how often after something was founded; how
# many moves each tries.
SWEEPS, SWEEPS_NEW, TRIES = 2, 5, 2
# A cloud in whose middle world paths explain less than this is none; at most so many end at a time, for what they leave
# is the others'.
LEAST_WORTH, MOST_ENDED = 8.0, 3
# So many are founded at a time.
MOST_FOUNDED = 2
# What a second sensor must have heard of a track for people to be shown it, in looks, how well known it must be, and
# what its paths must be worth.
BORNE_OUT, SHOWN_M, SURE_WORTH = 3.0, 1_300.0, 20.0
# A shown track is lost when its place is not known to the reach of the sensors that might find it again.
LOST_M = 2_500.0
# A wide track that has become this narrow where many listen is a normal one.
NARROW_M = 300.0
# Wide tracks at a time.
MOST_WIDE = 200
# A row's own time is a second ago at most.
ROOM_M = 1_000.0
NO_RAYS: Array = np.zeros((0, 4))


class WideDump(Struct, array_like=True):
    """One wide cloud: slot, its time and that of its founding, paths, what each is worth, who bears it out."""

    slot: int
    time_s: float
    since_s: float
    paths: bytes
    worths: bytes
    support: float


class Thin:
    """The wide clouds by slot, and the looks that they are weighed with."""

    def __init__(self, births: Births, known: dict[str, Listener]) -> None:
        self.births = births
        self.known = known
        self.courses = Courses()
        self.where = Apart(births, known)
        names = [own.id for own in known.values() if own.placed and own.kind in HEARING and self.where.beside(own.look)]
        self.names = sorted(names)
        self.directed = np.array([known[name].kind is not HEARING[0] for name in self.names], np.bool_)
        self.window = Window(self.names)
        self.last: dict[str, Hit] = {}
        self.over: set[int] = set()
        self.fresh = False
        self.room(1)

    def room(self, room: int) -> None:
        """Make room for so many clouds, all empty."""
        self.paths: Array = np.zeros((room, WORLDS, PATH))
        self.since: Array = np.zeros(room)
        self.worths: Array = np.zeros((room, WORLDS))
        self.support: Array = np.zeros(room)
        self.clouds: Array = np.zeros((room, WORLDS, COLUMNS))
        self.times: Array = np.zeros(room)
        self.pd: Array = np.zeros((room, WORLDS))

    # --- how they start -----------------------------------------------------------------------------------------

    def takes(self, seed: Seed) -> bool:
        """Return whether a seed of the grid is left to wide clouds, for nothing but sensors apart support it."""
        kinds = {self.births.listeners[hit.sensor].kind for hit in seed.hits}
        return kinds <= {*HEARING} and self.where.is_apart(*seed.mean[:2].tolist())

    def founded(self, table: Table) -> Iterator[tuple[Seed, Array]]:
        """Yield the tracks that single sensors found, each with its paths; none where no more fit."""
        self.over.clear()
        if not self.fresh:
            return
        self.fresh = False
        view, now_s = self._view(), self.births.t_s
        for _ in range(MOST_FOUNDED):
            if int((table.cloud[: table.n] <= WIDE).sum()) >= MOST_WIDE:
                return
            found = self._found(table, view, now_s)
            if found is None:
                return
            yield found
            self._sweep(table, view, now_s, SWEEPS_NEW, False)
            # Looks ask where paths have come to, and a snapshot holds the paths only.
            self._show(table, now_s)

    def _found(self, table: Table, view: View, now_s: float) -> tuple[Seed, Array] | None:
        """Return what is founded first, with its paths: by the sensor that heard most of what nothing explains."""
        looks, far = self._looks()
        rest = Unexplained(self.paths, self.since, self._slots(table), looks, far, view)
        for row in rest.loudest():
            name = self.names[row]
            if name not in self.last or not self.where.is_apart(*looks[row, m.L_ORIGIN : m.L_ORIGIN + 2].tolist()):
                continue
            paths = rest.drawn(row, self._headings(), now_s)
            if paths is not None:
                hits = [hit for hit in self.births.hits if hit.sensor == name] or [self.last[name]]
                mean = np.append(np.mean(paths[:, :2], axis=0), [0.0, 0.0])
                wide = np.diag([*np.var(paths[:, :2], axis=0), 40.0**2, 40.0**2])
                return Seed(*self.births.state(mean, wide), f"{name}~{now_s:.0f}", hits, None, False), paths
        return None

    def start(self, table: Table, i: int, now_s: float, paths: Array) -> None:
        """Give row `i`, founded just now, a wide cloud."""
        slot = free_slot((WIDE - slot for slot in table.cloud[: table.n].tolist()), MOST_WIDE)
        if slot == MOST_WIDE:
            return
        make_room(self, ("paths", "since", "worths", "support", "clouds", "times", "pd"), slot)
        self.paths[slot], self.since[slot] = paths, now_s
        self.worths[slot], self.support[slot] = SURE_WORTH, 1.0
        table.cloud[i] = WIDE - slot
        self._show(table, now_s)

    # --- what the last minutes say ------------------------------------------------------------------------------

    def settle(self, table: Table, now_s: float) -> None:
        """Bring all wide clouds to a whole second, weighed anew if a bin is over, and their rows to what they say."""
        gone = self.window.over(now_s)
        if gone:
            self.fresh = True
            self._weigh(table, now_s, gone)
        slots = table.cloud[: table.n]
        if not (slots <= WIDE).any():
            return
        self._show(table, now_s)
        for i in np.flatnonzero(slots <= WIDE).tolist():
            e, n = table.lines[i, :2].tolist()
            if table.lines[i, O_ONE] < 3.0 * NARROW_M**2 and not self.where.is_thin(e, n):
                table.cloud[i] = -1

    def _show(self, table: Table, now_s: float) -> None:
        settle_wide(
            table.x, table.P, table.w, table.t, table.r, table.cloud[: table.n], self.paths, self.since, self.clouds,
            now_s, LIFETIME_S, FIRST_WEIGHT,
        )  # fmt: skip
        table.outline()
        self.times[:] = now_s

    def _slots(self, table: Table) -> Indices:
        """Return the slots of the clouds that rows have, but those that end."""
        slots = sorted(WIDE - slot for slot in table.cloud[: table.n].tolist() if slot <= WIDE)
        return np.array([slot for slot in slots if slot not in self.over], np.int64)

    def _looks(self) -> tuple[Array, Array]:
        """Return the looks of all sensors of the window, as they are known now, and how far each hears."""
        looks, far = np.stack([self.known[name].look for name in self.names]), np.empty(len(self.names))
        reaches(looks, far)
        return looks, far

    def _view(self) -> View:
        return self.window.view(self.directed)

    def _headings(self) -> Array:
        return np.ascontiguousarray(self.courses.weights()[:HEADINGS])

    def _weigh(self, table: Table, now_s: float, gone: int) -> None:
        """Weigh all clouds with a new bin, and find those that are worth nothing any more."""
        view = self._view()
        if not self._slots(table).size:
            return
        self._sweep(table, view, now_s, SWEEPS, True, gone)
        for _ in range(MOST_ENDED):
            which = self._slots(table)
            if not which.size:
                break
            worth = np.median(self.worths[which], axis=1)
            if worth.min() >= LEAST_WORTH:
                break
            self.over.add(int(which[worth.argmin()]))
            self._sweep(table, view, now_s, 1, False, tries=0)
        which = self._slots(table)
        counts = np.zeros((self.since.shape[0], ASKED_WORLDS), np.int64)
        looks, far = self._looks()
        borne_out(
            self.paths, self.since, which, looks, far, view.first_s, view.counts, view.hits, view.rays, view.begins,
            BORNE_OUT, counts,
        )  # fmt: skip
        self.support[which] = np.median(counts[which], axis=1)

    def _sweep(
        self, table: Table, view: View, now_s: float, times: int, newest: bool, gone: int = 0, tries: int = TRIES
    ) -> None:
        """Move the paths of all worlds some times; the first time also by what the newest bins say."""
        looks, far, which = *self._looks(), self._slots(table)
        bins = view.counts.shape[1]
        for k in range(times):
            first = max(bins - gone, 0) if newest and k == 0 else bins
            sweep(
                self.paths, self.since, which, looks, far, view.first_s, view.counts, view.hits, view.rays,
                view.begins, self._headings(), np.uint64(key_of(k + 1000 * times, int(now_s))), tries, first,
                self.worths,
            )  # fmt: skip

    # --- what a look says ---------------------------------------------------------------------------------------

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
        mean: float = sense(self.clouds[slot], float(self.times[slot]), up_m, look, rays, self.pd[slot], gains)
        return mean

    def listen(self, table: Table, own: Listener, look: Array, quiet: float, hit: bool, share: Array) -> float:
        """Remember "heard" or silence, and ask wide tracks; return the chance that nothing, they neither, was heard.

        `quiet` is that of all others, `share` (n,) takes the probability that a hit came from each.
        """
        self.window.listen(own.id, float(look[m.L_TIME]), hit, quiet)
        none = np.zeros((WORLDS, 0))
        pds = {i: self._sense(table, i, look, NO_RAYS, none) for i in self._near(table, look)}
        for i, pd in pds.items():
            quiet *= 1.0 - table.r[i] * pd
        for i, pd in pds.items():
            if pd < 1e-3:
                continue
            r = float(table.r[i])
            others = min(quiet / (1.0 - r * pd), 1.0 - 1e-6)
            if hit:
                share[i] = r * pd / (1.0 - others * (1.0 - r * pd))
                nats = min(math.log((1.0 - others * (1.0 - pd)) / (1.0 - others)), MOST_HIT_NATS) * others
            else:
                nats = max(math.log1p(-pd), -look[m.L_MISS_FLOOR])
            table.r[i] = _after(r, nats)
        return quiet

    def heard(self, hit: Hit) -> None:
        """Remember the last look of a sensor that heard anything."""
        if hit.sensor in self.window.rows:
            self.last[hit.sensor] = hit

    def direct(
        self, table: Table, own: Listener, packed: Packed, look: Array, free: Array
    ) -> list[tuple[int, Detection, float]]:
        """Remember directions, or none, and ask wide tracks; return which row took which, with its probability.

        `free` (m,), the part of each that no other track explains, becomes what these leave of it.
        """
        which = [j for j, code in enumerate(packed.codes.tolist()) if code // 8 in (m.BEARING, m.AZ_EL)]
        rows = packed.rows[which]
        ways = np.stack([rows[:, m.Z], np.sqrt(rows[:, m.R_TRIANGLE]), rows[:, m.DENSITY]], axis=-1)
        rays = rays_of(look, ways)
        density = rows[:, m.DENSITY] / np.maximum(free[which], 1e-3)
        told = np.column_stack([rays[:, :3], density + ELSE / (2.0 * math.pi)])
        self.window.direct(own.id, float(look[m.L_TIME]), told)
        for j in which:
            row = packed.rows[j]
            sigma = math.sqrt(row[m.R_TRIANGLE])
            self.heard(Hit(float(look[m.L_TIME]), own.id, float(row[m.Z]), sigma, packed.kept[j].id))
        near = self._near(table, look)
        if not near:
            return []
        gains = np.zeros((len(near), WORLDS, len(which)))
        said, pds = np.zeros((len(near), len(which))), np.zeros(len(near))
        for k, i in enumerate(near):
            pds[k] = self._sense(table, i, look, rays, gains[k])
            said[k] = table.r[i] * gains[k].mean(axis=0)
        total = density + said.sum(axis=0)
        taken: list[tuple[int, Detection, float]] = []
        for k, i in enumerate(near):
            if pds[k] < 1e-3:
                continue
            factor = 1.0 - pds[k] + float((gains[k] / (total - said[k])).sum(axis=1).mean())
            floor = look[m.L_MISS_FLOOR]
            table.r[i] = _after(float(table.r[i]), min(max(math.log(max(factor, 1e-9)), -floor), SOUND_HIT * floor))
            taken += [(i, packed.kept[j], float(said[k, a] / total[a])) for a, j in enumerate(which)]
        free[which] *= density / total
        return taken

    # --- how they stand -----------------------------------------------------------------------------------------

    def place_known(self, table: Table, i: int) -> bool:
        """Return whether the place of a wide track is known well enough for a map, by as many as bear it out."""
        slot = WIDE - int(table.cloud[i])
        if float(np.median(self.worths[slot])) < SURE_WORTH:
            return False
        return _spread_m(table, i) <= (SHOWN_M if self.support[slot] >= 2.0 else CONFIRM_M)

    def fate(self, table: Table, i: int, tentative: bool) -> str:
        """Return whether a wide track lives on, or how it ends, in the words of `life.fate`."""
        over = table.r[i] < GONE or WIDE - int(table.cloud[i]) in self.over
        if tentative:
            return "forgotten" if over else "stays"
        if _spread_m(table, i) > LOST_M:
            return "too uncertain"
        return "gone" if over else "stays"

    # --- state --------------------------------------------------------------------------------------------------

    def dump(self, table: Table) -> tuple[list[WideDump], WindowDump, list[Hit]]:
        """Return the wide clouds that rows have, the window, and the last looks of its sensors."""
        slots = sorted(WIDE - slot for slot in table.cloud[: table.n].tolist() if slot <= WIDE)
        clouds = [
            WideDump(
                slot,
                float(self.times[slot]),
                float(self.since[slot]),
                self.paths[slot].tobytes(),
                self.worths[slot].tobytes(),
                float(self.support[slot]),
            )
            for slot in slots
        ]
        return clouds, self.window.dump(), [self.last[name] for name in sorted(self.last)]

    def load(self, dump: tuple[list[WideDump], WindowDump, list[Hit]]) -> None:
        """Take what `dump` described; `ValueError` where it is of another shape."""
        clouds, window, last = dump
        self.room(room_for([one.slot for one in clouds], MOST_WIDE))
        for one in clouds:
            self.paths[one.slot] = np.frombuffer(one.paths).reshape(WORLDS, PATH)
            self.worths[one.slot] = np.frombuffer(one.worths).reshape(WORLDS)
            self.times[one.slot], self.since[one.slot], self.support[one.slot] = one.time_s, one.since_s, one.support
            place(self.paths[one.slot], one.since_s, one.time_s, self.clouds[one.slot])
        self.window.load(window)
        self.last = {hit.sensor: hit for hit in last}


def _after(r: float, nats: float) -> float:
    """Return an existence after its odds have changed by so many nats."""
    odds = math.exp(nats)
    return min(r * odds / (r * odds + 1.0 - r), MOST_EXISTENCE)


def _spread_m(table: Table, i: int) -> float:
    """Return one sigma of a row's place on a horizontal axis."""
    return math.sqrt(0.5 * float(table.P[i, 0, 0, 0] + table.P[i, 0, 1, 1]))
