"""From a plan (site, flyers, emplaced sensors) to a scenario that plays: each kind of sensor gets its device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skysentry.events import LinkKind
from skysentry.sim.hearing import Hearing
from skysentry.sim.posts import Emplacement, Post
from skysentry.sim.radar import Radar
from skysentry.sim.receivers import Receivers
from skysentry.sim.scenario import Device, Scenario
from skysentry.sim.sight import Camera, Direction
from skysentry.sim.world import Flyer, World
from skysentry.site import SensorKind, Site

EARS = (SensorKind.MICROPHONE, SensorKind.ARRAY, SensorKind.OBSERVER)


@dataclass(frozen=True)
class Plan:
    """What a scenario is made of; `site` holds the sensors of `emplaced`."""

    name: str
    title: str
    site: Site
    emplaced: tuple[Emplacement, ...]
    flyers: tuple[Flyer, ...]


def play(plan: Plan, seed: int, start_ns: int, seconds: float) -> Scenario:
    """Return the scenario of a plan."""
    world = World(plan.flyers)

    def build() -> tuple[Sequence[Post], Sequence[Device]]:
        posts = [Post(one, seed, start_ns) for one in plan.emplaced]
        return posts, devices(posts, world, plan.site, seed, start_ns)

    return Scenario(
        name=plan.name,
        title=plan.title,
        site=plan.site,
        seconds=seconds,
        start_ns=start_ns,
        seed=seed,
        world=world,
        posts=tuple(build()[0]),
        build=build,
    )


def devices(posts: Sequence[Post], world: World, site: Site, seed: int, start_ns: int) -> list[Device]:
    """Return one device for each group of posts that is looked at together."""
    made: list[Device] = []
    by_kind = {kind: [post for post in posts if post.sensor.kind is kind] for kind in SensorKind}
    ears = [post for kind in EARS for post in by_kind[kind]]
    periods = sorted({post.sensor.period_s for post in ears})
    made += [Hearing([post for post in ears if post.sensor.period_s == one], world, site, seed) for one in periods]
    made += [Radar(post, world) for post in by_kind[SensorKind.RADAR]]
    made += [Camera(post, world) for post in by_kind[SensorKind.CAMERA]]
    made += [Direction(post, world) for post in by_kind[SensorKind.RF]]
    for kind, link in ((SensorKind.REMOTE_ID, LinkKind.WIFI), (SensorKind.ADSB, LinkKind.MODE_S)):
        if by_kind[kind]:
            made.append(Receivers(by_kind[kind], world, seed, start_ns, link))
    return made
