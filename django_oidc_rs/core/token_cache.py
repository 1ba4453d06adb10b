"""Tokens that were verified a moment ago. Off unless ``TOKEN_CACHE`` says otherwise.

A hit saves the signature, never a decision: whatever time, newer keys or the project
may have changed is judged again. The cache knows tokens by their digest alone and holds
good ones only, so that nobody can fill it with what was never issued, and whoever reads
the memory of a process finds no token in it that could be used.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field

from .access_token import AccessToken
from .clock import Clock
from .jwk import VerificationKeys

__all__ = ["MAX_LENGTH", "KeptToken", "TokenCache", "TokenCachePolicy"]

MAX_LENGTH = 4096
"""Characters: a longer token is verified every time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCachePolicy:
    """How many tokens are kept in each process, and for how many seconds; 0 is off."""

    size: int = 0
    max_age: float = 60


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token that passed every check.

    Attributes:
        access_token: what it says.
        keys: with which it was verified; with others in force it counts no more.
        until: when it counts no more in any case, in monotonic seconds.
    """

    access_token: AccessToken
    keys: VerificationKeys = field(repr=False)
    until: float


class TokenCache:
    """Digest -> token, the least recently used going first.

    Each step is one call into C, so that threads need no lock: the worst that two of
    them can do to each other is to forget a token too early.
    """

    __slots__ = ("_clock", "_kept", "_policy")

    def __init__(self, policy: TokenCachePolicy, *, clock: Clock) -> None:
        """Start empty."""
        self._policy = policy
        self._clock = clock
        self._kept: OrderedDict[bytes, KeptToken] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tokens are kept."""
        return len(self._kept)

    def digest(self, raw_token: str) -> bytes:
        """Return what a token is known by: SHA-256 of all of it."""
        return hashlib.sha256(raw_token.encode("utf-8", "surrogatepass")).digest()

    def get(self, digest: bytes) -> KeptToken | None:
        """Return the token, None where it is not kept or has been for too long."""
        kept = self._kept.get(digest)
        if kept is None:
            return None
        if self._clock.monotonic() >= kept.until:
            self._kept.pop(digest, None)
            return None
        try:
            self._kept.move_to_end(digest)
        except KeyError:
            # Another thread has thrown it out meanwhile.
            return kept
        return kept

    def keep(
        self, digest: bytes, access_token: AccessToken, keys: VerificationKeys
    ) -> None:
        """Keep a token that ``keys`` verified and that passed every other check."""
        until = self._clock.monotonic() + self._policy.max_age
        self._kept[digest] = KeptToken(access_token, keys, until)
        while len(self._kept) > self._policy.size:
            with suppress(KeyError):
                self._kept.popitem(last=False)
