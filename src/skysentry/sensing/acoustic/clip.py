"""Sound around detections: a ring of blocks for each microphone, and what is cut out of it.

    Block ─▶ ring (before_s + longest_s + after_s) ─ Scan with detections ─▶ Cut ─ `without_speech` ─▶ Cut or None

A cut begins `before_s` before the second that the first detection is of and ends `after_s` behind the last; detections
that follow within that time go into the same cut, up to `longest_s`. Where blocks are missing or their format changes
the cut ends. `without_speech` replaces what may hold speech (`speech.marks`) with silence in all channels; a cut of
which too little is left is none.

Nothing here writes; the ring is memory and dies with the process. It is not in any snapshot, so that sound never gets
into a recording by that way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import soxr
from msgspec import Struct
from numpy.typing import NDArray

from skysentry.events import AnyEvent, Block, Scan
from skysentry.sensing.acoustic import speech
from skysentry.sensing.acoustic.spectrum import RATE_HZ, Array
from skysentry.site import KeepSound

SECOND_NS = 1_000_000_000
# A scan is of the second before its time, and an array's of some 0.45 s into it.
LOOK_NS = SECOND_NS
# Sound of a stamp that is further from its neighbour's than the ear's own tolerance is not next to it.
JITTER_NS = 20_000_000
# A cut of which less than this is left tells nothing.
LEAST_S = 1.0
# Ids kept of a cut: a detection a second for five minutes.
MOST_IDS = 300
# Microphones with a ring; more are not kept, and counted by whoever asks.
MOST_RINGS = 64
# Louder than any sound card gives: squares of more would overflow.
MOST_LEVEL = 1e3
FULL_SCALE = {"int16": 32768.0, "int32": 2147483648.0, "float32": 1.0, "float64": 1.0}


class Cut(Struct, frozen=True):
    """A stretch of one microphone: samples [shape=(frames, channels)], full scale 1.0; `silenced_s` was taken out."""

    sensor: str
    start_ns: int
    rate_hz: int
    samples: NDArray[np.float32]
    detections: tuple[str, ...]
    silenced_s: float = 0.0


class _Wish(Struct):
    first_ns: int
    last_ns: int
    ids: list[str]


class Ring:
    """The latest sound of one microphone, and the cut that is wished for."""

    def __init__(self, keep: KeepSound) -> None:
        self._keep = keep
        self._hold_ns = round((keep.before_s + keep.longest_s + keep.after_s + 5.0) * SECOND_NS)
        self._blocks: deque[Block] = deque()
        self._wish: _Wish | None = None

    def add(self, block: Block) -> None:
        """Take a block."""
        self._blocks.append(block)
        while self._blocks and block.time_ns - self._blocks[0].time_ns > self._hold_ns:
            self._blocks.popleft()

    def wish(self, scan: Scan) -> Cut | None:
        """Take a look that has detections; return the cut before it, where this one begins another."""
        before, after = (round(s * SECOND_NS) for s in (self._keep.before_s, self._keep.after_s))
        first_ns, last_ns = scan.time_ns - LOOK_NS - before, scan.time_ns + after
        ids = [found.id for found in scan.detections]
        wish, done = self._wish, None
        longest_ns = round(self._keep.longest_s * SECOND_NS)
        if wish is not None and (first_ns > wish.last_ns or last_ns - wish.first_ns > longest_ns):
            done, first_ns = self._cut(wish), max(first_ns, wish.last_ns)
            wish = None
        if wish is None:
            self._wish = _Wish(first_ns, last_ns, ids)
        else:
            wish.last_ns, wish.ids = max(wish.last_ns, last_ns), (wish.ids + ids)[:MOST_IDS]
        return done

    def due(self) -> Cut | None:
        """Return the cut whose time is over."""
        wish = self._wish
        if wish is None or not self._blocks or self._blocks[-1].time_ns <= wish.last_ns:
            return None
        return self.end()

    def end(self) -> Cut | None:
        """Return the cut as far as there is sound."""
        wish, self._wish = self._wish, None
        return None if wish is None else self._cut(wish)

    def _cut(self, wish: _Wish) -> Cut | None:
        run: list[Block] = []
        for block in self._blocks:
            if _end_ns(block) <= wish.first_ns or block.time_ns >= wish.last_ns:
                continue
            if run and not _joins(run[-1], block):
                if run[-1].time_ns > wish.first_ns + (wish.last_ns - wish.first_ns) // 2:
                    break
                run = []
            run.append(block)
        if not run:
            return None
        samples, rate_hz = np.concatenate([samples_of(block) for block in run]), round(run[0].rate_hz)
        skip = max(0, round((wish.first_ns - run[0].time_ns) * rate_hz / SECOND_NS))
        stop = max(0, round((wish.last_ns - run[0].time_ns) * rate_hz / SECOND_NS))
        start_ns = run[0].time_ns + round(skip * SECOND_NS / rate_hz)
        return Cut(run[0].sensor, start_ns, rate_hz, samples[skip:stop], tuple(wish.ids))


class Clipper:
    """Rings of all microphones: events in, cuts out."""

    def __init__(self, keep: KeepSound) -> None:
        self._keep = keep
        self._rings: dict[str, Ring] = {}

    def take(self, events: Sequence[AnyEvent]) -> list[Cut]:
        """Return the cuts that are complete."""
        cuts: list[Cut | None] = []
        for event in events:
            if isinstance(event, Block) and event.dtype in FULL_SCALE and event.rate_hz <= 200_000.0:
                self._ring(event.sensor, event)
            elif isinstance(event, Scan) and event.detections and event.sensor in self._rings:
                cuts.append(self._rings[event.sensor].wish(event))
        cuts += [ring.due() for ring in self._rings.values()]
        return [cut for cut in cuts if cut is not None]

    def end(self) -> list[Cut]:
        """Return what is wished for, as far as there is sound."""
        return [cut for ring in self._rings.values() if (cut := ring.end()) is not None]

    def _ring(self, sensor: str, block: Block) -> None:
        if sensor not in self._rings and len(self._rings) < MOST_RINGS:
            self._rings[sensor] = Ring(self._keep)
        if sensor in self._rings:
            self._rings[sensor].add(block)


def without_speech(cut: Cut) -> Cut | None:
    """Return a cut with silence where speech may be, or `None` where too little is left."""
    mono = np.ascontiguousarray(cut.samples.mean(axis=1), dtype=np.float32)
    sound: Array = mono if cut.rate_hz == RATE_HZ else soxr.resample(mono, cut.rate_hz, RATE_HZ, quality="HQ")
    # One microphone alone is looked at too: in the mean of an array a voice may cancel.
    channels = [sound]
    if cut.samples.shape[1] > 1:
        channels.append(_at_16k(cut.samples[:, 0], cut.rate_hz))
    samples, quiet = cut.samples.copy(), np.zeros(len(cut.samples), dtype=bool)
    for channel in channels:
        for first_s, last_s in speech.marks(np.asarray(channel, dtype=np.float32)):
            quiet[int(first_s * cut.rate_hz) : int(last_s * cut.rate_hz) + 1] = True
    if (len(quiet) - int(quiet.sum())) / cut.rate_hz < LEAST_S:
        return None
    samples[quiet] = 0.0
    silenced_s = round(float(quiet.sum()) / cut.rate_hz, 3)
    return Cut(cut.sensor, cut.start_ns, cut.rate_hz, samples, cut.detections, silenced_s)


def _at_16k(samples: NDArray[np.float32], rate_hz: int) -> Array:
    flat = np.ascontiguousarray(samples)
    return flat if rate_hz == RATE_HZ else np.asarray(soxr.resample(flat, rate_hz, RATE_HZ, quality="HQ"))


def samples_of(block: Block) -> NDArray[np.float32]:
    """Return the samples of a block [shape=(frames, channels)], full scale 1.0.

    What is not a number is silence; a block whose data does not fit is empty.
    """
    frames, channels = block.shape
    kind = np.dtype(block.dtype).newbyteorder("<")
    if frames < 0 or channels < 1 or len(block.data) != frames * channels * kind.itemsize:
        return np.zeros((0, max(channels, 1)), dtype=np.float32)
    raw = np.frombuffer(block.data, dtype=kind).reshape(block.shape) / FULL_SCALE[block.dtype]
    made: NDArray[np.float32] = np.clip(np.where(np.isfinite(raw), raw, 0.0), -MOST_LEVEL, MOST_LEVEL)
    return made.astype(np.float32, copy=False)


def _end_ns(block: Block) -> int:
    return block.time_ns + round(block.shape[0] * SECOND_NS / block.rate_hz)


def _joins(one: Block, other: Block) -> bool:
    same = (one.rate_hz, one.shape[1]) == (other.rate_hz, other.shape[1])
    return same and abs(other.time_ns - _end_ns(one)) <= JITTER_NS
