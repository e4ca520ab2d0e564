"""A classic pcap as it is captured: bytes in as they come, packets with Remote ID out.

    tshark -i wlan1mon -F pcap -w - | nc host port        tcpdump -i wlan1mon -U -w - | nc host port

The layout is that of `pcap`; state is the head and one unfinished frame. What is not Remote ID is dropped here, so it
is never recorded. A frame longer than can be raises `FormatError`: nothing after it can be found. pcapng is refused
with a hint, for its blocks may come later than what they describe.
"""

from __future__ import annotations

from struct import Struct as Layout

from skysentry.errors import FormatError
from skysentry.events import Packet
from skysentry.formats.pcap import MAX_FRAME_BYTES, PCAP_MAGIC, Raw, packet_of, unknown_link
from skysentry.wire.capture_header import STRIP

HEAD_BYTES, LEAD_BYTES = 24, 16


class LiveCapture:
    """Splits one capture; `counts` are the frames and what became of them."""

    def __init__(self, sensor: str) -> None:
        self.sensor = sensor
        self.counts = {"frames": 0, "kept": 0, "dropped": 0}
        self._tail = bytearray()
        self._record: Layout | None = None
        self._unit_ns = 1
        self._link_type = 0

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes; raises `FormatError` where they are no capture of a link that carries Remote ID."""
        self._tail += data
        at = 0
        if self._record is None:
            if len(self._tail) < HEAD_BYTES:
                return []
            self._begin(bytes(self._tail[:HEAD_BYTES]))
            at = HEAD_BYTES
        record = self._record
        assert record is not None
        packets: list[Packet] = []
        while at + LEAD_BYTES <= len(self._tail):
            seconds, fraction, captured, original = record.unpack_from(self._tail, at)
            if captured > MAX_FRAME_BYTES:
                raise FormatError(f"a frame of {captured} bytes", where=self.sensor, hint="the capture is damaged")
            end = at + LEAD_BYTES + captured
            if end > len(self._tail):
                break
            time_ns = seconds * 1_000_000_000 + fraction * self._unit_ns
            body = bytes(self._tail[at + LEAD_BYTES : end])
            self._take(Raw(self._link_type, time_ns, body, captured < original), packets)
            at = end
        del self._tail[:at]
        return packets

    def _begin(self, head: bytes) -> None:
        found = PCAP_MAGIC.get(head[:4])
        if found is None:
            raise FormatError("not a classic pcap", where=self.sensor, hint="tshark -F pcap -w -, or tcpdump -U -w -")
        order, self._unit_ns = found
        self._link_type = Layout(order + "I").unpack_from(head, 20)[0] & 0xFFFF
        if self._link_type not in STRIP:
            raise unknown_link(self._link_type, self.sensor)
        self._record = Layout(order + "IIII")

    def _take(self, raw: Raw, packets: list[Packet]) -> None:
        self.counts["frames"] += 1
        packet = packet_of(raw, STRIP[raw.link_type], self.sensor, self.counts)
        if packet is None:
            self.counts["dropped"] += 1
        else:
            self.counts["kept"] += 1
            packets.append(packet)
