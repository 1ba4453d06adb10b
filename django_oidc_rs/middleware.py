"""Middleware, native in sync and async."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .conf import get_config
from .core.access_token import AccessToken
from .core.errors import ResourceServerError
from .gate import Gate
from .outcome import was_asked
from .request import aaccess_token_of, access_token_of
from .responses import answer, mark_private

__all__ = ["AccessTokenRequiredMiddleware", "ResourceServerMiddleware", "is_covered"]

_GetResponse = Callable[[HttpRequest], Any]


class _Middleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: _GetResponse) -> None:
        """Refuse to start with settings that have errors."""
        get_config()
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Go on, and mark the answer private if it may depend on the token."""
        self._prepare(request)
        if self.is_async:
            return self._acall(request)
        return self._finish(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        return self._finish(request, await self.get_response(request))

    def _prepare(self, request: HttpRequest) -> None:
        """Do what must stand before the view is known."""

    def _finish(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        return mark_private(response) if was_asked(request) else response


class _AccessTokenOnDemand(HttpRequest):
    """Mixed into the request's class: properties cannot stand on an instance."""

    @property
    def access_token(self) -> AccessToken | None:
        """The request's access token, None without credentials; raises if invalid."""
        return access_token_of(self)

    @access_token.setter
    def access_token(self, value: AccessToken | None) -> None:
        """Accept what the decorators set: the same token."""

    async def aaccess_token(self) -> AccessToken | None:
        """Return what ``access_token`` does, without blocking the event loop."""
        return await aaccess_token_of(self)


@functools.cache
def _on_demand(request_class: Any) -> type[HttpRequest]:
    return type(request_class.__name__, (_AccessTokenOnDemand, request_class), {})


def _note_unanswered(request: object = None, **_payload: object) -> None:
    """Keep our error where Django is about to make a 500 of it."""
    if isinstance(request, _AccessTokenOnDemand):
        error = sys.exception()
        ours = isinstance(error, ResourceServerError)
        vars(request)["_unanswered"] = error if ours else None


class ResourceServerMiddleware(_Middleware):
    """Offer ``request.access_token`` and ``await request.aaccess_token()``.

    Nothing is demanded and nothing checked until somebody asks. Bad credentials raise
    then, and this middleware answers; where a middleware further in asked, Django logs
    the error before. It never sets ``request.user``: a token granted for the weather
    must not open the admin.
    """

    def __init__(self, get_response: _GetResponse) -> None:
        """Listen for errors that no ``process_exception`` is told of."""
        super().__init__(get_response)
        # However often: a receiver is connected once.
        got_request_exception.connect(_note_unanswered)

    def _prepare(self, request: HttpRequest) -> None:
        plain: Any = type(request)
        if not issubclass(plain, _AccessTokenOnDemand):
            request.__class__ = _on_demand(plain)

    def process_exception(
        self,
        request: HttpRequest,  # noqa: ARG002 -- Django's signature
        exception: Exception,
    ) -> HttpResponseBase | None:
        """Answer what asking for the token raised."""
        return answer(exception) if isinstance(exception, ResourceServerError) else None

    def _finish(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        # Django turns what middleware raises into a response before we see it.
        error = vars(request).get("_unanswered")
        if error is not None and response.status_code == 500:
            response = answer(error)
        return super()._finish(request, response)


class AccessTokenRequiredMiddleware(_Middleware):
    """Demand an access token for every view under ``REQUIRED_PATHS``.

    Exempt are views marked ``@access_token_not_required``. Stands above
    ``CsrfViewMiddleware``, because CSRF is lifted where, and only where, a token is
    demanded; and below a CORS middleware, which answers preflights. The view finds
    ``request.user`` and ``request.access_token`` set, as under the decorators.
    """

    def __init__(self, get_response: _GetResponse) -> None:
        """Choose the sync or the async form of ``process_view``."""
        super().__init__(get_response)
        self._gate = Gate()
        self.process_view: Callable[..., Any] = (
            self._aprocess_view if self.is_async else self._process_view
        )

    def _process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        if not self._demands(request, view):
            return None
        return self._gate.check(request)

    async def _aprocess_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        if not self._demands(request, view):
            return None
        return await self._gate.acheck(request)

    @staticmethod
    def _demands(request: HttpRequest, view: Any) -> bool:
        if not getattr(view, "access_token_required", True):
            return False
        if not is_covered(request.path_info, get_config().required_paths):
            return False
        # CsrfViewMiddleware, further in, looks at this before anything else.
        vars(request)["_dont_enforce_csrf_checks"] = True
        return True


def is_covered(path: str, required_paths: tuple[str, ...]) -> bool:
    """Whether ``path`` lies under one of ``required_paths``, by whole segments."""
    roots = (root.rstrip("/") for root in required_paths)
    return any(path == root or path.startswith(root + "/") for root in roots)
