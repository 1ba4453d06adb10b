"""Time as an argument: wall clock for claims, monotonic clock for intervals."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

__all__ = ["Clock", "SystemClock"]

# A machine that was suspended must not take keys for fresh that are days old.
_uptime: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Clock(Protocol):
    """What the core needs to know of time, both in seconds."""

    def now(self) -> float:
        """Seconds since the epoch, for claims and stored records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for lifetimes inside this process."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, those of a suspended machine included."""
        return _uptime()
