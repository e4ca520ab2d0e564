"""Each look counts once, however often it is sent: datagrams are doubled on their way, files are named twice."""

from __future__ import annotations

from zlib import crc32

from skysentry.events import Scan

# A doubled datagram comes within milliseconds; 32 looks are half a minute of a sensor that looks once a second.
LOOKS_REMEMBERED = 32
# Sensors remembered; a hostile source may invent names, and the one heard longest ago is forgotten.
SENSORS_REMEMBERED = 2_000


class Once:
    """Remembers the latest looks of each sensor by a 32-bit sum of their ids: one in 10⁸ is taken for another."""

    def __init__(self) -> None:
        self._taken: dict[str, list[int]] = {}

    def first(self, scan: Scan) -> bool:
        """Return whether this look was not taken before; it is taken now."""
        key = crc32(scan.id.encode())
        taken = self._taken.pop(scan.sensor, None)
        if taken is None:
            taken = []
            if len(self._taken) >= SENSORS_REMEMBERED:
                del self._taken[next(iter(self._taken))]
        self._taken[scan.sensor] = taken
        if key in taken:
            return False
        taken.append(key)
        if len(taken) > LOOKS_REMEMBERED:
            del taken[0]
        return True

    def dump(self) -> list[tuple[str, list[int]]]:
        """Return the state, in order of last being heard."""
        return list(self._taken.items())

    def load(self, state: list[tuple[str, list[int]]]) -> None:
        """Take what `dump` returned."""
        self._taken = dict(state)
