"""MQTT 3.1.1 as far as a subscriber needs it: connect, subscribe, receive, keep alive.

    packet     type << 4 | flags · remaining length (1 to 4 bytes of 7 bits, the lowest first) · body
    CONNECT    1  "MQTT" as text, level 4, flags (0x02 clean, 0x40 password, 0x80 user), keep-alive s, client id,
                  [user], [password]                            text is length (2) and UTF-8, big endian
    CONNACK    2  session present · return code                 SUBSCRIBE  8  id (2), filter, quality; flags 2
    PUBLISH    3  topic, [id (2) where quality > 0], payload     SUBACK     9  id (2), granted quality or 0x80
    PINGREQ   12, PINGRESP 13, DISCONNECT 14  no body

Only quality 0 is asked for, so nothing need be acknowledged and a broker keeps nothing for us: a report that is late is
of no use. Left out: quality 1 and 2, retained sessions, wills, MQTT 5. Source: OASIS MQTT 3.1.1, sections 2 and 3.
"""

from __future__ import annotations

from typing import NamedTuple

from skysentry.errors import DecodeError

CONNACK, PUBLISH, SUBACK, PINGRESP = 2, 3, 9, 13
PINGREQ_BYTES, DISCONNECT_BYTES = b"\xc0\x00", b"\xe0\x00"
CLEAN, WITH_PASSWORD, WITH_USER = 0x02, 0x40, 0x80
REFUSED = 0x80
# Return codes of CONNACK, table 3.1.
REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses the client id",
    3: "it is not available",
    4: "wrong user name or password",
    5: "not authorised",
}
# A report of Remote ID has at most 16 KiB; four times that for whatever else the topic carries.
MAX_BODY = 65_536
_LENGTH_BYTES = 4


class Parcel(NamedTuple):
    """One packet: its type, its flags, and its body."""

    kind: int
    flags: int
    body: bytes


def connect(client: str, keep_alive_s: int, user: str = "", password: str = "") -> bytes:
    """Return a CONNECT; a password is sent only with a user, as 3.1.1 wants it."""
    flags = CLEAN | (WITH_USER if user else 0) | (WITH_PASSWORD if user and password else 0)
    body = _text("MQTT") + bytes((4, flags)) + keep_alive_s.to_bytes(2, "big") + _text(client)
    if user:
        body += _text(user) + (_text(password) if password else b"")
    return _packet(1, 0, body)


def subscribe(topic: str, number: int = 1) -> bytes:
    """Return a SUBSCRIBE to a topic filter at quality 0."""
    return _packet(8, 2, number.to_bytes(2, "big") + _text(topic) + b"\0")


def published(parcel: Parcel) -> tuple[str, bytes]:
    """Return topic and payload of a PUBLISH; raises `DecodeError` where it is cut."""
    size = int.from_bytes(parcel.body[:2], "big")
    start = 2 + size + (2 if parcel.flags & 0x06 else 0)
    if len(parcel.body) < start:
        raise DecodeError("a cut MQTT message")
    return parcel.body[2 : 2 + size].decode("utf-8", "replace"), parcel.body[start:]


class MqttDecoder:
    """Splits a stream into packets. A body longer than `MAX_BODY` is passed over and counted in `too_long`."""

    def __init__(self) -> None:
        self.too_long = 0
        self._rest = b""
        self._skip = 0

    def feed(self, data: bytes) -> list[Parcel]:
        """Return the whole packets in the stream up to here; raises `DecodeError` where it is no MQTT."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = self._rest + data[skipped:]
        parcels, at = [], 0
        while (found := _head(data, at)) is not None:
            start, size = found
            if size > MAX_BODY:
                self.too_long += 1
                here = min(size, len(data) - start)
                self._skip, at = size - here, start + here
                continue
            if start + size > len(data):
                break
            parcels.append(Parcel(data[at] >> 4, data[at] & 0xF, data[start : start + size]))
            at = start + size
        self._rest = data[at:]
        return parcels


def _head(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `at` starts and its size, `None` where the head is not whole."""
    size = 0
    for index in range(_LENGTH_BYTES):
        if at + 1 + index >= len(data):
            return None
        byte = data[at + 1 + index]
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return at + 2 + index, size
    raise DecodeError("the length of an MQTT packet is wrong")


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while size > 0x7F:
        length += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return bytes((kind << 4 | flags,)) + length + bytes((size,)) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw
