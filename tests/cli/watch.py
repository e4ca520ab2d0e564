"""`skysentry run` as a real process with one radar on a UDP link, for tests."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from skysentry.events import Alert, AnyEvent, encode
from skysentry.formats import mcap
from skysentry.sim.site_file import site_toml
from skysentry.site import Output

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))
from approach import SITE

PERIOD_S = 0.25


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of the loopback that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_site(path: Path, port: int, *outputs: Output) -> None:
    """Write the site of `approach` with its radar on a UDP port."""
    radar = replace(SITE.sensors[0], link=f"udp://127.0.0.1:{port}", period_s=PERIOD_S)
    path.write_text(site_toml(replace(SITE, sensors=(radar,), outputs=outputs)))


class Watch:
    """`skysentry run` as a process, and the alerts that it printed."""

    def __init__(self, site: Path, data: Path, output: Path, *options: str) -> None:
        self.output = output.open("wb")
        command = [sys.executable, "-m", "skysentry", "run", str(site), "--data", str(data), "--json", *options]
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
