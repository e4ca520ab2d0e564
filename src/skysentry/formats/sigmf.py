"""SigMF: radio samples with a description beside them.

`NAME.sigmf-meta` is JSON, `NAME.sigmf-data` the samples; either may be named. Read are

    global      core:datatype       cf32_le, ci16_le, ci8, cu8
                core:sample_rate    samples a second
                core:num_channels   1, or absent
    captures    core:sample_start   where a stretch begins; stretches may be tuned differently
                core:frequency      Hz
                core:datetime       ISO 8601, UTC; the first sample's time
                core:header_bytes   bytes before the first sample, where several recordings were put together: refused

What a person says (`--rate`, `--centre`, `--start`) stands in where the description is silent. Annotations are left
out. Source: The Signal Metadata Format Specification 1.2.0, sections 4 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field

from skysentry.errors import FormatError, InputError
from skysentry.events import AnyEvent
from skysentry.formats import ReadOptions, iq

NAME = "sigmf"
KINDS = {"cf32_le": "cf32", "ci16_le": "cs16", "ci8": "cs8", "cu8": "cu8"}
# A description with an annotation a burst is a few megabytes.
MOST_META_BYTES = 64_000_000
# A rate beyond these is a mistake of units.
LEAST_HZ, MOST_HZ = 1.0, 1e11
ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?Z")


class Global(Struct):
    """What holds for the whole recording."""

    datatype: str = field(name="core:datatype")
    rate_hz: float | None = field(name="core:sample_rate", default=None)
    channels: int = field(name="core:num_channels", default=1)


class Capture(Struct):
    """One stretch."""

    first: int = field(name="core:sample_start", default=0)
    centre_hz: float | None = field(name="core:frequency", default=None)
    when: str | None = field(name="core:datetime", default=None)
    header_bytes: int = field(name="core:header_bytes", default=0)


class Meta(Struct):
    """A description."""

    whole: Global = field(name="global")
    captures: list[Capture] = []


def matches(head: bytes, name: str) -> bool:
    """Return whether it is a description, or the data of one by its name."""
    return name.endswith(".sigmf-data") or (head.lstrip()[:1] == b"{" and b'"core:datatype"' in head)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield the samples in blocks. Raises `FormatError` where description or data are missing or damaged."""
    meta_path, data_path = path.with_suffix(".sigmf-meta"), path.with_suffix(".sigmf-data")
    if path.suffix not in (".sigmf-meta", ".sigmf-data"):
        meta_path = path
    for needed in (meta_path, data_path):
        if not needed.is_file():
            raise FormatError("the other half of the recording is missing", where=str(needed), hint="put it there")
    meta = _meta(meta_path)
    kind = KINDS.get(meta.whole.datatype)
    if kind is None or meta.whole.channels != 1:
        what = f"{meta.whole.datatype} with {meta.whole.channels} channels"
        raise FormatError(f"{what} is not read", where=str(meta_path), hint=f"one of {', '.join(KINDS)}, one channel")
    rate_hz = meta.whole.rate_hz if meta.whole.rate_hz is not None else options.rate_hz
    if rate_hz is None:
        raise InputError("the description tells no rate", where=str(meta_path), hint="say it: --rate 50e6")
    if not LEAST_HZ <= rate_hz <= MOST_HZ:
        raise FormatError(f"{rate_hz} is no rate", where=str(meta_path), hint="core:sample_rate is in Hz")
    captures = sorted(meta.captures, key=lambda c: c.first) or [Capture()]
    if any(capture.first < 0 or capture.header_bytes for capture in captures):
        raise FormatError("captures with headers or negative starts are not read", where=str(meta_path), hint="")
    sensor = options.sensor_of(path)
    for capture, after in zip(captures, [*captures[1:], None], strict=True):
        stretch = iq.Stretch(
            rate_hz,
            capture.centre_hz if capture.centre_hz is not None else options.centre_hz,
            _time_ns(capture, captures[0], rate_hz, options.start_ns),
            capture.first,
            None if after is None else after.first - capture.first,
        )
        if stretch.count != 0:
            yield from iq.blocks(data_path, sensor, kind, stretch)


def _meta(path: Path) -> Meta:
    if path.stat().st_size > MOST_META_BYTES:
        raise FormatError("the description is too large", where=str(path), hint="is it the data?")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Meta)
    except msgspec.DecodeError as error:
        raise FormatError(f"no SigMF description: {error}", where=str(path), hint="see the specification") from None


def _time_ns(capture: Capture, first: Capture, rate_hz: float, start_ns: int) -> int:
    """Return the time of a stretch's first sample: its own, else counted from the first stretch."""
    own = _parsed_ns(capture.when)
    if own is not None:
        return own
    begin_ns = _parsed_ns(first.when)
    if begin_ns is None:
        begin_ns = start_ns
    return begin_ns + round((capture.first - first.first) / rate_hz * 1e9)


def _parsed_ns(when: str | None) -> int | None:
    """Return nanoseconds since 1970 of an ISO time, `None` for what is none."""
    found = ISO.fullmatch(when or "")
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (1970 <= year < 2262 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    # Days since 1970 of a civil date: H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
    y = year - (month <= 2)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = y // 400 * 146_097 + (y % 400) * 365 + (y % 400) // 4 - (y % 400) // 100 + of_year - 719_468
    fraction = int((found.group(7) or "").ljust(9, "0")[:9] or 0)
    return ((days * 24 + hour) * 60 + minute) * 60_000_000_000 + second * 1_000_000_000 + fraction
