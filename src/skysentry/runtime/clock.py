"""Clocks: nanoseconds since 1970 that never go back, in real time or at another pace."""

from __future__ import annotations

import time

# The wall clock may be set by a person or by NTP; a step beyond this is told, smaller ones are followed silently.
STEP_NS = 1_000_000_000


class WallClock:
    """The wall clock, held monotonic: a step backwards is taken up by standing still for up to a second.

    A larger step backwards is not followed at all while the process runs: arrival times must keep their order.
    `stepped_ns` is what the wall clock has been set by since the start.
    """

    def __init__(self) -> None:
        self._wall_ns, self._mono_ns = time.time_ns(), time.monotonic_ns()
        self._last_ns = self._wall_ns

    def __call__(self) -> int:
        """Return now, never less than before."""
        steady_ns = self._wall_ns + time.monotonic_ns() - self._mono_ns
        wall_ns = time.time_ns()
        now_ns = steady_ns if wall_ns < steady_ns - STEP_NS else wall_ns
        self._last_ns = max(self._last_ns, now_ns)
        return self._last_ns

    @property
    def stepped_ns(self) -> int:
        """How far the wall clock was set forward (positive) or back since the start."""
        return time.time_ns() - (self._wall_ns + time.monotonic_ns() - self._mono_ns)


class PacedClock:
    """Time of a recording or scenario: starts at `start_ns` and runs `speed` times as fast as the wall."""

    def __init__(self, start_ns: int, speed: float = 1.0) -> None:
        self._start_ns, self._speed, self._mono_ns = start_ns, speed, time.monotonic_ns()

    def __call__(self) -> int:
        """Return now."""
        return self._start_ns + int((time.monotonic_ns() - self._mono_ns) * self._speed)

    @property
    def stepped_ns(self) -> int:
        """A paced clock is never set."""
        return 0
