"""How many Remote ID frames a second of CPU goes through: capture file to scans.

    python -m bench.remote_id [CAPTURE] [REPEATS]

CPU time of this process, the best of the repeats, per frame that carries Remote ID; the frames that are read only to
be dropped (three in four in the default capture) are paid for by those that are kept.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from skysentry.events import AnyEvent, Packet, Scan
from skysentry.formats import ReadOptions, pcap
from skysentry.sensing.remote_id import RemoteIdReceiver
from skysentry.site import Site

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
    print(f"  {1e6 / total_us:,.0f} Remote ID frames per CPU second from file to scan, {1e6 / receive_us:,.0f} live")


if __name__ == "__main__":
    main()
