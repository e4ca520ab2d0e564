"""Who hears how far, and which tracks may teach it: the networks of `reaches` beside the tracks.

A track teaches reach only if it is sure *without* the sensor in question: it exists, is no longer young, and several
sensors saw it in the last seconds. A ghost of crossing directions is heard by some that are far, while those around it
hear nothing; however deaf a network is, a true object is heard by those that are near. So half of those who heard it
must be among the nearest, twice as many.

Arrays and microphones are networks of their own. Where a direction is measured the reach only weighs silence, and a
wide doubt costs little. What a microphone hears is placed by nothing but reach: with a wide doubt nothing is placed,
and nothing learned.
"""

from __future__ import annotations

import zlib

import numpy as np
from msgspec import Struct

from skysentry.events import TrackStatus
from skysentry.site import SensorKind, Weather
from skysentry.tracking.evidence.masks import Records
from skysentry.tracking.heard.cloud import Clouds
from skysentry.tracking.intake.batch import LISTENING_S, Listener
from skysentry.tracking.learned.acuity import Acuity
from skysentry.tracking.learned.ailing import judge
from skysentry.tracking.learned.faults import Faults
from skysentry.tracking.learned.rates import Rates, RatesDump
from skysentry.tracking.learned.reaches import Doubt, Network, learn
from skysentry.tracking.models.measure import L_ORIGIN, L_TIME
from skysentry.tracking.models.motion import Array, Indices
from skysentry.tracking.tracks.table import WIDE, Table

# Correlated looks: a sensor's look counts a tenth for each second, as its silence does for tracks.
NATS_PER_S = 0.1
DIRECTED = Doubt(mean=0.12, wind=0.12, spread=0.12, stands=0.35)
# Wind reaches a microphone as far as houses and trees let it, so where there is wind its reach is doubted more.
HEARD = Doubt(mean=0.12, wind=0.12, spread=0.12, stands=0.35, sheltered=0.55)
REFRESH_S = 2.0
# A track is sure that exists by this and was seen by several sensors within this.
SURE = 0.9
LATELY_NS = 4_000_000_000
# Ghosts of the first seconds, when nothing is explained yet, end within this.
YOUNG_NS = 20_000_000_000
# A sensor that has not looked for this long is off, not deaf.
SILENT_S = 10.0


class HearingDump(Struct, array_like=True):
    """State of `Hearing`: its arrays, compressed."""

    t_s: float
    arrays: list[bytes]
    rates: RatesDump
    acuity: Acuity


class Hearing:
    """What was learned of the site's standing sensors of sound."""

    def __init__(self, known: dict[str, Listener], weather: Weather, faults: Faults) -> None:
        self.faults = faults
        standing = {name: own for name, own in known.items() if own.sound and own.placed}
        heard = [name for name, own in standing.items() if own.kind is SensorKind.MICROPHONE]
        directed = [name for name, own in standing.items() if own.kind is not SensorKind.MICROPHONE]
        self.networks = [Network(known, directed, weather, DIRECTED), Network(known, heard, weather, HEARD)]
        self.records = Records(known)
        kept = directed + heard
        self.rates = Rates(known, kept)
        self.rows = {name: row for row, name in enumerate(kept)}
        self.first_heard = len(directed)
        self.places: Array = np.array([known[name].look[L_ORIGIN : L_ORIGIN + 2] for name in kept]).reshape(-1, 2)
        self.looked_s: Array = np.full(len(kept), -1e9)
        self.sure: Indices = np.zeros(0, np.int64)
        self.t_s = -1e9

    @property
    def heard(self) -> Network:
        """The microphones."""
        return self.networks[1]

    def note(
        self, own: Listener, look: Array, since_s: float, table: Table, edge_i: Indices, share: Array, directed: bool
    ) -> None:
        """Learn from a look, of which `edge_i` and `share` say what came from which track (see `learn`)."""
        row = self.rows.get(own.id, -1)
        if row < 0:
            return
        self.looked_s[row] = look[L_TIME]
        heard = row >= self.first_heard
        tally = self.networks[heard].tally[row - self.first_heard if heard else row]
        power = NATS_PER_S * min(max(since_s, 0.0), LISTENING_S)
        learn(table.lines, self.sure, table.n, look, edge_i, share, directed, power, tally)

    def settle(self, now_s: float, now_ns: int, table: Table, clouds: Clouds) -> None:
        """Find which tracks are sure; now and then forget a little and bring the looks up to date.

        The clouds tell of the microphones (`acuity`).
        """
        if self.rows:
            told = clouds.review(table, now_ns)
            if self.heard.names and not self.heard.hears_less() and self.heard.acuity.take(told):
                self.heard.show()
            self.sure = self._witnesses(now_s, now_ns, table)
            known = [i for i, life in enumerate(table.lives) if life.status is not TrackStatus.TENTATIVE]
            self.rates.settle(now_s, table.lines[known])
        if now_s - self.t_s >= REFRESH_S:
            changed = self.records.refresh(now_s - self.t_s)
            if self.rows:
                for network in self.networks:
                    network.refresh(now_s - self.t_s)
                self.rates.refresh(now_s - self.t_s)
            self.t_s = now_s
            if self.rows or changed or self.faults.found:
                judge(self.faults, self.networks, self.heard.acuity, self.rates, self.records)

    def show(self) -> None:
        """Write what is known into the looks again: some listeners are new."""
        for network in self.networks:
            network.show()
        self.records.show()
        self.rates.show()

    def _witnesses(self, now_s: float, now_ns: int, table: Table) -> Indices:
        """Return how many sensors saw each track lately, 0 where it is not sure."""
        sure = np.zeros(table.n, np.int64)
        listening = np.flatnonzero(self.looked_s > now_s - SILENT_S)
        for i, life in enumerate(table.lives):
            if life.status is TrackStatus.TENTATIVE or table.r[i] < SURE or now_ns - life.first_ns < YOUNG_NS:
                continue
            # What reach itself has placed teaches none.
            if table.cloud[i] <= WIDE:
                continue
            lately = [name for name, seen_ns in life.seen.items() if now_ns - seen_ns < LATELY_NS]
            if len(lately) >= 2 and self._near(lately, listening, table.lines[i, :2]):
                sure[i] = len(lately)
        return sure

    def _near(self, names: list[str], listening: Indices, place: Array) -> bool:
        """Return whether those who heard something are those who should, if anyone."""
        rows = [self.rows[name] for name in names if name in self.rows]
        if not rows or listening.size <= 2 * len(rows):
            return bool(rows)
        away = self.places[listening] - place
        nearest = listening[np.argpartition((away * away).sum(axis=1), 2 * len(rows))[: 2 * len(rows)]]
        return bool(2 * np.isin(rows, nearest).sum() >= len(rows))

    def dump(self) -> HearingDump:
        """Return the state."""
        arrays = [self.looked_s.tobytes(), self.sure.tobytes(), self.records.counts.tobytes()]
        for network in self.networks:
            arrays += network.dump()
        return HearingDump(self.t_s, [zlib.compress(data, 1) for data in arrays], self.rates.dump(), self.heard.acuity)

    def load(self, dump: HearingDump) -> None:
        """Take a state. Raises `ValueError` where it is of other sensors."""
        try:
            looked_s, sure, counts, *rest = map(zlib.decompress, dump.arrays)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        self.looked_s = np.frombuffer(looked_s).reshape(self.looked_s.shape).copy()
        self.sure = np.frombuffer(sure, np.int64).copy()
        self.records.counts = np.frombuffer(counts).reshape(self.records.counts.shape).copy()
        self.records.show()
        self.rates.load(dump.rates)
        self.heard.acuity = dump.acuity
        each = len(Network.KEPT)
        for k, network in enumerate(self.networks):
            network.load(rest[k * each : (k + 1) * each])
        self.t_s = dump.t_s
