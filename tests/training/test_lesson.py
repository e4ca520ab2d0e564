"""What the broad net learns from: nothing that is left out, and other microphones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.sensing.acoustic import broad
from training import corpus, lesson, recipe

MULTIROTOR = recipe.LABELS.index("multirotor")


@pytest.fixture
def prepared(tmp_path: Path, shared_data: Callable[[str], Path]) -> tuple[list[Path], Path, Path]:
    """Return files as `training.prepare` writes them: each picture holds the index of its recording, or −1."""
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    owner = np.repeat(np.arange(len(corpus.recordings())), 2)
    shape = (broad.FRAMES, broad.MELS)
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
    np.savez(tmp_path / "bare.npz", seen=np.full((2, recipe.WINDOWS, *shape), -3.0))
    return [tmp_path / "windows.npz"], tmp_path / "packages.npz", tmp_path / "bare.npz"


def seen(prepared: lesson.Prepared, out: np.ndarray) -> set[float]:
    return {float(one[0, 0]) for source in prepared.sources(out) for one in prepared.pictures[source.name][source.rows]}


def test_what_holds_a_recording_left_out_is_not_learned(prepared: tuple[list[Path], Path, Path]) -> None:
    out = np.zeros(len(corpus.recordings()), dtype=bool)
    out[[0, 5]] = True
    motor = {float(n) for n, r in enumerate(corpus.recordings()) if r.corpus == "motor"}
    expected = {-3.0, -2.0, -1.0, *map(float, range(len(out)))} - {0.0, 5.0} - motor
    assert seen(lesson.Prepared(*prepared), out) == expected


def test_packages_may_be_missing(prepared: tuple[list[Path], Path, Path]) -> None:
    nothing_left_out = np.zeros(len(corpus.recordings()), dtype=bool)
    assert min(seen(lesson.Prepared(prepared[0], None, None), nothing_left_out)) == -1.0


def test_sources_weigh_what_they_shall(prepared: tuple[list[Path], Path, Path]) -> None:
    sources = lesson.Prepared(*prepared).sources(np.zeros(len(corpus.recordings()), dtype=bool))
    weight = {name: sum(float(one.weight.sum()) for one in sources if one.name == name) for name in
              ("recorded", "drawn", "packages", "bare")}  # fmt: skip
    assert weight["recorded"] + weight["drawn"] == pytest.approx(1.0)
    assert weight["recorded"] == pytest.approx(0.56)
    assert weight["packages"] == pytest.approx(lesson.PACKAGED)
    assert weight["bare"] == pytest.approx(lesson.BARE)


def test_families_have_their_shares_whatever_the_number_of_their_windows() -> None:
    kinds = np.array([0] * 50 + [MULTIROTOR] * 3 + [recipe.LABELS.index("chainsaw")])
    weight = lesson.weights_of(kinds)
    assert weight.sum() == pytest.approx(1.0)
    assert weight[50:53].sum() / weight[:50].sum() == pytest.approx(0.35 / 0.15)


def test_windows_that_hold_no_recording_are_known(prepared: tuple[list[Path], Path, Path]) -> None:
    pure = lesson.Prepared(*prepared).pure()
    assert len(pure) == 2 * recipe.WINDOWS
    assert (pure == -1.0).all()


def test_a_varied_picture_is_another_microphone_not_another_sound() -> None:
    rng = np.random.default_rng(2)
    seen = np.log(np.exp(rng.normal(0.0, 1.0, (20, broad.FRAMES, broad.MELS))) + broad.OFFSET).astype(np.float32)
    changed = lesson.varied(rng, seen) - seen
    assert np.abs(changed).max() > 0.5
    loud = seen > -2.0
    along_time = [row[:, band][keep[:, band]] for row, keep in zip(changed, loud, strict=True) for band in range(40)]
    assert max(float(one.std()) for one in along_time) < 0.1, "the response of a band is the same at all times"
    quiet = np.full((4, broad.FRAMES, broad.MELS), np.log(broad.OFFSET), dtype=np.float32)
    assert lesson.varied(rng, quiet) == pytest.approx(quiet, abs=1e-5), "silence stays silence"
