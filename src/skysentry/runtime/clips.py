"""Clips on the disk: what `sensing.acoustic.clip` cuts out, after the speech gate, as FLAC with a JSON beside it.

    folder/SENSOR-TIME.flac     16 bits, all channels; silence where speech may have been
    folder/SENSOR-TIME.json     sensor, start_ns, rate_hz, silenced_s, ids of the detections

Only with `[keep_sound]` in the site file. The gate and the writing run in a thread of their own: the gate needs some
milliseconds a second of sound; a clip that finds `MOST_WAITING` before it is dropped and counted. The oldest clips go
where all of them pass `most_mb`.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import soundfile

from skysentry.events import AnyEvent, HealthState, health
from skysentry.sensing.acoustic.clip import Clipper, Cut, without_speech
from skysentry.site import KeepSound

# A clip of a minute is 2 MB in memory for one channel; some seconds of work.
MOST_WAITING = 16
REPORT_S = 60.0


class Clips:
    """Keeps clips in a folder. `take` hears every step; `tell` gets `Health`."""

    def __init__(self, folder: Path, keep: KeepSound, tell: Callable[[AnyEvent], None]) -> None:
        self._folder, self._keep, self._tell = folder, keep, tell
        self._clipper = Clipper(keep)
        self._cuts: queue.Queue[Cut | None] = queue.Queue(MOST_WAITING)
        self._told_s = 0.0
        self.counts = {"kept": 0, "speech": 0, "dropped": 0, "failed": 0}
        self._thread = threading.Thread(target=self._work, name="clips", daemon=True)
        self._thread.start()

    def take(self, now_ns: int, events: Sequence[AnyEvent]) -> None:
        """Take what a step took and made."""
        self._offer(self._clipper.take(events))
        if self.counts["dropped"] + self.counts["failed"] and time.monotonic() - self._told_s > REPORT_S:
            self._told_s = time.monotonic()
            reason = "clips of detections could not be kept"
            counts = tuple(sorted(self.counts.items()))
            self._tell(health("clips", now_ns, HealthState.DEGRADED, reason, f"look at {self._folder}", counts))

    def close(self) -> None:
        """Write what is under way."""
        self._offer(self._clipper.end())
        self._cuts.put(None)
        self._thread.join()

    def _offer(self, cuts: Sequence[Cut]) -> None:
        for cut in cuts:
            try:
                self._cuts.put_nowait(cut)
            except queue.Full:
                self.counts["dropped"] += 1

    def _work(self) -> None:
        while (cut := self._cuts.get()) is not None:
            clean = without_speech(cut)
            if clean is None:
                self.counts["speech"] += 1
                continue
            try:
                self._write(clean)
                self._shrink()
                self.counts["kept"] += 1
            except (OSError, soundfile.SoundFileError):
                self.counts["failed"] += 1

    def _write(self, cut: Cut) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', cut.sensor)}-{cut.start_ns}"
        about = {
            "sensor": cut.sensor,
            "start_ns": cut.start_ns,
            "rate_hz": cut.rate_hz,
            "silenced_s": cut.silenced_s,
            "detections": cut.detections,
        }
        soundfile.write(str(self._folder / f"{name}.flac"), cut.samples, cut.rate_hz, format="FLAC", subtype="PCM_16")
        (self._folder / f"{name}.json").write_text(json.dumps(about) + "\n")

    def _shrink(self) -> None:
        files = sorted(self._folder.glob("*.flac"), key=lambda path: path.stat().st_mtime)
        size = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if size <= self._keep.most_mb * 1e6:
                return
            size -= path.stat().st_size
            with contextlib.suppress(OSError):
                path.unlink()
                path.with_suffix(".json").unlink()
