"""What every link passes its events through: one gate that stamps, checks, limits and reports.

- `received_ns` is our clock at arrival, whatever the sender wrote.
- A sensor speaks only for itself: events that name another sensor, or whose ids do, are refused (`impostor`).
- From a sensor come Scans, Packets and its own Health; everything else is refused (`not_allowed`): orders are for
  people, tracks and alerts for us, truth for no one.
- A token bucket limits the rate; what is over it is dropped before it is parsed (`over_rate`), so that a sensor that
  floods costs the others nothing.
- Connection, loss, silence and return are told as `Health`, and so are the counts of what was refused, at most every
  10 s of our clock.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from skysentry.errors import FormatError
from skysentry.events import AnyEvent, Block, Health, HealthState, LinkKind, Packet, Scan, decode, scan_id
from skysentry.site import Sensor

# The densest honest source, a Mode S receiver at a hub, gives 3,000 frames a second.
RATE_PER_S = 20_000.0
REPORT_NS = 10_000_000_000
CALM_NS = 60_000_000_000
MIN_SILENCE_NS = 10_000_000_000
SILENT_PERIODS = 5.0


class Inlet:
    """The gate of one sensor. `emit` is set when the link runs."""

    def __init__(self, sensor: Sensor, clock: Callable[[], int], rate_per_s: float = RATE_PER_S) -> None:
        self.sensor = sensor
        self.clock = clock
        self.emit: Callable[[AnyEvent], None] = _nowhere
        self.silence_ns = max(MIN_SILENCE_NS, int(SILENT_PERIODS * sensor.period_s * 1e9))
        self.counts: dict[str, int] = {}
        self._rate_per_s = rate_per_s
        self._tokens = rate_per_s
        self._filled_ns = clock()
        self._state: HealthState | None = None
        self._heard_ns = clock()
        self._told_ns = 0
        self._told = 0
        self._degraded = False
        self._packets = 0
        self._healths = 0

    def admit(self) -> bool:
        """Return whether there is room for one more message; count it where there is none."""
        now_ns = self.clock()
        gained = max(0, now_ns - self._filled_ns) * self._rate_per_s / 1e9
        self._filled_ns = now_ns
        self._tokens = min(self._rate_per_s, self._tokens + gained)
        if self._tokens < 1.0:
            self.count("over_rate")
            return False
        self._tokens -= 1.0
        return True

    def count(self, kind: str, number: int = 1) -> None:
        """Count what was refused."""
        if number > 0:
            self.counts[kind] = self.counts.get(kind, 0) + number

    def packet(self, link: LinkKind, data: bytes, time_ns: int | None = None) -> None:
        """Give bytes of this sensor; `time_ns` defaults to the arrival."""
        now_ns = self.clock()
        packet = Packet(
            id=f"{self.sensor.id}:{now_ns}:{self._packets}",
            time_ns=now_ns if time_ns is None else time_ns,
            received_ns=now_ns,
            sensor=self.sensor.id,
            link=link,
            data=data,
        )
        self._packets += 1
        self._heard(now_ns)
        self.emit(packet)

    def captured(self, packet: Packet) -> None:
        """Give a captured frame of this sensor, stamped by who captured it."""
        now_ns = self.clock()
        name = f"{self.sensor.id}:{now_ns}:{self._packets}"
        self._packets += 1
        self._heard(now_ns)
        self.emit(msgspec.structs.replace(packet, id=name, received_ns=now_ns))

    def block(self, block: Block) -> None:
        """Give sound of this sensor."""
        self._heard(block.received_ns)
        self.emit(block)

    def event(self, line: bytes) -> None:
        """Give an event in a line of JSON, if it is one that this sensor may send."""
        try:
            event = decode(line)
        except FormatError:
            self.count("bad_lines")
            return
        self.take(event)

    def take(self, event: AnyEvent) -> None:
        """Give an event, if it is one that this sensor may send."""
        if not isinstance(event, Scan | Packet | Health):
            self.count("not_allowed")
        elif not self._own(event):
            self.count("impostor")
        else:
            now_ns = self.clock()
            self._heard(now_ns)
            self.emit(msgspec.structs.replace(event, received_ns=now_ns))

    def opened(self, where: str) -> None:
        """Say that the source is there."""
        self._heard_ns = self.clock()
        if self._state is not HealthState.OK:
            self._tell(HealthState.OK, f"connected to {where}")

    def lost(self, why: str, mend: str) -> None:
        """Say once that the source is not there."""
        if self._state is not HealthState.LOST:
            self._tell(HealthState.LOST, why, mend)

    def tick(self) -> None:
        """Look at silence and at counts; links call it about once a second."""
        now_ns = self.clock()
        silent_ns = now_ns - self._heard_ns
        if silent_ns > self.silence_ns and self._state is not HealthState.LOST:
            mend = "is the sensor running, and does it send to this address?"
            self._tell(HealthState.LOST, f"nothing heard for {silent_ns / 1e9:.0f} s", mend)
        self._report(now_ns, sum(self.counts.values()))

    def _report(self, now_ns: int, refused: int) -> None:
        """Tell new counts, at most every 10 s; and, after a minute without any, that it is over."""
        age_ns, new = abs(now_ns - self._told_ns), refused - self._told
        lost = self._state is HealthState.LOST
        if new and age_ns >= REPORT_NS:
            self._told, self._told_ns, self._degraded = refused, now_ns, True
            state = HealthState.LOST if lost else HealthState.DEGRADED
            self._health(state, f"{new} messages refused", "docs/links.md says what each count means")
        elif self._degraded and not new and not lost and age_ns >= CALM_NS:
            self._degraded = False
            self._health(HealthState.OK, "no message refused for a minute", "")

    def _own(self, event: Scan | Packet | Health) -> bool:
        """Return whether an event names this sensor and nothing of another, in its ids too."""
        own = self.sensor.id
        if isinstance(event, Scan):
            name = scan_id(own, event.time_ns)
            looks = all(found.id == f"{name}#{index}" for index, found in enumerate(event.detections))
            return event.sensor == own and event.id == name and looks
        named = event.sensor if isinstance(event, Packet) else event.source
        return named == own and (
            event.id.startswith(f"{own}:") or event.id == f"{event_type(event)}:{own}@{event.time_ns}"
        )

    def _heard(self, now_ns: int) -> None:
        silent_ns, self._heard_ns = now_ns - self._heard_ns, now_ns
        if self._state is None:
            self._tell(HealthState.OK, "the first data arrived")
        elif self._state is HealthState.LOST:
            self._tell(HealthState.OK, f"heard again after {silent_ns / 1e9:.0f} s")

    def _tell(self, state: HealthState, reason: str, mend: str = "") -> None:
        self._state = state
        self._health(state, reason, mend)

    def _health(self, state: HealthState, reason: str, mend: str) -> None:
        now_ns = self.clock()
        health = Health(
            id=f"{self.sensor.id}:link:{now_ns}:{self._healths}",
            time_ns=now_ns,
            received_ns=now_ns,
            source=self.sensor.id,
            state=state,
            reason=reason,
            mend=mend,
            counts=tuple(sorted(self.counts.items())),
        )
        self._healths += 1
        self.emit(health)


def event_type(event: Packet | Health) -> str:
    """Return the tag of an event's type, as `events.complete` writes it into ids."""
    return "packet" if isinstance(event, Packet) else "health"


def _nowhere(event: AnyEvent) -> None:
    """Stand in for `emit` until the link runs."""
