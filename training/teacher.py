"""YAMNet's embedding of a window, the aim of distillation (Apache-2.0; named in the model card, not shipped).

The embedding has 1,024 numbers, nine tenths of them zero; the net learns 128 principal components of it. The teacher
knows 521 kinds of sound; what it tells apart helps with sounds that no recording here holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.augment.signal import RATE_HZ, Sound
from training.corpus import DATA

WEIGHTS = DATA / "H-weights" / "yamnet_waveform_in.tflite"
# Input length and the number of the tensor that holds the embedding (reference data.md 12, measured there).
SAMPLES = 15_600
TENSOR = 112
COMPONENTS = 128


class Teacher:
    """The network, ready."""

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.net = Interpreter(str(WEIGHTS), experimental_preserve_all_tensors=True, num_threads=1)
        self.net.allocate_tensors()
        self.input = self.net.get_input_details()[0]["index"]

    def embed(self, second: Sound) -> NDArray[np.float16]:
        """Return the embedding [shape=(1024,)] of a second; level is set, for the teacher is not free of gain."""
        piece = np.asarray(second[:SAMPLES], dtype=np.float32)
        peak = float(np.abs(piece).max())
        self.net.set_tensor(self.input, piece * np.float32(0.5 / max(peak, 1e-6)))
        self.net.invoke()
        made: NDArray[np.float16] = self.net.get_tensor(TENSOR)[0].astype(np.float16)
        return made

    def windows(self, sound: Sound, context: int, count: int) -> NDArray[np.float16]:
        """Return the embeddings of the seconds of a clip behind its context."""
        return np.stack([self.embed(sound[context + k * RATE_HZ :][:RATE_HZ]) for k in range(count)])


def components(embedded: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the principal components [shape=(n, 128)] of embeddings, together of unit variance."""
    flat = embedded.astype(np.float32)
    flat -= flat.mean(axis=0)
    _, vectors = np.linalg.eigh(flat.T @ flat)
    made = flat @ vectors[:, ::-1][:, :COMPONENTS]
    scaled: NDArray[np.float32] = made / np.sqrt((made**2).mean())
    return scaled
