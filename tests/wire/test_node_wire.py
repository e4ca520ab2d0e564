"""Node and site frames: whatever is sent comes back exactly, in few bytes, and nothing else is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from skysentry.errors import DecodeError
from skysentry.events import Detection, HealthState, ObjectClass, Presence, Scan, health, scan_id
from skysentry.wire import node

START_NS = 1_795_482_000_000_000_000
KEY = b"0123456789abcdef"


def silence(time_ns: int, sensor: str = "mic-1", noise_db: float | None = -50.0, reach_m: float | None = 900.0) -> Scan:
    return Scan(
        id=scan_id(sensor, time_ns),
        time_ns=time_ns,
        received_ns=time_ns,
        sensor=sensor,
        time_sigma_ns=10_000_000,
        noise_db=noise_db,
        reach_m=reach_m,
    )


def heard(time_ns: int) -> Scan:
    scan = silence(time_ns)
    found = Detection(
        id=f"{scan.id}#0", measurement=Presence(level_db=9.0), class_llr=((ObjectClass.MULTIROTOR, 3.25),)
    )
    return structs.replace(scan, detections=(found,))


looks = st.builds(
    silence,
    st.integers(0, 2**62),
    st.sampled_from(["mic-1", "mic-2"]),
    st.none() | st.floats(-200.0, 200.0),
    st.none() | st.floats(0.0, 1e6),
)


@given(st.lists(looks, max_size=60))
def test_every_event_comes_back_exactly_and_in_order(scans: list[Scan]) -> None:
    assert list(node.events(node.items(scans))) == scans
    rounded = [node.coarse(scan) for scan in scans]
    assert list(node.events(node.items(rounded))) == rounded


def test_silence_detection_and_health_keep_their_order() -> None:
    said = [silence(START_NS), heard(START_NS + 10**9), silence(START_NS + 2 * 10**9)]
    told = health("mic-1", START_NS, HealthState.DEGRADED, "gap")
    assert list(node.events(node.items([*said, told]))) == [*said, told]


def test_a_silence_of_a_run_costs_less_than_six_bytes() -> None:
    scans = [
        silence(START_NS + n * 1_000_037_000, noise_db=-50.0 + 0.1 * (n % 7), reach_m=900.0 - n) for n in range(200)
    ]
    scans = [node.coarse(scan) for scan in scans]
    assert len(node.packed(node.Events(0, [(0, 199)], node.items(scans)))) < 6 * 200


def test_a_rounded_scan_claims_no_reach_that_it_has_not() -> None:
    assert node.coarse(silence(START_NS, reach_m=899.96)).reach_m == 899.0


@pytest.mark.parametrize(
    "run",
    [
        node.Quiet("m", 0, 0, [0], [1], []),
        node.Quiet("m", 0, 0, [-(2**61)], [], []),
        node.Quiet("m", 0, 0, [], [], [2_000_000]),
        node.Quiet("m", 2**63 - 1, 0, [], [], []),
    ],
)
def test_a_run_that_cannot_be_is_refused(run: node.Quiet) -> None:
    with pytest.raises(DecodeError):
        list(node.events([run]))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_decoded(sound: Callable[[Any], bool], data: bytes) -> None:
    for kind in (node.Events, node.Hello, node.Ack, node.Welcome):
        try:
            said = node.content(data, kind)
            if isinstance(said, node.Events):
                assert sound(list(node.events(said.items)))
                numbers = node.numbers(said.spool)
                assert numbers == sorted(set(numbers))
        except DecodeError:
            continue


@given(st.lists(st.integers(0, 300), max_size=200, unique=True))
def test_numbers_become_ranges_and_come_back(values: list[int]) -> None:
    rising = sorted(values)
    assert node.numbers(node.ranges(rising)) == rising


def test_ranges_that_fall_or_explode_are_refused() -> None:
    for said in ([(5, 4)], [(0, 2**62)], [(5, 6), (6, 7)], [(0, 249), (300, 301)]):
        with pytest.raises(DecodeError):
            node.numbers(said)


def sealed(key: bytes = KEY, who: bytes = b"n", nonce: bytes = b"a" * 16) -> node.Seal:
    return node.Seal(key, nonce, b"b" * 16, who)


def test_a_frame_is_believed_once_in_its_place_and_direction() -> None:
    sender, receiver = sealed(), sealed()
    first, second = (sender.frame(node.EVENTS, data)[3:] for data in (b"one", b"two"))
    assert receiver.opened(node.EVENTS, first) == b"one"
    assert receiver.opened(node.EVENTS, second) == b"two"
    for stranger in (sealed(key=KEY + b"x"), sealed(who=b"s"), sealed(nonce=b"c" * 16)):
        with pytest.raises(DecodeError):
            stranger.opened(node.EVENTS, first)
    replayed = sealed()
    replayed.opened(node.EVENTS, first)
    with pytest.raises(DecodeError):
        replayed.opened(node.EVENTS, first)
    with pytest.raises(DecodeError):
        sealed().opened(node.ACK, first)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_is_seen(at: int, change: int) -> None:
    body = bytearray(sealed().frame(node.EVENTS, b"x" * 40)[3:])
    body[at % len(body)] ^= change
    with pytest.raises(DecodeError):
        sealed().opened(node.EVENTS, bytes(body))
