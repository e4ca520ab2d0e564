"""What texture measures: changes in time and lines, whatever the gain and the microphone's response."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic import bands, fuse, net, texture
from training import texture as texture_fit

STEP, DRIFT, TREMBLE, LINES = (slice(k * texture.GROUPS, (k + 1) * texture.GROUPS) for k in range(4))
NOTHING, MULTIROTOR, HELICOPTER, PISTON, CHAINSAW, TOOL = (
    net.KINDS.index(name) for name in ("nothing", "multirotor", "helicopter", "fixed_wing_piston", "chainsaw", "tool")
)


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
def test_the_ratios_are_bounded_numbers_for_anything(value: float) -> None:
    db = np.full((bands.FRAMES, bands.BANDS), value, dtype=np.float32)
    found = texture.ratios(db, texture.shipped())
    assert found.shape == (len(texture.FAMILIES),)
    assert (found >= texture.LLR_RANGE[0]).all()
    assert (found <= texture.LLR_RANGE[1]).all()


def test_many_seconds_at_once_are_as_one_by_one() -> None:
    some = np.stack([levels(seed) for seed in range(4)])
    assert texture.measures(some) == pytest.approx(np.stack([texture.measures(one) for one in some]), abs=1e-5)


def surely(*kinds: int) -> np.ndarray:
    """Return log p where the net holds these kinds for equally likely and no other for likely."""
    log_p = np.full(len(net.KINDS), -12.0, dtype=np.float32)
    log_p[list(kinds)] = 0.0
    return log_p


def said(**families: float) -> np.ndarray:
    """Return ratios of families, 0 where not given."""
    return np.array([families.get(name.replace(" ", "_"), 0.0) for name in texture.FAMILIES])


def of_class(moves: np.ndarray | None, log_p: np.ndarray) -> dict[ObjectClass, float]:
    return dict(fuse.ratios(fuse.heard(None, log_p, None, moves)))


def test_texture_speaks_of_what_it_names_alone() -> None:
    log_p = surely(NOTHING, MULTIROTOR, HELICOPTER)
    plain = of_class(None, log_p)
    for family, mine, weight in (
        ("multirotor", ObjectClass.MULTIROTOR, fuse.MODEL.multirotor),
        ("helicopter", ObjectClass.HELICOPTER, fuse.MODEL.helicopter),
    ):
        more = of_class(said(**{family: 3.0}), log_p)
        assert more[mine] > plain[mine] + 0.9 * 3.0 * weight, "all but what `tamed` takes"
        for name in {ObjectClass.JET, *fuse.FLYING} - {mine}:
            assert more[name] == pytest.approx(plain[name], abs=1e-9)


def test_texture_speaks_only_against_kinds_that_no_recording_holds() -> None:
    log_p = surely(NOTHING, PISTON)
    plain, against, more = (of_class(moves, log_p) for moves in (None, said(fixed_wing=-3.0), said(fixed_wing=3.0)))
    for name in (ObjectClass.JET, ObjectClass.FIXED_WING_PISTON, ObjectClass.AEROPLANE):
        assert against[name] < plain[name] - 0.5
        assert more == plain


def test_what_moves_like_a_machine_is_less_of_a_drone() -> None:
    log_p = surely(MULTIROTOR, CHAINSAW)
    plain, machine = (fuse.drone(fuse.heard(None, log_p, None, moves)) for moves in (None, said(machine=3.0)))
    assert machine < plain - 0.5


def test_a_second_is_told_by_itself_where_texture_hears_rotors_and_the_nets_hear_nothing() -> None:
    log_p = surely(NOTHING)
    log_p[MULTIROTOR] = -1.0
    for moves in (said(), said(helicopter=3.0)):
        assert fuse.weighed(None, log_p, None, moves, lambda moves=moves: moves)[1] is None
    rotors = said(multirotor=3.0)
    told = fuse.weighed(None, log_p, None, rotors, lambda: rotors)[1]
    assert told is not None
    assert fuse.flies(told) >= fuse.DETECT_LLR


def test_what_the_net_calls_a_machine_is_no_multirotor_by_texture() -> None:
    for machine in (CHAINSAW, TOOL):
        assert fuse.owned(1.0, surely(machine), fuse.MODEL.sharing) < 1e-4
        assert fuse.owned(1.0, surely(MULTIROTOR, machine), fuse.MODEL.sharing) == pytest.approx(
            0.5**fuse.MODEL.sharing, abs=1e-3
        )
        assert fuse.owned(-1.0, surely(machine), fuse.MODEL.sharing) == -1.0, "against a multirotor it may speak"
    assert fuse.owned(1.0, surely(MULTIROTOR), fuse.MODEL.sharing) > 0.999


@pytest.mark.parametrize("level", [0.0, -60.0, -1e3])
def test_the_share_is_a_number_whatever_the_net_says(level: float) -> None:
    log_p = np.full(len(net.KINDS), level, dtype=np.float32)
    log_p[NOTHING] = 0.0
    assert 0.0 <= fuse.owned(1.0, log_p, fuse.MODEL.sharing) <= 1.0


def test_every_kind_has_a_family() -> None:
    families = {name: texture.FAMILIES[at] for name, at in zip(net.KINDS, texture.OF_KINDS, strict=True)}
    assert {name for name in families if families[name] == "fixed wing"} == set(net.UNVALIDATED)
    machines = {name for name in families if families[name] == "machine"}
    assert machines == {"chainsaw", "mower", "generator", "engine", "vacuum", "tool"}
    assert all(families[name] == name for name in ("nothing", "multirotor", "helicopter"))


def test_families_weigh_by_their_shares_however_many_windows_they_have() -> None:
    label = np.array(["multirotor"] * 3 + ["nothing"] * 50 + ["helicopter"] * 7 + ["machine"])
    weight = texture_fit.weights_of(label)
    assert weight.sum() == pytest.approx(1.0)
    least = texture_fit.SHARES["machine"] / weight[label == "machine"].sum()
    for kind in set(label.tolist()):
        assert weight[label == kind].sum() * least == pytest.approx(texture_fit.SHARES[kind])


def drawn_weights() -> texture.Weights:
    rng = np.random.default_rng(4)
    count, units, families = texture.MEASURES, 7, len(texture.FAMILIES)
    rows = [tuple(row) for row in rng.normal(0, 0.3, (units, count)).tolist()]
    return texture.Weights(
        mean=tuple(rng.normal(0, 1, count)), spread=tuple(rng.uniform(1, 3, count)), hidden=tuple(rows),
        bias=tuple(rng.normal(0, 1, units)), out=tuple(tuple(row) for row in rng.normal(0, 0.2, (families, units))),
        constant=tuple(rng.normal(0, 0.2, families)),
    )  # fmt: skip


def test_each_family_is_held_against_the_others_by_their_chances() -> None:
    weights, measured = drawn_weights(), np.random.default_rng(5).normal(0, 3, (5, texture.MEASURES))
    for row, found in zip(measured, texture.of_measures(measured, texture.Net.of(weights)), strict=True):
        x = np.clip((row - weights.mean) / np.array(weights.spread), -3.0, 3.0)
        units = np.maximum(np.array(weights.hidden) @ x + weights.bias, 0.0)
        p = np.exp(np.array(weights.out) @ units + weights.constant)
        chances = np.array(texture.CHANCES)
        for k in range(len(p)):
            others = np.delete(p, k) @ np.delete(chances, k) / np.delete(chances, k).sum()
            assert found[k] == pytest.approx(np.clip(np.log(p[k] / others), *texture.LLR_RANGE))


def test_a_measure_far_off_says_no_more_than_one_three_spreads_off() -> None:
    shipped = texture.shipped()
    far, out = (shipped.mean + away * shipped.spread for away in (3.0, 300.0))
    assert texture.of_measures(out, shipped) == pytest.approx(texture.of_measures(far, shipped))


def test_of_one_family_there_is_no_doubt_but_by_the_range() -> None:
    net_ = texture.Net.of(drawn_weights())._replace(constant=np.array([900.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    found = texture.of_measures(np.zeros(texture.MEASURES), net_)
    assert found.tolist() == [texture.LLR_RANGE[1], *[texture.LLR_RANGE[0]] * 5]
