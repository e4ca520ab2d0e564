"""The net: depthwise-separable convolutions over (band, time), 165 k parameters.

    [3, 96, 32] ─ conv 5×5 /2 ─ five separable blocks ─ [208, 6, 4] ─ mean and max over time ─ flat ─ 64 ─ logits

Frequency is never pooled away: where a comb lies tells a drone from an aeroplane. Time is: a second has no clock.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Channels and strides (band, time) of the blocks.
BLOCKS = ((64, (2, 1)), (96, (1, 2)), (128, (2, 1)), (160, (1, 2)), (208, (2, 1)))
FIRST = 32
NARROW = 64
HIDDEN = 96


def _block(inside: int, outside: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
        nn.BatchNorm2d(inside),
        nn.ReLU(),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


class Net(nn.Module):
    """From channels [shape=(n, 3, 96, 32)] to logits [shape=(n, labels)]."""

    def __init__(self, labels: int, taught: int, words: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, FIRST, 5, 2, 2, bias=False), nn.BatchNorm2d(FIRST), nn.ReLU(),
        ]  # fmt: skip
        inside = FIRST
        for outside, stride in BLOCKS:
            layers.append(_block(inside, outside, stride))
            inside = outside
        self.body = nn.Sequential(*layers)
        self.squeeze = nn.Sequential(nn.Linear(2 * inside, NARROW), nn.ReLU())
        self.hidden = nn.Sequential(nn.Linear(6 * NARROW, HIDDEN), nn.ReLU())
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(HIDDEN, labels)
        self.taught = nn.Linear(HIDDEN, taught)
        self.words = nn.Linear(HIDDEN, words)

    def embed(self, x: Tensor) -> Tensor:
        """Return what the head sees [shape=(n, 96)]."""
        maps = self.body(x)  # [n, 208, 6, 4]
        pooled = torch.cat((maps.mean(dim=3), maps.amax(dim=3)), dim=1).transpose(1, 2)  # [n, 6, 416]
        return self.hidden(self.squeeze(pooled).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.drop(self.embed(x)))
