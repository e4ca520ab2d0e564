"""The simulator's sound against laws computed here in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skysentry.events import Place
from skysentry.geo import Array, Frame
from skysentry.sim.sound import ArraySound, Source, Surroundings, hover, placed_m, straight
from skysentry.sim.sound_shape import Noise, frequencies_hz, level_pa, scaled
from skysentry.sim.sound_voices import Jet, Multirotor, Piston, Tone, White
from skysentry.sim.sound_way import Air, Path, Turbulence, reflection
from skysentry.site import Sensor, SensorKind

PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
FRAME = Frame.at(PLACE)
RATE_HZ = 16_000.0
SILENT = Surroundings(ambient_db=None, own_db=-100.0)
ROW = ((0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.0, 0.3, 0.0), (0.1, 0.2, 0.4))


def array(mics: tuple[tuple[float, float, float], ...] = ROW, heading_deg: float = 0.0) -> Sensor:
    return Sensor(id="a", kind=SensorKind.ARRAY, position=PLACE, mics=mics, heading_deg=heading_deg)


def tone(hz: float, path: Path, seconds: float = 1.0, air: Air | None = None, mast_m: float = 2.0) -> Array:
    source = Source("it", lambda chance, rate_hz: Tone(hz, rate_hz), path)
    flat = array(tuple((x, y, 0.0) for x, y, _ in ROW)) if mast_m < 1.0 else array()
    heard = ArraySound(flat, FRAME, [source], seed=1, air=air, around=SILENT, mast_m=mast_m)
    return heard.next(round(seconds * RATE_HZ))


def phase(sound: Array, hz: float) -> Array:
    """Return the phase of a tone at its middle."""
    times_s = (np.arange(len(sound)) - len(sound) / 2) / RATE_HZ
    window = np.hanning(len(sound))[:, None]
    return np.angle((sound * window * np.exp(-2j * np.pi * hz * times_s)[:, None]).sum(axis=0))


def test_each_microphone_hears_at_its_own_time() -> None:
    place = np.array([60.0, 80.0, 30.0])
    air = Air(temperature_c=20.0)
    sound = tone(700.0, hover(*place.tolist()), air=air)
    delays_s = np.linalg.norm(place - np.array(ROW), axis=1) / air.speed_mps
    expected = -2.0 * np.pi * 700.0 * (delays_s - delays_s[0])
    measured = phase(sound, 700.0)
    off = np.angle(np.exp(1j * (measured - measured[0] - expected)))
    # A millionth of a second is 4 mrad at 700 Hz.
    assert np.abs(off).max() < 1e-3


def test_what_flies_towards_sounds_higher_by_the_law_of_doppler() -> None:
    speed = Air().speed_mps
    sound = tone(1000.0, straight((200.0, 0.0, 0.0), (-40.0, 0.0, 0.0)))[:, :1]
    spectrum = np.abs(np.fft.rfft(sound[:, 0] * np.hanning(len(sound)), 1 << 19))
    peak_hz = float(spectrum.argmax()) * RATE_HZ / (1 << 19)
    assert peak_hz == pytest.approx(1000.0 / (1.0 - 40.0 / speed), abs=0.05)


def test_wind_carries_the_sound() -> None:
    # 100 m downwind at 10 m/s: the way takes r / (c + w).
    place, speed = np.array([0.0, 100.0, 0.0]), Air().speed_mps
    calm = phase(tone(200.0, hover(*place.tolist())), 200.0)[0]
    windy = phase(tone(200.0, hover(*place.tolist()), air=Air(wind_enu_mps=(0.0, -10.0, 0.0))), 200.0)[0]
    sooner_s = 100.0 / speed - 100.0 / (speed + 10.0)
    assert np.angle(np.exp(1j * (windy - calm - 2.0 * np.pi * 200.0 * sooner_s))) == pytest.approx(0.0, abs=5e-3)


@pytest.mark.parametrize(("hz", "db_per_km"), [(500.0, 2.30), (1000.0, 4.06), (2000.0, 9.53), (4000.0, 30.6)])
def test_level_falls_by_distance_and_absorption(hz: float, db_per_km: float) -> None:
    # ISO 9613-1, 15 °C, 60 %: dB/km to three digits.
    air = Air(temperature_c=15.0, humidity_pct=60.0)
    sound = tone(hz, hover(0.0, 800.0, 0.0), 0.5, air)
    level_db = 20.0 * math.log10(float(sound[:, 0].std()) / 20e-6)
    assert level_db == pytest.approx(94.0 - 20.0 * math.log10(800.0) - 0.8 * db_per_km, abs=0.15)


def test_hard_ground_doubles_a_grazing_sound_and_grass_takes_it() -> None:
    hertz = np.array([100.0, 500.0, 1000.0])
    hard, soft = reflection(hertz, 0.3, 2e9), reflection(hertz, 0.02, 2e5)
    assert np.abs(hard - 1.0).max() < 0.05
    # At grazing incidence every porous ground turns the phase: the two ways cancel.
    assert soft.real.max() < -0.3
    assert np.abs(soft).max() <= 1.0
    free = tone(300.0, hover(0.0, 50.0, 30.0), 0.3)
    doubled = tone(300.0, hover(0.0, 50.0, 30.0), 0.3, Air(flow_pasm2=2e9), mast_m=0.01)
    assert 20.0 * math.log10(doubled[:, 0].std() / free[:, 0].std()) == pytest.approx(6.0, abs=0.2)


def test_a_turned_array_is_turned() -> None:
    turned = placed_m(array(((0.0, 1.0, 0.0), (1.0, 0.0, 0.5)), 90.0), FRAME)
    assert turned == pytest.approx(np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.5]]), abs=1e-12)


def test_noise_from_all_round_has_the_coherence_of_a_sinc() -> None:
    heard = ArraySound(array(), FRAME, [], seed=3, around=Surroundings(ambient_db=60.0, own_db=-60.0)).next(16_000 * 20)
    frames = heard[: 16_000 * 20 // 1600 * 1600].reshape(-1, 1600, 4) * np.hanning(1600)[:, None]
    spectra = np.fft.rfft(frames, axis=1)
    cross = (spectra[:, :, 0] * spectra[:, :, 1].conj()).mean(axis=0)
    power = np.sqrt((np.abs(spectra[:, :, 0]) ** 2).mean(axis=0) * (np.abs(spectra[:, :, 1]) ** 2).mean(axis=0))
    hertz = np.arange(801) * 10.0
    keep = (hertz > 100.0) & (hertz < 2000.0)
    expected = np.sinc(2.0 * hertz * 0.3 / Air().speed_mps)
    # 200 frames: each bin's coherence is within 0.07 (1 σ); their mean square is what is checked.
    off = (cross / power)[keep] - expected[keep]
    assert math.sqrt(float((np.abs(off) ** 2).mean())) < 0.09


@pytest.mark.parametrize("seed", range(3))
def test_voices_have_their_level_and_their_lines(seed: int) -> None:
    for make, level_db, line_hz in (
        (lambda c: Multirotor(c, RATE_HZ, 82.0, 180.0), 82.0, 180.0),
        (lambda c: Piston(c, RATE_HZ, 104.0, 88.0), 104.0, 176.0),
        (lambda c: Jet(c, RATE_HZ, 122.0), 122.0, None),
    ):
        voice = make(np.random.default_rng(seed))
        sound = np.concatenate([voice.hop() for _ in range(300)])
        assert 20.0 * math.log10(sound.std() / 20e-6) == pytest.approx(level_db, abs=1.5)
        spectrum = np.abs(np.fft.rfft(sound[:16_000] * np.hanning(16_000))) ** 2
        if line_hz is None:
            low, high = spectrum[300:3000].mean(), spectrum[6000:7000].mean()
            assert 15.0 < 10.0 * math.log10(low / high) < 30.0
        else:
            near = spectrum[int(line_hz * 0.9) : int(line_hz * 1.1)].sum()
            between = spectrum[int(line_hz * 1.25) : int(line_hz * 1.45)].sum()
            assert near > 5.0 * between


def test_half_orders_are_those_of_four_strokes() -> None:
    four = Piston(np.random.default_rng(1), RATE_HZ, strokes=4, cylinders=4, shaft_hz=90.0)
    two = Piston(np.random.default_rng(1), RATE_HZ, strokes=2, cylinders=2, shaft_hz=90.0)
    assert (four.orders % 1.0 == 0.5).any()
    assert not (two.orders % 1.0 == 0.5).any()


def test_noise_has_its_level_and_shape() -> None:
    shape_db = -20.0 * np.log10(np.maximum(frequencies_hz(RATE_HZ), 100.0) / 100.0)
    noise = Noise(scaled(shape_db, 70.0, RATE_HZ), RATE_HZ, np.random.default_rng(5)).next(320_000)[0]
    assert 20.0 * math.log10(noise.std() / level_pa(0.0)) == pytest.approx(70.0, abs=0.5)
    power = np.abs(np.fft.rfft(noise.reshape(-1, 1600) * np.hanning(1600), axis=1)) ** 2
    mean_db = 10.0 * np.log10(power.mean(axis=0))
    assert mean_db[20] - mean_db[200] == pytest.approx(20.0, abs=2.0)


def test_turbulence_makes_fronts_as_rough_as_its_law() -> None:
    air, way_m = Air(c2=1e-6), 300.0
    mics = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    late, _ = Turbulence(mics, air, way_m, 1_000.0, np.random.default_rng(2)).next(1_000 * 600)
    measured = float(((late[:, 0] - late[:, 1]) ** 2).mean())
    # 600 s hold some 1,000 independent states: 5 % (1 σ).
    assert measured == pytest.approx(2.92 * air.c2 * way_m / air.speed_mps**2, rel=0.2)


def test_the_same_seed_sounds_alike_whatever_the_blocks() -> None:
    def make() -> ArraySound:
        source = Source("it", lambda c, r: Multirotor(c, r), straight((50.0, 40.0, 20.0), (5.0, 0.0, 0.0)), 0.2, 0.9)
        return ArraySound(array(), FRAME, [source], seed=9, air=Air(c2=1e-7, flow_pasm2=2e5))

    whole = b"".join(block.data for block in make().blocks(0, 1.2, 0.1))
    pieces = b"".join(block.data for block in make().blocks(0, 1.2, 0.4))
    one = np.frombuffer(whole, "<i2").astype(int)
    other = np.frombuffer(pieces, "<i2").astype(int)
    # Between the instants at which delays are solved they are straight lines: a step of rounding at most.
    assert np.abs(one - other).max() <= 1
    assert [block.time_ns for block in make().blocks(7, 0.3)] == [7, 100_000_007, 200_000_007]


def test_an_hour_takes_no_more_memory_than_a_minute() -> None:
    source = Source("it", lambda c, r: White(c, 80.0), straight((3000.0, 0.0, 100.0), (-50.0, 0.0, 0.0)))
    heard = ArraySound(array(ROW[:2]), FRAME, [source], seed=1, around=SILENT)
    for _ in range(20):
        heard.next(16_000)
    # Half a second, a hop and the taps: not the 9 s that the sound is under way.
    assert len(heard.ways[0][0][0].sound) < 3 * 16_000
