"""What flyers say of themselves, read back by decoders that know nothing of the simulator."""

from __future__ import annotations

import math

import pytest
import rs1090

from skysentry.events import LinkKind, Packet, Truth
from skysentry.geo import distance_m
from skysentry.sim import airport, scenario, squitter
from skysentry.wire import remote_id, wifi


def packets(name: str, seconds: float, link: LinkKind) -> tuple[list[Packet], dict[tuple[str, int], Truth]]:
    made = scenario(name, seconds=seconds)
    events = list(made.events())
    truth = {(one.object, one.time_ns): one for one in events if isinstance(one, Truth)}
    return [one for one in events if isinstance(one, Packet) and one.link is link], truth


def test_remote_id_frames_say_where_the_known_quadcopter_is() -> None:
    found, truth = packets("airport", 40.0, LinkKind.WIFI)
    assert len(found) > 20
    for packet in found:
        assert wifi.carries_remote_id(packet.data)
        (payload,) = wifi.payloads(packet.data)
        messages, damaged = remote_id.decode_all(payload.data)
        assert not damaged
        basic, location, system = messages
        assert isinstance(basic, remote_id.BasicId)
        assert isinstance(location, remote_id.Location)
        assert isinstance(system, remote_id.System)
        assert basic.uas_id == airport.INSPECTOR
        assert None not in (location.lat_deg, location.lon_deg, location.geodetic_alt_m, location.time_s)
        second = packet.time_ns // 10**9 * 10**9
        near = truth["quad-inspector", second]
        away = distance_m(near.lat_deg, near.lon_deg, location.lat_deg or 0.0, location.lon_deg or 0.0)
        # Within a second of flight at 7 m/s, and its own navigation's error.
        assert away < 16.0
        assert location.geodetic_alt_m == pytest.approx(near.alt_m, abs=10.0)
        assert system.lat_deg is not None
        assert location.time_s == pytest.approx(packet.time_ns % (3600 * 10**9) / 1e9, abs=0.2)


def test_squitters_decode_to_where_the_airliners_are() -> None:
    found, truth = packets("airport", 20.0, LinkKind.MODE_S)
    decoded = rs1090.decode(
        [one.data.hex() for one in found], [one.time_ns / 1e9 for one in found], reference=(51.4, 21.3)
    )
    names = {"4ca00" + str(number): f"sim{number}0{number}" for number in range(1, 7)}
    places = 0
    for packet, said in zip(found, decoded, strict=True):
        assert said["df"] == "17"
        name = names[said["icao24"]]
        near = truth[name, packet.time_ns // 10**9 * 10**9]
        if said.get("latitude") is not None:
            places += 1
            away = distance_m(near.lat_deg, near.lon_deg, said["latitude"], said["longitude"])
            assert away < 260.0 + 30.0
            assert said["altitude"] * 0.3048 + 60.0 == pytest.approx(near.alt_m, abs=30.0)
        if said.get("groundspeed") is not None:
            assert said["groundspeed"] * 0.514444 == pytest.approx(math.hypot(*near.velocity_mps[:2]), abs=3.0)
            assert said["geo_minus_baro"] * 0.3048 == pytest.approx(60.0, abs=4.0)
        if said.get("callsign"):
            assert said["callsign"].lower() == name
    assert places > 100


@pytest.mark.parametrize("east", [-300.0, -0.3, 0.0, 250.0])
def test_velocity_of_all_quarters(east: float) -> None:
    frame = squitter.velocity("4ca001", (east, -80.0, -7.0), -40.0)
    said = rs1090.decode(frame.hex())
    assert said["groundspeed"] * squitter.KNOT_MPS == pytest.approx(math.hypot(east, 80.0), abs=0.6)
    assert (said["track"] - math.degrees(math.atan2(east, -80.0))) % 360.0 == pytest.approx(0.0, abs=0.6) or (
        said["track"] - math.degrees(math.atan2(east, -80.0))
    ) % 360.0 == pytest.approx(360.0, abs=0.6)
    assert said["vertical_rate"] * 0.3048 / 60.0 == pytest.approx(-7.0, abs=0.2)
    assert said["geo_minus_baro"] * 0.3048 == pytest.approx(-40.0, abs=4.0)


def test_the_rogue_has_no_voice_and_the_helicopter_has() -> None:
    raid, _ = packets("raid", 15.0, LinkKind.MODE_S)
    said = {one["icao24"] for one in rs1090.decode([packet.data.hex() for packet in raid])}
    assert said == {"508f21"}
    made = scenario("airport", seconds=5.0)
    assert next(one for one in made.world.flyers if one.name == "quad-rogue").radio.serial is None
