"""Two nets side by side give the mean of what each gives alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest

from skysentry.sensing.acoustic import bands, net

onnx = pytest.importorskip("onnx", reason="onnx is not installed: it is in requirements/test.txt")
CHANNELS, NARROW, HIDDEN, ROWS = 24, 40, 32, 24
LABELS = len(net.KINDS)


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the weights of a small net with the names of the exported one, all of them numbers of 16 bits."""
    shapes = {
        "first": (CHANNELS, 3, 5, 5), "first.bias": (CHANNELS,), "deep": (CHANNELS, 1, 3, 3), "deep.bias": (CHANNELS,),
        "across": (CHANNELS, CHANNELS, 1, 1), "across.bias": (CHANNELS,), "squeeze": (2 * CHANNELS, NARROW),
        "squeeze.0.bias": (NARROW,), "hidden.0.weight": (HIDDEN, ROWS * NARROW), "hidden.0.bias": (HIDDEN,),
        "head.weight": (LABELS, HIDDEN), "head.bias": (LABELS,),
    }  # fmt: skip
    made = {}
    for name, shape in shapes.items():
        spread = 1.0 / np.sqrt(max(np.prod(shape[1:]), 1.0))
        made[name] = rng.normal(0.0, spread, shape).astype(np.float16).astype(np.float32)
    return made


def single(held: dict[str, np.ndarray]) -> Any:
    """Return a net of the layers that `training.train` exports, a block instead of five."""
    helper = onnx.helper
    conv = {"pads": [1, 1, 1, 1], "dilations": [1, 1]}
    nodes = [
        helper.make_node("Conv", ["picture", "first", "first.bias"], ["a"], kernel_shape=[5, 5], strides=[2, 2],
                         pads=[2, 2, 2, 2], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "deep", "deep.bias"], ["c"], kernel_shape=[3, 3], strides=[2, 1],
                         group=CHANNELS, **conv),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "across", "across.bias"], ["e"], kernel_shape=[1, 1], strides=[1, 1],
                         pads=[0, 0, 0, 0], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("ReduceMean", ["f", "last"], ["mean"], keepdims=0),
        helper.make_node("ReduceMax", ["f", "last"], ["most"], keepdims=0),
        helper.make_node("Concat", ["mean", "most"], ["g"], axis=1),
        helper.make_node("Transpose", ["g"], ["h"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["h", "squeeze"], ["i"]),
        helper.make_node("Add", ["squeeze.0.bias", "i"], ["j"]),
        helper.make_node("Relu", ["j"], ["k"]),
        helper.make_node("Flatten", ["k"], ["l"], axis=1),
        helper.make_node("Gemm", ["l", "hidden.0.weight", "hidden.0.bias"], ["m"], transB=1),
        helper.make_node("Relu", ["m"], ["n"]),
        helper.make_node("Gemm", ["n", "head.weight", "head.bias"], ["logits"], transB=1),
    ]  # fmt: skip
    values = [onnx.numpy_helper.from_array(array, name) for name, array in held.items()]
    values.append(onnx.numpy_helper.from_array(np.array([3]), "last"))
    shape = [1, 3, bands.BANDS, bands.FRAMES]
    ends = (("picture", shape), ("logits", [1, LABELS]))
    first, last = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in ends)
    graph = helper.make_graph(nodes, "single", [first], [last], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def told(model: Any, picture: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    made: np.ndarray = session.run(None, {"picture": picture})[0]
    return made


@pytest.mark.parametrize("members", [1, 2, 3])
def test_joined_nets_give_the_mean_of_their_logits(members: int) -> None:
    from training.joint import joined

    rng = np.random.default_rng(members)
    nets = [single(weights(rng)) for _ in range(members)]
    picture = rng.normal(0.0, 1.0, (1, 3, bands.BANDS, bands.FRAMES)).astype(np.float32)
    alone = [told(one, picture) for one in nets]
    assert np.ptp([one[0, 0] for one in alone]) > 0.01 or members == 1
    # The head is divided by the number of members before it is kept in 16 bits: eleven bits hold 0.0005 of it.
    assert told(joined(nets), picture) == pytest.approx(np.mean(alone, axis=0), abs=2e-3)


def test_large_weights_are_kept_in_half_the_room() -> None:
    from training.joint import LARGE, joined

    made = joined([single(weights(np.random.default_rng(seed))) for seed in (1, 2)])
    for value in made.graph.initializer:
        array = onnx.numpy_helper.to_array(value)
        if array.dtype != np.int64:
            assert array.dtype == (np.float16 if array.size >= LARGE else np.float32)
    assert {node.op_type for node in made.graph.node if node.output[0].startswith("value")} == {"Cast"}
