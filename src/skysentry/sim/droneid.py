"""DJI DroneID as its transmitter makes it: bytes in, samples at 15.36 Msps out.

Written from 3GPP TS 36.211 and 36.212, step by step as they are printed, and without a look at the receiver: bits, not
tables. Payloads are as in the DJI Wi-Fi element (`wire.droneid`). For recordings and tests only; nothing here reaches a
transmitter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 15.36e6
Bits = list[int]
Samples = NDArray[np.complex64]

_PERMUTATION = [
    0, 16, 8, 24, 4, 20, 12, 28, 2, 18, 10, 26, 6, 22, 14, 30, 1, 17, 9, 25, 5, 21, 13, 29, 3, 19, 11, 27, 7, 23, 15, 31
]  # fmt: skip


def burst(payload: bytes, legacy: bool = False) -> Samples:
    """Return one burst of unit power; `payload` holds up to 173 bytes. `legacy` leaves out the first symbol."""
    bits = [byte >> k & 1 for byte in payload.ljust(173, b"\0") for k in range(7, -1, -1)]
    bits += _crc24a(bits)
    sent = _rate_matched(*_turbo(bits), 7200)
    sequence = _gold(0x12345678, 7200)
    scrambled = [a ^ b for a, b in zip(sent, sequence, strict=True)]
    carriers: list[NDArray[np.complex128]] = [_qpsk(sequence[:1200])]
    for symbol in range(1, 9):
        if symbol in (3, 5):
            carriers.append(_pilot(600 if symbol == 3 else 147))
        else:
            carriers.append(_qpsk(scrambled[:1200]))
            scrambled = scrambled[1200:]
    out: list[NDArray[np.complex128]] = []
    for symbol, values in enumerate(carriers):
        if legacy and symbol == 0:
            continue
        spectrum = np.zeros(1024, complex)
        for k in range(300):
            spectrum[1024 - 300 + k] = values[k]
            spectrum[1 + k] = values[300 + k]
        samples = np.fft.ifft(spectrum)
        prefix = 80 if symbol in (0, 8) else 72
        out.append(np.concatenate([samples[-prefix:], samples]))
    whole = np.concatenate(out)
    return np.asarray(whole / np.sqrt(np.mean(np.abs(whole) ** 2)), np.complex64)


def _crc24a(bits: Bits) -> Bits:
    """36.212, 5.1.1: the rest of the division by gCRC24A."""
    divisor = [int(k in (24, 23, 18, 17, 14, 11, 10, 7, 6, 5, 4, 3, 1, 0)) for k in range(24, -1, -1)]
    rest = bits + [0] * 24
    for k in range(len(bits)):
        if rest[k]:
            for j in range(25):
                rest[k + j] ^= divisor[j]
    return rest[-24:]


def _coder(bits: Bits) -> tuple[Bits, Bits, Bits]:
    """36.212, 5.1.3.2.1: parity, then the inputs and parities of the tail; g0 = 1 + D² + D³, g1 = 1 + D + D³."""
    a = b = c = 0
    parity: Bits = []
    ends: tuple[Bits, Bits] = ([], [])
    for k in range(len(bits) + 3):
        bit = bits[k] if k < len(bits) else b ^ c
        fed = bit ^ b ^ c
        z = fed ^ a ^ c
        if k < len(bits):
            parity.append(z)
        else:
            ends[0].append(bit)
            ends[1].append(z)
        a, b, c = fed, a, b
    return parity, *ends


def _turbo(bits: Bits) -> tuple[Bits, Bits, Bits]:
    """36.212, 5.1.3.2: three streams of K + 4 bits, K = 1408."""
    second = [bits[(43 * i + 88 * i * i) % 1408] for i in range(1408)]
    z, x_end, z_end = _coder(bits)
    y, v_end, y_end = _coder(second)
    d0 = [*bits, x_end[0], z_end[1], v_end[0], y_end[1]]
    d1 = [*z, z_end[0], x_end[2], y_end[0], v_end[2]]
    d2 = [*y, x_end[1], z_end[2], v_end[1], y_end[2]]
    return d0, d1, d2


def _rate_matched(d0: Bits, d1: Bits, d2: Bits, count: int) -> Bits:
    """36.212, 5.1.4.1, redundancy version 0."""
    rows = -(-len(d0) // 32)
    pad = rows * 32 - len(d0)
    table = [[None] * pad + list(d) for d in (d0, d1, d2)]
    v0 = [table[0][row * 32 + column] for column in _PERMUTATION for row in range(rows)]
    v1 = [table[1][row * 32 + column] for column in _PERMUTATION for row in range(rows)]
    v2 = [table[2][(_PERMUTATION[k // rows] + 32 * (k % rows) + 1) % (rows * 32)] for k in range(rows * 32)]
    w: list[int | None] = list(v0)
    for one, two in zip(v1, v2, strict=True):
        w += [one, two]
    at = rows * 2  # k0 for redundancy version 0
    out: Bits = []
    while len(out) < count:
        bit = w[at % len(w)]
        if bit is not None:
            out.append(bit)
        at += 1
    return out


def _gold(seed: int, count: int) -> Bits:
    """36.211, 7.2."""
    x1, x2 = 1, seed
    out: Bits = []
    for n in range(1600 + count):
        if n >= 1600:
            out.append((x1 ^ x2) & 1)
        x1 = x1 >> 1 | ((x1 ^ x1 >> 3) & 1) << 30
        x2 = x2 >> 1 | ((x2 ^ x2 >> 1 ^ x2 >> 2 ^ x2 >> 3) & 1) << 30
    return out


def _qpsk(bits: Bits) -> NDArray[np.complex128]:
    """36.211, 7.1.2."""
    values = [complex(1 - 2 * i, 1 - 2 * q) for i, q in zip(bits[::2], bits[1::2], strict=True)]
    return np.array(values, np.complex128) / np.float64(np.sqrt(2.0))


def _pilot(root: int) -> NDArray[np.complex128]:
    """Return a Zadoff–Chu sequence of 601 without its middle value."""
    values = [np.exp(-1j * np.pi * root * n * (n + 1) / 601) for n in range(601)]
    return np.array(values[:300] + values[301:])
