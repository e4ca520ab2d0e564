"""Train the net on prepared windows.

    python -m training.train PREPARED.npz … OUT.npz [--without svanstrom,esc] [--fold 0] [--epochs 2] [--onnx NET.onnx]

OUT holds the logits of every recording's own windows; those of recordings left out are figures, the others are not.
A fold leaves out every clip that holds a recording of it, as source or background.

Each window is varied again at every epoch, in its levels: another window with nothing in it added in power, 0 to 25 dB
below; a smooth response of the microphone, at times a low-pass; a shift of up to three bands (±16 % of pitch);
masks in band and time (SpecAugment, Park et al. 2019). Loss: cross entropy with labels smoothed by 0.03 towards the
shares, and the distance to YAMNet's embedding; AdamW, one cycle; the weights are averaged over the last steps.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skysentry.sensing.acoustic import bands
from training import corpus
from training.model import Net
from training.recipe import LABELS, WINDOWS
from training.teacher import components

BATCH = 64
MOST_RATE = 3e-3
SMOOTH = 0.03
KEEP = 0.998
MIXED = 0.4
TEACH = 1.0
NEPER = np.float32(np.log(10.0) / 10.0)
# Share of windows that are recordings as they are. Without them drones of new recordings were told from the rest with
# an area of 0.80, with nothing else 0.94 (docs/decisions/0012): what was drawn is not what is.
CLEAN = 0.65
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


def fit(
    levels_db: NDArray[np.float16], labels: NDArray[np.int64], epochs: int, seed: int,
    taught: NDArray[np.float32] | None = None,
) -> Net:  # fmt: skip
    """Return the net with averaged weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net(len(LABELS), 0 if taught is None else taught.shape[1]).to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), MOST_RATE, weight_decay=0.02)
    steps = epochs * (len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MOST_RATE, steps, pct_start=0.2)
    # Smoothed towards the shares: towards equal parts, kinds with small shares would be told too often.
    shares = torch.from_numpy(shares_of(labels))
    aims = torch.eye(len(LABELS)) * (1.0 - SMOOTH) + shares * SMOOTH
    quiet = np.flatnonzero(labels == 0)
    for epoch in range(epochs):
        order, total = rng.permutation(len(labels)), 0.0
        for at in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[at : at + BATCH]
            beside = levels_db[rng.choice(quiet, len(rows))].astype(np.float32)
            heard = mixed(rng, levels_db[rows].astype(np.float32), beside)
            x = torch.from_numpy(bands.channels(varied(rng, heard)))
            x = x.contiguous(memory_format=torch.channels_last)
            embedded = net.embed(x)
            loss = nn.functional.cross_entropy(net.head(net.drop(embedded)), aims[labels[rows]])
            if taught is not None and net.taught is not None:
                aim = torch.from_numpy(taught[rows].astype(np.float32))
                loss = loss + TEACH * ((net.taught(embedded) - aim) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            _average(mean, net, schedule.last_epoch)
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / (len(order) // BATCH):.3f}", flush=True)
    with torch.no_grad():  # from log p(kind|z) to log p(z|kind), up to a constant
        mean.head.bias -= shares.log()
    return mean.eval()


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


def export(net: Net, path: Path) -> None:
    """Write the net for onnxruntime, one window at a time."""
    torch.onnx.export(
        net, (torch.zeros(1, 3, bands.BANDS, bands.FRAMES),), str(path), dynamo=False, input_names=["picture"],
        output_names=["logits"],
    )  # fmt: skip


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m training.train")
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", default="")
    parser.add_argument("--fold", type=int)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teach", action="store_true")
    parser.add_argument("--onnx", type=Path)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    out = left_out(wanted.without.split(","), wanted.fold)
    files = [np.load(path) for path in wanted.prepared]
    kept = [~((file["used"] >= 0) & out[file["used"]]).any(axis=1) for file in files]

    def gathered(name: str) -> NDArray[Any]:
        return np.concatenate([file[name][rows] for file, rows in zip(files, kept, strict=True)])

    first = files[0]
    real = np.flatnonzero(~out[first["clean_owner"]])
    made = [LABELS.index(r.label) for r in corpus.recordings()]
    times = max(round(CLEAN * WINDOWS * sum(rows.sum() for rows in kept) / (1 - CLEAN) / len(real)), 1)
    real = np.tile(real, times)
    levels = np.concatenate((gathered("levels_db").reshape(-1, bands.FRAMES, bands.BANDS), first["clean_db"][real]))
    labels = np.append(np.repeat(gathered("label"), WINDOWS), np.array(made)[first["clean_owner"][real]])
    labels = labels.astype(np.int64)
    taught = None
    if wanted.teach:
        embedded = gathered("taught")
        flat = embedded.reshape(-1, embedded.shape[-1])
        taught = components(np.concatenate((flat, first["clean_taught"][real])))
    print(f"{len(labels)} windows, {len(real)} of them {times} times a real one; {out.sum()} recordings left out")
    net = fit(levels, labels, wanted.epochs, wanted.seed, taught)
    whole = first["clean_whole"]
    np.savez(wanted.out, logits=logits(net, first["clean_db"][whole]), owner=first["clean_owner"][whole], left_out=out)
    if wanted.onnx:
        export(net, wanted.onnx)


if __name__ == "__main__":
    main()
