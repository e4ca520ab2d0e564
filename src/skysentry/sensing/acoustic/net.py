"""The net that sees lines: the levels of a second → log p(z|kind) of sixteen kinds of sound, up to a constant.

Weights: made by `make train-acoustic`, described in docs/model-card-acoustic.md. The logs of the shares that the kinds
had in training are taken off the last layer when a net is exported.

One thread and one second at a time: sums then run in the same order whatever else a server hears, and a replay gives
the same bits. Batching over microphones would save 0.05 ms a second; equal results are worth more.
The weights are read once from the package, as those of `broad`, the only reading in this layer: they are part of the
program.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import numpy as np

from skysentry.sensing.acoustic import bands
from skysentry.sensing.acoustic.spectrum import Array

# In the order of the outputs; training/recipe.py takes them from here.
KINDS = (
    "nothing", "multirotor", "fixed_wing_electric", "fixed_wing_piston", "jet", "helicopter", "aeroplane",
    "chainsaw", "mower", "generator", "engine", "vacuum", "tool", "speech", "siren", "thunder",
)  # fmt: skip
WEIGHTS = "weights.onnx"
CONFUSERS = KINDS[KINDS.index("chainsaw") :]
# Classes with no real recording behind them: learned from drawn sounds, shown by nobody in the field.
UNVALIDATED = ("fixed_wing_electric", "fixed_wing_piston", "jet", "aeroplane")
# What a deaf second says of the kinds: nothing.
NOTHING_HEARD: Array = np.zeros(len(KINDS), dtype=np.float32)


@functools.cache
def session(weights: str) -> Any:
    """Return a session of a model of the package, in one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    model = (resources.files("skysentry.sensing.acoustic") / weights).read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def log_p(levels_db: Array) -> Array:
    """Return log p(z|kind) [shape=(16,)] less that of the likeliest, of the levels of a second [shape=(32, 96)]."""
    return said(WEIGHTS, bands.channels(levels_db))


def said(weights: str, picture: Array) -> Array:
    """Return what a model of the package says of one picture [shape=(channels, …)], less the highest."""
    logits: Array = session(weights).run(None, {"picture": picture[None]})[0][0]
    made: Array = logits - logits.max()
    return made
