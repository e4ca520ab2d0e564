"""A scenario: what is in the air and on the ground, and everything that arrives because of it, in order of arrival."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from skysentry.events import AnyEvent, Health, HealthState, Packet, Scan
from skysentry.sim.posts import Post
from skysentry.sim.world import NANO, World
from skysentry.site import Site

# Devices are stepped once a second; what they send arrives later than it was seen, so a second's events are complete
# once the next one has begun.
SECOND = 1

Sent: TypeAlias = tuple[Post, float, Scan | Packet]


class Device(Protocol):
    """Something that looks once in a whole number of seconds."""

    period_s: float

    def look(self, begin_s: float) -> Iterator[Sent]:
        """Yield what is sent in the period that begins now: the post, the true time, the event."""
        ...


@dataclass(frozen=True)
class Scenario:
    """A seeded play. `site` is what is believed, `world` what is; `events` can be read any number of times."""

    name: str
    title: str
    site: Site
    seconds: float
    start_ns: int
    seed: int
    world: World
    posts: tuple[Post, ...]
    build: Stagehand

    def events(self) -> Iterator[AnyEvent]:
        """Yield what arrives from the start on for `seconds`, ordered by `received_ns`, made second by second."""
        posts, devices = self.build()
        waiting: list[tuple[int, str, AnyEvent]] = []
        end_ns = self.start_ns + round(self.seconds * NANO)
        for second in range(int(-(-self.seconds // SECOND))):
            for event in self._second(second, posts, devices):
                heapq.heappush(waiting, (event.received_ns, event.id, event))
            ready_ns = min(end_ns, self.start_ns + (second + 1) * NANO)
            while waiting and waiting[0][0] < ready_ns:
                yield heapq.heappop(waiting)[2]

    def _second(self, second: int, posts: Sequence[Post], devices: Sequence[Device]) -> Iterator[AnyEvent]:
        yield from self.world.truths(float(second), self.start_ns)
        for post in posts:
            yield from _back(post, second, self.start_ns)
        for device in devices:
            if second % round(device.period_s) == 0:
                for post, time_s, event in device.look(float(second)):
                    received_ns = post.received_ns(time_s)
                    if received_ns is not None:
                        yield msgspec.structs.replace(event, received_ns=received_ns)


class Stagehand(Protocol):
    """Sets the stage anew for each reading: posts and devices with fresh chance."""

    def __call__(self) -> tuple[Sequence[Post], Sequence[Device]]:
        """Return the posts and the devices."""
        ...


def _back(post: Post, second: int, start_ns: int) -> Iterator[AnyEvent]:
    """Yield a node's own word once its power is back; while it has none it cannot speak."""
    for _, end_s in post.dark_s:
        if second <= end_s < second + 1:
            time_ns = start_ns + round(end_s * NANO)
            yield Health(
                id=f"health:{post.sensor.id}@{time_ns}",
                time_ns=time_ns,
                received_ns=time_ns + NANO // 2,
                source=post.sensor.id,
                state=HealthState.OK,
                reason="power is back after a cut",
            )
