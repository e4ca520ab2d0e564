"""What is known of the sky of one working frame: tracks, sensors, and all that is learned beside them.

The state only, with what snapshot and restore need. What is done to it: `looks` and `audible` take what sensors say
(`hits` notes whom it was about), `tend` asks once a second who lives on, `tell` makes events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from skysentry.events import Place, Scan
from skysentry.geo import Frame
from skysentry.site import Site
from skysentry.tracking.births.founding import Budget
from skysentry.tracking.births.seeds import FEEDING, Births, FieldDump, Hit
from skysentry.tracking.evidence.repeats import Record, Repeats
from skysentry.tracking.filter.forks import Forks, ForksDump
from skysentry.tracking.filter.update import KEPT
from skysentry.tracking.heard.cloud import CloudDump, Clouds
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.intake.complaints import Complaint, Complaints
from skysentry.tracking.intake.quarantine import Quarantine
from skysentry.tracking.intake.roster import Roster
from skysentry.tracking.learned.clocks import Clocks, ClocksDump
from skysentry.tracking.learned.clutter import Clutter, MapDump
from skysentry.tracking.learned.faults import Faults, Finding
from skysentry.tracking.learned.hearing import Hearing, HearingDump
from skysentry.tracking.learned.registration import Registration, RegistrationDump
from skysentry.tracking.models.first_state import ALT_PRIOR_M
from skysentry.tracking.models.motion import MODELS, Array, Indices
from skysentry.tracking.sparse.thin import Thin, WideDump
from skysentry.tracking.sparse.window import WindowDump
from skysentry.tracking.telling.publish import Publisher
from skysentry.tracking.tracks.claims import Claims
from skysentry.tracking.tracks.classify import Classifier
from skysentry.tracking.tracks.custody import Farewell, owns
from skysentry.tracking.tracks.resume import Gone, Resumption
from skysentry.tracking.tracks.table import C_NEWS, FRESH, Life, Table

if TYPE_CHECKING:
    from skysentry.tracking.cells.lattice import Area

SECOND_NS = 1_000_000_000
# Times are seconds since the last midnight (UTC) before the first look: exact to 1e-11 s, and the same in all cells.
EPOCH_NS = 86_400 * SECOND_NS
# Pairs of track and measurement whose numbers are kept between weighing and correcting; beyond, they are made again.
MOST_WEIGHED = 512
# A large country has 20,000 sensors.
MOST_LOOKED = 50_000


class Dump(Struct):
    """Everything that `Sky` must remember."""

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
    forks: list[ForksDump]
    repeats: tuple[dict[str, Record], int]
    wide: tuple[list[WideDump], WindowDump, list[Hit]] | None
    courses: dict[str, tuple[float, float]]


class Sky:
    """All tracks and sensors; with `area`, those of one cell and copies of its neighbours'."""

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
        # Whether a track in order may have been seen since the last instant.
        self.news = False
        self.looked: dict[str, int] = {}
        self.clutter = Clutter(area)
        self.resumption = Resumption()
        self.claims = Claims(site, self.roster.known)
        self.quarantine = Quarantine()
        self.authorised = frozenset(flight.identity for flight in site.authorised)
        self.clouds = Clouds()
        self.forks = Forks()
        self.births: Births | None = None
        self.thin: Thin | None = None
        if any(sensor.kind in FEEDING and sensor.position is not None for sensor in site.sensors):
            self.births = Births(self.roster.known, site.sensors, origin.alt_m or 0.0, area)
            thin = Thin(self.births, self.roster.known)
            self.thin = thin if thin.where.anywhere else None
        self.faults = Faults()
        self.hearing = Hearing(self.roster.known, site.weather, self.faults)
        self.clocks = Clocks(self.faults)
        self.registration = Registration(site.sensors, self.roster.known, self.faults)
        self.edge_i, self.edge_j, self.share, self.hits = pairs_room(256)
        self.kept: Array = np.empty((MOST_WEIGHED, MODELS, KEPT, 6))

    @property
    def lone(self) -> bool:
        """Whether a single sensor has ever looked, and no neighbour tells of tracks."""
        return len(self.looked) < 2 and self.area is None

    def since_s(self, scan: Scan, own: Listener) -> float:
        """Return how long ago this sensor last looked; its period for the first time."""
        last_ns = self.looked.get(own.id)
        if last_ns is None:
            if len(self.looked) >= MOST_LOOKED:
                del self.looked[next(iter(self.looked))]
            last_ns = scan.time_ns - round(own.period_s * SECOND_NS)
        self.looked[own.id] = max(scan.time_ns, last_ns)
        return max(scan.time_ns - last_ns, 0) / SECOND_NS

    def ask(self, i: int) -> None:
        """Let Python be asked of a track that is in order no more: also of what has seen it since the last instant."""
        if self.table.calm[i, C_NEWS] == FRESH:
            self.touched.add(i)
        self.table.calm[i] = 0

    def ours(self, life: Life, now_ns: int) -> bool:
        """Return whether this cell, or this whole tracker, publishes a track now."""
        return life.custody is None or self.area is None or owns(life.custody, self.area.key, now_ns)

    def corrected(self, sensors: list[str]) -> None:
        """Let the grid hear of sensors that turned out to be other than declared."""
        if sensors:
            self.hearing.show()
        if self.births is not None:
            for name in sensors:
                if name in self.births.listeners:
                    self.births.listeners[name] = self.roster.known[name]

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
            self.forks.dump(self.table),
            (self.classifier.repeats.records, self.classifier.repeats.age_s),
            None if self.thin is None else self.thin.dump(self.table),
            {} if self.thin is None else self.thin.courses.kept,
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
        self.corrected(self.registration.load(dump.registration))
        self.hearing.load(dump.hearing)
        self.quarantine = dump.quarantine
        self.clouds = Clouds.load(dump.clouds)
        self.forks = Forks.load(dump.forks)
        self.classifier.repeats = Repeats(*dump.repeats)
        if (self.births is None) != (dump.births is None):
            raise ValueError("a snapshot of another site")
        if self.births is not None and dump.births is not None:
            self.births.load(dump.births)
        if self.thin is not None and dump.wide is not None:
            self.thin.load(dump.wide)
            self.thin.courses.kept = dump.courses


def pairs_room(room: int) -> tuple[Indices, Indices, Array, Indices]:
    """Return room for pairs of track and measurement, with their probabilities, and for what is a hit."""
    return np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room), np.empty((room, 4), np.int64)
