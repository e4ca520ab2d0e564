"""Slots: what only some tracks have lies in arrays of its own, a slot each; the track's row says which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np


def free_slot(used: Iterable[int], most: int) -> int:
    """Return the first slot that is not used, `most` where there is none."""
    taken = {*used}
    return next(slot for slot in range(most + 1) if slot == most or slot not in taken)


def make_room(holder: object, names: Sequence[str], slot: int) -> None:
    """Double the arrays of these names, their slots first, until they have room for a slot."""
    for name in names:
        array = getattr(holder, name)
        while slot >= len(array):
            array = np.concatenate([array, np.zeros_like(array)])
        setattr(holder, name, array)


def room_for(slots: Collection[int], most: int) -> int:
    """Return a power of two that holds these slots; `ValueError` where one is below 0 or not below `most`."""
    highest = max(slots, default=0)
    if min(slots, default=0) < 0 or highest >= most:
        raise ValueError("a slot that is none")
    return 1 << highest.bit_length()
