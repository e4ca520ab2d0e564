"""A feed with a hand-made sky, and a real server around it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette

from skysentry.events import (
    Affiliation,
    Alert,
    Arrival,
    Bearing,
    Detection,
    Identity,
    ObjectClass,
    Phase,
    Place,
    Scan,
    Severity,
    Track,
    TrackStatus,
    scan_id,
)
from skysentry.runtime.feed import Feed
from skysentry.site import Coverage, Sensor, SensorKind, Site, Zone
from skysentry.web.server import app, bind, serve_on

S = 1_000_000_000
T0 = 1_800_000_000 * S
SQUARE = ((30.4, 50.4), (30.6, 50.4), (30.6, 50.5), (30.4, 50.5), (30.4, 50.4))


class Sky:
    """Makes events around Kyiv, at a clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now_ns = T0
        self.site = Site(
            name="Test site",
            position=Place(lat_deg=50.45, lon_deg=30.52, alt_m=150.0),
            sensors=(
                Sensor(id="array-1", kind=SensorKind.ARRAY, position=Place(lat_deg=50.5, lon_deg=30.4)),
                Sensor(id="radar-1", kind=SensorKind.RADAR, position=Place(lat_deg=50.4, lon_deg=30.6),
                       coverage=Coverage(max_m=20_000.0, az_deg=(300.0, 60.0))),
                Sensor(id="eyes-1", kind=SensorKind.OBSERVER, position=Place(lat_deg=50.47, lon_deg=30.3)),
            ),
            zones=(Zone(id="kyiv", name="Kyiv", polygons=((SQUARE,),)),),
        )  # fmt: skip

    def clock(self) -> int:
        return self.now_ns

    def scans(self, *, found: bool = False) -> list[Scan]:
        made = []
        for sensor in ("array-1", "radar-1"):
            name = scan_id(sensor, self.now_ns)
            one = Detection(id=f"{name}#0", measurement=Bearing(bearing_deg=40.0, sigma_deg=3.0))
            detections = (one,) if found and sensor == "array-1" else ()
            made.append(
                Scan(id=name, time_ns=self.now_ns, received_ns=self.now_ns, sensor=sensor, detections=detections)
            )
        return made

    def track(self, name: str = "mic@1#0", **fields: object) -> Track:
        known: dict[str, object] = {
            "id": f"{name}@{self.now_ns}", "time_ns": self.now_ns, "received_ns": self.now_ns, "track_id": name,
            "status": TrackStatus.CONFIRMED, "lat_deg": 50.52, "lon_deg": 30.45, "alt_m": 300.0,
            "velocity_mps": (0.0, -50.0, 1.0), "cov": (90_000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10_000.0, *(0.0,) * 4, 400.0,
            *(0.0,) * 3, 4.0, 0.0, 0.0, 4.0, 0.0, 1.0), "existence": 0.97, "first_ns": self.now_ns - 60 * S,
            "last_seen_ns": self.now_ns, "classes": ((ObjectClass.FIXED_WING_PISTON, 0.9), (ObjectClass.BIRD, 0.1)),
            "affiliation": Affiliation.UNKNOWN, "sensors": ("array-1",), "why": "array-1 hears an engine at 52 Hz",
            "identity": Identity(scheme="remote_id_serial", value="SERIAL1", operator_id="OP-7",
                                 operator=Place(lat_deg=50.123456, lon_deg=30.654321),
                                 takeoff=Place(lat_deg=50.123456, lon_deg=30.654321)),
        }  # fmt: skip
        return Track(**{**known, **fields})  # type: ignore[arg-type]

    def alert(self, revision: int = 0, **fields: object) -> Alert:
        known: dict[str, object] = {
            "id": f"al-1/{revision}", "time_ns": self.now_ns, "received_ns": self.now_ns, "alert_id": "al-1",
            "revision": revision, "zone": "kyiv", "rule": "approach", "severity": Severity.URGENT,
            "phase": Phase.ACTIVE, "raised_ns": self.now_ns, "why": "1 drone heading for Kyiv, first in 41 s",
            "tracks": ("mic@1#0",), "arrival": Arrival(low_s=33.0, mean_s=41.0, high_s=55.0), "sound": True,
        }  # fmt: skip
        return Alert(**{**known, **fields})  # type: ignore[arg-type]


@pytest.fixture
def sky() -> Sky:
    return Sky()


@pytest.fixture
def feed(sky: Sky) -> Feed:
    return Feed(sky.site, "live", sky.clock)


class Server:
    """An application served on a port of the loopback, in a thread of its own."""

    def __init__(self, application: Starlette, port: int = 0) -> None:
        self.socket = bind("127.0.0.1", port)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(application,))
        self._thread.start()

    def _run(self, application: Starlette) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(serve_on(application, self.socket))
        with pytest.raises(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self.socket.close()
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function from a feed (and a token, a port) to a running server; all are stopped in the end."""
    running: list[Server] = []

    def start(feed: Feed, token: str | None = None, port: int = 0) -> Server:
        running.append(Server(app(feed, token), port))
        return running[-1]

    yield start
    for server in running:
        server.stop()
