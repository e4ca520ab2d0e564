"""A live site from end to end: datagrams in, alerts at a webhook, a person's order by HTTP, the decision kept."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from skysentry.runtime.store import Store
from skysentry.site import Output

sys.path.insert(0, str(Path(__file__).parent))
from watch import PERIOD_S, Watch, free_port, send, write_site

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))
from approach import approach


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes alerts as a siren gateway would."""

    taken: list[tuple[str, dict[str, object]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((str(self.headers["idempotency-key"]), json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def taken() -> Iterator[tuple[str, list[tuple[str, dict[str, object]]]]]:
    """Yield the address of a receiver, and what it has taken so far."""
    kept: list[tuple[str, dict[str, object]]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Kept", (Receiver,), {"taken": kept})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/alerts", kept
        server.shutdown()
        thread.join()


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not done():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_from_datagrams_to_a_siren_and_back(
    tmp_path: Path, taken: tuple[str, list[tuple[str, dict[str, object]]]]
) -> None:
    url, alerts = taken
    radar, screen = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    site_file, data = tmp_path / "site.toml", tmp_path / "data"
    write_site(site_file, radar, Output(kind="webhook", url=url))
    watch = Watch(site_file, data, tmp_path / "out.jsonl", "--port", str(screen))
    watch.wait_for_link()
    looks = approach(40, time.time_ns() + 200_000_000, period_s=PERIOD_S)
    send(radar, looks, 24)
    wait_for(lambda: len(alerts) > 0)
    shown = httpx.get(f"http://127.0.0.1:{screen}/api/snapshot", timeout=5.0, trust_env=False).json()
    alert_id = alerts[-1][1]["alert_id"]
    assert [alert["alert_id"] for alert in shown["alerts"]] == [alert_id]

    order = {"action": "acknowledge", "target": alert_id, "by": "duty officer"}
    answer = httpx.post(f"http://127.0.0.1:{screen}/api/orders", json=order, timeout=5.0, trust_env=False)
    assert answer.status_code == 202
    wait_for(lambda: alerts[-1][1]["phase"] == "acknowledged")
    store = Store(f"sqlite:///{data / 'decisions.sqlite'}")
    wait_for(lambda: store.delivered(url.removesuffix("/alerts")) == {alert_id: alerts[-1][1]["revision"]})
    printed = watch.end(kill=True)

    keys = [key for key, _ in alerts]
    assert keys == [f"{alert_id}/{revision}" for revision in range(len(keys))]
    assert [alert.revision for alert in printed][: len(keys)] == list(range(len(keys)))
    assert [(kept.by, kept.target) for kept in store.orders()] == [("duty officer", alert_id)]
    store.close()
