"""How things fly: a point that steers towards waypoints with bounded turn and pitch rates.

The craft moves along its nose at its own speed, heading and pitch; guidance turns both towards the next waypoint, plus
a slow weave and a wander of the speed. A dive steepens the pitch towards the target and ends the flight on the ground.
Left out: angle of attack, bank, wind triangle (what an autopilot holds is its ground track), engine response.

Horizontal motion is in the plane of the site's frame, altitude above the ellipsoid; over 60 km the slope between that
plane and the level (0.5°) shortens a path by 4e-5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from skysentry.geo import ECCENTRICITY2, SEMI_MAJOR_M, SEMI_MINOR_M, Array, Frame

# Between samples positions are linear: at 5 m/s² of turn that is wrong by a·dt²/8 = 25 mm.
STEP_S = 0.2
# Sound heard at the start left up to a minute earlier (20 km), so every flight has a past.
PAST_S = 60.0
# A heading error is flown off with this time constant, within the turn rate.
STEER_S = 2.0


@dataclass(frozen=True)
class Waypoint:
    """A place to fly to: degrees and metres above the ellipsoid."""

    lat_deg: float
    lon_deg: float
    alt_m: float


@dataclass(frozen=True)
class Airframe:
    """What a craft can do. Rates are bounds; `weave_deg` and `weave_s` are its habit of swinging about its course,
    `swell_m` of riding up and down."""

    speed_mps: float
    turn_dps: float
    pitch_deg: float = 8.0
    pitch_dps: float = 5.0
    weave_deg: float = 0.0
    weave_s: float = 40.0
    swell_m: float = 0.0
    speed_sigma_mps: float = 0.5


@dataclass(frozen=True)
class Flight:
    """A flown path: `begin_s` and `end_s` on the scenario's clock, Earth-centred `points_m` [shape=(n, 3)] each
    `STEP_S` from `begin_s` on; `down` says that it ended on the ground."""

    begin_s: float
    end_s: float
    points_m: Array
    down: bool = False


def ecef_m(lat_deg: Array, lon_deg: Array, alt_m: Array) -> Array:
    """Return Earth-centred points [shape=(..., 3)] of geodetic arrays."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    prime_m = SEMI_MAJOR_M / np.sqrt(1.0 - ECCENTRICITY2 * np.sin(lat) ** 2)
    flat = (prime_m + alt_m) * np.cos(lat)
    return np.stack(
        [flat * np.cos(lon), flat * np.sin(lon), (prime_m * (1.0 - ECCENTRICITY2) + alt_m) * np.sin(lat)], axis=-1
    )


def lat_lon_deg(points_m: Array) -> tuple[Array, Array]:
    """Return latitudes and longitudes of Earth-centred points, by Bowring's formula (below 1 mm near the Earth)."""
    x, y, z = points_m[..., 0], points_m[..., 1], points_m[..., 2]
    axis_m = np.hypot(x, y)
    reduced = np.arctan2(z * SEMI_MAJOR_M, axis_m * SEMI_MINOR_M)
    second2 = ECCENTRICITY2 / (1.0 - ECCENTRICITY2)
    lat = np.arctan2(
        z + second2 * SEMI_MINOR_M * np.sin(reduced) ** 3, axis_m - ECCENTRICITY2 * SEMI_MAJOR_M * np.cos(reduced) ** 3
    )
    return np.degrees(lat), np.degrees(np.arctan2(y, x))


def raise_to(frame: Frame, east_m: Array, north_m: Array, alt_m: Array) -> Array:
    """Return Earth-centred points above points of the frame's plane, at heights above the ellipsoid."""
    plane = np.stack([east_m, north_m, np.zeros_like(east_m)], axis=-1) @ frame.rotation + np.array(frame.origin_ecef_m)
    lat, lon = lat_lon_deg(plane)
    return ecef_m(lat, lon, alt_m)


class Pilot:
    """Flies one airframe along waypoints, step by step, in the site's frame."""

    def __init__(self, frame: Frame, airframe: Airframe, chance: Generator) -> None:
        self.frame, self.airframe, self.chance = frame, airframe, chance
        self.phase = float(chance.uniform(0.0, 2.0 * math.pi))
        self.slow = 0.0  # deviation of the speed

    def fly(
        self,
        route: Sequence[Waypoint],
        begin_s: float,
        until_s: float,
        *,
        dive_deg: float | None = None,
        ground_m: float = 0.0,
        loop: bool = False,
    ) -> Flight:
        """Return the flight that is over the first waypoint at `begin_s`, with `PAST_S` of straight path before.

        It goes on to `until_s`, round and round with `loop`; with `dive_deg` it dives at that angle on the last
        waypoint and ends at `ground_m`.
        """
        marks = [(*self.frame.to_local(p.lat_deg, p.lon_deg, p.alt_m)[:2], p.alt_m) for p in route]
        (east, north, up), (next_east, next_north, _) = marks[0], marks[1]
        heading = math.atan2(next_east - east, next_north - north)
        back_m = self.airframe.speed_mps * PAST_S
        state = [east - back_m * math.sin(heading), north - back_m * math.cos(heading), up, heading, 0.0, 0.0]
        aim, track, down = 0, [tuple(state[:3])], False
        steps = round((until_s - begin_s + PAST_S) / STEP_S)
        for step in range(steps):
            aim = self._next(marks, aim, state, loop)
            self._steer(state, marks[aim], step * STEP_S, dive_deg if aim == len(marks) - 1 else None, ground_m)
            track.append((state[0], state[1], state[2]))
            if dive_deg is not None and state[2] <= ground_m:
                down = True
                break
        path = np.array(track)
        points = raise_to(self.frame, path[:, 0], path[:, 1], path[:, 2])
        return Flight(begin_s - PAST_S, begin_s - PAST_S + (len(track) - 1) * STEP_S, points, down)

    def _next(self, marks: Sequence[tuple[float, float, float]], aim: int, state: list[float], loop: bool) -> int:
        """Return the waypoint to aim at: the next one once this one is as near as the craft can turn."""
        east, north, _ = marks[aim]
        radius_m = self.airframe.speed_mps / math.radians(self.airframe.turn_dps)
        if math.hypot(east - state[0], north - state[1]) > max(radius_m, self.airframe.speed_mps):
            return aim
        if aim + 1 < len(marks):
            return aim + 1
        return 0 if loop else aim

    def _steer(
        self,
        state: list[float],
        mark: tuple[float, float, float],
        time_s: float,
        dive_deg: float | None,
        ground_m: float,
    ) -> None:
        """Advance the state (east, north, alt, heading, turn rate, pitch) by one step towards the mark."""
        frame = self.airframe
        east_m, north_m = mark[0] - state[0], mark[1] - state[1]
        away_m = math.hypot(east_m, north_m)
        dive = dive_deg is not None and away_m < (state[2] - ground_m) / math.tan(math.radians(dive_deg or 1.0))
        weave = (
            0.0 if dive else math.radians(frame.weave_deg) * math.sin(2 * math.pi * time_s / frame.weave_s + self.phase)
        )
        error = math.remainder(math.atan2(east_m, north_m) + weave - state[3], 2 * math.pi)
        most = math.radians(frame.turn_dps)
        wanted = max(-most, min(most, error / STEER_S))
        # A craft rolls into a turn: the turn rate itself changes within about a second.
        state[4] += max(-most * STEP_S, min(most * STEP_S, wanted - state[4]))
        state[3] += state[4] * STEP_S
        if dive:
            climb = -math.atan2(state[2] - ground_m, max(away_m, 1.0))
        else:
            limit = math.radians(frame.pitch_deg)
            rise_m = mark[2] - state[2] + frame.swell_m * math.sin(time_s / frame.weave_s + 2.0 * self.phase)
            climb = max(-limit, min(limit, math.atan2(rise_m, max(away_m / 4.0, 10.0 * frame.speed_mps))))
        tilt = math.radians(frame.pitch_dps * (3.0 if dive else 1.0)) * STEP_S
        state[5] += max(-tilt, min(tilt, climb - state[5]))
        # The speed wanders over about 20 s.
        self.slow += -self.slow * STEP_S / 20.0 + frame.speed_sigma_mps * math.sqrt(STEP_S / 10.0) * self._kick()
        go_m = max(0.5, frame.speed_mps + self.slow) * STEP_S
        state[0] += go_m * math.cos(state[5]) * math.sin(state[3])
        state[1] += go_m * math.cos(state[5]) * math.cos(state[3])
        state[2] += go_m * math.sin(state[5])

    def _kick(self) -> float:
        return float(self.chance.standard_normal())


def drift(
    frame: Frame,
    start: Waypoint,
    wind_mps: tuple[float, float],
    until_s: float,
    chance: Generator,
    *,
    begin_s: float = 0.0,
) -> Flight:
    """Return the path of what the wind carries, wandering with the eddies and slowly up and down."""
    steps = round((until_s - begin_s + PAST_S) / STEP_S)
    east, north, _ = frame.to_local(start.lat_deg, start.lon_deg, start.alt_m)
    keep = math.exp(-STEP_S / 30.0)
    kicks = chance.standard_normal((steps + 1, 3)) * math.sqrt(1.0 - keep * keep) * np.array([0.8, 0.8, 0.3])
    eddies = np.zeros_like(kicks)
    for step in range(1, steps + 1):
        eddies[step] = keep * eddies[step - 1] + kicks[step]
    moved = np.cumsum(eddies + np.array([*wind_mps, 0.0]), axis=0) * STEP_S
    moved -= moved[int(PAST_S / STEP_S)]
    points = raise_to(frame, east + moved[:, 0], north + moved[:, 1], start.alt_m + moved[:, 2])
    return Flight(begin_s - PAST_S, begin_s - PAST_S + steps * STEP_S, points)
