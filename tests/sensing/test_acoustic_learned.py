"""The learned branch on recordings that its nets left out (bench/acoustic_folds.npz); never the shipped net on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.sensing.acoustic import texture
from training import texture as texture_fit


@pytest.fixture(scope="module")
def learned(shared_data: Callable[[str], Path]) -> object:
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    from bench import acoustic_learned

    return acoustic_learned


def test_each_fold_left_out_whole_scenes(learned: object) -> None:
    scenes: dict[tuple[str, str], set[str]] = {}
    for name in (*learned.DEVELOPMENT, learned.LAST):  # type: ignore[attr-defined]
        for index in learned.left(name):  # type: ignore[attr-defined]
            one = learned.RECORDINGS[index]  # type: ignore[attr-defined]
            scenes.setdefault((one.corpus, one.scene), set()).add(name)
    assert all(len(folds) == 1 for folds in scenes.values())
    assert len(scenes) == len({(one.corpus, one.scene) for one in learned.RECORDINGS})  # type: ignore[attr-defined]


def test_unheard_drones_rank_above_unheard_helicopters_and_backgrounds(learned: object) -> None:
    folds = (*learned.DEVELOPMENT, learned.LAST)  # type: ignore[attr-defined]
    drone = learned.scores(folds, "svanstrom", ("DRONE",), True)  # type: ignore[attr-defined]
    rest = learned.scores(folds, "svanstrom", ("BACKGROUND", "HELICOPTER"), True)  # type: ignore[attr-defined]
    assert len(drone) == 20
    assert len(rest) == 40
    area = float(np.mean(drone[:, None] > rest))
    assert area >= 0.98, area  # measured by bench.acoustic_learned: 0.999; without texture 0.981


def test_texture_is_fitted_without_what_it_is_judged_on(learned: object) -> None:
    for name in (*learned.DEVELOPMENT, learned.LAST, "no-svanstrom", "svanstrom-only-fold0"):  # type: ignore[attr-defined]
        kept = learned.kept(name)  # type: ignore[attr-defined]
        assert not kept[list(learned.left(name))].any()  # type: ignore[attr-defined]
        assert kept.sum() + len(learned.left(name)) == len(kept)  # type: ignore[attr-defined]


def test_texture_is_silent_where_no_recording_of_a_drone_is_at_hand(learned: object) -> None:
    said = learned.textures("no-svanstrom")  # type: ignore[attr-defined]
    assert not any(any(values) for values in said.values())


def test_shipped_weights_are_those_that_the_recordings_give(learned: object) -> None:
    made = texture_fit.fitted(np.ones(len(learned.RECORDINGS), dtype=bool))  # type: ignore[attr-defined]
    assert made is not None
    shipped = texture.shipped()
    assert made.constant == pytest.approx(shipped.constant, abs=0.02)
    assert made.weights == pytest.approx(shipped.weights, abs=0.005)
