"""PNG without a library (PNG 1.2, ISO/IEC 15948): RGB, one IDAT; colours for levels, and digits of 3 × 5 dots."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# From dark to bright, even in lightness and readable by the colour-blind (after matplotlib's viridis).
RAMP = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)],
    dtype=np.float64,
)
# Rows of three dots, top to bottom.
GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717",
    "6": "74757", "7": "71222", "8": "75757", "9": "75717", ".": "00002", "k": "45655", "s": "03617", "z": "07247",
    "H": "55755", " ": "00000", ":": "02020",
}  # fmt: skip


def encode(pixels: Pixels) -> bytes:
    """Return a PNG file of pixels [shape=(height, width, 3)]."""
    height, width, _ = pixels.shape
    rows = np.concatenate((np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)), axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def coloured(levels: NDArray[np.float32]) -> Pixels:
    """Return the colours of levels from 0 to 1 [shape=(h, w)] → [shape=(h, w, 3)]."""
    at = np.linspace(0.0, 1.0, len(RAMP))
    made: Pixels = np.stack([np.interp(levels, at, RAMP[:, part]) for part in range(3)], axis=-1).astype(np.uint8)
    return made


def write_text(pixels: Pixels, text: str, x: int, y: int, scale: int = 2) -> None:
    """Draw a text of `GLYPHS` in white, its top left at (x, y); what lies outside is cut off."""
    for index, sign in enumerate(text):
        for row, bits in enumerate(GLYPHS.get(sign, GLYPHS[" "])):
            for column in range(3):
                if int(bits) >> (2 - column) & 1:
                    top, left = y + row * scale, x + (index * 4 + column) * scale
                    if top >= 0 and left >= 0:
                        pixels[top : top + scale, left : left + scale] = 255
