"""What a sensor says of class: how much of it is new is learned, from any sensor, without a label."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.classes import START_NS, world

from skysentry.events import AnyEvent, encode
from skysentry.tracking.evidence.repeats import PRIOR_MEMORY_S, Repeats, Said
from skysentry.tracking.tracker import Tracker

CLASSES, TRACKS, SECONDS = 5, 60, 60
Ratios = dict[int, float]


def speak(memory_s: float, white: float, boast: float, seed: int) -> list[list[Ratios]]:
    """Return ratios [seconds][tracks] of a sensor whose noise is partly new and partly keeps a memory."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, CLASSES, TRACKS)
    keep = math.exp(-1.0 / memory_s)
    slow = rng.normal(size=(TRACKS, CLASSES))
    said = []
    for _ in range(SECONDS):
        slow = keep * slow + math.sqrt(1.0 - keep * keep) * rng.normal(size=slow.shape)
        x = math.sqrt(1.0 - white) * slow + math.sqrt(white) * rng.normal(size=slow.shape) + np.eye(CLASSES)[true]
        said.append([dict(enumerate(row)) for row in (boast * (x - 0.5)).tolist()])
    return said


def taught(memory_s: float, white: float, boast: float, seed: int = 1) -> Repeats:
    repeats = Repeats()
    tracks: list[dict[str, Said]] = [{} for _ in range(TRACKS)]
    for second, looks in enumerate(speak(memory_s, white, boast, seed)):
        for track, ratios in zip(tracks, looks, strict=True):
            repeats.fresh(track, "ear", ratios, second * 10**9)
        repeats.settle()
    return repeats


@pytest.mark.parametrize(
    ("memory_s", "white", "low", "high"), [(20.0, 0.0, 0.015, 0.045), (20.0, 0.5, 0.03, 0.1), (0.01, 0.0, 0.3, 1.0)]
)
def test_the_memory_of_a_sensor_is_learned(memory_s: float, white: float, low: float, high: float) -> None:
    """The weight of one more look a second: 0.025, 0.048, and 1 for independent looks, 0.067 to begin with."""
    rho = taught(memory_s, white, 1.0).records["ear"].repeated(1.0)
    assert low < (1.0 - rho) / (1.0 + rho) < high


def test_a_boast_is_learned_and_honesty_is_left_alone() -> None:
    honest, boastful = (taught(0.01, 0.0, boast).records["ear"].boast for boast in (1.0, 2.5))
    assert honest < 1.4
    assert 1.9 < boastful < 3.2


def test_what_is_said_again_is_not_new() -> None:
    """Equal looks, however many, weigh as the memory says, not as their number."""
    repeats, said = Repeats(), dict[str, Said]()
    ratios = {0: 1.0, 1: -1.0}
    total = sum(repeats.fresh(said, "ear", dict(ratios), k * 10**9)[0] for k in range(16))
    assert total == pytest.approx(1.0 + 15 * math.tanh(0.5 / PRIOR_MEMORY_S), rel=1e-9)
    assert repeats.fresh(said, "ear", ratios, 3 * 10**9) == {}


def test_a_restored_tracker_has_learned_the_same() -> None:
    site, scans, _ = world(1, "both")
    whole, first = Tracker(site), Tracker(site)
    batches: list[tuple[int, list[AnyEvent]]] = [(scan.received_ns, [scan]) for scan in scans[:24]]
    expected = [list(map(encode, whole.step(*batch))) for batch in batches]
    made = [list(map(encode, first.step(*batch))) for batch in batches[:12]]
    second = Tracker(site)
    second.restore(first.snapshot())
    made += [list(map(encode, second.step(*batch))) for batch in batches[12:]]
    assert made == expected
    assert batches[0][0] > START_NS
