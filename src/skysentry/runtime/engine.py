"""The one `for` loop: record, step, record, hand on. Live runs, the demonstration and resuming all go through it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skysentry.events import AnyEvent, Block, Health, HealthState, Truth
from skysentry.runtime import pipeline
from skysentry.runtime.recorder import Recorder, resumption
from skysentry.site import Site


class Engine:
    """The stages of a site, and the recording of what they took and made (none if `folder` is `None`)."""

    def __init__(self, site: Site, folder: Path | None = None) -> None:
        self.site = site
        self.now_ns = 0
        self._front = pipeline.front(site)
        self._core = pipeline.core(site)
        self._recorder = Recorder(folder, site) if folder is not None else None

    def step(self, now_ns: int, batch: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Advance to a grid instant; return what is new: scans from signals, and what the stages made.

        Recorded in this order: inputs, then outputs. Truth is not for the stages and is left out.
        """
        scans = self._front.step(now_ns, batch)
        inputs = [event for event in batch if not isinstance(event, Block | Truth)] + scans
        if self._recorder is not None:
            if self._recorder.wants_snapshot(now_ns):
                self._recorder.snapshot(self.now_ns or now_ns - pipeline.GRID_NS, self._core.snapshot())
            self._recorder.append(now_ns, inputs)
        made = self._core.step(now_ns, inputs)
        if self._recorder is not None:
            self._recorder.outputs(now_ns, made)
        self.now_ns = now_ns
        return scans + made

    def resume(self, until_ns: int) -> list[AnyEvent]:
        """Take up what the recording folder says, and step on to the last grid instant before `until_ns`.

        Returns the outputs that the earlier process had not recorded, which are recorded now. Raises `StateError` where
        the state cannot be used.
        """
        recorder = self._recorder
        found = resumption(recorder.folder) if recorder is not None else None
        if recorder is None or found is None or found.state is None:
            return []
        if found.site != self.site:
            return [self._told(until_ns, "the site file has changed since the last run: tracks begin anew")]
        self._core.restore(found.state)
        self.now_ns = found.state_ns
        fresh: list[AnyEvent] = []
        for now_ns, batch in pipeline.batches_between(found.inputs, found.state_ns, until_ns):
            fresh += [event for event in self._core.step(now_ns, batch) if event.id not in found.made]
            self.now_ns = now_ns
        # Outputs go in before the snapshot: a crash between the two resumes from the older segment, which knows them.
        recorder.begin(self.now_ns)
        recorder.outputs(self.now_ns, fresh)
        recorder.snapshot(self.now_ns, self._core.snapshot())
        gap_s = max(0.0, (until_ns - found.last_step_ns) / 1e9)
        return [
            *fresh,
            self._told(until_ns, f"resumed: {gap_s:.0f} s missed, {len(found.inputs)} events stepped again"),
        ]

    def close(self) -> None:
        """Write a last snapshot and end the recording."""
        if self._recorder is not None:
            if self.now_ns:
                self._recorder.snapshot(self.now_ns, self._core.snapshot())
            self._recorder.close()

    def _told(self, now_ns: int, reason: str) -> Health:
        return Health(
            id=f"health:engine@{now_ns}",
            time_ns=now_ns,
            received_ns=now_ns,
            source="engine",
            state=HealthState.OK,
            reason=reason,
        )
