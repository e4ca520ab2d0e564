"""Directions by arrays against their bounds. Everything here is simulated.

    python -m bench.doa [accuracy] [angles] [built] [noise] [pairs] [cost]      all of them by default

accuracy   error against the Cramér–Rao bound of the spectrum after 500 m of air, by source, radius and SNR
angles     errors and sigmas from the horizon to the zenith
built      the same for arrays that are not as declared (2 mm, 1 dB, 4 °C), in turbulence and noise from all round:
           NEES, the mean squared error in declared sigmas, which is 1 for honest ones
noise      false sources in noise of several kinds
pairs      two sources at once
cost       CPU per array-second

The bound is computed here by itself: for independent noise of density N at M microphones and a signal of density S,

    J = 2 T ∫ M s² / (1 + M s) (2πf/c)² df · Σ r rᵀ,   s = S/N

(Gaussian signal of unknown spectrum, direction cosines as parameters; Weinstein and Weiss), with S from the noise-free
sound of that very second, by a Hann window over all of it, smoothed over 3 bins. SNR is that of one microphone, 60 Hz
to 4 kHz, in which band the noise is white.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng

from bench import cpu_s, show
from skysentry.events import AzEl, Bearing, Place, Scan
from skysentry.geo import Array, Frame
from skysentry.sensing.acoustic.array.detector import ArrayDetector
from skysentry.sensing.acoustic.array.field import spectra
from skysentry.sensing.acoustic.array.geometry import Geometry
from skysentry.sensing.acoustic.array.sources import Sources
from skysentry.sim.sound import ArraySound, Source, Surroundings, hover, placed_m
from skysentry.sim.sound_voices import Jet, Multirotor, Piston, Voice
from skysentry.sim.sound_way import Air
from skysentry.site import Sensor, SensorKind, Site, Weather

RATE_HZ, HOP = 16_000, 1_600
PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
SILENT = Surroundings(ambient_db=None, own_db=-80.0)
BAND_HZ = (60.0, 4000.0)
Maker = Callable[[Generator, float], Voice]
VOICES: dict[str, Maker] = {
    "quadcopter": lambda chance, rate: Multirotor(chance, rate),
    "piston drone": lambda chance, rate: Piston(chance, rate, shaft_hz=88.0),
    "jet": lambda chance, rate: Jet(chance, rate),
}


def circle(radius_m: float, mics: int, lift_m: float = 0.0) -> tuple[tuple[float, float, float], ...]:
    """Microphones on a circle; with `lift_m` every second is lifted."""
    turns = [2.0 * math.pi * k / mics for k in range(mics)]
    return tuple((radius_m * math.cos(t), radius_m * math.sin(t), lift_m * (k % 2)) for k, t in enumerate(turns))


def array(radius_m: float, mics: int = 8, lift_m: float = 0.0) -> Sensor:
    return Sensor(id="array", kind=SensorKind.ARRAY, position=PLACE, mics=circle(radius_m, mics, lift_m))


def towards(az_deg: float, el_deg: float) -> Array:
    az, el = math.radians(az_deg), math.radians(el_deg)
    return np.array([math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)])


def clean(sensor: Sensor, make: Maker, unit: Array, away_m: float, seconds: int, seed: int) -> Array:
    """Noise-free pressure [shape=(samples, mics)] of a source that hovers far away."""
    source = Source("it", make, hover(*(unit * away_m).tolist()))
    air = Air(temperature_c=Weather().temperature_c)
    return ArraySound(sensor, Frame.at(PLACE), [source], seed=seed, air=air, around=SILENT).next(seconds * RATE_HZ)


def band_noise(shape: tuple[int, int], chance: Generator) -> Array:
    """White noise in the band, of unit power [shape=(samples, mics)]."""
    spectrum = np.fft.rfft(chance.standard_normal(shape), axis=0)
    hertz = np.fft.rfftfreq(shape[0], 1.0 / RATE_HZ)
    spectrum[(hertz < BAND_HZ[0]) | (hertz > BAND_HZ[1])] = 0.0
    noise = np.fft.irfft(spectrum, shape[0], axis=0)
    return noise / noise.std()


def in_band(sound: Array) -> float:
    """Power of one channel in the band."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
    keep = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    return 2.0 * float((np.abs(spectrum[keep]) ** 2).sum()) / len(sound) ** 2


def bound(sensor: Sensor, sound: Array, noise_power: float, speed_mps: float) -> Array:
    """Information [shape=(2, 2)] of the horizontal direction cosines in a stretch of noise-free sound."""
    window = np.hanning(len(sound))
    density = 2.0 * np.abs(np.fft.rfft(sound * window)) ** 2 / (RATE_HZ * (window**2).sum())
    density = np.convolve(density, np.ones(3) / 3.0, mode="same")
    hertz = np.fft.rfftfreq(len(sound), 1.0 / RATE_HZ)
    keep = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    s = density[keep] / (noise_power / (BAND_HZ[1] - BAND_HZ[0]))
    mics = np.array(sensor.mics)
    flat = (mics - mics.mean(axis=0))[:, :2]
    m = len(mics)
    duration_s = len(sound) / RATE_HZ
    total = float((m * s**2 / (1.0 + m * s) * (2.0 * np.pi * hertz[keep] / speed_mps) ** 2).sum()) / duration_s
    return 2.0 * duration_s * total * flat.T @ flat


def look(sources: Sources, sound: Array, second: int) -> list[tuple[Array, Array]]:
    """Slowness and its information of the sources of one second, the best known first."""
    begin = second * RATE_HZ - HOP
    part = (sound[begin : begin + RATE_HZ + HOP] / 0.02).astype(np.float32)
    found = sources.look(np.ascontiguousarray(spectra(part, HOP)[:, sources.bins.k]))
    return [(one.fit.q @ sources.geometry.basis, one.fit.information) for one in sorted(found, key=lambda one: one.key)]


def fresh(sensor: Sensor) -> Sources:
    return Sources(Geometry(sensor, Weather()), RATE_HZ, HOP, 10, None)


def accuracy(trials: int = 12, seconds: int = 7) -> None:
    rows = []
    unit = towards(57.0, 30.0)
    for name, make in VOICES.items():
        for radius in (0.1, 0.5):
            sensor = array(radius)
            speed = Geometry(sensor, Weather()).speed_mps
            sounds = [clean(sensor, make, unit, 500.0, seconds, seed) for seed in range(trials)]
            for snr_db in (20.0, 10.0, 0.0, -6.0):
                square, bounds, nees, lost, told = 0.0, 0.0, 0.0, 0, 0
                for seed, sound in enumerate(sounds):
                    power = in_band(sound[:, 0]) * 10.0 ** (-snr_db / 10.0)
                    noisy = sound + math.sqrt(power) * band_noise(sound.shape, default_rng(1000 + seed))
                    sources = fresh(sensor)
                    for second in range(1, seconds):
                        found = look(sources, noisy, second)
                        if second == 1:
                            continue
                        if not found or np.linalg.norm(found[0][0][:2] - unit[:2]) > 0.3:
                            lost += 1
                            continue
                        stretch = sound[second * RATE_HZ - HOP : (second + 1) * RATE_HZ, 0]
                        error = found[0][0][:2] - unit[:2]
                        square += float(error @ error)
                        bounds += float(np.trace(np.linalg.inv(bound(sensor, stretch, power, speed))))
                        # The basis of a circle in the plane is a rotation of it.
                        q = fresh_basis(sources) @ found[0][0] - fresh_basis(sources) @ unit
                        nees += float(q @ found[0][1] @ q) / 2.0
                        told += 1
                rows.append(
                    {
                        "source": name,
                        "radius m": radius,
                        "SNR dB": snr_db,
                        "bound °": math.degrees(math.sqrt(bounds / max(told, 1))),
                        "RMSE °": math.degrees(math.sqrt(square / max(told, 1))),
                        "ratio": math.sqrt(square / max(bounds, 1e-30)),
                        "NEES": nees / max(told, 1),
                        "seconds": told,
                        "lost": lost,
                    }
                )
    note = "degrees of the direction cosines (both axes together); goal: ratio ≤ 1.3 for SNR ≥ 0 dB. Simulated."
    show("Error against the Cramér–Rao bound, 8 microphones, 500 m, 1 s, el 30°", rows, note)


def fresh_basis(sources: Sources) -> Array:
    return sources.geometry.basis


def chain(
    sensor: Sensor,
    make: Maker,
    unit: Array,
    seed: int,
    *,
    away_m: float = 150.0,
    seconds: float = 6.0,
    air: Air | None = None,
    around: Surroundings = SILENT,
    mics_m: Array | None = None,
) -> list[Scan]:
    """The scans of the whole detector for one hovering source."""
    source = Source("it", make, hover(*(unit * away_m).tolist()))
    sound = ArraySound(sensor, Frame.at(PLACE), [source], seed=seed, air=air or Air(), around=around, mics_m=mics_m)
    detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
    made = [e for b in sound.blocks(10**18, seconds) for e in detector.step(b.received_ns, [b])]
    return [event for event in made if isinstance(event, Scan)]


def told(scans: list[Scan], az_deg: float, el_deg: float) -> list[tuple[float, float, float, float, bool]]:
    """Errors and sigmas (az, el, σaz, σel) of the nearest direction in each scan after the first two."""
    found = []
    for scan in scans[2:]:
        for detection in scan.detections[:1]:
            z = detection.measurement
            if isinstance(z, AzEl):
                off = (z.az_deg - az_deg + 180.0) % 360.0 - 180.0
                found.append((off, z.el_deg - el_deg, z.sigma_az_deg, z.sigma_el_deg, False))
            elif isinstance(z, Bearing):
                off = (z.bearing_deg - az_deg + 180.0) % 360.0 - 180.0
                found.append((off, 0.0, z.sigma_deg, 1.0, True))
    return found


def _row(found: list[tuple[float, float, float, float, bool]]) -> dict[str, float | int | None]:
    if not found:
        return dict.fromkeys(("RMS az °", "σ az °", "NEES az", "RMS el °", "σ el °", "NEES el"))
    table = np.array([one[:4] for one in found])
    angles = table[[not one[4] for one in found]]
    row: dict[str, float | int | None] = {
        "RMS az °": float(np.sqrt((table[:, 0] ** 2).mean())),
        "σ az °": float(np.sqrt((table[:, 2] ** 2).mean())),
        "NEES az": float(((table[:, 0] / table[:, 2]) ** 2).mean()),
        "RMS el °": None,
        "σ el °": None,
        "NEES el": None,
    }
    if len(angles):
        row["RMS el °"] = float(np.sqrt((angles[:, 1] ** 2).mean()))
        row["σ el °"] = float(np.sqrt((angles[:, 3] ** 2).mean()))
        row["NEES el"] = float(((angles[:, 1] / angles[:, 3]) ** 2).mean())
    return row


def angles(trials: int = 4) -> None:
    rows = []
    for label, sensor in (("flat", array(0.1)), ("lifted 10 cm", array(0.1, lift_m=0.1)), ("flat 1 m", array(0.5))):
        for el_deg in (2.0, 10.0, 30.0, 60.0, 80.0, 88.0):
            found = []
            for seed in range(trials):
                az_deg = 77.0 * seed + 20.0
                around = Surroundings(ambient_db=None, own_db=37.0)
                scans = chain(sensor, VOICES["quadcopter"], towards(az_deg, el_deg), seed, around=around)
                found += told(scans, az_deg, el_deg)
            rows.append({"array": label, "el °": el_deg, "told": len(found), **_row(found)})
    show("From the horizon to the zenith, quadcopter at 150 m, own noise of 37 dB", rows, "simulated")


def built(trials: int = 24) -> None:
    rows = []
    around = Surroundings(ambient_db=32.0, wind_mps=2.0)
    for label, sensor in (("flat 0.2 m", array(0.1)), ("flat 1 m", array(0.5)), ("lifted 1 m", array(0.5, lift_m=0.4))):
        for el_deg in (5.0, 35.0, 70.0):
            found = []
            for seed in range(trials):
                chance = default_rng(seed)
                az_deg = float(chance.uniform(0.0, 360.0))
                mics = placed_m(sensor, Frame.at(PLACE)) + 0.002 * chance.standard_normal((8, 3))
                air = Air(temperature_c=12.0 + 4.0 * float(chance.standard_normal()), c2=3e-7)
                unit = towards(az_deg, el_deg)
                scans = chain(
                    sensor, VOICES["quadcopter"], unit, seed, away_m=100.0, air=air, around=around, mics_m=mics
                )
                found += told(scans, az_deg, el_deg)
            rows.append({"array": label, "el °": el_deg, "told": len(found), **_row(found)})
    note = "as built: 2 mm a microphone, 4 °C, C² = 3e-7, noise from all round, wind of 2 m/s. Simulated."
    show("Arrays that are not as declared: are the sigmas honest?", rows, note)


def noise(seconds: int = 600) -> None:
    rows = []
    kinds = {
        "own": Surroundings(ambient_db=None, own_db=40.0),
        "from all round": Surroundings(ambient_db=45.0),
        "wind 4 m/s": Surroundings(ambient_db=30.0, wind_mps=4.0),
        "wind 10 m/s": Surroundings(ambient_db=30.0, wind_mps=10.0),
    }
    for radius, mics in ((0.05, 4), (0.1, 8), (0.5, 8), (1.0, 16)):
        sensor = array(radius, mics)
        for name, around in kinds.items():
            sound = ArraySound(sensor, Frame.at(PLACE), [], seed=5, around=around)
            sources, tail = fresh(sensor), sound.next(HOP)
            births = sure = 0
            for _ in range(seconds):
                part = np.concatenate((tail, sound.next(RATE_HZ)))
                tail = part[-HOP:]
                found = sources.look(
                    np.ascontiguousarray(spectra((part / 0.02).astype(np.float32), HOP)[:, sources.bins.k])
                )
                births, sure = sources.next_key, sure + len(found)
            rows.append({"radius m": radius, "mics": mics, "noise": name, "births": births, "sure seconds": sure})
    bound_h = 3.0 * 3600.0 / seconds
    note = f"{seconds} s each; none means below {bound_h:.0f} an hour (95 %). A detection needs a drone's sound too."
    show("False sources in noise alone", rows, note)


def pairs(trials: int = 4) -> None:
    rows = []
    for radius in (0.1, 0.5):
        sensor = array(radius)
        for apart_deg in (10.0, 20.0, 45.0, 90.0):
            both, errors, seconds, ghosts, nees = 0, [], 0, 0, []
            for seed in range(trials):
                one, two = towards(40.0, 25.0), towards(40.0 + apart_deg, 25.0)
                sources = [
                    Source("quad", VOICES["quadcopter"], hover(*(one * 100.0).tolist())),
                    Source(
                        "piston",
                        lambda c, r: Piston(c, r, level_db=82.0, shaft_hz=70.0),
                        hover(*(two * 100.0).tolist()),
                    ),
                ]
                around = Surroundings(ambient_db=30.0, wind_mps=1.0)
                sound = ArraySound(sensor, Frame.at(PLACE), sources, seed=seed, around=around).next(8 * RATE_HZ)
                found_by = fresh(sensor)
                for second in range(1, 8):
                    looked = look(found_by, sound, second)
                    found = [q[:2] for q, _ in looked]
                    if second < 3:
                        continue
                    seconds += 1
                    off = [min((float(np.linalg.norm(q - u[:2])) for q in found), default=9.0) for u in (one, two)]
                    both += max(off) < math.sin(math.radians(apart_deg / 3.0))
                    errors += [value for value in off if value < math.sin(math.radians(apart_deg / 3.0))]
                    ghosts += max(0, len(found) - 2)
                    for q, information in looked:
                        error = min((q - unit for unit in (one, two)), key=lambda e: float(np.linalg.norm(e[:2])))
                        error = found_by.geometry.basis @ error
                        nees.append(float(error @ information @ error) / 2.0)
            rms = math.degrees(math.sqrt(float(np.mean(np.square(errors))))) if errors else None
            rows.append(
                {
                    "radius m": radius,
                    "apart °": apart_deg,
                    "both": both / seconds,
                    "median °": math.degrees(float(np.median(errors))) if errors else None,
                    "RMSE °": rms,
                    "NEES": float(np.mean(nees)) if nees else None,
                    "ghosts": ghosts / seconds,
                }
            )
    show(
        "A quadcopter and a piston engine at 100 m, equally loud", rows, "share of seconds with both found. Simulated."
    )


def cost() -> None:
    rows = []
    sensor = array(0.1)
    for name, sources in (
        ("nothing there", []),
        ("a quadcopter", [Source("it", VOICES["quadcopter"], hover(60.0, 60.0, 40.0))]),
    ):
        sound = ArraySound(sensor, Frame.at(PLACE), sources, seed=1, around=Surroundings(ambient_db=35.0, wind_mps=2.0))
        blocks = list(sound.blocks(10**18, 30.0))
        detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
        for block in blocks[:100]:
            detector.step(block.received_ns, [block])
        _, spent = cpu_s(lambda d=detector, b=blocks: [d.step(one.received_ns, [one]) for one in b[100:]])
        samples = [np.frombuffer(b.data, "<i2").reshape(b.shape).astype(np.float32) for b in blocks[100:]]
        whole = np.concatenate(samples)
        found_by = fresh(sensor)

        def looks(whole: Array = whole, found_by: Sources = found_by) -> None:
            for second in range(1, 20):
                part = whole[second * RATE_HZ - HOP : (second + 1) * RATE_HZ]
                found_by.look(np.ascontiguousarray(spectra(part, HOP)[:, found_by.bins.k]))

        looks()
        _, alone = cpu_s(looks)
        rows.append(
            {
                "sound": name,
                "directions ms/s": alone / 19 * 1e3,
                "arrays a core": round(19 / alone),
                "with detector ms/s": spent / 20 * 1e3,
                "arrays a core, all": round(20 / spent),
            }
        )
    show("CPU of one 8-microphone array at 16 kHz (10 looks a second)", rows, "numpy alone, no numba")


PARTS = {"accuracy": accuracy, "angles": angles, "built": built, "noise": noise, "pairs": pairs, "cost": cost}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
