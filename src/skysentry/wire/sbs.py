"""SBS / BaseStation: decoded aircraft data as comma-separated lines, as receivers give them on TCP port 30003.

    0 MSG   1 kind 1-8   2 session   3 aircraft   4 address   5 flight   6 date   7 time   8 date logged   9 time logged
    10 callsign   11 altitude (ft)   12 ground speed (kt)   13 track (deg)   14 latitude   15 longitude
    16 vertical rate (ft/min)   17 squawk   18 alert   19 emergency   20 ident   21 on ground

Empty means unknown. Kind 1 names, 2 is a position on the surface, 3 one in the air, 4 a velocity. An address after "~"
is not of ICAO. Altitude is pressure altitude. The dates are in the receiver's local time, which nothing names: they
are read as UTC, and only files need them (a live line is stamped on arrival). Written after the description in
dump1090 and the BaseStation socket documentation. Left out: SEL, ID, AIR, STA, CLK lines (no position), squawk.
"""

from __future__ import annotations

import math
import re

from msgspec import Struct

from skysentry.errors import DecodeError

# A full line has about 130 characters; the cap only bounds work on rubbish.
LINE_BYTES = 512
FIELDS = 22
ADDRESS = re.compile(r"~?[0-9A-Fa-f]{6}", re.ASCII)
CALLSIGN = re.compile(r"[0-9A-Za-z ]{1,8}", re.ASCII)
DATE = re.compile(r"(\d{4})[/-](\d{2})[/-](\d{2})", re.ASCII)
TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?", re.ASCII)


class SbsLine(Struct, frozen=True, kw_only=True):
    """One MSG line. `time_ns` is the date and time of the message, read as UTC."""

    kind: int
    address: str
    time_ns: int | None = None
    callsign: str | None = None
    altitude_ft: float | None = None
    groundspeed_kt: float | None = None
    track_deg: float | None = None
    lat_deg: float | None = None
    lon_deg: float | None = None
    vertical_rate_fpm: float | None = None
    on_ground: bool | None = None


def decode(line: bytes) -> SbsLine | None:
    """Return a MSG line, `None` for a line of another known type; raises `DecodeError` for anything else."""
    if len(line) > LINE_BYTES:
        raise DecodeError(f"a line of {len(line)} bytes is no BaseStation message")
    try:
        fields = line.decode("ascii").strip().split(",")
    except UnicodeDecodeError:
        raise DecodeError("not ASCII") from None
    if fields[0] in ("SEL", "ID", "AIR", "STA", "CLK"):
        return None
    # Some writers leave out the empty fields at the end.
    if fields[0] != "MSG" or not 11 <= len(fields) <= FIELDS:
        raise DecodeError("not a MSG line of 22 fields")
    return _message(fields + [""] * (FIELDS - len(fields)))


def days_since_1970(year: int, month: int, day: int) -> int:
    """Return the day number of a date of the Gregorian calendar, 1970-01-01 being 0.

    March counts as the first month, so that the leap day ends a year; then 153 days make five months.
    """
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def _message(fields: list[str]) -> SbsLine:
    if fields[1] not in "12345678" or len(fields[1]) != 1 or not ADDRESS.fullmatch(fields[4]):
        raise DecodeError("no message kind from 1 to 8, or no address")
    lat, lon = _number(fields[14], -90.0, 90.0), _number(fields[15], -180.0, 180.0)
    callsign = fields[10].strip()
    return SbsLine(
        kind=int(fields[1]),
        address=fields[4].lower(),
        time_ns=_time_ns(fields[6], fields[7]),
        callsign=callsign if CALLSIGN.fullmatch(callsign) else None,
        altitude_ft=_number(fields[11], -3_000.0, 300_000.0),
        groundspeed_kt=_number(fields[12], 0.0, 10_000.0),
        track_deg=_number(fields[13], -360.0, 360.0),
        lat_deg=lat if lon is not None else None,
        lon_deg=lon if lat is not None else None,
        vertical_rate_fpm=_number(fields[16], -100_000.0, 100_000.0),
        on_ground=fields[21] not in ("0", "") if fields[21] in ("0", "1", "-1") else None,
    )


def _number(text: str, low: float, high: float) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise DecodeError(f"{text[:20]!r} is no number") from None
    if not math.isfinite(value) or not low <= value <= high:
        raise DecodeError(f"{text[:20]!r} is out of range")
    return value


def _time_ns(date: str, time: str) -> int | None:
    """Return nanoseconds since 1970 of date and time read as UTC, `None` where they are absent or no date."""
    day, clock = DATE.fullmatch(date.strip()), TIME.fullmatch(time.strip())
    if day is None or clock is None:
        return None
    year, month, date_day = (int(part) for part in day.groups())
    hour, minute, second = (int(part) for part in clock.groups()[:3])
    if not (1970 <= year < 2262 and 1 <= month <= 12 and 1 <= date_day <= 31) or hour > 23 or minute > 59:
        return None
    fraction_ns = int((clock.group(4) or "0").ljust(9, "0"))
    seconds = days_since_1970(year, month, date_day) * 86_400 + hour * 3_600 + minute * 60 + min(second, 60)
    return seconds * 1_000_000_000 + fraction_ns
