"""Permissions on verified access tokens.

Factories return permission *classes*, so ``&`` and ``|`` work. ``~`` is refused: an
anonymous request has no scope either, and would be let in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from rest_framework.permissions import (
    AND,
    OR,
    BasePermission,
    BasePermissionMetaclass,
    OperandHolder,
    SingleOperandHolder,
)
from rest_framework.request import Request

from ..core.access_token import AccessToken
from ..core.errors import ResourceServerError
from ..core.scopes import ScopeRequirement
from ..introspect import Introspect, asks_issuer, parse_introspect
from ..request import access_token_of, authenticate, have_one_owner, is_user_of
from ..view_faults import log_unasked_authentication, name_of
from .exceptions import Refused

if TYPE_CHECKING:
    # REST framework imports this module while it imports its views.
    from rest_framework.views import APIView

__all__ = [
    "AccessTokenPermission",
    "FromIssuer",
    "HasAllScopes",
    "HasAnyScope",
    "HasClaim",
    "HasScope",
    "Introspected",
    "IsMachine",
    "IsUser",
    "TokenHasScope",
]


HOOKS = "_django_oidc_rs_hooks"
"""Set on a view's instance once ``AccessTokenAuthentication`` was asked."""


class _Remembering:
    """Mixed into AND and OR: whether it said no, None as long as nobody asked."""

    failed: bool | None = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        allowed = super().has_permission(request, view)  # type: ignore[misc]
        self.failed = not allowed
        return bool(allowed)

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        allowed = super().has_object_permission(request, view, obj)  # type: ignore[misc]
        self.failed = not allowed
        return bool(allowed)


class _And(_Remembering, AND):
    pass


class _Or(_Remembering, OR):
    pass


class _PermissionMetaclass(BasePermissionMetaclass, OperandHolder, SingleOperandHolder):
    """``&`` and ``|`` as ever, from both sides; ``~`` is a mistake.

    Composites are classes of this kind as well. It derives from all that can stand
    beside one, so that Python asks this side first: what REST framework composes can
    be negated.
    """

    # The holders' own == looks at it.
    operator_class: Any = None
    __init__ = type.__init__
    __call__ = type.__call__
    __eq__ = type.__eq__
    __hash__ = type.__hash__

    def __and__(self, other: Any) -> Any:
        return _composite(_And, self, other)

    def __or__(self, other: Any) -> Any:
        return _composite(_Or, self, other)

    def __rand__(self, other: Any) -> Any:
        return _composite(_And, other, self)

    def __ror__(self, other: Any) -> Any:
        return _composite(_Or, other, self)

    def __invert__(self) -> NoReturn:
        raise TypeError(
            "a permission on access tokens cannot be negated: requests without a "
            "token would pass"
        )


def _composite(operation: type[Any], one: Any, other: Any) -> Any:
    def init(self: Any) -> None:
        operation.__init__(self, one(), other())

    return _PermissionMetaclass(operation.__name__, (operation,), {"__init__": init})


class AccessTokenPermission(BasePermission, metaclass=_PermissionMetaclass):
    """Base of permissions that look at the access token.

    Override ``has_token_permission``. Requests that were not authenticated by an access
    token are denied without asking it. ``introspect = True``, or a list of HTTP
    methods, has the issuer asked before whether the token is active (RFC 7662).
    """

    failed: bool | None = None
    introspect: ClassVar[Introspect] = False

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Deny without an access token; else ask ``has_token_permission``.

        Raises:
            Refused: the issuer was asked: 401 if it says no, 503 if it cannot tell.
        """
        access_token = request.auth
        if (
            self.introspect is not False
            and isinstance(access_token, AccessToken)
            and asks_issuer(parse_introspect(self.introspect), request.method)
        ):
            judged, access_token = access_token, _live(request, view)
            if access_token is not judged and view is not None:
                # Who agreed before, judged what the issuer may have taken back since.
                view.check_permissions(request)
        self.failed = not (
            isinstance(access_token, AccessToken)
            and self.has_token_permission(access_token, request, view)
        )
        if access_token is None and not hasattr(view, HOOKS) and _has_bearer(request):
            log_unasked_authentication(name_of(view), type(self).__name__)
        return not self.failed

    def has_token_permission(
        self,
        token: AccessToken,
        request: Request,
        view: APIView,
    ) -> bool:
        """Whether ``token`` may do this request; no by default."""
        del token, request, view
        return False

    def requirement(self, request: Request, view: APIView) -> ScopeRequirement | None:
        """Return the scopes that a challenge should name, None for none."""
        del request, view
        return None


def _has_bearer(request: Request) -> bool:
    scheme = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")[0]
    return scheme.lower() == "bearer"


def _live(request: Request, view: APIView) -> AccessToken | None:
    """Put what the issuer says now into ``request``, and return it."""
    plain: Any = request._request
    before: Any = request.auth
    # Not one that the project's own authentication class put in its place.
    ours = is_user_of(plain, request.user)
    try:
        access_token = request.auth = access_token_of(plain, introspect=True)
        if access_token is not None and (
            ours or not have_one_owner(access_token, before)
        ):
            resolve = getattr(view, "resolve_user", True)
            found: Any = authenticate(plain, resolve=resolve)
            request.user = found.user
    except ResourceServerError as error:
        raise Refused(error) from error
    return access_token


class Introspected(AccessTokenPermission):
    """Demand that the issuer, asked now, calls the token active.

    Compose it as ``HasScope("payments") & Introspected``: the issuer is asked for those
    requests alone that got that far.
    """

    introspect = True

    def has_token_permission(
        self, token: AccessToken, request: Request, view: APIView
    ) -> bool:
        """Agree: the issuer has been asked."""
        del token, request, view
        return True


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
