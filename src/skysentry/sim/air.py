"""Sound on its way: absorption, shadow and the exact time it left.

Absorption is ISO 9613-1:1993, formulas 3 to 5. The wind is one vector everywhere: a wave front is then a sphere whose
centre drifts, so what arrives at time t left at t − τ with |p(t − τ) + w·τ − s| = c·τ, and comes from the direction of
p(t − τ) + w·τ. Upwind and near the ground sound is bent up and a shadow forms; the law used is a smooth stand-in for
the measured 10 to 20 dB, fading with the source's elevation. Left out: turbulence (sensors fade instead), reflections,
gradients of temperature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from skysentry.geo import Array
from skysentry.sim.world import World
from skysentry.site import Weather

# Octave bands in which levels are summed.
BANDS_HZ = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)
# Newton's method from τ = 0 gains three digits a step below Mach 0.4; five steps end below 1 µs.
NEWTON_STEPS = 5
# The shadow upwind is 15 to 20 dB deep at most (ISO 9613-2 speaks of favourable wind only; Embleton, JASA 100, 1996).
SHADOW_MOST_DB = 18.0
# dB of shadow a km per m/s of headwind at grazing incidence: 5 m/s cost 10 dB at 2 km.
SHADOW_DB = 1.0
# An elevated source shines over the shadow: half of it is gone at 7°.
SHADOW_EL_DEG = 10.0
# Grass and trees take about 3 dB of what grazes them below 3°.
GROUND_DB, GROUND_EL_DEG = 3.0, 3.0


def speed_of_sound_mps(temperature_c: float) -> float:
    """Return the speed of sound in dry air, √(γRT/M)."""
    return 331.3 * math.sqrt(1.0 + temperature_c / 273.15)


def absorption_db_per_km(hz: Array, temperature_c: float = 15.0, humidity_pct: float = 60.0) -> Array:
    """Return the absorption of the atmosphere at 101.325 kPa (ISO 9613-1:1993, formulas 3 to 5)."""
    kelvin = temperature_c + 273.15
    saturation = 10.0 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151)
    molar_pct = humidity_pct * saturation
    oxygen_hz = 24.0 + 4.04e4 * molar_pct * (0.02 + molar_pct) / (0.391 + molar_pct)
    ratio = kelvin / 293.15
    nitrogen_hz = ratio**-0.5 * (9.0 + 280.0 * molar_pct * math.exp(-4.170 * (ratio ** (-1.0 / 3.0) - 1.0)))
    squared = np.asarray(hz, dtype=float) ** 2
    oxygen = 0.01275 * math.exp(-2239.1 / kelvin) / (oxygen_hz + squared / oxygen_hz)
    nitrogen = 0.1068 * math.exp(-3352.0 / kelvin) / (nitrogen_hz + squared / nitrogen_hz)
    per_m: Array = 8.686 * squared * (1.84e-11 * ratio**0.5 + ratio**-2.5 * (oxygen + nitrogen))
    return 1000.0 * per_m


def wind_enu_mps(weather: Weather) -> Array:
    """Return the wind [shape=(3,)], east, north, up; it blows *from* `wind_from_deg`."""
    towards = math.radians(weather.wind_from_deg + 180.0)
    return weather.wind_mps * np.array([math.sin(towards), math.cos(towards), 0.0])


def retarded(
    world: World, which: Sequence[int], ears_m: Array, time_s: Array, wind_mps: Array, speed_mps: float
) -> tuple[Array, Array]:
    """Return what arrives at ears [shape=(ears, 3)] at times [shape=(ears,)] from each flyer.

    The first array [shape=(ears, flyers)] is the time it left, the second [shape=(ears, flyers, 3)] the vector from the
    ear to where it seems to come from; `wind_mps` is Earth-centred.
    """
    taken = np.zeros((len(ears_m), len(which)))
    for _ in range(NEWTON_STEPS):
        place, velocity = world.at(which, time_s[:, None] - taken)
        seen = place + taken[..., None] * wind_mps - ears_m[:, None, :]
        range_m = np.sqrt((seen * seen).sum(-1)) + 1e-9
        slope = (seen * (wind_mps - velocity)).sum(-1) / range_m - speed_mps
        taken = np.maximum(0.0, taken - (range_m - speed_mps * taken) / slope)
    place, _ = world.at(which, time_s[:, None] - taken)
    return time_s[:, None] - taken, place + taken[..., None] * wind_mps - ears_m[:, None, :]


def shadow_db(range_m: Array, el_deg: Array, downwind_mps: Array) -> Array:
    """Return what wind and ground take; `downwind_mps` is the wind from the source towards the ear."""
    grazing = np.exp(-np.maximum(el_deg, 0.0) / SHADOW_EL_DEG)
    upwind = np.minimum(SHADOW_MOST_DB, SHADOW_DB * np.maximum(-downwind_mps, 0.0) * range_m / 1000.0) * grazing
    # Downwind the ground takes less, for the sound is bent over it.
    ground = GROUND_DB * np.exp(-np.maximum(el_deg, 0.0) / GROUND_EL_DEG) / (1.0 + np.maximum(downwind_mps, 0.0))
    lost: Array = upwind + ground
    return lost
