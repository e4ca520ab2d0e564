"""The broad net: what it sees and says; and that the net of lines is asked where something may fly, and then counts."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.events import Block
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic import broad, families, fuse, net
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
    seen = broad.picture(sound)
    assert seen.shape == (broad.FRAMES, broad.MELS)
    assert float(seen[frame, band]) == pytest.approx(defined(sound, frame, band), abs=1e-3)


def test_gain_changes_nothing() -> None:
    sound = noise()
    assert broad.picture(0.01 * sound) == pytest.approx(broad.picture(sound), abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.3, 1e3])
def test_it_says_finite_numbers_of_anything(level: float) -> None:
    said = broad.log_p(np.full(RATE_HZ, level, dtype=np.float32))
    assert said.shape == (len(net.KINDS),)
    assert np.isfinite(said).all()
    assert said.max() == 0.0


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_is_nothing_rather_than_anything_that_flies(slope: float) -> None:
    """White, pink and brown noise: what is drawn of a jet is broad noise, too."""
    rng = np.random.default_rng(4)
    said = []
    for _ in range(20):
        spectrum = np.fft.rfft(rng.standard_normal(RATE_HZ)) / np.maximum(np.arange(RATE_HZ // 2 + 1), 20) ** (
            slope / 2
        )
        sound = np.fft.irfft(spectrum)
        said.append(broad.log_p((0.1 * sound / np.abs(sound).max()).astype(np.float32)))
    mean = np.mean(said, axis=0)
    assert mean[NOTHING] > mean[1 : 1 + len(fuse.FLYING)].max() - 0.3
    assert mean[NOTHING] > mean[MULTIROTOR] + 3.0


def surely(kind: int) -> np.ndarray:
    log_p = np.full(len(net.KINDS), -12.0, dtype=np.float32)
    log_p[kind] = 0.0
    return log_p


def test_a_family_is_as_likely_as_its_kinds_together() -> None:
    by_hand = np.random.default_rng(5).normal(0.0, 2.0, len(net.KINDS)).astype(np.float32)
    said = families.ratios(by_hand, families.sums(fuse.CHANCES))
    likelihood = []
    for family in range(len(families.FAMILIES)):
        mine = [k for k, of in enumerate(families.OF_KINDS) if of == family]
        chances = [fuse.CHANCES[k] for k in mine]
        likelihood.append(sum(c * math.exp(by_hand[k]) for c, k in zip(chances, mine, strict=True)) / sum(chances))
    for family, chance in enumerate(families.CHANCES):
        rest = sum(c * p for k, (c, p) in enumerate(zip(families.CHANCES, likelihood, strict=True)) if k != family) / (
            1.0 - chance
        )
        assert said[family] == pytest.approx(
            np.clip(math.log(likelihood[family] / rest), *families.LLR_RANGE), abs=1e-6
        )


def weighed(broadly: np.ndarray, by_lines: np.ndarray, hum: bool = False) -> tuple[fuse.Weighed, int]:
    """Return what is believed, and how often the net of lines was asked."""
    asked = []

    def ask() -> np.ndarray:
        asked.append(1)
        return by_lines

    return fuse.weighed(None, broadly, None, ask, hum), len(asked)


def test_nobody_asks_about_a_second_with_nothing_in_it() -> None:
    told, asked = weighed(surely(NOTHING), surely(MULTIROTOR))
    assert asked == 0
    assert told.alone is None
    assert fuse.flies(told.belief) < fuse.ASK_LLR


def test_what_the_other_net_says_counts_as_much() -> None:
    denied, asked = weighed(surely(MULTIROTOR), surely(CHAINSAW))
    borne_out, _ = weighed(surely(MULTIROTOR), surely(MULTIROTOR))
    assert asked == 1
    assert fuse.drone(denied.belief) < fuse.drone(borne_out.belief) - 2.0
    assert borne_out.alone is not None
    assert denied.log_p[MULTIROTOR] == denied.log_p[CHAINSAW]


def test_mains_are_no_multirotor_to_either_net() -> None:
    told, _ = weighed(surely(MULTIROTOR), surely(MULTIROTOR), hum=True)
    assert fuse.flies(told.belief) < fuse.DETECT_LLR
    assert told.alone is None or fuse.flies(told.alone) < fuse.DETECT_LLR


def test_an_ear_asks_about_a_drone_and_seldom_about_hiss(
    monkeypatch: pytest.MonkeyPatch, shared_data: Callable[[str], Path]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(net, "log_p", lambda levels_db: (asked.append(len(levels_db)), surely(MULTIROTOR))[1])
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
    # 0.10 of white noise over five minutes
    assert counts[0] <= 0.2
    assert counts[1] >= 0.8
