"""What decoded DroneID says, held against physics, and how far away a burst of some strength may come from.

A burst is a claim like any other of Remote ID, so the same checks weigh it (`sensing.remote_id.trust`): jumps, speed,
the pilot's distance, reach, and power. Its power is known over the noise alone; the noise is at least thermal, so that
who is louder over it than the strongest lawful transmitter could be is told, and no more is made of it.

**Soft range.** Power and antennas are unknown by a factor of ten in range, so strength makes no range. But a receiver
whose declared reach holds for the weakest bursts that are present hears one 40 dB stronger from nearer: the reach of a
look that says only "something transmits" is the declared one, less the strength above `LEAST_DB`, plus `UNSURE_DB`.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from msgspec import Struct

from skysentry.events import AnyMeasurement, Identity
from skysentry.geo import distance_m
from skysentry.sensing.remote_id.place import jumped, measure, velocity_of
from skysentry.sensing.remote_id.sender import Transmitter, identity_of, learn
from skysentry.sensing.remote_id.trust import JUMP_NATS, control, loud, move, reach
from skysentry.site import Sensor
from skysentry.wire import dji_wifi

Record: TypeAlias = dji_wifi.Telemetry | dji_wifi.Purpose
Features: TypeAlias = tuple[tuple[str, float], ...]

# Serials that are followed; one heard longest ago makes room.
MOST_SENDERS = 256
# Thermal noise in the 9 MHz of a burst's carriers at 290 K.
THERMAL_DBM = -174.0 + 10.0 * math.log10(600 * 15_000.0)
# The weakest bursts that are present (95 %), and two sigmas of 10 dB: power, antennas at both ends, fading.
LEAST_DB, UNSURE_DB, FREE_SPACE_DB = -13.0, 20.0, 20.0


class Claims(Struct):
    """Who was heard, by serial, in the order of their last bursts."""

    senders: dict[str, Transmitter] = {}

    def weigh(
        self, record: Record | None, time_ns: int, snr_db: float, sensor: Sensor | None
    ) -> tuple[AnyMeasurement | None, Identity | None, Features]:
        """Return where, who and what else a record says, and what speaks against it; no place where it has none."""
        if record is None or not record.serial:
            return None, None, ()
        sender = self.senders.pop(record.serial, None)
        if sender is None:
            sender = Transmitter(address=record.serial, first_ns=time_ns, last_ns=time_ns)
            if len(self.senders) >= MOST_SENDERS:
                del self.senders[next(iter(self.senders))]
        self.senders[record.serial] = sender
        learn(sender, record)
        if isinstance(record, dji_wifi.Purpose):
            return None, identity_of(sender), (("without_place", 1.0),)
        numbers = (("sequence", float(record.sequence)), ("product", float(record.product)))
        if record.place is None:
            return None, identity_of(sender), (*numbers, ("without_place", 1.0))
        _doubt(sender, record, record.place, time_ns, snr_db, sensor)
        position, more = measure(sender, record, record.place, time_ns, None)
        return position, identity_of(sender), (*numbers, *more, *sender.trust.features())


def _doubt(
    sender: Transmitter, record: dji_wifi.Telemetry, place: tuple[float, float], time_ns: int, snr_db: float,
    sensor: Sensor | None,
) -> None:  # fmt: skip
    """Hold a place against what was said before and against what can be heard from there."""
    trust = sender.trust
    trust.fade(time_ns)
    if jumped(sender, place, time_ns):
        trust.blame("jump", JUMP_NATS)
    move(trust, place, *velocity_of(record), time_ns)
    sender.place_ns, sender.last_ns, (sender.lat_deg, sender.lon_deg) = time_ns, time_ns, place
    if sensor is not None and sensor.position is not None:
        range_m = distance_m(sensor.position.lat_deg, sensor.position.lon_deg, *place)
        reach(trust, range_m, sensor.coverage.max_m)
        loud(trust, range_m, snr_db + THERMAL_DBM)
    if record.app is not None:
        control(trust, place, record.app)


def within_m(snr_db: float, sensor: Sensor | None) -> float | None:
    """Return how far a burst of this strength may come from, `None` where that is as far as the receiver reaches."""
    if sensor is None:
        return None
    less_db = snr_db - LEAST_DB - UNSURE_DB
    return None if less_db <= 0.0 else sensor.coverage.max_m * 10.0 ** (-less_db / FREE_SPACE_DB)
