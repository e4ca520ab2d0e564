"""Four receivers with a common clock hear one flying transmitter: samples → differences → place → track. Simulated."""

from __future__ import annotations

import numpy as np
import pytest

from skysentry.events import AnyEvent, Block, Detection, Place, Position, Scan, Tdoa, Track, scan_id
from skysentry.geo import Frame
from skysentry.sensing.rf.tdoa_delay import LEAST_SAMPLES, delay
from skysentry.sensing.rf.tdoa_fix import locate
from skysentry.sensing.rf.tdoa_receiver import TdoaReceiver
from skysentry.site import Coverage, Sensor, SensorKind, Site
from skysentry.tracking.tracker import Tracker

RATE_HZ, LIGHT_MPS, START_NS = 10e6, 299_792_458.0, 1_700_000_000_000_000_000
HOME = Place(lat_deg=50.45, lon_deg=30.5, alt_m=150.0)
FRAME = Frame.at(HOME)
SITES = np.array([[0.0, 0.0, 10.0], [3000.0, 200.0, 25.0], [100.0, 2800.0, 5.0], [2900.0, 3100.0, 40.0]])
CLOCK_S = 20e-9


def place(at: np.ndarray) -> Place:
    lat, lon, alt = FRAME.to_geodetic(*map(float, at))
    return Place(lat_deg=lat, lon_deg=lon, alt_m=alt)


def site(count: int = 4) -> Site:
    sensors = tuple(
        Sensor(
            id=f"rf-{k}", kind=SensorKind.RF, position=place(SITES[k]), position_sigma_m=1.0, clock="gpsdo",
            clock_sigma_s=CLOCK_S, coverage=Coverage(max_m=8000.0),
        )
        for k in range(count)
    )  # fmt: skip
    return Site(position=HOME, sensors=sensors)


def burst(rng: np.random.Generator, count: int = 16_384) -> np.ndarray:
    """Band-limited noise of 6 MHz, as a spectrum: it is delayed exactly by a ramp of phase."""
    spectrum = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    spectrum[np.abs(np.fft.fftfreq(count)) > 0.3] = 0
    return spectrum * np.sqrt(count / 1.2)


def received(spectrum: np.ndarray, late_s: float, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    f = np.fft.fftfreq(len(spectrum)) * RATE_HZ
    clean = np.fft.ifft(spectrum * np.exp(-2j * np.pi * f * late_s)) * np.exp(2j * np.pi * rng.random())
    noise = (rng.standard_normal(len(clean)) + 1j * rng.standard_normal(len(clean))) * np.sqrt(0.5)
    return (clean / np.sqrt(np.mean(np.abs(clean) ** 2)) * 10 ** (snr_db / 20) + noise).astype(np.complex64)


def blocks(at: np.ndarray, time_s: float, rng: np.random.Generator, count: int = 4, snr_db: float = 3.0) -> list[Block]:
    spectrum, time_ns = burst(rng), START_NS + round(time_s * 1e9)
    made = []
    for k in range(count):
        late_s = float(np.linalg.norm(at - SITES[k])) / LIGHT_MPS + rng.normal() * CLOCK_S
        x = received(spectrum, late_s, snr_db, rng)
        made.append(
            Block(
                id=f"rf-{k}:{time_ns}", time_ns=time_ns, received_ns=time_ns + 2_000_000, sensor=f"rf-{k}",
                rate_hz=RATE_HZ, dtype="complex64", shape=(len(x), 1), data=x.tobytes(), centre_hz=5.8e9,
            )
        )  # fmt: skip
    return made


def path(time_s: float) -> np.ndarray:
    return np.array([600.0 + 15.0 * time_s, 2400.0 - 12.0 * time_s, 110.0])


@pytest.mark.parametrize("snr_db", [-9.0, -6.0])
def test_error_of_a_delay_is_as_large_as_its_sigma_says(snr_db: float) -> None:
    rng, wrong = np.random.default_rng(4), []
    for _ in range(60):
        spectrum, true_s = burst(rng), rng.uniform(-8e-6, 8e-6)
        found = delay(
            received(spectrum, true_s, snr_db, rng), received(spectrum, 0.0, snr_db, rng), RATE_HZ, 10e-6
        )  # fmt: skip
        assert found is not None
        wrong.append((found.tau_s - true_s) / found.sigma_s)
    assert 0.6 < float(np.sqrt(np.mean(np.square(wrong)))) < 1.6
    assert abs(float(np.mean(wrong))) < 0.5


def test_a_strong_burst_is_not_surer_than_receivers_agree() -> None:
    rng = np.random.default_rng(11)
    spectrum = burst(rng)
    found = delay(received(spectrum, 1e-6, 20.0, rng), received(spectrum, 0.0, 20.0, rng), RATE_HZ, 10e-6)
    assert found is not None
    assert found.sigma_s == pytest.approx(LEAST_SAMPLES / RATE_HZ)
    assert abs(found.tau_s - 1e-6) < 2.0 * found.sigma_s


def test_noise_has_no_delay() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        one, two = (received(burst(rng), 0.0, -60.0, rng) for _ in range(2))
        assert delay(one, two, RATE_HZ, 10e-6) is None


def test_places_are_where_their_covariance_says() -> None:
    rng, squares, missed = np.random.default_rng(6), [], 0
    cov = np.diag([CLOCK_S**2] * 3) + CLOCK_S**2
    for _ in range(100):
        at = np.array([*rng.uniform(200.0, 2800.0, 2), rng.normal(120.0, 60.0)])
        away = np.linalg.norm(at - SITES, axis=1) / LIGHT_MPS
        fix = locate(SITES, rng.multivariate_normal(away[1:] - away[0], cov), cov, 8000.0)
        if fix is None:
            missed += 1
            continue
        d = (fix.place - at)[:2]
        squares.append(d @ np.linalg.solve(fix.cov[:2, :2], d))
    assert missed < 10
    # Of two degrees of freedom the mean is 2; its own sigma over 90 places is 0.21. Height's prior is wider than flown.
    assert 1.2 < float(np.mean(squares)) < 2.9


def test_flying_emitter_becomes_one_track_where_it_is() -> None:
    rng, receiver, tracker = np.random.default_rng(7), TdoaReceiver(site()), Tracker(site())
    tracks: list[Track] = []
    errors: list[float] = []
    for second in range(30):
        for step in range(10):
            time_s = second + 0.1 * step
            now_ns = START_NS + round(time_s * 1e9) + 10_000_000
            events = blocks(path(time_s), time_s, rng) if step == 0 else []
            scans = receiver.step(now_ns, events)
            assert all(isinstance(d.measurement, Position) for s in scans if isinstance(s, Scan) for d in s.detections)
            out = [event for event in tracker.step(now_ns, scans) if isinstance(event, Track)]
            tracks += out
            for track in out:
                if second >= 10 and track.status == "confirmed":
                    e, n, _ = FRAME.to_local(track.lat_deg, track.lon_deg, track.alt_m)
                    true = path((track.time_ns - START_NS) / 1e9)
                    errors.append(float(np.hypot(e - true[0], n - true[1])))
    assert len({track.track_id for track in tracks if track.status == "confirmed"}) == 1
    assert errors
    # A clock of 20 ns is 6 m in each arrival; four receivers around it and a track make less than 15 m of that.
    assert float(np.sqrt(np.mean(np.square(errors)))) < 15.0


def test_two_receivers_give_a_difference_and_no_place() -> None:
    rng, receiver = np.random.default_rng(8), TdoaReceiver(site(2))
    at = path(0.0)
    (scan,) = receiver.step(START_NS + 10_000_000, blocks(at, 0.0, rng, 2))
    assert isinstance(scan, Scan)
    (found,) = scan.detections
    assert isinstance(found.measurement, Tdoa)
    true_s = (np.linalg.norm(at - SITES[1]) - np.linalg.norm(at - SITES[0])) / LIGHT_MPS
    assert (scan.sensor, found.measurement.other) == ("rf-1", "rf-0")
    assert abs(found.measurement.tdoa_s - true_s) < 4.0 * found.measurement.sigma_s


def test_blocks_that_come_in_any_cut_or_after_a_restart_give_the_same() -> None:
    rng = np.random.default_rng(9)
    given, now_ns = blocks(path(0.0), 0.0, rng), START_NS + 10_000_000
    whole = TdoaReceiver(site()).step(now_ns, given)
    first, second = TdoaReceiver(site()), TdoaReceiver(site())
    assert first.step(now_ns, given[:2]) == []
    second.restore(first.snapshot())
    assert second.step(now_ns, given[2:]) == whole


def test_a_receiver_that_stays_silent_is_not_waited_for_for_ever() -> None:
    rng, receiver = np.random.default_rng(10), TdoaReceiver(site())
    assert receiver.step(START_NS + 10_000_000, blocks(path(0.0), 0.0, rng, 3)) == []
    scans = receiver.step(START_NS + 2_000_000_000, [])
    assert [scan.sensor for scan in scans if isinstance(scan, Scan)] == ["rf-1", "rf-2"]
    assert all(isinstance(d.measurement, Tdoa) for scan in scans if isinstance(scan, Scan) for d in scan.detections)


def after_the_radar(differences: bool) -> tuple[int, list[float]]:
    """Return how many tracks there were, and their errors, m, from 10 s after the radar that founded one fell silent.

    The flyer turns when nobody but three receivers sees it, so what was known of its motion leads astray.
    """
    receivers = site(3)
    radar = Sensor(id="radar", kind=SensorKind.RADAR, position=HOME, coverage=Coverage(max_m=8000.0))
    rng, whole = np.random.default_rng(12), Site(position=HOME, sensors=(*receivers.sensors, radar))
    receiver, tracker = TdoaReceiver(whole), Tracker(whole)
    names: set[str] = set()
    errors: list[float] = []
    for tick in range(400):
        time_s = 0.1 * tick
        now_ns = START_NS + round(time_s * 1e9) + 10_000_000
        at = path(min(time_s, 15.0)) + np.array([-9.0, -14.0, 0.0]) * max(time_s - 15.0, 0.0)
        scans: list[AnyEvent] = []
        if time_s < 15.0 and tick % 10 == 0:
            where = place(at + rng.normal(size=3) * 10.0)
            measured = Position(
                lat_deg=where.lat_deg, lon_deg=where.lon_deg, alt_m=where.alt_m, cov_m2=(100.0, 0, 0, 100.0, 0, 100.0)
            )  # fmt: skip
            key, time_ns = scan_id("radar", now_ns - 10_000_000), now_ns - 10_000_000
            found = (Detection(id=f"{key}#0", measurement=measured),)
            scans.append(Scan(id=key, time_ns=time_ns, received_ns=now_ns, sensor="radar", detections=found))
        elif differences and tick % 5 == 0:
            scans += receiver.step(now_ns, blocks(at, time_s, rng, 3))
            assert all(isinstance(d.measurement, Tdoa) for s in scans if isinstance(s, Scan) for d in s.detections)
        for track in tracker.step(now_ns, scans):
            if isinstance(track, Track) and track.status in ("confirmed", "coasting"):
                names.add(track.track_id)
                if time_s > 25.0:
                    e, n, _ = FRAME.to_local(track.lat_deg, track.lon_deg, track.alt_m)
                    errors.append(float(np.hypot(e - at[0], n - at[1])))
    return len(names), errors


def test_differences_alone_keep_a_track_where_it_is() -> None:
    count, errors = after_the_radar(True)
    assert count == 1
    assert len(errors) >= 10
    assert float(np.sqrt(np.mean(np.square(errors)))) < 15.0
    _, alone = after_the_radar(False)
    assert not alone or max(alone) > 150.0
