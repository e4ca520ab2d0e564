"""Sensors found out: which is wrong in what way, told as `Health` when it is named, when it changes, when it heals.

A finding must stand for `STANDS_S` before it is told, and must be gone for as long before it is taken back, so that one
odd minute neither blames nor absolves. At most one event a sensor in `QUIET_S`.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import Health, HealthState, health

STANDS_S = 5.0
QUIET_S = 30.0
# A size told before is told again when it has changed by this part.
CHANGED = 0.3
# Sensors with findings at a time: those of a large site.
MOST_FOUND = 20_000


class Finding(Struct):
    """What is wrong with one sensor. `size` is in the unit of the words; `told` whether people know."""

    kind: str
    size: float
    words: str
    mend: str
    since_s: float
    gone_s: float = -1.0
    told: bool = False
    told_size: float = 0.0
    told_s: float = -1e9


class Faults:
    """Findings by sensor and kind."""

    def __init__(self, found: dict[str, Finding] | None = None) -> None:
        self.found = found or {}

    def blame(self, sensor: str, kind: str, now_s: float, size: float, words: str, mend: str) -> None:
        """Say that a sensor is wrong now."""
        known = self.found.get(f"{kind}:{sensor}")
        if known is None:
            if len(self.found) < MOST_FOUND:
                self.found[f"{kind}:{sensor}"] = Finding(kind, size, words, mend, now_s)
            return
        known.size, known.words, known.mend, known.gone_s = size, words, mend, -1.0

    def clear(self, sensor: str, kind: str, now_s: float) -> None:
        """Say that it is not."""
        known = self.found.get(f"{kind}:{sensor}")
        if known is not None and known.gone_s < 0.0:
            known.gone_s = now_s

    def blamed(self, sensor: str, kind: str) -> bool:
        """Return whether a sensor is wrong in this way, told or not."""
        return f"{kind}:{sensor}" in self.found

    def tell(self, now_ns: int, now_s: float) -> list[Health]:
        """Return what is to be told now, by name."""
        made = []
        for key in sorted(self.found):
            known, sensor = self.found[key], key.partition(":")[2]
            if known.gone_s >= 0.0 and now_s - known.gone_s >= STANDS_S:
                del self.found[key]
                if known.told:
                    words = f"{known.kind} agrees with others again; what was corrected is undone"
                    made.append(health(sensor, now_ns, HealthState.OK, words, part=f"registration {known.kind}"))
                continue
            if known.gone_s >= 0.0 or now_s - known.since_s < STANDS_S or now_s - known.told_s < QUIET_S:
                continue
            if not known.told or abs(known.size - known.told_size) > CHANGED * abs(known.told_size):
                known.told, known.told_size, known.told_s = True, known.size, now_s
                part = f"registration {known.kind}"
                made.append(health(sensor, now_ns, HealthState.DEGRADED, known.words, known.mend, part=part))
        return made
