"""`make train-acoustic`: prepare, train on every free recording, export to the package.

    python -m training [--folds]       some 8 minutes on two free cores; with --folds some 30, by its parts

`--folds` trains eight more nets, textures and second opinions that each leave recordings out (five folds, and two ways
of leaving whole corpora out) and writes what they say of what they left out to bench/acoustic_folds.npz: every figure
of `make bench-acoustic` and of the model card comes from there, none from what is shipped.
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

from skysentry.sensing.acoustic import net, opinion
from training import texture
from training.corpus import FOLDS

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src" / "skysentry" / "sensing" / "acoustic"
CLIPS = 8_000
SEED = 11
# Processes that make the windows: each a part of the clips, the same whatever the number.
PARTS = 2
# Seeds of the nets whose logits are averaged: where the second opinion is asked another one gains a hundredth of recall
# and costs 0.15 ms a second (decision 34).
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


def packaged(folder: Path) -> Path:
    """Make the windows of the sounds of packages; return the file."""
    file = folder / "prepared-packages.npz"
    _await(_run("training.prepare", str(file), "--packages"))
    return file


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


def opined(files: list[str], packages: Path, out: Path, arguments: list[str]) -> Any:
    """Train a second opinion; return what it says of the recordings."""
    _await(_run("training.opinion", *files, "--packages", str(packages), "--out", str(out), *arguments))
    return np.load(out)["ratios"]


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument("--folds", action="store_true", help="also train what the figures come from")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, packages = prepared(folder), packaged(folder)
        members = [folder / f"net-{seed}.onnx" for seed in MEMBERS]
        bases = based(files, folder)
        trained(files, bases, folder / "all", [], members)
        _await(_run("training.joint", str(WEIGHTS / net.WEIGHTS), *map(str, members)))
        _await(_run("training.texture", *files, "--packages", str(packages)))
        opined(files, packages, folder / "opinion.npz", ["--onnx", str(WEIGHTS / opinion.WEIGHTS)])
        if wanted.folds:
            figures: dict[str, np.ndarray] = {}
            windows, beside = texture.loaded([Path(file) for file in files]), texture.of_packages(packages)
            for left, arguments in LEFT_OUT.items():
                made = trained(files, bases, folder / left, arguments)
                out, owner = made[0]["left_out"], made[0]["owner"]
                mine = out[owner]
                mean = np.mean([one["logits"][mine] for one in made], axis=0)
                figures[f"{left}/logits"] = mean.astype(np.float16)
                figures[f"{left}/owner"] = owner[mine].astype(np.int16)
                figures[f"{left}/texture"] = texture.said(windows, out, beside)
                said = opined(files, packages, folder / f"{left}-opinion.npz", arguments)
                figures[f"{left}/opinion"] = said[mine].astype(np.float16)
            np.savez_compressed(texture.FIGURES, **figures)


if __name__ == "__main__":
    main()
