"""Laws of the tracker as a stage: split, order, snapshot, names."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Bearing, Scan, Track
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.tracking.telling.publish import track_name
from skysentry.tracking.tracker import Tracker

SECONDS = 16


@pytest.fixture(scope="module")
def mixed(sky: SimpleNamespace) -> tuple[Site, list[Scan]]:
    """A radar, two arrays, two microphones and Remote ID, with late looks."""
    rng = np.random.default_rng(1)
    sensor = sky.radar()
    arrays = [
        Sensor(id=f"a{k}", kind=SensorKind.ARRAY, position=sky.place(e, 500.0, 2.0), coverage=Coverage(max_m=4000.0))
        for k, e in enumerate((-1000.0, 1500.0))
    ]
    mics = [
        Sensor(id=f"m{k}", kind=SensorKind.MICROPHONE, position=sky.place(e, 2500.0, 2.0))
        for k, e in enumerate((-1000.0, 1500.0))
    ]
    rid = Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    scans = []
    for k in range(SECONDS):
        paths = [np.array([-800.0 + 45.0 * k, 1500.0, 200.0]), np.array([1500.0, 3000.0 - 12.0 * k, 100.0])]
        found = [sky.plot(sensor, at, rng) for at in paths] + sky.clutter(rng, 4.0)
        late = 3.0 if k % 5 == 2 else 0.05
        scans.append(sky.scan("radar", k + 0.3, found, late_s=late))
        scans.append(sky.scan("rid", k + 0.77, [sky.claim(paths[1], rng, "S")]))
        for q, array in enumerate(arrays):
            heard = [sky.direction(array, paths[0], rng), Bearing(bearing_deg=rng.uniform(0, 360), sigma_deg=3.0)]
            scans.append(sky.scan(array.id, k + 0.1 * q + 0.15, heard))
        for q, mic in enumerate(mics):
            scans.append(sky.scan(mic.id, k + 0.2 * q, [sky.Presence()] if rng.random() < 0.7 else []))
    return sky.site(sensor, *arrays, *mics, rid), scans


def test_larger_steps_give_the_same(sky: SimpleNamespace, mixed: tuple[Site, list[Scan]]) -> None:
    site, scans = mixed
    small = sky.run(Tracker(site), scans, float(SECONDS))
    tracker = Tracker(site)
    large: list[AnyEvent] = []
    edges = [0, 1, 7, 8, 29, 30, 75, 10 * SECONDS]
    for a, b in itertools.pairwise(edges):
        low, high = sky.START_NS + a * 100_000_000, sky.START_NS + b * 100_000_000
        part = [s for s in scans if (low if a else -1) < s.received_ns <= high]
        large += tracker.step(high, part)
    assert sky.tracks(small)
    assert large == small


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_order_in_a_batch_changes_nothing(
    sky: SimpleNamespace, mixed: tuple[Site, list[Scan]], data: st.DataObject
) -> None:
    site, scans = mixed
    few = scans[:42]
    shuffled = data.draw(st.permutations(few))
    assert sky.run(Tracker(site), shuffled, 7.0) == sky.run(Tracker(site), few, 7.0)


def test_a_look_sent_four_times_counts_once(sky: SimpleNamespace, mixed: tuple[Site, list[Scan]]) -> None:
    site, scans = mixed
    doubled = [scan for scan in scans for _ in range(4)]
    assert sky.run(Tracker(site), doubled, float(SECONDS)) == sky.run(Tracker(site), scans, float(SECONDS))


def test_order_of_detections_changes_nothing(sky: SimpleNamespace, mixed: tuple[Site, list[Scan]]) -> None:
    """Detections keep their ids; their order in the tuple is turned around."""
    site, scans = mixed
    turned = [msgspec.structs.replace(scan, detections=scan.detections[::-1]) for scan in scans]
    one, two = (sky.tracks(sky.run(Tracker(site), given, float(SECONDS))) for given in (scans, turned))
    assert [t.id for t in one] == [t.id for t in two]
    for a, b in zip(one, two, strict=True):
        assert (a.lat_deg, a.lon_deg, a.cov, a.existence) == (b.lat_deg, b.lon_deg, b.cov, b.existence)


def test_a_restored_tracker_goes_on_bit_by_bit(sky: SimpleNamespace, mixed: tuple[Site, list[Scan]]) -> None:
    site, scans = mixed
    half = SECONDS / 2
    first = [s for s in scans if s.received_ns <= sky.START_NS + half * 1e9]
    rest = [s for s in scans if s.received_ns > sky.START_NS + half * 1e9]
    one = Tracker(site)
    sky.run(one, first, half)
    two = Tracker(site)
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    assert sky.run(two, rest, float(SECONDS), half) == sky.run(one, rest, float(SECONDS), half)
    assert two.snapshot() == one.snapshot()


def test_who_waits_for_the_first_look_learns_as_who_does_not(
    sky: SimpleNamespace, mixed: tuple[Site, list[Scan]]
) -> None:
    """A tracker that is started before its sensors."""
    site, scans = mixed
    prompt, waiting = Tracker(site), Tracker(site)
    assert [waiting.step(sky.START_NS - k * 10**9, []) for k in range(3, -1, -1)] == [[]] * 4
    assert sky.run(waiting, scans, float(SECONDS)) == sky.run(prompt, scans, float(SECONDS))
    assert waiting.snapshot() == prompt.snapshot()


@pytest.mark.parametrize("state", [b"", b"rubbish", b"\xc1", msgspec.msgpack.encode((99, 0, None))])
def test_an_unknown_snapshot_is_refused(sky: SimpleNamespace, state: bytes) -> None:
    with pytest.raises(StateError):
        Tracker(sky.site(sky.radar())).restore(state)


def test_a_snapshot_of_50_tracks_is_small(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(2)
    scans = [
        sky.scan("rid", float(k), [sky.claim(np.array([500.0 * i, 900.0, 100.0]), rng, f"S{i}") for i in range(50)])
        for k in range(8)
    ]
    tracker = Tracker(sky.site(Sensor(id="rid", kind=SensorKind.REMOTE_ID)))
    out = sky.run(tracker, scans, 8.0)
    assert len({t.track_id for t in sky.tracks(out, "confirmed")}) == 50
    assert len(tracker.snapshot()) <= 250_000


def test_names_are_short_readable_and_fixed() -> None:
    assert track_name("radar@1#0") == track_name("radar@1#0")
    assert track_name("radar@1#0") != track_name("radar@1#1")
    assert len(track_name("x")) == 8
    assert not set(track_name("y")) & set("ilou")


def test_ten_thousand_false_identities_a_second_neither_delay_nor_end_a_seen_track(sky: SimpleNamespace) -> None:
    """A radar's track is told at the same instants, under one id, confirmed as early, though a receiver is flooded.

    A false claim that happens to lie on it may add an event between, and confirm it earlier.
    """
    sensor, rid = sky.radar(pd=0.95, false_per_scan=0.5), Sensor(id="rid", kind=SensorKind.REMOTE_ID)
    rng = np.random.default_rng(21)
    paths = [np.array([-1000.0 + 40.0 * k, 3000.0, 200.0]) for k in range(10)]
    seen = [sky.scan("radar", k + 0.35, [sky.plot(sensor, at, rng)]) for k, at in enumerate(paths)]
    flood = []
    spots = rng.normal(size=(10_000, 3)) * [9000.0, 9000.0, 50.0] + [0.0, 0.0, 300.0]
    for k in range(30):
        lies = [sky.claim(spots[i], rng, f"F{i}") for i in range(k % 10, 10_000, 10)]
        flood.append(sky.scan("rid", 0.1 * k + 0.02, lies))
    quiet, loud = (sky.tracks(sky.run(Tracker(sky.site(sensor, rid)), given, 10.0)) for given in (seen, seen + flood))

    def told(tracks: list[Track]) -> list[tuple[int, str, str]]:
        return [(t.time_ns, t.track_id, t.status.value) for t in tracks if "radar" in t.sensors]

    assert {status for _, _, status in told(quiet)} == {"tentative", "confirmed"}
    assert len({name for _, name, _ in told(quiet)}) == 1
    name = told(quiet)[0][1]
    mine = [item for item in told(loud) if item[1] == name]
    assert {time_ns for time_ns, _, _ in told(quiet)} <= {time_ns for time_ns, _, _ in mine}
    first = [min(time_ns for time_ns, _, status in run if status == "confirmed") for run in (told(quiet), mine)]
    assert first[1] <= first[0]
    assert all(status == "confirmed" for time_ns, _, status in mine if time_ns >= first[0])
    assert len({track.track_id for track in loud}) > 100


def test_claims_have_room_of_their_own(sky: SimpleNamespace) -> None:
    """A thousand drones that switch on at once are all followed, one track each, within six seconds."""
    rng = np.random.default_rng(22)
    spots = [np.array([500.0 * (i % 32) - 8000.0, 500.0 * (i // 32) - 8000.0, 100.0]) for i in range(1000)]
    scans = [sky.scan("rid", float(k), [sky.claim(at, rng, f"S{i}") for i, at in enumerate(spots)]) for k in range(8)]
    tracker = Tracker(sky.site(Sensor(id="rid", kind=SensorKind.REMOTE_ID)))
    out = sky.tracks(sky.run(tracker, scans, 8.0))
    assert len({track.track_id for track in out}) == 1000
    assert {track.status.value for track in out if track.time_ns == sky.START_NS + 8_000_000_000} == {"confirmed"}
