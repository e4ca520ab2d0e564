"""What transmitters put on the air, as complex baseband samples: drone links, and what is mistaken for them.

Each function fills `count` samples at `rate_hz` with one emitter, of mean power 1 while it transmits, at a random phase
of its frame; parameters that a maker is free to choose are drawn from `chance` unless given.

    video       analogue FPV: FM by composite video, 625/50 (PAL) or 525/60 (NTSC) lines (ITU-R BT.1700), a random
                picture whose neighbouring lines resemble each other, sync tips at −0.3 of the white level
    downlink    OFDM of 15 kHz spacing in bursts of a frame (OcuSync-like: cyclic prefixes of 80 and 72 / 1024)
    hopper      narrow control links: GFSK or LoRa chirps, one packet a period on a channel drawn anew
    wifi        IEEE 802.11 OFDM (64 carriers of 312.5 kHz, guard of 0.8 µs), short training field, random bursts
    bluetooth   basic rate: GFSK of 1 Mbit/s, packets of one, three or five slots of 625 µs, 79 channels of 1 MHz
    lte         a base station: every frame of 10 ms holds the same pilots on each sixth carrier (3GPP TS 36.211, 6.10)

All figures taken on these are *simulated*. Left out: real coding and scrambling (data are random), multipath beyond one
echo (`heard`), the vertical blanking's equalising pulses, amplifier distortion.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Samples = NDArray[np.complex64]
Reals = NDArray[np.float64]

LINE_HZ = {"pal": 15_625.0, "ntsc": 4_500_000.0 / 286.0}
# Sync and blanking of a line in microseconds (BT.1700), sync first.
SYNC_US, BLANK_US = 4.7, 10.9
# Peak deviations that FPV transmitters of 5.8 and 1.2 GHz use, Hz for the step from sync tip to white.
DEVIATION_HZ = (4e6, 9e6)
SPACING_HZ = 15_000.0
# Period of packets, s, and whether it chirps: ELRS 500/250/150 Hz, FrSky D16, FlySky AFHDS 2A, DSMX, Crossfire 150 Hz.
CONTROL = {
    "elrs500": (0.002, True),
    "elrs250": (0.004, True),
    "elrs150": (1.0 / 150.0, True),
    "frsky": (0.009, False),
    "flysky": (0.00385, False),
    "dsmx": (0.011, False),
    "crossfire": (1.0 / 150.0, False),
}


def noise(count: int, chance: Generator) -> Samples:
    """Return complex white noise of power 1."""
    pair = chance.standard_normal((count, 2), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return np.asarray(pair.view(np.complex64).ravel())


def heard(signal: Samples, rate_hz: float, snr_db: float, chance: Generator, echo_db: float | None = None) -> Samples:
    """Return a signal in noise of power 1, `snr_db` its power while on over that of the whole band; maybe one echo."""
    at = signal * np.exp(2j * np.pi * chance.random())
    if echo_db is not None:
        late = 1 + int(chance.uniform(0.05e-6, 1e-6) * rate_hz)
        at[late:] += 10.0 ** (echo_db / 20.0) * np.exp(2j * np.pi * chance.random()) * at[:-late]
    return np.asarray(at * 10.0 ** (snr_db / 20.0) + noise(len(signal), chance), np.complex64)


def shifted(signal: Samples, rate_hz: float, offset_hz: float) -> Samples:
    """Return a signal moved in frequency."""
    turn = np.exp(2j * np.pi * ((offset_hz / rate_hz * np.arange(len(signal))) % 1.0))
    return np.asarray(signal * turn, np.complex64)


def video(count: int, rate_hz: float, chance: Generator, standard: str = "pal", deviation_hz: float = 0.0) -> Samples:
    """Return an analogue video transmitter."""
    deviation_hz = deviation_hz or float(chance.uniform(*DEVIATION_HZ))
    line_s = 1.0 / (LINE_HZ[standard] * (1.0 + 30e-6 * chance.standard_normal()))
    time_s = np.arange(count) / rate_hz + chance.random() * line_s * 600
    row = np.floor(time_s / line_s).astype(np.int64)
    in_us = (time_s - row * line_s) * 1e6
    columns = 40
    picture = np.cumsum(chance.standard_normal((int(row[-1] - row[0]) + 1, columns)) * 0.12, axis=0)
    picture = 0.5 + 0.45 * np.sin(picture + chance.uniform(0, 6, columns))
    column = np.clip(((in_us - BLANK_US) / (line_s * 1e6 - BLANK_US) * columns).astype(int), 0, columns - 1)
    level = picture[row - row[0], column]
    level = np.where(in_us < BLANK_US, 0.0, level)
    level = np.where(in_us < SYNC_US, -0.43, level)
    phase = 2.0 * np.pi * np.cumsum((level - 0.3) * deviation_hz / 1.43 / rate_hz)
    return np.asarray(np.exp(1j * phase), np.complex64)


def _gate(count: int, rate_hz: float, frame_s: float, duty: float, chance: Generator) -> NDArray[np.bool_]:
    time_s = np.arange(count) / rate_hz + chance.random() * frame_s
    on: NDArray[np.bool_] = (time_s % frame_s) < duty * frame_s
    return on


def _resampled(native: NDArray[np.complex128], native_hz: float, rate_hz: float, count: int) -> Samples:
    """Return band-limited samples at another rate, by Fourier; their power stays."""
    spectrum = np.fft.fft(native)
    wanted = round(len(native) * rate_hz / native_hz)
    keep = min(len(native), wanted) // 2
    made = np.zeros(wanted, np.complex128)
    made[:keep], made[-keep:] = spectrum[:keep], spectrum[-keep:]
    return (np.fft.ifft(made)[:count] * (wanted / len(native))).astype(np.complex64)


def _grid(
    count: int, rate_hz: float, width_hz: float, cps: tuple[int, ...], pilots: bool, chance: Generator
) -> Samples:
    """Return continuous OFDM of 15 kHz; `cps` are cyclic prefixes in 1/1024 of a symbol, in turn."""
    size = 1024
    while size * SPACING_HZ < 1.1 * width_hz:
        size *= 2
    carriers = int(width_hz * 0.9 / SPACING_HZ) // 2
    native_hz = size * SPACING_HZ
    symbols = int(count / rate_hz * SPACING_HZ) + 2
    where = np.r_[1 : carriers + 1, size - carriers : size]
    data = np.exp(0.5j * np.pi * (chance.integers(0, 4, (symbols, len(where))) + 0.5))
    if pilots:
        known = np.exp(0.5j * np.pi * (chance.integers(0, 4, (140, len(where))) + 0.5))
        for symbol in range(symbols):
            if symbol % 7 in (0, 4):
                step = slice(symbol % 7 // 4 * 3, None, 6)
                data[symbol, step] = known[symbol % 140, step]
            if symbol % 70 in (5, 6):
                middle = slice(0, 31)
                data[symbol, middle] = known[symbol % 140, middle]
                data[symbol, -31:] = known[symbol % 140, -31:]
    bins = np.zeros((symbols, size), np.complex128)
    bins[:, where] = data
    waves = np.fft.ifft(bins, axis=1) * size / np.sqrt(len(where))
    parts = [np.concatenate([wave[size - cps[k % len(cps)] * size // 1024 :], wave]) for k, wave in enumerate(waves)]
    made = _resampled(np.concatenate(parts), native_hz, rate_hz, count)
    # What is wider than the band is cut off: the power is that which is received.
    return np.asarray(made / np.sqrt(np.mean(np.abs(made) ** 2)), np.complex64)


def downlink(
    count: int, rate_hz: float, chance: Generator, width_hz: float = 10e6, frame_s: float = 0.0, duty: float = 0.0
) -> Samples:
    """Return a digital video downlink that shares its channel in time with an uplink."""
    frame_s = frame_s or float(chance.choice([0.002, 0.004, 0.005, 0.008]))
    duty = duty or float(chance.uniform(0.5, 0.95))
    wave = _grid(count, rate_hz, width_hz, (80, 72, 72, 72, 72, 72, 72, 72), False, chance)
    return np.where(_gate(count, rate_hz, frame_s, duty, chance), wave, 0).astype(np.complex64)


def lte(count: int, rate_hz: float, chance: Generator, width_hz: float = 10e6) -> Samples:
    """Return a base station (frequency division: it never pauses)."""
    return _grid(count, rate_hz, width_hz, (80, 72, 72, 72, 72, 72, 72), True, chance)


def _gfsk(bits: int, per_bit: int, deviation_hz: float, rate_hz: float, chance: Generator) -> Samples:
    steps = np.repeat(chance.choice([-1.0, 1.0], bits), per_bit)
    width = max(1, per_bit // 2)
    smooth = np.convolve(steps, np.ones(width) / width, "same")
    return np.asarray(np.exp(2j * np.pi * np.cumsum(smooth * deviation_hz / rate_hz)), np.complex64)


def _chirps(span: int, width_hz: float, factor: int, rate_hz: float, chance: Generator) -> Samples:
    """Return LoRa symbols: chirps over `width_hz` that begin at a random frequency and wrap around."""
    symbol_s = 2**factor / width_hz
    time_s = np.arange(span) / rate_hz
    number = (time_s / symbol_s).astype(int)
    start = chance.random(number[-1] + 1)
    at = (start[number] + time_s / symbol_s) % 1.0 - 0.5
    return np.asarray(np.exp(2j * np.pi * np.cumsum(at * width_hz / rate_hz)), np.complex64)


def hopper(count: int, rate_hz: float, chance: Generator, name: str = "elrs500") -> Samples:
    """Return a control link that hops over the band."""
    period_s, chirping = CONTROL[name]
    out = np.zeros(count, np.complex64)
    channels = np.arange(-0.42, 0.42, 1e6 / rate_hz) * rate_hz
    at_s = -period_s * chance.random()
    length_s = period_s * float(chance.uniform(0.35, 0.7))
    while at_s < count / rate_hz:
        span = int(min(length_s, 0.004) * rate_hz)
        if chirping:
            packet = _chirps(span, 812_500.0, int(chance.integers(5, 8)), rate_hz, chance)
        else:
            packet = _gfsk(span // int(rate_hz / 250e3) + 1, int(rate_hz / 250e3), 80e3, rate_hz, chance)[:span]
        _place(out, shifted(packet, rate_hz, float(chance.choice(channels))), round(at_s * rate_hz))
        at_s += period_s
    return out


def bluetooth(count: int, rate_hz: float, chance: Generator) -> Samples:
    """Return a piconet that is busy: one to five slots a packet, an answer after each."""
    out = np.zeros(count, np.complex64)
    slot_s, at_s = 625e-6, -float(chance.random()) * 625e-6
    channels = np.arange(int(-0.42 * rate_hz / 1e6), int(0.42 * rate_hz / 1e6) + 1) * 1e6
    while at_s < count / rate_hz:
        slots = int(chance.choice([1, 3, 5], p=[0.6, 0.2, 0.2]))
        bits = {1: 366, 3: 1622, 5: 2870}[slots]
        packet = _gfsk(bits, int(rate_hz / 1e6), 160e3, rate_hz, chance)
        # Seventy-nine channels: most hops leave a narrower band.
        if chance.random() < rate_hz / 79e6:
            _place(out, shifted(packet, rate_hz, float(chance.choice(channels))), round(at_s * rate_hz))
        at_s += slots * slot_s
    return out


def wifi(count: int, rate_hz: float, chance: Generator) -> Samples:
    """Return stations that share a channel of 20 MHz."""
    native_hz, native = 20e6, int(count / rate_hz * 20e6) + 1
    out = np.zeros(native, np.complex128)
    at = -int(chance.integers(0, 4000))
    where = np.r_[1:27, 38:64]
    while at < native:
        symbols = int(chance.integers(4, 200))
        bins = np.zeros((symbols, 64), np.complex128)
        bins[:, where] = np.exp(0.5j * np.pi * (chance.integers(0, 4, (symbols, 52)) + 0.5))
        waves = np.fft.ifft(bins, axis=1) * 64 / np.sqrt(52)
        short = np.zeros(64, np.complex128)
        short[[4, 8, 12, 16, 20, 24, 40, 44, 48, 52, 56, 60]] = np.exp(0.5j * np.pi * chance.integers(0, 4, 12))
        head = np.tile(np.fft.ifft(short) * 64 / np.sqrt(12), 3)[:160]
        frame = np.concatenate([head, np.concatenate([waves[:, 48:], waves], axis=1).ravel()])
        first, last = max(at, 0), min(at + len(frame), native)
        if first < last:
            out[first:last] = frame[first - at : last - at]
        # A frame, 16 µs, its answer of 40 µs, then a wait.
        at += len(frame) + int(chance.exponential(4000)) + 700
    return _resampled(out, native_hz, rate_hz, count)


def _place(out: Samples, packet: Samples, at: int) -> None:
    first, last = max(at, 0), min(at + len(packet), len(out))
    if first < last:
        out[first:last] = packet[first - at : last - at]
