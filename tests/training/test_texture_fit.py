"""The net of texture finds what tells families apart, whatever the microphone, and learns from nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from skysentry.sensing.acoustic import bands, texture
from training import corpus
from training import texture as texture_fit

MULTIROTOR = texture.FAMILIES.index("multirotor")
STEPS = 300


def drawn(seed: int, count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """Return measures in which multirotors have two of them of one sign and the others of opposite signs."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, texture.MEASURES)).astype(np.float32)
    kind = np.where(x[:, 3] * x[:, 5] > 0.0, "multirotor", rng.choice(["nothing", "helicopter", "machine"], count))
    return x, kind


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture_fit, "STEPS", STEPS)


@pytest.fixture(scope="module")
def windows(shared_data: Callable[[str], Path]) -> texture_fit.Windows:
    for item in ("A-svanstrom-audio", "A-esc10-ccby", "A-motor-bench"):
        shared_data(item)
    x, kind = drawn(1)
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(len(corpus.recordings())), 4)
    recorded = rng.standard_normal((len(owner), texture.MEASURES)).astype(np.float32)
    used = np.full((len(x), 2), -1)
    used[:100, 0] = 0
    return texture_fit.Windows(
        x, kind, used, recorded, recorded[None], owner, np.arange(len(owner)) % 4 == 0
    )  # fmt: skip


def test_a_product_tells_where_no_measure_does(windows: texture_fit.Windows) -> None:
    weights = texture_fit.fitted(windows, np.array([r.corpus == "esc" for r in corpus.recordings()]))
    x, kind = drawn(3)
    said = texture.of_measures(x, texture.Net.of(weights))[:, MULTIROTOR]
    mine = kind == "multirotor"
    assert np.mean(said[mine][:, None] > said[~mine]) > 0.8


def test_what_is_left_out_changes_nothing(windows: texture_fit.Windows) -> None:
    kept = np.array([r.fold != 0 and r.corpus != "motor" for r in corpus.recordings()])
    before = texture_fit.fitted(windows, kept)
    recorded, copies, clips = windows.recorded.copy(), windows.copies.copy(), windows.drawn.copy()
    assert not kept[0], "the recording in some clips is left out"
    recorded[~kept[windows.owner]] = copies[:, ~kept[windows.owner]] = clips[:100] = 50.0
    other = replace(windows, drawn=clips, recorded=recorded, copies=copies)
    assert texture_fit.fitted(other, kept) == before
    with_bench = kept | np.array([r.corpus == "motor" for r in corpus.recordings()])
    assert texture_fit.fitted(other, with_bench) == before, "the motor bench teaches nothing"
    clips[200] = 50.0
    assert texture_fit.fitted(other, kept) != before


def test_what_another_microphone_changes_is_not_relied_on(windows: texture_fit.Windows) -> None:
    """A measure that tells recordings apart, and is anything behind other microphones, weighs less for the copies."""
    rotors = np.array([r.label == "multirotor" for r in corpus.recordings()])[windows.owner]
    recorded = windows.recorded.copy()
    recorded[:, 7] = np.where(rotors, 2.0, -2.0)
    copies = np.stack([recorded] * 4)
    copies[:, :, 7] = np.random.default_rng(6).uniform(-3.0, 3.0, copies.shape[:2])
    kept = np.ones(len(corpus.recordings()), dtype=bool)
    x = drawn(3)[0]
    low, high = x.copy(), x.copy()
    low[:, 7], high[:, 7] = -2.0, 2.0
    moved = []
    for some in (recorded[None], copies):
        net = texture.Net.of(texture_fit.fitted(replace(windows, recorded=recorded, copies=some), kept))
        moved.append(float(np.mean(texture.of_measures(high, net) - texture.of_measures(low, net), axis=0)[MULTIROTOR]))
    assert moved[0] > 1.0
    assert moved[1] < 0.7 * moved[0]


def test_each_second_of_a_recording_is_said_once(windows: texture_fit.Windows) -> None:
    weights = texture_fit.fitted(windows, np.ones(len(corpus.recordings()), dtype=bool))
    assert texture_fit.words(windows, weights).shape == (int(windows.whole.sum()), len(texture.FAMILIES))


def test_what_the_nets_say_stays_where_texture_is_renewed(windows: texture_fit.Windows, tmp_path: Path) -> None:
    out = np.array([r.fold == 0 for r in corpus.recordings()])
    owner = windows.owner[windows.whole]
    mine = owner[out[owner]]
    logits = np.random.default_rng(3).standard_normal((len(mine), 16)).astype(np.float16)
    path = tmp_path / "figures.npz"
    np.savez(path, **{"fold0/logits": logits, "fold0/owner": mine, "fold0/texture": np.zeros(len(mine))})
    texture_fit.renew(path, windows)
    renewed = np.load(path)
    assert (renewed["fold0/logits"] == logits).all()
    expected = texture_fit.words(windows, texture_fit.fitted(windows, ~out))[out[owner]]
    assert renewed["fold0/texture"] == pytest.approx(expected, abs=2e-3)


def test_responses_colour_bands_and_are_the_same_at_all_times() -> None:
    made = texture_fit.responses(np.random.default_rng(1), 200)
    assert made.shape == (200, bands.BANDS)
    low = made[:, : texture_fit.LOWEST_BAND]
    assert np.abs(low).mean() > 1.0
    assert np.abs(np.diff(low, axis=1)).max() < 3.0, "smooth"
    dull = (made[:, -1] - low.mean(axis=1)) < -20.0
    assert 0.1 < dull.mean() < texture_fit.LOW_PASSED + 0.1


def test_what_lies_beside_is_learned_too(windows: texture_fit.Windows) -> None:
    kept = np.array([r.corpus == "esc" for r in corpus.recordings()])
    rng = np.random.default_rng(7)
    x = rng.standard_normal((500, texture.MEASURES)).astype(np.float32)
    x[:, 9] = 2.5
    beside = [texture_fit.Part(x, np.array(["nothing"] * len(x)), np.full(len(x), texture_fit.PACKAGED / len(x)))]
    nothing = texture.FAMILIES.index("nothing")
    without, taught = (
        texture.of_measures(x, texture.Net.of(texture_fit.fitted(windows, kept, parts)))[:, nothing].mean()
        for parts in ((), beside)
    )
    assert taught > without + 0.5


def test_windows_of_packages_weigh_what_they_shall(tmp_path: Path) -> None:
    assert texture_fit.of_packages(None) == []
    levels = np.random.default_rng(8).normal(-30.0, 5.0, (6, bands.FRAMES, bands.BANDS))
    file = tmp_path / "packages.npz"
    np.savez(file, levels_db=levels, label=np.zeros(6, dtype=np.int64), package=np.array(["a"] * 4 + ["b"] * 2))
    parts = texture_fit.of_packages(file)
    assert len(parts) == 1 + texture_fit.PACKAGE_COPIES
    assert sum(part.weight.sum() for part in parts) == pytest.approx(texture_fit.PACKAGED)
    assert all((part.kind == "nothing").all() for part in parts)
