"""Sensors found out: which is wrong in what way, told as `Health` when it is named, when it changes, when it heals.

A finding must stand for `STANDS_NS` before it is told, and must be gone for as long before it is taken back, so that an
odd moment neither blames nor absolves. At most one event a sensor in `QUIET_NS`.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import Health, HealthState, health

SECOND_NS = 1_000_000_000
STANDS_NS = 5 * SECOND_NS
QUIET_NS = 30 * SECOND_NS
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
    gone: bool = False
    since_ns: int = 0
    gone_ns: int = 0
    told: bool = False
    told_size: float = 0.0
    told_ns: int = 0


class Faults:
    """Findings by sensor and kind."""

    def __init__(self, found: dict[str, Finding] | None = None) -> None:
        self.found = found or {}

    def blame(self, sensor: str, kind: str, size: float, words: str, mend: str) -> None:
        """Say that a sensor is wrong now."""
        known = self.found.get(f"{kind}:{sensor}")
        if known is not None:
            known.size, known.words, known.mend, known.gone = size, words, mend, False
        elif len(self.found) < MOST_FOUND:
            self.found[f"{kind}:{sensor}"] = Finding(kind, size, words, mend)

    def clear(self, sensor: str, kind: str) -> None:
        """Say that it is not."""
        known = self.found.get(f"{kind}:{sensor}")
        if known is not None:
            known.gone = True

    def tell(self, now_ns: int) -> list[Health]:
        """Return what is to be told now, by name."""
        made = []
        for key in sorted(self.found):
            known, sensor = self.found[key], key.partition(":")[2]
            known.since_ns = known.since_ns or now_ns
            known.gone_ns = (known.gone_ns or now_ns) if known.gone else 0
            if known.gone:
                if now_ns - known.gone_ns >= STANDS_NS:
                    del self.found[key]
                    if known.told:
                        words = f"its {known.kind} agrees again; what was done about it is undone"
                        made.append(health(sensor, now_ns, HealthState.OK, words, part=f"registration {known.kind}"))
            elif now_ns - known.since_ns >= STANDS_NS and self._news(known, now_ns):
                known.told, known.told_size, known.told_ns = True, known.size, now_ns
                part = f"registration {known.kind}"
                made.append(health(sensor, now_ns, HealthState.DEGRADED, known.words, known.mend, part=part))
        return made

    def _news(self, known: Finding, now_ns: int) -> bool:
        if not known.told:
            return True
        other = abs(known.size - known.told_size) > CHANGED * abs(known.told_size)
        return other and now_ns - known.told_ns >= QUIET_NS
