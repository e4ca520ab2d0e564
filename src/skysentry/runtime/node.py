"""A node beside its sensors: sound in, the same first stages as at the site, Scans and Health out to the site.

    links ──Block──▶ front (detector, arrays) ──Scan, Health──▶ spool (disk) ──▶ uplink ──▶ site

Written ahead: what the stages make is in the spool before it is offered to the uplink. Looks are made `coarse` first
(noise to 0.1 dB, reach to the metre), so that node and site hold the same. Sound is never stored here and never sent.
Nothing of the tracker is loaded: numba is not needed.

What the detector has learned of the place is kept every `SNAPSHOT_NS`, so a restart does not have to learn it again.
`Health` of the node itself has its first sensor as source: backlog, what was dropped, the clock, the uplink.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Health, HealthState, Scan, health
from skysentry.runtime import pipeline
from skysentry.runtime.links.node_key import key_of, site_of
from skysentry.runtime.links.uplink import Uplink
from skysentry.runtime.node_spool import Spool
from skysentry.site import Site
from skysentry.site import Uplink as Way
from skysentry.wire.node import coarse

# A place is learned in ten minutes; half of that is no loss, and twelve writes an hour no burden for an SD card.
SNAPSHOT_NS = 300_000_000_000
# How often a backlog is told, and from how many events on it is one.
BACKLOG_NS = 600_000_000_000
BACKLOG = 120


class NodeEngine:
    """What the loop steps on a node. `take` in the batch: Blocks become Scans, Scans and Health of links go on."""

    def __init__(self, site: Site, way: Way, folder: Path, clock: Callable[[], int]) -> None:
        self.site, self.now_ns, self._clock = site, 0, clock
        self.source = site.sensors[0].id
        self.spool = Spool(folder / "spool", int(way.spool_mb * 1e6))
        self._told: list[Health] = []
        names = [sensor.id for sensor in site.sensors]
        where = site_of(way.link, "uplink.link")
        key = key_of(way.link, "uplink.link")
        self.uplink = Uplink(where, key, names, self.spool, clock, self._tell, way.every_s)
        self._front = pipeline.front(site)
        self._state = folder / "front.state"
        self._snapshot_ns = self._backlog_ns = clock()
        self._lost: dict[str, int] = dict(self.spool.counts)
        self._restore()

    def step(self, now_ns: int, batch: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return what sensors and node said in a grid instant; it is in the spool and on its way."""
        made = self._front.step(now_ns, batch)
        said = [event for event in (*batch, *made) if isinstance(event, Scan | Health)]
        self._watch(now_ns)
        said = [coarse(event) if isinstance(event, Scan) else event for event in (*said, *self._told)]
        self._told.clear()
        self.uplink.offer(self.spool.append(now_ns, said), said)
        self.now_ns = now_ns
        if now_ns - self._snapshot_ns >= SNAPSHOT_NS:
            self._snapshot_ns = now_ns
            self._save()
        return list(said)

    def close(self) -> None:
        """Keep what was learned, and hand the spool to the disk."""
        self._save()
        self.spool.close()

    def _watch(self, now_ns: int) -> None:
        """Tell what was dropped at once, and a backlog now and then."""
        waiting, counts = self.spool.waiting, self.spool.counts
        if counts != self._lost:
            self._lost = dict(counts)
            reason, mend = "events were dropped: the spool is full, or the disk", "mend the link, or raise spool_mb"
            self._tell(HealthState.DEGRADED, reason, mend, "spool", tuple(sorted(counts.items())))
        if waiting > BACKLOG and now_ns - self._backlog_ns >= BACKLOG_NS:
            self._backlog_ns = now_ns
            reason, mend = f"{waiting} events wait for the site", "look at the link and the site"
            self._tell(HealthState.DEGRADED, reason, mend, "backlog", (("waiting", waiting),))

    def _tell(
        self, state: HealthState, reason: str, mend: str, part: str, counts: tuple[tuple[str, int], ...] = ()
    ) -> None:
        self._told.append(health(self.source, self._clock(), state, reason, mend, counts, part))

    def _save(self) -> None:
        beside = self._state.with_suffix(".new")
        with contextlib.suppress(OSError):  # then it is learned again
            with beside.open("wb") as file:
                file.write(self._front.snapshot())
                file.flush()
                os.fsync(file.fileno())
            beside.rename(self._state)

    def _restore(self) -> None:
        try:
            self._front.restore(self._state.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, StateError) as error:
            self._front = pipeline.front(self.site)
            reason = f"the place is learned anew: {getattr(error, 'message', None) or error}"
            self._tell(HealthState.DEGRADED, reason, "expected after an update; nothing to do", "state")


async def run(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the first task that ends, then end the others; its error is raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
