"""A model in whole numbers: weights of 7 bits, what flows between them of 8, sums of both exact.

7 bits, for two products of 8 each may leave the 16 bits in which processors without VNNI add them up. The range of each
layer is that of 99.99 % of what it gives for windows like those that it will hear: with the whole range its steps are
twice as wide, and it errs twice as much. Rectifiers are rounded too, or each would be done in floats between two
conversions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

RANGE_PERCENT = 99.99
Pictures = NDArray[np.float32]


class _Windows(CalibrationDataReader):  # type: ignore[misc]
    """Windows one by one, as onnxruntime asks for them."""

    def __init__(self, seen: NDArray[np.floating]) -> None:
        self.left: Iterator[NDArray[np.floating]] = iter(seen)

    def get_next(self) -> dict[str, Pictures] | None:
        """Return the next, or None."""
        one = next(self.left, None)
        return None if one is None else {"picture": one.astype(np.float32)[None, None]}


def rounded(whole: Path, seen: NDArray[np.floating], floats: int = 0) -> bytes:
    """Return the model of a file with its convolutions in whole numbers, their ranges measured on windows.

    Its first `floats` operations stay in floats.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, made = Path(folder) / "plain.onnx", Path(folder) / "rounded.onnx"
        quant_pre_process(str(whole), str(plain), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(plain).graph.node[:floats]]
        quantize_static(
            str(plain), str(made), _Windows(seen), quant_format=QuantFormat.QDQ, op_types_to_quantize=["Conv", "Relu"],
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
            nodes_to_exclude=names, calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": RANGE_PERCENT},
        )  # fmt: skip
        return made.read_bytes()


def words(model: bytes, seen: NDArray[np.floating]) -> Pictures:
    """Return what a model gives [shape=(n, outputs)] of windows [shape=(n, 96, 64)]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    said = [session.run(None, {"picture": one.astype(np.float32)[None, None]})[0][0] for one in seen]
    made: Pictures = np.stack(said)
    return made
