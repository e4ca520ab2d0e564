"""Sound from one direction: the microphones delayed until they agree, and averaged.

The spectra of a second (Hann, frames of two hops) are turned by the delays and added; frames at every hop under a Hann
window sum to one, so their inverse transforms, overlapped and added, are the sound again. The last half frame of a
second waits for the next: what comes out lags by one hop. Delays are far shorter than a frame, whose ends are zero, so
turning the circle wraps nothing that is heard.
"""

from __future__ import annotations

import numpy as np

from skysentry.sensing.acoustic.array.field import Spectra
from skysentry.sensing.acoustic.array.geometry import Array64
from skysentry.sensing.acoustic.spectrum import Array


def beam(every: Spectra, delays_s: Array64, rate_hz: float, before: Array | None) -> tuple[Array, Array]:
    """Return the sound [shape=(T·hop,)] and what is left for the next second [shape=(hop,)].

    `every` [shape=(M, 1 + hop, T)] are all bins of the microphones that are used; `delays_s` how much earlier each
    hears the source than the middle of the array.
    """
    hop, looks = every.shape[1] - 1, every.shape[2]
    turn = 2.0 * np.pi * rate_hz / (2 * hop) * delays_s
    steps = np.exp(-1j * turn[:, None] * np.arange(hop + 1)).astype(np.complex64)
    summed = np.einsum("mf,mft->tf", steps, every) / np.float32(len(delays_s))
    frames = np.fft.irfft(summed, axis=1).astype(np.float32)
    sound = np.zeros((looks + 1, hop), dtype=np.float32)
    sound[:-1] += frames[:, :hop]
    sound[1:] += frames[:, hop:]
    if before is not None:
        sound[0] += before
    return sound[:-1].ravel(), sound[-1].copy()
