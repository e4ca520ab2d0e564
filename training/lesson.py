"""What the broad net's head learns from: pictures of windows, their kinds and weights, and other microphones.

| where from | weight |
|---|---|
| recordings as they are, four windows a second | 0.56 |
| clips (`recipe`) that hold none: drones of other makers, machines of which there are no recordings | 0.24 |
| clips that hold a recording, as source or background, at other speeds and levels | 0.2 |
| sounds of `packages`, where they are at hand; without them music is told as flying six times as often | 0.25 beside |
| bare noise and wind (`prepare`): what a microphone hears most of the time | 0.3 beside |

Whatever holds a recording that is left out is left out. The motor bench is left out always: one motor in a room does
not fly, and as what is no drone it taught nothing that held for other machines. Families of kinds have a set share of
the weight of recordings and of clips, whatever the number of their windows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.sensing.acoustic import broad
from skysentry.sensing.acoustic.families import FAMILIES, OF_KINDS
from training import corpus, packages, recipe

# What each family weighs among windows of one source. By seconds a chainsaw would weigh a tenth and be told as flying
# twice as often; machines weigh most, for packages add to what is nothing.
SHARES = dict(zip(FAMILIES, (0.15, 0.35, 0.13, 0.09, 0.4, 0.05), strict=True))
# Weight of drawn windows, and where there are no recordings of drones: these cannot tell what is one, they only say
# what is none. A half loses recall.
DRAWN, DRAWN_ALONE = 0.3, 0.75
# Weight of clips that hold a recording.
MIXED = 0.2
# Weights of the sounds of packages and of bare noise, where all else weighs 1. What is drawn of a jet is broad noise,
# too: without bare noise white noise is likelier a jet by 1.7 nats, and a chain believes that in the end.
PACKAGED, BARE = 0.25, 0.3
# A response is a line through so many points over the bands, of a spread up to so many dB; a low-pass falls so many dB
# a band from a band above the lowest named here, 1.3 kHz.
POINTS, MOST_SPREAD_DB, LOW_PASSED, LOWEST_BAND, STEEP_DB = 8, 4.5, 0.3, 35, (0.75, 6.0)
# Louder or fainter than a peak of a half, dB: what else is in a second sets its peak.
GAIN_DB = (-13.0, 4.0)
DB = np.log(10.0) / 20.0
Pictures = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


class Source(Struct, frozen=True):
    """Rows of the windows of a name, their kinds as indices of `recipe.LABELS`, and their weights."""

    name: str
    rows: Labels
    kind: Labels
    weight: NDArray[np.float64]


class Prepared:
    """What `training.prepare` wrote: `pictures` of windows by name, and of which recordings they hold."""

    def __init__(self, paths: list[Path], sounds: Path | None, bare: Path | None) -> None:
        files = [np.load(path) for path in paths]
        self.pictures: dict[str, NDArray[np.float16]] = {
            "recorded": files[0]["clean_seen"],
            "drawn": np.concatenate([_flat(file["seen"]) for file in files]),
        }
        self.owner, self.whole = files[0]["clean_owner"], files[0]["clean_whole"]
        self.used = np.repeat(np.concatenate([file["used"] for file in files]), recipe.WINDOWS, axis=0)
        self.kind = _per_window(np.concatenate([file["label"] for file in files]))
        self.beside: list[Source] = []
        if sounds is not None:
            file = np.load(sounds)
            self._beside("packages", file["seen"], file["label"], packages.weights(file["package"]) * PACKAGED)
        if bare is not None:
            seen = _flat(np.load(bare)["seen"])
            self._beside("bare", seen, np.zeros(len(seen)), np.full(len(seen), BARE / max(len(seen), 1)))

    def _beside(self, name: str, seen: Pictures, label: NDArray[Any], weight: NDArray[np.float64]) -> None:
        if len(seen):
            self.pictures[name] = seen.astype(np.float16)
            self.beside.append(Source(name, np.arange(len(seen)), label.astype(np.int64), weight))

    def sources(self, out: NDArray[np.bool_]) -> list[Source]:
        """Return what may be learned from where recordings are left out."""
        found = corpus.recordings()
        kept = ~out & np.array([one.corpus != "motor" for one in found])
        rows = np.flatnonzero(kept[self.owner])
        own = np.array([recipe.LABELS.index(one.label) for one in found])[self.owner[rows]]
        pure = (self.used < 0).all(axis=1)
        mixed = ~pure & ~((self.used >= 0) & out[self.used]).any(axis=1)
        whole = bool((own == recipe.LABELS.index("multirotor")).any())
        share, holding = (DRAWN, MIXED) if whole else (DRAWN_ALONE, MIXED / 2.0)
        made = [Source("recorded", rows, own, weights_of(own) * (1.0 - share) * (1.0 - holding))]
        for some, weight in ((pure, share * (1.0 - holding)), (mixed, holding)):
            made.append(Source("drawn", np.flatnonzero(some), self.kind[some], weights_of(self.kind[some]) * weight))
        return made + self.beside

    def pure(self) -> NDArray[np.float16]:
        """Return the pictures of windows that hold no recording."""
        return self.pictures["drawn"][(self.used < 0).all(axis=1)]


def weights_of(kinds: Labels) -> NDArray[np.float64]:
    """Return the weight of each window, of sum 1, families by their `SHARES`."""
    made, mine = np.zeros(len(kinds)), np.array(OF_KINDS)[kinds]
    for family, share in enumerate(SHARES.values()):
        which = mine == family
        if which.any():
            made[which] = share / which.sum()
    return made / max(float(made.sum()), 1e-12)


def _flat(rows: NDArray[Any]) -> NDArray[Any]:
    return rows.reshape(-1, *rows.shape[2:])


def _per_window(labels: NDArray[Any]) -> Labels:
    return np.repeat(labels, recipe.WINDOWS).astype(np.int64)


def varied(rng: np.random.Generator, seen: Pictures) -> NDArray[np.float32]:
    """Return pictures [shape=(n, 96, 64)] through other microphones."""
    n, bands = len(seen), np.arange(broad.MELS)
    points = rng.normal(0.0, rng.uniform(0.0, MOST_SPREAD_DB, (n, 1)), (n, POINTS))
    at = np.linspace(0.0, POINTS - 1.0, broad.MELS)
    response_db = np.stack([np.interp(at, np.arange(POINTS), row) for row in points]) + rng.uniform(*GAIN_DB, (n, 1))
    steep_db = np.where(rng.random(n) < LOW_PASSED, rng.uniform(*STEEP_DB, n), 0.0)
    response_db -= steep_db[:, None] * np.maximum(bands - rng.integers(LOWEST_BAND, broad.MELS, n)[:, None], 0)
    magnitude = np.maximum(np.exp(seen.astype(np.float32)) - broad.OFFSET, 0.0) * np.exp(response_db * DB)[:, None, :]
    made: NDArray[np.float32] = np.log(magnitude + broad.OFFSET).astype(np.float32)
    return made
