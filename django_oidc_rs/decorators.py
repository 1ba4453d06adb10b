"""Decorators for plain Django views, sync and async, functions and methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .core.scopes import ScopeRequirement
from .gate import Gate
from .introspect import Introspect, parse_introspect
from .responses import mark_private

__all__ = [
    "access_token_not_required",
    "access_token_required",
    "scope_required",
]

_View = TypeVar("_View", bound=Callable[..., Any])


@overload
def access_token_required(view: _View, /) -> _View: ...


@overload
def access_token_required(
    *, resolve_user: bool = True, introspect: Introspect = False
) -> Callable[[_View], _View]: ...


def access_token_required(
    view: _View | None = None,
    /,
    *,
    resolve_user: bool = True,
    introspect: Introspect = False,
) -> _View | Callable[[_View], _View]:
    """Demand a valid access token; use with or without parentheses.

    The view then has ``request.access_token`` and ``request.user``. Without credentials
    the answer is 401 with a bare challenge, with bad ones 401 ``invalid_token``, 400
    for a malformed header, 503 where nobody can tell (RFC 6750 section 3.1). The view
    needs no CSRF token: a browser sends no bearer token by itself.

    Args:
        resolve_user: False leaves the database alone; ``request.user`` is a
            ``TokenUser``.
        introspect: True asks the issuer, on every request, whether the token is active
            (RFC 7662); a list of HTTP methods asks for those. 503 where it cannot tell.
    """
    decorate = _guarded(
        Gate(resolve_user=resolve_user, introspect=parse_introspect(introspect))
    )
    return decorate if view is None else decorate(view)


def scope_required(
    *scopes: str,
    any_of: Iterable[str] = (),
    issuers: Iterable[str] = (),
    resolve_user: bool = True,
    introspect: Introspect = False,
) -> Callable[[_View], _View]:
    """Demand an access token with scopes; too few are 403 ``insufficient_scope``.

    Args:
        scopes: all of them are needed.
        any_of: one of them is enough; give either this or ``scopes``.
        issuers: aliases of the issuers whose grant counts; any by default.
        resolve_user, introspect: as in ``access_token_required``.

    Raises:
        TypeError: at import, for no scopes or both kinds, or another ``introspect``.
        ValueError: at import, for a text that is no scope-token (RFC 6749 3.3).
    """
    alternatives = _several("any_of", any_of)
    if scopes and callable(scopes[0]):
        raise TypeError('write @scope_required("scope"), with the scopes it demands')
    if bool(scopes) == bool(alternatives):
        raise TypeError("name scopes, or any_of=, and not both")
    aliases = _several("issuers", issuers)
    if scopes:
        requirement = ScopeRequirement.all_of(scopes, issuers=aliases)
    else:
        requirement = ScopeRequirement.any_of(alternatives, issuers=aliases)
    return _guarded(
        Gate(
            requirement=requirement,
            resolve_user=resolve_user,
            introspect=parse_introspect(introspect),
        )
    )


def access_token_not_required(view: _View) -> _View:
    """Exempt ``view`` from ``AccessTokenRequiredMiddleware``.

    Credentials that are sent all the same are not looked at.
    """
    # On the view itself: a wrapper would lose what other decorators left on it.
    vars(view)["access_token_required"] = False
    return view


def _several(name: str, values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        # A string is an iterable of one-letter scopes; nobody means that.
        raise TypeError(f"{name} must be a list or tuple of strings, not a string")
    return tuple(values)


def _guarded(gate: Gate) -> Callable[[_View], _View]:
    def decorate(view: Any) -> Any:
        if isinstance(view, type):
            raise TypeError(
                f"{view.__name__} is a class: derive it from ScopeRequiredMixin or "
                "AccessTokenRequiredMixin of django_oidc_rs.mixins"
            )
        if _is_async(view):

            @wraps(view)
            async def aguarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = await gate.acheck(request)
                if refusal is not None:
                    return refusal
                return _private(await view(request, *args, **kwargs))

            return _exempt(aguarded)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = gate.check(request)
            if refusal is not None:
                return refusal
            return _private(view(request, *args, **kwargs))

        return _exempt(guarded)

    return decorate


def _private(response: Any) -> Any:
    # Django itself has the best words for a view that returns something else.
    return (
        mark_private(response) if isinstance(response, HttpResponseBase) else response
    )


def _exempt(view: Any) -> Any:
    """Mark a view that demands a token: no CSRF cookie, no session login."""
    view.csrf_exempt = True
    view.login_required = False
    return view


def _is_async(view: Callable[..., Any]) -> bool:
    """Whether calling ``view`` gives a coroutine.

    ``method_decorator`` on the ``dispatch`` of a class with async handlers passes a
    partial of a plain method; only the class tells.
    """
    if iscoroutinefunction(view):
        return True
    method = view.func if isinstance(view, partial) else view
    owner = getattr(method, "__self__", None)
    name = getattr(method, "__name__", "")
    return name == "dispatch" and bool(getattr(owner, "view_is_async", False))
