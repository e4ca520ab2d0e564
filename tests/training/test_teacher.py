"""What the nets learn of their teacher: components of its embedding, and its words."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.sensing.acoustic.net import KINDS
from training import teacher


def embedded(seed: int, count: int) -> np.ndarray:
    """Return rows like YAMNet's: most of them zero, none negative."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((count, 40)) @ np.random.default_rng(0).standard_normal((40, 1024))
    return np.maximum(hidden - 5.0, 0.0).astype(np.float16)


def test_components_have_unit_variance_together_and_the_largest_comes_first() -> None:
    rows = embedded(1, 600)
    made = teacher.Space.of(rows).components(rows)
    assert made.shape == (600, teacher.WORD_COMPONENTS)
    assert (made[:, : teacher.COMPONENTS] ** 2).mean() == pytest.approx(1.0, rel=1e-3)
    spreads = made.std(axis=0)
    assert (np.diff(spreads[:30]) < 1e-3).all()


def windows(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return components in which the third tells multirotors, their labels, and which of them are recorded."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(KINDS), 3_000)
    x = rng.standard_normal((3_000, 20)).astype(np.float32)
    x[:, 3] += 3.0 * (labels == KINDS.index("multirotor"))
    return x, labels, rng.random(3_000) < 0.3


def test_a_word_is_high_for_its_kind_and_of_unit_spread() -> None:
    x, labels, recorded = windows(2)
    said = teacher.words(x, labels, recorded)
    mine = labels == KINDS.index("multirotor")
    assert said.shape == (3_000, len(teacher.WORDS))
    assert said.std(axis=0) == pytest.approx(np.ones(3), rel=1e-3)
    assert said[mine, 0].mean() > said[~mine, 0].mean() + 1.0


def test_words_need_no_recording_of_their_kind() -> None:
    x, labels, recorded = windows(4)
    recorded &= labels != KINDS.index("multirotor")
    said = teacher.words(x, labels, recorded)
    mine = labels == KINDS.index("multirotor")
    assert np.isfinite(said).all()
    assert said[mine, 0].mean() > said[~mine, 0].mean() + 1.0
