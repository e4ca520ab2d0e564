from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training.augment.flying import FLYING
from training.augment.ground import GROUND

from skysentry.sensing.acoustic import spectrum
from training import corpus, recipe


def test_labels_are_the_kinds_of_the_net_in_its_order() -> None:
    assert ("nothing", *FLYING, *GROUND) == recipe.LABELS


def test_a_clip_without_recordings_is_three_windows_of_numbers() -> None:
    labels = set()
    for seed in range(40):
        clip = recipe.clip(np.random.default_rng(seed), [])
        made = recipe.features(clip.sound)
        assert made.shape == (recipe.WINDOWS, 32, 96)
        assert np.isfinite(made).all()
        assert clip.used == (-1, -1)
        labels.add(clip.label)
    assert len(labels) > 6


def test_a_clip_names_every_recording_within_it() -> None:
    sound = np.random.default_rng(0).standard_normal((80_000, 2))
    takes = [recipe.Take(n, label, "svanstrom", sound) for n, label in enumerate(("nothing", "multirotor"))]
    used = [recipe.clip(np.random.default_rng(seed), takes).used for seed in range(60)]
    assert {one for one, _ in used} == {-1, 0, 1}
    assert {bed for _, bed in used} == {-1, 0}  # a drone is never the background


def test_training_sees_a_second_as_an_ear_does() -> None:
    """The same samples must give the same levels in training and at run time."""
    sound = (0.1 * np.random.default_rng(5).standard_normal(2 * 16_000 + spectrum.CONTEXT)).astype(np.float32)
    part = sound[16_000 : 32_000 + spectrum.CONTEXT]
    (expected,) = recipe.features(part)
    heard = spectrum.at_16k(sound[16_000 - 2_000 + spectrum.CONTEXT :][:18_000], 16_000)
    assert (heard == part).all()
    assert (recipe.features(heard)[0] == expected).all()


def test_a_scene_lies_in_one_fold(shared_data: Callable[[str], Path]) -> None:
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    found = corpus.recordings()
    folds: dict[tuple[str, str], set[int]] = {}
    for one in found:
        folds.setdefault((one.corpus, one.scene), set()).add(one.fold)
    assert all(len(numbers) == 1 for numbers in folds.values())
    for kind in ("DRONE", "HELICOPTER", "BACKGROUND"):
        assert {one.fold for one in found if one.kind == kind} == set(range(corpus.FOLDS))


def test_the_overlaps_that_the_reference_lists_are_scenes() -> None:
    groups = (("BACKGROUND", 5, 27), ("DRONE", 9, 10, 11), ("HELICOPTER", 3, 9), ("HELICOPTER", 1, 7))
    for kind, *numbers in groups:
        names = [f"{kind}_{number:03d}" for number in numbers]
        assert len({corpus.SCENES.get(name, name) for name in names}) == 1


@pytest.mark.parametrize("label", recipe.LABELS)
def test_every_label_has_a_source(label: str) -> None:
    sound, used = recipe.source(np.random.default_rng(1), label, [])
    assert len(sound) >= recipe.LENGTH
    assert used == -1
    assert np.isfinite(sound).all()
