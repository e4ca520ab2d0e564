"""What texture measures: changes in time and lines, whatever the gain and the microphone's response."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic import bands, fuse, net, texture

SPREAD, STEP, DRIFT, SWELL, TREMBLE, LINES = (slice(k * texture.GROUPS, (k + 1) * texture.GROUPS) for k in range(6))


def levels(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(-40.0, 3.0, (bands.FRAMES, bands.BANDS)).astype(np.float32)


def test_gain_and_response_change_nothing_but_lines() -> None:
    db = levels()
    response = np.random.default_rng(2).normal(0.0, 6.0, bands.BANDS).astype(np.float32)
    plain, coloured = texture.measures(db), texture.measures(db + response + 12.0)
    assert coloured[: LINES.start] == pytest.approx(plain[: LINES.start], abs=1e-3)
    assert texture.measures(db + 12.0) == pytest.approx(plain, abs=1e-3)


def test_a_steady_sound_moves_least() -> None:
    steady = np.repeat(levels()[:1], bands.FRAMES, axis=0)
    assert texture.measures(steady)[: LINES.start] == pytest.approx(np.log(texture.LEAST_DB))


def test_a_swell_of_all_bands_is_told_from_bands_that_move_apart() -> None:
    apart = levels()
    together = np.full_like(apart, -40.0) + apart[:, :1]
    assert texture.measures(together)[SWELL].mean() > texture.measures(apart)[SWELL].mean() + 1.0
    assert texture.measures(together)[SPREAD].mean() == pytest.approx(texture.measures(apart)[SPREAD].mean(), abs=0.4)


def test_a_slow_change_drifts_and_a_fast_one_steps() -> None:
    time = np.arange(bands.FRAMES)[:, None] * np.ones((1, bands.BANDS))
    slow = (3.0 * np.sin(2 * np.pi * time / bands.FRAMES)).astype(np.float32)
    fast = (3.0 * np.sin(2 * np.pi * time / 4)).astype(np.float32)
    assert texture.measures(slow)[DRIFT].mean() > texture.measures(fast)[DRIFT].mean() + 1.0
    assert texture.measures(fast)[STEP].mean() > texture.measures(slow)[STEP].mean() + 1.0
    assert texture.measures(fast)[TREMBLE].mean() > texture.measures(slow)[TREMBLE].mean() + 1.0


def test_lines_stand_in_their_group() -> None:
    db = np.full((bands.FRAMES, bands.BANDS), -60.0, dtype=np.float32)
    db[:, 30] = -30.0
    assert int(texture.measures(db)[LINES].argmax()) == 30 // texture.WIDTH


@pytest.mark.parametrize("value", [0.0, -80.0, 60.0])
def test_the_ratio_is_a_bounded_number_for_anything(value: float) -> None:
    db = np.full((bands.FRAMES, bands.BANDS), value, dtype=np.float32)
    found = float(texture.ratio(db, texture.shipped()))
    assert texture.LLR_RANGE[0] <= found <= texture.LLR_RANGE[1]


def test_many_seconds_at_once_are_as_one_by_one() -> None:
    some = np.stack([levels(seed) for seed in range(4)])
    assert texture.measures(some) == pytest.approx(np.stack([texture.measures(one) for one in some]), abs=1e-5)


def test_texture_speaks_of_multirotors_alone() -> None:
    log_p = np.zeros(len(net.KINDS), dtype=np.float32)
    plain, more = (dict(fuse.ratios(fuse.heard(None, log_p, None, said))) for said in (0.0, 3.0))
    assert more[ObjectClass.MULTIROTOR] > plain[ObjectClass.MULTIROTOR] + 1.0
    for name in (ObjectClass.JET, ObjectClass.FIXED_WING_PISTON, ObjectClass.HELICOPTER):
        assert more[name] == pytest.approx(plain[name], abs=1e-9)
