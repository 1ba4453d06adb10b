"""Refusals of plain Django views as HTTP answers. RFC 6750 section 3."""

from __future__ import annotations

from typing import TypeVar

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from .conf import get_config
from .core.challenges import Challenge
from .core.errors import InsufficientScope, ResourceServerError, TemporarilyUnavailable
from .core.scopes import ScopeRequirement

_R = TypeVar("_R", bound=HttpResponseBase)

__all__ = [
    "answer",
    "challenge_for",
    "insufficient_scope",
    "leave_unmailed",
    "mark_private",
    "no_credentials",
]


def challenge_for(
    error: ResourceServerError | None, scope: str | None = None
) -> str | None:
    """Return the ``WWW-Authenticate`` value, None where the answer has none.

    Without an error (no credentials were sent) the challenge carries no error code.
    """
    realm = get_config().realm
    if error is None:
        return str(Challenge(realm=realm, scope=scope))
    if error.error is None:
        return None
    return str(
        Challenge(
            realm=realm,
            error=error.error,
            error_description=error.description,
            scope=scope,
        )
    )


def answer(error: ResourceServerError, scope: str | None = None) -> HttpResponse:
    """Return the answer for ``error``: its status, challenge and JSON body."""
    response = JsonResponse(
        {
            "error": error.error or "temporarily_unavailable",
            "error_description": error.description,
        },
        status=error.status,
    )
    challenge = challenge_for(error, scope)
    if challenge is not None:
        response["WWW-Authenticate"] = challenge
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
        leave_unmailed(response)
    return mark_private(response)


def no_credentials(requirement: ScopeRequirement | None = None) -> HttpResponse:
    """Return the 401 for a request that carries none of our credentials."""
    response = JsonResponse(
        {
            "error": "not_authenticated",
            "error_description": "An access token is required.",
        },
        status=401,
    )
    scope = None if requirement is None else requirement.challenge
    response["WWW-Authenticate"] = challenge_for(None, scope) or ""
    return mark_private(response)


def insufficient_scope(requirement: ScopeRequirement) -> HttpResponse:
    """Return the 403 that names the scopes needed. RFC 6750 section 3.1."""
    return answer(InsufficientScope(), requirement.challenge)


def leave_unmailed(response: HttpResponseBase) -> None:
    """Have Django not log ``response`` as a fault of the project's.

    It would mail every 503 to ``ADMINS``: in an outage of the issuer one for each
    request, and strangers can order them. ``django_oidc_rs.requests`` has logged it.
    """
    vars(response)["_has_been_logged"] = True


def mark_private(response: _R) -> _R:
    """Keep shared caches from handing this answer to somebody else. RFC 9111 3.5."""
    headers = response.headers
    present = set(map(str.lower, headers))
    if "vary" in present:
        patch_vary_headers(response, ("Authorization",))
    else:
        headers["Vary"] = "Authorization"
    if "cache-control" not in present:
        headers["Cache-Control"] = "private"
    return response
