"""YAMNet's embedding of a window, the aim of distillation (Apache-2.0; named in the model card, not shipped).

The embedding has 1,024 numbers, nine tenths of them zero, here as log(1 + x). The net learns 128 principal components
of it, those of drawn clips, so that they are the same whatever recordings are left out; and what the teacher would
say: three logistic regressions of the embedding, multirotor, helicopter and machine against the rest (`words`), fitted
on what the net learns from. The teacher knows 521 kinds of sound; what it tells apart helps with sounds that no
recording here holds.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic.net import KINDS
from training.augment.signal import RATE_HZ, Sound
from training.corpus import DATA

WEIGHTS = DATA / "H-weights" / "yamnet_waveform_in.tflite"
# Input length and the number of the tensor that holds the embedding (reference data.md 12, measured there).
SAMPLES = 15_600
TENSOR = 112
COMPONENTS = 128
# The words may look at more than the net is asked to learn one by one.
WORD_COMPONENTS = 200
WORDS = (
    ("multirotor",),
    ("helicopter",),
    ("chainsaw", "mower", "generator", "engine", "vacuum", "tool"),
)
# Recordings weigh more than drawn clips: what was drawn is not what is. Drones of other makers are drawn ones alone.
WORD_SHARES = {"recorded": 0.3, "drawn": 0.2}
WORD_RIDGE = 0.01
# A word beyond is as sure as a teacher of so few recordings can be.
MOST_WORD = 5.0
Array = NDArray[np.float32]


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


class Space(Struct, frozen=True):
    """Principal axes [shape=(1024, 200)] of embeddings, and their mean; the first 128 have unit variance together."""

    mean: Array
    axes: Array

    @classmethod
    def of(cls, embedded: NDArray[np.float16]) -> Space:
        """Return the space of embeddings [shape=(n, 1024)]."""
        flat = np.log1p(embedded.astype(np.float32))
        mean = flat.mean(axis=0)
        flat -= mean
        _, vectors = np.linalg.eigh(flat.T @ flat)
        axes = vectors[:, ::-1][:, :WORD_COMPONENTS]
        scale = np.sqrt(((flat @ axes[:, :COMPONENTS]) ** 2).mean())
        return cls(mean, axes / scale)

    def components(self, embedded: NDArray[np.float16]) -> Array:
        """Return the components [shape=(n, 200)] of embeddings."""
        made: Array = (np.log1p(embedded.astype(np.float32)) - self.mean) @ self.axes
        return made


def words(components: Array, labels: NDArray[np.int64], recorded: NDArray[np.bool_]) -> Array:
    """Return what the teacher says [shape=(n, 3)] of windows, each word of unit spread.

    `labels` are of `KINDS`; `recorded` says which windows are of recordings.
    """
    said = []
    for kinds in WORDS:
        mine = np.isin(labels, [KINDS.index(kind) for kind in kinds])
        said.append(_word(components.astype(np.float64), mine, recorded))
    made = np.stack(said, axis=1).astype(np.float32)
    scaled: Array = made / made.std(axis=0)
    return scaled


def _word(x: NDArray[np.float64], mine: NDArray[np.bool_], recorded: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the ratio of a ridged logistic regression for each of the windows that it learned from."""
    weight = np.zeros(len(x))
    for side in (mine, ~mine):
        parts = {"recorded": side & recorded, "drawn": side & ~recorded}
        present = {name: WORD_SHARES[name] for name, part in parts.items() if part.any()}
        for name, share in present.items():
            weight[parts[name]] = 0.5 * share / sum(present.values()) / parts[name].sum()
    rows = np.column_stack((x, np.ones(len(x))))
    ridge = np.full(rows.shape[1], WORD_RIDGE)
    ridge[-1] = 1e-6
    found = np.zeros(rows.shape[1])
    for _ in range(10):  # Newton's method
        chance = 1.0 / (1.0 + np.exp(-rows @ found))
        bend = (rows * (weight * chance * (1.0 - chance))[:, None]).T @ rows + np.diag(ridge)
        found -= np.linalg.solve(bend, rows.T @ (weight * (chance - mine)) + ridge * found)
    return np.clip(rows @ found, -MOST_WORD, MOST_WORD)
