"""What the authentication class adds to the one view instance that serves a request.

REST framework gives permissions no way to set a header, and raising from one breaks
``A | B``. The view instance can be reached from ``authenticate``; with four of its
methods wrapped, the 403 names the scope under any composition and any
``EXCEPTION_HANDLER``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied
from rest_framework.permissions import NOT, OR
from rest_framework.request import Request

from ..core.access_token import AccessToken
from ..core.errors import InsufficientScope, excerpt
from ..core.scopes import ScopeRequirement
from ..responses import leave_unmailed, mark_private
from ..view_faults import lacking, log_denial, log_unread_scopes, name_of
from .exceptions import CredentialsRequired, Refused
from .permissions import IssuerPermission, TokenHasScope
from .token_permission import HOOKS, AccessTokenPermission

if TYPE_CHECKING:
    # REST framework imports this module while it imports its views.
    from rest_framework.views import APIView

__all__ = ["install_hooks"]


class _Asked(list[Any]):
    """A list of permissions that knows which one is being asked."""

    current: Any = None

    def __iter__(self) -> Iterator[Any]:
        for self.current in super().__iter__():
            yield self.current


_NOBODY = _Asked()


def install_hooks(view: Any) -> None:
    """Wrap four methods of ``view``, once; see the module."""
    if not hasattr(view, HOOKS):
        # Not by its __dict__: a view that has one is slower from then on.
        hooks = _ViewHooks(view)
        setattr(view, HOOKS, hooks)
        view.get_permissions = hooks.get_permissions
        view.permission_denied = hooks.permission_denied
        view.handle_exception = hooks.handle_exception
        view.finalize_response = hooks.finalize_response


class _ViewHooks:
    __slots__ = (
        "_asked",
        "_exception",
        "_finalize_response",
        "_get_permissions",
        "_handle_exception",
        "_permission_denied",
        "_view",
    )

    def __init__(self, view: APIView) -> None:
        self._asked = _NOBODY
        self._exception: Refused | CredentialsRequired | None = None
        self._view = view
        self._get_permissions = view.get_permissions
        self._permission_denied: Callable[..., None] = view.permission_denied
        self._handle_exception = view.handle_exception
        self._finalize_response = view.finalize_response

    def get_permissions(self) -> _Asked:
        """Return the view's permissions; remember which one is asked."""
        self._asked = asked = _Asked(self._get_permissions())
        for permission in list.__iter__(asked):
            if hasattr(permission, "op1") or hasattr(permission, "op2"):
                _refuse_negation(permission)
        if hasattr(self._view, "required_scopes") and not any(
            map(_is_ours, list.__iter__(asked))
        ):
            log_unread_scopes(name_of(self._view))
        return asked

    def permission_denied(
        self, request: Request, message: Any = None, code: str | None = None
    ) -> None:
        """Let the view deny, and put what RFC 6750 wants into its plain answers."""
        try:
            self._permission_denied(request, message=message, code=code)
        except APIException as exception:
            denial = exception
        else:
            return
        # A class of the project's own has a status or a body of its own.
        if type(denial) is NotAuthenticated:
            denial = CredentialsRequired(self._scope(request))
        elif type(denial) is PermissionDenied:
            denial = self._denial(request) or denial
        raise denial

    def _denial(self, request: Request) -> Refused | None:
        """Return our answer, None where the permissions of others said no."""
        blamed, token = tuple(_blamed(self._asked.current)), request.auth
        if not blamed or not isinstance(token, AccessToken):
            return None
        requirements = [each.requirement(request, self._view) for each in blamed]
        self._log(request, token, dict(zip(blamed, requirements, strict=True)))
        # A client that only lacks a claim gains nothing by asking for scopes.
        named = any(requirements)
        return Refused(InsufficientScope(), self._scope(request) if named else None)

    def _log(
        self,
        request: Request,
        access_token: AccessToken,
        blamed: dict[AccessTokenPermission, ScopeRequirement | None],
    ) -> None:
        why, issuers, is_fault = [], set[str](), False
        for permission, required in blamed.items():
            if required is not None:
                why.append(lacking(required, access_token))
                issuers |= required.issuers
            elif isinstance(permission, TokenHasScope):
                what = getattr(self._view, "action", None) or request.method
                why.append(f"its required_scopes name nothing for {excerpt(what)}")
                # No token would do, and not because callers made a method up.
                is_fault = hasattr(self._view, str(request.method).lower())
            else:
                why.append(f"{type(permission).__name__} says no")
                if isinstance(permission, IssuerPermission):
                    issuers |= set(permission.issuers)
        log_denial(name_of(self._view), access_token, why, issuers, is_fault=is_fault)

    def _scope(self, request: Request) -> str | None:
        """Return all the view's scopes: what a client should ask for at once."""
        scopes = (
            scope
            for permission in list.__iter__(self._asked)
            for scope in self._scopes(permission, request)
        )
        return " ".join(dict.fromkeys(scopes)) or None

    def _scopes(self, permission: Any, request: Request) -> tuple[str, ...]:
        if isinstance(permission, AccessTokenPermission):
            requirement = permission.requirement(request, self._view)
            return () if requirement is None else requirement.alternatives[0]
        operands = tuple(_operands(permission))
        if not isinstance(permission, OR):
            return tuple(
                scope for each in operands for scope in self._scopes(each, request)
            )
        if _failed(permission) is False:
            # What let this request in, not what would have done so as well.
            operands = tuple(each for each in operands if _failed(each) is False)
        named = (self._scopes(each, request) for each in operands)
        return next(filter(None, named), ())

    def handle_exception(self, exc: Exception) -> Any:
        """Remember what is answered, to see to its headers whoever renders it."""
        self._exception = (
            exc if isinstance(exc, Refused | CredentialsRequired) else None
        )
        return self._handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Keep shared caches out; add headers an exception handler left out."""
        response = mark_private(
            self._finalize_response(request, response, *args, **kwargs)
        )
        exception = self._exception
        if exception is None:
            return response
        self._exception = None
        if response.status_code != exception.status_code:
            return response
        if response.status_code >= 500:
            leave_unmailed(response)
        for attribute, name in (
            ("auth_header", "WWW-Authenticate"),
            ("wait", "Retry-After"),
        ):
            value = getattr(exception, attribute, None)
            if value is not None and not response.has_header(name):
                response[name] = str(value)
        return response


def _operands(permission: Any) -> Iterator[Any]:
    for name in ("op1", "op2"):
        if hasattr(permission, name):
            yield getattr(permission, name)


def _is_ours(permission: Any) -> bool:
    """Whether ``permission`` looks at access tokens, or something in it does."""
    return isinstance(permission, AccessTokenPermission) or any(
        map(_is_ours, _operands(permission))
    )


def _failed(permission: Any) -> bool | None:
    """Whether ``permission`` said no; None if it was not asked, or is not ours."""
    return getattr(permission, "failed", None)


def _blamed(permission: Any) -> Iterator[AccessTokenPermission]:
    """Yield our permissions that made ``permission`` say no, from left to right."""
    if not _failed(permission):
        return
    if isinstance(permission, AccessTokenPermission):
        yield permission
    for operand in _operands(permission):
        yield from _blamed(operand)


def _refuse_negation(permission: Any, *, negated: bool = False) -> None:
    """Refuse a NOT above one of ours, however it was composed.

    Raises:
        TypeError: "not this scope" is true of anonymous requests.
    """
    if negated and isinstance(permission, AccessTokenPermission):
        raise TypeError(f"~ of {type(permission).__name__} would admit anybody")
    for operand in _operands(permission):
        _refuse_negation(operand, negated=negated or isinstance(permission, NOT))
