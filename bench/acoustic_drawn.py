"""How often the shipped detector tells drawn machines and voices as flying: kinds of which there are no recordings.

    python -m bench.acoustic_drawn [CLIPS]        25 clips of six seconds a kind by default

**Simulated**, and by the same code that the nets learned from (`training.augment`), with seeds of its own: the nets'
share of these figures flatters. A second column is by the broad net and the comb alone.
"""

from __future__ import annotations

import math
import sys
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from training.augment import air, microphone
from training.augment.flying import FLYING
from training.augment.ground import GROUND
from training.augment.quiet import QUIET
from training.augment.signal import RATE_HZ, unit

from bench import show
from skysentry.events import Block
from skysentry.sensing.acoustic import fuse
from skysentry.sensing.acoustic.detector import BANDS, flying
from skysentry.sensing.acoustic.ear import Ear

SECONDS = 6
# Seeds of the training are counted from 3; these are far from them.
SEED = 777
KINDS = (*GROUND, "multirotor", "fixed_wing_piston")


def clip(kind: str, number: int) -> NDArray[np.float32]:
    """Return a source, 6 to 25 dB above a place, through a microphone."""
    rng = np.random.default_rng([SEED, KINDS.index(kind), number])
    length = SECONDS * RATE_HZ
    made = (
        GROUND[kind](rng, length)
        if kind in GROUND
        else air.propagated(rng, FLYING[kind](rng, length + RATE_HZ), length)
    )
    place = list(QUIET)[int(rng.integers(len(QUIET)))]
    sound = unit(made) + unit(QUIET[place](rng, length)) * 10 ** (-rng.uniform(6, 25) / 20)
    return np.asarray(microphone.recorded(rng, sound), dtype="<f4")


def beliefs(sound: NDArray[np.float32]) -> list[tuple[float, ...] | None]:
    """Return of each second at 16 kHz what is believed of it where it is told as flying."""
    ear, found = Ear(BANDS), []
    # A second a block: an ear refuses blocks of more than ten.
    for at in range(0, len(sound), RATE_HZ):
        part, time_ns = sound[at : at + RATE_HZ], 10**18 + at * 10**9 // RATE_HZ
        block = Block(
            id=f"clip:{at}", time_ns=time_ns, received_ns=time_ns, sensor="ear", rate_hz=float(RATE_HZ),
            shape=(len(part), 1), dtype="float32", data=part.tobytes(),
        )  # fmt: skip
        found += [flying(second) for second in ear.hear(block)[0]]
    return found


def told(sound: NDArray[np.float32]) -> list[bool]:
    """Return for each second whether it is told as flying."""
    return [belief is not None for belief in beliefs(sound)]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    rows: list[dict[str, object]] = []
    for kind in KINDS:
        clips = [clip(kind, number) for number in range(count)]
        row: dict[str, object] = {"kind": kind, "flies": f"{np.mean([told(sound) for sound in clips]):.2f}"}
        with mock.patch.object(fuse, "ASK_LLR", math.inf):
            row["broad net alone"] = f"{np.mean([told(sound) for sound in clips]):.2f}"
        rows.append(row)
    show("Share of seconds told as flying, drawn clips", rows)


if __name__ == "__main__":
    main()
