"""Compiled Fourier transforms of a few thousand samples, several times as quick as numpy's, which take one at a time.

Real and imaginary parts lie apart ("planes"), so that every inner loop is one that a compiler turns into vectors. A
transform of rows × columns samples goes down the columns, side by side; times e^(−2πi r c / size); is turned; and goes
down what were the rows (W. Gentleman, G. Sande, 1966). Down the columns go steps by four that need no reordering
(J. Stockham, 1966). Lengths are powers of two. With the two planes' places changed it is the transform back, less its
scale.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from skysentry.compiled import array_kernel

Plane = NDArray[np.float32]
Planes = tuple[Plane, Plane]
# Cosines and sines of the whole transform in its rows and columns, down the columns, and down what were the rows.
Turns = tuple[Plane, Plane, Plane, Plane, Plane, Plane]
# How many rows are turned at once: one line of a cache.
LINE = 16


@cache
def turns(size: int) -> Turns:
    """Return what `transform` needs for a size, a power of two of at least 512."""
    rows = 1 << (size.bit_length() // 2)
    steps = [np.arange(rows)[:, None] * np.arange(size // rows)[None, :] / size]
    steps += [np.arange(length) / length for length in (rows, size // rows)]
    waves = [np.exp(-2j * np.pi * step).reshape(-1) for step in steps]
    planes = [np.ascontiguousarray(part, np.float32) for wave in waves for part in (wave.real, wave.imag)]
    return planes[0], planes[1], planes[2], planes[3], planes[4], planes[5]


@array_kernel
def transform(ar: Plane, ai: Plane, br: Plane, bi: Plane, tables: Turns) -> Planes:
    """Return the transform of the planes a; all four are written, and it lies in a or b."""
    whole_cos, whole_sin, rows_cos, rows_sin, columns_cos, columns_sin = tables
    size, rows, columns = whole_cos.shape[0], rows_cos.shape[0], columns_cos.shape[0]
    xr, xi, yr, yi = _down(ar, ai, br, bi, columns, rows_cos, rows_sin)
    sr, si = xr[:size], xi[:size]
    for k in range(size):
        r, i = sr[k], si[k]
        sr[k], si[k] = r * whole_cos[k] - i * whole_sin[k], r * whole_sin[k] + i * whole_cos[k]
    _turned(xr, yr, rows, columns)
    _turned(xi, yi, rows, columns)
    zr, zi, _, _ = _down(yr, yi, xr, xi, rows, columns_cos, columns_sin)
    return zr, zi


@array_kernel
def _turned(lying: Plane, standing: Plane, rows: int, columns: int) -> None:
    for row in range(0, rows, LINE):
        block = lying[row * columns : (row + LINE) * columns].reshape(LINE, columns)
        for c in range(columns):
            line = standing[c * rows + row : c * rows + row + LINE]
            for k in range(LINE):
                line[k] = block[k, c]


@array_kernel
def _down(
    ar: Plane, ai: Plane, br: Plane, bi: Plane, apart: int, cos: Plane, sin: Plane
) -> tuple[Plane, Plane, Plane, Plane]:
    """Return the transforms of `apart` columns side by side, and the planes that are free then."""
    left = cos.shape[0]
    while left >= 4:
        _by_four(ar, ai, br, bi, left, apart, cos, sin)
        ar, ai, br, bi = br, bi, ar, ai
        left, apart = left // 4, apart * 4
    if left == 2:
        _by_two(ar, br, apart)
        _by_two(ai, bi, apart)
        ar, ai, br, bi = br, bi, ar, ai
    return ar, ai, br, bi


@array_kernel
def _by_four(ar: Plane, ai: Plane, br: Plane, bi: Plane, length: int, apart: int, cos: Plane, sin: Plane) -> None:
    """Go one step: from `apart` columns of `length` to four times as many, a quarter as long."""
    leap, turn = apart * (length // 4), cos.shape[0] // length
    for p in range(length // 4):
        c1, s1 = cos[p * turn], sin[p * turn]
        c2, s2 = cos[2 * p * turn], sin[2 * p * turn]
        c3, s3 = cos[3 * p * turn], sin[3 * p * turn]
        a, b = apart * p, 4 * apart * p
        # Slices, so that the inner index is one that cannot be negative: else no vectors are made of it.
        a0r, a0i = ar[a : a + apart], ai[a : a + apart]
        a1r, a1i = ar[a + leap : a + leap + apart], ai[a + leap : a + leap + apart]
        a2r, a2i = ar[a + 2 * leap : a + 2 * leap + apart], ai[a + 2 * leap : a + 2 * leap + apart]
        a3r, a3i = ar[a + 3 * leap : a + 3 * leap + apart], ai[a + 3 * leap : a + 3 * leap + apart]
        b0r, b0i = br[b : b + apart], bi[b : b + apart]
        b1r, b1i = br[b + apart : b + 2 * apart], bi[b + apart : b + 2 * apart]
        b2r, b2i = br[b + 2 * apart : b + 3 * apart], bi[b + 2 * apart : b + 3 * apart]
        b3r, b3i = br[b + 3 * apart : b + 4 * apart], bi[b + 3 * apart : b + 4 * apart]
        for q in range(apart):
            er, ei, fr, fi = a0r[q] + a2r[q], a0i[q] + a2i[q], a0r[q] - a2r[q], a0i[q] - a2i[q]
            gr, gi, hr, hi = a1r[q] + a3r[q], a1i[q] + a3i[q], a1i[q] - a3i[q], a3r[q] - a1r[q]
            b0r[q], b0i[q] = er + gr, ei + gi
            b1r[q], b1i[q] = (fr + hr) * c1 - (fi + hi) * s1, (fr + hr) * s1 + (fi + hi) * c1
            b2r[q], b2i[q] = (er - gr) * c2 - (ei - gi) * s2, (er - gr) * s2 + (ei - gi) * c2
            b3r[q], b3i[q] = (fr - hr) * c3 - (fi - hi) * s3, (fr - hr) * s3 + (fi - hi) * c3


@array_kernel
def _by_two(a: Plane, b: Plane, apart: int) -> None:
    """Go the last step where the length is no power of four, in one plane."""
    first, second, total, other = a[:apart], a[apart : 2 * apart], b[:apart], b[apart : 2 * apart]
    for q in range(apart):
        total[q], other[q] = first[q] + second[q], first[q] - second[q]
