"""Are class probabilities what they say? Expected calibration error of tracks at their end.

    python -m bench.classes                               seeds 1, 2, 3
    SKYSENTRY_BENCH_SEEDS=1 python -m bench.classes

Objects of seven classes fly for 60 s in wind before a radar whose plots carry class log-likelihood ratios. Each look
draws x ~ N(m_true, I); the ratios are those of that model, so they are calibrated by themselves. What the tracker is
not told is how the looks hang together and what its sensors claim:

    independent     a new draw each second
    correlated      noise with a memory of 20 s
    over-confident  ratios twice what they should be
    both            correlated and over-confident
    mixed           half of the noise new, half with a memory
    alike           so, of classes that look alike by twos and threes
    tailed          correlated, with tails (Student's t, 4)
    stubborn        half with a memory, a tenth for ever, the rest new
    silent          no ratios: motion and prior alone

Speeds are drawn from distributions of the bench's own, not from the tracker's bands. The error is the mean over tracks
of |accuracy − confidence| in ten bins of the confidence in the likeliest class, weighted by their tracks.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import bench
from skysentry.events import Detection, ObjectClass, Place, RangeAzEl, Scan, Track
from skysentry.geo import Frame
from skysentry.site import Coverage, Sensor, SensorKind, Site, Weather
from skysentry.tracking.tracker import Tracker

C = ObjectClass
Array = NDArray[np.float64]
START_NS = 1_700_000_000_000_000_000
HOME = Place(lat_deg=50.4, lon_deg=30.5, alt_m=100.0)
WIND_MPS, WIND_FROM_DEG = 8.0, 285.0
SECONDS, OBJECTS, BINS = 60, 250, 10
# Share of objects; mean and sigma of speed through the air, lowest and highest height.
KINDS: tuple[tuple[ObjectClass, float, float, float, float, float], ...] = (
    (C.MULTIROTOR, 0.30, 11.0, 5.0, 40.0, 300.0),
    (C.FIXED_WING_ELECTRIC, 0.10, 19.0, 4.0, 60.0, 400.0),
    (C.FIXED_WING_PISTON, 0.20, 46.0, 6.0, 100.0, 1_500.0),
    (C.JET, 0.05, 150.0, 40.0, 50.0, 3_000.0),
    (C.HELICOPTER, 0.10, 45.0, 18.0, 80.0, 800.0),
    (C.AEROPLANE, 0.10, 70.0, 25.0, 300.0, 3_000.0),
    (C.BIRD, 0.15, 12.0, 3.0, 20.0, 300.0),
)
# Distance of two classes in one look, in sigmas: three in four pairs of looks are told apart.
APART = 1.0
MEMORY_S = 20.0
# What looks alike shares this much of its mean: small things, things with engines, things with jets.
ALIKE = ((C.MULTIROTOR, C.BIRD, C.FIXED_WING_ELECTRIC), (C.FIXED_WING_PISTON, C.HELICOPTER), (C.JET, C.AEROPLANE))
SHARED = 0.6
FREEDOM = 4


@dataclass(frozen=True)
class Voice:
    """How a sensor speaks: shares of the noise's variance that keep for 20 s and for ever, and what it makes of it."""

    slow: float = 0.0
    fixed: float = 0.0
    boast: float = 1.0
    alike: bool = False
    tailed: bool = False


VOICES = {
    "independent": Voice(), "correlated": Voice(slow=1.0), "over-confident": Voice(boast=2.0),
    "both": Voice(slow=1.0, boast=2.0), "mixed": Voice(slow=0.5), "alike": Voice(slow=0.5, alike=True),
    "tailed": Voice(slow=1.0, tailed=True), "stubborn": Voice(slow=0.5, fixed=0.1), "silent": Voice(boast=0.0),
}  # fmt: skip


def world(seed: int, model: str) -> tuple[Site, list[Scan], list[tuple[Array, ObjectClass]]]:
    """Return a site, its scans, and where each object is at the end, with its class."""
    rng = np.random.default_rng([seed, 77])
    voice = VOICES[model]
    shares = np.array([kind[1] for kind in KINDS])
    true = rng.choice(len(KINDS), OBJECTS, p=shares / shares.sum())
    place, velocity = _fly(rng, true)
    means = _means(voice)
    fixed, slow = rng.normal(size=(2, OBJECTS, means.shape[1]))
    keep = math.exp(-1.0 / MEMORY_S)
    scans = []
    for k in range(SECONDS):
        slow = keep * slow + math.sqrt(1.0 - keep * keep) * rng.normal(size=slow.shape)
        new = rng.normal(size=slow.shape)
        noise = math.sqrt(voice.slow) * slow + math.sqrt(voice.fixed) * fixed
        noise += math.sqrt(1.0 - voice.slow - voice.fixed) * new
        if voice.tailed:
            noise *= math.sqrt((FREEDOM - 2) / FREEDOM) / np.sqrt(rng.chisquare(FREEDOM, (OBJECTS, 1)) / FREEDOM)
        x = noise + means[true]
        llr = voice.boast * (x @ means.T - 0.5 * (means * means).sum(axis=1))
        scans.append(_look(rng, k, place + velocity * (k + 0.5), llr if voice.boast else None))
    radar = Sensor(
        id="radar", kind=SensorKind.RADAR, position=HOME, pd=0.95, false_per_scan=1.0,
        coverage=Coverage(max_m=90_000.0, el_deg=(-10.0, 60.0)),
    )  # fmt: skip
    site = Site(
        position=HOME, sensors=(radar,), class_prior=tuple((kind[0], kind[1]) for kind in KINDS),
        weather=Weather(wind_from_deg=WIND_FROM_DEG, wind_mps=WIND_MPS),
    )  # fmt: skip
    return site, scans, list(zip(place + velocity * SECONDS, [KINDS[i][0] for i in true], strict=True))


def _means(voice: Voice) -> Array:
    """Return the mean of each class [shape=(classes, dims)]; two that look alike share a part of it."""
    own: Array = APART * np.eye(len(KINDS))
    if not voice.alike:
        return own
    group = np.array([next(k for k, part in enumerate(ALIKE) if kind[0] in part) for kind in KINDS])
    return np.hstack([math.sqrt(1.0 - SHARED) * own, math.sqrt(SHARED) * APART * np.eye(len(ALIKE))[group]])


def _fly(rng: np.random.Generator, true: NDArray[np.int64]) -> tuple[Array, Array]:
    kinds = [KINDS[i] for i in true]
    speed = np.abs(np.array([rng.normal(kind[2], kind[3]) for kind in kinds]))
    heading, towards = rng.uniform(0.0, 2.0 * np.pi, OBJECTS), math.radians(WIND_FROM_DEG + 180.0)
    flat = np.stack([np.sin(heading), np.cos(heading)], axis=1) * speed[:, None]
    flat += WIND_MPS * np.array([math.sin(towards), math.cos(towards)])
    up = np.array([rng.uniform(kind[4], kind[5]) for kind in kinds])
    return np.column_stack([rng.uniform(-40_000.0, 40_000.0, (OBJECTS, 2)), up]), np.column_stack(
        [flat, np.zeros(OBJECTS)]
    )


def _look(rng: np.random.Generator, k: int, at: Array, llr: Array | None) -> Scan:
    time_ns = START_NS + round((k + 0.5) * 1e9)
    key, found = f"radar@{time_ns}", []
    for i in np.flatnonzero(rng.random(OBJECTS) < 0.95):
        slant, flat = float(np.linalg.norm(at[i])), math.hypot(at[i, 0], at[i, 1])
        az_deg = math.degrees(math.atan2(at[i, 0], at[i, 1])) + rng.normal() * 0.1
        el_deg = math.degrees(math.atan2(at[i, 2], flat)) + rng.normal() * 0.1
        z = RangeAzEl(
            range_m=slant + rng.normal() * 10.0,
            az_deg=az_deg % 360.0,
            el_deg=el_deg,
            sigma_range_m=10.0,
            sigma_az_deg=0.1,
            sigma_el_deg=0.1,
        )
        said = () if llr is None else tuple((KINDS[c][0], float(llr[i, c])) for c in range(len(KINDS)))
        found.append(Detection(id=f"{key}#{i}", measurement=z, class_llr=said))
    return Scan(id=key, sensor="radar", time_ns=time_ns, received_ns=time_ns, detections=tuple(found))


def verdicts(seed: int, model: str) -> list[tuple[float, bool]]:
    """Return the confidence of each track at the end, and whether its likeliest class is right."""
    site, scans, truth = world(seed, model)
    tracker, last = Tracker(site), {}
    for scan in scans:
        now_ns = -(-scan.received_ns // 500_000_000) * 500_000_000
        last.update({e.track_id: e for e in tracker.step(now_ns, [scan]) if isinstance(e, Track)})
    last.update({e.track_id: e for e in tracker.step(START_NS + SECONDS * 10**9, []) if isinstance(e, Track)})
    frame, out = Frame.at(HOME), []
    tracks = [t for t in last.values() if t.status.value == "confirmed"]
    at = np.array([frame.to_local(t.lat_deg, t.lon_deg, t.alt_m) for t in tracks])
    for place, kind in truth:
        gap = np.linalg.norm(at - place, axis=1)
        if gap.min() < 400.0:
            best, p = tracks[int(gap.argmin())].classes[0]
            out.append((p, best is kind))
    return out


def reliability(said: list[tuple[float, bool]]) -> tuple[float, list[tuple[int, float, float]]]:
    """Return the expected calibration error, and of each bin the tracks, the mean confidence and the accuracy."""
    p, right = np.array([one[0] for one in said]), np.array([one[1] for one in said])
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    table = [
        (int((bins == b).sum()), float(p[bins == b].mean()), float(right[bins == b].mean())) for b in np.unique(bins)
    ]
    return sum(n * abs(conf - acc) for n, conf, acc in table) / len(said), table


def main() -> None:
    """Print one row for each model of evidence, over all seeds together."""
    seeds = [int(seed) for seed in os.environ.get("SKYSENTRY_BENCH_SEEDS", "1,2,3").split(",")]
    rows: list[bench.Row] = []
    for model in VOICES:
        said = [one for seed in seeds for one in verdicts(seed, model)]
        error, table = reliability(said)
        rows.append(
            {
                "evidence": model,
                "tracks": len(said),
                "accuracy": float(np.mean([right for _, right in said])),
                "confidence": float(np.mean([p for p, _ in said])),
                "calibration error": error,
                "bins (tracks: said → right)": ", ".join(f"{n}: {c:.2f} → {a:.2f}" for n, c, a in table),
            }
        )
    bench.show(
        "Classes", rows, f"{len(seeds)} seeds of {OBJECTS} objects in {WIND_MPS:.0f} m/s of wind, after {SECONDS} s"
    )


if __name__ == "__main__":
    main()
