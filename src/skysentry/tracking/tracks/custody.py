"""Whose a track is, where cells share one sky: exactly one of them publishes it at each instant.

A cell publishes the tracks that it owns. Where a track was founded says who owns it first; from then on ownership is
*handed* over, never guessed, for two cells that know a place to 50 m would disagree on which side of a border it is:

    owner A   at t       the track is deep enough in B: "yours from t + 2 latencies on", term n
    heir B    at t + 1   holds the track from now on, and answers: agreed, term n
    both      at t + 2   B publishes, term n + 1; A keeps a copy

A that heard no answer goes on publishing, and offers it again: a lost message can make two cells tell the same thing
for a moment (the events have the same id, so a reader keeps one), never none. Where two cells both believe that they
own a track, the higher term is right, and at equal terms the cell with the lower name; who is wrong is told.

A copy whose owner is silent is claimed by the cell in which it flies: its owner died, or never had it.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

# The name of a cell: its column and row in the lattice.
Key: TypeAlias = tuple[int, int]

# An owner that nobody hears for longer than messages may be lost or late does not publish any more.
SILENT_NS = 10_000_000_000
# A track that no owner ever spoke of: it would have been told within a second of being shown.
UNVOUCHED_NS = 3_000_000_000


class Farewell(Struct, array_like=True):
    """A track that its owner has ended in its last term, near a place; it may be found again unless it merged."""

    founded: str
    term: int
    may_return: bool
    e_m: float
    n_m: float


class Custody(Struct, gc=False, array_like=True):
    """What a cell knows of who publishes a track: `owner`, until `from_ns`; then `heir`, if that one has `agreed`.

    `term` counts the changes; `heard_ns` is when the owner was last heard of, `vouched` whether it ever was, `away`
    whether the owner was another cell when this was last asked.
    """

    owner: Key
    term: int = 0
    heir: Key | None = None
    from_ns: int = 0
    agreed: bool = False
    heard_ns: int = 0
    vouched: bool = False
    away: bool = True

    @property
    def stray(self) -> bool:
        """Whether this is a copy that no owner ever spoke of."""
        return self.away and not self.vouched

    def offer(self, heir: Key, from_ns: int) -> None:
        """Offer the track to another cell."""
        self.heir, self.from_ns, self.agreed = heir, from_ns, False

    def claim(self, me: Key) -> None:
        """Take the track of an owner that is silent."""
        self.owner, self.term, self.heir, self.agreed, self.away = me, self.term + 1, None, False, False

    def supersedes(self, known: Custody) -> bool:
        """Return whether this, just heard, is worth more than what was known."""
        if self.term != known.term:
            return self.term > known.term
        return self.owner <= known.owner

    def silent(self, now_ns: int) -> bool:
        """Return whether the owner has not been heard of for too long."""
        return now_ns - self.heard_ns > (SILENT_NS if self.vouched else UNVOUCHED_NS)


def owns(custody: Custody | None, me: Key, now_ns: int) -> bool:
    """Return whether a cell publishes a track now; what was founded there and never moved has no custody."""
    if custody is None:
        return True
    if custody.heir is not None and now_ns >= custody.from_ns:
        if custody.agreed or custody.heir == me:
            custody.owner, custody.term = custody.heir, custody.term + 1
            custody.heard_ns = max(custody.heard_ns, now_ns)
        custody.heir, custody.agreed = None, False
    custody.away = custody.owner != me
    return not custody.away
