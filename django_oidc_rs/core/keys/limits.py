"""When a fetch may happen: the unknown-``kid`` budget and the failure backoff.

Both take the time as an argument (monotonic seconds) and keep a few numbers, whatever
an attacker sends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Backoff", "Budget"]

_MAX_DELAY = 60.0


class Budget:
    """At most two fetches for unknown key IDs in any ``cooldown`` seconds.

    Two, so that a rotation right after an attacker's random ``kid`` is still seen.
    """

    def __init__(self, *, cooldown: float) -> None:
        """Start full."""
        self._cooldown = cooldown
        self._spent: deque[float] = deque(maxlen=2)

    def available(self, now: float) -> bool:
        """Whether one fetch may be spent now."""
        return len(self._spent) < 2 or now - self._spent[0] >= self._cooldown

    def spend(self, now: float) -> None:
        """Count one fetch."""
        self._spent.append(now)


class Backoff:
    """Pause 1, 2, 4 .. 60 seconds, +-10 %, after failures in a row."""

    def __init__(self, *, jitter: Callable[[], float]) -> None:
        """Take ``jitter``, a source of numbers in 0..1, to spread processes out."""
        self._jitter = jitter
        self._failures = 0
        self.not_before = float("-inf")

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def is_outage(self, now: float) -> bool:
        """Whether the last attempt failed, and not so long ago that it says nothing."""
        return now < self.not_before + _MAX_DELAY

    def failed(self, now: float) -> None:
        """Count a failure and set ``not_before``."""
        delay = min(2.0**self._failures, _MAX_DELAY)
        # Capped, so that a year's outage cannot overflow the power.
        self._failures = min(self._failures + 1, 10)
        self.not_before = now + delay * (0.9 + 0.2 * self._jitter())

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0
        self.not_before = float("-inf")
