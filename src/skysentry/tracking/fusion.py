"""The tracks of one working frame: takes scans one by one, reports at grid instants. `Tracker` cuts time for it."""

from __future__ import annotations

from skysentry.events import AnyEvent, Order, Scan
from skysentry.site import SensorKind
from skysentry.tracking.audible import heard, silent
from skysentry.tracking.intake import batch
from skysentry.tracking.looks import correct
from skysentry.tracking.models import measure as m
from skysentry.tracking.sky import EPOCH_NS, SECOND_NS, Sky
from skysentry.tracking.tell import between
from skysentry.tracking.tend import tend

# A message later than this says nothing that is still of use; sound from 5 km adds 15 s to its travel.
OLDEST_S = 30.0
# A clock that is ahead of ours by more than this is wrong.
AHEAD_S = 5.0
UNPLACED_MEND = "write where it stands into site.toml; for a replay, name that file with --site"


class Fusion(Sky):
    """All tracks, and what is done to them; with `area`, those of one cell and copies of its neighbours'."""

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
        # Radio reads names out of the air as well (DroneID), a source may pass them on: the same claims by another way.
        if own.reports or own.kind in (SensorKind.RF, SensorKind.EXTERNAL):
            admitted = self.quarantine.admit(scan, own, self.authorised)
            if admitted is None:
                self.since_s(scan, own)
                return
            scan = admitted
        look = own.look
        look[m.L_TIME] = (scan.time_ns - self.epoch_ns) / SECOND_NS
        look[m.L_SIGMA_T] = max(own.clock_sigma_s, scan.time_sigma_ns / SECOND_NS)
        packed = batch.pack(scan, own, self.roster.places, self.around)
        if packed.rejected:
            mend = UNPLACED_MEND if packed.reason.endswith("is unknown") else "check what this sensor sends"
            self.complaints.add(scan.sensor, packed.reason, mend, packed.rejected)
        since_s = self.since_s(scan, own)
        if own.sound:
            look[m.L_MISS_FLOOR] = batch.SOUND_NATS_PER_S * min(max(since_s, 0.0), batch.LISTENING_S)
        if packed.presences:
            heard(self, scan, own, packed, look, since_s)
        elif own.kind is SensorKind.MICROPHONE:
            silent(self, own, look, since_s)
        if packed.kept or (own.kind is not SensorKind.MICROPHONE and not own.reports and not packed.presences):
            correct(self, scan, own, packed, look, since_s)

    def declare(self, order: Order) -> None:
        """Take a person's word on whose a track is."""
        for i, life in enumerate(self.table.lives):
            if life.track_id == order.target and order.affiliation is not None:
                life.affiliation = order.affiliation
                self.ask(i)

    def report(self, now_ns: int) -> list[AnyEvent]:
        """Return the events of a grid instant, and let tracks live or end."""
        if now_ns % SECOND_NS == 0:
            return tend(self, now_ns)
        return between(self, now_ns) if self.news or self.touched else []
