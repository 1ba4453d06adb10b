"""The REST framework authentication class."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ..core.access_token import AccessToken
from ..core.errors import ResourceServerError
from ..introspect import asks_issuer, parse_introspect
from ..request import authenticate
from ..responses import challenge_for
from .exceptions import Refused
from .view_hooks import install_hooks

__all__ = ["AccessTokenAuthentication", "IntrospectionAuthentication"]


class AccessTokenAuthentication(BaseAuthentication):
    """Authenticate by a bearer access token. RFC 6750.

    ``request.auth`` is the ``AccessToken``, ``request.user`` what ``USERS`` says; a
    view with ``resolve_user = False`` gets a ``TokenUser`` and costs no query; one with
    ``introspect = True``, or a list of HTTP methods, has the issuer asked. Requests
    without bearer credentials are left to the next class; bad credentials are refused
    even where anybody may come in, and never fall back to a session.

    Put it first in ``DEFAULT_AUTHENTICATION_CLASSES``.
    """

    _always_asks = False

    def authenticate(self, request: Request) -> tuple[Any, AccessToken] | None:
        """Return ``(user, access_token)``, None without bearer credentials.

        Raises:
            Refused: 400, 401 or 503; see ``django_oidc_rs.core.errors``.
        """
        # Absent where somebody makes a REST framework request without a view.
        view = request.parser_context.get("view")
        if view is not None:
            install_hooks(view)
        introspect = self._always_asks or getattr(view, "introspect", False)
        if introspect is not False:
            introspect = asks_issuer(parse_introspect(introspect), request.method)
        try:
            authenticated = authenticate(
                request._request,
                resolve=getattr(view, "resolve_user", True),
                introspect=introspect,
            )
        except ResourceServerError as error:
            raise Refused(error) from error
        if authenticated is None:
            return None
        return authenticated.user, authenticated.access_token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 that others raise."""
        del request
        return challenge_for(None) or ""


class IntrospectionAuthentication(AccessTokenAuthentication):
    """Ask the issuer on every request, for views where a revoked token does harm.

    A JWT is checked here first, then the issuer says whether it is active now (RFC 7662
    section 2). Where the issuer cannot be asked the answer is 503, never a yes of ours.
    """

    _always_asks = True
