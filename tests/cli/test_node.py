"""A node and its site as real processes: killed in turn, every scan comes once; without numba, in little memory."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from skysentry.events import Detection, Presence, Scan, encode, scan_id
from skysentry.formats import mcap
from skysentry.wire.rtp_pcm import RtpPacket
from skysentry.wire.rtp_pcm import encode as rtp

sys.path.insert(0, str(Path(__file__).parent))
from watch import free_port

KEY = "kept-out-of-every-line-0123456789"
PLACE = "position = { lat_deg = 50.45, lon_deg = 30.51, alt_m = 180.0 }"
# What a node may take of a small machine: the goal.
MOST_RSS_KB = 150 * 1024
# Import hook that refuses what a node must do without.
WITHOUT_NUMBA = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numba", "llvmlite", "sqlalchemy"):
            raise ImportError(name + " is not on this machine")
sys.meta_path.insert(0, Refuse())
from skysentry.cli import main
main()
"""


class Process:
    """`skysentry run` with its output in a file."""

    def __init__(
        self, folder: Path, name: str, *options: str, code: str = "from skysentry.cli import main; main()"
    ) -> None:
        self.path = folder / f"{name}-{time.monotonic_ns()}.jsonl"
        command = [sys.executable, "-c", code, "run", str(folder / f"{name}.toml"), "--data", str(folder / name)]
        with self.path.open("wb") as output:
            self.process = subprocess.Popen([*command, "--json", *options], stdout=output, stderr=subprocess.PIPE)

    def until(self, words: bytes) -> None:
        """Wait until it has printed something."""
        deadline = time.monotonic() + 60.0
        while words not in self.path.read_bytes():
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            assert time.monotonic() < deadline, self.path.read_text()
            time.sleep(0.02)

    def end(self, kill: bool = False) -> str:
        """End it; return its words on stderr."""
        (self.process.kill if kill else self.process.terminate)()
        errors = self.process.communicate(timeout=30)[1].decode()
        assert "Traceback" not in errors, errors
        return errors

    def scans(self) -> list[str]:
        """Return the ids of the scans that it printed."""
        lines = (line for line in self.path.read_bytes().splitlines() if line.endswith(b"}"))
        return [event["id"] for event in map(json.loads, lines) if event["type"] == "scan"]


class Looks:
    """Sends looks of the sensor mic-2 to a UDP port, and sound of mic-1 as RTP, until it is stopped."""

    def __init__(self, looks: int, sound: int) -> None:
        self.sent: list[str] = []
        self._ports, self._going = (looks, sound), True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        chance, number = random.Random(3), 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while self._going:
                noise = chance.randbytes(640)
                sender.sendto(
                    rtp(RtpPacket(96, number & 0xFFFF, number * 320, 5, noise)), ("127.0.0.1", self._ports[1])
                )
                if number % 2 == 0:
                    sender.sendto(encode(self._look(number)), ("127.0.0.1", self._ports[0]))
                number += 1
                time.sleep(0.02)

    def _look(self, number: int) -> Scan:
        time_ns = time.time_ns() // 1000 * 1000
        name = scan_id("mic-2", time_ns)
        found = (Detection(id=f"{name}#0", measurement=Presence(level_db=3.0)),) if number % 10 == 0 else ()
        return Scan(id=name, time_ns=time_ns, received_ns=time_ns, sensor="mic-2", detections=found, noise_db=-50.0)

    def stop(self) -> None:
        self._going = False
        self._thread.join()


def write_files(folder: Path) -> tuple[int, int]:
    """Write node.toml, site.toml and the key; return the ports of mic-2's looks and mic-1's sound."""
    looks, sound = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    url = f"node://127.0.0.1:{free_port(socket.SOCK_STREAM)}?key_file={folder / 'key'}"
    (folder / "key").write_text(KEY + "\n")
    links = {"mic-1": f"rtp://127.0.0.1:{sound}?rate=16000", "mic-2": f"udp://127.0.0.1:{looks}"}

    def sensor(name: str, link: str) -> str:
        return f'[[sensor]]\nid = "{name}"\nkind = "microphone"\n{PLACE}\nlink = "{link}"\n'

    node = "".join(sensor(name, link) for name, link in links.items())
    (folder / "node.toml").write_text(f'name = "n"\n[uplink]\nlink = "{url}"\nevery_s = 0.5\n{node}')
    site = "".join(sensor(name, url) for name in links)
    (folder / "site.toml").write_text(f'name = "s"\n{PLACE}\n{site}')
    return looks, sound


def recorded(folder: Path) -> list[Scan]:
    """Return the scans that a site took."""
    parts = mcap.segments(folder / "site" / "recording")
    events = (record.event() for part in parts for record in mcap.records(part) if record.topic == "in/scan")
    return [event for event in events if isinstance(event, Scan)]


def spooled(folder: Path) -> int:
    """Return how many records wait in a node's spool, read as a restart would."""
    from skysentry.runtime.node_spool import Spool

    spool = Spool(folder / "node" / "spool", 10**8)
    waiting = spool.waiting
    spool.close()
    return waiting


@pytest.mark.timeout(120)
def test_node_and_site_are_killed_in_turn_and_every_scan_comes_once(tmp_path: Path) -> None:
    looks, sound = write_files(tmp_path)
    node = Process(tmp_path, "node", code=WITHOUT_NUMBA)
    node.until(b"not reached")
    sender = Looks(looks, sound)
    node.until(b'"id":"mic-1@')
    nodes = [node]
    site = Process(tmp_path, "site", "--no-screen")
    site.until(b"connected to its node")
    time.sleep(0.7)
    errors = nodes[-1].end(kill=True)
    nodes.append(Process(tmp_path, "node", code=WITHOUT_NUMBA))
    nodes[-1].until(b'"id":"mic-2@')
    time.sleep(0.7)
    site.end(kill=True)
    time.sleep(0.5)
    site = Process(tmp_path, "site", "--no-screen")
    site.until(b"connected to its node")
    nodes[-1].until(b"reached again")
    status = Path(f"/proc/{nodes[-1].process.pid}/status").read_text()
    peak_kb = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    sender.stop()
    time.sleep(1.5)  # what is under way arrives
    errors += nodes[-1].end() + site.end()
    said = [name for one in nodes for name in one.scans()]
    taken = recorded(tmp_path)
    assert len(said) == len(set(said)) > 50
    ids = [scan.id for scan in taken]
    assert len(ids) == len(set(ids))
    assert set(said) <= set(ids)
    # Killed between writing its spool and printing, a node may have sent the looks of one step that it never printed.
    assert len(ids) - len(said) <= 6
    assert {scan.sensor for scan in taken} == {"mic-1", "mic-2"}
    assert spooled(tmp_path) <= 2  # the last words of the end
    assert peak_kb <= MOST_RSS_KB
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name not in ("key",)]
    assert not any(KEY.encode() in data for data in (*files, errors.encode()))
