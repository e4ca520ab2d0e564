"""What a person decided on a screen, from JSON to `Order`.

Each action needs its fields (`events.Action`); what is missing or wrong is an `OrderError` with a hint. Shelving always
ends: ISA-18.2 asks for it, since people forget. The id is made of the moment of arrival and a count, never of chance.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from skysentry.errors import InputError
from skysentry.events import Action, Affiliation, Latitude, Longitude, Name, Order, Severity, Text
from skysentry.runtime.feed import Feed

NS_PER_MINUTE = 60_000_000_000
# Half a day: longer than any night shift should be deaf to a place.
MAX_SHELVE_MINUTES = 720.0
SHELVE_MINUTES = 15.0


class OrderRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/orders. `minutes` is how long a shelved alert stays silent."""

    action: Action
    target: Name
    by: Name | None = None
    severity: Severity | None = None
    affiliation: Affiliation | None = None
    minutes: Annotated[float, Meta(gt=0.0, le=MAX_SHELVE_MINUTES)] | None = None
    text: Text | None = None
    polygon: Annotated[tuple[tuple[Longitude, Latitude], ...], Meta(min_length=3, max_length=1000)] | None = None


class OrderAnswer(Struct, frozen=True):
    """The answer to an order that was taken: its id. What it did comes by the stream."""

    id: str


class OrderError(InputError):
    """An order that cannot be followed; `status` is the HTTP status."""

    def __init__(self, status: int, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def submit(feed: Feed, body: bytes) -> str:
    """Check an order, hand it to the loop and return its id; raises `OrderError`."""
    if feed.submit is None:
        raise OrderError(503, "nothing here takes orders", "this is a replay; orders are taken by `skysentry run`")
    order = read(body, feed)
    if not feed.knows(order):
        raise OrderError(404, f"there is no {_noun(order.action)} {order.target!r}", "it may have ended meanwhile")
    feed.submit(order)
    return order.id


def read(body: bytes, feed: Feed) -> Order:
    """Return the order in a request body; raises `OrderError`."""
    try:
        asked = msgspec.json.decode(body, type=OrderRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderError(400, f"not an order: {error}", "docs/http.md lists the fields of each action") from None
    missing = next((name for name in NEEDS.get(asked.action, ()) if getattr(asked, name) is None), None)
    if missing:
        raise OrderError(400, f"{asked.action.value} needs {missing}", "docs/http.md lists the fields of each action")
    now_ns = feed.clock()
    minutes = asked.minutes or SHELVE_MINUTES
    return Order(
        id=feed.order_id(now_ns),
        time_ns=now_ns,
        received_ns=now_ns,
        by=asked.by or "operator",
        action=asked.action,
        target=asked.target,
        severity=asked.severity,
        affiliation=asked.affiliation,
        until_ns=now_ns + round(minutes * NS_PER_MINUTE) if asked.action is Action.SHELVE else None,
        text=asked.text,
        polygon=asked.polygon,
    )


NEEDS: dict[Action, tuple[str, ...]] = {
    Action.RAISE: ("severity", "text"),
    Action.CORRECT: ("severity", "text"),
    Action.CANCEL: ("text",),
    Action.DECLARE: ("affiliation",),
    Action.DRAW_ZONE: ("text", "polygon"),
}


def _noun(action: Action) -> str:
    if action is Action.DECLARE:
        return "track"
    return "zone" if action in (Action.RAISE, Action.REMOVE_ZONE) else "alert"
