"""What is not there must not be followed, what is there must not be lost: clutter, headings, power cuts, filters."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from skysentry.events import Bearing, Identity, ObjectClass, Position, RangeAzEl, TrackEnd
from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.tracker import Tracker

Measured = list[object]


def straight(e: float, n: float, u: float, ve: float, vn: float, vu: float = 0.0):  # type: ignore[no-untyped-def]
    return lambda t: np.array([e + ve * t, n + vn * t, u + vu * t])


def with_doppler(sky: SimpleNamespace, sensor: Sensor, path, t: float, rng: np.random.Generator) -> RangeAzEl:  # type: ignore[no-untyped-def]
    """A plot of a radar that measures radial speed."""
    near, far = sky.local(sensor, path(t - 0.5)), sky.local(sensor, path(t + 0.5))
    rate = float(np.linalg.norm(far) - np.linalg.norm(near)) + rng.normal() * 0.5
    return msgspec.structs.replace(sky.plot(sensor, path(t), rng), doppler_mps=rate, sigma_doppler_mps=0.5)


def patch(rng: np.random.Generator, mean: float) -> list[RangeAzEl]:
    """False plots of a wood 3 km to the east: they keep their place, and move like trees."""
    return [
        RangeAzEl(
            range_m=3_000.0 + 200.0 * rng.normal(), az_deg=90.0 + 4.0 * rng.normal(), el_deg=rng.uniform(0.3, 1.8),
            sigma_range_m=10.0, sigma_az_deg=0.5, sigma_el_deg=0.5, doppler_mps=6.0 * rng.normal(),
            sigma_doppler_mps=0.5,
        )
        for _ in range(rng.poisson(mean))
    ]  # fmt: skip


def test_a_patch_of_clutter_is_learned_and_makes_no_tracks(sky: SimpleNamespace) -> None:
    """A third of a plot a second at one place for five minutes: whatever it begins with, it is quiet from then on."""
    sensor = sky.radar(coverage=Coverage(max_m=20_000.0, el_deg=(0.0, 60.0)), false_per_scan=1.0)
    late = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scans = [sky.scan("radar", k + 0.35, patch(rng, 0.33)) for k in range(300)]
        out = sky.tracks(sky.run(Tracker(sky.site(sensor)), scans, 300.0), "confirmed")
        late += [track.track_id for track in out if track.time_ns > sky.START_NS + 60e9]
    assert len(set(late)) <= 2


def test_a_target_out_of_learned_clutter_is_confirmed_at_once(sky: SimpleNamespace) -> None:
    sensor = sky.radar(coverage=Coverage(max_m=20_000.0, el_deg=(0.0, 60.0)), false_per_scan=1.0)
    rng = np.random.default_rng(21)
    path = straight(8_000.0, 500.0, 300.0, -50.0, 0.0)
    scans = []
    for k in range(120):
        found: Measured = [*patch(rng, 0.33)]
        found += [with_doppler(sky, sensor, path, k - 59.65, rng)] if k >= 60 and rng.random() < 0.9 else []
        scans.append(sky.scan("radar", k + 0.35, found))
    sure = sky.tracks(sky.run(Tracker(sky.site(sensor)), scans, 120.0), "confirmed")
    mine = [
        t for t in sure if np.linalg.norm((sky.where(t) - path((t.time_ns - sky.START_NS) / 1e9 - 60.0))[:2]) < 200.0
    ]
    assert mine[0].time_ns - sky.START_NS < 65e9
    assert len({t.track_id for t in mine if t.time_ns > sky.START_NS + 66e9}) == 1


def test_one_wrong_heading_confirms_nothing_that_a_radar_does_not_see(sky: SimpleNamespace) -> None:
    """An array keeps on pointing where nothing is: one sensor is one witness, however long it goes on."""
    radar = sky.radar(false_per_scan=1.0)
    array = Sensor(
        id="array", kind=SensorKind.ARRAY, position=sky.place(0.0, 0.0, 2.0), pd=0.85, false_per_scan=0.02,
        coverage=Coverage(max_m=5_000.0, soft_m=800.0),
    )  # fmt: skip
    rng = np.random.default_rng(22)
    at = np.array([2_000.0, 2_000.0, 900.0])
    scans = []
    for k in range(60):
        scans.append(sky.scan("radar", k + 0.3, [sky.plot(radar, at, rng)] if k == 5 else []))
        scans.append(sky.scan("array", k + 0.7, [Bearing(bearing_deg=45.0 + rng.normal(), sigma_deg=2.0)]))
    out = sky.run(Tracker(sky.site(radar, array)), scans, 60.0)
    assert not sky.tracks(out, "confirmed")


def test_a_place_not_known_to_500_m_is_not_confirmed(sky: SimpleNamespace) -> None:
    rng = np.random.default_rng(23)
    path = straight(0.0, 2_000.0, 200.0, 20.0, 0.0)
    for sigma_m, sure in ((60.0, True), (1_500.0, False)):
        scans = []
        for k in range(12):
            z, extra = sky.claim(path(float(k)), rng, "S", 30.0)
            assert isinstance(z, Position)
            wide = sigma_m * sigma_m
            z = msgspec.structs.replace(z, cov_m2=(wide, 0.0, 0.0, wide, 0.0, 900.0))
            scans.append(sky.scan("rid", float(k), [(z, extra)]))
        out = sky.run(Tracker(sky.site(Sensor(id="rid", kind=SensorKind.REMOTE_ID))), scans, 5.0)
        assert bool(sky.tracks(out, "confirmed")) is sure


def test_a_power_cut_neither_ends_nor_renames_a_track(sky: SimpleNamespace) -> None:
    """No scan is not listening: the track coasts, less and less sure of its place, and goes on under its id."""
    sensor = sky.radar(false_per_scan=2.0)
    path = straight(-3_000.0, 5_000.0, 400.0, 45.0, 5.0)
    rng = np.random.default_rng(24)
    scans = []
    for k in (*range(20), *range(50, 80)):
        found = [sky.plot(sensor, path(k + 0.35), rng)] if rng.random() < 0.9 else []
        scans.append(sky.scan("radar", k + 0.35, found + sky.clutter(rng, 2.0)))
    out = sky.run(Tracker(sky.site(sensor)), scans, 80.0)
    assert len({t.track_id for t in sky.tracks(out, "confirmed")}) == 1
    gone = [t.cov[0] + t.cov[6] for t in sky.tracks(out, "coasting") if t.time_ns < sky.START_NS + 49e9]
    assert len(gone) > 20
    assert all(b > a for a, b in itertools.pairwise(gone))
    last = sky.tracks(out, "confirmed")[-1]
    assert np.linalg.norm(sky.where(last) - path((last.time_ns - sky.START_NS) / 1e9)) < 100.0


def test_a_radar_that_filters_by_speed_may_miss_what_passes_by(sky: SimpleNamespace) -> None:
    """Twelve looks without an echo while nothing moves to or fro: the same track afterwards."""
    sensor = sky.radar(false_per_scan=0.5)
    path = straight(-1_500.0, 9_000.0, 500.0, 45.0, 0.0)
    rng = np.random.default_rng(25)
    scans = []
    for k in range(70):
        plot = with_doppler(sky, sensor, path, k + 0.35, rng)
        hidden = abs(path(k + 0.35)[0]) < 280.0
        scans.append(sky.scan("radar", k + 0.35, [] if hidden else [plot]))
    out = sky.run(Tracker(sky.site(sensor)), scans, 70.0)
    assert len({t.track_id for t in sky.tracks(out, "confirmed")}) == 1
    assert not sky.tracks(out, "ended")


def test_what_dives_out_of_sight_is_lost_and_never_far_under_the_ground(sky: SimpleNamespace) -> None:
    sensor = sky.radar(false_per_scan=0.1, coverage=Coverage(max_m=20_000.0, el_deg=(0.0, 60.0)))
    path = straight(-800.0, 2_500.0, 700.0, 30.0, 0.0, -30.0)
    rng = np.random.default_rng(26)
    scans = [
        sky.scan("radar", k + 0.35, [sky.plot(sensor, path(k + 0.35), rng)] if path(k)[2] > 60.0 else [])
        for k in range(60)
    ]
    out = sky.run(Tracker(sky.site(sensor)), scans, 60.0)
    mine = [t for t in sky.tracks(out) if t.status.value != "tentative"]
    ended = [t for t in mine if t.status.value == "ended"]
    assert len(ended) == 1
    assert ended[0].end is TrackEnd.LOST
    assert ended[0].time_ns < sky.START_NS + 40e9
    assert min(t.alt_m for t in mine) > sky.HOME.alt_m - 150.0


def top(sky: SimpleNamespace, out: list[object]) -> ObjectClass:
    return max(sky.tracks(out, "confirmed")[-1].classes, key=lambda one: one[1])[0]


@pytest.mark.parametrize("speed", [10.0, 14.0, 18.0])
def test_slower_than_a_piston_drone_stalls_is_none(sky: SimpleNamespace, speed: float) -> None:
    """Even where half of all that flies is a piston drone, with a headwind and a sound that was another's."""
    sensor = sky.radar(false_per_scan=0.5)
    place = sky.site(
        sensor,
        weather=Weather(wind_from_deg=90.0, wind_mps=4.0),
        class_prior=(
            (ObjectClass.FIXED_WING_PISTON, 0.5), (ObjectClass.MULTIROTOR, 0.15), (ObjectClass.BIRD, 0.1),
            (ObjectClass.GROUND_SOURCE, 0.1),
        ),
    )  # fmt: skip
    rng = np.random.default_rng(27)
    path = straight(-500.0, 2_000.0, 200.0, speed, 0.0)
    heard = {"class_llr": ((ObjectClass.FIXED_WING_PISTON, 4.0), (ObjectClass.GROUND_SOURCE, 3.0))}
    scans: list[object] = []
    for k in range(60):
        plot = sky.plot(sensor, path(k + 0.3), rng)
        scans.append(sky.scan("radar", k + 0.3, [(plot, heard) if k == 20 else plot]))
    found = top(sky, sky.run(Tracker(place), scans, 60.0))
    assert found in (ObjectClass.MULTIROTOR, ObjectClass.BIRD, ObjectClass.FIXED_WING_ELECTRIC)


@pytest.mark.parametrize("claims", [True, False])
def test_an_aircrafts_address_that_a_radar_bears_out_speaks_for_a_crew(sky: SimpleNamespace, claims: bool) -> None:
    """At 55 m/s a piston drone and a helicopter fly alike: the address decides, and only where it is given."""
    sensor = sky.radar(false_per_scan=0.5)
    adsb = Sensor(id="adsb", kind=SensorKind.ADSB)
    prior = ((ObjectClass.FIXED_WING_PISTON, 0.5), (ObjectClass.HELICOPTER, 0.05))
    rng = np.random.default_rng(28)
    path = straight(-2_000.0, 3_000.0, 300.0, 55.0, 0.0)
    scans = []
    for k in range(60):
        scans.append(sky.scan("radar", k + 0.3, [sky.plot(sensor, path(k + 0.3), rng)]))
        if claims:
            z, _ = sky.claim(path(k + 0.6), rng, "-")
            scans.append(sky.scan("adsb", k + 0.6, [(z, {"identity": Identity(scheme="icao24", value="4b1234")})]))
    found = top(sky, sky.run(Tracker(sky.site(sensor, adsb, class_prior=prior)), scans, 60.0))
    assert found is (ObjectClass.HELICOPTER if claims else ObjectClass.FIXED_WING_PISTON)


def test_what_was_learned_of_clutter_is_in_the_snapshot(sky: SimpleNamespace) -> None:
    sensor = sky.radar(coverage=Coverage(max_m=20_000.0, el_deg=(0.0, 60.0)), false_per_scan=1.0)
    rng = np.random.default_rng(29)
    scans = [sky.scan("radar", k + 0.35, patch(rng, 2.0)) for k in range(60)]
    whole, first, second = (Tracker(sky.site(sensor)) for _ in range(3))
    early = [s for s in scans if s.received_ns <= sky.START_NS + 30e9]
    expected = sky.run(whole, scans, 60.0)
    made = sky.run(first, early, 30.0)
    second.restore(first.snapshot())
    made += sky.run(second, [s for s in scans if s not in early], 60.0, 30.0)
    assert made == expected
    assert second.snapshot() == whole.snapshot()
