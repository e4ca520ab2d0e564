"""`make train-acoustic`: prepare, train on every free recording, export to the package.

    python -m training [--folds]       some 8 minutes on two free cores; with --folds some 30, by its parts

`--folds` trains eight more nets and heads that each leave recordings out (five folds, and two ways of leaving whole
corpora out) and writes what they say of what they left out to bench/acoustic_folds.npz: every figure of `make
bench-acoustic` and of the model card comes from there, none from what is shipped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skysentry.sensing.acoustic import net
from training.corpus import FOLDS

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src" / "skysentry" / "sensing" / "acoustic"
FIGURES = ROOT / "bench" / "acoustic_folds.npz"
CLIPS = 8_000
SEED = 11
# Processes that make the windows: each a part of the clips, the same whatever the number.
PARTS = 2
# Seeds of the nets whose logits are averaged: beside the broad net another one gains a hundredth of recall and costs
# 0.15 ms a second (decision 34).
MEMBERS = (1,)
# Name of each way of leaving out → arguments of training.train.
LEFT_OUT = {f"fold{n}": ["--fold", str(n)] for n in range(FOLDS)} | {
    "no-svanstrom": ["--without", "svanstrom"],
    **{f"svanstrom-only-fold{n}": ["--without", "esc,motor", "--fold", str(n)] for n in range(2)},
}


def _run(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT)


def _await(*running: subprocess.Popen[bytes]) -> None:
    for process in running:
        if process.wait() != 0:
            sys.exit(f"{process.args} failed")


def prepared(folder: Path) -> list[str]:
    """Make the windows, a process a seed; return the files."""
    files = [str(folder / f"prepared-{part}.npz") for part in range(PARTS)]
    count = CLIPS // PARTS
    _await(*(
        _run("training.prepare", file, "--first", str(part * count), "--clips", str(count), "--seed", str(SEED))
        for part, file in enumerate(files)
    ))  # fmt: skip
    return files


def beside(folder: Path) -> list[str]:
    """Make the windows of the sounds of packages and of bare noise; return what `training.broad` is told of them."""
    told = []
    for name in ("packages", "bare"):
        file = folder / f"prepared-{name}.npz"
        _await(_run("training.prepare", str(file), f"--{name}"))
        told += [f"--{name}", str(file)]
    return told


def based(files: list[str], folder: Path) -> list[str]:
    """Train a base a seed, at once; return the files."""
    bases = [str(folder / f"base-{seed}.pt") for seed in MEMBERS]
    _await(*(
        _run("training.train", *files, "--base", base, "--seed", str(seed))
        for seed, base in zip(MEMBERS, bases, strict=True)
    ))  # fmt: skip
    return bases


def trained(
    files: list[str], bases: list[str], out: Path, arguments: list[str], weights: Sequence[Path] = ()
) -> list[Any]:
    """Train a net a seed, at once; return what each says of the recordings."""
    outs = [f"{out}-{seed}.npz" for seed in MEMBERS]
    _await(*(
        _run("training.train", *files, "--from", bases[n], "--out", outs[n], "--seed", str(seed), *arguments,
             *(("--onnx", str(weights[n])) if weights else ()))
        for n, seed in enumerate(MEMBERS)
    ))  # fmt: skip
    return [np.load(path) for path in outs]


def left_out(files: list[str], bases: list[str], folder: Path) -> dict[str, np.ndarray]:
    """Train a net for each way of leaving out; return what it says of what it left out, and of which recordings."""
    figures: dict[str, np.ndarray] = {}
    for left, arguments in LEFT_OUT.items():
        made = trained(files, bases, folder / left, arguments)
        out, owner = made[0]["left_out"], made[0]["owner"]
        mine = out[owner]
        figures[f"{left}/logits"] = np.mean([one["logits"][mine] for one in made], axis=0).astype(np.float16)
        figures[f"{left}/owner"] = owner[mine].astype(np.int16)
    return figures


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument("--folds", action="store_true", help="also train what the figures come from")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, others = prepared(folder), beside(folder)
        members = [folder / f"net-{seed}.onnx" for seed in MEMBERS]
        bases = based(files, folder)
        trained(files, bases, folder / "all", [], members)
        _await(_run("training.joint", str(WEIGHTS / net.WEIGHTS), *map(str, members)))
        if wanted.folds:
            np.savez_compressed(FIGURES, **left_out(files, bases, folder))
        _await(_run("training.broad", *files, *others, *(("--figures",) if wanted.folds else ())))


if __name__ == "__main__":
    main()
