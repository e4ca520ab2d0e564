"""Which frequency a receiver is tuned to when: dwells over bands, each revisited within `revisit_s` where that can be.

    bands → steps of `USABLE` of the instantaneous band → one round: dwell + retune a step

A round that is longer than `revisit_s` gets shorter dwells, down to `LEAST_DWELL_S`, and to `VIDEO_DWELL_S` where that
is enough to fit; what does not fit then is said by `round_s`, never hidden: coverage of a band is its share of the
time, and what passes between visits is not heard.
Pure: `at` says of any time since the start where the receiver is, so a replay knows it too.
"""

from __future__ import annotations

import math

from msgspec import Struct

# The outer tenths of a receiver's band are its filters'.
USABLE = 0.8
# Five packets of an 11 ms control link and two rounds of LTE's pilots: less tells nothing of rhythm (`link_detector`).
LEAST_DWELL_S, USUAL_DWELL_S = 0.06, 0.1
# What analogue video and OFDM are told by (`link_detector.LINE_S`); of slow control links four packets are too few.
VIDEO_DWELL_S = 0.042
# Bands of video and control links, Hz: 1.1–1.4, 2.4, 3.1–3.5, 4.9–6 GHz.
BANDS_HZ = ((1.1e9, 1.4e9), (2.4e9, 2.4835e9), (3.1e9, 3.5e9), (4.9e9, 6.0e9))
# 1.9 GHz of band in steps of an RTL-SDR's 2 MHz are a thousand; ten times that is a mistake in the site.
MOST_STEPS = 10_000


class Plan(Struct, frozen=True):
    """A round of dwells: frequencies in turn, seconds at each, seconds lost to tuning."""

    centres_hz: tuple[float, ...]
    dwell_s: float
    retune_s: float

    @property
    def round_s(self) -> float:
        """How long it takes until a frequency is heard again."""
        return len(self.centres_hz) * (self.dwell_s + self.retune_s)

    @property
    def duty(self) -> float:
        """The share of the time that one frequency is heard."""
        return self.dwell_s / self.round_s

    def at(self, since_s: float) -> tuple[float, bool]:
        """Return the frequency at a time, and whether it is heard or being tuned to."""
        turn = self.dwell_s + self.retune_s
        within = since_s % self.round_s
        index = min(int(within / turn), len(self.centres_hz) - 1)
        return self.centres_hz[index], within - index * turn >= self.retune_s


def plan(
    rate_hz: float, retune_s: float, bands_hz: tuple[tuple[float, float], ...] = BANDS_HZ, revisit_s: float = 2.0
) -> Plan:
    """Return the round over bands of a receiver that hears `rate_hz` at once and needs `retune_s` to tune."""
    step_hz = USABLE * rate_hz
    centres: list[float] = []
    for low_hz, high_hz in bands_hz:
        steps = min(max(1, math.ceil((high_hz - low_hz) / step_hz)), MOST_STEPS - len(centres))
        width_hz = (high_hz - low_hz) / max(steps, 1)
        centres += [low_hz + (k + 0.5) * width_hz for k in range(steps)]
    fitting_s = revisit_s / len(centres) - retune_s
    least_s = VIDEO_DWELL_S if fitting_s >= VIDEO_DWELL_S else LEAST_DWELL_S
    return Plan(tuple(centres), min(USUAL_DWELL_S, max(least_s, fitting_s)), retune_s)
