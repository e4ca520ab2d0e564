"""What the packets of each kind of link say: the sender, its messages, and the counter of the frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from skysentry.errors import DecodeError
from skysentry.events import LinkKind, Packet
from skysentry.sensing.remote_id.sender import Heard
from skysentry.wire import ble, dji_wifi, france, mavlink_odid, remote_id_json, wifi
from skysentry.wire.remote_id import BasicId, Message, decode_all

# Sender, messages, how many more were damaged, and the counter of the frame with what it counts (-1: no counter).
Read: TypeAlias = tuple[str, Sequence[Heard], int, int, int]
# Packs count as one kind beside the types of single messages, and Wi-Fi apart from Bluetooth.
_WIFI_CARRIER, _BLE_CARRIER = 0, 16


def _read_wifi(packet: Packet) -> Read:
    messages: list[Heard] = []
    damaged, carrier, counter = 0, -1, 0
    for payload in wifi.payloads(packet.data):
        try:
            if payload.carrier is wifi.Carrier.DJI:
                messages.append(dji_wifi.decode(payload.data))
            elif payload.carrier is wifi.Carrier.FRANCE:
                messages += france.decode(payload.data)
            else:
                found, bad = decode_all(payload.data)
                messages += found
                damaged += bad
                carrier, counter = _WIFI_CARRIER + (payload.data[0] >> 4), payload.counter
        except DecodeError:
            damaged += 1
    return wifi.transmitter(packet.data).hex(":"), messages, damaged, carrier, counter


def _read_ble(packet: Packet) -> Read:
    messages: list[Message] = []
    damaged, carrier, counter = 0, -1, 0
    for payload in ble.payloads(packet.data):
        found, bad = decode_all(payload.data)
        messages += found
        damaged += bad
        carrier, counter = _BLE_CARRIER + (payload.data[0] >> 4), payload.counter
    address = ble.transmitter(packet.data)
    # An advertisement may leave its address out; then all such of one sensor are one sender.
    return address.hex(":") if address else f"{packet.sensor}:anonymous", messages, damaged, carrier, counter


def _read_json(packet: Packet) -> Read:
    report = remote_id_json.decode(packet.data)
    address = report.transmitter
    if not address:
        ids = [message.uas_id for message in report.messages if isinstance(message, BasicId) and message.uas_id]
        address = ids[0] if ids else f"{packet.sensor}:anonymous"
    return address, report.messages, 0, -1, 0


def _read_mavlink(packet: Packet) -> Read:
    said = mavlink_odid.decode(packet.data)
    return said.transmitter, said.messages, said.damaged, -1, 0


READERS = {
    LinkKind.WIFI: _read_wifi,
    LinkKind.BLE: _read_ble,
    LinkKind.REMOTE_ID_JSON: _read_json,
    LinkKind.MAVLINK_ODID: _read_mavlink,
}
