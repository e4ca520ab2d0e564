"""What shows no motion is told so: a hovering machine and a loudspeaker alike; what passes or leaves is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr

from skysentry.events import Block
from skysentry.sensing.acoustic import net, still
from skysentry.sensing.acoustic.detector import BANDS, look
from skysentry.sensing.acoustic.ear import Ear

RATE_HZ = 16_000
START_NS = 1_800_000_000_000_000_000


def machine(f0_hz: np.ndarray, level: np.ndarray | float, seed: int = 1) -> np.ndarray:
    """A comb of twelve orders whose fundamental wanders by a per cent from second to second, in faint noise."""
    chance = np.random.default_rng(seed)
    n = len(f0_hz)
    wander = np.interp(
        np.arange(n), np.arange(0, n + RATE_HZ, RATE_HZ // 2), chance.normal(0, 0.005, 2 * n // RATE_HZ + 2)
    )
    turns = np.cumsum(f0_hz * (1.0 + wander)) / RATE_HZ
    sound = sum(np.cos(2 * np.pi * k * turns + k * k) / k**0.5 for k in range(1, 13))
    return (0.02 * sound * level + 0.002 * chance.standard_normal(n)).astype("<f4")


def told(sound: np.ndarray) -> list[int]:
    """The seconds without motion after each second of sound."""
    ear, found = Ear(BANDS), []
    for at in range(0, len(sound), RATE_HZ // 2):
        part = sound[at : at + RATE_HZ // 2]
        time_ns = START_NS + at * 1_000_000_000 // RATE_HZ
        block = Block(
            id=f"b{at}", time_ns=time_ns, received_ns=time_ns + 500_000_000, sensor="m", data=part.tobytes(),
            dtype="float32", shape=(len(part), 1), rate_hz=float(RATE_HZ),
        )  # fmt: skip
        found += [second.still_s for second in ear.hear(block)[0]]
    return found


def seconds(n: int) -> np.ndarray:
    return np.arange(n * RATE_HZ) / RATE_HZ


def test_what_stands_is_counted_second_by_second() -> None:
    assert told(machine(np.full(40 * RATE_HZ, 180.0), 1.0)) == [0] * 19 + list(range(20, 41))


def test_what_passes_shows_its_motion() -> None:
    """15 m/s, 60 m away at the nearest: the pitch falls by 9 % and the level rises and falls."""
    t = seconds(40)
    distance_m = np.hypot(60.0, 15.0 * (t - 20.0))
    radial_mps = np.gradient(distance_m, 1.0 / RATE_HZ)
    found = told(machine(180.0 / (1.0 + radial_mps / 340.0), 60.0 / distance_m))
    assert len(found) == 40
    assert max(found) == 0


def test_what_leaves_grows_fainter() -> None:
    """Straight away at 10 m/s: no Doppler that changes, but 2 dB in a few seconds."""
    found = told(machine(np.full(40 * RATE_HZ, 180.0), 50.0 / (50.0 + 10.0 * seconds(40))))
    assert len(found) == 40
    assert max(found) == 0


def test_a_recording_played_again_and_again_shows_no_motion(shared_data: Callable[[str], Path]) -> None:
    """A loudspeaker: the pitch wanders as in the recording, and comes back."""
    sound, rate_hz = soundfile.read(shared_data("A-svanstrom-audio") / "flac" / "DRONE_020.flac", always_2d=True)
    once = soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ)
    assert told(np.tile(once, 4).astype("<f4"))[-1] >= still.SPAN_S


def test_a_short_pause_is_bridged_and_a_long_one_is_not() -> None:
    now = still.Still()
    for _ in range(30):
        now = still.heard(now, 180.0, -40.0)
    bridged = still.missed(still.missed(now))
    assert still.heard(bridged, 180.0, -40.0).seconds == 31
    assert still.missed(bridged) == still.Still()


def test_a_machine_of_another_pitch_begins_anew() -> None:
    now = still.Still()
    for _ in range(30):
        now = still.heard(now, 180.0, -40.0)
    for _ in range(12):
        now = still.heard(now, 240.0, -40.0)
    assert now.seconds == 0


def test_a_detection_tells_the_seconds_without_motion() -> None:
    ear = Ear(BANDS)
    t = seconds(26)
    sound = machine(np.full(len(t), 180.0), 1.0)
    block = [
        Block(
            id=f"b{k}", time_ns=START_NS + k * 10**9, received_ns=START_NS + (k + 1) * 10**9, sensor="m",
            data=sound[k * RATE_HZ : (k + 1) * RATE_HZ].tobytes(), dtype="float32", shape=(RATE_HZ, 1),
            rate_hz=16_000.0,
        )
        for k in range(26)
    ]  # fmt: skip
    last = [second for one in block for second in ear.hear(one)[0]][-1]
    sure = msgspec.structs.replace(last, belief=tuple(0.9 if kind == "multirotor" else 0.1 / 15 for kind in net.KINDS))
    (found,) = look("m", sure, None).detections
    assert dict(found.features)["no_motion_heard_s"] == 26.0
