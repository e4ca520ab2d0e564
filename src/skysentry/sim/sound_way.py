"""The way of sound from one source to the microphones of one array, sample by sample.

What microphone m hears at t left at t − τ, with |p(t − τ) + w·τ − s_m| = c·τ (w the wind): solved every 5 ms by
Newton's method for each microphone, between them straight; at the 50 m/s² of a hard turn that is wrong by 0.5 µs at
most. The sample is taken there by a windowed sinc of 32 taps, so that Doppler, arrival time and the phase between
microphones all come from the same delay. Then 1/r.

Before that, once for the array: absorption (ISO 9613-1) over the length of the way. The second way is by the ground:
the source's mirror image below it, with the reflection coefficient of plane waves on a porous ground,

    R = (Z sin ψ − 1) / (Z sin ψ + 1),   Z = 1 + 9.08 (1000 f/σ)^-0.75 − 11.9 i (1000 f/σ)^-0.73

(Delany and Bazley, Applied Acoustics 3, 1970; σ in Pa·s/m², e^{−iωt} there, so conjugated here). Turbulence makes the
fronts rough: arrival times wander with the structure function 2.92 C² L ρ^{5/3} / c² between microphones ρ apart
(Tatarskii's plane wave, Kolmogorov's spectrum), within 0.3 s; and levels fade together.

Left out: the ground wave, refraction by gradients, the array's own body.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.random import Generator

from skysentry.geo import Array
from skysentry.sim.air import absorption_db_per_km, speed_of_sound_mps
from skysentry.sim.chance import Wander
from skysentry.sim.sound_shape import HOP, LATENCY, Response, Shaper, frequencies_hz
from skysentry.sim.sound_voices import Voice

# Place [shape=(n, 3)] (m) at times [shape=(n,)] (s).
Path = Callable[[Array], Array]
STEP_S = 0.005
NEWTON_STEPS = 6
TAPS = 32
# Steps of the table of the sinc: 1/4,096 of a sample is 15 ns at 16 kHz, 5 µm.
FINE = 4096
# Kaiser's β for 32 taps: alias below −70 dB up to 0.42 of the rate.
BETA = 7.0
NEAREST_M = 1.0
TURBULENCE_S = 0.3
# Levels fade by up to 4 dB within some seconds over kilometres (reference, signals 7); by the root of the way.
FADE_DB, FADE_M, FADE_TAU_S = 4.0, 2000.0, 4.0


class Air(Struct, frozen=True, kw_only=True):
    """The air and the ground under the way. `c2` is the structure parameter of the refractive index, m^-2/3: 1e-7 at
    night, 1e-6 on a sunny day; `flow_pasm2` the ground's resistance to flow: 2e5 grass, 2e7 asphalt, `None` no ground.
    """

    temperature_c: float = 12.0
    humidity_pct: float = 70.0
    wind_enu_mps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    c2: float = 0.0
    flow_pasm2: float | None = None

    @property
    def speed_mps(self) -> float:
        """Speed of sound."""
        return speed_of_sound_mps(self.temperature_c)


def _sinc_table() -> Array:
    offsets = np.arange(TAPS) - (TAPS // 2 - 1)
    x = offsets[None, :] - np.arange(FINE + 1)[:, None] / FINE
    window = np.i0(BETA * np.sqrt(np.maximum(0.0, 1.0 - (2.0 * x / TAPS) ** 2))) / np.i0(BETA)
    table: Array = np.sinc(x) * window
    return table


_SINC = _sinc_table()


def delays_s(path: Path, mics_m: Array, times_s: Array, air: Air) -> Array:
    """Return how long what is heard at each time has travelled [shape=(times, mics)]."""
    wind, speed = np.array(air.wind_enu_mps), air.speed_mps
    tau: Array = np.sqrt(((path(times_s)[:, None] - mics_m) ** 2).sum(-1)) / speed
    for _ in range(NEWTON_STEPS):
        at_s = (times_s[:, None] - tau).ravel()
        place, ahead = path(at_s), path(at_s + 1e-3)
        shape = (*tau.shape, 3)
        velocity = ((ahead - place) / 1e-3).reshape(shape)
        seen = place.reshape(shape) + tau[..., None] * wind - mics_m
        range_m = np.maximum(np.sqrt((seen * seen).sum(-1)), 1e-6)
        slope = (seen * (wind - velocity)).sum(-1) / range_m - speed
        tau = np.maximum(0.0, tau - (range_m - speed * tau) / slope)
    return tau


def reflection(hertz: Array, grazing_rad: float, flow_pasm2: float) -> Response:
    """Return the reflection coefficient [shape of hertz] at a grazing angle."""
    ratio = 1000.0 * np.maximum(hertz, 20.0) / flow_pasm2
    impedance = 1.0 + 9.08 * ratio**-0.75 + 11.9j * ratio**-0.73
    sine = np.sin(grazing_rad)
    coefficient: Response = np.conj((impedance * sine - 1.0) / (impedance * sine + 1.0))
    return coefficient


class Way:
    """One way from one source to one array; `bounce` is the height of the ground for the reflected one."""

    def __init__(
        self, voice: Voice, path: Path, mics_m: Array, air: Air, rate_hz: float, origin_s: float, bounce: float | None
    ) -> None:
        self.voice, self.mics_m, self.air, self.rate_hz, self.bounce = voice, mics_m, air, rate_hz, bounce
        self.path = path if bounce is None else _mirrored(path, bounce)
        self.middle_m = mics_m.mean(axis=0)
        hertz = frequencies_hz(rate_hz)
        self.hertz = hertz
        self.loss_db = absorption_db_per_km(hertz, air.temperature_c, air.humidity_pct) / 1000.0
        self.shaper = Shaper()
        # Samples of the sound as it leaves, absorption already taken; the first has the index `at`.
        self.origin_s, self.sound, self.at, self.made = origin_s, np.zeros(0), -LATENCY, 0

    def hear(self, first: int, count: int, late_s: Array) -> Array:
        """Return what arrives at samples from `first` on [shape=(count, mics)], later by `late_s` [same shape]."""
        last_s = (first + count) / self.rate_hz
        begin_s = first / self.rate_hz
        grid_s = np.linspace(begin_s, last_s, max(2, round((last_s - begin_s) / STEP_S) + 1))
        tau = delays_s(self.path, self.mics_m, grid_s, self.air)
        times_s = (first + np.arange(count)) / self.rate_hz
        heard = np.empty((count, len(self.mics_m)))
        travelled = [np.interp(times_s, grid_s, column) for column in tau.T]
        for column, tau_s in enumerate(travelled):
            where = (times_s - tau_s - late_s[:, column] - self.origin_s) * self.rate_hz
            gain = 1.0 / np.maximum(tau_s * self.air.speed_mps, NEAREST_M)
            heard[:, column] = gain * self._take(where)
        self._drop(min(float(tau_s[-1]) for tau_s in travelled), last_s)
        return heard

    def _take(self, where: Array) -> Array:
        """Return the sound at fractional samples since the origin."""
        whole = np.floor(where).astype(np.intp)
        while self.at + len(self.sound) < int(whole.max()) + TAPS:
            self._make()
        fine = np.rint((where - whole) * FINE).astype(np.intp)
        index = whole - self.at - (TAPS // 2 - 1)
        if int(index.min()) < 0:
            raise ValueError("sound from before the origin is asked for")
        taken = self.sound[index[:, None] + np.arange(TAPS)]
        made: Array = np.einsum("nt,nt->n", taken, _SINC[fine])
        return made

    def _make(self) -> None:
        left_s = self.origin_s + self.made * HOP / self.rate_hz
        place = self.path(np.array([left_s]))[0]
        away = place - self.middle_m
        range_m = float(np.sqrt(away @ away))
        response: Response = 10.0 ** (-self.loss_db * range_m / 20.0)
        if self.bounce is not None and self.air.flow_pasm2 is not None:
            grazing = float(np.arcsin(min(1.0, abs(float(away[2])) / max(range_m, 1e-6))))
            response = response * reflection(self.hertz, grazing, self.air.flow_pasm2)
        self.made += 1
        self.sound = np.concatenate((self.sound, self.shaper.next(self.voice.hop()[None, :], response)[0]))

    def _drop(self, tau_s: float, now_s: float) -> None:
        """Forget what has passed; half a second is kept for whoever hears it last."""
        keep_from = int((now_s - tau_s - 0.5 - self.origin_s) * self.rate_hz) - TAPS - self.at
        if keep_from > 0:
            self.sound, self.at = self.sound[keep_from:], self.at + keep_from


def _mirrored(path: Path, ground_m: float) -> Path:
    def mirror(times_s: Array) -> Array:
        place = path(times_s).copy()
        place[:, 2] = 2.0 * ground_m - place[:, 2]
        return place

    return mirror


class Turbulence:
    """How rough fronts are along an array, and how their level fades; over `way_m` of air."""

    def __init__(self, mics_m: Array, air: Air, way_m: float, rate_hz: float, chance: Generator) -> None:
        self.chance, self.rate_hz = chance, rate_hz
        apart_m = np.sqrt(((mics_m[:, None] - mics_m) ** 2).sum(-1))
        structure = 2.92 * air.c2 * way_m * apart_m ** (5.0 / 3.0) / air.speed_mps**2
        middle = np.eye(len(mics_m)) - 1.0 / len(mics_m)
        values, vectors = np.linalg.eigh(-0.5 * middle @ structure @ middle)
        self.mix = vectors * np.sqrt(np.maximum(values, 0.0))
        self.step = max(1, round(0.05 * rate_hz))
        self.rough = Wander(1.0, TURBULENCE_S, self.step / rate_hz)
        fade_db = FADE_DB * min(1.0, np.sqrt(way_m / FADE_M)) if air.c2 > 0.0 else 0.0
        self.fade = Wander(fade_db, FADE_TAU_S, self.step / rate_hz)
        self.knots = np.array([self._knot(), self._knot()])
        self.at = 0

    def _knot(self) -> Array:
        late = self.mix @ self.rough.step(self.chance.standard_normal(len(self.mix)))
        return np.append(late, self.fade.step(self.chance.standard_normal(1)))

    def next(self, count: int) -> tuple[Array, Array]:
        """Return delays (s) [shape=(count, mics)] and gains [shape=(count,)] of the next samples."""
        place = (self.at + np.arange(count)) / self.step
        while len(self.knots) < int(place[-1]) + 2:
            self.knots = np.vstack((self.knots, self._knot()))
        index = place.astype(np.intp)
        share = (place - index)[:, None]
        values = (1.0 - share) * self.knots[index] + share * self.knots[index + 1]
        passed = int((self.at + count) / self.step)
        self.knots, self.at = self.knots[passed:], self.at + count - passed * self.step
        return values[:, :-1], 10.0 ** (values[:, -1] / 20.0)
