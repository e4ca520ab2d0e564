"""One radio that tells several names, each under an address of its own: what its counting and its silences betray.

A transmitter may change its address with each name. What it does not change so easily, as one receiver hears it:

    count      one counter runs on across the names: from this name's last number by those of others to its next, none
               further than `NEXT` from the one before. So do message counters of Open Drone ID or sequence numbers of
               Wi-Fi. Who counts for himself leaves no gap for others; where frames are lost or others counted too,
               they fall into it by chance. Two that were switched on together follow each other one way only.
    handover   a name begins within `HANDOVER_NS` of another's last frame, at the same level; and so did that other one.
               A landing beside a take-off does that once, so one step says `HANDOVER_NATS` and it takes three in a row.

Only different names of a kind that stays with an aircraft or its owner contradict each other: an honest sender whose
address changes, as Bluetooth's private ones do every few minutes, keeps its serial. Names for one flight may change.
The result is the check `radio` in `trust`, nats against what the name says; it fades like the others.

Left out: the beacon's timer, which one radio shares among its names; directions (no receiver of Remote ID tells them);
senders that keep a counter for each name and speak them at the same time, whose power alone would tell.
"""

from __future__ import annotations

import math

from msgspec import Struct

from skysentry.sensing.remote_id.sender import Transmitter
from skysentry.sensing.remote_id.trust import MOST_NATS

# Names that stay: with an aircraft, or with its owner.
LASTING = frozenset(("remote_id_serial", "dji_serial", "remote_id_registration"))
# Numbers of 8 bits in messages and of 12 in frames of Wi-Fi; carriers of messages are below `FRAMES`.
FRAMES, MESSAGE_NUMBERS, FRAME_NUMBERS = 32, 256, 4_096
# Two frames of three may be lost in between; a number is older news after as long as a counter of 10 Hz takes for 20.
NEXT, NUMBER_KEEPS_NS = 3, 2_000_000_000
# Of one radio's frames so many come next (others were lost); what one frame may say, for losses come in rows.
SHARED, HIT_NATS, MISS_NATS = 0.8, 1.0, 1.0
# Fading between two frames of one radio; a level's mean over some frames wanders less.
FADES_DB, SAME_DB, SMOOTH = 12.0, 3.0, 0.2
# Frames come once a second at least and two of three may be lost: a name is over after five seconds.
OVER_NS, HANDOVER_NS, HANDOVER_NATS = 5_000_000_000, 1_500_000_000, 1.2
# By chance: as many names as ended in a minute, of which a third are as loud (within 3 dB, of levels that
# scatter by 5); less a nat, for a coincidence is looked for among many.
MINUTE_NS, LIKE_LEVELS, MANY_NATS = 60_000_000_000, 0.35, 1.0
MOST_VOICES, MOST_EARS = 256, 64
CHECK = "radio"
NONE = (-1, 0)


class Voice(Struct):
    """One address at one receiver: its names, when it was heard, its level (dBm), its last number and run by kind.

    `shared` are nats that a counter runs on from other names: who keeps one counter for each may yet share another.
    `steps` are nats of the handovers in a row that led to it; `settled`, whether these are counted.
    """

    names: list[tuple[str, str]]
    first_ns: int
    last_ns: int
    level_dbm: float | None
    last: dict[int, tuple[int, int]] = {}
    shared: dict[int, float] = {}
    settled: bool = False
    steps: float = 0.0


class Ear(Struct):
    """What one receiver heard: addresses in the order of their last frames; by kind who last sent a number, when.

    Numbers that continue each other across names are one run, named by the time of its first.
    """

    voices: dict[str, Voice] = {}
    said: dict[int, dict[int, tuple[str, int, int]]] = {}


def listen(
    ears: dict[str, Ear], sensor: str, transmitter: Transmitter, numbers: list[tuple[int, int]],
    rssi_dbm: float | None, time_ns: int,
) -> None:  # fmt: skip
    """Take a frame; `numbers` are (kind, number). What speaks for a shared radio goes to the transmitter's trust."""
    ear = ears.get(sensor)
    if ear is None:
        if len(ears) >= MOST_EARS:
            return
        ear = ears[sensor] = Ear()
    voice = ear.voices.pop(transmitter.address, None)
    if voice is None:
        voice = Voice(transmitter.ids, time_ns, time_ns, rssi_dbm)
        if len(ear.voices) >= MOST_VOICES:
            del ear.voices[next(iter(ear.voices))]
    voice.names = transmitter.ids
    for kind, number in numbers:
        if voice.last.get(kind, NONE)[0] != number:
            _number(ear, voice, transmitter, kind, number, rssi_dbm, time_ns)
    voice.last_ns = time_ns
    if rssi_dbm is not None:
        known = rssi_dbm if voice.level_dbm is None else voice.level_dbm
        voice.level_dbm = known + SMOOTH * (rssi_dbm - known)
    if not voice.settled and time_ns - voice.first_ns >= OVER_NS and voice.names:
        voice.settled = True
        _handover(ear, voice, transmitter)
    ear.voices[transmitter.address] = voice


def _number(
    ear: Ear, voice: Voice, transmitter: Transmitter, kind: int, number: int, rssi_dbm: float | None, time_ns: int
) -> None:
    """Weigh whether a number continues another name's, which had continued this one's last."""
    modulus = FRAME_NUMBERS if kind >= FRAMES else MESSAGE_NUMBERS
    said = ear.said.setdefault(kind, {})
    last, run = voice.last.get(kind, (number - NEXT - 1, 0))
    joined, back, room = 0, 1, min((number - last) % modulus - 1, NEXT)
    while not joined and back <= room:
        before = said.get((number - back) % modulus)
        if before is not None and before[1] >= time_ns - NUMBER_KEEPS_NS and (not run or before[1] >= voice.last_ns):
            joined = _run(ear, voice, before, rssi_dbm)
        back += 1
    if joined and joined == run:
        by_chance = min(NEXT * _lively(ear, time_ns) / modulus, 1.0)
        nats = voice.shared.get(kind, 0.0) + min(math.log(SHARED / by_chance), HIT_NATS)
        voice.shared[kind] = min(max(nats, 0.0), MOST_NATS)
        against = transmitter.trust.against
        against[CHECK] = max(against.get(CHECK, 0.0), voice.shared[kind])
    elif not joined and kind in voice.shared:
        voice.shared[kind] = max(voice.shared[kind] - MISS_NATS, 0.0)
    run = joined or time_ns
    voice.last[kind] = (number, run)
    said[number] = (transmitter.address, time_ns, run)


def _run(ear: Ear, voice: Voice, said: tuple[str, int, int], rssi_dbm: float | None) -> int:
    """Return the run of a number that was sent under another name and about as loud, else 0."""
    other = ear.voices.get(said[0])
    if other is None or not contradict(voice.names, other.names):
        return 0
    loud = rssi_dbm is None or other.level_dbm is None or abs(rssi_dbm - other.level_dbm) <= FADES_DB
    return said[2] if loud else 0


def _lively(ear: Ear, time_ns: int) -> int:
    """Return how many addresses are heard now, one at least."""
    count = 0
    for other in reversed(ear.voices.values()):
        if other.last_ns < time_ns - NUMBER_KEEPS_NS:
            break
        count += 1
    return max(count, 1)


def _handover(ear: Ear, voice: Voice, transmitter: Transmitter) -> None:
    """Weigh whether a name, some seconds old now, took over from one that ended as it began."""
    ended, before = 0, None
    for other in reversed(ear.voices.values()):
        if other.last_ns < voice.first_ns - MINUTE_NS:
            break
        if other.last_ns <= voice.first_ns:
            ended += 1
            near = other.last_ns >= voice.first_ns - HANDOVER_NS and _as_loud(voice, other)
            if before is None and near and contradict(voice.names, other.names):
                before = other
    if before is not None:
        by_chance = LIKE_LEVELS * min(ended * HANDOVER_NS / MINUTE_NS, 1.0)
        voice.steps = before.steps + min(max(math.log(SHARED / by_chance) - MANY_NATS, 0.0), HANDOVER_NATS)
        transmitter.trust.blame(CHECK, voice.steps)


def _as_loud(one: Voice, other: Voice) -> bool:
    if one.level_dbm is None or other.level_dbm is None:
        return False
    return abs(one.level_dbm - other.level_dbm) <= SAME_DB


def contradict(names: list[tuple[str, str]], others: list[tuple[str, str]]) -> bool:
    """Whether two senders cannot be one aircraft: no lasting name in common, and two of one kind that differ."""
    mine = {scheme: value for scheme, value in names if scheme in LASTING}
    told = {scheme: value for scheme, value in others if scheme in LASTING}
    both = mine.keys() & told.keys()
    return bool(both) and all(mine[scheme] != told[scheme] for scheme in both)
