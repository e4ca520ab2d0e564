"""Fit the head of `skysentry.sensing.acoustic.broad` on prepared windows, and write the net into the package.

    python -m training.broad PREPARED.npz … [--packages PACKAGES.npz] [--bare BARE.npz] [--figures]

YAMNet's first blocks stay as they are (`training.backbone`), in whole numbers from the start: their features
[shape=(512,)] of every window of `training.lesson`, and of copies of it through other microphones, are measured once,
some two minutes. A head is `MEMBERS` nets of one layer side by side that were taught with other numbers, by AdamW
(Loshchilov and Hutter 2019) and one cycle, numpy only, six seconds. Blocks that learn too carried no further to drones
that nobody recorded (docs/decisions/0034-broad.md). With --figures its part of bench/acoustic_folds.npz is renewed,
too: what heads that left recordings out say of exactly those.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from skysentry.sensing.acoustic import broad
from training import backbone, corpus, joint, recipe, rounded
from training.lesson import Prepared, Source, varied

# Nets whose words are averaged, and hidden units of each.
MEMBERS, UNITS = 6, 48
STEPS, BATCH, RATE, RISE = 800, 64, 2e-3, 0.2
# With less dropped and less decay a head knows recordings and machines better, and drones that nobody recorded worse.
DROPPED, DECAY, SMOOTH = 0.4, 0.1, 0.03
# Features further out, in spreads from their mean, are as strange as one here: products must not run away with a sound
# like none.
MOST_SPREADS = 3.0
# Copies of each window through other microphones; together they weigh half.
COPIES = {"recorded": 6, "drawn": 2, "packages": 3, "bare": 2}
VARIED = 0.5
# Windows that ranges are measured with where the blocks are rounded; they hold no recording, so that nothing is left
# out of them.
MEASURED = 450
# A kind of which there are no windows is never likely.
UNHEARD = 30.0
LEAST_SPREAD = 1e-4
SEED = 5
FIGURES = Path(__file__).resolve().parent.parent / "bench" / "acoustic_folds.npz"
Array = NDArray[np.float32]
Features = dict[str, NDArray[np.float16]]


class Scale(Struct, frozen=True):
    """Where features lie and how far apart [shape=(512,)], by windows that hold no recording."""

    mean: Array
    spread: Array

    def held(self, features: NDArray[np.floating]) -> Array:
        """Return features in spreads from their means, held within ±`MOST_SPREADS`."""
        made: Array = np.clip((features - self.mean) / self.spread, -MOST_SPREADS, MOST_SPREADS).astype(np.float32)
        return made


class Head(Struct, frozen=True):
    """Nets side by side: weights and constants of hidden units and of kinds, less the logs of the kinds' shares."""

    hidden: Array
    bias: Array
    out: Array
    constant: Array

    def said(self, held: Array) -> Array:
        """Return log p(z|kind), up to a constant [shape=(n, 16)]."""
        made: Array = np.maximum(held @ self.hidden + self.bias, np.float32(0.0)) @ self.out + self.constant
        return made


class Taught(Struct, frozen=True):
    """Windows that may be learned from: features in spreads [shape=(n, 512)], kinds and weights of sum 1."""

    held: Array
    kind: NDArray[np.int64]
    weight: NDArray[np.float64]


def features(model: bytes, prepared: Prepared) -> Features:
    """Return what the blocks make of all windows and their copies [shape=(1 + copies, n, 512)], by their names."""
    made: Features = {}
    for name, seen in prepared.pictures.items():
        rng = np.random.default_rng([SEED, len(made)])
        copies = [rounded.words(model, seen)]
        for _ in range(COPIES[name]):
            some = [rounded.words(model, varied(rng, seen[at : at + 500])) for at in range(0, len(seen), 500)]
            copies.append(np.concatenate(some))
        made[name] = np.stack(copies).astype(np.float16)
    return made


def taught(known: Features, scale: Scale, sources: list[Source]) -> Taught:
    """Return the windows of sources with their copies."""
    held, kinds, weights = [], [], []
    for source in sources:
        copies = known[source.name]
        for number, copy in enumerate(copies):
            held.append(scale.held(copy[source.rows]))
            kinds.append(source.kind)
            weights.append(source.weight * (1.0 - VARIED if number == 0 else VARIED / (len(copies) - 1)))
    weight = np.concatenate(weights)
    return Taught(np.concatenate(held), np.concatenate(kinds), weight / weight.sum())


def fitted(windows: Taught) -> Head:
    """Return the head that windows teach."""
    shares = np.bincount(windows.kind, windows.weight, len(recipe.LABELS))
    nets = [_Net.taught(windows, shares, SEED + member).arrays for member in range(MEMBERS)]
    hidden, bias, out, constant = zip(*nets, strict=True)
    told = np.where(shares > 0.0, np.log(np.maximum(shares, 1e-9)), UNHEARD)
    return Head(
        np.concatenate(hidden, axis=1),
        np.concatenate(bias),
        np.concatenate(out) / np.float32(MEMBERS),
        (np.mean(constant, axis=0) - told).astype(np.float32),
    )


class _Net:
    """Features → `UNITS` rectified sums → kinds."""

    def __init__(self, inputs: int, rng: np.random.Generator) -> None:
        outputs = len(recipe.LABELS)
        self.arrays = [
            rng.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(np.sqrt(fan))
            for shape, fan in (
                ((inputs, UNITS), inputs), ((UNITS,), inputs), ((UNITS, outputs), UNITS), ((outputs,), UNITS)
            )
        ]  # fmt: skip
        self.first = [np.zeros_like(one) for one in self.arrays]
        self.second = [np.zeros_like(one) for one in self.arrays]

    @classmethod
    def taught(cls, windows: Taught, shares: NDArray[np.float64], seed: int) -> _Net:
        """Return a net that learned windows, drawn by their weights; labels lean towards the shares of kinds."""
        rng = np.random.default_rng(seed)
        net = cls(windows.held.shape[1], rng)
        aims = (np.eye(len(shares)) * (1.0 - SMOOTH) + shares * SMOOTH).astype(np.float32)
        heap = np.cumsum(windows.weight)
        for step in range(STEPS):
            rows = np.minimum(np.searchsorted(heap, rng.random(BATCH) * heap[-1]), len(heap) - 1)
            seen, inside = (_kept(rng, BATCH, width) for width in (windows.held.shape[1], UNITS))
            net._step(windows.held[rows] * seen, aims[windows.kind[rows]], inside, step)
        return net

    def _step(self, x: Array, aim: Array, kept: Array, step: int) -> None:
        hidden, bias, out, constant = self.arrays
        inside = x @ hidden + bias
        on = (inside > 0.0) * kept
        held = inside * on
        said = held @ out + constant
        said -= said.max(axis=1, keepdims=True)
        chance = np.exp(said)
        chance /= chance.sum(axis=1, keepdims=True)
        wrong = (chance - aim) / np.float32(len(x))
        back = (wrong @ out.T) * on
        slopes = [x.T @ back, back.sum(axis=0), held.T @ wrong, wrong.sum(axis=0)]
        rate = np.float32(_rate(step))
        for array, slope, first, second in zip(self.arrays, slopes, self.first, self.second, strict=True):
            first += np.float32(0.1) * (slope - first)
            second += np.float32(0.001) * (slope * slope - second)
            size = np.sqrt(second / np.float32(1.0 - 0.999 ** (step + 1))) + np.float32(1e-8)
            array *= np.float32(1.0) - rate * np.float32(DECAY)
            array -= rate * (first / np.float32(1.0 - 0.9 ** (step + 1))) / size


def _kept(rng: np.random.Generator, rows: int, width: int) -> Array:
    """Return 0 for what is dropped and for the rest what makes up for it."""
    made: Array = (rng.random((rows, width)) >= DROPPED).astype(np.float32)
    return made / np.float32(1.0 - DROPPED)


def _rate(step: int) -> float:
    """Return the rate of a step: up along a cosine, and down to nothing."""
    part = step / STEPS
    if part < RISE:
        return RATE * (0.04 + 0.96 * (0.5 - 0.5 * np.cos(np.pi * part / RISE)))
    return float(RATE * (0.5 + 0.5 * np.cos(np.pi * (part - RISE) / (1.0 - RISE))))


def whole(body: bytes, scale: Scale, head: Head) -> bytes:
    """Return the net: blocks and head in one model, from pictures to logits."""
    model = onnx.load_from_string(body)
    graph, at = model.graph, model.graph.output[0].name
    values = {
        "mean": scale.mean, "per_spread": 1.0 / scale.spread, "least": -MOST_SPREADS, "most": MOST_SPREADS,
        "hidden": head.hidden, "bias": head.bias, "out": head.out, "constant": head.constant,
    }  # fmt: skip
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value, dtype=np.float32), f"head/{name}") for name, value in values.items()
    )
    for kind, inputs, output in (
        ("Sub", (at, "head/mean"), "head/apart"),
        ("Mul", ("head/apart", "head/per_spread"), "head/spreads"),
        ("Clip", ("head/spreads", "head/least", "head/most"), "head/held"),
        ("Gemm", ("head/held", "head/hidden", "head/bias"), "head/inside"),
        ("Relu", ("head/inside",), "head/on"),
        ("Gemm", ("head/on", "head/out", "head/constant"), "logits"),
    ):
        graph.node.append(helper.make_node(kind, list(inputs), [output]))
    graph.output.pop()
    graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, len(recipe.LABELS)]))
    made: bytes = joint.short(model).SerializeToString()
    return made


def renew(path: Path, prepared: Prepared, known: Features, scale: Scale) -> None:
    """Write what heads that left recordings out say of those into the figures of `python -m training --folds`."""
    figures = {key: value for key, value in np.load(path).items() if not key.endswith("/broad")}
    held, owner = scale.held(known["recorded"][0][prepared.whole]), prepared.owner[prepared.whole]
    for name in [key.removesuffix("/owner") for key in figures if key.endswith("/owner")]:
        out = np.isin(np.arange(len(corpus.recordings())), figures[f"{name}/owner"])
        said = fitted(taught(known, scale, prepared.sources(out))).said(held[out[owner]])
        figures[f"{name}/broad"] = (said - said.max(axis=1, keepdims=True)).astype(np.float16)
        print(f"{name}: {len(said)} seconds")
    np.savez_compressed(path, **figures)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.broad")
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("--packages", type=Path, help="what `training.prepare --packages` wrote")
    parser.add_argument("--bare", type=Path, help="what `training.prepare --bare` wrote")
    parser.add_argument("--figures", action="store_true", help="renew its part of bench/acoustic_folds.npz too")
    wanted = parser.parse_args()
    prepared = Prepared(wanted.prepared, wanted.packages, wanted.bare)
    pure = prepared.pure()
    body = backbone.body(pure[np.random.default_rng(SEED).choice(len(pure), min(MEASURED, len(pure)), False)])
    known = features(body, prepared)
    drawn = known["drawn"][0][(prepared.used < 0).all(axis=1)].astype(np.float32)
    scale = Scale(drawn.mean(axis=0), drawn.std(axis=0) + np.float32(LEAST_SPREAD))
    nothing_left_out = np.zeros(len(corpus.recordings()), dtype=bool)
    path = Path(broad.__file__).parent / broad.WEIGHTS
    path.write_bytes(whole(body, scale, fitted(taught(known, scale, prepared.sources(nothing_left_out)))))
    print(f"{path.name} written")
    if wanted.figures:
        renew(FIGURES, prepared, known, scale)
        print(f"{FIGURES.name} renewed")


if __name__ == "__main__":
    main()
