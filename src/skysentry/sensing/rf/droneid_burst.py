"""From a burst's samples to its bits: what a found DroneID burst says.

    samples ─frequency from prefixes and pilots─▶ symbols ─channel from pilots─▶ ratios ─turbo─▶ CRC-24A ─▶ bytes

- Frequency: prefixes repeat the end of their symbols, 66.7 µs later: no ambiguity within ± 7.5 kHz; the turn between
  the two pilots, 143 µs apart, is finer and has its ambiguity resolved by it.
- Channel: both pilots, and symbol 0 where it is there (its QPSK is the scrambling sequence's first bits), smoothed to
  what echoes allow: the mean of the least squares estimate under a prior that falls with delay (`ECHO`). J.-J. van de
  Beek et al., "On channel estimation in OFDM systems", VTC 1995.
- Ratios: 2√2 Re(h* y) / σ² of each bit, σ² from where both pilots differ, the estimate's own error included.

A code word is taken where CRC-24A fits. Where it does not, the decided bits are coded again and, as pilots of a second
kind, give a better channel, `AGAIN` times. Sources: 3GPP TS 36.211 and 36.212; reference/signals.md 3.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.fft import fft, ifft
from numpy.typing import NDArray

from skysentry.sensing.rf.droneid_signal import (
    CARRIERS,
    CODED,
    DATA,
    INFORMATION,
    PILOTS,
    PREFIXES,
    RATE_HZ,
    SCRAMBLING,
    SIZE,
    SPACING_HZ,
    STARTS,
    SYMBOLS,
    TAIL,
    bins,
    gold,
    inner_interleaver,
    places,
    zadoff_chu,
)
from skysentry.sensing.rf.turbo import decode, encode

# Samples by which symbols are cut early, within their prefix: late echoes and errors of time cost no neighbours.
EARLY = 12
# Delays (samples) that a channel may have about the found time, and how fast their power falls: 30 samples are 600 m.
DELAYS = np.arange(-6, 49)
ECHO = np.where(DELAYS < 0, 0.3 ** (-DELAYS), 0.85 ** np.maximum(DELAYS, 0))
# What stands so far above the median of all frequencies is none of the signal's: of noise 2 in a million do.
TONE = 4.4
ROUNDS = 10
AGAIN = 2
# CRC-24A: D24 D23 D18 D17 D14 D11 D10 D7 D6 D5 D4 D3 D 1 (TS 36.212, 5.1.1).
CRC24A = 0x864CFB

Symbols = NDArray[np.complex64]
Ratios = NDArray[np.float64]


class Read(NamedTuple):
    """A burst's bytes where CRC-24A fits (its 3 bytes left out), its frequency beside that found, and its SNR."""

    data: bytes | None
    beside_hz: float
    snr_db: float


def read(cut: Symbols) -> Read:
    """Return what a burst says; `cut` has `SIZE` samples before it, at its found frequency."""
    cut = _without_tones(cut)
    beside = _beside(cut)
    turn = np.exp(-2j * np.pi * beside / SIZE * np.arange(cut.shape[0]))
    symbols = _symbols((cut * turn).astype(np.complex64))
    channel, noise = _channel(symbols)
    snr_db = 10.0 * math.log10(max(float(np.mean(np.abs(channel) ** 2)) / noise, 1e-3))
    bits = np.zeros(INFORMATION, np.uint8)
    data = None
    for again in range(1 + AGAIN):
        decode(_streams(_ratios(symbols, channel, noise)), inner_interleaver(), ROUNDS, bits)
        data = _checked(bits)
        if data is not None or again == AGAIN:
            break
        channel = _channel_again(symbols, channel, noise, bits)
    return Read(data, beside * SPACING_HZ, snr_db)


def _without_tones(cut: Symbols) -> Symbols:
    """Return a burst without what stands on single frequencies: a carrier, the receiver's own middle."""
    spectrum = np.asarray(fft(cut), np.complex64)
    size = np.abs(spectrum)
    band = np.abs(np.fft.fftfreq(cut.shape[0], 1.0 / RATE_HZ)) < 0.5 * CARRIERS * SPACING_HZ
    tones = size > TONE * float(np.median(size[band]))
    spectrum[tones] = 0.0
    return np.asarray(ifft(spectrum), np.complex64) if tones.any() else cut


def _beside(cut: Symbols) -> float:
    """Return by how many carriers a burst is too high."""
    total = 0.0j
    for start, prefix in zip(STARTS, PREFIXES, strict=True):
        # The prefix's first samples hold the echoes of the symbol before.
        own = slice(SIZE + start - prefix + 16, SIZE + start)
        later = slice(own.start + SIZE, own.stop + SIZE)
        if later.stop <= cut.shape[0]:
            total += complex(np.vdot(cut[own], cut[later]))
    coarse = float(np.angle(total)) / (2.0 * math.pi)
    first, second = (_pilot(cut, symbol, coarse) for symbol in PILOTS)
    apart = (STARTS[5] - STARTS[3]) / SIZE
    return coarse + float(np.angle(np.vdot(first, second))) / (2.0 * math.pi * apart)


def _pilot(cut: Symbols, symbol: int, beside: float) -> Symbols:
    """Return the channel that a pilot shows by itself, with the phase that `beside` leaves."""
    at = SIZE + STARTS[symbol] - EARLY
    turn = np.exp(-2j * np.pi * beside / SIZE * (at + np.arange(SIZE)))
    spectrum = np.asarray(fft(cut[at : at + SIZE] * turn))[bins()]
    return np.asarray(spectrum * np.conj(zadoff_chu(PILOTS[symbol])), np.complex64)


def _symbols(cut: Symbols) -> Symbols:
    """Return the carriers of all symbols [shape=(SYMBOLS, 600)], zero where the burst is cut off."""
    out = np.zeros((SYMBOLS, bins().shape[0]), np.complex64)
    shift = np.exp(2j * np.pi * np.fft.fftfreq(SIZE)[bins()] * EARLY)
    for k, start in enumerate(STARTS):
        at = SIZE + start - EARLY
        window = cut[at : at + SIZE]
        if window.shape[0] == SIZE:
            out[k] = np.asarray(fft(window))[bins()] * shift
    return out


@cache
def _smoother() -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """Return eigenvectors [shape=(600, delays)] and eigenvalues of the prior of a channel of unit power."""
    where = np.fft.fftfreq(SIZE)[bins()]
    waves = np.exp(-2j * np.pi * where[:, None] * DELAYS[None, :]) * np.sqrt(ECHO / ECHO.sum())
    vectors, values, _ = np.linalg.svd(waves, full_matrices=False)
    return vectors.astype(np.complex64), values**2


def _smooth(seen: Symbols, noise: float) -> Symbols:
    """Return the mean of a channel that was seen with so much noise a carrier."""
    vectors, values = _smoother()
    power = max(float(np.mean(np.abs(seen) ** 2)) - noise, 0.05 * noise)
    gain = power * values / (power * values + noise)
    return np.asarray(vectors @ (gain * (vectors.conj().T @ seen)), np.complex64)


def _channel(symbols: Symbols) -> tuple[Symbols, float]:
    """Return the channel [shape=(600,)] and the noise a carrier, as the pilots have them."""
    seen = _pilots(symbols)
    count = seen.shape[0]
    mean = seen.mean(axis=0)
    differ = float((np.abs(seen - mean) ** 2).mean()) * count / (count - 1)
    noise = max(differ, 1e-12 * float((np.abs(mean) ** 2).mean()), 1e-30)
    return _smooth(mean, noise / count), noise


def _pilots(symbols: Symbols) -> Symbols:
    """Return what each pilot shows of the channel [shape=(pilots, 600)]; symbol 0 only where it agrees with them."""
    seen = np.stack([symbols[k] * np.conj(zadoff_chu(root)) for k, root in PILOTS.items()])
    head = symbols[0] * np.conj(_head())
    fit = float(np.real(np.vdot(seen.sum(axis=0), head)))
    own = float(np.real(np.vdot(seen[0], seen[1])))
    return np.concatenate([seen, head[None]]) if fit > own else seen


@cache
def _head() -> Symbols:
    """Return symbol 0 [shape=(600,)]."""
    signs = (1.0 - 2.0 * gold(SCRAMBLING, 2 * bins().shape[0]).astype(np.float32)) / math.sqrt(2.0)
    return np.asarray(signs[0::2] + 1j * signs[1::2], np.complex64)


def _channel_again(symbols: Symbols, channel: Symbols, noise: float, bits: NDArray[np.uint8]) -> Symbols:
    """Return the channel from pilots and, where they agree with what was received, from the bits decided."""
    coded = np.empty(3 * (INFORMATION + TAIL), np.uint8)
    encode(bits, inner_interleaver(), coded)
    sent = _modulated(coded[places()] ^ gold(SCRAMBLING, CODED))
    data = symbols[list(DATA)]
    # How far the decided symbols can be believed: their correlation with what was received, over what it should be.
    power = float(np.sum(np.abs(channel) ** 2)) * len(DATA)
    trust = min(max(float(np.real(np.vdot(sent * channel, data))) / max(power, 1e-30), 0.0), 1.0)
    pilots = _pilots(symbols)
    weight = pilots.shape[0] + trust * trust * len(DATA)
    seen = (pilots.sum(axis=0) + trust * (data * np.conj(sent)).sum(axis=0)) / weight
    return _smooth(np.asarray(seen, np.complex64), noise / weight)


def _modulated(bits: NDArray[np.uint8]) -> Symbols:
    """Return the QPSK symbols of bits [shape=(data symbols, 600)] (TS 36.211, 7.1.2)."""
    signs = (1.0 - 2.0 * bits.astype(np.float32)) / math.sqrt(2.0)
    return np.asarray(signs[0::2] + 1j * signs[1::2], np.complex64).reshape(len(DATA), -1)


def _ratios(symbols: Symbols, channel: Symbols, noise: float) -> Ratios:
    """Return log p(0) / p(1) of the transmitted bits, descrambled [shape=(CODED,)]."""
    matched = symbols[list(DATA)] * np.conj(channel)
    soft = np.stack([matched.real, matched.imag], axis=-1).reshape(-1).astype(np.float64)
    soft *= 2.0 * math.sqrt(2.0) / noise
    return np.asarray(soft * (1.0 - 2.0 * gold(SCRAMBLING, CODED)), np.float64)


def _streams(ratios: Ratios) -> Ratios:
    """Return the ratios of the code word, repeated bits added [shape=(3, INFORMATION + TAIL)]."""
    length = 3 * (INFORMATION + TAIL)
    return np.asarray(np.bincount(places(), weights=ratios, minlength=length), np.float64).reshape(3, -1)


def _checked(bits: NDArray[np.uint8]) -> bytes | None:
    """Return the bytes before CRC-24A, or nothing where it does not fit. All zeros fit, and are none."""
    whole = np.packbits(bits).tobytes()
    return whole[:-3] if any(whole) and crc24a(whole) == 0 else None


@cache
def _table() -> tuple[int, ...]:
    out = []
    for byte in range(256):
        rest = byte << 16
        for _ in range(8):
            rest = (rest << 1) ^ (CRC24A if rest & 0x800000 else 0)
        out.append(rest & 0xFFFFFF)
    return tuple(out)


def crc24a(data: bytes) -> int:
    """Return CRC-24A of bytes: zero over data that its own CRC follows."""
    rest, table = 0, _table()
    for byte in data:
        rest = (rest << 8 & 0xFFFFFF) ^ table[rest >> 16 ^ byte]
    return rest
