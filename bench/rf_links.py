"""Radio links without a name: balanced accuracy against SNR, false alarms, speed. All emitters are *simulated*.

    python -m bench.rf_links [LOOKS]

SNR is the power of the emitter while it transmits over that of noise in the whole band of 20 MHz. Parameters are drawn
from seeds that no threshold was taken on. The negatives of a level are noise, Wi-Fi, Bluetooth and LTE at that level.
The twenty Wi-Fi recordings are real, 36 ms together: no rate of false alarms can be claimed from them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skysentry.events import Block
from skysentry.sensing.rf import link_kinds
from skysentry.sensing.rf.link_detector import LOOK_S, LinkDetector, measure
from skysentry.sim import radio
from skysentry.site import Site

RATE_HZ = 20e6
COUNT = int(LOOK_S * RATE_HZ)
RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "B-wifi-iq-negatives"
Maker = Callable[[np.random.Generator], radio.Samples]


def drones() -> dict[str, Maker]:
    made: dict[str, Maker] = {
        "analogue video, PAL": lambda chance: radio.video(COUNT, RATE_HZ, chance),
        "analogue video, NTSC": lambda chance: radio.video(COUNT, RATE_HZ, chance, "ntsc"),
        "downlink 10 MHz": lambda chance: radio.downlink(COUNT, RATE_HZ, chance),
        "downlink 20 MHz": lambda chance: radio.downlink(COUNT, RATE_HZ, chance, 20e6),
        "downlink 40 MHz": lambda chance: radio.downlink(COUNT, RATE_HZ, chance, 40e6),
    }
    for name in radio.CONTROL:
        made[f"control {name}"] = lambda chance, name=name: radio.hopper(COUNT, RATE_HZ, chance, name)
    return made


def others() -> dict[str, Maker]:
    return {
        "noise": lambda chance: np.zeros(COUNT, np.complex64),
        "Wi-Fi": lambda chance: radio.wifi(COUNT, RATE_HZ, chance),
        "Bluetooth": lambda chance: radio.bluetooth(COUNT, RATE_HZ, chance),
        "LTE 10 MHz": lambda chance: radio.lte(COUNT, RATE_HZ, chance),
        "LTE 20 MHz": lambda chance: radio.lte(COUNT, RATE_HZ, chance, 20e6),
    }


def says_drone(x: radio.Samples) -> bool:
    return any(found.name != "unnamed" for found in link_kinds.judge(measure(x, RATE_HZ)[0]))


def share(make: Maker, snr_db: float, looks: int, seed: int) -> float:
    said = 0
    for index in range(looks):
        chance = np.random.default_rng((seed, index))
        x = radio.shifted(make(chance), RATE_HZ, float(chance.uniform(-2e6, 2e6)))
        said += says_drone(radio.heard(x, RATE_HZ, snr_db, chance))
    return said / looks


def recordings() -> tuple[int, int, int]:
    """Return recordings, those with a drone's link, and those with one without a name."""
    files = sorted(RECORDINGS.glob("*.dat"))
    drone = unnamed = 0
    for file in files:
        data = file.read_bytes()
        data = data[: len(data) // 4 * 4]
        block = Block(
            id="b",
            time_ns=0,
            received_ns=0,
            sensor="s",
            rate_hz=20e6,
            dtype="int16",
            shape=(len(data) // 4, 2),
            data=data,
        )
        for scan in LinkDetector(Site()).step(0, [block]):
            names = [name for found in scan.detections for name, _ in found.features if name.startswith("link_")]
            drone += any(name != "link_unnamed" for name in names)
            unnamed += "link_unnamed" in names
    return len(files), drone, unnamed


def main() -> None:
    looks = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"radio links, simulated, {looks} looks of {LOOK_S} s, {RATE_HZ / 1e6:.0f} Msps: share called a drone's")
    levels = (-18.0, -15.0, -12.0, -9.0, 0.0, 15.0)
    print(" " * 22 + "".join(f"{level:7.0f}" for level in levels) + "  dB")
    means = []
    for makers in (drones(), others()):
        rows = []
        for number, (name, make) in enumerate(makers.items(), 20 * len(means)):
            row = [share(make, level, looks, 77_000 + 100 * number) for level in levels]
            rows.append(row)
            print(f"{name:22}" + "".join(f"{value:7.2f}" for value in row), flush=True)
        means.append(np.mean(rows, axis=0))
    print(f"{'balanced accuracy':22}" + "".join(f"{(a + 1 - b) / 2:7.2f}" for a, b in zip(*means, strict=True)))
    count, drone, unnamed = recordings()
    print(f"recorded Wi-Fi: {count} files, {drone} called a drone's, {unnamed} a link without a name")
    x = radio.noise(COUNT, np.random.default_rng(1))
    measure(x, RATE_HZ)
    start = time.process_time()
    for _ in range(5):
        measure(x, RATE_HZ)
    print(f"speed: {5 * COUNT / (time.process_time() - start) / 1e6:.1f} Msps a core")


if __name__ == "__main__":
    main()
