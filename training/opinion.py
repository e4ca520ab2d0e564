"""Train the net of `skysentry.sensing.acoustic.opinion` on prepared windows.

    python -m training.opinion PREPARED.npz … --packages PACKAGES.npz --out OUT.npz [--without svanstrom,esc] [--fold 0]

It begins as `training.backbone` and learns `training.lesson`. OUT holds what it says, in whole numbers as it is shipped
(`training.rounded`), of every recording's own windows: those of recordings left out are figures, the others are not.
With --onnx it is written, too.

AdamW, one cycle. The blocks learn a hundred times as slowly as the head: faster, they know recordings better and drones
that nobody recorded worse (docs/decisions/0034-opinion.md).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skysentry.sensing.acoustic import opinion, texture
from training import rounded
from training.backbone import Net
from training.lesson import Part, Prepared, batches, some
from training.texture import UNHEARD
from training.train import asked, export, left_out

STEPS = 400
# The highest rates of the blocks and of the head.
RATE, HEAD_RATE = 2e-5, 2e-3
DECAY, SMOOTH = 0.01, 0.03
# Windows that ranges are measured with where the net is rounded.
MEASURED = 450


def fit(parts: list[Part], seed: int, steps: int = STEPS) -> Net:
    """Return the net that learned them and says log p(z|family), up to a constant."""
    torch.manual_seed(seed)
    kind, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("kind", "weight"))
    shares = np.bincount(kind, weight, len(texture.FAMILIES)) / weight.sum()
    aims = torch.from_numpy((np.eye(len(shares)) * (1.0 - SMOOTH) + shares * SMOOTH).astype(np.float32))
    # A third faster where the channels of a point lie side by side.
    net = Net().to(memory_format=torch.channels_last)
    head = [*net.hidden.parameters(), *net.out.parameters()]
    optimizer = torch.optim.AdamW([
        {"params": list(net.body.parameters()), "weight_decay": 0.0}, {"params": head, "weight_decay": DECAY},
    ])  # fmt: skip
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [RATE, HEAD_RATE], steps, pct_start=0.2)
    for step, (seen, kinds) in enumerate(batches(np.random.default_rng(seed), parts), start=1):
        loss = nn.functional.cross_entropy(
            net(torch.from_numpy(seen)[:, None].contiguous(memory_format=torch.channels_last)), aims[kinds]
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
        if step == steps:
            break
    with torch.no_grad():
        # A family of which there are no windows is never likely.
        told = np.where(shares > 0.0, np.log(np.maximum(shares, 1e-9)), UNHEARD)
        net.out.bias -= torch.from_numpy(told.astype(np.float32))
    return net.eval()


def model(net: Net, parts: list[Part]) -> bytes:
    """Return the net for onnxruntime, in whole numbers."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        export(net, (1, opinion.FRAMES, opinion.MELS), whole)
        return rounded.rounded(whole, some(np.random.default_rng(0), parts, MEASURED))


def main() -> None:
    """Run."""
    parser = asked("training.opinion")
    parser.add_argument("--packages", type=Path)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    prepared = Prepared(wanted.prepared, wanted.packages)
    out = left_out(wanted.without.split(","), wanted.fold)
    parts = prepared.parts(out)
    made = model(fit(parts, wanted.seed), parts)
    words = rounded.words(made, prepared.recorded[prepared.whole]).astype(np.float64)
    np.savez(wanted.out, ratios=texture.of_logits(words), left_out=out)
    if wanted.onnx:
        wanted.onnx.write_bytes(made)


if __name__ == "__main__":
    main()
