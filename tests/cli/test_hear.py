"""`skysentry info --spectrogram` and `--clip`: a picture that shows the tone, a clip that holds the seconds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from skysentry.cli import png
from skysentry.cli.info import command
from skysentry.errors import InputError

RATE = 44_100


def tone(path: Path, seconds: float, hz: float = 3_000.0) -> Path:
    t = np.arange(int(seconds * RATE)) / RATE
    chance = np.random.default_rng(1)
    soundfile.write(str(path), 0.1 * np.sin(2 * np.pi * hz * t) + 0.01 * chance.normal(size=len(t)), RATE)
    return path


def decoded(path: Path) -> np.ndarray:
    """Return the pixels of a PNG, read independently of the writer's own layout."""
    data, at, parts = path.read_bytes(), 8, b""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(name + body)
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", body)
        parts += body if name == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(parts), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def run(*words: str) -> str:
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_lasting_tone_is_a_bright_line_at_its_frequency(tmp_path: Path) -> None:
    path = tone(tmp_path / "tone.wav", 4.0)
    run(str(path), "--spectrogram", "-o", str(tmp_path / "p.png"))
    image = decoded(tmp_path / "p.png")
    body = image[14:-22, 56:].astype(int).sum(axis=2)
    brightest = body.mean(axis=1).argmax()
    hz = (len(body) - 0.5 - brightest) / len(body) * 7_500.0
    assert hz == pytest.approx(3_000.0, abs=20.0)
    assert image.shape[1] - 56 == pytest.approx(4.0 * 32, abs=4)


def test_a_drone_is_shown_red(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    path = shared_data("A-svanstrom-audio") / "flac" / "DRONE_005.flac"
    said = run(str(path), "--spectrogram", "-o", str(tmp_path / "p.png"))
    image = decoded(tmp_path / "p.png")
    assert "seconds with detections" in said
    assert (image[6, 56:] == (230, 60, 50)).all(axis=1).mean() > 0.5


def test_the_clip_of_a_detection_holds_its_seconds(tmp_path: Path) -> None:
    path = tone(tmp_path / "mic.wav", 40.0)
    run(str(path), "--clip", "mic@20000000000#0", "-o", str(tmp_path / "c.wav"))
    sound, rate = soundfile.read(str(tmp_path / "c.wav"))
    whole, _ = soundfile.read(str(path))
    assert (rate, len(sound) / rate) == (RATE, 11.0)
    np.testing.assert_allclose(sound, whole[14 * RATE : 25 * RATE], atol=2e-4)


@pytest.mark.parametrize("detection", ["mic@90000000000#0", "other@9#0", "nonsense", "mic@x#0"])
def test_a_clip_that_is_not_there_is_refused(tmp_path: Path, detection: str) -> None:
    path = tone(tmp_path / "mic.wav", 12.0)
    with pytest.raises(InputError):
        CliRunner().invoke(command, [str(path), "--clip", detection, "--sensor", "mic"], catch_exceptions=False)
    assert not (tmp_path / "mic.clip.wav").exists()


def test_text_at_the_edge_is_cut_off() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    png.write_text(image, "8kHz", -3, 5)
    assert image.shape == (8, 8, 3)
