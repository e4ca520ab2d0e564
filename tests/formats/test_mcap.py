"""Recordings: what was written is read, whatever was cut off or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysentry.errors import FormatError
from skysentry.events import AnyEvent, Health, Scan, scan_id
from skysentry.formats import ReadOptions, mcap, sniff
from skysentry.site import Sensor, SensorKind, Site

SITE = Site(name="test", sensors=(Sensor(id="mic", kind=SensorKind.MICROPHONE),))
OPTIONS = ReadOptions()


def scans(count: int) -> list[AnyEvent]:
    return [Scan(id=scan_id("mic", t), time_ns=t, received_ns=t + 5, sensor="mic") for t in range(0, count * 100, 100)]


def record(path: Path, inputs: list[AnyEvent], close: bool = True) -> mcap.SegmentWriter:
    writer = mcap.SegmentWriter(path, SITE)
    writer.state(0, b"state")
    writer.inputs(inputs)
    writer.step(1_000)
    writer.outputs(1_000, inputs[:1])
    writer.flush()
    if close:
        writer.close()
    return writer


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path, inputs = tmp_path / "000001.mcap", scans(5)
    record(path, inputs)
    assert list(mcap.read(path, OPTIONS)) == inputs
    assert list(mcap.outputs(path)) == inputs[:1]
    assert mcap.site_of(path) == SITE
    assert sniff(path, OPTIONS) is mcap
    topics = [record.topic for record in mcap.records(path)]
    assert topics == ["site", "state", *["in/scan"] * 5, "step", "out/scan"]


def test_compacting_changes_nothing_but_the_size(tmp_path: Path) -> None:
    path = tmp_path / "000001.mcap"
    record(path, scans(500))
    before, size = list(mcap.records(path)), path.stat().st_size
    mcap.compact(path)
    assert list(mcap.records(path)) == before
    assert path.stat().st_size < size / 4
    assert not list(tmp_path.glob("*.part"))


def test_an_unclosed_segment_is_read_and_told(tmp_path: Path) -> None:
    path, inputs = tmp_path / "000001.mcap", scans(5)
    writer = record(path, inputs, close=False)
    *read, told = mcap.read(path, OPTIONS)
    assert read == inputs
    assert isinstance(told, Health)
    assert dict(told.counts)["events"] == 5
    writer.close()


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_segment_gives_what_is_whole(tmp_path: Path, keep: float) -> None:
    path, inputs = tmp_path / "000001.mcap", scans(50)
    record(path, inputs)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    *read, told = mcap.read(path, OPTIONS)
    assert isinstance(told, Health)
    assert read == inputs[: len(read)]
    assert len(read) >= int(50 * keep) - 25


@given(cut=st.integers(8, 2_000), noise=st.binary(max_size=60))
@settings(max_examples=150)
def test_any_damage_is_a_format_error_or_told(tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "whole.mcap"
    if not whole.exists():
        record(whole, scans(20))
    data = whole.read_bytes()
    path = folder / "damaged.mcap"
    path.write_bytes(data[:cut] + noise + data[cut + len(noise) :])
    try:
        events = list(mcap.read(path, OPTIONS))
    except FormatError as error:
        assert error.where == str(path)  # noqa: PT017
        return
    assert all(isinstance(event, Scan | Health) for event in events)
