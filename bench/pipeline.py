"""The whole way: Remote ID frames through parse, track and alert; start-up; memory.

Frames are real ones: Wi-Fi beacons with a pack of Basic ID, Location and System, made beforehand by our own encoder. N
drones report once a second around three zones. Beside it, in the same process, runs a loop that does what a Remote ID
gateway does and no more: parse, remember by serial number, build one Cursor-on-Target XML text a report. That loop is
ours and imitates the *work* of a gateway; it is no gateway's code, and with our parser it is faster than one. The ratio
of both rates holds on a noisy machine where neither rate does.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench import Row, cpu_s, peak_mib, show
from skysentry.events import Alert, AnyEvent, LinkKind, Packet, Place, Scan, Stage, Track
from skysentry.formats import jsonl
from skysentry.geo import Frame
from skysentry.runtime import pipeline
from skysentry.site import Sensor, SensorKind, Site, Zone
from skysentry.wire import remote_id, wifi

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
HERE = Place(lat_deg=50.45, lon_deg=30.52, alt_m=150.0)
# Drones and seconds: enough reports for a steady rate, short enough for a bench.
SIZES = ((10, 300), (100, 60), (1000, 20))
SEED = 7
REPEATS = 5


class Timed:
    """A stage that counts its own CPU time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.cpu_s = 0.0

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        start = time.process_time()
        made = self._stage.step(now_ns, events)
        self.cpu_s += time.process_time() - start
        return made

    def snapshot(self) -> bytes:
        return self._stage.snapshot()

    def restore(self, state: bytes) -> None:
        self._stage.restore(state)


def site() -> Site:
    """Return a site with one receiver and three zones of 1 km."""
    frame = Frame.at(HERE)
    zones = []
    for index, east_m in enumerate((-4000.0, 0.0, 4000.0)):
        corners = ((-500.0, -500.0), (500.0, -500.0), (500.0, 500.0), (-500.0, 500.0), (-500.0, -500.0))
        places = [frame.to_geodetic(east_m + e, n, 0.0) for e, n in corners]
        ring = tuple((lon, lat) for lat, lon, _ in places)
        zones.append(Zone(id=f"zone-{index}", name=f"Zone {index}", polygons=((ring,),)))
    receiver = Sensor(id="rid", kind=SensorKind.REMOTE_ID, position=HERE)
    return Site(name="bench", position=HERE, sensors=(receiver,), zones=tuple(zones))


def frames(drones: int, seconds: int) -> list[Packet]:
    """Return one frame a second of each drone, in order of arrival."""
    chance = np.random.default_rng(SEED)
    start_m = chance.uniform(-8000.0, 8000.0, size=(drones, 2))
    heading = chance.uniform(0.0, 2.0 * math.pi, size=drones)
    phase_ns = chance.integers(0, SECOND_NS, size=drones)
    frame = Frame.at(HERE)
    made = []
    for second in range(seconds):
        for drone in range(drones):
            time_ns = START_NS + second * SECOND_NS + int(phase_ns[drone])
            east, north = start_m[drone] + 15.0 * second * np.array(
                [math.sin(heading[drone]), math.cos(heading[drone])]
            )
            lat, lon, alt = frame.to_geodetic(float(east), float(north), 100.0)
            pack = remote_id.encode_pack(_messages(drone, lat, lon, alt, float(heading[drone]), time_ns))
            address = b"\x02\x00" + drone.to_bytes(4, "big")
            data = wifi.encode_beacon(address, pack, second)
            made.append(
                Packet(
                    id=f"rid@{time_ns}/{drone}",
                    time_ns=time_ns,
                    received_ns=time_ns,
                    sensor="rid",
                    link=LinkKind.WIFI,
                    data=data,
                    rssi_dbm=-60.0,
                )
            )
    return sorted(made, key=lambda packet: packet.received_ns)


def _messages(drone: int, lat: float, lon: float, alt: float, heading: float, time_ns: int) -> list[remote_id.Message]:
    return [
        remote_id.BasicId(id_type=1, ua_type=2, uas_id=f"1581F0BENCH{drone:06d}"),
        remote_id.Location(
            status=2,
            direction_deg=math.degrees(heading) % 360.0,
            speed_mps=15.0,
            vertical_mps=0.0,
            lat_deg=lat,
            lon_deg=lon,
            geodetic_alt_m=alt,
            height_m=100.0,
            horizontal_accuracy=11,
            vertical_accuracy=5,
            speed_accuracy=4,
            time_s=time_ns / SECOND_NS % 3600.0,
        ),
        remote_id.System(lat_deg=HERE.lat_deg, lon_deg=HERE.lon_deg, operator_alt_m=HERE.alt_m),
    ]


def whole_way(packets: Sequence[Packet]) -> tuple[dict[str, float], dict[str, int]]:
    """Return CPU seconds of each stage and of all, and numbers of events made."""
    chain = pipeline.core(site())
    timed = {name: Timed(stage) for name, stage in chain.stages.items()}
    chain.stages = dict[str, Stage](timed)
    counts = {"scans": 0, "tracks": 0, "alerts": 0}
    ids: set[str] = set()

    def loop() -> None:
        for now_ns, batch in pipeline.batches(packets):
            for event in chain.step(now_ns, batch):
                counts["scans"] += isinstance(event, Scan)
                counts["tracks"] += isinstance(event, Track)
                counts["alerts"] += isinstance(event, Alert)
                if isinstance(event, Track):
                    ids.add(event.track_id)

    _, seconds = cpu_s(loop)
    return {"all": seconds, **{name: stage.cpu_s for name, stage in timed.items()}}, {**counts, "ids": len(ids)}


def parse_and_forward(packets: Sequence[Packet]) -> int:
    """Parse each frame, remember its drone by serial number, build one Cursor-on-Target text; return their length."""
    known: dict[str, dict[str, object]] = {}
    length = 0
    for packet in packets:
        for payload in wifi.payloads(packet.data):
            found, _ = remote_id.decode_all(payload.data)
            drone: dict[str, object] = {"seen_ns": packet.received_ns, "rssi": packet.rssi_dbm}
            for message in found:
                drone.update((field, getattr(message, field)) for field in message.__struct_fields__)
            serial = str(drone.get("uas_id"))
            known.setdefault(serial, {}).update(drone)
            length += len(_cursor_on_target(serial, known[serial]))
    return length


def _cursor_on_target(serial: str, drone: dict[str, object]) -> bytes:
    event = ElementTree.Element("event", version="2.0", uid=f"drone-{serial}", type="a-u-A-M-H-Q", how="m-g")
    stamp = str(drone["seen_ns"])
    event.set("time", stamp)
    event.set("start", stamp)
    event.set("stale", stamp)
    place = {"lat": str(drone["lat_deg"]), "lon": str(drone["lon_deg"]), "hae": str(drone["geodetic_alt_m"])}
    ElementTree.SubElement(event, "point", place, ce="10", le="10")
    detail = ElementTree.SubElement(event, "detail")
    ElementTree.SubElement(detail, "contact", callsign=f"drone-{serial}")
    ElementTree.SubElement(detail, "track", course=str(drone["direction_deg"]), speed=str(drone["speed_mps"]))
    ElementTree.SubElement(detail, "remarks").text = f"speed {drone['speed_mps']} m/s, RSSI {drone['rssi']} dBm"
    text: bytes = ElementTree.tostring(event, encoding="utf-8")
    return text


def measure(size: tuple[int, int]) -> Row:
    """Return one row: rates of the whole way and of parse-and-forward, what the stages take, and peak memory."""
    drones, seconds = size
    packets = frames(drones, seconds)
    # Once before, so that kernels are loaded and caches are warm; start-up is measured apart.
    whole_way(packets[: len(packets) // 10])
    _, forward_s = cpu_s(lambda: parse_and_forward(packets))
    spent, counts = whole_way(packets)
    rate = len(packets) / spent["all"]
    return {
        "drones": drones,
        "reports": len(packets),
        "reports/CPU-s": rate,
        "x real time": seconds / spent["all"],
        "parse and forward": len(packets) / forward_s,
        "ratio": rate * forward_s / len(packets),
        **{f"{name} µs": 1e6 * took / len(packets) for name, took in spent.items() if name != "all"},
        "track ids": counts["ids"],
        "track events": counts["tracks"],
        "alert events": counts["alerts"],
        "peak MiB": peak_mib(),
    }


def start_up(name: str, *command: str, cold: bool = False) -> Row:
    """Return wall and CPU seconds of a Python program: the median of several runs after a first one.

    With `cold` it is one run with an empty cache of compiled kernels. A program that fails has no figures.
    """
    runs = []
    with tempfile.TemporaryDirectory() as empty:
        env = {**os.environ, "NUMBA_CACHE_DIR": empty} if cold else None
        for _ in range(1 if cold else REPEATS + 1):
            if (run := _run(command, env)) is None:
                return {"program": name, "wall s": None, "CPU s": None}
            runs.append(run)
    wall_s, used_s = zip(*runs[-REPEATS:], strict=True)
    return {"program": name, "wall s": statistics.median(wall_s), "CPU s": statistics.median(used_s)}


def _run(command: Sequence[str], env: dict[str, str] | None) -> tuple[float, float] | None:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, check=False, env=env)
    wall_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.stderr.write(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[-300:]}\n")
        return None
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn, max_tasks_per_child=1) as pool:
        show(
            "Remote ID frames through parse, track and alert",
            list(pool.map(measure, SIZES)),
            "µs are CPU time of each stage a report; 'parse and forward' is our imitation of a gateway's work",
        )
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "frames.jsonl"
        jsonl.write(recording, frames(10, 10))
        show(
            "start-up",
            [
                start_up("python", "-c", "pass"),
                start_up("skysentry --help", "-m", "skysentry.cli", "--help"),
                start_up("skysentry info, 100 events", "-m", "skysentry.cli", "info", str(recording)),
                start_up("tracker kernels, cached", "-m", "skysentry.tracking.kernels"),
                start_up("tracker kernels, compiled", "-m", "skysentry.tracking.kernels", cold=True),
            ],
            f"median of {REPEATS} after a first run; compiled: one run with an empty cache",
        )


if __name__ == "__main__":
    main()
