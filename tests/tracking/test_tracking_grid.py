"""The grid of births and the clouds, cell by cell and particle by particle, against the formulas of their modules."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.births import field
from skysentry.tracking.births.seeds import SPAWN_MASS, Births, Hit
from skysentry.tracking.heard import particles as p
from skysentry.tracking.intake.batch import listener
from skysentry.tracking.models import measure as m

SOUND_MPS = 340.0
CELL_M = 500.0
UP_M = 120.0


def heard_at(place: tuple[float, float], learned: bool) -> np.ndarray:
    """Return a look of a microphone with a reach of 2,500 m, or a learned one of 1,500 m to the north-east."""
    look = np.zeros(m.LOOK)
    look[m.L_TIME], look[m.L_SOUND], look[m.L_PD] = 0.6, SOUND_MPS, 0.8
    look[m.L_MAX], look[m.L_SOFT], look[m.L_AZ_HALF] = 2_500.0, 300.0, math.pi
    look[m.L_ORIGIN : m.L_ORIGIN + 2] = place
    look[m.L_ROTATION : m.L_ROTATION + 9] = np.eye(3).ravel()
    if learned:
        look[m.L_REACH : m.L_REACH + 8] = [2_500.0, 1_500.0, 2_500.0, 2_500.0, 2_800.0, 2_500.0, 2_500.0, 2_000.0]
        look[m.L_EDGE : m.L_EDGE + 8] = 250.0
    return look


def emission(look: np.ndarray, place: np.ndarray, velocity: np.ndarray, up_m: float, at_s: float) -> np.ndarray:
    """Return where a thing was, seen from the sensor, when it emitted what arrives at the look's time: by bisection."""
    low, high = -60.0, look[m.L_TIME] - at_s
    for _ in range(80):
        tau = 0.5 * (low + high)
        away = math.hypot(*(place + velocity * tau), up_m)
        low, high = (tau, high) if look[m.L_TIME] - at_s - tau > away / SOUND_MPS else (low, tau)
    return place + velocity * low


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("quiet", [1.0, 0.7])
@pytest.mark.parametrize("place", [(6_000.0, 6_000.0), (100.0, 11_900.0)], ids=["inside", "corner"])
def test_a_look_weighs_each_cell_by_what_it_says_of_where_that_was(
    learned: bool, quiet: float, place: tuple[float, float]
) -> None:
    rng = np.random.default_rng(5)
    grid = rng.uniform(1e-4, 2e-3, (field.STATES, 24, 25)).astype(np.float32)
    offset, corner = rng.uniform(-250.0, 250.0, (field.STATES, 2)), np.array([250.0, 250.0])
    look = heard_at(place, learned)
    before = grid.astype(np.float64)
    field.heed(grid, offset, corner, CELL_M, 0.2, UP_M, look, np.zeros((0, 3)), quiet, 1.0)
    pd = np.zeros(grid.shape)
    for s, i, j in np.ndindex(grid.shape):
        at = corner + CELL_M * np.array([j, i]) + offset[s] - place
        way = emission(look, at, np.array(field.velocity(s)), UP_M, 0.2)
        turn = int(math.atan2(*way) % (2.0 * math.pi) * field.SECTORS / (2.0 * math.pi))
        middle = 2.0 * math.pi * (turn + 0.5) / field.SECTORS
        far, edge = field.reach(look, math.sin(middle), math.cos(middle))
        pd[s, i, j] = 0.8 / (1.0 + math.exp(min((math.hypot(*way, UP_M) - far) / max(edge, 0.3 * CELL_M), 60.0)))
    others = quiet * math.exp(-(pd * before).sum()) if quiet < 1.0 else 0.0
    factor = (1.0 - others * (1.0 - pd)) / (1.0 - others) if quiet < 1.0 else 1.0 - pd
    # The table is a sixteenth of a width coarse; beyond five widths nothing is said.
    assert np.abs(grid / before / factor - 1.0).max() < 0.03
    assert np.median(np.abs(grid / before / factor - 1.0)) < 1e-3


def test_sectors_are_those_of_the_arc_tangent() -> None:
    angle = np.linspace(0.001, 2.0 * math.pi - 0.001, 3_000)
    found = [field.sector(math.sin(a), math.cos(a)) for a in angle]
    assert found == np.floor(angle / (2.0 * math.pi) * field.SECTORS).astype(int).tolist()


def test_a_reach_without_bound_needs_no_more_room_than_the_grid() -> None:
    grid, look = np.full((field.STATES, 5, 7), 1e-3, np.float32), heard_at((0.0, 0.0), False)
    look[m.L_MAX] = 1e12
    field.heed(grid, np.zeros((field.STATES, 2)), np.zeros(2), CELL_M, 0.0, UP_M, look, np.zeros((0, 3)), 1.0, 1.0)
    assert np.allclose(grid, 1e-3 * 0.2, rtol=1e-3)


@pytest.mark.parametrize("learned", [False, True])
def test_particles_are_heard_where_they_were_along_their_path(learned: bool) -> None:
    rng = np.random.default_rng(6)
    count, look = 300, heard_at((500.0, -800.0), learned)
    cloud = np.zeros((count, p.COLUMNS))
    cloud[:, p.E : p.N + 1] = rng.normal(0.0, 2_000.0, (count, 2))
    heading = rng.uniform(0.0, 2.0 * math.pi, count)
    cloud[:, p.VE], cloud[:, p.VN] = 50.0 * np.sin(heading), 50.0 * np.cos(heading)
    turning = rng.random(count) < 0.5
    cloud[turning, p.TURN] = rng.uniform(-0.1, 0.1, turning.sum())
    cloud[:, p.BEFORE] = np.where(rng.random(count) < 0.5, 0.08, 0.0)
    cloud[:, p.AGE] = rng.uniform(0.0, 20.0, count)
    beyond, weight = np.empty(count), np.full(count, 1.0 / count)
    mean = p.hear(cloud, weight, 0.0, UP_M, look, beyond)
    total = 0.0
    for k in range(count):
        low, high = -60.0, 0.6
        for _ in range(80):
            tau = 0.5 * (low + high)
            way = cloud[k, :2] - look[m.L_ORIGIN : m.L_ORIGIN + 2] + p.flown(cloud[k], tau)
            low, high = (tau, high) if 0.6 - tau > math.hypot(*way, UP_M) / SOUND_MPS else (low, tau)
        far, edge = field.reach(look, *way)
        # On an arc one step of the iteration is left out: metres.
        assert beyond[k] == pytest.approx((math.hypot(*way, UP_M) - far) / edge, abs=0.05)
        total += 0.8 / (1.0 + math.exp(min((math.hypot(*way, UP_M) - far) / edge, 60.0))) / count
    assert mean == pytest.approx(total, abs=2e-3)


def test_what_is_heard_is_born_in_a_box_as_wide_as_it_is_placed(sky: SimpleNamespace) -> None:
    cover, at = Coverage(max_m=2_500.0, soft_m=300.0), np.array((2_700.0, 3_200.0, 150.0))
    mics = [
        Sensor(id=f"m{k}", kind=SensorKind.MICROPHONE, position=sky.place(*where, 2.0), coverage=cover)
        for k, where in enumerate(itertools.product((0.0, 2_000.0, 4_000.0, 6_000.0), repeat=2))
    ]
    listeners = {mic.id: listener(mic, sky.FRAME, Weather()) for mic in mics}
    births, seeds = Births(listeners, tuple(mics), 150.0), []
    for second in range(1, 12):
        for mic in mics:
            own = listeners[mic.id]
            own.look[m.L_TIME] = float(second)
            heard = np.linalg.norm(own.look[m.L_ORIGIN : m.L_ORIGIN + 3] - at) < 2_500.0
            hits = [Hit(float(second), mic.id, 0.0, -1.0, f"{mic.id}@{second}#0")] if heard else []
            births.heed(own, own.look, 1.0, np.zeros((0, 3)), 0.99 if heard else 1.0, hits)
        births.advance(float(second))
        before = float(births.grid.sum())
        seeds = births.seeds()
        if seeds:
            break
    assert len(seeds) == 1
    assert seeds[0].cells is not None
    # What is only heard is believed as soon as a box as wide as it is placed holds it: here 7 × 7 cells of 250 m.
    assert seeds[0].cells.box.shape == (field.STATES, 7, 7)
    assert 0.8 < seeds[0].cells.box.sum() < before - float(births.grid.sum())
    assert np.hypot(*(seeds[0].mean[:2] - at[:2])) < 500.0


def test_wide_boxes_give_no_second_track_of_what_one_has_taken(sky: SimpleNamespace) -> None:
    cover = Coverage(max_m=2_500.0, soft_m=300.0)
    mics = [
        Sensor(id=f"m{k}", kind=SensorKind.MICROPHONE, position=sky.place(*where, 2.0), coverage=cover)
        for k, where in enumerate(itertools.product((0.0, 2_000.0, 4_000.0, 6_000.0), repeat=2))
    ]
    births = Births({mic.id: listener(mic, sky.FRAME, Weather()) for mic in mics}, tuple(mics), 150.0)
    births.t_s = 11.0
    births.hits = [Hit(k + 0.5, f"m{a}", 0.0, -1.0, f"m{a}@{k}#0") for k in range(10) for a in (5, 6, 9, 10)]
    assert births.halves == [1, 3]
    i, j = (np.array([3_000.0, 3_000.0]) / births.cell_m).astype(int) - births.first
    births.grid[:] = 1e-6
    births.grid[:, i - 7 : i + 8, j - 7 : j + 8] = 0.9 / 49.0 / field.STATES
    boxes = [seed.cells.box for seed in births.seeds() if seed.cells is not None]
    assert boxes
    assert min(float(box.sum()) for box in boxes) > SPAWN_MASS
