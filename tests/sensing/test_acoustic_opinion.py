"""The second opinion: what it sees, that it is asked only where something may fly, and that its word then counts."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.events import Block
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic import fuse, net, opinion, texture
from skysentry.sensing.acoustic.detector import BANDS
from skysentry.sensing.acoustic.ear import Ear
from skysentry.sensing.acoustic.spectrum import RATE_HZ

NOTHING, MULTIROTOR, CHAINSAW = (net.KINDS.index(name) for name in ("nothing", "multirotor", "chainsaw"))


def noise(seed: int = 1, seconds: int = 1) -> np.ndarray:
    return (0.05 * np.random.default_rng(seed).standard_normal(seconds * RATE_HZ)).astype(np.float32)


def mel(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)


def defined(sound: np.ndarray, frame: int, band: int) -> float:
    """Return one number of the picture from its definition, sample by sample."""
    scale = 0.5 / max(abs(float(v)) for v in sound[:15_600])
    piece = [
        scale * float(sound[160 * frame + n]) * (0.5 - 0.5 * math.cos(2.0 * math.pi * n / 400)) for n in range(400)
    ]
    step = (mel(7_500.0) - mel(125.0)) / 65.0
    low = mel(125.0) + band * step
    total = 0.0
    for k in range(1, 257):
        at = (mel(k * 16_000 / 512) - low) / step
        weight = max(0.0, min(at, 2.0 - at))
        if weight > 0.0:
            total += weight * abs(sum(v * cmath.exp(-2j * math.pi * k * n / 512) for n, v in enumerate(piece)))
    return math.log(total + 0.001)


@pytest.mark.parametrize(("frame", "band"), [(0, 0), (41, 20), (95, 63)])
def test_the_picture_is_that_of_its_definition(frame: int, band: int) -> None:
    sound = noise()
    seen = opinion.picture(sound)
    assert seen.shape == (opinion.FRAMES, opinion.MELS)
    assert float(seen[frame, band]) == pytest.approx(defined(sound, frame, band), abs=1e-3)


def test_gain_changes_nothing() -> None:
    sound = noise()
    assert opinion.picture(0.01 * sound) == pytest.approx(opinion.picture(sound), abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.3, 1e3])
def test_it_says_bounded_numbers_of_anything(level: float) -> None:
    said = opinion.ratios(np.full(RATE_HZ, level, dtype=np.float32))
    assert said.shape == (len(texture.FAMILIES),)
    assert (said >= texture.LLR_RANGE[0]).all()
    assert (said <= texture.LLR_RANGE[1]).all()


def surely(kind: int) -> np.ndarray:
    log_p = np.full(len(net.KINDS), -12.0, dtype=np.float32)
    log_p[kind] = 0.0
    return log_p


def word(**families: float) -> np.ndarray:
    return np.array([families.get(name.replace(" ", "_"), 0.0) for name in texture.FAMILIES])


def weighed(kind: int, moves: np.ndarray, said: np.ndarray) -> tuple[fuse.Belief, fuse.Belief | None, int]:
    """Return what is believed, and how often the second opinion was asked."""
    asked = []

    def ask() -> np.ndarray:
        asked.append(1)
        return said

    belief, alone = fuse.weighed(None, surely(kind), None, moves, ask)
    return belief, alone, len(asked)


def test_nobody_asks_about_a_second_with_nothing_in_it() -> None:
    belief, alone, asked = weighed(NOTHING, word(nothing=3.0, multirotor=-3.0), word(multirotor=3.0))
    assert asked == 0
    assert alone is None
    assert fuse.flies(belief) < fuse.ASK_LLR


def test_its_word_stands_in_place_of_the_word_of_texture() -> None:
    moves = word(multirotor=3.0)
    denied, _, asked = weighed(MULTIROTOR, moves, word(multirotor=-3.0, nothing=3.0))
    borne_out, alone, _ = weighed(MULTIROTOR, moves, moves)
    assert asked == 1
    assert fuse.drone(denied) < fuse.drone(borne_out) - 2.0
    assert alone is not None


def test_where_the_net_hesitates_its_word_counts_more_than_that_of_texture() -> None:
    either, rotors = np.maximum(surely(CHAINSAW), surely(MULTIROTOR)), word(multirotor=3.0)
    by_texture, by_opinion = (fuse.familiar(rotors, either, model)[MULTIROTOR] for model in (fuse.MODEL, fuse.ASKED))
    assert by_opinion > by_texture + 0.5


def test_an_ear_asks_about_a_drone_and_not_about_hiss(
    monkeypatch: pytest.MonkeyPatch, shared_data: Callable[[str], Path]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(opinion, "ratios", lambda sound: (asked.append(len(sound)), word(multirotor=3.0))[1])
    path = shared_data("A-svanstrom-audio") / "flac" / "DRONE_001.flac"
    drone = [event for event in wav.read(path, ReadOptions()) if isinstance(event, Block)]
    samples = (noise(2, 10) * 3e4).astype("<i2")
    hiss = Block(
        id="b", time_ns=10**18, received_ns=10**18, sensor="ear", rate_hz=float(RATE_HZ), shape=(len(samples), 1),
        dtype="int16", data=samples.tobytes(),
    )  # fmt: skip
    counts = []
    for blocks in ([hiss], drone):
        asked.clear()
        ear = Ear(BANDS)
        seconds = [second for block in blocks for second in ear.hear(block)[0]]
        counts.append(len(asked) / len(seconds))
    assert counts[0] == 0.0
    assert counts[1] >= 0.8
