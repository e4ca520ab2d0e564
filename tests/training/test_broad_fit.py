"""The broad net's head finds what tells kinds apart, whatever the microphone, and learns from nothing left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training.lesson import Source

from skysentry.sensing.acoustic import broad as shipped
from skysentry.sensing.acoustic import net
from training import recipe

onnx = pytest.importorskip("onnx", reason="onnx is not installed: it is in requirements/test.txt")
from training import broad  # noqa: E402

MULTIROTOR, CHAINSAW = recipe.LABELS.index("multirotor"), recipe.LABELS.index("chainsaw")
WIDTH = 20
SCALE = broad.Scale(np.zeros(WIDTH, dtype=np.float32), np.ones(WIDTH, dtype=np.float32))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broad, "STEPS", 300)


def drawn(seed: int, count: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    """Return features of which the first ten agree; in multirotors they are far out to either side, else near 0."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, WIDTH)).astype(np.float32)
    side = rng.standard_normal((count, 1)).astype(np.float32)
    x[:, :10] = 0.3 * x[:, :10] + side
    return x, np.where(np.abs(side[:, 0]) > 0.7, MULTIROTOR, rng.choice([0, CHAINSAW], count))


def fitted(copies: np.ndarray, kind: np.ndarray, rows: np.ndarray | None = None) -> broad.Head:
    rows = np.arange(len(kind)) if rows is None else rows
    sources = [Source("drawn", rows, kind[rows], np.full(len(rows), 1.0 / len(rows)))]
    return broad.fitted(broad.taught({"drawn": copies.astype(np.float16)}, SCALE, sources))


def multirotor(head: broad.Head, x: np.ndarray) -> np.ndarray:
    said = head.said(SCALE.held(x))
    made: np.ndarray = said[:, MULTIROTOR] - said[:, [0, CHAINSAW]].max(axis=1)
    return made


def test_what_no_sum_of_features_tells_is_told() -> None:
    x, kind = drawn(1)
    head = fitted(np.stack((x, x)), kind)
    x, kind = drawn(2)
    said = multirotor(head, x)
    mine = kind == MULTIROTOR
    assert np.mean(said[mine][:, None] > said[~mine]) > 0.8


def test_a_kind_without_windows_is_never_likely() -> None:
    x, kind = drawn(1, 400)
    said = fitted(np.stack((x, x)), kind).said(SCALE.held(x))
    assert (said[:, net.KINDS.index("jet")] < said.max(axis=1) - 10.0).all()


def test_what_is_no_row_of_a_source_changes_nothing() -> None:
    x, kind = drawn(1, 400)
    rows = np.arange(0, 400, 2)
    other = x.copy()
    other[1::2] = 50.0
    first, second = (fitted(np.stack((some, some)), kind, rows) for some in (x, other))
    assert all(np.array_equal(getattr(first, name), getattr(second, name)) for name in first.__struct_fields__)


def test_what_another_microphone_changes_is_not_relied_on() -> None:
    """A feature that tells windows apart, and is anything behind other microphones, weighs less for the copies."""
    x, kind = drawn(1)
    x[:, 17] = np.where(kind == MULTIROTOR, 2.0, -2.0)
    copies = np.stack([x] * 4)
    copies[1:, :, 17] = np.random.default_rng(6).uniform(-3.0, 3.0, copies[1:, :, 17].shape)
    low, high = (drawn(3)[0] for _ in range(2))
    low[:, 17], high[:, 17] = -2.0, 2.0
    moved = []
    for some in (np.stack([x] * 4), copies):
        head = fitted(some, kind)
        moved.append(float(np.mean(multirotor(head, high) - multirotor(head, low))))
    assert moved[0] > 1.0
    assert moved[1] < 0.7 * moved[0]


def test_blocks_and_head_in_one_model_say_what_they_say_apart(tmp_path: Path) -> None:
    helper = onnx.helper
    rng = np.random.default_rng(8)
    ends = (("picture", [1, 1, shipped.FRAMES, shipped.MELS]), ("features", [1, shipped.MELS]))
    first, last = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in ends)
    mean = helper.make_node("ReduceMean", ["picture"], ["features"], axes=[1, 2], keepdims=0)
    graph = helper.make_graph([mean], "body", [first], [last])
    body = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    seen = rng.normal(0.0, 1.0, (5, shipped.FRAMES, shipped.MELS)).astype(np.float32)
    known = broad.rounded.words(body, seen)
    assert known == pytest.approx(seen.mean(axis=1), abs=1e-5)
    scale = broad.Scale(known.mean(axis=0), known.std(axis=0))
    width, units, kinds = shipped.MELS, 8, len(recipe.LABELS)
    head = broad.Head(*(
        rng.normal(0.0, 0.3, shape).astype(np.float32) for shape in ((width, units), (units,), (units, kinds), (kinds,))
    ))  # fmt: skip
    made = broad.rounded.words(broad.whole(body, scale, head), seen)
    assert made == pytest.approx(head.said(scale.held(known)), abs=0.02), "large weights have 16 bits"
