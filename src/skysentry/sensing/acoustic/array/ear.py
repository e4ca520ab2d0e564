"""One array: blocks of any size in, whole seconds of all its microphones out; and which of them can be used.

Blocks are appended until a second is whole, so their size changes nothing. A step of more than 20 ms between what a
block says and what the samples say is a gap and begins anew; what overlaps sound already heard is dropped, as in
`acoustic.ear`.

A microphone is left out of a second in which it does not change at all or is 30 dB below the middle one of the array,
and for 5 s after; and while it has been 15 dB louder than the middle one for a minute (a broken membrane hisses). One
that is 10 dB softer than the middle one for as long has drifted; it is named and used. Levels are those of the band
that directions are taken from.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.events import Block
from skysentry.sensing.acoustic.ear import (
    FULL_SCALE,
    JITTER_NS,
    LAST_NS,
    LATE_NS,
    MOST_BLOCK_S,
    MOST_EVIDENCE,
    MOST_LEVEL,
    RATE_RANGE_HZ,
)
from skysentry.sensing.acoustic.spectrum import Array

# Looks a second: ten, or as near as divides the rate into whole samples (44,100 / 10, but 11,025 / 9).
LOOKS = (10, 9, 8, 12, 7, 6, 5)
DEAD_DB, LOUD_DB, SOFT_DB = -30.0, 15.0, -10.0
# Seconds a microphone stays out after it was dead; seconds over which levels are compared.
OUT_S, COMPARE_S = 5, 60.0


class Cut(Struct, frozen=True, eq=False):
    """One second: `sound` [shape=(hop + whole, mics)] with the hop before it; `start_ns` is where the second begins."""

    sound: Array
    start_ns: int
    received_ns: int
    evidence: tuple[str, ...]


class ArrayEarState(Struct):
    """What an array remembers of its raw sound and of its microphones."""

    rate_hz: float = 0.0
    next_ns: int | None = None
    tail: bytes | None = None
    pending: bytes = b""
    evidence: list[str] = []
    out_s: list[int] = []
    level_db: list[float] = []
    compared_s: float = 0.0


class ArrayEar:
    """Cuts the sound of one array with `mics` channels."""

    def __init__(self, mics: int, state: ArrayEarState | None = None) -> None:
        self.mics = mics
        state = state or ArrayEarState()
        self.rate_hz, self.next_ns, self.evidence = state.rate_hz, state.next_ns, list(state.evidence)
        self.tail = None if state.tail is None else _rows(state.tail, mics)
        self.pending = [_rows(state.pending, mics)]
        self.held = len(self.pending[0])
        self.out_s = list(state.out_s) or [0] * mics
        self.level_db = np.array(state.level_db or [0.0] * mics)
        self.compared_s = state.compared_s
        hop = 0 if self.rate_hz == 0.0 else hop_of(self.rate_hz)
        wrong = len(self.out_s) != mics or len(self.level_db) != mics or self.held > self.rate_hz
        if wrong or hop is None or (self.tail is not None and len(self.tail) != hop):
            raise ValueError("the state of an array does not fit its microphones")

    def state(self) -> ArrayEarState:
        """Return what to remember."""
        return ArrayEarState(
            rate_hz=self.rate_hz,
            next_ns=self.next_ns,
            tail=None if self.tail is None else self.tail.tobytes(),
            pending=np.concatenate(self.pending).tobytes(),
            evidence=list(self.evidence),
            out_s=list(self.out_s),
            level_db=self.level_db.tolist(),
            compared_s=self.compared_s,
        )

    def hear(self, block: Block) -> tuple[list[Cut], list[str]]:
        """Return the seconds that a sound block completes, and what was wrong with it. A gap gives "gap" first."""
        wrong: list[str] = []
        late = self._late_frames(block, wrong)
        sound = _samples(block, wrong)
        if late >= len(sound):
            return [], wrong
        start_ns = block.time_ns + round(late * 1e9 / block.rate_hz)
        sound = sound[late:]
        self.next_ns = start_ns + round(len(sound) * 1e9 / block.rate_hz)
        return self._cut(sound, start_ns, block), wrong

    def _late_frames(self, block: Block, wrong: list[str]) -> int:
        """Return how many frames of a block were heard already; begin anew at gaps, steps and changes of rate."""
        ahead_ns = 0 if self.next_ns is None else block.time_ns - self.next_ns
        known = self.next_ns is not None
        if known and block.rate_hz == self.rate_hz and abs(ahead_ns) <= JITTER_NS:
            return 0
        if known and block.rate_hz == self.rate_hz and -LATE_NS <= ahead_ns < 0:
            wrong.append("repeated or late sound")
            return math.ceil(-ahead_ns * block.rate_hz / 1e9)
        if known:
            same = block.rate_hz == self.rate_hz
            wrong.append("rate changed" if not same else "gap" if ahead_ns > 0 else "clock went back")
        self.tail, self.pending, self.held, self.evidence = None, [], 0, []
        self.pending = [np.zeros((0, self.mics), dtype=np.float32)]
        self.rate_hz = block.rate_hz
        return 0

    def _cut(self, sound: Array, start_ns: int, block: Block) -> list[Cut]:
        cuts: list[Cut] = []
        whole, taken = round(self.rate_hz), 0
        hop = hop_of(self.rate_hz) or 1
        while taken < len(sound):
            part = sound[taken : taken + whole - self.held]
            self.pending.append(part.copy())
            self.held, taken = self.held + len(part), taken + len(part)
            if len(self.evidence) < MOST_EVIDENCE and block.id not in self.evidence:
                self.evidence.append(block.id)
            if self.held < whole:
                break
            second = np.concatenate(self.pending)
            # Before the first second there is nothing: its mirror image does not click.
            tail = second[hop - 1 :: -1][:hop] if self.tail is None else self.tail
            begin_ns = max(0, start_ns + round((taken - whole) * 1e9 / self.rate_hz))
            cuts.append(Cut(np.concatenate((tail, second)), begin_ns, block.received_ns, tuple(self.evidence)))
            self.tail, self.evidence, self.held = second[-hop:].copy(), [], 0
            self.pending = [np.zeros((0, self.mics), dtype=np.float32)]
        return cuts

    def judge(self, cut: Cut, power: Array) -> tuple[tuple[int, ...], list[str]]:
        """Return the microphones to use in a second, and what is wrong with the others.

        `power` [shape=(mics,)] is that of each in the band.
        """
        still = cut.sound.max(axis=0) == cut.sound.min(axis=0)
        level_db = 10.0 * np.log10(np.maximum(power.astype(float), 1e-30))
        off_db = level_db - float(np.median(level_db))
        dead = still | (off_db < DEAD_DB)
        self.compared_s = min(self.compared_s + 1.0, COMPARE_S)
        self.level_db = self.level_db + (np.clip(off_db, DEAD_DB, -DEAD_DB) - self.level_db) / self.compared_s
        settled = self.compared_s >= COMPARE_S
        faults, used = [], []
        for mic in range(self.mics):
            self.out_s[mic] = OUT_S if dead[mic] else max(0, self.out_s[mic] - 1)
            loud = settled and self.level_db[mic] > LOUD_DB
            if dead[mic]:
                faults.append(f"microphone {mic + 1} is dead")
            elif loud:
                faults.append(f"microphone {mic + 1} is {self.level_db[mic]:.0f} dB louder than the others")
            elif settled and self.level_db[mic] < SOFT_DB:
                faults.append(f"microphone {mic + 1} is {-self.level_db[mic]:.0f} dB softer than the others")
            if self.out_s[mic] == 0 and not loud:
                used.append(mic)
        return tuple(used), faults


def hop_of(rate_hz: float) -> int | None:
    """Return the samples between two looks, or `None` for a rate that no number of looks divides."""
    looks = looks_of(rate_hz)
    return None if looks is None else round(rate_hz) // looks


def looks_of(rate_hz: float) -> int | None:
    """Return how many looks there are in a second."""
    return next((looks for looks in LOOKS if round(rate_hz) % looks == 0), None)


def is_sound(block: Block) -> bool:
    """Whether a block can be read at all; what cannot is told by the ear that it goes to instead."""
    frames, channels = block.shape
    return (
        block.dtype in FULL_SCALE
        and 0 <= block.time_ns <= LAST_NS
        and RATE_RANGE_HZ[0] <= block.rate_hz <= RATE_RANGE_HZ[1]
        and 0 <= frames <= MOST_BLOCK_S * block.rate_hz
        and len(block.data) == frames * channels * np.dtype(block.dtype).itemsize
    )


def _samples(block: Block, wrong: list[str]) -> Array:
    """Return the samples [shape=(frames, mics)], full scale 1.0; what is not a number is silence."""
    raw = np.frombuffer(block.data, dtype=np.dtype(block.dtype).newbyteorder("<")).reshape(block.shape)
    sound = np.clip(raw, -MOST_LEVEL, MOST_LEVEL) if block.dtype.startswith("float") else raw.astype(np.float32)
    if block.dtype.startswith("float") and not np.isfinite(sound).all():
        wrong.append("samples that are not numbers")
        sound = np.where(np.isfinite(sound), sound, 0.0)
    made: Array = (sound * (1.0 / FULL_SCALE[block.dtype])).astype(np.float32)
    return made


def _rows(data: bytes, mics: int) -> Array:
    if len(data) % (4 * mics):
        raise ValueError("sound of an array that is no whole frames")
    return np.frombuffer(data, dtype="<f4").reshape(-1, mics)
