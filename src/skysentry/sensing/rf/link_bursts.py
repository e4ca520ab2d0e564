"""Where and when something transmits: occupied regions of the spectrum, and narrow packets that hop.

A spectrogram of `CELL_HZ` × `CELL_S` cells. `regions`: runs of channels whose mean power stands `REGION_DB` over the
floor (the 20th percentile of channels, or what was learned as quieter before). `packets`: in each time cell the
strongest sum of three channels, if it stands above chance; those that follow one another in the same channel are one
packet. `rhythm`: how well packets keep a period, |mean of e^{2πi t / T}|: 1 for a control link of that period,
about 1/√n for others. Bluetooth keeps slots of 625 µs instead (Core 5.4, Vol 2 B 2.2.2).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Samples = NDArray[np.complex64]
Reals = NDArray[np.float64]

# A third of the narrowest hop of interest (control links: 250 kHz and more); a fifth of the shortest packet (0.5 ms).
CELL_HZ, CELL_S = 80e3, 100e-6
# Half a decibel of 8,000 averaged cells is fifty sigma: what it has to exceed is the receiver's own ripple.
REGION_DB = 1.0
# The outermost part of the band is the receiver's filter.
INSIDE = 0.84
SLOT_S = 625e-6
# Periods of control links, s (makers' packet rates: 500, 333, 250, 150, 111, 260, 91, 45 a second).
PERIODS_S = (0.002, 0.003, 0.004, 0.00385, 1.0 / 150.0, 0.009, 0.011, 0.022)
# Five packets say a rhythm; fewer fit any.
LEAST_PACKETS = 5
# A packet shorter than two cells is noise.
LEAST_CELLS = 2


class Region(Struct, frozen=True):
    """A run of occupied channels; `duty` is the share of time above the floor."""

    centre_hz: float
    width_hz: float
    power_db: float
    duty: float


class Rhythm(Struct, frozen=True):
    """Of narrow packets: how many, on how many channels, how long, and how well they keep a period and slots."""

    packets: int = 0
    channels: int = 0
    length_s: float = 0.0
    width_hz: float = 0.0
    power_db: float = 0.0
    period_s: float = 0.0
    kept: float = 0.0
    slotted: float = 0.0


def spectrogram(x: Samples, rate_hz: float) -> tuple[Reals, float]:
    """Return power [shape=(times, channels)], frequencies rising, and the seconds of a row."""
    size = int(max(32, 2 ** round(np.log2(rate_hz / CELL_HZ))))
    together = max(1, round(CELL_S * rate_hz / size))
    rows = len(x) // (size * together)
    window = np.hanning(size + 1)[:size].astype(np.float32)
    window /= np.sqrt(np.mean(window**2))
    power = np.empty((rows, size))
    for row in range(rows):
        part = x[row * size * together : (row + 1) * size * together].reshape(together, size)
        power[row] = (np.abs(np.fft.fft(part * window, axis=1)) ** 2).mean(axis=0)
    return np.fft.fftshift(power, axes=1) / size, size * together / rate_hz


def inside(power: Reals) -> Reals:
    """Return the channels that the receiver's filter leaves alone."""
    edge = int(power.shape[-1] * (1.0 - INSIDE) / 2.0)
    return power[..., edge : power.shape[-1] - edge]


def regions(power: Reals, rate_hz: float, floor: float) -> list[Region]:
    """Return what is occupied, strongest first."""
    mean = inside(power.mean(axis=0))
    edge = (power.shape[1] - len(mean)) // 2
    smooth = np.convolve(np.pad(mean, 2, mode="edge"), np.ones(5) / 5, "valid")
    high = np.r_[False, smooth > floor * 10.0 ** (REGION_DB / 10.0), False].astype(np.int8)
    change = np.diff(high)
    step_hz = rate_hz / power.shape[1]
    found = []
    for first, last in zip(np.flatnonzero(change == 1), np.flatnonzero(change == -1), strict=True):
        # Its edges are where half of its power is: the filter and the smoothing reach beyond.
        half = floor + 0.5 * (float(np.median(smooth[first:last])) - floor)
        within = np.flatnonzero(smooth[first:last] > half)
        first, last = first + within[0], first + within[-1] + 1
        own = power[:, edge + first : edge + last].mean(axis=1)
        level = float(mean[first:last].mean())
        centre_hz = (edge + (first + last) / 2.0 - power.shape[1] / 2.0) * step_hz
        duty = float(np.mean(own > 0.5 * (floor + level)))
        found.append(Region(centre_hz, (last - first) * step_hz, 10.0 * np.log10(max(level / floor - 1.0, 1e-3)), duty))
    return sorted(found, key=lambda region: -region.power_db)[:16]


def packets(power: Reals, rate_hz: float, row_s: float) -> list[tuple[float, float, float, float]]:
    """Return narrow packets as (start s, length s, channel number, power over the floor)."""
    use = inside(power)
    floor = np.median(use, axis=0) + 1e-30
    # What occupies its channel most of the time lifts the median and so is no packet.
    ratio = use / floor
    wide = (ratio[:, :-2] + ratio[:, 1:-1] + ratio[:, 2:]) / 3.0
    # A burst as wide as Wi-Fi lifts every channel of a row: it is no narrow one.
    wide /= np.median(wide, axis=1, keepdims=True)
    channel = wide.argmax(axis=1)
    height = wide.max(axis=1)
    averaged = max(1.0, 3.0 * row_s * rate_hz / power.shape[1])
    # Chance of one row: the highest of 200 means of `averaged` exponentials (Gaussian tail, with room for its skew).
    least = 1.0 + 5.2 / np.sqrt(averaged) + 4.0 / averaged
    found: list[tuple[float, float, float, float]] = []
    row = 0
    while row < len(height):
        if height[row] <= least:
            row += 1
            continue
        first = row
        while (
            row + 1 < len(height) and height[row + 1] > least and abs(int(channel[row + 1]) - int(channel[first])) < 12
        ):
            row += 1
        row += 1
        if row - first >= LEAST_CELLS:
            own = slice(first, row)
            found.append(
                ((first) * row_s, (row - first) * row_s, float(np.median(channel[own])), float(height[own].mean()))
            )
    return found


def rhythm(found: list[tuple[float, float, float, float]], rate_hz: float, size: int) -> Rhythm:
    """Return how regular narrow packets are."""
    if len(found) < LEAST_PACKETS:
        return Rhythm(packets=len(found))
    start = np.array([each[0] for each in found])
    kept = [(float(np.abs(np.mean(np.exp(2j * np.pi * start / period)))), period) for period in PERIODS_S]
    best = max(share for share, _ in kept)
    # Packets each 9 ms keep 3 ms too: the longest that explains them is theirs.
    period_s = max(period for share, period in kept if share >= 0.97 * best)
    slotted = float(np.abs(np.mean(np.exp(2j * np.pi * start / SLOT_S))))
    channel = np.array([each[2] for each in found]) * rate_hz / size
    return Rhythm(
        packets=len(found),
        channels=len(set(np.round(channel / 1e6).tolist())),
        length_s=float(np.median([each[1] for each in found])),
        power_db=float(10.0 * np.log10(np.median([each[3] for each in found]))),
        period_s=period_s,
        kept=best,
        slotted=slotted,
    )
