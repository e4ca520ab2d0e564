"""Join nets of one shape into one model whose logits are the mean of theirs.

    python -m training.joint OUT.onnx NET.onnx …

The same convolutions side by side, as groups: half the steps of nets one after the other, which matters more than the
arithmetic (0.51 instead of 0.65 ms a second where nothing is left in the cache). What follows them is convolutions too,
or onnxruntime would take its blocks of channels apart for it (0.38 instead of 0.44 ms). Large weights are kept in 16
bits and cast once when the model is loaded: half the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from skysentry.sensing.acoustic import bands

# Of fewer numbers are the biases, which stay in 32 bits.
LARGE = 512
Weights = NDArray[np.float32]


class Building:
    """A model that is being built: each step takes the name of what it works on and returns that of what it gives."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []

    def value(self, array: NDArray[np.generic]) -> str:
        """Keep an array; return its name."""
        name = f"value{len(self.values)}"
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def step(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append an operation; return the name of its output."""
        name = f"step{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name


def joined(nets: list[onnx.ModelProto]) -> onnx.ModelProto:
    """Return the model of nets that `training.train` exported (`training.model`)."""
    members = len(nets)
    weights = [{one.name: numpy_helper.to_array(one) for one in net.graph.initializer} for net in nets]
    model, at, frames = Building(), "picture", bands.FRAMES
    for same in zip(*(_of(net, "Conv") for net in nets), strict=True):
        attributes = {one.name: helper.get_attribute_value(one) for one in same[0].attribute}
        frames //= attributes["strides"][1]
        # The first layer sees one picture; what is behind it keeps its channels apart.
        attributes["group"] = 1 if at == "picture" else members * attributes["group"]
        parts = [[held[name] for name in node.input[1:]] for held, node in zip(weights, same, strict=True)]
        weight, bias = (model.value(np.concatenate(one)) for one in zip(*parts, strict=True))
        at = model.step("Relu", model.step("Conv", at, weight, bias, **attributes))
    squeeze = [held[_of(net, "MatMul")[0].input[1]] for held, net in zip(weights, nets, strict=True)]
    narrow, inside = squeeze[0].shape[1], len(squeeze[0]) // 2
    # The first half weighs the means over time, the other the maxima.
    of_mean = _stacked([one[:inside].T[:, :, None] for one in squeeze])
    of_most = _stacked([one[inside:].T[:, :, None] for one in squeeze])
    mean, most = (model.step(f"{how}Pool", at, kernel_shape=[1, frames]) for how in ("Average", "Max"))
    bias = model.value(np.concatenate([held["squeeze.0.bias"] for held in weights]))
    mean = model.step("Conv", mean, model.value(of_mean), bias, group=members)
    most = model.step("Conv", most, model.value(of_most), group=members)
    at = model.step("Relu", model.step("Add", mean, most))
    hidden = [held["hidden.0.weight"] for held in weights]
    over_bands = _stacked([one.reshape(len(one), -1, narrow).swapaxes(1, 2) for one in hidden])
    bias = model.value(np.concatenate([held["hidden.0.bias"] for held in weights]))
    at = model.step("Relu", model.step("Conv", at, model.value(over_bands), bias, group=members))
    head = np.concatenate([held["head.weight"] for held in weights], axis=1) / np.float32(members)
    bias = np.mean([held["head.bias"] for held in weights], axis=0, dtype=np.float32)
    at = model.step("Conv", at, model.value(head[:, :, None, None]), model.value(bias))
    model.step("Flatten", at, axis=1)
    return _made(model, nets[0], len(bias))


def _stacked(weights: list[Weights]) -> Weights:
    """Return weights [shape=(outputs, inputs, bands)] of each net as those of a convolution in groups."""
    return np.concatenate(weights)[..., None]


def _of(net: onnx.ModelProto, kind: str) -> list[onnx.NodeProto]:
    return [node for node in net.graph.node if node.op_type == kind]


def _made(model: Building, like: onnx.ModelProto, labels: int) -> onnx.ModelProto:
    """Return the model that was built, with its large weights in 16 bits."""
    model.nodes[-1].output[0] = "logits"
    output = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, labels])
    graph = helper.make_graph(model.nodes, "joint", list(like.graph.input), [output], model.values)
    return short(helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version))


def short(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its large weights in 16 bits, cast once when it is loaded."""
    values, casts = [], []
    for value in model.graph.initializer:
        array = numpy_helper.to_array(value)
        if array.dtype == np.float32 and array.size >= LARGE:
            name = f"{value.name}/short"
            casts.append(helper.make_node("Cast", [name], [value.name], to=onnx.TensorProto.FLOAT))
            values.append(numpy_helper.from_array(array.astype(np.float16), name))
        else:
            values.append(value)
    graph = model.graph
    held = helper.make_graph([*casts, *graph.node], "joint", list(graph.input), list(graph.output), values)
    made = helper.make_model(held, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(made)
    return made


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.joint")
    parser.add_argument("out", type=Path)
    parser.add_argument("nets", type=Path, nargs="+")
    wanted = parser.parse_args()
    onnx.save(joined([onnx.load(path) for path in wanted.nets]), wanted.out)


if __name__ == "__main__":
    main()
