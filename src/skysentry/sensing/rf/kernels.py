"""Compile what the radio stages need, once: a live receiver does not wait the ten seconds that it takes.

python -m skysentry.sensing.rf.kernels
"""

from __future__ import annotations

import sys

import numpy as np

from skysentry.sensing.rf.droneid_burst import read
from skysentry.sensing.rf.droneid_search import offsets, search
from skysentry.sensing.rf.droneid_signal import BURST, RATE_HZ, SIZE, pilot_samples

# A band wide enough to be searched at all offsets at once.
WIDE_HZ = 4.0 * RATE_HZ


def warm() -> None:
    """Compile, or load from the cache, every compiled function of this folder."""
    cut = np.resize(np.asarray(pilot_samples(3), np.complex64), BURST + 2 * SIZE)
    search(cut, RATE_HZ, (0.0,))
    search(cut, WIDE_HZ, offsets(WIDE_HZ, None, ()))
    read(cut)


if __name__ == "__main__":
    warm()
    sys.stdout.write("the radio kernels are compiled\n")
