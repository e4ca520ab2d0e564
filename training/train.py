"""Train a net on prepared windows, in two steps.

    python -m training.train PREPARED.npz … --base BASE.pt [--seed 1]
    python -m training.train PREPARED.npz … --from BASE.pt --out OUT.npz [--without svanstrom,esc] [--fold 0] [--seed 1]

The base learns from clips that hold no recording at all, so that it is the same whatever is left out. From it a net
goes on with recordings and all clips. OUT holds its logits of every recording's own windows; those of recordings left
out are figures, the others are not. A fold leaves out every clip that holds a recording of it, as source or background.

Each window is varied again at every epoch, in its levels: another window with nothing in it added in power, 0 to 25 dB
below; a smooth response of the microphone, at times a low-pass; a shift of up to three bands (±16 % of pitch);
masks in band and time (SpecAugment, Park et al. 2019). Loss: cross entropy with labels smoothed by 0.03 towards the
shares, the distance to YAMNet's embedding, and that to the teacher's words (training.teacher); AdamW, one cycle; the
weights are averaged over the last steps.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import nn

from skysentry.sensing.acoustic import bands
from training import corpus
from training.model import Net
from training.recipe import LABELS, WINDOWS
from training.teacher import COMPONENTS, WORDS, Space, words

BATCH = 64
# Steps and the highest rate of the base and of what goes on from it. Nets from nothing took 2,100 steps for each way of
# leaving out, and were worse (decision 12).
BASE_STEPS, BASE_RATE = 1_200, 3e-3
STEPS, RATE = 800, 2e-3
SMOOTH = 0.03
KEEP = 0.998
MIXED = 0.4
# Weight of the distance to the teacher's words. Added to the multirotor's logit they gained nothing (decision 20).
WORDED = 2.0
NEPER = np.float32(np.log(10.0) / 10.0)
# Share of windows that are recordings as they are: what was drawn is not what is.
CLEAN = 0.6
Levels = NDArray[np.float32]


def varied(rng: np.random.Generator, levels_db: Levels) -> Levels:
    """Return levels [shape=(n, 32, 96)] through another microphone, shifted and masked."""
    made = levels_db.copy()
    n = len(made)
    knots = rng.normal(0, rng.uniform(0, 4, (n, 1)), (n, 8))
    at = np.linspace(0, 7, bands.BANDS)
    whole = np.minimum(at.astype(int), 6)
    made += (knots[:, whole] * (1 - at + whole) + knots[:, whole + 1] * (at - whole))[:, None, :].astype(np.float32)
    cut = rng.integers(52, bands.BANDS, n)  # from 780 Hz up, 7 to 54 dB an octave: codecs and distance
    steep = np.where(rng.random(n) < 0.25, rng.uniform(0.5, 4.0, n), 0.0)
    made -= (steep[:, None] * np.maximum(np.arange(bands.BANDS) - cut[:, None], 0))[:, None, :].astype(np.float32)
    for row, shift in zip(made, rng.integers(-3, 4, n), strict=True):
        if shift > 0:
            row[:, shift:] = row[:, :-shift].copy()
        elif shift < 0:
            row[:, :shift] = row[:, -shift:].copy()
    for row in made:
        for _ in range(int(rng.integers(0, 3))):
            low, wide = int(rng.integers(0, 90)), int(rng.integers(1, 14))
            row[:, low : low + wide] = row[:, low : low + wide].mean()
        if rng.random() < 0.3:
            low, wide = int(rng.integers(0, 28)), int(rng.integers(1, 7))
            row[low : low + wide] = row.mean(axis=0)
    return made


def mixed(rng: np.random.Generator, levels_db: Levels, quiet_db: Levels) -> Levels:
    """Return levels with as many quiet windows added in power to `MIXED` of them, 0 to 25 dB below."""
    below_db = rng.uniform(0, 25, len(levels_db)) + np.where(rng.random(len(levels_db)) < MIXED, 0.0, 200.0)
    shift = levels_db.mean(axis=(1, 2)) - quiet_db.mean(axis=(1, 2)) - below_db
    made: Levels = np.logaddexp(levels_db * NEPER, (quiet_db + shift[:, None, None]) * NEPER) / NEPER
    return made.astype(np.float32)


def left_out(without: list[str], fold: int | None) -> NDArray[np.bool_]:
    """Return which recordings must not be trained on."""
    return np.array([r.corpus in without or r.fold == fold for r in corpus.recordings()])


class Lesson(Struct, frozen=True):
    """Windows [shape=(n, 32, 96)], what they are, and what the teacher makes of them [shape=(n, 128), (n, 3)]."""

    levels_db: NDArray[np.float16]
    labels: NDArray[np.int64]
    components: Levels
    words: Levels


class Prepared:
    """What `training.prepare` wrote: clips of all files, and the recordings' own windows."""

    def __init__(self, paths: list[Path]) -> None:
        files = [np.load(path) for path in paths]
        self.used, self.label, self.levels_db, self.taught = (
            np.concatenate([file[name] for file in files]) for name in ("used", "label", "levels_db", "taught")
        )
        self.clean = {name: files[0][name] for name in ("clean_db", "clean_owner", "clean_whole", "clean_taught")}
        self.space = Space.of(_flat(self.taught[self.drawn]))

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """Which clips hold no recording."""
        made: NDArray[np.bool_] = (self.used < 0).all(axis=1)
        return made

    def base(self) -> Lesson:
        """Return what the base learns from; the teacher has no words yet."""
        aims = self.space.components(_flat(self.taught[self.drawn]))[:, :COMPONENTS]
        labels = np.repeat(self.label[self.drawn], WINDOWS).astype(np.int64)
        return Lesson(_flat(self.levels_db[self.drawn]), labels, aims, np.zeros((len(labels), 0), dtype=np.float32))

    def lesson(self, out: NDArray[np.bool_]) -> Lesson:
        """Return what may be learned from where recordings are left out."""
        owner = self.clean["clean_owner"]
        kept = ~((self.used >= 0) & out[self.used]).any(axis=1)
        learned = np.array([r.corpus != "motor" for r in corpus.recordings()])
        real = np.flatnonzero(learned[owner] & ~out[owner])
        made = np.array([LABELS.index(r.label) for r in corpus.recordings()])
        labels = np.append(np.repeat(self.label[kept], WINDOWS), made[owner[real]]).astype(np.int64)
        parts = self.space.components(_flat(self.taught[kept])), self.space.components(self.clean["clean_taught"][real])
        components, clips = np.concatenate(parts), len(parts[0])
        said = words(components, labels, np.arange(len(labels)) >= clips)
        times = max(round(CLEAN * clips / (1 - CLEAN) / len(real)), 1)
        rows = np.append(np.arange(clips), np.tile(np.arange(clips, len(labels)), times))
        levels = np.concatenate((_flat(self.levels_db[kept]), self.clean["clean_db"][np.tile(real, times)]))
        print(f"{len(rows)} windows, those of recordings {times} times; {out.sum()} recordings left out")
        return Lesson(levels, labels[rows], components[rows, :COMPONENTS], said[rows])


def _flat(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the windows of clips [shape=(n, 3, …)] one by one."""
    return rows.reshape(-1, *rows.shape[2:])


def new(seed: int) -> Net:
    """Return a net that has learned nothing."""
    torch.manual_seed(seed)
    return Net(len(LABELS), COMPONENTS, len(WORDS))


def fit(net: Net, lesson: Lesson, steps: int, rate: float, seed: int) -> Net:
    """Return the net with averaged weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = net.to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    # Smoothed towards the shares: towards equal parts, kinds with small shares would be told too often.
    shares = torch.from_numpy(shares_of(lesson.labels))
    aims = torch.eye(len(LABELS)) * (1.0 - SMOOTH) + shares * SMOOTH
    quiet = np.flatnonzero(lesson.labels == 0)
    order, total = np.array([], dtype=np.int64), 0.0
    for step in range(1, steps + 1):
        if len(order) < BATCH:
            order = np.append(order, rng.permutation(len(lesson.labels)))
        rows, order = order[:BATCH], order[BATCH:]
        beside = lesson.levels_db[rng.choice(quiet, BATCH)].astype(np.float32)
        heard = varied(rng, mixed(rng, lesson.levels_db[rows].astype(np.float32), beside))
        embedded = net.embed(torch.from_numpy(bands.channels(heard)).contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(net.head(net.drop(embedded)), aims[lesson.labels[rows]])
        loss = loss + ((net.taught(embedded) - torch.from_numpy(lesson.components[rows])) ** 2).mean()
        if lesson.words.shape[1]:
            loss = loss + WORDED * ((net.words(embedded) - torch.from_numpy(lesson.words[rows])) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        _average(mean, net, step)
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step}: loss {total / 100:.3f}", flush=True)
            total = 0.0
    return mean.eval()


def spoken(net: Net, shares: Levels) -> Net:
    """Return the net with log p(z|kind), up to a constant, instead of log p(kind|z)."""
    with torch.no_grad():
        net.head.bias -= torch.from_numpy(shares).log()
    return net


def shares_of(labels: NDArray[np.int64]) -> Levels:
    """Return the share of each label, at least one window's."""
    counts = np.maximum(np.bincount(labels, minlength=len(LABELS)), 1)
    found: Levels = (counts / counts.sum()).astype(np.float32)
    return found


def _average(mean: Net, net: Net, step: int) -> None:
    """Move the mean net a little towards the net, parameters and running statistics alike."""
    keep = min(KEEP, step / (step + 10.0))  # the first steps are soon forgotten
    with torch.no_grad():
        for slow, fast in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1.0 - keep)


def logits(net: Net, levels_db: NDArray[np.float16]) -> Levels:
    """Return the logits of windows."""
    made = []
    with torch.no_grad():
        for at in range(0, len(levels_db), 256):
            x = bands.channels(levels_db[at : at + 256].astype(np.float32))
            made.append(net(torch.from_numpy(x)).numpy())
    return np.concatenate(made)


def export(net: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write a net for onnxruntime, one picture of this shape at a time."""
    seen = (torch.zeros(1, *shape),)
    torch.onnx.export(net, seen, str(path), dynamo=False, input_names=["picture"], output_names=["logits"])


def asked(program: str) -> argparse.ArgumentParser:
    """Return a parser of what each training is asked."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--without", default="")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--onnx", type=Path)
    return parser


def main() -> None:
    """Run."""
    parser = asked("training.train")
    parser.add_argument("--base", type=Path, help="write the base here")
    parser.add_argument("--from", type=Path, dest="begun", help="go on from this base")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    prepared, net = Prepared(wanted.prepared), new(wanted.seed)
    if wanted.base:
        made = fit(net, prepared.base(), BASE_STEPS, BASE_RATE, wanted.seed)
        torch.save(made.state_dict(), wanted.base)
        return
    net.load_state_dict(torch.load(wanted.begun))
    out = left_out(wanted.without.split(","), wanted.fold)
    lesson = prepared.lesson(out)
    net = spoken(fit(net, lesson, STEPS, RATE, wanted.seed), shares_of(lesson.labels))
    whole = prepared.clean["clean_whole"]
    said, owner = logits(net, prepared.clean["clean_db"][whole]), prepared.clean["clean_owner"][whole]
    np.savez(wanted.out, logits=said, owner=owner, left_out=out)
    if wanted.onnx:
        export(net, (3, bands.BANDS, bands.FRAMES), wanted.onnx)


if __name__ == "__main__":
    main()
