"""Directions of closed-form plane waves, and what an array says when something is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import AnyEvent, AzEl, Bearing, Block, Health, Place, Presence, Scan
from skysentry.sensing.acoustic.array.detector import ArrayDetector
from skysentry.sensing.acoustic.array.ear import hop_of, looks_of
from skysentry.sensing.acoustic.array.field import spectra
from skysentry.sensing.acoustic.array.geometry import Geometry
from skysentry.sensing.acoustic.array.sources import Sources
from skysentry.sensing.acoustic.array.steady import STEADY_S, Steady
from skysentry.site import Coverage, Sensor, SensorKind, Site, Weather

START_NS = 1_700_000_000_000_000_000
PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
RATE_HZ = 16_000
Mics = tuple[tuple[float, float, float], ...]


def circle(radius_m: float, mics: int, lift_m: float = 0.0) -> Mics:
    turns = [2.0 * math.pi * k / mics for k in range(mics)]
    return tuple((radius_m * math.cos(t), radius_m * math.sin(t), lift_m * (k % 2)) for k, t in enumerate(turns))


def line(length_m: float, mics: int) -> Mics:
    return tuple((length_m * k / (mics - 1), 0.0, 0.0) for k in range(mics))


def array(mics: Mics, heading_deg: float = 0.0, coverage: Coverage | None = None) -> Sensor:
    cover = coverage or Coverage()
    return Sensor(id="a", kind=SensorKind.ARRAY, position=PLACE, mics=mics, heading_deg=heading_deg, coverage=cover)


def unit(az_deg: float, el_deg: float) -> np.ndarray:
    az, el = math.radians(az_deg), math.radians(el_deg)
    return np.array([math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)])


# A multirotor's rotors never turn alike: one comb alone is an engine with one propeller.
ROTORS = (0.982, 0.994, 1.006, 1.018)


def drone(seconds: float, seed: int, rate_hz: int = RATE_HZ, f0_hz: float = 187.0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    made = np.zeros(len(time_s))
    for rotor in ROTORS:
        phase = 2.0 * np.pi * rotor * f0_hz * time_s + 2.0 * np.sin(2.0 * np.pi * 0.3 * time_s)
        gusts_db = chance.normal(0.0, 1.8, round(seconds * 4) + 1)
        gusts = np.repeat(10.0 ** (gusts_db / 20.0), rate_hz // 4)[: len(time_s)]
        made += gusts * sum(0.8**n * np.sin(n * phase + chance.uniform(0.0, 2.0 * np.pi)) for n in range(1, 11))
    return made / 2.0


def plane(sound: np.ndarray, sensor: Sensor, az_deg: float, el_deg: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Return a sound as a plane wave at the microphones [shape=(n, mics)]: delays by phases of the whole spectrum."""
    turn, own = math.radians(sensor.heading_deg), np.array(sensor.mics)
    # x is to the right of the heading, y along it: clockwise by the heading from east and north.
    rotation = np.array([[math.cos(turn), math.sin(turn), 0.0], [-math.sin(turn), math.cos(turn), 0.0], [0, 0, 1.0]])
    lead_s = own @ rotation.T @ unit(az_deg, el_deg) / (331.3 * math.sqrt(1.0 + 12.0 / 273.15))
    hertz = np.fft.rfftfreq(len(sound), 1.0 / rate_hz)
    spectrum = np.fft.rfft(sound)
    return np.fft.irfft(spectrum[:, None] * np.exp(2j * np.pi * hertz[:, None] * lead_s), len(sound), axis=0)


def noisy(sound: np.ndarray, level: float = 0.3, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (0.03 * (sound + level * chance.standard_normal(sound.shape))).astype(np.float32)


def cut(sound: np.ndarray, sizes: Sequence[int], rate_hz: int = RATE_HZ) -> list[Block]:
    blocks, at = [], 0
    while at < len(sound):
        part = np.ascontiguousarray(sound[at : at + sizes[min(len(blocks), len(sizes) - 1)]])
        end = at + len(part)
        blocks.append(
            Block(
                id=f"a:{len(blocks)}",
                time_ns=START_NS + round(at * 1e9 / rate_hz),
                received_ns=START_NS + round(end * 1e9 / rate_hz),
                sensor="a",
                rate_hz=float(rate_hz),
                dtype=str(part.dtype),
                shape=part.shape,
                data=part.tobytes(),
            )
        )
        at = end
    return blocks


def run(sensor: Sensor, sound: np.ndarray, sizes: Sequence[int] = (4_000,), rate_hz: int = RATE_HZ) -> list[AnyEvent]:
    detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
    return [e for block in cut(sound, sizes, rate_hz) for e in detector.step(block.received_ns, [block])]


def scans(events: Sequence[AnyEvent]) -> list[Scan]:
    return [event for event in events if isinstance(event, Scan)]


def reasons(events: Sequence[AnyEvent]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Health)]


def off_deg(one: float, other: float) -> float:
    return (one - other + 180.0) % 360.0 - 180.0


@pytest.mark.parametrize(
    ("mics", "heading_deg", "az_deg", "el_deg", "rate_hz"),
    [
        (circle(0.1, 8), 0.0, 57.0, 30.0, 16_000),
        (circle(0.05, 4), 200.0, 301.0, 55.0, 16_000),
        (circle(0.5, 8), 77.0, 12.0, 40.0, 48_000),
        (circle(1.0, 16), 10.0, 181.0, 65.0, 16_000),
        (circle(0.1, 6, 0.1), 333.0, 90.0, 8.0, 16_000),
        (circle(0.3, 5, 0.3), 45.0, 270.0, -15.0, 44_100),
        (circle(0.1, 3), 0.0, 222.0, 35.0, 22_050),
    ],
)
def test_a_plane_wave_comes_from_where_it_comes(
    mics: Mics, heading_deg: float, az_deg: float, el_deg: float, rate_hz: int
) -> None:
    sensor = array(mics, heading_deg)
    sound = noisy(plane(drone(4.0, 1, rate_hz), sensor, az_deg, el_deg, rate_hz))
    for scan in scans(run(sensor, sound, rate_hz=rate_hz))[1:]:
        (found,) = scan.detections
        z = found.measurement
        assert isinstance(z, AzEl)
        assert abs(off_deg(z.az_deg, az_deg)) < min(2.5 * z.sigma_az_deg, 2.0)
        assert abs(z.el_deg - el_deg) < min(2.5 * z.sigma_el_deg, 4.0)
        assert dict(found.class_llr)["multirotor"] > 0.75  # type: ignore[index]
        assert dict(found.features)["f0_hz"] == pytest.approx(187.0, rel=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_any_array_says_what_it_knows(seed: int) -> None:
    chance = np.random.default_rng(seed)
    mics = int(chance.integers(2, 17)) if seed else 2
    extent_m = float(10.0 ** chance.uniform(-1.0, 0.3))
    flat = 3 - seed % 3 if mics > 3 else 2
    places = chance.uniform(-0.5, 0.5, (mics, 3)) * extent_m
    places[:, flat if mics > 2 else 1 :] = 0.0
    is_line = mics == 2 or flat == 1
    cover = Coverage(az_deg=(270.0, 90.0), el_deg=(0.0, 30.0)) if is_line else None
    sensor = array(tuple((float(x), float(y), float(z)) for x, y, z in places), 0.0, cover)
    az_deg = float(chance.uniform(-70.0, 70.0) if is_line else chance.uniform(0.0, 360.0))
    el_deg = float(chance.uniform(1.0, 25.0 if is_line else 89.0))
    sound = noisy(plane(drone(3.0, seed), sensor, az_deg, el_deg), 10.0 ** float(chance.uniform(-1.0, 0.3)), seed)
    found = [d.measurement for scan in scans(run(sensor, sound))[1:] for d in scan.detections]
    assert found
    for z in found:
        if isinstance(z, AzEl):
            assert abs(off_deg(z.az_deg, az_deg)) < 3.0 * z.sigma_az_deg
            assert abs(z.el_deg - el_deg) < 3.0 * z.sigma_el_deg
        else:
            assert isinstance(z, Bearing)
            assert abs(off_deg(z.bearing_deg, az_deg)) < 3.0 * z.sigma_deg


@pytest.mark.parametrize("radius_m", [0.1, 0.5])
def test_errors_are_near_the_bound_of_cramer_and_rao_and_of_their_declared_size(radius_m: float) -> None:
    # White noise in white noise, 0 dB, 100 to 3,000 Hz: J = 2 T ∫ M s² / (1 + M s) (2πf/c)² df Σ r rᵀ with s = 1.
    sensor, chance = array(circle(radius_m, 8)), np.random.default_rng(1)
    hop, low_hz, high_hz, count = 1_600, 100.0, 3_000.0, 17_600
    hertz = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    inside = (hertz > low_hz) & (hertz < high_hz)
    true = unit(57.0, 40.0)
    speed = 331.3 * math.sqrt(1.0 + 12.0 / 273.15)
    lead_s = np.array(sensor.mics) @ true / speed
    whole = 2.0 * 1.1 * 8.0 / 9.0 * (2.0 * math.pi / speed) ** 2 * (high_hz**3 - low_hz**3) / 3.0
    bound = 2.0 / (whole * 8.0 * radius_m**2 / 2.0)
    square, nees = [], []
    for _ in range(40):
        sources = Sources(Geometry(sensor, Weather()), RATE_HZ, hop, 10, None)
        for _ in range(2):
            noise = chance.standard_normal((9, len(hertz), 2)) @ (1.0, 1j)
            spectrum = inside * noise[0] * np.exp(2j * np.pi * hertz * lead_s[:, None]) + noise[1:]
            sound = np.fft.irfft(spectrum, count, axis=1).T.astype(np.float32)
            sources.look(np.ascontiguousarray(spectra(sound, hop)[:, sources.bins.k]))
        (one,) = sources.sources
        off = one.fit.q - sources.geometry.basis @ true
        square.append(float(off @ off))
        nees.append(float(off @ one.fit.information @ off) / 2.0)
    # 40 trials of two axes: the mean square is known to 16 % (1 σ), the root to 8 %.
    assert 0.8 < math.sqrt(float(np.mean(square)) / bound) < 1.3
    assert 0.5 < float(np.mean(nees)) < 1.5


def test_a_scan_is_stamped_in_the_middle_of_its_second_and_names_its_blocks() -> None:
    sensor = array(circle(0.1, 4))
    made = scans(run(sensor, noisy(plane(drone(3.0, 2), sensor, 10.0, 20.0)), (8_000,)))
    assert [scan.time_ns - START_NS for scan in made] == [450_000_000, 1_450_000_000, 2_450_000_000]
    assert [scan.id for scan in made] == [f"a@{scan.time_ns}" for scan in made]
    assert made[-1].detections[0].id == f"{made[-1].id}#0"
    assert made[-1].detections[0].evidence == ("a:4", "a:5")
    assert made[-1].noise_db is not None
    assert made[-1].reach_m is not None


def test_near_the_zenith_the_azimuth_says_little_and_the_elevation_all() -> None:
    sensor = array(circle(0.2, 8))
    z = scans(run(sensor, noisy(plane(drone(3.0, 3), sensor, 100.0, 88.5))))[-1].detections[0].measurement
    assert isinstance(z, AzEl)
    assert z.el_deg == pytest.approx(88.5, abs=1.0)
    assert z.sigma_el_deg < 2.0
    assert z.sigma_az_deg > 10.0


def test_near_the_horizon_a_flat_array_does_not_know_the_elevation_and_says_so() -> None:
    sensor = array(circle(0.2, 8))
    z = scans(run(sensor, noisy(plane(drone(3.0, 4), sensor, 100.0, 1.0))))[-1].detections[0].measurement
    assert isinstance(z, AzEl)
    assert abs(off_deg(z.az_deg, 100.0)) < 1.0
    assert 0.0 <= z.el_deg < 3.0 * z.sigma_el_deg
    assert z.sigma_el_deg > 2.0


def test_a_line_gives_a_bearing_on_the_side_it_listens_to_and_none_without_one() -> None:
    one_side = array(line(0.6, 4), 0.0, Coverage(az_deg=(270.0, 90.0), el_deg=(0.0, 30.0)))
    sound = noisy(plane(drone(3.0, 5), one_side, 30.0, 5.0))
    z = scans(run(one_side, sound))[-1].detections[0].measurement
    assert isinstance(z, Bearing)
    assert abs(off_deg(z.bearing_deg, 30.0)) < 3.0 * z.sigma_deg
    assert z.sigma_deg < 10.0
    both = array(line(0.6, 4))
    events = run(both, sound)
    assert isinstance(scans(events)[-1].detections[0].measurement, Presence)
    assert any("several directions" in reason for reason in reasons(events))


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_noise_has_no_direction(shared: float) -> None:
    # Shared noise is the same in all microphones of a flat array: what rustles overhead for a naive beamformer.
    sensor, chance = array(circle(0.05, 6)), np.random.default_rng(6)
    own = chance.standard_normal((RATE_HZ * 6, 6))
    detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
    sound = (0.01 * (own + shared * _diffuse(np.array(sensor.mics), RATE_HZ * 6, chance))).astype(np.float32)
    found = [s for b in cut(sound, (4_000,)) for s in scans(detector.step(b.received_ns, [b]))]
    assert len(found) == 6
    assert all(not scan.detections for scan in found)
    sources = detector.arrays["a"].sources
    assert sources is not None
    assert sources.next_key == 0


def _diffuse(mics: np.ndarray, count: int, chance: np.random.Generator) -> np.ndarray:
    """Noise of 200 plane waves from all over the sphere."""
    z = chance.uniform(-1.0, 1.0, 200)
    turn = chance.uniform(0.0, 2.0 * math.pi, 200)
    flat = np.sqrt(1.0 - z * z)
    leads_s = mics @ np.stack((flat * np.cos(turn), flat * np.sin(turn), z)) / 340.0
    hertz = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    total = np.zeros((len(hertz), len(mics)), dtype=complex)
    for lead_s in leads_s.T:
        wave = np.fft.rfft(chance.standard_normal(count))
        total += wave[:, None] * np.exp(2j * np.pi * hertz[:, None] * lead_s)
    return np.fft.irfft(total, count, axis=0) / math.sqrt(200.0) * 3.0


def recorded(path: Path) -> np.ndarray:
    """Return a recording of 10 s at 16 kHz, as loud as `drone` makes one."""
    sound, rate_hz = soundfile.read(path, always_2d=True)
    made: np.ndarray = soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ)[: 10 * RATE_HZ]
    return made * float(np.std(drone(1.0, 8)) / np.std(made))


def test_two_sound_at_once_and_one_that_stops_is_dropped(shared_data: Callable[[str], Path]) -> None:
    sensor = array(circle(0.3, 8))
    first = plane(drone(10.0, 7), sensor, 40.0, 30.0)
    folder = shared_data("A-svanstrom-audio") / "flac"
    second = np.zeros_like(first)
    heard = plane(recorded(folder / "DRONE_001.flac"), sensor, 200.0, 20.0)
    second[: len(heard)] = heard[: len(second)]
    second[: 2 * RATE_HZ] = 0.0
    second[6 * RATE_HZ :] = 0.0
    detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
    seen = []
    for block in cut(noisy(first + second), (16_000,)):
        made = scans(detector.step(block.received_ns, [block]))
        seen.append([d.measurement.az_deg for d in made[0].detections if isinstance(d.measurement, AzEl)])
    near = [[sum(abs(off_deg(az, true)) < 3.0 for az in row) for true in (40.0, 200.0)] for row in seen]
    assert all(one == 1 for one, _ in near[1:])
    assert sum(other for _, other in near[3:6]) >= 2
    assert all(other == 0 for _, other in near[:2] + near[7:])
    assert all(len(row) <= 2 for row in seen)
    sources = detector.arrays["a"].sources
    assert sources is not None
    assert len(sources.sources) == 1


def test_a_dead_microphone_is_named_and_left_out() -> None:
    sensor = array(circle(0.2, 6))
    sound = noisy(plane(drone(6.0, 9), sensor, 120.0, 35.0))
    sound[2 * RATE_HZ :, 3] = 0.0
    events = run(sensor, sound)
    assert "microphone 4 is dead" in reasons(events)
    z = scans(events)[-1].detections[0].measurement
    assert isinstance(z, AzEl)
    assert abs(off_deg(z.az_deg, 120.0)) < 2.0
    assert abs(z.el_deg - 35.0) < 4.0


def test_a_microphone_that_has_become_soft_is_named() -> None:
    sensor = array(circle(0.1, 4))
    sound = 0.01 * np.random.default_rng(1).standard_normal((RATE_HZ * 62, 4)).astype(np.float32)
    sound[:, 1] *= 0.2
    assert "microphone 2 is 14 dB softer than the others" in reasons(run(sensor, sound, (16_000,)))


def test_another_number_of_channels_is_told_and_heard_as_one_microphone() -> None:
    sensor = array(circle(0.1, 8))
    events = run(sensor, noisy(np.repeat(drone(4.0, 10)[:, None], 6, axis=1)))
    assert "the sound has 6 channels, `mics` has 8" in reasons(events)
    assert len(scans(events)) == 4
    assert isinstance(scans(events)[-1].detections[0].measurement, Presence)


@pytest.mark.parametrize(("mics", "word"), [(((0.0, 0.0, 0.0),), "2 to 16"), (((0.1, 0, 0),) * 4, "one place")])
def test_a_geometry_that_gives_no_direction_is_told(mics: Mics, word: str) -> None:
    sensor = array(mics)
    events = run(sensor, noisy(np.repeat(drone(3.0, 11)[:, None], len(mics), axis=1)))
    assert any(word in reason for reason in reasons(events))
    assert len(scans(events)) == 3


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=12), at=st.integers(0, 20), seed=st.integers(0, 9))
def test_neither_blocks_nor_a_snapshot_change_anything(sizes: list[int], at: int, seed: int) -> None:
    sensor = array(circle(0.15, 5))
    site = Site(position=PLACE, sensors=(sensor,))
    sound = noisy(plane(drone(3.3, seed), sensor, 33.0, 44.0), seed=seed)
    expected = scans(run(sensor, sound, (4_000,)))
    blocks = cut(sound, [*sizes, 5_000])
    detector = ArrayDetector(site)
    found = [e for b in blocks[:at] for e in detector.step(b.received_ns, [b])]
    other = ArrayDetector(site)
    other.restore(detector.snapshot())
    assert other.snapshot() == detector.snapshot()
    found += [e for b in blocks[at:] for e in other.step(b.received_ns, [b])]
    assert [(s.id, [(d.measurement, d.class_llr) for d in s.detections]) for s in scans(found)] == [
        (s.id, [(d.measurement, d.class_llr) for d in s.detections]) for s in expected
    ]


def test_a_snapshot_of_something_else_is_refused() -> None:
    detector = ArrayDetector(Site(position=PLACE, sensors=(array(circle(0.1, 4)),)))
    for state in (b"", b"\x93\x01\x80", b"\xff" * 20):
        with pytest.raises(StateError):
            detector.restore(state)
    sound = noisy(plane(drone(2.0, 1), array(circle(0.1, 4)), 33.0, 44.0))
    for block in cut(sound, (8_000,)):
        detector.step(block.received_ns, [block])
    other = ArrayDetector(Site(position=PLACE, sensors=(array(circle(0.1, 5)),)))
    with pytest.raises(StateError):
        other.restore(detector.snapshot())


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(-1, 40),
    channels=st.integers(0, 9),
    dtype=st.sampled_from(["int16", "float32", "float64", "int32", "complex64", "U1"]),
    rate_hz=st.sampled_from([16_000.0, 11_025.0, 8_001.0, 1.0, 1e9]),
    time_ns=st.integers(0, 2**63 - 1),
    data=st.binary(max_size=200),
)
def test_nothing_that_is_sent_breaks_it(
    frames: int, channels: int, dtype: str, rate_hz: float, time_ns: int, data: bytes
) -> None:
    detector = ArrayDetector(Site(position=PLACE, sensors=(array(circle(0.1, 4)),)))
    for index, size in enumerate((len(data), max(0, frames * channels) * 4, max(0, frames * channels) * 2)):
        block = Block(
            id=f"x{index}",
            time_ns=time_ns,
            received_ns=time_ns,
            sensor="a",
            rate_hz=rate_hz,
            dtype=dtype,
            shape=(frames, channels),
            data=(data * (size // max(1, len(data)) + 1))[:size],
        )
        assert all(isinstance(event, Scan | Health) for event in detector.step(time_ns, [block]))
    detector.restore(detector.snapshot())


def test_sound_that_is_no_number_and_gaps_are_told() -> None:
    sensor = array(circle(0.1, 4))
    sound = noisy(plane(drone(4.0, 1), sensor, 33.0, 44.0))
    sound[100:110, 2] = np.nan
    blocks = cut(sound, (8_000,))
    detector = ArrayDetector(Site(position=PLACE, sensors=(sensor,)))
    events = [e for b in blocks[:3] + blocks[5:] for e in detector.step(b.received_ns, [b])]
    assert "samples that are not numbers" in reasons(events)
    assert "gap" in reasons(events)
    # One whole second before the gap, and one after it.
    assert len(scans(events)) == 2


@settings(max_examples=40, deadline=None)
@given(
    az_deg=st.floats(0.0, 359.9),
    el_deg=st.floats(0.0, 90.0),
    lift_m=st.sampled_from([0.0, 0.1]),
    sigma=st.floats(1e-4, 0.03),
)
def test_an_exact_slowness_gives_its_direction(az_deg: float, el_deg: float, lift_m: float, sigma: float) -> None:
    geometry = Geometry(array(circle(0.1, 6, lift_m)), Weather(temperature_c=12.0))
    q = geometry.slowness(unit(az_deg, el_deg)[None])[0]
    found = geometry.direction(q, np.eye(geometry.rank) / sigma**2)
    assert found is not None
    assert 0.0 < found.sigma_el < 1.0
    # The posterior of a bounded thing leans inwards from its bound, by a good part of its sigma.
    assert abs(math.degrees(found.el) - el_deg) < 1.6 * math.degrees(found.sigma_el) + 0.05
    assert abs(off_deg(math.degrees(found.az), az_deg)) < max(0.5 * math.degrees(found.sigma_az), 0.05) or el_deg > 85.0


def test_wind_and_warmth_are_taken_into_account() -> None:
    windy = Geometry(array(circle(0.5, 6)), Weather(temperature_c=-10.0, wind_from_deg=0.0, wind_mps=10.0))
    # Against a wind from the north sound from the south is slower: its slowness is longer.
    north, south = (windy.slowness(unit(az, 0.0)[None])[0] for az in (0.0, 180.0))
    speed = 331.3 * math.sqrt(1.0 - 10.0 / 273.15)
    assert np.linalg.norm(north) == pytest.approx(speed / (speed + 10.0), rel=1e-6)
    assert np.linalg.norm(south) == pytest.approx(speed / (speed - 10.0), rel=1e-6)


def test_rates_are_cut_into_whole_looks() -> None:
    assert [looks_of(rate) for rate in (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)] == [10, 9, 10, 10, 10, 10]
    assert hop_of(16_000) == 1_600
    assert hop_of(8_009) is None


def test_a_fan_becomes_a_machine_of_the_place_and_a_hovering_drone_does_not() -> None:
    chance = np.random.default_rng(3)
    fan, drone_ = Steady(), Steady()
    turned = [fan.hear([0.3, 0.4], 120.0 + 0.05 * chance.normal()) for _ in range(STEADY_S + 50)]
    assert turned.index(True) == STEADY_S - 1
    assert fan.own
    hover_q = chance.normal(0.0, 0.02, (STEADY_S + 50, 2)) + 0.3
    assert not any(drone_.hear(q.tolist(), 120.0 * (1.0 + 0.01 * chance.normal())) for q in hover_q)
    # The fan flies away: it was none.
    for step in range(200):
        fan.hear([0.3 + 0.01 * step, 0.4], 120.0)
    assert not fan.own
