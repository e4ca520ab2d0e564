"""What each kind of sensor says for and against a track, in nats, as a fading sum: the numbers behind existence.

Every look changes the odds of existence; the log of that change is booked under the kind of its sensor, gains and
losses apart, before existence itself is capped. The sums fade within `MEMORY_S`, so they tell of the last seconds: what
a track lives on now, and who misses it.
"""

from __future__ import annotations

import math
from functools import cache, partial
from operator import itemgetter
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import kernel
from skysentry.site import SensorKind
from skysentry.tracking.evidence.groups import COUNTS, KNOWN, fade_counts
from skysentry.tracking.evidence.remembered import Remembered
from skysentry.tracking.models.motion import Array, Indices

# Kinds that are told apart, in the words of the sentence; several kinds of claims are one.
WORDS = ("microphones", "arrays", "radar", "sight", "radio", "claims")
KINDS = len(WORDS)
# The sums for a track, or against it, as numbers; and both of them as bytes.
HALF, BOTH = Struct(f"{KINDS}h"), Struct(f"{2 * KINDS}h")
CODED = Struct(f"{BOTH.size}s")
FOR, AGAINST = COUNTS, COUNTS + KINDS
# `notes`, the columns beside a track's state that only its story needs: its number of objects (`groups`), these sums,
# and the log odds that it is loud, over their prior (`loudness`).
LOUD, NOTES = COUNTS + 2 * KINDS, COUNTS + 2 * KINDS + 1
COLUMN = {
    SensorKind.MICROPHONE: 0,
    SensorKind.ARRAY: 1,
    SensorKind.RADAR: 2,
    SensorKind.CAMERA: 3,
    SensorKind.OBSERVER: 3,
    SensorKind.RF: 4,
    SensorKind.REMOTE_ID: 5,
    SensorKind.ADSB: 5,
    SensorKind.EXTERNAL: 5,
}
SIGHT = COLUMN[SensorKind.CAMERA]
# As long as a sensor that has not seen a track lately supports it.
MEMORY_S = 15.0
# One look is told with this much at most: ten to one is what any sensor can claim of a single look.
MOST_TOLD = 2.3
# "Heard" says at most this much of existence (`presence`), in the share that a track has in it.
HEARD_NATS = 0.5
# Less than this is not worth a word.
LEAST_TOLD = 0.5
# Tenths of a nat from which on a sum is told without a fraction.
WHOLE = 100


def column(kind: SensorKind, reports: bool) -> int:
    """Return the column of a sensor's kind; a source that looks by itself makes no claims."""
    return SIGHT if kind is SensorKind.EXTERNAL and not reports else COLUMN[kind]


@kernel
def book(notes: Array, column: int, before: float, after: float) -> None:
    """Book under a kind what has changed existence from `before` to `after`."""
    odds = max(after, 1e-9) * max(1.0 - before, 1e-9) / (max(before, 1e-9) * max(1.0 - after, 1e-9))
    nats = min(max(math.log(odds), -MOST_TOLD), MOST_TOLD)
    if nats > 0.0:
        notes[FOR + column] += nats
    else:
        notes[AGAINST + column] -= nats


@kernel
def book_heard(notes: Array, column: int, before: Array, after: Array, share: Array, hit: bool) -> None:
    """Book what "heard", in its share, or "not heard" has said of the existence of tracks (n,)."""
    for i in range(before.shape[0]):
        if hit and share[i] > 0.0:
            notes[i, FOR + column] += HEARD_NATS * share[i]
        elif not hit and after[i] != before[i]:
            book(notes[i], column, before[i], after[i])


@kernel
def fade_notes(notes: Array, tracks: int, known: Indices, dt_s: float) -> None:
    """Let sums and counts of tracks (n, NOTES) fade, and mark those that people are shown as objects, in place."""
    fade_counts(notes, tracks, dt_s)
    keep = math.exp(-dt_s / MEMORY_S)
    for i in range(tracks):
        notes[i, KNOWN] = 0.0
        for k in range(FOR, FOR + 2 * KINDS):
            notes[i, k] *= keep
    for i in known:
        notes[i, KNOWN] = 1.0


@kernel
def round_notes(notes: Array, which: Indices, out: NDArray[np.int16]) -> None:
    """Write the sums of the tracks `which` [shape=(k, 2 KINDS)] in tenths of a nat, those against below zero.

    From ten nats on they are whole: a third digit says nothing, and the same sentence serves more tracks.
    """
    for k in range(which.shape[0]):
        for c in range(2 * KINDS):
            tenths = math.floor(10.0 * notes[which[k], FOR + c] + 0.5)
            if tenths >= WHOLE:
                tenths = 10.0 * math.floor(tenths / 10.0 + 0.5)
            out[k, c] = int(tenths if c < KINDS else -tenths)


def rounded(notes: Array, which: Indices) -> list[bytes]:
    """Return the sums of tracks `which` as `round_notes` has them, in the order of `WORDS`.

    Each as bytes of int16, by which `BALANCES` remembers their words.
    """
    sums = np.empty((which.shape[0], 2 * KINDS), np.int16)
    round_notes(notes, which, sums)
    return [coded for (coded,) in CODED.iter_unpack(sums.data)]


def nats_tenths(coded: bytes) -> tuple[int, ...]:
    """Return the numbers of one of `rounded`."""
    return BOTH.unpack(coded)


def balance(said_by: bytes) -> str:
    """Return who speaks for and against a track, in words and nats; empty where nobody says anything."""
    says, denies = FOR_IT[said_by[: HALF.size]], AGAINST_IT[said_by[HALF.size :]]
    if says and denies:
        return f"{says}, {denies} nats"
    return f"{says or denies} nats" if says or denies else ""


def _half(lead: str, coded: bytes) -> str:
    tenths = HALF.unpack(coded)
    told = [(abs(tenths[k]), k) for k in range(KINDS) if abs(tenths[k]) >= 10 * LEAST_TOLD]
    told.sort(key=itemgetter(0), reverse=True)
    return f"{lead} {', '.join([_term(k, tenths[k]) for _, k in told])}" if told else ""


# Most tracks of a sky live on the same few sums: one radar, seen again and again. Halves of a sentence are fewer.
BALANCES: Remembered[bytes, str] = Remembered(balance)
FOR_IT: Remembered[bytes, str] = Remembered(partial(_half, "for it"))
AGAINST_IT: Remembered[bytes, str] = Remembered(partial(_half, "against it"))


@cache
def _term(kind: int, tenths: int) -> str:
    """Return one kind's word and sum; there are a few thousand."""
    return f"{WORDS[kind]} {tenths / 10.0:+.{0 if abs(tenths) >= WHOLE else 1}f}"
