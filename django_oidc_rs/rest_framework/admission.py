"""What a view's permissions demand of a caller, told before there is one.

A permission is asked about a request; a description of the API needs to know what
would satisfy it. ``ways_in`` walks composed permissions and returns the alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from rest_framework.permissions import (
    AND,
    OR,
    SAFE_METHODS,
    AllowAny,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request

from ..core.issuers import IssuerPolicy
from .permissions import TokenHasScope
from .token_permission import AccessTokenPermission

if TYPE_CHECKING:
    # REST framework imports permissions while it imports its views.
    from rest_framework.views import APIView

__all__ = ["Caller", "Way", "is_open", "ways_in"]


class Caller(IntEnum):
    """Who can come in at all; the greater demands more."""

    ANYBODY = 0
    AUTHENTICATED = 1
    TOKEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to satisfy a view's permissions.

    Attributes:
        caller: who can take it.
        scopes: all of them are needed.
        issuers: aliases of those whose tokens count; None for any.
    """

    caller: Caller = Caller.AUTHENTICATED
    scopes: tuple[str, ...] = ()
    issuers: frozenset[str] | None = None

    def joined(self, other: Way) -> Way:
        """Return the way that demands what both demand."""
        issuers = self.issuers
        if issuers is None or other.issuers is None:
            issuers = other.issuers if issuers is None else issuers
        else:
            issuers &= other.issuers
        return Way(
            caller=max(self.caller, other.caller),
            scopes=tuple(dict.fromkeys(self.scopes + other.scopes)),
            issuers=issuers,
        )

    def is_open_to(self, policy: IssuerPolicy) -> bool:
        """Whether a token of this issuer counts and can have all the scopes."""
        counts = self.issuers is None or policy.alias in self.issuers
        granted = policy.grantable_scopes
        return counts and (granted is None or granted.issuperset(self.scopes))


def ways_in(
    permissions: Iterable[Any], request: Request, view: APIView
) -> tuple[Way, ...]:
    """Return the ways to satisfy all of ``permissions``; none at all for a view that
    denies everybody.

    Permissions of others ask for somebody who is authenticated, and for no scope.

    Raises:
        ImproperlyConfigured: ``required_scopes`` of the view cannot be read.
    """
    ways: tuple[Way, ...] = (Way(caller=Caller.ANYBODY),)
    for permission in permissions:
        ways = _all_of(ways, _ways(permission, request, view))
    return ways


def is_open(permission: Any, request: Request) -> bool:
    """Whether this permission of REST framework's lets anonymous requests pass."""
    # Exactly these: a subclass may say anything.
    if type(permission) is IsAuthenticatedOrReadOnly:
        return request.method in SAFE_METHODS
    return type(permission) is AllowAny


def _ways(permission: Any, request: Request, view: APIView) -> tuple[Way, ...]:
    if isinstance(permission, AccessTokenPermission):
        return _ways_of_ours(permission, request, view)
    if isinstance(permission, AND | OR):
        one, other = (_ways(each, request, view) for each in _operands(permission))
        return one + other if isinstance(permission, OR) else _all_of(one, other)
    return (Way(caller=Caller(not is_open(permission, request))),)


def _operands(composite: Any) -> tuple[Any, Any]:
    return composite.op1, composite.op2


def _all_of(ones: tuple[Way, ...], others: tuple[Way, ...]) -> tuple[Way, ...]:
    return tuple(one.joined(other) for one in ones for other in others)


def _ways_of_ours(
    permission: AccessTokenPermission, request: Request, view: APIView
) -> tuple[Way, ...]:
    requirement = permission.requirement(request, view)
    if requirement is not None:
        alternatives, issuers = requirement.alternatives, requirement.issuers
    elif isinstance(permission, TokenHasScope):
        # Nothing is configured for this request, and so it is denied.
        return ()
    else:
        alternatives = ((),)
        issuers = frozenset(getattr(permission, "issuers", ()))
    return tuple(
        Way(caller=Caller.TOKEN, scopes=scopes, issuers=issuers or None)
        for scopes in alternatives
    )
