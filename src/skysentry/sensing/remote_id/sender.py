"""What one Remote ID transmitter has said of itself, put together from its frames.

A radio address may give several ids: a serial, a registration, one for this flight. The best of them names it. A
second value of the same scheme, or a second DJI serial, is a contradiction: taken, for the last word counts, and told
to the caller to be counted. Nothing here is believed more than that somebody sent it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Struct

from skysentry.events import Identity, Place
from skysentry.sensing.remote_id.trust import Trust
from skysentry.wire import dji_wifi
from skysentry.wire.remote_id import (
    MAX_AUTH_PAGE,
    AuthPage,
    BasicId,
    IdType,
    Location,
    Message,
    OperatorId,
    SelfId,
    System,
)
from skysentry.wire.remote_id_auth import Authentication, Pages

Heard: TypeAlias = Message | dji_wifi.Telemetry | dji_wifi.Purpose

# F3411 texts have 23 characters; DJI's purpose is as long as its element, and 100 say enough.
MAX_DESCRIPTION = 100
# An id of type "none" is what the sender calls itself; with none at all the radio address stands in.
SCHEMES: dict[int, str] = {
    IdType.NONE: "local",
    IdType.SERIAL: "remote_id_serial",
    IdType.REGISTRATION: "remote_id_registration",
    IdType.UTM: "remote_id_utm",
    IdType.SESSION: "remote_id_session",
}
# A serial stays with an aircraft, a registration with its owner, the others with a flight.
BEST_FIRST = (
    "remote_id_serial",
    "dji_serial",
    "remote_id_registration",
    "remote_id_utm",
    "remote_id_session",
    "local",
)
# CTA-2063-A: manufacturer (4), length (1-9, A-F), then that many of the digits and letters without O and I.
_SERIAL_CHARACTERS = frozenset("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ")
_SERIAL_LENGTHS = {character: value for value, character in enumerate("123456789ABCDEF", start=1)}


def serial_ok(serial: str) -> bool:
    """Whether a serial number has the form of ANSI/CTA-2063-A."""
    if len(serial) < 6 or not _SERIAL_CHARACTERS.issuperset(serial):
        return False
    return _SERIAL_LENGTHS.get(serial[4]) == len(serial) - 5


class Transmitter(Struct, kw_only=True):
    """What one radio address has said. `ids` are (scheme, value), one of a scheme, the best first."""

    address: str
    first_ns: int
    last_ns: int
    packets: int = 0
    ids: list[tuple[str, str]] = []
    ua_type: int = 0
    system: System | None = None
    operator_id: str | None = None
    description: str | None = None
    takeoff: Place | None = None
    # The last claim of a place: its content, when it was first and last heard, and where.
    claim: bytes | Location = b""
    claim_ns: int = 0
    place_ns: int | None = None
    lat_deg: float = 0.0
    lon_deg: float = 0.0
    presence_ns: int | None = None
    identity: Identity | None = None
    traits: tuple[tuple[str, float], ...] = ()
    trust: Trust = msgspec.field(default_factory=Trust)
    # Authentication: the pages so far with the packets they came in, and the last whole message, never verified.
    pages: Pages = msgspec.field(default_factory=Pages)
    page_packets: list[str] = []
    signed: Authentication | None = None
    # Packets of the last whole message that no detection has named yet.
    signed_by: tuple[str, ...] = ()


def sign(transmitter: Transmitter, page: AuthPage, packet: str) -> bool:
    """Take a page of authentication; return whether it made a message whole."""
    if page.page not in transmitter.pages.held or transmitter.pages.held[page.page] != page:
        transmitter.page_packets = [*transmitter.page_packets[-MAX_AUTH_PAGE:], packet]
    signed = transmitter.pages.take(page)
    if signed is None:
        return False
    transmitter.signed, transmitter.signed_by = signed, tuple(dict.fromkeys(transmitter.page_packets))
    transmitter.page_packets = []
    _characterise(transmitter)
    return True


def learn(transmitter: Transmitter, message: Heard) -> bool:
    """Take what a message says of the sender; return whether it contradicts what the sender said before."""
    if isinstance(message, Location):
        return False
    if isinstance(message, BasicId):
        transmitter.ua_type = message.ua_type or transmitter.ua_type
        scheme = SCHEMES.get(message.id_type)
        return scheme is not None and _name(transmitter, scheme, message.uas_id)
    if isinstance(message, dji_wifi.Telemetry):
        return _learn_dji(transmitter, message)
    if isinstance(message, System):
        if message != transmitter.system:
            transmitter.system, transmitter.identity = message, None
    elif isinstance(message, OperatorId):
        if message.operator_id and message.operator_id != transmitter.operator_id:
            transmitter.operator_id, transmitter.identity = message.operator_id, None
    elif isinstance(message, SelfId):
        _describe(transmitter, message.text)
    elif isinstance(message, dji_wifi.Purpose):
        _describe(transmitter, message.purpose)
        return _name(transmitter, "dji_serial", message.serial)
    return False


def _describe(transmitter: Transmitter, text: str) -> None:
    text = text[:MAX_DESCRIPTION]
    if text and text != transmitter.description:
        transmitter.description, transmitter.identity = text, None


def _learn_dji(transmitter: Transmitter, telemetry: dji_wifi.Telemetry) -> bool:
    app = telemetry.app
    system = System(location_type=1, lat_deg=app[0], lon_deg=app[1]) if app else None
    takeoff = Place(lat_deg=telemetry.home[0], lon_deg=telemetry.home[1]) if telemetry.home else None
    if system != transmitter.system or takeoff != transmitter.takeoff:
        transmitter.system, transmitter.takeoff, transmitter.identity = system, takeoff, None
    return _name(transmitter, "dji_serial", telemetry.serial)


def _name(transmitter: Transmitter, scheme: str, value: str) -> bool:
    """Take an id; a second one of the same scheme replaces the first and is a contradiction."""
    ids = transmitter.ids
    if not value or (scheme, value) in ids:
        return False
    kept = [known for known in ids if known[0] != scheme]
    transmitter.ids = sorted([*kept, (scheme, value)], key=lambda known: BEST_FIRST.index(known[0]))
    transmitter.identity = None
    _characterise(transmitter)
    return len(kept) < len(ids)


def _characterise(transmitter: Transmitter) -> None:
    """Write down what every detection of this sender tells of it as numbers."""
    traits = []
    if transmitter.ids:
        best, serial = transmitter.ids[0]
        traits.append(("ids", float(len(transmitter.ids))))
        if best == "remote_id_serial":
            traits.append(("serial_ok", float(serial_ok(serial))))
    signed = transmitter.signed
    if signed is not None:
        traits += [("auth_type", float(signed.auth_type)), ("auth_bytes", float(len(signed.data)))]
    transmitter.traits = tuple(traits)


def identity_of(transmitter: Transmitter) -> Identity:
    """Return who the sender claims to be; its radio address where it gave no id."""
    if transmitter.identity is not None:
        return transmitter.identity
    scheme, value = transmitter.ids[0] if transmitter.ids else ("local", transmitter.address)
    place, system = None, transmitter.system
    if system is not None and system.lat_deg is not None and system.lon_deg is not None:
        place = Place(lat_deg=system.lat_deg, lon_deg=system.lon_deg, alt_m=system.operator_alt_m)
    # Type 0 is the place of take-off: where the operator was, not where they are.
    live = system is not None and system.location_type != 0
    transmitter.identity = Identity(
        scheme=scheme,
        value=value,
        transmitter=transmitter.address,
        description=transmitter.description,
        operator=place if live else None,
        operator_id=transmitter.operator_id,
        takeoff=transmitter.takeoff or (None if live else place),
        also=tuple([f"{other}:{name}" for other, name in transmitter.ids[1:]]),
    )
    return transmitter.identity
