"""What a node and its site say to each other over one TCP connection: authenticated frames of Scans and Health.

    site → node   0 HELLO    "SKYN", version 1, 16 random bytes                           no tag
    node → site   1 HELLO    16 random bytes, msgpack [epoch, [sensor, …]]                tag
    site → node   2 WELCOME  msgpack [now_ns]                                             tag
    node → site   3 EVENTS   msgpack [frame number, [[first, last], …], [item, …]]        tag
    site → node   4 ACK      msgpack [frame number, now_ns]                               tag

A frame is a 16-bit big-endian length of what follows, the type, the content and a tag of 12 bytes: HMAC-SHA256 (RFC
2104, cut as in RFC 4868) over direction, frame counter of that direction, type and content, with a key made anew for
each connection from the shared one and both sides' random bytes. So a frame that was changed, left out, repeated or
recorded on another day is refused, and neither side believes the other without the key. Nothing is hidden: a scan holds
no sound, and who must not read it is kept out by a VPN.

Items: `q`, a run of silences of one sensor, or `e`, any other event as JSON. Silence is never summed up: each scan of a
run keeps its own time, noise and reach. A run holds differences, mostly one byte each, so that a scan costs 3 to 6
bytes; it holds only what it gives back exactly: times of whole microseconds, noise in 0.1 dB, reach in metres
(`coarse` makes a scan so). Numbers ([first, last] ranges) are those of the node's spool within its `epoch`, a random
number that lives as long as the spool: by them the site knows what it has had. `received_ns` is not carried: the site's
own clock at arrival counts.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct, structs

from skysentry.errors import DecodeError, FormatError
from skysentry.events import AnyEvent, Scan, SensorId, TimeNs, decode, encode, scan_id

MAGIC = b"SKYN\x01"
NONCE_BYTES = 16
TAG_BYTES = 12
SITE_HELLO, NODE_HELLO, WELCOME, EVENTS, ACK = range(5)
# What a length of 16 bits can say.
MOST_FRAME_BYTES = 65_535
# Events in a frame, and sensors of a node: a site works off a frame well within its 100 ms.
MOST_EVENTS = 250
MOST_SENSORS = 64
# A hello names its sensors, no more.
MOST_HELLO_BYTES = 8_192
# A key shorter than 128 bits can be guessed.
LEAST_KEY_BYTES = 16
# A node's looks come once a second; runs code what differs from that.
PERIOD_US = 1_000_000

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Few = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Quiet(Struct, array_like=True, tag="q", forbid_unknown_fields=True):
    """A run of silences. Lists hold differences from the value before; the first entry is from 0 (times: from `t0_us`).

    An empty list says that no scan of the run states it.
    """

    sensor: SensorId
    t0_us: Number
    sigma_ns: Number
    steps_us: Annotated[list[Few], Meta(max_length=MOST_EVENTS)]
    noise: Annotated[list[Few], Meta(max_length=MOST_EVENTS + 1)]
    reach: Annotated[list[Few], Meta(max_length=MOST_EVENTS + 1)]


class Whole(Struct, array_like=True, tag="e", forbid_unknown_fields=True):
    """Any event."""

    data: bytes


class Events(Struct, array_like=True):
    """Content of an EVENTS frame."""

    number: Number
    spool: Annotated[list[tuple[Number, Number]], Meta(max_length=MOST_EVENTS)]
    items: Annotated[list[Quiet | Whole], Meta(max_length=MOST_EVENTS)]


class Hello(Struct, array_like=True):
    """Content of the node's hello behind its random bytes."""

    epoch: Number
    sensors: Annotated[list[SensorId], Meta(min_length=1, max_length=MOST_SENSORS)]


class Ack(Struct, array_like=True):
    """Content of an ACK."""

    number: Number
    now_ns: TimeNs


class Welcome(Struct, array_like=True):
    """Content of a WELCOME."""

    now_ns: TimeNs


Content: TypeAlias = Events | Hello | Ack | Welcome
Said = TypeVar("Said", Events, Hello, Ack, Welcome)
_pack = msgspec.msgpack.Encoder().encode


def content(data: bytes, kind: type[Said]) -> Said:
    """Return what a frame's content says; raises `DecodeError`."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a {kind.__name__}: {error}") from None


def packed(said: Content) -> bytes:
    """Return the bytes of a frame's content."""
    return _pack(said)


class Seal:
    """One direction of a connection: puts tags on frames, or checks them. `who` is b"n" for what the node sends."""

    def __init__(self, key: bytes, site_nonce: bytes, node_nonce: bytes, who: bytes) -> None:
        self._key = hmac.digest(key, b"skysentry node 1" + site_nonce + node_nonce, hashlib.sha256)
        self._who, self._count = who, 0

    def _tag(self, kind: int, data: bytes) -> bytes:
        head = self._who + struct.pack(">QB", self._count, kind)
        self._count += 1
        return hmac.digest(self._key, head + data, hashlib.sha256)[:TAG_BYTES]

    def frame(self, kind: int, data: bytes) -> bytes:
        """Return a whole frame."""
        return framed(kind, data + self._tag(kind, data))

    def opened(self, kind: int, body: bytes) -> bytes:
        """Return the content of a frame's body; raises `DecodeError` where the tag is not right."""
        data, tag = body[:-TAG_BYTES], body[-TAG_BYTES:]
        if not hmac.compare_digest(self._tag(kind, data), tag):
            raise DecodeError("the tag is wrong: another key, or a frame that was changed")
        return data


def framed(kind: int, body: bytes) -> bytes:
    """Return a frame: length, type, body."""
    return struct.pack(">HB", 1 + len(body), kind) + body


def coarse(scan: Scan) -> Scan:
    """Return a scan as a run can hold it: noise to 0.1 dB, reach to the metre below (none is claimed that is not)."""
    noise_db = None if scan.noise_db is None else round(scan.noise_db, 1)
    reach_m = None if scan.reach_m is None else float(math.floor(scan.reach_m))
    return structs.replace(scan, noise_db=noise_db, reach_m=reach_m)


def items(events: Sequence[AnyEvent]) -> list[Quiet | Whole]:
    """Return events as items, in their order; neighbours that are silences of one sensor become a run."""
    made: list[Quiet | Whole] = []
    run: list[Scan] = []
    for event in events:
        if isinstance(event, Scan) and _plain(event):
            if run and not _alike(run[-1], event):
                made.append(_quiet(run))
                run = []
            run.append(event)
            continue
        if run:
            made.append(_quiet(run))
            run = []
        made.append(Whole(encode(event)))
    return [*made, _quiet(run)] if run else made


def events(said: Sequence[Quiet | Whole]) -> Iterator[AnyEvent]:
    """Yield the events of items; a silence is received when it was measured. Raises `DecodeError`."""
    for item in said:
        if isinstance(item, Quiet):
            yield from _silences(item)
            continue
        try:
            yield decode(item.data)
        except FormatError as error:
            raise DecodeError(error.message) from None


def _plain(scan: Scan) -> bool:
    """Whether a run gives this scan back exactly."""
    noise_db, reach_m = scan.noise_db, scan.reach_m
    return (
        not scan.detections
        and scan.position is None
        and scan.heading_deg is None
        and scan.time_ns % 1000 == 0
        and scan.id == scan_id(scan.sensor, scan.time_ns)
        and (noise_db is None or (abs(noise_db) < 1e6 and round(noise_db * 10.0) / 10.0 == noise_db))
        and (reach_m is None or reach_m == math.floor(reach_m))
    )


def _alike(one: Scan, other: Scan) -> bool:
    """Whether two silences fit one run."""
    return (one.sensor, one.time_sigma_ns, one.noise_db is None, one.reach_m is None) == (
        other.sensor,
        other.time_sigma_ns,
        other.noise_db is None,
        other.reach_m is None,
    )


def _quiet(run: Sequence[Scan]) -> Quiet:
    times_us = [scan.time_ns // 1000 for scan in run]
    noise = [round(scan.noise_db * 10.0) for scan in run if scan.noise_db is not None]
    reach = [int(scan.reach_m) for scan in run if scan.reach_m is not None]
    return Quiet(
        sensor=run[0].sensor,
        t0_us=times_us[0],
        sigma_ns=run[0].time_sigma_ns,
        steps_us=[b - a - PERIOD_US for a, b in itertools.pairwise(times_us)],
        noise=_differences(noise),
        reach=_differences(reach),
    )


def _differences(values: Sequence[int]) -> list[int]:
    return [b - a for a, b in zip((0, *values), values, strict=False)]


def _silences(run: Quiet) -> Iterator[Scan]:
    count = len(run.steps_us) + 1
    if len(run.noise) not in (0, count) or len(run.reach) not in (0, count):
        raise DecodeError("the lists of a run differ in length")
    time_us, noise, reach = run.t0_us, 0, 0
    for index in range(count):
        time_us += run.steps_us[index - 1] + PERIOD_US if index else 0
        noise += run.noise[index] if run.noise else 0
        reach += run.reach[index] if run.reach else 0
        time_ns = 1000 * time_us
        if not 0 <= time_ns < 2**63 or not 0 <= reach <= 1_000_000 or abs(noise) > 10_000_000:
            raise DecodeError("a run leads out of all bounds")
        yield Scan(
            id=scan_id(run.sensor, time_ns),
            time_ns=time_ns,
            received_ns=time_ns,
            sensor=run.sensor,
            time_sigma_ns=run.sigma_ns,
            noise_db=noise / 10.0 if run.noise else None,
            reach_m=float(reach) if run.reach else None,
        )


def ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return rising numbers as ranges."""
    made: list[tuple[int, int]] = []
    for number in numbers:
        if made and made[-1][1] == number - 1:
            made[-1] = (made[-1][0], number)
        else:
            made.append((number, number))
    return made


def numbers(said: Sequence[tuple[int, int]]) -> list[int]:
    """Return the numbers in ranges; raises `DecodeError` where they fall or are too many."""
    made: list[int] = []
    for first, last in said:
        if not 0 <= last - first < MOST_EVENTS or (made and first <= made[-1]):
            raise DecodeError("ranges that do not rise")
        made += range(first, last + 1)
        if len(made) > MOST_EVENTS:
            raise DecodeError("too many numbers")
    return made
