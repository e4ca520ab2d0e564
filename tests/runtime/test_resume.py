"""A process that dies anywhere is taken up where it was: same ids, nothing lost, nothing twice under another id."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from skysentry.errors import InputError
from skysentry.events import Action, Alert, AnyEvent, Health, Order, Track, encode
from skysentry.formats import mcap
from skysentry.runtime import pipeline
from skysentry.runtime.engine import Engine
from skysentry.runtime.recorder import Recorder, orders, resumption
from skysentry.runtime.replay import inputs as recorded_inputs
from skysentry.runtime.replay import recorded_site

sys.path.insert(0, str(Path(__file__).parent))
from approach import SITE, START_NS, approach

OPTIONS = mcap.ReadOptions()


class Killed(BaseException):
    """Stands for the end of the process."""


def batches(seconds: int = 60) -> list[tuple[int, list[AnyEvent]]]:
    return list(pipeline.batches(approach(seconds)))


def told(events: Sequence[AnyEvent]) -> list[bytes]:
    return [encode(event) for event in events if isinstance(event, Track | Alert)]


def uninterrupted(cut: list[tuple[int, list[AnyEvent]]]) -> list[bytes]:
    engine = Engine(SITE)
    return told([event for now_ns, batch in cut for event in engine.step(now_ns, batch)])


def abandon(engine: Engine) -> None:
    """Let go of the file as the end of a process does: without writing its end."""
    assert engine._recorder is not None
    assert engine._recorder._segment is not None
    engine._recorder._segment._file.close()


def test_the_run_makes_tracks_and_alerts() -> None:
    made = [event for now_ns, batch in batches() for event in Engine(SITE).step(now_ns, batch)]
    assert not any(isinstance(event, Alert) for event in made)  # each step in an engine of its own knows nothing
    whole = uninterrupted(batches())
    assert sum(b'"type":"track"' in line for line in whole) > 50
    assert any(b'"type":"alert"' in line for line in whole)


@pytest.mark.parametrize("where", ["before the step", "after the step", "in mid-write"])
@pytest.mark.parametrize("dies_at", [3, 217, 405])
def test_a_killed_run_resumes_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int, where: str
) -> None:
    cut = batches()
    first = Engine(SITE, tmp_path)
    seen: list[AnyEvent] = []
    for now_ns, batch in cut[:dies_at]:
        seen += first.step(now_ns, batch)
    dying_ns, dying = cut[dies_at]
    if where == "before the step":
        monkeypatch.setattr(first._core, "step", _die)
    else:
        monkeypatch.setattr(first._recorder, "outputs", _die)
    with pytest.raises(Killed):
        first.step(dying_ns, dying)
    abandon(first)
    if where == "in mid-write":
        segment = mcap.segments(tmp_path)[-1]
        segment.write_bytes(segment.read_bytes() + b"\x05\x99\x00")

    second = Engine(SITE, tmp_path)
    seen += second.resume(dying_ns)
    for now_ns, batch in cut[dies_at + 1 :]:
        seen += second.step(now_ns, batch)
    second.close()
    assert told(seen) == uninterrupted(cut)

    replayed = list(pipeline.run(recorded_inputs([tmp_path], OPTIONS), SITE))
    assert told(replayed) == uninterrupted(cut)
    assert told([event for part in mcap.segments(tmp_path) for event in mcap.outputs(part)]) == uninterrupted(cut)


def _die(*_: object) -> None:
    raise Killed


def test_resuming_steps_through_the_time_that_was_missed(tmp_path: Path) -> None:
    cut = batches(30)
    first = Engine(SITE, tmp_path)
    for now_ns, batch in cut:
        first.step(now_ns, batch)
    abandon(first)
    late_ns = cut[-1][0] + 40_000_000_000
    second = Engine(SITE, tmp_path)
    made = second.resume(late_ns)
    alone = Engine(SITE)
    for now_ns, batch in pipeline.batches_between(approach(30), cut[0][0] - pipeline.GRID_NS, late_ns):
        alone.step(now_ns, batch)
    assert second.now_ns == late_ns == alone.now_ns
    assert second._core.snapshot() == alone._core.snapshot()
    assert any(isinstance(event, Health) and "resumed" in event.reason for event in made)
    second.close()


def test_nothing_to_resume(tmp_path: Path) -> None:
    assert resumption(tmp_path / "absent") is None
    assert Engine(SITE, tmp_path).resume(START_NS) == []
    (tmp_path / "000001.mcap").write_bytes(b"")
    assert resumption(tmp_path) is None


def test_a_state_that_is_not_understood_is_left_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Engine(SITE, tmp_path)
    for now_ns, batch in batches(20):
        first.step(now_ns, batch)
    first.close()
    monkeypatch.setattr("skysentry.runtime.pipeline.SNAPSHOT_VERSION", 99)
    second = Engine(SITE, tmp_path)
    (told_of_it,) = second.resume(first.now_ns + pipeline.GRID_NS)
    assert isinstance(told_of_it, Health)
    assert told_of_it.state == "degraded"
    assert "another version" in told_of_it.reason
    monkeypatch.undo()
    assert told([e for now_ns, batch in batches() for e in second.step(now_ns, batch)]) == uninterrupted(batches())
    second.close()


def test_events_of_another_version_do_not_keep_the_watch_from_starting(tmp_path: Path) -> None:
    writer = mcap.SegmentWriter(tmp_path / "000001.mcap", SITE)
    writer.state(START_NS, Engine(SITE)._core.snapshot())
    writer.message("in/scan", START_NS, b'{"type":"scan","of":"the future"}')
    writer.close()
    engine = Engine(SITE, tmp_path)
    (told_of_it,) = engine.resume(START_NS)
    assert isinstance(told_of_it, Health)
    assert told_of_it.state == "degraded"
    assert told([e for now_ns, batch in batches() for e in engine.step(now_ns, batch)]) == uninterrupted(batches())
    engine.close()


def test_alerts_and_orders_are_found_again(tmp_path: Path) -> None:
    engine = Engine(SITE, tmp_path)
    made: list[AnyEvent] = []
    for now_ns, batch in batches():
        made += engine.step(now_ns, batch)
    alert = next(event for event in made if isinstance(event, Alert))
    now_ns = engine.now_ns + pipeline.GRID_NS
    order = Order(
        id="order:1", time_ns=now_ns, received_ns=now_ns, by="me", action=Action.ACKNOWLEDGE, target=alert.alert_id
    )
    made += engine.step(now_ns, [order])
    abandon(engine)
    newest = [event for event in made if isinstance(event, Alert)][-1]
    again = Engine(SITE, tmp_path)
    assert order in again.resume(engine.now_ns + pipeline.GRID_NS)
    assert again.alerts == [newest]
    again.close()
    assert newest.phase == "acknowledged"
    assert list(orders(tmp_path)) == [order]
    assert recorded_site([tmp_path]) == SITE


def test_segments_roll_over_and_are_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysentry.runtime.recorder.SEGMENT_NS", 20_000_000_000)
    engine = Engine(SITE, tmp_path)
    for now_ns, batch in batches():
        engine.step(now_ns, batch)
    engine.close()
    assert len(mcap.segments(tmp_path)) >= 3
    assert told(list(pipeline.run(recorded_inputs([tmp_path], OPTIONS), SITE))) == uninterrupted(batches())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError) as caught:
        Recorder(tmp_path / "file", SITE)
    assert caught.value.hint


def test_a_full_disk_stops_the_recording_and_not_the_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = batches()
    engine = Engine(SITE, tmp_path)
    made: list[AnyEvent] = []
    for number, (now_ns, batch) in enumerate(cut):
        with monkeypatch.context() as full:
            if 100 <= number < 300:
                full.setattr(mcap.SegmentWriter, "flush", _full)
            made += engine.step(now_ns, batch)
    engine.close()
    assert told(made) == uninterrupted(cut)
    health = [event for event in made if isinstance(event, Health) and event.source == "engine"]
    assert [event.state for event in health] == ["degraded", "degraded", "ok"]
    assert "No space left" in health[0].reason
    recorded = told([event for part in mcap.segments(tmp_path) for event in mcap.outputs(part)])
    assert set(recorded) < set(uninterrupted(cut))
    assert recorded[-1] == uninterrupted(cut)[-1]


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
