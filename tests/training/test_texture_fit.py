"""The regression of texture finds what tells kinds apart, in products too, and learns from nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.sensing.acoustic import texture
from training import corpus
from training import texture as texture_fit


def drawn(seed: int, count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Return measures in which multirotors have two of them of one sign and the others of opposite signs."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, texture.MEASURES)).astype(np.float32)
    kind = np.where(x[:, 3] * x[:, 5] > 0.0, "multirotor", rng.choice(["nothing", "helicopter", "machine"], count))
    return x, kind


@pytest.fixture(scope="module")
def windows(shared_data: Callable[[str], Path]) -> texture_fit.Windows:
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    x, kind = drawn(1)
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(len(corpus.recordings())), 4)
    recorded = rng.standard_normal((len(owner), texture.MEASURES)).astype(np.float32)
    return texture_fit.Windows(x, kind, recorded, owner, np.arange(len(owner)) % 4 == 0)


def test_a_product_tells_where_no_measure_does(windows: texture_fit.Windows) -> None:
    weights = texture_fit.fitted(windows, np.array([r.corpus == "esc" for r in corpus.recordings()]))
    x, kind = drawn(3)
    said = texture.of_measures(x, texture.Regression.of(weights))
    mine = kind == "multirotor"
    assert np.mean(said[mine][:, None] > said[~mine]) > 0.8


def test_what_is_left_out_changes_nothing(windows: texture_fit.Windows) -> None:
    kept = np.array([r.fold != 0 and r.corpus != "motor" for r in corpus.recordings()])
    before = texture_fit.fitted(windows, kept)
    recorded = windows.recorded.copy()
    recorded[~kept[windows.owner]] = 50.0
    other = texture_fit.Windows(windows.drawn, windows.drawn_kind, recorded, windows.owner, windows.whole)
    assert texture_fit.fitted(other, kept) == before
    with_bench = kept | np.array([r.corpus == "motor" for r in corpus.recordings()])
    assert texture_fit.fitted(other, with_bench) == before, "the motor bench teaches nothing"


def test_each_second_of_a_recording_is_said_once(windows: texture_fit.Windows) -> None:
    weights = texture_fit.fitted(windows, np.ones(len(corpus.recordings()), dtype=bool))
    assert texture_fit.ratios(windows, weights).shape == (int(windows.whole.sum()),)
