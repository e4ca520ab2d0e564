"""How likely what a transmitter says of itself is true: log-likelihood ratios of plain physics, in nats.

Each check compares how probable what was heard is for an honest sender with how probable it is for an invented one;
only what speaks against is summed (that nothing is odd is what any careful liar achieves). Sums fade with `FADE_S`
and are bounded, so one bad fix is forgotten and a liar stays found out.

    jump      further from the last place than anything flies
    speed     over some seconds the claimed velocities do not add up to the way between the claimed places
    stamp     the sender's clock (navigation gives it the second) is off by more than `STAMP_S`, or runs backwards: a
              flight recorded and sent again
    counter   the frame counter goes back and forth: two senders under one address
    power     louder than the strongest lawful transmitter could be from that far (Friis)
    slope     the claimed range changes and the received power does not: over bins of `BIN_S`, for shadowing lasts that
              long, free space (-20 dB a decade) against a constant, each with `SHADOW_DB`; each receiver for itself
    reach     claimed further away than this receiver can hear
    operator  the operator claims to be further from the aircraft than any control link reaches
    names     two names of one kind from one address
    radio     one radio that tells several names, each under an address of its own (`radio`)

Features: `claim_nats`, the sum (at most 0; odds of being true are the prior's times its exponential), and `doubt_` with
a check's name for each that says `TELL_NATS` or more. No claim is dropped here and nothing is lowered by it.

Left out: Doppler and arrival angles (no Remote ID receiver tells them), fingerprints of radios. Power from the JSON of
receivers is not used: their scales differ. Sources: Friis' law; F3411-22a table 1 for rates and stamps.
"""

from __future__ import annotations

import math

from msgspec import Struct

from skysentry.geo import distance_m
from skysentry.wire.remote_id import Location

# A minute: ten bad frames in a row stay told for some minutes, one for a minute.
FADE_S = 60.0
MOST_NATS = 8.0
# Twenty to one against; what says less is kept and not told.
TELL_NATS = 3.0
LEAST_NATS = 0.05
# One contradiction: honest senders make one in ten or fewer of any of them, by bad fixes and cold starts.
JUMP_NATS, NAMES_NATS, COUNTER_NATS, BACK_NATS, MOST_LOOK_NATS = 2.3, 2.3, 0.7, 1.5, 3.0
# What stays so while it is told (a clock, a range, an operator) is one fact: set, not summed, and told for 17 s more.
STANDING_NATS = 4.0
# Senders stamp with the time of navigation, frames are 1 s old at most; the rest is the clock of our receiver.
STAMP_S = 10.0
BACKWARDS_S, HALF_HOUR_S, HOUR_S = 0.5, 1_800.0, 3_600.0
# Velocities are added up over this time, for in shorter ones the age of a place is all; not across longer gaps.
SPAN_S, LONGEST_S, STALE_S = 4.0, 3.0, 1.0
# What a drone changes its velocity by, and the change of a fix's error, which consecutive ones mostly share.
TURNS_MPS2, FIX_M, ODD_SIGMAS = 6.0, 5.0, 3.0
# 36 dBm EIRP is the most that any rule allows in these bands; 15 dB of antenna and 10 dB of wrong RSSI scales on top.
LOUDEST_DBM, LOUD_SIGMA_DB = 36.0 + 15.0 + 10.0, 6.0
# Free-space loss at 1 m and 2.44 GHz; 5.8 GHz loses more, which only makes the bound safer.
LOSS_AT_1_M_DB = 40.2
BIN_S, SHADOW_DB, FREE_SPACE = 10, 6.0, 2.0
MOST_RECEIVERS = 8
# Twice the farthest ranges reported for BT5 long range and Wi-Fi beacons from the air, or thrice the declared reach.
FARTHEST_M, TIMES_REACH = 30_000.0, 3.0
# Control links of consumer drones reach 20 km; those by satellite do not carry Remote ID of the open category.
CONTROL_M = 25_000.0
COUNTS, BACKWARDS = 256, 128
COUNTER_KEEPS_S = 2.0


class Slope(Struct, kw_only=True):
    """Received power against claimed range at one receiver: the bin that runs, and sums over closed ones.

    `x` is 10 log10 of the range in metres, `y` the power in dBm.
    """

    bin: int = -1
    count: int = 0
    x: float = 0.0
    y: float = 0.0
    n: float = 0.0
    sx: float = 0.0
    sy: float = 0.0
    sxx: float = 0.0
    sxy: float = 0.0

    def add(self, second: int, x: float, y: float) -> None:
        """Take one frame."""
        if second // BIN_S != self.bin:
            self._close()
            self.bin = second // BIN_S
        self.count += 1
        self.x += x
        self.y += y

    def _close(self) -> None:
        if self.count:
            x, y = self.x / self.count, self.y / self.count
            keep = math.exp(-BIN_S / (5.0 * FADE_S))
            self.n, self.sx, self.sy = keep * self.n + 1.0, keep * self.sx + x, keep * self.sy + y
            self.sxx, self.sxy = keep * self.sxx + x * x, keep * self.sxy + x * y
        self.count, self.x, self.y = 0, 0.0, 0.0

    def nats(self) -> float:
        """Return log p(power | free space) - log p(power | constant) over closed bins."""
        if self.n < 2.0:
            return 0.0
        xx = self.sxx - self.sx * self.sx / self.n
        xy = self.sxy - self.sx * self.sy / self.n
        return -(2.0 * FREE_SPACE * xy + FREE_SPACE * FREE_SPACE * xx) / (2.0 * SHADOW_DB * SHADOW_DB)


class Trust(Struct, kw_only=True):
    """What speaks against one transmitter. `against` are nats, as they were at `faded_ns`."""

    against: dict[str, float] = {}
    faded_ns: int = 0
    lat_deg: float = 0.0
    lon_deg: float = 0.0
    anchor_ns: int = 0
    placed_ns: int = 0
    flown_m: tuple[float, float] = (0.0, 0.0)
    slack_m: float = 0.0
    velocity_mps: tuple[float, float] | None = None
    stamp_s: float | None = None
    # Counters are compared as one receiver hears them: two hear one frame at slightly different times.
    counted_by: str = ""
    counters: dict[int, tuple[int, int]] = {}
    slopes: dict[str, Slope] = {}

    def blame(self, check: str, nats: float) -> None:
        """Add to what speaks against."""
        self.against[check] = min(self.against.get(check, 0.0) + nats, MOST_NATS)

    def fade(self, time_ns: int) -> None:
        """Let what was said fade up to now."""
        if time_ns <= self.faded_ns:
            return
        if self.against:
            keep = math.exp((self.faded_ns - time_ns) / 1e9 / FADE_S)
            self.against = {check: nats * keep for check, nats in self.against.items() if nats * keep > LEAST_NATS}
        self.faded_ns = time_ns

    def features(self) -> tuple[tuple[str, float], ...]:
        """Return what speaks against, as a detection's features."""
        if not self.against:
            return ()
        told = [(f"doubt_{check}", nats) for check, nats in sorted(self.against.items()) if nats >= TELL_NATS]
        return (("claim_nats", -sum(self.against.values())), *told)


def count(trust: Trust, receiver: str, carrier: int, counter: int, time_ns: int) -> None:
    """Hold a frame's counter against the last one of its carrier: counters count for each by itself."""
    last = trust.counters.get(carrier)
    if receiver != trust.counted_by:
        if last is not None and 0 <= time_ns - last[1] < COUNTER_KEEPS_S * 1e9:
            return
        trust.counted_by, trust.counters, last = receiver, {}, None
    recent = last is not None and 0 <= time_ns - last[1] < COUNTER_KEEPS_S * 1e9
    if last is not None and recent and (counter - last[0]) % COUNTS >= BACKWARDS:
        trust.blame("counter", COUNTER_NATS)
    trust.counters[carrier] = (counter, time_ns)


def move(
    trust: Trust, place: tuple[float, float], velocity: tuple[float, float] | None, sigma_mps: float, time_ns: int
) -> None:
    """Hold places against velocities (east, north): over `SPAN_S` the velocities must add up to the way made."""
    since_s = (time_ns - trust.placed_ns) / 1e9
    last = trust.velocity_mps
    if last is None or velocity is None or not 0.0 <= since_s <= LONGEST_S:
        _anchor(trust, place, velocity, time_ns)
        return
    trust.flown_m = (
        trust.flown_m[0] + 0.5 * since_s * (last[0] + velocity[0]),
        trust.flown_m[1] + 0.5 * since_s * (last[1] + velocity[1]),
    )
    trust.slack_m += 0.5 * TURNS_MPS2 * since_s * since_s
    trust.placed_ns, trust.velocity_mps = time_ns, velocity
    span_s = (time_ns - trust.anchor_ns) / 1e9
    if span_s < SPAN_S:
        return
    east_m = math.copysign(distance_m(place[0], trust.lon_deg, place[0], place[1]), place[1] - trust.lon_deg)
    north_m = math.copysign(distance_m(trust.lat_deg, place[1], place[0], place[1]), place[0] - trust.lat_deg)
    off_m = math.hypot(east_m - trust.flown_m[0], north_m - trust.flown_m[1])
    # A place may be a second old when it is sent, at either end.
    slack_m = trust.slack_m + STALE_S * max(math.hypot(*velocity), math.hypot(*last))
    odd = (off_m - slack_m) / math.hypot(FIX_M, sigma_mps * span_s)
    if odd > ODD_SIGMAS:
        trust.blame("speed", min(0.5 * (odd - ODD_SIGMAS) ** 2, MOST_LOOK_NATS))
    _anchor(trust, place, velocity, time_ns)


def _anchor(trust: Trust, place: tuple[float, float], velocity: tuple[float, float] | None, time_ns: int) -> None:
    """Begin a new stretch here."""
    trust.lat_deg, trust.lon_deg = place
    trust.anchor_ns = trust.placed_ns = time_ns
    trust.velocity_mps, trust.flown_m, trust.slack_m = velocity, (0.0, 0.0), 0.0


def stamp(trust: Trust, location: Location, time_ns: int, clock_sigma_s: float) -> None:
    """Hold the sender's time against ours and against its last one."""
    if location.time_s is None:
        return
    age_s = _within_half_hour(time_ns % 3_600_000_000_000 / 1e9 - location.time_s)
    if abs(age_s) > STAMP_S + 3.0 * clock_sigma_s:
        trust.against["stamp"] = max(trust.against.get("stamp", 0.0), STANDING_NATS)
    if trust.stamp_s is not None and -HALF_HOUR_S < _within_half_hour(location.time_s - trust.stamp_s) < -BACKWARDS_S:
        trust.blame("stamp", BACK_NATS)
    trust.stamp_s = location.time_s


def _within_half_hour(seconds: float) -> float:
    return (seconds + HALF_HOUR_S) % HOUR_S - HALF_HOUR_S


def hear(trust: Trust, receiver: str, range_m: float, rssi_dbm: float, time_ns: int) -> None:
    """Hold the power at one receiver against the range that is claimed to it, and how both change."""
    loud(trust, range_m, rssi_dbm)
    x = 10.0 * math.log10(max(range_m, 1.0))
    slope = trust.slopes.get(receiver)
    if slope is None:
        if len(trust.slopes) >= MOST_RECEIVERS:
            return
        slope = trust.slopes[receiver] = Slope()
    slope.add(time_ns // 1_000_000_000, x, rssi_dbm)
    against = min(max(-sum([one.nats() for one in trust.slopes.values()]), 0.0), MOST_NATS)
    if against > 0.0 or "slope" in trust.against:
        trust.against["slope"] = against


def loud(trust: Trust, range_m: float, rssi_dbm: float) -> None:
    """Hold a power against the most that is lawful from the range that is claimed."""
    x = 10.0 * math.log10(max(range_m, 1.0))
    above_db = rssi_dbm - (LOUDEST_DBM - LOSS_AT_1_M_DB - FREE_SPACE * x)
    if above_db > 0.0:
        trust.blame("power", min(0.5 * (above_db / LOUD_SIGMA_DB) ** 2, MOST_LOOK_NATS))


def reach(trust: Trust, range_m: float, declared_m: float | None) -> None:
    """Hold a claimed range against what the receiver can hear."""
    if range_m > max(TIMES_REACH * (declared_m or 0.0), FARTHEST_M):
        trust.against["reach"] = max(trust.against.get("reach", 0.0), STANDING_NATS)


def control(trust: Trust, place: tuple[float, float], operator: tuple[float, float]) -> None:
    """Hold the operator's place against the aircraft's."""
    if distance_m(*place, *operator) > CONTROL_M:
        trust.against["operator"] = max(trust.against.get("operator", 0.0), STANDING_NATS)
