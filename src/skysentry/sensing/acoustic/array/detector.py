"""`ArrayDetector`: sound of several microphones in, one `Scan` a second with directions out.

    Block ─ear─▶ second ─┬─ mean of the microphones ──────────────────▶ AcousticDetector ─┐
                         └─ sources ─ a beam towards each, same second ─▶ AcousticDetector ─┴─▶ Scan

What is a drone is for `AcousticDetector` to say, of the mean of the microphones and of a beam towards every source: the
same classes, ratios and thresholds as for one microphone. A source whose beam it speaks of becomes a detection with the
direction of that second (`AzEl`, or `Bearing` where the array cannot tell elevation); if it speaks of the mean alone
and one source sounds, that is it; if none does or many do, the detection is `Presence`. Other sources are followed,
so that they disturb less, and not told.

The scan is stamped at the middle of its looks (0.45 s into the second), for the direction is that of the middle; noise,
reach and deafness are those of the mean. A direction that does not move by 1° and whose fundamental stays within 0.2 %
for ten minutes is a machine of the place (a fan, a transformer), not a drone, which the wind moves: told in a `Health`
and no longer detected.

Blocks with another number of channels than `mics`, of a rate that cannot be cut into looks, of arrays without a usable
geometry or that are broken are heard as those of one microphone, and a `Health` says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Block
from skysentry.sensing.acoustic.array.one_array import ArrayOne, ArrayState
from skysentry.sensing.acoustic.detector import AcousticDetector
from skysentry.site import Sensor, SensorKind, Site

SNAPSHOT_VERSION = 1


class State(Struct):
    """The snapshot."""

    version: int
    arrays: dict[str, ArrayState]
    inner: bytes


class ArrayDetector:
    """The stage from the sound of arrays to directions."""

    def __init__(self, site: Site) -> None:
        self.site = site
        arrays = [sensor for sensor in site.sensors if is_array(sensor)]
        self.sensors = {sensor.id: sensor for sensor in arrays}
        heard = tuple(msgspec.structs.replace(one, kind=SensorKind.MICROPHONE, mics=()) for one in arrays)
        self.inner = AcousticDetector(msgspec.structs.replace(site, sensors=heard))
        self.arrays: dict[str, ArrayOne] = {}

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each second completed, and the health of arrays that have a fault."""
        blocks = [event for event in events if isinstance(event, Block) and event.sensor in self.sensors]
        blocks.sort(key=lambda block: (block.received_ns, block.time_ns, block.id))
        made: list[AnyEvent] = []
        for block in blocks:
            one = self.arrays.get(block.sensor)
            if one is None:
                one = self.arrays[block.sensor] = ArrayOne(self.sensors[block.sensor], self.site, self.inner)
            one.hear(now_ns, block, made)
        return made

    def snapshot(self) -> bytes:
        """Return the state of all arrays."""
        arrays = {name: one.state() for name, one in self.arrays.items()}
        return msgspec.msgpack.encode(State(SNAPSHOT_VERSION, arrays, self.inner.snapshot()))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version, another site or cannot be read."""
        try:
            read = msgspec.msgpack.decode(state, type=State)
            if read.version != SNAPSHOT_VERSION or not read.arrays.keys() <= self.sensors.keys():
                raise StateError("the snapshot is of another version or site", hint="start with --fresh")
            self.inner.restore(read.inner)
            self.arrays = {
                name: ArrayOne(self.sensors[name], self.site, self.inner, one) for name, one in read.arrays.items()
            }
        except (msgspec.DecodeError, ValueError, IndexError) as error:
            raise StateError(f"the snapshot of the arrays cannot be read: {error}") from None


def is_array(sensor: Sensor) -> bool:
    """Whether a sensor is for this stage: an array that says where its microphones are."""
    return sensor.kind is SensorKind.ARRAY and len(sensor.mics) > 0
