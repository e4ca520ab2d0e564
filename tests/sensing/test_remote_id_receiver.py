"""From packets to scans: real captures, identity over frames, floods, repeats, health, state."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import (
    AnyEvent,
    Detection,
    Health,
    HealthState,
    Identity,
    LinkKind,
    Packet,
    Place,
    Position,
    Presence,
    Scan,
    decode,
    encode,
)
from skysentry.formats import ReadOptions, pcap
from skysentry.sensing.remote_id import receiver as remote_id
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.sensing.remote_id.sender import serial_ok
from skysentry.site import Site
from skysentry.wire import ble, dji_wifi, wifi
from skysentry.wire import remote_id as wire

MAC = bytes.fromhex("0a1b2c3d4e5f")
T0_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
GRID_NS = 100_000_000
BASIC = wire.BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1")


def location(**fields: Any) -> wire.Location:
    values: dict[str, Any] = {"lat_deg": 50.0, "lon_deg": 30.0, "geodetic_alt_m": 200.0, "speed_mps": 10.0}
    values |= {"direction_deg": 90.0, "vertical_mps": 1.0, "horizontal_accuracy": 10, "time_s": 100.0}
    return wire.Location(**(values | fields))


def beacon(
    *messages: wire.Message, at_s: float = 0.0, mac: bytes = MAC, sensor: str = "rid", crc_ok: bool | None = None
) -> Packet:
    time_ns = T0_NS + round(at_s * SECOND_NS)
    data = wifi.encode_beacon(mac, wire.encode_pack(messages), 0)
    return wrap(data, time_ns, LinkKind.WIFI, sensor, crc_ok)


def wrap(data: bytes, time_ns: int, link: LinkKind, sensor: str = "rid", crc_ok: bool | None = None) -> Packet:
    return Packet(
        id=f"{sensor}:{time_ns}",
        time_ns=time_ns,
        received_ns=time_ns,
        sensor=sensor,
        link=link,
        data=data,
        crc_ok=crc_ok,
    )


def run(events: list[AnyEvent], receiver: RemoteIdReceiver | None = None) -> list[AnyEvent]:
    receiver = receiver or RemoteIdReceiver(Site())
    return receiver.step(max(event.received_ns for event in events), events)


def detections(events: list[AnyEvent]) -> list[Detection]:
    return [found for event in events if isinstance(event, Scan) for found in event.detections]


def health(events: list[AnyEvent]) -> list[Health]:
    return [event for event in events if isinstance(event, Health)]


def identity(found: Detection) -> Identity:
    assert found.identity is not None
    return found.identity


def position(found: Detection) -> Position:
    assert isinstance(found.measurement, Position)
    return found.measurement


# --- real captures ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def captured(shared_data: Callable[[str], Path]) -> Callable[[str], tuple[list[AnyEvent], dict[str, Any]]]:
    folder = shared_data("C-remoteid-pcap")

    def step(name: str) -> tuple[list[AnyEvent], dict[str, Any]]:
        """Return what the receiver makes of a capture in 100 ms batches, and its summary."""
        receiver = RemoteIdReceiver(Site())
        made: list[AnyEvent] = []
        for event in pcap.read(folder / name, ReadOptions(sensor="x")):
            made += receiver.step(-(-event.received_ns // GRID_NS) * GRID_NS, [event])
        return made, json.loads((folder / "summary.json").read_text())[name]

    return step


def test_the_real_aircraft(captured: Callable[..., Any]) -> None:
    made, summary = captured("parrot_anafi4_real.pcapng")
    found = detections(made)
    assert len(found) == summary["loc_n"]
    assert all(isinstance(one.measurement, Position) for one in found)
    assert health(made) == []
    (serial,) = summary["ids"]
    named = [identity(one) for one in found if identity(one).scheme != "local"]
    assert {(one.scheme, one.value) for one in named} == {("remote_id_serial", serial)}
    # Its id comes after the first Locations; the radio address joins them.
    assert [identity(one).scheme for one in found].index("remote_id_serial") < 20
    assert len({identity(one).transmitter for one in found}) == 1
    operators = [one.operator for one in named if one.operator is not None]
    assert len(operators) == len(named)
    # The summary lists some of the operator's places.
    places = [[round(place.lat_deg, 5), round(place.lon_deg, 5)] for place in operators]
    assert all(place in places for place in summary["system"])
    assert all(position(one).alt_m is None for one in found)
    heights = [dict(one.features)["height_agl_m"] for one in found]
    assert [min(heights), max(heights)] == summary["height"]
    assert len({event.id for event in made}) == len(made)


def test_most_frames_of_the_real_aircraft_are_copies(captured: Callable[..., Any]) -> None:
    found = detections(captured("parrot_anafi4_real.pcapng")[0])
    fresh = [one for one in found if "repeat_of_s" not in dict(one.features)]
    # 123 s of flight, one new place a second.
    assert 115 <= len(fresh) <= 130
    assert max(dict(one.features).get("repeat_of_s", 0.0) for one in found) < 3.0


def test_the_damaged_capture_gives_presence_and_no_place(captured: Callable[..., Any]) -> None:
    made, summary = captured("odid_bt5_lr_sample.pcapng")
    found = detections(made)
    assert found
    assert all(isinstance(one.measurement, Presence) for one in found)
    most_heard = max(summary["ids"], key=summary["ids"].get)
    assert {identity(one).value for one in found} == {most_heard}
    assert {identity(one).operator_id for one in found} <= {*summary["operator"], None}
    last = dict(health(made)[-1].counts)
    assert last["bad_checksum"] > 20
    assert last["packets"] > 250
    assert health(made)[-1].state is HealthState.OK
    times = [event.time_ns for event in made if isinstance(event, Scan)]
    assert min(late - early for early, late in pairwise(times)) >= SECOND_NS


@pytest.mark.parametrize("name", ["mavic_alessa_spoofed.pcapng", "mavic_multiple_spoofed.pcapng"])
def test_dji_captures_give_their_serials(captured: Callable[..., Any], name: str) -> None:
    made, summary = captured(name)
    found = detections(made)
    assert len(found) == summary["dji_ie"] // 2
    assert {identity(one).scheme for one in found} == {"dji_serial"}
    serials = {identity(one).value for one in found}
    assert all(any(seen[:9] in serial for serial in serials) for seen in summary["dji_serials"])
    assert all(identity(one).operator and identity(one).takeoff for one in found)


@pytest.mark.parametrize("name", ["odid_wifi_bcn_sample.pcap", "odid_wifi_sample.pcap"])
def test_wifi_samples_place_every_location(captured: Callable[..., Any], name: str) -> None:
    made, summary = captured(name)
    found = detections(made)
    assert len(found) == summary["loc_n"]
    assert {position(one).alt_m for one in found} == set(summary["geoalt"])
    assert identity(found[-1]).operator_id == summary["operator"][0]
    assert identity(found[-1]).description == summary["selfid"][0]
    assert all(decode(encode(event)) == event for event in made)


# --- identity over frames -----------------------------------------------------------------------------------


def test_identity_is_put_together_from_frames() -> None:
    system = wire.System(location_type=1, lat_deg=50.1, lon_deg=30.1, operator_alt_m=120.0)
    packets = [
        beacon(location(time_s=1.0), at_s=0),
        beacon(BASIC, at_s=0.1),
        beacon(system, wire.OperatorId(id_type=0, operator_id="OP1"), at_s=0.2),
        beacon(wire.SelfId(text_type=0, text="survey"), at_s=0.3),
        beacon(location(time_s=2.0), at_s=1),
    ]
    first, last = detections(run([*packets]))
    assert identity(first) == Identity(scheme="local", value=MAC.hex(":"), transmitter=MAC.hex(":"))
    assert identity(last) == Identity(
        scheme="remote_id_serial", value="ABCD5TEST1", transmitter=MAC.hex(":"), description="survey",
        operator=Place(lat_deg=50.1, lon_deg=30.1, alt_m=120.0), operator_id="OP1",
    )  # fmt: skip
    assert dict(last.features)["serial_ok"] == 1.0
    assert last.evidence == (packets[-1].id,)


def test_bluetooth_4_sends_one_message_a_frame() -> None:
    messages = [location(), BASIC, location(time_s=101.0)]
    packets = [
        wrap(ble.encode_legacy(MAC, wire.encode(message), index), T0_NS + index * SECOND_NS, LinkKind.BLE)
        for index, message in enumerate(messages)
    ]
    first, last = detections(run([*packets]))
    assert (identity(first).scheme, identity(last).value) == ("local", "ABCD5TEST1")


def test_two_basic_ids_prefer_the_serial() -> None:
    registration = wire.BasicId(id_type=2, ua_type=1, uas_id="FA12345")
    (found,) = detections(run([beacon(registration, BASIC, location())]))
    assert (identity(found).scheme, identity(found).value) == ("remote_id_serial", "ABCD5TEST1")
    assert dict(found.features)["ids"] == 2.0


def test_the_place_of_take_off_is_not_the_operators() -> None:
    (found,) = detections(run([beacon(wire.System(location_type=0, lat_deg=1.0, lon_deg=2.0), BASIC, location())]))
    assert (identity(found).operator, identity(found).takeoff) == (None, Place(lat_deg=1.0, lon_deg=2.0))


def test_several_serials_from_one_transmitter_are_counted() -> None:
    packets = [
        beacon(wire.BasicId(id_type=1, ua_type=2, uas_id=f"SERIAL{index}"), location(), at_s=index)
        for index in range(3)
    ]
    (told,) = health(run([*packets, beacon(location(), at_s=11.5)]))[-1:]
    assert dict(told.counts)["several_ids"] == 2


def test_json_reports_are_read_like_frames() -> None:
    report = {"mac": "AA:BB", "id": "TEST1", "lat": 50.0, "lon": 30.0, "height_m": 40.0, "operator_id": "OP1"}
    (found,) = detections(run([wrap(msgspec.json.encode(report), T0_NS, LinkKind.REMOTE_ID_JSON)]))
    assert (identity(found).value, identity(found).transmitter, identity(found).operator_id) == (
        "TEST1",
        "aa:bb",
        "OP1",
    )
    assert dict(found.features)["height_agl_m"] == 40.0


def test_dji_flight_purpose_describes_the_aircraft() -> None:
    purpose = dji_wifi.HEAD + b"\x11" + b"SERIAL".ljust(16, b"\0") + bytes(26) + b"mapping"
    element = wifi.DJI_MARK + purpose
    frame = wifi.encode_beacon(MAC, b"", 0) + bytes((0xDD, len(element))) + element
    (found,) = detections(run([wrap(frame, T0_NS, LinkKind.WIFI)]))
    assert isinstance(found.measurement, Presence)
    assert (identity(found).value, identity(found).description) == ("SERIAL", "mapping")


def test_the_french_signal_is_read_like_the_others() -> None:
    lat, lon = (4_885_000).to_bytes(4, "big"), (235_000).to_bytes(4, "big")
    element = wifi.FRANCE_MARK + b"\x01\x01\x01\x03\x05SER01\x04\x04" + lat + b"\x05\x04" + lon
    frame = wifi.encode_beacon(MAC, b"", 0) + bytes((0xDD, len(element))) + element
    (found,) = detections(run([wrap(frame, T0_NS, LinkKind.WIFI)]))
    assert (position(found).lat_deg, position(found).lon_deg, identity(found).value) == (48.85, 2.35, "SER01")


# --- where --------------------------------------------------------------------------------------------------


def test_position_velocity_and_variances() -> None:
    (found,) = detections(run([beacon(BASIC, location(vertical_accuracy=4, speed_accuracy=3))]))
    measured = position(found)
    assert (measured.lat_deg, measured.lon_deg, measured.alt_m) == (50.0, 30.0, 200.0)
    assert measured.velocity_mps == pytest.approx((10.0, 0.0, 1.0), abs=1e-12)
    # 10 m at 95 % over both axes, and 10 m/s for the 0.58 s (rms) that a place may be old.
    assert measured.cov_m2[0] == pytest.approx((10.0 / math.sqrt(-2.0 * math.log(0.05))) ** 2 + 5.8**2, rel=1e-3)
    assert measured.cov_m2[5] == pytest.approx((10.0 / 1.96) ** 2)
    assert measured.velocity_sigma_mps == pytest.approx(1.0 / 2.448)


def test_unknown_direction_gives_no_velocity_unless_it_stands() -> None:
    (moving,) = detections(run([beacon(location(direction_deg=None))]))
    (standing,) = detections(run([beacon(location(direction_deg=None, speed_mps=0.0))]))
    assert position(moving).velocity_mps is None
    assert position(standing).velocity_mps == (0.0, 0.0, 1.0)


def test_a_copy_is_marked_and_weighs_little() -> None:
    packets = [beacon(location(), at_s=0.1 * index) for index in range(3)] + [beacon(location(time_s=101.0), at_s=1)]
    first, second, third, fresh = detections(run([*packets]))
    assert [dict(one.features).get("repeat_of_s") for one in (first, second, third, fresh)] == [None, 0.1, 0.2, None]
    assert position(second).cov_m2[0] >= 100.0 * position(first).cov_m2[0]
    assert position(fresh).cov_m2 == position(first).cov_m2


def test_a_sender_without_stamps_may_hover() -> None:
    packets = [beacon(location(time_s=None), at_s=0.5 * index) for index in range(5)]
    repeats = ["repeat_of_s" in dict(one.features) for one in detections(run([*packets]))]
    assert repeats == [False, True, False, True, False]


def test_the_same_claim_through_two_sensors_is_a_copy() -> None:
    # The second one's clock is behind.
    heard = [beacon(location(), sensor="a"), beacon(location(), sensor="b", at_s=-0.2), beacon(location(), at_s=0.3)]
    found = detections(run([*heard]))
    assert [dict(one.features).get("repeat_of_s") for one in found] == [None, 0.0, 0.3]


def test_no_place_gives_presence_once_a_second() -> None:
    nowhere = location(lat_deg=None, lon_deg=None)
    packets = [beacon(BASIC, nowhere, at_s=0.25 * index) for index in range(9)]
    found = detections(run([*packets]))
    assert [type(one.measurement) for one in found] == [Presence] * 3
    # With a place known lately there is none; with no id there is nothing to say.
    assert detections(run([beacon(BASIC, location()), beacon(BASIC, nowhere, at_s=1)]))[1:] == []
    assert detections(run([beacon(nowhere)])) == []


def test_two_packets_of_one_moment_have_two_ids() -> None:
    packets = [beacon(location(), mac=bytes((1, 2, 3, 4, 5, index))) for index in range(3)]
    scans = [event for event in run([*packets, beacon(location(), at_s=-1)]) if isinstance(event, Scan)]
    assert len({scan.id for scan in scans}) == 4
    assert scans[0].id == f"rid@{T0_NS}"
    assert all(scan.detections[0].id == f"{scan.id}#0" for scan in scans)


def test_stamp_age_over_the_full_hour() -> None:
    hour_ns = T0_NS - T0_NS % (3_600 * SECOND_NS)
    packet = wrap(beacon(location(time_s=3_599.5)).data, hour_ns + SECOND_NS // 2, LinkKind.WIFI)
    (found,) = detections(run([packet]))
    assert dict(found.features)["stamp_age_s"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("serial", "ok"),
    [
        ("ABCD5TEST1", True),
        ("ABCD6TEST1", False),
        ("ABCDF123456789ABCDEF", True),
        ("ABCD3AOB", False),
        ("abcd5test1", False),
        ("", False),
    ],
)
def test_form_of_serials(serial: str, ok: bool) -> None:
    assert serial_ok(serial) is ok


# --- damage, floods, health ---------------------------------------------------------------------------------


def test_a_wrong_check_sum_is_counted_and_not_believed() -> None:
    made = run([beacon(BASIC, location(), crc_ok=False)])
    assert detections(made) == []
    (told,) = health(made)
    assert (told.source, told.state) == ("rid", HealthState.DEGRADED)
    assert dict(told.counts)["bad_checksum"] == 1


def test_health_is_told_at_once_then_every_ten_seconds() -> None:
    packets = [beacon(location(), at_s=index, crc_ok=False) for index in range(25)]
    told = health(run([*packets]))
    assert [event.time_ns - T0_NS for event in told] == [0, 10 * SECOND_NS, 20 * SECOND_NS]
    assert [dict(event.counts)["bad_checksum"] for event in told] == [1, 11, 21]


def test_health_says_when_the_trouble_is_over() -> None:
    bad = [beacon(location(), at_s=index, crc_ok=False) for index in range(3)]
    good = [beacon(location(time_s=float(index)), at_s=index) for index in range(3, 40)]
    states = [event.state for event in health(run([*bad, *good]))]
    assert states == [HealthState.DEGRADED, HealthState.OK]


def test_the_end_of_a_capture_tells_what_is_pending() -> None:
    ended = Health(
        id="end",
        time_ns=T0_NS + SECOND_NS,
        received_ns=T0_NS + SECOND_NS,
        source="rid",
        state=HealthState.OK,
        reason="",
    )
    made = run([beacon(crc_ok=False), beacon(at_s=1, crc_ok=False), ended])
    assert dict(health(made)[-1].counts)["bad_checksum"] == 2


def test_a_damaged_message_does_not_hide_its_pack() -> None:
    pack = bytearray(wire.encode_pack([BASIC, wire.SelfId(text_type=0, text="x"), location()]))
    pack[3 + 25 + 2] = 0xFF
    packet = wrap(wifi.encode_beacon(MAC, bytes(pack), 0), T0_NS, LinkKind.WIFI)
    made = run([packet])
    assert len(detections(made)) == 1
    assert dict(health(made)[0].counts)["damaged"] == 1


def test_a_jump_that_nothing_can_fly_is_counted() -> None:
    made = run([beacon(location()), beacon(location(lat_deg=51.0, time_s=101.0), at_s=1)])
    assert len(detections(made)) == 2
    assert dict(health(made)[0].counts)["jumps"] == 1


def test_a_flood_of_addresses_is_bounded_and_spares_those_long_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_id, "MAX_NEW", 50)
    receiver = RemoteIdReceiver(Site())
    old = [beacon(BASIC, location(time_s=float(index)), at_s=index) for index in range(12)]
    run([*old], receiver)
    flood = [beacon(location(), mac=index.to_bytes(6, "big"), at_s=12 + index / 1000) for index in range(2_000)]
    made = run([*flood, beacon(location(time_s=20.0), at_s=20)], receiver)
    assert identity(detections(made)[-1]).value == "ABCD5TEST1"
    assert len(receiver._new) == 50
    assert dict(health(run([beacon(location(), at_s=40)], receiver))[-1].counts)["evicted"] == 1_950


# --- state --------------------------------------------------------------------------------------------------

moments = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(0, 2), st.sampled_from(["a", "b"]), st.sampled_from([None, False, True]),
        st.lists(
            st.sampled_from(
                [BASIC, wire.BasicId(id_type=1, ua_type=1, uas_id="OTHER"), location(), location(time_s=5.0),
                 location(lat_deg=None, lon_deg=None), wire.System(location_type=1, lat_deg=1.0, lon_deg=2.0)]
            ),
            max_size=3,
        ),
    ),
    max_size=25,
)  # fmt: skip


def at(moment: Any) -> Packet:
    tenths, mac, sensor, crc_ok, messages = moment
    return beacon(*messages, at_s=tenths / 10, mac=bytes((2, 0, 0, 0, 0, mac)), sensor=sensor, crc_ok=crc_ok)


@settings(max_examples=60, deadline=None)
@given(moments, st.integers(0, 300))
def test_cutting_time_and_restoring_change_nothing(drawn: list[Any], cut: int) -> None:
    events: list[AnyEvent] = [at(moment) for moment in sorted(drawn, key=lambda moment: moment[0])]
    middle_ns, end_ns = T0_NS + cut * GRID_NS, T0_NS + 600 * GRID_NS
    whole = RemoteIdReceiver(Site()).step(end_ns, events)
    first, second = RemoteIdReceiver(Site()), RemoteIdReceiver(Site())
    made = first.step(middle_ns, [event for event in events if event.received_ns <= middle_ns])
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    made += second.step(end_ns, [event for event in events if event.received_ns > middle_ns])
    assert made == whole


@pytest.mark.parametrize("state", [b"", b"\xff", msgspec.msgpack.encode({"version": 1}), msgspec.msgpack.encode([1])])
def test_rubbish_is_no_state(state: bytes) -> None:
    with pytest.raises(StateError):
        RemoteIdReceiver(Site()).restore(state)


def test_another_version_is_no_state() -> None:
    state = msgspec.msgpack.decode(RemoteIdReceiver(Site()).snapshot()) | {"version": 99}
    with pytest.raises(StateError, match="hint"):
        RemoteIdReceiver(Site()).restore(msgspec.msgpack.encode(state))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([LinkKind.WIFI, LinkKind.BLE, LinkKind.REMOTE_ID_JSON, LinkKind.MODE_S]),
    st.binary(max_size=200)
    | st.binary(max_size=120).map(lambda pack: wifi.encode_beacon(MAC, pack, 0))
    | st.binary(max_size=25).map(lambda message: ble.encode_legacy(MAC, message, 0)),
)
def test_any_bytes_in_a_packet_are_survived(link: LinkKind, data: bytes) -> None:
    for event in run([wrap(data, T0_NS, link)]):
        assert decode(encode(event)) == event
