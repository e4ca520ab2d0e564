"""The cheapest one-to-one pairing of rows and columns, exactly.

Shortest augmenting paths with dual prices (the Jonker–Volgenant family), the form in D. F. Crouse, "On implementing
2D rectangular assignment algorithms", IEEE Trans. AES 52(4), 2016. Cubic at worst; rows are scanned as arrays. Here it
only ever sees small blocks (`gospa` cuts far pairs away first), so it needs no compiled kernel. Of equally cheap
pairings it returns one and the same for the same matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skysentry.geo import Array


def assign(cost: Array) -> list[tuple[int, int]]:
    """Return the (row, column) pairs of least total cost, by row.

    `cost` [shape=(n, m)] is finite; every row is paired where n ≤ m, every column otherwise.
    """
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    column_of = np.full(rows, -1)
    for row in range(rows):
        end, length, prior, scanned = _shortest(row, cost, row_price, column_price, row_of)
        row_price[row] += length[end]
        for column in scanned:
            slack = length[end] - length[column]
            row_price[row_of[column]] += slack
            column_price[column] -= slack
        column = end
        while True:
            at = int(prior[column])
            row_of[column] = at
            column_of[at], column = column, int(column_of[at])
            if at == row:
                break
    return [(row, int(column)) for row, column in enumerate(column_of)]


def _shortest(
    row: int, cost: Array, row_price: Array, column_price: Array, row_of: NDArray[np.int64]
) -> tuple[int, Array, NDArray[np.int64], list[int]]:
    """Return the free column nearest to `row`, path lengths, each column's row before it, and columns on the way."""
    length = np.full(cost.shape[1], np.inf)
    prior = np.full(cost.shape[1], -1)
    open_ = np.ones(cost.shape[1], dtype=bool)
    scanned: list[int] = []
    at, so_far = row, 0.0
    while True:
        through = so_far + cost[at] - row_price[at] - column_price
        better = open_ & (through < length)
        length[better] = through[better]
        prior[better] = at
        column = int(np.argmin(np.where(open_, length, np.inf)))
        if row_of[column] < 0:
            return column, length, prior, scanned
        open_[column] = False
        scanned.append(column)
        at, so_far = int(row_of[column]), float(length[column])
