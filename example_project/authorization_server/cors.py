"""Which page's scripts may read what this server answers: the Fetch standard's CORS."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

__all__ = ["PageOriginMiddleware"]

_PATHS = (
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/identity/o/api/token",
    "/identity/o/api/revoke",
)
_ALLOWED = "Access-Control-Allow-Origin"


class PageOriginMiddleware:
    """Allow the page's origin what the page needs, and no other origin anything.

    django-allauth lets all the world read metadata and keys, and nobody over plain http
    the token endpoint. All of it are simple requests without cookies: no preflight is
    answered, and credentials are not allowed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the permission if the origin is the page's."""
        response = self.get_response(request)
        if request.path in _PATHS:
            del response[_ALLOWED]
            patch_vary_headers(response, ["Origin"])
            if request.headers.get("Origin") == settings.PAGE_ORIGIN:
                response[_ALLOWED] = settings.PAGE_ORIGIN
        return response
