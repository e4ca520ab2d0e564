"""The feed: the newest of each track, every alert, bounded state, resuming."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import LinkError
from skysentry.events import (
    Action,
    Alert,
    AzEl,
    Bearing,
    Detection,
    Health,
    HealthState,
    Order,
    Phase,
    Place,
    Presence,
    Scan,
    Severity,
    Track,
    TrackStatus,
    scan_id,
)
from skysentry.runtime import feed as module
from skysentry.runtime.feed import Feed
from skysentry.runtime.picture import Beat, Message, Picture, TrackChanges
from skysentry.site import Coverage, Sensor, SensorKind, Site, Zone

T0 = 1_800_000_000_000_000_000
S = 1_000_000_000
SITE = Site(
    name="here",
    sensors=(
        Sensor(id="array", kind=SensorKind.ARRAY, position=Place(lat_deg=50.0, lon_deg=30.0)),
        Sensor(id="eyes", kind=SensorKind.OBSERVER, position=Place(lat_deg=50.1, lon_deg=30.0)),
    ),
    zones=(Zone(id="a", name="A", polygons=((((30.0, 50.0), (30.1, 50.0), (30.1, 50.1), (30.0, 50.0)),),)),),
)


def track(name: str, at_s: float = 0.0, status: TrackStatus = TrackStatus.CONFIRMED, lat_deg: float = 50.0) -> Track:
    time_ns = T0 + round(at_s * S)
    return Track(
        id=f"{name}@{time_ns}",
        time_ns=time_ns,
        received_ns=time_ns,
        track_id=name,
        status=status,
        lat_deg=lat_deg,
        lon_deg=30.0,
        alt_m=100.0,
        velocity_mps=(10.0, 0.0, 0.0),
        cov=(0.0,) * 21,
        existence=0.9,
        first_ns=T0,
        last_seen_ns=time_ns,
    )


def alert(name: str, revision: int, at_s: float = 0.0, phase: Phase = Phase.ACTIVE) -> Alert:
    time_ns = T0 + round(at_s * S)
    return Alert(
        id=f"{name}/{revision}",
        time_ns=time_ns,
        received_ns=time_ns,
        alert_id=name,
        revision=revision,
        zone="a",
        rule="approach",
        severity=Severity.WARNING,
        phase=phase,
        raised_ns=T0,
        why="because",
    )


def scan(sensor: str, *measurements: Bearing | AzEl | Presence, at_s: float = 0.0) -> Scan:
    time_ns = T0 + round(at_s * S)
    name = scan_id(sensor, time_ns)
    found = tuple(Detection(id=f"{name}#{i}", measurement=m) for i, m in enumerate(measurements))
    return Scan(id=name, time_ns=time_ns, received_ns=time_ns, sensor=sensor, detections=found)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    monkeypatch.setattr(module, "TICK_S", 0.001)
    return Feed(SITE, "live", lambda: T0 + 5 * S)


def listen(
    feed: Feed, count: int, after: str | None = None, between: Callable[[], None] | None = None
) -> list[Message]:
    """Return the first messages of a new client, beats left out; `between` runs once it has the first of them."""

    async def run() -> list[Message]:
        heard: list[Message] = []
        stream = feed.subscribe(after)
        async for message in stream:
            if message.event != "beat":
                heard.append(message)
                if len(heard) == 1 and between:
                    between()
            if len(heard) >= count:
                break
        await stream.aclose()
        return heard

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_a_client_begins_with_the_whole_picture(feed: Feed) -> None:
    feed.publish(T0, [track("x"), alert("al", 0), scan("array", Bearing(bearing_deg=10.0, sigma_deg=2.0))])
    (first,) = listen(feed, 1)
    assert first.event == "snapshot"
    assert isinstance(first.payload, Picture)
    assert [t.track_id for t in first.payload.tracks] == ["x"]
    assert [a.alert_id for a in first.payload.alerts] == ["al"]
    assert [look.sensor for look in first.payload.looks] == ["array"]
    assert len(first.payload.fans) == 1


def test_tracks_are_conflated_and_alerts_are_not(feed: Feed) -> None:
    def burst() -> None:
        for i in range(200):
            feed.publish(T0 + i * S // 10, [track("x", i / 10), track("y", i / 10), alert("al", i)])

    heard = listen(feed, 202, between=burst)
    assert [m.payload.revision for m in heard if isinstance(m.payload, Alert)] == list(range(200))
    (changes,) = [m.payload for m in heard if isinstance(m.payload, TrackChanges)]
    assert [t.track_id for t in changes.tracks] == ["x", "y"]
    assert changes.tracks[0].time_ns == T0 + round(19.9 * S)


def test_a_client_that_comes_back_loses_no_alert(feed: Feed) -> None:
    def three() -> None:
        feed.publish(T0, [alert("al", 0), alert("al", 1), alert("al", 2)])

    heard = listen(feed, 3, between=three)
    after = heard[1].id  # the link broke when it had revision 0
    back = listen(feed, 2, after)
    assert [m.payload.revision for m in back if isinstance(m.payload, Alert)] == [1, 2]


@pytest.mark.parametrize("after", ["", "rubbish", "0-1", "-1", "x" * 10_000, "5-99999999999999999999"])
def test_an_unknown_id_gives_a_whole_picture(feed: Feed, after: str) -> None:
    assert listen(feed, 1, after)[0].event == "snapshot"


def test_a_client_too_far_behind_gets_a_whole_picture(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOG", 5)
    heard = listen(feed, 1)
    feed.publish(T0, [alert("al", i) for i in range(50)])
    (again,) = listen(feed, 1, heard[0].id)
    assert isinstance(again.payload, Picture)
    assert [a.revision for a in again.payload.alerts] == [49]


def test_an_ended_track_fades_then_goes(feed: Feed) -> None:
    feed.publish(T0, [track("x")])
    feed.publish(T0 + S, [track("x", 1.0, TrackStatus.ENDED)])
    assert [t.status for t in feed.picture().tracks] == [TrackStatus.ENDED]
    heard = listen(feed, 2, between=lambda: feed.publish(T0 + 12 * S, []))
    assert isinstance(heard[1].payload, TrackChanges)
    assert heard[1].payload.gone == ("x",)
    assert feed.picture().tracks == ()
    assert feed.trail("x") is None


def test_an_end_of_a_track_never_seen_is_nothing(feed: Feed) -> None:
    feed.publish(T0, [track("x", 0.0, TrackStatus.ENDED)])
    assert feed.picture().tracks == ()


def test_a_track_that_nobody_updates_goes_by_itself(feed: Feed) -> None:
    feed.publish(T0, [track("x")])
    feed.publish(T0 + module.STALE_NS + S, [])
    assert feed.picture().tracks == ()


def test_an_all_clear_stays_for_minutes(feed: Feed) -> None:
    feed.publish(T0, [alert("al", 0, 0.0, Phase.ALL_CLEAR)])
    feed.publish(T0 + module.ALL_CLEAR_NS, [])
    assert len(feed.picture().alerts) == 1
    feed.publish(T0 + module.ALL_CLEAR_NS + S, [])
    assert feed.picture().alerts == ()


def test_an_old_revision_says_nothing_new(feed: Feed) -> None:
    feed.publish(T0, [alert("al", 3), alert("al", 3), alert("al", 2)])
    assert [a.revision for a in feed.picture().alerts] == [3]


def test_a_flood_of_tracks_is_bounded_and_counted(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TRACKS", 10)
    feed.publish(T0, [track(f"t{i}", 0.0, TrackStatus.TENTATIVE) for i in range(25)])
    assert len(feed.picture().tracks) == 10
    assert feed.picture().hidden == 15
    feed.publish(T0, [track("real")])
    assert "real" in {t.track_id for t in feed.picture().tracks}
    assert len(feed.picture().tracks) == 10
    feed.publish(T0 + 12 * S, [])
    assert feed.picture().hidden == 0


def test_a_flood_of_alerts_health_and_sensors_is_bounded(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ALERTS", 10)
    monkeypatch.setattr(module, "MAX_SOURCES", 10)
    health = [
        Health(id=f"h{i}", time_ns=T0, received_ns=T0, source=f"s{i}", state=HealthState.OK, reason="")
        for i in range(50)
    ]
    feed.publish(T0, [alert("over", 0, 0.0, Phase.ALL_CLEAR), *(alert(f"al{i}", 0) for i in range(12)), *health])
    feed.publish(T0, [scan(f"s{i}") for i in range(50)])
    picture = feed.picture()
    assert (len(picture.alerts), len(picture.health), len(picture.looks)) == (10, 10, 10)
    assert "over" not in {a.alert_id for a in picture.alerts}


def test_bearings_become_fans_and_fade(feed: Feed) -> None:
    looks = scan("array", Bearing(bearing_deg=10.0, sigma_deg=2.0), Presence())
    seen = scan("eyes", AzEl(az_deg=20.0, el_deg=5.0, sigma_az_deg=3.0, sigma_el_deg=3.0))
    feed.publish(T0, [looks, seen, scan("stranger", Bearing(bearing_deg=1.0, sigma_deg=1.0))])
    fans = feed.picture().fans
    assert [(fan.sensor, fan.bearing_deg, fan.personal) for fan in fans] == [
        ("array", 10.0, False),
        ("eyes", 20.0, True),
    ]
    assert fans[0].reach_m == Coverage().max_m
    feed.publish(T0 + module.FAN_NS + S, [])
    assert feed.picture().fans == ()


def test_silence_keeps_the_last_detection(feed: Feed) -> None:
    feed.publish(T0, [scan("array", Presence())])
    feed.publish(T0 + S, [scan("array", at_s=1.0)])
    (look,) = feed.picture().looks
    assert (look.scan_ns, look.detection_ns) == (T0 + S, T0)


def test_a_drawn_zone_brings_a_new_picture(feed: Feed) -> None:
    drawn = Order(
        id="o", time_ns=T0, received_ns=T0, by="me", action=Action.DRAW_ZONE, target="b", text="B",
        polygon=((30.0, 50.0), (30.1, 50.0), (30.1, 50.1)),
    )  # fmt: skip
    heard = listen(feed, 2, between=lambda: feed.publish(T0, [drawn]))
    assert isinstance(heard[1].payload, Picture)
    assert [zone.name for zone in heard[1].payload.zones] == ["A", "B"]
    feed.publish(T0, [Order(id="p", time_ns=T0, received_ns=T0, by="me", action=Action.REMOVE_ZONE, target="b")])
    assert [zone.id for zone in feed.picture().zones] == ["a"]


def test_the_beat_says_how_far_the_steps_lag(feed: Feed) -> None:
    feed.publish(T0, [scan("array")])

    async def beat() -> Beat:
        async for message in feed.subscribe():
            if isinstance(message.payload, Beat):
                return message.payload
        raise AssertionError

    heard = asyncio.run(beat())
    assert (heard.server_ns - heard.step_ns, heard.last_scan_ns, heard.last_detection_ns) == (5 * S, T0, None)


def test_trails_are_thinned_and_bounded(feed: Feed) -> None:
    for i in range(10_000):
        feed.publish(T0 + i * S // 5, [track("x", i / 5)])
    trail = feed.trail("x")
    assert trail is not None
    assert len(trail) == module.TRAIL_POINTS
    assert all(b.time_ns - a.time_ns >= module.TRAIL_NS for a, b in itertools.pairwise(trail))


def test_the_number_of_clients_is_bounded(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 2)

    async def run() -> None:
        streams = [feed.subscribe() for _ in range(3)]
        await anext(streams[0])
        await anext(streams[1])
        with pytest.raises(LinkError, match="2 screens"):
            await anext(streams[2])
        await streams[0].aclose()
        assert (await anext(feed.subscribe())).event == "snapshot"

    asyncio.run(run())


def test_closing_ends_the_streams(feed: Feed) -> None:
    async def run() -> int:
        count = 0
        async for _ in feed.subscribe():
            count += 1
            feed.close()
        return count

    assert asyncio.run(asyncio.wait_for(run(), 10)) >= 1
    assert feed.clients == 0


def test_publishing_from_another_thread_loses_no_alert(feed: Feed) -> None:
    def publish() -> None:
        for i in range(400):
            feed.publish(T0 + i * S // 10, [track(f"t{i % 50}", i / 10), alert("al", i)])

    thread = threading.Thread(target=publish)

    async def run() -> list[int]:
        revisions: list[int] = []
        async for message in feed.subscribe():
            if isinstance(message.payload, Picture):
                thread.start()
            if isinstance(message.payload, Alert):
                revisions.append(message.payload.revision)
            if revisions[-1:] == [399]:
                break
        return revisions

    assert asyncio.run(asyncio.wait_for(run(), 20)) == list(range(400))
    thread.join()


@given(st.lists(st.text(min_size=1, max_size=40), unique=True, max_size=60))
@settings(max_examples=30, deadline=None)
def test_short_names_are_unique_and_stay(ids: list[str]) -> None:
    feed = Feed(SITE, "live", lambda: T0)
    feed.publish(T0, [track(name) for name in ids])
    names = feed.picture().names
    assert len(set(names.values())) == len(ids)
    feed.publish(T0, [track(name, 1.0) for name in reversed(ids)])
    assert feed.picture().names == names
