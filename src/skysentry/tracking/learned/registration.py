"""Registration found out: where each sensor really points, learned from objects that several sensors see.

    hits of sure tracks ──gather──▶ windows of 2 s ──fold──▶ joint information Λ, η of all headings
    every second or so:  (Λ + prior⁻¹) b = η  ──▶  listeners corrected in heading, with its sigma as known

The prior of a heading error is the declared sigma, and with a small share a broad slab: what nobody declared happens,
and is believed where the looks insist (`_prior`). Information fades with `MEMORY_S`; a sensor whose latest windows
contradict its estimate (it was turned, or mended) is learned anew at once (`_forget`). What is learned goes into the
sensor's rotation and, as its variance, into the noise of its looks in the place of the declared one: a sensor that is
not understood weighs less by itself. A heading that is wrong beyond what was declared is named through `Faults`.

Claims (Remote ID, ADS-B, other systems) never calibrate: their windows are not gathered, so a false aircraft beside
nothing changes nothing, and one beside a real track changes nothing either. Left out: elevation and range, which no
field report names as wrong; sensors that move, whose heading follows their own compass.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
from msgspec import Struct

from skysentry.site import Sensor, SensorKind
from skysentry.tracking.intake.batch import Listener, Packed
from skysentry.tracking.learned.align import FACTS, T_TRACK, T_WINDOW, TAGS, WINDOW_S, fold_all, gather
from skysentry.tracking.learned.faults import Faults
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.tracks.table import Table

# Headings that are learned together: n² numbers. A cell of a nation holds a few hundred sensors with directions.
MOST_JOINT = 1_000
# Hits that wait for their window to be complete; beyond, fewer windows are taken.
ROOM = 1_000
# Sound from 3 km comes 9 s after light; a network of light waits only for its own looks.
SOUND_WAIT_S, LIGHT_WAIT_S = 8.0, 1.0
# What is declared to be exact is believed to this, for sound (a compass beside steel) and for light (a surveyed
# mount); and what of a heading nothing can teach: refraction, a mast that bends.
LEAST_DECLARED_RAD = math.radians(2.0), math.radians(0.25)
LEAST_LIGHT_RAD, LEAST_SOUND_RAD = math.radians(0.03), math.radians(0.3)
# One sensor in twenty points where nobody declared, by 10° or three declared sigmas.
SLAB_SHARE, SLAB_RAD, SLAB_SIGMAS = 0.05, math.radians(10.0), 3.0
# The prior's share of the slab follows from what the looks say, and that from the others' prior: it settles in three.
PRIOR_STEPS = 3
# Headings last; information of five minutes ago counts a seventh.
MEMORY_S = 150.0
# Latest windows: their memory, and the squared sigmas beyond which they say that the sensor was turned.
FRESH_S, TURNED2 = 8.0, 6.5
# ... if it was learned from this many times as much before.
KNOWN = 3.0
# A sensor is named when it is off by three declared sigmas or by 6° (310 m at 3 km), at least by so much, and surely.
NAMED_SIGMAS, NAMED_RAD = 3.0, math.radians(6.0)
LEAST_NAMED_LIGHT_RAD, LEAST_NAMED_SOUND_RAD = math.radians(0.6), math.radians(2.0)
SURELY = 4.0
HEALED = 2.0 / 3.0
# A network of light that is known this well looks at one window in four, and there at one track in four.
CALM_RAD, CALM = math.radians(0.08), 4
# Changes of a heading, in its sigmas, that are worth a new listener.
WORTH = 0.25


class RegistrationDump(Struct, array_like=True):
    """State of `Registration`."""

    names: list[str]
    arrays: list[bytes]
    joint: bytes
    count: int
    stride: int
    last_s: float
    calm: bool


class Registration:
    """Heading errors of the sensors of one site; `known` are the roster's listeners, which it corrects in place."""

    def __init__(self, sensors: tuple[Sensor, ...], known: dict[str, Listener], faults: Faults) -> None:
        self.known, self.faults = known, faults
        able = [s for s in sensors if not s.reports and s.kind is not SensorKind.MICROPHONE and known[s.id].placed]
        self.sensors = able[:MOST_JOINT]
        self.index = {sensor.id: k for k, sensor in enumerate(self.sensors)}
        self.declared = {sensor.id: known[sensor.id] for sensor in self.sensors}
        n = len(self.sensors)
        looks = np.array([self.declared[s.id].look for s in self.sensors]).reshape(n, m.LOOK)
        self.base: Array = np.ascontiguousarray(looks[:, m.L_ORIGIN : m.L_ORIGIN + 12])
        self.sound = looks[:, m.L_SOUND] > 0.0
        self.wait_s = SOUND_WAIT_S if self.sound.any() else LIGHT_WAIT_S
        least = np.where(self.sound, *LEAST_DECLARED_RAD)
        self.sigma: Array = np.maximum(np.radians([s.heading_sigma_deg for s in self.sensors]), least)
        self.least: Array = np.where(self.sound, LEAST_SOUND_RAD, LEAST_LIGHT_RAD)
        self.bias: Array = np.zeros(n)
        self.variance: Array = self.sigma**2
        self.spread: Array = self.sigma**2
        self.precision: Array = 1.0 / self.sigma**2
        self.fresh: Array = np.zeros((n, 2))
        self.info: Array = np.zeros((n, n))
        self.score: Array = np.zeros(n)
        self.tags: Indices = np.zeros((ROOM, TAGS), np.int64)
        self.facts: Array = np.zeros((ROOM, FACTS))
        self.count, self.stride, self.last_s, self.calm = 0, 1, -1.0, False

    def note(
        self,
        own: Listener,
        packed: Packed,
        look: Array,
        table: Table,
        pairs: tuple[Indices, Indices, Array],
        edges: int,
    ) -> None:
        """Keep the sure hits of one scan. The first `edges` of `pairs` are rows of tracks, measurements, shares."""
        k = self.index.get(own.id)
        if k is None or len(self.sensors) < 2 or (self.calm and int(look[m.L_TIME] / WINDOW_S) % CALM):
            return
        i, j, share = pairs
        self.count = gather(
            i[:edges], j[:edges], share[:edges], table.x, table.w, table.t, table.r, table.key, look, packed.codes,
            packed.rows, k, own.sigma_az_rad, self.stride * CALM if self.calm else self.stride, self.tags, self.facts,
            self.count,
        )  # fmt: skip

    def settle(self, now_s: float) -> list[str]:
        """Fold what is complete and solve for the headings; return the sensors whose listeners have changed."""
        since_s = max(now_s - self.last_s, 0.0) if self.last_s >= 0.0 else 0.0
        self.last_s = now_s
        if len(self.sensors) < 2:
            return []
        keep = math.exp(-since_s / MEMORY_S)
        self.info *= keep
        self.score *= keep
        self.fresh *= math.exp(-since_s / FRESH_S)
        if not self._fold(now_s):
            return []
        self._turned()
        self._solve()
        return self._apply()

    def _fold(self, now_s: float) -> int:
        """Take the windows that are complete out of the waiting hits; return how many said something."""
        tags, count = self.tags[: self.count], self.count
        full = count > 0.8 * ROOM
        done = (tags[:, T_WINDOW] + 1) * WINDOW_S + self.wait_s <= now_s
        ready = np.flatnonzero(done)
        self.stride = self.stride + 1 if full else max(self.stride - (count < 0.3 * ROOM), 1)
        if not ready.size:
            return 0
        order = ready[np.lexsort((tags[ready, T_WINDOW], tags[ready, T_TRACK]))]
        said = fold_all(
            order, self.tags, self.facts, self.base, self.bias, self.variance, self.info, self.score, self.fresh
        )
        left = np.flatnonzero(~done)
        self.count = left.size
        self.tags[: left.size], self.facts[: left.size] = self.tags[left], self.facts[left]
        return said

    def _turned(self) -> None:
        """Learn anew those whose latest windows say that they are not where they were."""
        told, information = self.fresh[:, 0], self.fresh[:, 1]
        spread = information + 2.0 * information**2 * self.variance
        known = np.diag(self.info) > KNOWN * information
        for k in np.flatnonzero((told**2 > TURNED2 * np.maximum(spread, 1e-9)) & known).tolist():
            self._forget(k)

    def _forget(self, k: int) -> None:
        """Take what is known of one heading out of the joint information: marginalise, then start from the prior."""
        own = self.info[k, k]
        if own > 0.0:
            across = self.info[k].copy()
            self.score -= across * (self.score[k] / own)
            self.info -= np.outer(across, across) / own
        self.info[k, :] = self.info[:, k] = 0.0
        self.score[k] = 0.0
        self.fresh[k] = 0.0
        self.bias[k], self.spread[k], self.variance[k] = 0.0, 1.0 / self.precision[k], SLAB_RAD**2

    def _prior(self) -> Array:
        """Return the precision of each heading's prior, as what the looks say belongs to its spike or slab.

        What the looks say of one heading is the posterior without its own prior.
        """
        slab = np.maximum(SLAB_RAD, SLAB_SIGMAS * self.sigma)
        said = np.maximum(1.0 / self.spread - self.precision, 1e-9)
        bias, variance = self.bias / self.spread / said, 1.0 / said
        spike2, slab2 = self.sigma**2 + variance, slab**2 + variance
        odds = SLAB_SHARE / (1.0 - SLAB_SHARE) * np.sqrt(spike2 / slab2)
        odds *= np.exp(np.minimum(0.5 * bias**2 * (1.0 / spike2 - 1.0 / slab2), 50.0))
        share = odds / (1.0 + odds)
        precision: Array = (1.0 - share) / self.sigma**2 + share / slab**2
        return precision

    def _solve(self) -> None:
        """Bring the estimates of all sensors with information up to date."""
        seen = np.flatnonzero(np.diag(self.info) > 0.0)
        joint, score = self.info[np.ix_(seen, seen)], self.score[seen]
        self.bias[:] = 0.0
        for _ in range(PRIOR_STEPS):
            self.precision = self._prior()
            posterior = np.linalg.inv(joint + np.diag(self.precision[seen]))
            self.spread = 1.0 / self.precision
            self.bias[seen], self.spread[seen] = posterior @ score, np.diag(posterior)
        self.variance = np.maximum(self.spread, self.least**2)
        self.calm = not self.sound.any() and bool(np.sqrt(self.variance[seen].max()) < CALM_RAD)

    def _apply(self) -> list[str]:
        """Correct the listeners whose heading has changed; name who is wrong, and who no longer is."""
        changed = []
        for k, (sensor, bias, variance) in enumerate(
            zip(self.sensors, self.bias.tolist(), self.variance.tolist(), strict=True)
        ):
            own, sigma = self.known[sensor.id], math.sqrt(variance)
            self._judge(k, sensor, bias, sigma)
            if abs(bias - own.turn_rad) > WORTH * sigma or abs(sigma - own.sigma_az_rad) > WORTH * own.sigma_az_rad:
                if self.info[k, k] == 0.0 and own is self.declared[sensor.id]:
                    continue
                self.known[sensor.id] = self.declared[sensor.id].turned(bias, sigma)
                changed.append(sensor.id)
        return changed

    def _judge(self, k: int, sensor: Sensor, bias: float, sigma: float) -> None:
        least = LEAST_NAMED_SOUND_RAD if self.sound[k] else LEAST_NAMED_LIGHT_RAD
        limit = max(min(NAMED_SIGMAS * math.radians(sensor.heading_sigma_deg), NAMED_RAD), least)
        if abs(bias) > limit and abs(bias) > SURELY * sigma:
            off, by = math.degrees(bias), math.degrees(sigma)
            side = "right" if bias > 0.0 else "left"
            words = (
                f"it points {abs(off):.1f}° ± {by:.1f}° further {side} than it was set up; its directions are corrected"
            )
            if abs(off) > 4.0:
                words += " (was magnetic north taken for true north?)"
            mend = f"turn it, or set heading_deg = {(sensor.heading_deg - off) % 360.0:.1f} in site.toml"
            self.faults.blame(sensor.id, "heading", off, words, mend)
        elif abs(bias) < HEALED * limit:
            self.faults.clear(sensor.id, "heading")

    def dump(self) -> RegistrationDump:
        """Return the state."""
        waiting = (self.tags[: self.count].tobytes(), self.facts[: self.count].tobytes())
        kept = (self.bias, self.variance, self.spread, self.precision, self.fresh, self.score)
        upper = self.info[np.triu_indices(len(self.sensors))]
        turns = np.array([(self.known[s.id].turn_rad, self.known[s.id].sigma_az_rad) for s in self.sensors])
        return RegistrationDump(
            [sensor.id for sensor in self.sensors],
            [*waiting, *(array.tobytes() for array in (*kept, turns))],
            zlib.compress(upper.tobytes(), 1),
            self.count,
            self.stride,
            self.last_s,
            self.calm,
        )

    def load(self, dump: RegistrationDump) -> list[str]:
        """Take a state; return the sensors whose listeners have changed. `ValueError` for that of another site."""
        n = len(self.sensors)
        if dump.names != [sensor.id for sensor in self.sensors] or not 0 <= dump.count <= ROOM:
            raise ValueError("a registration of another site")
        tags, facts, bias, variance, spread, precision, fresh, score, turns = dump.arrays
        self.count, self.stride, self.last_s, self.calm = dump.count, dump.stride, dump.last_s, dump.calm
        self.tags[: self.count] = np.frombuffer(tags, np.int64).reshape(self.count, TAGS)
        self.facts[: self.count] = np.frombuffer(facts).reshape(self.count, FACTS)
        self.bias, self.variance = np.frombuffer(bias).copy(), np.frombuffer(variance).copy()
        self.spread, self.precision = np.frombuffer(spread).copy(), np.frombuffer(precision).copy()
        self.fresh, self.score = np.frombuffer(fresh).reshape(n, 2).copy(), np.frombuffer(score).copy()
        try:
            self.info[np.triu_indices(n)] = np.frombuffer(zlib.decompress(dump.joint))
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.info = np.triu(self.info) + np.triu(self.info, 1).T
        for sensor, (turn, sigma) in zip(self.sensors, np.frombuffer(turns).reshape(n, 2).tolist(), strict=True):
            if (turn, sigma) != (0.0, self.declared[sensor.id].sigma_az_rad):
                self.known[sensor.id] = self.declared[sensor.id].turned(turn, sigma)
        return list(self.index)
