"""The signal of DJI DroneID: its symbols, pilots, scrambling, and how its bits lie in the circular buffer.

An OFDM burst like LTE's, 643 µs every 600 to 640 ms, at 15.36 Msps:

    symbols     0     1     2     3     4     5     6     7     8        1024 samples each
    prefix     80    72    72    72    72    72    72    72    80        copies of the symbol's end, before it
    carries   pilot  data  data  ZC    data  ZC    data  data  data      601 carriers 15 kHz apart, the middle one empty
    root                         600         147

An older variant lacks symbol 0. Data are QPSK (3GPP TS 36.211, 7.1.2), scrambled with a Gold sequence (7.2). The 7,200
bits are an LTE turbo code word (TS 36.212, 5.1.3 and 5.1.4.1) of 1,408 bits with redundancy version 0, the last 24 of
which are CRC-24A (5.1.1).

Sources: reference/signals.md 3.2; D. Chu, "Polyphase codes with good periodic correlation properties", IEEE Trans. IT
18(4), 1972; 3GPP TS 36.211 and 36.212.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 15.36e6
SPACING_HZ = 15e3
SIZE = 1024
CARRIERS = 601
PREFIXES = (80, 72, 72, 72, 72, 72, 72, 72, 80)
SYMBOLS = len(PREFIXES)
BURST = sum(PREFIXES) + SYMBOLS * SIZE
# Where each symbol starts after its prefix, in samples from the burst's begin.
STARTS = tuple(sum(PREFIXES[: k + 1]) + k * SIZE for k in range(SYMBOLS))
PILOTS = {3: 600, 5: 147}
DATA = (1, 2, 4, 6, 7, 8)
CODED = 7_200
INFORMATION = 1_408
# Seed of the scrambling sequence, and how many of a Gold sequence's first values are thrown away (TS 36.211, 7.2).
SCRAMBLING = 0x12345678
GOLD_SKIPPED = 1_600
# TS 36.212, 5.1.4.1: columns of the sub-block interleaver and their order.
COLUMNS = 32
COLUMN_ORDER = (
    0, 16, 8, 24, 4, 20, 12, 28, 2, 18, 10, 26, 6, 22, 14, 30, 1, 17, 9, 25, 5, 21, 13, 29, 3, 19, 11, 27, 7, 23, 15, 31
)  # fmt: skip
# f1 and f2 of the turbo code's own interleaver for 1,408 bits (TS 36.212, table 5.1.3-3).
F1, F2 = 43, 88
TAIL = 4

Bins = NDArray[np.intp]
Carriers = NDArray[np.complex64]


@cache
def bins() -> Bins:
    """Return the bins of a transform of `SIZE` that carry something, lowest frequency first [shape=(600,)]."""
    half = CARRIERS // 2
    return np.concatenate([np.arange(SIZE - half, SIZE), np.arange(1, half + 1)])


@cache
def zadoff_chu(root: int) -> Carriers:
    """Return a pilot's carriers in the order of `bins` [shape=(600,)]."""
    n = np.arange(CARRIERS)
    full = np.exp(-1j * np.pi * root * n * (n + 1) / CARRIERS)
    return np.asarray(np.delete(full, CARRIERS // 2), np.complex64)


@cache
def pilot_samples(symbol: int) -> Carriers:
    """Return a pilot symbol in time, without its prefix, of unit power [shape=(SIZE,)]."""
    spectrum = np.zeros(SIZE, np.complex64)
    spectrum[bins()] = zadoff_chu(PILOTS[symbol])
    samples = np.fft.ifft(spectrum)
    return np.asarray(samples / np.sqrt(np.mean(np.abs(samples) ** 2)), np.complex64)


@cache
def gold(seed: int, count: int) -> NDArray[np.uint8]:
    """Return a pseudo-random sequence (TS 36.211, 7.2) [shape=(count,)]."""
    length = count + GOLD_SKIPPED
    x1 = np.zeros(length + 31, np.uint8)
    x2 = np.zeros(length + 31, np.uint8)
    x1[0] = 1
    x2[:31] = [seed >> k & 1 for k in range(31)]
    for n in range(length):
        x1[n + 31] = x1[n + 3] ^ x1[n]
        x2[n + 31] = x2[n + 3] ^ x2[n + 2] ^ x2[n + 1] ^ x2[n]
    return x1[GOLD_SKIPPED:length] ^ x2[GOLD_SKIPPED:length]


@cache
def inner_interleaver() -> Bins:
    """Return π of the turbo code: its second coder takes bit π(i) as its i-th (TS 36.212, 5.1.3.2.3)."""
    i = np.arange(INFORMATION)
    return (F1 * i + F2 * i * i) % INFORMATION


@cache
def places() -> Bins:
    """Return for each transmitted bit its place in [systematic, first parity, second parity], each with its tail.

    Shape (`CODED`,); a stream has `INFORMATION` + `TAIL` bits (TS 36.212, 5.1.4.1.1 and 5.1.4.1.2, version 0).
    """
    length = INFORMATION + TAIL
    rows = -(-length // COLUMNS)
    dummies = rows * COLUMNS - length
    order = np.array(COLUMN_ORDER)
    k = np.arange(rows * COLUMNS)
    straight = order[k // rows] + COLUMNS * (k % rows)
    shifted = (straight + 1) % (rows * COLUMNS)
    buffer = np.empty(3 * rows * COLUMNS, np.intp)
    first = straight - dummies
    buffer[: rows * COLUMNS] = first
    buffer[rows * COLUMNS :: 2] = np.where(first < 0, -1, first + length)
    second = shifted - dummies
    buffer[rows * COLUMNS + 1 :: 2] = np.where(second < 0, -1, second + 2 * length)
    start = 2 * rows
    turned = np.roll(buffer, -start)
    held = turned[turned >= 0]
    return np.resize(held, CODED)
