"""How far one microphone hears, against distance and wind: table and plot. Everything here is simulated.

    python -m bench.range_sweep [SVG]

Three machines (quadcopter 82 dB, two-stroke piston drone 104 dB, jet 122 dB at 1 m: assumed levels) come in at 20 m
height over grass towards a microphone 3 m above it, in a quiet night (30 dB from all round) with wind of 0, 4 and 8 m/s
at the screened microphone. After 3 s every second counts: is there a detection? False alarms are those of the same
noise without a machine, of `FALSE_S` seconds.

Beside it stands the sonar equation: what the best detector of a known spectrum S in known noise N can reach with one
second and the same rate of false alarms, P_d = Q(Q⁻¹(P_fa) − d), d² = T ∫ (S/N)² df, S and N from the simulator's own
sound without the other (Welch, 2 Hz). It knows the spectrum of that very machine; no real detector does.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from bench import show
from skysentry.events import Place, Scan
from skysentry.geo import Array, Frame
from skysentry.sensing.acoustic.detector import AcousticDetector
from skysentry.sim.sound import ArraySound, Source, Surroundings, straight
from skysentry.sim.sound_voices import Jet, Multirotor, Piston, Voice
from skysentry.sim.sound_way import Air
from skysentry.site import Sensor, SensorKind, Site

RATE_HZ = 16_000
PLACE = Place(lat_deg=50.0, lon_deg=30.0, alt_m=100.0)
EAR = Sensor(id="ear", kind=SensorKind.MICROPHONE, position=PLACE)
AIR = Air(c2=3e-7, flow_pasm2=2e5)
MAST_M, HEIGHT_M = 3.0, 20.0
WARM_S, COUNT_S, TRIALS, FALSE_S = 3, 4, 6, 300
WINDS_MPS = (0.0, 4.0, 8.0)
# The detector's own rate on the background of its fitting half (docs/decisions/0004).
FALSE_RATE = 0.012
Maker = Callable[[Generator, float], Voice]
MACHINES: dict[str, tuple[Maker, float, tuple[float, ...]]] = {
    "quadcopter": (lambda c, r: Multirotor(c, r, 82.0), 12.0, (25, 50, 100, 150, 220, 330, 500, 1000)),
    "piston drone": (lambda c, r: Piston(c, r, 104.0), 50.0, (100, 200, 350, 600, 1100, 1900, 3200, 5500)),
    "jet": (lambda c, r: Jet(c, r, 122.0), 110.0, (600, 1000, 1500, 2300, 3500, 5000, 7500)),
}
COLOURS = ("#1b6ca8", "#d07c00", "#b3261e")


def surroundings(wind_mps: float) -> Surroundings:
    return Surroundings(ambient_db=30.0, wind_mps=wind_mps)


def heard(machine: str, distance_m: float, around: Surroundings, seed: int, seconds: int) -> ArraySound:
    make, speed_mps, _ = MACHINES[machine]
    along_m = math.sqrt(distance_m**2 - HEIGHT_M**2) if distance_m > HEIGHT_M else 0.0
    # The sound of the middle of what is counted left about a travel time before.
    ahead_s = distance_m / AIR.speed_mps - WARM_S - COUNT_S / 2.0
    path = straight((0.0, along_m - speed_mps * ahead_s, HEIGHT_M), (0.0, -speed_mps, 0.0))
    source = Source("it", make, path)
    return ArraySound(EAR, Frame.at(PLACE), [source], seed=seed, air=AIR, around=around, mast_m=MAST_M)


def looks(sound: ArraySound, seconds: int) -> list[bool]:
    detector = AcousticDetector(Site(position=PLACE, sensors=(EAR,)))
    made = [e for b in sound.blocks(10**18, seconds, 0.5) for e in detector.step(b.received_ns, [b])]
    return [bool(scan.detections) for scan in made if isinstance(scan, Scan)]


def density(sound: Array) -> Array:
    """Power density by Welch's method in bins of 2 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, RATE_HZ // 2)[:: RATE_HZ // 4]
    return (np.abs(np.fft.rfft(frames * np.hanning(RATE_HZ // 2), axis=1)) ** 2).mean(axis=0)


def noise_density(wind_mps: float) -> Array:
    quiet = ArraySound(EAR, Frame.at(PLACE), [], seed=77, air=AIR, around=surroundings(wind_mps))
    return density(quiet.next(60 * RATE_HZ)[:, 0])


def bound(machine: str, distance_m: float, noise: Array) -> float:
    """Probability of detection of the best detector, mean over two machines of the kind."""
    found = []
    for seed in (0, 1):
        sound = heard(machine, distance_m, Surroundings(ambient_db=None, own_db=-100.0), seed, 0)
        sound.next(WARM_S * RATE_HZ)
        ratio = density(sound.next(COUNT_S * RATE_HZ)[:, 0]) / noise
        d = math.sqrt(2.0 * float((ratio[10:] ** 2).sum()))
        normal = NormalDist()
        found.append(1.0 - normal.cdf(normal.inv_cdf(1.0 - FALSE_RATE) - min(d, 30.0)))
    return float(np.mean(found))


def sweep() -> dict[tuple[str, float], list[tuple[float, float, float]]]:
    table: dict[tuple[str, float], list[tuple[float, float, float]]] = {}
    for wind_mps in WINDS_MPS:
        noise = noise_density(wind_mps)
        for machine, (_, _, distances_m) in MACHINES.items():
            row = []
            for distance_m in distances_m:
                hits: list[bool] = []
                for seed in range(TRIALS):
                    sound = heard(machine, distance_m, surroundings(wind_mps), seed, WARM_S + COUNT_S)
                    hits += looks(sound, WARM_S + COUNT_S)[WARM_S:]
                row.append((distance_m, sum(hits) / len(hits), bound(machine, distance_m, noise)))
            table[machine, wind_mps] = row
    return table


def falls_to_half_m(row: list[tuple[float, float, float]], column: int) -> float | None:
    """The distance at which a probability falls below one half, straight between the logarithms; `None` if at none."""
    for (near_m, *before), (far_m, *after) in pairwise(row):
        one, other = before[column], after[column]
        if one >= 0.5 > other:
            share = (one - 0.5) / (one - other)
            return float(near_m * (far_m / near_m) ** share)
    return None


def svg(table: dict[tuple[str, float], list[tuple[float, float, float]]]) -> str:
    """The plot: solid the detector, dashed the sonar equation, a colour a wind."""
    wide, high, left, top, gap = 300, 220, 46, 44, 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 3 * (wide + gap)} {top + high + 66}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{left}" y="18" font-size="14">Probability of detection a second against distance (simulated)</text>',
    ]
    for panel, machine in enumerate(MACHINES):
        x0 = left + panel * (wide + gap)
        distances = MACHINES[machine][2]
        low, span = math.log(distances[0]), math.log(distances[-1] / distances[0])
        parts.append(f'<text x="{x0}" y="{top - 8}">{machine}</text>')
        parts.append(f'<rect x="{x0}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#888888"/>')
        for distance in distances:
            x = x0 + (math.log(distance) - low) / span * wide
            parts.append(f'<line x1="{x:.1f}" y1="{top + high}" x2="{x:.1f}" y2="{top + high + 4}" stroke="#888888"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{top + high + 18}" text-anchor="middle" font-size="10">{distance}</text>'
            )
        if panel == 0:
            for value in (0.0, 0.5, 1.0):
                y = top + high * (1 - value) + 4
                parts += [f'<text x="{x0 - 6}" y="{y}" text-anchor="end">{value:g}</text>']
        for colour, wind_mps in zip(COLOURS, WINDS_MPS, strict=True):
            for column, dash in ((1, ""), (2, ' stroke-dasharray="5 4"')):
                points = " ".join(
                    f"{x0 + (math.log(row[0]) - low) / span * wide:.1f},{top + high * (1.0 - row[column]):.1f}"
                    for row in table[machine, wind_mps]
                )
                parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    y = top + high + 44
    parts.append(f'<text x="{left}" y="{y}">metres. Solid: the detector; dashed: the sonar equation. Wind</text>')
    for index, (colour, wind_mps) in enumerate(zip(COLOURS, WINDS_MPS, strict=True)):
        x = left + 400 + 100 * index
        parts.append(f'<rect x="{x}" y="{y - 10}" width="24" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 30}" y="{y}">{wind_mps:g} m/s</text>')
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    table = sweep()
    rows = []
    for (machine, wind_mps), row in table.items():
        cells: dict[str, str | float | None] = {"machine": machine, "wind m/s": wind_mps}
        for index, (distance_m, measured, best) in enumerate(row):
            cells[f"at {index + 1}"] = f"{distance_m:,.0f} m: {measured:.2f} / {best:.2f}"
        cells["half at m"] = falls_to_half_m(row, 0)
        cells["bound half at m"] = falls_to_half_m(row, 1)
        rows.append(cells)
    note = f"{TRIALS * COUNT_S} seconds a cell of {TRIALS} machines. Simulated: levels assumed, air modelled."
    show("Detections a second / best possible by the sonar equation", rows, note)
    quiet = [
        {
            "wind m/s": wind_mps,
            "seconds": FALSE_S,
            "false": sum(
                looks(ArraySound(EAR, Frame.at(PLACE), [], seed=5, air=AIR, around=surroundings(wind_mps)), FALSE_S)
            ),
        }
        for wind_mps in WINDS_MPS
    ]
    show("The same noise alone", quiet)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(svg(table), encoding="utf-8")


if __name__ == "__main__":
    main()
