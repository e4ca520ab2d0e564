"""The figures of docs/decisions/0006-alerts.md; run `python tests/alerting/figures.py` from the repository's root."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

from skysentry.alerting import arrival
from skysentry.alerting.alerter import Alerter
from skysentry.events import Phase, Severity, Track
from skysentry.site import Site

RANK = list(Severity)


def _scene() -> Any:
    spec = importlib.util.spec_from_file_location("scene", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Scene()


def cost(scene: Any, zones: int, tracks: int, rate_hz: int, away_m: float) -> None:
    """CPU time per Track event, zones of 4 km within 40 km, tracks within 40 km of a middle `away_m` from theirs."""
    chance = random.Random(1)
    places = [(chance.uniform(-20e3, 20e3), chance.uniform(-20e3, 20e3)) for _ in range(zones)]
    alerter = Alerter(Site(zones=tuple(scene.square(f"z{i}", 2e3, *place) for i, place in enumerate(places))))
    starts = [
        (away_m + chance.uniform(-20e3, 20e3), chance.uniform(-20e3, 20e3), chance.gauss(0, 50), chance.gauss(0, 50))
        for _ in range(tracks)
    ]
    batches = [
        [
            scene.track(k / rate_hz, e + ve * k / rate_hz, n + vn * k / rate_hz, ve, vn, name=f"t{i}")
            for i, (e, n, ve, vn) in enumerate(starts)
        ]
        for k in range(10 * rate_hz)
    ]
    began_s = time.process_time()
    told = sum(len(alerter.step(scene.ns(k / rate_hz), batch)) for k, batch in enumerate(batches))
    spent_s = time.process_time() - began_s
    pairs = sum(len(near) for near in alerter.state.approaches.values())
    each_us = spent_s / (len(batches) * tracks) * 1e6
    print(
        f"{zones:3} zones, {tracks:3} tracks at {rate_hz:2} Hz, {pairs:5} near pairs: {each_us:7.1f} µs an event, ",
        end="",
    )
    print(f"{spent_s * 100:5.1f} ms CPU per second, {told / 10:.1f} revisions a second")


def noisy(scene: Any, chance: random.Random, t: int, e: float, n: float, ve: float, vn: float) -> Track:
    track: Track = scene.track(
        t, e + chance.gauss(0, 30), n + chance.gauss(0, 30), ve + chance.gauss(0, 2), vn + chance.gauss(0, 2)
    )
    return track


def lead(scene: Any) -> None:
    """How long before entry straight fliers became urgent (the zone asks for 60 s)."""
    chance = random.Random(4)
    leads: list[int] = []
    told = sounds = missed = 0
    for _ in range(60):
        angle, speed, off = chance.uniform(0, 2 * math.pi), chance.choice([15, 48, 110]), chance.gauss(0, 300)
        far = min(speed * 500, 20_000)
        ve, vn = -speed * math.cos(angle), -speed * math.sin(angle)
        e0, n0 = far * math.cos(angle) - off * math.sin(angle), far * math.sin(angle) + off * math.cos(angle)
        alerter, urgent, entered = Alerter(scene.site), None, None
        for t in range(int(far / speed) + 1):
            e, n = e0 + ve * t, n0 + vn * t
            entered = t if entered is None and abs(e) <= 1000 and abs(n) <= 1000 else entered
            for alert in alerter.step(scene.ns(t), [noisy(scene, chance, t, e, n, ve, vn)]):
                told, sounds = told + 1, sounds + alert.sound
                urgent = t if urgent is None and alert.severity is Severity.URGENT else urgent
        if entered is not None and urgent is not None:
            leads.append(entered - urgent)
        missed += entered is not None and urgent is None
    leads.sort()
    print(f"{len(leads)} straight fliers, {missed} missed: urgent {leads[0]} s before entry at the least, ", end="")
    print(f"median {leads[len(leads) // 2]} s; {told / 60:.0f} revisions and {sounds / 60:.1f} sounds each")


def passing(scene: Any) -> None:
    """What drones that pass straight at 48 m/s come to, by the distance at which they pass."""
    chance = random.Random(9)
    for near_m in (1_000, 3_000, 5_000, 8_000, 11_000):
        worst: list[str] = []
        sounds = 0
        for _ in range(20):
            alerter, top, off = Alerter(scene.site), 0, 1000 + near_m + chance.uniform(-500, 500)
            for t in range(600):
                for alert in alerter.step(scene.ns(t), [noisy(scene, chance, t, -14_400 + 48 * t, off, 48, 0)]):
                    top = max(top, RANK.index(alert.severity))
                    sounds += alert.sound and alert.phase is not Phase.ALL_CLEAR
            worst.append(RANK[top].value)
        counts = ", ".join(f"{worst.count(s.value)} {s.value}" for s in RANK if s.value in worst)
        print(f"pass at {near_m / 1000:.0f} km: {counts}; {sounds / 20:.1f} sounds each")


if __name__ == "__main__":
    scene = _scene()
    arrival.warm()
    cost(scene, 30, 300, 10, 150e3)
    cost(scene, 30, 1, 10, 150e3)
    cost(scene, 3, 300, 1, 0.0)
    cost(scene, 3, 300, 10, 0.0)
    cost(scene, 30, 300, 1, 0.0)
    lead(scene)
    passing(scene)
    sys.exit(0)
