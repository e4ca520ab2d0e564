"""What the live map costs: taking a step, and telling clients, when every track changes in every step.

    python -m bench.feed

Tracks are random, so that gzip finds only what real ones repeat, too. Wall time; the first client pays for the JSON of
each track, further ones share it.
"""

from __future__ import annotations

import random
import time
import zlib

from skysentry.events import ObjectClass, Track, TrackStatus
from skysentry.runtime.feed import Feed
from skysentry.runtime.picture import Message
from skysentry.site import Site
from skysentry.web.messages import encode
from skysentry.web.views import Rights

T0_NS = 1_800_000_000_000_000_000
STEP_NS = 100_000_000
STEPS = 20


def main() -> None:
    """Print one line a number of tracks."""
    print("tracks  publish/step  message  gzip   first client  each further  snapshot")
    for count in (50, 200, 500):
        print(_line(count, random.Random(count)))


def _line(count: int, chance: random.Random) -> str:
    feed = Feed(Site(), "live", lambda: T0_NS)
    steps = [[_track(i, T0_NS + k * STEP_NS, chance) for i in range(count)] for k in range(STEPS)]
    seen = 0
    publish_s = 0.0
    for k, step in enumerate(steps):
        _, seen = feed.since(seen)
        start = time.perf_counter()
        feed.publish(T0_NS + k * STEP_NS, step)
        publish_s += (time.perf_counter() - start) / STEPS
    changes = feed.since(seen)[0][-1]
    first_s, body = _encode(changes)
    further_s, _ = _encode(changes)
    snapshot_s, _ = _encode(feed.since(-1)[0][0])
    packed = len(zlib.compress(body, 1))
    return (
        f"{count:6}  {publish_s * 1e3:9.2f} ms  {len(body) / 1e3:4.0f} kB  {packed / 1e3:3.0f} kB"
        f"  {first_s * 1e3:9.1f} ms  {further_s * 1e3:9.1f} ms  {snapshot_s * 1e3:5.1f} ms"
    )


def _encode(message: Message) -> tuple[float, bytes]:
    start = time.perf_counter()
    body = encode(message, Rights.FULL)
    return time.perf_counter() - start, body


def _track(i: int, t_ns: int, chance: random.Random) -> Track:
    return Track(
        id=f"t{i:07x}@{t_ns}",
        time_ns=t_ns,
        received_ns=t_ns,
        track_id=f"t{i:07x}",
        status=TrackStatus.CONFIRMED,
        lat_deg=50.0 + chance.random(),
        lon_deg=30.0 + chance.random(),
        alt_m=chance.uniform(50.0, 900.0),
        velocity_mps=(chance.gauss(0.0, 30.0), chance.gauss(0.0, 30.0), chance.gauss(0.0, 2.0)),
        cov=tuple(chance.uniform(1.0, 9e4) for _ in range(21)),
        existence=chance.random(),
        first_ns=t_ns,
        last_seen_ns=t_ns,
        classes=tuple((kind, chance.random()) for kind in ObjectClass),
        sensors=(f"mic-{i % 60}", f"mic-{i % 59}"),
        why=f"heard by microphones mic-{i % 60} and mic-{i % 59}; {i % 50} m/s heading {i % 360}°; no Remote ID",
    )


if __name__ == "__main__":
    main()
