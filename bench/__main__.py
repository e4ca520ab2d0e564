"""Run the benches of speed and memory, or those named, each in a process of its own so that memory and caches are."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import subprocess
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import bench

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if "\ndef main(" in path.read_text() and path.stem[0] != "_")
# The others ask how good something is; they take minutes to hours, and have targets of their own in the Makefile.
SPEED = ("adsb", "feed", "pipeline", "remote_id", "tracker")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(NAMES)}; speed and memory by default"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each table")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if len(given.names) == 1:
        _here(given.names[0], given.json)
        return 0
    failed = [name for name in given.names or SPEED if not _apart(name, given.json)]
    if failed:
        sys.stderr.write(f"these benches failed: {', '.join(failed)}\n")
    return 1 if failed else 0


def _here(name: str, as_json: bool) -> None:
    bench.as_json = as_json
    # A bench may read options of its own when it is run alone as `python -m bench.NAME`; here it has none.
    sys.argv = [f"bench.{name}"]
    plain = io.StringIO()
    with redirect_stdout(plain) if as_json else nullcontext():
        importlib.import_module(f"bench.{name}").main()
    if plain.getvalue():
        sys.stdout.write(json.dumps({"title": name, "text": plain.getvalue().splitlines()}) + "\n")


def _apart(name: str, as_json: bool) -> bool:
    command = [sys.executable, "-m", "bench", name, *(["--json"] if as_json else [])]
    return subprocess.run(command, cwd=HERE.parent, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
