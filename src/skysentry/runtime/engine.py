"""The one `for` loop: record, step, record, hand on. Live runs, the demonstration and resuming all go through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from skysentry.errors import FormatError, InputError, StateError
from skysentry.events import Alert, AnyEvent, Block, HealthState, Order, Phase, Truth, health
from skysentry.runtime import pipeline
from skysentry.runtime.recorder import Recorder, resumption
from skysentry.site import Site

# After a write that failed (a full disk), the next try.
RETRY_NS = 10_000_000_000
# An all-clear is remembered for this long: a webhook that was away is still to have it after a restart.
KEPT_NS = 3_600_000_000_000


class Engine:
    """The stages of a site, and the recording of what they took and made (none if `folder` is `None`).

    A recording that cannot be written is told in `Health` and tried again; warning goes on without it.
    """

    def __init__(self, site: Site, folder: Path | None = None) -> None:
        self.site = site
        self.now_ns = 0
        self._front = pipeline.front(site)
        self._core = pipeline.core(site)
        self._recorder = Recorder(folder, site) if folder is not None else None
        self._failed_ns: int | None = None
        self._alerts: dict[str, Alert] = {}

    @property
    def alerts(self) -> list[Alert]:
        """The newest revision of each alert that is in force, or was within the last hour."""
        return list(self._alerts.values())

    def step(self, now_ns: int, batch: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Advance to a grid instant; return what is new: scans from signals, and what the stages made.

        Recorded in this order: inputs, then outputs. Truth is not for the stages and is left out.
        """
        scans = self._front.step(now_ns, batch)
        inputs = [event for event in batch if not isinstance(event, Block | Truth)] + scans
        told = self._record(now_ns, lambda recorder: self._ahead(recorder, now_ns, inputs))
        made = self._core.step(now_ns, inputs)
        told += self._record(now_ns, lambda recorder: recorder.outputs(now_ns, made))
        self.now_ns = now_ns
        self._remember(made)
        return scans + made + told

    def _remember(self, made: Sequence[AnyEvent]) -> None:
        for event in made:
            if isinstance(event, Alert):
                self._alerts[event.alert_id] = event
                self._forget()

    def _forget(self) -> None:
        """Drop what has been over for long."""
        past_ns = self.now_ns - KEPT_NS
        for alert in self.alerts:
            if alert.phase is Phase.ALL_CLEAR and alert.time_ns < past_ns:
                del self._alerts[alert.alert_id]

    def _ahead(self, recorder: Recorder, now_ns: int, inputs: Sequence[AnyEvent]) -> None:
        if recorder.wants_snapshot(now_ns):
            recorder.snapshot(self.now_ns or now_ns - pipeline.GRID_NS, self._core.snapshot(), self.alerts)
        recorder.append(now_ns, inputs)

    def _record(self, now_ns: int, write: Callable[[Recorder], None]) -> list[AnyEvent]:
        """Write, if there is something to write to; return what is to be told of it."""
        failed_ns = self._failed_ns
        if self._recorder is None or (failed_ns is not None and now_ns < failed_ns + RETRY_NS):
            return []
        try:
            write(self._recorder)
        except (OSError, InputError) as error:
            self._recorder.abandon()
            self._failed_ns = now_ns
            reason = f"not recording: {error.strerror or error}" if isinstance(error, OSError) else error.message
            mend = f"free some space at {self._recorder.folder}"
            return [health("engine", now_ns, HealthState.DEGRADED, reason, mend)]
        self._failed_ns = None
        if failed_ns is not None:
            reason = f"recording again; {(now_ns - failed_ns) / 1e9:.0f} s are missing"
            return [health("engine", now_ns, HealthState.OK, reason)]
        return []

    def resume(self, until_ns: int) -> list[AnyEvent]:
        """Take up what the recording folder says, and step on to the last grid instant before `until_ns`.

        Returns what people had decided since the last snapshot (the earlier process may not have stored it), and the
        outputs that it had not recorded, which are recorded now. Where the state cannot be used, tracks begin anew and
        a `Health` says why.
        """
        if self._recorder is None:
            return []
        folder = self._recorder.folder
        try:
            found = resumption(folder)
            if found is None:
                if any(folder.iterdir()):
                    return self._anew(until_ns, "the earlier recording cannot be read", f"look at {folder}")
                return []
            if found.site != self.site:
                return self._anew(until_ns, "the site file has changed since the last run")
            self._core.restore(found.state)
        except (StateError, FormatError) as error:
            return self._anew(until_ns, error.message, "expected after an update; nothing to do")
        self.now_ns = found.state_ns
        fresh: list[AnyEvent] = []
        for now_ns, batch in pipeline.batches_between(found.inputs, found.state_ns, until_ns):
            fresh += [event for event in self._core.step(now_ns, batch) if event.id not in found.made]
            self.now_ns = now_ns
        # Outputs go in before the snapshot: a crash between the two resumes from the older segment, which knows them.
        self._alerts = found.alerts
        self._remember(fresh)
        told = self._record(self.now_ns, lambda recorder: self._begin(recorder, fresh))
        gap_s = max(0.0, (until_ns - found.last_step_ns) / 1e9)
        reason = f"resumed: {gap_s:.0f} s missed, {len(found.inputs)} events stepped again"
        decided = [event for event in found.inputs if isinstance(event, Order)]
        return [*decided, *fresh, *told, health("engine", until_ns, HealthState.OK, reason)]

    def _anew(self, now_ns: int, reason: str, mend: str = "") -> list[AnyEvent]:
        """Leave aside what an earlier process left, and say why."""
        self._core = pipeline.core(self.site)
        return [health("engine", now_ns, HealthState.DEGRADED, f"tracks begin anew: {reason}", mend)]

    def _begin(self, recorder: Recorder, fresh: Sequence[AnyEvent]) -> None:
        recorder.begin(self.now_ns)
        recorder.outputs(self.now_ns, fresh)
        recorder.snapshot(self.now_ns, self._core.snapshot(), self.alerts)

    def close(self) -> None:
        """Write a last snapshot and end the recording."""
        if self._recorder is not None:
            if self.now_ns:
                state = self._core.snapshot()
                self._record(self.now_ns, lambda recorder: recorder.snapshot(self.now_ns, state, self.alerts))
            self._record(self.now_ns, lambda recorder: recorder.close())
