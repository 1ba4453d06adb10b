"""When this process may fetch: the unknown-``kid`` budget and the failure backoff.

Both take the time as an argument (monotonic seconds) and keep a few numbers, whatever
an attacker sends. The same rules for all processes together are in ``fleet``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["MAX_FETCHES", "MAX_PAUSE", "Backoff", "Budget", "pause_after"]

MAX_FETCHES = 2
"""Per cooldown: two, so that a rotation right after an attacker's ``kid`` is seen."""
_MAX_DELAY = 60.0
MAX_PAUSE = _MAX_DELAY * 1.2
"""Seconds; no backoff is longer."""


def pause_after(failures: int, jitter: float) -> float:
    """Return 1, 2, 4 .. 60 seconds for so many failures in a row, at least one.

    ``jitter`` (0..1) adds up to a fifth: never less, so that the count of attempts in
    an outage has a bound.
    """
    # Capped, so that a year's outage cannot overflow the power.
    delay = min(2.0 ** min(failures - 1, 10), _MAX_DELAY)
    return delay * (1 + 0.2 * jitter)


class Budget:
    """At most two fetches for unknown key IDs in any ``cooldown`` seconds."""

    def __init__(self, *, cooldown: float) -> None:
        """Start full."""
        self._cooldown = cooldown
        self._spent: deque[float] = deque(maxlen=MAX_FETCHES)
        self._exhausted_until = float("-inf")

    def available(self, now: float) -> bool:
        """Whether one fetch may be spent now."""
        if now < self._exhausted_until:
            return False
        return len(self._spent) < MAX_FETCHES or now - self._spent[0] >= self._cooldown

    def spend(self, now: float) -> None:
        """Count one fetch."""
        self._spent.append(now)

    def exhausted(self, *, until: float) -> None:
        """Remember that others have spent it: whoever asks is answered from here."""
        self._exhausted_until = until


class Backoff:
    """Pause 1, 2, 4 .. 60 seconds, and up to a fifth more, after failures in a row."""

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
        self._failures += 1
        self.not_before = now + pause_after(self._failures, self._jitter())

    def adopt(self, *, failures: int, until: float) -> None:
        """Take over what all processes together have seen."""
        self._failures = failures
        self.not_before = until

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = 0
        self.not_before = float("-inf")
