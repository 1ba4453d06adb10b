"""What the authentication class adds to the one view instance that serves a request.

REST framework gives permissions no way to set a header, and raising from one breaks
``A | B``. The view instance can be reached from ``authenticate``; with its
``get_permissions``, ``permission_denied`` and ``finalize_response`` wrapped, the 403
names the scope under any composition and any ``EXCEPTION_HANDLER``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from rest_framework.exceptions import APIException
from rest_framework.permissions import NOT
from rest_framework.request import Request

from ..core.access_token import AccessToken
from ..core.errors import InsufficientScope
from ..responses import mark_private
from .exceptions import CredentialsRequired, Refused
from .permissions import AccessTokenPermission

if TYPE_CHECKING:
    # REST framework imports this module while it imports its views.
    from rest_framework.views import APIView

__all__ = ["ViewHooks"]

_ATTRIBUTE = "_django_oidc_rs_hooks"


class _Remembering(list[Any]):
    """A list of permissions that knows which one was asked last."""

    last: Any = None

    def __iter__(self) -> Iterator[Any]:
        for permission in super().__iter__():
            self.last = permission
            yield permission


class ViewHooks:
    """Wraps three methods of one view instance; see the module."""

    def __init__(self, view: APIView) -> None:
        """Take hold of the view's own methods."""
        self._get_permissions = view.get_permissions
        self._permission_denied = view.permission_denied
        self._finalize_response = view.finalize_response
        self._asked = _Remembering()
        self._exception: APIException | None = None

    @classmethod
    def install(cls, view: APIView) -> ViewHooks:
        """Return the hooks of ``view``, installed once."""
        hooks = getattr(view, _ATTRIBUTE, None)
        if not isinstance(hooks, cls):
            hooks = cls(view)
            vars(view).update(
                {
                    _ATTRIBUTE: hooks,
                    "get_permissions": hooks.get_permissions,
                    "permission_denied": hooks.permission_denied,
                    "finalize_response": hooks.finalize_response,
                }
            )
        return hooks

    def refuse(self, exception: APIException) -> NoReturn:
        """Raise ``exception``, and see to its headers whoever renders it."""
        self._exception = exception
        raise exception

    def get_permissions(self) -> _Remembering:
        """Return the view's permissions; remember which one is asked."""
        permissions = _Remembering(self._get_permissions())
        for permission in list.__iter__(permissions):
            _refuse_negation(permission)
        self._asked = permissions
        return permissions

    def permission_denied(
        self, request: Request, message: Any = None, code: str | None = None
    ) -> None:
        """Answer for our permissions; leave those of others to the view."""
        failed = tuple(_failed(self._asked.last))
        scope = next((each.unmet.challenge for each in failed if each.unmet), None)
        if request.authenticators and not request.successful_authenticator:
            self.refuse(CredentialsRequired(scope))
        if failed and isinstance(request.auth, AccessToken):
            self.refuse(Refused(InsufficientScope(), scope))
        self._permission_denied(request, message=message, code=code)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Keep shared caches out; add headers an exception handler left out."""
        response = mark_private(
            self._finalize_response(request, response, *args, **kwargs)
        )
        exception = self._exception
        if exception is None or response.status_code != exception.status_code:
            return response
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


def _failed(permission: Any) -> Iterator[AccessTokenPermission]:
    """Yield our permissions below ``permission`` that said no, from left to right."""
    if isinstance(permission, AccessTokenPermission):
        if permission.failed:
            yield permission
        return
    for operand in _operands(permission):
        yield from _failed(operand)


def _refuse_negation(permission: Any, *, negated: bool = False) -> None:
    """Refuse a NOT above one of ours, however it was composed.

    Raises:
        TypeError: "not this scope" is true of anonymous requests.
    """
    if negated and isinstance(permission, AccessTokenPermission):
        raise TypeError(f"~ of {type(permission).__name__} would admit anybody")
    for operand in _operands(permission):
        _refuse_negation(operand, negated=negated or isinstance(permission, NOT))
