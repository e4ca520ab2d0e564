"""A presence whose look reaches less far, for it is strong, is that of a nearer track: a soft range."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skysentry.events import Presence
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.tracker import Tracker


@pytest.mark.parametrize(("reach_m", "near_alone"), [(None, False), (1_800.0, True)])
def test_a_strong_burst_is_of_the_nearer_track(sky: SimpleNamespace, reach_m: float | None, near_alone: bool) -> None:
    radar, rng = sky.radar(false_per_scan=0.1), np.random.default_rng(3)
    radio = Sensor(id="sdr", kind=SensorKind.RF, position=sky.place(0.0, 0.0, 10.0), coverage=Coverage(max_m=9_000.0))
    events = []
    for k in range(30):
        paths = [np.array([600.0 + 5.0 * k, 900.0, 120.0]), np.array([-5_000.0 + 5.0 * k, 3_000.0, 120.0])]
        events.append(sky.scan("radar", k + 0.3, [sky.plot(radar, at, rng) for at in paths]))
        if k > 10:
            events.append(sky.scan("sdr", k + 0.6, [Presence(level_db=20.0)], reach_m=reach_m))
    final = {t.track_id: t for t in sky.tracks(sky.run(Tracker(sky.site(radar, radio)), events, 30.0))}
    heard = {t.track_id for t in final.values() if "sdr" in t.sensors}
    near = {t.track_id for t in final.values() if np.hypot(*sky.where(t)[:2]) < 2_500.0}
    assert (len(final), len(near)) == (2, 1)
    assert heard == (near if near_alone else set(final))
