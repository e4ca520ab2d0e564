"""The speech gate and what is cut out around detections: no speech is left, and machines mostly are."""

from __future__ import annotations

import io
import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from skysentry.events import Block, Detection, Presence, Scan, scan_id
from skysentry.sensing.acoustic import speech
from skysentry.sensing.acoustic.clip import Clipper, Cut, without_speech
from skysentry.sensing.acoustic.sonogram import mono_16k, sonogram
from skysentry.site import KeepSound

RATE = 16_000
NANO = 1_000_000_000
# Voices that `bench.speech` does not fit to, of other languages than those.
VOICES = ("sv", "hu+f1", "ro+m1", "cs+f2", "el", "fi+m2", "en-gb-scotland", "sk+f4")
TEXT = {"sv": "Vi ses klockan fem vid stationen, glöm inte nyckeln till huset."}
ENGLISH = "My number is four seven one nine, and the meeting is at the old station tonight."


def spoken(program: Path, voice: str) -> np.ndarray:
    command = [str(program), "-v", voice, "--stdout", TEXT.get(voice, ENGLISH)]
    sound, rate = soundfile.read(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))
    return soxr.resample(sound, rate, RATE).astype(np.float32)


def loaded(path: Path) -> np.ndarray:
    sound, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    return soxr.resample(sound.mean(axis=1), rate, RATE).astype(np.float32)


def unmarked(sound: np.ndarray) -> np.ndarray:
    made = np.ones(len(sound), dtype=bool)
    for first, last in speech.marks(sound):
        made[int(first * RATE) : int(last * RATE)] = False
    return made


def longest_s(where: np.ndarray) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(int), [0]))))
    return float((edges[1::2] - edges[::2]).max() / RATE) if len(edges) else 0.0


def in_band(sound: np.ndarray) -> float:
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float((np.abs(np.fft.rfft(sound)) ** 2)[(hz >= 300) & (hz <= 3_400)].sum())


def test_no_word_is_left_in_the_sound_of_drones(
    shared_data: Callable[[str], Path], need_program: Callable[[str], Path]
) -> None:
    drones = sorted((shared_data("A-svanstrom-audio") / "flac").glob("DRONE_*"))[1::2]
    program = need_program("espeak-ng")
    for voice, path in zip(VOICES, drones, strict=False):
        words, mix = spoken(program, voice), loaded(path)
        at = RATE
        words = words[: len(mix) - at]
        over = mix[at : at + len(words)]
        over += words * np.float32(np.sqrt(in_band(over) / in_band(words) * 10**0.5))
        sounding = np.zeros(len(mix), dtype=bool)
        sounding[at : at + len(words)] = True
        assert longest_s(unmarked(mix) & sounding) < 0.5, (voice, path.name)


def test_speech_alone_is_marked_whole_at_any_gain(need_program: Callable[[str], Path]) -> None:
    words = spoken(need_program("espeak-ng"), "en-gb-scotland")
    for gain in (1.0, 1e-3):
        assert unmarked(words * np.float32(gain)).mean() == 0.0


def test_helicopters_and_rain_are_mostly_kept(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("A-esc10-ccby")
    files = [*sorted((folder / "helicopter").glob("*"))[:5], *sorted((folder / "rain").glob("*"))[:5]]
    assert np.mean([unmarked(loaded(path)).mean() for path in files]) > 0.6


def comb(seconds: float, f0_hz: float = 190.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    chance = np.random.default_rng(1)
    made = sum(np.sin(2 * np.pi * f0_hz * k * t) / k for k in range(1, 15)) + 0.3 * chance.normal(size=len(t))
    return (0.05 * made).astype(np.float32)


@settings(max_examples=15)
@given(st.floats(80.0, 320.0), st.floats(1e-4, 1.0))
def test_a_steady_comb_is_no_speech(f0_hz: float, gain: float) -> None:
    assert speech.marks(comb(2.0, f0_hz) * np.float32(gain)) == []


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("frames", [0, 1, 100, speech.LENGTH, speech.LENGTH + 1])
def test_silence_and_stubs_do_no_harm(value: float, frames: int) -> None:
    assert all(np.isfinite(edge) for span in speech.marks(np.full(frames, value, np.float32)) for edge in span)


def block(number: int, sound: np.ndarray, start_ns: int = 0) -> Block:
    data = (sound * 32767).astype("<i2")
    time_ns = start_ns + number * NANO // 2
    return Block(
        id=f"m:{number}",
        time_ns=time_ns,
        received_ns=time_ns + NANO // 2,
        sensor="m",
        rate_hz=float(RATE),
        dtype="int16",
        shape=(len(data), 1),
        data=data.tobytes(),
    )


def heard(second: int) -> Scan:
    name = scan_id("m", second * NANO)
    found = Detection(id=f"{name}#0", measurement=Presence(level_db=3.0))
    return Scan(id=name, time_ns=second * NANO, received_ns=second * NANO, sensor="m", detections=(found,))


def cuts(seconds: int, hits: list[int], keep: KeepSound, gap: int = -1) -> list[Cut]:
    """Return what is cut out of sound that counts its half seconds, with detections in some seconds."""
    clipper, made = Clipper(keep), []
    for half in range(2 * seconds):
        sound = np.full(RATE // 2, half / 1000, np.float32)
        events = [] if half == gap else [block(half, sound)]
        if half % 2 and (half + 1) // 2 in hits:
            events.append(heard((half + 1) // 2))
        made += clipper.take(events)
    return made + clipper.end()


def test_a_cut_holds_the_seconds_around_its_detections() -> None:
    keep = KeepSound(before_s=2.0, after_s=3.0)
    (cut,) = cuts(40, [10, 11, 14], keep)
    assert (cut.start_ns, len(cut.samples) / RATE) == (7 * NANO, 10.0)
    assert cut.detections == tuple(f"m@{n * NANO}#0" for n in (10, 11, 14))
    assert cut.samples[0, 0] == pytest.approx(0.014, abs=1e-4)


def test_detections_far_apart_make_cuts_that_do_not_overlap_and_long_ones_are_divided() -> None:
    keep = KeepSound(before_s=2.0, after_s=2.0, longest_s=10.0)
    made = cuts(60, [5, 30, *range(40, 55)], keep)
    spans = [(cut.start_ns / NANO, cut.start_ns / NANO + len(cut.samples) / RATE) for cut in made]
    assert spans[:2] == [(2.0, 7.0), (27.0, 32.0)]
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert all(last - first <= 10.0 for first, last in spans)
    assert [i for cut in made for i in cut.detections] == [f"m@{n * NANO}#0" for n in (5, 30, *range(40, 55))]


def test_a_gap_ends_a_cut_and_sound_without_detections_is_never_cut() -> None:
    (cut,) = cuts(30, [10], KeepSound(before_s=4.0, after_s=4.0), gap=22)
    assert cut.start_ns + len(cut.samples) * NANO // RATE == 11 * NANO
    assert cuts(30, [], KeepSound()) == []


def test_what_may_be_speech_is_silent_in_every_channel(need_program: Callable[[str], Path]) -> None:
    words = spoken(need_program("espeak-ng"), "en-gb-scotland")[: 3 * RATE]
    one = np.concatenate((comb(6.0), words, comb(6.0)))
    cut = Cut("m", 0, RATE, np.stack((one, -0.5 * one), axis=1), ("m@1#0",))
    clean = without_speech(cut)
    assert clean is not None
    assert not clean.samples[6 * RATE : 6 * RATE + len(words)].any()
    assert clean.samples[: 4 * RATE].any(axis=1).mean() > 0.9
    assert clean.silenced_s >= 3.0
    assert without_speech(structs.replace(cut, samples=words[:, None])) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_that_are_no_numbers_or_beyond_all_measure_are_drawn_and_cut_like_others(dtype: str) -> None:
    sound = np.tile(comb(2.0).astype(dtype)[:, None], (1, 2))
    sound[100:103], sound[9_000] = np.array([[np.nan], [np.inf], [-np.inf]]), np.finfo(dtype).max
    whole = Block(
        id="m:0", time_ns=0, received_ns=0, sensor="m", rate_hz=16_000.0, dtype=dtype, shape=sound.shape,
        data=sound.tobytes(),
    )  # fmt: skip
    drawn = sonogram(mono_16k([whole]))
    assert np.isfinite(drawn).all()
    clipper = Clipper(KeepSound())
    clipper.take([whole, heard(1)])
    (cut,) = clipper.end()
    assert float(np.abs(cut.samples).max()) == 1e3
    kept = without_speech(cut)
    assert kept is None or np.isfinite(kept.samples).all()
