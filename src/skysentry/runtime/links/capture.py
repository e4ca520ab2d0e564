"""A capture as it is made, over TCP: frames with Remote ID become packets, the others are dropped on arrival."""

from __future__ import annotations

from skysentry.errors import FormatError, LinkError
from skysentry.formats.pcap_live import LiveCapture
from skysentry.runtime.links.inlet import Inlet


class PcapContent:
    """One classic pcap; a new connection begins a new one."""

    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self._capture = LiveCapture(inlet.sensor.id)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raises `LinkError` where nothing after them can be found."""
        try:
            packets = self._capture.feed(data)
        except FormatError as error:
            self.inlet.count("bad_captures")
            raise LinkError(str(error)) from None
        for packet in packets:
            if self.inlet.admit():
                self.inlet.captured(packet)
