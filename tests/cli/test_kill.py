"""`kill -9` in the middle, then a restart: the same tracks, no alert lost, none under a second id. Real processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from skysentry.events import Alert, AnyEvent, Track, encode
from skysentry.formats import mcap
from skysentry.sim.site_file import site_toml

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))
from approach import SITE, approach

PERIOD_S = 0.25
# Looks before the kill, between the kill and the restart (lost, as nobody listens), and after it.
BEFORE, AWAY, AFTER = 24, 8, 24


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Watch:
    """`skysentry run` as a process, and the alerts that it printed."""

    def __init__(self, site: Path, data: Path, output: Path) -> None:
        self.output = output.open("wb")
        command = [sys.executable, "-m", "skysentry", "run", str(site), "--data", str(data), "--no-screen", "--json"]
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.PIPE)
        self.path = output

    def wait_for_link(self) -> None:
        """Wait until it has said that it listens."""
        deadline = time.monotonic() + 60.0
        while b'"health"' not in self.path.read_bytes():
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self, kill: bool) -> list[Alert]:
        """End it, by `kill -9` or as a person does, and return its alerts."""
        (self.process.kill if kill else self.process.terminate)()
        errors = self.process.communicate(timeout=30)[1].decode()
        self.output.close()
        assert "Traceback" not in errors, errors
        found = (mcap.decode(line) for line in self.path.read_bytes().splitlines() if line.endswith(b"}"))
        return [event for event in found if isinstance(event, Alert)]


def send(port: int, looks: Iterator[AnyEvent], count: int) -> None:
    """Send looks as datagrams, each when it is due."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            look = next(looks)
            time.sleep(max(0.0, (look.time_ns - time.time_ns()) / 1e9))
            sender.sendto(encode(look), ("127.0.0.1", port))


def test_killed_and_restarted(tmp_path: Path, port: int) -> None:
    radar = replace(SITE.sensors[0], link=f"udp://127.0.0.1:{port}", period_s=PERIOD_S)
    site_file, data = tmp_path / "site.toml", tmp_path / "data"
    site_file.write_text(site_toml(replace(SITE, sensors=(radar,))))

    first = Watch(site_file, data, tmp_path / "first.jsonl")
    first.wait_for_link()
    looks = approach(BEFORE + AWAY + AFTER, time.time_ns() + 200_000_000, period_s=PERIOD_S)
    send(port, looks, BEFORE)
    time.sleep(0.5)
    before = first.end(kill=True)
    assert before, "no alert before the kill"
    tracks_before = tracks(data)
    assert len(tracks_before) == 2

    second = Watch(site_file, data, tmp_path / "second.jsonl")
    second.wait_for_link()
    for _ in range(AWAY):
        next(looks)
    send(port, looks, AFTER)
    time.sleep(0.5)
    after = second.end(kill=False)

    assert tracks(data) == tracks_before
    told = {(alert.alert_id, alert.revision): encode(alert) for alert in before}
    assert all(told.get((alert.alert_id, alert.revision), encode(alert)) == encode(alert) for alert in after)
    both = {(alert.alert_id, alert.revision) for alert in (*before, *after)}
    assert {alert_id for alert_id, _ in both} == {before[0].alert_id}
    assert sorted(revision for _, revision in both) == list(range(len(both)))
    assert len(after) > 0

    replay = [sys.executable, "-m", "skysentry", "replay", str(data / "recording"), "--json"]
    done = subprocess.run(replay, capture_output=True, check=True, timeout=60)
    again = [json.loads(line) for line in done.stdout.splitlines()]
    revisions = {(event["alert_id"], event["revision"]) for event in again if event["type"] == "alert"}
    assert revisions == both


def tracks(data: Path) -> set[str]:
    """Return the ids of all tracks confirmed in a recording."""
    made = (event for part in mcap.segments(data / "recording") for event in mcap.outputs(part))
    return {event.track_id for event in made if isinstance(event, Track) and event.status == "confirmed"}
