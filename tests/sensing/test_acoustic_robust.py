"""Files that no microphone should give: each is heard to its end, with a scan a second, and nothing flies in it."""

from __future__ import annotations

import itertools
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from skysentry.events import Block, Health, Scan
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic.detector import AcousticDetector
from skysentry.site import Site

RATE_HZ = 22_050
N = 5 * RATE_HZ
CHANCE = np.random.default_rng(1)
HISS = (0.05 * CHANCE.standard_normal(N)).astype(np.float32)
SQUARE = np.sign(CHANCE.standard_normal(N)).astype(np.float32)
HOLES = HISS.copy()
HOLES[100:4_000] = np.nan
HOLES[9_000:9_010] = np.inf
HUGE = (1e30 * HISS).astype(np.float32)


def heard(path: Path) -> tuple[list[Scan], list[str]]:
    """The scans of a file and the reasons of its health."""
    detector, made = AcousticDetector(Site()), []
    for event in wav.read(path, ReadOptions()):
        made += detector.step(event.received_ns, [event]) if isinstance(event, Block) else [event]
    return [e for e in made if isinstance(e, Scan)], [e.reason for e in made if isinstance(e, Health)]


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(N, dtype=np.float32), None),
        (np.full(N, 0.4, dtype=np.float32), None),
        (HISS + np.float32(0.6), None),
        (SQUARE, "clipped seconds"),
        (HOLES, "samples that are not numbers"),
        (np.full(N, np.nan, dtype=np.float32), "samples that are not numbers"),
        (HUGE, "clipped seconds"),
    ],
    ids=["silence", "DC alone", "DC", "clipped", "holes", "no number at all", "beyond full scale"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_that_cannot_be_is_heard_to_its_end(
    tmp_path: Path, sound: np.ndarray, reason: str | None, channels: int
) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(str(path), np.repeat(sound[:, None], channels, axis=1), RATE_HZ, subtype="FLOAT")
    scans, reasons = heard(path)
    assert len(scans) == 5
    assert not any(scan.detections for scan in scans)
    assert all(np.isfinite(scan.noise_db or 0.0) for scan in scans)
    assert reason is None or reason in reasons


@pytest.mark.parametrize("samples", [0, 1, 2, 100, RATE_HZ - 1])
def test_less_than_a_second_is_no_look(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "stub.wav"
    soundfile.write(str(path), HISS[:samples], RATE_HZ, subtype="PCM_16")
    assert heard(path)[0] == []


def test_eight_hours_are_heard_in_bounded_memory(tmp_path: Path) -> None:
    """A file with a hole: silence of eight hours that takes no room on the disk. A minute of it is heard."""
    path, frames = tmp_path / "night.wav", 8 * 3_600 * 8_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.setnframes(frames)
    with path.open("r+b") as raw:
        raw.truncate(44 + 2 * frames)
        raw.seek(4)
        raw.write((36 + 2 * frames).to_bytes(4, "little"))
        raw.seek(40)
        raw.write((2 * frames).to_bytes(4, "little"))
    detector, scans = AcousticDetector(Site()), 0
    events = wav.read(path, ReadOptions())
    tracemalloc.start()
    for event in itertools.islice(events, 120):
        assert isinstance(event, Block)
        scans += sum(isinstance(made, Scan) for made in detector.step(event.received_ns, [event]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert scans == 60
    assert peak < 20_000_000
