"""Introspection answers that serve more than once. RFC 7662 section 4.

The cache holds what the issuer said, under a digest, until the token expires or
``CACHE_SECONDS`` are over. Whoever takes an answer from it runs every claim check anew.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from .breaker import FloodGuard
from .claims import MAX_DATE
from .clock import Clock
from .errors import IntrospectionUnavailable
from .introspection import Answer

__all__ = ["AnswerCache", "Answers", "NoAnswerCache"]

_NEGATIVE = 5.0
_PATIENCE = 6.0
_LOOK_AGAIN = 0.05
_ROUNDS = 2


class AnswerCache(Protocol):
    """Where answers are kept; what cannot be read or written counts as not there."""

    def get(self, key: str) -> Answer | None:
        """Return the answer, ``{}`` for "not active", None where there is none."""
        ...

    def set(self, key: str, answer: Answer, seconds: float) -> None:
        """Keep ``answer``, ``{}`` for "not active", for ``seconds``."""
        ...

    def delete(self, key: str) -> None:
        """Forget the answer."""
        ...

    def begin(self, key: str, seconds: float) -> bool:
        """Whether no other process is asking; it is this one then, for ``seconds``."""
        ...

    def end(self, key: str) -> None:
        """Let other processes ask."""
        ...


class NoAnswerCache:
    """Keeps nothing."""

    def get(self, key: str) -> Answer | None:
        """There is never an answer."""
        del key
        return None

    def set(self, key: str, answer: Answer, seconds: float) -> None:
        """Do nothing."""

    def delete(self, key: str) -> None:
        """Do nothing."""

    def begin(self, key: str, seconds: float) -> bool:
        """Ask at once."""
        del key, seconds
        return True

    def end(self, key: str) -> None:
        """Do nothing."""


@dataclass(slots=True, eq=False)
class _Flight:
    """One question under way; ``answer`` is None inside where it is not active."""

    over: threading.Event = field(default_factory=threading.Event)
    answer: tuple[Answer | None] | None = None


class Answers:
    """What the issuer says, from the cache or asked for.

    Args:
        ask: asks the issuer; see ``IntrospectionClient.ask``.
        scope: what an answer belongs to besides its token: issuer, endpoint, client.
        cache_seconds: how long an answer serves; 0 keeps and shares nothing.
        cache, clock, pause: the seams; ``pause`` sleeps so many seconds.
    """

    def __init__(
        self,
        ask: Callable[[str], Answer | None],
        *,
        scope: tuple[str, ...],
        cache_seconds: float,
        cache: AnswerCache,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        """Start empty."""
        self._ask = ask
        self._scope = scope
        self._cache_seconds = cache_seconds
        self._cache = cache
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def key(self, raw_token: str) -> str:
        """Return the digest an answer is kept under; nobody gets the token from it."""
        digest = hashlib.sha256()
        for part in (*self._scope, raw_token):
            # With its length, or two lists of parts could be one text.
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(4) + encoded)
        return digest.hexdigest()

    def kept(self, key: str) -> Answer | None:
        """Return a kept answer, ``{}`` for "not active", None where there is none."""
        return self._cache.get(key) if self._cache_seconds else None

    def live(
        self, key: str, raw_token: str, guard: FloodGuard | None = None
    ) -> Answer | None:
        """Ask the issuer whatever is kept; what it says is kept instead.

        Raises:
            IntrospectionUnavailable: see ``IntrospectionClient.ask``; or ``guard``, if
                there is one, says no.
        """
        before = self.kept(key)
        asked_at, ask = self._clock.monotonic(), partial(self._ask, raw_token)
        answer = guard.count(key, asked_at, ask) if guard else ask()
        if self._cache_seconds:
            took = self._clock.monotonic() - asked_at
            self._keep(key, answer, before=before, took=took)
        return answer

    def shared(self, key: str, raw_token: str, guard: FloodGuard) -> Answer | None:
        """Ask the issuer, once for all who want to know the same at the same time.

        Raises:
            IntrospectionUnavailable: as ``live``. Who waited for somebody else's
                question asks again, once.
        """
        if not self._cache_seconds:
            return self.live(key, raw_token, guard)
        for _round in range(_ROUNDS):
            with self._lock:
                flight = self._flights.get(key)
                mine = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if mine:
                return self._lead(flight, key, raw_token, guard)
            flight.over.wait(_PATIENCE)
            if flight.answer is not None:
                return flight.answer[0]
        raise IntrospectionUnavailable("nobody got an answer", retry_after=1)

    def _lead(
        self, flight: _Flight, key: str, raw_token: str, guard: FloodGuard
    ) -> Answer | None:
        try:
            answer = self._ask_alone(key, raw_token, guard)
            flight.answer = (answer,)
            return answer
        finally:
            with self._lock:
                del self._flights[key]
            flight.over.set()

    def _ask_alone(self, key: str, raw_token: str, guard: FloodGuard) -> Answer | None:
        """Ask, unless another process is asking and its answer comes in time."""
        until = self._clock.monotonic() + _PATIENCE
        while not (alone := self._cache.begin(key, _PATIENCE)):
            if self._clock.monotonic() >= until:
                break
            self._pause(_LOOK_AGAIN)
        try:
            # Somebody may have asked between the last look and here.
            found = self._cache.get(key)
            if found is None:
                return self.live(key, raw_token, guard)
            return found or None
        finally:
            if alone:
                self._cache.end(key)

    def _keep(
        self, key: str, answer: Answer | None, *, before: Answer | None, took: float
    ) -> None:
        # Briefly: a token may be younger than the replica that was asked.
        of_no = min(self._cache_seconds, _NEGATIVE)
        if answer is None:
            self._cache.set(key, {}, of_no)
            return
        if took >= of_no or (before != {} and self._cache.get(key) == {}):
            # Somebody was told no meanwhile, which an older yes must not undo.
            return
        left = _seconds_left(answer, self._clock.now())
        if left > 0:
            self._cache.set(key, answer, min(self._cache_seconds, left))
        else:
            self._cache.delete(key)


def _seconds_left(answer: Answer, now: float) -> float:
    """Return how long the token lives, 0 where nobody can tell."""
    expires_at = answer.get("exp")
    # An integer of a thousand digits is no float: subtracting would raise.
    if type(expires_at) in (int, float) and 0 <= expires_at <= MAX_DATE:  # type: ignore[operator]  # narrowed by type()
        return expires_at - now  # type: ignore[operator]  # see above
    return 0
