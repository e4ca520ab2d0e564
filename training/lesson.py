"""What a second opinion learns from: pictures of windows, their families and weights, varied at every step.

The windows, and the weights of families, recordings, clips and packages, are those that `training.texture` learns from;
whatever holds a recording that is left out is left out. Half of them are varied: another gain, a smooth response of the
microphone, at times a low-pass, over the power in mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic import opinion, texture
from training import packages, recipe
from training.texture import PACKAGED, family, sources

BATCH = 48
VARIED = 0.5
# A response is a line through so many points over the bands, of a spread up to so many dB; a low-pass falls so many dB
# a band from a band above the lowest named here, 1.3 kHz.
POINTS, MOST_SPREAD_DB, LOW_PASSED, LOWEST_BAND, STEEP_DB = 8, 4.5, 0.3, 35, (0.75, 6.0)
# Louder or fainter than a peak of a half, dB: what else is in a second sets its peak.
GAIN_DB = (-13.0, 4.0)
DB = np.log(10.0) / 20.0
Pictures = NDArray[np.float32]


class Part(Struct, frozen=True):
    """Pictures [shape=(n, 96, 64)], their families, and their weights."""

    seen: NDArray[np.float16]
    kind: NDArray[np.int64]
    weight: NDArray[np.float64]


class Prepared:
    """What `training.prepare` wrote."""

    def __init__(self, paths: list[Path], sounds: Path | None) -> None:
        files = [np.load(path) for path in paths]
        self.drawn = np.concatenate([_flat(file["seen"]) for file in files])
        self.used = np.repeat(np.concatenate([file["used"] for file in files]), recipe.WINDOWS, axis=0)
        self.kind = _families(np.repeat(np.concatenate([file["label"] for file in files]), recipe.WINDOWS))
        self.recorded, self.owner, self.whole = (files[0][f"clean_{name}"] for name in ("seen", "owner", "whole"))
        self.beside = [] if sounds is None else self._of_packages(np.load(sounds))

    @staticmethod
    def _of_packages(file: Any) -> list[Part]:
        weight = packages.weights(file["package"]) * PACKAGED
        return [Part(file["seen"], _numbers(_families(file["label"])), weight)] if len(weight) else []

    def parts(self, out: NDArray[np.bool_]) -> list[Part]:
        """Return what may be learned from where recordings are left out."""
        from_where = {"recorded": self.recorded, "drawn": self.drawn}
        found = sources(self.owner, self.used, self.kind, ~out)
        return [Part(from_where[s.name][s.rows], _numbers(s.kind), s.weight) for s in found] + self.beside


def _flat(rows: NDArray[Any]) -> NDArray[Any]:
    return rows.reshape(-1, *rows.shape[2:])


def _families(labels: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.array([family(recipe.LABELS[label]) for label in labels])


def _numbers(kind: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.array([texture.FAMILIES.index(name) for name in kind], dtype=np.int64)


def varied(rng: np.random.Generator, seen: Pictures) -> Pictures:
    """Return pictures [shape=(n, 96, 64)] through other microphones."""
    n, bands = len(seen), np.arange(opinion.MELS)
    points = rng.normal(0.0, rng.uniform(0.0, MOST_SPREAD_DB, (n, 1)), (n, POINTS))
    at = np.linspace(0.0, POINTS - 1.0, opinion.MELS)
    response_db = np.stack([np.interp(at, np.arange(POINTS), row) for row in points]) + rng.uniform(*GAIN_DB, (n, 1))
    steep_db = np.where(rng.random(n) < LOW_PASSED, rng.uniform(*STEEP_DB, n), 0.0)
    response_db -= steep_db[:, None] * np.maximum(bands - rng.integers(LOWEST_BAND, opinion.MELS, n)[:, None], 0)
    magnitude = np.maximum(np.exp(seen) - opinion.OFFSET, 0.0) * np.exp(response_db * DB)[:, None, :]
    made: Pictures = np.log(magnitude + opinion.OFFSET).astype(np.float32)
    return made


def batches(rng: np.random.Generator, parts: list[Part]) -> Iterator[tuple[Pictures, NDArray[np.int64]]]:
    """Yield windows, drawn by their weights, and their families; without end."""
    first = np.cumsum([0] + [len(part.kind) for part in parts])
    heap = np.cumsum(np.concatenate([part.weight for part in parts]))
    while True:
        rows = np.minimum(np.searchsorted(heap, rng.random(BATCH) * heap[-1]), first[-1] - 1)
        of = np.searchsorted(first, rows, side="right") - 1
        seen = np.stack([parts[p].seen[row - first[p]] for p, row in zip(of, rows, strict=True)]).astype(np.float32)
        other = rng.random(BATCH) < VARIED
        seen[other] = varied(rng, seen[other])
        yield seen, np.array([parts[p].kind[row - first[p]] for p, row in zip(of, rows, strict=True)])


def some(rng: np.random.Generator, parts: list[Part], count: int) -> Pictures:
    """Return so many windows as they are [shape=(n, 96, 64)], of each part alike, to measure ranges with."""
    chosen = [part.seen[rng.choice(len(part.seen), min(count // len(parts), len(part.seen)), False)] for part in parts]
    return np.concatenate(chosen).astype(np.float32)
