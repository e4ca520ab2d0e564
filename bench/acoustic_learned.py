"""What the learned branch and its fusion are worth on recordings that the net did not learn from.

    python -m bench.acoustic_learned          tables (also the last part of `make bench-acoustic`)
    python -m bench.acoustic_learned --fit    print `fuse.MODEL`, fitted on the development folds

`bench/acoustic_folds.npz` holds, for nets that each left recordings out, what they say of exactly those (`python -m
training --folds`). The comb is measured here; all go through `fuse` as in an ear. The shipped ones learned from every
free recording: no figure of them on those is a figure, and none is printed.

- **By recording**: five folds by scene (training/corpus.py); recordings of one scene stay together, as do the
  recordings that overlap.
- **Across corpora**: (a) a net without any Svanström recording, on Svanström; (b) nets without ESC-10 and motor bench,
  drones of a left-out Svanström fold against ESC-10.
- Nets and fusion were chosen in sight of folds 0 to 3 and of (a); fold 4 and (b) were looked at each time, too.
- A window of one second is heard by a new ear; ten seconds by one ear, its last word counts.
"""

from __future__ import annotations

import argparse
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bench.acoustic_figures import auc, tail_threshold, tpr
from skysentry.events import Block
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic import fuse, llr, net
from skysentry.sensing.acoustic.detector import BANDS
from skysentry.sensing.acoustic.ear import Ear, Second
from training import corpus

Scores = NDArray[np.float64]
FIGURES = Path(__file__).parent / "acoustic_folds.npz"
DEVELOPMENT = ("fold0", "fold1", "fold2", "fold3")
LAST = "fold4"
RECORDINGS = corpus.recordings()


@cache
def left(name: str, by: str = "broad") -> dict[int, NDArray[np.float32]]:
    """Return log p(z|kind) [shape=(n, 16)] of each recording that a net left out: the broad one, else `logits`."""
    figures = np.load(FIGURES)
    owner, log_p = figures[f"{name}/owner"], figures[f"{name}/{by}"].astype(np.float32)
    log_p -= log_p.max(axis=1, keepdims=True)
    return {int(i): log_p[owner == i] for i in np.unique(owner)}


def blocks(path: Path) -> list[Block]:
    return [event for event in wav.read(path, ReadOptions()) if isinstance(event, Block)]


@cache
def combs(index: int, alone: bool) -> list[llr.Ratios | None]:
    """Return what the comb says of each second; `alone`: each second heard by a new ear."""
    ear, seconds = Ear(BANDS), []
    for block in blocks(RECORDINGS[index].path):
        for second in ear.hear(block)[0]:
            seconds.append(second)
            if alone:
                ear.paths, ear.octaves, ear.flutter_db = None, None, None
    return [_said(second) for second in seconds]


def _said(second: Second) -> llr.Ratios | None:
    if second.deaf or second.hum:
        return None
    return llr.of_combs(second.high.score, second.low.score, second.piston.score, second.flutter_db)


class Heard(NamedTuple):
    """What is believed after each second of a recording, by each second alone, and whether the other net was asked."""

    belief: fuse.Belief
    alone: fuse.Belief | None
    asked: bool


def heard(
    name: str, index: int, anew: bool = False, model: fuse.Model = fuse.MODEL, before: fuse.Belief | None = None
) -> list[Heard]:
    """Return what an ear makes of the seconds of a recording that follows on `before`; `anew`: a new ear each."""
    found: list[Heard] = []
    for log_p, other, comb in zip(left(name)[index], left(name, "logits")[index], combs(index, anew), strict=False):
        asked: list[NDArray[np.float32]] = []

        def ask(other: NDArray[np.float32] = other, asked: list[NDArray[np.float32]] = asked) -> NDArray[np.float32]:
            asked.append(other)
            return other

        told = fuse.weighed(before, log_p, comb, ask, model=model)
        found.append(Heard(told.belief, told.alone, bool(asked)))
        before = None if anew else told.belief
    return found


def beliefs(
    name: str, index: int, anew: bool, model: fuse.Model = fuse.MODEL, before: fuse.Belief | None = None
) -> list[fuse.Belief]:
    """Return the belief after each second of a recording, as `heard`."""
    return [second.belief for second in heard(name, index, anew, model, before)]


def scores(
    names: tuple[str, ...], corpus_: str, kinds: tuple[str, ...], clips: bool, model: fuse.Model = fuse.MODEL
) -> Scores:
    """Return log p(drone) − log p(no drone) of every second, or of the last second of every clip."""
    found: list[float] = []
    for name in names:
        for index in left(name):
            recording = RECORDINGS[index]
            if recording.corpus == corpus_ and recording.kind in kinds:
                ratios = [fuse.drone(b) for b in beliefs(name, index, not clips, model)]
                found += ratios[-1:] if clips else ratios
    return np.array(found)


NEGATIVE = ("BACKGROUND", "HELICOPTER")
ESC = tuple(corpus.ESC)


# What the detector is judged by: whatever else there is on recordings, machines as much as places.
ALL_NEGATIVE = {"svanstrom": NEGATIVE, "esc": ESC, "motor": ("no_prop",)}


def row(title: str, names: tuple[str, ...], against: dict[str, tuple[str, ...]]) -> None:
    for what, clips in (("1 s", False), ("10 s", True)):
        drone = scores(names, "svanstrom", ("DRONE",), clips)
        rest = np.concatenate([scores(names, corpus_, kinds, clips) for corpus_, kinds in against.items()])
        print(
            f"  {title:44} {what:>4}: AUC {auc(drone, rest):.3f}  TPR at 1 % FPR {tpr(drone, rest):.3f}"
            f"  (n = {len(drone)}, {len(rest)})"
        )


def tables() -> None:
    folds = (*DEVELOPMENT, LAST)
    print("By recording (grouped by scene), drone against background and helicopter, all folds pooled")
    row("all five folds", folds, {"svanstrom": NEGATIVE})
    row("… and against all of ESC-10, a bare motor", folds, ALL_NEGATIVE)
    row("against background alone", folds, {"svanstrom": ("BACKGROUND",)})
    row("against helicopter alone", folds, {"svanstrom": ("HELICOPTER",)})
    row("against chainsaw and bare motor alone", folds, {"esc": ("chainsaw",), "motor": ("no_prop",)})
    row("development folds", DEVELOPMENT, {"svanstrom": NEGATIVE})
    row("last fold", (LAST,), {"svanstrom": NEGATIVE})
    print("Across corpora")
    row("(a) never heard Svanström: on Svanström", ("no-svanstrom",), {"svanstrom": NEGATIVE})
    only = ("svanstrom-only-fold0", "svanstrom-only-fold1")
    row("(b) never heard ESC-10: drones / ESC-10", only, {"esc": ESC})
    row("(b) … without its helicopters", only, {"esc": tuple(k for k in ESC if k != "helicopter")})


def detections() -> None:
    print(f"Share of seconds by kind (one ear a clip): flies ≥ {fuse.DETECT_LLR}, of these led by a drone class, named")
    folds = (*DEVELOPMENT, LAST)
    for corpus_, kind in sorted({(r.corpus, r.kind) for r in RECORDINGS}):
        seconds = [
            second
            for name in folds
            for index in left(name)
            if (RECORDINGS[index].corpus, RECORDINGS[index].kind) == (corpus_, kind)
            for second in heard(name, index)
        ]
        if not seconds:
            continue
        found, asked = [second.belief for second in seconds], np.mean([second.asked for second in seconds])
        flies = np.array([fuse.flies(b) >= fuse.DETECT_LLR for b in found])
        drone = np.array([fuse.flies(b) >= fuse.DETECT_LLR and fuse.led_by_drone(b) for b in found])
        ground = np.array([fuse.ground(b) >= fuse.GROUND_LLR for b in found])
        top = np.array([int(b.argmax()) for b in found])
        names = ", ".join(f"{net.KINDS[k]} {np.mean(top == k):.2f}" for k in np.argsort(-np.bincount(top))[:3])
        print(
            f"  {corpus_:9} {kind:14} n {len(found):3}: flies {flies.mean():.2f}, drone {drone.mean():.2f}, "
            f"ground source {ground.mean():.2f}; asked {asked:.2f}; likeliest {names}"
        )


def strangers() -> None:
    """Print how often a machine flies to an ear that has never heard its kind."""
    print(f"Share of seconds told as flying, ≥ {fuse.DETECT_LLR}, of a machine that was not learned")
    for title, names, kind in (
        ("chainsaw (ESC-10 left out)", ("svanstrom-only-fold0", "svanstrom-only-fold1"), "chainsaw"),
        ("bare motor", DEVELOPMENT, "no_prop"),
    ):
        found = [
            fuse.flies(b) >= fuse.DETECT_LLR
            for name in names
            for index in left(name)
            if RECORDINGS[index].kind == kind
            for b in beliefs(name, index, False)
        ]
        print(f"  {title:44} n {len(found):3}: {np.mean(found):.2f}")


def false_alarms() -> None:
    """Print the threshold for one false alarm a day by a fitted tail, the recall there, and what may be claimed."""
    folds = (*DEVELOPMENT, LAST)
    drone = scores_running(folds, "svanstrom", ("DRONE",))
    for title, parts in (
        ("background", [("svanstrom", ("BACKGROUND",))]),
        ("rain, sea, fire", [("esc", ("rain", "sea_waves", "crackling_fire"))]),
        ("chainsaw", [("esc", ("chainsaw",))]),
        ("helicopter", [("svanstrom", ("HELICOPTER",)), ("esc", ("helicopter",))]),
    ):
        rest = np.concatenate([scores_running(folds, *part) for part in parts])
        hours = len(rest) / 3600
        threshold = tail_threshold(rest, 1.0 / 86_400)
        shown = "not shown" if 3.0 / hours > 1.0 / 24 else "shown"
        print(
            f"  {title:16} {hours:.3f} h: threshold for 1 a day {threshold:6.1f}, recall there "
            f"{np.mean(drone > threshold):.3f}; no alarm at all would bound it at {3.0 / hours:.0f} an hour: {shown}"
        )


def scores_running(names: tuple[str, ...], corpus_: str, kinds: tuple[str, ...]) -> Scores:
    """Return the score after each second of ears that run through their clips."""
    return np.array([
        fuse.drone(b, tame=False)
        for name in names
        for index in left(name)
        if RECORDINGS[index].corpus == corpus_ and RECORDINGS[index].kind in kinds
        for b in beliefs(name, index, False)
    ])  # fmt: skip


def cost_bit(model: fuse.Model = fuse.MODEL) -> float:
    """Return Cllr in bits of drone against the rest on the development folds, seconds and clips alike."""
    found = []
    for clips in (False, True):
        drone = scores(DEVELOPMENT, "svanstrom", ("DRONE",), clips, model)
        rest = np.concatenate(
            (scores(DEVELOPMENT, "svanstrom", NEGATIVE, clips, model), scores(DEVELOPMENT, "esc", ESC, clips, model))
        )
        found.append(0.5 * (np.logaddexp(0, -drone).mean() + np.logaddexp(0, rest).mean()) / np.log(2))
    return float(np.mean(found))


def fit() -> None:
    best: tuple[float, Any] = (9.0, None)
    tried = product((0.2, 0.3, 0.4), (0.2, 0.3), (0.7, 1.0, 1.3), (0.4, 0.7), (0.7, 1.0))
    for kappa, comb, multirotor, helicopter, ground in tried:
        model = replace(fuse.MODEL, kappa=kappa, comb=comb, multirotor=multirotor, helicopter=helicopter, ground=ground)
        cost = cost_bit(model)
        print(f"  {model}: {cost:.3f} bit")
        best = min(best, (cost, model), key=lambda pair: pair[0])
    print(f"MODEL = {best[1]!r}  # {best[0]:.3f} bit")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.acoustic_learned")
    parser.add_argument("--fit", action="store_true", help="print the constants of fuse")
    if parser.parse_args().fit:
        fit()
        return
    report()


def report() -> None:
    tables()
    print(f"  Cllr of drone against the rest, development folds: {cost_bit():.3f} bit (1 is worthless)")
    detections()
    strangers()
    print("False alarms, one ear a clip, a new word every second")
    false_alarms()


if __name__ == "__main__":
    main()
