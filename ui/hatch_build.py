"""Hatchling hook: a wheel holds the built screen. Editable installs leave it to make."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ScreenHook(BuildHookInterface):  # type: ignore[type-arg]
    """Build the screen unless it is there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called once before the wheel is put together."""
        root = Path(self.root)
        if version == "editable" or (root / "src/skysentry/web/static/index.html").is_file():
            return
        runpy.run_path(str(root / "ui" / "build.py"), run_name="__main__")
