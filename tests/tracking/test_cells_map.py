"""Laws of the lattice of cells and of custody: every place has one cell, every look comes where it matters."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import RangeBearing, Scan, scan_id
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.cells.lattice import EVERY, RIM_M, Cells
from skysentry.tracking.tracks.custody import SILENT_NS, UNVOUCHED_NS, Custody, owns

metres = st.floats(-100_000.0, 100_000.0)
sides = st.floats(5_000.0, 100_000.0)
HERE, THERE = (0, 0), (1, 0)


@given(e=metres, n=metres, side=sides, corner=st.tuples(metres, metres))
def test_every_place_is_in_the_core_of_exactly_one_cell(
    sky: SimpleNamespace, e: float, n: float, side: float, corner: tuple[float, float]
) -> None:
    cells = Cells(sky.site(sky.radar()), side, corner_m=corner)
    own = cells.at(e, n)
    assert cells.area(own).depth_m(e, n) <= 1e-6
    assert all(key == own or cells.area(key).depth_m(e, n) > -1e-6 for key in cells.around(e, n, side))


@settings(max_examples=60)
@given(e=metres, n=metres, side=sides, range_m=st.floats(200.0, 40_000.0), az=st.floats(0.0, 360.0))
def test_a_plot_comes_to_every_cell_that_may_found_a_track_with_it(
    sky: SimpleNamespace, e: float, n: float, side: float, range_m: float, az: float
) -> None:
    """Also one that lies far beyond the 20 km that its radar declares."""
    cells = Cells(sky.site(sky.radar("r", e, n)), side)
    plot = RangeBearing(range_m=range_m, bearing_deg=az, sigma_range_m=10.0, sigma_deg=0.5)
    taken = cells.takes(sky.scan("r", 0.0, [plot]))
    at = e + range_m * math.sin(math.radians(az)), n + range_m * math.cos(math.radians(az))
    # The radar's own north turns against the site's by up to 1.5° at 100 km.
    near = [key for key in cells.around(*at, cells.halo_m) if cells.area(key).depth_m(*at) < 3_000.0 - 0.04 * range_m]
    assert set(near) <= set(taken)


@pytest.mark.parametrize("kind", [SensorKind.MICROPHONE, SensorKind.ARRAY])
def test_silence_comes_to_the_cells_that_its_sensor_reaches(sky: SimpleNamespace, kind: SensorKind) -> None:
    ear = Sensor(id="ear", kind=kind, position=sky.place(9_000.0, 5_000.0, 2.0), coverage=Coverage(max_m=3_000.0))
    far = Sensor(id="far", kind=kind, position=sky.place(30_000.0, 5_000.0, 2.0), coverage=Coverage(max_m=3_000.0))
    cells = Cells(sky.site(ear, far), 10_000.0)
    silence = Scan(id=scan_id("ear", 1), sensor="ear", time_ns=1, received_ns=1)
    assert set(cells.takes(silence)) == {(0, 0), (1, 0), (0, -1), (1, -1), (0, 1), (1, 1)}
    assert [sensor.id for sensor in cells.area((0, 0)).part(cells.site).sensors] == ["ear"]
    assert cells.area((0, 0)).window()[2] > 10_000.0 + RIM_M


def test_a_claim_comes_where_it_says_it_is_and_one_without_a_place_to_all(sky: SimpleNamespace) -> None:
    rid = Sensor(id="rid", kind=SensorKind.REMOTE_ID, position=sky.place(5_000.0, 5_000.0, 2.0))
    cells = Cells(sky.site(rid), 50_000.0)
    claim = sky.claim(np.array([120_000.0, 20_000.0, -900.0]), np.random.default_rng(1), "S")
    assert (2, 0) in cells.takes(sky.scan("rid", 0.0, [claim]))
    assert cells.takes(sky.scan("rid", 0.0, [(sky.Presence(), claim[1])])) is EVERY
    stray = RangeBearing(range_m=1.0, bearing_deg=0.0, sigma_range_m=1.0, sigma_deg=1.0)
    assert cells.takes(sky.scan("stranger", 0.0, [stray])) == (cells.at(0.0, 0.0),)


def test_a_track_changes_its_owner_when_both_know() -> None:
    mine, theirs = Custody(HERE, away=False), Custody(HERE, vouched=True)
    for custody in (mine, theirs):
        custody.offer(THERE, 200)
    mine.agreed = True
    assert [(owns(mine, HERE, t), owns(theirs, THERE, t)) for t in (0, 199, 200)] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert mine.term == theirs.term == 1


def test_an_owner_that_hears_no_answer_keeps_its_track() -> None:
    mine = Custody(HERE, away=False)
    mine.offer(THERE, 200)
    assert owns(mine, HERE, 200)
    assert mine.heir is None
    assert mine.term == 0


def test_a_silent_owner_is_claimed_and_a_later_term_wins() -> None:
    copy = Custody(THERE, heard_ns=0, vouched=True)
    assert not copy.silent(SILENT_NS)
    assert copy.silent(SILENT_NS + 1)
    assert Custody(THERE, heard_ns=0).silent(UNVOUCHED_NS + 1)
    copy.claim(HERE)
    assert owns(copy, HERE, SILENT_NS + 1)
    assert copy.supersedes(Custody(THERE))
    assert not Custody(THERE).supersedes(copy)
    assert Custody(HERE).supersedes(Custody(THERE))
    assert not Custody(THERE).supersedes(Custody(HERE))
