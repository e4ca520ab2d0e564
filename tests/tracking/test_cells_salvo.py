"""A sky in cells tells what one tracker tells: 300 objects over 200 × 200 km, 30 radars, cut in four and in nine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from bench.scenarios import World, make
from bench.scenarios.judge import judge
from bench.tracker import batches

from skysentry.events import AnyEvent, Scan, Track
from skysentry.tracking.cells.divided import Cell, Divided
from skysentry.tracking.cells.handover import Handover
from skysentry.tracking.cells.lattice import Cells
from skysentry.tracking.learned.hearing import Hearing
from skysentry.tracking.learned.registration import Registration
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.custody import Key

SECONDS = 30
SECOND_NS = 1_000_000_000
FOUR, NINE = (120_000.0, 0.0), (80_000.0, -40_000.0)
Shown = dict[tuple[str, int], Track]


class Watched(Divided):
    """Counts who tells what, and loses messages while `deaf` says so."""

    def __init__(self, world: World, cut: tuple[float, float]) -> None:
        super().__init__(world.site, cut[0], corner_m=(cut[1], cut[1]))
        self.doubled: list[tuple[str, int]] = []
        self.deaf: Callable[[Handover], bool] = lambda _: False

    def post(self, messages: list[Handover]) -> None:
        super().post([one for one in messages if not self.deaf(one)])

    def join(self, told: list[AnyEvent]) -> list[AnyEvent]:
        names = Counter((event.track_id, event.time_ns) for event in told if isinstance(event, Track))
        self.doubled += [name for name, count in names.items() if count > 1]
        return super().join(told)


def run(stage: Tracker | Divided, world: World, first_s: int = 0, last_s: int = SECONDS) -> list[AnyEvent]:
    out: list[AnyEvent] = []
    for now_ns, part in batches(world.scans)[first_s * 10 : last_s * 10]:
        out += stage.step(now_ns, part)
    return out


def shown(events: list[AnyEvent]) -> Shown:
    return {(event.track_id, event.time_ns): event for event in events if isinstance(event, Track)}


def confirmed(tracks: Shown) -> set[str]:
    return {track.track_id for track in tracks.values() if track.status == "confirmed"}


def apart_m(a: Track, b: Track) -> float:
    return 111_195.0 * math.hypot(a.lat_deg - b.lat_deg, (a.lon_deg - b.lon_deg) * math.cos(math.radians(a.lat_deg)))


@pytest.fixture(scope="module")
def world() -> World:
    return make("salvo", 1, SECONDS)


@pytest.fixture(scope="module")
def whole(world: World) -> list[AnyEvent]:
    return run(Tracker(world.site), world)


@pytest.mark.parametrize("cut", [FOUR, NINE])
def test_cells_tell_the_same_tracks_at_the_same_instants(
    world: World, monkeypatch: pytest.MonkeyPatch, cut: tuple[float, float]
) -> None:
    """Every track, by exactly one cell, at the same instants with the same looks; sensors are taken as declared."""
    monkeypatch.setattr(Registration, "note", lambda *_: None)
    monkeypatch.setattr(Hearing, "settle", lambda *_: None)
    one, stage = shown(run(Tracker(world.site), world)), Watched(world, cut)
    many = shown(run(stage, world))
    assert not stage.doubled
    assert confirmed(one) == confirmed(many)
    # What a radar misses is remembered by each cell for itself: one track may be told an instant earlier or later, and
    # one of clutter, believed by half for an instant, not at all.
    assert len({track_id for track_id, _ in one} ^ {track_id for track_id, _ in many}) <= 1
    assert len(one.keys() ^ many.keys()) <= 0.001 * len(one)
    both = sorted(one.keys() & many.keys())
    assert all(one[name].first_ns == many[name].first_ns for name in both)
    assert sum(one[name].detections != many[name].detections for name in both) <= 0.001 * len(one)
    off = np.array([apart_m(one[name], many[name]) for name in both])
    assert np.quantile(off, 0.99) < 0.1
    assert (off < 0.5 * sigmas_m(one, both)).all()


@pytest.mark.parametrize("cut", [FOUR, NINE])
def test_cells_that_learn_of_their_sensors_apart_tell_the_same_tracks(
    world: World, whole: list[AnyEvent], cut: tuple[float, float]
) -> None:
    """Each cell finds the headings of its sensors by what it sees: a little differs, and with it when news is told."""
    stage = Watched(world, cut)
    events = run(stage, world)
    one, many = shown(whole), shown(events)
    assert not stage.doubled
    assert confirmed(one) == confirmed(many)
    assert len(one.keys() ^ many.keys()) <= 0.03 * len(one)
    both = list(one.keys() & many.keys())
    assert (np.array([apart_m(one[name], many[name]) for name in both]) < sigmas_m(one, both)).all()
    assert judge(world, events).gospa_m == pytest.approx(judge(world, whole).gospa_m, rel=5e-3)


def sigmas_m(tracks: Shown, names: list[tuple[str, int]]) -> np.ndarray:
    """Return one sigma of the place on the ground, both axes."""
    return np.array([math.sqrt(tracks[name].cov[0] + tracks[name].cov[6]) for name in names])


def moved(stage: Divided) -> int:
    """Return how many living tracks have changed their owner."""
    lives = [life for cell in stage.cells.values() for life in cell.tracker.fusion.table.lives]  # type: ignore[union-attr]
    return len({life.founded for life in lives if life.custody is not None and life.custody.term > 0})


def test_tracks_do_change_their_owner(world: World) -> None:
    """Else the laws here would be empty."""
    stage = Watched(world, NINE)
    run(stage, world)
    assert moved(stage) >= 3


def test_a_restored_cell_goes_on_bit_by_bit(world: World) -> None:
    one, two = Watched(world, NINE), Watched(world, NINE)
    run(one, world, 0, 12)
    run(two, world, 0, 12)
    for key in ((0, 0), (1, 0)):
        state = two.cells[key].snapshot()
        two.cells[key] = Cell(two.map, key)
        two.cells[key].restore(state)
        assert two.cells[key].snapshot() == state
    assert run(two, world, 12, 20) == run(one, world, 12, 20)


def test_a_restored_sky_goes_on_bit_by_bit(world: World) -> None:
    one, two = Divided(world.site, FOUR[0]), Divided(world.site, FOUR[0])
    run(one, world, 0, 8)
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    assert run(two, world, 8, 14) == run(one, world, 8, 14)


def test_the_others_go_on_while_a_cell_is_dead_and_its_ids_last(world: World, whole: list[AnyEvent]) -> None:
    """The middle cell stops for five seconds and comes back as it was, without the looks that it missed."""
    stage = Watched(world, NINE)
    before = shown(run(stage, world, 0, 14))
    dead = stage.cells[(0, 0)]
    state = dead.snapshot()
    dead.step = lambda *_: ([], [])  # type: ignore[assignment, method-assign]
    without = shown(run(stage, world, 14, 19))
    again = stage.cells[(0, 0)] = Cell(stage.map, (0, 0))
    again.restore(state)
    after = shown(run(stage, world, 19, SECONDS))
    one = shown(whole)
    late_ns = max(time_ns for _, time_ns in one) - 3 * SECOND_NS
    last = {name for name, time_ns in one if time_ns > late_ns} & confirmed(one)
    lost = (confirmed(before) & last) - {name for name, _ in after}
    assert not lost
    others = {name for name, _ in one.keys() & without.keys()}
    assert len(others) > 200
    assert not [time_ns for _, time_ns in stage.doubled if time_ns > late_ns]


def test_tracks_survive_five_seconds_without_messages(world: World, whole: list[AnyEvent]) -> None:
    stage = Watched(world, NINE)
    start_ns = batches(world.scans)[0][0]
    stage.deaf = lambda one: 12 * SECOND_NS < one.time_ns - start_ns < 17 * SECOND_NS
    many, one = shown(run(stage, world)), shown(whole)
    assert confirmed(one) == confirmed(many)
    assert len(one.keys() - many.keys()) <= 0.03 * len(one)
    # Two cells may tell the same thing while they cannot hear each other, and until they have: a few seconds.
    assert all(11 * SECOND_NS < time_ns - start_ns < 20 * SECOND_NS for _, time_ns in stage.doubled)


def test_cells_of_a_slow_engine_keep_every_id(world: World, whole: list[AnyEvent]) -> None:
    """Steps of one second, messages a step later: what Spark or Flink would do."""
    cells = Cells(world.site, NINE[0], corner_m=(NINE[1], NINE[1]), latency_ns=SECOND_NS)
    stages: dict[Key, Cell] = {}
    mail: list[Handover] = []
    out: list[AnyEvent] = []
    parts = batches(world.scans)
    for k in range(0, len(parts) - 9, 10):
        now_ns, looks = parts[k + 9][0], [event for _, part in parts[k : k + 10] for event in part]
        due: dict[Key, list[AnyEvent]] = {}
        for look in looks:
            assert isinstance(look, Scan)
            for key in cells.takes(look):
                due.setdefault(key, []).append(look)
        posted: list[Handover] = []
        for key in sorted(due.keys() | stages.keys() | {one.to for one in mail}):
            cell = stages.setdefault(key, Cell(cells, key))
            made, sent = cell.step(now_ns, due.get(key, []), [one for one in mail if one.to == key])
            out += made
            posted += sent
        mail = posted
    one, many = shown(whole), shown(out)
    ends_ns = parts[-11][0]
    assert {name for name, time_ns in one if time_ns <= ends_ns} & confirmed(one) <= {name for name, _ in many}
    assert judge(world, sorted(out, key=lambda event: event.time_ns)).gospa_m == pytest.approx(
        judge(world, whole).gospa_m, rel=0.02
    )


def test_a_cell_of_50_tracks_is_small(world: World) -> None:
    stage = Divided(world.site, NINE[0], corner_m=(NINE[1], NINE[1]))
    run(stage, world)
    sizes = {cell.tracker.fusion.table.n: len(cell.snapshot()) for cell in stage.cells.values()}  # type: ignore[union-attr]
    near = min((n for n in sizes if n >= 50), default=0)
    assert near
    assert sizes[near] <= 250_000
