"""Authentication messages of Remote ID put together from their pages: kept as sent, verified by nobody.

A message is page 0 (17 bytes of data, with the number of the last page, the length and a time) and up to 15 more of
23 bytes. F3411-19 writes the *number* of pages where F3411-22a writes that of the last page, so the length decides:
it is whole when pages 0 to ceil((length - 17) / 23) are there. What follows the length (RFC 9575 puts parity there)
is kept beside it as far as it was heard.

Only page 0 carries the time, so pages of two messages are told apart by what does not fit: another page 0, or another
content of a page that is there, begins a new message. Pages come in any order; a lost page 0 leaves the rest waiting.

Types: 0 none, 1 signature of the id, 2 of the operator's id, 3 of the set of messages, 4 by network Remote ID,
5 a specific method (DRIP, RFC 9575, names itself in the first data byte), 10 to 15 private. Japan's rule (MLIT)
sends messages of F3411-19: a registration and a serial as two Basic IDs, and an authentication under a key that is
not public (known from summaries only): it is read like any other.

Left out: every verification. An authentication that is there proves nothing; whoever has heard one can send it again.
Source: ASTM F3411-22a 5.4.5.12; RFC 9575, 3.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.wire.remote_id import AuthPage

FIRST_BYTES, NEXT_BYTES = 17, 23
# The 16 pages that four bits can number hold this much.
MAX_AUTH_BYTES = FIRST_BYTES + 15 * NEXT_BYTES


class Authentication(Struct, frozen=True, kw_only=True):
    """One whole message: `data` of the told length, `extra` what was heard beyond it. Never verified."""

    auth_type: int
    time_s: int | None
    data: bytes
    extra: bytes = b""


class Pages(Struct, kw_only=True):
    """The pages of one message that have been heard so far."""

    auth_type: int = 0
    held: dict[int, AuthPage] = {}

    def take(self, page: AuthPage) -> Authentication | None:
        """Add a page; return the message where this page has made it whole."""
        known = self.held.get(page.page)
        if page.auth_type != self.auth_type or (known is not None and known != page):
            self.auth_type, self.held = page.auth_type, {}
        elif known is not None:
            return None
        self.held[page.page] = page
        return self._whole(page)

    def _whole(self, newest: AuthPage) -> Authentication | None:
        first = self.held.get(0)
        if first is None:
            return None
        last = last_page(first)
        if newest.page > last or any(number not in self.held for number in range(last + 1)):
            return None
        length, data = first.length or 0, b""
        for number in range(16):
            if number not in self.held:
                break
            data += self.held[number].data
        if not length:
            length = len(data)
        return Authentication(
            auth_type=self.auth_type, time_s=first.time_s, data=data[:length], extra=data[length:].rstrip(b"\0")
        )


def last_page(first: AuthPage) -> int:
    """Return the number of the last page that the length of page 0 needs; as told there where it has no length."""
    if first.length:
        return -(-max(first.length - FIRST_BYTES, 0) // NEXT_BYTES)
    return first.last_page or 0


def split(auth_type: int, data: bytes, time_s: int | None = None) -> list[AuthPage]:
    """Return the pages of a message of up to 255 bytes, as F3411-22a numbers them, the last filled with zeros."""
    if len(data) > 255:
        raise ValueError(f"authentication of {len(data)} bytes, its length has one byte")
    rest = range(FIRST_BYTES, len(data), NEXT_BYTES)
    last = len(rest)
    first = AuthPage(
        auth_type=auth_type,
        page=0,
        data=data[:FIRST_BYTES].ljust(FIRST_BYTES, b"\0"),
        last_page=last,
        length=len(data),
        time_s=time_s,
    )
    more = [
        AuthPage(auth_type=auth_type, page=k, data=data[at : at + NEXT_BYTES].ljust(NEXT_BYTES, b"\0"))
        for k, at in enumerate(rest, start=1)
    ]
    return [first, *more]
