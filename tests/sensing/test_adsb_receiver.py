"""The ADS-B receiver on recorded frames, on faults, on floods, and as a stage."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Health, HealthState, LinkKind, ObjectClass, Packet, Place, Position, Scan
from skysentry.formats import ReadOptions, avr
from skysentry.geo import distance_m
from skysentry.sensing.adsb.receiver import JUMP_SLACK_M, MAX_AIRCRAFT, MAX_SPEED_MPS, PERSISTENT, AdsbReceiver
from skysentry.site import Sensor, SensorKind, Site

GRID_NS = 100_000_000
S = 1_000_000_000
AIRPORT = Site(position=Place(lat_deg=43.63, lon_deg=1.37))
TOULOUSE = Sensor(id="r", kind=SensorKind.ADSB, position=Place(lat_deg=43.63, lon_deg=1.37, alt_m=200.0))


def aircraft(n: int, time_s: float, lat: float, lon: float, address: str = "4ca216", **fields: object) -> Packet:
    data = msgspec.json.encode({"hex": address, "lat": lat, "lon": lon, **fields})
    return packet(n, time_s, data, LinkKind.AIRCRAFT_JSON)


def packet(n: int, time_s: float, data: bytes, link: LinkKind) -> Packet:
    time_ns = round(time_s * S)
    return Packet(id=f"r:{n}", time_ns=time_ns, received_ns=time_ns, sensor="r", link=link, data=data)


def gridded(receiver: AdsbReceiver, events: Sequence[AnyEvent]) -> list[AnyEvent]:
    made: list[AnyEvent] = []
    for due, batch in groupby(events, key=lambda event: -(-event.received_ns // GRID_NS)):
        made += receiver.step(due * GRID_NS, list(batch))
    return made


def scans(events: Sequence[AnyEvent]) -> list[Scan]:
    return [event for event in events if isinstance(event, Scan)]


def position(scan: Scan) -> Position:
    measurement = scan.detections[0].measurement
    assert isinstance(measurement, Position)
    return measurement


def health(events: Sequence[AnyEvent]) -> list[Health]:
    return [event for event in events if isinstance(event, Health)]


@pytest.fixture(scope="module")
def tutorial(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("D-adsb-modes") / "traffic_tutorial_rawmsgs.jsonl.gz"


def test_recorded_positions_agree_with_the_decoded_ones(tutorial: Path) -> None:
    with gzip.open(tutorial) as file:
        rows = {f"r:{n}": json.loads(line) for n, line in enumerate(file)}
    placed = {name: row for name, row in rows.items() if "latitude" in row}
    found = scans(gridded(AdsbReceiver(AIRPORT), list(avr.read(tutorial, ReadOptions(sensor="r")))))
    by_packet = {scan.detections[0].evidence[0]: scan for scan in found}
    assert len({scan.id for scan in found}) == len(found)
    # The file was decoded with a place to start from; here the first message of a flight waits for its pair.
    assert len(placed) - len(placed.keys() & by_packet.keys()) <= 20
    assert len(by_packet) > 13_400
    for name, scan in by_packet.items():
        row, at = rows[name], position(scan)
        assert scan.detections[0].identity is not None
        assert scan.detections[0].identity.value == row["icao24"]
        if "latitude" in row:
            # Two ways of writing the same sums: the encoding's own resolution is 5 m.
            assert distance_m(at.lat_deg, at.lon_deg, row["latitude"], row["longitude"]) < 0.01
        if row.get("altitude") is not None and ("pressure_altitude", 1.0) in scan.detections[0].features:
            assert at.alt_m == pytest.approx(row["altitude"] * 0.3048)


def test_recorded_velocity_is_that_of_the_positions(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("D-adsb-modes") / "sample_data_adsb.csv"
    found = scans(gridded(AdsbReceiver(Site()), list(avr.read(path, ReadOptions(sensor="r")))))
    assert len(found) > 900
    first, last = found[100], found[700]
    elapsed_s = (last.time_ns - first.time_ns) / S
    a, b = position(first), position(last)
    flown_mps = distance_m(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg) / elapsed_s
    assert a.velocity_mps is not None
    assert math.hypot(*a.velocity_mps[:2]) == pytest.approx(flown_mps, rel=0.05)


def test_an_object_of_aircraft_json() -> None:
    event = aircraft(
        0, 100.0, 50.0, 30.0, flight="RESCUE1 ", category="A7", alt_baro=1000, alt_geom=1200, gs=100.0, track=90.0,
        baro_rate=-600, nac_p=9, nac_v=2, seen_pos=1.5,
    )  # fmt: skip
    (scan,) = scans(AdsbReceiver(Site()).step(100 * S, [event]))
    (found,) = scan.detections
    at = position(scan)
    assert scan.time_ns == 98_500_000_000
    assert scan.id == "r@98500000000"
    assert (at.lat_deg, at.lon_deg, at.alt_m) == (50.0, 30.0, pytest.approx(365.76))
    assert at.velocity_mps == (pytest.approx(51.444, abs=1e-3), pytest.approx(0.0, abs=1e-9), pytest.approx(-3.048))
    # NACp 9 is 30 m at 95 %, 12.3 m per axis; 0.3 s at 51.4 m/s is 15.4 m.
    assert math.sqrt(at.cov_m2[0]) == pytest.approx(math.hypot(30 / 2.4477, 15.433), rel=1e-3)
    assert found.class_llr == ((ObjectClass.HELICOPTER, 3.0),)
    assert found.identity is not None
    assert (found.identity.scheme, found.identity.callsign) == ("icao24", "RESCUE1")


def test_pressure_altitude_alone_has_a_wide_sigma() -> None:
    (scan,) = scans(AdsbReceiver(Site()).step(S, [aircraft(0, 1.0, 50.0, 30.0, alt_baro=30_000)]))
    assert ("pressure_altitude", 1.0) in scan.detections[0].features
    assert math.sqrt(position(scan).cov_m2[5]) > 300.0


def test_ground_balloon_and_foreign_address() -> None:
    events = [
        aircraft(0, 1.0, 50.0, 30.0, "~4ca216", alt_baro="ground"),
        aircraft(1, 1.0, 51.0, 30.0, "4ca217", category="B2"),
        aircraft(2, 1.0, 52.0, 30.0, "4ca218", category="B6"),
    ]
    ground, balloon, drone = scans(AdsbReceiver(Site()).step(S, events))
    assert ground.detections[0].features == (("on_ground", 1.0),)
    assert position(ground).alt_m is None
    assert ground.detections[0].identity is not None
    assert ground.detections[0].identity.scheme == "local"
    assert dict(balloon.detections[0].class_llr).keys() == {ObjectClass.BALLOON}
    assert ObjectClass.MULTIROTOR in dict(drone.detections[0].class_llr)
    assert len({ground.id, balloon.id, drone.id}) == 3


def test_sbs_lines_are_joined() -> None:
    lines = (
        b"MSG,1,1,1,4CA216,1,,,,,EIN5GV,,,,,,,,,,,",
        b"MSG,4,1,1,4CA216,1,,,,,,,100,180,,,600,,,,,0",
        b"MSG,3,1,1,4CA216,1,,,,,,1000,,,50.0,30.0,,,0,0,0,0",
    )
    events = [packet(n, 1.0 + 0.1 * n, line, LinkKind.SBS) for n, line in enumerate(lines)]
    (scan,) = scans(gridded(AdsbReceiver(Site()), events))
    assert position(scan).velocity_mps == (
        pytest.approx(0, abs=1e-9),
        pytest.approx(-51.444, abs=1e-3),
        pytest.approx(3.048),
    )
    assert scan.detections[0].identity is not None
    assert scan.detections[0].identity.callsign == "EIN5GV"


def test_a_jump_is_counted_and_not_believed() -> None:
    events = [aircraft(n, float(n), 50.0 + 0.001 * n, 30.0) for n in range(1, 20)]
    events[9] = aircraft(10, 10.0, 55.0, 30.0)
    made = gridded(AdsbReceiver(Site()), events)
    assert len(scans(made)) == 18
    assert max(position(scan).lat_deg for scan in scans(made)) < 51.0
    assert health(made)[0].counts == (("packets", 10), ("jumps", 1))


def test_a_jump_that_persists_is_believed() -> None:
    events = [aircraft(n, float(n), 50.0 if n < 5 else 55.0 + 0.001 * n, 30.0) for n in range(1, 20)]
    lats = [position(scan).lat_deg for scan in scans(gridded(AdsbReceiver(Site()), events))]
    assert sum(lat > 54.0 for lat in lats) == 15 - (PERSISTENT - 1)


def test_two_transmitters_on_one_address_give_one_path() -> None:
    events = [aircraft(n, n * 0.5, 50.0 if n % 2 else 55.0, 30.0 + 0.001 * n) for n in range(1, 60)]
    lats = {position(scan).lat_deg for scan in scans(gridded(AdsbReceiver(Site()), events))}
    assert lats == {50.0}


def test_a_clock_that_goes_back_is_counted_then_followed() -> None:
    times = [100.0, 101.0, 102.0, *(50.0 + n for n in range(10))]
    events = [
        msgspec.structs.replace(aircraft(n, time_s, 50.0 + 0.0005 * n, 30.0), received_ns=(200 + n) * S)
        for n, time_s in enumerate(times)
    ]
    made = gridded(AdsbReceiver(Site()), events)
    assert len(scans(made)) == 3 + 10 - (PERSISTENT - 1)
    assert any("time_faults" in dict(event.counts) for event in health(made))


def test_what_a_receiver_cannot_hear_is_not_believed() -> None:
    line = b"MSG,3,1,1,4CA216,1,,,,,,1000,,,55.0,30.0,,,0,0,0,0"
    receiver = AdsbReceiver(Site(sensors=(TOULOUSE,)))
    made = receiver.step(S, [packet(0, 1.0, line, LinkKind.SBS)])
    assert not scans(made)
    assert dict(health(made)[0].counts)["too_far"] == 1


def test_the_position_of_the_poll_before_is_not_told_again() -> None:
    events = [aircraft(n, 10.0 + n, 50.0, 30.0, seen_pos=float(n)) for n in range(5)]
    assert len(scans(gridded(AdsbReceiver(Site()), events))) == 1


def test_damage_is_counted_and_told_at_most_every_ten_seconds() -> None:
    frame = bytes.fromhex("8D406B902015A678D4D220AA4BDB")
    events = [packet(n, 1.0 + n * 0.1, frame if n % 3 else b"abc", LinkKind.MODE_S) for n in range(300)]
    events += [packet(300, 40.0, b'{"hex":1}', LinkKind.AIRCRAFT_JSON), packet(301, 40.0, b"MSG", LinkKind.SBS)]
    receiver = AdsbReceiver(Site())
    made = gridded(receiver, events)
    told = health(made)
    assert 3 <= len(told) <= 5
    assert all(event.state is HealthState.DEGRADED for event in told)
    assert dict(told[-1].counts) == {
        "packets": 302, "bad_checksum": 200, "bad_length": 100, "bad_object": 1, "bad_line": 1,
    }  # fmt: skip
    (calm,) = receiver.step(101 * S, [])
    assert isinstance(calm, Health)
    assert calm.state is HealthState.OK
    assert receiver.step(300 * S, []) == []


def test_a_flood_of_addresses_is_bounded_and_spares_those_with_positions() -> None:
    receiver = AdsbReceiver(Site())
    receiver.step(S, [aircraft(0, 1.0, 50.0, 30.0)])
    flood = [packet(n, 1.1, b"MSG,1,1,1,%06X,1,,,,,SPAM" % n, LinkKind.SBS) for n in range(1, MAX_AIRCRAFT + 2_000)]
    made = receiver.step(2 * S, flood)
    table = receiver._tables["r"]
    assert len(table.placed) + len(table.heard) == MAX_AIRCRAFT
    assert "4ca216" in table.placed
    assert ("flights_dropped", 2_000) in health(made)[0].counts


def test_recorded_time_faults_get_through_only_where_they_persist(shared_data: Callable[[str], Path]) -> None:
    with gzip.open(shared_data("D-adsb-modes") / "traffic_noisy_time_issue.json.gz") as file:
        rows = [row for row in json.load(file) if row["latitude"] is not None]
    events = [
        aircraft(n, row["timestamp"] / 1000, row["latitude"], row["longitude"], row["icao24"])
        for n, row in enumerate(rows)
    ]
    found = scans(gridded(AdsbReceiver(Site()), events))
    assert 0 < len(rows) - len(found) < 0.03 * len(rows)
    leaps = 0
    for last, scan in pairwise(found):
        a, b = position(last), position(scan)
        limit_m = MAX_SPEED_MPS * abs(scan.time_ns - last.time_ns) / S + JUMP_SLACK_M
        if distance_m(a.lat_deg, a.lon_deg, b.lat_deg, b.lon_deg) > limit_m:
            between = int(scan.detections[0].evidence[0][2:]) - int(last.detections[0].evidence[0][2:])
            assert between >= PERSISTENT
            leaps += 1
    assert leaps > 0


def test_state_survives_a_snapshot_anywhere(tutorial: Path) -> None:
    events = list(avr.read(tutorial, ReadOptions(sensor="r")))[:4_000]
    straight = gridded(AdsbReceiver(AIRPORT), events)
    receiver, made = AdsbReceiver(AIRPORT), []
    for due, batch in groupby(events, key=lambda event: -(-event.received_ns // GRID_NS)):
        made += receiver.step(due * GRID_NS, list(batch))
        if due % 50 == 0:
            state = receiver.snapshot()
            receiver = AdsbReceiver(AIRPORT)
            receiver.restore(state)
            assert receiver.snapshot() == state
    assert made == straight


@pytest.mark.parametrize(
    "state", [b"", b"rubbish", msgspec.msgpack.encode((99, {})), msgspec.msgpack.encode((1, {"r": 3}))]
)
def test_a_foreign_snapshot_is_refused(state: bytes) -> None:
    with pytest.raises(StateError):
        AdsbReceiver(Site()).restore(state)


PAIR = [bytes.fromhex("8D406B9058B975870B738754F480"), bytes.fromhex("8D406B9058B97588DD773B00D37F")]
PACKETS = st.lists(
    st.tuples(
        st.sampled_from([LinkKind.MODE_S, LinkKind.SBS, LinkKind.AIRCRAFT_JSON, LinkKind.WIFI]),
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(PAIR),
            st.builds(
                lambda lat, lon: b"MSG,3,1,1,4CA216,1,,,,,,1000,,,%.3f,%.3f,,,0,0,0,0" % (lat, lon),
                st.floats(-95, 95), st.floats(-190, 190),
            ),
        ),
        st.integers(0, 3_000),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(PACKETS, st.integers(0, 40))
def test_any_packets_and_any_cut_give_the_same_valid_scans(
    given_packets: list[tuple[LinkKind, bytes, int]], at: int
) -> None:
    events: list[AnyEvent] = sorted(
        (packet(n, ms / 1000, data, link) for n, (link, data, ms) in enumerate(given_packets)),
        key=lambda event: event.received_ns,
    )
    whole = AdsbReceiver(Site()).step(4 * S, events)
    receiver = AdsbReceiver(Site())
    parts = receiver.step(4 * S, events[:at]) + receiver.step(4 * S, events[at:])
    assert scans(parts) == scans(whole)
    for scan in scans(whole):
        assert msgspec.json.decode(msgspec.json.encode(scan), type=Scan) == scan
