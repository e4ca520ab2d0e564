"""What speaks against a claim: honest flights are left alone, each kind of lie is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from skysentry.events import AnyEvent, Detection, LinkKind, Packet, Place, Scan
from skysentry.formats import ReadOptions, pcap
from skysentry.geo import Frame
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.sensing.remote_id.trust import MOST_NATS, Trust, hear
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.wire import wifi
from skysentry.wire.remote_id import BasicId, Location, Message, System, encode_pack

T0_NS = 1_700_000_000_000_000_000
HOME = Place(lat_deg=50.45, lon_deg=30.5, alt_m=150.0)
FRAME = Frame.at(HOME)
MAC = bytes.fromhex("0a1b2c3d4e5f")
SITE = Site(
    position=HOME,
    sensors=(Sensor(id="rid", kind=SensorKind.REMOTE_ID, position=HOME, coverage=Coverage(max_m=4_000.0)),),
)


def flight(
    seconds: int,
    seed: int,
    *,
    stamp_off_s: float = 0.0,
    speed_told: float = 1.0,
    rssi: Callable[[float], float] | None = None,
    operator: tuple[float, float] | None = None,
    fix_m: float = 2.0,
    start: tuple[float, float] = (-2_000.0, 800.0),
) -> list[AnyEvent]:
    """A drone that passes at 15 m/s, turning gently, one new place a second; `rssi` of the range in metres."""
    rng = np.random.default_rng(seed)
    east, north = start
    bias = rng.normal(size=2) * fix_m
    packets: list[AnyEvent] = []
    shadow_db = 0.0
    for k in range(seconds):
        heading = math.radians(90.0 + 25.0 * math.sin(k / 9.0))
        east, north = east + 15.0 * math.sin(heading), north + 15.0 * math.cos(heading)
        bias = 0.97 * bias + 0.25 * fix_m * rng.normal(size=2)
        lat, lon, alt = FRAME.to_geodetic(east + bias[0], north + bias[1], 100.0)
        at_ns = T0_NS + round((k + 0.2 + rng.uniform(0.0, 0.2)) * 1e9)
        messages: list[Message] = [
            BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1"),
            Location(
                lat_deg=lat, lon_deg=lon, geodetic_alt_m=alt, speed_mps=15.0 * speed_told,
                direction_deg=math.degrees(heading), vertical_mps=0.0, horizontal_accuracy=11, speed_accuracy=3,
                time_s=round((at_ns / 1e9 - 0.2 + stamp_off_s) % 3_600.0, 1),
            ),
        ]  # fmt: skip
        if operator is not None:
            lat_deg, lon_deg, _ = FRAME.to_geodetic(*operator, 0.0)
            messages.append(System(location_type=1, lat_deg=lat_deg, lon_deg=lon_deg))
        shadow_db = 0.9 * shadow_db + 4.0 * math.sqrt(1.0 - 0.81) * rng.normal()
        range_m = math.hypot(east, north, 100.0)
        power = None if rssi is None else rssi(range_m) + shadow_db + rng.normal() * 2.0
        packets.append(frame(at_ns, messages, k, power))
    return packets


def frame(at_ns: int, messages: list[Message], counter: int, power: float | None, mac: bytes = MAC) -> Packet:
    data = wifi.encode_beacon(mac, encode_pack(messages), counter)
    return Packet(
        id=f"rid:{at_ns}:{counter}", time_ns=at_ns, received_ns=at_ns, sensor="rid", link=LinkKind.WIFI, data=data,
        rssi_dbm=power,
    )  # fmt: skip


def friis(range_m: float) -> float:
    return 18.0 - 40.2 - 20.0 * math.log10(range_m)


def found(events: Iterable[AnyEvent], receiver: RemoteIdReceiver | None = None) -> list[Detection]:
    receiver = receiver or RemoteIdReceiver(SITE)
    events = sorted(events, key=lambda event: event.received_ns)
    made = [out for event in events for out in receiver.step(event.received_ns, [event])]
    return [scan.detections[0] for scan in made if isinstance(scan, Scan)]


def doubts(detections: list[Detection]) -> set[str]:
    return {key[6:] for one in detections for key, _ in one.features if key.startswith("doubt_")}


@pytest.mark.parametrize("seed", range(12))
def test_an_honest_flight_is_not_doubted(seed: int) -> None:
    made = found(flight(240, seed, rssi=friis, operator=(300.0, 900.0)))
    assert doubts(made) == set()
    assert len(made) == 240


def test_a_clock_that_is_right_across_the_hour_is_right() -> None:
    shift_ns = 3_600_000_000_000 - T0_NS % 3_600_000_000_000 - 20_000_000_000
    moved = []
    for k, packet in enumerate(flight(60, 3)):
        assert isinstance(packet, Packet)
        at_ns = packet.time_ns + shift_ns
        place = Location(
            lat_deg=50.45, lon_deg=30.5 + k * 1e-4, speed_mps=7.0, direction_deg=90.0, vertical_mps=0.0,
            time_s=round((at_ns / 1e9 - 0.3) % 3_600.0, 1),
        )  # fmt: skip
        moved.append(frame(at_ns, [place], k, None))
    assert doubts(found(moved)) == set()


@pytest.mark.parametrize(
    ("lie", "named"),
    [
        ({"stamp_off_s": -47.0}, {"stamp"}),
        ({"speed_told": 6.0}, {"speed"}),
        ({"operator": (60_000.0, 0.0)}, {"operator"}),
        ({"start": (80_000.0, 0.0)}, {"reach"}),
        ({"rssi": lambda _: -20.0}, {"power"}),
        ({"rssi": lambda _: -70.0, "start": (-3_500.0, 60.0)}, {"slope"}),
    ],
)
def test_each_lie_is_named(lie: dict[str, object], named: set[str]) -> None:
    made = found(flight(240, 5, **lie))  # type: ignore[arg-type]
    assert named <= doubts(made)
    assert doubts(made) <= named | {"reach"}
    assert all(dict(made[-1].features)["claim_nats"] < 0.0 for _ in named)


def test_a_recorded_flight_sent_again_is_named_by_its_clock() -> None:
    first = flight(30, 7)
    again = [replace(p, id=f"{p.id}r", time_ns=p.time_ns + 400 * 10**9, received_ns=p.received_ns + 400 * 10**9)
             for p in first]  # type: ignore[type-var]  # fmt: skip
    assert doubts(found(first)) == set()
    assert "stamp" in doubts(found(again))


def test_a_second_sender_under_one_address_is_named() -> None:
    """An honest drone, and a liar who sends its name and address from 3 km away with a counter of its own."""
    honest, liar = flight(40, 1), flight(40, 2, start=(2_000.0, -2_000.0))
    shifted = []
    for k, packet in enumerate(liar):
        assert isinstance(packet, Packet)
        data = bytearray(packet.data)
        at = data.index(b"\xfa\x0b\xbc\x0d") + 4
        data[at] = (k + 200) % 256
        later = packet.time_ns + 400_000_000
        shifted.append(replace(packet, id=f"{packet.id}l", data=bytes(data), time_ns=later, received_ns=later))
    assert {"jump", "counter"} <= doubts(found([*honest, *shifted]))


def test_a_transmitter_that_changes_its_name_is_named() -> None:
    packets = []
    for k in range(20):
        place = Location(lat_deg=50.45, lon_deg=30.5, time_s=round((T0_NS / 1e9 + k) % 3_600.0, 1))
        name = BasicId(id_type=1, ua_type=2, uas_id=f"ABCD5TES{k:02d}")
        packets.append(frame(T0_NS + k * 10**9, [name, place], k, None))
    assert "names" in doubts(found(packets))


def test_doubt_fades_and_survives_a_restart() -> None:
    liar = flight(40, 5, speed_told=6.0)
    honest = [
        frame(T0_NS + (40 + k) * 10**9, [Location(lat_deg=50.45, lon_deg=30.5, speed_mps=0.0)], 40 + k, None)
        for k in range(0, 400, 2)
    ]
    receiver, other = RemoteIdReceiver(SITE), RemoteIdReceiver(SITE)
    assert "speed" in doubts(found(liar, receiver))
    other.restore(receiver.snapshot())
    one, two = found(honest, receiver), found(honest, other)
    assert one == two
    assert doubts(one[-10:]) == set()


def test_power_at_several_receivers_adds_up() -> None:
    """Each alone says too little: the same flight by two receivers that both hear a constant power."""

    def told(receivers: tuple[str, ...]) -> float:
        trust = Trust()
        for k in range(60):
            for name in receivers:
                hear(trust, name, 500.0 + 30.0 * k, -75.0, T0_NS + k * 10**9)
        return trust.against["slope"]

    assert told(("a",)) == pytest.approx(0.5 * told(("a", "b")))
    assert told(("a", "b", "c", "d", "e", "f", "g", "h", "i")) <= MOST_NATS


def test_real_and_spoofed_captures(shared_data: Callable[[str], Path]) -> None:
    """The real aircraft is not doubted; every spoofed record has its operator thousands of kilometres away."""
    folder = shared_data("C-remoteid-pcap")

    def named(name: str) -> list[set[str]]:
        packets = [p for p in pcap.read(folder / name, ReadOptions(sensor="x")) if isinstance(p, Packet)]
        return [doubts([one]) for one in found(packets, RemoteIdReceiver(Site()))]

    assert named("parrot_anafi4_real.pcapng") == [set()] * 1_140
    alone, many = named("mavic_alessa_spoofed.pcapng"), named("mavic_multiple_spoofed.pcapng")
    assert (len(alone), len(many)) == (10, 77)
    assert all("operator" in one for one in alone + many)
    assert alone[-1] | alone[-2] >= {"operator", "speed"}


def named_frame(at_s: float, mac: int, name: str, counter: int, power: float | None, sequence: int = 0) -> Packet:
    """A frame of a hovering drone of that name; each address claims a place of its own, kilometres from the others."""
    lat_deg, lon_deg, _ = FRAME.to_geodetic(1_000.0 + 700.0 * (mac % 5), -1_500.0 + 900.0 * (mac % 4), 0.0)
    at_ns = T0_NS + round(at_s * 1e9)
    stamp_s = round((at_ns / 1e9 - 0.2) % 3_600.0, 1)
    messages: list[Message] = [
        BasicId(id_type=1, ua_type=2, uas_id=name),
        Location(lat_deg=lat_deg, lon_deg=lon_deg, speed_mps=0.0, vertical_mps=0.0, time_s=stamp_s),
    ]
    packet = frame(at_ns, messages, counter % 256, power, bytes((2, 0, 0, 0, 0, mac)))
    data = packet.data[:22] + (sequence % 4_096 << 4).to_bytes(2, "little") + packet.data[24:]
    return replace(packet, id=f"rid:{at_ns}:{mac}", data=data)


def by_name(detections: list[Detection]) -> dict[str, set[str]]:
    """Return what each name is doubted for."""
    told: dict[str, set[str]] = {}
    for one in detections:
        assert one.identity is not None
        told.setdefault(one.identity.value, set()).update(doubts([one]))
    return told


@pytest.mark.parametrize("shared", ["message", "frame"])
def test_names_of_one_radio_are_named_by_the_counter_that_they_share(shared: str) -> None:
    """Four ghosts in turn, a third of their frames lost, beside three honest drones that count for themselves."""
    rng = np.random.default_rng(4)
    packets: list[AnyEvent] = []
    for k in range(160):
        if rng.random() > 1.0 / 3.0:
            own, other = (k, 17) if shared == "message" else (k // 4, k)
            ghost = k % 4
            counter = own if shared == "message" else own + 60 * ghost
            packets.append(named_frame(0.25 * k, ghost, f"ABCD5GHST{ghost}", counter, -70.0 + rng.normal(), other))
    for honest, (start, ahead) in enumerate(((7, 900), (40, 1_700), (200, 3_300))):
        for k in range(40):
            if rng.random() > 1.0 / 3.0:
                name, at_s = f"ABCD5TRUE{honest}", k + 0.1 * honest + 0.03
                packets.append(named_frame(at_s, 8 + honest, name, start + k, -68.0, ahead + 7 * k))
    told = by_name(found(packets))
    assert len(told) == 7
    assert {name for name, said in told.items() if "radio" in said} == {f"ABCD5GHST{k}" for k in range(4)}


@pytest.mark.parametrize("name", ["the same serial", "another"])
def test_names_one_after_another_are_named_and_a_changing_address_is_not(name: str) -> None:
    """An address lives for 20 s and its counter begins anew; what differs is whether the serial stays."""
    rng = np.random.default_rng(5)
    packets: list[AnyEvent] = []
    for k in range(140):
        turn = k // 20
        serial = "ABCD5TRUE1" if name == "the same serial" else f"ABCD5GHST{turn}"
        packets.append(named_frame(k + 0.4, turn, serial, 31 * turn + k % 20, -70.0 + rng.normal()))
    told = {said for one in by_name(found(packets)).values() for said in one}
    assert ("radio" in told) == (name == "another")


@pytest.mark.parametrize("seed", range(6))
def test_many_honest_drones_share_no_radio(seed: int) -> None:
    """Forty drones, switched on in pairs, of like power: they come and go, and a third of their frames is lost."""
    rng = np.random.default_rng(seed)
    packets: list[AnyEvent] = []
    for drone in range(40):
        begin_s, phase_s = 8.0 * (drone // 2), rng.random()
        start = int(rng.integers(256)) if drone % 2 else drone
        level_dbm = rng.normal(-75.0, 5.0)
        for k in range(int(rng.integers(30, 200))):
            if rng.random() > 1.0 / 3.0:
                name, power = f"ABCD6TRUE{drone:02d}", level_dbm + 2.0 * rng.normal()
                packets.append(named_frame(begin_s + phase_s + k, drone, name, start + k, power, 11 * k + drone))
    assert "radio" not in doubts(found(packets))


def test_a_restart_forgets_no_shared_radio() -> None:
    packets = [named_frame(0.25 * k, k % 4, f"ABCD5GHST{k % 4}", k, -70.0) for k in range(40)]
    receiver, other = RemoteIdReceiver(SITE), RemoteIdReceiver(SITE)
    found(packets[:12], receiver)
    other.restore(receiver.snapshot())
    assert found(packets[12:], receiver) == found(packets[12:], other)
    assert "radio" in doubts(found(packets))
