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
from skysentry.tracking.cells import Area
from skysentry.tracking.claims import Claims
from skysentry.tracking.classify import Classifier
from skysentry.tracking.clocks import Clocks, ClocksDump
from skysentry.tracking.cloud import CloudDump, Clouds
from skysentry.tracking.clutter import Clutter, MapDump
from skysentry.tracking.complaints import Complaint, Complaints
from skysentry.tracking.custody import Farewell, owns
from skysentry.tracking.faults import Faults, Finding
from skysentry.tracking.found import ALT_PRIOR_M, FIRST_WEIGHT
from skysentry.tracking.founding import LEAST_FREE, Budget, held
from skysentry.tracking.groups import meet
from skysentry.tracking.hearing import Hearing, HearingDump
from skysentry.tracking.ledger import COLUMN
from skysentry.tracking.life import COAST_S, fate, foresee, forgotten, poisoned, status
from skysentry.tracking.motion import MODELS, Array, Indices
from skysentry.tracking.publish import Publisher
from skysentry.tracking.quarantine import Quarantine
from skysentry.tracking.registration import Registration, RegistrationDump
from skysentry.tracking.resume import SHOWN, Gone, Resumption
from skysentry.tracking.roster import Roster
from skysentry.tracking.table import MOST_OBSERVED, MOST_SEEN, First, Life, Table

SECOND_NS = 1_000_000_000
COAST_NS = round(COAST_S * SECOND_NS)
# A message later than this says nothing that is still of use; sound from 5 km adds 15 s to its travel.
OLDEST_S = 30.0
# Times are seconds since the last midnight (UTC) before the first look: exact to 1e-11 s, and the same in all cells.
EPOCH_NS = 86_400 * SECOND_NS
# A clock that is ahead of ours by more than this is wrong.
AHEAD_S = 5.0
# From this probability on a measurement counts as a look at the track; below, it only weighs on its state.
HIT = 0.5
MOST_PENDING = 64
# Pairs of track and measurement whose numbers are kept between weighing and correcting; beyond, they are made again.
MOST_WEIGHED = 512
# A claim younger than this is borne out by another sensor's look at the same track.
AGREE_NS = 5 * SECOND_NS
# A large country has 20,000 sensors.
MOST_LOOKED = 50_000
LEAST_SHARE = 1e-3
# What no track explains with more than this may be false (`rates`).
LOOSE = 0.5
# One microphone hears that something is there; a claim is borne out by the motion that more of them follow.
HEARING = 3
# How long two tracks must be one before the younger ends, and how many pairs are looked at in a second.
TWIN_S = 3
MOST_TWINS = 1_000
# What passed the grid's threshold with support of several sensors is as likely as not.
SPAWN_EXISTENCE = 0.6
NO_BEARINGS: Array = np.zeros((0, 3))
NOBODY = np.zeros(0, np.int64)
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
    faults: dict[str, Finding]
    registration: RegistrationDump
    clocks: ClocksDump
    hearing: HearingDump
    quarantine: Quarantine
    clouds: list[CloudDump]


class Fusion:
    """All tracks, and what is done to them; with `area`, those of one cell and copies of its neighbours'."""

    def __init__(self, site: Site, origin: Place, area: Area | None = None) -> None:
        self.origin = origin
        frame = Frame.at(origin)
        self.frame: Array = np.concatenate([frame.rotation.ravel(), np.array(frame.origin_ecef_m)])
        self.prior_alt_m = (origin.alt_m or 0.0) + ALT_PRIOR_M
        self.around: Array = np.append(self.frame, self.prior_alt_m)
        self.epoch_ns = 0
        self.table = Table()
        self.area = area
        self.ended: list[Farewell] = []
        self.classifier = Classifier(site)
        self.publisher = Publisher(site, self.frame, self.classifier)
        numbers = {sensor.id: number for number, sensor in enumerate(site.sensors, 1)}
        site = site if area is None else area.part(site)
        self.roster = Roster(site, frame, numbers)
        self.complaints = Complaints()
        self.budget = Budget()
        self.touched: set[int] = set()
        self.looked: dict[str, int] = {}
        self.clutter = Clutter(area)
        self.resumption = Resumption()
        self.claims = Claims(site, self.roster.known)
        self.quarantine = Quarantine()
        self.authorised = frozenset(flight.identity for flight in site.authorised)
        self.clouds = Clouds()
        self.births: Births | None = None
        if any(sensor.kind in FEEDING and sensor.position is not None for sensor in site.sensors):
            self.births = Births(self.roster.known, site.sensors, origin.alt_m or 0.0, area)
        self.faults = Faults()
        self.hearing = Hearing(self.roster.known, site.weather, self.faults)
        self.clocks = Clocks(self.faults)
        self.registration = Registration(site.sensors, self.roster.known, self.faults)
        self.edge_i, self.edge_j, self.share = _edges(256)
        self.kept: Array = np.empty((MOST_WEIGHED, MODELS, kernels.KEPT, 6))

    def take(self, now_ns: int, scan: Scan) -> None:
        """Correct and found tracks with one scan."""
        checked = self.clocks.correct(scan, len(self.looked)) if scan.sensor in self.roster.known else scan
        if checked is None:
            return
        scan = checked
        age_s = (scan.received_ns - scan.time_ns) / SECOND_NS
        if not -AHEAD_S <= age_s <= OLDEST_S:
            self.complaints.add(scan.sensor, "a look whose time is far from its arrival", "check the sensor's clock")
            return
        if self.epoch_ns == 0:
            self.epoch_ns = scan.time_ns // EPOCH_NS * EPOCH_NS
        own = self.roster.listener(scan)
        if own.reports:
            admitted = self.quarantine.admit(scan, own, self.authorised)
            if admitted is None:
                self._since_s(scan, own)
                return
            scan = admitted
        look = own.look
        look[m.L_TIME] = (scan.time_ns - self.epoch_ns) / SECOND_NS
        look[m.L_SIGMA_T] = max(own.clock_sigma_s, scan.time_sigma_ns / SECOND_NS)
        packed = batch.pack(scan, own, self.roster.places, self.around)
        if packed.rejected:
            mend = UNPLACED_MEND if packed.reason.endswith("is unknown") else "check what this sensor sends"
            self.complaints.add(scan.sensor, packed.reason, mend, packed.rejected)
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
        mapped = own.kind is SensorKind.RADAR and own.placed
        if mapped:
            self.clutter.weigh(own.id, packed.codes, packed.rows, look)
        elif own.sound:
            self.hearing.rates.weigh(own, packed.codes, packed.rows)
        room = 8 * (table.n + found) + 64
        if room > self.edge_i.shape[0]:
            self.edge_i, self.edge_j, self.share = _edges(2 * room)
        edges = 0
        free = np.ones(found) if not table.n else np.empty(found)
        if table.n:
            codes, rows = np.empty_like(packed.codes), np.empty_like(packed.rows)
            kernels.fix_places(packed.codes, packed.rows, codes, rows)
            edges = kernels.correct_scan(
                table.x, table.P, table.w, table.t, table.r, table.own, table.lines, table.n, look, codes, rows,
                packed.claims, self.edge_i, self.edge_j, self.share, self.kept, free,
                table.masks, self.hearing.records.counts, table.notes, COLUMN[own.kind],
            )  # fmt: skip
            kept, shares = packed.kept, self.share[:edges].tolist()
            for i, j, share in zip(self.edge_i[:edges].tolist(), self.edge_j[:edges].tolist(), shares, strict=True):
                if share > HIT:
                    if table.cloud[i] >= 0:
                        table.cloud[i] = -1
                    self._hit(i, kept[j], share, scan, own)
            if edges and scan.position is None and not self.clocks.doubts(own.id):
                pairs = self.edge_i[:edges], self.edge_j[:edges], self.share[:edges]
                self.registration.note(own, packed, look, table, pairs)
            if own.sound:
                self.hearing.note(own, look, since_s, table, self.edge_i, self.share[:edges], True)
        if own.sound:
            loose = packed.rows[free > LOOSE, m.Z].tolist()
            self.hearing.rates.note(own, float(look[m.L_TIME]), loose)
        if self.births is not None and own.id in self.births.listeners:
            self._direct(own, packed, look, free, edges, since_s)
        if self.area is not None:
            self.area.mask(packed.codes, packed.rows, free)
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

    def _direct(self, own: Listener, packed: Packed, look: Array, free: Array, edges: int, since_s: float) -> None:
        """Weigh the grid of undetected objects with directions, each against clutter and the tracks that explain it."""
        assert self.births is not None
        self._count(packed, look, free, edges, since_s)
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

    def _count(self, packed: Packed, look: Array, free: Array, edges: int, since_s: float) -> None:
        """Learn from directions how many objects tracks stand for."""
        table = self.table
        if table.n:
            kernels.count_directions(
                table.lines, table.r, table.notes, table.n, look, packed.codes, packed.rows, free,
                self.edge_i, self.edge_j, self.share, edges, since_s,
            )  # fmt: skip

    def _weigh_heard(self, own: Listener, look: Array, since_s: float, share: Array, hit: bool) -> float:
        """Correct tracks with "heard" or "not heard", book what it says; return the chance that nothing explains it."""
        table, n = self.table, self.table.n
        before = table.r[:n].copy()
        clouds = self.clouds
        quiet = kernels.correct_presence(
            table.x, table.P, table.w, table.t, table.r, n, look, hit, share,
            table.cloud, clouds.particles, clouds.weights, clouds.times, clouds.heard,
        )  # fmt: skip
        table.outline()
        kernels.count_heard(table.lines, table.r, table.notes, n, look, hit, since_s)
        kernels.book_heard(table.notes, COLUMN[own.kind], before, table.r, share, hit)
        self.hearing.note(own, look, since_s, table, NOBODY, share, False)
        return quiet

    def _heard(self, scan: Scan, own: Listener, packed: Packed, look: Array, since_s: float) -> None:
        """Take "something is there": of whom, if it says so; else of any track in reach, or of something new."""
        named = [found for found in packed.presences if found.identity is not None]
        for found in named:
            self._refresh(found, scan, own)
        if named or own.reports or not own.placed:
            return
        detection, table = min(packed.presences, key=lambda found: found.id), self.table
        share = np.zeros(table.n)
        quiet = self._weigh_heard(own, look, since_s, share, True)
        for i in np.flatnonzero(share > HIT):
            self._hit(int(i), detection, float(share[i]), scan, own)
        if self.births is not None:
            hits = [Hit(float(look[m.L_TIME]), own.id, 0.0, -1.0, detection.id)] if quiet > LEAST_FREE else []
            self.births.heed(own, look, since_s, NO_BEARINGS, min(quiet, 1.0 - 1e-6), hits)

    def _silent(self, own: Listener, look: Array, since_s: float) -> None:
        self._weigh_heard(own, look, since_s, np.zeros(self.table.n), False)
        if self.births is not None:
            self.births.heed(own, look, since_s, NO_BEARINGS, 1.0, [])

    def _refresh(self, detection: Detection, scan: Scan, own: Listener) -> None:
        """A claim without a place keeps the track of that identity alive; it moves and founds none."""
        scheme, value = batch.claim_of(detection.identity)
        for i in np.flatnonzero(self.table.own[: self.table.n, scheme] == value):
            life = self.table.lives[int(i)]
            life.saw(own.id, scan.time_ns)
            life.last_ns = max(life.last_ns, scan.time_ns)
            life.identity = detection.identity

    def _hit(self, i: int, detection: Detection, share: float, scan: Scan, own: Listener) -> None:
        """Note a look at a track: who, when, what it says of class and identity."""
        life, time_ns = self.table.lives.rows[i], scan.time_ns
        if type(life) is not Life:
            life = self.table.lives[i]
        self.touched.add(i)
        if detection.class_llr:
            since_s = (time_ns - life.seen.get(own.id, 0)) / SECOND_NS
            self.classifier.hear(self.table.evidence[i], detection.class_llr, share, since_s)
        life.hits += 1
        if own.reports:
            life.claim_ns = max(life.claim_ns, time_ns)
        else:
            if life.claim_ns > time_ns - AGREE_NS and (own.kind is not SensorKind.MICROPHONE or _many_hear(life)):
                self._agree(i, life, time_ns)
            if life.claimed:
                self.table.bear_out(life)
        if time_ns > life.last_ns:
            life.last_ns = time_ns
        life.saw(own.id, time_ns)
        life.period_s = own.period_s
        if len(life.pending) < MOST_PENDING:
            life.pending.append(detection.id)
        if detection.identity is not None and detection.identity != life.identity:
            self._claim(i, life, detection.identity)

    def _agree(self, i: int, life: Life, time_ns: int) -> None:
        """Another sensor than those of claims has seen what claimed to be there just now."""
        since_ns = 0 if life.agreed_ns == 0 else time_ns - life.agreed_ns
        life.agreed_ns = max(life.agreed_ns, time_ns)
        before_s = life.agreed_s
        if not life.doubt:
            life.agreed_s += min(max(since_ns, 0), AGREE_NS) / SECOND_NS
        self.classifier.trust(self.table.evidence[i], life.identity, before_s, life.agreed_s)

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
        table = self.table
        granted = self.budget.grant(own, scan.received_ns // SECOND_NS, wanted, table)
        if granted < wanted:
            reason = "more new objects than can be followed"
            self.complaints.add(own.id, reason, "a flood of false reports?", wanted - granted)
        ranks = which[:granted].tolist()
        at_ns, kept = scan.time_ns, packed.kept
        flooded = own.reports and self.quarantine.flooded(own.id, scan.received_ns)
        firsts = [First(scan.id, j, at_ns, own.id, own.period_s, own.reports, kept[j].id, flooded) for j in ranks]
        first = table.add(*firsts)
        for i, j in enumerate(ranks, first):
            detection = kept[j]
            if detection.class_llr:
                self.classifier.hear(table.evidence[i], detection.class_llr, 1.0, 1e9)
            if detection.identity is not None:
                self._claim(i, table.lives[i], detection.identity)
        kernels.found_all(
            packed.codes, packed.rows, free, which[:granted], look, self.prior_alt_m, first,
            table.x, table.P, table.w, table.t, table.r, table.lines,
        )  # fmt: skip
        if self.area is not None:
            for i, (e, n) in enumerate(packed.rows[which[:granted], m.CENTRE : m.CENTRE + 2].tolist(), first):
                if self.area.depth_m(e, n) >= 0.0:
                    table.lives[i].custody = self.area.first(e, n, scan.received_ns)

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
        if self.area is not None:
            life.custody = self.area.first(seed.mean[0], seed.mean[1], now_ns)
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
        if now_ns % SECOND_NS == 0:
            return self._tend(now_ns)
        if not self.touched:
            return []
        due = sorted(self.touched)
        self.touched.clear()
        return self._publish(now_ns, due, {}, set())

    def _tend(self, now_ns: int) -> list[AnyEvent]:
        """Return the events of a whole second: each track is asked whether it lives on, the grid for new ones."""
        now_s = (now_ns - self.epoch_ns) / SECOND_NS
        self.clouds.settle(self.table, now_s)
        self._unpoison()
        self.touched.clear()
        made = self._age(now_ns, now_s) if self.table.n else []
        made += self.complaints.tell(now_ns)
        made += self.quarantine.tell(now_ns)
        self.clutter.settle(now_ns, now_s, self.table)
        self.clocks.poll()
        self._corrected(self.registration.settle(now_s))
        self.hearing.settle(now_s, now_ns, self.table)
        made += self.faults.tell(now_ns)
        if self.births is not None:
            self.births.advance(now_s)
            for seed in self.births.seeds():
                self._spawn(now_ns, seed)
        return made

    def _age(self, now_ns: int, now_s: float) -> list[AnyEvent]:
        """Return the events of all tracks, each asked first whether it lives on."""
        table, existence = self.table, self.table.r[: self.table.n].tolist()
        rows = table.lives.grown()
        which, ahead = np.array(rows, np.int64), np.empty((len(rows), 2))
        self.classifier.settle(table, which)
        self._review(now_ns, now_s, rows)
        foresee(table.x, table.P, table.w, table.t, which, now_s, ahead)
        doubled = self._doubled(which)
        ends: dict[int, str] = {}
        for i, (spread_m, down) in zip(rows, ahead.tolist(), strict=True):
            end = "merged" if i in doubled else fate(table.lives[i], existence[i], now_ns, spread_m, down)
            if end != "stays":
                ends[i] = end
        lives, old = table.lives.rows, set(rows)
        single = {i for i in range(table.n) if i not in old and forgotten(lives[i], existence[i], now_ns)}
        return self._publish(now_ns, rows, ends, single)

    def _corrected(self, sensors: list[str]) -> None:
        """Let the grid hear of sensors that turned out to be other than declared."""
        if sensors:
            self.hearing.show()
        if self.births is not None:
            for name in sensors:
                if name in self.births.listeners:
                    self.births.listeners[name] = self.roster.known[name]

    def _publish(self, now_ns: int, due: list[int], ends: dict[int, str], over: set[int]) -> list[AnyEvent]:
        """Return the events of the rows `due`; those with an end are forgotten, and those in `over` without a word."""
        table = self.table
        made: list[AnyEvent] = []
        shown: list[tuple[int, str]] = []
        which, now_s, off = np.array(due, np.int64), (now_ns - self.epoch_ns) / SECOND_NS, np.ones(len(due), np.bool_)
        if now_ns % SECOND_NS:
            kernels.strayed(table.lines, table.told, which, now_s, off)
        for i, r, strayed in zip(due, table.r[which].tolist(), off.tolist(), strict=True):
            life = table.lives[i]
            if i in over:
                continue
            end = ends.get(i)
            if end is not None:
                over.add(i)
                if end != "merged" and life.status in SHOWN:
                    self.resumption.keep(table, i)
                if life.track_id and self._ours(life, now_ns):
                    life.status = TrackStatus.ENDED
                    shown.append((i, end))
                    self._farewell(i, life, end != "merged")
                continue
            # A confirmed track that was seen just now stays confirmed: the most frequent case by far.
            if life.status is not TrackStatus.CONFIRMED or now_ns - life.last_ns > COAST_NS:
                before, life.status = life.status, status(life, r, now_ns, table, i)
                new = before is TrackStatus.TENTATIVE and life.status is TrackStatus.CONFIRMED
                if new and self._ours(life, now_ns):
                    made += self._resume(now_ns, i, shown, over)
                    life = table.lives[i]
            if self.publisher.due(life, now_ns, strayed):
                if self._ours(life, now_ns):
                    shown.append((i, ""))
                else:
                    self.publisher.pass_over(life, now_ns, now_s, table, i)
        made += self.publisher.publish(now_ns, now_s, table, shown)
        table.remove(sorted(over, reverse=True))
        return made

    def _resume(self, now_ns: int, i: int, shown: list[tuple[int, str]], over: set[int]) -> list[AnyEvent]:
        """Let a row that is confirmed now go on as the track that it is, if it is one; its own id ends, where told."""
        table, now_s, life = self.table, (now_ns - self.epoch_ns) / SECOND_NS, self.table.lives[i]
        left = self.resumption.resume(now_ns, now_s, table, i)
        if left is None:
            return []
        if self.area is not None:
            self._farewell(i, life, False)
            self.area.seize(table.lives[i].custody)
        if left >= 0:
            over.add(left)
            shown[:] = [pair for pair in shown if pair[0] != left]
        if not life.track_id:
            return []
        resumed, table.lives[i], life.status = table.lives[i], life, TrackStatus.ENDED
        told = self.publisher.publish(now_ns, now_s, table, [(i, "merged")])
        table.lives[i] = resumed
        return told

    def _ours(self, life: Life, now_ns: int) -> bool:
        """Return whether this cell, or this whole tracker, publishes a track now."""
        return life.custody is None or self.area is None or owns(life.custody, self.area.key, now_ns)

    def _farewell(self, i: int, life: Life, may_return: bool) -> None:
        """Note for the neighbours that a track has ended, and where."""
        if self.area is not None:
            term = 0 if life.custody is None else life.custody.term
            self.ended.append(Farewell(life.founded, term, may_return, *self.table.lines[i, :2].tolist()))

    def _review(self, now_ns: int, now_s: float, rows: list[int]) -> None:
        """Let what was learned beside the state fade for a second, and review what the tracks `rows` claim."""
        table, lives = self.table, self.table.lives.rows
        known = [i for i in rows if type(life := lives[i]) is Life and life.status is not TrackStatus.TENTATIVE]
        kernels.fade_notes(table.notes, table.n, np.array(known, np.int64), 1.0)
        only = kernels.heard_only(table.notes, table.r, table.n)
        if len(only):
            kernels.flocks(table.lines, table.notes, only, now_s)
        self.claims.review(now_ns, now_s, table, rows, self.looked, self.quarantine)

    def _unpoison(self) -> None:
        """Forget a track whose numbers have failed rather than publish or spread them."""
        table, n = self.table, self.table.n
        if not poisoned(table.x, table.P, table.r, n):
            return
        good = np.isfinite(table.x[:n].sum(axis=(1, 2)) + table.P[:n].sum(axis=(1, 2, 3)) + table.r[:n])
        failed = np.flatnonzero(~good)[::-1].tolist()
        self.complaints.add("tracker", "a state that is not finite", "report this, with the recording", len(failed))
        table.remove(failed)

    def _doubled(self, which: Indices) -> set[int]:
        """Return the rows of `which` that have been the younger of two tracks of one object for a while."""
        table, over = self.table, set()
        pairs = np.empty((MOST_TWINS, 2), np.int64)
        count = kernels.twins(table.x, table.P, table.w, table.t, table.own, which, pairs)
        ordered = [sorted(pair, key=lambda i: _age_key(table.lives[i])) for pair in pairs[:count].tolist()]
        younger = {pair[1]: pair[0] for pair in ordered}
        for i in younger:
            table.lives[i].twin_s += 1
            if table.lives[i].twin_s >= TWIN_S:
                over.add(i)
                meet(table.notes[younger[i]])
        for i in which.tolist():
            life = table.lives[i]
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
            self.faults.found,
            self.registration.dump(),
            self.clocks.dump(),
            self.hearing.dump(),
            self.quarantine,
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
        self.faults.found = dump.faults
        self.clocks.load(dump.clocks)
        self._corrected(self.registration.load(dump.registration))
        self.hearing.load(dump.hearing)
        self.quarantine = dump.quarantine
        self.clouds = Clouds.load(dump.clouds)
        if (self.births is None) != (dump.births is None):
            raise ValueError("a snapshot of another site")
        if self.births is not None and dump.births is not None:
            self.births.load(dump.births)


def _many_hear(life: Life) -> bool:
    """Return whether enough microphones hear a track that their pattern is a motion of its own."""
    return len(life.seen) > HEARING


def _age_key(life: Life) -> tuple[bool, bool, int, str]:
    """Order of worth: those that their own cell knows, those people know, then the older."""
    stray = life.custody is not None and life.custody.stray
    return stray, life.status is TrackStatus.TENTATIVE, life.first_ns, life.founded


def _edges(room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
