"""Fit the weights of `skysentry.sensing.acoustic.texture`, and write them into the package.

    python -m training.texture PREPARED.npz … [--packages PACKAGES.npz] [--figures]

Numpy only: some ten seconds, with --figures two minutes.

A net of one layer tells six families of sound apart by 43 measures of a second, on the windows of `training.prepare`:
those of recordings as they are, four a second; copies of them through other microphones, one response a recording and
copy; clips that hold a recording, as source or background, at other speeds and levels; and clips that hold none: drones
of other makers, machines of which there are no recordings; and the sounds of packages (`training.packages`) with copies
of them, left out where they are not at hand: without them music is told as flying six times as often. Without the
copies half of what it knows of recordings is lost behind another microphone (decision 19). Families have set shares,
whatever the number of their windows. The motor bench is left out: one motor in a room does not fly, and as what is no
drone it taught nothing that held for other machines.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic import bands, texture
from training import corpus, packages, recipe

# What each family weighs among windows of one kind. By seconds a chainsaw would weigh a tenth and be told as flying
# twice as often; machines weigh most, for packages add to what is nothing.
SHARES = dict(zip(texture.FAMILIES, (0.15, 0.35, 0.13, 0.09, 0.4, 0.05), strict=True))
# Weight of drawn windows, and where there are no recordings of drones. A half loses recall.
DRAWN, DRAWN_ALONE = 0.3, 0.75
# Weight of clips that hold a recording, and of a recording's copies among its windows.
MIXED, COPIED = 0.2, 0.5
COPIES = 6
# Weight of the sounds of packages, where all else weighs 1, and their copies. Clips with drones among these sounds made
# plain combs less of a drone than anything else did.
PACKAGED, PACKAGE_COPIES = 0.4, 3
# A response is a line through so many points over log frequency, of a spread up to so many dB, in a third of copies
# with a low-pass from 780 Hz up, of so many dB a band: what distance and codecs leave.
POINTS, MOST_SPREAD_DB = 8, 4.5
LOW_PASSED, LOWEST_BAND, STEEP_DB = 0.35, 52, (0.5, 4.0)
# Nets whose words are averaged, and hidden units of each.
MEMBERS, UNITS = 4, 48
STEPS, BATCH, RATE, RISE = 1_500, 256, 5e-3, 0.2
DROPPED, DECAY, SMOOTH = 0.2, 0.01, 0.03
SEED, UNHEARD = 5, 30.0
FIGURES = Path(__file__).resolve().parent.parent / "bench" / "acoustic_folds.npz"
Array = NDArray[np.float64]
Labels = NDArray[np.str_]


class Windows(Struct, frozen=True):
    """Measures of windows [shape=(n, 43)], and what they are.

    `drawn` are those of clips, `kind` their families, `used` the recordings within [shape=(n, 2)], −1 for none;
    `recorded` those of recordings, `copies` the same through other microphones [shape=(copies, n, 43)], `owner` the
    recordings' index; `whole` are windows that begin with a whole second, as an ear hears them.
    """

    drawn: texture.Array
    kind: Labels
    used: NDArray[np.int64]
    recorded: texture.Array
    copies: texture.Array
    owner: NDArray[np.int64]
    whole: NDArray[np.bool_]


class Part(Struct, frozen=True):
    """Windows that a net learns from beside `Windows`: measures [shape=(n, 43)], families and weights."""

    measures: texture.Array
    kind: Labels
    weight: Array


def of_packages(path: Path | None) -> list[Part]:
    """Return what `training.prepare --packages` wrote; nothing where the packages were not at hand."""
    file = None if path is None else np.load(path)
    if file is None or not len(file["label"]):
        print("without the sounds of packages")
        return []
    rng, levels_db = np.random.default_rng(SEED), file["levels_db"]
    heard = [_measured(levels_db)]
    heard += [_measured(levels_db, responses(rng, len(levels_db))) for _ in range(PACKAGE_COPIES)]
    kind = np.array([family(recipe.LABELS[label]) for label in file["label"]])
    weight = packages.weights(file["package"]) * PACKAGED / len(heard)
    return [Part(measured, kind, weight) for measured in heard]


def loaded(paths: list[Path]) -> Windows:
    """Return the windows of prepared files."""
    files = [np.load(path) for path in paths]
    drawn = np.concatenate([_measured(file["levels_db"].reshape(-1, bands.FRAMES, bands.BANDS)) for file in files])
    labels = np.concatenate([file["label"] for file in files])
    used = np.concatenate([file["used"] for file in files])
    clean_db, owner = files[0]["clean_db"], files[0]["clean_owner"]
    rng = np.random.default_rng(SEED)
    copies = [_measured(clean_db, responses(rng, int(owner.max()) + 1)[owner]) for _ in range(COPIES)]
    return Windows(
        drawn,
        np.array([family(recipe.LABELS[label]) for label in np.repeat(labels, recipe.WINDOWS)]),
        np.repeat(used, recipe.WINDOWS, axis=0),
        _measured(clean_db),
        np.stack(copies),
        owner,
        files[0]["clean_whole"],
    )


def _measured(levels_db: NDArray[np.float16], response_db: texture.Array | None = None) -> texture.Array:
    """Return the measures of levels [shape=(n, 32, 96)], through responses [shape=(n, 96)]; a few at a time."""
    made = []
    for at in range(0, len(levels_db), 1_000):
        some = levels_db[at : at + 1_000].astype(np.float32)
        made.append(texture.measures(some if response_db is None else some + response_db[at : at + 1_000, None]))
    return np.concatenate(made)


def responses(rng: np.random.Generator, count: int) -> texture.Array:
    """Return responses of microphones, dB in each band [shape=(count, 96)]."""
    made = np.zeros((count, bands.BANDS), dtype=np.float32)
    at, points = np.arange(bands.BANDS), np.linspace(0, bands.BANDS - 1, POINTS)
    for response in made:
        response += np.interp(at, points, rng.normal(0.0, rng.uniform(0.0, MOST_SPREAD_DB), POINTS))
        if rng.random() < LOW_PASSED:
            response -= rng.uniform(*STEEP_DB) * np.maximum(at - rng.integers(LOWEST_BAND, bands.BANDS), 0)
    return made


def family(label: str) -> str:
    """Return the family of sounds that a label belongs to."""
    return texture.FAMILIES[texture.OF_KINDS[recipe.LABELS.index(label)]]


class Source(Struct, frozen=True):
    """Rows of what is `recorded` or `drawn` that may be learned from, their families and weights."""

    name: str
    rows: NDArray[np.int64]
    kind: Labels
    weight: Array


def sources(owner: NDArray[np.int64], used: NDArray[np.int64], kind: Labels, kept: NDArray[np.bool_]) -> list[Source]:
    """Return what the kept recordings give and clips in which there is no other: without recordings, and with.

    `owner` is the recording of each recorded window, `used` and `kind` are of drawn ones (`Windows`).
    """
    recordings = corpus.recordings()
    rows = np.flatnonzero((kept & np.array([r.corpus != "motor" for r in recordings]))[owner])
    own = np.array([family(r.label) for r in recordings])[owner[rows]]
    pure = (used < 0).all(axis=1)
    mixed = ~pure & ~((used >= 0) & ~kept[used]).any(axis=1)
    # Without drones recordings cannot tell what is one: they only say what is none.
    whole = bool((own == "multirotor").any())
    share, holding = (DRAWN, MIXED) if whole else (DRAWN_ALONE, MIXED / 2.0)
    found = [Source("recorded", rows, own, weights_of(own) * (1.0 - share) * (1.0 - holding))]
    for some, weight in ((pure, share * (1.0 - holding)), (mixed, holding)):
        found.append(Source("drawn", np.flatnonzero(some), kind[some], weights_of(kind[some]) * weight))
    return found


def fitted(windows: Windows, kept: NDArray[np.bool_], beside: Sequence[Part] = ()) -> texture.Weights:
    """Return the weights that the kept recordings give, clips in which there is no other, and what lies beside."""
    own, *drawn = sources(windows.owner, windows.used, windows.kind, kept)
    parts = [(windows.recorded[own.rows], own.kind, own.weight * (1.0 - COPIED))]
    parts += [(copy[own.rows], own.kind, own.weight * COPIED / len(windows.copies)) for copy in windows.copies]
    parts += [(windows.drawn[some.rows], some.kind, some.weight) for some in drawn]
    parts += [(part.measures, part.kind, part.weight) for part in beside]
    pure = drawn[0].rows
    x, kinds, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    mean, spread = windows.drawn[pure].mean(axis=0, dtype=np.float64), windows.drawn[pure].std(axis=0, dtype=np.float64)
    held = texture.spreads(x, mean, spread).astype(np.float32)
    labels = np.array([texture.FAMILIES.index(name) for name in kinds])
    nets = [_Net.taught(held, labels, weight, SEED + member) for member in range(MEMBERS)]
    shares = np.bincount(labels, weight, len(texture.FAMILIES)) / weight.sum()
    return _joined(mean, spread, nets, shares)


def weights_of(kinds: Labels) -> Array:
    """Return the weight of each window, of sum 1, families by their `SHARES`."""
    made = np.zeros(len(kinds))
    for kind, share in SHARES.items():
        mine = kinds == kind
        if mine.any():
            made[mine] = share / mine.sum()
    return made / max(float(made.sum()), 1e-12)


def _joined(mean: Array, spread: Array, nets: list[_Net], shares: Array) -> texture.Weights:
    """Return nets side by side, whose words are the mean of theirs, less the logs of the shares."""
    hidden, bias, out, constant = zip(*(net.arrays for net in nets), strict=True)
    # A family of which there are no windows is never likely.
    last = np.mean(constant, axis=0) - np.where(shares > 0.0, np.log(np.maximum(shares, 1e-9)), UNHEARD)
    return texture.Weights(
        _rounded(mean),
        _rounded(spread),
        tuple(_rounded(row) for row in np.concatenate(hidden, axis=1).T),
        _rounded(np.concatenate(bias)),
        tuple(_rounded(row) for row in np.concatenate(out, axis=0).T / len(nets)),
        _rounded(last),
    )


def _rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


class _Net:
    """Measures → `UNITS` rectified sums → families, taught by AdamW (Loshchilov and Hutter 2019) and one cycle."""

    def __init__(self, inputs: int, rng: np.random.Generator) -> None:
        outputs = len(texture.FAMILIES)
        self.arrays = [
            rng.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(np.sqrt(fan))
            for shape, fan in (
                ((inputs, UNITS), inputs), ((UNITS,), inputs), ((UNITS, outputs), UNITS), ((outputs,), UNITS)
            )
        ]  # fmt: skip
        self.first = [np.zeros_like(one) for one in self.arrays]
        self.second = [np.zeros_like(one) for one in self.arrays]

    @classmethod
    def taught(cls, x: texture.Array, labels: NDArray[np.int64], weight: Array, seed: int) -> _Net:
        """Return a net that learned windows [shape=(n, 43)], drawn by their weights."""
        rng = np.random.default_rng(seed)
        net = cls(x.shape[1], rng)
        shares = np.bincount(labels, weight, len(texture.FAMILIES)) / weight.sum()
        aims = (np.eye(len(shares)) * (1.0 - SMOOTH) + shares * SMOOTH).astype(np.float32)
        heap = np.cumsum(weight) / weight.sum()
        for step in range(STEPS):
            rows = np.minimum(np.searchsorted(heap, rng.random(BATCH)), len(x) - 1)
            net._step(x[rows], aims[labels[rows]], rng.random((BATCH, UNITS)) >= DROPPED, step)
        return net

    def _step(self, x: texture.Array, aim: texture.Array, kept: NDArray[np.bool_], step: int) -> None:
        hidden, bias, out, constant = self.arrays
        inside = x @ hidden + bias
        on = (inside > 0.0) & kept
        held = np.where(on, inside, np.float32(0.0)) / np.float32(1.0 - DROPPED)
        said = held @ out + constant
        said -= said.max(axis=1, keepdims=True)
        chance = np.exp(said)
        chance /= chance.sum(axis=1, keepdims=True)
        wrong = (chance - aim) / np.float32(len(x))
        back = np.where(on, wrong @ out.T, np.float32(0.0)) / np.float32(1.0 - DROPPED)
        slopes = [x.T @ back, back.sum(axis=0), held.T @ wrong, wrong.sum(axis=0)]
        rate = np.float32(_rate(step))
        for array, slope, first, second in zip(self.arrays, slopes, self.first, self.second, strict=True):
            first += np.float32(0.1) * (slope - first)
            second += np.float32(0.001) * (slope * slope - second)
            size = np.sqrt(second / np.float32(1.0 - 0.999 ** (step + 1))) + np.float32(1e-8)
            array *= np.float32(1.0) - rate * np.float32(DECAY)
            array -= rate * (first / np.float32(1.0 - 0.9 ** (step + 1))) / size


def _rate(step: int) -> float:
    """Return the rate of a step: up along a cosine, and down to nothing."""
    part = step / STEPS
    if part < RISE:
        return RATE * (0.04 + 0.96 * (0.5 - 0.5 * np.cos(np.pi * part / RISE)))
    return float(RATE * (0.5 + 0.5 * np.cos(np.pi * (part - RISE) / (1.0 - RISE))))


def words(windows: Windows, weights: texture.Weights) -> Array:
    """Return what texture says [shape=(n, 6)] of each window of a recording that begins with a whole second."""
    return texture.of_measures(windows.recorded[windows.whole], texture.Net.of(weights))


def said(windows: Windows, out: NDArray[np.bool_], beside: Sequence[Part] = ()) -> NDArray[np.float16]:
    """Return what texture says of each second of recordings left out."""
    mine = out[windows.owner[windows.whole]]
    return words(windows, fitted(windows, ~out, beside))[mine].astype(np.float16)


def renew(path: Path, windows: Windows, beside: Sequence[Part] = ()) -> None:
    """Write what texture says into the figures of `python -m training --folds`, beside what the nets say there."""
    figures = dict(np.load(path))
    for name in [key.removesuffix("/owner") for key in figures if key.endswith("/owner")]:
        out = np.isin(np.arange(len(corpus.recordings())), figures[f"{name}/owner"])
        figures[f"{name}/texture"] = said(windows, out, beside)
    np.savez_compressed(path, **figures)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.texture")
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("--packages", type=Path, help="what `training.prepare --packages` wrote")
    parser.add_argument("--figures", action="store_true", help="renew its part of bench/acoustic_folds.npz too")
    wanted = parser.parse_args()
    windows, beside = loaded(wanted.prepared), of_packages(wanted.packages)
    made = fitted(windows, np.ones(len(corpus.recordings()), dtype=bool), beside)
    path = Path(texture.__file__).parent / texture.WEIGHTS
    path.write_bytes(msgspec.json.encode(made) + b"\n")
    print(f"{path} written")
    if wanted.figures:
        renew(FIGURES, windows, beside)
        print(f"{FIGURES} renewed")


if __name__ == "__main__":
    main()
