"""The free recordings: what they are called, what they hold, which belong to one scene, which fold they fall into.

| item | licence | taken as |
|---|---|---|
| A-svanstrom-audio | CC0 | DRONE → multirotor, HELICOPTER → helicopter, BACKGROUND → nothing |
| A-esc10-ccby | CC BY | helicopter, chainsaw; rain, sea waves, crackling fire → nothing |
| A-motor-bench | MIT | with propeller → multirotor, without → tool (a motor that does not fly) |

Scenes: the overlaps of reference data.md and what `python -m bench.acoustic --scenes` finds. Recordings of one scene
stay in one fold. The motor bench is one scene. Folds: scenes of each class in order of name, dealt one by one.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
import soxr
from msgspec import Struct

from training.augment.signal import RATE_HZ, Sound

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
FOLDS = 5
SCENES = {
    "BACKGROUND_006": "BACKGROUND_001",
    "BACKGROUND_011": "BACKGROUND_001",
    "BACKGROUND_021": "BACKGROUND_001",
    "BACKGROUND_022": "BACKGROUND_001",
    "BACKGROUND_026": "BACKGROUND_001",
    "BACKGROUND_027": "BACKGROUND_005",
    "DRONE_008": "DRONE_004",
    "DRONE_010": "DRONE_009",
    "DRONE_011": "DRONE_009",
    "DRONE_017": "DRONE_001",
    "DRONE_018": "DRONE_001",
    "HELICOPTER_007": "HELICOPTER_001",
    "HELICOPTER_009": "HELICOPTER_003",
}
SVANSTROM = {"DRONE": "multirotor", "HELICOPTER": "helicopter", "BACKGROUND": "nothing"}
ESC = {
    "helicopter": "helicopter",
    "chainsaw": "chainsaw",
    "rain": "nothing",
    "sea_waves": "nothing",
    "crackling_fire": "nothing",
}


class Recording(Struct, frozen=True):
    """One file. `corpus` is svanstrom, esc or motor; `kind` what its maker calls it."""

    path: Path
    corpus: str
    kind: str
    label: str
    scene: str
    fold: int

    def channels(self) -> Sound:
        """Return the sound at 16 kHz [shape=(n, channels)]."""
        samples, rate_hz = soundfile.read(self.path, dtype="float64", always_2d=True)
        return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ))


def recordings() -> list[Recording]:
    """Return all recordings in a fixed order."""
    found: list[tuple[Path, str, str, str, str]] = []
    for path in sorted((DATA / "A-svanstrom-audio" / "flac").glob("*.flac")):
        kind = path.stem.split("_")[0]
        found.append((path, "svanstrom", kind, SVANSTROM[kind], SCENES.get(path.stem, path.stem)))
    for path in sorted((DATA / "A-esc10-ccby").glob("*/*.flac")):
        kind = path.parent.name
        found.append((path, "esc", kind, ESC[kind], path.stem))
    with (DATA / "A-motor-bench" / "manifest.csv").open() as file:
        for row in csv.DictReader(file):
            bare = row["prop"] == "no_prop"
            path = DATA / "A-motor-bench" / row["file"]
            found.append((path, "motor", row["prop"], "tool" if bare else "multirotor", "motor-bench"))
    dealt = _dealt(found)
    return [Recording(*row, dealt[row[1], row[2], row[4]]) for row in found]


def _dealt(found: list[tuple[Path, str, str, str, str]]) -> dict[tuple[str, str, str], int]:
    """Return the fold of each scene. ESC-10 keeps the folds of its makers, in the first figure of a name."""
    folds: dict[tuple[str, str, str], int] = {}
    for corpus, kind in dict.fromkeys((row[1], row[2]) for row in found):
        scenes = sorted({row[4] for row in found if row[1:3] == (corpus, kind)})
        for at, scene in enumerate(scenes):
            folds[corpus, kind, scene] = int(scene[0]) - 1 if corpus == "esc" else at % FOLDS
    return folds
