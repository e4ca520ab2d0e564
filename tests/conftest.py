"""Fixtures that say clearly what a test needs of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
INSTALL = {
    "espeak-ng": "apt-get install espeak-ng",
    "chromium": "apt-get install chromium",
    "tshark": "apt-get install tshark",
}


def _absent(reason: str) -> None:
    """Skip; under CI fail, for there everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return a function from the name of a recorded data set to its folder."""

    def find(item: str) -> Path:
        folder = SHARED_DATA / item
        if not folder.is_dir():
            _absent(f"recorded data {item} is not at ../shared/data/{item}")
        return folder

    return find


@pytest.fixture(scope="session")
def need_program() -> Callable[[str], Path]:
    """Return a function from the name of a system program to its path."""

    def find(name: str) -> Path:
        path = shutil.which(name)
        if path is None:
            _absent(f"{name} is not installed: {INSTALL.get(name, f'install {name}')} or make system-test-packages")
        return Path(str(path))

    return find
