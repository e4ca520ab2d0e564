"""From site.toml and the sound of three arrays to one track: the simulator's sound through every stage."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest

from skysentry import config
from skysentry.events import AnyEvent, AzEl, Block, Health, Scan, Track
from skysentry.geo import Frame
from skysentry.runtime.pipeline import run
from skysentry.sim.sound import ArraySound, Source, Surroundings, straight
from skysentry.sim.sound_voices import Multirotor
from skysentry.sim.sound_way import Air

START_NS = 1_700_000_000_000_000_000
SITE = """
name = "field"
position = { lat_deg = 50.0, lon_deg = 30.0, alt_m = 100.0 }
weather = { temperature_c = 12.0 }
"""
SENSOR = """
[[sensor]]
id = "array-{number}"
kind = "array"
position = {{ lat_deg = {lat}, lon_deg = {lon}, alt_m = 100.0 }}
position_sigma_m = 1.0
heading_deg = {heading}
heading_sigma_deg = 1.0
coverage = {{ max_m = 400.0, soft_m = 80.0 }}
pd = 0.6
mics = [[0.2, 0, 0], [0.1, 0.173, 0.1], [-0.1, 0.173, 0], [-0.2, 0, 0.1], [-0.1, -0.173, 0], [0.1, -0.173, 0.1]]
"""
PLACES = ((50.0, 30.0, 30.0), (50.0018, 30.0, 140.0), (50.0, 30.0028, 275.0))
SECONDS = 13.0


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[AnyEvent], Frame]:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    sensors = (SENSOR.format(number=n, lat=a, lon=b, heading=h) for n, (a, b, h) in enumerate(PLACES))
    path.write_text(SITE + "".join(sensors))
    site = config.load(path)
    frame = Frame.at(site.position)
    source = Source("quad", lambda chance, rate_hz: Multirotor(chance, rate_hz, 88.0), straight(*FLIGHT))
    air, around = Air(c2=1e-7), Surroundings(ambient_db=30.0, wind_mps=1.0)
    heard = [
        ArraySound(sensor, frame, [source], seed=3, air=air, around=around).blocks(START_NS, SECONDS, 0.5)
        for sensor in site.sensors
    ]
    blocks = heapq.merge(*heard, key=lambda block: (block.received_ns, block.id))
    return [event for event in run(blocks, site, "tracks") if not isinstance(event, Block)], frame


FLIGHT = ((20.0, 60.0, 60.0), (9.0, 4.0, 0.0))


def true_m(time_ns: int) -> np.ndarray:
    return np.array(FLIGHT[0]) + np.array(FLIGHT[1]) * (time_ns - START_NS) / 1e9


def test_one_quadcopter_is_one_track_near_the_truth(flown: tuple[list[AnyEvent], Frame]) -> None:
    events, frame = flown
    tracks = [event for event in events if isinstance(event, Track)]
    assert len({track.track_id for track in tracks if track.status == "confirmed"}) == 1
    late = [track for track in tracks if track.time_ns > START_NS + 8_000_000_000 and track.status == "confirmed"]
    assert late
    off = [
        float(np.linalg.norm(np.array(frame.to_local(t.lat_deg, t.lon_deg, t.alt_m)) - true_m(t.time_ns))) for t in late
    ]
    assert max(off) < 20.0
    assert math.sqrt(float(np.mean(np.square(off)))) < 10.0


def test_every_array_gives_directions_of_where_it_was(flown: tuple[list[AnyEvent], Frame]) -> None:
    events, frame = flown
    assert not [event for event in events if isinstance(event, Health) and event.source.startswith("array-")]
    for number, (lat, lon, _) in enumerate(PLACES):
        ear = np.array(frame.to_local(lat, lon, 100.0))
        off = []
        for scan in (e for e in events if isinstance(e, Scan) and e.sensor == f"array-{number}"):
            for found in scan.detections:
                assert isinstance(found.measurement, AzEl)
                # The sound that arrived then had left earlier.
                way = true_m(scan.time_ns) - ear
                way = true_m(scan.time_ns - round(float(np.linalg.norm(way)) / 339.0 * 1e9)) - ear
                az_deg = math.degrees(math.atan2(way[0], way[1]))
                el_deg = math.degrees(math.asin(way[2] / np.linalg.norm(way)))
                turn = (found.measurement.az_deg - az_deg + 180.0) % 360.0 - 180.0
                off.append((turn / found.measurement.sigma_az_deg, (found.measurement.el_deg - el_deg)))
        assert len(off) >= 6
        assert np.median(np.abs(np.array(off)[:, 0])) < 1.5
        assert np.median(np.abs(np.array(off)[:, 1])) < 1.5
