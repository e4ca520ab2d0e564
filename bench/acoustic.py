"""Figures of the acoustic detector on recordings, and the fit of the comb's constants.

    python -m bench.acoustic             the comb alone on the held-out half of the Svanström recordings, ESC-10, motor
                                         bench, noise; speed; then `bench.acoustic_learned`
    python -m bench.acoustic --fit       print `llr.MODEL`, fitted on the other half
    python -m bench.acoustic --designs   other designs of the score, fitted and reported alike
    python -m bench.acoustic --scenes    print pairs of recordings that sound alike

Halves: recordings of one scene stay together and weigh as one. Scenes are the overlaps of reference data.md and what
`--scenes` finds: fine structure of the long-term spectrum (80 Hz to 5.9 kHz) correlated above 0.45; six "background"
clips are the same music. Of the scenes of each class in order of name every second, from the first, is the fitting
half. "Reversed" figures fit on the reported half and report on the fitting half: what the constants would have been
worth had the halves fallen the other way.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from training.corpus import SCENES

from bench import acoustic_learned
from bench.acoustic_figures import auc, tpr
from skysentry.events import Block, ObjectClass, Scan
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic import comb, llr
from skysentry.sensing.acoustic.detector import BANDS, AcousticDetector, comb_speaks, loudest, measured_llr, speaks
from skysentry.sensing.acoustic.ear import LOUD_SCORE, Ear, Second
from skysentry.site import Site

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CLASSES = ("BACKGROUND", "DRONE", "HELICOPTER")
ALIKE = 0.45
SHRINK = 1.1  # of the covariances' diagonal
LEAST_SPREAD = 0.25  # of log flutter, for the same reason
RIDGE = 0.02  # added to it: 90 to 110 windows of ten recordings do not pin a spread below 0.14
Heard = dict[str, list[Second]]


def hear(path: Path) -> list[Second]:
    ear = Ear(BANDS)
    blocks = (event for event in wav.read(path, ReadOptions()) if isinstance(event, Block))
    return [second for block in blocks for second in ear.hear(block)[0]]


def halves(names: list[str]) -> dict[str, int]:
    found = {}
    for kind in CLASSES:
        mine = [name for name in names if name.startswith(kind)]
        groups = sorted({SCENES.get(name, name) for name in mine})
        found |= {name: groups.index(SCENES.get(name, name)) % 2 for name in mine}
    return found


def z(second: Second) -> llr.Sample:
    return llr.sample(second.high.score, second.low.score, second.flutter_db)


def weights(names: list[str]) -> np.ndarray[Any, Any]:
    """Return the weight of each window by the name of its recording: every scene weighs one."""
    scenes = [SCENES.get(name, name) for name in names]
    found = np.array([1.0 / scenes.count(scene) for scene in scenes])
    return found / found.sum()


def gaussian(heard: Heard) -> llr.Gaussian:
    samples = np.array([z(s) for ss in heard.values() for s in ss])
    weight = weights([name for name, ss in heard.items() for _ in ss])
    high, low, flutter = (weight @ samples).tolist()
    cov = np.cov(samples[:, :2].T, aweights=weight)
    cov += np.diag(np.diag(cov)) * (SHRINK - 1.0) + np.eye(2) * RIDGE
    (xx, xy), (_, yy) = np.linalg.inv(cov).tolist()
    spread = max(float(np.sqrt(weight @ (samples[:, 2] - flutter) ** 2)), LEAST_SPREAD)
    return llr.Gaussian(*(round(v, 3) for v in (high, low, xx, xy, yy, flutter, spread)))


def fit(heard: Heard, temper: float = 1.0) -> llr.Model:
    parts = ({name: ss for name, ss in heard.items() if name.startswith(kind)} for kind in CLASSES)
    return llr.Model(*(gaussian(part) for part in parts), temper)


def ratio(second: Second, model: llr.Model, kind: ObjectClass = ObjectClass.MULTIROTOR) -> float:
    return dict(measured_llr(second, model))[kind]


def against_all(second: Second, model: llr.Model) -> float:
    """Return log p(z|multirotor) − log(½ p(z|helicopter) + ½ p(z|nothing))."""
    ratios = dict(measured_llr(second, model))
    other = np.logaddexp(ratios[ObjectClass.HELICOPTER], 0.0) - np.log(2.0)
    return float(ratios[ObjectClass.MULTIROTOR] - other)


def left_out_temper(heard: Heard) -> float:
    """Return the slope of drone or background on the ratio, each group judged by a fit without it."""
    judged: list[tuple[float, int, str]] = []
    for group in sorted({SCENES.get(name, name) for name in heard if not name.startswith("HELI")}):
        mine = {name: ss for name, ss in heard.items() if SCENES.get(name, name) == group}
        model = fit({name: ss for name, ss in heard.items() if name not in mine})
        judged += [(ratio(s, model), int(group.startswith("DRONE")), name) for name, ss in mine.items() for s in ss]
    x, y = np.array([row[0] for row in judged]), np.array([row[1] for row in judged])
    weight = np.zeros(len(judged))
    for side in (0, 1):
        weight[y == side] = weights([row[2] for row in judged if row[1] == side])
    slopes = np.linspace(0.05, 1.5, 146)
    losses = [float(np.sum(weight * np.logaddexp(0.0, -(2 * y - 1) * slope * x))) for slope in slopes]
    return round(float(slopes[int(np.argmin(losses))]), 2)


Statistic = Callable[[Second, llr.Model], float]


def report(name: str, heard: Heard, esc: Heard, model: llr.Model) -> None:
    def values(prefix: str, of: Heard, statistic: Statistic, clips: bool) -> np.ndarray[Any, Any]:
        rows = [[statistic(s, model) for s in ss] for n, ss in of.items() if n.startswith(prefix)]
        return np.array([np.mean(row) for row in rows] if clips else [v for row in rows for v in row])

    print(f"{name}")
    for label, clips in (("1 s window", False), ("10 s clip", True)):
        drone, heli, quiet = (values(p, heard, against_all, clips) for p in ("DRONE", "HELI", "BACK"))
        both, cross = np.concatenate((heli, quiet)), values("", esc, against_all, clips)
        print(
            f"  {label}: AUC drone/background {auc(drone, quiet):.3f} /helicopter {auc(drone, heli):.3f} "
            f"/both {auc(drone, both):.3f} TPR@1%FPR {tpr(drone, both):.3f} (n = {len(drone)}, {len(both)}); "
            f"/ESC-10 {auc(drone, cross):.3f} TPR@1%FPR {tpr(drone, cross):.3f} (n = {len(cross)})"
        )
    drone, quiet = (values(p, heard, ratio, False) for p in ("DRONE", "BACK"))
    loss = 0.5 * (np.mean(np.logaddexp(0, -drone)) + np.mean(np.logaddexp(0, quiet))) / np.log(2)
    print(
        f"  multirotor ratio: mean {drone.mean():.2f} on drones, {quiet.mean():.2f} on background; Cllr {loss:.3f} bit"
    )


def detections(name: str, heard: Heard, model: llr.Model) -> None:
    flags = [[comb_speaks(s, model) for s in ss] for ss in heard.values()]
    windows = [flag for row in flags for flag in row]
    clips = f"{sum(map(any, flags))} of {len(flags)} clips"
    print(f"  {name:22} {sum(windows):4} of {len(windows):4} s with a detection, {clips}")


def motor() -> None:
    folder = DATA / "A-motor-bench"
    with (folder / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    for prop in sorted({row["prop"] for row in rows}):
        found: dict[int, list[float]] = {}
        for row in rows:
            if row["prop"] == prop:
                seconds = hear(folder / row["file"])
                found.setdefault(int(row["throttle_pct"]), []).append(seconds[-1].high.f0_hz)
        text = ", ".join(f"{throttle} % {'/'.join(f'{f:.0f}' for f in f0)}" for throttle, f0 in sorted(found.items()))
        print(f"  {prop}: f0 in Hz by throttle (high band): {text}")


def noise(model: llr.Model, seconds: int = 600) -> None:
    generator = np.random.default_rng(1)
    for name, power in (("white", 0.0), ("wind-like, 1/f²", 2.0)):
        ear, scores, found, all_found = Ear(BANDS), [], 0, 0
        for n in range(seconds):
            spectrum = np.fft.rfft(generator.standard_normal(16_000)) / np.maximum(np.arange(8001), 5) ** (power / 2)
            sound = np.fft.irfft(spectrum).astype(np.float32)
            sound *= np.float32(0.05 / sound.std())
            block = Block(
                id=f"n:{n}", time_ns=n * 10**9, received_ns=(n + 1) * 10**9, sensor="n", rate_hz=16_000.0,
                dtype="float32", shape=(16_000, 1), data=sound.tobytes(),
            )  # fmt: skip
            for second in ear.hear(block)[0]:
                scores.append(second.high.score)
                found += comb_speaks(second, model)
                all_found += speaks(second)
        print(
            f"  {name}: {all_found} detections ({found} by the comb alone) in {seconds} s; "
            f"high score median {np.median(scores):.2f}, largest {max(scores):.2f}"
        )


def speed() -> None:
    path = DATA / "A-svanstrom-audio" / "flac" / "DRONE_001.flac"
    hear(path)  # fills the caches
    for rate_hz, channels in ((16_000, 1), (44_100, 2), (48_000, 1)):
        noise_ = np.random.default_rng(2).standard_normal((rate_hz // 2, channels)).astype(np.float32)
        samples = (noise_ * 3000).astype(np.int16)
        half = 500_000_000
        blocks = [
            Block(id=f"m:{n}", time_ns=n * half, received_ns=(n + 1) * half, sensor="m", rate_hz=float(rate_hz),
                  dtype="int16", shape=samples.shape, data=samples.tobytes())
            for n in range(120)
        ]  # fmt: skip
        best = 1e9
        for _ in range(5):
            detector, start = AcousticDetector(Site()), time.process_time()
            made = [event for block in blocks for event in detector.step(block.received_ns, [block])]
            best = min(best, (time.process_time() - start) / sum(isinstance(event, Scan) for event in made))
        print(f"  noise, {rate_hz} Hz, {channels} channel(s): {best * 1000:.2f} ms CPU per stream-second")
    events = list(wav.read(path, ReadOptions()))
    best = 1e9
    for _ in range(5):
        detector, start = AcousticDetector(Site()), time.process_time()
        made = [event for block in events for event in detector.step(block.received_ns, [block])]
        best = min(best, (time.process_time() - start) / len(made))
    print(f"  drone clip, 44100 Hz, {events[0].shape[1]} channel(s): {best * 1000:.2f} ms CPU per stream-second")


def cosine_comb() -> np.ndarray[Any, Any]:
    """Return the other design: cos(2πf/f0) over 60 to 2,000 Hz, the autocorrelation of the whitened spectrum."""
    bins_hz = np.arange(comb.COMB_BINS) * comb.BIN_HZ
    used = (bins_hz > comb.LOWEST_HZ) & (bins_hz < comb.TOP_HZ)
    wave = np.cos(2.0 * np.pi * bins_hz[:, None] / comb.F0_HZ) * used[:, None]
    return (wave / np.sqrt(used.sum() / 2.0)).astype(np.float32)


def designs() -> None:
    teeth, dwell, keep = comb._MATRIX, comb.MAIN_DWELL, llr.LEAST_FLUTTER_DB
    for name, matrix, main_dwell, least in (
        ("teeth and gaps, 2.5 s", teeth, dwell, keep),
        ("cosine, 2.5 s", cosine_comb(), dwell, keep),
        ("teeth and gaps, 1 s", teeth, 1, keep),
        ("teeth and gaps, 8 s", teeth, 3, keep),
        ("teeth and gaps, 2.5 s, without flutter", teeth, dwell, 1e6),
    ):
        comb._MATRIX, comb.MAIN_DWELL, llr.LEAST_FLUTTER_DB = matrix, main_dwell, least
        fitting, reported = parts()
        esc = esc_10()
        report(f"{name}: held-out half", reported, esc, fit(fitting, left_out_temper(fitting)))
        report(f"{name}: reversed", fitting, esc, fit(reported, left_out_temper(reported)))


def parts() -> tuple[Heard, Heard]:
    """Return the fitting half and the half reported on."""
    heard = {path.stem: hear(path) for path in sorted((DATA / "A-svanstrom-audio" / "flac").glob("*.flac"))}
    half = halves(list(heard))
    return {n: ss for n, ss in heard.items() if half[n] == 0}, {n: ss for n, ss in heard.items() if half[n] == 1}


def esc_10() -> Heard:
    return {f"{p.parent.name}/{p.stem}": hear(p) for p in sorted((DATA / "A-esc10-ccby").glob("*/*.flac"))}


def scenes() -> None:
    fine = {}
    for path in sorted((DATA / "A-svanstrom-audio" / "flac").glob("*.flac")):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        sound = soxr.resample(samples.mean(axis=1), rate_hz, 16_000)
        frames = np.lib.stride_tricks.sliding_window_view(sound, 4096)[::2000] * np.hanning(4096)
        level = 10.0 * np.log10((np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)[20:1500] + 1e-9)
        fine[path.stem] = level - np.convolve(np.pad(level, 25, mode="edge"), np.ones(51) / 51, "valid")
    for one, other in combinations(fine, 2):
        alike = float(np.corrcoef(fine[one], fine[other])[0, 1])
        if one[:4] == other[:4] and alike > ALIKE:
            print(f"{one} {other} {alike:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.acoustic")
    parser.add_argument("--fit", action="store_true", help="print the constants fitted on the fitting half")
    parser.add_argument("--scenes", action="store_true", help="print pairs of recordings that sound alike")
    parser.add_argument("--designs", action="store_true", help="compare designs of the score")
    wanted = parser.parse_args()
    if wanted.scenes:
        scenes()
        return
    if wanted.designs:
        designs()
        return
    fitting, reported = parts()
    if wanted.fit:
        model = fit(fitting, left_out_temper(fitting))
        print(f"MODEL = {model!r}")
        for kind in CLASSES:
            mine = {n: ss for n, ss in fitting.items() if n.startswith(kind)}
            weight = weights([name for name, ss in mine.items() for _ in ss])
            machine = np.array(
                [
                    llr.machine_llr(measured_llr(s, model)) if loudest(s).score > LOUD_SCORE else llr.LLR_RANGE[0]
                    for ss in mine.values()
                    for s in ss
                ]
            )
            rates = (
                f"{weight @ (machine >= level):.3f} at {level}" for level in (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
            )
            print(f"  {kind}: share of seconds with a detection, scenes alike: {', '.join(rates)}")
        return
    esc = esc_10()
    report("Held-out half, shipped constants", reported, esc, llr.MODEL)
    reverse = fit(reported, left_out_temper(reported))
    report("Reversed: fitted on the held-out half, reported on the fitting half", fitting, esc, reverse)
    print(f"Detections (mean machine ratio ≥ {llr.DETECT_LLR}), shipped constants")
    for kind in CLASSES:
        detections(kind, {n: ss for n, ss in reported.items() if n.startswith(kind)}, llr.MODEL)
    for kind in sorted({name.split("/")[0] for name in esc}):
        detections(f"ESC-10 {kind}", {n: ss for n, ss in esc.items() if n.startswith(kind)}, llr.MODEL)
    print("Noise, shipped constants")
    noise(llr.MODEL)
    print("Motor bench")
    motor()
    print("Speed (best of 5)")
    speed()
    print("The learned branch and both together")
    acoustic_learned.report()


if __name__ == "__main__":
    main()
