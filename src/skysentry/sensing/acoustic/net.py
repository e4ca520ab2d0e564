"""The learned branch: the picture of a second → log p(z|kind) of sixteen kinds of sound, up to a common constant.

Weights: `weights.onnx`, made by `make train-acoustic`, described in docs/model-card-acoustic.md. The net was trained
with the shares `SHARES` of its kinds, so a logit is log p(z|kind) + log share + constant; the share is taken off here.

One thread and one second at a time: sums then run in the same order whatever else a server hears, and a replay gives
the same bits. Batching over microphones would save 0.05 ms a second; equal results are worth more.
The weights are read once from the package, the only reading in this layer: they are part of the program.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import numpy as np

from skysentry.sensing.acoustic import bands
from skysentry.sensing.acoustic.spectrum import Array

# The kinds in the order of the logits, and their shares in training (training/recipe.py reads them here).
SHARES = {
    "nothing": 0.30, "multirotor": 0.22, "fixed_wing_electric": 0.03, "fixed_wing_piston": 0.08, "jet": 0.05,
    "helicopter": 0.09, "aeroplane": 0.05, "chainsaw": 0.03, "mower": 0.02, "generator": 0.015, "engine": 0.025,
    "vacuum": 0.02, "tool": 0.02, "speech": 0.025, "siren": 0.015, "thunder": 0.01,
}  # fmt: skip
KINDS = tuple(SHARES)
CONFUSERS = KINDS[KINDS.index("chainsaw") :]
_LOG_SHARES: Array = np.log(np.array(list(SHARES.values()), dtype=np.float32))


@functools.cache
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    weights = (resources.files("skysentry.sensing.acoustic") / "weights.onnx").read_bytes()
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def log_p(power: Array) -> Array:
    """Return log p(z|kind) [shape=(16,)] less that of the likeliest, of the frames of a second [shape=(32, 1025)]."""
    picture = bands.channels(bands.levels_db(power))
    logits: Array = _session().run(None, {"picture": picture[None]})[0][0]
    found = logits - _LOG_SHARES
    made: Array = found - found.max()
    return made
