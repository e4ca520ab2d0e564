"""What the second opinion learns from: nothing that is left out, and other microphones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.sensing.acoustic import opinion, texture
from training import corpus, lesson, recipe

MULTIROTOR = recipe.LABELS.index("multirotor")


@pytest.fixture
def prepared(tmp_path: Path, shared_data: Callable[[str], Path]) -> tuple[list[Path], Path]:
    """Return files as `training.prepare` writes them: each picture holds the index of its recording, or −1."""
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    owner = np.repeat(np.arange(len(corpus.recordings())), 2)
    shape = (opinion.FRAMES, opinion.MELS)
    clips = np.array([[-1, -1], [0, -1], [-1, 3], [-1, -1]])
    np.savez(
        tmp_path / "windows.npz",
        seen=np.broadcast_to(clips.max(axis=1)[:, None, None, None], (len(clips), recipe.WINDOWS, *shape)),
        used=clips,
        label=np.array([MULTIROTOR, MULTIROTOR, 0, 0]),
        clean_seen=np.broadcast_to(owner[:, None, None], (len(owner), *shape)).astype(np.float16),
        clean_owner=owner,
        clean_whole=np.arange(len(owner)) % 2 == 0,
    )
    np.savez(
        tmp_path / "packages.npz", seen=np.full((5, *shape), -2.0), label=np.zeros(5, dtype=int), package=["a"] * 5
    )
    return [tmp_path / "windows.npz"], tmp_path / "packages.npz"


def test_what_holds_a_recording_left_out_is_not_learned(prepared: tuple[list[Path], Path]) -> None:
    out = np.zeros(len(corpus.recordings()), dtype=bool)
    out[[0, 5]] = True
    seen = {float(one[0, 0]) for part in lesson.Prepared(*prepared).parts(out) for one in part.seen}
    motor = {float(n) for n, r in enumerate(corpus.recordings()) if r.corpus == "motor"}
    assert seen == {-2.0, -1.0, *map(float, range(len(out)))} - {0.0, 5.0} - motor


def test_packages_may_be_missing(prepared: tuple[list[Path], Path]) -> None:
    parts = lesson.Prepared(prepared[0], None).parts(np.zeros(len(corpus.recordings()), dtype=bool))
    assert all((part.seen > -2.0).all() for part in parts)


def test_batches_are_drawn_by_their_weights(prepared: tuple[list[Path], Path]) -> None:
    parts = [
        lesson.Part(np.full((3, opinion.FRAMES, opinion.MELS), -6.0, dtype=np.float16), np.full(3, kind), weight)
        for kind, weight in ((0, np.full(3, 0.25)), (1, np.array([0.0, 0.25, 0.0])))
    ]
    made = lesson.batches(np.random.default_rng(1), parts)
    kinds = np.concatenate([next(made)[1] for _ in range(40)])
    assert kinds.mean() == pytest.approx(0.25, abs=0.04)


def test_a_varied_picture_is_another_microphone_not_another_sound() -> None:
    rng = np.random.default_rng(2)
    seen = np.log(np.exp(rng.normal(0.0, 1.0, (20, opinion.FRAMES, opinion.MELS))) + opinion.OFFSET).astype(np.float32)
    changed = lesson.varied(rng, seen) - seen
    assert np.abs(changed).max() > 0.5
    loud = seen > -2.0
    along_time = [row[:, band][keep[:, band]] for row, keep in zip(changed, loud, strict=True) for band in range(40)]
    assert max(float(one.std()) for one in along_time) < 0.1, "the response of a band is the same at all times"
    quiet = np.full((4, opinion.FRAMES, opinion.MELS), np.log(opinion.OFFSET), dtype=np.float32)
    assert lesson.varied(rng, quiet) == pytest.approx(quiet, abs=1e-5), "silence stays silence"


def test_families_are_those_of_texture(prepared: tuple[list[Path], Path]) -> None:
    kinds = lesson.Prepared(*prepared).kind
    assert set(kinds.tolist()) <= set(texture.FAMILIES)
