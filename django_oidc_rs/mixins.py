"""Mixins for class-based views, sync and async."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.views.generic.base import View

from .decorators import access_token_required, scope_required
from .introspect import Introspect

__all__ = ["AccessTokenRequiredMixin", "ScopeRequiredMixin"]


class AccessTokenRequiredMixin(View):
    """Demand a valid access token before ``dispatch``; put it first among the bases.

    ``resolve_user = False`` leaves the database alone: ``request.user`` is a
    ``TokenUser``. ``introspect = True``, or a list of HTTP methods, asks the issuer.
    See ``access_token_required`` for the answers.
    """

    resolve_user: ClassVar[bool] = True
    introspect: ClassVar[Introspect] = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the view, guarded; it needs no CSRF token and no session."""
        guard: Callable[[Any], Any] = cls._guard(initkwargs)
        return guard(super().as_view(**initkwargs))  # type: ignore[no-any-return]

    @classmethod
    def _guard(cls, initkwargs: dict[str, Any]) -> Callable[[Any], Any]:
        return access_token_required(
            resolve_user=initkwargs.get("resolve_user", cls.resolve_user),
            introspect=initkwargs.get("introspect", cls.introspect),
        )


class ScopeRequiredMixin(AccessTokenRequiredMixin):
    """Demand scopes: all of ``required_scopes``, or one of ``required_any_scopes``.

    ``scope_issuers`` names the issuers whose grant counts. Nothing configured is a
    mistake: ``as_view`` raises ``TypeError``.
    """

    required_scopes: ClassVar[Sequence[str]] = ()
    required_any_scopes: ClassVar[Sequence[str]] = ()
    scope_issuers: ClassVar[Sequence[str]] = ()

    @classmethod
    def _guard(cls, initkwargs: dict[str, Any]) -> Callable[[Any], Any]:
        def setting(name: str) -> Any:
            return initkwargs.get(name, getattr(cls, name))

        scopes = setting("required_scopes")
        if isinstance(scopes, str):
            raise TypeError("required_scopes must be a list or tuple of strings")
        if bool(scopes) == bool(setting("required_any_scopes")):
            raise TypeError(
                f"{cls.__name__} must name required_scopes or required_any_scopes, and "
                "not both"
            )
        return scope_required(
            *scopes,
            any_of=setting("required_any_scopes"),
            issuers=setting("scope_issuers"),
            resolve_user=setting("resolve_user"),
            introspect=setting("introspect"),
        )
