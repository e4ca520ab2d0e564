"""`make train-acoustic`: prepare, train on every free recording, export to the package.

    python -m training [--folds]       without --folds about 25 minutes on 2 cores, with it about 70

`--folds` trains eight more nets that each leave recordings out (five folds, and two ways of leaving whole corpora out)
and writes their logits of what they left out to bench/acoustic_folds.npz: every figure of `make bench-acoustic` and of
the model card comes from there, none from the net that is shipped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from training.corpus import FOLDS

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src" / "skysentry" / "sensing" / "acoustic" / "weights.onnx"
FIGURES = ROOT / "bench" / "acoustic_folds.npz"
CLIPS = 8_000
SEED = 3
# Processes that make the windows: each a part of the clips, the same whatever the number.
PARTS = 2
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


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training")
    parser.add_argument("--folds", action="store_true", help="also train what the figures come from")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = prepared(folder)
        _await(_run("training.train", *files, str(folder / "all.npz"), "--teach", "--onnx", str(WEIGHTS)))
        if wanted.folds:
            figures = {}
            for left, arguments in LEFT_OUT.items():
                out = folder / f"{left}.npz"
                _await(_run("training.train", *files, str(out), "--teach", *arguments))
                made = np.load(out)
                mine = made["left_out"][made["owner"]]
                figures[f"{left}/logits"] = made["logits"][mine].astype(np.float16)
                figures[f"{left}/owner"] = made["owner"][mine].astype(np.int16)
            np.savez_compressed(FIGURES, **figures)


if __name__ == "__main__":
    main()
