"""Bluetooth Low Energy advertisements that carry Remote ID: Bluetooth 4 legacy and Bluetooth 5 extended.

A PDU here starts at its header, without preamble, access address, coding indicator and CRC.

    header     0 type (4 bits) and flags · 1 length of what follows
    legacy     types 0, 2, 4, 6: address (6, reversed) · structures
    extended   type 7: 2 mode << 6 | length of the extended header · 3 flags · [address (6)] [target (6)] [CTE (1)]
               [data info (2)] [aux pointer (3)] [sync info (18)] [power (1)] [ACAD] · structures
    structure  length · type 0x16, service data · UUID 0xFFFA · application 0x0D · counter · a message or a pack

Chained advertisements (AUX_CHAIN_IND) are not put together: a full pack fits into one PDU.
Source: Bluetooth Core 5.4, volume 6 part B 2.3; ASTM F3411-22a 5.4.4 and 5.4.5.
"""

from __future__ import annotations

from skysentry.wire.wifi import Carrier, Payload

ADVERTISING_ACCESS = b"\xd6\xbe\x89\x8e"
LEGACY_TYPES = frozenset((0x0, 0x2, 0x4, 0x6))
EXTENDED_TYPE = 0x7
# Service data, UUID 0xFFFA (ASTM), application code 0x0D (Open Drone ID).
MARK = b"\x16\xfa\xff\x0d"
CRC_START = 0x555555


def carries_remote_id(pdu: bytes) -> bool:
    """Whether an advertisement holds Remote ID; cheap for all that do not."""
    return MARK in pdu and bool(payloads(pdu))


def transmitter(pdu: bytes) -> bytes | None:
    """Return the six bytes of the advertiser's address, most significant first; `None` where it is left out."""
    if len(pdu) < 2:
        return None
    if pdu[0] & 0xF in LEGACY_TYPES and len(pdu) >= 8:
        return pdu[7:1:-1]
    if pdu[0] & 0xF == EXTENDED_TYPE and len(pdu) >= 10 and pdu[2] & 0x3F >= 7 and pdu[3] & 1:
        return pdu[9:3:-1]
    return None


def payloads(pdu: bytes) -> list[Payload]:
    """Return what an advertisement carries, perhaps nothing. A structure past the end of the PDU ends the list."""
    if len(pdu) < 3:
        return []
    if pdu[0] & 0xF == EXTENDED_TYPE:
        at = 3 + (pdu[2] & 0x3F)
    elif pdu[0] & 0xF in LEGACY_TYPES:
        at = 8
    else:
        return []
    found = []
    stop = min(len(pdu), 2 + pdu[1])
    while at < stop:
        end = at + 1 + pdu[at]
        if end > stop:
            break
        if pdu.startswith(MARK, at + 1) and end - at > 6:
            found.append(Payload(Carrier.ODID, pdu[at + 6 : end], pdu[at + 5]))
        at = end
    return found


def _crc_table() -> list[int]:
    """Return the table of the bit-reversed polynomial x²⁴ + x¹⁰ + x⁹ + x⁶ + x⁴ + x³ + x + 1."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xDA6000 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()
_CRC_START_REVERSED = int(f"{CRC_START:024b}"[::-1], 2)


def crc(pdu: bytes) -> bytes:
    """Return the three CRC bytes of an advertising PDU, in the order in which they are sent."""
    value = _CRC_START_REVERSED
    for byte in pdu:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value.to_bytes(3, "little")


# --- for simulation and tests -------------------------------------------------------------------------------


def encode_legacy(address: bytes, message: bytes, counter: int) -> bytes:
    """Return an ADV_NONCONN_IND that carries one message of 25 bytes."""
    body = address[::-1] + _structure(message, counter)
    # 0x42: ADV_NONCONN_IND from a random address, as F3411 transmitters send.
    return bytes((0x42, len(body))) + body


def encode_extended(address: bytes, pack: bytes, counter: int) -> bytes:
    """Return an AUX_ADV_IND that carries a message pack."""
    body = b"\x09\x09" + address[::-1] + b"\x00\x00" + _structure(pack, counter)
    return bytes((0x40 | EXTENDED_TYPE, len(body))) + body


def _structure(payload: bytes, counter: int) -> bytes:
    return bytes((len(MARK) + 1 + len(payload),)) + MARK + bytes((counter & 0xFF,)) + payload
