"""DJI DroneID from samples: recorded bursts, an encoder of its own, noise, Wi-Fi, and what radios do to a signal."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skysentry.errors import DecodeError, StateError
from skysentry.events import AnyEvent, Block, Detection, Health, ObjectClass, Place, Position, Presence, Scan
from skysentry.formats import ReadOptions, read
from skysentry.sensing.rf import droneid_signal
from skysentry.sensing.rf.droneid_burst import crc24a
from skysentry.sensing.rf.droneid_claims import Claims, within_m
from skysentry.sensing.rf.droneid_receiver import DroneIdReceiver
from skysentry.sensing.rf.droneid_search import offsets, present, sizes
from skysentry.sim.droneid import burst
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.wire import dji_wifi, droneid

RATE_HZ = 15.36e6
TELEMETRY = dji_wifi.Telemetry(
    version=2,
    sequence=7,
    state=0x1FF7,
    serial="1ABCDEF0123456",
    place=(50.45, 30.52),
    altitude_raw=300,
    height_raw=120,
    velocity_neu_mps=(3.0, -4.0, 0.5),
    home=(50.44, 30.51),
    app=(50.441, 30.511),
    product=58,
)


def blocks(samples: NDArray[np.complex64], rate_hz: float = RATE_HZ, cuts: tuple[int, ...] = ()) -> list[Block]:
    """Return samples as blocks, cut where it is said."""
    made = []
    edges = [0, *cuts, len(samples)]
    for first, after in itertools.pairwise(edges):
        part = samples[first:after].astype(np.complex64)
        end_ns = round(after / rate_hz * 1e9)
        made.append(
            Block(
                id=f"sdr:{first}",
                time_ns=round(first / rate_hz * 1e9),
                received_ns=end_ns,
                sensor="sdr",
                rate_hz=rate_hz,
                dtype="complex64",
                shape=(len(part), 1),
                data=part.tobytes(),
            )
        )
    return made


def heard(events: list[Block], together: bool = False) -> list[Detection]:
    """Return what a receiver detects; blocks come one by one, or all in one step."""
    stage = DroneIdReceiver(Site())
    made: list[AnyEvent] = []
    for batch in [events] if together else [[event] for event in events]:
        made += stage.step(batch[-1].received_ns, batch)
    return [found for scan in made if isinstance(scan, Scan) for found in scan.detections]


def noisy(snr_db: float, seed: int = 1, size: int = 40_000, at: int = 12_000) -> NDArray[np.complex64]:
    """Return one burst in noise, its signal to noise a carrier as said."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(size, 2)).astype(np.float32) @ np.array([1, 1j], np.complex64)
    sent = burst(droneid.encode(TELEMETRY))
    gain = np.sqrt(2.0 * 600 / 1024 * 10.0 ** (snr_db / 10.0))
    out[at : at + len(sent)] += gain * sent
    return out.astype(np.complex64)


def decoded(found: list[Detection]) -> list[Detection]:
    return [one for one in found if one.identity is not None]


def test_the_recorded_bursts(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("B-droneid-iq") / "mavic_air_2.raw"
    events = [e for e in read(path, ReadOptions(format="cf32", rate_hz=50e6)) if isinstance(e, Block)]
    found = heard(events)
    assert len(decoded(found)) == len(found) >= 3
    assert {one.identity.value for one in found if one.identity} == {"1WNBH3900201N1"}
    sequences = [value for one in found for key, value in one.features if key == "sequence"]
    assert sequences[:2] == [589.0, 591.0]
    placed = [one.measurement for one in found if isinstance(one.measurement, Position)]
    assert placed[0].lat_deg == pytest.approx(51.44633393, abs=1e-7)
    assert placed[0].lon_deg == pytest.approx(7.26721595, abs=1e-7)
    # The flight purpose has no place, and none is made up.
    assert [one for one in found if isinstance(one.measurement, Presence)]
    pilots = [one.identity.operator.lat_deg for one in found if one.identity and one.identity.operator]
    assert pilots == pytest.approx([51.44620788] * len(placed), abs=1e-7)


def test_no_wifi_is_droneid(shared_data: Callable[[str], Path]) -> None:
    files = sorted(shared_data("B-wifi-iq-negatives").glob("*.dat"))
    assert len(files) == 20
    for path in files:
        events = [e for e in read(path, ReadOptions(format="cs16", rate_hz=20e6)) if isinstance(e, Block)]
        assert heard(events) == [], path.name


def test_what_is_sent_is_read() -> None:
    (found,) = heard(blocks(noisy(0.0)))
    assert found.identity is not None
    assert found.identity.scheme == "dji_serial"
    assert found.identity.value == TELEMETRY.serial
    assert isinstance(found.measurement, Position)
    assert (found.measurement.lat_deg, found.measurement.lon_deg) == pytest.approx((50.45, 30.52), abs=1e-6)
    assert found.measurement.velocity_mps == pytest.approx((-4.0, 3.0, 0.5))
    assert found.identity.operator is not None
    assert found.identity.takeoff is not None
    assert found.class_llr[0][0] is ObjectClass.MULTIROTOR
    assert found.snr_db == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("seed", range(6))
def test_decoded_three_decibels_below_noise(seed: int) -> None:
    assert len(decoded(heard(blocks(noisy(-2.5, seed))))) == 1


def test_present_far_below_what_can_be_decoded() -> None:
    found = [heard(blocks(noisy(-11.0, seed))) for seed in range(8)]
    assert sum(len(one) == 1 for one in found) >= 7
    for one in (one for many in found for one in many):
        assert one.identity is None
        assert isinstance(one.measurement, Presence)
        assert ("undecoded", 1.0) in one.features


def test_noise_is_silence() -> None:
    rng = np.random.default_rng(5)
    noise = (rng.normal(size=(2_000_000, 2)) @ [1, 1j]).astype(np.complex64)
    assert heard(blocks(noise)) == []


def _clock(x: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """20 ppm: the clock of a cheap receiver, at 2.4 GHz 48 kHz too low."""
    at = np.arange(len(x)) * (1.0 + 20e-6)
    moved = np.interp(at, np.arange(len(x)), x.real) + 1j * np.interp(at, np.arange(len(x)), x.imag)
    return moved * np.exp(-2j * np.pi * 48e3 / RATE_HZ * np.arange(len(x)))


IMPAIRED: dict[str, Callable[[NDArray[np.complex64]], NDArray[np.complex64]]] = {
    "clock": _clock,
    "iq imbalance": lambda x: x.real * 1.1 + 1j * (x.imag + 0.1 * x.real),
    "dc": lambda x: x + 3.0,
    "clipping": lambda x: np.clip(x.real, -2, 2) + 1j * np.clip(x.imag, -2, 2),
    "four bits": lambda x: np.round(x.real) + 1j * np.round(x.imag),
    "a tone": lambda x: x + 3.0 * np.exp(2j * np.pi * 0.07 * np.arange(len(x))),
    "half a carrier off": lambda x: x * np.exp(2j * np.pi * 7.4e3 / RATE_HZ * np.arange(len(x))),
    "an echo": lambda x: x + 0.5j * np.roll(x, 9),
    "200 kHz off": lambda x: x * np.exp(-2j * np.pi * 200e3 / RATE_HZ * np.arange(len(x))),
}


@pytest.mark.parametrize("name", IMPAIRED)
def test_what_radios_do_to_it(name: str) -> None:
    assert len(decoded(heard(blocks(IMPAIRED[name](noisy(6.0)).astype(np.complex64))))) == 1


@pytest.mark.parametrize(("kind", "dtype"), [("cs8", np.int8), ("cu8", np.uint8), ("cs16", np.int16)])
def test_files_of_whole_numbers(tmp_path: Path, kind: str, dtype: type) -> None:
    # As weak as a receiver without gain control hands it on: noise of three steps of eight bits.
    steps = noisy(3.0).astype(np.complex64).view(np.float32) * 3.0
    path = tmp_path / "iq"
    path.write_bytes(np.rint(steps + (127.5 if kind == "cu8" else 0.0)).clip(-128, 255).astype(dtype).tobytes())
    events = [e for e in read(path, ReadOptions(format=kind, rate_hz=RATE_HZ)) if isinstance(e, Block)]
    assert [one.identity.value for one in decoded(heard(events)) if one.identity] == [TELEMETRY.serial]


@pytest.mark.parametrize(("kind", "rate_hz"), [("cs16", RATE_HZ), ("cu8", RATE_HZ), ("cf32", 20e6), ("cf32", 61.44e6)])
def test_a_wrong_type_or_rate_is_never_a_guess(tmp_path: Path, kind: str, rate_hz: float) -> None:
    path = tmp_path / "iq"
    path.write_bytes(noisy(10.0, size=200_000).tobytes())
    events = [e for e in read(path, ReadOptions(format=kind, rate_hz=rate_hz)) if isinstance(e, Block)]
    assert decoded(heard(events)) == []


SDR = Sensor(
    id="sdr",
    kind=SensorKind.RF,
    position=Place(lat_deg=50.45, lon_deg=30.5, alt_m=150.0),
    coverage=Coverage(max_m=10_000.0),
)


def flown(
    turns: int = 1, speed: float = 1.0, app: tuple[float, float] = (50.441, 30.511), snr_db: float = 5.0
) -> set[str]:
    """Return the doubts of a flight to the east at 15 m/s, twice a second; at last `turns` times as far away."""
    claims, told = Claims(), set()
    for k in range(120):
        east_m = 7.5 * k * (turns if k > 100 else 1)
        record = msgspec.structs.replace(
            TELEMETRY, place=(50.45, 30.52 + east_m / 70_850.0), velocity_neu_mps=(0.0, 15.0 * speed, 0.0), app=app
        )
        _, _, features = claims.weigh(record, k * 500_000_000, snr_db, SDR)
        told |= {key[6:] for key, _ in features if key.startswith("doubt_")}
    return told


def test_an_honest_flight_is_believed_and_each_lie_is_named() -> None:
    assert flown() == set()
    assert "speed" in flown(speed=5.0)
    assert "jump" in flown(turns=40)
    assert flown(app=(52.0, 30.5)) == {"operator"}
    # 80 dB over thermal noise from 1.5 km off: no lawful transmitter of these bands could be.
    assert flown(snr_db=80.0) == {"power"}


def test_claims_are_bounded() -> None:
    claims = Claims()
    for k in range(1_000):
        claims.weigh(msgspec.structs.replace(TELEMETRY, serial=f"1ABCDEF{k:07d}"), k, 0.0, None)
    assert len(claims.senders) == 256


def test_a_strong_burst_comes_from_nearer_and_a_weak_one_from_anywhere() -> None:
    assert within_m(0.0, SDR) is None
    assert within_m(20.0, None) is None
    assert within_m(27.0, SDR) == pytest.approx(1_000.0)
    # Of the same power from twice as far, 6 dB less.
    assert within_m(21.0, SDR) == pytest.approx(1_995.0, abs=1.0)
    stage, rng = DroneIdReceiver(Site(sensors=(SDR,))), np.random.default_rng(3)
    sent = burst(droneid.encode(TELEMETRY))
    for symbol in droneid_signal.DATA:
        at = droneid_signal.STARTS[symbol] - 72
        sent[at : at + 1096] *= np.exp(2j * np.pi * rng.random())
    reaches = []
    for level in (0.05, 1.0):
        stream = (level * rng.normal(size=(40_000, 2)) @ [1, 1j]).astype(np.complex64)
        stream[9_000 : 9_000 + len(sent)] += sent
        made = stage.step(10**9, blocks(stream))
        reaches += [scan.reach_m for scan in made if isinstance(scan, Scan)]
    assert len(reaches) == 2
    assert reaches[0] is not None
    assert 500.0 < reaches[0] < 3_000.0
    assert reaches[1] is None


@pytest.mark.parametrize(("rate_hz", "offset_hz"), [(61.44e6, 21.3e6), (61.44e6, -7.81e6), (50e6, 0.4e6)])
def test_a_burst_anywhere_in_a_wide_band_without_a_centre(rate_hz: float, offset_hz: float) -> None:
    rng, sent = np.random.default_rng(8), burst(droneid.encode(TELEMETRY))
    wide, half = np.zeros(round(len(sent) * rate_hz / RATE_HZ), np.complex128), len(sent) // 2
    spectrum = np.fft.fft(sent)
    wide[:half], wide[-half:] = spectrum[:half], spectrum[-half:]
    at_rate = np.fft.ifft(wide) * (len(wide) / len(sent))
    stream = (1.2 * rng.normal(size=(4 * 40_000, 2)) @ [1, 1j]).astype(np.complex64)
    stream[31_777 : 31_777 + len(wide)] += at_rate * np.exp(2j * np.pi * offset_hz / rate_hz * np.arange(len(wide)))
    (found,) = heard(blocks(stream, rate_hz))
    assert found.identity is not None
    assert found.identity.value == TELEMETRY.serial
    assert dict(found.features)["offset_hz"] == pytest.approx(offset_hz, abs=500.0)


def test_two_bursts_that_overlap() -> None:
    weak = noisy(10.0, at=12_000)
    strong = burst(droneid.encode(TELEMETRY)) * 12.0
    weak[16_000 : 16_000 + len(strong)] += strong
    assert len(decoded(heard(blocks(weak)))) >= 1


def test_a_burst_that_the_end_cuts_off() -> None:
    whole = noisy(10.0, size=12_000 + droneid_signal.BURST)
    (found,) = heard(blocks(whole[: -droneid_signal.SIZE]))
    assert found.identity is not None
    assert heard(blocks(whole[: 12_000 + 3_000])) == []


def test_without_the_first_symbol() -> None:
    sent = burst(droneid.encode(TELEMETRY), legacy=True)
    rng = np.random.default_rng(2)
    out = (0.2 * rng.normal(size=(40_000, 2)) @ [1, 1j]).astype(np.complex64)
    out[9_000 : 9_000 + len(sent)] += sent
    assert len(decoded(heard(blocks(out)))) == 1


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 39_999), min_size=1, max_size=4, unique=True))
def test_blocks_may_be_cut_anywhere(cuts: list[int]) -> None:
    cut = blocks(noisy(3.0), cuts=tuple(sorted(cuts)))
    found = decoded(heard(cut))
    assert [one.id for one in found] == [one.id for one in decoded(heard(blocks(noisy(3.0))))]


def test_a_snapshot_goes_on() -> None:
    first, second = blocks(noisy(3.0), cuts=(15_000,))
    stage, other = DroneIdReceiver(Site()), DroneIdReceiver(Site())
    stage.step(first.received_ns, [first])
    other.restore(stage.snapshot())
    assert other.step(second.received_ns, [second]) == stage.step(second.received_ns, [second])
    assert other.snapshot() == stage.snapshot()
    with pytest.raises(StateError):
        other.restore(b"no snapshot")


def test_an_encrypted_kind_is_named_and_not_guessed() -> None:
    rng = np.random.default_rng(3)
    stream = (0.05 * rng.normal(size=(120_000, 2)) @ [1, 1j]).astype(np.complex64)
    for k in range(4):
        sent = burst(droneid.encode(TELEMETRY))
        # Other bits than a code word's: data symbols turned at random.
        for symbol in droneid_signal.DATA:
            at = droneid_signal.STARTS[symbol] - 72
            sent[at : at + 1096] *= np.exp(2j * np.pi * rng.random())
        stream[5_000 + 28_000 * k :][: len(sent)] += sent
    stage = DroneIdReceiver(Site())
    made = stage.step(10**9, blocks(stream))
    found = [one for scan in made if isinstance(scan, Scan) for one in scan.detections]
    assert len(found) == 4
    assert all(one.identity is None for one in found)
    assert [h.reason for h in made if isinstance(h, Health) and "encrypted" in h.reason]


@pytest.mark.parametrize("name", ["slope", "spike", "carrier", "edge"])
def test_coloured_noise_is_silence(name: str) -> None:
    rng = np.random.default_rng(6)
    size = 1_000_000
    noise = (rng.normal(size=(size, 2)) @ [1, 1j]).astype(np.complex64)
    if name in ("slope", "edge"):
        at = np.fft.fftfreq(size)
        gain = 10.0 ** (at if name == "slope" else np.where(np.abs(at) < 0.15, 0.0, -0.5))
        noise = np.fft.ifft(np.fft.fft(noise) * gain).astype(np.complex64)
    else:
        hz = 0.0 if name == "spike" else 0.0713
        noise += (4.0 * np.exp(2j * np.pi * hz * np.arange(size))).astype(np.complex64)
    assert heard(blocks(noise)) == []


def test_what_must_be_shown_grows_with_the_places_searched() -> None:
    assert present(1) == present(5)
    assert present(35) > present(5) + 2.0


def test_samples_that_are_no_numbers_are_counted() -> None:
    samples = noisy(3.0)
    samples[100:200] = np.nan
    samples[200:210] = 1e30
    stage = DroneIdReceiver(Site())
    made = stage.step(10**9, blocks(samples))
    assert next(h for h in made if isinstance(h, Health)).counts == (("samples that are no numbers", 1),)
    assert [one for scan in made if isinstance(scan, Scan) for one in scan.detections if one.identity]


@pytest.mark.parametrize("rate_hz", [15.36e6, 20e6, 30.72e6, 50e6, 56e6, 61.44e6, 17_123_457.0])
def test_a_stretch_keeps_the_rate(rate_hz: float) -> None:
    size, channel = sizes(rate_hz, 4_000)
    assert channel / size == pytest.approx(RATE_HZ / rate_hz, rel=2e-7)
    assert 4_000 <= channel <= 24_000


def test_where_to_look() -> None:
    assert offsets(15.36e6, 2.4145e9, (2.4145e9, 2.4295e9)) == (0.0,)
    everywhere = offsets(50e6, None, ())
    assert len(everywhere) * 1.5e6 >= 40e6
    assert max(np.diff(everywhere)) <= 1.5e6


def test_codes_against_known_values() -> None:
    # CRC-24/LTE-A of "123456789", from the catalogue of CRC algorithms (G. Cook).
    assert crc24a(b"123456789") == 0xCDE703
    assert crc24a(b"123456789" + bytes.fromhex("cde703")) == 0
    assert sorted(droneid_signal.inner_interleaver()) == list(range(1408))
    assert set(droneid_signal.places()) == set(range(3 * 1412))
    ones = np.abs(np.fft.ifft(droneid_signal.zadoff_chu(600)))
    assert ones.max() < 3.0 * ones.mean()


def test_a_frame_and_its_crc() -> None:
    frame = droneid.encode(TELEMETRY)
    read_back = droneid.decode(frame + b"rest")
    assert isinstance(read_back, dji_wifi.Telemetry)
    assert (read_back.serial, read_back.sequence) == (TELEMETRY.serial, TELEMETRY.sequence)
    assert read_back.place == pytest.approx(TELEMETRY.place, abs=1e-5)
    with pytest.raises(DecodeError):
        droneid.decode(frame[:-1] + b"\0")


@given(st.binary(max_size=200))
def test_any_frame_decodes_or_is_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert droneid.decode(data)
