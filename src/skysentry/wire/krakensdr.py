"""KrakenSDR's direction of arrival: the CSV line of its web output (`DOA_value.html`, "Kraken App" format).

    0 time (Unix, ms)    1 angle, degrees, "compass" or from the array   2 confidence 0–99   3 RSSI, dB
    4 frequency, Hz      5 array type   6 latency, ms   7 station   8 latitude   9 longitude   10 GPS heading
    11 compass heading   12 the word GPS   13–16 reserved   17… power by unit-circle degree, 360 values

The angle of the Kraken App format is counted against the clock on the unit circle of the array (0 = its right hand is
not north): the compass bearing is 360 − angle, from the array's front; `heading_deg` of the site, or the line's own,
turns it to north. The confidence is 0 where nothing is told apart.
A line whose field 12 is not GPS was read at an offset, or half written. Versions of its software are said to differ in
whether the angle is mirrored: check one bearing against a transmitter whose place is known.
Source: krakenrf/krakensdr_docs, "08. Data Formats"; not tried on the hardware. Left out: the 360
values, the JSON of its middleware.
"""

from __future__ import annotations

import math

from msgspec import Struct

from skysentry.errors import DecodeError

FIELDS = 17
# A line has 377 fields of at most 20 characters; more is no line of it.
MOST_BYTES = 16_384


class Doa(Struct, frozen=True):
    """One direction: clockwise from the array's front."""

    time_ns: int
    bearing_deg: float
    confidence: float
    rssi_db: float
    centre_hz: float


def decode(line: bytes) -> Doa:
    """Return the direction in a line; raises `DecodeError` where it is none."""
    if len(line) > MOST_BYTES:
        raise DecodeError("a line too long for a direction", hint="choose the format Kraken App")
    fields = line.decode("ascii", "replace").strip().split(",")
    if len(fields) < FIELDS:
        raise DecodeError(f"{len(fields)} fields where {FIELDS} are the least", hint="choose the format Kraken App")
    if fields[12].strip().upper() != "GPS":
        raise DecodeError("field 12 is not GPS", hint="choose the format Kraken App")
    try:
        time_ms, angle, confidence, rssi, centre = (float(value) for value in fields[:5])
    except ValueError:
        raise DecodeError("a field is no number", hint="choose the format Kraken App") from None
    if not all(math.isfinite(value) for value in (time_ms, angle, confidence, rssi, centre)):
        raise DecodeError("a field is not finite", hint="choose the format Kraken App")
    if not (0.0 <= time_ms < 9e15 / 1e3 and -360.0 <= angle <= 360.0 and confidence >= 0.0 and centre >= 0.0):
        raise DecodeError("a field is out of range", hint="choose the format Kraken App")
    return Doa(round(time_ms) * 1_000_000, (360.0 - angle) % 360.0, confidence, rssi, centre)
