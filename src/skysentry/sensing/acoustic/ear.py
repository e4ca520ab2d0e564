"""One microphone: blocks of any rate, size and channel count in, whole seconds of measurements out.

A block is checked, turned into mono float32 (the mean of its channels) and appended. Whenever a second of samples is
complete it is measured at once, together with the tail before it, so the size of blocks changes nothing. The time of a
second is counted from the last block's own time, by samples; a step of more than 20 ms between what a block says and
what the samples say is a gap and starts the ear anew. What overlaps sound already heard is dropped.

The state is two short arrays of raw sound, the paths of the comb, the last octave levels and a few numbers; it is
bounded by one second of sound plus the tail.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from skysentry.events import Block
from skysentry.sensing.acoustic import bands, broad, comb, fuse, llr, net, spectrum, still
from skysentry.sensing.acoustic.spectrum import Array

# Below 4 kHz a comb of ten orders does not fit; above 200 kHz it is not a microphone.
RATE_RANGE_HZ = (4_000.0, 200_000.0)
MOST_CHANNELS = 64
# A block that brings more at once is a fault or an attack; files are read in half seconds.
MOST_BLOCK_S = 10.0
FULL_SCALE = {"int16": 32768.0, "int32": 2147483648.0, "float32": 1.0, "float64": 1.0}
SAMPLES = {name: np.dtype(name).newbyteorder("<") for name in FULL_SCALE}
# Sound cards stamp blocks with some ms of jitter; 20 ms is far below a quarter second.
JITTER_NS = 20_000_000
# Repeated or late sound up to this far back is dropped; further back the clock was set.
LATE_NS = 5_000_000_000
# Signed 64-bit nanoseconds end in 2262; a minute before that no scan can run over.
LAST_NS = 2**63 - 1 - 60_000_000_000
# Scan times are rounded to this, so that the rounding of block times cannot change an id.
TICK_NS = 1_000
CLIPPED_LEVEL = 0.999
CLIPPED_SHARE = 0.01
# Louder than any sound card gives: float samples beyond are held, or squares would overflow.
MOST_LEVEL = 1e3
FLUTTER_KEEP = 0.9
# A machine's level is that of its loudest octave below 3.2 kHz: where its lines are, above the wind.
LEVEL_OCTAVES = 4
# Octave changes beyond this are starts and stops, all alike.
MOST_CHANGE_DB = 12.0
# The largest score in ten minutes of noise (5.3 in white, 6.1 in 1/f²: python -m bench.acoustic): below it is no comb.
LOUD_SCORE = 6.1
# Blocks named as evidence of one second: more would only be a flood of tiny ones.
MOST_EVIDENCE = 32
# The quiet floor of a place rises 6 dB in 10 hours when it was measured too low, and falls at once.
QUIET_RISE_DB = 6.0 / 36_000.0


class Second(Struct, frozen=True):
    """What was measured in one second of sound; `time_ns` is its end. `deaf`: every sample was the same.

    In the order of `net.KINDS`: `log_p` of this second alone, `belief` up to now, `place`, what is usual here, and
    `alone`, the belief by this second alone, None where neither kinds nor families name something that flies.
    """

    time_ns: int
    received_ns: int
    evidence: tuple[str, ...]
    deaf: bool
    noise_db: float
    louder_db: float
    high: comb.Comb
    low: comb.Comb
    piston: comb.Comb
    flutter_db: float
    drift_per_s: float
    still_s: int
    hum: bool
    log_p: tuple[float, ...]
    belief: tuple[float, ...]
    place: tuple[float, ...]
    alone: tuple[float, ...] | None


class EarState(Struct):
    """What an ear remembers, ready for a snapshot; arrays as little-endian float32 bytes."""

    rate_hz: float = 0.0
    next_ns: int | None = None
    tail: bytes | None = None
    pending: bytes = b""
    evidence: list[str] = []
    paths: bytes | None = None
    octaves: bytes | None = None
    flutter_db: float | None = None
    f0_hz: float | None = None
    still: still.Still = still.Still()
    quiet_db: float | None = None
    belief: tuple[float, ...] | None = None
    place: tuple[float, ...] | None = None


class Ear:
    """The state of one microphone. `bands` are the parts of the comb's grid: high, low, piston."""

    def __init__(self, bands: tuple[slice, slice, slice], state: EarState | None = None) -> None:
        self.bands = bands
        state = state or EarState()
        _check(state)
        self.rate_hz, self.next_ns, self.evidence = state.rate_hz, state.next_ns, list(state.evidence)
        # The tail and the second behind it, which fills up.
        self.keep, self.sound = _room(state.rate_hz)
        self.has_tail, self.held = state.tail is not None, len(state.pending) // 4
        if state.tail is not None:
            self.sound[: self.keep] = _array(state.tail)
        self.sound[self.keep : self.keep + self.held] = _array(state.pending)
        self.paths = None if state.paths is None else _array(state.paths).reshape(-1, comb.STEPS)
        self.octaves = None if state.octaves is None else _array(state.octaves)
        self.flutter_db, self.f0_hz, self.quiet_db = state.flutter_db, state.f0_hz, state.quiet_db
        self.still = state.still
        self.belief = None if state.belief is None else np.array(state.belief)
        self.place = fuse.CHANCES if state.place is None else np.array(state.place)

    def state(self) -> EarState:
        """Return what to remember."""
        return EarState(
            rate_hz=self.rate_hz,
            next_ns=self.next_ns,
            tail=self.sound[: self.keep].tobytes() if self.has_tail else None,
            pending=self.sound[self.keep : self.keep + self.held].tobytes(),
            evidence=list(self.evidence),
            paths=None if self.paths is None else self.paths.tobytes(),
            octaves=None if self.octaves is None else self.octaves.tobytes(),
            flutter_db=self.flutter_db,
            f0_hz=self.f0_hz,
            still=self.still,
            quiet_db=self.quiet_db,
            belief=None if self.belief is None else tuple(self.belief.tolist()),
            place=tuple(self.place.tolist()),
        )

    def hear(self, block: Block) -> tuple[list[Second], list[str]]:
        """Return the seconds that a block completes and the names of what was wrong with it."""
        fault = _fault(block)
        if fault:
            return [], [fault]
        wrong: list[str] = []
        sound = _mono(block, wrong)
        late = self._late_frames(block, wrong)
        if late >= len(sound):
            return [], wrong
        start_ns = block.time_ns + round(late * 1e9 / block.rate_hz)
        sound = sound[late:]
        self.next_ns = start_ns + round(len(sound) * 1e9 / block.rate_hz)
        return self._cut(sound, start_ns, block, wrong), wrong

    def _late_frames(self, block: Block, wrong: list[str]) -> int:
        """Return how many frames of a block were heard already; begin anew at gaps, steps and changes of rate."""
        if self.next_ns is None:
            self._begin(block.rate_hz)
            return 0
        if block.rate_hz != self.rate_hz:
            wrong.append("rate changed")
            self._forget()
            self._begin(block.rate_hz)
            return 0
        ahead_ns = block.time_ns - self.next_ns
        if abs(ahead_ns) <= JITTER_NS:
            return 0
        if ahead_ns > 0:
            wrong.append("gap")
            self._forget()
            return 0
        if ahead_ns < -LATE_NS:
            wrong.append("clock went back")
            self._forget()
            return 0
        wrong.append("repeated or late sound")
        return math.ceil(-ahead_ns * block.rate_hz / 1e9)

    def _begin(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self.keep, self.sound = _room(rate_hz)

    def _forget(self) -> None:
        """Begin anew; only the floor and the habits of the place are kept."""
        self.has_tail, self.held, self.evidence = False, 0, []
        self.paths, self.octaves, self.flutter_db, self.f0_hz, self.belief = None, None, None, None, None
        self.still = still.Still()

    def _cut(self, sound: Array, start_ns: int, block: Block, wrong: list[str]) -> list[Second]:
        """Append sound, and measure every second that it completes."""
        seconds: list[Second] = []
        keep, taken = self.keep, 0
        whole = len(self.sound) - keep
        while taken < len(sound):
            part = sound[taken : taken + whole - self.held]
            self.sound[keep + self.held : keep + self.held + len(part)] = part
            self.held += len(part)
            taken += len(part)
            if len(self.evidence) < MOST_EVIDENCE and block.id not in self.evidence:
                self.evidence.append(block.id)
            if self.held == whole:
                end_ns = start_ns + round(taken * 1e9 / self.rate_hz)
                time_ns = (end_ns + TICK_NS // 2) // TICK_NS * TICK_NS
                second = self.sound[keep:]
                lowest, highest = float(second.min()), float(second.max())
                if max(-lowest, highest) >= CLIPPED_LEVEL and _clipped(second):
                    wrong.append("clipped seconds")
                if not self.has_tail:
                    # Before the first second is nothing: its mirror image keeps level and lines, silence would click.
                    self.sound[:keep] = second[keep - 1 :: -1]
                seconds.append(self._measure(lowest == highest, max(time_ns, 0), block.received_ns))
                self.sound[:keep] = self.sound[-keep:]
                self.has_tail, self.held, self.evidence = True, 0, []
        return seconds

    def _measure(self, deaf: bool, time_ns: int, received_ns: int) -> Second:
        sound = spectrum.at_16k(self.sound, len(self.sound) - self.keep)
        odd = spectrum.half_frames(sound, 1)
        power = spectrum.quarters(odd)
        white_db, floor_db = spectrum.whitened(power)
        quarter_scores = comb.scores(white_db)
        self.paths = comb.follow(self.paths, quarter_scores)
        scores = quarter_scores.mean(axis=0)
        high, low, piston = (comb.best(self.paths, scores, band) for band in self.bands)
        strongest = max(high, low, piston, key=lambda found: found.score)
        drift = 0.0 if self.f0_hz is None else math.log(strongest.f0_hz / self.f0_hz)
        self.f0_hz = strongest.f0_hz
        noise_db = spectrum.noise_dbfs(floor_db)
        octaves_db = spectrum.octaves_db(power)
        flutter_db = self._flutter(octaves_db)
        hum = strongest.score > LOUD_SCORE and comb.hums(sound[-spectrum.RATE_HZ :], strongest.f0_hz)
        if strongest.score > LOUD_SCORE:
            self.still = still.heard(
                self.still, strongest.f0_hz, float(octaves_db[:, :LEVEL_OCTAVES].max(axis=1).mean())
            )
        else:
            self.still = still.missed(self.still)
        combs = None if deaf or hum else llr.of_combs(high.score, low.score, piston.score, flutter_db)
        place = self.place
        said = self._heard_nothing() if deaf else self._weigh(sound, odd, hum, combs)
        self.belief = belief = said.belief
        if not deaf:
            self.place = fuse.habit(place, belief)
        return Second(
            time_ns=time_ns,
            received_ns=received_ns,
            evidence=tuple(self.evidence),
            deaf=deaf,
            noise_db=noise_db,
            louder_db=0.0 if deaf else self._louder(noise_db),
            high=high,
            low=low,
            piston=piston,
            flutter_db=flutter_db,
            drift_per_s=drift,
            still_s=self.still.seconds,
            hum=hum,
            log_p=tuple(said.log_p.tolist()),
            belief=tuple(belief.tolist()),
            place=tuple(place.tolist()),
            alone=None if said.alone is None else tuple(said.alone.tolist()),
        )

    def _heard_nothing(self) -> fuse.Weighed:
        """Return what a deaf second makes believe: what was believed, a little less."""
        silent = net.NOTHING_HEARD
        return fuse.Weighed(silent, fuse.heard(self.belief, silent, None, place=self.place), None)

    def _weigh(self, sound: Array, odd: Array, hum: bool, combs: llr.Ratios | None) -> fuse.Weighed:
        """Return what nets and comb make of a second: the broad net hears it, the other where something may fly."""

        def ask() -> Array:
            return net.log_p(bands.levels_db(spectrum.woven(spectrum.half_frames(sound, 0), odd)))

        return fuse.weighed(self.belief, broad.log_p(sound[-spectrum.RATE_HZ :]), combs, ask, hum, self.place)

    def _flutter(self, octaves_db: Array) -> float:
        """Return the mean change of the octave levels from quarter to quarter, over some 2.5 s."""
        rows = octaves_db if self.octaves is None else np.concatenate((self.octaves[None], octaves_db))
        apart = np.minimum(np.abs(rows[1:] - rows[:-1]), np.float32(MOST_CHANGE_DB))
        changes = (np.add.reduce(apart, axis=1) / np.float32(rows.shape[1])).tolist()
        flutter = sum(changes) / len(changes) if self.flutter_db is None else self.flutter_db
        for change in changes:
            flutter = FLUTTER_KEEP * flutter + (1.0 - FLUTTER_KEEP) * change
        self.octaves, self.flutter_db = octaves_db[-1], flutter
        return flutter

    def _louder(self, noise_db: float) -> float:
        """Return how far the floor is above the quietest that this place has been."""
        risen = noise_db if self.quiet_db is None else self.quiet_db + QUIET_RISE_DB
        self.quiet_db = min(risen, noise_db)
        return noise_db - self.quiet_db


def _check(state: EarState) -> None:
    """Raise `ValueError` where the arrays of a state do not fit its rate."""
    whole = round(state.rate_hz)
    if not (whole == 0 or RATE_RANGE_HZ[0] <= state.rate_hz <= RATE_RANGE_HZ[1]):
        raise ValueError(f"a rate of {state.rate_hz} Hz")
    octaves = len(spectrum.OCTAVES_HZ) - 1
    due = (
        (state.tail, 0 if whole == 0 else spectrum.tail_frames(whole)),
        (state.paths, len(comb.FORGETTING) * comb.STEPS),
        (state.octaves, octaves),
    )
    if any(data is not None and len(data) != 4 * length for data, length in due):
        raise ValueError("an array of the wrong length")
    for chances in (state.belief, state.place):
        if chances is not None and (len(chances) != len(net.KINDS) or not all(0.0 < p <= 1.0 for p in chances)):
            raise ValueError("chances that are none")
    if len(state.pending) % 4 or len(state.pending) >= 4 * max(whole, 1):
        raise ValueError("more than a second of pending sound")


def _clipped(second: Array) -> bool:
    return float(np.mean(np.abs(second) >= CLIPPED_LEVEL)) > CLIPPED_SHARE


def _array(data: bytes) -> Array:
    return np.frombuffer(data, dtype="<f4")


def _fault(block: Block) -> str | None:
    """Return why a block cannot be heard, or `None`."""
    frames, channels = block.shape
    if block.dtype not in FULL_SCALE:
        return "unknown sample type"
    if not 0 <= block.time_ns <= LAST_NS:
        return "impossible time"
    if not RATE_RANGE_HZ[0] <= block.rate_hz <= RATE_RANGE_HZ[1]:
        return "impossible rate"
    if frames < 0 or not 1 <= channels <= MOST_CHANNELS or frames > MOST_BLOCK_S * block.rate_hz:
        return "impossible shape"
    if len(block.data) != frames * channels * SAMPLES[block.dtype].itemsize:
        return "length does not fit the shape"
    return None


def _mono(block: Block, wrong: list[str]) -> Array:
    """Return the mean of the channels, full scale 1.0; what is not a number is silence."""
    raw = np.frombuffer(block.data, dtype=SAMPLES[block.dtype]).reshape(block.shape)
    if block.dtype.startswith("float"):
        raw = _held(raw, wrong)
    # Column by column: the same sum whatever the size of the block, and faster than a mean over a short axis.
    total = raw[:, 0].astype(np.float32)
    for channel in range(1, block.shape[1]):
        np.add(total, raw[:, channel], out=total, dtype=np.float32)
    total *= np.float32(1.0 / (FULL_SCALE[block.dtype] * block.shape[1]))
    return total


def _held(raw: Array, wrong: list[str]) -> Array:
    """Return float samples with silence for what is no number, and no louder than any sound card gives."""
    finite = np.isfinite(raw)
    if not finite.all():
        wrong.append("samples that are not numbers")
        raw = np.where(finite, raw, np.float32(0.0))
    return np.clip(raw, -MOST_LEVEL, MOST_LEVEL)


def _room(rate_hz: float) -> tuple[int, Array]:
    """Return how many samples the tail has, and room for it and a second; no room without a rate."""
    whole = round(rate_hz)
    keep = spectrum.tail_frames(whole) if whole else 0
    return keep, np.empty(keep + whole, dtype=np.float32)
