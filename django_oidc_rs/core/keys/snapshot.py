"""The keys in force, as a validator sees them, and keys that never change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..jwk import VerificationKeys

__all__ = ["KeySnapshot", "KeySource", "KeysPending", "StaticKeys"]


class KeysPending(Exception):
    """The answer needs waiting, and the caller said it cannot wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySnapshot:
    """The keys in force, and until when: monotonic seconds of this process.

    Attributes:
        keys: the usable keys.
        digest: of the JWK Set they come from; equal digests are equal sets.
        refresh_at: when a newer set should be fetched, in the background.
        fresh_until: when the set should not serve any more but for an outage.
        usable_until: when it does not serve any more at all.
    """

    keys: VerificationKeys
    digest: str = ""
    refresh_at: float = math.inf
    fresh_until: float = math.inf
    usable_until: float = math.inf


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
