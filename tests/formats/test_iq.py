"""Raw radio samples: read as a person says, never guessed."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from skysentry.errors import AmbiguousFormatError, FormatError, InputError
from skysentry.events import Block, Health
from skysentry.formats import ReadOptions, iq, read


@pytest.mark.parametrize("kind", list(iq.SAMPLES))
@pytest.mark.parametrize("rate_hz", [1_000.0, 2.4e6])
def test_samples_come_through_whole(tmp_path: Path, kind: str, rate_hz: float) -> None:
    size, dtype, values = iq.SAMPLES[kind]
    data = np.random.default_rng(1).bytes(1_234 * size)
    (tmp_path / "iq").write_bytes(data)
    blocks = [b for b in read(tmp_path / "iq", ReadOptions(format=kind, rate_hz=rate_hz)) if isinstance(b, Block)]
    assert b"".join(block.data for block in blocks) == data
    assert sum(block.shape[0] for block in blocks) == 1_234
    for block in blocks:
        assert len(block.data) == block.shape[0] * values * np.dtype(dtype).itemsize
        assert block.received_ns - block.time_ns <= 500_000_000
    assert blocks[-1].received_ns == int(1_234 / rate_hz * 1e9)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "iq"
    path.write_bytes(bytes(11))
    with pytest.raises(AmbiguousFormatError, match="cf32"):
        list(read(path))
    with pytest.raises(InputError, match="--rate"):
        list(read(path, ReadOptions(format="cf32")))
    *_, told = read(path, ReadOptions(format="cf32", rate_hz=50e6))
    assert isinstance(told, Health)
    assert dict(told.counts) == {"bytes_left": 3}
    path.write_bytes(bytes(3))
    with pytest.raises(FormatError):
        list(read(path, ReadOptions(format="cf32", rate_hz=50e6)))


def test_the_recorded_burst_is_read(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("B-droneid-iq") / "mavic_air_2.raw"
    blocks = [b for b in read(path, ReadOptions(format="cf32", rate_hz=50e6)) if isinstance(b, Block)]
    assert sum(block.shape[0] for block in blocks) == path.stat().st_size // 8
    samples = np.frombuffer(blocks[0].data, dtype=blocks[0].dtype)
    assert np.isfinite(samples).all()


def test_a_terabyte_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "iq", 1_000_000_000_000
    with path.open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        events = read(path, ReadOptions(format="cs16", rate_hz=61.44e6))
        first = [event for event in itertools.islice(events, 5) if isinstance(event, Block)]
        tail = iq.Stretch(61.44e6, None, 0, first=size // 4 - 10_000)
        last = [event for event in iq.blocks(path, "sdr", "cs16", tail) if isinstance(event, Block)]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [block.time_ns for block in first] == sorted(block.time_ns for block in first)
    assert len(first) == 5
    assert sum(block.shape[0] for block in last) == 10_000
    # Five blocks, which the list above holds, the one that is being read, and its copy.
    assert most < 8 * iq.MOST_BLOCK_BYTES
