from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import StateError
from skysentry.events import AnyEvent, Block, Health, HealthState, ObjectClass, Place, Presence, Scan, decode, encode
from skysentry.formats import ReadOptions, wav
from skysentry.sensing.acoustic.detector import BANDS, MOST_EARS, AcousticDetector, comb_speaks, look, measured_llr
from skysentry.sensing.acoustic.ear import Ear
from skysentry.sensing.acoustic.fuse import CONFIRM_LLR
from skysentry.sensing.acoustic.net import KINDS
from skysentry.site import Coverage, Sensor, SensorKind, Site

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


def drone_like(rate_hz: int, seconds: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    phase = 2 * np.pi * 187.0 * time_s + 2.0 * np.sin(2 * np.pi * 0.3 * time_s)
    sound = sum(0.8**n * np.sin(n * phase) for n in range(1, 11)) + 0.5 * generator.standard_normal(len(time_s))
    # Gusts: rotors near by are never quite steady.
    gusts = np.repeat(10 ** (generator.normal(0.0, 1.8, round(seconds * 4) + 1) / 20), rate_hz // 4)
    return (0.05 * sound * gusts[: len(time_s)]).astype(np.float32)


def cut(sound: np.ndarray, rate_hz: float, frames: Sequence[int] | int, sensor: str = "m", start_ns: int = START_NS):
    """Blocks of these sizes, the last size repeated; sound [shape=(n,) or (n, channels)]."""
    sizes = [frames] if isinstance(frames, int) else list(frames)
    sound = sound.reshape(len(sound), -1)
    made, at, n = [], 0, 0
    while at < len(sound):
        part = sound[at : at + sizes[min(n, len(sizes) - 1)]]
        end = at + len(part)
        made.append(
            Block(
                id=f"{sensor}:{n}",
                time_ns=start_ns + round(at * 1e9 / rate_hz),
                received_ns=start_ns + round(end * 1e9 / rate_hz),
                sensor=sensor,
                rate_hz=float(rate_hz),
                dtype=str(part.dtype),
                shape=part.shape,
                data=part.tobytes(),
            )
        )
        at, n = end, n + 1
    return made


def run(blocks: Sequence[AnyEvent], site: Site | None = None) -> list[AnyEvent]:
    detector = AcousticDetector(site or Site())
    return [event for block in blocks for event in detector.step(block.received_ns, [block])]


def scans_of(events: Sequence[AnyEvent]) -> list[Scan]:
    return [event for event in events if isinstance(event, Scan)]


def health_of(events: Sequence[AnyEvent]) -> list[Health]:
    return [event for event in events if isinstance(event, Health)]


def core(scan: Scan) -> tuple[object, ...]:
    """What must not depend on how the sound was cut."""
    found = [(d.measurement, d.class_llr, d.snr_db, d.features) for d in scan.detections]
    return scan.id, scan.time_ns, scan.noise_db, scan.reach_m, found


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_one_scan_a_second_at_any_rate(rate_hz: int) -> None:
    scans = scans_of(run(cut(drone_like(rate_hz, 4.2), rate_hz, rate_hz // 2)))
    assert [scan.time_ns for scan in scans] == [START_NS + n * SECOND_NS for n in (1, 2, 3, 4)]
    assert all(scan.received_ns >= scan.time_ns for scan in scans)
    assert [scan.id for scan in scans] == [f"m@{scan.time_ns}" for scan in scans]


def test_a_detection_says_presence_ratio_fundamental_and_evidence() -> None:
    last = scans_of(run(cut(drone_like(44100, 6.0), 44100, 22050)))[-1]
    (found,) = last.detections
    assert found.id == f"{last.id}#0"
    assert isinstance(found.measurement, Presence)
    assert found.measurement.level_db is not None
    assert dict(found.features)["f0_hz"] == pytest.approx(187.0, rel=0.01)
    # One comb of 187 Hz may be that of rotors or of one propeller: a drone either way.
    assert dict(found.features)["drone_llr"] > 0.75
    assert found.evidence == ("m:10", "m:11")
    assert decode(encode(last)) == last


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=30),
    tail=st.sampled_from([800, 1600, 4410, 7919, 40_000]),
    rate_hz=st.sampled_from([8000, 11025, 44100]),
)
def test_the_size_of_blocks_changes_nothing(sizes: list[int], tail: int, rate_hz: int) -> None:
    sound = drone_like(rate_hz, 3.5)
    expected = [core(scan) for scan in scans_of(run(cut(sound, rate_hz, rate_hz // 2)))]
    assert [core(scan) for scan in scans_of(run(cut(sound, rate_hz, [*sizes, tail])))] == expected


@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, 12), seed=st.integers(0, 3))
def test_two_steps_equal_one_and_a_snapshot_changes_nothing(at: int, seed: int) -> None:
    sound = drone_like(16000, 4.0, seed)
    sound[20000:20010] = np.nan
    blocks = cut(sound, 16000, 8000, "a") + cut(sound[:48000], 16000, 11000, "b")
    blocks.sort(key=lambda block: (block.received_ns, block.id))
    first, second = blocks[:at], blocks[at:]
    whole = AcousticDetector(Site()).step(blocks[-1].received_ns, blocks)
    detector = AcousticDetector(Site())
    made = detector.step(START_NS, first)
    state = detector.snapshot()
    again = AcousticDetector(Site())
    again.restore(state)
    assert again.snapshot() == state
    assert made + again.step(blocks[-1].received_ns, second) == whole
    assert made + detector.step(blocks[-1].received_ns, second) == whole


@pytest.mark.parametrize(
    "state", [b"", b"rubbish", msgspec.msgpack.encode({"version": 99, "ears": {}, "cares": {}}), b"\x93\x01\x02"]
)
def test_a_foreign_snapshot_is_refused(state: bytes) -> None:
    with pytest.raises(StateError):
        AcousticDetector(Site()).restore(state)


def test_a_damaged_array_in_a_snapshot_is_refused() -> None:
    detector = AcousticDetector(Site())
    detector.step(START_NS, cut(drone_like(16000, 1.5), 16000, 8000))
    fields = msgspec.msgpack.decode(detector.snapshot())
    for field, value in (
        ("paths", bytes(7)),
        ("belief", [0.5] * 3),
        ("tail", bytes(8)),
        ("octaves", bytes(4)),
        ("pending", bytes(10**7)),
    ):
        damaged = {**fields, "ears": {"m": {**fields["ears"]["m"], field: value}}}
        with pytest.raises(StateError):
            AcousticDetector(Site()).restore(msgspec.msgpack.encode(damaged))


def changed(block: Block, **fields: object) -> Block:
    return msgspec.structs.replace(block, **fields)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"dtype": "complex64"}, "unknown sample type"),
        ({"dtype": "no such type"}, "unknown sample type"),
        ({"time_ns": 2**63 - 1}, "impossible time"),
        ({"time_ns": -1}, "impossible time"),
        ({"rate_hz": 1.0}, "impossible rate"),
        ({"rate_hz": 5e7}, "impossible rate"),
        ({"rate_hz": float("nan")}, "impossible rate"),
        ({"shape": (8000, 0)}, "impossible shape"),
        ({"shape": (-8000, -1)}, "impossible shape"),
        ({"shape": (1, 8000)}, "impossible shape"),
        ({"shape": (10**12, 1)}, "impossible shape"),
        ({"shape": (7999, 1)}, "length does not fit the shape"),
        ({"data": b""}, "length does not fit the shape"),
    ],
)
def test_a_block_that_cannot_be_is_counted_and_nothing_else_lost(fields: dict[str, object], fault: str) -> None:
    blocks = cut(drone_like(16000, 4.0), 16000, 8000)
    bad = changed(blocks[3], id="bad", **fields)
    made = run([*blocks[:3], bad, *blocks[3:]])
    assert len(scans_of(made)) == 4
    (health,) = health_of(made)
    assert health.state is HealthState.DEGRADED
    assert health.reason == fault
    assert health.mend
    assert health.counts == ((fault, 1),)


def test_gaps_are_told_at_most_every_ten_seconds_with_counts() -> None:
    blocks = [block for n, block in enumerate(cut(drone_like(8000, 40.0), 8000, 4000)) if n % 7]
    told = health_of(run(blocks))
    assert [health.reason for health in told] == ["gap"] * len(told)
    assert 3 <= len(told) <= 4
    assert dict(told[-1].counts)["gap"] > len(told)
    apart = np.diff([health.received_ns for health in told])
    assert (apart >= 10 * SECOND_NS).all()


def test_after_a_gap_a_second_is_counted_from_the_new_beginning() -> None:
    early = cut(drone_like(16000, 2.5), 16000, 8000)
    late = cut(drone_like(16000, 2.0), 16000, 8000, start_ns=START_NS + 60_123_000_000)
    made = run(early + late)
    assert [scan.time_ns - START_NS for scan in scans_of(made)] == [
        SECOND_NS, 2 * SECOND_NS, 61_123_000_000, 62_123_000_000
    ]  # fmt: skip


def test_repeated_sound_is_dropped() -> None:
    blocks = cut(drone_like(16000, 4.0), 16000, 8000)
    once, twice = run(blocks), run([block for block in blocks for _ in range(2)])
    assert scans_of(once) == scans_of(twice)
    assert health_of(twice)[0].reason == "repeated or late sound"


def test_a_clock_that_goes_back_an_hour_is_followed() -> None:
    early = cut(drone_like(16000, 2.0), 16000, 8000)
    back = [
        changed(block, id=f"back{n}", received_ns=START_NS + 3 * SECOND_NS + n)
        for n, block in enumerate(cut(drone_like(16000, 2.0), 16000, 8000, start_ns=START_NS - 3600 * SECOND_NS))
    ]
    made = run(early + back)
    assert len(scans_of(made)) == 4
    assert health_of(made)[0].reason == "clock went back"


def test_a_clock_that_drifts_is_followed_without_a_gap() -> None:
    blocks = cut(drone_like(16000, 30.0), 16000, 8000)
    drifting = [changed(block, time_ns=block.time_ns + n * 150_000) for n, block in enumerate(blocks)]  # 300 ppm
    made = run(drifting)
    assert not health_of(made)
    assert scans_of(made)[-1].time_ns - START_NS == 30 * SECOND_NS + 59 * 150_000


def test_a_rate_that_changes_begins_anew() -> None:
    later = START_NS + 2 * SECOND_NS
    made = run(cut(drone_like(16000, 2.0), 16000, 8000) + cut(drone_like(48000, 2.0), 48000, 24000, start_ns=later))
    assert len(scans_of(made)) == 4
    assert health_of(made)[0].reason == "rate changed"


def test_samples_that_are_not_numbers_are_silence_and_counted() -> None:
    sound = drone_like(16000, 3.0)
    sound[5000:5050] = np.nan
    sound[9000] = np.inf
    sound[9001] = -3e38
    made = run(cut(sound, 16000, 8000))
    assert len(scans_of(made)) == 3
    assert all(np.isfinite(scan.noise_db) for scan in scans_of(made))
    assert dict(health_of(made)[0].counts) == {"samples that are not numbers": 1}


def test_clipping_is_counted() -> None:
    made = run(cut(np.clip(40 * drone_like(16000, 3.0), -1, 1), 16000, 8000))
    assert "clipped seconds" in dict(health_of(made)[0].counts)
    assert len(scans_of(made)) == 3


def test_a_dead_microphone_is_told_and_its_silence_has_no_reach() -> None:
    dead, alive = np.zeros(16000 * 7, dtype=np.int16), (drone_like(16000, 2.0) * 32767).astype(np.int16)
    site = Site(sensors=(Sensor(id="m", kind=SensorKind.MICROPHONE, position=Place(lat_deg=50, lon_deg=30)),))
    made = run(cut(np.concatenate((dead, alive)), 16000, 8000), site)
    scans = scans_of(made)
    assert len(scans) == 9
    assert [scan.reach_m for scan in scans[:7]] == [0.0] * 7
    assert all(not scan.detections for scan in scans[:7])
    assert scans[-1].reach_m > 0
    lost, found = health_of(made)
    assert lost.state is HealthState.LOST
    assert "hears nothing at all" in lost.reason
    assert found.state is HealthState.OK


def test_reach_shrinks_with_noise_and_is_unknown_without_a_site() -> None:
    quiet = 0.001 * np.random.default_rng(0).standard_normal(16000 * 5)
    loud = 0.01 * np.random.default_rng(1).standard_normal(16000 * 5)
    sound = np.concatenate((quiet, loud)).astype(np.float32)
    sensor = Sensor(id="m", kind=SensorKind.MICROPHONE, coverage=Coverage(max_m=400.0))
    scans = scans_of(run(cut(sound, 16000, 8000), Site(sensors=(sensor,))))
    assert scans[4].reach_m == pytest.approx(400.0, rel=0.1)
    assert scans[-1].reach_m == pytest.approx(40.0, rel=0.1)  # 20 dB more noise
    assert scans_of(run(cut(sound, 16000, 8000)))[-1].reach_m is None


def test_what_the_site_knows_as_no_microphone_is_left_alone() -> None:
    site = Site(sensors=(Sensor(id="m", kind=SensorKind.RF),))
    assert run(cut(drone_like(16000, 3.0), 16000, 8000), site) == []


def test_memory_is_bounded_however_many_microphones_come(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_EARS <= 10_000
    monkeypatch.setattr("skysentry.sensing.acoustic.detector.MOST_EARS", 3)
    detector = AcousticDetector(Site())
    sound = drone_like(8000, 0.5)
    made = [event for n in range(9) for event in detector.step(START_NS, cut(sound, 8000, 4000, f"s{n}"))]
    assert len(detector.ears) == 3
    assert health_of(made)[0].source == "acoustic"
    assert len(detector.cares) == 4


def test_an_ear_holds_no_more_than_a_second() -> None:
    detector = AcousticDetector(Site())
    sizes = []
    for block in cut(drone_like(16000, 20.0), 16000, 333):
        detector.step(block.received_ns, [block])
        sizes.append(len(detector.snapshot()))
    assert max(sizes) < 4 * 16000 * 1.3 + 8192


# --- recordings -----------------------------------------------------------------------------------------------


def heard(path: Path) -> list[Scan]:
    return scans_of(run(list(wav.read(path, ReadOptions(start_ns=START_NS, sensor="m")))))


def comb_share(paths: Sequence[Path]) -> float:
    """The share of seconds in which the comb alone speaks: the net has learned from these recordings, the comb not."""
    flags = []
    for path in paths:
        ear = Ear(BANDS)
        for block in wav.read(path, ReadOptions()):
            if isinstance(block, Block):
                flags += [comb_speaks(second) for second in ear.hear(block)[0]]
    return sum(flags) / len(flags)


def test_a_recorded_clip_gives_a_scan_a_second(shared_data: Callable[[str], Path]) -> None:
    scans = heard(shared_data("A-svanstrom-audio") / "flac" / "DRONE_005.flac")
    assert [scan.time_ns for scan in scans] == [START_NS + n * SECOND_NS for n in range(1, 11)]
    assert all(scan.noise_db is not None for scan in scans)


# Recordings that the constants were not fitted on; `python -m bench.acoustic` says which and why.
HELD_OUT = {
    "DRONE": (2, 5, 9, 10, 11, 15, 22, 25, 28),
    "HELICOPTER": (3, 6, 9, 11, 14, 17, 21, 24, 27, 30),
    "BACKGROUND": (3, 5, 12, 15, 18, 25, 27, 30),
}


def folder_share(folder: Path, kind: str) -> float:
    return comb_share([folder / "flac" / f"{kind}_{number:03d}.flac" for number in HELD_OUT[kind]])


def test_recorded_machines_part_from_recorded_background(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("A-svanstrom-audio")
    # Measured: 0 of 80, 12 of 90 and 68 of 100 seconds.
    assert folder_share(folder, "BACKGROUND") <= 0.04
    assert folder_share(folder, "DRONE") >= 0.08
    assert folder_share(folder, "HELICOPTER") >= 0.5


def test_recorded_weather_of_another_corpus_is_mostly_silence(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("A-esc10-ccby")
    paths = [
        path for kind in ("rain", "sea_waves", "crackling_fire") for path in sorted((folder / kind).glob("*.flac"))
    ]
    assert len(paths) == 24
    assert comb_share(paths) <= 0.08  # measured: 5 of 120 seconds


def against_all(folder: Path, kind: str) -> np.ndarray:
    """log p(z|multirotor) − log(½ p(z|helicopter) + ½ p(z|nothing)) of every second of the held-out recordings."""
    found = []
    for number in HELD_OUT[kind]:
        ear = Ear(BANDS)
        for block in wav.read(folder / "flac" / f"{kind}_{number:03d}.flac", ReadOptions()):
            assert isinstance(block, Block)
            for second in ear.hear(block)[0]:
                ratios = dict(measured_llr(second))
                found.append(ratios[ObjectClass.MULTIROTOR] - np.logaddexp(ratios[ObjectClass.HELICOPTER], 0.0))
    return np.array(found)


def test_the_ratios_rank_recorded_drones_above_the_rest(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("A-svanstrom-audio")
    drone = against_all(folder, "DRONE")
    # Area under the curve of one-second windows, measured by bench.acoustic: 0.829 and 0.854.
    for kind, floor in (("BACKGROUND", 0.77), ("HELICOPTER", 0.80)):
        area = float(np.mean(drone[:, None] > against_all(folder, kind)))
        assert area >= floor, (kind, area)


def test_the_fundamental_of_a_motor_rises_with_its_throttle(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("A-motor-bench")
    means = []
    for throttle in (30, 40, 50, 60):  # at 20 % the comb is not found: the two clips disagree
        both = []
        for path in sorted(folder.glob(f"motor_m1_prop_{throttle}pct_*.flac")):
            ear = Ear(BANDS)
            seconds = [s for block in wav.read(path, ReadOptions()) for s in ear.hear(block)[0]]  # type: ignore[arg-type]
            both.append(seconds[-1].high.f0_hz)
        assert len(both) == 2
        assert both[0] == pytest.approx(both[1], rel=0.08)
        means.append(sum(both) / 2)
    assert all(after > 1.1 * before for before, after in itertools.pairwise(means))


def test_wind_that_leaves_a_quarter_of_the_reach_is_told_and_that_it_is_over() -> None:
    generator = np.random.default_rng(5)
    level = np.repeat([0.001, 0.01, 0.001, 0.01, 0.001], np.array([10, 20, 5, 40, 60]) * 16000)
    made = run(cut((generator.standard_normal(len(level)) * level).astype(np.float32), 16000, 8000))
    told = [(health.state, round((health.time_ns - START_NS) / SECOND_NS)) for health in health_of(made)]
    # Twenty seconds, five without and fifteen more make half a minute; half a minute after the wind it is over.
    assert told == [(HealthState.DEGRADED, 50), (HealthState.OK, 105)]
    assert "20 dB above the quietest" in health_of(made)[0].reason


def test_a_second_that_speaks_by_itself_after_long_quiet_is_told_at_once() -> None:
    """One second, twice: after quiet, by the chain alone and by itself; then by a chain that speaks anyway."""
    noise = np.random.default_rng(1).normal(0.0, 0.01, (16_000, 1)).astype(np.float32)
    (second,) = Ear(BANDS).hear(cut(noise, 16_000, 16_000)[0])[0]
    quiet = tuple((0.999 if k == 0 else 0.001 / (len(KINDS) - 1)) for k in range(len(KINDS)))
    flying = tuple((0.9 if k == 1 else 0.1 / (len(KINDS) - 1)) for k in range(len(KINDS)))
    silent = msgspec.structs.replace(second, belief=quiet, alone=None)
    assert not look("m", silent, None).detections
    (told,) = look("m", msgspec.structs.replace(silent, alone=flying), None).detections
    features = dict(told.features)
    assert features["one_second"] == 1.0
    assert features["flies_llr"] > CONFIRM_LLR
    assert features["confirmed"] == 0.0, "one second confirms nothing"
    assert dict(told.class_llr)[ObjectClass.MULTIROTOR] > 1.0, "the ratios are those of the second that speaks"
    (chained,) = look("m", msgspec.structs.replace(silent, belief=flying, alone=flying), None).detections
    assert "one_second" not in dict(chained.features)
    assert chained.class_llr == told.class_llr
