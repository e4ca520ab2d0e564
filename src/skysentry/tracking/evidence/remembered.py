"""What was made of a key before: words and tuples that most tracks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V]):
    """What `make` makes of keys, made once; all of it is forgotten when there are `most`.

    A look-up of what is known is that of a dictionary: `functools.lru_cache` takes twice the time.
    """

    def __init__(self, make: Callable[[K], V], most: int = 20_000) -> None:
        super().__init__()
        self.make, self.most = make, most

    def __missing__(self, key: K) -> V:
        if len(self) >= self.most:
            self.clear()
        made = self[key] = self.make(key)
        return made
