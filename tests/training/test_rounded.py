"""A model in whole numbers gives what it gave before, but for rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skysentry.sensing.acoustic import broad

onnx = pytest.importorskip("onnx", reason="onnx is not installed: it is in requirements/test.txt")
CHANNELS, OUTPUTS = 16, 6


def small(rng: np.random.Generator) -> Any:
    """Return a net of the layers that `training.backbone` exports, one block instead of eight."""
    helper = onnx.helper
    shapes = {
        "first": (CHANNELS, 1, 3, 3), "first.bias": (CHANNELS,), "deep": (CHANNELS, 1, 3, 3), "deep.bias": (CHANNELS,),
        "across": (CHANNELS, CHANNELS, 1, 1), "across.bias": (CHANNELS,), "out": (OUTPUTS, CHANNELS),
        "out.bias": (OUTPUTS,),
    }  # fmt: skip
    values = [
        onnx.numpy_helper.from_array(
            rng.normal(0.0, 1.0 / np.sqrt(max(np.prod(shape[1:]), 1.0)), shape).astype(np.float32), name
        )
        for name, shape in shapes.items()
    ]
    wide = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "dilations": [1, 1]}
    nodes = [
        helper.make_node("Conv", ["picture", "first", "first.bias"], ["a"], group=1, **wide),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "deep", "deep.bias"], ["c"], group=CHANNELS, **wide),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "across", "across.bias"], ["e"], kernel_shape=[1, 1], strides=[1, 1],
                         pads=[0, 0, 0, 0], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("GlobalAveragePool", ["f"], ["g"]),
        helper.make_node("Flatten", ["g"], ["h"], axis=1),
        helper.make_node("Gemm", ["h", "out", "out.bias"], ["logits"], transB=1),
    ]  # fmt: skip
    ends = (("picture", [1, 1, broad.FRAMES, broad.MELS]), ("logits", [1, OUTPUTS]))
    first, last = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in ends)
    graph = helper.make_graph(nodes, "small", [first], [last], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_rounding_changes_little(tmp_path: Path) -> None:
    from training import rounded

    rng = np.random.default_rng(1)
    path = tmp_path / "whole.onnx"
    onnx.save(small(rng), path)
    seen = rng.normal(-3.0, 1.5, (60, broad.FRAMES, broad.MELS)).astype(np.float32)
    seen += rng.normal(0.0, 1.0, (60, 1, broad.MELS)).astype(np.float32)
    made = rounded.rounded(path, seen)
    before, after = rounded.words(path.read_bytes(), seen), rounded.words(made, seen)
    assert {value.data_type for value in onnx.load_from_string(made).graph.initializer} >= {onnx.TensorProto.INT8}
    off = after - before
    assert np.abs(off).mean() < 0.1 * before.std(), "each layer in 256 steps"
    assert (after.argmax(axis=1) == before.argmax(axis=1)).mean() > 0.8


def test_what_stays_in_floats_does(tmp_path: Path) -> None:
    from training import rounded

    rng = np.random.default_rng(1)
    path = tmp_path / "whole.onnx"
    net = small(rng)
    for number, node in enumerate(net.graph.node):
        node.name = f"node{number}"
    onnx.save(net, path)
    seen = rng.normal(-3.0, 1.5, (20, broad.FRAMES, broad.MELS)).astype(np.float32)
    graph = onnx.load_from_string(rounded.rounded(path, seen, 2)).graph
    floats = {value.name for value in graph.initializer if value.data_type == onnx.TensorProto.FLOAT}
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    assert [name in floats for name in weights] == [True, False, False]


def test_what_is_shipped_is_in_whole_numbers() -> None:
    model = onnx.load(Path(broad.__file__).parent / broad.WEIGHTS)
    whole = sum(int(np.prod(v.dims)) for v in model.graph.initializer if v.data_type == onnx.TensorProto.INT8)
    large = [v for v in model.graph.initializer if v.data_type == onnx.TensorProto.FLOAT and np.prod(v.dims) > 30_000]
    assert whole > 250_000
    assert not large
