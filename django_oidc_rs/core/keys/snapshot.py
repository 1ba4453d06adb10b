"""The keys in force, as a validator sees them, and keys that never change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..errors import Pending
from ..jwk import VerificationKeys

__all__ = ["KeySnapshot", "KeySource", "KeysPending", "StaticKeys"]


class KeysPending(Pending):
    """The answer needs waiting, and the caller said it cannot wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySnapshot:
    """The keys in force, and until when: monotonic seconds of this process.

    Attributes:
        keys: the usable keys.
        digest: of the JWK Set they come from; equal digests are equal sets.
        fetched_at: when they were fetched, by whichever process.
        refresh_at: when a newer set should be fetched, in the background.
        fresh_until: when the set should not serve any more but for an outage.
        usable_until: when it does not serve any more at all.
    """

    keys: VerificationKeys
    digest: str = ""
    fetched_at: float = -math.inf
    refresh_at: float = math.inf
    fresh_until: float = math.inf
    usable_until: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """How the keys of one issuer stand; times are seconds from now.

    Attributes:
        state: ``"healthy"``, ``"stale"`` (they outlive their lifetime, because the
            issuer cannot be asked or the command has not run) or ``"no_keys"``.
        keys: how many are usable.
        age: since they were fetched; None for keys in settings, or without any.
        usable_for: until they stop serving unless newer ones come; None for ever.
        last_error: code of the last fetch that failed, of the command's where it alone
            fetches; "" after a success.
        next_attempt: until requests start the next routine fetch: four fifths of the
            lifetime, or the end of the pause after a failure if that is later; 0 is
            "with the next request", None "never": keys in settings, or the command's.
    """

    state: str
    keys: int = 0
    age: float | None = None
    usable_for: float | None = None
    last_error: str = ""
    next_attempt: float | None = None

    @classmethod
    def of(
        cls,
        snapshot: KeySnapshot | None,
        now: float,
        *,
        error: str = "",
        pause: float = math.inf,
    ) -> KeyStatus:
        """Return the status at ``now``; ``pause`` is until a fetch is allowed."""
        next_attempt = None if pause == math.inf else max(pause, 0.0)
        if snapshot is None or now >= snapshot.usable_until:
            return cls(state="no_keys", last_error=error, next_attempt=next_attempt)
        if next_attempt is not None:
            next_attempt = max(next_attempt, snapshot.refresh_at - now)
        age = now - snapshot.fetched_at
        usable_for = snapshot.usable_until - now
        return cls(
            state="healthy" if now < snapshot.fresh_until else "stale",
            keys=len(snapshot.keys.keys),
            age=None if age == math.inf else age,
            usable_for=None if usable_for == math.inf else usable_for,
            last_error=error,
            next_attempt=next_attempt,
        )


class KeySource(Protocol):
    """What a validator needs of keys."""

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys in force. Raises ``KeysUnavailable``, ``KeysPending``."""
        ...

    def snapshot_with(
        self, wanted: Callable[[VerificationKeys], bool], *, wait: bool
    ) -> KeySnapshot:
        """Return keys that are ``wanted``, or the newest there are. Raises as above."""
        ...

    def status(self) -> KeyStatus:
        """Return how these keys stand. No outbound connection, no waiting."""
        ...


class StaticKeys:
    """Keys written in settings: nothing to fetch, nothing to wait for."""

    def __init__(self, keys: VerificationKeys) -> None:
        """Keep ``keys`` for ever."""
        self._snapshot = KeySnapshot(keys=keys)

    def snapshot(self, *, wait: bool) -> KeySnapshot:
        """Return the keys."""
        del wait
        return self._snapshot

    def snapshot_with(
        self, wanted: Callable[[VerificationKeys], bool], *, wait: bool
    ) -> KeySnapshot:
        """Return the keys: there are no newer ones."""
        del wanted, wait
        return self._snapshot

    def status(self) -> KeyStatus:
        """Return that they are in force."""
        return KeyStatus.of(self._snapshot, 0.0)
