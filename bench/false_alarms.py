"""False alarms over hours without a drone: the threshold for one a day by a fitted tail, and what may be claimed.

    python -m bench.false_alarms [HOURS]        half an hour of each wind by default; 72 in all are a day's proof

Two kinds of negatives that no net has learned from, each heard by the shipped detector, one ear an hour:

- **Wind and quiet, simulated** (`skysentry.sim.sound`, written apart from what trained the nets): 0, 4, 8, 12 m/s.
- **Speech, recorded**: the prompts of Asterisk, a voice a row, where Debian's asterisk-core-sounds-{en,es,fr,it,ru}-wav
  lie in /usr/share/asterisk/sounds or in $PROMPTS; resampled from 8 kHz, without silence between them.

Printed are alarms (detections of something that flies, and of these led by a drone), the highest score log p(drone) −
log p(no drone), the threshold that a fitted exponential tail puts at one a day, the recall of drones there (folds of
`bench.acoustic_learned`, nets that had not heard them), and the Poisson bound: no alarm in T hours leaves up to 3/T an
hour (95 %), k alarms up to χ²₀.₉₅(2k + 2)/2T.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench import show
from bench.acoustic_figures import tail_threshold
from bench.acoustic_learned import DEVELOPMENT, LAST, scores_running
from skysentry.events import Block, Place
from skysentry.geo import Frame
from skysentry.sensing.acoustic import fuse
from skysentry.sensing.acoustic.detector import BANDS, flying
from skysentry.sensing.acoustic.ear import Ear, Second
from skysentry.sim.sound import ArraySound, Surroundings
from skysentry.sim.sound_way import Air
from skysentry.site import Sensor, SensorKind

RATE_HZ = 16_000
WINDS_MPS = (0.0, 4.0, 8.0, 12.0)
PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
EAR = Sensor(id="ear", kind=SensorKind.MICROPHONE, position=PLACE)
PROMPTS = Path(os.environ.get("PROMPTS", "/usr/share/asterisk/sounds"))
DAY_S = 86_400


def wind(speed_mps: float, hours: float) -> Iterator[Second]:
    around = Surroundings(ambient_db=30.0, wind_mps=speed_mps)
    for hour in range(math.ceil(hours)):
        sound = ArraySound(EAR, Frame.at(PLACE), [], seed=1_000 + hour, air=Air(), around=around, mast_m=3.0)
        ear = Ear(BANDS)
        for block in sound.blocks(10**18, round(3_600 * min(hours - hour, 1.0)), 0.5):
            yield from ear.hear(block)[0]


def prompts(folder: Path) -> Iterator[Second]:
    """Hear the prompts of one voice, one after the other."""
    ear, at_ns = Ear(BANDS), 10**18
    for path in sorted(folder.rglob("*.wav")):
        if {"silence", "beep"} & {path.stem, *path.parent.parts}:
            continue
        sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        heard = soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ).astype("<f4")
        for start in range(0, len(heard) - RATE_HZ // 10, RATE_HZ):
            part = heard[start : start + RATE_HZ]
            yield from ear.hear(
                Block(id=str(at_ns), time_ns=at_ns, received_ns=at_ns, sensor="ear", rate_hz=float(RATE_HZ),
                      dtype="float32", shape=(len(part), 1), data=part.tobytes())
            )[0]  # fmt: skip
            at_ns += len(part) * 1_000_000_000 // RATE_HZ


def most_an_hour(alarms: int, hours: float) -> float:
    """Return the 95 % upper bound of a Poisson rate by bisection of its own law."""
    low, high = float(alarms), alarms + 10.0 * math.sqrt(alarms + 1.0)
    for _ in range(60):
        mean = (low + high) / 2.0
        chance = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(alarms + 1))
        low, high = (mean, high) if chance > 0.05 else (low, mean)
    return high / hours


def row(title: str, seconds: Iterator[Second], drones: np.ndarray) -> dict[str, str | float | None] | None:
    score, flies, drone, before = [], 0, 0, False
    for second in seconds:
        score.append(fuse.drone(second.belief, second.place, tame=False))
        belief = flying(second)
        # An alarm begins once, however long it lasts.
        if belief is not None and not before:
            flies, drone = flies + 1, drone + fuse.led_by_drone(np.array(belief))
        before = belief is not None
    if not score:
        return None
    hours = len(score) / 3_600
    threshold = tail_threshold(np.array(score), 1.0 / DAY_S)
    bound = most_an_hour(drone, hours)
    return {
        "negatives": title,
        "hours": round(hours, 2),
        "flies": flies,
        "as a drone": drone,
        "at most an hour": f"{bound:.2f}",
        "one a day": "shown" if bound <= 1.0 / 24.0 else "not shown",
        "highest": round(max(score), 2),
        "threshold for 1 a day": round(threshold, 2),
        "recall there": round(float(np.mean(drones > threshold)), 3),
    }


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
    drones = scores_running((*DEVELOPMENT, LAST), "svanstrom", ("DRONE",))
    rows = [row(f"wind {speed:g} m/s (simulated)", wind(speed, hours), drones) for speed in WINDS_MPS]
    # Folders are named like en_US_f_Allison: language, country, sex, speaker.
    rows += [
        row(f"speech, {voice.name[:5]} (recorded)", prompts(voice), drones) for voice in sorted(PROMPTS.glob("??_??_*"))
    ]
    show(
        "False alarms of the shipped detector",
        [one for one in rows if one is not None],
        "Alarms are told events, at the shipped threshold; seconds of one event count once.",
    )


if __name__ == "__main__":
    main()
