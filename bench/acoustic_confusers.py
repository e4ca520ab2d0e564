"""How often the shipped detector tells what does not fly as flying: recorded sounds that nothing has learned from.

    python -m bench.acoustic_confusers

Sounds of Debian's packages whose licences (GPL, CC BY-SA) keep them out of the training: engines, work, animals, music.
They are looked for in /usr/share, or in $CONFUSERS where `dpkg-deb -x` put them (below its usr/share): torcs-data,
lincity-ng-data, colobot-common-sounds, widelands-data, supertuxkart-data, tuxpaint-stamps-default,
asterisk-moh-opsound-wav, searchandrescue-data, flightgear-data-base. Many are short and made to be looped: played in a
loop of three seconds or more they are steadier than what they were recorded from. Of music twenty seconds are heard,
from the thirtieth on. The last two hold aircraft, too: there "flies" is right of some, "drone" of none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from bench import show
from bench.acoustic_drawn import beliefs
from skysentry.sensing.acoustic import fuse

FOLDER = Path(os.environ.get("CONFUSERS", "/")) / "usr" / "share"
RATE_HZ = 16_000
LEAST_S, SHORTEST_S, MOST_S, MUSIC_FROM_S = 0.25, 3.0, 20.0, 30.0
GROUPS = {
    "car engines, crashes (torcs)": "games/torcs/data/sound/*.wav",
    "town, works, traffic (lincity-ng)": "games/lincity-ng/sounds/*.wav",
    "machines, effects (colobot)": "games/colobot/sounds/*.wav",
    "craft, animals (widelands)": "games/widelands/data/sound/**/*.ogg",
    "engines, effects (supertuxkart)": "games/supertuxkart/data/[!m]*/**/*.ogg",
    "animals (tuxpaint)": "tuxpaint/stamps/animals/**/*.ogg",
    "music (widelands)": "games/widelands/data/music/*.ogg",
    "music (supertuxkart)": "games/supertuxkart/data/music/*.ogg",
    "music (asterisk)": "asterisk/moh/*.wav",
    "with aircraft (searchandrescue)": "games/searchandrescue/sounds/**/*.wav",
    "with aircraft (flightgear)": "games/flightgear/**/*.wav",
}


def sounds(pattern: str) -> Iterator[NDArray[np.float32]]:
    """Yield the sounds of a group at 16 kHz, three to twenty seconds of each."""
    for path in sorted(FOLDER.glob(pattern)):
        # Spoken names of pictures are no animals.
        if "_desc" in path.name:
            continue
        try:
            read, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            continue
        sound = soxr.resample(read.mean(axis=1), rate_hz, RATE_HZ)
        if "music" in path.parts and len(sound) > (MUSIC_FROM_S + MOST_S) * RATE_HZ:
            sound = sound[int(MUSIC_FROM_S * RATE_HZ) :]
        if len(sound) > LEAST_S * RATE_HZ:
            times = int(np.ceil(SHORTEST_S * RATE_HZ / len(sound)))
            yield np.tile(sound, times)[: int(MOST_S * RATE_HZ)].astype("<f4")


def main() -> None:
    rows: list[dict[str, object]] = []
    for name, pattern in GROUPS.items():
        seconds = [
            (belief is not None, belief is not None and fuse.led_by_drone(np.array(belief)))
            for sound in sounds(pattern)
            for belief in beliefs(sound)
        ]
        if seconds:
            flies, drone = np.mean(seconds, axis=0)
            rows.append(
                {"sounds": name, "seconds": len(seconds), "flies": f"{flies:.2f}", "as a drone": f"{drone:.2f}"}
            )
    show("Share of seconds told as flying, recorded sounds that nothing learned from", rows)
    if not rows:
        print(f"none of the packages lies in {FOLDER}")


if __name__ == "__main__":
    main()
