"""The one place where numba is known: typed wrappers that compile a numeric function and keep its type.

Compiled code is cached beside the module, single-threaded, and without fast-math, so that a replay is identical byte by
byte. No products of matrices inside: numba makes calls of scipy of them, which adds up in an order of its own.
Importing this module imports numba (0.35 s), so those who need kernels import them only when the stage is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Return the compiled function, with the type it was written with. It makes no array and returns none.

    So numba need not count who holds an array: counting each `x[i]` took 6 % of a look, and passing 20 arrays 0.5 µs.
    """
    # Numba's name for its runtime, which counts; without it, what makes an array does not compile.
    options: dict[str, Any] = {"_nrt": False}
    return cast(Function, numba.njit(function, cache=True, fastmath=False, error_model="numpy", **options))


def array_kernel(function: Function) -> Function:
    """Return the compiled function, for one that makes arrays. Its long loops belong into a `kernel` that it calls.

    A `kernel` cannot call it.
    """
    return cast(Function, numba.njit(function, cache=True, fastmath=False, error_model="numpy"))
