"""Serving the page: its files, its settings, and what its browser may do with them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.views.decorators.http import require_safe

__all__ = ["page", "page_file", "page_settings"]

_FILES = Path(__file__).parent / "files"
# Named one by one: no path of a request is ever joined to a folder's.
_TYPES = {
    "dom.js": "text/javascript",
    "exchange.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "jwt.js": "text/javascript",
    "main.js": "text/javascript",
    "oauth.js": "text/javascript",
    "style.css": "text/css",
    "words.js": "text/javascript",
}
_ISSUER = settings.OIDC_RS["ISSUERS"]["default"]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Return the page; from ``localhost``, lead to the address that is registered."""
    host, _, port = request.get_host().partition(":")
    if host == "localhost":
        return HttpResponseRedirect(f"http://127.0.0.1:{port or 80}/")
    return _file("index.html", "text/html")


@require_safe
def page_file(request: HttpRequest, name: str) -> HttpResponse:
    """Return one of the page's files."""
    if name not in _TYPES:
        raise Http404
    return _file(name, _TYPES[name])


@require_safe
def page_settings(request: HttpRequest) -> HttpResponse:
    """Return what the page has to know; nothing of it is secret."""
    return _protect(
        JsonResponse(
            {
                "issuer": _ISSUER["ISSUER"],
                "client_id": settings.PAGE_CLIENT_ID,
                "audience": settings.OIDC_RS["AUDIENCE"],
                "leeway": _ISSUER["LEEWAY"],
            }
        )
    )


def _file(name: str, content_type: str) -> HttpResponse:
    content = (_FILES / name).read_bytes()
    return _protect(HttpResponse(content, f"{content_type}; charset=utf-8"))


def _protect(response: HttpResponse) -> HttpResponse:
    """Forbid what the page does not need: whoever injects a script injects nothing."""
    issuer = urlsplit(_ISSUER["ISSUER"])
    response["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {issuer.scheme}://{issuer.netloc}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    # The address holds the authorization code for a moment; no other site is told.
    response["Referrer-Policy"] = "no-referrer"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response["X-Frame-Options"] = "DENY"
    response["Cache-Control"] = "no-cache"
    return response
