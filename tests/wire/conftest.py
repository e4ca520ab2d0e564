"""What must hold of whatever a codec gives, however mad the bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

LIMITS_DEG = {"lat_deg": 90.0, "lat": 90.0, "lon_deg": 180.0, "lon": 180.0}


@pytest.fixture(scope="session")
def sound() -> Callable[[Any], bool]:
    """Return whether all numbers of a decoded structure are finite, and all places are on Earth."""
    return _sound


def _sound(value: Any, name: str = "") -> bool:
    if isinstance(value, msgspec.Struct):
        return all(_sound(part, key) for key, part in msgspec.structs.asdict(value).items())
    if isinstance(value, dict):
        return all(_sound(part, key) for key, part in value.items())
    if isinstance(value, list | tuple):
        return all(_sound(part, name) for part in value)
    return not isinstance(value, float) or (math.isfinite(value) and abs(value) <= LIMITS_DEG.get(name, math.inf))
