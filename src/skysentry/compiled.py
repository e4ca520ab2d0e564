"""The one place where numba is known: a typed wrapper that compiles a numeric function and keeps its type.

Compiled code is cached beside the module, single-threaded, and without fast-math, so that a replay is identical byte by
byte. No products of matrices inside: numba makes calls of scipy of them, which is not installed with skysentry.
Importing this module imports numba (0.35 s), so those who need kernels import them only when the stage is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Return the compiled function, with the type it was written with."""
    return cast(Function, numba.njit(function, cache=True, fastmath=False, error_model="numpy"))
