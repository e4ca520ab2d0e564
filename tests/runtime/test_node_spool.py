"""The spool of a node: nothing lost by a kill, torn records cut off, bounded, silence dropped first."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from skysentry.errors import InputError
from skysentry.events import Detection, Presence, Scan, scan_id
from skysentry.runtime import node_spool
from skysentry.runtime.node_spool import Spool

START_NS = 1_795_482_000_000_000_000


def look(number: int, heard: bool = False) -> Scan:
    time_ns = START_NS + number * 10**9
    scan = Scan(
        id=scan_id("m", time_ns), time_ns=time_ns, received_ns=time_ns, sensor="m", noise_db=-40.0, reach_m=500.0
    )
    found = Detection(id=f"{scan.id}#0", measurement=Presence(level_db=3.0))
    return structs.replace(scan, detections=(found,)) if heard else scan


_open: list[Spool] = []


def opened(folder: Path, most_bytes: int = 10**7) -> Spool:
    """Open a spool; one that was opened before is left as a killed process leaves it."""
    _open.append(Spool(folder, most_bytes))
    return _open[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def waiting(spool: Spool) -> list[Scan]:
    """Return all that waits, as the uplink reads it."""
    made, cursor = [], 0
    while found := spool.read(cursor, 2**63, 7):
        cursor = found[-1][0]
        made += [event for _, event in found]
    return made


def test_a_killed_process_loses_nothing_and_forgets_what_was_confirmed(tmp_path: Path) -> None:
    spool = opened(tmp_path, 10**7)
    looks = [look(n, heard=n == 5) for n in range(20)]
    numbers = [number for one in looks for number in spool.append(one.time_ns, [one])]
    spool.confirm([(numbers[0], numbers[3]), (numbers[10], numbers[10])])
    again = opened(tmp_path, 10**7)  # the first was not closed
    assert waiting(again) == looks[4:10] + looks[11:]
    assert again.epoch == spool.epoch
    assert again.next > numbers[-1]
    assert again.counts == {}


def test_numbers_are_never_given_twice_even_when_all_is_confirmed(tmp_path: Path) -> None:
    given: set[int] = set()
    for _ in range(4):
        spool = opened(tmp_path, 10**7)
        numbers = spool.append(START_NS, [look(0), look(1)])
        assert given.isdisjoint(numbers)
        given.update(numbers)
        spool.confirm([(numbers[0], numbers[1])])
        assert opened(tmp_path, 10**7).waiting == 0


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 2_000), damage=st.booleans())
def test_what_a_power_cut_tears_is_cut_off_and_the_rest_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, damage: bool
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = opened(folder, 10**7)
    looks = [look(n) for n in range(30)]
    for one in looks:
        spool.append(one.time_ns, [one])
    path = spool.segments[-1].path
    data = bytearray(path.read_bytes())
    at = cut % len(data)
    if damage:
        data[at] ^= 0x55
        path.write_bytes(data)
    else:
        path.write_bytes(data[:at])
    again = opened(folder, 10**7)
    kept = waiting(again)
    assert kept == looks[: len(kept)]
    assert len(kept) == 30 or damage or again.counts.get("damaged", 0) <= 1
    more = look(99)
    again.append(more.time_ns, [more])
    assert waiting(opened(folder, 10**7))[-1] == more


def test_the_oldest_silence_goes_first_and_the_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_spool, "SEGMENT_BYTES", 2_000)
    spool = opened(tmp_path, 10_000)
    looks = [look(n, heard=n % 10 == 0) for n in range(400)]
    for one in looks:
        spool.append(one.time_ns, [one])
        assert sum(path.stat().st_size for path in tmp_path.glob("*.spool")) <= 10_000 + 2_000
    kept = waiting(spool)
    silent = [one for one in kept if not one.detections]
    words = [one for one in kept if one.detections]
    assert silent == [one for one in looks if not one.detections][-len(silent) :]
    assert len(words) + spool.counts.get("detections_dropped", 0) == 40
    assert words == [one for one in looks if one.detections][-len(words) :]
    assert len(words) > len(looks[-len(silent) :]) // 10  # older detections outlive silence
    assert len(silent) + spool.counts["silences_dropped"] == 360
    assert waiting(opened(tmp_path, 10_000))[-len(silent) :] != []


def test_confirmed_segments_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_spool, "SEGMENT_BYTES", 2_000)
    spool = opened(tmp_path, 10**6)
    chance = random.Random(1)
    numbers = [number for n in range(300) for number in spool.append(START_NS, [look(n)])]
    chance.shuffle(numbers)
    for number in numbers:
        spool.confirm([(number, number)])
    assert spool.waiting == 0
    assert len(list(tmp_path.glob("*.spool"))) <= 2


def test_a_disk_that_is_full_is_counted_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path, 10**6)
    spool.append(START_NS, [look(0)])
    real = spool._file

    class Full:
        def write(self, data: bytes) -> int:
            return real.write(data[: len(data) // 2])

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    monkeypatch.setattr(spool, "_file", Full())
    spool.append(START_NS, [look(1)])
    assert spool.counts == {"unwritten": 1}
    monkeypatch.undo()
    spool.append(START_NS, [look(2)])
    again = opened(tmp_path, 10**6)
    assert waiting(again) == [look(0), look(2)]


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError):
        Spool(tmp_path / "file", 10**6)
