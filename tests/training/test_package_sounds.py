"""Sounds of packages that the broad net learns from: notes of a sound font, and what each package weighs."""

import struct
from pathlib import Path

import numpy as np
import pytest

from training import packages, soundfont

RATE_HZ = 32_000
LOOP = (1_000, 1_320)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


@pytest.fixture
def font(tmp_path: Path) -> Path:
    """Two notes of one instrument, 200 Hz at 32 kHz, the first with a loop of two periods, and one click."""
    wave = (8_000 * np.sin(2 * np.pi * 200 * np.arange(4_000) / RATE_HZ)).astype("<i2")
    rows = (
        ("Cello C#5(R)", 0, 4_000, *LOOP),
        ("Cello G3(R)", 0, 4_000, 0, 0),
        ("Click", 0, 100, 0, 0),
        ("EOS", 0, 0, 0, 0),
    )
    headers = b"".join(soundfont.HEADER.pack(name.encode(), *places, RATE_HZ, 60, 0, 0, 1) for name, *places in rows)
    path = tmp_path / "font.sf2"
    lists = chunk(b"LIST", b"sdta" + chunk(b"smpl", wave.tobytes())) + chunk(b"LIST", b"pdta" + chunk(b"shdr", headers))
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"sfbk" + lists)
    return path


def test_samples_of_a_font_lie_where_their_headers_say(font: Path) -> None:
    looped, plain, click = soundfont.samples(font)
    assert (looped.name, len(looped.sound), looped.loop, looped.rate_hz) == ("Cello C#5(R)", 4_000, LOOP, RATE_HZ)
    assert np.abs(plain.sound).max() == pytest.approx(8_000 / 32_768, abs=1e-3)
    assert len(click.sound) == 100


def test_notes_of_an_instrument_stay_together_and_clicks_are_left_out(font: Path) -> None:
    (cello,) = soundfont.instruments(soundfont.samples(font))
    assert [one.name for one in cello] == ["Cello C#5(R)", "Cello G3(R)"]


@pytest.mark.parametrize("semitones", [-12.0, 0.0, 12.0])
def test_a_looped_note_goes_on_at_its_pitch(font: Path, semitones: float) -> None:
    looped, plain, _ = soundfont.samples(font)
    sound = soundfont.note(looped, semitones, 1.0)
    assert len(sound) == pytest.approx(16_000, abs=2)
    hz = np.abs(np.fft.rfft(sound)).argmax() * 16_000 / len(sound)
    assert hz == pytest.approx(200 * 2 ** (semitones / 12), rel=0.01)
    assert len(soundfont.note(plain, semitones, 1.0)) < 8_000, "without a loop it ends"


def test_music_is_as_long_as_asked_and_never_too_loud(font: Path) -> None:
    parts = soundfont.instruments(soundfont.samples(font))
    for seed in range(4):
        made = soundfont.song(np.random.default_rng(seed), parts, 3.0)
        assert made.shape == (48_000,)
        assert np.isfinite(made).all()
        assert made.any()


def test_a_package_weighs_by_the_root_of_its_length() -> None:
    weights = packages.weights(np.array(["long"] * 16 + ["short"]))
    assert weights.sum() == pytest.approx(1.0)
    assert weights[:16].sum() == pytest.approx(4.0 * weights[16])


def test_where_no_package_is_at_hand_there_are_no_sounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SAMPLES", "FONTS"):
        monkeypatch.setattr(packages, name, tmp_path)
    assert packages.takes() == []
    assert "learns without" in capsys.readouterr().out
