"""The tracks of one working frame: takes scans one by one, reports at grid instants. `Tracker` cuts time for it."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from skysentry.events import AnyEvent, Detection, Identity, Order, Place, Scan, TrackStatus
from skysentry.geo import Frame
from skysentry.site import SensorKind, Site
from skysentry.tracking import batch, kernels
from skysentry.tracking import measure as m
from skysentry.tracking.batch import Listener, Packed
from skysentry.tracking.births import FEEDING, Births, FieldDump, Hit, Seed
from skysentry.tracking.classify import Classifier
from skysentry.tracking.cloud import CloudDump, Clouds
from skysentry.tracking.clutter import Clutter, MapDump
from skysentry.tracking.complaints import Complaint, Complaints
from skysentry.tracking.found import ALT_PRIOR_M, FIRST_WEIGHT
from skysentry.tracking.founding import LEAST_FREE, Budget, held
from skysentry.tracking.life import COAST_S, downs, fate, spreads_m, status
from skysentry.tracking.motion import MODELS, Array
from skysentry.tracking.publish import Publisher
from skysentry.tracking.resume import SHOWN, Gone, Resumption
from skysentry.tracking.roster import Roster
from skysentry.tracking.table import MOST_OBSERVED, Life, Table

SECOND_NS = 1_000_000_000
COAST_NS = round(COAST_S * SECOND_NS)
# A message later than this says nothing that is still of use; sound from 5 km adds 15 s to its travel.
OLDEST_S = 30.0
# A clock that is ahead of ours by more than this is wrong.
AHEAD_S = 5.0
# From this probability on a measurement counts as a look at the track; below, it only weighs on its state.
HIT = 0.5
MOST_PENDING = 64
MOST_SEEN = 64
# Pairs of track and measurement whose numbers are kept between weighing and correcting; beyond, they are made again.
MOST_WEIGHED = 512
# A claim younger than this is borne out by another sensor's look at the same track.
AGREE_NS = 5 * SECOND_NS
# A large country has 20,000 sensors.
MOST_LOOKED = 50_000
LEAST_SHARE = 1e-3
# How long two tracks must be one before the younger ends, and how many pairs are looked at in a second.
TWIN_S = 3
MOST_TWINS = 1_000
# What passed the grid's threshold with support of several sensors is as likely as not.
SPAWN_EXISTENCE = 0.6
NO_BEARINGS: Array = np.zeros((0, 3))
UNPLACED_MEND = "write where it stands into site.toml; for a replay, name that file with --site"


class Dump(Struct):
    """Everything that `Fusion` must remember."""

    epoch_ns: int
    n: int
    lives: list[Life]
    arrays: list[bytes]
    complaints: dict[str, Complaint]
    founded: dict[str, tuple[int, int]]
    touched: list[int]
    looked: dict[str, int]
    births: FieldDump | None
    clutter: dict[str, MapDump]
    gone: list[Gone]
    clouds: list[CloudDump]


class Fusion:
    """All tracks, and what is done to them."""

    def __init__(self, site: Site, origin: Place) -> None:
        self.origin = origin
        frame = Frame.at(origin)
        self.frame: Array = np.concatenate([frame.rotation.ravel(), np.array(frame.origin_ecef_m)])
        self.prior_alt_m = (origin.alt_m or 0.0) + ALT_PRIOR_M
        self.epoch_ns = 0
        self.table = Table()
        self.roster = Roster(site, frame)
        self.classifier = Classifier(site)
        self.publisher = Publisher(site, self.frame, self.classifier)
        self.complaints = Complaints()
        self.budget = Budget()
        self.touched: set[int] = set()
        self.looked: dict[str, int] = {}
        self.clutter = Clutter()
        self.resumption = Resumption()
        self.clouds = Clouds()
        self.births: Births | None = None
        if any(sensor.kind in FEEDING and sensor.position is not None for sensor in site.sensors):
            self.births = Births(self.roster.known, site.sensors, origin.alt_m or 0.0)
        self.edge_i, self.edge_j, self.share = _edges(256)
        self.kept: Array = np.empty((MOST_WEIGHED, MODELS, kernels.KEPT, 6))

    def take(self, now_ns: int, scan: Scan) -> None:
        """Correct and found tracks with one scan."""
        age_s = (scan.received_ns - scan.time_ns) / SECOND_NS
        if not -AHEAD_S <= age_s <= OLDEST_S:
            self.complaints.add(scan.sensor, "a look whose time is far from its arrival", "check the sensor's clock")
            return
        if self.epoch_ns == 0:
            self.epoch_ns = scan.time_ns // SECOND_NS * SECOND_NS
        own = self.roster.listener(scan)
        packed = batch.pack(scan, own, self.roster.places)
        if packed.rejected:
            mend = UNPLACED_MEND if packed.reason.endswith("is unknown") else "check what this sensor sends"
            self.complaints.add(scan.sensor, packed.reason, mend, packed.rejected)
        look = own.look
        look[m.L_TIME] = (scan.time_ns - self.epoch_ns) / SECOND_NS
        look[m.L_SIGMA_T] = max(own.clock_sigma_s, scan.time_sigma_ns / SECOND_NS)
        since_s = self._since_s(scan, own)
        if own.sound:
            look[m.L_MISS_FLOOR] = batch.SOUND_NATS_PER_S * min(max(since_s, 0.0), batch.LISTENING_S)
        if packed.presences:
            self._heard(scan, own, packed, look, since_s)
        elif own.kind is SensorKind.MICROPHONE:
            self._silent(own, look, since_s)
        if packed.kept or (own.kind is not SensorKind.MICROPHONE and not own.reports and not packed.presences):
            self._correct(scan, own, packed, look, since_s)

    def _correct(self, scan: Scan, own: Listener, packed: Packed, look: Array, since_s: float) -> None:
        """Correct, then found tracks with measurements that hold at least a direction."""
        table, found = self.table, len(packed.kept)
        if found:
            kernels.prepare(packed.codes, packed.rows, look, self.frame, self.prior_alt_m)
        mapped = own.kind is SensorKind.RADAR and own.placed
        if mapped:
            self.clutter.weigh(own.id, packed.codes, packed.rows, look)
        room = 8 * (table.n + found) + 64
        if room > self.edge_i.shape[0]:
            self.edge_i, self.edge_j, self.share = _edges(2 * room)
        free = np.ones(found) if not table.n else np.empty(found)
        if table.n:
            codes, rows = np.empty_like(packed.codes), np.empty_like(packed.rows)
            kernels.fix_places(packed.codes, packed.rows, codes, rows)
            edges = kernels.correct_scan(
                table.x, table.P, table.w, table.t, table.r, table.own, table.lines, table.n, look, codes, rows,
                packed.claims, self.edge_i, self.edge_j, self.share, self.kept, free,
            )  # fmt: skip
            for e, share in enumerate(self.share[:edges].tolist()):
                if share > HIT:
                    table.cloud[self.edge_i[e]] = -1
                    self._hit(int(self.edge_i[e]), packed.kept[int(self.edge_j[e])], share, scan, own)
        if self.births is not None and own.id in self.births.listeners:
            self._direct(own, packed, look, free, since_s)
        if mapped:
            self.clutter.note(own.id, scan.id, float(look[m.L_TIME]), packed.codes, packed.rows, free)
        if found > 1 or (found and free[0] > LEAST_FREE):
            self._found(scan, own, packed, look, free)

    def _since_s(self, scan: Scan, own: Listener) -> float:
        """Return how long ago this sensor last looked; its period for the first time."""
        last_ns = self.looked.get(own.id)
        if last_ns is None:
            if len(self.looked) >= MOST_LOOKED:
                del self.looked[next(iter(self.looked))]
            last_ns = scan.time_ns - round(own.period_s * SECOND_NS)
        self.looked[own.id] = max(scan.time_ns, last_ns)
        return max(scan.time_ns - last_ns, 0) / SECOND_NS

    def _direct(self, own: Listener, packed: Packed, look: Array, free: Array, since_s: float) -> None:
        """Weigh the grid of undetected objects with directions, each against clutter and the tracks that explain it."""
        assert self.births is not None
        directions, hits = [], []
        for j, detection in enumerate(packed.kept):
            row = packed.rows[j]
            if packed.codes[j] // 8 in (m.BEARING, m.AZ_EL):
                sigma = float(np.sqrt(row[m.R_TRIANGLE]))
                directions.append((row[m.Z], sigma, row[m.DENSITY] / max(free[j], LEAST_SHARE)))
                if free[j] > LEAST_FREE:
                    hits.append(Hit(float(look[m.L_TIME]), own.id, float(row[m.Z]), sigma, detection.id))
        if directions or not packed.kept:
            bearings = np.array(directions).reshape(-1, 3)
            self.births.heed(own, look, since_s, bearings, 1.0, hits)

    def _heard(self, scan: Scan, own: Listener, packed: Packed, look: Array, since_s: float) -> None:
        """Take "something is there": of whom, if it says so; else of any track in reach, or of something new."""
        named = [found for found in packed.presences if found.identity is not None]
        for found in named:
            self._refresh(found, scan, own)
        if named or own.reports or not own.placed:
            return
        detection, table = min(packed.presences, key=lambda found: found.id), self.table
        share = np.zeros(table.n)
        quiet = self._listen(look, True, share)
        for i in np.flatnonzero(share > HIT):
            self._hit(int(i), detection, float(share[i]), scan, own)
        if self.births is not None:
            hits = [Hit(float(look[m.L_TIME]), own.id, 0.0, -1.0, detection.id)] if quiet > LEAST_FREE else []
            self.births.heed(own, look, since_s, NO_BEARINGS, min(quiet, 1.0 - 1e-6), hits)

    def _silent(self, own: Listener, look: Array, since_s: float) -> None:
        self._listen(look, False, np.zeros(self.table.n))
        if self.births is not None:
            self.births.heed(own, look, since_s, NO_BEARINGS, 1.0, [])

    def _listen(self, look: Array, hit: bool, share: Array) -> float:
        """Correct all tracks with "heard" or "not heard"; `share` and what is returned as `correct_presence` has it."""
        table, clouds = self.table, self.clouds
        quiet = kernels.correct_presence(
            table.x, table.P, table.w, table.t, table.r, table.n, look, hit, share,
            table.cloud, clouds.particles, clouds.weights, clouds.times, clouds.heard,
        )  # fmt: skip
        table.outline()
        return quiet

    def _refresh(self, detection: Detection, scan: Scan, own: Listener) -> None:
        """A claim without a place keeps the track of that identity alive; it moves and founds none."""
        scheme, value = batch.claim_of(detection.identity)
        for i in np.flatnonzero(self.table.own[: self.table.n, scheme] == value):
            life = self.table.lives[int(i)]
            life.seen[own.id] = scan.time_ns
            life.last_ns = max(life.last_ns, scan.time_ns)
            life.identity = detection.identity

    def _hit(self, i: int, detection: Detection, share: float, scan: Scan, own: Listener) -> None:
        """Note a look at a track: who, when, what it says of class and identity."""
        life = self.table.lives[i]
        self.touched.add(i)
        if detection.class_llr:
            since_s = (scan.time_ns - life.seen.get(own.id, 0)) / SECOND_NS
            self.classifier.hear(self.table.evidence[i], detection.class_llr, share, since_s)
        life.hits += 1
        if own.reports:
            life.claim_ns = max(life.claim_ns, scan.time_ns)
        elif life.claim_ns > scan.time_ns - AGREE_NS:
            since_ns = scan.time_ns - life.seen.get(own.id, scan.time_ns)
            before_s = life.agreed_s
            life.agreed_s += min(max(since_ns, 0), AGREE_NS) / SECOND_NS
            self.classifier.trust(self.table.evidence[i], life.identity, before_s, life.agreed_s)
        life.last_ns = max(life.last_ns, scan.time_ns)
        if own.id in life.seen or len(life.seen) < MOST_SEEN:
            life.seen[own.id] = scan.time_ns
        life.period_s = own.period_s
        if life.claimed and not own.reports:
            self.table.bear_out(life)
        if len(life.pending) < MOST_PENDING:
            life.pending.append(detection.id)
        if detection.identity is not None and detection.identity != life.identity:
            self._claim(i, life, detection.identity)

    def _claim(self, i: int, life: Life, identity: Identity) -> None:
        scheme, value = batch.claim_of(identity)
        if self.table.own[i, scheme] in (0, value):
            self.table.own[i, scheme] = value
            life.identity = identity

    def _found(self, scan: Scan, own: Listener, packed: Packed, look: Array, free: Array) -> None:
        """Start tracks with the measurements that no track explains, as far as this sensor may."""
        which = np.empty(len(packed.kept), np.int64)
        wanted = kernels.worth(packed.codes, packed.rows, free, which)
        if not wanted:
            return
        table, first = self.table, self.table.n
        granted = self.budget.grant(own, scan.received_ns // SECOND_NS, wanted, table)
        if granted < wanted:
            reason = "more new objects than can be followed"
            self.complaints.add(own.id, reason, "a flood of false reports?", wanted - granted)
        for j in which[:granted].tolist():
            detection = packed.kept[j]
            life = Life(
                founded=f"{scan.id}#{j}", first_ns=scan.time_ns, last_ns=scan.time_ns, hits=1, period_s=own.period_s,
                claimed=own.reports, seen={own.id: scan.time_ns}, pending=[detection.id],
            )  # fmt: skip
            i = table.add(life)
            if detection.class_llr:
                self.classifier.hear(table.evidence[i], detection.class_llr, 1.0, 1e9)
            if detection.identity is not None:
                self._claim(i, life, detection.identity)
        kernels.found_all(
            packed.codes, packed.rows, free, which[:granted], look, self.prior_alt_m, first,
            table.x, table.P, table.w, table.t, table.r, table.lines,
        )  # fmt: skip

    def _spawn(self, now_ns: int, seed: Seed) -> None:
        """Start a track from the grid of undetected objects."""
        last = seed.hits[-1]
        first_ns = self.epoch_ns + round(seed.hits[0].time_s * SECOND_NS)
        founded = f"{last.detection}@{now_ns}/{seed.cell}"
        life = Life(founded=founded, first_ns=first_ns, last_ns=self.epoch_ns + round(last.time_s * SECOND_NS))
        life.hits = 1
        life.seen = {hit.sensor: self.epoch_ns + round(hit.time_s * SECOND_NS) for hit in seed.hits[-MOST_SEEN:]}
        life.pending = [hit.detection for hit in seed.hits[-MOST_PENDING:]]
        life.sound = True
        table, now_s = self.table, (now_ns - self.epoch_ns) / SECOND_NS
        if table.n - table.claimed >= MOST_OBSERVED or held(table, now_s, seed.mean, seed.cov):
            return
        i = table.add(life)
        table.x[i], table.P[i], table.w[i] = seed.mean, seed.cov, FIRST_WEIGHT
        table.t[i], table.r[i] = now_s, SPAWN_EXISTENCE
        if seed.cells is not None:
            self.clouds.start(table, i, now_s, seed.cells)
        table.outline(i)

    def declare(self, order: Order) -> None:
        """Take a person's word on whose a track is."""
        for life in self.table.lives:
            if life.track_id == order.target and order.affiliation is not None:
                life.affiliation = order.affiliation

    def report(self, now_ns: int) -> list[AnyEvent]:
        """Return the events of a grid instant, and let tracks live or end."""
        whole = now_ns % SECOND_NS == 0
        if whole:
            self.clouds.settle(self.table, (now_ns - self.epoch_ns) / SECOND_NS)
            self._unpoison()
            self.classifier.settle(self.table)
        due = sorted(self.touched) if not whole else list(range(self.table.n))
        self.touched.clear()
        made: list[AnyEvent] = []
        if due:
            made += self._publish(now_ns, due, whole)
        if whole:
            made += self.complaints.tell(now_ns)
            founded = [life.founded for life in self.table.lives]
            self.clutter.settle((now_ns - self.epoch_ns) / SECOND_NS, founded, self.table.r[: self.table.n])
            if self.births is not None:
                self.births.advance((now_ns - self.epoch_ns) / SECOND_NS)
                for seed in self.births.seeds():
                    self._spawn(now_ns, seed)
        return made

    def _publish(self, now_ns: int, due: list[int], whole: bool) -> list[AnyEvent]:
        """Return the events of these rows; at whole seconds each is asked first whether it lives on."""
        table = self.table
        over: list[int] = []
        made: list[AnyEvent] = []
        shown: list[tuple[int, str]] = []
        doubled = self._doubled() if whole else set()
        existence = table.r[: table.n].tolist()
        now_s = (now_ns - self.epoch_ns) / SECOND_NS
        spread = spreads_m(table, now_s).tolist() if whole else []
        down = downs(table, now_s).tolist() if whole else []
        for i in due:
            if i in over:
                continue
            life, r = table.lives[i], existence[i]
            if whole:
                end = "merged" if i in doubled else fate(life, r, now_ns, spread[i], down[i])
                if end != "stays":
                    over.append(i)
                    if end != "merged" and life.status in SHOWN:
                        self.resumption.keep(table, i)
                    if life.track_id:
                        life.status = TrackStatus.ENDED
                        shown.append((i, end))
                    continue
            # A confirmed track that was seen just now stays confirmed: the most frequent case by far.
            if life.status is not TrackStatus.CONFIRMED or now_ns - life.last_ns > COAST_NS:
                before, life.status = life.status, status(life, r, now_ns, table, i)
                if before is TrackStatus.TENTATIVE and life.status is TrackStatus.CONFIRMED:
                    made += self._resume(now_ns, i, shown, over)
                    life = table.lives[i]
            if self.publisher.due(life, now_ns):
                shown.append((i, ""))
        made += self.publisher.publish(now_ns, now_s, table, shown)
        table.remove(sorted(over, reverse=True))
        return made

    def _resume(self, now_ns: int, i: int, shown: list[tuple[int, str]], over: list[int]) -> list[AnyEvent]:
        """Let a row that is confirmed now go on as the track that it is, if it is one; its own id ends, where told."""
        table, now_s, life = self.table, (now_ns - self.epoch_ns) / SECOND_NS, self.table.lives[i]
        left = self.resumption.resume(now_ns, now_s, table, i)
        if left is None:
            return []
        if left >= 0:
            over.append(left)
            shown[:] = [pair for pair in shown if pair[0] != left]
        if not life.track_id:
            return []
        resumed, table.lives[i], life.status = table.lives[i], life, TrackStatus.ENDED
        told = self.publisher.publish(now_ns, now_s, table, [(i, "merged")])
        table.lives[i] = resumed
        return told

    def _unpoison(self) -> None:
        """Forget a track whose numbers have failed rather than publish or spread them."""
        table, n = self.table, self.table.n
        good = np.isfinite(table.x[:n].sum(axis=(1, 2)) + table.P[:n].sum(axis=(1, 2, 3)) + table.r[:n])
        if not good.all():
            failed = np.flatnonzero(~good)[::-1].tolist()
            self.complaints.add("tracker", "a state that is not finite", "report this, with the recording", len(failed))
            table.remove(failed)

    def _doubled(self) -> set[int]:
        """Return the rows that have been the younger of two tracks of one object for a while."""
        table, over = self.table, set()
        pairs = np.empty((MOST_TWINS, 2), np.int64)
        count = kernels.twins(table.x, table.P, table.w, table.t, table.own, table.n, pairs)
        younger = {max(map(int, pair), key=lambda i: _age_key(table.lives[i])) for pair in pairs[:count]}
        for i in younger:
            table.lives[i].twin_s += 1
            if table.lives[i].twin_s >= TWIN_S:
                over.add(i)
        for i, life in enumerate(table.lives):
            if life.twin_s and i not in younger:
                life.twin_s = 0
        return over

    def dump(self) -> Dump:
        """Return the state."""
        n, lives, arrays = self.table.dump()
        return Dump(
            self.epoch_ns,
            n,
            lives,
            arrays,
            self.complaints.sources,
            self.budget.spent,
            sorted(self.touched),
            self.looked,
            None if self.births is None else self.births.dump(),
            self.clutter.dump(),
            self.resumption.gone,
            self.clouds.dump(self.table),
        )

    def load(self, dump: Dump) -> None:
        """Take a state."""
        self.epoch_ns = dump.epoch_ns
        self.table = Table.load(dump.n, dump.lives, dump.arrays)
        self.complaints = Complaints(dump.complaints)
        self.budget = Budget(dump.founded)
        self.touched = set(dump.touched)
        self.looked = dump.looked
        self.clutter.load(dump.clutter)
        self.resumption = Resumption(dump.gone)
        self.clouds = Clouds.load(dump.clouds)
        if (self.births is None) != (dump.births is None):
            raise ValueError("a snapshot of another site")
        if self.births is not None and dump.births is not None:
            self.births.load(dump.births)


def _age_key(life: Life) -> tuple[bool, int, str]:
    """Order of worth: those people know first, then the older."""
    return life.status is TrackStatus.TENTATIVE, life.first_ns, life.founded


def _edges(room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
