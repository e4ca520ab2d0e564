from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import ObjectClass
from skysentry.sensing.acoustic import bands, fuse, net, spectrum

Rng = np.random.Generator


def noise(seed: int = 0, scale: float = 0.05) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal(spectrum.CONTEXT + spectrum.RATE_HZ) * scale
    return made.astype(np.float32)


def tone(hz: float) -> np.ndarray:
    time_s = np.arange(spectrum.CONTEXT + spectrum.RATE_HZ) / spectrum.RATE_HZ
    return (0.1 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def test_a_tone_stands_in_the_band_of_its_frequency() -> None:
    for hz in (60.0, 187.0, 1000.0, 6500.0):
        at = math.log(hz / bands.LOWEST_HZ) / math.log(bands.HIGHEST_HZ / bands.LOWEST_HZ) * (bands.BANDS - 1)
        found = bands.levels_db(spectrum.frames(tone(hz))).mean(axis=0).argmax()
        assert abs(float(found) - at) <= 1.5, hz


def test_white_noise_is_level_in_all_bands() -> None:
    levels = np.mean([bands.levels_db(spectrum.frames(noise(seed))).mean(axis=0) for seed in range(8)], axis=0)
    assert np.ptp(levels) < 3.0


@settings(max_examples=20, deadline=None)
@given(gain_db=st.floats(-30.0, 20.0), seed=st.integers(0, 5))
def test_gain_changes_no_picture(gain_db: float, seed: int) -> None:
    gain = np.float32(10 ** (gain_db / 20))
    one, two = (bands.channels(bands.levels_db(spectrum.frames(s))) for s in (noise(seed), noise(seed) * gain))
    assert two == pytest.approx(one, abs=2e-3)


def test_nothing_above_the_highest_band_is_seen() -> None:
    """Lossy codecs differ above 7.5 kHz, and by class in the recordings: the net must not see it."""
    generator = np.random.default_rng(3)
    whole = noise(1)
    treble = np.fft.rfft(generator.standard_normal(len(whole)))
    treble[np.fft.rfftfreq(len(whole), 1 / spectrum.RATE_HZ) < 7950.0] = 0.0
    other = whole + 0.05 * np.fft.irfft(treble, len(whole)).astype(np.float32)
    one, two = (bands.levels_db(spectrum.frames(s)) for s in (whole, other))
    assert two == pytest.approx(one, abs=1e-2)


@pytest.mark.parametrize("sound", [np.zeros(17_548), np.ones(17_548), noise(0, 1e-9), noise(0, 1e3)])
def test_the_net_gives_numbers_for_anything(sound: np.ndarray) -> None:
    found = net.log_p(bands.levels_db(spectrum.frames(sound.astype(np.float32))))
    assert found.shape == (len(net.KINDS),)
    assert np.isfinite(found).all()
    assert found.max() == 0.0


def test_the_net_says_the_same_twice() -> None:
    levels_db = bands.levels_db(spectrum.frames(noise(4)))
    assert (net.log_p(levels_db) == net.log_p(levels_db)).all()


def test_the_chances_are_those_of_a_distribution() -> None:
    assert float(fuse.CHANCES.sum()) == pytest.approx(1.0)


log_ps = st.lists(st.floats(-60.0, 0.0), min_size=16, max_size=16).map(lambda v: np.array(v, dtype=np.float32))


@given(seconds=st.lists(log_ps, min_size=1, max_size=30))
def test_belief_stays_a_distribution_and_ratios_stay_bounded(seconds: list[np.ndarray]) -> None:
    belief = None
    for log_p in seconds:
        belief = fuse.heard(belief, log_p - log_p.max(), ((ObjectClass.MULTIROTOR, 4.6),))
        assert belief.sum() == pytest.approx(1.0)
        ratios = dict(fuse.ratios(belief))
        assert all(abs(value) <= fuse.MOST_LLR for value in ratios.values())
        # A fifth of "nothing there" is confusers: they cannot be five times likelier than it.
        assert ratios[ObjectClass.GROUND_SOURCE] <= math.log(1.0 / fuse.CONFUSED) + 1e-9


def said(kind: str, margin: float) -> np.ndarray:
    found = np.full(len(net.KINDS), -margin, dtype=np.float32)
    found[net.KINDS.index(kind)] = 0.0
    return found


def run(*parts: tuple[str, int, float]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for kind, seconds, margin in parts:
        for _ in range(seconds):
            word = said(kind, margin)
            found.append(fuse.weighed(found[-1] if found else None, word, None, lambda word=word: word).belief)
    return found


def test_a_clear_drone_after_long_quiet_is_told_within_a_second_and_confirmed_within_five() -> None:
    beliefs = run(("nothing", 600, 8.0), ("multirotor", 5, 12.0))[600:]
    assert fuse.flies(beliefs[0]) >= fuse.DETECT_LLR
    assert fuse.flies(beliefs[-1]) >= fuse.CONFIRM_LLR


def test_a_drone_is_forgotten_within_ten_seconds_of_quiet() -> None:
    assert fuse.flies(run(("multirotor", 600, 12.0), ("nothing", 10, 8.0))[-1]) < 0.0


def test_evidence_adds_up_over_seconds() -> None:
    weak = [fuse.drone(b) for b in run(("multirotor", 10, 1.5))]
    assert all(after > before for before, after in itertools.pairwise(weak))


def live(*parts: tuple[str, int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The belief and the place after these seconds."""
    belief, place = None, fuse.CHANCES
    for kind, seconds, margin in parts:
        for _ in range(seconds):
            word = said(kind, margin)
            belief = fuse.weighed(belief, word, None, lambda word=word: word, place=place).belief
            place = fuse.habit(place, belief)
    assert belief is not None
    return belief, place


def test_a_place_gets_used_to_its_mower_and_stops_telling_of_it() -> None:
    belief, place = live(("mower", 3, 8.0))
    assert fuse.ground(belief, place) >= fuse.GROUND_LLR
    belief, place = live(("mower", 1800, 8.0))
    assert fuse.ground(belief, place) < 0.7
    assert place.sum() == pytest.approx(1.0)
    # A drone that comes then is still told, and an hour of quiet forgets the mower.
    assert fuse.flies(*live(("mower", 1800, 8.0), ("multirotor", 4, 12.0))) >= fuse.DETECT_LLR
    assert fuse.ground(*live(("mower", 1800, 8.0), ("nothing", 3600, 8.0), ("mower", 3, 8.0))) >= fuse.GROUND_LLR


@pytest.mark.parametrize("margin", [3.0, 6.0, 12.0])
def test_a_drone_that_stays_is_never_learned(margin: float) -> None:
    start = fuse.flies(*live(("multirotor", 20, margin)))
    belief, place = live(("multirotor", 7200, margin))
    assert fuse.flies(belief, place) >= start - 1e-6
    assert place == pytest.approx(fuse.CHANCES)


@given(seconds=st.lists(log_ps, min_size=1, max_size=30))
def test_the_chances_of_flying_things_are_never_learned(seconds: list[np.ndarray]) -> None:
    belief, place = None, fuse.CHANCES
    for log_p in seconds:
        belief = fuse.heard(belief, log_p - log_p.max(), None, place=place)
        place = fuse.habit(place, belief)
    assert place[1:7] == pytest.approx(fuse.CHANCES[1:7])
    assert place.sum() == pytest.approx(1.0)
    assert (place > 0.0).all()


def test_a_chainsaw_speaks_for_the_ground_by_name_and_against_a_drone() -> None:
    belief = run(("chainsaw", 3, 6.0))[-1]
    assert fuse.ground(belief) >= fuse.GROUND_LLR
    assert fuse.drone(belief) < 0.0
    assert dict(fuse.confusers(belief))["confuser_chainsaw"] > 0.5
