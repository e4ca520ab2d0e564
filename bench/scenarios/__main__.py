"""Write a scenario as files: `python -m bench.scenarios NAME SEED FOLDER [SECONDS]`.

scans.jsonl   what arrives, in order of arrival          skysentry replay scans.jsonl --site site.toml --until tracks
site.toml     what is declared of the sensors            skysentry score FOLDER --truth truth.jsonl
truth.jsonl   where the objects are, once a second
wrong.json    the sensors that are further off than declared: heading (degrees), clock (s), place (m)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.scenarios import SCENARIOS, World, make
from bench.scenarios.judge import SECOND_NS
from bench.scenarios.looks import START_NS
from bench.scenarios.world import FRAME
from skysentry.events import ObjectClass, Truth
from skysentry.formats import jsonl
from skysentry.sim.site_file import site_toml


def write(world: World, folder: Path) -> None:
    """Write a world's four files."""
    folder.mkdir(parents=True, exist_ok=True)
    jsonl.write(folder / "scans.jsonl", world.scans)
    (folder / "site.toml").write_text(site_toml(world.site), encoding="utf-8")
    jsonl.write(folder / "truth.jsonl", truths(world))
    wrong = {
        body.sensor.id: {"heading_deg": body.heading_deg, "clock_s": body.clock_s, "moved_m": body.moved_m}
        for body in world.outliers
    }
    (folder / "wrong.json").write_text(json.dumps(wrong, indent=1) + "\n", encoding="utf-8")


def truths(world: World) -> Iterator[Truth]:
    """Yield where each object is at each whole second of its life."""
    for second in range(world.seconds + 1):
        place, after = world.paths.at(float(second)), world.paths.at(second + 0.05)
        time_ns = START_NS + second * SECOND_NS
        for who in np.flatnonzero(world.paths.alive(float(second))).tolist():
            lat, lon, alt = FRAME.to_geodetic(*place[who].tolist())
            east, north, up = ((after[who] - place[who]) / 0.05).tolist()
            yield Truth(
                id=f"object-{who}@{time_ns}", time_ns=time_ns, received_ns=time_ns, object=f"object-{who}",
                lat_deg=lat, lon_deg=lon, alt_m=alt, velocity_mps=(east, north, up),
                object_class=ObjectClass.OTHER,
            )  # fmt: skip


def main() -> int:
    """Write the scenario that the command line names."""
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in SCENARIOS:
        sys.stderr.write(f"{__doc__}\nNAME is one of {', '.join(SCENARIOS)}\n")
        return 2
    name, seed, folder, *seconds = sys.argv[1:]
    write(make(name, int(seed), int(seconds[0]) if seconds else None), Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
