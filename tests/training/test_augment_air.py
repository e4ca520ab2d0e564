from __future__ import annotations

import numpy as np
import pytest
from training.augment import air, flying, ground, microphone, quiet, signal
from training.augment.signal import RATE_HZ

# ISO 9613-2:1996 table 2, dB/km, computed by its authors from ISO 9613-1 at exact mid-band frequencies.
OCTAVES_HZ = 1000.0 * 10 ** (0.3 * np.arange(-4, 4))
TABLE = {
    (10.0, 70.0): (0.1, 0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117.0),
    (20.0, 70.0): (0.1, 0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6),
    (30.0, 70.0): (0.1, 0.3, 1.0, 3.1, 7.4, 12.7, 23.1, 59.3),
    (15.0, 20.0): (0.3, 0.6, 1.2, 2.7, 8.2, 28.2, 88.8, 202.0),
    (15.0, 50.0): (0.1, 0.5, 1.2, 2.2, 4.2, 10.8, 36.2, 129.0),
    (15.0, 80.0): (0.1, 0.3, 1.1, 2.4, 4.1, 8.3, 23.7, 82.8),
}


@pytest.mark.parametrize(("air_", "expected"), TABLE.items())
def test_absorption_is_that_of_the_standard(air_: tuple[float, float], expected: tuple[float, ...]) -> None:
    found = 1000.0 * air.absorption_db_per_m(OCTAVES_HZ, *air_)
    # The table is rounded to 0.1 dB/km (4.151 as 4.1), above 100 to 1 dB/km.
    assert found == pytest.approx(np.array(expected), abs=0.052, rel=0.005)


def test_hard_ground_reflects_and_soft_ground_turns_grazing_sound_over() -> None:
    hz = np.array([100.0, 1000.0, 5000.0])
    assert np.abs(air.reflection(hz, 0.5, 1e6)) == pytest.approx(np.ones(3), abs=0.06)
    assert air.reflection(hz, 1e-4, 200.0) == pytest.approx(-np.ones(3), abs=0.05)
    assert (np.abs(air.reflection(hz, 0.3, 50.0)) < 1.0).all()


def test_a_fraction_of_a_sample_is_read_by_a_cubic() -> None:
    time = np.arange(400.0)
    tone = np.sin(2 * np.pi * 0.05 * time)
    place = np.linspace(10.0, 380.0, 900)
    assert air.read_at(tone, place) == pytest.approx(np.sin(2 * np.pi * 0.05 * place), abs=2e-3)


def test_a_passing_tone_falls_in_pitch(monkeypatch: pytest.MonkeyPatch) -> None:
    n, c, speed = 3 * RATE_HZ, 340.0, 40.0
    distance = np.hypot(speed * (np.arange(n) / RATE_HZ - 1.5), 8.0)
    monkeypatch.setattr(air, "flight", lambda rng, n, near: (distance, np.full(n, 5.0), c))
    tone = np.sin(2 * np.pi * 500.0 * np.arange(n + RATE_HZ) / RATE_HZ)
    heard = air.propagated(np.random.default_rng(1), tone, n)

    def pitch_hz(part: np.ndarray) -> float:
        return float(np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18)).argmax() * RATE_HZ / (1 << 18))

    assert pitch_hz(heard[1000:7000]) == pytest.approx(500.0 / (1 - speed / c), rel=0.01)
    assert pitch_hz(heard[-7000:-1000]) == pytest.approx(500.0 / (1 + speed / c), rel=0.01)


@pytest.mark.parametrize("made", [*flying.FLYING.values(), *ground.GROUND.values(), *quiet.QUIET.values()])
def test_every_source_is_finite_and_the_same_for_the_same_seed(made: object) -> None:
    one, two = (made(np.random.default_rng(7), 20_000) for _ in range(2))  # type: ignore[operator]
    assert one.shape == (20_000,)
    assert np.isfinite(one).all()
    assert (one == two).all()


def comb_levels_db(sound: np.ndarray, f0_hz: float, orders: int) -> np.ndarray:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    step = len(sound) / RATE_HZ
    return np.array([10 * np.log10(power[int(k * f0_hz * step * 0.97) : int(k * f0_hz * step * 1.03)].max())
                     for k in range(1, orders + 1)])  # fmt: skip


def test_a_jet_is_flat_from_300_to_3000_hz_and_dark_above() -> None:
    bands_db = []
    for seed in range(12):
        power = np.abs(np.fft.rfft(flying.jet(np.random.default_rng(seed), 2 * RATE_HZ))) ** 2
        hz = np.fft.rfftfreq(2 * RATE_HZ, 1 / RATE_HZ)
        bands_db.append(
            [10 * np.log10(power[(hz > a) & (hz < b)].mean()) for a, b in ((450, 900), (900, 1900), (5e3, 8e3))]
        )
    low, high, top = np.median(bands_db, axis=0)
    assert abs(low - high) < 4.0
    assert 10.0 < low - top < 32.0


def test_a_microphone_stays_within_full_scale_whatever_it_hears() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        heard = microphone.recorded(rng, rng.standard_normal(20_000) * 10 ** rng.uniform(-6, 6))
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1.0
    assert np.isfinite(microphone.recorded(np.random.default_rng(0), np.zeros(20_000))).all()


@pytest.mark.parametrize("codec", [0.0, 1.0])
def test_a_codec_and_a_suppressor_keep_the_length_and_leave_holes(
    codec: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "CODEC", codec)
    noise = np.random.default_rng(2).standard_normal(49_548)
    heard = microphone.processed(np.random.default_rng(3), noise)
    assert heard.shape == noise.shape
    assert np.isfinite(heard).all()
    assert 0.3 < heard[-600:].std() < 1.5  # no fade at the end
    assert 0.01 < (heard - noise).std() < 1.0


def test_lengths_of_fast_transforms_have_small_factors_only() -> None:
    assert [signal.fast(n) for n in (1, 7, 16_000, 49_548, 65_548)] == [1, 8, 16_000, 50_000, 65_610]


def test_padding_to_a_fast_length_changes_neither_level_nor_what_passes() -> None:
    tone = np.sin(2 * np.pi * 440.0 * np.arange(49_548) / RATE_HZ)
    assert signal.level(tone) == pytest.approx(np.sqrt(0.5), rel=1e-2)
    assert signal.filtered(tone, [(20.0, 0.0), (8000.0, 0.0)]) == pytest.approx(tone, abs=1e-9)


def test_a_racer_is_drawn_higher_than_a_carrier() -> None:
    """The strongest line of drawn multirotors covers what toys and large ones have."""
    lines_hz = []
    for seed in range(60):
        sound = flying.multirotor(np.random.default_rng(seed), 2 * RATE_HZ)
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        lines_hz.append(float(power[120:8_000].argmax() + 120) / 2.0)
    assert np.quantile(lines_hz, 0.2) < 300.0
    assert np.quantile(lines_hz, 0.8) > 500.0
