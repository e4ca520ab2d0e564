"""The first blocks of YAMNet, as they are: a model from pictures to features, in whole numbers.

    picture [1, 1, 96, 64] ─ conv 3×3 /2 ─ eight separable blocks ─ [1, 512, 6, 4] ─ mean, log(1 + x) ─▶ [1, 512]

YAMNet (Google, Apache-2.0) is MobileNet v1 (Howard et al. 2017) that learned AudioSet; batch normalisation is folded
into its weights. They are read from `teacher.WEIGHTS`, those of 8 bits taken for what they stand for, and rounded anew
in the ranges of what the project hears (`rounded`): the file's own front end and its own ranges are not used.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from skysentry.sensing.acoustic import broad
from training import rounded
from training.joint import Building
from training.teacher import WEIGHTS

# Tensors of the file: the first convolution and its bias; of each block depthwise and pointwise weights and biases.
FIRST, FIRST_BIAS = 11, 13
DEPTHWISE, DEPTHWISE_BIAS, POINTWISE, POINTWISE_BIAS = 43, 14, 56, 15
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1)
BLOCKS = len(STRIDES)
# Layers that stay in floats, each a convolution and its rectifier: the first has one channel in, the second a kernel
# for each channel, so little to multiply that rounding costs more than it saves (0.375 ms instead of 0.34 in all).
FLOATS = 2
OPSET, IR_VERSION = 18, 8
Tensors = dict[int, NDArray[Any]]
Pictures = NDArray[np.floating]


def body(seen: Pictures) -> bytes:
    """Return the model, its ranges measured on windows [shape=(n, 96, 64)]."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        onnx.save(model(tensors()), whole)
        return rounded.rounded(whole, seen, 2 * FLOATS)


def tensors() -> Tensors:
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


def model(held: Tensors) -> onnx.ModelProto:
    """Return the model in floats."""
    made = Building()
    at = _convolved(made, "picture", held[FIRST].transpose(0, 3, 1, 2), held[FIRST_BIAS], 2)
    for block, stride in enumerate(STRIDES):
        deep, wide = held[DEPTHWISE + block], held[POINTWISE + block]
        at = _convolved(made, at, deep.transpose(3, 0, 1, 2), held[DEPTHWISE_BIAS + 2 * block], stride)
        at = _convolved(made, at, wide.transpose(0, 3, 1, 2), held[POINTWISE_BIAS + 2 * block], 1)
    at = made.step("ReduceMean", at, made.value(np.array([2, 3])), keepdims=0)
    at = made.step("Log", made.step("Add", at, made.value(np.ones(1, dtype=np.float32))))
    ends = (("picture", [1, 1, broad.FRAMES, broad.MELS]), (at, [1, len(held[POINTWISE + BLOCKS - 1])]))
    first, last = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in ends)
    graph = helper.make_graph(made.nodes, "body", [first], [last], made.values)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(whole)
    return whole


def _convolved(made: Building, at: str, weight: NDArray[Any], bias: NDArray[Any], stride: int) -> str:
    """Append a convolution and its rectifier; return the name of what they give.

    One of 3×3 pads as TensorFlow does: behind alone where the stride is 2. Where each channel has its own kernel they
    are as many groups.
    """
    outputs, inputs, size, _ = weight.shape
    before, behind = (0, 0) if size == 1 else (2 - stride, 1)
    depthwise = inputs == 1 and at != "picture"
    weighed, constant = (made.value(one.astype(np.float32)) for one in (weight, bias))
    convolved = made.step(
        "Conv", at, weighed, constant, kernel_shape=[size, size], strides=[stride, stride], dilations=[1, 1],
        pads=[before, before, behind, behind], group=outputs if depthwise else 1,
    )  # fmt: skip
    return made.step("Relu", convolved)
