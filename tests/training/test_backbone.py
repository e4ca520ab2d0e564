"""YAMNet's blocks as the model has them are the convolutions that TensorFlow makes of the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.sensing.acoustic import broad

pytest.importorskip("onnx", reason="onnx is not installed: it is in requirements/test.txt")
from training import backbone, rounded

FIRST, WIDTHS = 3, (4, 4, 5, 5, 6, 6, 7, 7)


def drawn(rng: np.random.Generator) -> backbone.Tensors:
    """Return constants laid out as in the file: rows, columns and inputs before or behind the outputs."""
    held = {
        backbone.FIRST: rng.normal(0.0, 0.4, (FIRST, 3, 3, 1)),
        backbone.FIRST_BIAS: rng.normal(0.0, 0.1, FIRST),
    }
    inputs = FIRST
    for block, width in enumerate(WIDTHS):
        held[backbone.DEPTHWISE + block] = rng.normal(0.0, 0.5, (1, 3, 3, inputs))
        held[backbone.DEPTHWISE_BIAS + 2 * block] = rng.normal(0.0, 0.1, inputs)
        held[backbone.POINTWISE + block] = rng.normal(0.0, 0.7, (width, 1, 1, inputs))
        held[backbone.POINTWISE_BIAS + 2 * block] = rng.normal(0.0, 0.1, width)
        inputs = width
    return held


def patches(x: np.ndarray, stride: int) -> np.ndarray:
    """Return the 3×3 around each place [shape=(rows, columns, 3, 3, channels)], padded as TensorFlow's SAME."""
    rows, columns = -(-x.shape[0] // stride), -(-x.shape[1] // stride)
    ends = [(max((n - 1) * stride + 3 - size, 0)) for n, size in ((rows, x.shape[0]), (columns, x.shape[1]))]
    x = np.pad(x, [(end // 2, end - end // 2) for end in ends] + [(0, 0)])
    made = np.empty((rows, columns, 3, 3, x.shape[2]))
    for row in range(rows):
        for column in range(columns):
            made[row, column] = x[row * stride : row * stride + 3, column * stride : column * stride + 3]
    return made


def features(held: backbone.Tensors, picture: np.ndarray) -> np.ndarray:
    x = patches(picture[..., None], 2)
    x = np.maximum(np.einsum("yxijc,oijc->yxo", x, held[backbone.FIRST]) + held[backbone.FIRST_BIAS], 0.0)
    for block, stride in enumerate(backbone.STRIDES):
        deep, wide = held[backbone.DEPTHWISE + block][0], held[backbone.POINTWISE + block][:, 0, 0]
        x = np.einsum("yxijc,ijc->yxc", patches(x, stride), deep) + held[backbone.DEPTHWISE_BIAS + 2 * block]
        x = np.maximum(np.maximum(x, 0.0) @ wide.T + held[backbone.POINTWISE_BIAS + 2 * block], 0.0)
    return np.log1p(x.mean(axis=(0, 1)))


def test_the_model_is_what_its_numbers_say() -> None:
    rng = np.random.default_rng(2)
    held = drawn(rng)
    seen = rng.normal(0.0, 1.0, (2, broad.FRAMES, broad.MELS))
    made = rounded.words(backbone.model(held).SerializeToString(), seen)
    expected = np.array([features(held, one) for one in seen])
    assert expected.max() > 0.1
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)
