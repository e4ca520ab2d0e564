"""The first blocks of YAMNet as a net that goes on learning, with a head for families of sound.

    [1, 96, 64] ─ conv 3×3 /2 ─ eight separable blocks ─ [512, 6, 4] ─ mean, log(1 + x) ─ 48 ─ log p(family|z)

YAMNet (Google, Apache-2.0) is MobileNet v1 (Howard et al. 2017) that learned AudioSet; batch normalisation is folded
into its weights. Its blocks begin as they are in `teacher.WEIGHTS`, with 8-bit weights taken for what they stand for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skysentry.sensing.acoustic import texture
from training.teacher import WEIGHTS

# Tensors of the file: the first convolution and its bias; of each block depthwise and pointwise weights and biases.
FIRST, FIRST_BIAS = 11, 13
DEPTHWISE, DEPTHWISE_BIAS, POINTWISE, POINTWISE_BIAS = 43, 14, 56, 15
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1)
BLOCKS = len(STRIDES)
HIDDEN = 48
# Features further out, in spreads from their mean, are as strange as one here, as in `texture`.
MOST_SPREADS = 3.0


def _tensors() -> dict[int, NDArray[Any]]:
    """Return the constants of the file by their number; those of 8 bits as what they stand for."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(str(WEIGHTS), num_threads=1)
    net.allocate_tensors()
    kept = [FIRST, FIRST_BIAS]
    for block in range(BLOCKS):
        kept += [DEPTHWISE + block, DEPTHWISE_BIAS + 2 * block, POINTWISE + block, POINTWISE_BIAS + 2 * block]
    details = {detail["index"]: detail for detail in net.get_tensor_details()}
    return {number: _whole(net.get_tensor(number), details[number]["quantization_parameters"]) for number in kept}


def _whole(values: NDArray[Any], how: dict[str, Any]) -> NDArray[Any]:
    if values.dtype != np.int8:
        return values
    shape = [1] * values.ndim
    shape[how["quantized_dimension"]] = -1
    return values.astype(np.float32) * how["scales"].astype(np.float32).reshape(shape)


class _Same(nn.Module):
    """A convolution 3×3 that pads as TensorFlow does: behind where the stride is 2."""

    def __init__(self, weight: NDArray[Any], bias: NDArray[Any], stride: int, groups: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[:2]
        self.pad = nn.ZeroPad2d((1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))
        self.conv = nn.Conv2d(inputs * groups, outputs, 3, stride, groups=groups)
        self.conv.weight.data, self.conv.bias.data = _tensor(weight), _tensor(bias)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(self.pad(x))
        return made


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.tensor(np.ascontiguousarray(values, dtype=np.float32))


class Net(nn.Module):
    """From pictures [shape=(n, 1, 96, 64)] to logits of families [shape=(n, 6)]."""

    def __init__(self) -> None:
        super().__init__()
        held = _tensors()
        layers: list[nn.Module] = [_Same(held[FIRST].transpose(0, 3, 1, 2), held[FIRST_BIAS], 2, 1), nn.ReLU()]
        for block, stride in enumerate(STRIDES):
            deep, wide = held[DEPTHWISE + block], held[POINTWISE + block]
            groups, bias = deep.shape[-1], held[DEPTHWISE_BIAS + 2 * block]
            layers.append(_Same(deep.transpose(3, 0, 1, 2), bias, stride, groups))
            point = nn.Conv2d(wide.shape[-1], len(wide), 1)
            point.weight.data = _tensor(wide.transpose(0, 3, 1, 2))
            point.bias.data = _tensor(held[POINTWISE_BIAS + 2 * block])
            layers += [nn.ReLU(), point, nn.ReLU()]
        self.body = nn.Sequential(*layers)
        width = len(held[POINTWISE + BLOCKS - 1])
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.drop = nn.Dropout(0.2)
        self.hidden = nn.Linear(width, HIDDEN)
        self.out = nn.Linear(HIDDEN, len(texture.FAMILIES))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        features = torch.log1p(self.body(x).mean(dim=(2, 3)))
        held = self.drop(self.norm(features).clamp(-MOST_SPREADS, MOST_SPREADS))
        made: Tensor = self.out(self.drop(torch.relu(self.hidden(held))))
        return made
