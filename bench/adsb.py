"""ADS-B: messages per CPU second through file reading, decoding and the receiver stage.

    python -m bench.adsb [FILE]      FILE defaults to the recorded frames in ../shared/data/D-adsb-modes

Times are of one process, files read once before so that the disk does not count.
"""

from __future__ import annotations

import sys
import time
from itertools import groupby
from pathlib import Path

from skysentry.events import AnyEvent, Packet, Place, Scan
from skysentry.formats import ReadOptions, avr
from skysentry.sensing.adsb.receiver import AdsbReceiver
from skysentry.site import Site
from skysentry.wire import mode_s
from skysentry.wire.beast import BeastDecoder, BeastFrame, encode

FILE = Path(__file__).parents[2] / "shared/data/D-adsb-modes/traffic_tutorial_rawmsgs.jsonl.gz"
GRID_NS = 100_000_000
SITE = Site(position=Place(lat_deg=43.63, lon_deg=1.37))


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    if not path.exists():
        print(f"adsb: no recording at {path}")
        return
    path.read_bytes()
    started = time.process_time()
    events: list[AnyEvent] = list(avr.read(path, ReadOptions()))
    read_s = time.process_time() - started
    packets = [event for event in events if isinstance(event, Packet)]
    squitters = sum(mode_s.is_squitter(packet.data) for packet in packets)
    print(f"adsb: {len(packets)} frames, {squitters} of them extended squitters")
    show("read (gzip JSON lines to Packets)", len(packets), read_s)
    receiver = AdsbReceiver(SITE)
    started, scans = time.process_time(), 0
    for due, batch in groupby(events, key=lambda event: -(-event.received_ns // GRID_NS)):
        scans += sum(isinstance(made, Scan) for made in receiver.step(due * GRID_NS, list(batch)))
    step_s = time.process_time() - started
    show(f"receive (Packets to {scans} Scans)", len(packets), step_s)
    show("receive, counting extended squitters only", squitters, step_s)
    show("read + receive", len(packets), read_s + step_s)
    stream = b"".join(encode(BeastFrame(packet.data, index, 90)) for index, packet in enumerate(packets))
    started = time.process_time()
    decoder = BeastDecoder()
    frames = sum(len(decoder.feed(stream[at : at + 4096])) for at in range(0, len(stream), 4096))
    show("Beast framing alone", frames, time.process_time() - started)


def show(what: str, count: int, seconds: float) -> None:
    print(f"adsb: {what:45} {count / seconds:10,.0f} messages per CPU second")


if __name__ == "__main__":
    main()
