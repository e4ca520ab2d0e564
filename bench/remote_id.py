"""How many Remote ID frames a second of CPU goes through: capture file to scans.

    python -m bench.remote_id [CAPTURE] [REPEATS]

CPU time of this process, the best of the repeats, per frame that carries Remote ID; the frames that are read only to
be dropped (three in four in the default capture) are paid for by those that are kept. Messages from packet to detection
are also given against the least that a decoder can do, timed in the same run: `struct.unpack` and nothing else.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from struct import Struct as Layout

from msgspec.structs import replace

from skysentry.events import AnyEvent, LinkKind, Packet, Scan
from skysentry.formats import ReadOptions, pcap
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.site import Site
from skysentry.wire import ble, wifi
from skysentry.wire.remote_id import decode_all, encode

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT.parent / "shared" / "data" / "C-remoteid-pcap" / "parrot_anafi4_real.pcapng"
REPEATS = 10


def _read_s(capture: Path) -> tuple[float, list[AnyEvent]]:
    start = time.process_time()
    events = list(pcap.read(capture, ReadOptions()))
    return time.process_time() - start, events


def _receive_s(events: list[AnyEvent]) -> tuple[float, int]:
    """Return seconds and scans of one receiver that steps through the events, ten to a batch."""
    receiver = RemoteIdReceiver(Site())
    scans = 0
    start = time.process_time()
    for index in range(0, len(events), 10):
        batch = events[index : index + 10]
        scans += sum(isinstance(event, Scan) for event in receiver.step(batch[-1].received_ns, batch))
    return time.process_time() - start, scans


def _plain_s(events: list[AnyEvent]) -> tuple[float, int]:
    """Return seconds and messages of the least that any decoder does: find the mark, unpack 25 bytes each by struct."""
    location, basic, messages = Layout("<BBBBbiiHHHBBHBx"), Layout("<BB20s3x"), 0
    start = time.process_time()
    for event in events:
        if not isinstance(event, Packet):
            continue
        data, wide = event.data, event.link is LinkKind.WIFI
        at = data.find(wifi.ODID_MARK) + 5 if wide else data.find(ble.MARK) + 5
        count, at = (data[at + 2], at + 3) if data[at] >> 4 == 0xF else (1, at)
        for k in range(count):
            (location if data[at + 25 * k] >> 4 == 1 else basic).unpack_from(data, at + 25 * k)
            messages += 1
    return time.process_time() - start, messages


def _legacy(events: list[AnyEvent]) -> list[AnyEvent]:
    """The same messages as Bluetooth 4 sends them: each in an advertisement of its own."""
    out: list[AnyEvent] = []
    for event in events:
        if not isinstance(event, Packet):
            continue
        for payload in wifi.payloads(event.data):
            if payload.carrier is wifi.Carrier.ODID:
                for message in decode_all(payload.data)[0]:
                    data = ble.encode_legacy(wifi.transmitter(event.data), encode(message), len(out))
                    out.append(replace(event, id=f"{event.id}.{len(out)}", link=LinkKind.BLE, data=data))
    return out


def _live(name: str, events: list[AnyEvent], repeats: int) -> None:
    seconds = min(_receive_s(events)[0] for _ in range(repeats))
    plain, messages = min(_plain_s(events) for _ in range(repeats))
    told = f"{messages / seconds:,.0f} messages per CPU second to detections"
    print(f"  {name}: {told}, {seconds / plain:.1f} times the time of bare struct.unpack in the same run")


def main() -> None:
    capture = Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURE
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else REPEATS
    if not capture.is_file():
        print(f"remote_id: no capture at {capture}")
        return
    reads, receives = [], []
    events: list[AnyEvent] = []
    scans = 0
    for _ in range(repeats):
        seconds, events = _read_s(capture)
        reads.append(seconds)
        seconds, scans = _receive_s(events)
        receives.append(seconds)
    packets = [event for event in events if isinstance(event, Packet)]
    read_us, receive_us = min(reads) * 1e6 / len(packets), min(receives) * 1e6 / len(packets)
    total_us = read_us + receive_us
    print(f"remote_id: {len(packets)} frames kept, {scans} scans, best of {repeats}")
    print(f"  read and drop {read_us:.1f} µs, decode and receive {receive_us:.1f} µs per Remote ID frame")
    _live("as captured", events, repeats)
    _live("one message a frame (Bluetooth 4)", _legacy(events), repeats)
    print(f"  {1e6 / total_us:,.0f} Remote ID frames per CPU second from file to scan, {1e6 / receive_us:,.0f} live")


if __name__ == "__main__":
    main()
