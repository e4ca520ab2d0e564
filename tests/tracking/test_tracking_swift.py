"""What is done in a quicker way is what the plain way gives: reading detections, lives, sensors, classes, events."""

from __future__ import annotations

import math
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.events import (
    AnyEvent,
    AzEl,
    Bearing,
    Detection,
    Identity,
    Position,
    Presence,
    RangeAzEl,
    RangeBearing,
    Scan,
    Tdoa,
    Track,
)
from skysentry.site import Coverage, Sensor, SensorKind, Weather
from skysentry.tracking.fusion import Fusion
from skysentry.tracking.intake.batch import claim_of, listener, pack
from skysentry.tracking.models import measure as m
from skysentry.tracking.telling.publish import LATELY_NS, _look_around
from skysentry.tracking.telling.show import LEAST_SHOWN, STRAY_M, STRAY_SIGMAS, rank_classes
from skysentry.tracking.tracker import Tracker
from skysentry.tracking.tracks.classify import CODE, told
from skysentry.tracking.tracks.life import census, forgotten
from skysentry.tracking.tracks.table import C_TOLD, CLASSES, Life, Look, Table, alone_until_ns, look_key

angle = st.floats(-360.0, 360.0)
sigma = st.floats(0.01, 100.0)
rate = st.none() | st.floats(-300.0, 300.0)
variance = st.floats(30.0, 1e4)
identity = st.none() | st.builds(Identity, scheme=st.just("remote_id_serial"), value=st.sampled_from("ABC"))
position = st.builds(
    lambda lat, lon, alt, e, n, u, v, s: Position(
        lat_deg=lat, lon_deg=lon, alt_m=alt, cov_m2=(e, 0.2 * e, 1.0, n + 0.1 * e, -1.0, u), velocity_mps=v,
        velocity_sigma_mps=s,
    ),
    st.floats(50.0, 51.0), st.floats(30.0, 31.0), st.none() | st.floats(0.0, 3000.0), variance, variance, variance,
    st.none() | st.tuples(angle, angle, st.none() | angle), sigma,
)  # fmt: skip
measurement = st.one_of(
    position,
    st.builds(Bearing, bearing_deg=angle, sigma_deg=sigma),
    st.builds(AzEl, az_deg=angle, el_deg=st.floats(-90, 90), sigma_az_deg=sigma, sigma_el_deg=sigma),
    st.builds(
        RangeBearing, range_m=st.floats(0, 1e5), bearing_deg=angle, sigma_range_m=sigma, sigma_deg=sigma,
        doppler_mps=rate, sigma_doppler_mps=sigma,
    ),
    st.builds(
        RangeAzEl, range_m=st.floats(0, 1e5), az_deg=angle, el_deg=st.floats(-90, 90), sigma_range_m=sigma,
        sigma_az_deg=sigma, sigma_el_deg=sigma, doppler_mps=rate, sigma_doppler_mps=sigma,
    ),
    st.builds(Tdoa, other=st.just("far"), tdoa_s=st.floats(-1, 1), sigma_s=sigma),
)  # fmt: skip
POSITION_SIGMA_M, HEADING_SIGMA_DEG, CLOCK_SIGMA_S = 7.0, 0.4, 0.02
FAR = (3000.0, -200.0, 15.0)


def plainly(z: object) -> tuple[int, dict[int, float]]:
    """The code of a measurement and the columns of its row that it says, one by one as `measure` names them."""
    own2, turn2 = POSITION_SIGMA_M**2, math.radians(HEADING_SIGMA_DEG) ** 2
    t, d = m.R_TRIANGLE, m.R_DIAGONAL

    def arc(sigma_deg: float, range_m: float, turn: float = turn2) -> float:
        return math.radians(sigma_deg) ** 2 + turn + (POSITION_SIGMA_M / max(range_m, 1.0)) ** 2

    match z:
        case Position():
            e, en, eu, n, nu, u = z.cov_m2
            flat, v = z.alt_m is None, z.velocity_mps
            speeds = 0 if v is None else 2 if flat or v[2] is None else 3
            said = {t: e + own2, t + 1: en, t + 3: n + own2, d: z.velocity_sigma_mps**2}
            if not flat:
                said |= {t + 2: eu, t + 4: nu, t + 5: u + own2}
            first = 2 if flat else 3
            said |= {m.Z + first + a: v[a] or 0.0 for a in range(speeds) if v is not None}
            return 8 * (m.POSITION2 if flat else m.POSITION3) + speeds, said
        case Bearing():
            return 8 * m.BEARING, {m.Z: math.radians(z.bearing_deg), t: math.radians(z.sigma_deg) ** 2 + turn2}
        case AzEl():
            said = {m.Z: math.radians(z.az_deg), m.Z + 1: math.radians(z.el_deg)}
            return 8 * m.AZ_EL, {
                **said, t: math.radians(z.sigma_az_deg) ** 2 + turn2, t + 3: math.radians(z.sigma_el_deg) ** 2
            }  # fmt: skip
        case RangeBearing() | RangeAzEl():
            solid = isinstance(z, RangeAzEl)
            az, s_az = (z.az_deg, z.sigma_az_deg) if isinstance(z, RangeAzEl) else (z.bearing_deg, z.sigma_deg)
            said = {
                m.Z: z.range_m,
                m.Z + 1: math.radians(az),
                t: z.sigma_range_m**2 + own2,
                t + 3: arc(s_az, z.range_m),
            }
            if isinstance(z, RangeAzEl):
                said |= {m.Z + 2: math.radians(z.el_deg), t + 5: arc(z.sigma_el_deg, z.range_m, 0.0)}
            if z.doppler_mps is not None:
                said |= {m.Z + 2 + solid: z.doppler_mps, d: z.sigma_doppler_mps**2}
            return 8 * (m.RANGE_AZ_EL if solid else m.RANGE_BEARING) + (z.doppler_mps is not None), said
        case Tdoa():
            s2 = z.sigma_s**2 + 2.0 * (POSITION_SIGMA_M / m.LIGHT_MPS) ** 2 + 2.0 * CLOCK_SIGMA_S**2
            return 8 * m.TDOA, {m.Z: z.tdoa_s, t: s2, **{m.OTHER + a: FAR[a] for a in range(3)}}
    raise AssertionError(z)


def packed_by(sky: SimpleNamespace, detections: list[Detection]):  # type: ignore[no-untyped-def]
    sensor = Sensor(
        id="r", kind=SensorKind.RADAR, position=sky.place(10.0, 20.0, 5.0), position_sigma_m=POSITION_SIGMA_M,
        heading_sigma_deg=HEADING_SIGMA_DEG, clock_sigma_s=CLOCK_SIGMA_S, coverage=Coverage(max_m=1e5),
    )  # fmt: skip
    frame = np.concatenate([sky.FRAME.rotation.ravel(), np.array(sky.FRAME.origin_ecef_m), [450.0]])
    scan = Scan(id="r@1", sensor="r", time_ns=1, received_ns=1, detections=tuple(detections))
    return pack(scan, listener(sensor, sky.FRAME, Weather()), {"far": FAR}, frame)


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.tuples(measurement, identity), max_size=12), turns=st.integers(0, 12))
def test_rows_are_what_the_detections_say(
    sky: SimpleNamespace, data: list[tuple[object, Identity | None]], turns: int
) -> None:
    found = [Detection(id=f"r@1#{i}", measurement=z, identity=who) for i, (z, who) in enumerate(data)]  # type: ignore[arg-type]
    packed = packed_by(sky, found)
    assert (packed.rejected, len(packed.kept), sorted(d.id for d in packed.kept)) == (
        0, len(found), sorted(d.id for d in found),
    )  # fmt: skip
    for code, row, claim, detection in zip(packed.codes, packed.rows, packed.claims, packed.kept, strict=True):
        wanted, said = plainly(detection.measurement)
        assert code == wanted
        assert tuple(claim) == claim_of(detection.identity)
        np.testing.assert_allclose(row[list(said)], list(said.values()), rtol=1e-12, atol=1e-15)
    turned = packed_by(sky, found[turns:] + found[:turns])
    for one, other in zip(
        (packed.codes, packed.rows, packed.claims), (turned.codes, turned.rows, turned.claims), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=60, deadline=None)
@given(
    plots=st.lists(st.tuples(st.floats(1.0, 1e5), angle, st.floats(-90, 90), sigma, sigma, sigma), max_size=9),
    places=st.lists(position.filter(lambda z: z.alt_m is not None), max_size=9),
)
def test_looks_of_one_kind_are_read_as_mixed_ones(
    sky: SimpleNamespace, plots: list[tuple[float, ...]], places: list[Position]
) -> None:
    names = ("range_m", "az_deg", "el_deg", "sigma_range_m", "sigma_az_deg", "sigma_el_deg")
    still = [msgspec.structs.replace(z, velocity_mps=None) for z in places]
    for alike in ([RangeAzEl(**dict(zip(names, plot, strict=True))) for plot in plots], still):
        found = [Detection(id=f"r@1#{i}", measurement=z) for i, z in enumerate(alike)]
        one = packed_by(sky, found)
        mixed = packed_by(sky, [*found, Detection(id="r@1#99", measurement=Bearing(bearing_deg=1.0, sigma_deg=1.0))])
        them = np.array([detection.id != "r@1#99" for detection in mixed.kept])
        assert [d.id for d in one.kept] == [d.id for d in mixed.kept if d.id != "r@1#99"]
        for ours, theirs in ((one.codes, mixed.codes), (one.rows, mixed.rows), (one.claims, mixed.claims)):
            np.testing.assert_array_equal(ours, theirs[them])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_left_out_alone(sky: SimpleNamespace, bad: float) -> None:
    good = Bearing(bearing_deg=10.0, sigma_deg=1.0)
    spoiled = [Bearing(bearing_deg=bad, sigma_deg=1.0), msgspec.structs.replace(good, sigma_deg=bad)]
    singular = Position(lat_deg=50.0, lon_deg=30.0, alt_m=1.0, cov_m2=(9.0, 90.0, 0.0, 9.0, 0.0, 9.0))
    found = [Detection(id=f"#{i}", measurement=z) for i, z in enumerate([*spoiled, good, singular])]
    packed = packed_by(sky, found)
    assert (packed.rejected, [d.id for d in packed.kept]) == (3, ["#2"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(1e-9, 1.0), min_size=len(CLASSES), max_size=len(CLASSES)))
def test_classes_told_are_the_probabilities_and_add_up_to_one(weights: list[float]) -> None:
    p = np.array(weights) / sum(weights)
    codes = np.empty(len(CLASSES), np.int16)
    rank_classes(p.copy(), np.empty_like(p), codes)
    shares, _ = told(codes.tobytes())
    assert sum(share for _, share in shares) == pytest.approx(1.0, abs=1e-9)
    assert [share for _, share in shares] == sorted((share for _, share in shares), reverse=True)
    kept = np.where(p < LEAST_SHOWN, 0.0, p)
    kept /= kept.sum()
    for object_class, share in shares:
        assert abs(share - kept[CLASSES.index(object_class)]) < 1.0 / (CODE - 1)
    assert {c for c, share in zip(CLASSES, kept, strict=True) if share >= 0.01} <= {c for c, _ in shares}


def test_a_life_made_late_is_the_life_made_at_once(sky: SimpleNamespace) -> None:
    table = Table()
    kept = [Detection(id=f"r@5000000#{k}", measurement=Presence()) for k in range(5)]
    look = Look("r@5000000", 5_000_000, "r", 1.5, True, kept)
    table.key[:3] = look_key(look.scan) + np.array([3, 0, 4])
    table.alone[:3] = 1
    assert table.follow(look, 3) == 0
    table.add(Life("x", 1, 2, hits=2))
    assert (table.n, table.claimed) == (4, 3)
    lives = table.lives
    assert [lives.founded(i) for i in range(4)] == ["r@5000000#3", "r@5000000#0", "r@5000000#4", "x"]
    assert (lives.rows[0].last_ns, lives.rows[0].claimed) == (5_000_000, True)
    assert lives[0] == Life(
        founded="r@5000000#3", first_ns=5_000_000, last_ns=5_000_000, hits=1, period_s=1.5, claimed=True,
        seen={"r": 5_000_000}, pending=["r@5000000#3"],
    )  # fmt: skip
    assert lives[0] is lives[0]
    assert table.alone[:4].tolist() == [1, 1, 1, 0]


def test_looks_at_one_instant_found_tracks_with_keys_of_their_own(sky: SimpleNamespace) -> None:
    """Radars that keep one clock look at once; what is learned of one must not be taken for the other's."""
    radars = sky.radar("a"), sky.radar("b", e=40_000.0)
    tracker = Tracker(sky.site(*radars))
    at = np.array([3_000.0, 4_000.0, 300.0])
    far = at + np.array([40_000.0, 0.0, 0.0])
    rng = np.random.default_rng(1)
    sky.run(
        tracker,
        [sky.scan("a", 1.0, [sky.plot(radars[0], at, rng)]), sky.scan("b", 1.0, [sky.plot(radars[1], far, rng)])],
        1.5,
    )
    assert tracker.fusion is not None
    table = tracker.fusion.table
    assert table.n == 2
    assert table.key[0] != table.key[1]


def test_single_looks_are_forgotten_when_they_should() -> None:
    """The quick census offers all that `forgotten` would forget, however time is rounded, and no track that is more."""
    table, now_ns = Table(), 10**18 + 100 * 10**9
    for k in range(60):
        look = Look(f"s{k}", now_ns - 9_900_000_000 - k * 100_000_000, "r", 0.1 * (k % 10), False, [])
        table.alone[table.n], table.r[table.n] = alone_until_ns(look.last_ns, look.period_s), 0.5 if k % 7 else 1e-5
        table.follow(look, 1)
    table.add(Life("x", 1, 2, hits=2))
    more, old = np.empty((2, 61), np.int64)
    many, single = census(table.alone, table.r, table.n, now_ns, more, old)
    assert more[:many].tolist() == [60]
    rows = table.lives.rows
    assert [i for i in range(60) if forgotten(rows[i], table.r[i], now_ns)] == old[:single][::-1].tolist()


def test_rows_that_are_removed_take_all_with_them() -> None:
    table = Table(2)
    for k in range(5):
        row = table.add(Life(f"s{k}", k, k, claimed=k % 2 == 0))
        for name in Table.ARRAYS:
            getattr(table, name)[row] = k
    table.remove([3, 1, 0])
    assert [life.first_ns for life in table.lives] == [2, 4]
    assert table.claimed == 2
    for name in Table.ARRAYS:
        rows = getattr(table, name)[:2].reshape(2, -1)
        assert [set(row) for row in rows.tolist()] == [{2.0}, {4.0}], name


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-20, 0), st.integers(0, 9)), max_size=60))
def test_sensors_told_are_those_of_the_last_seconds(looks: list[tuple[str, int, int]]) -> None:
    """Late looks and pauses: what is kept of the last telling is what is found anew."""
    life, now_ns, last = Life("x", 0, 0), 100 * 10**9, dict[str, int]()
    for sensor, late_s, pause_s in looks:
        now_ns += pause_s * 10**9
        seen_ns = now_ns + late_s * 10**9
        life.saw(sensor, seen_ns)
        last[sensor] = max(seen_ns, last.get(sensor, 0))
        if now_ns >= life.sensors_until_ns:
            _look_around(life, now_ns)
        assert life.sensors == tuple(sorted(s for s, t in last.items() if now_ns - t < LATELY_NS))


def test_what_is_not_told_is_where_it_was_told(sky: SimpleNamespace) -> None:
    """Three radars see two things each second: whoever reckons on from the last event is never far off."""
    rng = np.random.default_rng(4)
    radars = [sky.radar(f"r{k}", 3000.0 * k) for k in range(3)]
    scans = []
    for k in range(30):
        for q, sensor in enumerate(radars):
            t = k + 0.05 + 0.3 * q
            paths = [np.array([-800.0 + 45.0 * t, 4500.0, 200.0]), np.array([1500.0, 6000.0 - 12.0 * t, 100.0])]
            scans.append(sky.scan(sensor.id, t, [sky.plot(sensor, at, rng) for at in paths]))
    tracker = Tracker(sky.site(*radars))
    last: dict[str, Track] = {}
    told_at: list[int] = []
    for k in range(1, 301):
        now_ns = sky.START_NS + k * 100_000_000
        part: list[AnyEvent] = [scan for scan in scans if now_ns - 100_000_000 < scan.received_ns <= now_ns]
        for track in sky.tracks(tracker.step(now_ns, part)):
            last[track.track_id] = track
            told_at.append(now_ns)
        fusion = tracker.fusion
        assert isinstance(fusion, Fusion)
        for i, life in enumerate(fusion.table.lives):
            if life.status.value != "confirmed":
                continue
            track, line = last[life.track_id], fusion.table.lines[i]
            here = line[:3] + line[3:6] * ((now_ns - fusion.epoch_ns) / 1e9 - line[6])
            there = sky.where(track) + np.array(track.velocity_mps) * ((now_ns - track.time_ns) / 1e9)
            # East-north-up at the track and at the site differ by a little over kilometres.
            assert np.linalg.norm(here - there) < max(STRAY_SIGMAS * math.sqrt(line[7] / 3.0), STRAY_M) + 1.0
    assert {status.value for status in (track.status for track in last.values())} == {"confirmed"}
    assert len(told_at) < 0.8 * 2 * 90


@pytest.mark.parametrize("several", [False, True])
def test_tracks_in_order_are_told_as_if_they_were_asked(sky: SimpleNamespace, several: bool) -> None:
    """What kernels answer for tracks in order (`calm`) is what Python would: in flight, in a gap, at the end."""
    rng = np.random.default_rng(5)
    radars = [sky.radar(f"r{k}", 2000.0 * k) for k in range(2 if several else 1)]
    scans = []
    for k in range(60):
        for q, sensor in enumerate(radars):
            t = k + 0.15 + 0.4 * q
            paths = [np.array([-800.0 + 25.0 * t, 4500.0, 200.0]), np.array([1500.0, 6000.0 - 12.0 * t, 100.0])]
            seen = [at for at in paths if t < 25.0 or (35.0 < t < 45.0)]
            far = [np.array([*rng.uniform(-5000.0, 5000.0, 2), 100.0]) for _ in range(3)]
            scans.append(sky.scan(sensor.id, t, [sky.plot(sensor, at, rng) for at in (*seen, *far)]))
    quick, asked = Tracker(sky.site(*radars)), Tracker(sky.site(*radars))
    calm = 0
    for k in range(1, 901):
        now_ns = sky.START_NS + k * 100_000_000
        part: list[AnyEvent] = [scan for scan in scans if now_ns - 100_000_000 < scan.received_ns <= now_ns]
        fusion = quick.fusion
        assert isinstance(fusion, Fusion)
        assert isinstance(asked.fusion, Fusion)
        asked.fusion.table.calm[:] = 0
        assert quick.step(now_ns, part) == asked.step(now_ns, part)
        calm += np.count_nonzero(fusion.table.calm[: fusion.table.n, C_TOLD])
    assert calm > 300
