"""The base of permissions on verified access tokens, and how they compose.

``&`` and ``|`` remember what was asked, so that a refusal can name the scope. ``~`` is
refused: an anonymous request has no scope either, and would be let in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

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
from ..outcome import have_one_owner, is_user_of
from ..request import access_token_of, authenticate
from ..view_faults import log_unasked_authentication, name_of
from .exceptions import Refused

if TYPE_CHECKING:
    # REST framework imports this module while it imports its views.
    from rest_framework.views import APIView

__all__ = ["HOOKS", "AccessTokenPermission", "Introspected"]


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
