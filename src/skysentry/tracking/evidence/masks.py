"""Sensors of light that miss a track which others see: masked by terrain, gone deaf, or right.

A radar behind a hill, or one that has failed and still reports empty looks, says "nothing there" again and again. For
each track and sensor that misses it stands a belief b that this sensor cannot see it; a miss counts with Pd (1 − b).
What makes the belief is contradiction only: misses wait, in nats, until *another* sensor sees the track, and then

    b ← b / (b + (1 − b) e^−nats),    as far as the track exists, and as far as one look of the other says

An own hit ends the belief. When all stop seeing a track nobody contradicts, so misses count in full and it ends as fast
as ever. Reports of others (identities) contradict no radar: they can be made up.

Over all tracks the same contradictions are a sensor's record: looks that should have shown something, and those that
did. The declared Pd is scaled by it, which also saves tracks that only begin.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.compiled import kernel
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.models.measure import L_PD, L_REPORTS, L_SENSOR, L_SOUND
from skysentry.tracking.models.motion import Array, Indices

# Sensors of which a track remembers that they miss it: more than six radars over one place are rare.
SLOTS = 6
# Columns: the sensor's number (0: free), the belief, nats and looks that wait for contradiction.
NUMBER, BELIEF, NATS, LOOKS, COLUMNS = 0, 1, 2, 3, 4
# Chance that a place within the declared coverage is masked. With 0.1, or a plot as a whole contradiction, the last
# plots of a dive kept the track alive that had flown straight on.
MASKED = 0.03
# Nats from which a sensor counts as one that misses.
ONE_MISS = 0.5
# Never sure: a little must be left to count.
MOST_BELIEF = 0.98
# Nats that wait, at most: as if certain.
MOST_NATS = 10.0
# Misses of places where hardly anything is expected are none.
LEAST_PD = 0.02
# How much of a contradiction one look is: a plot may be clutter, so it takes two; a direction says less.
BY_LIGHT, BY_SOUND = 0.5, 0.3
# A hit, and a track that exists enough to be missed.
HIT, EXISTS = 0.5, 0.3
# Looks that stand for the declared Pd, how long a record lasts, and the least that is left of a Pd: all may heal.
DECLARED_LOOKS, MEMORY_S, LEAST_SHARE = 10.0, 300.0, 0.05


@kernel
def sighted(slots: Array, look: Array) -> float:
    """Return the chance that this look's sensor can see a track at all; `slots` [shape=(SLOTS, COLUMNS)]."""
    for k in range(SLOTS):
        if slots[k, NUMBER] == look[L_SENSOR]:
            left: float = 1.0 - slots[k, BELIEF]
            return left
    return 1.0


@kernel
def witness(slots: Array, look: Array, pd: float, taken: float, existence: float, record: Array) -> None:
    """Take what one look said of one track, in place: it was seen with `taken`, expected with `pd`.

    `record` (S, 3) are looks expected and seen, and the share of the declared Pd that `pd` has, by sensor number.
    """
    if look[L_REPORTS] != 0.0:
        return
    mine = -1
    free = 0
    for k in range(SLOTS):
        if slots[k, NUMBER] == look[L_SENSOR]:
            mine = k
        elif slots[k, NUMBER] == 0.0 or (slots[free, NUMBER] != 0.0 and slots[k, BELIEF] < slots[free, BELIEF]):
            free = k
    light = look[L_SOUND] == 0.0 and look[L_SENSOR] > 0.0
    if taken > HIT:
        _contradict(slots, mine, existence * (BY_SOUND if look[L_SOUND] > 0.0 else BY_LIGHT), record)
        if light:
            if mine >= 0:
                slots[mine] = 0.0
            if pd > LEAST_PD:
                record[int(look[L_SENSOR]), 0] += pd / record[int(look[L_SENSOR]), 2]
                record[int(look[L_SENSOR]), 1] += taken
    elif light and pd > LEAST_PD and existence > EXISTS:
        if mine < 0:
            mine = free
            slots[mine, NUMBER], slots[mine, BELIEF], slots[mine, NATS], slots[mine, LOOKS] = (
                look[L_SENSOR],
                MASKED,
                0,
                0,
            )
        slots[mine, NATS] = min(slots[mine, NATS] - (1.0 - taken) * math.log1p(-pd), MOST_NATS)
        slots[mine, LOOKS] += (1.0 - taken) * pd / record[int(look[L_SENSOR]), 2]


@kernel
def _contradict(slots: Array, mine: int, weight: float, record: Array) -> None:
    """Let one sensor's hit speak against the misses of the others that wait, as far as `weight`.

    One that sees what two miss may itself be wrong, by its clock or heading: its word is shared among them, twice.
    """
    waiting = 0
    for k in range(SLOTS):
        waiting += k != mine and slots[k, NUMBER] != 0.0 and slots[k, NATS] > ONE_MISS
    weight /= max(waiting * waiting, 1)
    for k in range(SLOTS):
        if k == mine or slots[k, NUMBER] == 0.0 or slots[k, NATS] == 0.0:
            continue
        b = slots[k, BELIEF]
        slots[k, BELIEF] = min(b + weight * (b / (b + (1.0 - b) * math.exp(-slots[k, NATS])) - b), MOST_BELIEF)
        record[int(slots[k, NUMBER]), 0] += weight * slots[k, LOOKS]
        slots[k, NATS] *= 1.0 - weight
        slots[k, LOOKS] *= 1.0 - weight


@kernel
def fade_record(record: Array, numbers: Indices, keep: float) -> bool:
    """Let counts fade, and write the share of the declared Pd that each of the sensors `numbers` shows, in place.

    Returns whether any share is another now.
    """
    changed = False
    for k in range(record.shape[0]):
        record[k, 0] *= keep
        record[k, 1] *= keep
    for k in numbers:
        share = (record[k, 1] + DECLARED_LOOKS) / (record[k, 0] + DECLARED_LOOKS)
        share = min(max(share, LEAST_SHARE), 1.0)
        changed = changed or share != record[k, 2]
        record[k, 2] = share
    return changed


class Records:
    """What sensors of light should have seen, and what they saw. `counts` (S + 1, 3) is the `record` of `witness`."""

    def __init__(self, known: dict[str, Listener]) -> None:
        self.known = known
        self.names = [name for name, own in known.items() if own.look[L_SOUND] == 0.0 and not own.reports]
        self.counts: Array = np.zeros((int(max([own.look[L_SENSOR] for own in known.values()], default=0)) + 1, 3))
        self.counts[:, 2] = 1.0
        self.numbers = np.array([int(own.look[L_SENSOR]) for own in self.listeners], np.int64)
        self.declared = [float(own.look[L_PD]) for own in self.listeners]

    @property
    def listeners(self) -> list[Listener]:
        """The sensors as they are known now: one that is found to point elsewhere gets a new look."""
        return [self.known[name] for name in self.names]

    def refresh(self, passed_s: float) -> bool:
        """Forget a little, and scale the looks' Pd; return whether any is another now."""
        keep = math.exp(-min(max(passed_s, 0.0), MEMORY_S) / MEMORY_S)
        changed = fade_record(self.counts, self.numbers, keep)
        if changed:
            self.show()
        return changed

    def shares(self) -> list[float]:
        """Return the share of the declared Pd that each of `names` shows."""
        shares: list[float] = self.counts[self.numbers, 2].tolist()
        return shares

    def show(self) -> None:
        """Write Pd into the looks."""
        for name, declared, share in zip(self.names, self.declared, self.shares(), strict=True):
            self.known[name].look[L_PD] = declared * share
