"""aircraft.json: what readsb, dump1090-fa and tar1090 know now, as one JSON document.

    {"now": seconds, "messages": n, "aircraft": [{"hex": "4ca216", "lat": …, …}, …]}

Source: readsb README-json. Of an aircraft these fields are read: hex (an address, after "~" where it is not of ICAO),
type (where it comes from: adsb_icao, mlat, tisb_icao …), flight, alt_baro (feet, or "ground"), alt_geom (feet above the
ellipsoid), gs (kt), track (deg), baro_rate and geom_rate (ft/min), lat, lon, category, nic, rc, nac_p, nac_v, seen and
seen_pos (seconds before `now`). All but hex may be absent. A value of the wrong type or out of range makes the object
a bad one. Left out: the signal level (dBFS, uncalibrated), navigation modes, emergency states.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from skysentry.errors import DecodeError
from skysentry.events import Latitude, Longitude

# An object has about 1 KB. A document with 20,000 aircraft, twice what is ever in the air at once, has about 20 MB.
OBJECT_BYTES = 16_384
DOCUMENT_BYTES = 32 * 1024 * 1024
AIRCRAFT = 20_000

Address = Annotated[str, Meta(pattern="^~?[0-9A-Fa-f]{6}$")]
Feet = Annotated[float, Meta(ge=-3_000.0, le=300_000.0)]
Knots = Annotated[float, Meta(ge=0.0, le=10_000.0)]
Degrees = Annotated[float, Meta(ge=-360.0, le=360.0)]
FeetPerMinute = Annotated[float, Meta(ge=-100_000.0, le=100_000.0)]
# Aircraft are dropped from the document after minutes, those seen by satellite after hours.
Age = Annotated[float, Meta(ge=0.0, le=86_400.0)]
Grade = Annotated[int, Meta(ge=0, le=15)]


class Aircraft(Struct, frozen=True, kw_only=True, rename={"address": "hex", "source": "type", "callsign": "flight"}):
    """One object of the list, names as in the document but for `address`, `source` and `callsign`."""

    address: Address
    source: Annotated[str, Meta(max_length=40)] = ""
    callsign: Annotated[str, Meta(max_length=16)] | None = None
    category: Annotated[str, Meta(max_length=4)] | None = None
    alt_baro: Feet | Literal["ground"] | None = None
    alt_geom: Feet | None = None
    gs: Knots | None = None
    track: Degrees | None = None
    baro_rate: FeetPerMinute | None = None
    geom_rate: FeetPerMinute | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    nic: Grade | None = None
    rc: Annotated[float, Meta(ge=0.0, le=1e6)] | None = None
    nac_p: Grade | None = None
    nac_v: Grade | None = None
    seen: Age | None = None
    seen_pos: Age | None = None


class Document(Struct, frozen=True, kw_only=True):
    """The whole document, its objects still as text. 4.1e9 s is the year 2100."""

    now: Annotated[float, Meta(ge=0.0, le=4.1e9)]
    aircraft: Annotated[list[msgspec.Raw], Meta(max_length=AIRCRAFT)]


_aircraft = msgspec.json.Decoder(Aircraft)
_document = msgspec.json.Decoder(Document)


def decode(data: bytes) -> Aircraft:
    """Return one object; raises `DecodeError`."""
    if len(data) > OBJECT_BYTES:
        raise DecodeError(f"an aircraft of {len(data)} bytes")
    try:
        return _aircraft.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not an aircraft of aircraft.json: {error}") from None


def decode_document(data: bytes) -> tuple[int, list[bytes]]:
    """Return the time of a document in nanoseconds and the JSON text of each aircraft; raises `DecodeError`."""
    if len(data) > DOCUMENT_BYTES:
        raise DecodeError(f"an aircraft.json of {len(data)} bytes, more than {DOCUMENT_BYTES}")
    try:
        document = _document.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not an aircraft.json: {error}") from None
    return round(document.now * 1000) * 1_000_000, [bytes(text) for text in document.aircraft]
