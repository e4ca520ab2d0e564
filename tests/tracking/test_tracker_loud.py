"""A helicopter is heard where a drone is not: its sound beyond the reach of microphones is nothing new."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from skysentry.events import Presence
from skysentry.site import Coverage, Sensor, SensorKind
from skysentry.tracking.evidence.ledger import LOUD, NOTES
from skysentry.tracking.evidence.loudness import if_loud, learn_loud, loudness
from skysentry.tracking.models.measure import L_MAX, L_MISS_FLOOR, L_PD, LOOK
from skysentry.tracking.tracker import Tracker

REACH_M = 1_500.0
PLACES = [(-600.0, 5_000.0), (700.0, 5_200.0), (100.0, 4_300.0), (4_500.0, -3_500.0), (-4_500.0, -3_500.0)]


def path(t: float) -> np.ndarray:
    return np.array([-3_000.0 + 60.0 * t, 800.0, 300.0])


def test_what_is_heard_from_afar_is_the_loud_track_that_is_there(sky: SimpleNamespace) -> None:
    """Three microphones 4 km off the way hear it half of the time: something new only where no track explains it."""
    founded = {}
    for by_radar in (True, False):
        radar, rng = sky.radar(false_per_scan=0.2), np.random.default_rng(31)
        ears = [
            Sensor(
                id=f"mic-{k}", kind=SensorKind.MICROPHONE, position=sky.place(e, n, 2.0), pd=0.8, false_per_scan=0.005,
                coverage=Coverage(max_m=REACH_M, soft_m=200.0),
            )
            for k, (e, n) in enumerate(PLACES)
        ]  # fmt: skip
        scans = []
        for k in range(90):
            scans.append(sky.scan("radar", k + 0.3, [sky.plot(radar, path(k + 0.3), rng)] if by_radar else []))
            for number, ear in enumerate(ears):
                heard = number < 3 and rng.random() < 0.5
                scans.append(sky.scan(ear.id, k + 0.4 + 0.1 * number, [Presence(level_db=12.0)] if heard else []))
        tracks = sky.tracks(sky.run(Tracker(sky.site(radar, *ears)), scans, 90.0))
        founded[by_radar] = {t.track_id for t in tracks if sky.where(t)[1] > 3_000.0}
    assert not founded[True]
    assert founded[False]


def test_loudness_is_learned_from_hits_and_unlearned_from_silence() -> None:
    look, notes = np.zeros(LOOK), np.zeros(NOTES)
    look[L_MAX], look[L_PD], look[L_MISS_FLOOR] = REACH_M, 0.8, 0.1
    loud = if_loud(look, 3_000.0, 0.0, 300.0)
    assert loudness(notes) == 0.0
    for _ in range(20):
        learn_loud(notes, look, True, 0.995, 1e-4, loud)
    assert loudness(notes) > 0.9
    # Where another track explains the sound it says little.
    before = notes[LOUD]
    learn_loud(notes, look, True, 0.3, 1e-4, loud)
    assert notes[LOUD] < before + 0.05
    for _ in range(400):
        learn_loud(notes, look, False, 0.995, 1e-4, loud)
    assert loudness(notes) == 0.0
