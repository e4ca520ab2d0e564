"""Mode S: bytes of a frame into fields. The only module that knows rs1090.

Source: ICAO Annex 10 volume IV (formats), RTCA DO-260B (extended squitter). A frame is 7 bytes (downlink formats 0-15)
or 14 bytes (16-31); the last 24 bits are a checksum, in formats 11, 17 and 18 over the frame alone, in the others mixed
with the address. Only formats 17 and 18, the extended squitter, hold positions, and only they are decoded here:

    type code   holds                                type code   holds
    1-4         callsign and emitter category        19          velocity over ground, vertical rate, GNSS − pressure
    5-8         position on the surface, movement    20-22       position and height above the ellipsoid
    9-18        position and pressure altitude       29, 31      navigation accuracy (NACp)

rs1090 (Rust) takes frames as hexadecimal text. It raises pyo3's PanicException, which is no `Exception`, on text of odd
length and may do so on what it does not foresee: frames come in as bytes, their length is checked first, and a panic
costs its frame only. Its position decoding keeps its state inside one call, which would make positions depend on
how a stream is cut into batches; so positions are left encoded here, and `cpr` solves them. Left out: interrogation
replies (their address is whatever makes the checksum fit, and they hold no position), Comm-B registers, resolution
advisories, military formats, velocity from airspeed and heading (no wind is known).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rs1090
from msgspec import Struct

from skysentry.wire.cpr import CprPosition

SHORT_BYTES, LONG_BYTES = 7, 14
# The generator of the 24-bit checksum, Annex 10 volume IV, 3.1.2.3.3.
GENERATOR = 0xFFF409
# Format 18 with these control fields carries an address that is not of ICAO (anonymous, ground vehicle, TIS-B track).
NOT_ICAO_CONTROL = (1, 5)
# TIS-B: what a ground radar saw, broadcast for those who have no transponder of this kind.
TISB_CONTROL = (2, 3, 5)


class ModeS(Struct, frozen=True, kw_only=True):
    """What one frame says. Units as in the standard: feet, knots, feet per minute. Absent is not known.

    `address` is six hexadecimal digits in lower case, after "~" where it is not of ICAO. `category` is e.g. "A3";
    `altitude_geometric` says that the altitude is above the ellipsoid, else it is pressure altitude.
    """

    address: str
    typecode: int
    tisb: bool = False
    callsign: str | None = None
    category: str | None = None
    altitude_ft: float | None = None
    altitude_geometric: bool = False
    cpr: CprPosition | None = None
    groundspeed_kt: float | None = None
    track_deg: float | None = None
    vertical_rate_fpm: float | None = None
    geo_minus_baro_ft: float | None = None
    nac_p: int | None = None
    nac_v: int | None = None


def well_formed(frame: bytes) -> bool:
    """Return whether the length fits the downlink format."""
    return (len(frame) == SHORT_BYTES and frame[0] < 0x80) or (len(frame) == LONG_BYTES and frame[0] >= 0x80)


def is_squitter(frame: bytes) -> bool:
    """Return whether this is an extended squitter (formats 17 and 18), the only frames that hold positions."""
    return len(frame) == LONG_BYTES and frame[0] >> 3 in (17, 18)


def checksum(frame: bytes) -> int:
    """Return the 24-bit remainder: 0 for a good extended squitter."""
    register = 0
    for byte in frame:
        register = (register << 8 & 0xFFFFFF) ^ _TABLE[register >> 16] ^ byte
    return register


def decode(frames: Sequence[bytes]) -> list[ModeS | None]:
    """Return what each frame says, in order; `None` for one that is damaged or no extended squitter."""
    wanted = [index for index, frame in enumerate(frames) if is_squitter(frame)]
    fields = _fields([frames[index].hex() for index in wanted])
    said: list[ModeS | None] = [None] * len(frames)
    for index, found in zip(wanted, fields, strict=True):
        if found is not None:
            said[index] = _squitter(frames[index], found)
    return said


def _table() -> list[int]:
    rows = []
    for value in range(256):
        register = value << 16
        for _ in range(8):
            register = (register << 1) ^ (GENERATOR if register & 0x800000 else 0)
        rows.append(register & 0xFFFFFF)
    return rows


_TABLE = _table()


def _fields(texts: list[str]) -> list[dict[str, Any] | None]:
    """Return rs1090's fields of each frame; where one makes it panic, that one is `None`."""
    if not texts:
        return []
    try:
        found: list[dict[str, Any] | None] = rs1090.decode(texts)  # type: ignore[assignment]
    except BaseException as error:
        # pyo3 does not export the class of its panics, so the name has to do.
        if type(error).__name__ != "PanicException":
            raise
        return [None] if len(texts) == 1 else [field for text in texts for field in _fields([text])]
    return found


def _squitter(frame: bytes, found: dict[str, Any]) -> ModeS | None:
    control = frame[0] & 7 if frame[0] >> 3 == 18 else 0
    typecode = frame[4] >> 3
    try:
        address = f"~{found['icao24']}" if control in NOT_ICAO_CONTROL else found["icao24"]
        said = _content(typecode, frame[4] & 7, found)
    except KeyError:
        return None
    return ModeS(address=address, typecode=typecode, tisb=control in TISB_CONTROL, **said)


def _content(typecode: int, subtype: int, found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `ModeS` that a message of this type holds."""
    if 1 <= typecode <= 4:
        return {"callsign": _callsign(found["callsign"]), "category": f"{'DCBA'[typecode - 1]}{subtype}"}
    if 5 <= typecode <= 8:
        return {"cpr": _cpr(found, surface=True), **_motion(found)}
    if 9 <= typecode <= 18 or 20 <= typecode <= 22:
        geometric = typecode >= 20
        return {"cpr": _cpr(found, surface=False), "altitude_ft": found["altitude"], "altitude_geometric": geometric}
    if typecode == 19:
        rates = {"vertical_rate_fpm": found.get("vertical_rate"), "geo_minus_baro_ft": found.get("geo_minus_baro")}
        return {**_motion(found), **rates, "nac_v": found["NACv"]}
    if typecode in (29, 31):
        return {"nac_p": found.get("NACp")}
    return {}


def _cpr(found: dict[str, Any], surface: bool) -> CprPosition:
    return CprPosition(found["lat_cpr"], found["lon_cpr"], found["parity"] == "odd", surface)


def _motion(found: dict[str, Any]) -> dict[str, Any]:
    return {"groundspeed_kt": found.get("groundspeed"), "track_deg": found.get("track")}


def _callsign(text: str) -> str | None:
    """Return the callsign without its padding; `None` where it holds characters that the alphabet does not have."""
    text = text.strip(" _")
    return text if text.replace(" ", "").isalnum() and text.isascii() else None
