"""Objects that fly through three cells: one id, one voice, no gap; and what it takes for that."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import AnyEvent, Scan, Track
from skysentry.site import Site
from skysentry.tracking.cells.divided import Divided
from skysentry.tracking.cells.handover import Handover

SECONDS = 60
SIDE_M = 8_000.0
# In steps of the grid. What has no news is told after a second, at the next instant that asks.
SECOND = 10


class Watched(Divided):
    """Remembers who told which track when; loses messages as `deaf` says."""

    def __init__(self, site: Site, deaf: Callable[[Handover], bool] = lambda _: False) -> None:
        super().__init__(site, SIDE_M, corner_m=(-12_000.0, -4_000.0))
        self.deaf = deaf
        self.voices: dict[tuple[str, int], int] = {}

    def post(self, messages: list[Handover]) -> None:
        super().post([one for one in messages if not self.deaf(one)])

    def join(self, told: list[AnyEvent]) -> list[AnyEvent]:
        for event in told:
            if isinstance(event, Track):
                name = (event.track_id, event.time_ns)
                self.voices[name] = self.voices.get(name, 0) + 1
        return super().join(told)


def paths(t: float) -> list[np.ndarray]:
    """A jet drone, a piston drone near a corner of cells, and one that flies along a border, on it."""
    return [
        np.array([-11_000.0 + 270.0 * t, 1_000.0, 900.0]),
        np.array([-5_200.0 + 50.0 * t, 2_500.0 + 40.0 * t, 400.0]),
        np.array([4_000.0 + 60.0 * np.sin(0.2 * t), -3_000.0 + 60.0 * t, 500.0]),
    ]


@pytest.fixture(scope="module")
def scene(sky: SimpleNamespace) -> tuple[Site, list[Scan]]:
    """Two radars in the middle, for each of three kinds of motion one object."""
    rng = np.random.default_rng(5)
    sensors = [sky.radar("ra", -3_000.0, -2_000.0), sky.radar("rb", 3_000.0, 500.0)]
    scans = []
    for k in range(SECONDS):
        for sensor, phase in zip(sensors, (0.3, 0.8), strict=True):
            found = [sky.plot(sensor, at, rng) for at in paths(k + phase) if rng.random() < 0.9]
            scans.append(sky.scan(sensor.id, k + phase, found + sky.clutter(rng, 2.0)))
    return sky.site(*sensors), scans


def names(sky: SimpleNamespace, out: list[AnyEvent], which: int) -> dict[str, list[int]]:
    """Return the ids of shown tracks on a path, each with its instants in 100 ms."""
    found: dict[str, list[int]] = {}
    for track in sky.tracks(out, "confirmed", "coasting"):
        t = (track.time_ns - sky.START_NS) / 1e9
        if np.linalg.norm(sky.where(track) - paths(t)[which]) < 400.0:
            found.setdefault(track.track_id, []).append(round(10 * t))
    return found


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_object_that_crosses_cells_has_one_id_one_voice_and_no_gap(
    sky: SimpleNamespace, scene: tuple[Site, list[Scan]], which: int
) -> None:
    stage = Watched(scene[0])
    found = names(sky, sky.run(stage, scene[1], float(SECONDS)), which)
    assert len(found) == 1
    ((_, instants),) = found.items()
    assert instants[0] <= 50
    assert instants[-1] >= 10 * SECONDS - 10
    assert max(np.diff(instants)) < 2 * SECOND
    assert set(stage.voices.values()) == {1}


def test_a_track_on_a_border_does_not_flap(sky: SimpleNamespace, scene: tuple[Site, list[Scan]]) -> None:
    stage = Watched(scene[0])
    (name,) = names(sky, sky.run(stage, scene[1], float(SECONDS)), 2)
    terms = {
        life.custody.term
        for cell in stage.cells.values()
        for life in cell.tracker.fusion.table.lives  # type: ignore[union-attr]
        if life.track_id == name and life.custody is not None
    }
    assert terms
    assert max(terms) <= 1


def test_without_messages_an_object_that_crosses_cells_is_not_one(
    sky: SimpleNamespace, scene: tuple[Site, list[Scan]]
) -> None:
    """The control: what the laws above say is the work of the messages."""
    stage = Watched(scene[0], lambda _: True)
    found = names(sky, sky.run(stage, scene[1], float(SECONDS)), 0)
    assert len(found) > 1 or set(stage.voices.values()) != {1}


@settings(max_examples=4, deadline=None)
@given(lost=st.sets(st.integers(0, 10 * SECONDS), max_size=300))
def test_whatever_messages_are_lost_there_is_no_gap_and_no_other_id(
    sky: SimpleNamespace, scene: tuple[Site, list[Scan]], lost: set[int]
) -> None:
    """As long as some come through: each is lost or not by its instant, half of them at most."""
    stage = Watched(scene[0], lambda one: (one.time_ns - sky.START_NS) // 100_000_000 in lost)
    out = sky.run(stage, scene[1], float(SECONDS))
    for which in (0, 1, 2):
        found = names(sky, out, which)
        longest = max(found.values(), key=len)
        assert max(np.diff(longest)) < 2 * SECOND
        assert longest[-1] >= 10 * SECONDS - 10
        assert longest[0] <= 50
