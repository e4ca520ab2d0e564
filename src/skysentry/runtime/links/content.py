"""What the bytes of a stream are: each kind takes chunks as they come and gives messages to the inlet.

State is one unfinished message, so a new connection takes a new object. A line longer than 64 KiB is counted and
skipped to its end.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import Struct

from skysentry.errors import DecodeError
from skysentry.events import LinkKind
from skysentry.runtime.links.inlet import Inlet
from skysentry.site import SensorKind
from skysentry.wire import avr, beast, mavlink, mavlink_odid, mode_s

# A scan of a radar with 200 detections has 40 KB.
LINE_BYTES = 65_536
EVENT_TYPES = ("packet", "block", "scan", "track", "alert", "order", "health", "truth")


class Content(Protocol):
    """Bytes in, messages to the inlet."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        ...


class LineContent:
    """Splits a stream into lines and gives each to `line`, within the rate."""

    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self._tail = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *whole, rest = data.split(b"\n")
        for end in whole:
            self._tail += end
            self._finish()
        if not self._skipping:
            self._tail += rest
        if len(self._tail) > LINE_BYTES:
            self._tail.clear()
            self._skipping = True
            self.inlet.count("long_lines")

    def finish(self) -> None:
        """Take what is there as a line: a datagram need not end with a line end."""
        self._finish()

    def line(self, line: bytes) -> None:
        """Give one line, without its end and not empty."""
        raise NotImplementedError

    def _finish(self) -> None:
        line = bytes(self._tail).strip()
        self._tail.clear()
        if self._skipping:
            self._skipping = False
        elif len(line) > LINE_BYTES:
            self.inlet.count("long_lines")
        elif line and self.inlet.admit():
            self.line(line)


class _Tag(Struct):
    type: str | None = None


_tag = msgspec.json.Decoder(_Tag)


class JsonContent(LineContent):
    """Events as JSON lines; from a Remote ID receiver also plain Remote ID reports, which become Packets."""

    def line(self, line: bytes) -> None:
        """Give an event or a report."""
        if self.inlet.sensor.kind is not SensorKind.REMOTE_ID:
            self.inlet.event(line)
            return
        try:
            tag = _tag.decode(line).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.inlet.count("bad_lines")
            return
        if tag in EVENT_TYPES:
            self.inlet.event(line)
        else:
            self.inlet.packet(LinkKind.REMOTE_ID_JSON, line)


class SbsContent(LineContent):
    """BaseStation lines; those that are not are judged by the receiver stage, where a replay finds them too."""

    def line(self, line: bytes) -> None:
        """Give a line as a Packet."""
        self.inlet.packet(LinkKind.SBS, line)


class AvrContent(LineContent):
    """Mode S frames as text."""

    def line(self, line: bytes) -> None:
        """Give the frame in a line; Mode A/C replies are left out."""
        try:
            frame = avr.decode(line).payload
        except DecodeError:
            self.inlet.count("bad_lines")
            return
        if len(frame) >= mode_s.SHORT_BYTES:
            self.inlet.packet(LinkKind.MODE_S, frame)


class BeastContent:
    """Mode S frames in Beast messages. Their stamps name no day; the time is that of arrival."""

    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self._decoder = beast.BeastDecoder()
        self._told = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        for frame in self._decoder.feed(data):
            if self.inlet.admit():
                self.inlet.packet(LinkKind.MODE_S, frame.payload)
        skipped = self._decoder.skipped_bytes + self._decoder.cut_messages
        self.inlet.count("bytes_skipped", skipped - self._told)
        self._told = skipped


class MavlinkContent:
    """Frames of Remote ID in MAVLink; everything else that the vehicle sends is dropped before it is an event."""

    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        data = self._rest + data
        frames, end, skipped = mavlink.split(data, mavlink_odid.FORMS)
        self._rest = data[end:]
        self.inlet.count("bytes_skipped", skipped)
        for frame in frames:
            if self.inlet.admit():
                self.inlet.packet(LinkKind.MAVLINK_ODID, frame)
