"""Radio links without a name: simulated emitters, recorded Wi-Fi, hostile blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import DecodeError, StateError
from skysentry.events import Bearing, Block, Health, ObjectClass, Presence, Scan
from skysentry.sensing.rf.bearing import scan as bearing_scan
from skysentry.sensing.rf.frequency_plan import BANDS_HZ, plan
from skysentry.sensing.rf.link_detector import LinkDetector
from skysentry.sim import radio
from skysentry.site import Sensor, SensorKind, Site
from skysentry.wire import krakensdr, rtl_tcp

RATE_HZ, COUNT = 20e6, 2_000_000
LINE = "1700000000123,90.0,42.5,-31.2,433920000,UCA,50,home,50.1,30.2,0.0,0.0,GPS,R,R,R,R," + ",".join(["1"] * 360)


def block(x: np.ndarray, **more: object) -> Block:
    fields: dict[str, object] = {
        "id": "b:1", "time_ns": 10**18, "received_ns": 10**18 + 10**8, "sensor": "rf", "rate_hz": RATE_HZ,
        "dtype": "complex64", "shape": (len(x), 1), "data": np.asarray(x, np.complex64).tobytes(),
    }  # fmt: skip
    return Block(**{**fields, **more})  # type: ignore[arg-type]


def look(given: Block) -> Scan:
    (scan,) = LinkDetector(Site()).step(0, [given])
    assert isinstance(scan, Scan)
    return scan


def names(scan: Scan) -> set[str]:
    return {name for found in scan.detections for name, _ in found.features if name.startswith("link_")}


EMITTERS: dict[str, tuple[Callable[[np.random.Generator], radio.Samples], str]] = {
    "pal": (lambda chance: radio.video(COUNT, RATE_HZ, chance), "link_analogue_video_pal"),
    "ntsc": (lambda chance: radio.video(COUNT, RATE_HZ, chance, "ntsc"), "link_analogue_video_ntsc"),
    "downlink": (lambda chance: radio.downlink(COUNT, RATE_HZ, chance), "link_digital_downlink"),
    "elrs": (lambda chance: radio.hopper(COUNT, RATE_HZ, chance, "elrs250"), "link_control_link"),
}


@pytest.mark.parametrize("name", EMITTERS)
def test_simulated_links_are_told_by_name_at_minus_nine_db(name: str) -> None:
    make, expected = EMITTERS[name]
    chance = np.random.default_rng(21)
    scan = look(block(radio.heard(make(chance), RATE_HZ, -9.0, chance), centre_hz=5.8e9))
    assert names(scan) == {expected}
    (found,) = scan.detections
    assert isinstance(found.measurement, Presence)
    assert dict(found.class_llr)[ObjectClass.MULTIROTOR] > 0.5
    assert found.evidence == ("b:1",)


@pytest.mark.parametrize("name", ["noise", "wifi", "bluetooth", "lte"])
@pytest.mark.parametrize("snr_db", [-9.0, 12.0])
def test_services_and_noise_are_no_drone(name: str, snr_db: float) -> None:
    chance = np.random.default_rng(22)
    signal = (
        np.zeros(COUNT, np.complex64) if name == "noise" else getattr(radio, name)(COUNT, RATE_HZ, chance)
    )  # fmt: skip
    assert names(look(block(radio.heard(signal, RATE_HZ, snr_db, chance)))) <= {"link_unnamed"}


def test_recorded_wifi_is_no_drone(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("B-wifi-iq-negatives").glob("*.dat"))
    assert len(files) == 20
    for file in files:
        data = file.read_bytes()
        count = len(data) // 4
        scan = look(block(np.zeros(1), dtype="int16", shape=(count, 2), data=data[: 4 * count]))
        assert names(scan) <= {"link_unnamed"}, file.name


def test_a_link_without_a_name_is_other_with_its_place_in_the_band() -> None:
    chance = np.random.default_rng(23)
    spectrum = np.fft.fft(radio.noise(COUNT, chance))
    spectrum[np.abs(np.fft.fftfreq(COUNT, 1 / RATE_HZ)) > 1e6] = 0
    signal = radio.shifted(np.fft.ifft(spectrum).astype(np.complex64) * np.float32(np.sqrt(10)), RATE_HZ, 3e6)
    scan = look(block(radio.heard(signal, RATE_HZ, 5.0, chance), centre_hz=2.4e9))
    (found,) = scan.detections
    assert [kind for kind, _ in found.class_llr] == [ObjectClass.OTHER]
    told = dict(found.features)
    assert told["centre_hz"] == pytest.approx(2.403e9, abs=0.2e6)
    assert told["width_hz"] == pytest.approx(2e6, rel=0.2)


def test_a_dead_receiver_hears_nothing_and_says_so() -> None:
    assert look(block(np.ones(COUNT))).reach_m == 0.0


@pytest.mark.parametrize(
    "more",
    [
        {"rate_hz": 1e3}, {"dtype": "float64"}, {"shape": (7, 1)}, {"dtype": "int16", "shape": (3, 1)},
        {"data": np.full(COUNT, np.nan, np.complex64).tobytes()},
    ],
)  # fmt: skip
def test_bad_blocks_are_counted_and_told(more: dict[str, object]) -> None:
    detector = LinkDetector(Site(sensors=(Sensor(id="rf", kind=SensorKind.RF),)))
    (told,) = detector.step(0, [block(np.zeros(COUNT), **more)])
    assert isinstance(told, Health)
    assert sum(count for _, count in told.counts) == 1
    again = LinkDetector(Site())
    again.restore(detector.snapshot())
    assert again.snapshot() == detector.snapshot()


def test_other_snapshots_are_refused() -> None:
    with pytest.raises(StateError):
        LinkDetector(Site()).restore(b"\x93\x09")


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=2000, max_size=40_000), st.sampled_from(["int8", "uint8", "int16"]), st.floats(2.1e5, 9e8))
def test_any_bytes_are_a_scan_or_a_count(data: bytes, dtype: str, rate_hz: float) -> None:
    size = 2 * np.dtype(dtype).itemsize
    count = len(data) // size
    given = block(np.zeros(1), dtype=dtype, shape=(count, 2), data=data[: size * count], rate_hz=rate_hz)
    made = LinkDetector(Site(sensors=(Sensor(id="rf", kind=SensorKind.RF),))).step(0, [given])
    assert len(made) <= 1


@given(st.floats(1e6, 60e6), st.floats(0.0, 0.05))
def test_a_plan_visits_all_of_each_band_and_says_how_often(rate_hz: float, retune_s: float) -> None:
    made = plan(rate_hz, retune_s)
    half = 0.5 * rate_hz
    for low, high in BANDS_HZ:
        at = low
        for centre in (c for c in made.centres_hz if low <= c <= high):
            assert centre - half <= at + 1.0
            at = max(at, centre + half)
        assert at >= high - 1.0
    seen = {made.at((k + 0.5) * made.round_s / len(made.centres_hz))[0] for k in range(len(made.centres_hz))}
    assert seen == set(made.centres_hz)
    assert 0.0 < made.duty <= 1.0


def test_wide_receivers_come_back_in_two_seconds_and_narrow_ones_say_that_they_do_not() -> None:
    assert plan(61.44e6, 0.001, ((2.4e9, 2.4835e9), (4.9e9, 6.0e9))).round_s <= 2.0
    assert plan(61.44e6, 0.005).round_s <= 2.0
    assert plan(2.4e6, 0.02).round_s > 60.0


def test_a_direction_finders_line_is_a_bearing_from_true_north() -> None:
    sensor = Sensor(id="df", kind=SensorKind.RF, heading_deg=30.0)
    scan = bearing_scan(krakensdr.decode(LINE.encode()), sensor, 5)
    (found,) = scan.detections
    assert isinstance(found.measurement, Bearing)
    # The page counts against the clock: 90 is 270 clockwise from the front, which points to 30.
    assert found.measurement.bearing_deg == pytest.approx(300.0)
    assert scan.time_ns == 1_700_000_000_123_000_000


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(DecodeError):
        krakensdr.decode(line)


def test_rtl_tcp_speaks_as_its_source_says() -> None:
    assert rtl_tcp.header(b"RTL0" + bytes([0, 0, 0, 5, 0, 0, 0, 29])) == rtl_tcp.Header("R820T", 29)
    assert rtl_tcp.command(rtl_tcp.SET_FREQUENCY, 2_440_000_000) == bytes([1, 0x91, 0x6F, 0x72, 0x00])
    with pytest.raises(DecodeError):
        rtl_tcp.header(b"HTTP/1.1 200")
