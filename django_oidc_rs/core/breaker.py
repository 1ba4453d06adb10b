"""What keeps a dead endpoint cheap for requests, and a flood of tokens cheap for it.

Both belong to one issuer in one process, take the time as an argument (monotonic
seconds) and keep a bounded memory, whatever an attacker sends.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from .errors import IntrospectionUnavailable
from .keys.limits import MAX_PAUSE, pause_after

__all__ = ["Breaker", "FloodGuard", "QuestionRefused", "RecentlyActive"]

_T = TypeVar("_T")

_PROBE = 10.0
_CAPACITY = 200.0
_REFILL = 50.0
_REMEMBERED = 4096


class QuestionRefused(IntrospectionUnavailable):
    """The issuer answers, but not this question (HTTP 400, say)."""


class Breaker:
    """Refuses at once while an endpoint is known to be down.

    After a failure nobody asks for 1, 2, 4 .. 60 seconds (and up to a fifth more), then
    one request at a time tries. ``known`` are questions about tokens that were active
    before: as long as others alone failed, which a crafted token may have brought
    about, they go on.

    Args:
        jitter: a source of numbers in 0..1.
    """

    def __init__(self, *, jitter: Callable[[], float]) -> None:
        """Start closed."""
        self._jitter = jitter
        self._lock = threading.Lock()
        self._failures = 0
        self._not_before = 0.0
        self._probed_at: float | None = None
        self._known_failed = False
        # What was asked before the last verdict has no say in the next one.
        self._era = 0

    def admit(self, now: float, *, known: bool = False) -> int:
        """Return a ticket for ``succeeded`` or ``failed``.

        Raises:
            IntrospectionUnavailable: the endpoint failed not long ago.
        """
        with self._lock:
            if not self._failures or (known and not self._known_failed):
                return self._era
            if now < self._not_before:
                raise _down(self._not_before - now)
            if self._probed_at is not None and now - self._probed_at < _PROBE:
                raise _down(1)
            self._probed_at = now
            return self._era

    def succeeded(self) -> None:
        """Close: the endpoint answers."""
        with self._lock:
            if self._failures:
                self._failures, self._probed_at = 0, None
                self._known_failed = False
                self._era += 1

    def undecided(self, ticket: int) -> None:
        """Let the next one try: what came back may be the question's own fault."""
        with self._lock:
            if ticket == self._era:
                self._probed_at = None

    def failed(
        self, ticket: int, now: float, *, pause: float = 0, known: bool = True
    ) -> float:
        """Open, for ``pause`` seconds at least; return for how long.

        Fifty requests that were waiting for the same dead endpoint are one failure.
        """
        with self._lock:
            if ticket == self._era:
                self._era += 1
                self._failures += 1
                self._known_failed |= known
                self._probed_at = None
                own = pause_after(self._failures, self._jitter())
                self._not_before = now + min(max(own, pause), MAX_PAUSE)
            return max(self._not_before - now, 1)


class RecentlyActive:
    """Remembers the last 4096 digests of tokens that the issuer called active."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._digests: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, digest: object) -> bool:
        """Whether it was active when it was asked about last."""
        return digest in self._digests

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._digests)

    def add(self, digest: str) -> None:
        """Remember an active token."""
        with self._lock:
            self._digests[digest] = None
            self._digests.move_to_end(digest)
            if len(self._digests) > _REMEMBERED:
                self._digests.popitem(last=False)

    def discard(self, digest: str) -> None:
        """Forget a token that is not active any more."""
        with self._lock:
            self._digests.pop(digest, None)


def _down(seconds: float) -> IntrospectionUnavailable:
    return IntrospectionUnavailable(
        "the endpoint failed a moment ago", retry_after=max(1, round(seconds))
    )


class FloodGuard:
    """Bounds the questions about tokens that turn out not to be active.

    A question about a token that was not active lately costs one of 200, which come
    back at fifty a second; who is active gets it back. So random tokens soon run into
    503, while those in use go on.
    """

    def __init__(self) -> None:
        """Start full."""
        self._lock = threading.Lock()
        self._left = _CAPACITY
        self._at = 0.0
        self._active = RecentlyActive()

    def count(self, digest: str, now: float, ask: Callable[[], _T | None]) -> _T | None:
        """Return what ``ask`` says of the token with ``digest``; None: not active.

        Raises:
            IntrospectionUnavailable: too many tokens were not active lately; nothing
                was asked.
        """
        cost = self._admit(digest, now)
        try:
            answer = ask()
        except QuestionRefused:
            # No breaker stands in the way of the next one: it must not be free.
            raise
        except BaseException:
            self._refund(cost)
            raise
        if answer is None:
            self._active.discard(digest)
        else:
            self._active.add(digest)
            self._refund(cost)
        return answer

    def _admit(self, digest: str, now: float) -> float:
        with self._lock:
            if digest in self._active:
                return 0
            self._left = min(self._left + max(now - self._at, 0) * _REFILL, _CAPACITY)
            self._at = now
            if self._left < 1:
                raise IntrospectionUnavailable(
                    "too many tokens that are not active", retry_after=1
                )
            self._left -= 1
            return 1

    def _refund(self, cost: float) -> None:
        with self._lock:
            self._left += cost
