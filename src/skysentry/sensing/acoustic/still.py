"""For how long a comb has shown no motion: what hovers, stands, or is played by a loudspeaker.

What passes changes its pitch by Doppler and its level by distance. The last `SPAN_S` seconds with a comb are cut in
two halves; where the medians of pitch and of level agree, nothing has moved that one microphone could hear. Medians,
because the pitch of a hovering drone wanders by some per cent and its best comb is at times an octave off.

One microphone cannot tell a loudspeaker from a drone that hovers, or that comes from far straight on: the seconds are
told, nothing is concluded. A recording of a pass, played back, has motion in it.
"""

from __future__ import annotations

import math

from msgspec import Struct

# What flies by at 10 m/s within 200 m changes by more than the limits below in this time.
SPAN_S = 20
# 1.5 % is 5 m/s of radial speed.
PITCH = 0.015
# 2 dB is a quarter of the distance; turbulence moves a median of ten seconds by less than one.
LEVEL_DB = 2.0
# So many seconds without a comb begin anew.
GONE_S = 3


class Still(Struct, frozen=True):
    """Log pitches and levels of the last seconds with a comb, seconds without motion, seconds without a comb."""

    log_f0: tuple[float, ...] = ()
    level_db: tuple[float, ...] = ()
    seconds: int = 0
    gone_s: int = 0


def heard(before: Still, f0_hz: float, level_db: float) -> Still:
    """Return what is known after a second with a comb of this pitch and absolute level."""
    log_f0, levels = (*before.log_f0, math.log(f0_hz))[-SPAN_S:], (*before.level_db, level_db)[-SPAN_S:]
    if len(levels) < SPAN_S or abs(_change(log_f0)) > PITCH or abs(_change(levels)) > LEVEL_DB:
        return Still(log_f0, levels)
    return Still(log_f0, levels, before.seconds + 1 if before.seconds else SPAN_S)


def missed(before: Still) -> Still:
    """Return what is known after a second without a comb."""
    if before.gone_s + 1 >= GONE_S:
        return Still()
    return Still(before.log_f0, before.level_db, before.seconds, before.gone_s + 1)


def _change(values: tuple[float, ...]) -> float:
    """Return the median of the later half less that of the earlier."""
    half = len(values) // 2
    earlier, later = sorted(values[:half]), sorted(values[half:])
    return later[half // 2] - earlier[half // 2]
