"""Clips on the disk: only when configured, after the gate, bounded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from skysentry.events import AnyEvent, Block, Detection, Presence, Scan, scan_id
from skysentry.runtime.clips import Clips
from skysentry.site import KeepSound

RATE, NANO = 16_000, 1_000_000_000


def drone(second: int) -> list[AnyEvent]:
    t = np.arange(RATE) / RATE + second
    chance = np.random.default_rng(second)
    sound = sum(np.sin(2 * np.pi * 190 * k * t) / k for k in range(1, 12)) + 0.3 * chance.normal(size=RATE)
    data = (1_000 * sound).astype("<i2")
    time_ns = second * NANO
    block = Block(
        id=f"m:{second}",
        time_ns=time_ns,
        received_ns=time_ns + NANO,
        sensor="m/../../x",
        rate_hz=float(RATE),
        dtype="int16",
        shape=(RATE, 1),
        data=data.tobytes(),
    )
    name = scan_id("m/../../x", time_ns + NANO)
    found = (Detection(id=f"{name}#0", measurement=Presence()),) if second % 20 == 10 else ()
    return [block, Scan(id=name, time_ns=time_ns + NANO, received_ns=0, sensor="m/../../x", detections=found)]


def test_clips_are_written_with_their_detections_and_the_oldest_go(tmp_path: Path) -> None:
    told: list[AnyEvent] = []
    # Five seconds of this are some 120 kB: two clips fit.
    clips = Clips(tmp_path / "clips", KeepSound(before_s=2.0, after_s=2.0, most_mb=0.3), told.append)
    for second in range(100):
        clips.take(second * NANO, drone(second))
    clips.close()
    assert clips.counts == {"kept": 5, "speech": 0, "dropped": 0, "failed": 0}
    assert told == []
    files = sorted(tmp_path.rglob("*.flac"), key=lambda path: int(path.stem.split("-")[-1]))
    assert all(path.parent == tmp_path / "clips" for path in files)
    assert len(files) == 2
    assert len(list(tmp_path.rglob("*.json"))) == 2
    sound, rate = soundfile.read(str(files[0]))
    about = json.loads(files[0].with_suffix(".json").read_text())
    assert (rate, len(sound) / rate) == (RATE, 5.0)
    assert about["detections"] == [f"m/../../x@{71 * NANO}#0"]
    assert about["start_ns"] == 68 * NANO


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file")
    told: list[AnyEvent] = []
    clips = Clips(tmp_path / "clips", KeepSound(before_s=1.0, after_s=1.0), told.append)
    for second in range(20):
        clips.take(second * NANO, drone(second))
    clips.close()
    clips.take(21 * NANO, [])
    assert clips.counts["failed"] == 1
    assert [event.source for event in told] == ["clips"]
