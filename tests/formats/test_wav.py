from __future__ import annotations

import contextlib
import io
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skysentry.errors import FormatError
from skysentry.events import Block, Health, HealthState
from skysentry.formats import ReadOptions, sniff, wav

START_NS = 1_700_000_000_000_000_000


def tone(rate_hz: int, seconds: float, channels: int) -> np.ndarray:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    wave = 0.4 * np.sin(2 * np.pi * 220.0 * time_s)
    return np.stack([wave * (1 - 0.1 * n) for n in range(channels)], axis=1)


def blocks_of(path: Path, **options: object) -> list[Block]:
    events = list(wav.read(path, ReadOptions(start_ns=START_NS, **options)))
    assert all(isinstance(event, Block) for event in events)
    return events  # type: ignore[return-value]


def samples_of(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([np.frombuffer(b.data, dtype=b.dtype).reshape(b.shape) for b in blocks])


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_any_rate_comes_back_sample_by_sample(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    wave = (tone(rate_hz, 1.7, 2) * 32767).astype(np.int16)
    wav.write(path, wave, rate_hz)
    blocks = blocks_of(path, sensor="m1")
    assert np.array_equal(samples_of(blocks), wave)
    assert [b.id for b in blocks] == [f"m1:{n}" for n in range(4)]
    assert blocks[0].time_ns == START_NS
    for before, after in itertools.pairwise(blocks):
        assert before.received_ns == after.time_ns  # complete exactly when the next begins
    assert abs(blocks[-1].received_ns - START_NS - 1_700_000_000) <= 1e9 / rate_hz


@pytest.mark.parametrize(
    ("container", "subtype", "dtype"),
    [
        ("WAV", "PCM_U8", "int16"),
        ("WAV", "PCM_24", "float32"),
        ("WAV", "FLOAT", "float32"),
        ("WAV", "DOUBLE", "float32"),
        ("FLAC", "PCM_16", "int16"),
        ("FLAC", "PCM_24", "float32"),
        ("AIFF", "PCM_16", "int16"),
        ("OGG", "VORBIS", "float32"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_any_container_is_sniffed_and_read(
    tmp_path: Path, container: str, subtype: str, dtype: str, channels: int
) -> None:
    path = tmp_path / "sound.bin"
    wave = tone(16000, 1.0, channels)
    soundfile.write(str(path), wave, 16000, format=container, subtype=subtype)
    assert sniff(path, ReadOptions()) is wav
    blocks = blocks_of(path)
    assert {b.dtype for b in blocks} == {dtype}
    read = samples_of(blocks) / (32768.0 if dtype == "int16" else 1.0)
    assert read.shape == wave.shape
    tolerance = {"PCM_U8": 0.01, "VORBIS": 0.1}.get(subtype, 1e-4)
    assert float(np.abs(read - wave).max()) < tolerance


def test_a_long_file_is_read_lazily(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(str(path), "w", 8000, 1, subtype="PCM_16") as file:
        for _ in range(60):
            file.write(np.zeros(8000 * 10, dtype=np.int16))
    events = wav.read(path, ReadOptions())
    first = next(events)
    assert isinstance(first, Block)
    assert len(first.data) == 8000  # half a second of 8 kHz int16
    assert sum(1 for _ in events) == 1199


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_file_that_breaks_off_gives_what_is_there_and_says_what_is_missing(tmp_path: Path, container: str) -> None:
    path = tmp_path / "cut"
    noise = np.random.default_rng(3).integers(-9000, 9000, 16000 * 4).astype(np.int16)
    soundfile.write(str(path), noise, 16000, format=container, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *blocks, last = wav.read(path, ReadOptions(sensor="m"))
    assert isinstance(last, Health)
    assert last.state is HealthState.DEGRADED
    counts = dict(last.counts)
    read = sum(b.shape[0] for b in blocks if isinstance(b, Block))
    assert read == counts["frames_read"]
    assert read > 16000
    assert read + counts["frames_missing"] == 64000
    first = np.frombuffer(blocks[0].data, dtype=np.int16)
    assert np.array_equal(first, noise[: len(first)])


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\x00\x00\x00\x00WAVE", b"fLaC" + bytes(40), bytes(5000)])
def test_what_is_not_sound_is_refused_with_a_hint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        list(wav.read(path, ReadOptions()))
    assert caught.value.hint
    assert caught.value.where == str(path)


def test_a_missing_file_is_a_format_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        list(wav.read(tmp_path / "absent.wav", ReadOptions()))


def _sample_file(container: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(8000, 0.6, 2), 8000, format=container, subtype="PCM_16")
    return file.getvalue()


WHOLE = {container: _sample_file(container) for container in ("WAV", "FLAC", "AIFF")}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    container=st.sampled_from(sorted(WHOLE)),
    keep=st.floats(0.0, 1.0),
    spots=st.lists(st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 255)), max_size=8),
    header=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
)
def test_damaged_bytes_never_do_worse_than_a_format_error(
    tmp_path: Path,
    container: str,
    keep: float,
    spots: list[tuple[float, int]],
    header: list[tuple[int, int]],
) -> None:
    data = bytearray(WHOLE[container])
    for place, value in [(int(p * len(data)), v) for p, v in spots] + header:
        data[place] = value
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data[: int(keep * len(data))]))
    with contextlib.suppress(FormatError):
        for event in wav.read(path, ReadOptions(start_ns=START_NS)):
            assert isinstance(event, Block | Health)
            if isinstance(event, Block):
                frames, channels = event.shape
                assert len(event.data) == frames * channels * np.dtype(event.dtype).itemsize


def test_a_header_that_claims_an_absurd_rate_is_refused(tmp_path: Path) -> None:
    data = bytearray(WHOLE["WAV"])
    data[24:28] = struct.pack("<I", 2_000_000_000)
    path = tmp_path / "absurd.wav"
    path.write_bytes(bytes(data))
    with pytest.raises(FormatError):
        list(wav.read(path, ReadOptions()))


def test_recorded_clips_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    for path in sorted((shared_data("A-svanstrom-audio") / "flac").glob("*_001.flac")):
        blocks = blocks_of(path)
        expected, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        assert np.array_equal(samples_of(blocks), expected)
        assert blocks[0].rate_hz == rate_hz
