"""`kill -9` in the middle, then a restart: the same tracks, no alert lost, none under a second id. Real processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from skysentry.events import Track, encode
from skysentry.formats import mcap

sys.path.insert(0, str(Path(__file__).parent))
from watch import PERIOD_S, Watch, free_port, send, write_site

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))
from approach import approach

# Looks before the kill, between the kill and the restart (lost, as nobody listens), and after it: fifteen seconds, in
# which the time to arrival must be told anew.
BEFORE, AWAY, AFTER = 24, 8, 60


def test_killed_and_restarted(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    site_file, data = tmp_path / "site.toml", tmp_path / "data"
    write_site(site_file, port)

    first = Watch(site_file, data, tmp_path / "first.jsonl", "--no-screen")
    first.wait_for_link()
    looks = approach(BEFORE + AWAY + AFTER, time.time_ns() + 200_000_000, period_s=PERIOD_S)
    send(port, looks, BEFORE)
    time.sleep(0.5)
    before = first.end(kill=True)
    assert before, "no alert before the kill"
    tracks_before = tracks(data)
    assert len(tracks_before) == 2

    second = Watch(site_file, data, tmp_path / "second.jsonl", "--no-screen")
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
