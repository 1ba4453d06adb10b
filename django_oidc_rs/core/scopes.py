"""Scope tokens and what a view demands of them. RFC 6749 section 3.3."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .access_token import AccessToken

__all__ = ["ScopeRequirement", "is_scope_token", "parse_scope", "scope_tokens"]

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def is_scope_token(value: object) -> bool:
    """Whether ``value`` is one scope-token of RFC 6749 section 3.3."""
    return isinstance(value, str) and _SCOPE_TOKEN.fullmatch(value) is not None


def scope_tokens(values: Iterable[str]) -> frozenset[str]:
    """Return those of ``values`` that are scope tokens; the rest can match nothing."""
    return frozenset(value for value in values if is_scope_token(value))


def parse_scope(text: str) -> frozenset[str]:
    """Return the scope tokens of ``text``; %x20 alone separates (RFC 6749 3.3)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        # %x20-7E without the two: whatever stands between blanks is a scope-token.
        return frozenset(text.split())
    return scope_tokens(text.split(" "))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRequirement:
    """What a view demands: one of several alternatives, each a set of scopes.

    Args:
        alternatives: any one of them suffices; within one, all scopes are needed. No
            alternative, or an empty one, is a mistake and refused: ``all()`` of
            nothing would be true.
        issuers: aliases of the issuers whose grant counts; empty means any. A scope's
            name alone does not say who granted it.

    Raises:
        ValueError: no scope at all, or a text that is no scope-token (RFC 6749 3.3).
    """

    alternatives: tuple[tuple[str, ...], ...]
    issuers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.alternatives or not all(self.alternatives):
            raise ValueError("name at least one scope")
        for scope in (scope for scopes in self.alternatives for scope in scopes):
            if not is_scope_token(scope):
                raise ValueError(
                    f"{scope!r} is no scope-token of RFC 6749 section 3.3: write each "
                    'scope as a string of its own, "a", "b"'
                )

    @classmethod
    def all_of(
        cls, scopes: Iterable[str], *, issuers: Iterable[str] = ()
    ) -> ScopeRequirement:
        """Demand every one of ``scopes``."""
        return cls(alternatives=(tuple(scopes),), issuers=frozenset(issuers))

    @classmethod
    def any_of(
        cls, scopes: Iterable[str], *, issuers: Iterable[str] = ()
    ) -> ScopeRequirement:
        """Demand at least one of ``scopes``."""
        return cls(
            alternatives=tuple((scope,) for scope in scopes), issuers=frozenset(issuers)
        )

    def is_met_by(self, access_token: AccessToken) -> bool:
        """Whether ``access_token`` has one alternative, from an issuer that counts."""
        if self.issuers and access_token.issuer_alias not in self.issuers:
            return False
        return any(map(access_token.scopes.issuperset, self.alternatives))

    @property
    def challenge(self) -> str:
        """The ``scope`` of a challenge: the first alternative. RFC 6750 section 3."""
        return " ".join(self.alternatives[0])
