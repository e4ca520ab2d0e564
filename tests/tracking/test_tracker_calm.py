"""Whatever happens to tracks in order, kernels tell what Python would (`calm`): random worlds of unlike sensors."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import msgspec
import numpy as np

from skysentry.events import (
    Action,
    Affiliation,
    AnyEvent,
    Identity,
    ObjectClass,
    Order,
    Presence,
    Scan,
    Track,
)
from skysentry.site import AuthorisedFlight, Coverage, Sensor, SensorKind, Site
from skysentry.tracking.tracker import GRID_NS, Tracker
from skysentry.tracking.tracks.table import C_TOLD

SECONDS = 24
K = SensorKind
KINDS = (K.RADAR, K.RADAR, K.RADAR, K.ARRAY, K.ARRAY, K.MICROPHONE, K.MICROPHONE, K.REMOTE_ID, K.ADSB, K.RF)
CLASSES = (ObjectClass.MULTIROTOR, ObjectClass.BIRD, ObjectClass.JET, ObjectClass.AEROPLANE)
SCHEMES = {K.REMOTE_ID: "remote_id_serial", K.ADSB: "icao24", K.RF: "remote_id_serial"}
PERIODS_S = (0.2, 0.5, 1.0, 2.0)


class World:
    """Objects that come, go and come back; sensors that fall silent, repeat themselves and are late."""

    def __init__(self, sky: SimpleNamespace, seed: int) -> None:
        self.sky, self.rng = sky, np.random.default_rng(seed)
        self.seed = seed
        rng = self.rng
        lone = rng.random() < 0.15
        kinds = [K.RADAR] if lone else rng.choice(np.array(KINDS, object), rng.integers(2, 9)).tolist()
        self.sensors = [self.sensor(k, kind) for k, kind in enumerate(kinds)]
        self.paths = [self.path() for _ in range(rng.integers(1, 7))]
        self.names = [f"N{rng.integers(0, 4)}" for _ in self.paths]

    def sensor(self, k: int, kind: SensorKind) -> Sensor:
        rng, sound = self.rng, kind in (K.ARRAY, K.MICROPHONE)
        e, n = rng.uniform(-1500.0, 1500.0, 2).tolist()
        return Sensor(
            id=f"{kind.value}{k}", kind=kind, position=self.sky.place(e, n, 5.0), position_sigma_m=1.0,
            pd=0.9, false_per_scan=float(rng.choice([0.05, 2.0])),
            coverage=Coverage(max_m=3000.0 if sound else 20_000.0),
        )  # fmt: skip

    def path(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        rng = self.rng
        at = np.array([*rng.uniform(-2500.0, 2500.0, 2), rng.uniform(80.0, 400.0)])
        v = np.array([*rng.normal(size=2) * 20.0, 0.0])
        return at, v, rng.choice([0.0, 0.0, 8.0]), rng.choice([99.0, 99.0, 12.0])

    def objects(self, t: float) -> list[tuple[int, np.ndarray]]:
        """The objects that are there, and where; what is gone comes back later, for resumption."""
        here = []
        for k, (at, v, first_s, last_s) in enumerate(self.paths):
            if first_s <= t <= last_s or t > last_s + 5.0:
                here.append((k, at + v * t))
        return here

    def look(self, sensor: Sensor, t: float) -> Scan:
        rng, sky, found = self.rng, self.sky, []
        for k, at in self.objects(t):
            if rng.random() > 0.93:
                continue
            llr = ((CLASSES[k % len(CLASSES)], float(rng.normal(2.0, 1.0))),) if rng.random() < 0.3 else ()
            more = {"class_llr": llr}
            d = sky.local(sensor, at)
            match sensor.kind:
                case K.RADAR:
                    found.append((sky.plot(sensor, at, rng), more))
                case K.ARRAY if np.linalg.norm(d) < 3000.0:
                    found.append((sky.direction(sensor, at, rng), more))
                case K.MICROPHONE if np.linalg.norm(d) < 2500.0 and not found:
                    found.append((Presence(), more))
                case K.REMOTE_ID | K.ADSB | K.RF if k % 3 == 0 or (t > 15.0 and k % 3 == 1):
                    off = 0.0 if k != 3 else 900.0
                    z, _ = sky.claim(at + off, rng, "")
                    who = Identity(scheme=SCHEMES[sensor.kind], value=self.names[k])
                    placed = sensor.kind is not K.RF or rng.random() < 0.5
                    found.append((z if placed else Presence(), {"identity": who}))
        if sensor.kind is K.RADAR:
            found += sky.clutter(rng, min(sensor.false_per_scan, 2.0), 6000.0)
        late_s = float(rng.choice([0.02, 0.02, 0.02, 0.3, 2.5]))
        return sky.scan(sensor.id, t, found, late_s)

    def events(self) -> list[Scan]:
        rng, out = self.rng, []
        for sensor in self.sensors:
            period_s, t = float(rng.choice(PERIODS_S)), float(rng.uniform(0.0, 1.0))
            silent_s = rng.uniform(5.0, 2.0 * SECONDS)
            while t < SECONDS:
                if not silent_s < t < silent_s + 6.0:
                    out.append(self.look(sensor, round(t, 2)))
                    if rng.random() < 0.05:
                        out.append(msgspec.structs.replace(out[-1], received_ns=out[-1].received_ns + 10**8))
                t += period_s
        return out

    def site(self) -> Site:
        return self.sky.site(*self.sensors, authorised=(AuthorisedFlight(identity="N0"),))

    def order(self, now_ns: int, known: list[str]) -> Order:
        rng = self.rng
        return Order(
            id=f"order@{now_ns}", time_ns=now_ns - int(rng.integers(0, 10**8)), received_ns=now_ns, by="p",
            action=Action.DECLARE, target=known[int(rng.integers(0, len(known)))],
            affiliation=Affiliation(str(rng.choice(["friend", "hostile", "unknown"]))),
        )  # fmt: skip

    def parts(self) -> Iterator[tuple[int, list[AnyEvent]]]:
        due: dict[int, list[AnyEvent]] = {}
        for scan in self.events():
            due.setdefault(-(-scan.received_ns // GRID_NS) * GRID_NS, []).append(scan)
        for k in range(1, 10 * SECONDS + 1):
            now_ns = self.sky.START_NS + k * GRID_NS
            yield now_ns, due.get(now_ns, [])


def told(events: list[AnyEvent]) -> bytes:
    return msgspec.json.encode(events)


def compare(sky: SimpleNamespace, seed: int) -> int:
    """How often a track was in order in a world where all trackers told the same; a failed assertion otherwise."""
    world = World(sky, seed)
    site, rng = world.site(), np.random.default_rng(seed + 10**6)
    quick, asked, leaps, again = (Tracker(site) for _ in range(4))
    known: list[str] = []
    calm, waits = 0, 0
    saved: list[AnyEvent] = []
    one: list[AnyEvent] = []
    for now_ns, part in world.parts():
        if known and rng.random() < 0.015:
            part.append(world.order(now_ns, known))
        assert asked.fusion is not None
        assert quick.fusion is not None
        asked.fusion.table.calm[:] = 0
        if rng.random() < 0.03:
            state = again.snapshot()
            again = Tracker(site)
            again.restore(state)
        made = quick.step(now_ns, [*part])
        wanted = told(asked.step(now_ns, [*part]))
        assert told(made) == wanted, (seed, now_ns - sky.START_NS, "asked")
        assert told(again.step(now_ns, [*part])) == wanted, (seed, now_ns - sky.START_NS, "restored")
        saved += part
        one += made
        waits -= 1
        if waits <= 0:
            assert told(leaps.step(now_ns, saved)) == told(one), (seed, now_ns - sky.START_NS, "leaps")
            saved, one, waits = [], [], int(rng.integers(1, 25))
        known = [*dict.fromkeys(known + [e.track_id for e in made if isinstance(e, Track)])][-8:]
        calm += np.count_nonzero(quick.fusion.table.calm[: quick.fusion.table.n, C_TOLD])
    return calm


def test_random_worlds_are_told_as_if_all_were_asked(sky: SimpleNamespace) -> None:
    """Seeds that found something: orders between looks, a restored wide cloud, a first look that was late."""
    assert sum([compare(sky, seed) for seed in (3, 7, 15, 17, 89, 95, 163)]) > 1_000


def test_an_order_among_the_looks_of_an_instant_keeps_its_news(sky: SimpleNamespace) -> None:
    """What a lone radar sees is told look by look, also where a person says whose it is in the same instant."""
    rng, radar = np.random.default_rng(1), sky.radar(false_per_scan=0.1)
    tracker, late = Tracker(sky.site(radar)), 0.55
    track = ""
    for k in range(1, 130):
        now_ns, t = sky.START_NS + k * GRID_NS, 0.1 * k - 0.05
        part: list[AnyEvent] = []
        if round(t - late, 2) % 1.0 == 0.0:
            part.append(sky.scan("radar", t, [sky.plot(radar, np.array([500.0 + 20.0 * t, 3000.0, 200.0]), rng)]))
        if k == 96:
            part.append(
                Order(
                    id="o",
                    time_ns=now_ns,
                    received_ns=now_ns,
                    by="p",
                    action=Action.DECLARE,
                    target=track,
                    affiliation=Affiliation.FRIEND,
                )
            )
        made = sky.tracks(tracker.step(now_ns, part), "confirmed")
        track = made[-1].track_id if made else track
        if k == 96:
            assert [event.affiliation for event in made] == [Affiliation.FRIEND]
