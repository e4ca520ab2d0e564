"""Authentication and second names on their way to a detection: kept, named as evidence, verified by nobody."""

from __future__ import annotations

from skysentry.events import AnyEvent, LinkKind, Packet, Scan
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.site import Site
from skysentry.wire import ble
from skysentry.wire.remote_id import BasicId, Location, Message, System, encode
from skysentry.wire.remote_id_auth import split

T0_NS = 1_700_000_000_000_000_000
MAC = bytes.fromhex("0a1b2c3d4e5f")


def adverts(messages: list[Message], version: int = 2) -> list[AnyEvent]:
    """Bluetooth 4: one message an advertisement, ten a second."""
    packets: list[AnyEvent] = []
    for k, message in enumerate(messages):
        at = T0_NS + k * 100_000_000
        data = ble.encode_legacy(MAC, encode(message, version), k)
        packets.append(Packet(id=f"rid:{k}", time_ns=at, received_ns=at, sensor="rid", link=LinkKind.BLE, data=data))
    return packets


def test_japans_two_names_and_authentication_are_kept_unverified() -> None:
    place = Location(lat_deg=35.6, lon_deg=139.7, geodetic_alt_m=80.0, time_s=10.0)
    names: list[Message] = [
        BasicId(id_type=2, ua_type=2, uas_id="JU0123456789"),
        BasicId(id_type=1, ua_type=2, uas_id="ABCD5TEST1"),
    ]
    pages = split(1, bytes(range(30)), 1_700_000_000)
    receiver = RemoteIdReceiver(Site())
    events = adverts([*names, place, *pages, place, System(time_s=1_700_000_000), place], version=1)
    made = receiver.step(T0_NS + 10_000_000_000, events)
    found = [scan.detections[0] for scan in made if isinstance(scan, Scan)]
    assert found[-1].identity is not None
    assert (found[-1].identity.scheme, found[-1].identity.value) == ("remote_id_serial", "ABCD5TEST1")
    assert found[-1].identity.also == ("remote_id_registration:JU0123456789",)
    signed = receiver.authentication("0a:1b:2c:3d:4e:5f")
    assert signed is not None
    assert (signed.auth_type, signed.data, signed.time_s) == (1, bytes(range(30)), 1_700_000_000)
    placed = [one for one in found if "rid:5" in one.evidence or "rid:7" in one.evidence]
    assert [one.evidence for one in placed] == [("rid:5", "rid:3", "rid:4"), ("rid:7",)]
    assert dict(found[-1].features)["auth_type"] == 1.0
    assert dict(found[-1].features)["auth_bytes"] == 30.0


def test_a_half_heard_authentication_survives_a_restart() -> None:
    pages = split(3, bytes(range(1, 91)))
    first, second = RemoteIdReceiver(Site()), RemoteIdReceiver(Site())
    events = adverts(list(pages))
    first.step(T0_NS + 100_000_000, events[:2])
    second.restore(first.snapshot())
    second.step(T0_NS + 10_000_000_000, events[2:])
    signed = second.authentication("0a:1b:2c:3d:4e:5f")
    assert signed is not None
    assert signed.data == bytes(range(1, 91))
