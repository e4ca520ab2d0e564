"""`make train-acoustic`: prepare, train on every free recording, export to the package.

    python -m training [--folds]       some 8 minutes on two free cores; with --folds some 35

`--folds` trains eight more pairs of nets that each leave recordings out (five folds, and two ways of leaving whole
corpora out) and writes their logits of what they left out to bench/acoustic_folds.npz: every figure of
`make bench-acoustic` and of the model card comes from there, none from the nets that are shipped.
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
SEED = 3
# Processes that make the windows: each a part of the clips, the same whatever the number.
PARTS = 2
# Seeds of the nets whose logits are averaged: two gain clearly on one fold, nothing on the folds pooled (decision 12).
MEMBERS = (1, 2)
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


def trained(files: list[str], out: Path, arguments: list[str], weights: Sequence[Path] = ()) -> list[Any]:
    """Train a net a seed, at once; return what each says of the recordings."""
    outs = [f"{out}-{seed}.npz" for seed in MEMBERS]
    _await(*(
        _run("training.train", *files, outs[n], "--teach", "--seed", str(seed), *arguments,
             *(("--onnx", str(weights[n])) if weights else ()))
        for n, seed in enumerate(MEMBERS)
    ))  # fmt: skip
    return [np.load(path) for path in outs]


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument("--folds", action="store_true", help="also train what the figures come from")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = prepared(folder)
        trained(files, folder / "all", [], [WEIGHTS / name for name in net.WEIGHTS])
        _await(_run("training.texture"))
        if wanted.folds:
            figures = {}
            for left, arguments in LEFT_OUT.items():
                made = trained(files, folder / left, arguments)
                mine = made[0]["left_out"][made[0]["owner"]]
                mean = np.mean([one["logits"][mine] for one in made], axis=0)
                figures[f"{left}/logits"] = mean.astype(np.float16)
                figures[f"{left}/owner"] = made[0]["owner"][mine].astype(np.int16)
            np.savez_compressed(FIGURES, **figures)


if __name__ == "__main__":
    main()
