"""Regularities in time that tell a radio link by its kind, far below the noise: nothing is demodulated.

    prefix_score     OFDM: x(t) x*(t − T_u) is non-zero in each cyclic prefix only, so it beats at the symbol rate and
                     its harmonics. T_u = 1/15 kHz for OcuSync-like links and LTE, 1/312.5 kHz for Wi-Fi.
    line_score       analogue video: frequency modulation dwells on the sync tip once a line, so the power in each
                     narrow channel of a short-time spectrum beats at 15,625 Hz (625 lines) or 15,734 Hz (525).
    frame_score      LTE: pilots and synchronisation signals repeat exactly after 10 ms (3GPP TS 36.211, 6.10 and 6.11);
                     x(t) x*(t − 10 ms) has a mean.

Cut into pieces of a few ms, the products' spectra at the harmonics are summed over the pieces without their phase, so a
burst that starts anew in each frame loses nothing but its pauses. Every score is a ratio: power at the beat over that
at beats nearby where nothing is, in standard deviations of noise, for a sum of K exponential variables (σ = 1/√K, twice
that for the ratio's two sums).

Sources: Gardner, "Exploitation of spectral redundancy in cyclostationary signals", IEEE SP Magazine 8(2), 1991;
3GPP TS 36.211 6.12 (prefix of 144 or 160 in 2048); IEEE 802.11-2020 17.3 (0.8 of 4 µs); ITU-R BT.1700 (line rates).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.complex64]
Reals = NDArray[np.float64]

# Spacing, symbol rates (with the prefix), harmonics summed: a prefix of 1/15 of the symbol is flat over eight of them,
# one of 1/5 over two. 14,000 a second are LTE's slots of seven, 14,014.6 prefixes that are all 72 of 1024.
Kind = tuple[float, tuple[float, ...], int]
LTE_LIKE: Kind = (15_000.0, (14_000.0, 14_014.6), 8)
WIFI: Kind = (312_500.0, (250_000.0,), 2)
# 50 Hz of resolution: at the eighth harmonic each rate above holds for 3 Hz to either side, 200 ppm of a clock.
PREFIX_PIECE_S = 0.02
# A bit rate beats at every lag, a prefix at its own: this one is no multiple of 0.8 µs (the training field's period).
OFF_LAG = 0.72
# 50 Hz of resolution tells the two line rates, 109 Hz apart, with room.
LINE_PIECE_S = 0.02
LINE_HZ = {"pal": 15_625.0, "ntsc": 15_734.27}
# Transmitters' own clocks: consumer crystals are within 50 ppm, cheap ones 200: 3 Hz of a line rate.
# Not the fourth: 62,500 Hz is where Wi-Fi's symbols and bits of 250 kbit/s fold to, at 312,500 windows a second.
LINE_HARMONICS = (1, 2, 3, 5)
# 3.2 µs: shorter than the sync tip of 4.7 µs, long enough that it fills one channel of 312 kHz.
LINE_WINDOW_S = 3.2e-6
FRAME_S = 0.010
# Shares of a frame, from 0.9 of it, that are no whole number of milliseconds, slots or symbols.
BETWEEN = (0.0137, 0.0391, 0.1673, 0.1831)
# Offsets, as shares of the beat, where noise is taken: no harmonic of another known beat is there.
BESIDE = (0.929, 0.953, 0.971, 1.031, 1.047, 1.073)


def _beats(
    product: NDArray[np.complex128] | Reals, rate_hz: float, beat_hz: float, harmonics: int, piece_s: float
) -> Reals:
    """Return the summed power at a beat and at those beside it [shape=(1 + len(BESIDE),)]."""
    per = int(piece_s * rate_hz)
    pieces = len(product) // per
    shaped = product[: pieces * per].reshape(pieces, per, *product.shape[1:])
    rows = np.concatenate([k * beat_hz * np.array([1.0, *BESIDE]) for k in range(1, harmonics + 1)])
    turn = np.exp(-2j * np.pi * ((rows[:, None] * np.arange(per) / rate_hz) % 1.0))
    power = np.zeros(len(rows))
    for piece in shaped:
        power += (np.abs(turn @ piece) ** 2).reshape(len(rows), -1).sum(axis=1)
    return np.asarray(power.reshape(harmonics, -1).sum(axis=0), np.float64)


def prefix_score(x: Samples, rate_hz: float, kind: Kind, lag_share: float = 1.0) -> float:
    """Return how far the prefix of OFDM of a kind stands out, in standard deviations of noise.

    With `lag_share` other than 1 it is the beat of whatever else has that symbol rate.
    """
    spacing_hz, beats_hz, harmonics = kind
    beat_hz = max(beats_hz)
    lag = max(1, round(lag_share * rate_hz / spacing_hz))
    piece_s = PREFIX_PIECE_S
    # Summed to four points in the fastest beat at least; a sum over a microsecond costs LTE's harmonics nothing.
    step = max(1, int(rate_hz / (beat_hz * harmonics * 4.0)))
    if len(x) < lag + int(rate_hz * piece_s):
        piece_s = (len(x) - lag) / rate_hz
        if piece_s * beat_hz < 20.0:
            return 0.0
    product = x[lag:] * x[:-lag].conj()
    count = len(product) // step
    summed = product[: count * step].reshape(count, step).sum(axis=1).astype(np.complex128)
    # Clipped to four times the usual: one loud burst must not be all there is.
    usual = float(np.median(np.abs(summed))) + 1e-30
    summed *= np.minimum(1.0, 4.0 * usual / np.maximum(np.abs(summed), 1e-30))
    terms = harmonics * max(1, int(len(x) / rate_hz / piece_s))
    return max(_stands_out(_beats(summed, rate_hz / step, each, harmonics, piece_s), terms) for each in beats_hz)


def _stands_out(power: Reals, terms: float) -> float:
    beside = float(np.median(power[1:])) + 1e-30
    return float((power[0] / beside - 1.0) * np.sqrt(terms / 1.4))


def line_score(x: Samples, rate_hz: float) -> tuple[str, float]:
    """Return the nearer standard of analogue video, and how far its line rate stands out."""
    size = max(8, 2 ** round(np.log2(LINE_WINDOW_S * rate_hz)))
    frames = len(x) // size
    per = int(LINE_PIECE_S * rate_hz / size)
    if frames < per:
        return "pal", 0.0
    power = np.abs(np.fft.fft(x[: frames * size].reshape(frames, size), axis=1)) ** 2
    usual = np.median(power) + 1e-30
    # Of an exponential 1 % is above 6.6 times its median: what is kept of a burst is bounded.
    power = np.minimum(power / usual, 20.0)
    power -= power.mean(axis=0)
    scores = {}
    for name, beat_hz in LINE_HZ.items():
        channels = _channel_beats(power, rate_hz / size, beat_hz)
        scores[name] = float(np.sort(channels)[-3:].sum() / np.sqrt(3.0))
    best = max(scores, key=lambda name: scores[name])
    return best, scores[best]


def _channel_beats(power: Reals, rate_hz: float, beat_hz: float) -> Reals:
    """Return of each channel how far the beat stands out."""
    per = int(LINE_PIECE_S * rate_hz)
    pieces = len(power) // per
    shares = np.array([1.0, *BESIDE])
    rows = np.concatenate([k * beat_hz * shares for k in LINE_HARMONICS])
    turn = np.exp(-2j * np.pi * ((rows[:, None] * np.arange(per) / rate_hz) % 1.0))
    found = np.zeros((len(rows), power.shape[1]))
    for piece in range(pieces):
        found += np.abs(turn @ power[piece * per : (piece + 1) * per]) ** 2
    found = found.reshape(len(LINE_HARMONICS), len(shares), -1).sum(axis=0)
    beside = found[1:].mean(axis=0) + 1e-30
    return np.asarray((found[0] / beside - 1.0) * np.sqrt(len(LINE_HARMONICS) * pieces / 1.2))


def frame_score(x: Samples, rate_hz: float) -> float:
    """Return how far the correlation with 10, 20 and 30 ms ago stands out over that at lags where no frame repeats."""
    frame = FRAME_S * rate_hz
    if len(x) < 4 * frame:
        return 0.0
    at = [_lag_power(x, round(times * frame)) for times in (1, 2, 3)]
    beside = [_lag_power(x, round((times + share) * frame)) for times in (0.9, 1.9, 2.9) for share in BETWEEN]
    return float(np.mean(at) / (np.mean(beside) + 1e-30))


def _lag_power(x: Samples, lag: int) -> float:
    """Return |sum of x(t) x*(t − lag)|² over the number of terms."""
    return float(np.abs(np.vdot(x[:-lag], x[lag:])) ** 2 / (len(x) - lag))
