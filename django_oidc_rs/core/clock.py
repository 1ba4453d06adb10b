"""Time as an argument: wall clock for claims, monotonic clock for intervals."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


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
        """Seconds since an arbitrary start."""
        return time.monotonic()
