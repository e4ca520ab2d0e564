"""What texture measures: changes in time and lines, whatever the gain and the microphone's response."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic import bands, fuse, net, texture
from training import texture as texture_fit

STEP, DRIFT, TREMBLE, LINES = (slice(k * texture.GROUPS, (k + 1) * texture.GROUPS) for k in range(4))
NOTHING, MULTIROTOR, CHAINSAW, TOOL = (net.KINDS.index(name) for name in ("nothing", "multirotor", "chainsaw", "tool"))


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


def test_bands_that_move_together_tremble_more_than_bands_that_move_apart() -> None:
    apart = levels()
    together = np.full_like(apart, -40.0) + apart[:, :1]
    assert texture.measures(together)[TREMBLE].mean() > texture.measures(apart)[TREMBLE].mean() + 1.0
    assert texture.measures(together)[STEP].mean() == pytest.approx(texture.measures(apart)[STEP].mean(), abs=0.4)


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


def surely(*kinds: int) -> np.ndarray:
    """Return log p where the net holds these kinds for equally likely and no other for likely."""
    log_p = np.full(len(net.KINDS), -12.0, dtype=np.float32)
    log_p[list(kinds)] = 0.0
    return log_p


def test_texture_speaks_of_multirotors_alone() -> None:
    log_p = surely(NOTHING, MULTIROTOR)
    plain, more = (dict(fuse.ratios(fuse.heard(None, log_p, None, said))) for said in (0.0, 3.0))
    assert more[ObjectClass.MULTIROTOR] > plain[ObjectClass.MULTIROTOR] + 1.0
    for name in (ObjectClass.JET, ObjectClass.FIXED_WING_PISTON, ObjectClass.HELICOPTER):
        assert more[name] == pytest.approx(plain[name], abs=1e-9)


def test_what_the_net_calls_a_machine_is_no_multirotor_by_texture() -> None:
    for machine in (CHAINSAW, TOOL):
        assert fuse.owned(1.0, surely(machine)) < 1e-4
        assert fuse.owned(1.0, surely(MULTIROTOR, machine)) == pytest.approx(0.25, abs=1e-3)
        assert fuse.owned(-1.0, surely(machine)) == -1.0, "against a multirotor it may speak"
    assert fuse.owned(1.0, surely(MULTIROTOR)) > 0.999


@pytest.mark.parametrize("level", [0.0, -60.0, -1e3])
def test_the_share_is_a_number_whatever_the_net_says(level: float) -> None:
    log_p = np.full(len(net.KINDS), level, dtype=np.float32)
    log_p[NOTHING] = 0.0
    assert 0.0 <= fuse.owned(1.0, log_p) <= 1.0


def test_kinds_weigh_by_their_shares_however_many_windows_they_have() -> None:
    label = np.array(["multirotor"] * 3 + ["nothing"] * 50 + ["helicopter"] * 7 + ["machine"])
    weight = texture_fit._weights(label)
    assert weight.sum() == pytest.approx(1.0)
    assert weight[label == "multirotor"].sum() == pytest.approx(0.5)
    for kind, share in texture_fit.SHARES.items():
        assert weight[label == kind].sum() == pytest.approx(share)


def test_measures_their_squares_and_their_products_are_weighed() -> None:
    rng = np.random.default_rng(4)
    count = texture.MEASURES
    weights = texture.Weights(
        mean=tuple(rng.normal(0, 1, count)), spread=tuple(rng.uniform(1, 3, count)), constant=0.3,
        weights=tuple(rng.normal(0, 0.01, count)), pairs=tuple(rng.normal(0, 0.002, count * (count + 1) // 2)),
    )  # fmt: skip
    measured = rng.normal(0, 3, (5, count))
    for row, found in zip(measured, texture.of_measures(measured, texture.Regression.of(weights)), strict=True):
        x = np.clip((row - weights.mean) / np.array(weights.spread), -3.0, 3.0)
        products = [x[i] * x[j] for i in range(count) for j in range(i, count)]
        assert found == pytest.approx(0.3 + x @ weights.weights + np.array(products) @ weights.pairs)


def test_a_measure_far_off_says_no_more_than_one_three_spreads_off() -> None:
    shipped = texture.shipped()
    far, out = (shipped.mean + away * shipped.spread for away in (3.0, 300.0))
    assert texture.of_measures(out, shipped) == pytest.approx(texture.of_measures(far, shipped))
