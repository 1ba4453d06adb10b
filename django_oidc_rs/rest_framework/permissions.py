"""Permissions on verified access tokens: by scope, claim, issuer and kind of caller.

Factories return permission *classes*, so ``&`` and ``|`` work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from ..core.access_token import AccessToken
from ..core.scopes import ScopeRequirement
from .token_permission import AccessTokenPermission

if TYPE_CHECKING:
    # REST framework imports this module while it imports its views.
    from rest_framework.views import APIView

__all__ = [
    "FromIssuer",
    "HasAllScopes",
    "HasAnyScope",
    "HasClaim",
    "HasScope",
    "IsMachine",
    "IsUser",
    "IssuerPermission",
    "TokenHasScope",
]


class _ScopePermission(AccessTokenPermission):
    required: ClassVar[ScopeRequirement]

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        del request, view
        return self.required.is_met_by(token)

    def requirement(self, request: Request, view: APIView) -> ScopeRequirement:
        del request, view
        return self.required


def _scope_permission(
    name: str, required: ScopeRequirement
) -> type[AccessTokenPermission]:
    return type(name, (_ScopePermission,), {"required": required})


def HasScope(  # noqa: N802 -- stands where a class would
    scope: str, /, *, issuers: Iterable[str] = ()
) -> type[AccessTokenPermission]:
    """Return a permission class that demands ``scope``.

    Args:
        scope: one scope-token (RFC 6749 section 3.3).
        issuers: aliases of the issuers whose grant counts; any by default.

    Raises:
        ValueError: at import, for a text that is no scope-token.
    """
    required = ScopeRequirement.all_of([scope], issuers=_aliases(issuers))
    return _scope_permission("HasScope", required)


def HasAllScopes(  # noqa: N802 -- see HasScope
    *scopes: str, issuers: Iterable[str] = ()
) -> type[AccessTokenPermission]:
    """Return a permission class that demands every one of ``scopes``."""
    required = ScopeRequirement.all_of(scopes, issuers=_aliases(issuers))
    return _scope_permission("HasAllScopes", required)


def HasAnyScope(  # noqa: N802 -- see HasScope
    *scopes: str, issuers: Iterable[str] = ()
) -> type[AccessTokenPermission]:
    """Return a permission class that demands at least one of ``scopes``."""
    required = ScopeRequirement.any_of(scopes, issuers=_aliases(issuers))
    return _scope_permission("HasAnyScope", required)


def _aliases(issuers: Iterable[str]) -> tuple[str, ...]:
    if isinstance(issuers, str):
        raise TypeError("issuers must be a list or tuple of aliases, not a string")
    return tuple(issuers)


class IssuerPermission(AccessTokenPermission):
    """Demand a token of one of ``issuers``, by their aliases; of any where none is."""

    issuers: ClassVar[tuple[str, ...]]

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        """Whether the token is one of theirs."""
        del request, view
        return not self.issuers or token.issuer_alias in self.issuers


def HasClaim(  # noqa: N802 -- see HasScope
    path: str, value: object, /, *, issuers: Iterable[str] = ()
) -> type[AccessTokenPermission]:
    """Return a permission class that demands a claim.

    It matches when type and value are equal, or when the claim is a list that holds
    such a value. ``path`` is a claim name or a dotted path (``realm_access.roles``).

    Raises:
        TypeError: at import, for None: a token without the claim would match.
    """
    if value is None:
        raise TypeError("a claim cannot be demanded to be None")
    aliases = _aliases(issuers)

    def equal(claim: object) -> bool:
        return type(claim) is type(value) and claim == value

    class ClaimPermission(IssuerPermission):
        issuers = aliases

        @sensitive_variables()
        def has_token_permission(
            self, token: AccessToken, request: Request, view: APIView
        ) -> bool:
            claim = token.claim(path)
            found = any(map(equal, claim)) if isinstance(claim, tuple) else equal(claim)
            return found and super().has_token_permission(token, request, view)

    return ClaimPermission


def FromIssuer(*aliases: str) -> type[AccessTokenPermission]:  # noqa: N802 -- see HasScope
    """Return a permission class that demands a token of one of these issuers.

    Raises:
        ValueError: at import, for no alias at all.
    """
    if not aliases:
        raise ValueError("name at least one issuer alias")

    return type("FromIssuer", (IssuerPermission,), {"issuers": aliases})


class IsMachine(AccessTokenPermission):
    """Demand a token that stands for a client without a user."""

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        """Whether the token is a machine's."""
        del request, view
        return token.is_machine


class IsUser(AccessTokenPermission):
    """Demand a token that stands for a user."""

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        """Whether the token is a user's."""
        del request, view
        return not token.is_machine


class TokenHasScope(AccessTokenPermission):
    """Demand what the view's ``required_scopes`` says.

    A list means all of them; a list of lists, one of those; a dict maps ViewSet actions
    or HTTP methods to either. HEAD counts as GET. Nothing configured is denied.
    ``scope_issuers`` on the view names the issuers whose grant counts.

    Raises:
        ImproperlyConfigured: ``required_scopes`` is of another shape.
    """

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        """Whether the token meets what the view configures for this request."""
        requirement = self.requirement(request, view)
        return requirement is not None and requirement.is_met_by(token)

    def requirement(self, request: Request, view: APIView) -> ScopeRequirement | None:
        """Return what the view configures for this request, None for nothing."""
        configured = getattr(view, "required_scopes", None)
        if isinstance(configured, Mapping):
            configured = _entry(configured, request, view)
        if not configured:
            return None
        issuers = _aliases(getattr(view, "scope_issuers", ()))
        try:
            return ScopeRequirement(
                alternatives=_alternatives(configured), issuers=frozenset(issuers)
            )
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(
                f"{type(view).__name__}.required_scopes: {error}"
            ) from error


def _entry(table: Mapping[Any, Any], request: Request, view: APIView) -> Any:
    action = getattr(view, "action", None)
    if action in table:
        return table[action]
    method = "GET" if request.method == "HEAD" else request.method
    return next(
        (table[key] for key in table if str(key).upper() == method),
        None,
    )


def _alternatives(configured: Any) -> tuple[tuple[str, ...], ...]:
    if isinstance(configured, str):
        raise TypeError("write a list of scopes, not a string")
    if all(isinstance(item, str) for item in configured):
        return (tuple(configured),)
    if any(isinstance(item, str) for item in configured):
        raise TypeError("scopes and lists of scopes cannot be mixed")
    return tuple(map(tuple, configured))
