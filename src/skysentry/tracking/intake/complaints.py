"""What went wrong with a source, told as `Health` at most once in ten seconds and only when there is news."""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import Health, HealthState, health

SECOND_NS = 1_000_000_000
QUIET_NS = 10 * SECOND_NS
# Sources that can complain at a time; names come from outside.
MOST_SOURCES = 1_000


class Complaint(Struct):
    """Counts of one source; `told_ns` is when they were last told, `news` whether they have changed since."""

    counts: dict[str, int]
    mend: str
    told_ns: int = -QUIET_NS
    news: bool = True


class Complaints:
    """Counts per source and reason."""

    def __init__(self, sources: dict[str, Complaint] | None = None) -> None:
        self.sources = sources or {}

    def add(self, source: str, reason: str, mend: str, count: int = 1) -> None:
        """Count something that went wrong."""
        known = self.sources.get(source)
        if known is None:
            if len(self.sources) >= MOST_SOURCES:
                del self.sources[next(iter(self.sources))]
            known = self.sources[source] = Complaint({}, mend)
        known.counts[reason] = known.counts.get(reason, 0) + count
        known.mend, known.news = mend, True

    def tell(self, now_ns: int) -> list[Health]:
        """Return what is due."""
        told = []
        for source, known in sorted(self.sources.items()):
            if not known.news or now_ns - known.told_ns < QUIET_NS:
                continue
            known.told_ns, known.news = now_ns, False
            counts = tuple(sorted(known.counts.items()))
            told.append(
                health(
                    source,
                    now_ns,
                    HealthState.DEGRADED,
                    "; ".join(f"{reason} ({count})" for reason, count in counts),
                    known.mend,
                    counts,
                    part="tracker",
                )
            )
        return told
